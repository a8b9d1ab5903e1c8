"""The context as a mixture of whole captions: information that a weak branch without the word cannot inflate.

A word's place has alternatives a with prior π_a. Instead of the denoiser that was given an incomplete caption, the
context's denoiser is the mixture ε̂_A(x_α) = Σ_a w_a(x_α) ε̂(x_α | a) with the posterior w_a(x_α) = P(a | x_α), which is
the same function if the denoiser is exact. The weights follow from the denoisers alone, along one path of the channel
Y_γ = γx + W_γ with Brownian W, γ = e^α, x_α = Y_γ / sqrt(γ + γ²): d log w_a = x̂_a·dY − ½|x̂_a|²dγ, normalised (Duncan
1970; Kailath 1971). A path has as many steps as it has draws; its error falls with their distance.
"""

import math
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist

import torch

from .channel import per_row
from .denoiser import check_finite, condition_length, distinct, send
from .estimate import Estimate, Profile, _check_proposal, _check_x, _estimate, _whole
from .measure import Evaluations, Gaps, Quantity, draw_logsnr, generator

PATHS = 4  # stream of random numbers


class Alternatives:
    """K conditions that could stand in one place, and their prior: accepted as `given`.

    conditions: a list of K conditions, each as everywhere (a str for every row, or one per row). prior: (K,) or (B, K)
    weights ≥ 0, normalised here; None: uniform. steps: of a path, in the draws of a map (more samples make more paths,
    more steps follow the exact weights more closely). Raises ValueError for no condition, or for a prior that is none.
    """

    def __init__(self, conditions, prior=None, *, steps=25):
        if not isinstance(conditions, list) or not conditions:
            raise ValueError(f"conditions must be a list of at least one condition, got {conditions!r:.60}")
        prior = torch.ones(len(conditions)) if prior is None else torch.as_tensor(prior)
        self.prior = prior.double()
        if self.prior.ndim not in (1, 2) or self.prior.shape[-1] != len(conditions):
            raise ValueError(f"prior must be ({len(conditions)},) or (B, {len(conditions)}), got {tuple(prior.shape)}")
        if not bool((self.prior >= 0).all() and self.prior.isfinite().all() and (self.prior.sum(-1) > 0).all()):
            raise ValueError("prior must be finite weights ≥ 0, not all zero in a row")
        self.prior = self.prior / self.prior.sum(-1, keepdim=True)
        _whole("steps", steps, 1)
        self.conditions, self.steps = conditions, steps

    @classmethod
    def stack(cls, rows, **options):
        """One Alternatives for B images from B of one row each, whose numbers of conditions may differ."""
        most = max(len(row.conditions) for row in rows)
        places = [[row.conditions[min(k, len(row.conditions) - 1)] for row in rows] for k in range(most)]
        prior = torch.zeros(len(rows), most, dtype=torch.float64)
        for i, row in enumerate(rows):
            prior[i, : len(row.conditions)] = row.prior
        return cls(places, prior, **options)

    def against(self, *arguments):
        """What pointwise_information does with `given` an Alternatives."""
        return information_against(self, *arguments)

    def __repr__(self):
        return f"Alternatives({self.conditions!r:.200}, prior={self.prior.tolist()!r:.80})"


@dataclass(frozen=True)
class Posterior:
    """log P(a | x) of K alternatives for B images, (B, K) in nats, and its standard error; prior (B or 1, K)."""

    log_prob: torch.Tensor
    stderr: torch.Tensor
    prior: torch.Tensor

    @property
    def information(self):
        """i_A(x; a | c) = log P(a | x) − log π_a, (B, K) nats: at most −log π_a, −∞ towards what does not fit."""
        possible = self.prior > 0
        return torch.where(possible, self.log_prob - self.prior.log(), -math.inf)


def posterior(denoiser, x, alternatives, *, samples=100, seed=0, proposal=None, batch_size=None):
    """Bayes' rule over alternatives, from K evaluations per sample: P(a | x) = π_a p(x|a) / Σ π_b p(x|b).

    Every term comes from a branch that is told a whole condition. Its information is i_A(x; a | c) =
    log p(x|a) − log Σ_b π_b p(x|b). Noise of the estimates and errors of the denoiser lower the information of the true
    alternative on average; they can't raise it. Arguments and Raises as for infodecomp.nll. Returns a Posterior.
    """
    count, x = len(alternatives.conditions), _check_x(x)
    conditions = {f"conditions[{k}]": c for k, c in enumerate(alternatives.conditions)}
    options = (samples, seed, proposal, batch_size, None, samples)
    ratios = _estimate(denoiser, x, conditions, [Quantity("standard", k, 0) for k in range(count)], *options)
    prior = alternatives.prior.to(x.device).reshape(-1, count)
    log_prob = (prior.log() + torch.stack([e.nats for e in ratios], 1)).log_softmax(1)
    integrands = torch.stack([e.profile.integrand for e in ratios], 1)  # (B, K, samples)
    moved = integrands - (log_prob.exp()[..., None] * integrands).sum(1, keepdim=True)  # how log P moves with the draws
    errors = [ratios[0].profile._replace(integrand=moved[:, k]).stderr() for k in range(count)]
    return Posterior(log_prob, torch.stack(errors, 1), prior)


class PathProfile(Profile):
    """Draws that come in paths, (B, paths·steps): independent between paths, not along one."""

    paths = 1

    def _replace(self, **values):
        replaced = super()._replace(**values)
        replaced.paths = self.paths
        return replaced

    def stderr(self):
        values = (self.integrand * self.weight).unflatten(1, (self.paths, -1)).mean(2)
        return values.std(1) * _widen(self.paths) / math.sqrt(self.paths)


