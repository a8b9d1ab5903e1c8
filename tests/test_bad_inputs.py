"""Bad input to the whole public interface: one line that names the argument and what came, before any evaluation."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import infodecomp as idc
from infodecomp import (
    attention,
    captions,
    channel,
    datasets,
    denoiser,
    flow,
    integrate,
    joint,
    numbers,
    plot,
    saved,
    vocabulary,
)

NAN, INF = math.nan, math.inf
X = torch.zeros(2, 3, dtype=torch.float64)
SCENE = idc.scenes.scenes()[12345]
CAPTION = idc.scenes.captions(SCENE)[0]
PICTURE = idc.scenes.render(SCENE)
MODEL = idc.load("scenes")
MEASURED = idc.word_maps(MODEL, PICTURE, CAPTION, [1], samples=2)
ROOT = Path(__file__).parent.parent
MAPS = {"MI": {"red": torch.ones(2, 2)}}
BATCHES = ["x", None, 3, NAN, True, torch.zeros(2, 3, dtype=torch.long), X.bool(), X + NAN, X + INF, X.tolist()]
NUMBERS = ["x", None, NAN, INF, True, [1.0], torch.zeros(2), 1j]
COUNTS = ["x", 0, -1, 1.5, NAN, True, None]
LEVELS = ["x", None, NAN, [None], True, [[1.0], [1.0, 2.0]], torch.tensor([0.0, NAN]), 1j, torch.ones(2) > 0]
RANGES = ["x", 5, (1.0,), (1.0, 2.0, 3.0), (2.0, 1.0), (1.0, 1.0), (0, INF), (NAN, 1), ("a", "b"), (False, True)]
FLAGS = ["x", 3, 1, 0.5, []]
STRINGS = [None, 3, NAN, True, ["a"], torch.zeros(3)]


def never(z, logsnr, condition):
    raise AssertionError("the denoiser was evaluated")


class Never:
    """A model that must not be evaluated."""

    encode, condition = staticmethod(lambda image: X[:1]), staticmethod(lambda captions: captions)
    __call__ = staticmethod(never)


class Scheduler:
    config = {"prediction_type": "epsilon"}  # noqa: RUF012
    alphas_cumprod = None


def words(**options):
    return idc.word_maps(Never(), **{"image": PICTURE, "caption": "a red cat", "samples": 2} | options)


def maps(**options):
    return idc.HeatMaps(**{"image": Image.new("RGB", (2, 2)), "maps": MAPS} | options)


def written(values, error=0.5):
    return numbers.pm(values, error)


def lab(**options):
    return idc.SceneLab(**options)


NOISE, EVEN = torch.zeros_like(X), torch.zeros(1, 4)
FITTED = {"logsnr": EVEN, "integrand": EVEN, "range": (-1.0, 1.0)}
TABLE = {  # a call that takes one argument by name: {the argument: its bad values}
    channel.add_noise: (
        {"x": X, "logsnr": 0.0, "noise": NOISE},
        {"x": BATCHES, "logsnr": [*LEVELS, torch.zeros(3), torch.zeros(2, 3)], "noise": [*BATCHES, X[:1], X[:, :1]]},
    ),
    channel.clean: (
        {"z": X, "logsnr": 0.0, "eps_hat": NOISE},
        {"z": BATCHES, "logsnr": [*LEVELS, torch.zeros(3)], "eps_hat": [*BATCHES, X[:1]]},
    ),
    channel.per_row: ({"values": torch.zeros(2), "x": X}, {"values": [torch.zeros(3), "x", 1.0, None]}),
    channel.scales: ({"logsnr": 0.0, "x": X}, {"logsnr": [*LEVELS, torch.zeros(3)]}),
    channel.signal_scale: ({}, {"logsnr": LEVELS}),
    channel.logsnr_to_alpha_bar: ({}, {"logsnr": LEVELS}),
    channel.logsnr_to_sigma: ({}, {"logsnr": LEVELS}),
    channel.logsnr_to_time: ({}, {"logsnr": LEVELS}),
    channel.alpha_bar_to_logsnr: (
        {"alpha_bar": 0.5},
        {"alpha_bar": [*LEVELS, -0.1, 1.1], "one_minus": [0.1, 2, "x", NAN]},
    ),
    channel.time_to_logsnr: ({"time": 0.5}, {"time": [*LEVELS, -0.1, 1.1], "one_minus": [0.1, 2, "x", NAN]}),
    channel.sigma_to_logsnr: ({}, {"sigma": [*LEVELS, -1.0]}),
    channel.logsnr_to_timestep: (
        {"logsnr": 0.0, "schedule": torch.tensor([1.0, 0.0, -1.0])},
        {"logsnr": LEVELS, "schedule": ["x", None, [1.0], [0.0, 1.0], [1.0, NAN], [[1.0, 0.0]], 3.0]},
    ),
    integrate.Logistic: (
        {},
        {
            "loc": NUMBERS,
            "scale": [*NUMBERS, 0, -1],
            "clip": [*NUMBERS, 0, -1],
            "range": [r for r in RANGES if r is not None] + [(80, 100), (60, 80), (-4000, -3000), (0, 100)],
            "stratified": ["x", None, 1],
        },
    ),
    integrate.uniform: ({"low": 0.0, "high": 1.0}, {"low range": [*NUMBERS, 1, 2], "high range": [*NUMBERS, 0, -1]}),
    integrate.band: (
        {"low": 0.0, "high": 5.0},
        {
            "low": NUMBERS,
            "high": [*NUMBERS, -1.0],
            "margin": ["x", 3, (1,), (1, 2, 3), (0, 0), (-1, 1), (NAN, 1)],
            "cells": COUNTS,
        },
    ),
    integrate.Piecewise: (
        {"edges": [0.0, 1.0], "masses": [1.0]},
        {
            "edges": ["x", None, [0.0, NAN], [0.0, INF], [1.0, 0.0], [1.0], [[0.0, 1.0]], 3, [True, False]],
            "masses": ["x", None, [NAN], [INF], [0.0], [-1.0], [1.0, 1.0], 3, []],
        },
    ),
    integrate.fit: (
        FITTED,
        {
            "logsnr": ["x", None, 3.0, EVEN + NAN, EVEN[0], torch.zeros(0, 0)],
            "integrand": ["x", None, 3.0, EVEN + NAN, EVEN + INF, torch.zeros(1, 3)],
            "range": RANGES,
            "broad": [*NUMBERS, 0, -1, 2],
            "cells": COUNTS,
        },
    ),
    integrate.pair_variance: (
        {"first": EVEN, "second": EVEN, "bins": 4},
        {"second": ["x", None, EVEN[:, :2]], "bins": COUNTS, "group": COUNTS},
    ),
    integrate.Logistic().ppf: ({}, {"u": ["x", None, NAN, -0.1, 1.1, True]}),
    integrate.band(0, 1).ppf: ({}, {"u": ["x", None, NAN, -0.1, 1.1, True]}),
    integrate.band(0, 1).density: ({}, {"logsnr": LEVELS}),
    integrate.Logistic().place: ({}, {"uniforms": ["x", None, EVEN, torch.zeros(1, 2, 3)]}),
    denoiser.from_eps: (
        {"network": never},
        {"network": [None, 3, "x"], "logsnr_range": RANGES, "proposal": ["fit", 3, (-1, 1), True]},
    ),
    denoiser.from_eps(lambda z, a, c: z): (
        {"z": X, "logsnr": 0.0},
        {"z": ["x", None, 3, X.long()], "logsnr": [*LEVELS, torch.zeros(3)]},
    ),
    idc.exact.Gaussian: (
        {"mean": torch.zeros(3), "cov": 1.0},
        {
            "mean": ["x", None, [NAN, 0.0], [INF], [], torch.zeros(3) > 0, 1j],
            "cov": ["x", None, 0.0, -1.0, NAN, INF, torch.zeros(2), torch.zeros(3, 3), torch.eye(2), True, (1.0, 1.0)],
        },
    ),
    idc.exact.JointGaussian: (
        {"mean": torch.zeros(3), "cov": torch.eye(3), "dim_x": 1},
        {"dim_x": [*COUNTS, 3, 4], "cov": ["x", 1.0, None, torch.eye(2), torch.eye(3) * NAN]},
    ),
    idc.exact.GaussianMixture: (
        {"weights": [1, 1], "means": torch.zeros(2, 3), "covs": [1.0, 1.0]},
        {
            "weights": ["x", None, 3, [1, -1], [0, 0], [NAN, 1], [INF, 1], [1], [1, 1, 1]],
            "means": ["x", None, 3, torch.zeros(3), torch.zeros(2, 3) + NAN, torch.zeros(0, 3)],
            "covs": ["x", None, 3, [1.0], [0.0, 1.0], [NAN, 1.0], torch.ones(2, 2)],
        },
    ),
    idc.exact.FiniteSet: (
        {"points": torch.eye(3)},
        {
            "points": ["x", None, 3, torch.zeros(3), torch.zeros(0, 3), torch.eye(3) * NAN],
            "weights": ["x", 3, [1, -1, 1], [0, 0, 0], [NAN, 1, 1], [1]],
            "jitter": [*NUMBERS, -1],
        },
    ),
    idc.exact.FiniteSet(torch.eye(3)): (
        {"z": X, "logsnr": 0.0},
        {
            "z": [*BATCHES, torch.zeros(2, 4)],
            "logsnr": [*LEVELS, INF, torch.zeros(3), torch.zeros(2, 3)],
            "condition": ["x", 3, [1, 1], torch.ones(5, 3), [[0, 0, 0]], [[NAN, 1, 1]]],
        },
    ),
    idc.exact.FiniteSet(torch.eye(3)).log_prob: (
        {"x": X},
        {"x": [*BATCHES, torch.zeros(2, 4)], "condition": ["x", 3, [1, 1], torch.ones(5, 3), [[0, 0, 0]]]},
    ),
    idc.exact.Gaussian(torch.zeros(3), 1.0).to: ({}, {"device": ["nowhere", 3.5, "mps:7"]}),
    flow.karras_sigmas: (
        {"low": -1.0, "high": 1.0, "steps": 3},
        {"low range": [*NUMBERS, 1, 2], "high range": [*NUMBERS, -1, -2], "steps": COUNTS, "rho": [*NUMBERS, 0, -1]},
    ),
    flow.to_noise: (
        {"denoiser": never, "x": X, "range": (-1.0, 1.0)},
        {
            "denoiser": [None, 3],
            "x": BATCHES,
            "condition": [3, True, ["a"] * 3],
            "steps": COUNTS,
            "range": [r for r in RANGES if r is not None],
            "scheduler": ["x", 3, Scheduler()],
            "progress": FLAGS,
        },
    ),
    flow.from_noise: (
        {"denoiser": never, "noise": X, "range": (-1.0, 1.0)},
        {
            "denoiser": [None, 3],
            "noise": BATCHES,
            "condition": [3, ["a"] * 3],
            "steps": COUNTS,
            "range": RANGES,
            "progress": FLAGS,
        },
    ),
    flow.heun: (
        {"denoiser": never, "y": X, "condition": None, "sigmas": torch.tensor([2.0, 1.0])},
        {
            "denoiser": [None, 3],
            "y": BATCHES,
            "sigmas": ["x", None, 3.0, [1.0], [1.0, NAN], [1.0, 0.0], [-1.0, 2.0]],
            "progress": FLAGS,
        },
    ),
    captions.core: ({}, {"word": STRINGS}),
    captions.is_word: ({}, {"text": STRINGS}),
    captions.word_at: (
        {"caption": "a cat", "start": 0, "stop": 1},
        {"caption": STRINGS, "start": ["x", None, -1, 2, True, 0.0], "stop": ["x", 0, 3]},
    ),
    captions.find: ({"caption": "a cat", "word": "cat", "every": [(1, 2, "cat")]}, {"word": STRINGS}),
    captions.units: ({"caption": "a cat"}, {"caption": STRINGS, "phrases": ["left of", 3, [3], None]}),
    captions.without: (
        {"caption": "a cat", "start": 0, "stop": 1},
        {
            "caption": STRINGS,
            "start": ["x", None, -1, 2, True, NAN],
            "stop": ["x", 0, 3, 1.0],
            "placeholder": [3, True],
        },
    ),
    captions.replace: (
        {"caption": "a cat", "start": 0, "stop": 1, "text": "the"},
        {"caption": STRINGS, "start": ["x", None, -1, 2, True], "stop": ["x", 0, 3], "text": STRINGS},
    ),
    vocabulary.replacements: (
        {"caption": "a cat", "word": "cat", "vocabulary": ["dog"]},
        {
            "caption": STRINGS,
            "word": [*STRINGS, "dog", ""],
            "vocabulary": ["dog", None, 3, [3], [None], [""]],
            "prior": ["x", 3, [1.0], [NAN, 1.0], [-1.0, 2.0], [0.0, 0.0]],
        },
    ),
    idc.nll: (
        {"denoiser": never, "x": X},
        {"denoiser": [None, 3, "x"], "x": BATCHES, "condition": [3, True, ["a"] * 3, {}, torch.zeros(3, 1), ()]},
    ),
    idc.pointwise_information: (
        {"denoiser": never, "x": X, "y": "a"},
        {
            "denoiser": [None, 3],
            "x": BATCHES,
            "y": [3, True, ["a"] * 3],
            "given prior": [3, True, ["a"] * 3, idc.Alternatives(["a", "b"], torch.ones(3, 2), steps=2)],
            "kind": ["x", None, 3, [], NAN],
        },
    ),
    idc.compare: (
        {"denoiser": never, "x": X, "conditions": ["a", None]},
        {"denoiser": [None, 3], "x": BATCHES, "conditions": [None, [], "a", ("a", "b"), [3], [["a"] * 3]]},
    ),
    idc.posterior: (
        {"denoiser": never, "x": X, "alternatives": idc.Alternatives(["a", "b"])},
        {"denoiser": [None, 3], "x": BATCHES, "alternatives": [None, 3, ["a", "b"], "ab"]},
    ),
    idc.matched_gap: ({"denoiser": never, "x": X, "y": "a"}, {"denoiser": [None, 3], "x": BATCHES, "y": [3, True]}),
    idc.shuffled_gap: (
        {"denoiser": never, "x": X, "y": ["a", "b"]},
        {
            "denoiser": [None, 3],
            "x": [*BATCHES, X[:1]],
            "y": [3, "a", ["a"]],
            "cap": [*NUMBERS[:1], *NUMBERS[2:], 99, -99],
        },
    ),
    idc.Alternatives: (
        {"conditions": ["a", "b"]},
        {
            "conditions": [None, [], "ab", ("a", "b"), [3], [True]],
            "prior": ["x", 3, [1.0], [NAN, 1.0], [INF, 1.0], [-1.0, 2.0], [0.0, 0.0], [True, False], [[[1.0, 1.0]]]],
            "steps": COUNTS,
        },
    ),
    idc.Alternatives.stack: ({}, {"rows": [None, [], "x", 3, ["a"]]}),
    words: (
        {},
        {
            "progress": FLAGS,
            "caption": [None, 3, "", "  ", True],
            "words": ["cat", 3, ["dog"], [3], [True], [None], [""], []],
            "placeholder": [3, True],
            "alternatives": ["x", 3],
        },
    ),
    idc.word_maps: (
        {"model": MODEL, "image": PICTURE, "caption": CAPTION},
        {"model": [None, 3, never], "image images": [None, 3, "no such file", Image.new("RGB", (3, 3)), X, []]},
    ),
    idc.word_pairs: (
        {"model": MODEL, "image": PICTURE, "caption": CAPTION, "a": 1, "b": 2},
        {
            "model": [None, 3, never],
            "image images": [None, 3, "no such file", Image.new("RGB", (3, 3)), X, [], [PICTURE] * 2],
            "caption": [None, 3, "", "  ", ["red"]],
            "a words": [None, "zebra", 99, True, "", "the"],
            "b words": [None, "zebra", 99, True, "", "the", 1],
            "given": [3, "", "all", True, CAPTION],
            "placeholder": [3, True, "_"],
        },
    ),
    idc.concept_maps: (
        {"model": MODEL, "image": PICTURE, "concepts": ["cat", "dog"]},
        {
            "model": [None, 3, never],
            "image images": [None, 3, "no such file", Image.new("RGB", (3, 3)), X, []],
            "concepts": [None, 3, "cat", [], [3], [""], ["cat", "cat"]],
            "context": [3, "", "  ", "{} {}"],
            "prior": ["x", 3, [1.0], [NAN, 1.0], [-1.0, 2.0], [0.0, 0.0], [[1.0, 1.0]]],
            "against": [None, 1, "x"],
            "progress": FLAGS,
        },
    ),
    MEASURED.save: ({}, {"path": [None, 3, "", "no/such/folder/maps", ROOT]}),
    MEASURED.mi[0].save: ({}, {"path": [None, 3, "", "no/such/folder/estimate", ROOT]}),
    idc.load_maps: ({}, {"path": [None, 3, "", "no such file", ROOT, ROOT / "README.md"]}),
    saved.about: ({}, {"path": [None, 3, "", "no such file", ROOT, ROOT / "README.md"]}),
    attention.record: ({}, {"unet": [None, 3, torch.nn.Linear(2, 2)]}),
    attention.word_map: (
        {"maps": torch.ones(1, 3, 2, 2), "tokens": [1]},
        {
            "maps": ["x", None, torch.ones(3), torch.ones(1, 3, 2, 2) * NAN],
            "tokens": [[], [3], [-1], [True], "x", 1, [1.0]],
        },
    ),
    attention.matching_score: (
        {"maps": torch.ones(1, 3, 2, 2), "tokens": [1]},
        {"maps": ["x", None, torch.ones(3)], "tokens": [[], [3], [-1], [True], "x", 1], "scale": [*NUMBERS, 0, -1]},
    ),
    attention.daam: (
        {"recorder": attention.Recorder(None, False), "size": (2, 2)},
        {"recorder": [None, 3], "size recorder": [3, None]},
    ),
    joint.watch: ({}, {"net model": [None, 3, torch.nn.Linear(2, 2)]}),
    joint.concept_attention: (
        {"model": None, "x": X, "caption": "a", "concepts": ["a"]},
        {"model": [None, 3, MODEL], "concepts": [None, 3, "a", [], [3]]},
    ),
    attention.attention_maps: ({"model": None, "x": X, "caption": "a"}, {"model": [None, 3, MODEL]}),
    idc.load: (
        {},
        {
            "name_or_path": [None, 3, "no-such-model", "a b/c", "", Image.new("L", (1, 1))],
            "device": ["nowhere", 3.5, True],
            "dtype": ["float32", torch.int64, 3],
            "revision": [3, True, "main"],
            "variant": [3, True, "fp16"],
            "size": [0, -1, True, "x", (1, 2, 3), 32],
            "guidance": [*(value for value in NUMBERS if value is not None), 2.0],
            "check": ["x", None, 3],
            "compile": ["x", None, 3],
        },
    ),
    MODEL.encode: (
        {},
        {"images": [None, 3, [], [None], "no such file", Image.new("RGB", (3, 3)), X, np.zeros((32, 32))]},
    ),
    MODEL.decode: ({}, {"x": ["x", None, X, torch.zeros(1, 3, 32, 32), torch.zeros(1, 12, 16, 16) + NAN]}),
    MODEL.condition: ({}, {"captions text": [3, True, [3], ["the the the"]]}),
    MODEL.generate: (
        {"captions": "red"},
        {"captions": [3, [], True], "seed": ["x", -1, True, None], "steps": COUNTS, "progress": FLAGS},
    ),
    MODEL.invert: ({"x": torch.zeros(1, 12, 16, 16)}, {"x": ["x", None, X], "steps": COUNTS, "progress": FLAGS}),
    MODEL.tokens: ({"caption": "red", "position": 0}, {"tokens": []}),
    idc.scenes.render: ({}, {"scene": [None, 3, "x", (1, 2), [], {}]}),
    idc.scenes.captions: ({}, {"scene": [None, 3, "x", (1, 2), [], {}]}),
    idc.scenes.mask: (
        {"scene": SCENE, "word": "the"},
        {"scene": [None, [], "x"], "word text": [None, 3, "zebra", ["a"]]},
    ),
    idc.scenes.sample: ({"count": 1}, {"count": COUNTS, "seed": ["x", -1, 1.5, True, None]}),
    idc.scenes.log_prob: ({"scene": SCENE}, {"scene": [None, [], 3], "text": [None, 3, "zebra", ["a"]]}),
    idc.scenes.information: ({"scene": SCENE, "y": CAPTION}, {"scene": [None, []], "y text": [None, 3, "zebra"]}),
    idc.scenes.alternatives: (
        {"caption": CAPTION, "word": 0},
        {"caption text": [None, 3, "zebra"], "word": [None, 99, "zebra", True, []]},
    ),
    idc.scenes.posterior: ({}, {"text": [3, "zebra", ["a"]]}),
    idc.scenes.nearest: ({}, {"text": [3, None, ["a"]]}),
    maps: (
        {},
        {
            "image": [None, 3, "no such file", torch.zeros(2, 2), torch.zeros(2, 2, 2), torch.zeros(3, 2, 2) + NAN, []],
            "maps map": [
                None,
                3,
                {},
                {"MI": {}},
                {"MI": {"red": torch.ones(3)}},
                {"MI": {"red": torch.ones(2, 2) * NAN}},
                {"MI": {"red": "x"}},
            ],
            "caption words": [3, "", "blue", True],
            "exact maps": [3, {"MI": 3}, "x"],
            "attention": [3, "x", [torch.ones(2, 2)] * 2],
            "word": [3, "blue", None],
            "kind": [3, "CMI", None],
            "opacity": [2, "x", None, NAN],
            "shared": ["x", None],
            "root": ["x", None],
            "original": [1, None],
            "small": ["x", None],
            "beside": [3, "blue", None],
            "item": [1, -1, "x", None, 0.5],
        },
    ),
    lab: (
        {},
        {
            "scene": [3, "x", (1, 2)],
            "text": [3, "zebra", True],
            "word": [99, "zebra", 1.5],
            "question": [3, "x"],
            "kind": [3, "x"],
            "seed": [-1, "x", 1.5],
            "logsnr": [NAN, "x", 99],
            "state": [3, "x"],
        },
    ),
    numbers.mean_and_error: ({}, {"values": ["x", None, 3.0, [1.0], [1.0, NAN], [[1.0, 2.0]], True]}),
    numbers.pm: (
        {"values": [1.0, 2.0]},
        {"values": ["x", None, [1.0]], "spec": ["x", 3, None], "error_spec": ["x", 3]},
    ),
    written: ({"values": 1.0}, {"values": ["x", None, NAN, True], "error": ["x", [1.0, 2.0], NAN, -1]}),
    plot.pictures: (
        {"images": torch.zeros(1, 3, 2, 2)},
        {
            "images": [
                "x",
                None,
                torch.zeros(3, 2, 2),
                torch.zeros(1, 2, 2, 2),
                torch.zeros(1, 3, 2, 2) + NAN,
                torch.zeros(0, 3, 2, 2),
            ],
            "titles": ["x", 3, [], ["a", "b"]],
            "width": [*NUMBERS, 0, -1],
        },
    ),
    plot.profile: ({"estimate": None}, {"estimate": [None, 3, "x"]}),
    datasets.photograph: ({}, {"name": [None, 3, "zebra", [], "__all__"], "size": [0, -1, 1.5, True, "x", NAN]}),
    datasets.drawn: ({"fit": None, "count": 3}, {"fit": [None, 3]}),
}
CASES = [
    pytest.param(call, good, argument, value, id=f"{getattr(call, '__name__', type(call).__name__)}-{argument}-{k}")
    for call, (good, bad) in TABLE.items()
    for argument, values in bad.items()
    for k, value in enumerate(values)
]


@pytest.mark.parametrize("call, good, argument, value", CASES)
def test_bad_input_is_refused_in_one_line(call, good, argument, value):
    """argument: what is passed, and after a space other words that the message may name it by."""
    name = argument.split()[0]
    with pytest.raises(ValueError) as refused:
        found = call(**good | {name: value})
        if hasattr(found, "__enter__"):
            found.__enter__()
    message = str(refused.value)
    assert "\n" not in message and len(message) < 700
    assert re.search(rf"\b({'|'.join(argument.split())})", message), message
    assert re.search(r"\b(must|needs|accepted)\b", message), message


def test_good_input_of_the_table_is_taken():
    for call, good in ((channel.add_noise, TABLE[channel.add_noise][0]), (integrate.fit, FITTED)):
        assert call(**good) is not None
    assert integrate.band(0.0, 0.0).range == (-12.0, 12.0)
    assert integrate.Logistic(range=(-100, -80)).density(torch.tensor([-90.0])) > 0
