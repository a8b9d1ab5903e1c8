"""How often ±2 standard errors hold the truth, at default settings: skewed integrands decide, not the normal case."""

import math
import warnings

import pytest
import torch

import infodecomp as idc
from infodecomp.integrate import Logistic, student, widening

CAPTION = "the sitting red cat left of the sleeping blue dog"


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def gaussian():
    half = random(16, 16)
    model = idc.exact.Gaussian(torch.zeros(16), half @ half.T / 16 + 0.1 * torch.eye(16))
    x = random(1, 16, seed=1)
    return idc.nll, model, x, {}, -model.log_prob(x).item()


def points():
    model = idc.exact.FiniteSet(random(50, 64))
    return idc.nll, model, random(50, 64)[:1], {}, math.log(50)


def some_points():
    """i^s of one point of 50 with ten of them: ln 5."""
    options = {"y": (torch.arange(50) < 10).double()[None], "kind": "standard"}
    return idc.pointwise_information, idc.exact.FiniteSet(random(50, 64)), random(50, 64)[:1], options, math.log(5)


def far_modes():
    means = torch.tensor([[-10.0, 0], [10, 0]], dtype=torch.float64)
    model, first = idc.exact.GaussianMixture([0.5, 0.5], means, [1.0, 1.0]), torch.tensor([[1.0, 0]])
    options = {"y": first, "kind": "standard"}
    x = means[:1] + 0.5
    return idc.pointwise_information, model, x, options, (model.log_prob(x, first) - model.log_prob(x)).item()


def word(name):
    """i^s of a word given the rest of the caption, in the scenes."""

    def case():
        model = idc.load("scenes")
        scene = next(s for s in idc.scenes.scenes() if idc.scenes.log_prob(s, CAPTION) > -math.inf)
        rest = " ".join(CAPTION.replace(name, " ").split())
        options = {"y": CAPTION, "given": rest, "kind": "standard"}
        truth = idc.scenes.information(scene, CAPTION, rest)
        return idc.pointwise_information, model, model.encode(idc.scenes.render(scene)), options, truth

    return case


CASES = {
    "Gaussian": gaussian,
    "50 points": points,
    "10 of 50 points": some_points,
    "two far modes": far_modes,
    "red": word("red"),
    "left of": word("left of"),
}
WORDS = "red", "left of"


def coverage(name, repeats, **options):
    """Shares of estimates whose ±2 standard errors hold the truth: as given, and without the widening; mean factor."""
    measure, model, x, about, truth = CASES[name]()
    found = measure(model, x.expand(repeats, *x.shape[1:]).contiguous(), **about, **options)
    off, (bare, factor, _) = (found.nats - truth).abs(), found.profile.spread()
    return [(off < 2 * e).double().mean().item() for e in (found.stderr, bare)], factor.median().item()


def bounds(repeats):
    """.93 and .97, and three standard errors of a share of that many repeats around them."""
    return 0.93 - 3 * (0.93 * 0.07 / repeats) ** 0.5, 0.97 + 3 * (0.97 * 0.03 / repeats) ** 0.5


@pytest.mark.parametrize("noise", ["plain", "balanced"])
@pytest.mark.parametrize("name", CASES)
def test_default_errors_cover(name, noise):
    repeats = 200 if name in WORDS else 800
    (widened, bare), factor = coverage(name, repeats, noise=noise)
    low, high = bounds(repeats)
    assert low < widened < high
    if name == "Gaussian":
        assert factor < 1.1 and bare > low
    else:
        assert factor > 1.3 and bare < widened  # rare draws carry it


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["plain", "balanced"])
@pytest.mark.parametrize("name", CASES)
def test_default_errors_cover_in_two_thousand_repeats(name, noise):
    (widened, _), _ = coverage(name, 2000, noise=noise)
    assert bounds(2000)[0] < widened < bounds(2000)[1]


