"""Noise and log-SNRs from counters: the same for a seed and an image, however the work is divided.

Each is keyed by (seed, stream, image, chunk), so that the same seed gives the same numbers for every batch size, number
of processes and order of the images.
"""

import hashlib
from collections.abc import Sequence

import torch

from .denoiser import send
from .integrate import Proposal

BLOCK = 2**18  # numbers of noise drawn at a time for one image; another value is another noise for every seed
DRAWS, PILOT, TRIAL, ENDS, PATHS = range(5)  # streams: the estimate's, "fit"'s pilot, tolerance's, both ends, paths


def generator(seed: int, stream: int, item: int, chunk: int) -> torch.Generator:
    """Random numbers keyed by a counter: the same for an image and chunk, in whatever order they are drawn.

    A 32-bit bijection (MurmurHash3's finaliser) of the counter keeps 2²⁰ images × 2¹² chunks of a seed apart.
    """
    key = hashlib.blake2b(f"{seed},{stream}".encode(), digest_size=4).digest()
    bits = (item << 12 ^ chunk ^ int.from_bytes(key, "big")) & 0xFFFFFFFF
    for shift, multiplier in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        bits = ((bits ^ bits >> shift) * multiplier) & 0xFFFFFFFF
    return torch.Generator().manual_seed(bits ^ bits >> 16)


def balance(noise: torch.Tensor, group: int) -> torch.Tensor:
    """Change noise (n, *shape), in pairs, in place: the first ones of `group` neighbouring pairs sum to zero, and so do
    the second ones, independently. Each remains standard normal."""
    for part in noise.unflatten(0, (-1, 2)).split(group):
        if len(part) > 1:
            part.sub_(part.mean(0)).mul_((len(part) / (len(part) - 1)) ** 0.5)
    return noise


def draw_logsnr(
    proposal: Proposal, seed: int, stream: int, items: Sequence[int], bins: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-SNRs and weights, (items, 2·bins). In the pilot of "fit" both draws of a pair share their log-SNR."""
    counters = (generator(seed, stream, item, 4095) for item in items)
    uniforms = torch.stack([torch.rand(bins, 2, dtype=torch.float64, generator=counter) for counter in counters])
    if stream == PILOT:
        uniforms = uniforms[..., :1].expand_as(uniforms)
    logsnr, weight = proposal.place(uniforms)
    return logsnr.flatten(1), weight.flatten(1)


class Noise:
    """The noise of images (a slice) and draws (a slice), image by image, from counters; the last chunk is kept.

    Each image of x (B, *shape) has `samples` draws in chunks, keyed by its number in `items`; the same for every dtype.
    """

    def __init__(self, x: torch.Tensor, samples: int, items: Sequence[int], seed: int, stream: int, group: int) -> None:
        self.x, self.seed, self.stream, self.group = x, seed, stream, group
        self.samples, self.items = samples, items
        self.unit = unit = 2 * group
        self.chunk = unit * max(1, min(-(-self.samples // unit), BLOCK // (unit * x[0].numel())))
        self._last = None, None

    def __call__(self, images: slice, draws: slice) -> torch.Tensor:
        """(b·n, *shape) of the slices images (b) and draws (n), on the device and in the dtype of x."""
        parts, chunk = [], self.chunk
        for i in range(images.start, images.stop):
            for c in range(draws.start // chunk, -(-draws.stop // chunk)):
                parts.append(self._drawn(i, c)[max(draws.start - c * chunk, 0) : draws.stop - c * chunk])
        return send(torch.cat(parts), self.x.device).to(self.x.dtype)

    def _drawn(self, i, c):
        if self._last[0] != (i, c):
            count = min(self.chunk, self.samples - c * self.chunk)
            counter = generator(self.seed, self.stream, self.items[i], c)
            noise = torch.randn(count, *self.x.shape[1:], dtype=torch.float32, generator=counter)
            self._last = (i, c), balance(noise, self.group)
        return self._last[1]
