import math
from itertools import pairwise

import pytest
import torch
from scipy.fft import dctn

import infodecomp as idc
from infodecomp import scenes as sc
from infodecomp.bands import InFrequencies, by_logsnr, by_radius, cosines, dct, idct, radius
from infodecomp.exact import Gaussian
from infodecomp.integrate import uniform

EDGES = torch.linspace(-12, 12, 9, dtype=torch.float64)


def normals(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# ------------------------------------------------------------------------------------------------------ the transform


@pytest.mark.parametrize("shape", [(3, 7), (2, 5, 6), (2, 3, 8, 4)], ids=str)
def test_the_transform_is_scipys_and_keeps_lengths(shape):
    x = normals(*shape)
    z = dct(x)
    axes = (-1,) if x.ndim == 2 else (-2, -1)
    assert torch.allclose(z, torch.from_numpy(dctn(x.numpy(), axes=axes, norm="ortho")), atol=1e-12)
    assert torch.allclose(idct(z), x, atol=1e-12)
    assert torch.allclose(z.square().flatten(1).sum(1), x.square().flatten(1).sum(1))
    assert torch.allclose(cosines(shape[-1]) @ cosines(shape[-1]).T, torch.eye(shape[-1], dtype=torch.float64))


def test_radii_in_cycles_per_pixel():
    at = radius(4, 8)
    assert at[0, 0] == 0 and at[0, 7] == 7 / 16 and at[2, 0] == 0.25 and at[3, 4] == math.hypot(3 / 8, 0.25)


def test_a_block_of_pixels_is_put_in_its_place():
    """Scenes hold 2 × 2 pixels in a cell: coefficients are those of the picture itself, and turn back."""
    model = idc.load("scenes")
    turned, picture = InFrequencies(model, block=2), sc.render(sc.scenes()[77])
    x, z = model.encode(picture), turned.encode(picture)
    assert z.shape == (1, *turned.shape) == (1, 3, 32, 32)
    assert torch.allclose(z, dct(torch.nn.functional.pixel_shuffle(x, 2)), atol=1e-6)
    assert turned.decode(z)[0].tobytes() == model.decode(x)[0].tobytes()


# -------------------------------------------------------------------------------------------- against closed forms


def fields(wide, narrow):
    """Two Gaussian fields (1, 8, 8) of variances (8, 8) per frequency, their denoisers of dct(x), and 60 draws."""
    basis = torch.kron(cosines(8), cosines(8))
    denoisers = [Gaussian(torch.zeros(1, 8, 8), basis.T @ torch.diag(v.flatten()) @ basis) for v in (wide, narrow)]
    z = narrow.sqrt() * normals(60, 1, 8, 8, seed=3)
    return [InFrequencies(d) for d in denoisers], z


WIDE = 2 / (1 + (radius(8, 8) * 16) ** 2)  # falls as in photographs
NARROW = 1 / (1 / WIDE + 3 * (radius(8, 8) < 0.25))  # what a low-passed, noisy look leaves


@pytest.fixture(scope="module")
def passed():
    (wide, narrow), z = fields(WIDE, NARROW)
    options = {"samples": 400, "proposal": uniform(-12, 12)}
    return z, idc.compare(None, z, [(wide, None), (narrow, None)], **options)


def test_the_denoiser_is_that_of_the_coefficients():
    (wide, _), z = fields(WIDE, NARROW)
    truth = Gaussian(torch.zeros(64), WIDE.flatten())
    logsnr = torch.linspace(-6, 6, 60, dtype=torch.float64)
    assert torch.allclose(wide(z, logsnr).flatten(1), truth(z.flatten(1), logsnr), atol=1e-10)


def errors_of(z, variance, alpha):
    """E(ε − ε̂)² of a coefficient z under N(0, variance), mean over the noise, at log-SNRs alpha (A, 1, 1, 1)."""
    s = torch.sigmoid(alpha)
    return (s**2 * variance**2 + s * (1 - s) * z**2) / (s * variance + 1 - s) ** 2


def truth_of(z):
    """½∫E(r² − r_narrow²)dα per image, band and frequency, (B, K, 8, 8)."""
    bands = []
    for low, high in pairwise(EDGES.tolist()):
        alpha = torch.linspace(low, high, 301, dtype=torch.float64)[:, None, None, None]
        integrand = 0.5 * (errors_of(z[:, 0], WIDE, alpha) - errors_of(z[:, 0], NARROW, alpha))
        bands.append(torch.trapezoid(integrand, alpha.flatten(), dim=0))
    return torch.stack(bands, 1)


def pooled(z):
    assert abs(z.mean()) < 3.3 / z.numel() ** 0.5 and (z.abs() < 2).double().mean() > 0.9


def test_information_per_frequency(passed):
    """Pointwise: the log ratio of each coefficient, up to what lies outside the range."""
    z, found = passed
    each = found.information(1, 0, "standard")
    truth = truth_of(z).sum(1)
    closed = 0.5 * ((WIDE / NARROW).log() + z[:, 0] ** 2 * (1 / WIDE - 1 / NARROW))
    assert (truth - closed).abs().max() < 1e-3
    seen = (NARROW < WIDE * 0.999).expand_as(truth)
    pooled(((each.map - truth) / each.map_stderr)[seen])
    assert each.map[~seen].abs().max() < 1e-9  # what the look leaves alone holds nothing
    assert each.map_gap.abs().max() < 1e-9


def test_information_per_band_of_log_snr(passed):
    z, found = passed
    each = found.information(1, 0, "standard")
    nats, errors = by_logsnr(each, EDGES)
    assert torch.allclose(nats.sum(1), each.nats, atol=1e-9)
    truth = truth_of(z).sum((2, 3))
    known = errors > 1e-3
    pooled(((nats - truth) / errors)[known])
    bare = each.variance
    assert 0.8 < (errors.square().sum(1) / bare).mean() < 2  # widened, they add up to what the total has, about


def test_the_orthogonal_split_sums_over_both(passed):
    _, found = passed
    each = found.information(1, 0)
    nats, errors = by_radius(each, [0, 0.1, 0.25, 1])
    assert torch.allclose(nats.sum(1), each.nats, atol=1e-9) and (nats >= 0).all()
    assert nats[:, 2].abs().max() < 1e-9 < nats[:, :2].min() and (errors[:, :2] > 0).all()


def test_the_error_of_a_radius_is_an_upper_bound():
    (wide, narrow), z = fields(WIDE, NARROW)
    both, options = [(wide, None), (narrow, None)], {"samples": 40, "proposal": uniform(-12, 12)}
    seeds = [idc.compare(None, z[:8], both, seed=s, **options).information(1, 0) for s in range(60)]
    nats = torch.stack([by_radius(e, [0, 0.25])[0] for e in seeds])
    bound = torch.stack([by_radius(e, [0, 0.25])[1] for e in seeds]).mean(0)
    assert (nats.std(0) < bound).all()


def test_pixels_and_frequencies_agree_with_counting():
    """i^s of captions in both bases, each against exact nats."""
    model = idc.load("scenes")
    pictures, _, captions = sc.sample(24, seed=5)
    truth = torch.tensor([sc.information(s, c) for s, c in zip(pictures, captions, strict=True)])
    images, z = [sc.render(s) for s in pictures], []
    for denoiser in (model, InFrequencies(model, block=2)):
        found = idc.pointwise_information(denoiser, denoiser.encode(images), captions, kind="standard", samples=100)
        z.append((found.nats - truth) / found.stderr)
        assert abs(z[-1].mean()) < 3.3 / 24**0.5
    assert not torch.equal(*z)


def test_the_density_of_coefficients_is_that_of_the_pictures():
    points = torch.randn(5, 1, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    denoiser = idc.exact.FiniteSet(points, jitter=0.1)
    assert InFrequencies(denoiser).log_prob(dct(points)).allclose(denoiser.log_prob(points))


def test_words_may_be_mapped_over_frequencies():
    model = InFrequencies(idc.load("scenes"), block=2)
    scene = sc.scenes()[12345]
    maps = idc.word_maps(model, sc.render(scene), sc.captions(scene)[0], samples=8)
    assert maps.resolution == (32, 32) and maps.counted is not None


# ------------------------------------------------------------------------------------------------------ edges, refusals


def test_draws_at_the_edges_count_once():
    x = normals(5, 4)
    found = idc.nll(Gaussian(torch.zeros(4), 0.5), x, samples=40, proposal=uniform(-6, 6))
    constant = 2 * math.log(2 * math.pi * math.e)
    cuts = [-6.0, *found.profile.logsnr[0, 3:30:9].sort().values.tolist(), 6.0]  # at draws themselves
    assert torch.allclose(by_logsnr(found, cuts)[0].sum(1) + constant, found.nats)
    nats, errors = by_logsnr(found, [-6, 5.999, 5.9999999, 6])
    assert (nats[:, 1] == 0).all() and errors[:, 1].isnan().all() and errors[:, 0].isfinite().all()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda e: by_logsnr(e, [-6, -7]), "edges must be two or more increasing numbers"),
        (lambda e: by_logsnr(e, [0]), "edges must be two or more"),
        (lambda e: by_logsnr(e, [-6, 7]), "edges must be between log-SNRs -6 and 6"),
        (lambda e: by_logsnr(e.nats, [-6, 6]), "estimate must be an infodecomp.Estimate"),
        (lambda e: by_radius(e, [0, 1]), r"estimate must be an infodecomp.Estimate with a map \(B, h, w\)"),
        (lambda e: dct(torch.ones(3)), r"x must be a floating-point tensor \(N, d\)"),
        (lambda e: InFrequencies(3), "denoiser must be callable"),
        (lambda e: InFrequencies(print, block=0), "block must be a whole number"),
        (lambda e: InFrequencies(print, block=3).turn(torch.zeros(1, 12, 4, 4)), "channels in blocks of 3 × 3"),
        (lambda e: InFrequencies(print, block=2).back(torch.zeros(1, 3, 5, 4)), "sides in blocks of 2"),
        (lambda e: dct(torch.zeros(2, 3, dtype=torch.int64)), "x must be a floating-point tensor"),
        (lambda e: cosines(0), "size must be a whole number"),
    ],
)
def test_refusals(call, message):
    found = idc.nll(Gaussian(torch.zeros(4), 0.5), normals(2, 4), samples=10, proposal=uniform(-6, 6))
    with pytest.raises(ValueError, match=message):
        call(found)
