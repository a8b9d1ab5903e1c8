"""Concepts that no caption names: their nats against counting, Bayes' rule, and the segmentation by hand."""

import math

import pytest
import torch

import infodecomp as idc
from infodecomp import scenes as sc
from infodecomp.concepts import ROUNDING, Segmentation
from infodecomp.estimates.alternatives import along_paths, each_along_paths
from infodecomp.estimates.sampling import Sampling

MODEL = idc.load("scenes")
BOTH = [s for s in sc.scenes() if {s.first.noun, s.second.noun} == {"cat", "dog"}]
SCENES = BOTH[:: len(BOTH) // 16][:16]
IMAGES = [sc.render(scene) for scene in SCENES]
CONCEPTS, PRIOR = ["cat", "dog", "far"], [1.0, 2.0, 1.0]
BANDS = [idc.integrate.uniform(*ends) for ends in ((-8, -5), (-5, -3))]
FOUND = idc.concept_maps(MODEL, IMAGES, CONCEPTS, prior=PRIOR, samples=100)


def pooled(estimates, truths):
    """z of the mean of estimates of one image each."""
    off = sum(e.nats.item() - t for e, t in zip(estimates, truths, strict=True))
    return off / sum(e.variance.item() for e in estimates) ** 0.5


def test_nats_of_concepts_are_those_of_counting():
    for k, concept in enumerate(CONCEPTS):
        truths = [sc.information(scene, concept) for scene in SCENES]
        assert [f.counted[k] for f in FOUND] == pytest.approx(truths)
        assert abs(pooled([f.mi_standard[k] for f in FOUND], truths)) < 3.5
    every = [f.mi[k] for f in FOUND for k in range(3)]  # i^o and i^s are alike on average over pictures
    assert sum(e.nats.item() for e in every) > 0.2 * len(every)


def test_bayes_rule_and_its_error_are_those_of_alternatives():
    """Measured for all at once, each is what pointwise_information gives for it alone, error and map included."""
    x, others = MODEL.encode(IMAGES[:3]), idc.Alternatives(CONCEPTS, PRIOR)
    for k, concept in enumerate(CONCEPTS):
        alone = idc.pointwise_information(MODEL, x, concept, others, kind="standard", samples=100)
        for name in ("nats", "stderr", "map", "map_stderr"):
            together = torch.cat([getattr(found.against[k], name) for found in FOUND[:3]])
            assert torch.allclose(together, getattr(alone, name), rtol=1e-6, atol=1e-9), name


def test_bayes_rule_is_that_of_counting():
    prior = torch.tensor(PRIOR).double() / 4
    for k in range(3):
        truths = []
        for scene in SCENES:
            log_prob = torch.tensor([sc.log_prob(scene, c) for c in CONCEPTS], dtype=torch.float64)
            truths.append((log_prob[k] - (prior.log() + log_prob).logsumexp(0)).item())
        assert abs(pooled([f.against[k] for f in FOUND], truths)) < 3.5
        walked = [f.against[k].map.sum() - f.against[k].nats[0] for f in FOUND]  # maps come from paths
        error = sum(f.against[k].map_stderr.square().sum() + f.against[k].variance[0] for f in FOUND) ** 0.5
        assert abs(sum(walked)) < 5 * error
        assert all(f.against[k].nats <= -prior[k].log() + 1e-9 for f in FOUND)
    shares = [[math.exp(f.against[k].nats.item()) * prior[k].item() for k in range(3)] for f in FOUND]
    assert torch.tensor(shares).sum(1).allclose(torch.ones(len(FOUND)))  # P(c | x) of all concepts


def test_cells_add_up_and_the_order_of_concepts_does_not_matter():
    turned = idc.concept_maps(MODEL, IMAGES[0], CONCEPTS[::-1], prior=PRIOR[::-1], samples=100)
    for k in range(3):
        one, other = FOUND[0].mi_standard[k], turned.mi_standard[2 - k]
        assert one.map.sum((1, 2)).allclose(one.nats) and one.map.allclose(other.map) and one.nats.allclose(other.nats)
        for name in ("nats", "stderr", "map", "map_stderr"):
            one, other = (getattr(f.against[i], name) for f, i in ((FOUND[0], k), (turned, 2 - k)))
            assert one.allclose(other, rtol=1e-3, atol=1e-5)  # float32 along paths
    own, other = FOUND[0].segmentation, turned.segmentation
    assert torch.equal(own.labels, torch.where(other.labels < 0, -1, 2 - other.labels))
    assert own.margin.allclose(other.margin, atol=1e-9) and own.stderr.allclose(other.stderr, atol=1e-9)


def test_a_segmentation_by_hand():
    f = FOUND[3]
    prior = torch.tensor(PRIOR).double()
    scores = torch.stack([e.map[0] for e in f.mi_standard]) + (prior / 2).log()[:, None, None] / 256
    scores = torch.cat([scores, torch.full((1, 16, 16), ROUNDING).double()])
    best, order = scores.sort(0, descending=True)
    labels = torch.where(order[0] == 3, -1, order[0])
    assert torch.equal(f.segmentation.labels, labels) and f.segmentation.margin.allclose(best[0] - best[1])
    x = MODEL.encode(IMAGES)
    paired = idc.pointwise_information(MODEL, x, "cat", "dog", kind="standard", samples=100)
    two = (order[:2] < 2).all(0)  # cells where cat and dog are the first two
    assert two.any() and f.segmentation.stderr[two].allclose(paired.map_stderr[3][two])
    none = torch.full_like(labels, -1)
    assert torch.equal(f.segmentation.sure(1e9), none) and torch.equal(f.segmentation.sure(0), labels)
    assert set(f.segmentation.sure().unique().tolist()) <= {-1, 0, 1, 2}
    twins = idc.concept_maps(MODEL, IMAGES[0], ["cat", "Cat"], samples=8, against=False).segmentation
    assert (twins.labels >= 0).any() and (twins.sure()[twins.labels >= 0] == -1).all()  # one text to this model


def test_things_get_their_own_names():
    """On the cells of the cat, cat beats dog; on those of the dog, dog beats cat: over pictures, pooled."""
    for own, other in ((0, 1), (1, 0)):
        gaps = []
        for scene, f in zip(SCENES, FOUND, strict=True):
            cells = torch.tensor(sc.mask(scene, CONCEPTS[own])).reshape(16, 2, 16, 2).double().mean((1, 3)) > 0.5
            gaps.append((f.mi_standard[own].map[0] - f.mi_standard[other].map[0])[cells].sum())
        gaps = torch.stack(gaps)
        assert gaps.mean() > 3.3 * gaps.std() / len(gaps) ** 0.5


def test_context_before_a_concept_and_around_it():
    scene = sc.Scene(0, 1, 1, sc.Thing("owl", "flying", "red"), sc.Thing("fish", "two", "blue"))
    options = {"samples": 60, "against": False}
    some = idc.concept_maps(
        MODEL, sc.render(scene), ["night", "day"], "the red owl left of the blue fish by", **options
    )
    whole = "the red owl left of the blue fish by night"
    assert some.counted[0] == pytest.approx(sc.information(scene, whole, whole.removesuffix(" night")))
    assert some.counted[1] == -math.inf and some.against is None and list(some.kinds) == ["CMI"]
    inside = idc.concept_maps(MODEL, sc.render(scene), ["red", "green"], "the {} owl left of the blue fish", **options)
    rest = "the owl left of the blue fish"
    assert inside.counted[0] == pytest.approx(sc.information(scene, "the red owl left of the blue fish", rest))
    alone = idc.pointwise_information(
        MODEL, MODEL.encode(sc.render(scene)), "the red owl left of the blue fish", rest, samples=60
    )
    assert alone.map.allclose(inside.mi[0].map, atol=1e-9)


def test_one_walk_is_several():
    x, concepts = MODEL.encode(IMAGES[:2]), idc.Alternatives(["cat", "dog"], [1.0, 3.0])
    every = each_along_paths(MODEL, x, ["cat", "dog", "far"], concepts, "standard", Sampling(8))
    for y, found in zip(["cat", "dog", "far"], every, strict=True):
        alone = along_paths(MODEL, x, y, concepts, "standard", Sampling(8))
        assert found.map.allclose(alone.map, atol=1e-9) and found.nats.allclose(alone.nats, atol=1e-9)
        assert found.map_stderr.allclose(alone.map_stderr, atol=1e-9)


def test_they_are_saved_and_shown(tmp_path):
    FOUND[0].save(tmp_path / "maps")
    back = idc.load_maps(tmp_path / "maps")
    assert torch.equal(back.segmentation.labels, FOUND[0].segmentation.labels) and back.concepts == CONCEPTS
    assert torch.equal(back.against[1].map, FOUND[0].against[1].map) and repr(back) == repr(FOUND[0])
    shown = idc.HeatMaps(back)
    assert shown.words == CONCEPTS and shown.kinds == ["MI", "against"] and "nats" in repr(shown)
    assert idc.HeatMaps(FOUND[:2]).kinds == ["MI", "against"]
    assert f"(counted {FOUND[0].counted[0]:.2f})" in repr(shown)
    bands = [idc.concept_maps(MODEL, IMAGES[0], ["cat"], samples=8, proposal=p, against=False) for p in BANDS]
    assert "counted" not in repr(idc.HeatMaps(bands))  # what is counted is of all log-SNRs
    whole = idc.concept_maps(MODEL, IMAGES[0], ["red", "cat", "the red cat above the dog", "cat."], samples=8)
    assert idc.HeatMaps(whole).words == whole.concepts  # words of which another concept is made, or alike
    assert back.about["model"]["class"] == "ExactScenes" and back.about["settings"]["samples"] == 100


BAD = {
    "concepts must be a list of at least one text, got 'cat'": {"concepts": "cat"},
    "concepts must be a list of at least one text": {"concepts": []},
    "concepts must be texts, each once and none empty, got \\['cat', 'cat'\\]": {"concepts": ["cat", "cat"]},
    "concepts must be texts, each once and none empty, got \\['cat', ' cat '\\]": {"concepts": ["cat", " cat "]},
    "concepts must be texts": {"concepts": ["cat", " "]},
    "context must be None or a text with at most one {}": {"context": "{} {}"},
    "context must be None or a str, got 3": {"context": 3},
    "prior must": {"prior": [1.0]},
    "prior must be \\(2,\\)": {"prior": [[1.0, 1.0]]},
    "against must be a bool": {"against": 1},
    "noise must be 'plain' where information is measured against": {"noise": "balanced"},
    "model must be one of infodecomp.load": {"model": 3},
    "samples must be": {"samples": 3},
    "image must be a picture or a list of them": {"image": torch.linspace(-1, 1, 6144).reshape(2, 3, 32, 32)},
}


@pytest.mark.parametrize("message, change", BAD.items())
def test_bad_input(message, change):
    arguments = {"model": MODEL, "image": IMAGES[0], "concepts": ["cat", "dog"]} | change
    with pytest.raises(ValueError, match=message):
        idc.concept_maps(**arguments)
    with pytest.raises(ValueError, match="least must be"):
        Segmentation(*[torch.zeros(1, 1)] * 3).sure(-1)
