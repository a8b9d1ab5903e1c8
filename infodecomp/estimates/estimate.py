"""The Estimate: nats with their standard error and their split over pixels, made from a pass over noise."""

import hashlib
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from typing import Any, ClassVar

import torch

from ..checks import batch
from ..denoiser import Pair
from ..integrate import Proposal, fit, pair_variance
from ..saved import save
from .measure import DRAWS, PILOT, TRIAL, Quantity, measure
from .sampling import GROUP, Sampling, check_condition


@dataclass(frozen=True, eq=False)
class Profile:
    """The draws behind an estimate, in nats per nat of log-SNR. Each (B, samples); draws 2h and 2h + 1 share a bin.

    nats = constant + (integrand · weight).mean(1); the constant is ½·ln(2πe) per dimension for densities, else 0.
    Unpacks into these three.
    """

    logsnr: torch.Tensor
    integrand: torch.Tensor
    weight: torch.Tensor
    group: ClassVar[int] = 1  # neighbouring bins whose noises are not independent

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter((self.logsnr, self.integrand, self.weight))

    def stderr(self) -> torch.Tensor:
        """Standard error (B,) of the mean over draws."""
        values = (self.integrand * self.weight).unflatten(1, (-1, 2))
        return pair_variance(values[..., 0], values[..., 1], values.shape[1], self.group).sqrt()

    def tail(self, low: float, high: float) -> torch.Tensor:
        """(B,) the integral outside if the integrand falls like e^−|α| there, from a twentieth of the draws per end."""
        near, order = max(2, self.logsnr.shape[1] // 20), self.logsnr.argsort(1)
        left, right = (self.integrand * torch.exp(-d) for d in (self.logsnr - low, high - self.logsnr))
        return left.gather(1, order[:, :near]).mean(1) + right.gather(1, order[:, -near:]).mean(1)


class BalancedProfile(Profile):
    """Draws of which five neighbouring bins share their noise."""

    group = GROUP["balanced"]


@dataclass(frozen=True, eq=False)
class Interrupted(Profile):
    """Draws of a pass that was stopped, in units of `unit`, each from a random place of its stratum: neighbours differ
    by their places too, which makes the error too large rather than too small."""

    unit: int = 2

    def stderr(self) -> torch.Tensor:
        """Standard error (B,), from successive differences of the units' means."""
        means = (self.integrand * self.weight).unflatten(1, (-1, self.unit)).mean(2)
        return (means.diff(dim=1).square().sum(1) / (2 * means.shape[1] * (means.shape[1] - 1))).sqrt()


@dataclass(frozen=True, eq=False, repr=False)
class Estimate:
    """An estimate in nats for each of B images, with the standard error of its noise (a normal approximation: where few
    draws carry much, as near the boundary of two clusters, it needs some hundred samples).

    nats, stderr (B,); map, map_stderr (B, h, w) for x (B, C, h, w), channels summed, else in the shape of x:
    contributions that sum to nats. profile: the draws; proposal: where their log-SNRs were drawn, range: over which of
    them the integral runs; tail (B,): the integral outside it, extrapolated from the outermost draws, not part of nats.
    samples: denoiser evaluations per image and condition; pilot: further ones, spent to choose proposal or samples.
    All float64, on the device of x (on the CPU if that has none, as mps). a − b and a + b of two estimates on the same
    noise are paired: their standard error is that of the difference or sum (map_stderr is then None: pairs are not kept
    per pixel).
    """

    nats: torch.Tensor
    stderr: torch.Tensor
    map: torch.Tensor
    map_stderr: torch.Tensor | None
    profile: Profile
    proposal: Proposal
    tail: torch.Tensor
    samples: int
    pilot: int = 0
    noise_key: tuple = ()  # seed, kind of noise, shape of x: estimates on the same draws agree in it
    of: tuple[str, ...] = ()  # a hash of each row of x

    @property
    def range(self) -> tuple[float, float]:
        """Log-SNRs (low, high) between which the integral runs."""
        return self.proposal.range

    @property
    def bits(self) -> torch.Tensor:
        """nats / ln 2, (B,)."""
        return self.nats / math.log(2)

    def mean(self) -> tuple[float, float]:
        """Mean over images and its standard error, floats: images are the independent unit (for one, its stderr)."""
        error = self.nats.std() / math.sqrt(len(self.nats)) if len(self.nats) > 1 else self.stderr[0]
        return self.nats.mean().item(), error.item()

    def __getitem__(self, i: int | slice) -> "Estimate":
        """The Estimate of image i alone, or of a slice of the images."""
        if not isinstance(i, slice):
            place = range(len(self.nats))[i]
            i = slice(place, place + 1)
        cut = {name: getattr(self, name)[i] for name in ("nats", "stderr", "map", "tail", "of")}
        map_stderr = None if self.map_stderr is None else self.map_stderr[i]
        logsnr, integrand, weight = (values[i] for values in self.profile)
        profile = replace(self.profile, logsnr=logsnr, integrand=integrand, weight=weight)
        return replace(self, profile=profile, map_stderr=map_stderr, **cut)

    def save(self, path: str | PathLike, model: Any = None) -> None:
        """Write it to one safetensors file, for infodecomp.load_maps. model: whose name and hash the file then has."""
        save(self, path, model)

    def __neg__(self) -> "Estimate":
        profile = replace(self.profile, integrand=-self.profile.integrand)
        return replace(self, nats=-self.nats, map=-self.map, tail=-self.tail, profile=profile)

    def __add__(self, other: "Estimate") -> "Estimate":
        drawn, others = (self.noise_key, self.of), (other.noise_key, other.of)
        if drawn != others or not torch.equal(self.profile.logsnr, other.profile.logsnr):
            raise ValueError("sum and difference need estimates on one x, seed, samples and proposal (see compare)")
        profile = replace(self.profile, integrand=self.profile.integrand + other.profile.integrand)
        values = {name: getattr(self, name) + getattr(other, name) for name in ("nats", "map", "tail")}
        return replace(self, stderr=profile.stderr(), map_stderr=None, profile=profile, **values)

    def __sub__(self, other: "Estimate") -> "Estimate":
        return self + -other

    def __repr__(self) -> str:
        some = [f"{v:.3f} ± {e:.3f}" for v, e in zip(self.nats[:4].tolist(), self.stderr.tolist(), strict=False)]
        more = f", … {len(self.nats)} in all" if len(self.nats) > 4 else ""
        low, high = self.range
        return f"Estimate({', '.join(some)}{more} nats; {self.samples} samples, log-SNR {low:.1f} to {high:.1f})"


def hashes_of(x: torch.Tensor) -> tuple[str, ...]:
    """A hash of each row of x (B, *shape), whatever its device."""
    return tuple(hashlib.blake2b(row.numpy().tobytes(), digest_size=8).hexdigest() for row in x.cpu())


def run(
    x: torch.Tensor, pairs: Mapping[str, Pair], quantities: Sequence[Quantity], sampling: Sampling
) -> list[Estimate]:
    """One Estimate per quantity: checks, then a pilot if one is needed, then the pass.

    pairs: {name in messages: (denoiser, condition)}; quantities refer to them by position. A quantity of kind "nll" is
    a density, or a mass where its denoiser is discrete.
    """
    x, both, pilot = batch("x", x), list(pairs.values()), 0
    for name, (denoiser, condition) in pairs.items():
        check_condition(name, denoiser, condition, len(x))
    proposal = sampling.proposal_for(*(denoiser for denoiser, _ in both))
    discrete = [bool(getattr(denoiser, "discrete", False)) for denoiser, _ in both]
    kinds = [("mass" if discrete[q.y] else "density") if q.kind == "nll" else q.kind for q in quantities]
    quantities = [q._replace(kind=kind) for q, kind in zip(quantities, kinds, strict=True)]
    if sampling.fitted:
        pilot = max(16, min(64, 2 * (256 // len(x))))
        profiles, _ = _draw(x, both, quantities, replace(sampling, samples=pilot), proposal, PILOT)
        proposal = fit(profiles[0].logsnr, torch.stack([p.integrand for p in profiles]), proposal.range)
    if sampling.tolerance is not None:
        profiles, _ = _draw(x, both, quantities, sampling, proposal, TRIAL)
        pilot += sampling.samples
        sampling = _enough(sampling, sampling.tolerance, max(p.stderr().max().item() for p in profiles))
    profiles, sums = _draw(x, both, quantities, sampling, proposal, DRAWS)
    rows, samples = profiles[0].logsnr.shape
    if (rows, samples) != (len(x), sampling.samples):
        told = f"stopped: {samples} of {sampling.samples} samples of {rows} of {len(x)} images"
        warnings.warn(told, stacklevel=3)
    about = {"proposal": proposal, "samples": samples, "pilot": pilot, "of": hashes_of(x[:rows])}
    about["noise_key"] = sampling.seed, sampling.noise, tuple(x.shape[1:])
    return [_made(x, *each, about) for each in zip(quantities, profiles, sums, strict=True)]


def _draw(x, pairs, quantities, sampling, proposal, stream):
    """A Profile and Sums per quantity."""
    logsnr, weight, sums = measure(x, pairs, quantities, sampling, proposal, stream)
    kind = BalancedProfile if sampling.noise == "balanced" and stream != PILOT else Profile
    if logsnr.shape[1] < sampling.samples:
        kind = partial(Interrupted, unit=2 * GROUP[sampling.noise])
    return [kind(logsnr, s.integrand, weight) for s in sums], sums


def _enough(sampling, tolerance, error):
    """The sampling with as many samples as the tolerance needs, if `sampling.samples` of them had this error."""
    most = sampling.max_samples or 10_000
    wanted = 2 * math.ceil(sampling.samples * (error / tolerance) ** 2 / 2)
    if wanted > most:
        text = f"tolerance {tolerance:g} needs about {wanted} samples, max_samples is {most}"
        warnings.warn(text, stacklevel=4)
    return replace(sampling, samples=min(max(wanted, 2), most))


def _made(x, quantity, profile, sums, about):
    """The Estimate of one quantity."""
    constant = 0.5 * math.log(2 * math.pi * math.e) if quantity.kind == "density" else 0.0
    return Estimate(
        nats=(profile.integrand * profile.weight).mean(1) + constant * x[0].numel(),
        stderr=profile.stderr(),
        map=sums.total / about["samples"] + constant * (x.shape[1] if x.ndim == 4 else 1),
        map_stderr=None if sums.variance is None else sums.variance.sqrt(),
        profile=profile,
        tail=profile.tail(*about["proposal"].range),
        **about,
    )
