"""Objects free what they hold as soon as the last name is gone: no cycle keeps a network until a collection."""

import gc
import weakref

import pytest
import tiny
import torch
from test_loading import stable_diffusion, unet2d

import infodecomp as idc
from infodecomp.attention import attention_maps

SCENE = next(iter(idc.scenes.scenes()))
CAPTION = idc.scenes.captions(SCENE)[0]
PICTURE = idc.scenes.render(SCENE)


@pytest.fixture(autouse=True)
def no_collection():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def scenes_net():
    return idc.load("scenes-net")


def pipeline():
    return idc.load(stable_diffusion(), check=False)


def unconditional():
    from diffusers import DDPMPipeline, DDPMScheduler

    return idc.load(DDPMPipeline(unet2d(), DDPMScheduler()), check=False)


def told_by_number():
    return idc.load(tiny.pipeline("sd3"), size=16, check=False)


def loaded(model):
    return model.condition(None)


def measured(model):
    x = torch.zeros(1, *model.shape)
    options = {"samples": 8, "proposal": "fit"}
    return idc.nll(model, x, **options), idc.compare(model, x, [None, None], noise="balanced", samples=10)


def refused(model):
    with pytest.raises(ValueError, match="samples must be"):
        idc.nll(model, torch.zeros(1, *model.shape), samples=3)


def carried(model):
    return model.generate([None], steps=1), model.invert(torch.zeros(1, *model.shape), None, steps=1)


@pytest.mark.parametrize("use", [loaded, measured, refused, carried])
@pytest.mark.parametrize("make", [scenes_net, pipeline, unconditional, told_by_number])
def test_networks_are_freed(make, use):
    model = make()
    held = [weakref.ref(model), weakref.ref(model.unet)]
    found = use(model)
    assert all(ref() is not None for ref in held)
    del model
    assert all(ref() is None for ref in held)
    del found


@pytest.mark.parametrize("make", [scenes_net, pipeline])
def test_texts_and_recordings_hold_no_network(make):
    model = make()
    held = [weakref.ref(model), weakref.ref(model.unet)]
    x = torch.zeros(1, *model.shape)
    found = idc.nll(model, x, CAPTION, samples=4), attention_maps(model, x, CAPTION, samples=4)
    del model
    assert all(ref() is None for ref in held)
    del found


def test_results_of_words_hold_no_network():
    model = scenes_net()
    held = weakref.ref(model.unet)
    maps = idc.word_maps(model, PICTURE, CAPTION, samples=4)
    shown = idc.HeatMaps(PICTURE, maps)
    del model
    assert held() is None and shown is not None


EXACT = {
    "Gaussian": (lambda: idc.exact.Gaussian(torch.zeros(3), 1.0), None),
    "JointGaussian": (
        lambda: idc.exact.JointGaussian(torch.zeros(5), torch.eye(5), 3),
        (torch.zeros(2, 2), torch.ones(2, 2, dtype=torch.bool)),
    ),
    "GaussianMixture": (lambda: idc.exact.GaussianMixture([1, 1], torch.eye(2, 3), [1, 1]), torch.ones(1, 2)),
    "FiniteSet": (lambda: idc.exact.FiniteSet(torch.eye(3)), None),
    "scenes": (lambda: idc.load("scenes"), "the red cat above the blue dog"),
}


@pytest.mark.parametrize("name", EXACT)
def test_exact_denoisers_are_freed(name):
    make, condition = EXACT[name]
    model = make()
    x = torch.zeros(2, *getattr(model, "shape", (3,)))
    held, found = weakref.ref(model), idc.nll(model, x, condition, samples=4)
    del model
    assert held() is None and found.samples == 4
