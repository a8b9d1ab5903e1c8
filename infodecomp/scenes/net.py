"""The trained network of the world as a model: UNet, text encoder, tokenizer and noise schedule from one folder."""

import hashlib
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from ..channel import alpha_bar_to_logsnr
from ..denoiser import send
from ..models.network import PREDICTIONS, Network, unmixed
from .grammar import CLASS
from .meaning import normalise
from .model import ScenesModel, proposal

NETWORK = Path(__file__).parent / "network"


def hashes(folder: Path) -> dict[str, str]:
    """{file: sha256} of the weights in a folder."""
    files = sorted(folder.rglob("*.safetensors"))
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


class NetworkScenes(Network, ScenesModel):
    """The trained network of the embedded world, read from a diffusers folder (safetensors).

    Valid on the log-SNRs of its noise schedule; between trained timesteps it gets the fractional one. It accepts any
    sequence of the world's words, whether or not the grammar does.
    """

    def __init__(
        self, folder: Path, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        from diffusers import DDIMScheduler, UNet2DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

        self.folder, self.device, self.dtype = Path(folder), torch.device(device or "cpu"), dtype or torch.float32
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        self.text = CLIPTextModel(CLIPTextConfig.from_pretrained(folder / "text_encoder"))
        self.unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(folder / "unet"))
        for part, file in ((self.text, "text_encoder/model"), (self.unet, "unet/diffusion_pytorch_model")):
            part.load_state_dict(load_file(folder / f"{file}.safetensors"))  # from_pretrained draws progress bars
            torch.nn.Module.to(part, self.device, self.dtype).eval()  # diffusers' own .to() warns of any dtype
        scheduler = DDIMScheduler.from_pretrained(folder / "scheduler")
        self.schedule = alpha_bar_to_logsnr(scheduler.alphas_cumprod).numpy()
        self.logsnr_range = self.flow_range = float(self.schedule[-1]), float(self.schedule[0])
        self.proposal = proposal(torch.linspace(*self.logsnr_range, 57))
        self.prediction = scheduler.config.prediction_type
        self._embed = lru_cache(maxsize=4096)(partial(_embed, self.tokenizer, self.text))  # holds no model

    def condition(self, captions: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings of captions (None, a str or a list of str): tokens (1 or B, T, D) and pooled (1 or B, D)."""
        if isinstance(captions, tuple) and captions and isinstance(captions[0], torch.Tensor):
            return captions
        texts = ["" if text is None else text for text in self.each(captions)]
        tokens, pooled = zip(*map(self._embed, texts), strict=True)
        return torch.stack(tokens), torch.stack(pooled)

    @unmixed()
    def _network(self, z, logsnr, condition):
        parts = self.condition(condition)
        tokens, pooled = (part.to(z.device, self.dtype).expand(len(z), *part.shape[1:]) for part in parts)
        return self._run(z.to(self.dtype), self.timesteps(logsnr), tokens, class_labels=pooled).to(z.dtype)

    @torch.no_grad()
    def __call__(self, z: torch.Tensor, logsnr: torch.Tensor, condition: Any = None) -> torch.Tensor:
        """eps_hat like z (N, 12, 16, 16); see infodecomp.denoiser."""
        return PREDICTIONS[self.prediction](self._network)(z, logsnr, condition)


@torch.no_grad()
@unmixed()
def _embed(tokenizer, encoder, text):
    """Token embeddings (T, D) and pooled embedding (D,) of one text."""
    text = normalise(text)
    unknown, longest = [word for word in text.split() if word not in CLASS], tokenizer.model_max_length - 2
    if unknown or len(text.split()) > longest:
        raise ValueError(f"a caption must be at most {longest} words of the world's vocabulary, got {text!r:.200}")
    ids = tokenizer(text, padding="max_length", return_tensors="pt")["input_ids"]
    encoded = encoder(input_ids=send(ids, encoder.device))
    return encoded.last_hidden_state[0], encoded.pooler_output[0]
