"""A diffusers pipeline without texts as a denoiser: models of pictures with classes or without."""

from typing import Any

import numpy as np
import torch

from ..denoiser import send
from .base import Model
from .kinds import kind, network, trained_schedule
from .network import PREDICTIONS, Network, unmixed
from .parts import own_pipeline, upcast
from .pictures import pictures, upright

NETWORKS = ("UNet2DModel", "DiTTransformer2DModel")
PARTS = {"unet", "transformer", "vae", "scheduler"}


def refuse(parts: dict[str, str]) -> None:
    """ValueError unless a pipeline of these parts {name: class name} is of a kind that DiffusersModel supports."""
    network = parts.get("unet") or parts.get("transformer")
    odd = sorted(set(parts) - PARTS)
    if "vae" in parts and parts["vae"] != "AutoencoderKL":
        odd.append(f"vae {parts['vae']}")
    if network not in NETWORKS or odd:
        found = f"{network}" + (f" with {', '.join(odd)}" if odd else "")
        raise ValueError(
            "name_or_path must lead to a text-to-image pipeline, or to a pipeline of one UNet2DModel or"
            f" DiTTransformer2DModel, got {found}"
        )


class DiffusersModel(Network, Model):
    """A diffusers pipeline as a denoiser (see infodecomp.load). x (B, *shape): VAE latents (posterior mean, scaled as
    the network wants them), or pixels from −1 to 1 where there is no VAE.

    pipe: the pipeline; unet: its network, UNet or transformer; scheduler, vae (None where there is none).
    prediction: what the network predicts, as the scheduler declares; schedule: its log-SNRs at timesteps 0, 1, ….
    logsnr_range: between the ends of the schedule; between timesteps the network gets the fractional one.
    null: the class that stands for "no class" (None: there is none).
    """

    takes_captions = False

    def __init__(
        self, pipe: Any, device: torch.device | None = None, dtype: torch.dtype | None = None, own: bool = False
    ) -> None:
        """own: the pipeline's parts may be changed. ValueError for a pipeline of another kind."""
        from diffusers.image_processor import VaeImageProcessor

        refuse({name: kind(part) for name, part in pipe.components.items() if part is not None})
        self.pipe = pipe = own_pipeline(pipe, device, dtype, own)
        self.scheduler, self.vae, self.unet = pipe.scheduler, getattr(pipe, "vae", None), network(pipe)
        self.device, self.dtype = pipe._execution_device, self.unet.dtype
        config = self.unet.config
        size = config.sample_size
        self.shape = (config.in_channels, *((size, size) if isinstance(size, int) else size))
        factor = 2 ** (len(self.vae.config.block_out_channels) - 1) if self.vae else 1
        self._pixels = self.shape[1] * factor, self.shape[2] * factor  # height, width
        self._grey = not self.vae and config.in_channels == 1
        self._pictures = VaeImageProcessor(factor, do_convert_rgb=not self._grey, do_convert_grayscale=self._grey)
        self._set_schedule()
        self._set_conditions(config)

    def _set_schedule(self):
        self.prediction, self.schedule = trained_schedule(self.scheduler)
        finite = self.schedule[np.isfinite(self.schedule)]
        self.logsnr_range = self.flow_range = float(finite[-1]), float(finite[0])
        self.proposal = None

    def _set_conditions(self, config):
        channels, embedded = config.in_channels, config.get("class_embed_type")
        odd = [
            f"{name} {config.get(name)!r}"
            for name in ("addition_embed_type", "encoder_hid_dim_type")
            if config.get(name) is not None
        ]
        if embedded is not None:
            odd.append(f"class_embed_type {embedded!r}")
        if config.get("time_embedding_type") == "learned":
            odd.append("time_embedding_type 'learned', which knows no fractional timesteps")
        if channels != (self.vae.config.latent_channels if self.vae else 1 if self._grey else 3):
            odd.append(f"{channels} channels of input")
        if config.out_channels not in (channels, 2 * channels):
            odd.append(f"{config.out_channels} channels of output")
        if odd:
            raise ValueError(f"the network must take pictures, log-SNR and one condition, got {', '.join(odd)}")
        self.null, labels = config.get("num_embeds_ada_norm"), self.pipe.config.get("id2label") or {}
        self.classes = config.get("num_class_embeds") if self.null is None else self.null + 1
        self.labels = {name.strip(): int(k) for k, names in labels.items() for name in names.split(",")}
        self.labels |= getattr(self.pipe, "labels", {})

    # ---------------------------------------------------------------------------------------------- pictures and x

    def frame(self, image: Any) -> Any:
        """A picture as encode sees it, PIL: upright, cut to its middle and resized to the model's size."""
        return self._pictures.resize(upright(image, "image"), *self._pixels, resize_mode="crop")

    @torch.no_grad()
    @unmixed()
    def encode(self, images: Any) -> torch.Tensor:
        """x (B, *shape) float32 of one or several pictures (PIL, paths, uint8 arrays (H, W, 3) or tensors (3, H, W)),
        cut to their middle and resized to the model's size, or of a float tensor (B, C, height, width) from −1 to 1 of
        just that size. See infodecomp.models.pictures; raises ValueError for anything else."""
        height, width = self._pixels
        images = pictures(images)
        if isinstance(images, torch.Tensor):
            expected = (1 if self._grey else 3), height, width
            if tuple(images.shape[1:]) != expected:
                raise ValueError(f"images must be (B, {', '.join(map(str, expected))}), got {tuple(images.shape)}")
            pixels = images
        else:
            pixels = self._pictures.preprocess(images, height=height, width=width, resize_mode="crop")
        if self.vae is None:
            return pixels.to(self.device, torch.float32)
        vae = upcast(self.vae)
        each = pixels.to(self.device, vae.dtype).split(1)  # one at a time: a VAE wants much memory
        mean = torch.cat([vae.encode(one).latent_dist.mean for one in each]).float()
        return (mean - (self.vae.config.get("shift_factor") or 0.0)) * self.vae.config.scaling_factor

    @torch.no_grad()
    @unmixed()
    def decode(self, x: torch.Tensor) -> list:
        """PIL images of x (B, *shape), clipped to 8 bits."""
        self.check_shape(x)
        pixels = x.detach().to(self.device).float()
        if self.vae is not None:
            latents = pixels / self.vae.config.scaling_factor + (self.vae.config.get("shift_factor") or 0.0)
            vae = upcast(self.vae)
            pixels = torch.cat([vae.decode(one).sample for one in latents.to(vae.dtype).split(1)]).float()
        return self._pictures.postprocess(pixels, output_type="pil")

    # ------------------------------------------------------------------------------------------------- conditions

    def condition(self, captions: Any) -> torch.Tensor | None:
        """With classes: (1 or B,) whole numbers, from numbers, names of `labels`, or None for the null class. Without:
        None. Raises ValueError for what is no condition of the model."""
        if isinstance(captions, torch.Tensor) and captions.device.type != "cpu" and self.classes is not None:
            return captions  # not checked: that would synchronise the device
        if isinstance(captions, torch.Tensor | np.ndarray):
            captions = captions.tolist()
        each = self.each(captions)
        if self.classes is not None:
            return send(torch.tensor([self._class(label) for label in each]), self.device)
        if any(caption not in (None, "") for caption in each):
            raise ValueError(f"condition must be None, the model takes none, got {captions!r:.60}")
        return None

    def _class(self, label):
        found = self.labels.get(label) if isinstance(label, str) and label else label
        found = self.null if label in (None, "") else found
        if isinstance(found, bool) or not isinstance(found, int | np.integer) or not 0 <= found < self.classes:
            none = "" if self.null is None else ", None for no class"
            names = f", or a name such as {next(iter(self.labels))!r}" if self.labels else ""
            raise ValueError(f"a class must be a number from 0 to {self.classes - 1}{names}{none}, got {label!r:.60}")
        return int(found)

    # ------------------------------------------------------------------------------------------------ the network

    @torch.no_grad()
    @unmixed()
    def output(self, z: torch.Tensor, logsnr: torch.Tensor, condition: Any = None) -> torch.Tensor:
        """The network's own output for z (N, *shape) at log-SNRs (N,): ε, v or x, as it was trained."""
        encoded, inputs = self.condition(condition), {"timestep": self.timesteps(logsnr)}
        if encoded is not None:
            rows = encoded.to(z.device).expand(len(z), *encoded.shape[1:])
            inputs["class_labels"] = rows
        out = self._run(z.to(self.dtype), **inputs)
        return out[:, : self.shape[0]].to(z.dtype)  # a learned sigma has channels of its own

    def _network(self, z, logsnr, condition):
        return self.output(z, logsnr, condition)

    @torch.no_grad()
    def __call__(self, z: torch.Tensor, logsnr: torch.Tensor, condition: Any = None) -> torch.Tensor:
        """eps_hat like z (N, *shape); see infodecomp.denoiser."""
        return PREDICTIONS[self.prediction](self._network)(z, logsnr, condition)
