"""The Estimate: nats with their standard error and their split over pixels, made from a pass over noise."""

import hashlib
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress
from typing import ClassVar

import torch

from ..checks import batch
from ..denoiser import Pair, distinct
from ..integrate import Proposal, fit, pair_differences, widening
from ..noise import DRAWS, PILOT, TRIAL
from ..saved import Saved
from .measure import Quantity, measure
from .sampling import GROUP, Sampling, check_condition

FEWEST = 50  # samples from which on the ends of the range are evaluated, too
LEAST = 1e-4  # nats outside the range that are not worth a warning, whatever the error


@dataclass(frozen=True, eq=False)
class Profile:
    """The draws behind an estimate, in nats per nat of log-SNR. Each (B, samples); draws 2h and 2h + 1 share a bin.

    nats = constant + (integrand · weight).mean(1); the constant is ½·ln(2πe) per dimension for densities, against
    Alternatives the divergence of their posterior from the prior, else 0. Unpacks into these three.
    """

    logsnr: torch.Tensor
    integrand: torch.Tensor
    weight: torch.Tensor
    group: ClassVar[int] = 1  # neighbouring bins whose noises are not independent

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter((self.logsnr, self.integrand, self.weight))

    def spread(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Each (B,): the bare standard error of the mean over draws, the factor that widens it, and how many pairs of
        draws count (infodecomp.integrate.widening)."""
        return self._spread

    @cached_property
    def _spread(self):
        values = (self.integrand * self.weight).unflatten(1, (-1, 2))
        differences = pair_differences(values[..., 0], values[..., 1], self.group)
        return (differences.square().sum(1).sqrt() / (2 * values.shape[1]), *widening(differences))

    def stderr(self) -> torch.Tensor:
        """Standard error (B,) of the mean over draws, widened where few of them carry it."""
        bare, factor, _ = self.spread()
        return bare * factor

    def tail(self, low: float, high: float) -> torch.Tensor:
        """(B,) the integral outside if the integrand falls like e^−|α| there, from a twentieth of the draws per end."""
        near, order = max(2, self.logsnr.shape[1] // 20), self.logsnr.argsort(1)
        left, right = (self.integrand * torch.exp(-d) for d in (self.logsnr - low, high - self.logsnr))
        return left.gather(1, order[:, :near]).mean(1) + right.gather(1, order[:, -near:]).mean(1)


class BalancedProfile(Profile):
    """Draws of which two neighbouring bins share their noise."""

    group = GROUP["balanced"]


@dataclass(frozen=True, eq=False, repr=False)
class Estimate(Saved):
    """An estimate in nats for each of B images, with the standard error of its noise: ±2 of them cover as for a normal
    distribution, since it is widened where few draws carry it (infodecomp.integrate.widening).

    nats, stderr (B,); map, map_stderr (B, h, w) for x (B, C, h, w), channels summed, else in the shape of x:
    contributions that sum to nats. profile: the draws; proposal: where their log-SNRs were drawn, range: over which of
    them the integral runs; tail (B,): the integral outside it if it falls like e^−|α| there, from draws at both ends
    (of fewer than 50 samples: from the outermost draws), not part of nats. samples: denoiser evaluations per image and
    condition, without those at the ends (four per 100); pilot: further ones, spent to choose proposal or samples.
    All float64, on the device of x (on the CPU if that has none, as mps). a − b and a + b of two estimates on the same
    noise are paired: their standard error is that of the difference or sum; their map_stderr is None.
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
    def variance(self) -> torch.Tensor:
        """(B,) squared standard error before it is widened: unbiased, so that means over images may add it up."""
        return self.profile.spread()[0] ** 2

    @property
    def few(self) -> torch.Tensor:
        """(B,) bool: fewer than two pairs of draws carry this estimate. Take more samples: its error is wide."""
        return self.profile.spread()[2] < 2

    @property
    def map_gap(self) -> torch.Tensor:
        """(B,) nats less the sum of the map: 0 but for rounding, save against Alternatives, whose map is measured apart
        from the total (kind "standard")."""
        return self.nats - self.map.flatten(1).sum(1)

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
        rows = zip(self.nats[:4].tolist(), self.stderr.tolist(), self.few.tolist(), strict=False)
        some = [f"{round(nats, 3) + 0.0:.3f} ± {error:.3f}{' (few draws)' if few else ''}" for nats, error, few in rows]
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
    x, pilot = batch("x", x), 0
    for name, (denoiser, condition) in pairs.items():
        check_condition(name, denoiser, condition, len(x))
    density = all(q.kind == "nll" for q in quantities)
    proposal = sampling.proposal_for(*(denoiser for denoiser, _ in pairs.values()), density=density)
    both, places = distinct(list(pairs.values()), x.device)
    quantities = [_placed(q, both, places) for q in quantities]
    if sampling.fitted:
        pilot = max(16, min(64, 2 * (256 // len(x))))
        profiles, _ = _draw(x, both, quantities, replace(sampling, samples=pilot), proposal, PILOT)
        proposal = fit(profiles[0].logsnr, torch.stack([p.integrand for p in profiles]), proposal.range)
    if sampling.tolerance is not None:
        profiles, _ = _draw(x, both, quantities, sampling, proposal, TRIAL)
        pilot += sampling.samples
        sampling = _enough(sampling, sampling.tolerance, _worst(profiles))
    ends = 4 * max(1, sampling.samples // 100) if sampling.samples >= FEWEST else 0
    profiles, sums = _draw(x, both, quantities, sampling, proposal, DRAWS, ends)
    _check_tolerance(sampling, profiles)
    if ends and sums[0].integrand.shape[1] == sampling.samples + ends:
        tails = [s.integrand[:, -ends:].unflatten(1, (-1, 2)).mean(1).sum(1) for s in sums]
        if not isinstance(sampling.proposal, Proposal):
            asked = [density or q.kind in ("standard", "orthogonal") for q in quantities]  # not nll of a `compare`
            _check_range(proposal.range, compress(zip(profiles, tails, strict=True), asked))
    else:  # few draws, or stopped within an image
        tails = [p.tail(*proposal.range) for p in profiles]
    about = {"proposal": proposal, "pilot": pilot, "of": hashes_of(x)[: len(profiles[0].logsnr)]}
    about["noise_key"] = sampling.seed, sampling.noise, tuple(x.shape[1:])
    return [_made(x, *each, about) for each in zip(quantities, profiles, sums, tails, strict=True)]


def _placed(quantity, pairs, places):
    """The quantity among distinct pairs; a "nll" is a density, or a mass if its denoiser is discrete."""
    y, given = places[quantity.y], None if quantity.given is None else places[quantity.given]
    own = "mass" if getattr(pairs[y][0], "discrete", False) else "density"
    return Quantity(own if quantity.kind == "nll" else quantity.kind, y, given)


def _worst(profiles):
    return max(p.stderr().max().item() for p in profiles)


def _draw(x, pairs, quantities, sampling, proposal, stream, ends=0):
    """A Profile and Sums per quantity."""
    logsnr, weight, sums = measure(x, pairs, quantities, sampling, proposal, stream, ends)
    kind = Profile if sums[0].group == 1 else BalancedProfile
    each = (v[:, : sampling.samples].contiguous() for v in (logsnr, weight, *(s.integrand for s in sums)))
    logsnr, weight, *integrands = each
    return [kind(logsnr, integrand, weight) for integrand in integrands], sums


def _enough(sampling, tolerance, error):
    """With as many samples as .9 of the tolerance needs, if `sampling.samples` of them had this error."""
    most = sampling.max_samples or 10_000
    wanted = 2 * math.ceil(sampling.samples * min(error / (0.9 * tolerance), 1e9) ** 2 / 2)
    if wanted > most:
        warnings.warn(f"tolerance {tolerance:g} needs about {wanted} samples, max_samples is {most}", stacklevel=4)
    return replace(sampling, samples=min(max(wanted, 2), most), max_samples=most)


def _check_tolerance(sampling, profiles):
    """Warn where more samples would have been needed than the pilot had said."""
    error = 0 if sampling.tolerance is None else _worst(profiles)
    if error and error > sampling.tolerance and sampling.samples < sampling.max_samples:
        text = f"tolerance {sampling.tolerance:g} was missed: the largest error is {error:.3g} nats"
        warnings.warn(f"{text} at {sampling.samples} samples", stacklevel=4)


def _check_range(range, measured):
    """Warn where a tail of (profile, tail) exceeds a third of the standard error that the draws alone give."""
    if any((tail.abs() > (profile.spread()[0] / 3).clamp_min(LEAST)).any() for profile, tail in measured):
        text = f"nats lie outside the range of log-SNRs, {range[0]:.3g} to {range[1]:.3g}"
        warnings.warn(f"{text}: more than a third of the standard error, see .tail", stacklevel=4)


def _made(x, quantity, profile, sums, tail, about):
    """The Estimate of one quantity."""
    bare, factor, _ = profile.spread()
    wide = factor.reshape(-1, *[1] * (sums.total.ndim - 1))
    constant = 0.5 * math.log(2 * math.pi * math.e) if quantity.kind == "density" else 0.0
    return Estimate(
        nats=(profile.integrand * profile.weight).mean(1) + constant * x[0].numel(),
        stderr=bare * factor,
        map=sums.total / sums.count + constant * (x.shape[1] if x.ndim == 4 else 1),
        map_stderr=None if sums.variance is None else sums.variance.sqrt() * wide,
        profile=profile,
        tail=tail,
        samples=sums.count,
        **about,
    )
