import math

import pytest
import torch

import infodecomp as idc
from infodecomp.exact import FiniteSet, Gaussian, GaussianMixture, JointGaussian
from infodecomp.integrate import Logistic, uniform


def normals(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def joint(d, rho=0.8, n=600, seed=0):
    """d pairs (x_j, y_j) of correlation rho: the denoiser, x, y as a condition, and I(X;Y)."""
    cov = torch.eye(2 * d, dtype=torch.float64)
    cov[range(d), range(d, 2 * d)] = cov[range(d, 2 * d), range(d)] = rho
    both = normals(n, 2 * d, seed=seed) @ torch.linalg.cholesky(cov).T
    condition = (both[:, d:], torch.ones(1, d, dtype=torch.bool))
    return JointGaussian(torch.zeros(2 * d), cov, d), both[:, :d], condition, -0.5 * d * math.log(1 - rho**2)


def mixture(n=600, seed=0):
    """Three components in the plane, x drawn from them and the component as a condition (one-hot weights)."""
    weights, means = torch.tensor([0.2, 0.3, 0.5]), torch.tensor([[-2.0, 0], [1, 1], [2, -1]], dtype=torch.float64)
    covs = torch.tensor([[0.3, 0.2], [0.5, 0.1], [0.2, 0.4]], dtype=torch.float64)
    k = torch.multinomial(weights, n, replacement=True, generator=torch.Generator().manual_seed(seed))
    x = means[k] + covs[k].sqrt() * normals(n, 2, seed=seed + 1)
    return GaussianMixture(weights, means, covs), x, torch.eye(3)[k]


MIXTURE = mixture()
SKEWED = {"samples": 1600, "proposal": "fit"}  # near a boundary few draws carry much: z is normal with many only
IMAGE = Gaussian(torch.zeros(3, 4, 4), torch.linspace(0.1, 2, 48))


# ------------------------------------------------------------------------------------------------- against the truth


@pytest.mark.parametrize("proposal", [None, "fit", Logistic(0.0, 2.0, 6.5)], ids=["own", "fit", "logistic"])
@pytest.mark.parametrize("d, n", [(2, 800), (64, 400), (784, 80)])
def test_nll_of_gaussians(d, n, proposal, accept):
    variances = torch.linspace(0.1, 3, d, dtype=torch.float64)
    denoiser, x = Gaussian(torch.ones(d), variances), 1 + variances.sqrt() * normals(n, d)
    accept(idc.nll(denoiser, x, samples=200, proposal=proposal), -denoiser.log_prob(x))


@pytest.fixture(scope="module")
def passed():
    """One pass over the mixture's points for all tests of it: no condition, two components, the own one."""
    denoiser, x, y = MIXTURE
    return idc.compare(denoiser, x, [None, torch.tensor([[0.0, 1.0, 1.0]]), y], **SKEWED)


@pytest.mark.parametrize("which", [0, 1, 2], ids=["nothing", "two", "own"])
def test_nll_of_a_mixture(passed, which, accept):
    denoiser, x, _ = MIXTURE
    accept(passed.nll(which), -denoiser.log_prob(x, passed.conditions[which]))


def test_nll_of_a_finite_set_is_its_log_mass(accept):
    weights = torch.arange(1.0, 11.0)
    denoiser = FiniteSet(normals(10, 6), weights)
    x = (denoiser.points + denoiser.center).repeat(60, 1)
    accept(idc.nll(denoiser, x, **SKEWED), -(weights / weights.sum()).log().repeat(60))


def test_nll_of_a_jittered_set_is_a_density(accept):
    denoiser = FiniteSet(normals(10, 6), jitter=0.05)
    x = (denoiser.points + denoiser.center).repeat(60, 1) + 0.05 * normals(600, 6, seed=3)
    accept(idc.nll(denoiser, x, **SKEWED), -denoiser.log_prob(x))


@pytest.mark.parametrize("d", [1, 5, 25])
def test_information_of_correlated_gaussians(d, accept):
    denoiser, x, y, truth = joint(d)
    options = {"samples": 200, "seed": d}
    standard = idc.pointwise_information(denoiser, x, y, kind="standard", **options)
    accept(standard, denoiser.log_prob(x, y) - denoiser.log_prob(x))
    orthogonal = idc.pointwise_information(denoiser, x, y, **options)
    assert (orthogonal.nats >= 0).all() and orthogonal.stderr.mean() < standard.stderr.mean()
    for estimate in (standard, orthogonal):
        mean, error = estimate.mean()
        assert abs(mean - truth) < 3.3 * error


def test_information_of_a_mixture_and_its_component(passed, accept):
    denoiser, x, y = MIXTURE
    standard = passed.information(2, 0, "standard")
    accept(standard, denoiser.log_prob(x, y) - denoiser.log_prob(x))
    gap = standard - passed.information(2, 0)
    assert abs(gap.mean()[0]) < 3.3 * gap.mean()[1]


def test_conditional_information(accept):
    """i(x; y₂ | y₁): whole condition against the part of it."""
    cov = normals(5, 5, seed=4)
    cov = cov @ cov.T / 5 + 0.2 * torch.eye(5)
    denoiser = JointGaussian(torch.zeros(5), cov, 2)
    both = normals(600, 5, seed=5) @ torch.linalg.cholesky(cov).T
    first, all_ = (both[:, 2:], torch.tensor([[True, False, False]])), (both[:, 2:], torch.ones(1, 3, dtype=torch.bool))
    x = both[:, :2]
    estimate = idc.pointwise_information(denoiser, x, all_, given=first, kind="standard", samples=200)
    accept(estimate, denoiser.log_prob(x, all_) - denoiser.log_prob(x, first))


def test_information_does_not_depend_on_the_proposal(accept):
    denoiser, x, y, _ = joint(5, n=300)
    truth = denoiser.log_prob(x, y) - denoiser.log_prob(x)
    for proposal in ("fit", Logistic(1, 2.5, range=(-14, 16)), uniform(-12, 12)):
        estimate = idc.pointwise_information(denoiser, x, y, kind="standard", samples=600, proposal=proposal)
        accept(estimate, truth)


def test_a_fitted_proposal_mends_a_bad_one():
    denoiser, x, y, _ = joint(5, n=50)
    shrunk, small = (lambda z, a, c: denoiser(z, a - 8, c)), x  # any denoiser will do: only the spread counts
    shrunk.proposal = uniform(-30.0, 30.0)
    plain = idc.pointwise_information(shrunk, small, y, kind="standard")
    fitted = idc.pointwise_information(shrunk, small, y, kind="standard", proposal="fit")
    assert (fitted.stderr**2).mean() < 0.5 * (plain.stderr**2).mean()
    assert (
        fitted.range == plain.range == fitted.proposal.range
        and fitted.samples == 100
        and fitted.pilot == 16
        and plain.pilot == 0
    )


def test_tail_is_what_lies_outside():
    denoiser, x, y, _ = joint(5, n=400)
    cut = idc.pointwise_information(denoiser, x, y, samples=400, proposal=Logistic(range=(-3.0, 3.0)))
    whole = idc.pointwise_information(denoiser, x, y, samples=400, proposal=Logistic(0, 2, 8))
    missing, tail = whole.nats - cut.nats, cut.tail
    error = missing.std().item() / len(x) ** 0.5
    assert tail.mean().item() > 10 * error  # it matters
    assert abs((missing - tail).mean().item()) < 0.25 * tail.mean().item() + 4 * error  # an extrapolation
    assert whole.tail.mean() < 0.02 * tail.mean()


# ------------------------------------------------------------------------------------------------------- invariances


@pytest.mark.parametrize("batch_size", [1, 7, 64, 100_000])
@pytest.mark.parametrize("kind", ["standard", "orthogonal"])
def test_batch_size_is_irrelevant(kind, batch_size):
    denoiser, x, y = MIXTURE
    options = {"kind": kind, "samples": 20}
    whole = idc.pointwise_information(denoiser, x[:9], y[:9], **options)
    pieces = idc.pointwise_information(denoiser, x[:9], y[:9], batch_size=batch_size, **options)
    for name in ("nats", "stderr", "map", "map_stderr"):
        assert torch.allclose(getattr(pieces, name), getattr(whole, name), rtol=1e-9, atol=1e-12)


def test_batch_size_is_irrelevant_when_noise_is_drawn_in_chunks():
    denoiser = Gaussian(torch.zeros(30_000), 0.5)  # four pairs a chunk
    whole, rows = (idc.nll(denoiser, normals(2, 30_000), samples=12, batch_size=b) for b in (None, 5))
    assert torch.allclose(whole.nats, rows.nats, rtol=1e-12)


def test_noise_is_a_function_of_seed_and_image():
    denoiser, x = Gaussian(torch.zeros(2), 1.5), normals(1, 2).repeat(3, 1)
    first, again, other = (idc.nll(denoiser, x, samples=10, seed=s) for s in (0, 0, 1))
    assert torch.equal(first.nats, again.nats)
    assert len(set(first.nats.tolist())) == 3  # images have noise of their own
    assert not torch.isclose(first.nats, other.nats).any()
    fewer = idc.nll(denoiser, x[:1], samples=10)
    assert torch.equal(fewer.nats, first.nats[:1])


def test_streams_of_random_numbers_are_distinct():
    from infodecomp.noise import generator

    keys = [(s, t, i, c) for s in range(3) for t in range(3) for i in range(40) for c in range(40)]
    assert len({generator(*key).initial_seed() for key in keys}) == len(keys)


def test_every_condition_sees_the_same_noise():
    seen = {}

    def denoiser(z, logsnr, condition):
        seen.setdefault(condition, []).append((z.clone(), logsnr.clone()))
        return z

    idc.compare(denoiser, normals(2, 3), ["a", "b", None], samples=6)
    for pairs in zip(*seen.values(), strict=True):
        assert all(torch.equal(pairs[0][i], other[i]) for other in pairs[1:] for i in (0, 1))


def test_maps_sum_to_the_whole():
    x = normals(2, 3, 4, 4).float()
    shifted = Gaussian(torch.full((48,), 0.3), torch.linspace(0.1, 2, 48))
    pair = lambda z, a, c: (shifted if c == "y" else IMAGE)(z, a)  # noqa: E731
    for estimate in (
        idc.nll(IMAGE, x, samples=20),
        idc.pointwise_information(pair, x, "y", samples=20),
        idc.pointwise_information(pair, x, "y", samples=20, kind="standard"),
    ):
        assert estimate.map.shape == estimate.map_stderr.shape == (2, 4, 4)
        assert torch.allclose(estimate.map.flatten(1).sum(1), estimate.nats, rtol=1e-9)
    vectors = idc.nll(Gaussian(torch.zeros(48), torch.linspace(0.1, 2, 48)), x.flatten(1), samples=20)
    assert vectors.map.shape == (2, 48)
    assert torch.allclose(vectors.map.view(2, 3, 4, 4).sum(1), idc.nll(IMAGE, x, samples=20).map)


def test_map_errors_are_those_of_the_pixels(accept):
    """Independent coordinates: each one's NLL is known."""
    variances = torch.tensor([0.2, 1.0, 3.0], dtype=torch.float64)
    x = variances.sqrt() * normals(300, 3)
    estimate = idc.nll(Gaussian(torch.zeros(3), variances), x, samples=400)
    truth = 0.5 * (x**2 / variances + (2 * math.pi * variances).log())
    flat = type("Flat", (), {"nats": estimate.map.flatten(), "stderr": estimate.map_stderr.flatten()})
    accept(flat, truth.flatten())


def test_profile_is_the_estimate():
    denoiser, x, y = MIXTURE
    narrow = uniform(-2, 2)  # at whose ends much is left
    estimate = idc.pointwise_information(denoiser, x[:5], y[:5], samples=60, proposal=narrow)
    logsnr, integrand, weight = estimate.profile
    assert logsnr.shape == integrand.shape == weight.shape == (5, 60)
    assert torch.allclose((integrand * weight).mean(1), estimate.nats)
    assert torch.allclose(estimate.map.flatten(1).sum(1), estimate.nats)  # the ends are in neither
    assert all(values.is_contiguous() for values in estimate.profile)  # else torch.bucketize warns
    assert logsnr.min() >= estimate.range[0] and logsnr.max() <= estimate.range[1]
    assert torch.allclose(estimate.bits * math.log(2), estimate.nats)


def test_precision_of_x_is_irrelevant():
    denoiser, x, y = MIXTURE
    single, double = (idc.pointwise_information(denoiser, v, y[:20], samples=50) for v in (x[:20].float(), x[:20]))
    assert single.nats.dtype == torch.float64
    assert torch.allclose(single.nats, double.nats, rtol=1e-3, atol=1e-4)
    half = idc.nll(IMAGE, torch.zeros(1, 3, 4, 4, dtype=torch.bfloat16), samples=4)
    assert torch.allclose(half.nats, idc.nll(IMAGE, torch.zeros(1, 3, 4, 4), samples=4).nats)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_device_is_irrelevant():
    denoiser, x, y = MIXTURE
    here = idc.pointwise_information(denoiser, x[:20], y[:20], samples=50)
    there = idc.pointwise_information(mixture()[0].to("cuda"), x[:20].cuda(), y[:20].cuda(), samples=50)
    assert there.nats.is_cuda and torch.allclose(there.nats.cpu(), here.nats, rtol=1e-4, atol=1e-4)


def test_default_dtype_is_irrelevant():
    expected = idc.nll(IMAGE, torch.zeros(1, 3, 4, 4), samples=4)
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(idc.nll(IMAGE, torch.zeros(1, 3, 4, 4).float(), samples=4).nats, expected.nats)
    finally:
        torch.set_default_dtype(torch.float32)


def test_conditions_come_in_every_form():
    labels = []

    def denoiser(z, logsnr, condition):
        labels.append(condition)
        return 0.5 * z

    x = torch.zeros(2, 3)
    idc.compare(denoiser, x, ["cat", ["a", "b"], torch.tensor([4, 5]), torch.tensor([6]), None], samples=2)
    text, listed, tensor, one, none = labels
    assert text == "cat" and none is None and listed == ["a", "a", "b", "b"]
    assert tensor.tolist() == [4, 4, 5, 5] and one.tolist() == [6] * 4


# ------------------------------------------------------------------------------------- comparisons, differences, cost


def test_compare_agrees_with_the_single_estimates():
    denoiser, x, y = MIXTURE
    x, y = x[:6], y[:6]
    other = torch.tensor([[1.0, 1.0, 0.0]])
    both = idc.compare(denoiser, x, [None, y, other], samples=40, seed=3)
    options = {"samples": 40, "seed": 3}
    assert torch.allclose(both.nll(1).nats, idc.nll(denoiser, x, y, **options).nats)
    for kind in ("standard", "orthogonal"):
        for a, given, conditions in ((1, 0, (y, None)), (2, 1, (other, y)), (0, 2, (None, other))):
            single = idc.pointwise_information(denoiser, x, *conditions, kind=kind, **options)
            assert torch.allclose(both.information(a, given, kind).nats, single.nats)
            assert torch.allclose(both.information(a, given, kind).map_stderr, single.map_stderr)
    assert torch.equal(both.information(1, None).nats, both.information(1, 0).nats)
    assert (both.information(2, 2).nats == 0).all()


def test_chain_rule_holds_to_machine_precision():
    denoiser, x, y = MIXTURE
    both = idc.compare(denoiser, x[:6], [None, torch.tensor([[0.0, 1.0, 1.0]]), y[:6]], samples=40)
    parts = both.information(1, 0, "standard").nats + both.information(2, 1, "standard").nats
    assert torch.allclose(parts, both.information(2, 0, "standard").nats, rtol=0, atol=1e-12)
    assert torch.allclose((both.nll(0) - both.nll(2)).nats, both.information(2, 0, "standard").nats, atol=1e-12)


def test_differences_are_paired(accept):
    denoiser, x, y = MIXTURE
    x, y = x[:200], y[:200]
    prior, own = (idc.nll(denoiser, x, condition, samples=1600) for condition in (None, y))
    difference = prior - own
    accept(difference, denoiser.log_prob(x, y) - denoiser.log_prob(x))
    assert difference.stderr.mean() < 0.8 * (prior.stderr**2 + own.stderr**2).sqrt().mean()
    assert torch.allclose(difference.map.sum(1), difference.nats) and difference.map_stderr is None
    assert torch.allclose((difference + own).nats, prior.nats) and torch.allclose(
        (difference + own).stderr, prior.stderr
    )


@pytest.mark.parametrize("options", [{"seed": 1}, {"samples": 40}, {"proposal": Logistic()}])
def test_estimates_on_other_noise_do_not_subtract(options):
    x = normals(1, 2)
    denoiser = Gaussian(torch.zeros(2), 1.0)
    with pytest.raises(ValueError, match="difference need"):
        idc.nll(denoiser, x, samples=20) - idc.nll(denoiser, x, **{"samples": 20, **options})


def test_tolerance_fixes_the_number_of_samples_beforehand(accept):
    denoiser, x, y = MIXTURE
    x, y = x[:10], y[:10]
    estimate = idc.pointwise_information(denoiser, x, y, samples=200, tolerance=0.05)
    assert estimate.samples > 200 and estimate.samples % 2 == 0 and estimate.pilot == 200
    assert estimate.stderr.max() < 0.05  # with much to spare: the pilot's error is widened where few draws carry it
    even = idc.exact.Gaussian(torch.zeros(64), 1.0)
    found = idc.nll(even, torch.randn(10, 64, generator=torch.Generator().manual_seed(0)), samples=200, tolerance=0.2)
    assert 0.6 * 0.2 < found.stderr.max() < 0.2  # aimed at, not reached by stopping when it looks good
    fresh = idc.pointwise_information(denoiser, x, y, samples=estimate.samples)
    assert torch.equal(fresh.nats, estimate.nats)  # the pilot's draws are not in it
    easy = idc.pointwise_information(denoiser, x, y, samples=50, tolerance=100.0)
    assert easy.samples == 2
    with pytest.warns(UserWarning, match="max_samples is 60"):
        assert idc.nll(denoiser, x, samples=50, tolerance=0.01, max_samples=60).samples == 60


def test_mean_is_over_images():
    estimate = idc.nll(Gaussian(torch.zeros(2), 1.0), normals(50, 2), samples=10)
    mean, error = estimate.mean()
    assert mean == pytest.approx(estimate.nats.mean().item())
    assert error == pytest.approx(estimate.nats.std().item() / 50**0.5)
    single = idc.nll(Gaussian(torch.zeros(2), 1.0), normals(1, 2), samples=10)
    assert single.mean()[1] == pytest.approx(single.stderr.item())


def test_repr_gives_value_and_error():
    estimate = idc.nll(Gaussian(torch.zeros(2), 1.0), normals(9, 2), samples=10)
    text = repr(estimate)
    assert f"{estimate.nats[0]:.3f} ± {estimate.stderr[0]:.3f}" in text and "9 in all" in text


# --------------------------------------------------------------------------------------------------------- bad input


def nans(z, logsnr, condition):
    return z * math.nan


X = torch.zeros(2, 3)
UNIT = Gaussian(torch.zeros(3), 1.0)
REFUSED = {
    "denoiser not callable": (lambda: idc.nll(3, X), "denoiser"),
    "x a list": (lambda: idc.nll(UNIT, [[0.0]]), "x "),
    "x integers": (lambda: idc.nll(UNIT, X.long()), "int64"),
    "x one-dimensional": (lambda: idc.nll(UNIT, X[0]), "(3,)"),
    "x empty": (lambda: idc.nll(UNIT, X[:0]), "(0, 3)"),
    "x NaN": (lambda: idc.nll(UNIT, X * math.nan), "NaN"),
    "x infinite": (lambda: idc.nll(UNIT, X + math.inf), "infinity"),
    "kind": (lambda: idc.pointwise_information(UNIT, X, None, kind="both"), "'both'"),
    "samples zero": (lambda: idc.nll(UNIT, X, samples=0), "samples"),
    "samples negative": (lambda: idc.nll(UNIT, X, samples=-2), "-2"),
    "samples fractional": (lambda: idc.nll(UNIT, X, samples=10.5), "10.5"),
    "samples odd": (lambda: idc.nll(UNIT, X, samples=11), "even"),
    "samples true": (lambda: idc.nll(UNIT, X, samples=True), "True"),
    "seed": (lambda: idc.nll(UNIT, X, seed=-1), "seed"),
    "batch_size": (lambda: idc.nll(UNIT, X, batch_size=0), "batch_size"),
    "tolerance": (lambda: idc.nll(UNIT, X, tolerance=0.0), "tolerance"),
    "max_samples": (lambda: idc.nll(UNIT, X, tolerance=0.1, max_samples=3), "max_samples"),
    "proposal": (lambda: idc.nll(UNIT, X, proposal="logistic"), "proposal"),
    "proposal a pair": (lambda: idc.nll(UNIT, X, proposal=(-5.0, 7.0)), "proposal"),
    "condition length": (lambda: idc.nll(UNIT, X, ["a", "b", "c"]), "condition must have 1 or 2 rows"),
    "condition a number": (lambda: idc.nll(UNIT, X, 3), "condition"),
    "given length": (lambda: idc.pointwise_information(UNIT, X, None, torch.zeros(5)), "given must have 1 or 2"),
    "no conditions": (lambda: idc.compare(UNIT, X, []), "conditions"),
    "conditions a str": (lambda: idc.compare(UNIT, X, "cat"), "conditions"),
    "compared length": (lambda: idc.compare(UNIT, X, [None, ["a"] * 3]), "conditions[1]"),
    "unknown condition": (lambda: idc.compare(UNIT, X, [None], samples=2).nll("dog"), "'dog'"),
    "position": (lambda: idc.compare(UNIT, X, [None], samples=2).nll(1), "below 1"),
    "shape returned": (lambda: idc.nll(lambda z, a, c: z[:, :2], X), "eps_hat"),
    "list returned": (lambda: idc.nll(lambda z, a, c: [1.0], X), "list"),
    "NaN returned": (lambda: idc.nll(nans, X), "NaN"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_one_line(name):
    make, says = REFUSED[name]
    with pytest.raises(ValueError) as error:
        make()
    assert says in str(error.value) and "\n" not in str(error.value)


def test_bad_input_is_refused_before_any_evaluation():
    def denoiser(z, logsnr, condition):
        raise AssertionError("evaluated")

    for bad in ({"samples": 3}, {}, {"proposal": "x"}, {"seed": 1.5}, {"batch_size": -1}):
        with pytest.raises(ValueError):
            idc.nll(denoiser, torch.zeros(3, 2), **{"condition": ["a", "b"], **bad})
