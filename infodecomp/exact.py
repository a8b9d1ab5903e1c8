"""Denoisers in closed form, with their true log densities: the reference for every estimate of this package.

Each is a denoiser, eps_hat = E[ε | x_α, condition], and has log_prob(x, condition=None) -> (N,) in nats, a default
`proposal` wide enough for its data and, for a FiniteSet without jitter, `discrete`. Parameters and arithmetic are
float64; eps_hat comes back in the dtype and on the device of z. Data of any shape are flattened to d = prod(shape).
"""

import math
from functools import cached_property
from typing import Any, TypeAlias

import torch

from .channel import Numbers
from .checks import device as checked_device
from .checks import double, floats, home, log_weights, number, refuse, seen, tensor, whole
from .integrate import Piecewise, band
from .products import Parts, coincide, is_single, means, parted

Covariance: TypeAlias = Numbers | tuple[torch.Tensor, Numbers]


def one_row(rows: torch.Tensor) -> torch.Tensor:
    """The one row of a condition that was expanded to many (see denoiser.take), so that no work is done twice."""
    return rows[:1] if rows.ndim > 1 and rows.stride(0) == 0 else rows


def _conditioned(prior, condition, rows):
    """Log weights (1 or N, K) of the prior times a condition (1 or N, K) ≥ 0, normalised."""
    prior = prior[None]
    if condition is not None:
        condition = one_row(condition) if isinstance(condition, torch.Tensor) else condition
        prior = prior + log_weights("condition", condition, prior.shape[1]).to(prior.device)
        if len(prior) not in (1, rows):
            raise ValueError(f"condition must have 1 or {rows} rows, got {len(prior)}")
        if bool((prior.amax(1) == -math.inf).any()):
            raise ValueError("condition must leave a positive prior weight in each row")
    return prior.log_softmax(1)


class _Normal:
    """N(mean, cov) and its noisy versions, through the eigenvalues of cov."""

    def __init__(self, mean, cov, name="cov"):
        self.mean = tensor("mean", mean, range(20)).flatten()
        self.basis, self.rest, d = None, None, len(self.mean)
        if isinstance(cov, tuple):
            factor, noise = tensor(f"{name}[0]", cov[0], [2]), tensor(f"{name}[1]", cov[1], [0])
            if factor.shape[0] != d or factor.shape[1] > d:
                raise ValueError(f"{name}[0] must be a factor ({d}, rank ≤ {d}), got {tuple(factor.shape)}")
            self.basis, scale, _ = torch.linalg.svd(factor, full_matrices=False)
            self.variances, self.rest = scale**2 + noise, noise
        else:
            cov = tensor(name, cov, [0, 1, 2])
            if cov.shape not in ((), (d,), (d, d)):
                raise ValueError(f"{name} must be a number, ({d},) or ({d}, {d}), got {tuple(cov.shape)}")
            self.variances = cov.expand(d) if cov.ndim < 2 else cov.diagonal()
            if cov.ndim == 2:
                if not torch.allclose(cov, cov.T, atol=1e-6 * cov.abs().max().item()):  # rounding of float32
                    raise ValueError(f"{name} must be symmetric")
                self.variances, self.basis = torch.linalg.eigh((cov + cov.T) / 2)
        self.smallest = min(v.min().item() for v in (self.variances, self.rest) if v is not None)
        self.largest = self.variances.max().item()
        if not self.smallest > 1e-15 * self.largest:
            raise ValueError(f"{name} must be positive definite, got the eigenvalue {self.smallest:.3g}")

    def solve(self, z, shift, signal, noise):
        """For z (N, d) = sqrt(signal)·(x + shift) + sqrt(noise)·ε: log density (N,) and cov⁻¹·(z − its mean) (N, d).

        signal, noise (N, 1): squared scales of the channel; shift (N, d) or 0 is added to the mean.
        """
        r = z - signal.sqrt() * (self.mean + shift)
        variances = signal * self.variances + noise
        logdet = variances.log().sum(1)
        if self.basis is None:
            solved = r / variances
        else:
            t = r @ self.basis
            solved = (t / variances) @ self.basis.T
            if self.rest is not None:
                rest = signal * self.rest + noise
                solved = solved + (r - t @ self.basis.T) / rest
                logdet = logdet + (len(self.mean) - self.basis.shape[1]) * rest[:, 0].log()
        quadratic = (r * solved).sum(1)
        return -0.5 * (quadratic + logdet + len(self.mean) * math.log(2 * math.pi)), solved


