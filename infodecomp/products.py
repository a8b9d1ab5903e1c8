"""Posterior means over a set of points; conditions of a pass, which share z, share them part by part."""

import math
from collections.abc import Callable
from typing import Any

import torch

MOST = 256  # parts; more of them would cost more than they save


def weighed(
    z: torch.Tensor,
    scale: torch.Tensor,
    variance: torch.Tensor,
    points: torch.Tensor,
    norms: torch.Tensor,
    log_weights: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Of z (N, d) around scale (N, 1) times the points (n, d) of squared norms (n,): the log (N, 1) of the sum of their
    likelihoods but for |z|², weighed (n,) or (N, n), and their posterior mean (N, d)."""
    logits = (scale * (z @ points.T) - scale**2 * norms / 2) / variance + log_weights
    total = logits.logsumexp(1, keepdim=True)
    return total, (logits - total).exp_() @ points


class Parts:
    """Points in the parts that K conditions tell apart, and sums over these parts for the last z.

    priors (K, n): normalised log weights under each condition; where they are not −∞ they are log_weights and a number.
    A condition's sum is that of its parts, so that K of them together read each point once.
    """

    def __init__(
        self, priors: torch.Tensor, points: torch.Tensor, norms: torch.Tensor, log_weights: torch.Tensor
    ) -> None:
        self.priors, masks = priors, priors > -math.inf
        self.offsets = [(prior - log_weights)[mask][0] for prior, mask in zip(priors, masks, strict=True)]
        asked = masks.any(0).nonzero()[:, 0]
        self.patterns, part = torch.unique(masks[:, asked], dim=1, return_inverse=True)  # (K, parts)
        order, counts = asked[part.argsort(stable=True)], torch.bincount(part).tolist()
        each = (values[order].split(counts) for values in (points, norms, log_weights))
        self.parts = list(zip(*each, strict=True))
        self._last: tuple[torch.Tensor, dict] | None = None

    def find(self, prior: torch.Tensor) -> int | None:
        """Which of the priors one (1, n) is; None if it is none of them."""
        same = (k for k, known in enumerate(self.priors) if len(prior) == 1 and torch.equal(known, prior[0]))
        return next(same, None)

    def __call__(
        self, k: int, z: torch.Tensor, scale: torch.Tensor, variance: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As `weighed`, given condition k. What was summed for the same z (compared by value) is used again."""
        key, last = torch.cat([z, scale, variance], 1), self._last
        if last is None or last[0].shape != key.shape or not torch.equal(last[0], key):
            last = self._last = key, {}
        sums, some = last[1], self.patterns[k].nonzero()[:, 0].tolist()
        for part in some:
            if part not in sums:
                sums[part] = weighed(z, scale, variance, *self.parts[part])
        logs = torch.cat([sums[part][0] for part in some], 1)
        total, mean = logs.logsumexp(1, keepdim=True), torch.zeros_like(z)
        for weight, part in zip((logs - total).exp().T, some, strict=True):
            mean.addcmul_(weight[:, None], sums[part][1])
        return total + self.offsets[k], mean


def is_single(condition: Any) -> bool:
    """Whether a condition is one for all rows."""
    return condition is None or (isinstance(condition, torch.Tensor) and len(condition) == 1)


def parted(
    last: Parts | None, priors: list, points: torch.Tensor, norms: torch.Tensor, log_weights: torch.Tensor
) -> Parts | None:
    """The Parts of priors, each (n,), those of them that choose points and do not weigh them: the last ones if they are
    of the same; None where there are fewer than two, or too many parts."""
    kept = []
    for prior in priors:
        offsets = (prior - log_weights)[prior > -math.inf]
        if offsets.max() - offsets.min() < 1e-12:
            kept.append(prior)
    if len(kept) < 2:
        return None
    stacked = torch.stack(kept)
    if last is not None and last.priors.device == stacked.device and torch.equal(last.priors, stacked):
        return last
    parts = Parts(stacked, points, norms, log_weights)
    return parts if len(parts.parts) <= MOST else None


def means(parts: Parts | None, prior: torch.Tensor, points: torch.Tensor, norms: torch.Tensor) -> Callable[..., tuple]:
    """A function of (rows, z, scale, variance), rows a slice of prior (1 or N, n) or of all: as `weighed`.

    Points without weight in any row are not read, where that saves anything.
    """
    k = None if parts is None else parts.find(prior)
    if parts is not None and k is not None:
        return lambda rows, *about: parts(k, *about)
    asked = (prior > -math.inf).any(0)
    some = slice(None) if asked.sum() > 0.8 * len(asked) else asked.nonzero()[:, 0]
    points, norms, prior = points[some], norms[some], prior[:, some]

    def direct(rows, z, scale, variance):
        return weighed(z, scale, variance, points, norms, prior if len(prior) == 1 else prior[rows])

    return direct


def coincide(rows: torch.Tensor, points: torch.Tensor, norms: torch.Tensor, close: torch.Tensor) -> torch.Tensor:
    """(N, n) bool: where a row (N, d) is a point (n, d), of the squared norms (n,), to within `close` everywhere."""
    found = torch.zeros(len(rows), len(points), dtype=torch.bool, device=rows.device)
    lengths = norms.sqrt()
    reach = 1.001 * close * math.sqrt(points.shape[1]) + 1e-12 * lengths.max()  # lengths differ by no more
    for row, on in zip(rows, found, strict=True):
        near = ((lengths - row.norm()).abs() <= reach).nonzero()[:, 0]
        on[near] = (points[near] - row).abs().amax(1) <= close
    return found
