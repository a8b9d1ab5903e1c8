"""One pass over noise that all conditions share: the integrand of each draw, and maps summed over draws.

With r_c = ε − ε̂_α(x_α | c), each quantity is the mean of an integrand, per coordinate and nat of log-SNR:
    density      ½(r_c² − σ(α)), plus ½·ln(2πe) per dimension, is −log p(x|c)                        (Eq. 2, 3)
    mass         ½r_c² is −log P(x|c) of discrete data                                (Kong et al., ICLR 2023)
    standard     ½(r_given² − r_y²)                                                                  (Eq. 4–6)
    orthogonal   ½(r_given − r_y)²                                                                   (Eq. 5, 6)
For a density σ²(ε² − 1), whose mean is zero, is subtracted as well: r_c² of Gaussian data holds much the same noise.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch.nn.functional import mse_loss

from ..calls import Evaluations
from ..channel import add_noise, per_row
from ..checks import double, home, unseen
from ..denoiser import Pair, check_finite, condition_length, encoder, narrow
from ..integrate import Proposal, pair_variance
from ..noise import DRAWS, PILOT, Draws
from ..progress import bar, walk
from .sampling import GROUP, Sampling


class Quantity(NamedTuple):
    """One integrand: of condition y alone, or of y against the condition `given` (indices of conditions)."""

    kind: str
    y: int
    given: int | None = None

    @property
    def last(self) -> int:
        """The later of its two conditions."""
        return max(self.y, self.given or 0)

    def integrand(self, gaps: "Gaps") -> torch.Tensor:
        """(N, *map), channels of an image summed."""
        if self.given is None:
            return 0.5 * (gaps.own(self.y) - gaps.mean if self.kind == "density" else gaps.own(self.y))
        if self.kind == "orthogonal":
            return 0.5 * gaps.between(self.y, self.given)
        return 0.5 * (gaps.own(self.given) - gaps.own(self.y))


class Gaps:
    """Squared differences, in float64, between noise (N, *shape) at log-SNRs (N,) and its estimates by denoisers.

    eps_hats: {index of a condition: eps_hat}. Channels of an image are summed: (N, *map).
    """

    def __init__(self, noise: torch.Tensor, alpha: torch.Tensor, eps_hats: dict | None = None) -> None:
        self.noise, self.alpha, self.eps_hats = noise.to(home(noise.device)), alpha, eps_hats or {}
        self._own: dict[int, torch.Tensor] = {}

    def free(self, conditions: Iterable[int]) -> None:
        """Forget the eps_hats of these conditions."""
        for k in conditions:
            self.eps_hats.pop(k, None)
            self._own.pop(k, None)

    @staticmethod
    def _squared(first, second):
        values = mse_loss(first, second, reduction="none")
        return values.sum(1) if values.ndim == 4 else values

    def own(self, k: int) -> torch.Tensor:
        """(ε − ε̂_k)²"""
        if k not in self._own:
            self._own[k] = self._squared(self.eps_hats[k], self.noise)
        return self._own[k]

    def between(self, j: int, k: int) -> torch.Tensor:
        """(ε̂_j − ε̂_k)²"""
        return self._squared(self.eps_hats[j], self.eps_hats[k])

    @cached_property
    def mean(self) -> torch.Tensor:
        """σ²ε² + σ(1 − σ), which is subtracted from a density's (ε − ε̂)²."""
        power = self._squared(double(self.noise), torch.zeros_like(self.noise))
        signal = per_row(torch.sigmoid(self.alpha), power)
        return signal**2 * power + signal * (1 - signal) * (self.noise.numel() // power.numel())


class Sums:
    """Results of a pass for one quantity: the integrand of each draw, the `ends` last; maps summed over draws."""

    def __init__(self, x: torch.Tensor, samples: int, group: int, ends: int = 0) -> None:
        self.group, self.count = group, samples
        shape = x.shape[2:] if x.ndim == 4 else x.shape[1:]  # channels of an image are summed
        self.integrand = torch.zeros(len(x), samples + ends, dtype=torch.float64, device=home(x.device))
        self.total = torch.zeros(len(x), *shape, dtype=torch.float64, device=home(x.device))
        self.variance: Any = torch.zeros_like(self.total)

    def add(self, images: slice, draws: torch.Tensor, values: torch.Tensor, weight: torch.Tensor) -> None:
        """values (b·n, *map), weight (b, n), of the slice images (b) and the draws (n,), in pairs."""
        values = values.unflatten(0, weight.shape).flatten(2)  # (b, n, numbers of a map)
        self.integrand[images, draws] = values.sum(2)
        weighted = values * weight[..., None]
        self.total[images].flatten(1).add_(weighted.sum(1))
        spread = pair_variance(weighted[:, ::2], weighted[:, 1::2], self.count // 2, self.group)
        self.variance[images].flatten(1).add_(spread)


@torch.no_grad()
@unseen()
def measure(
    x: torch.Tensor,
    pairs: Sequence[Pair],
    quantities: Sequence[Quantity],
    sampling: Sampling,
    proposal: Proposal,
    stream: int,
    ends: int = 0,
) -> tuple[torch.Tensor, torch.Tensor, list[Sums]]:
    """K pairs of denoiser.distinct on shared draws of (α, ε): log-SNRs, weights (B, samples), and Sums per quantity.

    proposal: that of sampling, or the one it leaves open. The pilot of "fit" has plain noise. Ctrl-C: progress.Walk.
    ends: so many draws more, of weight 0, at both ends of the range in turn; where Ctrl-C left a part, none.
    """
    samples, group = sampling.samples, 1 if stream == PILOT else GROUP[sampling.noise]
    # after this condition ε̂_k can be freed
    last_use = [max([k, *(q.last for q in quantities if k in (q.y, q.given))]) for k in range(len(pairs))]
    items, sums = sampling.items_of(x), [Sums(x, samples, group, ends) for _ in quantities]
    drawn = Draws(x, samples, items, sampling.seed, stream, group, proposal, ends)
    evaluations = {id(d): Evaluations(d, x, sampling.batch_size) for d, _ in pairs}
    for key, denoiser in {id(d): d for d, _ in pairs if hasattr(d, "expect")}.items():
        denoiser.expect([condition for d, condition in pairs if id(d) == key])
    order = drawn.blocks(min(e.rows for e in evaluations.values()))
    with walk(order, sums, bar(len(pairs) * len(x) * (samples + ends), sampling.progress), stream == DRAWS) as walked:
        for images, draws in walked:
            places, noise, alpha, weight = drawn(images, draws)
            rows = torch.arange(len(weight)).repeat_interleave(len(draws))
            z = add_noise(x[images, None].expand(-1, len(draws), *x.shape[1:]).flatten(0, 1), alpha, noise)
            gaps = Gaps(noise, alpha)
            for k, (denoiser, condition) in enumerate(pairs):
                if condition_length(condition) not in (None, 1):
                    condition = encoder(denoiser)(narrow(condition, images))
                gaps.eps_hats[k] = evaluations[id(denoiser)](z, alpha.to(x), condition, rows, double=True)
                for quantity, into in zip(quantities, sums, strict=True):
                    if quantity.last == k:
                        into.add(images, places, quantity.integrand(gaps), weight)
                gaps.free(j for j in range(k + 1) if last_use[j] == k)
                walked.step(len(z))
    check_finite(*(s.integrand for s in sums))
    return *walked.kept(drawn.logsnr, drawn.weight, drawn.unit), sums
