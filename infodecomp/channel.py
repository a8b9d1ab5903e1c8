"""The Gaussian channel x_α = sqrt(σ(α))·x + sqrt(σ(−α))·ε, and the ways in which its noise level is written.

Everything is a function of the log-SNR α (natural log). All conversions take floats or tensors and return float64
tensors. DDPM writes ᾱ = σ(α), Karras et al. (2022) write sigma = exp(−α/2) for x + sigma·ε, rectified flow writes
s with z = (1−s)·x + s·ε and α = 2·ln((1−s)/s).
"""

from typing import TypeAlias

import torch

Numbers: TypeAlias = float | torch.Tensor  # one, or a tensor of any shape


def _float64(value: Numbers) -> torch.Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def _refuse_outside(name, value, low, high):
    inside = (value >= low) & (value <= high)
    if not bool(inside.all()):
        raise ValueError(f"{name} must lie in [{low:g}, {high:g}], got {value[~inside].flatten()[0].item():g}")


def per_row(values: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """View `values` (N,) so that they broadcast over the trailing dimensions of x (N, *shape)."""
    return values.reshape(-1, *[1] * (x.ndim - 1))


def signal_scale(logsnr: Numbers) -> torch.Tensor:
    """sqrt(σ(α)), the factor of the signal, in the dtype of a tensor. The factor of the noise is signal_scale(−α)."""
    logsnr = logsnr if isinstance(logsnr, torch.Tensor) else _float64(logsnr)
    return torch.exp(0.5 * torch.nn.functional.logsigmoid(logsnr))


def scales(logsnr: Numbers, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Factors of the signal and of the noise at a log-SNR, () or (N,), in the dtype of x and to be multiplied by it."""
    logsnr = torch.as_tensor(logsnr, dtype=torch.float64, device=x.device)
    return per_row(signal_scale(logsnr), x).to(x.dtype), per_row(signal_scale(-logsnr), x).to(x.dtype)


def add_noise(x: torch.Tensor, logsnr: Numbers, noise: torch.Tensor) -> torch.Tensor:
    """x_α = sqrt(σ(α))·x + sqrt(σ(−α))·ε.

    x and noise (N, *shape), logsnr a float, or one value per row (N,). Returns (N, *shape) in the dtype of x.
    Raises ValueError when the shapes do not belong together.
    """
    if noise.shape != x.shape:
        raise ValueError(f"noise must have the shape of x {tuple(x.shape)}, got {tuple(noise.shape)}")
    shape = tuple(torch.as_tensor(logsnr).shape)
    if shape not in ((), (1,), (len(x),)):
        raise ValueError(f"logsnr must be a number or one per row ({len(x)},), got shape {shape}")
    signal, sigma = scales(logsnr, x)
    return signal * x + sigma * noise


def clean(z: torch.Tensor, logsnr: Numbers, eps_hat: torch.Tensor) -> torch.Tensor:
    """x̂ = (z − sqrt(σ(−α))·ε̂) / sqrt(σ(α)), the estimate of x that an estimate of the noise implies.

    z and eps_hat (N, *shape), logsnr a float or (N,). Returns (N, *shape) in the dtype of z. Inverts add_noise where
    eps_hat is the noise.
    """
    signal, sigma = scales(logsnr, z)
    return (z - sigma * eps_hat) / signal


def logsnr_to_alpha_bar(logsnr: Numbers) -> torch.Tensor:
    """ᾱ = σ(α), DDPM's `alphas_cumprod`. 1 − ᾱ, without cancellation, is logsnr_to_alpha_bar(−α)."""
    return torch.sigmoid(_float64(logsnr))


def alpha_bar_to_logsnr(alpha_bar: Numbers, one_minus: Numbers | None = None) -> torch.Tensor:
    """α = ln(ᾱ / (1−ᾱ)).

    Above α ≈ 30 a float64 cannot hold the difference of ᾱ from 1: give `one_minus` = 1 − ᾱ, known from elsewhere,
    and the result is exact at both ends. Raises ValueError outside [0, 1].
    """
    alpha_bar = _float64(alpha_bar)
    _refuse_outside("alpha_bar", alpha_bar, 0, 1)
    rest = torch.log1p(-alpha_bar) if one_minus is None else torch.log(_float64(one_minus))
    return torch.log(alpha_bar) - rest


def logsnr_to_sigma(logsnr: Numbers) -> torch.Tensor:
    """Karras sigma = exp(−α/2): x_α / sqrt(σ(α)) = x + sigma·ε."""
    return torch.exp(-0.5 * _float64(logsnr))


def sigma_to_logsnr(sigma: Numbers) -> torch.Tensor:
    """α = −2·ln(sigma). Raises ValueError for a negative sigma; sigma 0 is α = ∞."""
    sigma = _float64(sigma)
    _refuse_outside("sigma", sigma, 0, float("inf"))
    return -2 * torch.log(sigma)


def logsnr_to_timestep(logsnr: Numbers, schedule: torch.Tensor) -> torch.Tensor:
    """The fractional timestep of a schedule (T,), falling log-SNRs at timesteps 0, 1, …, linear in between.

    Outside it is the first or last one. Works on the device of the schedule and does not wait for it.
    """
    rising, values = -_float64(schedule), -_float64(logsnr)
    above = torch.searchsorted(rising, values).clamp(1, len(rising) - 1)
    before = rising[above - 1]
    return (above - 1 + (values - before) / (rising[above] - before)).clamp(0, len(rising) - 1)


def logsnr_to_time(logsnr: Numbers) -> torch.Tensor:
    """Rectified-flow time s = σ(−α/2), the share of noise in z = (1−s)·x + s·ε. 1 − s is logsnr_to_time(−α)."""
    return torch.sigmoid(-0.5 * _float64(logsnr))


def time_to_logsnr(time: Numbers, one_minus: Numbers | None = None) -> torch.Tensor:
    """α = 2·ln((1−s)/s). Far below 0 give `one_minus` = 1 − s, as for alpha_bar. ValueError outside [0, 1]."""
    time = _float64(time)
    _refuse_outside("time", time, 0, 1)
    rest = torch.log1p(-time) if one_minus is None else torch.log(_float64(one_minus))
    return 2 * (rest - torch.log(time))
