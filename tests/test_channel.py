import numpy as np
import pytest
import torch

from infodecomp import channel

FAR = torch.linspace(-40, 40, 81, dtype=torch.float64)


def test_add_noise_has_the_stated_snr():
    x, noise = torch.full((100_000, 1), 3.0), torch.randn(100_000, 1, generator=torch.Generator().manual_seed(0))
    noisy = channel.add_noise(x, 1.5, noise)
    signal, variance = noisy.mean() / 3, noisy.var()
    assert abs(signal**2 / variance / torch.tensor(1.5).exp() - 1) < 5 * (2 / len(x)) ** 0.5
    assert abs(signal**2 + variance - 1) < 5 * (2 / len(x)) ** 0.5  # variance preserving


def test_add_noise_takes_one_logsnr_per_row_and_keeps_dtype():
    x, noise = torch.ones(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    noisy = channel.add_noise(x, torch.tensor([0.0, 100.0]), noise)
    assert noisy.dtype == torch.float32
    assert torch.allclose(noisy[:, 0, 0, 0], torch.tensor([0.5**0.5, 1.0]))


@pytest.mark.parametrize("logsnr, noise", [(torch.zeros(3), torch.zeros(2, 4)), (torch.zeros(2), torch.zeros(2, 5))])
def test_add_noise_refuses_other_shapes(logsnr, noise):
    with pytest.raises(ValueError, match=r"logsnr|noise"):
        channel.add_noise(torch.zeros(2, 4), logsnr, noise)


def test_conversions_are_exact_far_out():
    exact = {"rtol": 0, "atol": 64 * torch.finfo(torch.float64).eps}  # as the appendix says
    assert torch.allclose(channel.sigma_to_logsnr(channel.logsnr_to_sigma(FAR)), FAR, **exact)
    bar, time = channel.logsnr_to_alpha_bar, channel.logsnr_to_time
    assert torch.allclose(channel.alpha_bar_to_logsnr(bar(FAR), one_minus=bar(-FAR)), FAR, **exact)
    assert torch.allclose(channel.time_to_logsnr(time(FAR), one_minus=time(-FAR)), FAR, **exact)
    near = FAR[FAR.abs() <= 10]  # without the complement the loss is eps·e^|α|
    assert torch.allclose(channel.alpha_bar_to_logsnr(bar(near)), near, atol=1e-11)
    assert torch.allclose(channel.time_to_logsnr(time(near)), near, atol=1e-11)


def test_dialects_agree_on_one_noise_level():
    a, x, noise = 0.7, *torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    noisy = channel.add_noise(x, a, noise)
    sigma, s, bar = channel.logsnr_to_sigma(a), channel.logsnr_to_time(a), channel.logsnr_to_alpha_bar(a)
    for signal, scale in ((1, sigma), (1 - s, s), (bar.sqrt(), (1 - bar).sqrt())):
        other = signal * x + scale * noise
        assert torch.allclose(other / other.norm(), noisy / noisy.norm())


@pytest.mark.parametrize("name", ["alpha_bar_to_logsnr", "time_to_logsnr", "sigma_to_logsnr"])
def test_conversions_refuse_what_is_no_noise_level(name):
    with pytest.raises(ValueError, match=r"-0\.1"):
        getattr(channel, name)(-0.1)
    assert getattr(channel, name)(0.0).isinf()


@pytest.mark.parametrize("last", [-5.0, -float("inf")])
def test_timesteps_are_interpolated(last):
    schedule = np.sort(np.append(np.random.default_rng(0).uniform(-4.9, 7, 999), last))[::-1].copy()
    values = torch.cat([torch.linspace(-4.8, 8, 5000, dtype=torch.float64), torch.tensor(schedule[:-1].copy())])
    exact = np.interp(values.numpy(), schedule[::-1], np.arange(1000)[::-1])
    assert np.abs(channel.logsnr_to_timestep(values, schedule).numpy() - exact).max() < 1e-9
    assert channel.logsnr_to_timestep([9.0, schedule[0], schedule[998]], schedule).tolist() == [0, 0, 998]
    assert channel.logsnr_to_timestep(values.float(), schedule).dtype == torch.float64
