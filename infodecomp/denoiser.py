"""The protocols Denoiser and Model, conditions, and adapters that make a denoiser of whatever a network predicts.

A denoiser is any callable `denoiser(z, logsnr, condition) -> eps_hat`, the estimate of ε in z = add_noise(x, α, ε):
z (N, *shape), logsnr (N,), eps_hat like z. It may have attributes: `logsnr_range` (lo, hi) it is valid on, a default
`proposal`, a `density_proposal` for nll alone, `default_samples`, a method `expect` (it is told the conditions of a
pass before they are asked), and `discrete` (True: its data have a mass, no density). A model also has `encode` and
`condition` (infodecomp.load); its conditions are encoded once, before the first evaluation.

A condition is None or a str, the same for every row, or a list, tensor or tuple of tensors with one entry per row (B)
or one for all (1). A denoiser always receives one entry per row of z.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch

from .channel import per_row, scales
from .checks import floats, moved, pair, refuse, shown

Condition: TypeAlias = str | list | torch.Tensor | np.ndarray | tuple | None


class Denoiser(Protocol):
    """Any callable that estimates the noise in z."""

    def __call__(self, z: torch.Tensor, logsnr: torch.Tensor, condition: Any, /) -> torch.Tensor: ...


class Model(Denoiser, Protocol):
    """A denoiser with pictures and conditions, as infodecomp.load gives one."""

    def encode(self, images: Any, /) -> torch.Tensor: ...
    def decode(self, x: torch.Tensor, /) -> list: ...
    def condition(self, captions: Any, /) -> Any: ...


Pair: TypeAlias = tuple[Denoiser, Condition]


def condition_length(condition: Any, name: str = "condition") -> int | None:
    """Number of rows of a condition, None if it is the same for any number. ValueError if it is no condition."""
    if condition is None or isinstance(condition, str):
        return None
    if isinstance(condition, tuple) and condition:
        lengths = {condition_length(part, name) for part in condition} - {None, 1}
        if len(lengths) > 1:
            raise ValueError(f"the parts of {name} must have as many rows, got {sorted(filter(None, lengths))}")
        return lengths.pop() if lengths else 1
    if isinstance(condition, list) or (isinstance(condition, torch.Tensor | np.ndarray) and condition.ndim > 0):
        return len(condition)
    raise ValueError(f"{name} must be None, a str, a list, a tensor or a tuple of tensors, got {shown(condition)}")


def narrow(condition: Any, images: slice) -> Any:
    """The entries of some images; a condition of one entry stays as it is."""
    if isinstance(condition, tuple):
        return tuple(narrow(part, images) for part in condition)
    return condition if condition_length(condition) in (None, 1) else condition[images]


def encoder(denoiser: Denoiser) -> Callable[[Any], Any]:
    """The method `condition` of a model, which encodes texts; the identity for a denoiser that is no model."""
    encode, condition = (getattr(denoiser, name, None) for name in ("encode", "condition"))
    return condition if callable(encode) and callable(condition) else lambda condition: condition


def distinct(pairs: Sequence[Pair], device: torch.device) -> tuple[list[Pair], list[int]]:
    """The unique (denoiser, condition) pairs, conditions on `device`, and for each input its index among them.

    Texts are encoded here, if the denoiser is a model; per-row text lists are encoded later, block by block.
    """
    kept: list[Pair] = []
    places = []
    for denoiser, condition in pairs:
        if condition_length(condition) in (None, 1) or isinstance(condition, torch.Tensor | np.ndarray):
            condition = encoder(denoiser)(condition)
        condition = _moved(condition, device)
        same = (k for k, (other, known) in enumerate(kept) if other is denoiser and _same(condition, known))
        places.append(next(same, len(kept)))
        if places[-1] == len(kept):
            kept.append((denoiser, condition))
    return kept, places


def _moved(condition, device):
    if isinstance(condition, tuple):
        return tuple(_moved(part, device) for part in condition)
    keep = condition is None or isinstance(condition, str | list)
    return condition if keep else moved(torch.as_tensor(condition), device)


def _same(one, other):
    if isinstance(one, tuple | list):
        return type(one) is type(other) and len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one is other or (one.dtype == other.dtype and torch.equal(one, other))
    return one is other or (isinstance(one, str) and isinstance(other, str) and one == other)


def take(condition: Any, rows: torch.Tensor) -> Any:
    """The condition of each row of a batch: rows (N,) long indices of images. One entry for all stays a view."""
    if condition is None or isinstance(condition, str):
        return condition
    if isinstance(condition, tuple):
        return tuple(take(part, rows) for part in condition)
    if isinstance(condition, list):
        return [condition[0 if len(condition) == 1 else i] for i in rows.tolist()]
    condition = torch.as_tensor(condition)
    if len(condition) == 1:
        return condition.expand(len(rows), *condition.shape[1:])
    return condition[rows.to(condition.device, non_blocking=True)]


def send(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy a tensor from the CPU to a device without synchronising it."""
    return (values.pin_memory() if device.type == "cuda" else values).to(device, non_blocking=True)


def check_finite(*values: torch.Tensor) -> None:
    """ValueError unless all values, which a denoiser returned, are finite."""
    if not all(bool(v.sum().isfinite() or v.isfinite().all()) for v in values):  # a sum is quick, but may overflow
        raise ValueError("denoiser must return finite numbers, got NaN or infinity")


def _written(tensors):
    """What changes when tensors are written to; None for inference tensors."""
    return [None if t.is_inference() else t._version for t in tensors]