@pytest.mark.parametrize("name", ["Gaussian", "10 of 50 points", "two far modes"])
def test_a_tolerance_is_kept_and_covers(name):
    """Each run on its own: the true error is at most what was asked for, and a warning says where a run's is not."""
    measure, model, x, about, truth = CASES[name]()
    aim, runs, held, kept, said, square = (0.4 if name == "Gaussian" else 0.1), 120, 0, 0, 0, 0
    for seed in range(runs):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = measure(model, x, **about, seed=seed, tolerance=aim)
        held += abs(found.nats.item() - truth) < 2 * found.stderr.item()
        square += (found.nats.item() - truth) ** 2 / runs
        kept += found.stderr.item() <= aim
        said += any("was missed" in str(w.message) for w in caught)
    assert bounds(runs)[0] < held / runs and kept + said == runs and kept > 0.6 * runs
    assert square < aim**2 * (1 + 3 * (2 / runs) ** 0.5)


def test_sums_differences_maps_and_slices_are_widened_alike():
    measure, model, x, about, _ = far_modes()
    x = x.expand(300, 2)
    first = measure(model, x, **about)
    bare, factor, count = first.profile.spread()
    assert torch.equal(first.stderr, bare * factor) and torch.equal(first.few, count < 2) and first.few.any()
    draws = (first.profile.integrand * first.profile.weight).unflatten(1, (-1, 2)).diff(dim=2).squeeze(2)
    assert torch.allclose(bare, draws.square().sum(1).sqrt() / draws.shape[1] / 2)
    assert torch.allclose((first + first).stderr, 2 * first.stderr)
    assert torch.equal((first - first).stderr, torch.zeros(300)) and not (first - first).few.any()
    assert torch.equal(first[7].stderr, first.stderr[7:8])
    row = first.few.nonzero()[0].item()
    assert "(few draws)" in repr(first[row]) and "few" not in repr(first[(~first.few).nonzero()[0].item()])
    shares = random(3, 1, 1, 1).sigmoid()
    told = lambda z, logsnr, c: z * c  # noqa: E731
    image, alone = (
        idc.pointwise_information(told, torch.ones(3, 1, n, n).double(), shares, shares / 2, proposal=Logistic())
        for n in (2, 1)
    )
    for found in (image, alone):
        assert found.map_stderr.shape == found.map.shape
    assert torch.allclose(alone.map_stderr.flatten(), alone.stderr)  # one pixel: its error is the total's


@pytest.mark.parametrize("pairs", [1, 2, 5, 10, 50, 200])
def test_normal_differences_are_covered_for_every_number(pairs):
    """The mean of n pairs of normal draws: ±2 widened errors hold the truth in .954 for every n (40,000 repeats)."""
    first, second = random(2, 40_000, pairs)
    differences = first - second
    factor, count = widening(differences)
    error = factor * differences.square().sum(1).sqrt() / (2 * pairs)
    share = ((first + second).mean(1).abs() / 2 < 2 * error).double().mean().item()
    assert 0.9545 - 3 * 0.0011 < share < 0.965
    assert 1 - 1e-12 <= count.min() and count.max() <= pairs * (1 + 1e-12)
    assert torch.allclose(widening(1e3 * differences)[0], factor)


def test_widening_of_nothing_and_of_a_single_draw():
    factor, count = widening(torch.tensor([[0.0] * 50, [1.0] + [0] * 49, [1.0] * 50]))
    assert count.tolist() == [50, 1, 50]
    assert torch.allclose(factor, student(torch.tensor([50.0, 3, 50])) * torch.tensor([1, 10**0.5, 1.0]))
    assert abs(student(4).item() - 2.869 / 2) < 1e-3  # tables: t of 4 degrees of freedom, .97725


# ------------------------------------------------------------------------------------------------- outside the range


def scaled(sd):
    """x and y with standard deviation sd, correlation .8, in 16 dimensions: i^s of a row is known; a plain callable."""
    eye = torch.eye(16, dtype=torch.float64)
    cov = sd**2 * torch.cat([torch.cat([eye, 0.8 * eye], 1), torch.cat([0.8 * eye, eye], 1)])
    model = idc.exact.JointGaussian(torch.zeros(32), cov, 16)
    both = sd * random(2, 16, seed=3)
    x, y = both[:1], 0.8 * both[:1] + 0.6 * both[1:]
    given = (y, torch.ones_like(y, dtype=torch.bool))
    return (lambda *asked: model(*asked)), x, given, (model.log_prob(x, given) - model.log_prob(x)).item(), model


