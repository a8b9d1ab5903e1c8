"""How far a denoiser is from the exact one, in nats per band of log-SNR."""

from itertools import pairwise

import torch

from ..channel import add_noise, clean

BANDS = (-13, -11, -9, -7, -5, -3, -1)


@torch.no_grad()
def excess_by_band(predict, exact, x, texts, seed=0):
    """½∫E|ε̂ − ε̂*|²dα per band of log-SNR, nats, mean and standard error over pictures; predict(z, logsnr) -> x̂."""
    found = []
    for band, (low, high) in enumerate(pairwise(BANDS)):
        generator = torch.Generator().manual_seed(seed + band)
        logsnr = low + (high - low) * torch.rand(len(x), generator=generator, dtype=torch.float64)
        z = add_noise(x, logsnr, torch.randn(x.shape, generator=generator).to(x))
        error = (predict(z, logsnr.float()) - best(exact, z, logsnr, texts)).double().flatten(1).square().sum(1)
        nats = (high - low) * logsnr.exp() * error / 2
        found.append((nats.mean().item(), nats.std().item() / len(x) ** 0.5))
    return found


def best(denoiser, z, logsnr, texts):
    """What a denoiser takes for x, like z: of the exact one the posterior mean. Computed in float64."""
    return clean(z.double(), logsnr, denoiser(z.double(), logsnr.double(), texts)).to(z.dtype)
