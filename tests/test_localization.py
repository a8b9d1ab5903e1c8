"""Maps against masks: IoU by hand, thresholds held out, and scenes whose masks are known."""

import numpy as np
import pytest
import torch

import infodecomp as idc
from infodecomp.experiments import localization
from infodecomp.experiments.localization import THRESHOLDS, held_out, inside, iou, localize, report, scaled, summary


def test_iou_by_hand():
    map = torch.tensor([[0.0, 1.0], [0.3, 0.2]])
    mask = np.array([[False, True], [True, False]])
    found = iou(map, mask)
    for threshold, value in zip(THRESHOLDS, found, strict=True):
        shown = {(0, 1)} | ({(1, 0)} if threshold < 0.3 else set()) | ({(1, 1)} if threshold < 0.2 else set())
        truth = {(0, 1), (1, 0)}
        assert value == pytest.approx(len(shown & truth) / len(shown | truth))
    assert inside(map, mask) == pytest.approx(1.3 / 1.5)
    assert inside(torch.zeros(2, 2), mask) == 0 and not iou(torch.zeros(2, 2), mask).any()


def test_scaling_is_bilinear_and_flat_maps_are_dark():
    map = torch.tensor([[0.0, 2.0]])
    assert scaled(map, (1, 4))[0].tolist() == pytest.approx([0, 0.25, 0.75, 1])
    assert not scaled(torch.full((2, 2), 3.0), (4, 4)).any()


def _record(name, *curve):
    values = np.interp(THRESHOLDS, np.linspace(0.1, 0.5, len(curve)), curve).tolist()
    return {"id": name, "iou": {"cmi": values, "whole image": [0.2] * 50}, "inside": {"cmi": 0.5}}


def test_threshold_is_chosen_on_other_pictures():
    names = [f"t/{i}" for i in range(40)]
    records = [_record(n, 1, 0) if held_out(n) else _record(n, 0, 0.5) for n in names]
    table = summary(records)
    assert table["cmi"]["threshold"] == pytest.approx(0.1)
    assert table["cmi"]["miou"][0] == pytest.approx(0) and table["cmi"]["flattered"][0] == pytest.approx(0.5)
    assert table["whole image"]["miou"] == pytest.approx((0.2, 0))
    assert table["cmi"]["count"] == sum(not held_out(n) for n in names)
    text = report({"t": [*records, {"id": "t/x", "broken": "empty mask", "detail": ""}]}, 100)
    assert "41 items; 1 broken (empty mask)" in text and "33.24" in text and "14.94" in text


def test_exact_maps_lie_on_the_thing_the_word_names():
    """A noun's exact CMI map has more inside its mask than chance, on every one of ten scenes."""
    model = idc.load("scenes")
    for scene in idc.scenes.scenes()[500::2800][:10]:
        caption = next(c for c in idc.scenes.captions(scene) if scene.first.noun in c.split())
        position = caption.split().index(scene.first.noun)
        maps, nats = localize(model, idc.scenes.render(scene), caption, position, samples=200, attention=False)
        mask = idc.scenes.mask(scene, scene.first.noun)
        if nats["cmi"] > 0.1:
            assert inside(maps["cmi"], mask) > 2 * mask.mean()


def test_attention_methods_on_the_network():
    model, scene = idc.load("scenes-net"), idc.scenes.scenes()[20000]
    caption = idc.scenes.captions(scene)[-1]
    position = caption.split().index(scene.first.noun)
    maps, _ = localize(model, idc.scenes.render(scene), caption, position, samples=8)
    assert set(maps) == set(localization.METHODS) - {"whole image"}
    overshoots = {"attention": 0.05 * maps["attention"].max()}  # by bicubic interpolation, which is not clipped
    assert all(m.shape == (16, 16) and m.min() >= -overshoots.get(name, 1e-3) for name, m in maps.items())
    assert not torch.allclose(maps["attention"] / maps["attention"].sum(),
                              maps["attention + information"] / maps["attention + information"].sum())  # fmt: skip