def _sides(shape):
    return [side for side in shape if side != 1]


class Exact:
    """The common part: flattening, dtype and device. Subclasses give `dim` and `_solve`."""

    dim: int
    shape: Any = ()  # of one x, where it is known
    device = torch.device("cpu")
    _parts: Parts | None = None  # of a FiniteSet

    def _solve(self, z, signal, noise, condition):
        """For z (N, d) = sqrt(signal)·x + sqrt(noise)·ε, signal and noise (N, 1): its log density (N,), and minus the
        gradient of that (N, d), which is ε̂ / sqrt(noise)."""
        raise NotImplementedError

    def _rows(self, name, x):
        if not isinstance(x, torch.Tensor) or not x.is_floating_point() or x.ndim < 2 or x[0].numel() != self.dim:
            got = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
            raise ValueError(f"{name} must be a float tensor (N, …) with {self.dim} numbers a row, got {got}")
        if min(x.ndim - 1, len(self.shape)) > 1 and _sides(x.shape[1:]) != _sides(self.shape):
            shapes = f"(N, {', '.join(map(str, self.shape))}) or (N, {self.dim}), got {tuple(x.shape)}"
            raise ValueError(f"{name} must have the shape {shapes}")
        if seen(x) and not bool(x.isfinite().all()):
            raise ValueError(f"{name} must be finite, got NaN or infinity")
        return double(x.detach()).to(self.device).flatten(1)

    def to(self, device: torch.device | str) -> "Exact":
        """Move parameters and evaluations there (to the CPU if it has no float64). Returns the denoiser itself."""
        self.device = home(checked_device("device", device))
        for part in (self, *getattr(self, "components", [])):
            for name, value in vars(part).items():
                if isinstance(value, torch.Tensor):
                    setattr(part, name, value.to(self.device))
        return self

    def __call__(self, z: torch.Tensor, logsnr: torch.Tensor, condition: Any = None) -> torch.Tensor:
        rows = self._rows("z", z)
        logsnr = floats("logsnr", logsnr, finite=True).to(self.device)
        if logsnr.numel() not in (1, len(rows)) or logsnr.ndim > 1:
            raise ValueError(f"logsnr must be a number or one per row ({len(rows)},), got {tuple(logsnr.shape)}")
        logsnr = logsnr.expand(len(rows))[:, None]
        noise = torch.sigmoid(-logsnr)
        eps = noise.sqrt() * self._solve(rows, torch.sigmoid(logsnr), noise, condition)[1]
        return eps.reshape(z.shape).to(z)

    def log_prob(self, x: torch.Tensor, condition: Any = None) -> torch.Tensor:
        """log p(x | condition) in nats, x (N, *shape) -> (N,) float64; a log mass if the denoiser is `discrete`."""
        x = self._rows("x", x)
        return self._solve(x, x.new_ones(len(x), 1), x.new_zeros(len(x), 1), condition)[0]


def _scales(largest, smallest):
    """A proposal for densities: it covers the data's scales, and 0, the scale of the NLL's reference N(0, I)."""
    return band(min(0.0, -math.log(largest)), max(0.0, -math.log(smallest)))


class Gaussian(Exact):
    """N(mean, cov). mean (*shape); cov a number, (d,) variances, (d, d), or (F (d, r), τ²) for F·Fᵀ + τ²·I.

    Raises ValueError for a covariance that is not symmetric positive definite. Takes no condition.
    """

    def __init__(self, mean: torch.Tensor, cov: Covariance) -> None:
        normal = _Normal(mean, cov)
        self.components, self.dim, self.shape = [normal], len(normal.mean), tuple(torch.as_tensor(mean).shape)
        self.proposal = _scales(normal.largest, normal.smallest)

    def _solve(self, z, signal, noise, condition):
        if condition is not None:
            raise ValueError("condition must be None for a Gaussian (JointGaussian takes one)")
        return self.components[0].solve(z, 0, signal, noise)


