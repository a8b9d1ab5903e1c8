"""The context as a mixture of whole captions: information that a weak branch without the word cannot inflate.

A word's place has alternatives a with prior π_a. Instead of the denoiser that was given an incomplete caption, the
context's denoiser is the mixture ε̂_A(x_α) = Σ_a w_a(x_α) ε̂(x_α | a) with the posterior w_a(x_α) = P(a | x_α), which is
the same function if the denoiser is exact. The weights follow from the denoisers alone, along one path of the channel
Y_γ = γx + W_γ with Brownian W, γ = e^α, x_α = Y_γ / sqrt(γ + γ²): d log w_a = x̂_a·dY − ½|x̂_a|²dγ, normalised (Duncan
1970; Kailath 1971). A path has as many steps as it has draws; its error falls with their distance.
"""

import math
from functools import partial
from statistics import NormalDist

import torch

from ..channel import per_row
from ..denoiser import Condition, Denoiser, check_finite, distinct, send
from .estimate import Estimate, Profile, hashes_of
from .measure import Evaluations, Gaps, Quantity, draw_logsnr, generator
from .sampling import Sampling, check_condition, check_x, whole

PATHS = 4  # stream of random numbers


class Alternatives:
    """K conditions that could stand in one place, and their prior: accepted as `given`.

    conditions: a list of K conditions, each as everywhere (a str for every row, or one per row). prior: (K,) or (B, K)
    weights ≥ 0, normalised here; None: uniform. steps: of a path, in the draws of a map (more samples make more paths,
    more steps follow the exact weights more closely). Raises ValueError for no condition, or for a prior that is none.
    """

    def __init__(self, conditions: list, prior=None, *, steps: int = 25) -> None:
        if not isinstance(conditions, list) or not conditions:
            raise ValueError(f"conditions must be a list of at least one condition, got {conditions!r:.60}")
        prior = torch.ones(len(conditions)) if prior is None else torch.as_tensor(prior)
        self.prior = prior.double()
        if self.prior.ndim not in (1, 2) or self.prior.shape[-1] != len(conditions):
            raise ValueError(f"prior must be ({len(conditions)},) or (B, {len(conditions)}), got {tuple(prior.shape)}")
        if not bool((self.prior >= 0).all() and self.prior.isfinite().all() and (self.prior.sum(-1) > 0).all()):
            raise ValueError("prior must be finite weights ≥ 0, not all zero in a row")
        self.prior = self.prior / self.prior.sum(-1, keepdim=True)
        whole("steps", steps, 1)
        self.conditions, self.steps = conditions, steps

    @classmethod
    def stack(cls, rows: "list[Alternatives]", **options) -> "Alternatives":
        """One Alternatives for B images from B of one row each, whose numbers of conditions may differ."""
        most = max(len(row.conditions) for row in rows)
        places = [[row.conditions[min(k, len(row.conditions) - 1)] for row in rows] for k in range(most)]
        prior = torch.zeros(len(rows), most, dtype=torch.float64)
        for i, row in enumerate(rows):
            prior[i, : len(row.conditions)] = row.prior
        return cls(places, prior, **options)

    def check_rows(self, count: int) -> None:
        """ValueError unless the prior is one for all, or one per row."""
        if self.prior.ndim == 2 and len(self.prior) not in (1, count):
            raise ValueError(f"prior must have 1 or {count} rows, as x has, got {len(self.prior)}")

    def __repr__(self) -> str:
        return f"Alternatives({self.conditions!r:.200}, prior={self.prior.tolist()!r:.80})"


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


def check_paths(sampling: Sampling) -> None:
    """ValueError for options that a walk along paths does not have."""
    where = "information is measured against Alternatives"
    whole("samples", sampling.samples, 8, step=2)
    if sampling.fitted:
        raise ValueError(f"proposal must be None or a Proposal where {where}, got 'fit'")
    for name, only in {"noise": "plain", "tolerance": None}.items():
        if getattr(sampling, name) != only:
            raise ValueError(f"{name} must be {only!r} where {where}, got {getattr(sampling, name)!r:.60}")


