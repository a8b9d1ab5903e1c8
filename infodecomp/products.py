"""Posterior means over a set of points; conditions of a pass, which share z, share their likelihoods and sums."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch

MOST = 32  # parts of a group of conditions; more of them are small, and small products are slow
NUMBERS = 2**24  # of a block's likelihoods


def blocks(rows: int, width: int) -> Iterator[slice]:
    """Slices of the rows, each of about NUMBERS numbers where a row has `width`."""
    step = max(1, NUMBERS // width)
    return (slice(start, start + step) for start in range(0, rows, step))


def likelihoods(
    z: torch.Tensor,
    scale: torch.Tensor,
    variance: torch.Tensor,
    points: torch.Tensor,
    norms: torch.Tensor,
    log_weights: torch.Tensor,
) -> torch.Tensor:
    """Log likelihoods (N, n), but for |z|², of z (N, d) around scale (N, 1) times the points (n, d) of squared norms
    (n,), plus log_weights (n,) or (N, n)."""
    return (scale * (z @ points.T) - scale**2 * norms / 2) / variance + log_weights


def weighed(
    z: torch.Tensor,
    scale: torch.Tensor,
    variance: torch.Tensor,
    points: torch.Tensor,
    norms: torch.Tensor,
    log_weights: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The log (N,) of the sum of the `likelihoods`, and the mean (N, d) of the points under them."""
    total, mean = z.new_empty(len(z)), torch.empty_like(z)
    for rows in blocks(len(z), len(points)):
        own = log_weights if len(log_weights) == 1 else log_weights[rows]
        logits = likelihoods(z[rows], scale[rows], variance[rows], points, norms, own)
        total[rows] = logits.logsumexp(1)
        mean[rows] = (logits - total[rows, None]).exp_() @ points
    return total, mean


def _kinds(masks):
    """The different columns of masks (K, n), and for each of the n which of them it is; one of zeros is the first."""
    return torch.unique(masks, dim=1, return_inverse=True)


