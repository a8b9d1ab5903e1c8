"""The best of N by information: which one is taken, what fits, and its record, against brute force and counting."""

import itertools
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import infodecomp as idc
from infodecomp.experiments import best
from infodecomp.experiments.best import best_of, fits, shares
from infodecomp.experiments.reproduced import RECORDS
from infodecomp.scenes.net import NETWORK

CAPTION = "the red cat left of the blue dog"


BAD = {
    "caption must be a str with at least one word, got \\['a cat'\\]": {"caption": ["a cat"]},
    "caption must be a str with at least one word, got ' '": {"caption": " "},
    "samples must be an even number": {"samples": 3},
    "model must be one of infodecomp.load that generates, got None": {"model": None},
}


def test_the_best_has_the_most_nats_about_the_caption():
    model = idc.load("scenes")
    found = best_of(model, CAPTION, 3, steps=4, samples=8, seed=1)
    x = model.encode(found.pictures)
    again = idc.pointwise_information(model, x, CAPTION, kind="standard", samples=8, seed=1)
    assert torch.equal(again.nats, found.information.nats) and len(found.pictures) == 3
    assert found.chosen == again.nats.argmax()
    assert [p.tobytes() for p in model.generate([CAPTION] * 3, seed=1, steps=4)] == [
        p.tobytes() for p in found.pictures
    ]
    with pytest.raises(ValueError, match="count must be"):
        best_of(model, CAPTION, 0)
    drawn = SimpleNamespace(generate=lambda *_, **__: pytest.fail("drawn before all was checked"))
    for message, arguments in BAD.items():
        with pytest.raises(ValueError, match=message):
            best_of(**{"model": drawn, "caption": CAPTION, "count": 2, "samples": 8} | arguments)


def test_what_fits_is_what_counting_says():
    """Also with a haze over the picture, as a network leaves it."""
    model, (scenes, _, captions) = idc.load("scenes"), idc.scenes.sample(60, seed=4)
    x = model.encode([idc.scenes.render(scene) for scene in scenes])
    x = x + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    for caption in captions[:6]:
        caption = " ".join(word for word in caption.split() if word not in ("just", "far"))
        truth = [idc.scenes.log_prob(scene, caption) > -float("inf") for scene in scenes]
        assert fits(model, x, caption).tolist() == truth and any(truth)


def test_shares_are_averages_over_all_subsets():
    random = np.random.default_rng(0)
    fit, score = random.integers(0, 2, (3, 5)), random.normal(size=(3, 5))
    found = shares(fit, score)
    for row, (good, value) in enumerate(zip(fit, score, strict=True)):
        for n in range(1, 6):
            picks = [max(pick, key=lambda k: value[k]) for pick in itertools.combinations(range(5), n)]
            assert found[row, n - 1] == pytest.approx(np.mean([good[k] for k in picks]))
    assert np.allclose(shares(fit, fit)[:, -1], fit.max(1)) and np.allclose(found[:, 0], fit.mean(1))


@pytest.mark.parametrize("fit, score", [([[1, 0]], [[1]]), ([1, 0], [0, 1]), ([[1, 0]], [[1, np.nan]])])
def test_shares_refuse_what_is_no_table(fit, score):
    with pytest.raises(ValueError, match="fit and score must be"):
        shares(fit, score)


def test_record_is_of_these_settings_and_weights():
    record = json.loads((RECORDS / "best.json").read_text())
    assert record["settings"] == best.begun(RECORDS / "none.json")["settings"]
    assert record["weights"] == json.loads((NETWORK / "record.json").read_text())["sha256"]
    captions = idc.scenes.sample(best.COUNT, best.SEED)[2]
    assert [line["caption"] for line in record["captions"]] == captions
    assert all(
        len(line[name]) == best.DRAWN for line in record["captions"] for name in ("fits", "nats", "stderr", "clip")
    )


@pytest.mark.slow  # eight pictures by the network, 672 evaluations
@pytest.mark.filterwarnings("ignore:nats lie outside")  # what is drawn in haste is no picture that was learned
def test_a_line_of_the_record_is_measured_again():
    record = json.loads((RECORDS / "best.json").read_text())
    model, line = idc.load("scenes-net"), record["captions"][0]
    clip = best.scenes_clip(model)
    again = best.measured(model, idc.load("scenes"), clip, line["caption"], best.SEED)
    assert again["fits"] == line["fits"] and again["nats"] == pytest.approx(line["nats"], abs=0.1)
    assert again["clip"] == pytest.approx(line["clip"], abs=0.01)


@pytest.mark.parametrize("change", [{"settings": {}}, {"weights": {}}], ids=str)
def test_a_record_of_another_origin_is_refused(change, tmp_path, monkeypatch, capsys):
    out = tmp_path / "best.json"
    out.write_text(text := json.dumps(best.begun(out) | change))
    monkeypatch.setattr(sys, "argv", ["best", str(out)])
    with pytest.raises(SystemExit) as stopped:
        best.main()
    assert stopped.value.code == 2 and out.read_text() == text
    assert "a record of this program with the same" in capsys.readouterr().err