class JointGaussian(Exact):
    """N(mean, cov) over (x, y), x the first dim_x coordinates; denoises x given any of the coordinates of y.

    condition = (values (B, dim_y), observed (B, dim_y) bool), one row for all or one per row; None observes nothing.
    Values where `observed` is False are ignored. mean (dim_x + dim_y,), cov square, positive definite (ValueError).
    """

    def __init__(self, mean: torch.Tensor, cov: torch.Tensor, dim_x: int) -> None:
        joint = _Normal(mean, tensor("cov", cov, [2]))
        if whole("dim_x", dim_x, 1) >= len(joint.mean):
            raise ValueError(f"dim_x must be a whole number in [1, {len(joint.mean) - 1}], got {dim_x}")
        self.shape = (dim_x,)
        self.dim, self.mean, self.cov = dim_x, joint.mean, tensor("cov", cov, [2])
        self._conditionals: dict[tuple, tuple] = {}
        marginal, full = (self._conditional((seen,) * (len(self.mean) - dim_x))[1] for seen in (False, True))
        self.proposal = _scales(marginal.largest, full.smallest)

    def _conditional(self, observed):
        """Regression (dim_x, number observed) of x on the observed y, and the normal of its residual."""
        if observed not in self._conditionals:
            seen, cross = self.dim + torch.tensor(observed).nonzero()[:, 0], self.cov[:, : self.dim]
            gain = torch.linalg.solve(self.cov[seen][:, seen], cross[seen]).T
            residual = cross[: self.dim] - gain @ cross[seen]
            self._conditionals[observed] = gain, _Normal(self.mean[: self.dim], (residual + residual.T) / 2)
        return self._conditionals[observed]

    def to(self, device: torch.device | str) -> "Exact":
        self._conditionals = {}  # computed again on the device when needed
        return super().to(device)

    def _solve(self, z, signal, noise, condition):
        dim_y = len(self.mean) - self.dim
        if condition is None:
            condition = z.new_zeros(1, dim_y), torch.zeros(1, dim_y, dtype=torch.bool)
        if not (isinstance(condition, tuple) and len(condition) == 2):
            raise ValueError("condition must be a tuple (values, observed)")
        for name, part in zip(("values", "observed"), condition, strict=True):
            if not isinstance(part, torch.Tensor) or (part.dtype == torch.bool) != (name == "observed"):
                refuse(name, "a tensor of numbers" if name == "values" else "a boolean tensor", part)
        values, observed = (one_row(part.to(z.device)) for part in condition)
        for name, part in (("values", values), ("observed", observed)):
            if part.ndim != 2 or part.shape[1] != dim_y or len(part) not in (1, len(z)):
                raise ValueError(f"{name} must be (1 or {len(z)}, {dim_y}), got {tuple(part.shape)}")
        if not bool(values.where(observed, torch.zeros(())).isfinite().all()):
            raise ValueError("values must be finite where observed")
        patterns, which = torch.unique(observed, dim=0, return_inverse=True)
        values, which = values.double().expand(len(z), dim_y), which.expand(len(z))
        log_prob, solved = z.new_empty(len(z)), torch.empty_like(z)
        for i, pattern in enumerate(patterns):
            rows = which == i
            gain, normal = self._conditional(tuple(pattern.tolist()))
            shift = (values[rows][:, pattern] - self.mean[self.dim :][pattern]) @ gain.T
            log_prob[rows], solved[rows] = normal.solve(z[rows], shift, signal[rows], noise[rows])
        return log_prob, solved


class GaussianMixture(Exact):
    """Σ_k weights_k · N(means_k, covs_k). weights (K,) ≥ 0; means (K, *shape); covs (K,), (K, d) or (K, d, d).

    condition = weights (B, K) or (1, K) ≥ 0, multiplied onto the prior: p(y|k); a boolean mask picks components.
    Raises ValueError for weights that are negative or all zero, and for a covariance that is not positive definite.
    """

    def __init__(self, weights: torch.Tensor, means: torch.Tensor, covs: torch.Tensor) -> None:
        means, covs = tensor("means", means, range(2, 20)), tensor("covs", covs, [1, 2, 3])
        self.shape, means = tuple(means.shape[1:]), means.flatten(1)
        if len(means) != len(covs):
            raise ValueError(f"means and covs must have as many components, got {len(means)} and {len(covs)}")
        self.log_weights = log_weights("weights", weights, len(means)).log_softmax(0)
        self.components = [_Normal(m, c, f"covs[{k}]") for k, (m, c) in enumerate(zip(means, covs, strict=True))]
        self.dim = means.shape[1]
        prior = self.log_weights.exp()
        spread = (prior @ (means - prior @ means) ** 2).sum().item()
        largest = max(c.largest for c in self.components) + spread
        self.proposal = _scales(largest, min(c.smallest for c in self.components))

    def _solve(self, z, signal, noise, condition):
        each = [component.solve(z, 0, signal, noise) for component in self.components]
        log_prob = torch.stack([density for density, _ in each], 1) + _conditioned(self.log_weights, condition, len(z))
        weights = log_prob.softmax(1)
        return log_prob.logsumexp(1), sum(weights[:, k, None] * solved for k, (_, solved) in enumerate(each))


