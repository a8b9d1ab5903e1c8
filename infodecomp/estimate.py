"""Equations 2–6 of Kong et al. (ICLR 2024): densities, information and pixel maps from denoising errors, in nats."""

import math
import warnings
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from .denoiser import condition_length
from .integrate import Logistic, Proposal, fit, pair_variance
from .measure import DRAWS, GROUP, PILOT, TRIAL, Quantity, measure


class Profile(NamedTuple):
    """The draws behind an estimate, in nats per nat of log-SNR. Each (B, samples); draws 2h and 2h + 1 share a bin.

    nats = constant + (integrand · weight).mean(1); the constant is ½·ln(2πe) per dimension for densities, else 0.
    """

    logsnr: torch.Tensor
    integrand: torch.Tensor
    weight: torch.Tensor
    group = 1  # neighbouring bins whose noises are not independent

    def stderr(self):
        """Standard error (B,) of the mean over draws."""
        values = (self.integrand * self.weight).unflatten(1, (-1, 2))
        return pair_variance(values[..., 0], values[..., 1], values.shape[1], self.group).sqrt()

    def tail(self, low, high):
        """(B,) what lies outside if the integrand falls like e^−|α| there, from the tenth of draws nearest each end."""
        near, order, total = max(2, self.logsnr.shape[1] // 20), self.logsnr.argsort(1), 0
        for ends, distance in ((order[:, :near], self.logsnr - low), (order[:, -near:], high - self.logsnr)):
            total = total + (self.integrand * torch.exp(-distance)).gather(1, ends).mean(1)
        return total


class BalancedProfile(Profile):
    """Draws of which five neighbouring bins share their noise."""

    group = GROUP["balanced"]


@dataclass(frozen=True, eq=False, repr=False)
class Estimate:
    """An estimate in nats for each of B images, with the standard error of its noise (a normal approximation: where few
    draws carry much, as near the boundary of two clusters, it needs some hundred samples).

    nats, stderr (B,); map, map_stderr (B, h, w) for x (B, C, h, w), channels summed, else in the shape of x:
    contributions that sum to nats. profile: the draws; proposal: where their log-SNRs were drawn, range: over which of
    them the integral runs; tail (B,): what lies outside, extrapolated from the outermost draws, not part of nats.
    samples: denoiser evaluations per image and condition; pilot: those spent beside them on proposal or samples.
    All float64, on the device of x. a − b and a + b of two estimates on the same noise are paired: their standard error
    is that of the difference or sum (map_stderr is then None: pairs are not kept per pixel).
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
    noise_key: tuple = ()

    @property
    def range(self):
        return self.proposal.range

    @property
    def bits(self):
        """nats / ln 2, (B,)."""
        return self.nats / math.log(2)

    def mean(self):
        """Mean over images and its standard error, floats: images are the independent unit (for one, its stderr)."""
        error = self.nats.std() / math.sqrt(len(self.nats)) if len(self.nats) > 1 else self.stderr[0]
        return self.nats.mean().item(), error.item()

    def __getitem__(self, i):
        """The Estimate of image i alone, or of a slice of the images."""
        rows = range(len(self.nats))[i]
        rows = slice(rows, rows + 1) if isinstance(rows, int) else i
        cut = {name: getattr(self, name) for name in ("nats", "stderr", "map", "map_stderr", "tail")}
        cut = {name: None if values is None else values[rows] for name, values in cut.items()}
        profile = self.profile._replace(**{name: getattr(self.profile, name)[rows] for name in Profile._fields})
        return replace(self, profile=profile, **cut)

    def __neg__(self):
        profile = self.profile._replace(integrand=-self.profile.integrand)
        return replace(self, nats=-self.nats, map=-self.map, tail=-self.tail, profile=profile)

    def __add__(self, other):
        if self.noise_key != other.noise_key or not torch.equal(self.profile.logsnr, other.profile.logsnr):
            raise ValueError("sum and difference need estimates on one x, seed, samples and proposal (see compare)")
        profile = self.profile._replace(integrand=self.profile.integrand + other.profile.integrand)
        values = {name: getattr(self, name) + getattr(other, name) for name in ("nats", "map", "tail")}
        return replace(self, stderr=profile.stderr(), map_stderr=None, profile=profile, **values)

    def __sub__(self, other):
        return self + -other

    def __repr__(self):
        some = [f"{v:.3f} ± {e:.3f}" for v, e in zip(self.nats[:4].tolist(), self.stderr.tolist(), strict=False)]
        more = f", … {len(self.nats)} in all" if len(self.nats) > 4 else ""
        low, high = self.range
        return f"Estimate({', '.join(some)}{more} nats; {self.samples} samples, log-SNR {low:.1f} to {high:.1f})"


def _whole(name, value, least, step=1):
    if isinstance(value, bool) or not isinstance(value, int) or value < least or value % step:
        raise ValueError(f"{name} must be {'an even' if step == 2 else 'a whole'} number ≥ {least}, got {value!r}")


def _check_x(x):
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        raise ValueError(f"x must be a floating-point tensor, got {getattr(x, 'dtype', type(x).__name__)}")
    if x.ndim < 2 or x.numel() == 0:
        raise ValueError(f"x must be (B, *shape) with at least one row and one number, got {tuple(x.shape)}")
    if not bool(x.isfinite().all()):
        raise ValueError("x must be finite, got NaN or infinity")
    return x.detach().float() if x.dtype in (torch.float16, torch.bfloat16) else x.detach()


def _check_condition(name, condition, rows):
    length = condition_length(condition, name)
    if length not in (None, 1, rows):
        raise ValueError(f"{name} must have 1 or {rows} rows, as x has, got {length}")


def _check_proposal(proposal, denoiser):
    """Default: the denoiser's own `proposal`; else the paper's logistic over its `logsnr_range`, or loc ± 6·scale."""
    valid = getattr(denoiser, "logsnr_range", None) or (-math.inf, math.inf)
    if proposal is None or (isinstance(proposal, str) and proposal == "fit"):
        proposal = getattr(denoiser, "proposal", None)
    if proposal is None:
        proposal = Logistic(clip=6.0, range=valid if all(map(math.isfinite, valid)) else None)
    if not isinstance(proposal, Proposal):
        raise ValueError(f"proposal must be an infodecomp.integrate.Proposal, 'fit' or None, got {proposal!r:.60}")
    if proposal.range[0] < valid[0] - 1e-6 or proposal.range[1] > valid[1] + 1e-6:
        raise ValueError(f"proposal has range {proposal.range}, the denoiser is valid on log-SNRs {tuple(valid)} only")
    return proposal


def _estimate(
    denoiser,
    x,
    conditions,
    quantities,
    samples,
    seed,
    proposal,
    batch_size,
    tolerance,
    max_samples,
    noise="plain",
    items=None,
):
    """One Estimate per quantity: checks, then a pilot if one is asked for, then the pass. conditions: {name: one};
    items: what the noise of each image is keyed by (None: 0, 1, …)."""
    if not callable(denoiser):
        raise ValueError(f"denoiser must be callable, got {type(denoiser).__name__}")
    x, own = _check_x(x), "mass" if getattr(denoiser, "discrete", False) else "density"
    quantities = [q._replace(kind=own) if q.kind == "nll" else q for q in quantities]
    for name, condition in conditions.items():
        _check_condition(name, condition, len(x))
    _whole("samples", samples, 2, step=2)
    _whole("max_samples", max_samples, 2, step=2)
    _whole("seed", seed, 0)
    _whole("batch_size", 1 if batch_size is None else batch_size, 1)
    if noise not in GROUP:
        raise ValueError(f"noise must be 'plain' or 'balanced', got {noise!r:.60}")
    if tolerance is not None and not tolerance > 0:
        raise ValueError(f"tolerance must be a positive number of nats, got {tolerance!r}")
    fitted, proposal = isinstance(proposal, str), _check_proposal(proposal, denoiser)
    given, pilot = list(conditions.values()), 0

    def run(samples, stream):
        drawn = BalancedProfile if noise == "balanced" and stream != PILOT else Profile
        settings = samples, seed, stream, proposal, batch_size, items, drawn.group
        logsnr, weight, sums = measure(denoiser, x, given, quantities, *settings)
        return [drawn(logsnr, s.integrand, weight) for s in sums], sums

    if fitted:
        pilot = max(16, min(64, 2 * (256 // len(x))))
        seen = run(pilot, PILOT)[0]
        proposal = fit(seen[0].logsnr, torch.stack([p.integrand for p in seen]), proposal.range)
    if tolerance is not None:
        error = max(p.stderr().max().item() for p in run(samples, TRIAL)[0])
        pilot, wanted = pilot + samples, 2 * math.ceil(samples * (error / tolerance) ** 2 / 2)
        if wanted > max_samples:
            text = f"tolerance {tolerance:g} needs about {wanted} samples, max_samples is {max_samples}"
            warnings.warn(text, stacklevel=3)
        samples = min(max(wanted, 2), max_samples)
    profiles, sums = run(samples, DRAWS)
    estimates, key = [], (seed, noise, tuple(x.shape[1:]))
    for quantity, profile, gathered in zip(quantities, profiles, sums, strict=True):
        constant = 0.5 * math.log(2 * math.pi * math.e) if quantity.kind == "density" else 0.0
        nats = (profile.integrand * profile.weight).mean(1) + constant * x[0].numel()
        map_ = gathered.total / samples + constant * (x.shape[1] if x.ndim == 4 else 1)
        values = nats, profile.stderr(), map_, gathered.variance.sqrt(), profile
        estimates.append(Estimate(*values, proposal, profile.tail(*proposal.range), samples, pilot, key))
    return estimates


def _check_kind(kind):
    if kind not in ("orthogonal", "standard"):
        raise ValueError(f"kind must be 'orthogonal' or 'standard', got {kind!r}")


def nll(
    denoiser,
    x,
    condition=None,
    *,
    noise="plain",
    samples=100,
    seed=0,
    proposal=None,
    batch_size=None,
    tolerance=None,
    max_samples=10_000,
):
    """−log p(x | condition) in nats for each row of x (Eq. 2, 3); −log of the mass if the denoiser is `discrete`.

    denoiser: callable (z, logsnr, condition) -> eps_hat. x (B, *shape) floating point. condition: None or a str, the
    same for every row, or a list, tensor or tuple of tensors with B rows or 1. samples: draws of (log-SNR, noise)
    per image, even; the same seed gives the same numbers whatever the batch_size (rows per call; None: so many that
    2¹⁸ numbers on a CPU, 2²⁰ elsewhere go into a call; where it runs out of memory they are halved).
    proposal: where log-SNRs are drawn (infodecomp.integrate); None: the denoiser's; "fit": from a pilot run.
    noise: "plain", or "balanced": the noises of five neighbouring bins sum to zero, so that what is linear in them
    cancels. Same mean and no more evaluations; the standard error then has a fifth of the degrees of freedom.
    tolerance: a standard error to aim at, in nats, for the worst image: a pilot of `samples` draws fixes the number of
    fresh draws, at most max_samples (with a warning where that is too few).
    Returns an Estimate. Raises ValueError for arguments that are none of these, and for a denoiser that returns another
    shape, NaN or infinity.
    """
    options = (samples, seed, proposal, batch_size, tolerance, max_samples, noise)
    return _estimate(denoiser, x, {"condition": condition}, [Quantity("nll", 0)], *options)[0]


def pointwise_information(
    denoiser,
    x,
    y,
    given=None,
    *,
    kind="orthogonal",
    noise="plain",
    samples=100,
    seed=0,
    proposal=None,
    batch_size=None,
    tolerance=None,
    max_samples=10_000,
):
    """i(x; y | given) in nats, and its split over pixels (Eq. 4–6): the denoiser given y against the one given `given`.

    y is everything the first one gets, context included: i(word | rest) is y = whole caption, given = the caption
    without the word. given: a condition, or Alternatives, whose mixture then is the context (samples make paths).
    kind "standard": i^s, unbiased for log p(x|y) − log p(x|given), may be negative. "orthogonal": i^o ≥ 0,
    the same on average over y that belong to x, with less noise; no score for a y that does not fit.
    Other arguments, Returns and Raises: as for nll.
    """
    _check_kind(kind)
    if hasattr(given, "against"):  # Alternatives
        if noise != "plain":
            raise ValueError(f"noise must be 'plain' where given is Alternatives, got {noise!r:.60}")
        return given.against(denoiser, x, y, kind, samples, seed, proposal, batch_size)
    options = (samples, seed, proposal, batch_size, tolerance, max_samples, noise)
    return _estimate(denoiser, x, {"y": y, "given": given}, [Quantity(kind, 0, 1)], *options)[0]
