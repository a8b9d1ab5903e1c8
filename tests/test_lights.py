import pytest
import torch

import infodecomp as idc
from infodecomp.lights import Trusted

D, N = 25, 500
COV = torch.eye(2 * D, dtype=torch.float64)
COV[range(D), range(D, 2 * D)] = COV[range(D, 2 * D), range(D)] = 0.8
BOTH = torch.randn(N, 2 * D, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
BOTH = BOTH @ torch.linalg.cholesky(COV).T
X, Y = BOTH[:, :D], (BOTH[:, D:], torch.ones(N, D, dtype=torch.bool))
OPTIMAL = idc.exact.JointGaussian(torch.zeros(2 * D), COV, D)
MIDDLE = idc.integrate.Logistic(1.0, 2.0, range=(-4.0, 6.0))


def broken(which):
    def denoiser(z, logsnr, condition):
        scale = 0.9 if which == ("unconditional" if condition is None else "conditional") else 1.0
        return scale * OPTIMAL(z, logsnr, condition)

    return denoiser


def lit(gap):
    mean, stderr = gap.mean()
    return abs(mean) > 5 * stderr, abs(mean) < 3.3 * stderr


@pytest.mark.parametrize("which", ["none", "conditional", "unconditional"])
def test_each_light_sees_its_own_branch(which):
    matched = lit(idc.matched_gap(broken(which), X, Y, proposal=MIDDLE))
    shuffled = lit(idc.shuffled_gap(broken(which), X, Y, proposal=MIDDLE, cap=1.0))
    assert matched == ((True, False) if which == "conditional" else (False, True))
    assert shuffled == ((True, False) if which == "unconditional" else (False, True))


def test_shuffled_range_ends_at_the_cap_and_pairs_share_nothing():
    seen = set()

    def denoiser(z, logsnr, condition):
        if condition is not None:  # x is so large that z tells which it is
            which = (z[:, 0] / torch.sigmoid(logsnr).sqrt() / 1e6).round().int()
            seen.update(zip(which.tolist(), condition.tolist(), strict=True))
        return z

    x = 1e6 * torch.arange(7.0)[:, None]
    gap = idc.shuffled_gap(denoiser, x, torch.arange(7), proposal=MIDDLE, cap=1.0, samples=4)
    assert gap.range == (-4.0, 1.0) and len(gap.nats) == len(seen) == 3
    assert len({image for pair in seen for image in pair}) == 6


@pytest.mark.parametrize("options", [{"cap": 7.0}, {"cap": -5.0}])
def test_a_cap_outside_the_range_is_refused(options):
    with pytest.raises(ValueError, match="cap must lie inside"):
        idc.shuffled_gap(OPTIMAL, X, Y, proposal=MIDDLE, **options)


@pytest.mark.parametrize("y, x", [("cat", X), (Y, X[:1])])
def test_shuffling_needs_a_y_for_each_of_several_images(y, x):
    with pytest.raises(ValueError, match="y must have one row for each"):
        idc.shuffled_gap(OPTIMAL, x, y)


def test_matched_gap_against_alternatives():
    """The mixture of alternatives in the context's place: on an exact denoiser the gap is zero on average."""
    denoiser = idc.exact.GaussianMixture([0.4, 0.6], [[-1.0, 0.5], [1.0, 0]], [0.5, 0.7])
    generator = torch.Generator().manual_seed(8)
    k = torch.multinomial(torch.tensor([0.4, 0.6]), 200, replacement=True, generator=generator)
    noise = torch.randn(200, 2, dtype=torch.float64, generator=generator)
    x = torch.tensor([[-1.0, 0.5], [1.0, 0]], dtype=torch.float64)[k] + torch.tensor([0.5, 0.7])[k, None].sqrt() * noise
    each = idc.Alternatives(list(torch.eye(2)[:, None]), [0.4, 0.6])
    options = {"samples": 1000, "proposal": idc.integrate.uniform(-7, 5)}
    mean, stderr = idc.matched_gap(denoiser, x, torch.eye(2)[k], each, **options).mean()
    assert abs(mean) < 3.3 * stderr < 0.2


def faulty(above, factor=0.93):
    """The optimal denoiser up to a log-SNR; beyond it its estimate is too small."""

    def denoiser(z, logsnr, condition):
        estimate = OPTIMAL(z, logsnr, condition)
        return torch.where(logsnr[:, None] > above, factor, 1.0) * estimate

    return denoiser


WIDE = idc.integrate.uniform(-6.0, 6.0)


def test_the_trusted_range_ends_where_the_fault_begins():
    found = idc.lights.trusted_range(faulty(2.0), X, Y, proposal=WIDE, samples=48)
    assert found.range == (-6.0, 2.0)
    assert str(found).endswith("no fault seen from -6.0 to 2.0") and str(found).count("fault") > 1


def test_the_optimal_denoiser_keeps_its_range():
    """Twelve bands and a sum at 3.3 standard errors: .1 % each, so that 40 repeats lose two of them at most."""
    kept = 0
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        both = torch.randn(60, 2 * D, dtype=torch.float64, generator=generator) @ torch.linalg.cholesky(COV).T
        y = both[:, D:], torch.ones(60, D, dtype=torch.bool)
        found = idc.lights.trusted_range(OPTIMAL, both[:, :D], y, proposal=WIDE, samples=48, seed=seed)
        kept += found.range == (-6.0, 6.0)
    assert kept >= 38


def test_few_images_raise_no_more_alarms():
    """Eight images: 3.3 errors that are themselves estimated were beaten by one in ten optimal denoisers."""
    both = torch.randn(1600, 2 * D, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    both = both @ torch.linalg.cholesky(COV).T
    y = both[:, D:], torch.ones(1600, D, dtype=torch.bool)
    each = idc.lights.trusted_range(OPTIMAL, both[:, :D], y, proposal=WIDE, samples=24)
    parts = [each._replace(each=rows) for rows in each.each.split(8)]
    assert sum(part.range != (-6.0, 6.0) for part in parts) <= 8  # of 200


def test_a_band_without_draws_is_not_trusted():
    found = idc.lights.trusted_range(OPTIMAL, X[:8], (Y[0][:8], Y[1][:8]), proposal=WIDE, samples=4, bands=24)
    empty = found.gap.isnan()
    assert empty.any() and found.faults[empty].all()
    assert str(found).count("too few draws") == empty.sum()
    longest = max(map(len, "".join("01"[int(not fault)] for fault in found.faults).split("0")))
    assert found.range is None or found.range[1] - found.range[0] <= longest / 2 + 1e-9


def test_what_is_not_a_number_is_a_fault():
    each = torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    each[4, 2] = torch.nan
    assert Trusted(torch.arange(4.0), each, 3.3, 0.0).range == (0.0, 2.0)
    nothing = Trusted(torch.arange(4.0), each * torch.nan, 3.3, 10.0)
    assert nothing.range is None and str(nothing).endswith("no band without a fault")


def test_a_denoiser_that_is_wrong_everywhere_is_nowhere_trusted():
    worse = lambda z, logsnr, condition: (1 if condition is None else 0.3) * OPTIMAL(z, logsnr, condition)  # noqa: E731
    found = idc.lights.trusted_range(worse, X, Y, proposal=idc.integrate.uniform(-6.0, 0.0), bands=3)
    assert found.range is None and str(found).count("  fault") == 3


def test_bands_against_alternatives():
    denoiser = idc.exact.GaussianMixture([0.5, 0.5], [[-1.0, 0.5], [1.0, 0]], [0.5, 0.7])
    k = torch.arange(100) % 2
    noise = torch.randn(100, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    x = torch.tensor([[-1.0, 0.5], [1.0, 0]], dtype=torch.float64)[k] + torch.tensor([0.5, 0.7])[k, None].sqrt() * noise
    each, options = idc.Alternatives(list(torch.eye(2)[:, None])), {"samples": 48, "proposal": WIDE}
    found = idc.lights.trusted_range(denoiser, x, torch.eye(2)[k], each, **options)
    whole = idc.matched_gap(denoiser, x, torch.eye(2)[k], each, **options)
    assert found.range == (-6.0, 6.0) and found.gap.sum().item() == pytest.approx(whole.nats.mean().item())


def test_many_small_faults_of_one_sign_are_seen_in_their_sum():
    """Normal data, of which y says nothing; given it, the estimate is a little off everywhere, by the signs of z."""

    def denoiser(z, logsnr, condition):
        best = torch.sigmoid(-logsnr).sqrt()[:, None] * z
        off = 0.02 * torch.sigmoid(logsnr).sqrt()[:, None] * z.roll(-1, 1).sign()
        return best if condition is None else best + off

    x = torch.randn(1000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    slight = idc.lights.trusted_range(denoiser, x, "y", proposal=WIDE, samples=96, bands=48, limit=3.8)
    assert (slight.gap.abs() < slight.limit * slight.stderr).all()
    assert slight.range[1] - slight.range[0] < 9  # of 12


def test_gaps_of_bands_add_up_to_the_matched_gap():
    bands = idc.lights.trusted_range(faulty(2.0), X, Y, proposal=WIDE, samples=48)
    whole = idc.matched_gap(faulty(2.0), X, Y, proposal=WIDE, samples=48)
    assert bands.gap.sum().item() == pytest.approx(whole.nats.mean().item(), rel=1e-6)


def test_a_tolerated_fault_is_none():
    found = idc.lights.trusted_range(faulty(2.0), X, Y, proposal=WIDE, samples=48, tolerance=5.0)
    assert found.range == (-6.0, 6.0) and (found.gap.abs() > found.limit * found.stderr).any()
    assert str(found).count("fault") == 1  # in the last line


@pytest.mark.parametrize(
    "options, says",
    [({"tolerance": -1.0}, "tolerance must"), ({"bands": 0}, "bands must"), ({"limit": -1.0}, "limit must")],
)
def test_a_trusted_range_needs_bands_and_a_limit(options, says):
    with pytest.raises(ValueError, match=says):
        idc.lights.trusted_range(OPTIMAL, X, Y, proposal=WIDE, **options)


def test_a_trusted_range_needs_eight_images():
    with pytest.raises(ValueError, match="at least eight"):
        idc.lights.trusted_range(OPTIMAL, X[:7], (Y[0][:7], Y[1][:7]), proposal=WIDE)
