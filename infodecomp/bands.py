"""Where and when information arises: nats per band of log-SNR, and per band of spatial frequency.

The cosine transform (DCT-II, orthonormal) turns the axes of x. White noise stays white and squared lengths stay what
they are, so z -> dct(D(idct(z))) is the denoiser of dct(x) if D is that of x: every estimate may be made with it, and
its `map` says how many nats each frequency holds, of the same total.
"""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from .checks import refuse, tensor, whole
from .denoiser import Denoiser
from .estimates.estimate import Estimate


def cosines(size: int) -> torch.Tensor:
    """The orthonormal cosine basis (size, size) float64: row k has k half waves; row 0 is constant."""
    size = whole("size", size, 1)
    wave, place = torch.arange(size, dtype=torch.float64)[:, None], torch.arange(size, dtype=torch.float64) + 0.5
    rows = math.sqrt(2 / size) * torch.cos(math.pi * wave * place / size)
    rows[0] /= math.sqrt(2)
    return rows


def _turned(x, inverse):
    if not isinstance(x, torch.Tensor) or not x.is_floating_point() or x.ndim < 2:
        refuse("x", "a floating-point tensor (N, d), or (N, …, h, w)", x)
    across, down = (cosines(x.shape[side]).to(x) for side in (-1, -2))
    if x.ndim == 2:
        return x @ (across if inverse else across.T)
    return down.T @ x @ across if inverse else down @ x @ across.T


def dct(x: torch.Tensor) -> torch.Tensor:
    """Cosine coefficients of x: of rows (N, d), else over the last two axes of (N, …, h, w). Like x."""
    return _turned(x, inverse=False)


def idct(z: torch.Tensor) -> torch.Tensor:
    """x of its cosine coefficients z, like z: the inverse of dct."""
    return _turned(z, inverse=True)


class InFrequencies:
    """A denoiser of x as the denoiser of dct(x); of a model, a model whose `encode` gives coefficients.

    Measure with it what was measured before: idc.pointwise_information(InFrequencies(d), dct(x), y). The total is the
    same quantity, and `map` runs over frequencies, (h, w) from the mean at [0, 0] to one half wave per pixel.
    block: side of the block of pixels that a cell of x holds in its channels (torch's pixel_unshuffle; 2 for the
    scenes): these are put in their places first. Raises ValueError for what is no denoiser or whole number.
    """

    def __init__(self, denoiser: Denoiser, *, block: int = 1) -> None:
        if not callable(denoiser):
            refuse("denoiser", "callable", denoiser)
        self.denoiser, self.block = denoiser, whole("block", block, 1)

    def turn(self, x: torch.Tensor) -> torch.Tensor:
        """The coefficients (N, C / block², h · block, w · block) of x (N, C, h, w); of vectors (N, d) -> (N, d)."""
        if self.block > 1 and (x.ndim < 4 or x.shape[-3] % self.block**2):
            refuse("x", f"(N, C, h, w) with channels in blocks of {self.block} × {self.block}", x)
        return dct(x if self.block == 1 else pixel_shuffle(x, self.block))

    def back(self, z: torch.Tensor) -> torch.Tensor:
        """x of its coefficients z."""
        if any(side % self.block for side in z.shape[2:]):
            refuse("z", f"coefficients with sides in blocks of {self.block}", z)
        x = idct(z)
        return x if self.block == 1 else pixel_unshuffle(x, self.block)

    def __call__(self, z: torch.Tensor, logsnr: torch.Tensor, condition: Any = None) -> torch.Tensor:
        return self.turn(self.denoiser(self.back(z), logsnr, condition))

    def __getattr__(self, name: str) -> Any:
        if name in ("denoiser", "block"):  # not yet set, as in a copy that is being made
            raise AttributeError(name)
        found = getattr(self.denoiser, name)
        if name == "encode":
            return lambda images: self.turn(found(images))
        if name in ("decode", "log_prob"):  # a density stays what it is: the basis is orthonormal
            return lambda z, *more, **options: found(self.back(z), *more, **options)
        return tuple(self.turn(torch.zeros(1, *found)).shape[1:]) if name == "shape" and found else found


def _increasing(edges):
    limits = tensor("edges", edges, [1])
    if len(limits) < 2 or not bool((limits.diff() > 0).all()):
        refuse("edges", "two or more increasing numbers", edges)
    return limits.tolist()


def radius(height: int, width: int) -> torch.Tensor:
    """Radial frequency (height, width) of each cosine coefficient in cycles per pixel, from 0 to below √½."""
    down, across = (torch.arange(whole("side", n, 1), dtype=torch.float64) / (2 * n) for n in (height, width))
    return torch.hypot(down[:, None], across[None, :])


def by_logsnr(estimate: Estimate, edges: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Nats (B, K) between neighbouring log-SNRs of `edges` (K + 1,), and their standard errors (B, K).

    A band holds its upper edge, the first one both. Bands over the whole range sum to all nats, less the constant of a
    density. The error is NaN where no draw of an image fell into a band: its 0 counts in a mean over images only.
    Raises ValueError for edges that do not increase or leave the estimate's range.
    """
    if not isinstance(estimate, Estimate):
        refuse("estimate", "an infodecomp.Estimate", estimate)
    (low, high), limits = estimate.range, _increasing(edges)
    if limits[0] < low - 1e-6 or limits[-1] > high + 1e-6:
        refuse("edges", f"between log-SNRs {low:.4g} and {high:.4g}, the estimate's range", edges)
    alpha, profile, nats, errors = estimate.profile.logsnr, estimate.profile, [], []
    for k, (low, high) in enumerate(pairwise(limits)):
        inside = ((alpha > low) | (alpha == low) & (k == 0)) & (alpha <= high)
        part = replace(profile, integrand=profile.integrand * inside)
        nats.append((part.integrand * part.weight).mean(1))
        errors.append(part.stderr().masked_fill(~inside.any(1), math.nan))
    return torch.stack(nats, 1), torch.stack(errors, 1)


def by_radius(estimate: Estimate, edges: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Nats (B, K) between neighbouring radial frequencies of `edges` (K + 1,), in cycles per pixel, and their errors.

    estimate: made with InFrequencies, its map (B, h, w). A band holds its lower edge; those from 0 to 1 sum to all.
    The error (B, K) is the sum of the cells' standard errors: an upper bound, as the draws are the same for all cells;
    over images use the spread of the nats. None where the estimate has no map_stderr. Raises ValueError for a map of
    another kind, and for edges that do not increase.
    """
    if not isinstance(estimate, Estimate) or estimate.map.ndim != 3:
        refuse("estimate", "an infodecomp.Estimate with a map (B, h, w)", estimate)
    limits = _increasing(edges)
    at = radius(*estimate.map.shape[1:]).to(estimate.map.device)
    inside = [(at >= low) & (at < high) for low, high in pairwise(limits)]
    sums = lambda values: torch.stack([values[:, some].sum(1) for some in inside], 1)  # noqa: E731
    return sums(estimate.map), None if estimate.map_stderr is None else sums(estimate.map_stderr)
