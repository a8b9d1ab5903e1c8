"""Noise and log-SNRs from counters: the same for a seed and an image, however the work is divided.

Each is keyed by (seed, stream, image, chunk), so that the same seed gives the same numbers for every batch size, number
of processes and order of the images.
"""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from .checks import home, on_cpu
from .denoiser import send
from .integrate import Ends, Proposal
from .progress import MOST, blocks

BLOCK = 2**18  # numbers of noise drawn at a time for one image; another value is another noise for every seed
HELD = 4 * BLOCK  # numbers of noise that are kept: turns (see progress) come back to them
LARGE = 2**14  # numbers of an x, above which a denoiser is much slower than its noise
DRAWS, PILOT, TRIAL, ENDS, PATHS = range(5)  # streams: the estimate's, "fit"'s pilot, tolerance's, both ends, paths
ROUND = -1  # and below it: rounds of infodecomp.prune


def generator(seed: int, stream: int, item: int, chunk: int) -> torch.Generator:
    """Random numbers keyed by a counter: the same for an image and chunk, in whatever order they are drawn.

    A 32-bit bijection (MurmurHash3's finaliser) of the counter keeps 2²⁰ images × 2¹² chunks of a seed apart.
    """
    on_cpu()
    key = hashlib.blake2b(f"{seed},{stream}".encode(), digest_size=4).digest()
    bits = (item << 12 ^ chunk ^ int.from_bytes(key, "big")) & 0xFFFFFFFF
    for shift, multiplier in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        bits = ((bits ^ bits >> shift) * multiplier) & 0xFFFFFFFF
    return torch.Generator().manual_seed(bits ^ bits >> 16)


def balance(noise: torch.Tensor, group: int) -> torch.Tensor:
    """Change noise (n, *shape), in pairs, in place: the first ones of `group` neighbouring pairs sum to zero, and so do
    the second ones, independently. Each remains standard normal."""
    for part in noise.unflatten(0, (-1, 2)).split(group) if group > 1 else ():
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
        """(b, n, *shape) of the slice images (b) and the rising draws (n,), on the device and in the dtype of x."""
        chunks, places = np.unique(draws // self.chunk, return_index=True)
        own = [torch.from_numpy(part % self.chunk) for part in np.split(draws, places[1:])]
        drawn = torch.empty(images.stop - images.start, len(draws), *self.x.shape[1:], dtype=torch.float32)
        for i, into in zip(range(images.start, images.stop), drawn, strict=True):
            for c, part, rows in zip(chunks, own, into.split([len(part) for part in own]), strict=True):
                torch.index_select(self._drawn(i, int(c)), 0, part, out=rows)
        return send(drawn, self.x.device).to(self.x.dtype)

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
    """What a pass draws for the images of x: logsnr and weight (B, samples + ends), and the noise.

    ends: this many more draws, at both ends of the proposal's range in turn, with noise of their own and no weight.
    """

    def __init__(
        self,
        x: torch.Tensor,
        samples: int,
        items: Sequence[int],
        seed: int,
        stream: int,
        group: int,
        proposal: Proposal,
        ends: int = 0,
    ) -> None:
        self.noise, self._at_ends = Noise(x, samples, items, seed, stream, group), Noise(x, ends, items, seed, ENDS, 2)
        logsnr, weight = draw_logsnr(proposal, seed, stream, items, samples // 2)
        there, _ = draw_logsnr(Ends(*proposal.range), seed, ENDS, items, ends // 2)
        self.unit, self._keys = self.noise.unit, [(seed, item) for item in items]
        self.logsnr = torch.cat([logsnr, there], 1).to(home(x.device))
        self.weight = torch.cat([weight, torch.zeros_like(there)], 1).to(home(x.device))

    def blocks(self, rows: int) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """progress.blocks of at most `rows` rows, of one stratum at least; in few turns where each would draw all noise
        again, at a cost. The ends are measured where a block has room, else after the draws of their images."""
        numbers, samples = self.noise.x[0].numel(), self.noise.samples
        most = MOST if numbers > LARGE or numbers * samples <= HELD else 2
        ends = np.arange(samples, self.logsnr.shape[1])
        left = ends
        for images, draws, measured in blocks(len(self._keys), samples, rows, self.unit, self._keys, most):
            each, whole = max(2, rows // (images.stop - images.start)), len(measured) == samples
            some, left = np.split(left, [max(0, each - len(draws)) // 2 * 2])
            yield images, np.append(draws, some), measured if len(left) or not whole else np.append(measured, ends)
            while whole and len(left):
                some, left = np.split(left, [each // 2 * 2])
                yield images, some, measured if len(left) else np.append(measured, ends)
            left = ends if whole else left

    def __call__(self, images: slice, draws: np.ndarray) -> tuple[torch.Tensor, ...]:
        """Of a slice of b images and rising draws (n,): these on the device, noise (b·n, *shape), log-SNRs (b·n,),
        weights (b, n)."""
        places, samples = send(torch.from_numpy(draws), self.logsnr.device), self.noise.samples
        alpha, weight = (values[images][:, places] for values in (self.logsnr, self.weight))
        each = (self.noise, draws[draws < samples]), (self._at_ends, draws[draws >= samples] - samples)
        drawn = [noise(images, own) for noise, own in each if len(own)]
        noise = drawn[0] if len(drawn) == 1 else torch.cat(drawn, 1)
        return places, noise.flatten(0, 1), alpha.flatten(), weight
