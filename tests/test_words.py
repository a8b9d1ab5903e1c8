import math

import pytest
import torch

import infodecomp as idc
from infodecomp import scenes as sc
from infodecomp.words import units

MODEL = idc.load("scenes")
SCENE = sc.Scene(0, 1, 1, sc.Thing("owl", "flying", "red"), sc.Thing("fish", "two", "blue"))
CAPTION = "the flying red owl far left of the two blue fish by night under the moon"
IMAGE = sc.render(SCENE)
MAPS = idc.word_maps(MODEL, IMAGE, CAPTION, samples=400)


def rest(word, position):
    words = CAPTION.split()
    return " ".join(words[:position] + words[position + len(word.split()) :])


def test_all_words_once_and_phrases_whole():
    split = CAPTION.split()
    assert MAPS.words == [*split[:5], "left of", *split[7:]]
    assert MAPS.positions == [0, 1, 2, 3, 4, 5, *range(7, 16)] and MAPS.resolution == (16, 16)
    assert units("a b a", ("a b",)) == [(0, 2, "a b"), (2, 3, "a")]


def test_it_says_what_single_estimates_say():
    """One pass for all words gives the numbers of a call for each: the noise is shared, whatever else is asked."""
    x = MODEL.encode(IMAGE)
    for k in (1, 5, 11):
        word, position = MAPS.words[k], MAPS.positions[k]
        for kind, mi, cmi in (("orthogonal", MAPS.mi, MAPS.cmi), ("standard", MAPS.mi_standard, MAPS.cmi_standard)):
            options = {"samples": 400, "kind": kind}
            alone = idc.pointwise_information(MODEL, x, word, **options)
            after = idc.pointwise_information(MODEL, x, CAPTION, rest(word, position), **options)
            for one, other in ((alone, mi[k]), (after, cmi[k])):
                assert torch.allclose(one.nats, other.nats, atol=1e-9) and torch.allclose(one.map, other.map, atol=1e-9)
                assert torch.allclose(other.map.sum((1, 2)), other.nats, atol=1e-9)


def test_it_agrees_with_counting():
    for k, (word, position) in enumerate(zip(MAPS.words, MAPS.positions, strict=True)):
        for told, truth in (
            (MAPS.mi_standard[k], sc.information(SCENE, word)),
            (MAPS.cmi_standard[k], sc.information(SCENE, CAPTION, rest(word, position))),
        ):
            assert abs(told.nats.item() - truth) < 4.5 * told.stderr.item() + 1e-9, word


def test_the_redundant_word_and_the_function_word_are_dark():
    night, the = MAPS.words.index("night"), MAPS.words.index("the")
    assert MAPS.cmi[night].map.abs().max() < 1e-12 < MAPS.mi[night].map.max()
    assert MAPS.mi[the].map.abs().max() < 1e-12
    sky = MAPS.mi[night].map[0]
    assert sky[:3].sum() / sky.sum() > 0.8


def test_chosen_words():
    some = idc.word_maps(MODEL, IMAGE, CAPTION, ["red", "left of", 13, "the"], samples=20)
    assert some.words == ["red", "left of", "under", "the", "the", "the"] and some.positions == [2, 5, 13, 0, 7, 14]
    assert "red: MI" in repr(some) and math.isfinite(some.cmi[0].stderr.item())


@pytest.mark.parametrize(
    "caption, words, message",
    [
        ("", None, "caption must be"),
        (CAPTION, ["green"], "words must be"),
        (CAPTION, ["left"], "words must be"),
        (CAPTION, [6], "words must be"),
        ("the red", None, "nearest to"),
    ],
)
def test_bad_input(caption, words, message):
    with pytest.raises(ValueError, match=message):
        idc.word_maps(MODEL, IMAGE, caption, words)


def test_against_alternatives():
    some = idc.word_maps(MODEL, IMAGE, CAPTION, ["red", "night"], alternatives=sc.alternatives, samples=200)
    alone = idc.pointwise_information(MODEL, MODEL.encode(IMAGE), CAPTION, sc.alternatives(CAPTION, 2), samples=200)
    assert torch.equal(some.against[0].nats, alone.nats) and torch.equal(some.against[0].map, alone.map)
    assert some.against[1].nats.abs() < 1e-9 and MAPS.against is None  # night beside moon has no alternative
