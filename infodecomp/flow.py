"""A denoiser as an invertible map: the probability-flow ODE to noise and back (Song et al. 2021; Karras et al. 2022).

In y = x + sigma·ε, sigma = exp(−α/2), the ODE is dy/dsigma = ε̂, solved by Heun's method of second order.
"""

from itertools import pairwise
from typing import Any

import torch

from .channel import alpha_bar_to_logsnr, logsnr_to_sigma, sigma_to_logsnr
from .denoiser import Condition, Denoiser, check_finite, evaluate


def karras_sigmas(low: float, high: float, steps: int, rho: float = 7.0) -> torch.Tensor:
    """Noise levels of `steps` steps between two log-SNRs, (steps + 1,) float64, from exp(−low/2) to exp(−high/2).

    Equal steps of sigma^(1/rho) (Karras et al. 2022, Eq. 5). Raises ValueError for steps < 1.
    """
    if not (isinstance(steps, int) and steps >= 1):
        raise ValueError(f"steps must be a whole number ≥ 1, got {steps!r}")
    ends = logsnr_to_sigma(torch.tensor([low, high])) ** (1 / rho)
    return torch.lerp(ends[0], ends[1], torch.linspace(0, 1, steps + 1, dtype=torch.float64)) ** rho


def _eps_hat(denoiser, y, sigma, condition):
    logsnr = sigma_to_logsnr(sigma).to(y.dtype).to(y.device)
    return evaluate(denoiser, y / (1 + sigma**2).sqrt(), logsnr.repeat(len(y)), condition)


@torch.no_grad()
def heun(denoiser: Denoiser, y: torch.Tensor, condition: Condition, sigmas: torch.Tensor) -> torch.Tensor:
    """Carry y (B, *shape) = x + sigma·ε along the flow from sigmas[0] to sigmas[-1], two evaluations a step."""
    for sigma, following in pairwise(sigmas):
        slope = _eps_hat(denoiser, y, sigma, condition).clone()  # of a buffer that is perhaps used again
        ahead = _eps_hat(denoiser, y + (following - sigma) * slope, following, condition)
        y = y + (following - sigma) * (slope + ahead) / 2
    check_finite(y)
    return y


def _sigmas(denoiser, steps, range):
    range = range or getattr(denoiser, "flow_range", None) or getattr(denoiser, "logsnr_range", None)
    if range is None:
        raise ValueError("range must be given as two log-SNRs (low, high), the denoiser has no logsnr_range")
    return karras_sigmas(*range, steps)


@torch.no_grad()
def scheduled(denoiser: Denoiser, z: torch.Tensor, condition: Condition, scheduler: Any, steps: int) -> torch.Tensor:
    """Carry z (B, *shape) = x_α through all steps of a diffusers scheduler, in its own direction.

    ValueError for a scheduler that does not expect ε, or has no alphas_cumprod.
    """
    kind, bar = scheduler.config.get("prediction_type"), getattr(scheduler, "alphas_cumprod", None)
    if kind != "epsilon" or bar is None:
        raise ValueError(f"scheduler must have alphas_cumprod and expect 'epsilon', got {kind!r}")
    scheduler.set_timesteps(steps)
    for t in scheduler.timesteps:
        logsnr = alpha_bar_to_logsnr(bar[t].double()).to(z)
        z = scheduler.step(evaluate(denoiser, z, logsnr.repeat(len(z)), condition), t, z).prev_sample
    check_finite(z)
    return z


def to_noise(
    denoiser: Denoiser,
    x: torch.Tensor,
    condition: Condition = None,
    *,
    steps: int = 100,
    range: tuple[float, float] | None = None,
    scheduler: Any = None,
) -> torch.Tensor:
    """Encode x (B, *shape) as noise of unit variance: x is treated as data at the smallest sigma of the flow.

    range: log-SNRs between which the flow runs; None: the denoiser's own. scheduler: None for Heun's method; else an
    inverse scheduler of diffusers, such as DDIMInverseScheduler, over its own levels. Raises ValueError for no range.
    """
    if scheduler is not None:
        return scheduled(denoiser, x, condition, scheduler, steps)
    sigmas = _sigmas(denoiser, steps, range).flip(0)
    return heun(denoiser, x, condition, sigmas) / (1 + sigmas[-1] ** 2).sqrt()


def from_noise(
    denoiser: Denoiser,
    noise: torch.Tensor,
    condition: Condition = None,
    *,
    steps: int = 100,
    range: tuple[float, float] | None = None,
    scheduler: Any = None,
) -> torch.Tensor:
    """Decode noise (B, *shape) of unit variance to data at the smallest sigma: the inverse of to_noise, up to the
    error of the solver.

    scheduler: None for Heun's method; else one of diffusers, such as DDIMScheduler.
    """
    if scheduler is not None:
        return scheduled(denoiser, noise, condition, scheduler, steps)
    sigmas = _sigmas(denoiser, steps, range)
    return heun(denoiser, noise * (1 + sigmas[0] ** 2).sqrt(), condition, sigmas)
