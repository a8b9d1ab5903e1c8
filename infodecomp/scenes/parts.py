"""The network's parts, from their configuration: tokenizer, CLIP, UNet and noise schedule."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from .grammar import CLASS

LOW, HIGH = -13.0, -1.0  # log-SNRs the network is trained on: captions carry information between them
WIDTH, TOKENS, STEPS = 96, 24, 1000


def make_tokenizer() -> Any:
    """CLIP's tokenizer with a vocabulary in which each word of the world is one token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    special = ["<|startoftext|>", "<|endoftext|>"]
    pairs = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    pairs.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=1000, special_tokens=special, end_of_word_suffix="</w>", show_progress=False
    )
    pairs.train_from_iterator(CLASS, trainer)
    parts = json.loads(pairs.to_str())["model"]
    words = special + [word + "</w>" for word in CLASS]  # the trainer's own numbering differs from run to run
    numbers = {token: i for i, token in enumerate(dict.fromkeys(words + sorted(parts["vocab"])))}
    return CLIPTokenizer(vocab=numbers, merges=[tuple(pair) for pair in parts["merges"]], model_max_length=TOKENS)


def make_clip(tokenizer: Any) -> Any:
    """An untrained CLIP of transformers for the world's pictures and words."""
    from transformers import CLIPConfig, CLIPModel

    common = {"hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_attention_heads": 4, "projection_dim": 64}
    text = {"vocab_size": len(tokenizer), "max_position_embeddings": TOKENS, "num_hidden_layers": 2}
    text |= {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": 1}
    vision = {"image_size": 32, "patch_size": 4, "num_hidden_layers": 2}
    return CLIPModel(CLIPConfig(text_config=common | text, vision_config=common | vision, projection_dim=64))


def load_clip(folder: Path) -> Any:
    """The trained CLIP of a network's folder, as the network's text encoder began."""
    from transformers import CLIPConfig, CLIPModel

    clip = CLIPModel(CLIPConfig.from_pretrained(folder / "clip")).eval()
    clip.load_state_dict(load_file(folder / "clip" / "model.safetensors"))
    return clip


def make_unet() -> torch.nn.Module:
    """An untrained UNet2DConditionModel of diffusers."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16,
        in_channels=12,
        out_channels=12,
        block_out_channels=(32, 64, 112),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,  # the number of heads
        norm_num_groups=8,
        class_embed_type="projection",  # the caption's pooled embedding, beside its tokens
        projection_class_embeddings_input_dim=WIDTH,
        resnet_time_scale_shift="scale_shift",
        use_linear_projection=True,
    )


def make_scheduler() -> Any:
    """The noise schedule: log-SNR falls linearly from HIGH to LOW over 1,000 timesteps; the network predicts x0."""
    from diffusers import DDIMScheduler

    alpha_bar = torch.sigmoid(torch.linspace(HIGH, LOW, STEPS, dtype=torch.float64))
    kept = alpha_bar / torch.cat([torch.ones(1), alpha_bar[:-1]])
    return DDIMScheduler(
        STEPS, trained_betas=(1 - kept).tolist(), prediction_type="sample", clip_sample=False, set_alpha_to_one=False
    )


def timestep(logsnr: torch.Tensor) -> torch.Tensor:
    """The (fractional) timestep of a log-SNR."""
    return (HIGH - logsnr) / (HIGH - LOW) * (STEPS - 1)


def tokens(tokenizer: Any, texts: list[str]) -> torch.Tensor:
    """Token ids (B, TOKENS) of B texts."""
    return tokenizer(texts, padding="max_length", return_tensors="pt")["input_ids"]


class Diffusion(torch.nn.Module):
    """Text model and UNet as one: prediction of x from x_α, log-SNR and token ids."""

    def __init__(self, text: torch.nn.Module, unet: torch.nn.Module) -> None:
        super().__init__()
        self.text, self.unet = text, unet

    def forward(self, z: torch.Tensor, logsnr: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """x̂ like z (N, 12, 16, 16)."""
        encoded = self.text(input_ids=ids)
        return self.unet(z, timestep(logsnr), encoded.last_hidden_state, class_labels=encoded.pooler_output).sample