def along_paths(
    denoiser: Denoiser, x: torch.Tensor, y: Condition, alternatives: Alternatives, kind: str, sampling: Sampling
) -> Estimate:
    """pointwise_information with `given` an Alternatives: see there. samples = paths × steps, at least four paths."""
    check_paths(sampling)
    x, samples = check_x(x), sampling.samples
    for name, c in {"y": y, **{f"given[{k}]": c for k, c in enumerate(alternatives.conditions)}}.items():
        check_condition(name, denoiser, c, len(x))
    alternatives.check_rows(len(x))
    proposal, paths = sampling.proposal_for(denoiser), max(4, samples // alternatives.steps)
    logsnr, weight = _path_levels(proposal, sampling, paths, samples // paths, x)
    integrand, total, square = _walk(denoiser, x, y, alternatives, kind, sampling, logsnr, weight)
    profile = PathProfile(logsnr.flatten(1), integrand.flatten(1), weight.flatten(1))
    profile.paths = paths
    return Estimate(
        nats=(integrand * weight).mean((1, 2)),
        stderr=profile.stderr(),
        map=total / paths,
        map_stderr=((square / paths - (total / paths) ** 2).clamp_min(0) / (paths - 1)).sqrt() * _widen(paths),
        profile=profile,
        proposal=proposal,
        tail=profile.tail(*proposal.range),
        samples=integrand[0].numel(),
        noise_key=(sampling.seed, "paths", tuple(x.shape[1:])),
        of=hashes_of(x),
    )


def _path_levels(proposal, sampling, paths, steps, x):
    """Log-SNRs and weights of all paths, each (B, paths, steps), rising along a path."""
    items = sampling.items or range(len(x))
    drawn = [draw_logsnr(proposal, sampling.seed, PATHS + p, items, steps) for p in range(paths)]
    first = ([t.unflatten(1, (steps, 2))[:, :, 0] for t in pair] for pair in drawn)  # one draw of each bin
    logsnr, weight = (torch.stack(part, 1).to(x.device) for part in zip(*first, strict=True))
    logsnr, order = logsnr.sort(2)
    return logsnr, weight.gather(2, order)


def _scale(values, like):
    return per_row(values, like).to(like.dtype)


def _dot(left, right):
    """Inner products (N,) float64 of rows (N, *shape)."""
    return torch.linalg.vecdot(left.flatten(1), right.flatten(1)).double()


@torch.no_grad()
def _walk(denoiser, x, y, alternatives, kind, sampling, logsnr, weight):
    """All paths of all images, one log-SNR after the other: integrands (B, paths, steps), sums over paths of maps and
    of their squares."""
    (count, paths, steps), shape, items = logsnr.shape, x.shape[1:], sampling.items or range(len(x))
    rows = torch.arange(count).repeat_interleave(paths)
    counters = [generator(sampling.seed, PATHS, i, p) for i in items for p in range(paths)]
    clean, evaluate = x[rows], Evaluations(denoiser, x, sampling.batch_size)
    pairs, places = distinct([(denoiser, c) for c in (y, *alternatives.conditions)], x.device)
    brownian, gamma, seen = torch.zeros_like(clean), logsnr.new_zeros(len(rows)), torch.zeros_like(clean)
    log_w = alternatives.prior.to(x.device).expand(count, -1)[rows].log()
    before, integrand, to = None, logsnr.new_zeros(len(rows), steps), partial(_scale, like=clean)
    sum_maps = logsnr.new_zeros(len(rows), *(shape[1:] if x.ndim == 4 else shape))
    for h in range(steps):
        alpha = logsnr[:, :, h].flatten()
        snr = alpha.exp()
        fresh = torch.stack([torch.randn(shape, generator=g, dtype=torch.float32) for g in counters])
        brownian = brownian + to((snr - gamma).sqrt()) * send(fresh, clean.device).to(clean.dtype)
        channel = to(snr) * clean + brownian  # Y
        z, noise = channel / to((snr + snr**2).sqrt()), brownian / to(snr.sqrt())
        each = [evaluate(z, alpha.to(z), c, rows) for _, c in pairs]
        own, *others = (each[place] for place in places)
        guess = [(channel - to(snr.sqrt()) * eps) / to(snr) for eps in others]  # x̂ of each alternative
        step, half = channel - seen, (snr - gamma) / 2
        # Itô: the guess at the beginning of the step
        change = [_dot(x_hat, step) - _dot(x_hat, x_hat) * half for x_hat in before or guess]
        log_w = (log_w + torch.stack(change, 1)).log_softmax(1)
        mixture = sum(to(w) * eps for w, eps in zip(log_w.exp().T, others, strict=True))
        values = Quantity(kind, 0, 1).integrand(Gaps(noise, alpha, {0: own.double(), 1: mixture.double()}))
        integrand[:, h] = values.flatten(1).sum(1)
        sum_maps += values * per_row(weight[:, :, h].flatten(), values) / steps
        before, gamma, seen = guess, snr, channel
    check_finite(integrand)
    maps = sum_maps.unflatten(0, (count, paths))
    return integrand.unflatten(0, (count, paths)), maps.sum(1), maps.square().sum(1)
