"""Noise and log-SNRs from counters: the same for a seed and an image, however the work is divided.

Each is keyed by (seed, stream, image, chunk), so that the same seed gives the same numbers for every batch size, number
of processes and order of the images.
"""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from .checks import home
from .denoiser import send
from .integrate import Proposal
from .progress import MOST, blocks

BLOCK = 2**18  # numbers of noise drawn at a time for one image; another value is another noise for every seed
HELD = 32 * BLOCK  # numbers of noise that are kept: turns (see progress) come back to them
LARGE = 2**14  # numbers of an x, above which a denoiser is much slower than its noise
DRAWS, PILOT, TRIAL, ENDS, PATHS = range(5)  # streams: the estimate's, "fit"'s pilot, tolerance's, both ends, paths
ROUND = -1  # and below it: rounds of infodecomp.prune


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
    """The noise of images (a slice) and draws (n,), image by image, from counters; the last chunks are kept.

    Each image of x (B, *shape) has `samples` draws in chunks, keyed by its number in `items`; the same for every dtype.
    """

    def __init__(self, x: torch.Tensor, samples: int, items: Sequence[int], seed: int, stream: int, group: int) -> None:
        self.x, self.seed, self.stream, self.group = x, seed, stream, group
        self.samples, self.items = samples, items
        self.unit = unit = 2 * group
        self.chunk = unit * max(1, min(-(-self.samples // unit), BLOCK // (unit * x[0].numel())))
        self._last: dict[tuple[int, int], torch.Tensor] = {}
        self._most = max(1, HELD // (self.chunk * x[0].numel()))

    def __call__(self, images: slice, draws: np.ndarray) -> torch.Tensor:
        """(b·n, *shape) of the slice images (b) and the rising draws (n,), on the device and in the dtype of x."""
        chunks, places = np.unique(draws // self.chunk, return_index=True)
        own = [torch.from_numpy(part % self.chunk) for part in np.split(draws, places[1:])]
        each = [
            (i, int(c), part) for i in range(images.start, images.stop) for c, part in zip(chunks, own, strict=True)
        ]
        return send(torch.cat([self._drawn(i, c)[part] for i, c, part in each]), self.x.device).to(self.x.dtype)

    def _drawn(self, i, c):
        if (i, c) not in self._last:
            count = min(self.chunk, self.samples - c * self.chunk)
            counter = generator(self.seed, self.stream, self.items[i], c)
            noise = torch.randn(count, *self.x.shape[1:], dtype=torch.float32, generator=counter)
            if len(self._last) == self._most:
                self._last.pop(next(iter(self._last)))  # the oldest
            self._last[i, c] = balance(noise, self.group)
        return self._last[i, c]


class Draws:
    """What a pass draws for the images of x: logsnr and weight (B, samples), and the noise."""

    def __init__(
        self,
        x: torch.Tensor,
        samples: int,
        items: Sequence[int],
        seed: int,
        stream: int,
        group: int,
        proposal: Proposal,
    ) -> None:
        self.noise = Noise(x, samples, items, seed, stream, group)
        drawn = draw_logsnr(proposal, seed, stream, items, samples // 2)
        self.unit, self._keys = self.noise.unit, [(seed, item) for item in items]
        self.logsnr, self.weight = (values.to(home(x.device)) for values in drawn)

    def blocks(self, rows: int) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """progress.blocks of about `rows` rows; in few turns where each would draw all noise again, at a cost."""
        numbers, samples = self.noise.x[0].numel(), self.noise.samples
        most = MOST if numbers > LARGE or numbers * samples <= HELD else 2
        return blocks(len(self._keys), samples, rows, self.unit, self._keys, most)

    def __call__(self, images: slice, draws: np.ndarray) -> tuple[torch.Tensor, ...]:
        """Of a slice of b images and rising draws (n,): these on the device, noise (b·n, *shape), log-SNRs (b·n,),
        weights (b, n)."""
        places = send(torch.from_numpy(draws), self.logsnr.device)
        alpha, weight = (values[images][:, places] for values in (self.logsnr, self.weight))
        return places, self.noise(images, draws), alpha.flatten(), weight