def _widen(paths):
    """A factor that makes ±2 standard errors from so few paths cover what they cover for a normal (Student's t)."""
    from scipy.stats import t

    return t.ppf(NormalDist().cdf(2), paths - 1) / 2


def information_against(alternatives, denoiser, x, y, kind, samples, seed, proposal, batch_size, items=None):
    """pointwise_information with `given` an Alternatives: see there. samples = paths × steps, at least four paths.

    items: what the noise of each image is keyed by (None: 0, 1, …).
    """
    x = _check_x(x)
    _whole("samples", samples, 8, step=2)
    _whole("seed", seed, 0)
    for name, c in {"y": y, **{f"given[{k}]": c for k, c in enumerate(alternatives.conditions)}}.items():
        if condition_length(c, name) not in (None, 1, len(x)):
            raise ValueError(f"{name} must have 1 or {len(x)} rows, as x has, got {condition_length(c, name)}")
    if alternatives.prior.ndim == 2 and len(alternatives.prior) not in (1, len(x)):
        raise ValueError(f"prior must have 1 or {len(x)} rows, as x has, got {len(alternatives.prior)}")
    proposal = _check_proposal(proposal, denoiser)
    paths = max(4, samples // alternatives.steps)
    steps = samples // paths
    items = items or range(len(x))
    found = _walk(denoiser, x, y, alternatives, kind, paths, steps, seed, proposal, batch_size, items)
    logsnr, weight, integrand, total, square = found
    profile = PathProfile(logsnr.flatten(1), integrand.flatten(1), weight.flatten(1))
    profile.paths = paths
    spread = ((square / paths - (total / paths) ** 2).clamp_min(0) / (paths - 1)).sqrt() * _widen(paths)
    nats = (integrand * weight).mean((1, 2))
    key = (seed, "paths", tuple(x.shape[1:]))
    tail = profile.tail(*proposal.range)
    return Estimate(nats, profile.stderr(), total / paths, spread, profile, proposal, tail, paths * steps, 0, key)


def _scale(values, like):
    return per_row(values, like).to(like.dtype)


def _dot(one, other):
    """Inner products (N,) float64 of rows (N, *shape)."""
    return torch.linalg.vecdot(one.flatten(1), other.flatten(1)).double()


@torch.no_grad()
def _walk(denoiser, x, y, alternatives, kind, paths, steps, seed, proposal, batch_size, items):
    """All paths of all images, one log-SNR after the other: (B, paths, steps) draws, and sums over paths of maps."""
    count, shape = len(x), x.shape[1:]
    drawn = [[t.unflatten(1, (steps, 2))[:, :, 0] for t in draw_logsnr(proposal, seed, PATHS + p, items, steps)]
             for p in range(paths)]  # fmt: skip
    logsnr, weight = (torch.stack(part, 1).to(x.device) for part in zip(*drawn, strict=True))  # (B, paths, steps)
    logsnr, order = logsnr.sort(2)  # a path runs upwards, also where draws are not stratified
    weight = weight.gather(2, order)
    rows = torch.arange(count).repeat_interleave(paths)
    randoms = [generator(seed, PATHS, i, p) for i in items for p in range(paths)]
    clean, evaluate = x[rows], Evaluations(denoiser, x, batch_size)
    conditions, places = distinct(denoiser, [y, *alternatives.conditions], x.device)
    brownian, gamma, seen = torch.zeros_like(clean), logsnr.new_zeros(len(rows)), torch.zeros_like(clean)
    log_w = alternatives.prior.to(x.device).expand(count, -1)[rows].log()
    before, integrand = None, logsnr.new_zeros(len(rows), steps)
    sum_maps = logsnr.new_zeros(len(rows), *(shape[1:] if x.ndim == 4 else shape))
    for h in range(steps):
        alpha = logsnr[:, :, h].flatten()
        snr = alpha.exp()
        to = partial(_scale, like=clean)
        fresh = torch.stack([torch.randn(shape, generator=g, dtype=torch.float32) for g in randoms])
        brownian = brownian + to((snr - gamma).sqrt()) * send(fresh, clean.device).to(clean.dtype)
        channel = to(snr) * clean + brownian  # Y
        z, noise = channel / to((snr + snr**2).sqrt()), brownian / to(snr.sqrt())
        each = [evaluate(z, alpha.to(z), c, rows) for c in conditions]
        own, *told = (each[place] for place in places)
        guess = [(channel - to(snr.sqrt()) * eps) / to(snr) for eps in told]  # x̂ of each alternative
        step = channel - seen, (snr - gamma) / 2
        # Itô: the guess at the beginning of the step
        change = [_dot(left, step[0]) - _dot(left, left) * step[1] for left in before or guess]
        log_w = (log_w + torch.stack(change, 1)).log_softmax(1)
        mixture = sum(to(w) * eps for w, eps in zip(log_w.exp().T, told, strict=True))
        gaps = Gaps(noise, alpha)
        gaps.told = {0: own.double(), 1: mixture.double()}
        values = Quantity(kind, 0, 1).integrand(gaps)
        integrand[:, h] = values.flatten(1).sum(1)
        sum_maps += values * per_row(weight[:, :, h].flatten(), values) / steps
        before, gamma, seen = guess, snr, channel
    check_finite(integrand)
    each = sum_maps.unflatten(0, (count, paths))
    return logsnr, weight, integrand.unflatten(0, (count, paths)), each.sum(1), each.square().sum(1)
