"""Fourteen classes of text-to-image pipelines, each asked and replayed: the same numbers as the pipeline's own call."""

import inspect
import math

import numpy as np
import pytest
import tiny
import torch
from PIL import Image
from skimage import data

import infodecomp as idc

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of diffusers, as it makes its own parts
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
CAPTION, SIZE = "the red cat", 32
CAT = Image.fromarray(data.chelsea())


def evaluating(pipe):
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval()
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module", params=tiny.ALL)
def both(request):
    """A class's name, a pipeline of it, and its model."""
    pipe = evaluating(tiny.pipeline(request.param))
    return request.param, pipe, idc.load(pipe, size=SIZE, check=False)


def arguments(pipe, **more):
    accepted = inspect.signature(pipe.__call__).parameters
    scale = 0.0 if "ZImage" in type(pipe).__name__ else 1.0  # with which it does not guide
    found = {"height": SIZE, "width": SIZE, "guidance_scale": scale, "use_resolution_binning": False} | more
    return {name: value for name, value in found.items() if name in accepted}


def steps_of(pipe, caption, steps=4):
    """(the network's answer, time, latents, level) of each step of the pipeline's own call."""
    seen, scheduler = [], pipe.scheduler
    original = scheduler.step

    def step(out, t, sample, *args, **options):
        if getattr(scheduler, "step_index", None) is None and hasattr(scheduler, "_init_step_index"):
            scheduler._init_step_index(t)
        level = float(scheduler.sigmas[scheduler.step_index]) if hasattr(scheduler, "sigmas") else None
        seen.append((out.clone(), float(t), sample.clone(), level))
        return original(out, t, sample, *args, **options)

    scheduler.step = step
    try:
        pipe(prompt=caption, **arguments(pipe, num_inference_steps=steps, output_type="latent"))
    finally:
        del scheduler.step
    return seen


def in_x(model, latents):
    """Latents of the pipeline, packed as it packs them, in the layout of x."""
    return latents.flatten()[model._lesson.scaled.place].reshape(1, *model.shape)


def compared(model, pipe):
    """(z, log-SNR, the pipeline's answer, its ε) at the scheduler's own levels inside the model's range."""
    for out, t, sample, level in steps_of(pipe, CAPTION):
        answer, latents = in_x(model, out), in_x(model, sample)
        if model.prediction == "flow_prediction":
            level = t / 1000 if "Sana" in type(pipe).__name__ else level  # whose scheduler rounds times
            logsnr = 2 * math.log((1 - level) / level) if 0 < level < 1 else -math.inf
            z, eps = latents / math.hypot(1 - level, level), latents + (1 - level) * answer
        else:
            logsnr = float(model.schedule[round(t)])
            z = latents / math.sqrt(level**2 + 1) if "Euler" in type(pipe.scheduler).__name__ else latents
            signal, sigma = (math.sqrt(1 / (1 + math.exp(-sign * logsnr))) for sign in (1, -1))
            eps = signal * answer + sigma * z if model.prediction == "v_prediction" else answer
        if model.logsnr_range[0] <= logsnr <= model.logsnr_range[1]:
            yield z.float(), torch.tensor([logsnr]), answer, eps


def error(found, expected):
    return ((found - expected).abs().max() / expected.abs().max()).item()


def test_the_replay_is_the_pipelines_own_call(both):
    _, pipe, model = both
    found = list(compared(model, pipe))
    assert len(found) >= 2
    for z, logsnr, answer, eps in found:
        assert answer.abs().max() > 1e-4
        assert error(model.output(z, logsnr, CAPTION), answer) < 1e-3
        assert error(model(z, logsnr, CAPTION), eps) < 1e-3
        assert error(model.output(z, logsnr, "blue"), answer) > 1e-7  # it is the caption that is told


def test_rows_of_a_batch_are_single_rows(both):
    _, _, model = both
    z, captions = (
        torch.randn(4, *model.shape, generator=torch.Generator().manual_seed(0)),
        [CAPTION, None, "a", CAPTION],
    )
    captions[2] = "two dogs in the grass"
    logsnr = torch.tensor([-3.0, 0.5, 2.0, 5.0])
    alone = torch.cat([model(z[i : i + 1], logsnr[i : i + 1], captions[i]) for i in range(4)])
    for condition in (captions, model.condition(captions)):
        assert error(model(z, logsnr, condition), alone) < 1e-5
    assert error(model(z[:2], logsnr[:2], CAPTION)[:1], alone[:1]) < 1e-5


