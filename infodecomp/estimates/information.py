"""Equations 2–6 of Kong et al. (ICLR 2024) as functions: densities, information, comparisons, Bayes' rule; in nats."""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch

from ..checks import batch, home, refuse, shown
from ..denoiser import Condition, Denoiser
from ..integrate import Proposal
from .alternatives import Alternatives, against, averaged
from .estimate import Estimate, run
from .measure import Quantity
from .sampling import Sampling, check_kind, samples_of


def nll(
    denoiser: Denoiser,
    x: torch.Tensor,
    condition: Condition = None,
    *,
    noise: str = "plain",
    samples: int | None = None,
    seed: int = 0,
    proposal: Proposal | str | None = None,
    batch_size: int | None = None,
    tolerance: float | None = None,
    max_samples: int | None = None,
    progress: bool | None = None,
) -> Estimate:
    """−log p(x | condition) in nats for each row of x (Eq. 2, 3); −log of the mass if the denoiser is `discrete`.

    denoiser: callable (z, logsnr, condition) -> eps_hat. x (B, *shape) floating point. condition: None or a str, the
    same for every row, or a list, tensor or tuple of tensors with B rows or 1. samples: draws of (log-SNR, noise)
    per image, even (None: the denoiser's `default_samples`, else 100); the same seed gives the same numbers for every
    batch_size (rows per call; None: 2¹⁸ numbers per call on a CPU, 2²⁰ elsewhere; halved when memory runs out).
    proposal: where log-SNRs are drawn (infodecomp.integrate); None: the denoiser's; "fit": from a pilot run.
    noise: "plain", or "balanced": the noises of two neighbouring bins are opposite, so that terms linear in the
    noise cancel. Same mean and no more evaluations; the standard error then has half of the degrees of freedom.
    tolerance: a standard error in nats for the worst image: a pilot of `samples` draws fixes the number of fresh draws,
    at most max_samples, that .9 of it takes. A warning says where it was missed all the same.
    progress: whether a bar shows rows and time left; None: if somebody looks and more than 3 s remain. Ctrl-C gives,
    with a warning, the complete images, else the first one from a stratified part of its draws (no map_stderr), else
    KeyboardInterrupt. Returns an Estimate. From 50 samples on, four evaluations more per 100 say what lies outside the
    range (Estimate.tail); a warning, where that exceeds a third of the standard error and no proposal was given.
    Raises ValueError for any other argument, and for a denoiser that returns another shape, NaN or infinity.
    """
    samples = samples_of(samples, denoiser)
    sampling = Sampling(samples, seed, proposal, batch_size, noise, tolerance, max_samples, progress=progress)
    return run(x, {"condition": (denoiser, condition)}, [Quantity("nll", 0)], sampling)[0]


def pointwise_information(
    denoiser: Denoiser,
    x: torch.Tensor,
    y: Condition,
    given: Condition | Alternatives = None,
    *,
    kind: str = "orthogonal",
    noise: str = "plain",
    samples: int | None = None,
    seed: int = 0,
    proposal: Proposal | str | None = None,
    batch_size: int | None = None,
    tolerance: float | None = None,
    max_samples: int | None = None,
    progress: bool | None = None,
) -> Estimate:
    """i(x; y | given) in nats, and its split over pixels (Eq. 4–6): the denoiser given y against the one given `given`.

    y is the whole condition, context included: i(word | rest) is y = whole caption, given = the caption without the
    word. given: a condition, or Alternatives, whose mixture then is the context: i^s is Bayes' rule over them, and
    takes as many evaluations again for its map; i^o and maps come from paths (noise must then be plain, proposal a
    fixed one, and tolerance is refused).
    kind "standard": i^s, unbiased for log p(x|y) − log p(x|given), may be negative. "orthogonal": i^o ≥ 0,
    the same on average over y that belong to x, with less noise; no score for a y that does not fit.
    Other arguments, Returns and Raises: as for nll.
    """
    check_kind(kind)
    samples = samples_of(samples, denoiser)
    sampling = Sampling(samples, seed, proposal, batch_size, noise, tolerance, max_samples, progress=progress)
    if isinstance(given, Alternatives):
        return against(denoiser, x, y, given, kind, sampling)
    return run(x, {"y": (denoiser, y), "given": (denoiser, given)}, [Quantity(kind, 0, 1)], sampling)[0]


class Comparison:
    """Every quantity among K conditions on shared noise, made by `compare`; differences of its estimates are paired.

    A condition is named by its position or by itself, if it is None, a str, or a (denoiser, condition) pair with one of
    these (ValueError for any other).
    """

    def __init__(self, conditions: list, estimates: dict[Quantity, Estimate]) -> None:
        self.conditions, self._estimates = conditions, estimates

    def _index(self, key):
        for i, condition in enumerate(self.conditions):
            if type(key) is type(condition) and _named(condition) and key == condition:
                return i
        if isinstance(key, int) and not isinstance(key, bool) and 0 <= key < len(self.conditions):
            return key
        count = len(self.conditions)
        raise ValueError(f"condition must be a position below {count} or one of those compared, got {shown(key)}")

    def nll(self, condition: Any) -> Estimate:
        """Estimate of −log p(x | condition), or of −log of its mass."""
        return self._estimates[Quantity("nll", self._index(condition))]

    def information(self, y: Any, given: Any = None, kind: str = "orthogonal") -> Estimate:
        """Estimate of i(x; y | given), as pointwise_information; `given` None must be among the conditions too."""
        check_kind(kind)
        y, given = self._index(y), self._index(given)
        if y == given:
            return self.nll(y) - self.nll(y)
        found = self._estimates[Quantity(kind, min(y, given), max(y, given))]
        return -found if kind == "standard" and y > given else found


