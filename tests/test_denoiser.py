from types import SimpleNamespace

import pytest
import torch

import infodecomp as idc
from infodecomp.channel import logsnr_to_time, per_row, signal_scale
from infodecomp.denoiser import condition_length, from_azula, from_eps, from_flow, from_v, from_x0, take

EXACT = idc.exact.GaussianMixture([0.4, 0.6], [[-1.0, 0.5], [1.0, -0.2]], [[0.3, 0.1], [0.2, 0.5]])


def scales(z, logsnr):
    return per_row(signal_scale(logsnr), z), per_row(signal_scale(-logsnr), z)


def clean(z, logsnr, condition):
    signal, sigma = scales(z, logsnr)
    return (z - sigma * EXACT(z, logsnr, condition)) / signal


def velocity_v(z, logsnr, condition):
    signal, sigma = scales(z, logsnr)
    return signal * EXACT(z, logsnr, condition) - sigma * clean(z, logsnr, condition)


def velocity_flow(z, time, condition):
    logsnr = 2 * torch.log((1 - time) / time)
    z = z / (per_row(time, z) ** 2 + per_row(1 - time, z) ** 2).sqrt()  # back to the variance-preserving channel
    return EXACT(z, logsnr, condition) - clean(z, logsnr, condition)


@pytest.mark.parametrize(
    "adapter",
    [from_eps(EXACT), from_v(velocity_v), from_x0(clean), from_flow(velocity_flow)],
    ids=["eps", "v", "x0", "flow"],
)
@pytest.mark.parametrize("condition", [None, torch.tensor([[1.0, 0.0]])], ids=["unconditional", "conditional"])
def test_every_prediction_gives_the_same_eps_hat(adapter, condition):
    z, logsnr = torch.randn(40, 2, dtype=torch.float64), torch.linspace(-12, 12, 40, dtype=torch.float64)
    assert torch.allclose(adapter(z, logsnr, condition), EXACT(z, logsnr, condition), atol=1e-9)


def test_flow_network_is_told_the_time():
    seen = []
    from_flow(lambda z, time, condition: seen.append(time) or z)(
        torch.randn(3, 1, 2, 2), torch.tensor([-1.0, 0.0, 4.0])
    )
    assert torch.allclose(seen[0].double(), logsnr_to_time([-1.0, 0.0, 4.0]), atol=1e-6)


SCHEDULES = {
    "VE": lambda t: (torch.ones_like(t), 10 ** (6 * t - 3)),
    "VP": lambda t: (10 ** (-3 * t**2), (1 - 10 ** (-6 * t**2) + 1e-6).sqrt()),
    "rectified": lambda t: (1 - 0.999 * t, 0.001 + 0.999 * t),
}


class Standin:
    """The protocol of azula.denoise.Denoiser, with the exact posterior mean."""

    def __init__(self, schedule):
        self.schedule, self.given = schedule, []

    def __call__(self, x_t, t, **given):
        self.given.append(given)
        signal, sigma = (per_row(scale, x_t) for scale in self.schedule(t))
        z = x_t / (signal**2 + sigma**2).sqrt()
        return SimpleNamespace(mean=clean(z, 2 * torch.log(signal / sigma).flatten(), given.get("label")))


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("label", [None, torch.tensor([[1.0, 0.0]]).expand(40, 2)], ids=["unconditional", "label"])
def test_the_posterior_mean_of_azulas_protocol_gives_the_same_eps_hat(schedule, label):
    standin = Standin(schedule)
    adapter = from_azula(standin, keyword="label")
    low, high = adapter.logsnr_range
    z, logsnr = torch.randn(40, 2, dtype=torch.float64), torch.linspace(low, high, 40, dtype=torch.float64)
    assert low < -13 and high > 13
    assert torch.allclose(adapter(z, logsnr, label), EXACT(z, logsnr, label), atol=1e-6)
    assert [list(given) for given in standin.given] == [[] if label is None else ["label"]]


