"""Warning lights that need no ground truth: two means that are zero for optimal denoisers.

Read them as gap.mean(): a mean over images with its standard error; the gap of one image means nothing. A mean near
zero proves little: both have limited power, and errors of the two denoisers can cancel. trusted_range looks at one of
them band by band, and says up to which log-SNR a network shows no fault.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import torch
from scipy.special import ndtr, stdtrit

from .bands import by_logsnr
from .checks import batch, number, positive, whole
from .denoiser import Condition, Denoiser, condition_length, take
from .estimates.alternatives import Alternatives, along_paths
from .estimates.estimate import Estimate
from .estimates.information import compare
from .estimates.sampling import Sampling, samples_of
from .integrate import Piecewise, Proposal

LEAST = 8  # images of which a mean is judged


def matched_gap(
    denoiser: Denoiser, x: torch.Tensor, y: Condition, given: Condition | Alternatives = None, **options: Any
) -> Estimate:
    """i^s(x; y | given) − i^o(x; y | given) = ∫E[r_y·(r_given − r_y)]dα, r = ε − ε̂, for pairs that belong together.

    Its mean is zero if the denoiser given y is optimal: r_y is then uncorrelated with any function of x_α and y. Errors
    at different log-SNRs can cancel: the profile shows them one by one, and a proposal of shorter range sums fewer.
    Arguments and Raises as for infodecomp.pointwise_information (not kind). Returns an Estimate; its map shows where.
    """
    condition_length(y, "y")
    if isinstance(given, Alternatives):  # both kinds along the same paths
        sampling = Sampling(samples_of(options.pop("samples", None), denoiser), **options)
        each = [along_paths(denoiser, x, y, given, kind, sampling) for kind in ("standard", "orthogonal")]
        return each[0] - each[1]
    both = compare(denoiser, x, [y, given], **options)
    return both.information(0, 1, "standard") - both.information(0, 1, "orthogonal")


class Trusted(NamedTuple):
    """What trusted_range found: the matched gap of `each` image in bands of log-SNR between `edges`.

    each (B, bands), NaN in a band where fewer than eight images had a draw; gap, stderr (bands,): its mean over images,
    nats; faults (bands,); range: the longest one that shows no fault.
    """

    edges: torch.Tensor
    each: torch.Tensor
    limit: float
    tolerance: float

    @property
    def gap(self) -> torch.Tensor:
        """Mean over images (bands,), nats."""
        return self.each.mean(0)

    @property
    def stderr(self) -> torch.Tensor:
        """Standard errors of `gap` (bands,)."""
        return self.each.std(0) / len(self.each) ** 0.5

    @property
    def faults(self) -> torch.Tensor:
        """Whether a band shows a fault, or cannot be judged (bands,)."""
        return _beyond(self.each, self.limit, self.tolerance)

    @property
    def range(self) -> tuple[float, float] | None:
        """Log-SNRs from which to which no fault is seen; None: no band is without."""
        first, last = _longest(self.each, self.limit, self.tolerance)
        return (float(self.edges[first]), float(self.edges[last])) if last > first else None

    def __str__(self) -> str:
        lines = []
        each = zip(pairwise(self.edges.tolist()), self.gap, self.stderr, self.faults, strict=True)
        for (low, high), gap, error, fault in each:
            found = "too few draws" if gap.isnan() else f"{gap:7.2f} ± {error:.2f} nats" + "  fault" * bool(fault)
            lines.append(f"{low:6.1f} to {high:5.1f}: {found}")
        last = "no band without a fault" if self.range is None else "no fault seen from {:.1f} to {:.1f}"
        return "\n".join([*lines, last.format(*self.range or ())])


def trusted_range(
    denoiser: Denoiser,
    x: torch.Tensor,
    y: Condition,
    given: Condition | Alternatives = None,
    *,
    bands: int = 12,
    limit: float = 3.3,
    tolerance: float = 0.0,
    **options: Any,
) -> Trusted:
    """The log-SNRs at which a denoiser shows no fault, without ground truth: matched_gap in bands of equal width.

    x (B, *shape) with their y, at least eight. A band shows a fault if its mean gap over images is beyond `limit`
    standard errors (more where images are few, by Student's t) and beyond the `tolerance` in nats: with many images
    faults are seen that matter little. The range is the longest run of bands without one; it is cut at its clean end
    until the gap summed over it is within both too, as many small faults of one sign add up. An optimal denoiser keeps
    its whole range in about 98 % of cases. Silence proves little: with few images only large faults are seen, and a
    band in which fewer than eight images had a draw is in no range.
    Options as for infodecomp.pointwise_information (not kind); the bands divide the proposal's range.
    ValueError for fewer than eight images, or bands, limit or tolerance that are none.
    """
    x, bands, limit = batch("x", x), whole("bands", bands, 1), positive("limit", limit)
    tolerance = number("tolerance", tolerance, 0)
    if len(x) < LEAST:
        raise ValueError(f"x must have at least eight images, got {len(x)}")
    found = matched_gap(denoiser, x, y, given, **options)
    edges = torch.linspace(*found.range, bands + 1, dtype=torch.float64)
    each, errors = by_logsnr(found, edges)
    looked = (~errors.isnan()).sum(0)  # images with a draw in the band
    return Trusted(edges, each.masked_fill(looked < LEAST, torch.nan), limit, tolerance)


def _beyond(values, limit, tolerance):
    """Whether the means over rows of values (B, …) are beyond both; a mean that is NaN is.

    The limit is one of normal errors. Of few rows that are not zero, Student's t allows as much only farther out.
    """
    freedom = (values != 0).sum(0).clamp_min(2) - 1
    limits = -torch.as_tensor(stdtrit(freedom.cpu().numpy(), ndtr(-limit))).to(values.device)
    errors = values.std(0) / len(values) ** 0.5
    return ~(values.mean(0).abs() <= (limits * errors).clamp_min(tolerance))


def _longest(each, limit, tolerance):
    """First and last edge of the longest run of bands without a fault; each (B, bands)."""
    runs, start, bands = [(0, 0)], 0, each.shape[1]
    faults = _beyond(each, limit, tolerance).tolist()
    for band in range(bands + 1):
        if band == bands or faults[band]:
            stop = band
            while stop > start and _beyond(each[:, start:stop].sum(1), limit, tolerance):
                stop -= 1
            runs.append((start, stop))
            start = band + 1
    return max(runs, key=lambda run: run[1] - run[0])


def shuffled_gap(
    denoiser: Denoiser,
    x: torch.Tensor,
    y: Condition,
    given: Condition = None,
    *,
    cap: float | None = None,
    seed: int = 0,
    proposal: Proposal | None = None,
    **options: Any,
) -> Estimate:
    """i^s + i^o = ∫E[r_given·(r_given − r_y')]dα, for x with the y' of another x, up to the log-SNR `cap`.

    Images are paired at random, and of each pair the x of one meets the y of the other: B // 2 independent rows.
    Its mean is zero if the denoiser given `given` is optimal for x, whatever the other one is. Without a cap i^s, i^o
    and their noise grow without bound for pairs that do not fit; None: the median of the proposal's draws.
    y must have one row per image of at least two (ValueError). With a context, every y must share it.
    """
    x, rows = batch("x", x), condition_length(y, "y")
    if rows != len(x) or len(x) < 2:
        raise ValueError(f"x and y must have one row for each of at least two images, got {rows} for {len(x)}")
    options["samples"] = samples_of(options.get("samples"), denoiser)
    sampling = Sampling(seed=seed, proposal=proposal, **options)
    if sampling.fitted:
        raise ValueError("proposal must be None or a Proposal, its range is cut at cap, got 'fit'")
    capped = _capped(sampling.proposal_for(denoiser), cap)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(sampling.seed % 2**63))
    first, second = order[: len(x) // 2 * 2].view(2, -1)
    given = given if condition_length(given) in (None, 1) else take(given, first)
    both = compare(denoiser, x[first], [take(y, second), given], seed=seed, proposal=capped, **options)
    return both.information(0, 1, "standard") + both.information(0, 1, "orthogonal")


def _capped(proposal, cap):
    """The proposal below `cap`, None: below its median."""
    edges = proposal.ppf(torch.linspace(0, 1, 129, dtype=torch.float64))
    cap = float(edges[64]) if cap is None else number("cap", cap)
    edges = torch.cat([edges[edges < cap - 1e-6], torch.tensor([cap], dtype=torch.float64)])
    if len(edges) < 2 or not cap <= proposal.range[1]:
        raise ValueError(f"cap must lie inside the proposal's range {proposal.range}, got {cap:g}")
    return Piecewise(edges, torch.ones(len(edges) - 1))
