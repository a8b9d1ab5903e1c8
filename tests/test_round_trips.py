"""The channel's conversions there and back, for every number: properties, beside the examples of test_channel."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infodecomp.channel import (
    add_noise,
    alpha_bar_to_logsnr,
    clean,
    logsnr_to_alpha_bar,
    logsnr_to_sigma,
    logsnr_to_time,
    logsnr_to_timestep,
    scales,
    sigma_to_logsnr,
    signal_scale,
    time_to_logsnr,
)

properties = settings(derandomize=True, max_examples=300, deadline=None)
logsnrs = st.floats(-600, 600)  # exp(600) is a float64
EPS = {torch.float32: 2.0**-23, torch.float64: 2.0**-52}


@pytest.fixture(scope="module", autouse=True)
def subnormal_numbers():
    """What torch < 2.6 compiled, in tests before, leaves the processor rounding subnormal numbers to zero."""
    torch.set_flush_denormal(False)


@given(logsnrs)
@properties
def test_conversions_round_trip(logsnr):
    close = pytest.approx(logsnr, rel=1e-13, abs=1e-13)
    assert sigma_to_logsnr(logsnr_to_sigma(logsnr)).item() == close
    for there, back in ((logsnr_to_alpha_bar, alpha_bar_to_logsnr), (logsnr_to_time, time_to_logsnr)):
        assert back(there(logsnr), there(-logsnr)).item() == close


@given(st.floats(0, 1), st.floats(0, 1e300))
@properties
def test_conversions_round_trip_the_other_way(share, sigma):
    assert logsnr_to_sigma(sigma_to_logsnr(sigma)).item() == pytest.approx(sigma, rel=1e-12)
    assert logsnr_to_alpha_bar(alpha_bar_to_logsnr(share)).item() == pytest.approx(share, rel=1e-12, abs=1e-300)
    assert logsnr_to_time(time_to_logsnr(share)).item() == pytest.approx(share, rel=1e-12, abs=1e-300)


@given(logsnrs)
@properties
def test_notations_agree(logsnr):
    """σ = sqrt((1 − ᾱ)/ᾱ) = s/(1 − s), and the squared factors of the channel sum to one."""
    signal, noise = signal_scale(logsnr).item(), signal_scale(-logsnr).item()
    assert signal**2 + noise**2 == pytest.approx(1)
    assert noise / signal == pytest.approx(logsnr_to_sigma(logsnr).item(), rel=1e-12)
    time, rest = logsnr_to_time(logsnr).item(), logsnr_to_time(-logsnr).item()
    assert time / rest == pytest.approx(noise / signal, rel=1e-12)


@given(st.lists(st.floats(0.01, 3), min_size=1, max_size=20), st.floats(0, 1))
@properties
def test_timesteps_invert_the_schedule(falls, share):
    schedule = 8 - torch.tensor([0.0, *falls], dtype=torch.float64).cumsum(0)
    step = share * len(falls)
    low, part = min(int(step), len(falls) - 1), step - min(int(step), len(falls) - 1)
    logsnr = (1 - part) * schedule[low] + part * schedule[low + 1]
    assert logsnr_to_timestep(logsnr, schedule).item() == pytest.approx(step, abs=1e-9)
    assert logsnr_to_timestep(schedule[0] + 1, schedule) == 0
    assert logsnr_to_timestep(schedule[-1] - 1, schedule) == len(falls)


@given(
    st.lists(st.floats(-20, 20), min_size=1, max_size=5),
    st.integers(0, 2**32),
    st.sampled_from(list(EPS)),
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
)
@properties
def test_clean_inverts_add_noise(levels, seed, dtype, shape):
    draw = torch.Generator().manual_seed(seed)
    x, noise = (torch.randn(len(levels), *shape, generator=draw, dtype=torch.float64).to(dtype) for _ in range(2))
    logsnr = torch.tensor(levels, dtype=torch.float64)
    back = clean(add_noise(x, logsnr, noise), logsnr, noise)
    signal, sigma = scales(logsnr, x)
    assert back.dtype == dtype and back.shape == x.shape
    assert bool(((back - x).abs() <= 8 * EPS[dtype] * (x.abs() + sigma / signal * noise.abs())).all())
    one = clean(add_noise(x, levels[0], noise), levels[0], noise)  # a number, the same for every row
    assert torch.equal(one[0], back[0]) and math.isfinite(one.sum().item())