@pytest.mark.parametrize("sd", [1e-3, 300.0, 1000.0])
def test_data_outside_the_range_are_named(sd):
    plain, x, y, truth, model = scaled(sd)
    with pytest.warns(UserWarning, match="outside the range of log-SNRs"):
        short = idc.pointwise_information(plain, x, y, kind="standard")
    assert abs(short.tail.item()) > 0.3 and abs(short.nats.item() - truth) > 1
    wide = idc.pointwise_information(model, x, y, kind="standard", samples=400)  # its own proposal fits
    assert abs(wide.nats.item() - truth) < 3 * wide.stderr.item() and wide.tail.abs().item() < wide.stderr.item() / 3


@pytest.mark.parametrize("sd", [1.0, 100.0])
def test_data_inside_the_range_are_not_named(sd):
    """At 100 few draws fall where the information is; the error knows it."""
    plain, x, y, truth, _ = scaled(sd)
    found = idc.pointwise_information(plain, x, y, kind="standard")
    assert abs(found.nats.item() - truth) < 2 * found.stderr.item()


@pytest.mark.parametrize("low, high", [(-3.0, 14.0), (-12.0, 3.0), (-3.0, 4.0)])
def test_the_tail_is_what_the_ends_say(low, high):
    """A Gaussian of variance 1: beyond ±3 the integrand of i^s falls about like e^−|α|; means over 200 pictures."""
    _, _, _, _, model = scaled(1.0)
    x, other = random(2, 200, 16, seed=5)
    given = (0.8 * x + 0.6 * other, torch.ones_like(x, dtype=torch.bool))
    truth = model.log_prob(x, given) - model.log_prob(x)
    short = idc.pointwise_information(model, x, given, kind="standard", proposal=Logistic(range=(low, high)))
    missing, tail = truth - short.nats, short.tail
    assert abs((tail - missing).mean()) < 3 * (tail - missing).std() / 200**0.5 + 0.15 * abs(missing.mean())


def test_a_chosen_range_is_not_commented_and_few_samples_have_no_ends():
    plain, x, y, _, _ = scaled(1.0)
    short = idc.pointwise_information(plain, x, y, proposal=Logistic(range=(-2, 4)))
    assert short.tail.abs().item() > short.stderr.item() / 3  # no warning: they are errors here
    rows = []
    counting = lambda z, logsnr, c: (rows.append(len(z)), plain(z, logsnr, c))[1]  # noqa: E731
    for samples, more in ((48, 0), (50, 4), (100, 4), (260, 8)):
        rows.clear()
        idc.nll(counting, x, samples=samples)
        assert sum(rows) == samples + more


def test_the_default_proposal_fits_the_range_it_is_given():
    def over(low, high):
        plain, x, _, _, model = scaled(1.0)
        plain.logsnr_range = low, high
        return idc.nll(plain, x.expand(800, 16)), -model.log_prob(x).item()

    for ends in ((-20, 20), (-30, 10), (-11, 13), (-10, 35)):
        found, truth = over(*ends)
        share = ((found.nats - truth).abs() < 2 * found.stderr).double().mean().item()
        assert bounds(800)[0] < share and found.range == ends
        assert found.stderr.mean() < 3 * over(-11, 13)[0].stderr.mean()


def test_the_density_of_a_scene_has_its_own_proposal():
    model, scenes = idc.load("scenes"), idc.scenes.scenes()
    x = model.encode([idc.scenes.render(scenes[i]) for i in (5, 5000, 20_000)])
    found, before = idc.nll(model, x), idc.nll(model, x, proposal=model.proposal)
    assert ((found.nats + model.log_prob(x)).abs() < 3 * found.stderr).all()
    assert found.stderr.max() < 120 and found.stderr.mean() < 0.1 * before.stderr.mean()
    both = idc.compare(model, x, [None, "moon"])  # information is what it is asked for as well
    assert torch.equal(both.nll(0).profile.logsnr, before.profile.logsnr)
