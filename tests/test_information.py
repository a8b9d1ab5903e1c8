"""Two denoisers on one noise: `compare` with (denoiser, condition) pairs."""

import pytest
import torch

import infodecomp as idc

COV = torch.tensor([[1.0, 0.6], [0.6, 1.0]], dtype=torch.float64)
TRUE = idc.exact.Gaussian(torch.zeros(2), COV)
OFF = idc.exact.Gaussian(torch.tensor([0.5, 0.0]), COV)
X = torch.randn(200, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) @ torch.linalg.cholesky(COV).T


def test_pairs_share_their_noise_and_are_what_each_denoiser_says_alone():
    both = idc.compare(None, X, [(TRUE, None), (OFF, None)], samples=40, seed=3, proposal=TRUE.proposal)
    for k, denoiser in enumerate((TRUE, OFF)):
        alone = idc.nll(denoiser, X, samples=40, seed=3, proposal=TRUE.proposal)
        assert torch.equal(both.nll(k).nats, alone.nats) and torch.equal(both.nll((denoiser, None)).map, alone.map)


def test_the_difference_of_two_denoisers_is_their_log_ratio(accept):
    """log p_true − log p_off is known; on one noise it has a fraction of the error of two passes."""
    options = {"samples": 400, "proposal": TRUE.proposal}
    ratio = idc.compare(TRUE, X, [None, (OFF, None)], **options).information(0, 1, "standard")
    accept(ratio, TRUE.log_prob(X) - OFF.log_prob(X))
    apart = idc.nll(OFF, X, seed=5, **options).stderr.square() + idc.nll(TRUE, X, seed=6, **options).stderr.square()
    assert (ratio.stderr.square() < apart).double().mean() > 0.9


def test_a_pair_is_asked_of_its_own_denoiser_alone():
    asked = []

    def watched(name, denoiser):
        def call(z, logsnr, condition):
            asked.append((name, len(z), condition))
            return denoiser(z, logsnr, None)

        return call

    one, other = watched("one", TRUE), watched("other", OFF)
    idc.compare(one, X[:3], ["a", (other, "a"), (other, "b"), "a"], samples=4, proposal=TRUE.proposal)
    assert asked == [("one", 12, "a"), ("other", 12, "a"), ("other", 12, "b")]


def test_mass_and_density_are_each_denoisers_own():
    points = torch.tensor([[0.0, 0.0], [3.0, 0.0]], dtype=torch.float64)
    mass, density = idc.exact.FiniteSet(points), idc.exact.FiniteSet(points, jitter=0.2)
    both = idc.compare(None, points, [(mass, None), (density, None)], samples=4000, proposal=density.proposal)
    for k, denoiser in enumerate((mass, density)):
        found, truth = both.nll(k), -denoiser.log_prob(points)
        assert ((found.nats - truth).abs() < 4 * found.stderr + 1e-9).all()


def test_the_proposal_is_one_that_all_are_valid_on():
    wide, narrow = idc.exact.Gaussian(torch.zeros(2), COV), idc.denoiser.from_eps(TRUE, logsnr_range=(-6.0, 6.0))
    narrow.proposal = idc.integrate.uniform(-5, 5)
    found = idc.compare(None, X[:2], [(wide, None), (narrow, None)], samples=4)
    assert found.nll(0).range == (-5, 5)
    with pytest.raises(ValueError, match=r"proposal has range .* valid on log-SNRs \(-6.0, 6.0\) only"):
        idc.compare(None, X[:2], [(wide, None), (narrow, None)], samples=4, proposal=wide.proposal)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: idc.compare(None, X, [None]), "denoiser must be callable, got NoneType"),
        (lambda: idc.compare(TRUE, X, [(OFF, 3)]), r"conditions\[0\] must be None, a str"),
        (lambda: idc.compare(TRUE, X, [(TRUE, None), None]).nll((OFF, None)), "condition must be a position below 2"),
        (lambda: idc.compare(TRUE, X, [None]).nll(True), "condition must be a position below 1"),
        (lambda: idc.shuffled_gap(TRUE, X, [None] * 200, proposal="fit"), "proposal must be None or a Proposal"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message) as refused:
        call()
    assert "\n" not in str(refused.value)
