"""The context as a mixture of whole captions: a denoiser that is poor without the word cannot inflate the information.

i^s is Bayes' rule over the captions, −log Σ_a π_a p(x|a)/p(x|y): at most −log π_y, whatever the noise. i^o and the
maps need the mixture's own denoiser, along paths, which Ctrl-C stops without a result.


A word's place has alternatives a with prior π_a. Instead of the denoiser given the incomplete caption, the context's
denoiser is the mixture ε̂_A(x_α) = Σ_a w_a(x_α) ε̂(x_α | a) with the posterior w_a(x_α) = P(a | x_α), which is the same
function if the denoiser is exact. The weights follow from the denoisers alone, along one path of the channel
Y_γ = γx + W_γ with Brownian W, γ = e^α, x_α = Y_γ / sqrt(γ + γ²): d log w_a = x̂_a·dY − ½|x̂_a|²dγ, normalised (Duncan
1970; Kailath 1971). Each draw is a step of a path; the error of the weights falls with the distance of the steps.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch

from ..calls import Evaluations, Together
from ..channel import per_row
from ..checks import batch, double, floats, home, log_weights, refuse, unseen, whole
from ..denoiser import Condition, Denoiser, check_finite, condition_length, distinct, send
from ..integrate import student
from ..noise import PATHS, draw_logsnr, generator
from ..progress import in_sight, unattended
from .estimate import Estimate, Profile, hashes_of, run
from .measure import Gaps, Quantity
from .sampling import Sampling, check_condition


class Alternatives:
    """K conditions that could stand in one place, and their prior: accepted as `given`.

    conditions: a list of K conditions (a str for every row, or one per row, and so on). prior: (K,) or (B, K) weights
    ≥ 0, normalised here; None: uniform. steps: draws per path (more samples make more paths; more steps per path follow
    the exact weights more closely). Raises ValueError for no condition, or for an invalid prior.
    """

    def __init__(self, conditions: list, prior: Any = None, *, steps: int = 25) -> None:
        if not isinstance(conditions, list) or not conditions:
            refuse("conditions", "a list of at least one condition", conditions)
        for k, condition in enumerate(conditions):
            condition_length(condition, f"conditions[{k}]")
        self.prior = floats("prior", torch.ones(len(conditions)) if prior is None else prior)
        if self.prior.ndim not in (1, 2) or self.prior.shape[-1] != len(conditions):
            refuse("prior", f"({len(conditions)},) or (B, {len(conditions)})", self.prior)
        log_weights("prior", self.prior, len(conditions))  # checks them
        self.prior = self.prior / self.prior.sum(-1, keepdim=True)
        self.conditions, self.steps = conditions, whole("steps", steps, 1)

    @classmethod
    def stack(cls, rows: "list[Alternatives]", **options: Any) -> "Alternatives":
        """One Alternatives for B images, from one for each; these may have different numbers of conditions."""
        if not isinstance(rows, list) or not rows or not all(isinstance(row, Alternatives) for row in rows):
            refuse("rows", "a list of at least one Alternatives", rows)
        most = max(len(row.conditions) for row in rows)
        places = [[row.conditions[min(k, len(row.conditions) - 1)] for row in rows] for k in range(most)]
        prior = torch.zeros(len(rows), most, dtype=torch.float64)
        for i, row in enumerate(rows):
            prior[i, : len(row.conditions)] = row.prior
        return cls(places, prior, **options)

    def check_rows(self, count: int) -> None:
        """ValueError unless the prior has one row for all, or `count`."""
        if self.prior.ndim == 2 and len(self.prior) not in (1, count):
            raise ValueError(f"prior must have 1 or {count} rows, as x has, got {len(self.prior)}")

    def __repr__(self) -> str:
        return f"Alternatives({self.conditions!r:.200}, prior={self.prior.tolist()!r:.80})"


@dataclass(frozen=True, eq=False)
class PathProfile(Profile):
    """Draws that come in paths, (B, paths·steps): independent between paths, not along one."""

    paths: int = 1

    def spread(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        values = (self.integrand * self.weight).unflatten(1, (self.paths, -1)).mean(2)
        bare, count = values.std(1) / math.sqrt(self.paths), torch.full_like(values[:, 0], self.paths)
        return bare, student(count - 1).to(bare.device), count


def check_paths(sampling: Sampling) -> None:
    """ValueError for options that are not available along paths."""
    where = "information is measured against Alternatives"
    whole("samples", sampling.samples, 8, step=2)
    if sampling.fitted:
        raise ValueError(f"proposal must be None or a Proposal where {where}, got 'fit'")
    for name, only in {"noise": "plain", "tolerance": None}.items():
        if getattr(sampling, name) != only:
            raise ValueError(f"{name} must be {only!r} where {where}, got {getattr(sampling, name)!r:.60}")


def against(
    denoiser: Denoiser, x: torch.Tensor, y: Condition, alternatives: Alternatives, kind: str, sampling: Sampling
) -> Estimate:
    """pointwise_information with `given` an Alternatives: see there. "standard" takes samples for the total, and as
    many again for the map."""
    walked = along_paths(denoiser, x, y, alternatives, kind, sampling)
    if kind == "orthogonal":
        return walked
    alike = {"y": (denoiser, y), **{f"given[{k}]": (denoiser, c) for k, c in enumerate(alternatives.conditions)}}
    with unattended(bars=True):
        ratios = run(x, alike, [Quantity("standard", 0, k) for k in range(1, len(alike))], sampling)
    log_prior = alternatives.prior.to(ratios[0].nats.device).log()
    evidence = log_prior - torch.stack([e.nats for e in ratios], 1)  # log π_a p(x|a)/p(x|y), (B, K)
    profile = averaged(ratios, evidence.softmax(1))
    return replace(
        ratios[0],
        nats=-evidence.logsumexp(1),
        stderr=profile.stderr(),
        map=walked.map,
        map_stderr=walked.map_stderr,
        profile=profile,
        tail=(evidence.softmax(1) * torch.stack([e.tail for e in ratios], 1)).sum(1),
    )


def averaged(estimates: list[Estimate], shares: torch.Tensor) -> Profile:
    """The mean of K profiles on the same draws, with shares (B, K)."""
    integrands = torch.stack([e.profile.integrand for e in estimates], 1)
    return replace(estimates[0].profile, integrand=(shares[..., None] * integrands).sum(1))


def along_paths(
    denoiser: Denoiser, x: torch.Tensor, y: Condition, alternatives: Alternatives, kind: str, sampling: Sampling
) -> Estimate:
    """Information and map from paths alone. samples = paths × steps, at least four paths."""
    return each_along_paths(denoiser, x, [y], alternatives, kind, sampling)[0]


def each_along_paths(
    denoiser: Denoiser, x: torch.Tensor, ys: list[Condition], alternatives: Alternatives, kind: str, sampling: Sampling
) -> list[Estimate]:
    """along_paths of several y on the same paths: ys that are among the alternatives cost no evaluation more."""
    check_paths(sampling)
    x, samples = batch("x", x), sampling.samples
    names = {f"y[{k}]": y for k, y in enumerate(ys)} if len(ys) > 1 else {"y": ys[0]}
    for name, condition in {**names, **{f"given[{k}]": c for k, c in enumerate(alternatives.conditions)}}.items():
        check_condition(name, denoiser, condition, len(x))
    alternatives.check_rows(len(x))
    proposal, paths = sampling.proposal_for(denoiser), max(4, samples // alternatives.steps)
    logsnr, weight = _path_levels(proposal, sampling, paths, samples // paths, x)
    walked = _walk(denoiser, x, ys, alternatives, kind, sampling, logsnr, weight)
    return [_from_paths(x, sampling, proposal, logsnr, weight, *of_y) for of_y in zip(*walked, strict=True)]


def _from_paths(x, sampling, proposal, logsnr, weight, integrand, total, square):
    """The Estimate of integrands (B, paths, steps), and of maps and their squares, summed over paths."""
    paths = logsnr.shape[1]
    profile = PathProfile(logsnr.flatten(1), integrand.flatten(1), weight.flatten(1), paths)
    bare, factor, _ = profile.spread()
    spread = (square / paths - (total / paths) ** 2).clamp_min(0) / (paths - 1)
    return Estimate(
        nats=(integrand * weight).mean((1, 2)),
        stderr=bare * factor,
        map=total / paths,
        map_stderr=spread.sqrt() * factor.reshape(-1, *[1] * (spread.ndim - 1)),
        profile=profile,
        proposal=proposal,
        tail=profile.tail(*proposal.range),
        samples=integrand[0].numel(),
        noise_key=(sampling.seed, "paths", tuple(x.shape[1:])),
        of=hashes_of(x),
    )


def _path_levels(proposal, sampling, paths, steps, x):
    """Log-SNRs and weights of all paths, each (B, paths, steps), rising along a path."""
    items = sampling.items_of(x)
    drawn = [draw_logsnr(proposal, sampling.seed, PATHS + p, items, steps) for p in range(paths)]
    each = (torch.stack(part, 1)[..., ::2] for part in zip(*drawn, strict=True))  # one per bin
    logsnr, weight = (values.to(home(x.device)) for values in each)
    logsnr, order = logsnr.sort(2)
    return logsnr, weight.gather(2, order)


def _dot(left, right):
    """Inner products (N,) float64 of rows (N, *shape)."""
    return double(torch.linalg.vecdot(left.flatten(1), right.flatten(1)))


def _channel(clean, counters, logsnr):
    """Follow Y_γ = γx + W_γ along logsnr (N, steps): yields α (N,), γ = e^α, the rise of γ, Y and W (N, *shape)."""
    before, brownian = logsnr.new_zeros(len(clean)), torch.zeros_like(clean)
    for alpha in logsnr.T.contiguous():
        gamma = alpha.exp()
        noise = [torch.randn(clean.shape[1:], generator=g, dtype=torch.float32) for g in counters]
        root = per_row((gamma - before).sqrt(), clean).to(clean)
        brownian = brownian + root * send(torch.stack(noise), clean.device).to(clean.dtype)
        yield alpha, gamma, gamma - before, per_row(gamma, clean).to(clean) * clean + brownian, brownian
        before = gamma


def _weighed(log_w, guesses, step, rise):
    """log w_a (N, K) after the step dY, with x̂_a (N, *shape) at its beginning (Itô): d log w_a = x̂_a·dY − ½|x̂_a|²dγ."""
    change = [_dot(x_hat, step) - _dot(x_hat, x_hat) * (rise / 2) for x_hat in guesses]
    return (log_w + torch.stack(change, 1)).log_softmax(1)


@torch.no_grad()
@unseen()
def _walk(denoiser, x, ys, alternatives, kind, sampling, logsnr, weight):
    """All paths of all images, one log-SNR after the other: integrands (Y, B, paths, steps), and the maps of paths and
    their squares, summed over paths, (Y, B, *map)."""
    count, paths, steps = logsnr.shape
    rows = torch.arange(count).repeat_interleave(paths)
    counters = [generator(sampling.seed, PATHS, i, p) for i in sampling.items_of(x) for p in range(paths)]
    pairs, places = distinct([(denoiser, c) for c in (*ys, *alternatives.conditions)], x.device)
    evaluate = Together(Evaluations(denoiser, x, sampling.batch_size), [c for _, c in pairs], rows)
    log_w = alternatives.prior.to(home(x.device)).expand(count, -1)[rows].log()
    clean, integrands, maps, before, seen = x[rows], [], 0, None, 0
    quantities = [Quantity(kind, k, len(ys)) for k in range(len(ys))]
    draws = zip(weight.flatten(0, 1).T, _channel(clean, counters, logsnr.flatten(0, 1)), strict=True)
    draws = in_sight(draws, steps, sampling.progress, len(rows) * len(pairs))
    for factor, (alpha, gamma, rise, channel, brownian) in draws:
        root, scale = (per_row(v, clean).to(clean) for v in (gamma.sqrt(), (gamma + gamma**2).sqrt()))
        found = evaluate(channel / scale, alpha.to(clean))
        each = [found[place] for place in places]
        own, others = each[: len(ys)], each[len(ys) :]
        guesses = [(channel - root * eps) / per_row(gamma, clean).to(clean) for eps in others]  # x̂_a
        log_w = _weighed(log_w, before or guesses, channel - seen, rise)
        mixture = sum(per_row(w, eps).to(eps) * eps for w, eps in zip(log_w.exp().T, others, strict=True))
        gaps = Gaps(brownian / root, alpha, dict(enumerate(map(double, [*own, mixture]))))
        values = torch.stack([quantity.integrand(gaps) for quantity in quantities])
        integrands.append(values.flatten(2).sum(2))
        maps = maps + values * per_row(factor, values[0]) / steps
        before, seen = guesses, channel
    integrand = torch.stack(integrands, 2)
    check_finite(integrand)
    maps = maps.unflatten(1, (count, paths))
    return integrand.unflatten(1, (count, paths)), maps.sum(2), maps.square().sum(2)
