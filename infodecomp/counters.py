"""Random numbers from counters: an image and a chunk have the same noise whenever and beside whatever it is drawn."""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch

from .denoiser import send

BLOCK = 2**18  # numbers of noise drawn at a time for one image; another value is another noise for every seed
HELD = 16  # chunks that are kept


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


class Noise:
    """The noise of images (a slice) and draws (n,), image by image, from counters; the last chunks are kept.

    Each image has `samples` draws in chunks; the same for every dtype of x.
    """

    def __init__(self, x: torch.Tensor, samples: int, seed: int, stream: int, items: Sequence[int], group: int) -> None:
        self.x, self.samples, self.seed, self.stream, self.items, self.group = x, samples, seed, stream, items, group
        self.unit = unit = 2 * group
        self.chunk = unit * max(1, min(-(-self.samples // unit), BLOCK // (unit * x[0].numel())))
        self._last: dict[tuple[int, int], torch.Tensor] = {}

    def __call__(self, images: slice, draws: np.ndarray) -> torch.Tensor:
        """(b·n, *shape) of the slice images (b) and the rising draws (n,), on the device and in the dtype of x."""
        chunks, places = np.unique(draws // self.chunk, return_index=True)
        own = [torch.from_numpy(part % self.chunk) for part in np.split(draws, places[1:])]
        each = [(i, c, part) for i in range(images.start, images.stop) for c, part in zip(chunks, own, strict=True)]
        noise = torch.cat([self._drawn(i, int(c))[part] for i, c, part in each])
        return send(noise, self.x.device).to(self.x.dtype)

    def _drawn(self, i, c):
        if (i, c) not in self._last:
            count = min(self.chunk, self.samples - c * self.chunk)
            noise = torch.randn(
                count,
                *self.x.shape[1:],
                dtype=torch.float32,
                generator=generator(self.seed, self.stream, self.items[i], c),
            )
            if len(self._last) == HELD:
                self._last.pop(next(iter(self._last)))
            self._last[i, c] = balance(noise, self.group)
        return self._last[i, c]