def test_estimates_by_azulas_protocol_are_those_of_the_same_denoiser():
    x, adapter = torch.randn(6, 2), from_azula(Standin(SCHEDULES["rectified"]))
    same = from_eps(EXACT, logsnr_range=adapter.logsnr_range)
    found, expected = (idc.nll(denoiser, x, samples=20, seed=1) for denoiser in (adapter, same))
    assert torch.allclose(found.nats, expected.nats, atol=1e-3)


def test_what_is_no_azula_denoiser_is_refused():
    for thing in (3, lambda x, t: x, Standin, SimpleNamespace(schedule=SCHEDULES["VE"])):
        with pytest.raises(ValueError, match="denoiser must be an azula.denoise.Denoiser, which has a noise schedule"):
            from_azula(thing)
    with pytest.raises(ValueError, match="condition must be None where from_azula has no keyword for it, got 'cat'"):
        from_azula(Standin(SCHEDULES["VE"]))(torch.zeros(1, 2), 0.0, "cat")
    endless = Standin(lambda t: (1 - t, t))
    with pytest.raises(ValueError, match="logsnr_range must be two finite log-SNRs"):
        from_azula(endless)
    assert from_azula(endless, logsnr_range=(-9, 9)).logsnr_range == (-9, 9)


def test_denoisers_of_azula_itself():
    azula = pytest.importorskip("azula")
    from azula import denoise, noise

    class Backbone(torch.nn.Module):
        def __init__(self, predicts):
            super().__init__()
            self.predicts, self.dtype_of = predicts, torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))

        def forward(self, z, log_ratio):
            return self.predicts(z, -2 * log_ratio.flatten(), None)

    kinds = (denoise.SimpleDenoiser, clean), (denoise.KarrasDenoiser, lambda *given: -velocity_v(*given))
    for kind, predicts in kinds:
        for name in ("VE", "VP", "Cosine", "Rectified", "Decay"):
            adapter = from_azula(kind(Backbone(predicts), getattr(noise, f"{name}Schedule")()))
            z, logsnr = torch.randn(40, 2).double(), torch.linspace(*adapter.logsnr_range, 40).double()
            with torch.no_grad():
                assert torch.allclose(adapter(z, logsnr), EXACT(z, logsnr), atol=1e-6), (azula.__version__, kind, name)


def test_attributes_reach_the_estimators():
    denoiser = from_eps(EXACT, logsnr_range=(-5.0, 7.0))
    assert idc.nll(denoiser, torch.zeros(1, 2), samples=4).range == (-5.0, 7.0)
    with pytest.raises(ValueError, match="valid on log-SNRs"):
        idc.nll(denoiser, torch.zeros(1, 2), samples=4, proposal=idc.integrate.Logistic(1, 2, 4))


def test_adapters_refuse_what_cannot_be_called():
    with pytest.raises(ValueError, match="network must be callable, got int"):
        from_eps(3)


def test_take_gives_each_row_its_condition():
    rows = torch.tensor([0, 0, 1, 2])
    assert take(None, rows) is None and take("cat", rows) == "cat"
    assert take(["a", "b", "c"], rows) == ["a", "a", "b", "c"] and take(["a"], rows) == ["a"] * 4
    values = torch.tensor([[1.0], [2.0], [3.0]])
    assert take(values, rows).tolist() == [[1], [1], [2], [3]]
    assert take(values[:1], rows).shape == (4, 1) and take(values[:1], rows).stride(0) == 0
    assert [part.tolist() for part in take((values, values[:1].bool()), rows)][1] == [[True]] * 4
    assert take(values.numpy(), rows).tolist() == [[1], [1], [2], [3]]


@pytest.mark.parametrize("condition", [3, 2.5, {"a": 1}, torch.tensor(1), (torch.zeros(2, 1), torch.zeros(3, 1))])
def test_condition_length_refuses_what_is_no_condition(condition):
    with pytest.raises(ValueError, match="condition"):
        condition_length(condition)
