"""How an estimate draws: all options in one object, checked once; and what x, conditions and proposals must be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from ..checks import choice, number, pair, refuse, whole
from ..denoiser import Condition, Denoiser, condition_length
from ..integrate import Logistic, Piecewise, Proposal

GROUP = {"plain": 1, "balanced": 2}  # neighbouring bins whose noises sum to zero


@dataclass(frozen=True)
class Sampling:
    """The options of infodecomp.nll, checked: every entry point makes one object of them. ValueError for bad ones.

    items: one number per image, which keys its noise; None: 0, 1, ….
    """

    samples: int = 100
    seed: int = 0
    proposal: Proposal | str | None = None
    batch_size: int | None = None
    noise: str = "plain"
    tolerance: float | None = None
    max_samples: int | None = None
    items: Sequence[int] | None = None
    progress: bool | None = None

    def __post_init__(self) -> None:
        put = partial(object.__setattr__, self)  # numbers as Python's own: small ones of numpy overflow
        put("samples", whole("samples", self.samples, 2, step=2))
        put("seed", whole("seed", self.seed, 0))
        if self.batch_size is not None:
            put("batch_size", whole("batch_size", self.batch_size, 1))
        if not (self.proposal is None or isinstance(self.proposal, Proposal) or self.fitted):
            refuse("proposal", "an infodecomp.integrate.Proposal, 'fit' or None", self.proposal)
        choice("noise", self.noise, GROUP)
        if self.tolerance is not None:
            put("tolerance", number("tolerance", self.tolerance, 1e-300, accepted="a positive number of nats"))
        if self.max_samples is not None:
            put("max_samples", whole("max_samples", self.max_samples, 2, step=2))
            if self.tolerance is None:
                raise ValueError(f"max_samples needs a tolerance, got {self.max_samples} without one")
        if self.items is not None:
            put("items", [whole("items", item, 0) for item in self.items])

    @property
    def fitted(self) -> bool:
        """Whether a pilot run chooses the proposal."""
        return isinstance(self.proposal, str) and self.proposal == "fit"

    def items_of(self, x: torch.Tensor) -> Sequence[int]:
        """One item per row of x; ValueError if there are more or fewer."""
        items = range(len(x)) if self.items is None else self.items
        if len(items) != len(x):
            raise ValueError(f"items must be one per row of x, {len(x)}, got {len(items)}")
        return items

    def proposal_for(self, *denoisers: Denoiser, density: bool = False) -> Proposal:
        """Where log-SNRs are drawn: as chosen, else the first proposal of a denoiser that lies in the ranges of all.

        density: a denoiser's `density_proposal` goes before its `proposal`. If none has one it is the paper's logistic
        over −11 to 13, or over the `logsnr_range`; of one beyond these, half of the draws are uniform.
        """
        ranges = [pair("logsnr_range", r) for d in denoisers if (r := getattr(d, "logsnr_range", None)) is not None]
        valid = max((r[0] for r in ranges), default=-math.inf), min((r[1] for r in ranges), default=math.inf)
        names = ("density_proposal", "proposal") if density else ("proposal",)
        own = [p for d in denoisers for name in names if (p := getattr(d, name, None)) is not None]
        if isinstance(self.proposal, Proposal):
            own = [self.proposal]
        own = own or [_default(*valid)]
        for proposal in own:
            if valid[0] - 1e-6 <= proposal.range[0] and proposal.range[1] <= valid[1] + 1e-6:
                return proposal
        raise ValueError(f"proposal has range {own[0].range}, the denoiser is valid on log-SNRs {tuple(valid)} only")


def samples_of(samples: int | None, *denoisers: object) -> int:
    """As many samples as asked for; None: the most that a denoiser's `default_samples` says, else 100."""
    own = [found for d in denoisers if isinstance(found := getattr(d, "default_samples", None), int)]
    return max(own, default=100) if samples is None else samples


def _default(low, high):
    """The paper's logistic; over a range that is longer or lies elsewhere, half of the draws are uniform on it."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return Logistic(clip=6.0)
    if -11 <= low and high <= 13:
        return Logistic(min(max(1.0, low), high), range=(low, high))
    edges = torch.linspace(low, high, 241, dtype=torch.float64)
    middle = (edges[1:] + edges[:-1]) / 2
    logistic = torch.sigmoid((middle - 1) / 2) * torch.sigmoid((1 - middle) / 2) + 1e-9
    return Piecewise(edges, logistic / logistic.sum() + 1 / 240)


def check_condition(name: str, denoiser: Denoiser, condition: Condition, rows: int) -> None:
    """ValueError unless the denoiser is callable and the condition has 1 or `rows` rows."""
    if not callable(denoiser):
        raise ValueError(f"denoiser must be callable, got {type(denoiser).__name__}")
    length = condition_length(condition, name)
    if length not in (None, 1, rows):
        raise ValueError(f"{name} must have 1 or {rows} rows, as x has, got {length}")


def check_kind(kind: object) -> None:
    """ValueError unless it is a kind of information."""
    choice("kind", kind, ("orthogonal", "standard"))
