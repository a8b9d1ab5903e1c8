"""What surrounds a call, and what it leaves behind: random numbers, autocast, torch's defaults, parts of pipelines."""

import random

import numpy as np
import pytest
import tiny
import torch
from test_asked import CAT, SIZE, evaluating
from test_loading import dit

import infodecomp as idc
from infodecomp import exact, scenes

pytestmark = [pytest.mark.filterwarnings(f"ignore::{kind}Warning") for kind in ("Future", "Deprecation")]  # diffusers'
SCENE = list(scenes.scenes())[5000]
TEXT = scenes.captions(SCENE)[0]


def pipeline(name="stable_diffusion"):
    return evaluating(tiny.pipeline(name))


def state():
    return torch.get_rng_state().tolist(), repr(np.random.get_state()), random.getstate()  # noqa: NPY002


@pytest.mark.parametrize("name", ["scenes", "scenes-net", *tiny.ALL])
def test_the_readers_random_numbers_stay(name):
    source = pipeline(name) if name in tiny.ALL else name
    before = state()
    model = idc.load(source, check=False, **({"size": SIZE} if name in tiny.ALL else {}))
    model.condition(["a red cat", "a dog"] if name in tiny.ALL else TEXT)  # asks the pipeline once more
    assert state() == before


def test_the_readers_half_precision_vae_stays():
    pipe = pipeline("sdxl")
    torch.nn.Module.to(pipe.vae, torch.float16)
    held = lambda: [(p.data_ptr(), p.dtype, p._version, p.requires_grad) for p in pipe.vae.parameters()]  # noqa: E731
    before, model = held(), idc.load(pipe, check=False, size=SIZE)
    pixels = model.decode(model.encode(CAT))
    assert held() == before and model.vae is pipe.vae and len(pixels) == 1


@pytest.fixture(scope="module", params=["scenes", "scenes-net", "stable_diffusion", "sd3", "finite"])
def numbers(request):
    """A function that loads, measures and draws, and what it gives where nothing surrounds it."""
    name = request.param
    pipe = pipeline(name) if name in tiny.ALL else None
    points = torch.randn(50, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float32)

    def measured():
        if name == "finite":
            return idc.nll(exact.FiniteSet(points), points[:2], samples=20).nats, b""
        model = idc.load(pipe or name, **({"check": False, "size": SIZE} if pipe else {}))
        text = "a red cat" if pipe else TEXT
        maps = idc.word_maps(model, CAT if pipe else scenes.render(SCENE), text, samples=4)
        nats = [one.nats for one in (*maps.mi, *maps.cmi, *maps.mi_standard)]
        return torch.cat(nats), model.generate(text, steps=2)[0].tobytes()

    return measured, measured()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_changes_no_number(numbers, dtype):
    measured, (nats, picture) = numbers
    with torch.autocast("cpu", dtype=dtype):
        found, drawn = measured()
    assert torch.equal(found, nats) and drawn == picture


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_default_dtype_changes_no_number(numbers, dtype):
    measured, (nats, picture) = numbers
    torch.set_default_dtype(dtype)
    try:
        found, drawn = measured()
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.allclose(found, nats, rtol=1e-4, atol=1e-6) and np.abs(np.subtract(*_levels(drawn, picture))).max() < 2


def _levels(*pictures):
    return [np.frombuffer(one + b"\0", dtype=np.uint8).astype(int) for one in pictures]


def test_inference_mode_changes_no_number(numbers):
    measured, (nats, picture) = numbers
    with torch.inference_mode():
        found, drawn = measured()
    assert torch.equal(found, nats) and drawn == picture


def test_another_default_device_is_refused():
    """On the meta device, which stands for CUDA: random numbers and tables are made on the CPU."""
    model = idc.load("scenes")
    x, pipe = model.encode(scenes.render(SCENE)), pipeline()
    asked = [
        lambda: idc.load(pipe),
        lambda: idc.load("scenes-net"),
        lambda: idc.nll(model, x, samples=4),
        lambda: idc.word_maps(model, scenes.render(SCENE), TEXT, samples=4),
        lambda: model.generate(TEXT, steps=2),
        lambda: model.invert(x, TEXT, steps=2),
    ]
    for ask in asked:
        with (
            torch.device("meta"),
            pytest.raises(ValueError, match=r"^torch's default device must be the CPU .* 'meta'$"),
        ):
            ask()


@pytest.mark.parametrize("name", ["unet", "scheduler", "vae", "tokenizer", "text_encoder"])
def test_a_part_that_is_missing_is_named(name):
    pipe = pipeline()
    setattr(pipe, name, None)
    with pytest.raises(ValueError, match="^name_or_path must lead to") as refused:
        idc.load(pipe)
    assert "\n" not in str(refused.value)


def test_a_tolerance_that_nothing_reaches():
    x = idc.load("scenes").encode(scenes.render(SCENE))
    with pytest.warns(UserWarning, match="max_samples is 8"):
        found = idc.nll(idc.load("scenes"), x, samples=4, tolerance=1e-300, max_samples=8)
    assert found.samples == 8


@pytest.mark.parametrize("half", ["vae", "network"])
def test_a_pipeline_whose_vae_has_another_dtype(half):
    """As a pipeline that is read on CUDA: its network in float16, its VAE in float32; or the other way round."""
    plain = idc.load(dit(), check=False)
    pipe = dit()
    torch.nn.Module.to(pipe.vae if half == "vae" else pipe.transformer, torch.float16)
    model = idc.load(pipe, check=False)
    x, expected = model.encode(CAT), plain.encode(CAT)
    assert x.dtype == torch.float32 and torch.allclose(x, expected, atol=2e-3 if half == "vae" else 1e-6)
    for picture, other in zip(model.decode(expected), plain.decode(expected), strict=True):
        assert np.abs(np.asarray(picture).astype(int) - np.asarray(other)).max() <= (half == "vae")
