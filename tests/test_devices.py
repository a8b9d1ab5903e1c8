"""A device without float64, such as mps: the same numbers as on the CPU, and results that lie there."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from no_float64 import DEVICE, NoFloat64
from test_loading import ASTRONAUT, stable_diffusion

import infodecomp as idc
from infodecomp.attention import attention_maps, matching_score, word_map
from infodecomp.checks import double, home
from infodecomp.experiments import intervention, localization
from infodecomp.flow import from_noise, to_noise
from infodecomp.integrate import uniform_weight
from infodecomp.models.asked import AskedModel
from infodecomp.models.examine import examine
from infodecomp.numbers import mean_and_error
from infodecomp.vocabulary import from_language_model

CPU = torch.device("cpu")
SCENE = idc.scenes.scenes()[4321]
PICTURE = idc.scenes.render(SCENE)
CAPTION, REST, OTHER = (f"the {colour}dog left of the blue owl" for colour in ("blue ", "", "red "))
MASK = np.arange(32 * 32).reshape(32, 32) > 500
ITEM = {"group": "t", "image": "t/1", "caption": CAPTION, "open": lambda: PICTURE}


@pytest.fixture
def device():
    with NoFloat64():
        yield DEVICE


@pytest.mark.parametrize(
    "made",
    [
        lambda x: x.double(),
        lambda x: x.cpu().double().to(DEVICE),
        lambda x: x.to("cpu", torch.float64),  # would be made there, and then copied
        lambda x: torch.zeros(2, dtype=torch.float64, device=DEVICE),
        lambda x: torch.tensor([1.0], dtype=torch.float64, device=DEVICE),
        lambda x: torch.linspace(0, 1, 2, dtype=torch.float64, device=DEVICE),
        lambda x: torch.mul(x, torch.tensor(1.0).double()),
        lambda x: x.sum(dtype=torch.float64),
        lambda x: x.numpy(),
    ],
)
def test_the_device_has_no_float64(device, made):
    with pytest.raises(TypeError):
        made(torch.zeros(2, device=device))
    with pytest.raises(RuntimeError, match="one device"):
        torch.add(torch.zeros(2, device=device), torch.zeros(2))


def pipeline(device):
    return idc.load(stable_diffusion(), device=device, check=False), ASTRONAUT


def network(device):
    return idc.load("scenes-net", device=device), PICTURE


def read(values):
    """Numbers on the CPU, of a tensor, an Estimate or pictures."""
    if isinstance(values, idc.Estimate):
        parts = [values.nats, values.stderr, values.map, values.tail, *values.profile]
        parts += [] if values.map_stderr is None else [values.map_stderr]
        assert all(part.device == CPU and part.dtype == torch.float64 for part in parts)
        return torch.cat([part.flatten() for part in parts])
    if isinstance(values, list):
        return torch.tensor(np.array(values)).double()
    return values.cpu().double().flatten()


def estimates(model, picture):
    x, alternatives = model.encode(picture), idc.Alternatives([CAPTION, OTHER])
    yield "nll", idc.nll(model, x, CAPTION, samples=4)
    yield "fit", idc.nll(model, x, CAPTION, samples=4, proposal="fit")
    yield "plain", idc.pointwise_information(model, x, CAPTION, REST, samples=4)
    yield "balanced", idc.pointwise_information(model, x, CAPTION, REST, kind="standard", noise="balanced", samples=10)
    for kind in ("standard", "orthogonal"):
        yield f"{kind}, alternatives", idc.pointwise_information(model, x, CAPTION, alternatives, kind=kind, samples=8)
    enough = idc.pointwise_information(model, x, CAPTION, samples=4, tolerance=1e6)
    yield "tolerance", enough
    yield "at random", uniform_weight(enough.profile.logsnr, model.schedule, enough.range)
    both = idc.compare(model, x, [CAPTION, None], samples=4)
    yield "compare", both.information(CAPTION) - both.information(CAPTION, kind="standard")
    found = idc.posterior(model, x, alternatives, samples=4)
    yield from (("posterior", found.log_prob), ("its error", found.stderr), ("its information", found.information))
    yield "matched gap", idc.matched_gap(model, x, CAPTION, samples=4)
    yield "shuffled gap", idc.shuffled_gap(model, torch.cat([x, x + 0.1]), [CAPTION, OTHER], samples=4)
    words = idc.word_maps(model, picture, CAPTION, [1, 2], samples=4)
    yield from (("word_maps", estimate) for estimate in (*words.mi, *words.cmi, *words.mi_standard))
    mapped = idc.HeatMaps(np.zeros((16, 16, 3), np.uint8), words, attention=list(x[0, :2]))
    yield "heat maps", torch.tensor([mapped.scale(kind) for kind in mapped.kinds])


def models(model, picture):
    x, condition = model.encode(picture), model.condition(CAPTION)
    yield "encode", x
    yield "nll", idc.nll(model, x, CAPTION, samples=4)
    yield "decode", list(model.decode(x))
    yield "generate", list(model.generate(CAPTION, steps=2))
    noise = to_noise(model, x, condition, steps=3)
    yield "to noise", noise
    yield "and back", from_noise(model, noise, condition, steps=3)
    maps = attention_maps(model, x, CAPTION, samples=4)
    yield "attention", maps
    yield "of a word", word_map(maps, [1, 2])
    yield "score", matching_score(maps, [1, 2])


@pytest.mark.parametrize("made, of", [(pipeline, estimates), (pipeline, models), (network, models)])
def test_numbers_are_those_of_the_cpu(made, of):
    expected = [(name, read(values)) for name, values in of(*made(CPU))]
    with NoFloat64():
        found = [(name, read(values)) for name, values in of(*made(DEVICE))]
    for (name, one), (_, other) in zip(expected, found, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4 * one.abs().max().item()), name


def test_a_model_is_examined(device, monkeypatch):
    monkeypatch.setattr(f"{examine.__module__}._judge", lambda *_: None)  # an untrained one passes too
    monkeypatch.setattr(AskedModel, "output", lambda model, z, logsnr, condition: 0.5 * z)
    found, expected = (examine(pipeline(where)[0], [ASTRONAUT]) for where in (device, CPU))
    assert len(found) == 18
    for reading, errors in expected.items():
        assert found[reading] == pytest.approx(errors, rel=1e-3)


def test_exact_denoisers_compute_where_float64_is(device):
    exact = idc.load("scenes", device=device)
    assert exact.device == CPU
    x = exact.encode(PICTURE)
    for model in (exact, idc.exact.GaussianMixture([0.5, 0.5], torch.tensor([[0.0, 1.0], [2.0, 0.0]]), [1.0, 2.0])):
        x = x if model is exact else torch.ones(3, 2)
        condition = CAPTION if model is exact else torch.tensor([[True, False]])
        found, expected = (idc.nll(model, values, condition, samples=4) for values in (x.to(device), x))
        assert torch.equal(read(found), read(expected))
        assert model(x.to(device), torch.zeros(len(x)).to(device), condition).device == DEVICE
        assert torch.equal(model.log_prob(x.to(device), condition), model.log_prob(x, condition))
    joint = idc.exact.JointGaussian(torch.zeros(3), torch.eye(3) + 0.5, 1)
    seen = torch.ones(1, 2).double(), torch.tensor([[True, False]])
    x = torch.ones(2, 1)
    found, expected = (idc.nll(joint, values, seen, samples=4) for values in (x.to(device), x))
    assert torch.allclose(found.nats, expected.nats)


def test_conditions_in_float64_come_in_float32(device):
    told = []

    def network(z, s, condition):
        told.append((z.device, s.device, condition.device, condition.dtype))
        return z * condition

    denoiser = idc.denoiser.from_flow(network, logsnr_range=(-3.0, 3.0))
    x, condition = torch.ones(2, 3), np.array([[0.5], [0.25]])
    found = idc.nll(denoiser, x.to(device), condition, samples=4)
    assert set(told) == {(DEVICE, DEVICE, DEVICE, torch.float32)}
    assert torch.allclose(found.nats, idc.nll(denoiser, x, torch.tensor(condition).float(), samples=4).nats)
    for logsnr in (0.5, torch.tensor(0.5).double(), torch.full((2,), 0.5).double(), torch.full((2,), 0.5).to(device)):
        z = denoiser(x.to(device), logsnr, torch.ones(2, 1).to(device))
        assert torch.equal(z.cpu(), denoiser(x, 0.5, torch.ones(2, 1)))


def test_schedulers_step_on_the_device(device):
    scheduler, x = DDIMScheduler(clip_sample=False), torch.ones(2, 3)
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.to(device)
    z = from_noise(lambda z, a, c: z * torch.sigmoid(a)[:, None], x.to(device), steps=3, scheduler=scheduler)
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.cpu()
    expected = from_noise(lambda z, a, c: z * torch.sigmoid(a)[:, None], x, steps=3, scheduler=scheduler)
    assert z.device == DEVICE and torch.allclose(z.cpu(), expected)


def test_conversions_and_means(device):
    alpha = torch.linspace(-3, 3, 5)
    for convert in ("logsnr_to_alpha_bar", "logsnr_to_sigma", "logsnr_to_time"):
        there, here = (getattr(idc.channel, convert)(values) for values in (alpha.to(device), alpha))
        assert there.device == CPU and torch.equal(there, here)
    x = torch.ones(5, 2)
    for logsnr in (alpha.to(device), alpha.double(), alpha):
        z = idc.channel.add_noise(x.to(device), logsnr, x.to(device))
        assert z.device == DEVICE and torch.equal(z.cpu(), idc.channel.add_noise(x, alpha, x))
        back = idc.channel.clean(z, logsnr, x.to(device))
        assert torch.allclose(back.cpu(), x, atol=1e-5)
    schedule = np.array([4.0, 1.0, -4.0])
    there, here = (uniform_weight(values, schedule, (-4, 4)) for values in (alpha.to(device), alpha))
    assert torch.equal(there, here)
    assert mean_and_error(alpha.to(device)) == mean_and_error(alpha)
    assert home(DEVICE) == home(CPU) == CPU and double(alpha.to(device)).dtype == torch.float64


def test_runs_on_data(device):
    model, _ = network(device)
    item = SimpleNamespace(**ITEM, position=1, stop=2, edited=OTHER, swapped=True, added=False)
    record = intervention.measure(model, item, samples=4, seed=0, steps=2)
    assert record["change"] > 0 and set(record["pixel"]) == {"cmi", "attention"}
    item = SimpleNamespace(**ITEM, position=1, word="blue", mask=lambda: MASK, crowd=False)
    record = localization.measure(model, item, samples=4, seed=0, exact=idc.load("scenes", device=device))
    assert set(record["correlation"]) == set(record["inside"]) == {"cmi", "mi", "attention", "attention + information"}


def test_a_masked_language_model(device):
    from transformers import BertConfig, BertForMaskedLM, BertTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "blue", "cat"]
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    model = BertForMaskedLM(BertConfig(vocab_size=len(words), **sizes)).eval()
    tokenizer = BertTokenizer(vocab={word: i for i, word in enumerate(words)})
    here, there = (from_language_model("a red cat", "red", model.to(where), tokenizer) for where in (CPU, device))
    assert here.conditions == there.conditions and torch.allclose(here.prior, there.prior)
