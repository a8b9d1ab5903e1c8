"""How far a denoiser is from the exact one, in nats per band of log-SNR."""

from collections.abc import Callable
from itertools import pairwise

import torch

from ..channel import add_noise, clean
from ..denoiser import Condition, Denoiser

BANDS = (-13, -11, -9, -7, -5, -3, -1)


@torch.no_grad()
def excess_by_band(
    predict: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    exact: Denoiser,
    x: torch.Tensor,
    texts: list[str],
    seed: int = 0,
) -> list[tuple[float, float]]:
    """½∫E|ε̂ − ε̂*|²dα per band of log-SNR, nats: mean over the pictures x (B, *shape) and its standard error.

    predict(z, logsnr) gives x̂ of the denoiser that is measured; the exact one is given the texts.
    """
    found = []
    for band, (low, high) in enumerate(pairwise(BANDS)):
        generator = torch.Generator().manual_seed(seed + band)
        logsnr = low + (high - low) * torch.rand(len(x), generator=generator, dtype=torch.float64)
        z = add_noise(x, logsnr, torch.randn(x.shape, generator=generator).to(x))
        error = (predict(z, logsnr.float()) - best(exact, z, logsnr, texts)).double().flatten(1).square().sum(1)
        nats = (high - low) * logsnr.exp() * error / 2
        found.append((nats.mean().item(), nats.std().item() / len(x) ** 0.5))
    return found


def best(denoiser: Denoiser, z: torch.Tensor, logsnr: torch.Tensor, condition: Condition) -> torch.Tensor:
    """A denoiser's x̂, like z; the posterior mean if the denoiser is exact. Computed in float64."""
    return clean(z.double(), logsnr, denoiser(z.double(), logsnr.double(), condition)).to(z.dtype)
