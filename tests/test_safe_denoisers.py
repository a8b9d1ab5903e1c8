"""Denoisers that write where they should not, or into one buffer: refused, or the same numbers; x of another shape."""

import pytest
import torch

import infodecomp as idc
from infodecomp import flow
from infodecomp.denoiser import from_eps, from_flow, from_v, from_x0

MEANS = [[-1.0, 0.5], [1.0, -0.2]]
EXACT = idc.exact.GaussianMixture([0.4, 0.6], MEANS, [[0.3, 0.1], [0.2, 0.5]])
ONE = torch.tensor([[1.0, 0.0]])
X = torch.tensor(MEANS, dtype=torch.float64)


class Buffered:
    """Returns the same tensor at each call of one size."""

    proposal = EXACT.proposal

    def __init__(self):
        self.buffers = {}

    def __call__(self, z, logsnr, condition):
        buffer = self.buffers.setdefault(z.shape, torch.empty_like(z))
        return buffer.copy_(EXACT(z, logsnr, condition))


def into_z(z, logsnr, condition):
    return z.copy_(EXACT(z, logsnr, condition))


def before(z, logsnr, condition):
    eps_hat = EXACT(z, logsnr, condition)
    z.mul_(2)
    return eps_hat


def by_numpy(z, logsnr, condition):
    eps_hat = EXACT(z, logsnr, condition)
    z.numpy()[:] *= 2
    return eps_hat


def past_autograd(z, logsnr, condition):
    eps_hat = EXACT(z, logsnr, condition)
    z.data.mul_(2)
    return eps_hat


def into_logsnr(z, logsnr, condition):
    return EXACT(z, logsnr.clamp_(-1, 1), condition)


def into_condition(z, logsnr, condition):
    eps_hat = EXACT(z, logsnr, condition)
    if condition is not None:
        condition[:1].mul_(0.5)
    return eps_hat


ALTERNATIVES = idc.Alternatives([ONE, 1 - ONE], steps=4)
MEASURES = {
    "nll": lambda d, **o: idc.nll(d, X, **o).nats,
    "standard": lambda d, **o: idc.pointwise_information(d, X, ONE, kind="standard", **o).nats,
    "orthogonal": lambda d, **o: idc.pointwise_information(d, X, ONE, **o).nats,
    "compare": lambda d, **o: idc.compare(d, X, [ONE, None, 1 - ONE], **o).information(0, 2).nats,
    "against": lambda d, **o: idc.pointwise_information(d, X, ONE, ALTERNATIVES, **o).nats,
    "posterior": lambda d, **o: idc.posterior(d, X, ALTERNATIVES, **o).log_prob,
    "matched": lambda d, **o: idc.matched_gap(d, X, ONE, **o).nats,
    "shuffled": lambda d, **o: idc.shuffled_gap(d, X, torch.cat([ONE, 1 - ONE]), **o).nats,
}
measures = pytest.mark.parametrize("name", MEASURES)


@measures
@pytest.mark.parametrize("size", [None, 1, 3])
def test_a_buffer_that_is_used_again_changes_nothing(name, size):
    expected = MEASURES[name](EXACT, samples=16, batch_size=size)
    assert torch.equal(MEASURES[name](Buffered(), samples=16, batch_size=size), expected)
    assert expected.abs().max() > 1e-3


@measures
def test_returning_z_itself_is_no_writing(name):
    assert MEASURES[name](lambda z, logsnr, condition: z, samples=16).isfinite().all()


@measures
@pytest.mark.parametrize("denoiser", [into_z, before, by_numpy, past_autograd, into_logsnr])
def test_writing_into_the_input_is_refused(name, denoiser):
    with pytest.raises(ValueError, match=f"^denoiser must leave .* {denoiser.__name__} wrote into one of them$"):
        MEASURES[name](denoiser, samples=16)


def test_writing_into_the_condition_is_refused():
    with pytest.raises(ValueError, match="into_condition wrote into one of them"):
        idc.pointwise_information(into_condition, X, torch.cat([ONE, ONE]), samples=16)


@pytest.mark.parametrize("inference", [torch.inference_mode, torch.no_grad])
def test_inference_mode(inference):
    with inference():
        assert torch.equal(idc.nll(EXACT, X, samples=16).nats, idc.nll(Buffered(), X, samples=16).nats)
        with pytest.raises(ValueError, match="into_z wrote"):
            idc.nll(into_z, X, samples=16)


def test_the_flow():
    options = {"steps": 20, "range": (-8.0, 6.0)}
    noise = flow.to_noise(EXACT, X, **options)
    assert torch.equal(flow.to_noise(Buffered(), X, **options), noise)
    assert torch.equal(flow.from_noise(Buffered(), noise, **options), flow.from_noise(EXACT, noise, **options))
    with pytest.raises(ValueError, match="into_z wrote"):
        flow.to_noise(into_z, X, **options)
    with pytest.raises(ValueError, match=r"shape \(2, 2\), got \(2, 1\)"):
        flow.to_noise(lambda z, logsnr, condition: z[:, :1], X, **options)


@pytest.mark.parametrize("adapter", [from_eps, from_v, from_x0, from_flow])
def test_adapters_refuse_networks_that_write(adapter):
    with pytest.raises(ValueError, match="before wrote"):
        adapter(before)(X.clone(), torch.zeros(2, dtype=torch.float64))


SCENE = idc.scenes.render(idc.scenes.scenes()[7])


@pytest.mark.parametrize("name", ["scenes", "scenes-net"])
def test_models_take_their_own_shape_only(name):
    model = idc.load(name)
    x = model.encode(SCENE)
    for other in (torch.nn.functional.pixel_shuffle(x, 2), x.transpose(1, 2), x[:, :3]):
        with pytest.raises(ValueError, match=r"^z must .*(12, 16, 16\)|3072 numbers).*got"):
            idc.nll(model, other, samples=2)


def test_exact_denoisers_take_their_own_shape_or_rows():
    points = torch.arange(24.0).reshape(2, 3, 2, 2)
    denoisers = {
        "set": idc.exact.FiniteSet(points, jitter=0.5),
        "gaussian": idc.exact.Gaussian(points[0], 1.0),
        "mixture": idc.exact.GaussianMixture([1, 1], points, [1.0, 1.0]),
    }
    for denoiser in denoisers.values():
        assert torch.equal(denoiser.log_prob(points), denoiser.log_prob(points.flatten(1)))
        for other in (points.reshape(2, 2, 2, 3), points.reshape(2, 12, 1, 1)[:, :11], points.reshape(2, 3, 4)):
            for call in (denoiser.log_prob, lambda x, d=denoiser: idc.nll(d, x, samples=2)):
                with pytest.raises(ValueError, match=r"^[xz] must .*got"):
                    call(other)
    rows = idc.exact.Gaussian(torch.zeros(12), 1.0)  # knows no shape
    assert torch.equal(rows.log_prob(points), rows.log_prob(points.flatten(1)))
