import math

import pytest
import torch
from scipy.stats import multivariate_normal

from infodecomp import exact
from infodecomp.channel import add_noise


def spd(d, seed=0):
    a = torch.randn(d, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return a @ a.T / d + 0.2 * torch.eye(d, dtype=torch.float64)


def normals(*shape, seed=1):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


MEANS, COVS = normals(3, 2), torch.stack([spd(2, s) for s in range(3)])
CASES = {
    "gaussian": (exact.Gaussian(normals(3), spd(3)), None, 3),
    "joint": (exact.JointGaussian(normals(5), spd(5), 3), (normals(1, 2), torch.tensor([[True, False]])), 3),
    "mixture": (exact.GaussianMixture([0.2, 0.3, 0.5], MEANS, COVS), torch.tensor([[1.0, 0.5, 0.0]]), 2),
    "set": (
        exact.FiniteSet(normals(6, 4), torch.arange(1.0, 7.0), jitter=0.3),
        torch.tensor([[1.0, 1, 0, 0, 2, 1]]),
        4,
    ),
}


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_eps_hat_is_the_score_of_the_noisy_density(name, conditional):
    """Tweedie: ε̂ = −sqrt(σ(−α))·∇ log p(x_α), by finite differences of the closed form."""
    denoiser, condition, d = CASES[name]
    condition = condition if conditional else None
    if conditional and condition is None:
        with pytest.raises(ValueError, match="condition must be None"):
            denoiser(torch.zeros(1, d), 0.0, torch.ones(1, 3))
        return
    z, step = normals(5, d), 1e-5
    for a in (-6.0, 0.0, 3.0):
        noise = torch.sigmoid(torch.tensor(-a, dtype=torch.float64))
        ones = torch.ones(5, 1, dtype=torch.float64)

        def density(points, ones=ones, noise=noise):
            return denoiser._solve(points, (1 - noise) * ones, noise * ones, condition)[0]

        slopes = [
            (density(z + step * e) - density(z - step * e)) / (2 * step) for e in torch.eye(d, dtype=torch.float64)
        ]
        score = torch.stack(slopes, 1)
        assert torch.allclose(denoiser(z, torch.full((5,), a), condition), -noise.sqrt() * score, atol=1e-7)


@pytest.mark.parametrize("name", CASES)
def test_eps_hat_is_the_posterior_mean_of_the_noise(name):
    """No function of x_α can be correlated with ε − ε̂; tried on z, z² and constants, with x drawn from the model."""
    denoiser, _, d = CASES[name]
    generator = torch.Generator().manual_seed(3)
    n = 40_000
    if name in ("gaussian", "joint"):
        mean, cov = (normals(3), spd(3)) if name == "gaussian" else (normals(5)[:3], spd(5)[:3, :3])
        x = mean + torch.randn(n, 3, dtype=torch.float64, generator=generator) @ torch.linalg.cholesky(cov).T
    elif name == "mixture":
        k = torch.multinomial(torch.tensor([0.2, 0.3, 0.5]), n, replacement=True, generator=generator)
        noise = torch.randn(n, 2, 1, dtype=torch.float64, generator=generator)
        x = MEANS[k] + (torch.linalg.cholesky(COVS)[k] @ noise)[..., 0]
    else:
        k = torch.multinomial(torch.arange(1.0, 7.0), n, replacement=True, generator=generator)
        x = normals(6, 4)[k] + 0.3 * torch.randn(n, 4, dtype=torch.float64, generator=generator)
    noise = torch.randn(n, d, dtype=torch.float64, generator=generator)
    z = add_noise(x, 0.5, noise)
    residual = noise - denoiser(z, 0.5)
    for probe in (torch.ones_like(z), z, z**2):
        products = residual * probe
        assert ((products.mean(0) / products.std(0)).abs() < 4.5 / n**0.5).all()


def test_gaussian_log_prob_and_forms_of_covariance():
    x, mean = normals(7, 4), normals(4)
    factor, noise = normals(4, 2), 0.3
    full = factor @ factor.T + noise * torch.eye(4)
    truth = torch.tensor(multivariate_normal(mean, full).logpdf(x))
    low_rank, dense = exact.Gaussian(mean, (factor, noise)), exact.Gaussian(mean, full)
    for denoiser in (low_rank, dense):
        assert torch.allclose(denoiser.log_prob(x), truth)
    assert torch.allclose(low_rank(x, torch.tensor(1.0)), dense(x, torch.tensor(1.0)))
    diagonal, scalar = exact.Gaussian(mean, [0.7] * 4), exact.Gaussian(mean, 0.7)
    assert torch.allclose(diagonal.log_prob(x), torch.tensor(multivariate_normal(mean, 0.7).logpdf(x)))
    assert torch.equal(scalar(x, 0.3), diagonal(x, 0.3))


def test_images_keep_their_shape_and_dtype():
    denoiser = exact.Gaussian(torch.zeros(3, 4, 4), 0.5)
    z = torch.randn(2, 3, 4, 4)
    eps = denoiser(z, torch.tensor([0.0, 1.0]))
    assert eps.shape == z.shape and eps.dtype == torch.float32
    assert torch.equal(eps[1:], denoiser(z[1:], 1.0))


def test_joint_gaussian_conditions_on_what_is_observed():
    mean, cov, x, y = normals(5), spd(5), normals(4, 2), normals(4, 3)
    denoiser = exact.JointGaussian(mean, cov, 2)
    joint = multivariate_normal(mean, cov).logpdf(torch.cat([x, y], 1))
    everything = torch.ones(4, 3, dtype=torch.bool)
    truth = torch.tensor(joint - multivariate_normal(mean[2:], cov[2:, 2:]).logpdf(y))
    assert torch.allclose(denoiser.log_prob(x, (y, everything)), truth)
    assert torch.allclose(denoiser.log_prob(x), torch.tensor(multivariate_normal(mean[:2], cov[:2, :2]).logpdf(x)))
    mixed = torch.tensor([[True, True, True], [False, False, False], [True, False, True], [False, True, False]])
    hidden = y.masked_fill(~mixed, math.nan)
    rows = [denoiser.log_prob(x[i : i + 1], (y[i : i + 1], mixed[i : i + 1])) for i in range(4)]
    assert torch.allclose(denoiser.log_prob(x, (hidden, mixed)), torch.cat(rows))
    assert torch.allclose(rows[0], truth[:1]) and torch.allclose(rows[1], denoiser.log_prob(x[1:2]))


def test_mixture_and_set_know_bayes_rule():
    for name in ("mixture", "set"):
        denoiser, _, d = CASES[name]
        k, x = len(denoiser.log_weights), normals(6, d)
        each = torch.stack([denoiser.log_prob(x, torch.eye(k)[i : i + 1]) for i in range(k)], 1)
        assert torch.allclose((each + denoiser.log_weights).logsumexp(1), denoiser.log_prob(x))
        likelihood = torch.rand(6, k, generator=torch.Generator().manual_seed(0)).double()
        weights = denoiser.log_weights.exp() * likelihood
        weighted = (each + (weights / weights.sum(1, keepdim=True)).log()).logsumexp(1)
        assert torch.allclose(denoiser.log_prob(x, likelihood), weighted)
        mask = torch.arange(k)[None] < 2
        assert torch.allclose(denoiser.log_prob(x, mask), denoiser.log_prob(x, mask.double() * 7))


def test_mixture_takes_the_forms_of_covariance_of_scikit_learn():
    spherical = exact.GaussianMixture([1.0, 3.0], [[0.0, 0], [1, 1]], torch.tensor([0.5, 2.0]))
    full = exact.GaussianMixture([0.25, 0.75], [[0.0, 0], [1, 1]], torch.stack([0.5 * torch.eye(2), 2 * torch.eye(2)]))
    x = normals(5, 2)
    assert torch.allclose(spherical.log_prob(x), full.log_prob(x))
    assert torch.allclose(spherical(x, 0.2), full(x, 0.2))
    assert torch.isfinite(spherical(x, 0.0, torch.tensor([[0.0, 1.0]]))).all()


def test_discrete_set_has_masses():
    points = torch.tensor([[0.0, 0], [1, 1], [1, 1], [5, -2]])
    denoiser = exact.FiniteSet(points, [1.0, 2, 3, 4])
    x = torch.cat([points, torch.tensor([[0.5, 0.5]])])
    masses = denoiser.log_prob(x).exp()
    assert denoiser.discrete and torch.allclose(masses, torch.tensor([0.1, 0.5, 0.5, 0.4, 0.0], dtype=torch.float64))
    given = denoiser.log_prob(x, torch.tensor([[True, False, False, True]])).exp()
    assert torch.allclose(given, torch.tensor([0.2, 0, 0, 0.8, 0], dtype=torch.float64))
    assert not exact.FiniteSet(points, jitter=0.1).discrete


def test_a_jittered_set_is_a_mixture_of_narrow_gaussians():
    points, x = normals(6, 4), normals(5, 4, seed=2)
    blurred = exact.FiniteSet(points, torch.arange(1.0, 7.0), jitter=0.3)
    mixture = exact.GaussianMixture(torch.arange(1.0, 7.0), points, [0.09] * 6)
    assert torch.allclose(blurred.log_prob(x), mixture.log_prob(x))
    assert torch.allclose(blurred(x, 1.0), mixture(x, 1.0))


def test_far_out_the_closed_forms_hold():
    points = normals(5, 3)
    denoiser, noise = exact.FiniteSet(points), normals(5, 3, seed=2)
    for a in (-40.0, 40.0):
        eps = denoiser(add_noise(points, a, noise), a)
        truth = add_noise(points - points.mean(0), a, noise) if a < 0 else noise
        assert torch.allclose(eps, truth, atol=1e-6)


def test_thirty_thousand_points_stay_in_bounded_memory():
    import resource

    points = torch.randn(30_000, 1024, generator=torch.Generator().manual_seed(0))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    denoiser = exact.FiniteSet(points)
    eps = denoiser(add_noise(points[:700], 6.0, torch.zeros(700, 1024)), 6.0)
    assert eps.abs().max() < 1e-3  # noiseless pictures are recognised
    assert 1000 < 8 * math.exp(5 - denoiser.proposal.range[1]) < 2048  # squared distance to the nearest neighbour
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < 2**21  # KiB: 2 GiB, the points being 0.25


def test_large_sets_give_the_same_in_pieces():
    points = normals(300, 2)
    denoiser = exact.FiniteSet(points, jitter=0.1)
    weights = torch.rand(9, 300, generator=torch.Generator().manual_seed(0))
    z = normals(9, 2)
    whole = denoiser(z, 1.0, weights)
    rows = [denoiser(z[i : i + 1], 1.0, weights[i : i + 1]) for i in range(9)]
    assert torch.allclose(whole, torch.cat(rows))


REFUSED = {
    "asymmetric": lambda: exact.Gaussian([0.0, 0], [[1.0, 0.5], [0.0, 1.0]]),
    "indefinite": lambda: exact.Gaussian([0.0, 0], [[1.0, 2.0], [2.0, 1.0]]),
    "singular": lambda: exact.Gaussian([0.0, 0], [1.0, 0.0]),
    "not square": lambda: exact.Gaussian([0.0, 0], [[1.0, 0.0]]),
    "nan": lambda: exact.Gaussian([0.0, math.nan], 1.0),
    "negative noise": lambda: exact.Gaussian([0.0, 0], ([[1.0], [0.0]], -0.1)),
    "factor": lambda: exact.Gaussian([0.0, 0], ([[1.0]], 0.1)),
    "dim_x": lambda: exact.JointGaussian([0.0, 0], [[1.0, 0], [0, 1.0]], 2),
    "negative weight": lambda: exact.GaussianMixture([0.5, -0.5], [[0.0], [1.0]], [1.0, 1.0]),
    "no weight": lambda: exact.FiniteSet([[0.0], [1.0]], [0.0, 0.0]),
    "count": lambda: exact.GaussianMixture([0.5, 0.5], [[0.0], [1.0], [2.0]], [1.0, 1.0, 1.0]),
    "jitter": lambda: exact.FiniteSet([[0.0], [1.0]], jitter=-1.0),
    "no points": lambda: exact.FiniteSet(torch.zeros(0, 3)),
    "condition length": lambda: CASES["mixture"][0](torch.zeros(1, 2), 0.0, torch.ones(1, 2)),
    "condition sums to nothing": lambda: CASES["mixture"][0](torch.zeros(1, 2), 0.0, torch.zeros(1, 3)),
    "condition leaves no prior": lambda: exact.FiniteSet([[0.0], [1.0]], [1.0, 0.0]).log_prob(
        torch.zeros(1, 1), torch.tensor([[False, True]])
    ),
    "joint condition": lambda: CASES["joint"][0](torch.zeros(1, 3), 0.0, torch.zeros(1, 2)),
    "observed not bool": lambda: CASES["joint"][0](torch.zeros(1, 3), 0.0, (torch.zeros(1, 2), torch.ones(1, 2))),
    "observed nan": lambda: CASES["joint"][0](
        torch.zeros(1, 3), 0.0, (torch.full((1, 2), math.nan), torch.ones(1, 2, dtype=torch.bool))
    ),
    "z of another size": lambda: CASES["gaussian"][0](torch.zeros(1, 4), 0.0),
    "integer z": lambda: CASES["gaussian"][0](torch.zeros(1, 3, dtype=torch.long), 0.0),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_one_line(name):
    with pytest.raises(ValueError) as error:
        REFUSED[name]()
    assert "\n" not in str(error.value)
