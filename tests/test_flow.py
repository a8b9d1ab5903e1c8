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


def test_schedulers_of_diffusers_follow_the_closed_form_flow():
    """DDIM is of first order: its error against the flow of a Gaussian is halved by twice the steps, both ways."""
    from diffusers import DDIMInverseScheduler, DDIMScheduler

    wide = {"num_train_timesteps": 4000, "beta_start": 2.5e-5, "beta_end": 5e-3, "clip_sample": False}
    x = normals(20, 3)
    bar = DDIMScheduler(**wide).alphas_cumprod.double()
    low, high = ((1 - b) / b for b in (bar[0], bar[-1]))  # sigma² at both ends
    z = (x - 1) * ((VARIANCES + high) / (VARIANCES + low)).sqrt() + 1  # y, and its end in the scale of the channel
    start, end = x * bar[0].sqrt(), z * bar[-1].sqrt()
    there, back = [], []
    for steps in (100, 200, 400):
        found = flow.to_noise(GAUSSIAN, start, steps=steps, scheduler=DDIMInverseScheduler(**wide))
        there.append((found - end).abs().max().item())
        found = flow.from_noise(GAUSSIAN, end, steps=steps, scheduler=DDIMScheduler(**wide, set_alpha_to_one=False))
        back.append((found - start).abs().max().item())
    for errors in (there, back):
        assert 1.6 < errors[0] / errors[1] < 2.5 and 1.6 < errors[1] / errors[2] < 2.5 and errors[2] < 0.1
    with pytest.raises(ValueError, match="expect 'epsilon', got 'v_prediction'"):
        flow.to_noise(GAUSSIAN, start, scheduler=DDIMInverseScheduler(prediction_type="v_prediction"))


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


WIDE = {"num_train_timesteps": 4000, "beta_start": 2.5e-5, "beta_end": 5e-3}
REFUSED = {
    "clips": ("DDIMScheduler", {}, "clip_sample=True"),
    "clips back": ("DDIMInverseScheduler", {}, "clip_sample=True"),
    "thresholds": ("DPMSolverMultistepScheduler", {"thresholding": True}, "thresholding=True"),
    "draws": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}, "algorithm_type=sde-dpmsolver"),
    "karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}, "use_karras_sigmas=True"),
    **{
        name: (f"{name}Scheduler", {}, f"got {name}Scheduler")
        for name in "EulerDiscrete EulerAncestralDiscrete HeunDiscrete LMSDiscrete KDPM2Discrete DDPM LCM".split()
    },
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of diffusers, as it makes a scheduler
@pytest.mark.parametrize("name", REFUSED)
def test_schedulers_that_would_go_elsewhere_are_refused(name):
    import diffusers

    def never(z, logsnr, condition):
        raise AssertionError("the denoiser was evaluated")

    kind, options, got = REFUSED[name]
    scheduler = getattr(diffusers, kind)(**options)
    for carry in (flow.to_noise, flow.from_noise):
        with pytest.raises(ValueError, match=r"^scheduler must") as refused:
            carry(never, normals(2, 3), steps=10, scheduler=scheduler)
        assert got in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of diffusers, as it makes a scheduler
@pytest.mark.parametrize(
    "name", [n for n in flow.SCHEDULERS if "Inverse" not in n and n not in ("DDIM", "DDIMParallel")]
)
def test_other_schedulers_follow_the_closed_form_flow(name):
    """From noise to data of a Gaussian: the error falls with the steps, to less than DDIM's."""
    import diffusers

    bar = diffusers.DDIMScheduler(**WIDE).alphas_cumprod.double()
    low, high = ((1 - b) / b for b in (bar[0], bar[-1]))
    x = normals(20, 3)
    end = ((x - 1) * ((VARIANCES + high) / (VARIANCES + low)).sqrt() + 1) * bar[-1].sqrt()
    errors = []
    for steps in (50, 200):
        scheduler = getattr(diffusers, f"{name}Scheduler")(**WIDE)
        found = flow.from_noise(GAUSSIAN, end, steps=steps, scheduler=scheduler)
        errors.append((found - x * bar[0].sqrt()).abs().max().item())
    assert errors[1] < 0.02 and 2 * errors[1] < errors[0]