class Group:
    """Conditions that part the points (n, d) into at most MOST parts, each of which is summed once for all of them.

    masks (K, n) bool: the points of each condition.
    """

    def __init__(self, masks: torch.Tensor, points: torch.Tensor) -> None:
        patterns, part = _kinds(masks)
        asked = patterns.any(0)
        self.patterns, self.counts = patterns[:, asked], torch.bincount(part)[asked].tolist()
        self.order = part.argsort(stable=True)[-sum(self.counts) :]
        there = torch.equal(self.order, torch.arange(len(part) - len(self.order), len(part)).to(part))
        self.points = (points[-len(self.order) :] if there else points[self.order]).split(self.counts)

    def __call__(self, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of logits (N, n) and for each condition, the log (K, N) of the sum of their exponentials, and the mean
        (K, N, d) of the points under these."""
        each = logits[:, self.order].split(self.counts, 1)
        logs = torch.stack([own.logsumexp(1) for own in each])  # (parts, N)
        shares = logs.masked_fill(~self.patterns[..., None], -math.inf)  # (K, parts, N)
        total = shares.logsumexp(1)
        shares = (shares - total[:, None]).exp_()[..., None]
        means = logits.new_zeros(*total.shape, self.points[0].shape[1])
        for part, (own, points) in enumerate(zip(each, self.points, strict=True)):
            mean = (own - logs[part, :, None]).exp_() @ points
            for k in self.patterns[:, part].nonzero()[:, 0].tolist():
                means[k].addcmul_(mean, shares[k, part])
        return total, means


class Parts:
    """K conditions, asked about the same z one after the other: likelihoods are made once for all, sums once a group.

    priors (K, n): normalised log weights under each condition; where they are not −∞ they are log_weights and a number.
    So K conditions in G groups read each point 1 + G times at most, where one of them reads it twice.
    """

    def __init__(
        self, priors: torch.Tensor, points: torch.Tensor, norms: torch.Tensor, log_weights: torch.Tensor
    ) -> None:
        self.priors, masks = priors, priors > -math.inf
        self.offsets = [(prior - log_weights)[mask][0] for prior, mask in zip(priors, masks, strict=True)]
        asked, chosen = masks.any(0).nonzero()[:, 0], _chosen(masks)
        order = asked[_kinds(masks[chosen[0]][:, asked])[1].argsort(stable=True)]
        self.about = points[order], norms[order], log_weights[order]
        self.groups = [(those, Group(masks[those][:, order], self.about[0])) for those in chosen]
        self.forget()

    def forget(self) -> None:
        """What was summed last; a pass begins."""
        self._last: tuple[torch.Tensor, ...] | None = None
        self._asked: set[int] = set()
        self._sums: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def find(self, prior: torch.Tensor) -> int | None:
        """Which of the priors one (1, n) is; None if it is none of them."""
        same = (k for k, known in enumerate(self.priors) if len(prior) == 1 and torch.equal(known, prior[0]))
        return next(same, None)

    def __call__(
        self, k: int, z: torch.Tensor, scale: torch.Tensor, variance: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor] | None:
        """As `weighed`, given condition k. What was summed for the same z (compared by value) is used again; None where
        one condition alone was asked about the last z: no pass, so that what the others need would be for nothing."""
        about = z, scale, variance
        if self._last is None or not all(torch.equal(one, now) for one, now in zip(self._last, about, strict=True)):
            alone = len(self._asked) == 1
            self._last, self._asked, self._sums = about, {k}, {}
            if alone:
                return None
        self._asked.add(k)
        if not self._sums:
            self._sums = self._summed(*about)
        total, mean = self._sums[k]
        return total + self.offsets[k], mean

    def _summed(self, z, scale, variance):
        total, means = z.new_empty(len(self.priors), len(z)), z.new_empty(len(self.priors), *z.shape)
        for rows in blocks(len(z), len(self.about[0])):
            logits = likelihoods(z[rows], scale[rows], variance[rows], *self.about)
            for those, group in self.groups:
                for k, *found in zip(those, *group(logits), strict=True):
                    total[k, rows], means[k, rows] = found
        return dict(enumerate(zip(total, means, strict=True)))


def _chosen(masks):
    """Conditions in groups, in their order, as many in each as have MOST parts."""
    found: list[list[int]] = [[]]
    for k in range(len(masks)):
        if found[-1] and _kinds(masks[[*found[-1], k]])[0].any(0).sum() > MOST:
            found.append([])
        found[-1].append(k)
    return found


def is_single(condition: Any) -> bool:
    """Whether a condition is one for all rows."""
    return condition is None or (isinstance(condition, torch.Tensor) and len(condition) == 1)


def parted(
    last: Parts | None, priors: list, points: torch.Tensor, norms: torch.Tensor, log_weights: torch.Tensor
) -> Parts | None:
    """The Parts of priors, each (n,), those of them that choose points and do not weigh them: the last ones if they are
    of the same; None where there are fewer than two."""
    kept = []
    for prior in priors:
        offsets = (prior - log_weights)[prior > -math.inf]
        if offsets.max() - offsets.min() < 1e-12:
            kept.append(prior)
    if len(kept) < 2:
        return None
    stacked = torch.stack(kept)
    if last is not None and last.priors.device == stacked.device and torch.equal(last.priors, stacked):
        last.forget()
        return last
    return Parts(stacked, points, norms, log_weights)


def means(parts: Parts | None, prior: torch.Tensor, points: torch.Tensor, norms: torch.Tensor) -> Callable[..., tuple]:
    """A function of (z, scale, variance): as `weighed`, prior (1 or N, n).

    Points without weight in any row are not read, where that saves anything.
    """
    k = None if parts is None else parts.find(prior)

    def direct(*about):
        asked = (prior > -math.inf).any(0)
        some = slice(None) if asked.sum() > 0.8 * len(asked) else asked.nonzero()[:, 0]
        return weighed(*about, points[some], norms[some], prior[:, some])

    if parts is None or k is None:
        return direct
    return lambda *about: parts(k, *about) or direct(*about)


def coincide(rows: torch.Tensor, points: torch.Tensor, norms: torch.Tensor, close: torch.Tensor) -> torch.Tensor:
    """(N, n) bool: where a row (N, d) is a point (n, d), of the squared norms (n,), to within `close` everywhere."""
    found = torch.zeros(len(rows), len(points), dtype=torch.bool, device=rows.device)
    lengths = norms.sqrt()
    reach = 1.001 * close * math.sqrt(points.shape[1]) + 1e-12 * lengths.max()  # lengths differ by no more
    for row, on in zip(rows, found, strict=True):
        near = ((lengths - row.norm()).abs() <= reach).nonzero()[:, 0]
        on[near] = (points[near] - row).abs().amax(1) <= close
    return found
