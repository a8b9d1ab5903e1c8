import math

import pytest
import torch

from infodecomp import integrate

PROPOSALS = [
    integrate.Logistic(1.0, 2.0, 3.0),
    integrate.Logistic(0.0, 1.0, range=(-9.0, 4.0)),
    integrate.uniform(-5.0, 7.0),
    integrate.band(-1.0, 2.0),
    integrate.Piecewise([-6.0, -1.0, 0.0, 8.0], [1.0, 3.0, 2.0]),
]


def draws(proposal, bins, seed=0):
    uniforms = torch.rand(1, bins, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return (t.flatten() for t in proposal.place(uniforms))


@pytest.mark.parametrize("stratified", [True, False])
@pytest.mark.parametrize("proposal", PROPOSALS, ids=repr)
def test_weights_give_known_integrals(proposal, stratified):
    proposal.stratified = stratified
    low, high = proposal.range
    logsnr, weight = draws(proposal, 50_000)
    # the weights of a band outgrow a constant: it is for integrands that fall like e^−|α|
    constant = torch.ones_like(logsnr) if weight.max() < 1000 else torch.zeros_like(logsnr)
    for integrand, truth in (
        (constant, constant[0].item() * (high - low)),
        (torch.sigmoid(logsnr) * torch.sigmoid(-logsnr), math.tanh(high / 2) / 2 - math.tanh(low / 2) / 2),
    ):
        values = (integrand * weight).view(1, -1, 2)
        error = integrate.pair_variance(values[..., 0], values[..., 1], values.shape[1]).sqrt().item()
        assert abs(values.mean().item() - truth) < 4 * error + 1e-12
    assert low <= logsnr.min() and logsnr.max() <= high


@pytest.mark.parametrize("proposal", PROPOSALS, ids=repr)
def test_ppf_inverts_the_integral_of_the_density(proposal):
    grid = torch.linspace(*proposal.range, 200_001, dtype=torch.float64)
    below = torch.cumulative_trapezoid(proposal.density(grid), grid)
    assert abs(below[-1].item() - 1) < 1e-3
    for u in (0.1, 0.5, 0.9):
        at = proposal.ppf(torch.tensor(u, dtype=torch.float64))
        assert abs(below[(grid < at).sum() - 1].item() - u) < 1e-3


def test_logistic_weight_is_the_papers():
    proposal = integrate.Logistic(1.0, 2.0, 3.0)
    logsnr = torch.tensor([-4.0, 1.0, 6.5], dtype=torch.float64)
    u = (logsnr - 1) / 2
    paper = 2 * math.tanh(1.5) / (torch.sigmoid(u) * torch.sigmoid(-u))
    assert torch.allclose(1 / proposal.density(logsnr), paper)


def test_stratification_leaves_only_the_spread_inside_bins():
    for stratified, bound in ((True, 1e-3), (False, 1e-1)):
        logsnr, weight = draws(integrate.Logistic(0.0, 1.5, 5.0, stratified=stratified), 500)
        values = (torch.sigmoid(logsnr) * torch.sigmoid(-logsnr) * weight).view(1, -1, 2)
        error = integrate.pair_variance(values[..., 0], values[..., 1], 500).sqrt().item()
        assert bound / 20 < error < bound


def test_pair_variance_is_the_variance_of_the_mean():
    values = torch.randn(4000, 20, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    estimated = integrate.pair_variance(values[..., 0], values[..., 1], 20)
    assert abs(estimated.mean().item() * 40 - 1) < 5 * (2 / 20 / 4000) ** 0.5


def test_fit_finds_the_spread_and_keeps_the_range():
    generator = torch.Generator().manual_seed(0)
    logsnr = (20 * torch.rand(200, 16, generator=generator, dtype=torch.float64) - 10).repeat_interleave(2, 1)
    spread = torch.exp(-0.5 * ((logsnr - 2) / 1.5) ** 2)
    proposal = integrate.fit(logsnr, spread * torch.randn(200, 32, generator=generator), (-10.0, 10.0))
    assert proposal.range == (-10.0, 10.0)
    density = proposal.density(torch.tensor([-9.0, 2.0, 3.5], dtype=torch.float64))
    assert density[0] * 20 == pytest.approx(0.1, rel=0.01)  # nothing there but the broad tenth
    best = 0.9 / (1.5 * math.sqrt(2 * math.pi)) + 0.005
    assert density[1].item() == pytest.approx(best, rel=0.1)
    assert (density[2] / density[1]).item() == pytest.approx(math.exp(-0.5), rel=0.15)


def test_fit_of_a_silent_pilot_is_uniform():
    proposal = integrate.fit(torch.zeros(1, 4), torch.zeros(1, 4), (-1.0, 1.0))
    assert torch.allclose(proposal.density(torch.tensor([-0.9, 0.3], dtype=torch.float64)), torch.tensor(0.5).double())


@pytest.mark.parametrize(
    "make",
    [
        lambda: integrate.Logistic(scale=0.0),
        lambda: integrate.Logistic(clip=-1.0),
        lambda: integrate.Logistic(range=(2.0, 1.0)),
        lambda: integrate.uniform(-math.inf, 3.0),
        lambda: integrate.Piecewise([0.0, 1.0, 1.0], [0.5, 0.5]),
        lambda: integrate.Piecewise([0.0, 1.0], [0.5, 0.5]),
        lambda: integrate.Piecewise([0.0, 1.0, 2.0], [1.0, 0.0]),
        lambda: integrate.fit(torch.zeros(1, 3), torch.zeros(1, 3), (-1.0, 1.0)),
    ],
)
def test_bad_proposals_are_refused(make):
    with pytest.raises(ValueError):
        make()
