"""The flow under two captions against the closed-form flow; correlations and their bootstrap against numpy."""

import numpy as np
import pytest
import torch

import infodecomp as idc
from infodecomp.captions import replace
from infodecomp.experiments.intervention import (
    additions,
    edits,
    intervene,
    measure,
    pairs,
    pearson,
    report,
    started,
    summary,
    with_word,
)
from infodecomp.flow import to_noise


class Conditional:
    """x given c is N(c, 1): the flow from sigma to sigma' keeps (x − c)/sqrt(1 + sigma²)."""

    flow_range = (-6.0, 6.0)

    def condition(self, c):
        return c

    def __call__(self, z, logsnr, c):
        s, n = torch.sigmoid(logsnr)[:, None, None, None], torch.sigmoid(-logsnr)[:, None, None, None]
        return n.sqrt() * (z - s.sqrt() * c)


def test_intervention_is_the_closed_form_flow():
    x = torch.randn(3, 1, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    told, otherwise = (torch.full((3, 1, 1, 1), c, dtype=torch.float64) for c in (0.5, -1.0))
    back, other = intervene(Conditional(), x, told, otherwise, steps=400)
    low, high = (torch.tensor(a, dtype=torch.float64).neg().exp() for a in (-6.0, 6.0))  # sigma² at both ends
    ratio = ((1 + high) / (1 + low)).sqrt()
    assert torch.allclose(back, x, atol=1e-4)
    assert torch.allclose(other - back, (otherwise - told) * (1 - ratio), atol=1e-4)


def test_captions_with_a_word_replaced():
    assert replace("a dog, asleep", 1, 2, "cat") == "a cat, asleep"


def test_edits_omit_or_swap_and_keep_what_is_broken():
    from infodecomp.datasets.coco import Item

    items = [Item("1", caption="two dogs, asleep", word="dogs", position=1), Item("2", broken="missing image")]
    assert [(e.edited, e.broken) for e in edits(items)] == [("two, asleep", None), ("", "missing image")]
    assert edits(items, placeholder="_")[0].edited == "two _, asleep"
    assert not edits(items, placeholder="_")[0].swapped and edits(items, pairs("dogs=cats"))[0].swapped
    assert edits(items, pairs("dogs=cats"))[0].edited == "two cats, asleep"
    assert [e.id for e in edits(items, pairs("zebra=horse"))] == ["2"]
    assert pairs("paper")["robot"] == "teddy bear" and pairs("") == {}
    with pytest.raises(ValueError, match="swap must be"):
        pairs("dog")
    for text in ("dog=cat,cat=owl", "dog=Dog", "dog=cat=owl"):
        with pytest.raises(ValueError, match="swap must be .* no word twice"):
            pairs(text)
    assert pairs("Dog=Great  Dane") == {"dog": "Great Dane", "great dane": "Dog"}


def test_added_words_stand_before_the_noun_and_its_colours():
    assert with_word("an owl, a red cat", 4, "striped") == ("an owl, a striped red cat", 3)
    assert with_word("An (owl)", 1, "very small") == ("A (very small owl)", 1)
    assert with_word("A cat.", 1, "orange") == ("An orange cat.", 1)
    assert with_word("cats sleep", 0, "two") == ("two cats sleep", 0)
    assert with_word("a dog (a cat)", 3, "old") == ("a dog (an old cat)", 3)
    with pytest.raises(ValueError, match="start and stop must be positions of 'a cat', got 5 and 6"):
        with_word("a cat", 5, "old")


def test_edits_add_each_word_to_captions_that_have_none_of_them():
    from infodecomp.datasets.coco import Item

    items = [Item("0", caption="the red cat far left of the blue dog", word="cat", position=2, image="0")]
    items += [Item("1", caption="a Sitting cat", word="cat", position=2)]
    items += [Item("2", caption="a bird", word="bird", position=1)]
    items += [Item("3", broken="missing image")]
    found = edits(items, add=additions("Cat=sitting, cat=sound asleep,owl=flying"))
    assert [(e.id, e.edited) for e in found] == [
        ("0/sitting", "the sitting red cat far left of the blue dog"),
        ("0/sound asleep", "the sound asleep red cat far left of the blue dog"),
        ("3", ""),
    ]
    assert [(e.position, e.stop, e.added, e.image) for e in found[:2]] == [(1, 2, True, "0"), (1, 3, True, "0")]
    assert additions("") == {}
    for text in ("cat", "cat=", "=striped", "cat=striped,cat=striped", "cat=striped,"):
        with pytest.raises(ValueError, match="add must be"):
            additions(text)


def test_with_start_noise_the_flow_ends_in_normal_noise():
    """Its ‖z‖² is that of N(0, I), the number of cells (theorem of chapter 16); a clean picture has nearly none."""
    model, (scenes, _, captions) = idc.load("scenes"), idc.scenes.sample(4, seed=2)
    x, squares = model.encode([idc.scenes.render(scene) for scene in scenes]).double(), {}
    for name, start in {"clean": x, "with noise": started(model, x, seed=0)}.items():
        noise = to_noise(model, start, captions, steps=100)
        squares[name] = noise.square().sum().item()
    cells = x.numel()
    assert abs(squares["with noise"] - cells) < 3.3 * (2 * cells) ** 0.5 and squares["clean"] < 0.1 * cells
    width = (started(model, x, 0) - x).square().mean()
    assert width.item() == pytest.approx(np.exp(-4) + 0.1**2, rel=3.3 * (2 / cells) ** 0.5)
    assert not torch.equal(started(model, x, 0), started(model, x, 1))


def _records(seed=0, count=60):
    random = np.random.default_rng(seed)
    change = random.gamma(2, size=count)
    return [
        {"id": str(i), "change": c, "scores": {"cmi": c + random.normal(), "attention": random.normal()},
         "pixel": {"cmi": 0.5 + 0.1 * random.normal(), "attention": None if i == 3 else 0.2}}
        for i, c in enumerate(change)
    ]  # fmt: skip


def test_bootstrap_is_paired_and_centred():
    records = _records()
    table = summary(records, repeats=500)
    scores = [r["scores"]["cmi"] for r in records]
    r = np.corrcoef(scores, [r["change"] for r in records])[0, 1]
    assert table["image"]["cmi"][0] == pytest.approx(r)
    assert table["image"]["cmi"][1] < r < table["image"]["cmi"][2]
    error = (table["image"]["cmi"][2] - table["image"]["cmi"][1]) / 4
    assert error == pytest.approx((1 - r**2) / 60**0.5, rel=0.6)  # of the order that theory gives, not a tenth of it
    assert table["pixel"]["attention"] == pytest.approx((0.2, 0.2, 0.2))
    difference = table["image"]["cmi − attention"]
    assert difference[0] == pytest.approx(table["image"]["cmi"][0] - table["image"]["attention"][0])
    for k, r in enumerate(records):
        r["scores"] |= {"orthogonal": r["scores"]["cmi"] + k % 3}
    more = summary(records, repeats=50)["image"]
    assert list(more) == ["cmi", "orthogonal", "attention", "cmi − orthogonal", "cmi − attention"]
    assert more["cmi − orthogonal"][0] == pytest.approx(more["cmi"][0] - more["orthogonal"][0])
    text = report({"t": [*records, {"id": "x", "broken": "missing image", "detail": ""}]})
    assert "61 items; 1 broken (missing image)" in text and "0.34" in text and "0.27" in text


def test_pearson():
    assert pearson([1, 2, 3], [2, 4, 6]) == pytest.approx(1)
    assert pearson([1, 1, 1], [1, 2, 3]) is None


def test_redundant_word_changes_nothing_in_a_scene():
    """With the exact denoiser, omitting a word that the rest implies leaves the flow as it was; a colour does not."""
    model, scene = idc.load("scenes"), idc.scenes.scenes()[12345]
    caption = next(c for c in idc.scenes.captions(scene) if "night" in c.split() and "moon" in c.split())
    x = model.encode(idc.scenes.render(scene))
    changes = {}
    for word in ("under the moon", scene.first.colour):
        back, other = intervene(model, x, caption, caption.replace(f" {word}", "", 1), steps=20)
        changes[word] = (other - back).square().sum().item()
    assert changes["under the moon"] < 1e-8 < 1e-2 < changes[scene.first.colour]


@pytest.mark.parametrize("start_noise", [False, True])
@pytest.mark.parametrize("swap", [None, {"red": "blue"}])
def test_record_of_an_edit_is_what_its_parts_say(swap, start_noise):
    """Omission scores by the word's CMI; a swap by a difference that, as iˢ, is the information against the other."""
    from infodecomp.datasets.coco import Item

    model = idc.load("scenes")
    scene = next(s for s in idc.scenes.scenes() if s.first.colour == "red" and s.second.colour == "green")
    caption = next(c for c in idc.scenes.captions(scene) if "red" in c.split())
    picture = idc.scenes.render(scene)

    class Shown(Item):
        open = lambda self: picture  # noqa: E731

    (edit,) = edits([Shown("x", caption=caption, word="red", position=caption.split().index("red"))], swap)
    found = measure(model, edit, samples=20, seed=5, steps=10, start_noise=start_noise)
    x = model.encode(picture)
    start = started(model, x, 5) if start_noise else x
    back, other = intervene(model, start, caption, edit.edited, steps=10)
    assert found["change"] == pytest.approx((other - back).double().square().sum().item(), rel=1e-6)
    assert found["round_trip"] == pytest.approx((back - start).double().square().sum().item(), rel=1e-6)
    against = idc.pointwise_information(model, x, caption, edit.edited, kind="standard", samples=20, seed=5)
    assert found["scores"]["cmi"] == pytest.approx(against.nats.item(), rel=1e-6)
    assert found["stderr"] == pytest.approx(against.stderr.item(), rel=1e-6)


def test_record_of_an_added_word():
    """Against its alternatives a word that fits carries −log of its prior, another almost −∞; and the edit follows."""
    from infodecomp.datasets.coco import Item

    model, found = idc.load("scenes"), {}
    scene = next(s for s in idc.scenes.scenes() if s.first[:2] == ("cat", "sleeping") and s.first[2] != s.second[2])
    caption, picture = idc.scenes.captions(scene)[0], idc.scenes.render(scene)

    class Shown(Item):
        open = lambda self: picture  # noqa: E731

    item = Shown("x", caption=caption, word="cat", position=caption.split().index("cat"))
    for edit in edits([item], add=additions("cat=sitting,cat=sleeping")):
        options = {"samples": 40, "seed": 3, "steps": 10}
        found[edit.id] = measure(model, edit, **options, start_noise=True, alternatives=True)
        others = idc.scenes.alternatives(edit.edited, edit.position)
        x, at = model.encode(picture), others.conditions.index(edit.edited)
        bayes = idc.posterior(model, x, others, samples=40, seed=3).information[0, at]
        assert found[edit.id]["scores"]["alternatives"] == pytest.approx(bayes.item(), rel=1e-6)
        own = idc.pointwise_information(model, x, edit.edited, caption, samples=40, seed=3)
        assert found[edit.id]["scores"]["orthogonal"] == pytest.approx(own.nats.item(), rel=1e-6)
    right, wrong = found["x/sleeping"], found["x/sitting"]
    truth = idc.scenes.information(scene, caption.replace("the", "the sleeping", 1), caption)
    assert right["scores"]["alternatives"] == pytest.approx(truth, abs=1e-6) == pytest.approx(np.log(2))
    assert wrong["scores"]["alternatives"] < -50 and wrong["scores"]["cmi"] < 0
    assert wrong["change"] > 100 > right["change"]


def test_no_call_of_the_network_exceeds_the_batch_size():
    """Of the estimates and of the attention maps."""
    from infodecomp.datasets.coco import Item

    model, scene, rows = idc.load("scenes-net"), idc.scenes.scenes()[20000], []
    picture, caption = idc.scenes.render(scene), idc.scenes.captions(scene)[0]

    class Shown(Item):
        open = lambda self: picture  # noqa: E731

    (edit,) = edits([Shown("x", caption=caption, word=scene.first.noun, position=2)])
    hook = model.unet.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    measure(model, edit, samples=8, seed=0, steps=1, batch_size=4)
    hook.remove()
    assert max(rows) == 4
