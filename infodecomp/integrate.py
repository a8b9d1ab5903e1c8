"""Where to draw the log-SNR, and with which weight: an integral over α becomes a mean over draws.

A proposal has a finite `range` (lo, hi), which fixes what is integrated, and a density on it, which changes only the
variance: ∫ f dα = E[f(α) / density(α)]. Draws are stratified unless asked otherwise: n draws fall two by two into
n/2 bins of equal probability, and the spread inside the bins gives the standard error.
"""

import math

import torch


def pair_variance(first, second, bins, group=1):
    """Variance of a mean over pairs of independent draws: Σ (f₁ − f₂)² / (4·bins²), summed over dimension 1.

    group: so many neighbouring bins share their noise, and their differences are added before they are squared.
    """
    apart = first - second
    if group > 1:
        apart = torch.stack([part.sum(1) for part in apart.split(group, 1)], 1)
    return (apart**2).sum(1) / (4 * bins**2)


def _range(low, high):
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"range must be two finite log-SNRs, low < high, got ({low}, {high})")
    return float(low), float(high)


class Proposal:
    """A density over log-SNR on a finite range. Subclasses give `ppf` and `density`."""

    def __init__(self, low, high, stratified=True):
        self.range = _range(low, high)
        self.stratified = stratified

    def __repr__(self):
        return f"{type(self).__name__}(range=({self.range[0]:.2f}, {self.range[1]:.2f}), stratified={self.stratified})"

    def ppf(self, u):
        """Log-SNR below which the share u of the draws lies; u in [0, 1], any shape, float64."""
        raise NotImplementedError

    def density(self, logsnr):
        """Density of the draws per nat of log-SNR, same shape as logsnr."""
        raise NotImplementedError

    def place(self, uniforms):
        """Log-SNRs and weights 1/density, both (B, bins, 2), from independent uniforms (B, bins, 2)."""
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

    def __init__(self, loc=1.0, scale=2.0, clip=3.0, *, range=None, stratified=True):
        if not (scale > 0 and clip > 0):
            raise ValueError(f"scale and clip must be positive, got {scale} and {clip}")
        super().__init__(*(range or (loc - clip * scale, loc + clip * scale)), stratified)
        self.loc, self.scale = loc, scale
        ends = (torch.tensor(self.range, dtype=torch.float64) - loc) / scale
        self._low, self._mass = torch.sigmoid(ends[0]), torch.sigmoid(ends[1]) - torch.sigmoid(ends[0])

    def ppf(self, u):
        return self.loc + self.scale * torch.logit(self._low + u * self._mass)

    def density(self, logsnr):
        u = (logsnr - self.loc) / self.scale
        return torch.sigmoid(u) * torch.sigmoid(-u) / (self.scale * self._mass)


class Piecewise(Proposal):
    """A histogram: masses (G,) on the cells between edges (G + 1,). ValueError unless all are positive."""

    def __init__(self, edges, masses, *, stratified=True):
        edges, masses = (torch.as_tensor(v, dtype=torch.float64) for v in (edges, masses))
        if len(edges) != len(masses) + 1 or not bool((edges.diff() > 0).all() and (masses > 0).all()):
            raise ValueError("edges must increase, and masses be positive, one for each cell between them")
        super().__init__(edges[0].item(), edges[-1].item(), stratified)
        self.edges, self.masses = edges, masses / masses.sum()
        self._cdf = torch.cat([edges.new_zeros(1), self.masses.cumsum(0)])

    def _cell(self, bounds, values):
        return (torch.searchsorted(bounds, values.contiguous(), right=True) - 1).clamp(0, len(self.masses) - 1)

    def ppf(self, u):
        cell = self._cell(self._cdf, u)
        return self.edges[cell] + (u - self._cdf[cell]) / self.masses[cell] * self.edges.diff()[cell]

    def density(self, logsnr):
        return (self.masses / self.edges.diff())[self._cell(self.edges, logsnr)]


def uniform(low, high, *, stratified=True):
    """Uniform in α on [low, high]; the weight is high − low."""
    return Piecewise([low, high], [1.0], stratified=stratified)


def band(low, high, margin=(12.0, 12.0), cells=240):
    """Flat between two log-SNRs, falling off on both sides over `margin` nats: for data whose scales are known.

    Denoising errors change between α = −ln(largest variance) and −ln(smallest). Beyond, the noise of an integrand
    falls no slower than e^α on the left and e^(−α/2) on the right, and so does this density.
    """
    edges = torch.linspace(low - margin[0], high + margin[1], cells + 1, dtype=torch.float64)
    middle = (edges[1:] + edges[:-1]) / 2
    return Piecewise(edges, torch.sigmoid(middle - low) * torch.sigmoid((high - middle) / 2) + 1e-6)


def fit(logsnr, integrand, range, *, broad=0.1, cells=60):
    """The proposal with the least variance for what a pilot run saw: density ∝ the integrand's spread at each log-SNR.

    logsnr (B, samples) and integrand (B, samples), or (Q, B, samples) for several quantities that count alike, are
    `Estimate.profile` of a pilot with a seed of its own: draws 2h and 2h + 1 differ in noise alone. The range is
    not touched. The share `broad` stays uniform, so that no weight exceeds (range length)/broad. Raises ValueError for
    draws that do not come in pairs.
    """
    low, high = _range(*range)
    if logsnr.shape != integrand.shape[-2:] or logsnr.shape[-1] % 2:
        raise ValueError(f"integrand must be (…, {', '.join(map(str, logsnr.shape))}), an even number of draws")
    pairs = integrand.reshape(-1, logsnr.numel() // 2, 2).double().cpu()
    variance = pairs.diff(dim=-1).squeeze(-1) ** 2 / 2
    variance = (variance / variance.mean(1, keepdim=True).clamp_min(1e-300)).mean(0)  # (pairs,)
    seen = logsnr.reshape(-1, 2).double().cpu().mean(1)
    edges = torch.linspace(low, high, cells + 1, dtype=torch.float64)
    middle = (edges[1:] + edges[:-1]) / 2
    kernel = torch.softmax(-0.5 * ((middle[:, None] - seen) / (0.02 * (high - low))) ** 2, 1)  # (cells, pairs)
    spread = (kernel @ variance).sqrt() + 1e-100  # a silent pilot leaves it uniform
    return Piecewise(edges, (1 - broad) * spread / spread.sum() + broad / cells)
