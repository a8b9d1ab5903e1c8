import numpy as np
import pytest
import torch

import infodecomp as idc
from infodecomp.numbers import mean_and_error, pm


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_of_values_is_their_mean_and_its_error(kind):
    assert mean_and_error(kind([1.0, 2.0, 3.0, 6.0])) == pytest.approx((3, (14 / 3 / 4) ** 0.5))
    assert mean_and_error(kind([True, False])) == pytest.approx((0.5, 0.5))
    assert pm(kind([1.0, 2.0, 3.0, 6.0])) == "3.00 ± 1.08"


def test_of_an_estimate_is_its_mean_over_images():
    denoiser = idc.exact.Gaussian(torch.zeros(2), 1.0)
    estimate = idc.nll(denoiser, torch.randn(5, 2, generator=torch.Generator().manual_seed(0)), samples=20)
    assert mean_and_error(estimate) == estimate.mean() == pytest.approx(mean_and_error(estimate.nats))
    assert pm(estimate[2], spec=".4f") == f"{estimate.nats[2]:.4f} ± {estimate.stderr[2]:.4f}"


@pytest.mark.parametrize(
    "specs, text",
    [
        ((), "-1.26 ± 0.04"),
        ((".3f",), "-1.260 ± 0.040"),
        (("6.1f",), "  -1.3 ± 0.0"),
        (("+.1f", "5.2f"), "-1.3 ±  0.04"),
        ((".2g", ".0e"), "-1.3 ± 4e-02"),
    ],
)
def test_mean_and_error_are_written_as_told(specs, text):
    assert pm(-1.26, torch.tensor(0.04), *specs) == text
    assert pm(2, 0) == "2.00 ± 0.00"


@pytest.mark.parametrize("values", [[1.0], [], 1.0, torch.ones(2, 3)])
def test_what_has_no_error_is_refused(values):
    with pytest.raises(ValueError, match="values must be two or more"):
        mean_and_error(values)


def test_what_rounds_to_zero_has_no_sign():
    assert pm(-0.004, 0.001) == "0.00 ± 0.00" and pm(-0.006, 0.001) == "-0.01 ± 0.00"
