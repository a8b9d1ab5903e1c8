"""Warning lights that need no ground truth: two means that are zero for optimal denoisers.

Read them as gap.mean(): a mean over images with its standard error; the gap of one image means nothing. A mean near
zero proves little: both have limited power, and errors of the two denoisers can cancel.
"""

from typing import Any

import torch

from .checks import batch, number
from .denoiser import Condition, Denoiser, condition_length, take
from .estimates.alternatives import Alternatives, along_paths
from .estimates.estimate import Estimate
from .estimates.information import compare
from .estimates.sampling import Sampling, samples_of
from .integrate import Piecewise, Proposal


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
