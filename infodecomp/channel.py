"""The Gaussian channel x_α = sqrt(σ(α))·x + sqrt(σ(−α))·ε, and the ways in which its noise level is written.

Everything is a function of the log-SNR α (natural log). All conversions take floats or tensors and return float64
tensors. DDPM writes ᾱ = σ(α), Karras et al. (2022) write sigma = exp(−α/2) for x + sigma·ε, rectified flow writes
s with z = (1−s)·x + s·ε and α = 2·ln((1−s)/s).
"""

from typing import TypeAlias

import torch

from .checks import floats, home, refuse, seen

Numbers: TypeAlias = float | torch.Tensor  # one, or a tensor of any shape


def _inside(name, value, high):
    value = floats(name, value)
    inside = (value >= 0) & (value <= high)
    if not bool(inside.all()):
        raise ValueError(f"{name} must lie in [0, {high:g}], got {value[~inside].flatten()[0].item():g}")
    return value


def _log_complement(value, one_minus):
    """ln(1 − value); from one_minus, where it is given."""
    if one_minus is None:
        return torch.log1p(-value)
    rest = _inside("one_minus", one_minus, 1)
    if rest.shape != value.shape or not bool(((value + rest - 1).abs() < 1e-5).all()):
        refuse("one_minus", f"1 − the first argument, {tuple(value.shape)}", one_minus)
    return torch.log(rest)


def _batch(name, x, like=None):
    if not isinstance(x, torch.Tensor) or not x.is_floating_point() or x.ndim == 0:
        refuse(name, "a floating-point tensor (N, *shape)", x)
    if like is not None and x.shape != like.shape:
        raise ValueError(f"{name} must have the shape {tuple(like.shape)}, got {tuple(x.shape)}")
    if seen(x) and not bool(x.isfinite().all()):
        raise ValueError(f"{name} must be finite, got NaN or infinity")


def per_row(values: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """View `values` (N,) so that they broadcast over the trailing dimensions of x (N, *shape); else ValueError."""
    if not isinstance(values, torch.Tensor) or values.numel() not in (1, len(x)):
        refuse("values", f"a tensor of one number per row ({len(x)},)", values)
    return values.reshape(-1, *[1] * (x.ndim - 1))


def signal_scale(logsnr: Numbers) -> torch.Tensor:
    """sqrt(σ(α)), the factor of the signal, in the dtype of a tensor. The factor of the noise is signal_scale(−α)."""
    checked = floats("logsnr", logsnr)
    logsnr = logsnr if isinstance(logsnr, torch.Tensor) and logsnr.is_floating_point() else checked
    return torch.exp(0.5 * torch.nn.functional.logsigmoid(logsnr))


def scales(logsnr: Numbers, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Factors of the signal and of the noise at a log-SNR, () or (N,), in the dtype of x and to be multiplied by it."""
    logsnr = floats("logsnr", logsnr).to(home(x.device))
    if tuple(logsnr.shape) not in ((), (1,), (len(x),)):
        raise ValueError(f"logsnr must be a number or one per row ({len(x)},), got shape {tuple(logsnr.shape)}")
    return per_row(signal_scale(logsnr), x).to(x), per_row(signal_scale(-logsnr), x).to(x)


def add_noise(x: torch.Tensor, logsnr: Numbers, noise: torch.Tensor) -> torch.Tensor:
    """x_α = sqrt(σ(α))·x + sqrt(σ(−α))·ε.

    x and noise (N, *shape), logsnr a float, or one value per row (N,). Returns (N, *shape) in the dtype of x.
    Raises ValueError when the shapes do not belong together.
    """
    _batch("x", x)
    _batch("noise", noise, x)
    signal, sigma = scales(logsnr, x)
    return (signal * x).add_(sigma * noise)


def clean(z: torch.Tensor, logsnr: Numbers, eps_hat: torch.Tensor) -> torch.Tensor:
    """x̂ = (z − sqrt(σ(−α))·ε̂) / sqrt(σ(α)), the estimate of x that an estimate of the noise implies.

    z and eps_hat (N, *shape), logsnr a float or (N,). Returns (N, *shape) in the dtype of z. Inverts add_noise where
    eps_hat is the noise.
    """
    _batch("z", z)
    _batch("eps_hat", eps_hat, z)
    signal, sigma = scales(logsnr, z)
    return (z - sigma * eps_hat) / signal


def logsnr_to_alpha_bar(logsnr: Numbers) -> torch.Tensor:
    """ᾱ = σ(α), DDPM's `alphas_cumprod`. 1 − ᾱ, without cancellation, is logsnr_to_alpha_bar(−α)."""
    return torch.sigmoid(floats("logsnr", logsnr))


def alpha_bar_to_logsnr(alpha_bar: Numbers, one_minus: Numbers | None = None) -> torch.Tensor:
    """α = ln(ᾱ / (1−ᾱ)).

    Above α ≈ 30 a float64 cannot hold the difference of ᾱ from 1: give `one_minus` = 1 − ᾱ, known from elsewhere,
    and the result is exact at both ends. Raises ValueError outside [0, 1].
    """
    alpha_bar = _inside("alpha_bar", alpha_bar, 1)
    return torch.log(alpha_bar) - _log_complement(alpha_bar, one_minus)


def logsnr_to_sigma(logsnr: Numbers) -> torch.Tensor:
    """Karras sigma = exp(−α/2): x_α / sqrt(σ(α)) = x + sigma·ε."""
    return torch.exp(-0.5 * floats("logsnr", logsnr))


def sigma_to_logsnr(sigma: Numbers) -> torch.Tensor:
    """α = −2·ln(sigma). Raises ValueError for a negative sigma; sigma 0 is α = ∞."""
    return -2 * torch.log(_inside("sigma", sigma, float("inf")))


def logsnr_to_timestep(logsnr: Numbers, schedule: torch.Tensor) -> torch.Tensor:
    """The fractional timestep of a schedule (T,), falling log-SNRs at timesteps 0, 1, …, linear in between.

    Outside it is the first or last one. Works on the device of the schedule and does not wait for it.
    """
    rising, values = -floats("schedule", schedule), -floats("logsnr", logsnr)
    falls = rising.ndim == 1 and (not seen(rising) or bool((rising.diff() > 0).all()))
    if not falls or len(rising) < 2:
        refuse("schedule", "two or more falling log-SNRs (T,)", schedule)
    above = torch.searchsorted(rising, values).clamp(1, len(rising) - 1)
    before = rising[above - 1]
    return (above - 1 + (values - before) / (rising[above] - before)).clamp(0, len(rising) - 1)


def logsnr_to_time(logsnr: Numbers) -> torch.Tensor:
    """Rectified-flow time s = σ(−α/2), the share of noise in z = (1−s)·x + s·ε. 1 − s is logsnr_to_time(−α)."""
    return torch.sigmoid(-0.5 * floats("logsnr", logsnr))


def time_to_logsnr(time: Numbers, one_minus: Numbers | None = None) -> torch.Tensor:
    """α = 2·ln((1−s)/s). Far below 0 give `one_minus` = 1 − s, as for alpha_bar. ValueError outside [0, 1]."""
    time = _inside("time", time, 1)
    return 2 * (_log_complement(time, one_minus) - torch.log(time))
