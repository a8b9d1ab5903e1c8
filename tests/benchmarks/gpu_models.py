"""Text-to-image pipelines at their published sizes, with random weights: time and operations do not depend on these.

Sizes are those of the configurations of stabilityai/stable-diffusion-2-1-base, stable-diffusion-xl-base-1.0 and
stable-diffusion-3-medium. SD3 goes without its third text encoder, T5-XXL (4.7 billion parameters): diffusers then
hands the transformer 256 zero vectors in its place, so that it does the same arithmetic.
"""

from functools import cache
from typing import Any, NamedTuple

import diffusers as d
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

import infodecomp as idc
from infodecomp.scenes.parts import make_tokenizer

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
TOKENS = 77
VAE = {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2}
SMALL_VAE = {"block_out_channels": (8,) * 4, "layers_per_block": 1, "norm_num_groups": 4}
SMALL_TEXT = {"num_hidden_layers": 2}


class Text(NamedTuple):
    """A text encoder of CLIP: its sizes, and whether it projects the pooled text."""

    width: int
    layers: int
    heads: int
    projects: bool = False

    def config(self, tokenizer: Any, layers: int) -> CLIPTextConfig:
        sizes = {"hidden_size": self.width, "intermediate_size": 4 * self.width, "num_attention_heads": self.heads}
        sizes |= {"num_hidden_layers": layers, "max_position_embeddings": TOKENS, "projection_dim": self.width}
        ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": 1}
        return CLIPTextConfig(vocab_size=len(tokenizer), **sizes, **ids)


VIT_L, VIT_H, VIT_G = Text(768, 12, 12), Text(1024, 23, 16), Text(1280, 32, 20)


class Sizes(NamedTuple):
    """A pipeline as data. network: of the full size; small: what is otherwise in a small one; told: shapes of what the
    network is told beside picture and time."""

    pipeline: Any
    net: Any
    network: dict
    small: dict
    texts: tuple[Text, ...]
    scheduler: Any
    vae: dict
    told: dict
    extra: dict
    words: bool = False  # whether all words are measured, too


MODELS = {
    "sd21": Sizes(
        d.StableDiffusionPipeline,
        d.UNet2DConditionModel,
        {
            "sample_size": 64,
            "block_out_channels": (320, 640, 1280, 1280),
            "attention_head_dim": (5, 10, 20, 20),
            "cross_attention_dim": 1024,
            "use_linear_projection": True,
        },
        {
            "sample_size": 16,
            "block_out_channels": (32, 32, 64, 64),
            "attention_head_dim": (2, 2, 4, 4),
            "layers_per_block": 1,
        },
        (VIT_H,),
        lambda: d.DDIMScheduler(clip_sample=False, **BETAS),
        {"latent_channels": 4, "scaling_factor": 0.18215},
        {"encoder_hidden_states": (1, TOKENS, 1024)},
        {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False},
        words=True,
    ),
    "sdxl": Sizes(
        d.StableDiffusionXLPipeline,
        d.UNet2DConditionModel,
        {
            "sample_size": 128,
            "block_out_channels": (320, 640, 1280),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "attention_head_dim": (5, 10, 20),
            "transformer_layers_per_block": (1, 2, 10),
            "cross_attention_dim": 2048,
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
        },
        {
            "sample_size": 16,
            "block_out_channels": (32, 32, 64),
            "attention_head_dim": (2, 2, 4),
            "transformer_layers_per_block": (1, 1, 2),
            "layers_per_block": 1,
        },
        (VIT_L, VIT_G._replace(projects=True)),
        lambda: d.EulerDiscreteScheduler(timestep_spacing="leading", **BETAS),
        {"latent_channels": 4, "scaling_factor": 0.13025, "force_upcast": True},
        {
            "encoder_hidden_states": (1, TOKENS, 2048),
            "added_cond_kwargs": {"text_embeds": (1, 1280), "time_ids": (1, 6)},
        },
        {},
    ),
    "sd3": Sizes(
        d.StableDiffusion3Pipeline,
        d.SD3Transformer2DModel,
        {
            "sample_size": 128,
            "patch_size": 2,
            "in_channels": 16,
            "out_channels": 16,
            "num_layers": 24,
            "attention_head_dim": 64,
            "num_attention_heads": 24,
            "joint_attention_dim": 4096,
            "caption_projection_dim": 1536,
            "pooled_projection_dim": 2048,
            "pos_embed_max_size": 192,
        },
        {"sample_size": 16, "num_layers": 2, "num_attention_heads": 1, "caption_projection_dim": 64},
        (VIT_L._replace(projects=True), VIT_G._replace(projects=True)),
        lambda: d.FlowMatchEulerDiscreteScheduler(shift=3.0),
        {
            "latent_channels": 16,
            "scaling_factor": 1.5305,
            "shift_factor": 0.0609,
            "use_quant_conv": False,
            "use_post_quant_conv": False,
        },
        {"encoder_hidden_states": (1, TOKENS + 256, 4096), "pooled_projections": (1, 2048)},
        {"text_encoder_3": None, "tokenizer_3": None},
    ),
}


@cache
def counted(name: str) -> tuple[int, int]:
    """(parameters, operations of one evaluation) of a full network, counted without numbers."""
    sizes = MODELS[name]
    empty = lambda told: {k: empty(v) if isinstance(v, dict) else torch.empty(v) for k, v in told.items()}  # noqa: E731
    with torch.device("meta"):
        net = sizes.net(**sizes.network)
        picture = torch.empty(1, net.config.in_channels, *(net.config.sample_size,) * 2)
        inputs = {"timestep": torch.empty(1)} | empty(sizes.told)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        net(picture, **inputs)
    return sum(p.numel() for p in net.parameters()), counter.get_total_flops()


def pipeline(name: str, small: bool) -> Any:
    """A pipeline of those sizes on the current default device, seeded."""
    torch.manual_seed(0)
    sizes, tokenizer = MODELS[name], make_tokenizer()
    tokenizer.model_max_length = TOKENS
    blocks = {
        f"{way}_block_types": (f"{kind}Block2D",) * 4 for way, kind in (("down", "DownEncoder"), ("up", "UpDecoder"))
    }
    net = sizes.net(**sizes.network | (sizes.small if small else {}))
    parts = {"unet" if "UNet" in sizes.net.__name__ else "transformer": net, "scheduler": sizes.scheduler()}
    parts["vae"] = d.AutoencoderKL(**(SMALL_VAE if small else VAE), **blocks, **sizes.vae)
    for k, text in enumerate(sizes.texts):
        place = f"_{k + 1}" if k else ""
        config = text.config(tokenizer, SMALL_TEXT["num_hidden_layers"] if small else text.layers)
        parts[f"text_encoder{place}"] = (CLIPTextModelWithProjection if text.projects else CLIPTextModel)(config)
        parts[f"tokenizer{place}"] = tokenizer
    return sizes.pipeline(**parts, **sizes.extra)


def model(name: str, small: bool, device: str, dtype: torch.dtype) -> Any:
    """That pipeline as infodecomp.load makes it a denoiser. Weights are drawn where it runs."""
    with torch.device(device):
        pipe = pipeline(name, small)
    return idc.load(pipe, device, dtype, check=False)
