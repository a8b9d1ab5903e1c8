import pytest
import torch

import infodecomp as idc
from infodecomp import flow


def normals(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


VARIANCES = torch.tensor([0.2, 1.0, 3.0], dtype=torch.float64)
GAUSSIAN, LOW, HIGH = idc.exact.Gaussian(torch.ones(3), VARIANCES), -8.0, 6.0


def test_the_flow_of_a_gaussian_is_its_closed_form():
    """y − mean grows like sqrt(variance + sigma²) along each axis; Heun's error falls with the square of the step."""
    x, (high, low) = normals(20, 3), flow.karras_sigmas(LOW, HIGH, 1).tolist()
    scale = ((VARIANCES + high**2) / (VARIANCES + low**2)).sqrt()
    truth = (1 + (x - 1) * scale) / (1 + high**2) ** 0.5
    errors = [
        (flow.to_noise(GAUSSIAN, x, steps=n, range=(LOW, HIGH)) - truth).abs().max().item() for n in (100, 200, 400)
    ]
    assert errors[2] < 1e-3 and 3 < errors[0] / errors[1] < 5 and 3 < errors[1] / errors[2] < 5


def test_there_and_back():
    mixture = idc.exact.GaussianMixture([0.3, 0.7], [[-2.0, 0], [1, 1]], [0.3, 0.5])
    condition = torch.tensor([[1.0, 0.2]])
    x = normals(20, 2)
    errors = []
    for steps in (50, 100, 200):
        noise = flow.to_noise(mixture, x, condition, steps=steps, range=(LOW, HIGH))
        errors.append((flow.from_noise(mixture, noise, condition, steps=steps, range=(LOW, HIGH)) - x).abs().max())
    assert errors[2] < 1e-3 and errors[0] > 3 * errors[1] > 9 * errors[2]


def test_karras_sigmas_span_the_range():
    sigmas = flow.karras_sigmas(-4.0, 2.0, 10)
    assert len(sigmas) == 11 and (sigmas.diff() < 0).all()
    assert torch.allclose(sigmas[[0, -1]], torch.exp(torch.tensor([2.0, -1.0], dtype=torch.float64)))
    roots = sigmas ** (1 / 7)
    assert torch.allclose(roots.diff(), roots.diff()[0].expand(10))


def test_bad_input():
    with pytest.raises(ValueError, match="steps must be a whole number ≥ 1, got 0"):
        flow.to_noise(GAUSSIAN, normals(1, 3), steps=0, range=(LOW, HIGH))
    with pytest.raises(ValueError, match="range must be given"):
        flow.to_noise(GAUSSIAN, normals(1, 3))