def _is_pair(condition):
    return isinstance(condition, tuple) and len(condition) == 2 and callable(condition[0])


def _named(condition):
    text = condition[1] if _is_pair(condition) else condition
    return text is None or isinstance(text, str)


def compare(
    denoiser: Denoiser | None,
    x: torch.Tensor,
    conditions: list,
    *,
    noise: str = "plain",
    samples: int | None = None,
    seed: int = 0,
    proposal: Proposal | str | None = None,
    batch_size: int | None = None,
    tolerance: float | None = None,
    max_samples: int | None = None,
    progress: bool | None = None,
) -> Comparison:
    """Every NLL, i^s and i^o (hence every CMI) among K conditions: K evaluations per sample, all on the same noise.

    conditions: a list of K conditions, each as in nll, for `denoiser`; or (denoiser, condition) pairs, to compare two
    denoisers on one noise (`denoiser` may be None if all are pairs). proposal None: the first proposal of a denoiser
    that lies in the ranges of all. Other arguments and Raises as for nll. Returns a Comparison: .nll(a),
    .information(a, given=b, kind=…), and paired differences by subtracting these.
    """
    if not isinstance(conditions, list) or not conditions:
        refuse("conditions", "a list of at least one condition", conditions)
    every = denoiser, *(c[0] for c in conditions if _is_pair(c))
    samples = samples_of(samples, *every)
    sampling = Sampling(samples, seed, proposal, batch_size, noise, tolerance, max_samples, progress=progress)
    quantities = [Quantity("nll", k) for k in range(len(conditions))]
    both = [(a, b) for b in range(len(conditions)) for a in range(b)]
    quantities += [Quantity(kind, a, b) for a, b in both for kind in ("standard", "orthogonal")]
    pairs: dict[str, Any] = {f"conditions[{k}]": c if _is_pair(c) else (denoiser, c) for k, c in enumerate(conditions)}
    return Comparison(conditions, dict(zip(quantities, run(x, pairs, quantities, sampling), strict=True)))


@dataclass(frozen=True)
class Posterior:
    """log P(a | x) of K alternatives for B images, (B, K) in nats, and its standard error; prior (B or 1, K)."""

    log_prob: torch.Tensor
    stderr: torch.Tensor
    prior: torch.Tensor

    @property
    def information(self) -> torch.Tensor:
        """i_A(x; a | c) = log P(a | x) − log π_a, (B, K) nats: at most −log π_a, −∞ for what does not fit at all."""
        possible = self.prior > 0
        return torch.where(possible, self.log_prob - self.prior.log(), -math.inf)


def posterior(
    denoiser: Denoiser,
    x: torch.Tensor,
    alternatives: Alternatives,
    *,
    noise: str = "plain",
    samples: int | None = None,
    seed: int = 0,
    proposal: Proposal | str | None = None,
    batch_size: int | None = None,
    tolerance: float | None = None,
    max_samples: int | None = None,
    progress: bool | None = None,
) -> Posterior:
    """Bayes' rule over alternatives, from K evaluations per sample: P(a | x) = π_a p(x|a) / Σ π_b p(x|b).

    Every p(x|a) comes from the denoiser given a whole condition. The information of a is i_A(x; a | c) =
    log p(x|a) − log Σ_b π_b p(x|b). Noise of the estimates and errors of the denoiser lower the information of the true
    alternative on average; they cannot raise it. Arguments and Raises as for infodecomp.nll. Returns a Posterior.
    """
    if not isinstance(alternatives, Alternatives):
        refuse("alternatives", "an infodecomp.Alternatives", alternatives)
    count, x = len(alternatives.conditions), batch("x", x)
    alternatives.check_rows(len(x))
    samples = samples_of(samples, denoiser)
    sampling = Sampling(samples, seed, proposal, batch_size, noise, tolerance, max_samples, progress=progress)
    pairs = {f"conditions[{k}]": (denoiser, c) for k, c in enumerate(alternatives.conditions)}
    ratios = run(x, pairs, [Quantity("standard", k, 0) for k in range(count)], sampling)
    prior = alternatives.prior.to(home(x.device)).reshape(-1, count)[: len(ratios[0].nats)]
    log_prob = (prior.log() + torch.stack([e.nats for e in ratios], 1)).log_softmax(1)
    mean = averaged(ratios, log_prob.exp()).integrand  # log P(a | x) moves with the draws as a's integrand less this
    errors = [replace(e.profile, integrand=e.profile.integrand - mean).stderr() for e in ratios]
    return Posterior(log_prob, torch.stack(errors, 1), prior)
