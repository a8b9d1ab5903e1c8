"""Any text-to-image pipeline of diffusers as a denoiser: what it tells its network is asked, and replayed."""

from typing import Any

import numpy as np
import torch

from ..channel import logsnr_to_timestep, scales, time_to_logsnr
from ..checks import moved
from ..integrate import Logistic
from .asking import Asker
from .base import Model
from .kinds import flows, kind, network, refuse_inputs, trained_schedule
from .lesson import Lesson
from .network import FLOW, PREDICTIONS, Network, padded, unmixed
from .parts import own_pipeline, text_to_image, upcast
from .pictures import pictures, upright
from .rows import flat, tensors
from .told import Captions


class AskedModel(Network, Model):
    """A text-to-image pipeline as a denoiser (see infodecomp.load). x (B, *shape): VAE latents (posterior mean, scaled
    as the network wants them).

    pipe: the pipeline, unet: its network (UNet or transformer); scheduler, vae, tokenizer (the first one).
    prediction: what the network predicts, as the scheduler declares; schedule: its log-SNRs at timesteps 0, 1, …, None
    for flow matching, whose times are those that the scheduler gives to its levels. logsnr_range: between their ends.
    truncate: whether captions over a tokenizer's length are cut (True) or refused.
    """

    truncate, takes_captions = False, True
    classes = null = None

    def __init__(
        self,
        pipe: Any,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
        *,
        size: tuple[int, int] | None = None,
        guidance: float | None = None,
        own: bool = False,
    ) -> None:
        """own: the pipeline's parts may be changed. ValueError for a pipeline that cannot be learned."""
        self.pipe = own_pipeline(text_to_image(pipe), device, dtype, own)
        self.unet, self.vae, self.scheduler = network(self.pipe), self.pipe.vae, self.pipe.scheduler
        self.tokenizer, self.device = getattr(self.pipe, "tokenizer", None), self.pipe._execution_device
        refuse_inputs(self.unet, self.vae)
        self._set_levels()
        try:
            self._lesson = Lesson(Asker(self.pipe, size, guidance), self.unet)
            self._set_maps()
            self._captions = Captions(self._lesson, self.pipe)
        except Exception as error:
            self._refuse(error, size)

    def _refuse(self, error, size):
        """Raise what a pipeline raised that cannot be replayed, in one line."""
        why = " ".join(str(error).split())
        if why.startswith("name_or_path"):
            raise error
        if size is not None and ("height" in why or "width" in why):
            raise ValueError(f"size must be (height, width) that the pipeline takes, got {size}: {why:.200}") from error
        reason = f"{kind(self.pipe)} raises {type(error).__name__}: {why:.200}"
        raise ValueError(f"name_or_path must lead to a pipeline that can be replayed, {reason}") from error

    # ------------------------------------------------------------------------------------------------- what is learned

    def _set_levels(self):
        self._flows = flows(self.scheduler)
        if self._flows:
            self._last = self.scheduler.config.get("num_train_timesteps", 1000)
            self.prediction, self.schedule, self._table = FLOW, None, None
            ends = (time_to_logsnr(share).item() for share in (1 - 1 / self._last, 1 / self._last))
        else:
            self.prediction, self.schedule = trained_schedule(self.scheduler)
            ends = (float(end) for end in self.schedule[np.isfinite(self.schedule)][[-1, 0]])
        self.logsnr_range = self.flow_range = tuple(ends)

    def _set_maps(self):
        lesson = self._lesson
        self.dtype, shape = lesson.dtype, tuple(lesson.decoded[1:])
        self.shape = tuple(n for n in shape if n != 1) if len(shape) == 4 else shape  # of videos of one picture
        if len(self.shape) != 3:
            raise ValueError(f"name_or_path must lead to latents (C, h, w), got {shape}")
        factor = getattr(self.pipe, "vae_scale_factor", None) or 2 ** (len(self.vae.config.block_out_channels) - 1)
        self._pixels = self.shape[1] * factor, self.shape[2] * factor  # height, width
        latent = lesson.scaled.place.argsort()  # of each latent number, its place in x
        # of each number that is sent, its place in x; of each number of x, its place in the answer
        self._sent = latent[lesson.sent.place], lesson.sent.factor, lesson.sent.offset
        back = lesson.scaled.place
        self._read = lesson.read.place[back], lesson.read.factor[back], lesson.read.offset[back]
        if self._flows:
            self._set_times()
        low, high = self.logsnr_range
        self.proposal = None
        if low < 1 < high:  # the paper's
            self.proposal = Logistic(1.0, 2.0, 3.0, range=(max(low, -5.0), min(high, 7.0)))
        self._there: dict[Any, Any] = {}  # maps on a device

    def _set_times(self):
        """The scheduler's times of its levels, where they are not those of a straight line."""
        self._lesson.asker.first("", num_inference_steps=self._last)
        scheduler = self._lesson.asker.scheduler
        times = flat(scheduler.timesteps)
        levels = flat(scheduler.sigmas)[: len(times)]
        if not bool((times - self._last * levels).abs().max() > 1):
            return
        inside = (levels > 1e-4) & (levels < 1 - 1e-4)
        falling = time_to_logsnr(levels[inside]).flip(0)  # from the clean end
        if len(falling) < 2 or not bool((falling.diff() < 0).all()):
            raise ValueError("the scheduler's levels must fall from step to step, they do not")
        self._table = falling, times[inside].flip(0)
        self.logsnr_range = self.flow_range = falling[-1].item(), falling[0].item()

    # --------------------------------------------------------------------------------------------------- pictures and x

    def frame(self, image: Any) -> Any:
        """A picture as encode sees it, PIL: upright, cut to its middle and resized to the model's size."""
        return self.pipe.image_processor.resize(upright(image, "image"), *self._pixels, resize_mode="crop")

    @torch.no_grad()
    @unmixed()
    def encode(self, images: Any) -> torch.Tensor:
        """x (B, *shape) float32 of one or several pictures (PIL, paths, uint8 arrays (H, W, 3) or tensors (3, H, W)),
        cut to their middle and resized to the model's size, or of a float tensor (B, 3, height, width) from −1 to 1 of
        just that size. See infodecomp.models.pictures; raises ValueError for anything else."""
        height, width = self._pixels
        pixels = pictures(images)
        if isinstance(pixels, torch.Tensor):
            if tuple(pixels.shape[1:]) != (3, height, width):
                raise ValueError(f"images must be (B, 3, {height}, {width}), got {tuple(pixels.shape)}")
        else:
            pixels = self.pipe.image_processor.preprocess(pixels, height=height, width=width, resize_mode="crop")
        vae = upcast(self.vae)  # one at a time: a VAE wants much memory
        return torch.cat([self._encoded(vae, one.to(self.device, vae.dtype)) for one in pixels.split(1)])

    def _encoded(self, vae, pixels):
        decoded, scaled = self._lesson.decoded, self._lesson.scaled
        coded = vae.encode(pixels if len(decoded) == 4 else pixels.unsqueeze(2))
        mean = coded.latent_dist.mode() if hasattr(coded, "latent_dist") else coded.latent
        if mean.numel() != len(scaled.place):
            raise ValueError(f"size must be one for which the VAE gives latents {decoded}, got {tuple(mean.shape)}")
        x = (flat(mean) - scaled.offset) / scaled.factor
        return x.float().reshape(1, *self.shape).to(self.device)

    @torch.no_grad()
    @unmixed()
    def decode(self, x: torch.Tensor) -> list:
        """PIL images of x (B, *shape), clipped to 8 bits."""
        self.check_shape(x)
        scaled, rows, vae = self._lesson.scaled, [], upcast(self.vae)
        for one in x.split(1):
            z = (scaled.factor * flat(one) + scaled.offset).float().reshape(self._lesson.decoded)
            pixels = vae.decode(z.to(self.device, vae.dtype), return_dict=False)[0]
            rows.append((pixels[:, :, 0] if pixels.ndim == 5 else pixels).float())
        return self.pipe.image_processor.postprocess(torch.cat(rows), output_type="pil")

    # ------------------------------------------------------------------------------------------------------- conditions

    @unmixed()
    def condition(self, captions: Any, truncate: bool | None = None) -> torch.Tensor:
        """Captions (None, a str or a list) as they are told to the network by the pipeline, each encoded once.

        Where the network is told one tensor of each caption and no more, (1 or B, tokens, width); else numbers (1 or
        B,) that stand for captions of this model. None and "" are what the pipeline makes of no caption. truncate: cut
        what is over a tokenizer's length (None: as the attribute says). ValueError for a caption that is too long.
        """
        if isinstance(captions, torch.Tensor):
            self._captions.check(captions)
            return captions
        cut = self.truncate if truncate is None else truncate
        return self._captions.encoded(self.each(captions), cut)

    def forget(self) -> None:
        """Forget what the network is told of captions: each will be asked again."""
        self._captions.forget()

    # ------------------------------------------------------------------------------------------------------ the network

    def _times(self, values):
        if not self._flows:
            return super()._times(values)
        if self._table is None:
            return self._last * torch.sigmoid(-values / 2)
        falling, times = (moved(part, values.device) for part in self._table)
        place = logsnr_to_timestep(values, falling)
        low = place.long().clamp(max=len(times) - 2)
        return torch.lerp(times[low], times[low + 1], place - low)

    @torch.no_grad()
    @unmixed()
    def output(self, z: torch.Tensor, logsnr: torch.Tensor, condition: Any = None) -> torch.Tensor:
        """The network's own output for z (N, *shape) at log-SNRs (N,): ε, v, x or the velocity, as it was trained."""
        self._check_rows(z)
        times = self.timesteps(logsnr)
        if self._flows:
            signal, sigma = scales(logsnr, z)
            z = z / (signal + sigma)
        parts = self._captions.runs(self.condition(condition), len(z))
        return torch.cat([self._replayed(z[cut], times[cut], told) for cut, told in parts])

    def _replayed(self, z, times, told):
        """told(slice of rows, number of rows): what the network is told beside pictures and times."""
        if not self._runs_compiled():
            return self._replay(self.unet, z, times, told(slice(0, len(z)), len(z)))

        def call(cut, size):
            return self._replay(self._compiled, padded(z[cut], size), padded(times[cut], size), told(cut, size))

        return self._in_sizes(len(z), call)

    def _replay(self, net, z, times, told):
        lesson, asker, n = self._lesson, self._lesson.asker, len(z)
        (place, factor, offset), (back, scale, shift) = self._maps(z)
        sent = z.flatten(1) if place is None else z.flatten(1)[:, place] * factor + offset
        shape = tensors(lesson.first.pictures)[0].shape
        sent = sent.to(self.dtype)
        sent = sent.reshape(n, *shape[1:]) if lesson.plain else list(sent.reshape(n, *shape))
        time = lesson.slope * times + lesson.shift if (lesson.slope, lesson.shift) != (1, 0) else times
        out = net(**{asker.pictures: sent, asker.time: time}, **told)
        out = out[0] if isinstance(out, tuple) else out.sample
        answer = (torch.stack(list(out)) if isinstance(out, list | tuple) else out).flatten(1).to(z.dtype)
        answer = answer[:, : z[0].numel()] if back is None else answer[:, back] * scale + shift
        return answer.reshape(z.shape)

    def _maps(self, z):
        """The maps to the network and back on a device, None for places that are in order."""
        key = z.device, z.dtype
        if key not in self._there:
            self._there[key] = tuple(_placed(map_, z) for map_ in (self._sent, self._read))
        return self._there[key]

    @torch.no_grad()
    def __call__(self, z: torch.Tensor, logsnr: torch.Tensor, condition: Any = None) -> torch.Tensor:
        """eps_hat like z (N, *shape); see infodecomp.denoiser."""
        out = self.output(z, logsnr, condition)
        return PREDICTIONS[self.prediction](lambda *_: out)(z, logsnr)


def _placed(map_, z):
    """A map of numbers on a device: (places, None where they are 0, 1, …, factors, offsets)."""
    place, factor, offset = map_
    plain = bool((place == torch.arange(len(place))).all() and (factor == 1).all() and (offset == 0).all())
    return (None if plain else place.to(z.device)), factor.float().to(z), offset.float().to(z)