def evaluate(
    denoiser: Denoiser, z: torch.Tensor, logsnr: torch.Tensor, condition: Any, thorough: bool = False
) -> torch.Tensor:
    """eps_hat like z, as the denoiser returns it: perhaps a buffer that it writes to again.

    ValueError for another shape, and for a denoiser that writes into what it is given; one that does so past torch
    (numpy, .data) is caught if `thorough`, which waits for the device.
    """
    parts = condition if isinstance(condition, tuple) else (condition,)
    given = [z, logsnr, *(part for part in parts if isinstance(part, torch.Tensor))]
    before, copy = _written(given), z.clone() if thorough else z
    eps_hat = denoiser(z, logsnr, condition)
    if _written(given) != before or not (copy is z or torch.equal(copy, z)):
        name = getattr(denoiser, "__name__", type(denoiser).__name__)
        raise ValueError(f"denoiser must leave z, logsnr and condition as they are, {name:.60} wrote into one of them")
    if not isinstance(eps_hat, torch.Tensor) or eps_hat.shape != z.shape:
        got = tuple(eps_hat.shape) if isinstance(eps_hat, torch.Tensor) else type(eps_hat).__name__
        raise ValueError(f"denoiser must return eps_hat of shape {tuple(z.shape)}, got {got}")
    return eps_hat


class Adapter:
    """A network's prediction as eps_hat. Made by from_eps, from_v, from_x0, from_flow and from_azula."""

    def __init__(
        self,
        network: Callable,
        to_eps: Callable,
        logsnr_range: tuple[float, float] | None = None,
        proposal: Any = None,
    ) -> None:
        if not callable(network):
            raise ValueError(f"network must be callable, got {type(network).__name__}")
        if logsnr_range is not None:
            logsnr_range = pair("logsnr_range", logsnr_range)
        if proposal is not None and not (callable(getattr(proposal, "ppf", None)) and not isinstance(proposal, type)):
            refuse("proposal", "an infodecomp.integrate.Proposal or None", proposal)
        self.network, self._to_eps, self.logsnr_range, self.proposal = network, to_eps, logsnr_range, proposal

    def __call__(self, z: torch.Tensor, logsnr: torch.Tensor, condition: Any = None) -> torch.Tensor:
        if not isinstance(z, torch.Tensor) or not z.is_floating_point() or z.ndim == 0:
            refuse("z", "a floating-point tensor (N, *shape)", z)
        if floats("logsnr", logsnr).numel() not in (1, len(z)):
            refuse("logsnr", f"a number or one per row ({len(z)},)", logsnr)
        logsnr = moved(torch.as_tensor(logsnr), z.device).expand(len(z))
        return self._to_eps(partial(evaluate, self.network), z, logsnr, condition, *scales(logsnr, z))


def from_eps(network: Callable, **attributes: Any) -> Adapter:
    """network(z, logsnr, condition) predicts ε (Ho et al. 2020). attributes: logsnr_range, proposal."""
    return Adapter(network, lambda net, z, a, c, signal, sigma: net(z, a, c), **attributes)


def from_v(network: Callable, **attributes: Any) -> Adapter:
    """network(z, logsnr, condition) predicts v = sqrt(ᾱ)·ε − sqrt(1−ᾱ)·x (Salimans & Ho 2022)."""
    return Adapter(network, lambda net, z, a, c, signal, sigma: signal * net(z, a, c) + sigma * z, **attributes)


def from_x0(network: Callable, **attributes: Any) -> Adapter:
    """network(z, logsnr, condition) predicts x, diffusers' "sample"."""
    return Adapter(network, lambda net, z, a, c, signal, sigma: (z - signal * net(z, a, c)) / sigma, **attributes)


def _flow_to_eps(network, z, logsnr, condition, signal, sigma):
    total = signal + sigma  # z / total = (1−s)·x + s·ε, since 1−s and s are signal and sigma over their sum
    return z / total + signal / total * network(z / total, (sigma / total).flatten(), condition)


def from_flow(network: Callable, **attributes: Any) -> Adapter:
    """network(z_s, s, condition) predicts the velocity ε − x at z_s = (1−s)·x + s·ε (Liu et al. 2023), s (N,)."""
    return Adapter(network, _flow_to_eps, **attributes)


def from_azula(denoiser: Callable, keyword: str | None = None, **attributes: Any) -> Adapter:
    """A denoiser of azula: the mean of the posterior which denoiser(x_t, t) returns, x_t = α_t·x + σ_t·ε, is its x̂.

    The time t (N,) of a log-SNR is found in [0, 1] by halving, on denoiser.schedule(t) -> (α_t, σ_t). A condition is
    handed on under the name `keyword`, and None not at all. logsnr_range is what the schedule spans, if not given.
    ValueError for what has no schedule, and for a condition without a keyword.
    """
    schedule = getattr(denoiser, "schedule", None)
    if not callable(denoiser) or isinstance(denoiser, type) or not callable(schedule):
        refuse("denoiser", "an azula.denoise.Denoiser, which has a noise schedule", denoiser)

    def snr(time):
        signal, sigma = schedule(time)
        return 2 * torch.log(signal / sigma)

    def mean(z, logsnr, condition):
        if condition is not None and keyword is None:
            refuse("condition", "None where from_azula has no keyword for it", condition)
        time = torch.zeros_like(alpha := floats("logsnr", logsnr))
        for k in range(1, 41):
            time = torch.where(snr(time + 0.5**k) >= alpha, time + 0.5**k, time)
        scaled = z * per_row(schedule(time.to(z))[0], z) / scales(alpha, z)[0]
        return denoiser(scaled, time.to(z), **({} if condition is None else {keyword: condition})).mean

    return from_x0(mean, **{"logsnr_range": snr(torch.tensor([1.0, 0.0]).double()).tolist()} | attributes)
