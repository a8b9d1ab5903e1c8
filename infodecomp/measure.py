"""One pass over noise that all conditions share: integrands per draw, and maps summed over draws.

With r_c = ε − ε̂_α(x_α | c), each quantity is the mean of an integrand, per coordinate and nat of log-SNR:
    density      ½(r_c² − σ(α)), plus ½·ln(2πe) per dimension, is −log p(x|c)                        (Eq. 2, 3)
    mass         ½r_c² is −log P(x|c) of discrete data                                (Kong et al., ICLR 2023)
    standard     ½(r_given² − r_y²)                                                                  (Eq. 4–6)
    orthogonal   ½(r_given − r_y)²                                                                   (Eq. 5, 6)
For a density σ²(ε² − 1), whose mean is zero, is subtracted as well: r_c² of Gaussian data holds much the same noise.
"""

import hashlib
from functools import partial
from typing import NamedTuple

import torch

from .channel import add_noise, per_row
from .denoiser import take
from .integrate import pair_variance

BLOCK = 2**18  # numbers of noise drawn at a time for one image; another value is another noise for every seed
ROWS = 2**20  # numbers in one call of the denoiser when batch_size is None
DRAWS, PILOT, TRIAL = 0, 1, 2  # streams of random numbers: the estimate's, the pilot's of "fit", that of tolerance


class Quantity(NamedTuple):
    """One integrand: of condition y alone, or of y against the condition `given` (indices of conditions)."""

    kind: str
    y: int
    given: int | None = None

    def integrand(self, residuals, noise, signal):
        """Per coordinate (N, *shape), from K residuals and noise of that shape, and σ(α) shaped to broadcast."""
        r = residuals[self.y]
        if self.kind == "mass":
            return 0.5 * r**2
        if self.kind == "density":
            return 0.5 * (r**2 - signal**2 * noise**2 - signal * (1 - signal))
        if self.kind == "standard":
            return 0.5 * (residuals[self.given] ** 2 - r**2)
        return 0.5 * (residuals[self.given] - r) ** 2


class Sums:
    """What a pass gathers for one quantity: the integrand of each draw, and maps summed over draws."""

    def __init__(self, x, samples):
        shape = x.shape[2:] if x.ndim == 4 else x.shape[1:]  # channels of an image are summed
        self.integrand = torch.zeros(len(x), samples, dtype=torch.float64, device=x.device)
        self.total = torch.zeros(len(x), *shape, dtype=torch.float64, device=x.device)
        self.variance = torch.zeros_like(self.total)

    def add(self, images, draws, values, weight):
        """values (b·n, *shape) per coordinate, weight (b, n), of the slices images (b) and draws (n, in pairs)."""
        values = values.sum(1) if values.ndim == 4 else values
        values = values.unflatten(0, weight.shape)  # (b, n, *map)
        self.integrand[images, draws] = values.flatten(2).sum(2)
        weighted = values * weight.reshape(*weight.shape, *[1] * (values.ndim - 2))
        bins = self.integrand.shape[1] // 2
        self.total[images] += weighted.sum(1)
        self.variance[images] += pair_variance(weighted[:, ::2], weighted[:, 1::2], bins)


def generator(seed, stream, item, chunk):
    """Random numbers from a counter: one generator per image and chunk, in whatever order they are asked for.

    A 32-bit bijection (MurmurHash3's finaliser) of the counter keeps 2²⁰ images × 2¹² chunks of a seed apart.
    """
    key = hashlib.blake2b(f"{seed},{stream}".encode(), digest_size=4).digest()
    bits = (item << 12 ^ chunk ^ int.from_bytes(key, "big")) & 0xFFFFFFFF
    for shift, multiplier in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        bits = ((bits ^ bits >> shift) * multiplier) & 0xFFFFFFFF
    return torch.Generator().manual_seed(bits ^ bits >> 16)


def draw_logsnr(proposal, seed, stream, items, bins):
    """Log-SNRs and weights, (items, 2·bins). In the pilot of a fit both draws of a pair share their log-SNR."""
    each = (torch.rand(bins, 2, dtype=torch.float64, generator=generator(seed, stream, i, 4095)) for i in items)
    uniforms = torch.stack(list(each))
    if stream == PILOT:
        uniforms = uniforms[..., :1].expand_as(uniforms)
    return (t.flatten(1) for t in proposal.place(uniforms))


def evaluate(denoiser, z, logsnr, condition, rows, batch_size):
    """eps_hat (N, *shape), at most batch_size rows at a time. Raises ValueError for another shape, NaN or infinity."""
    parts = []
    for cut in (slice(start, start + batch_size) for start in range(0, len(z), batch_size)):
        eps_hat = denoiser(z[cut], logsnr[cut], take(condition, rows[cut]))
        if not isinstance(eps_hat, torch.Tensor) or eps_hat.shape != z[cut].shape:
            got = getattr(eps_hat, "shape", type(eps_hat).__name__)
            raise ValueError(f"denoiser must return eps_hat of shape {tuple(z[cut].shape)}, got {got}")
        parts.append(eps_hat)
    eps_hat = torch.cat(parts) if len(parts) > 1 else parts[0]
    if not bool(eps_hat.isfinite().all()):
        raise ValueError("denoiser must return finite numbers, got NaN or infinity")
    return eps_hat


@torch.no_grad()
def measure(denoiser, x, conditions, quantities, samples, seed, stream, proposal, batch_size):
    """K conditions on `samples` draws of (α, ε) per image: log-SNRs and weights (B, samples), Sums per quantity."""
    dim, bins, shape = x[0].numel(), samples // 2, x.shape[1:]
    chunk = max(1, min(bins, BLOCK // (2 * dim)))  # pairs drawn at a time
    rows_at_once = batch_size or max(2, min(4096, ROWS // dim))
    group = max(1, rows_at_once // (2 * chunk))  # images side by side
    sums = [Sums(x, samples) for _ in quantities]
    logsnr, weight = (t.to(x.device) for t in draw_logsnr(proposal, seed, stream, range(len(x)), bins))
    for first in range(0, len(x), group):
        images = range(first, min(first + group, len(x)))
        for c, start in enumerate(range(0, bins, chunk)):
            pairs = min(chunk, bins - start)
            block = slice(images.start, images.stop), slice(2 * start, 2 * (start + pairs))
            draw = partial(torch.randn, 2 * pairs, *shape, dtype=torch.float32)  # the same numbers for every dtype of x
            noise = torch.cat([draw(generator=generator(seed, stream, i, c)) for i in images]).to(x)
            rows = torch.arange(images.start, images.stop, device=x.device).repeat_interleave(2 * pairs)
            alpha = logsnr[block].flatten()
            z, noise, told = add_noise(x[rows], alpha, noise), noise.double(), alpha.to(x.dtype)
            residuals = [noise - evaluate(denoiser, z, told, k, rows, rows_at_once).double() for k in conditions]
            signal = per_row(torch.sigmoid(alpha), noise)
            for quantity, into in zip(quantities, sums, strict=True):
                into.add(*block, quantity.integrand(residuals, noise, signal), weight[block])
    return logsnr, weight, sums
