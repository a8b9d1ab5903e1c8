"""The best of several conditions for a part of the evaluations: successive elimination on shared noise.

Diffusion Classifier (Li et al., ICCV 2023) evaluates every candidate at first and keeps the best few of each stage; how
many is set by hand. Here a candidate is dropped when its paired difference to the leader is beyond what noise
explains, and a union bound over candidates and rounds says how often the best one is lost.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from scipy.special import stdtrit

from .checks import batch, home, number, refuse, whole
from .denoiser import Denoiser, condition_length, distinct, take
from .estimates.alternatives import Alternatives
from .estimates.measure import Quantity, measure
from .estimates.sampling import Sampling, check_condition, samples_of
from .integrate import Proposal, student, widening
from .noise import ROUND


@dataclass(frozen=True)
class Choice:
    """Which of K conditions B images have most evidence for, and what it took.

    best (B,): its position. behind, stderr (B, K): by how many nats of log π_a + log p(x|a) each was behind the leader
    in the last round in which it was measured, 0 for the leader, and the paired standard error (both inf for a
    condition of prior zero). samples (B, K): draws of each; full: those of the full ranking. candidates (B,): how many
    conditions have a prior > 0.
    """

    best: torch.Tensor
    behind: torch.Tensor
    stderr: torch.Tensor
    samples: torch.Tensor
    candidates: torch.Tensor
    full: int

    @property
    def share(self) -> torch.Tensor:
        """(B,) evaluations as a share of those that the full ranking takes."""
        return self.samples.sum(1).double() / (self.full * self.candidates)


def rounds(first: int, samples: int) -> list[int]:
    """Draws after each round: first, twice that, and so on, and at last all of `samples`."""
    cuts = []
    while first < samples:
        cuts.append(first)
        first *= 2
    return [*cuts, samples]


def gaps(
    losses: torch.Tensor, log_prior: torch.Tensor, alive: torch.Tensor, level: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """The leader (B,), and of each condition (B, K) its nats behind the leader, their standard error, and its limit.

    losses (B, K, n): nats −log p(x|a) of each draw, up to what all share; draws 2h and 2h + 1 share a bin. alive
    (B, K) bool: those that are compared. The limit is what a one-sided Student t-test at `level` (B,) allows, with the
    degrees of freedom that the pairs of draws have, widened where few carry it (infodecomp.integrate.widening).
    """
    score = torch.where(alive, log_prior - losses.mean(2), -torch.inf)
    leader = score.argmax(1)
    ahead = losses - losses.gather(1, leader[:, None, None].expand(-1, 1, losses.shape[2]))  # (B, K, n)
    differences = ahead.unflatten(2, (-1, 2)).diff(dim=3).flatten(0, 1)[..., 0]  # (B·K, pairs)
    factor, count = widening(differences)
    bare = differences.square().sum(1).sqrt() / (2 * differences.shape[1])
    freedom = (3 * count).clamp_max(differences.shape[1])
    levels = level.repeat_interleave(alive.shape[1]).cpu().numpy()
    quantile = torch.from_numpy(np.asarray(stdtrit(freedom.cpu().numpy(), 1 - levels))).to(bare)
    error = bare * factor
    limit = error * quantile / student(freedom).to(bare)
    behind = torch.where(alive, score.gather(1, leader[:, None]) - score, torch.inf)
    return leader, behind, error.reshape(alive.shape), limit.reshape(alive.shape)


def eliminate(
    losses_of: Callable[[torch.Tensor, int, int], torch.Tensor], log_prior: torch.Tensor, cuts: list[int], error: float
) -> Choice:
    """The rounds of `classify`, whatever the losses are measured with: see there.

    losses_of(racing, start, stop): −log p(x|a) in nats of each draw from start to stop (B, K, stop − start), looked at
    where racing (B, K) bool. log_prior (B, K), −inf for what is not a candidate. cuts: draws after each round, rising.
    """
    alive, taken = log_prior > -torch.inf, torch.zeros_like(log_prior, dtype=torch.long)
    candidates, losses = alive.sum(1), log_prior.new_zeros(*log_prior.shape, cuts[-1])
    behind = torch.where(alive & (candidates == 1)[:, None], 0.0, torch.full_like(log_prior, torch.inf))  # runs no race
    stderr = behind.clone()
    level = error / ((candidates - 1) * (len(cuts) - 1)).clamp_min(1).double()
    for start, stop in pairwise([0, *cuts]):
        racing = alive & (alive.sum(1) > 1)[:, None]
        losses[:, :, start:stop] = losses_of(racing, start, stop)
        taken += racing * (stop - start)
        leader, gap, spread, limit = gaps(losses[:, :, :stop], log_prior, alive, level)
        behind, stderr = torch.where(racing, gap, behind), torch.where(racing, spread, stderr)
        if stop < cuts[-1]:
            alive = alive & ~(racing & (gap > limit))
    return Choice(leader, behind, stderr, taken, candidates, cuts[-1])


def classify(
    denoiser: Denoiser,
    x: torch.Tensor,
    alternatives: Alternatives,
    *,
    error: float = 0.05,
    first: int = 8,
    samples: int | None = None,
    seed: int = 0,
    proposal: Proposal | None = None,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Choice:
    """The alternative with the largest π_a p(x|a), as infodecomp.posterior ranks them, for fewer evaluations.

    Rounds of first, first, 2·first, 4·first, … fresh draws (even, at least 8; `samples` in all), the same for all
    alternatives. After each one but the last an alternative is dropped whose paired difference to the leader exceeds
    the limit of a one-sided t-test at error / ((K − 1)·(rounds − 1)). By the union bound over leaders and rounds the
    alternative that is best in the limit of many draws is dropped with a probability of at most `error`, as far as the
    t-test holds; so is the one that the full ranking on these draws chooses. 0: the full ranking, nothing is dropped.
    error says nothing of the choice among those that are left, nor of the denoiser.

    alternatives: infodecomp.Alternatives for x (B, *shape). error in [0, 1). Other arguments and Raises as for
    infodecomp.nll (proposal "fit" is refused). Returns a Choice.
    """
    if not isinstance(alternatives, Alternatives):
        refuse("alternatives", "an infodecomp.Alternatives", alternatives)
    error = number("error", error, 0, 1 - 1e-9, "a number in [0, 1)")
    first, x, samples = whole("first", first, 8, step=2), batch("x", x), samples_of(samples, denoiser)
    sampling = Sampling(samples, seed, proposal, batch_size, progress=progress)
    if sampling.fitted:
        raise ValueError("proposal must be None or a Proposal, as rounds share one, got 'fit'")
    for k, condition in enumerate(alternatives.conditions):
        check_condition(f"conditions[{k}]", denoiser, condition, len(x))
    alternatives.check_rows(len(x))
    log_prior = alternatives.prior.to(home(x.device)).expand(len(x), -1).log()
    race = Race(denoiser, x, alternatives.conditions, sampling)
    return eliminate(race, log_prior, rounds(first, samples), error)


class Race:
    """Nats of each draw of K conditions for x (B, *shape), of those that still race: what `eliminate` asks for."""

    def __init__(self, denoiser: Denoiser, x: torch.Tensor, conditions: list, sampling: Sampling) -> None:
        self.denoiser, self.x, self.conditions, self.sampling = denoiser, x, conditions, sampling
        self.proposal = sampling.proposal_for(denoiser)

    def __call__(self, racing: torch.Tensor, start: int, stop: int) -> torch.Tensor:
        """(B, K, stop − start): a round of its own noise, 0 where racing (B, K) is False."""
        found = torch.zeros(*racing.shape, stop - start, dtype=torch.float64, device=racing.device)
        for k, condition in enumerate(self.conditions):
            rows = racing[:, k].nonzero()[:, 0]
            if len(rows):
                asked = condition if condition_length(condition) in (None, 1) else take(condition, rows)
                pairs, _ = distinct([(self.denoiser, asked)], self.x.device)
                sampling = replace(self.sampling, samples=stop - start, items=rows.tolist())
                x = self.x[rows.to(self.x.device)]
                _, weight, sums = measure(x, pairs, [Quantity("mass", 0)], sampling, self.proposal, ROUND - start)
                found[rows, k] = sums[0].integrand * weight
        return found