class FiniteSet(Exact):
    """Finitely many points (n, *shape) with prior weights (n,), each blurred by an isotropic Gaussian of width jitter.

    jitter 0: `discrete`; log_prob is a log mass, −inf off the set. jitter τ > 0: a density. condition = weights (B, n)
    or (1, n) ≥ 0 multiplied onto the prior; only points with weight are read, in rows of about 256 MB. Raises
    ValueError for weights that are negative or all zero, or jitter < 0.
    """

    def __init__(self, points: torch.Tensor, weights: torch.Tensor | None = None, jitter: float = 0.0) -> None:
        points = tensor("points", points, range(2, 20))
        self.shape, points = tuple(points.shape[1:]), points.flatten(1)
        jitter = number("jitter", jitter, 0, accepted="a number ≥ 0")
        weights = points.new_ones(len(points)) if weights is None else weights
        self.log_weights = log_weights("weights", weights, len(points)).log_softmax(0)
        self.center, self.discrete = points.mean(0), jitter == 0
        self.points, self.jitter = points - self.center, jitter  # centred: smaller numbers, smaller rounding
        self.norms, self.dim = torch.einsum("ij,ij->i", self.points, self.points), points.shape[1]

    @cached_property
    def proposal(self) -> Piecewise:
        """From the variance of the set, the distances between neighbours (of up to 256 points) and the jitter."""
        variance = (self.log_weights.exp() @ self.norms).item() + self.dim * self.jitter**2
        sample = self.points[torch.linspace(0, len(self.points) - 1, min(len(self.points), 256)).long()]
        distances = (self.norms - 2 * sample @ self.points.T + (sample**2).sum(1, keepdim=True)).flatten()
        distances = distances[distances > 1e-9 * self.norms.max()]
        nearest, widest = math.log(8 / distances.min()) if len(distances) else 0.0, -math.log(variance or 1.0)
        if self.discrete:
            return band(min(widest, nearest), nearest, margin=(12.0, 5.0))
        return band(min(0.0, widest, -2 * math.log(self.jitter)), max(0.0, nearest, -2 * math.log(self.jitter)))

    def expect(self, conditions: list) -> None:
        """Conditions that will be asked about each z: masks then share the sums over the points they have in common."""
        priors = [_conditioned(self.log_weights, c, 1)[0] for c in conditions if is_single(c)]
        self._parts = parted(self._parts, priors, self.points, self.norms, self.log_weights)

    def _solve(self, z, signal, noise, condition):
        prior, width = _conditioned(self.log_weights, condition, len(z)), signal * self.jitter**2 + noise
        scale = signal.sqrt()
        centred = torch.addcmul(z, scale, self.center, value=-1)
        total, mean = means(self._parts, prior, self.points, self.norms)(centred, scale, width)
        square = torch.linalg.vecdot(centred, centred)
        constant = square / width[:, 0] + self.dim * (2 * math.pi * width[:, 0]).log()
        return total - 0.5 * constant, torch.addcmul(centred, scale, mean, value=-1).div_(width)

    def log_prob(self, x: torch.Tensor, condition: Any = None) -> torch.Tensor:
        if not self.discrete:
            return super().log_prob(x, condition)
        x, prior = self._rows("x", x) - self.center, _conditioned(self.log_weights, condition, len(x))
        on = coincide(x, self.points, self.norms, 1e-6 * (self.points.norm(p=math.inf) + self.center.norm(p=math.inf)))
        return prior.expand(len(x), -1).masked_fill(~on, -math.inf).logsumexp(1)
