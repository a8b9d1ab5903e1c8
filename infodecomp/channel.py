"""The Gaussian channel x_α = sqrt(σ(α))·x + sqrt(σ(−α))·ε, and the dialects in which people write its noise level.

Everything is a function of the log-SNR α (natural log). All conversions take floats or tensors and return float64
tensors. DDPM writes ᾱ = σ(α), Karras et al. (2022) write sigma = exp(−α/2) for x + sigma·ε, rectified flow writes
s with z = (1−s)·x + s·ε and α = 2·ln((1−s)/s).
"""

import torch


def _float64(value):
    return torch.as_tensor(value, dtype=torch.float64)


def _refuse_outside(name, value, low, high):
    inside = (value >= low) & (value <= high)
    if not bool(inside.all()):
        raise ValueError(f"{name} must lie in [{low:g}, {high:g}], got {value[~inside].flatten()[0].item():g}")


def per_row(values, x):
    """View `values` (N,) so that they broadcast over the trailing dimensions of x (N, *shape)."""
    return values.reshape(-1, *[1] * (x.ndim - 1))


def signal_scale(logsnr):
    """sqrt(σ(α)), the factor of the signal, in the dtype of a tensor. The factor of the noise is signal_scale(−α)."""
    logsnr = logsnr if isinstance(logsnr, torch.Tensor) else _float64(logsnr)
    return torch.exp(0.5 * torch.nn.functional.logsigmoid(logsnr))


def add_noise(x, logsnr, noise):
    """x_α = sqrt(σ(α))·x + sqrt(σ(−α))·ε.

    x and noise (N, *shape), logsnr a float, or one value per row (N,). Returns (N, *shape) in the dtype of x.
    Raises ValueError when the shapes do not belong together.
    """
    logsnr = torch.as_tensor(logsnr, dtype=torch.float64, device=x.device)
    if noise.shape != x.shape:
        raise ValueError(f"noise must have the shape of x {tuple(x.shape)}, got {tuple(noise.shape)}")
    if logsnr.ndim > 1 or (logsnr.ndim == 1 and len(logsnr) not in (1, len(x))):
        raise ValueError(f"logsnr must be a number or one per row ({len(x)},), got shape {tuple(logsnr.shape)}")
    return per_row(signal_scale(logsnr), x).to(x.dtype) * x + per_row(signal_scale(-logsnr), x).to(x.dtype) * noise


def clean(z: torch.Tensor, logsnr, eps_hat: torch.Tensor) -> torch.Tensor:
    """x̂ = (z − sqrt(σ(−α))·ε̂) / sqrt(σ(α)), the picture that a guess of the noise means: add_noise the other way.

    z and eps_hat (N, *shape), logsnr a float or (N,). Returns (N, *shape) in the dtype of z.
    """
    logsnr = torch.as_tensor(logsnr, dtype=torch.float64, device=z.device)
    signal, noise = (per_row(signal_scale(a), z).to(z.dtype) for a in (logsnr, -logsnr))
    return (z - noise * eps_hat) / signal


def logsnr_to_alpha_bar(logsnr):
    """ᾱ = σ(α), DDPM's `alphas_cumprod`. 1 − ᾱ, without cancellation, is logsnr_to_alpha_bar(−α)."""
    return torch.sigmoid(_float64(logsnr))


def alpha_bar_to_logsnr(alpha_bar, one_minus=None):
    """α = ln(ᾱ / (1−ᾱ)).

    Above α ≈ 30 a float64 cannot hold the difference of ᾱ from 1: give `one_minus` = 1 − ᾱ, known from elsewhere,
    and the result is exact at both ends. Raises ValueError outside [0, 1].
    """
    alpha_bar = _float64(alpha_bar)
    _refuse_outside("alpha_bar", alpha_bar, 0, 1)
    rest = torch.log1p(-alpha_bar) if one_minus is None else torch.log(_float64(one_minus))
    return torch.log(alpha_bar) - rest


def logsnr_to_sigma(logsnr):
    """Karras sigma = exp(−α/2): x_α / sqrt(σ(α)) = x + sigma·ε."""
    return torch.exp(-0.5 * _float64(logsnr))


def sigma_to_logsnr(sigma):
    """α = −2·ln(sigma). Raises ValueError for a negative sigma; sigma 0 is α = ∞."""
    sigma = _float64(sigma)
    _refuse_outside("sigma", sigma, 0, float("inf"))
    return -2 * torch.log(sigma)


def logsnr_to_timestep(logsnr, schedule):
    """The fractional timestep of a schedule (T,), falling log-SNRs at timesteps 0, 1, …, linear in between.

    Outside it is the first or last one. Works on the device of the schedule and does not wait for it.
    """
    rising, values = -_float64(schedule), -_float64(logsnr)
    above = torch.searchsorted(rising, values).clamp(1, len(rising) - 1)
    before = rising[above - 1]
    return (above - 1 + (values - before) / (rising[above] - before)).clamp(0, len(rising) - 1)


def logsnr_to_time(logsnr):
    """Rectified-flow time s = σ(−α/2), the share of noise in z = (1−s)·x + s·ε. 1 − s is logsnr_to_time(−α)."""
    return torch.sigmoid(-0.5 * _float64(logsnr))


def time_to_logsnr(time, one_minus=None):
    """α = 2·ln((1−s)/s). Far below 0 give `one_minus` = 1 − s, as for alpha_bar. ValueError outside [0, 1]."""
    time = _float64(time)
    _refuse_outside("time", time, 0, 1)
    rest = torch.log1p(-time) if one_minus is None else torch.log(_float64(one_minus))
    return 2 * (rest - torch.log(time))