def test_pictures_there_and_back(both):
    name, pipe, model = both
    x, seen, vae = model.encode(CAT), [], pipe.vae
    pixels = pipe.image_processor.preprocess([CAT], height=SIZE, width=SIZE, resize_mode="crop")
    with torch.no_grad():
        coded = vae.encode(pixels.unsqueeze(2) if "Qwen" in type(vae).__name__ else pixels)
    mean = coded.latent_dist.mode() if hasattr(coded, "latent_dist") else coded.latent
    original = model.vae.decode
    model.vae.__dict__["decode"] = lambda z, *args, **options: seen.append(z) or original(z, *args, **options)
    (picture,) = model.decode(x)
    del model.vae.__dict__["decode"]
    assert picture.size == (SIZE, SIZE) == model.frame(CAT).size and x.shape == (1, *model.shape)
    assert error(seen[0], mean) < 1e-5
    options = arguments(pipe, num_inference_steps=2)
    latents, made = (
        pipe(prompt=CAPTION, generator=torch.Generator().manual_seed(1), **options, output_type=kind).images
        for kind in ("latent", "pil")
    )
    again = np.array(model.decode(in_x(model, latents).float())[0]).astype(int)
    if name != "flux2_klein":  # whose latents are unpacked before they come out
        assert np.abs(again - np.array(made[0])).max() <= 1


def test_words_of_it(both):
    _, _, model = both
    maps = idc.word_maps(model, CAT, CAPTION, samples=4)
    assert maps.resolution == model.shape[1:] and all(bool(torch.isfinite(e.map).all()) for e in maps.mi + maps.cmi)
    low, high = model.logsnr_range
    assert f"x {model.shape}, log-SNR {low:.2f} to {high:.2f}, {model.prediction}, cpu, torch.float32" in repr(model)


def state(pipe):
    """What must not change of a pipeline: its parts, their modes, hooks, attributes, weights and their kinds."""
    found = {"parts": {name: id(part) for name, part in pipe.components.items()}, "attributes": sorted(vars(pipe))}
    for name, part in pipe.components.items():
        if isinstance(part, torch.nn.Module):
            weights = {k: (id(p), p._version, p.requires_grad, p.device, p.dtype) for k, p in part.named_parameters()}
            found[name] = weights, [(m.training, sorted(vars(m)), len(m._forward_hooks)) for m in part.modules()]
        elif part is not None:
            found[name] = repr(vars(part)) if name == "scheduler" else sorted(vars(part))
    return found


@pytest.mark.parametrize("name", ["stable_diffusion", "sdxl", "flux", "z_image"])
@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_the_readers_pipeline_is_not_changed(name, dtype):
    pipe = tiny.pipeline(name)  # in training mode, and trainable
    before = state(pipe)
    model = idc.load(pipe, dtype=dtype, size=SIZE, check=False)
    model.decode(model.encode(CAT))
    with model_free(pipe):
        idc.nll(model, model.encode(CAT), CAPTION, samples=2)
    assert state(pipe) == before and not any(m.training for m in model.unet.modules())
    shared = next(model.unet.parameters()).data_ptr() == next(pipe.components[name_of(pipe)].parameters()).data_ptr()
    assert shared == (dtype is None) and model.dtype == (dtype or torch.float32)


def name_of(pipe):
    return "unet" if "unet" in pipe.components else "transformer"


class model_free:
    """Inside, a call of the reader's own network fails: the model has its own."""

    def __init__(self, pipe):
        self.net = pipe.components[name_of(pipe)]

    def __enter__(self):
        self.hook = self.net.register_forward_pre_hook(lambda *_: pytest.fail("the reader's network was called"))

    def __exit__(self, *_):
        self.hook.remove()


@pytest.mark.parametrize("name", ["stable_diffusion", "sdxl", "sd3", "z_image"])
def test_a_compiled_network_is_told_the_same(name):
    """Rows are filled up to numbers for which it is compiled; here what is compiled only counts them."""
    model, seen = idc.load(evaluating(tiny.pipeline(name)), size=SIZE, check=False), []
    z, logsnr = torch.randn(5, *model.shape, generator=torch.Generator().manual_seed(0)), torch.linspace(-3, 3, 5)
    captions = [CAPTION, CAPTION, "two dogs", None, CAPTION]
    plain = model(z, logsnr, captions), model(z, logsnr, CAPTION)
    model._compiled, model._sizes = lambda **inputs: seen.append(len(inputs[names[0]])) or model.unet(**inputs), [4] * 4
    names = [model._lesson.asker.pictures]
    for found, expected in zip((model(z, logsnr, captions), model(z, logsnr, CAPTION)), plain, strict=True):
        assert error(found, expected) < 1e-5
    assert set(seen) == {4}


def test_captions_are_told_once():
    pipe, calls = evaluating(tiny.pipeline("sd3")), []
    model = idc.load(pipe, size=SIZE, check=False)
    hook = pipe.text_encoder_3.register_forward_hook(lambda *_: calls.append(1))
    first = model.condition([CAPTION, "a dog", CAPTION])
    assert len(calls) == 2 and torch.equal(first, model.condition([CAPTION, "a dog", CAPTION])) and len(calls) == 2
    model.forget()
    model(torch.zeros(3, *model.shape), torch.zeros(3), first)  # numbers still stand for their captions
    assert len(calls) == 4
    hook.remove()
