"""A denoiser as an invertible map: the probability-flow ODE to noise and back (Song et al. 2021; Karras et al. 2022).

In y = x + sigma·ε, sigma = exp(−α/2), the ODE is dy/dsigma = ε̂, solved by Heun's method of second order.
"""

import math
from itertools import pairwise
from typing import Any

import torch

from .calls import Evaluations
from .channel import alpha_bar_to_logsnr, logsnr_to_sigma, sigma_to_logsnr
from .checks import batch, floats, pair, positive, refuse, whole
from .denoiser import Condition, Denoiser, check_finite, condition_length
from .progress import in_sight

# Deterministic, in the scale of the channel, one evaluation at a trained timestep a step.
SCHEDULERS = "DDIM DDIMParallel DDIMInverse DPMSolverMultistep DPMSolverMultistepInverse DPMSolverSinglestep".split()
SCHEDULERS += "DEISMultistep UniPCMultistep PNDM".split()
OFF = "clip_sample thresholding use_karras_sigmas use_exponential_sigmas use_beta_sigmas".split()


def karras_sigmas(low: float, high: float, steps: int, rho: float = 7.0) -> torch.Tensor:
    """Noise levels of `steps` steps between two log-SNRs, (steps + 1,) float64, from exp(−low/2) to exp(−high/2).

    Equal steps of sigma^(1/rho) (Karras et al. 2022, Eq. 5). ValueError unless low < high, steps ≥ 1 and rho > 0.
    """
    (low, high), steps, rho = pair("range", (low, high)), whole("steps", steps, 1), positive("rho", rho)
    ends = logsnr_to_sigma(torch.tensor([low, high], dtype=torch.float32)) ** (1 / rho)
    return torch.lerp(ends[0], ends[1], torch.linspace(0, 1, steps + 1, dtype=torch.float64)) ** rho


def _scale(sigma):
    return math.sqrt(1 + sigma * sigma)


def _eps_hat(evaluations, y, sigma, condition):
    logsnr = sigma_to_logsnr(sigma).to(y)
    return evaluations(y / _scale(sigma), logsnr.repeat(len(y)), condition)


def _checked(denoiser, name, x, condition):
    """x, checked like the denoiser and its condition."""
    if not callable(denoiser):
        refuse("denoiser", "callable", denoiser)
    x, length = batch(name, x), condition_length(condition)
    if length not in (None, 1, len(x)):
        raise ValueError(f"condition must have 1 or {len(x)} rows, as {name} has, got {length}")
    return x


@torch.no_grad()
def heun(
    denoiser: Denoiser, y: torch.Tensor, condition: Condition, sigmas: torch.Tensor, progress: bool | None = None
) -> torch.Tensor:
    """Carry y (B, *shape) = x + sigma·ε along the flow from sigmas[0] to sigmas[-1], two evaluations a step.

    progress: whether a bar shows rows done, rate and time left; None: where somebody looks and more than 3 s remain.
    """
    y, sigmas = _checked(denoiser, "y", y, condition), floats("sigmas", sigmas, finite=True)
    if sigmas.ndim != 1 or len(sigmas) < 2 or not bool((sigmas > 0).all()):
        refuse("sigmas", "two or more positive numbers", sigmas)
    evaluations = Evaluations(denoiser, y)
    for sigma, following in in_sight(pairwise(sigmas.tolist()), len(sigmas) - 1, progress, 2 * len(y)):
        slope = _eps_hat(evaluations, y, sigma, condition)
        ahead = _eps_hat(evaluations, y + (following - sigma) * slope, following, condition)
        y = y + (following - sigma) * (slope + ahead) / 2
    check_finite(y)
    return y


def _classes(part):
    return [base.__name__ for base in type(part).__mro__]


def _sigmas(denoiser, steps, range):
    for name in ("flow_range", "logsnr_range"):
        range = getattr(denoiser, name, None) if range is None else range
    if range is None:
        raise ValueError("range must be given as two log-SNRs (low, high), the denoiser has no logsnr_range")
    return karras_sigmas(*pair("range", range), steps)


@torch.no_grad()
def scheduled(
    denoiser: Denoiser,
    z: torch.Tensor,
    condition: Condition,
    scheduler: Any,
    steps: int,
    progress: bool | None = None,
) -> torch.Tensor:
    """Carry z (B, *shape) = x_α through all steps of a diffusers scheduler, in its own direction.

    ValueError for a scheduler that does not expect ε, has no alphas_cumprod, clips or thresholds, draws noise, or takes
    other steps than one evaluation at a trained timestep.
    """
    z, steps, names = _checked(denoiser, "z", z, condition), whole("steps", steps, 1), set(_classes(scheduler))
    config, bar = getattr(scheduler, "config", None) or {}, getattr(scheduler, "alphas_cumprod", None)
    kind, on = config.get("prediction_type"), [name for name in OFF if config.get(name)]
    on += ["algorithm_type"] * str(config.get("algorithm_type")).startswith("sde")
    if not names & {f"{name}Scheduler" for name in SCHEDULERS}:
        raise ValueError(f"scheduler must be one of {', '.join(SCHEDULERS)} of diffusers, got {_classes(scheduler)[0]}")
    if kind != "epsilon" or bar is None:
        raise ValueError(f"scheduler must have alphas_cumprod and expect 'epsilon', got {kind!r}")
    if on:
        got = ", ".join(f"{name}={config.get(name)}" for name in on)
        raise ValueError(f"scheduler must neither clip, threshold nor draw noise, and use trained timesteps, got {got}")
    scheduler.set_timesteps(steps)
    evaluations = Evaluations(denoiser, z)
    for t in in_sight(scheduler.timesteps, len(scheduler.timesteps), progress, len(z)):
        logsnr = alpha_bar_to_logsnr(bar[t]).to(z)
        z = scheduler.step(evaluations(z, logsnr.repeat(len(z)), condition), t, z).prev_sample
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
    progress: bool | None = None,
) -> torch.Tensor:
    """Encode x (B, *shape) as noise of unit variance: x is treated as data at the smallest sigma of the flow.

    range: log-SNRs between which the flow runs; None: the denoiser's own. scheduler: None for Heun's method; else an
    inverse scheduler of diffusers, such as DDIMInverseScheduler, over its own levels.
    progress: as in heun. Raises ValueError for no range.
    """
    if scheduler is not None:
        return scheduled(denoiser, x, condition, scheduler, steps, progress)
    x = _checked(denoiser, "x", x, condition)
    sigmas = _sigmas(denoiser, steps, range).flip(0)
    return heun(denoiser, x, condition, sigmas, progress) / _scale(sigmas[-1].item())


def from_noise(
    denoiser: Denoiser,
    noise: torch.Tensor,
    condition: Condition = None,
    *,
    steps: int = 100,
    range: tuple[float, float] | None = None,
    scheduler: Any = None,
    progress: bool | None = None,
) -> torch.Tensor:
    """Decode noise (B, *shape) of unit variance to data at the smallest sigma: the inverse of to_noise, up to the
    error of the solver.

    scheduler: None for Heun's method; else one of diffusers, such as DDIMScheduler. progress: as in heun.
    """
    if scheduler is not None:
        return scheduled(denoiser, noise, condition, scheduler, steps, progress)
    noise = _checked(denoiser, "noise", noise, condition)
    sigmas = _sigmas(denoiser, steps, range)
    return heun(denoiser, noise * _scale(sigmas[0].item()), condition, sigmas, progress)
