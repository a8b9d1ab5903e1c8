"""Where the log-SNR is drawn and with which weight: an integral over α becomes a mean over draws, with its error.

A proposal has a finite `range` (lo, hi), which fixes what is integrated, and a density on it, which changes only the
variance: ∫ f dα = E[f(α) / density(α)]. Draws are stratified unless asked otherwise: n draws fall two by two into
n/2 bins of equal probability, and the spread inside the bins gives the standard error.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import torch
from scipy.special import stdtrit

from .checks import floats, home, number, pair, positive, refuse, tensor, whole

Values: TypeAlias = Sequence[float] | torch.Tensor
ENOUGH = 10  # pairs of draws that count, below which an error is widened by more than Student's t


def pair_differences(first: torch.Tensor, second: torch.Tensor, group: int = 1) -> torch.Tensor:
    """Independent differences (B, n, …) between the draws first and second (B, bins, …) of each bin.

    group: this many neighbouring bins share their noise, so that only the sums of their differences are independent.
    """
    if not (isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor) and first.shape == second.shape):
        refuse("second", f"a tensor of the shape of first, {getattr(first, 'shape', type(first).__name__)}", second)
    difference, group = first - second, whole("group", group, 1)
    if group > 1:
        difference = torch.stack([part.sum(1) for part in difference.split(group, 1)], 1)
    return difference


def pair_variance(first: torch.Tensor, second: torch.Tensor, bins: int, group: int = 1) -> torch.Tensor:
    """Variance of a mean over pairs of independent draws: Σ (f₁ − f₂)² / (4·bins²), summed over dimension 1.

    group: as in pair_differences.
    """
    difference, bins = pair_differences(first, second, group), whole("bins", bins, 1)
    return (difference**2).sum(1) / (4 * bins**2)


def student(freedom: torch.Tensor | int) -> torch.Tensor:
    """By what ±2 standard errors with few degrees of freedom are widened to cover as for a normal (Student's t)."""
    level = NormalDist().cdf(2)
    return torch.from_numpy(np.asarray(stdtrit(torch.as_tensor(freedom).cpu().double().numpy(), level))) / 2


def widening(differences: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """From differences (B, n) of pairs: the factor (B,) by which a standard error is widened, and N (B,).

    N = (Σd²)²/Σd⁴ says how many pairs count: 1 if a single one carries the sum, (n + 2)/3 on average if they are normal
    and of one variance. A normal estimate whose error is itself estimated has Student's t with ν = min(3N, n) degrees
    of freedom. Where N < 10 rare large draws carry both estimate and error, some were missed, and the error is
    widened by sqrt(10/N) as well (for n < 43 it has to fall short of what normal draws give). Both were found by
    repeating closed forms and words of the scenes: ±2 standard errors then cover .93 to .97 at 100 samples.
    """
    squares, fourths, n = (differences**2).sum(1), (differences**4).sum(1), differences.shape[1]
    count = torch.where(fourths > 0, squares**2 / fourths.clamp_min(1e-300), float(n))
    excess = (1 / count - max(1 / ENOUGH, 4.5 / (n + 2))).clamp_min(0)
    return student((3 * count).clamp_max(n)).to(count.device) * (1 + ENOUGH * excess).sqrt(), count


def _shares(u):
    u = floats("u", u)
    if not bool(((u >= 0) & (u <= 1)).all()):
        refuse("u", "in [0, 1]", u)
    return u


class Proposal:
    """A density over log-SNR on a finite range. Subclasses give `ppf` and `density`."""

    def __init__(self, low: float, high: float, stratified: bool = True) -> None:
        self.range = pair("range", (low, high))
        if not isinstance(stratified, bool):
            refuse("stratified", "True or False", stratified)
        self.stratified = stratified

    def __repr__(self) -> str:
        return f"{type(self).__name__}(range=({self.range[0]:.2f}, {self.range[1]:.2f}), stratified={self.stratified})"

    def ppf(self, u: torch.Tensor) -> torch.Tensor:
        """Log-SNR below which the share u of the draws lies; u in [0, 1], any shape, float64."""
        raise NotImplementedError

    def density(self, logsnr: torch.Tensor) -> torch.Tensor:
        """Density of the draws per nat of log-SNR, same shape as logsnr."""
        raise NotImplementedError

    def place(self, uniforms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-SNRs and weights 1/density, both (B, bins, 2), from independent uniforms (B, bins, 2)."""
        if not isinstance(uniforms, torch.Tensor) or uniforms.ndim != 3 or uniforms.shape[2] != 2:
            refuse("uniforms", "a tensor (B, bins, 2)", uniforms)
        bins = uniforms.shape[1]
        if self.stratified:
            uniforms = (torch.arange(bins, dtype=torch.float64)[:, None] + uniforms) / bins
        logsnr = self.ppf(uniforms).clamp(*self.range)
        return logsnr, 1 / self.density(logsnr)


class Logistic(Proposal):
    """The paper's proposal: a logistic truncated to loc ± clip·scale; `range=(lo, hi)` truncates elsewhere instead.

    The weight is scale·tanh(clip/2) / (σ(u)σ(−u)), u = (α − loc)/scale (Kong et al. 2024, section 2.4). The settings
    for Stable Diffusion 2.1 are loc 1, scale 2, clip 3. Raises ValueError unless scale and clip are positive.
    """

    def __init__(
        self,
        loc: float = 1.0,
        scale: float = 2.0,
        clip: float = 3.0,
        *,
        range: tuple[float, float] | None = None,
        stratified: bool = True,
    ) -> None:
        loc, scale, clip = number("loc", loc), positive("scale", scale), positive("clip", clip)
        ends = (loc - clip * scale, loc + clip * scale) if range is None else pair("range", range)
        super().__init__(*ends, stratified)
        self.loc, self.scale = loc, scale
        ends = (torch.tensor(self.range, dtype=torch.float64) - loc) / scale
        self._low, self._mass = torch.sigmoid(ends[0]), torch.sigmoid(ends[1]) - torch.sigmoid(ends[0])
        if ends[1] > 36 or not self._mass > max(1e-300, 2e-9 * torch.sigmoid(ends[1]).item()):  # rounded away
            refuse("range", f"where a logistic at {loc:g} of scale {scale:g} has mass", self.range)

    def ppf(self, u: torch.Tensor) -> torch.Tensor:
        return self.loc + self.scale * torch.logit(self._low + _shares(u) * self._mass)

    def density(self, logsnr: torch.Tensor) -> torch.Tensor:
        u = (floats("logsnr", logsnr) - self.loc) / self.scale
        return torch.sigmoid(u) * torch.sigmoid(-u) / (self.scale * self._mass)


class Piecewise(Proposal):
    """A histogram: masses (G,) on the cells between edges (G + 1,). ValueError unless all are positive."""

    def __init__(self, edges: Values, masses: Values, *, stratified: bool = True) -> None:
        edges, masses = tensor("edges", edges, [1]), tensor("masses", masses, [1])
        good = (edges.diff() > 0).all() and (masses > 1e-15 * masses.sum()).all()
        if len(edges) != len(masses) + 1 or not bool(good):
            got = f"got {len(edges)} edges and {len(masses)} masses from {masses.min():g} to {masses.max():g}"
            raise ValueError(f"edges must increase, and masses be positive, one for each cell between them, {got}")
        super().__init__(edges[0].item(), edges[-1].item(), stratified)
        self.edges, self.masses = edges, masses / masses.sum()
        self._cdf = torch.cat([edges.new_zeros(1), self.masses.cumsum(0)])

    def _cell(self, bounds, values):
        return (torch.searchsorted(bounds, values.contiguous(), right=True) - 1).clamp(0, len(self.masses) - 1)

    def ppf(self, u: torch.Tensor) -> torch.Tensor:
        u = _shares(u)
        cell = self._cell(self._cdf, u)
        return self.edges[cell] + (u - self._cdf[cell]) / self.masses[cell] * self.edges.diff()[cell]

    def density(self, logsnr: torch.Tensor) -> torch.Tensor:
        return (self.masses / self.edges.diff())[self._cell(self.edges, floats("logsnr", logsnr))]


class Ends(Proposal):
    """Both ends of a range instead of draws: the first of each pair at the low one, the second at the high one."""

    def place(self, uniforms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.tensor(self.range, dtype=torch.float64).expand_as(uniforms), torch.ones_like(uniforms)


def uniform(low: float, high: float, *, stratified: bool = True) -> Piecewise:
    """Uniform in α on [low, high]; the weight is high − low."""
    return Piecewise(pair("range", (low, high)), [1.0], stratified=stratified)


def band(low: float, high: float, margin: tuple[float, float] = (12.0, 12.0), cells: int = 240) -> Piecewise:
    """Flat between two log-SNRs, falling off on both sides over `margin` nats: for data whose scales are known.

    Denoising errors change between α = −ln(largest variance) and −ln(smallest). Outside, the spread of an integrand
    falls at least as fast as e^α on the left and e^(−α/2) on the right; this density falls at just these rates.
    """
    low = number("low", low)
    high, cells = number("high", high, low, accepted=f"a finite number ≥ low, {low:g}"), whole("cells", cells, 1)
    if not isinstance(margin, tuple | list) or len(margin) != 2:
        refuse("margin", "two numbers > 0", margin)
    margin = positive("margin", margin[0]), positive("margin", margin[1])
    edges = torch.linspace(low - margin[0], high + margin[1], cells + 1, dtype=torch.float64)
    middle = (edges[1:] + edges[:-1]) / 2
    return Piecewise(edges, torch.sigmoid(middle - low) * torch.sigmoid((high - middle) / 2) + 1e-6)


def uniform_weight(logsnr: torch.Tensor, schedule: np.ndarray | None, range: tuple[float, float]) -> torch.Tensor:
    """Density of log-SNR, like logsnr, under uniformly drawn timesteps: schedule (T,) has their log-SNRs.

    None: uniform in log-SNR over the range. With it a mean over draws becomes a mean over timesteps.
    """
    if schedule is None:
        low, high = range
        return torch.full_like(logsnr, 1 / (high - low))
    rising = np.sort(schedule[np.isfinite(schedule)])
    densities = 1 / np.diff(rising) / (len(rising) - 1)
    cell = np.clip(np.searchsorted(rising, logsnr.cpu().numpy()) - 1, 0, len(densities) - 1)
    return torch.tensor(densities[cell], device=home(logsnr.device))


def fit(
    logsnr: torch.Tensor,
    integrand: torch.Tensor,
    range: tuple[float, float],
    *,
    broad: float = 0.1,
    cells: int = 60,
) -> Piecewise:
    """The proposal of least variance, from a pilot run: density ∝ standard deviation of the integrand at each log-SNR.

    logsnr (B, samples) and integrand (B, samples), or (Q, B, samples) for Q quantities of equal importance, are
    `Estimate.profile` of a pilot with its own seed: draws 2h and 2h + 1 differ in their noise only. The range is not
    changed. The share `broad` stays uniform, so no weight exceeds (range length)/broad. ValueError for unpaired draws.
    """
    (low, high), cells = pair("range", range), whole("cells", cells, 1)
    broad = number("broad", broad, 1e-9, 1)
    logsnr, integrand = floats("logsnr", logsnr, finite=True), floats("integrand", integrand, finite=True)
    if logsnr.ndim != 2 or logsnr.numel() == 0:
        refuse("logsnr", "(B, samples)", logsnr)
    if logsnr.shape != integrand.shape[-2:] or logsnr.shape[-1] % 2:
        raise ValueError(f"integrand must be (…, {', '.join(map(str, logsnr.shape))}), an even number of draws")
    pairs = integrand.reshape(-1, logsnr.numel() // 2, 2).double().cpu()
    variance = pairs.diff(dim=-1).squeeze(-1) ** 2 / 2
    variance = (variance / variance.mean(1, keepdim=True).clamp_min(1e-300)).mean(0)  # (pairs,)
    sampled = logsnr.reshape(-1, 2).double().cpu().mean(1)
    edges = torch.linspace(low, high, cells + 1, dtype=torch.float64)
    middle = (edges[1:] + edges[:-1]) / 2
    kernel = torch.softmax(-0.5 * ((middle[:, None] - sampled) / (0.02 * (high - low))) ** 2, 1)  # (cells, pairs)
    spread = (kernel @ variance).sqrt() + 1e-100  # uniform if all is zero
    return Piecewise(edges, (1 - broad) * spread / spread.sum() + broad / cells)
