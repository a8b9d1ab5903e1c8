import math
from typing import ClassVar

import pytest
import torch

import infodecomp as idc
from infodecomp import scenes as sc
from infodecomp.captions import token_indices, units, without
from infodecomp.scenes.parts import make_tokenizer

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


OTHERS = [(IMAGE, CAPTION), *((sc.render(scene), text) for scene, text in zip(*sc.sample(3, seed=2)[::2], strict=True))]


def test_several_pictures_at_once():
    """Row i of a list has the numbers of row i in any other call, and for i = 0 those of the picture alone."""
    images, captions = map(list, zip(*OTHERS, strict=True))
    captions[2] = captions[1]
    words = [["red", "owl"], [0, 1], [0, 1], [1]]
    options = {"samples": 20, "alternatives": sc.alternatives}
    found = idc.word_maps(MODEL, images, captions, words, **options)
    assert [m.caption for m in found] == captions and [len(m.words) for m in found] == [2, 2, 2, 1]
    assert all(m.image.tobytes() == image.tobytes() for m, image in zip(found, images, strict=True))
    single = idc.word_maps(MODEL, IMAGE, CAPTION, words[0], **options)
    for name in ("mi", "cmi", "mi_standard", "cmi_standard", "against"):
        for one, other in zip(getattr(single, name), getattr(found[0], name), strict=True):
            assert torch.allclose(one.nats, other.nats, atol=1e-9) and torch.allclose(one.stderr, other.stderr)
            assert torch.allclose(one.map, other.map, atol=1e-9) and one.map.shape == other.map.shape == (1, 16, 16)
    x = MODEL.encode(images)
    for row, m in enumerate(found):
        for k, word in enumerate(m.words):
            alone = idc.pointwise_information(MODEL, x, word, samples=20)
            after = idc.pointwise_information(
                MODEL, x, m.caption, without(m.caption, m.positions[k], m.positions[k] + len(word.split())), samples=20
            )
            assert torch.allclose(m.mi[k].nats, alone[row].nats, atol=1e-9)
            assert torch.allclose(m.cmi[k].map, after[row].map, atol=1e-9)
    pair = idc.word_maps(MODEL, images[:2], captions[:2], samples=2)
    assert [m.words for m in pair] == [idc.word_maps(MODEL, *p, samples=2).words for p in OTHERS[:2]]


@pytest.mark.parametrize("arguments", [([], []), ([IMAGE], []), ([IMAGE], [CAPTION], []), ([IMAGE] * 2, [CAPTION])])
def test_lists_of_other_lengths_are_refused(arguments):
    with pytest.raises(ValueError, match="must be lists of one length, got"):
        idc.word_maps(MODEL, *arguments)


def test_several_pictures_need_several_captions():
    with pytest.raises(ValueError, match="image must be one for each caption, got 2 for 1"):
        idc.word_maps(MODEL, [IMAGE] * 2, CAPTION)
    with pytest.raises(ValueError, match="must be lists of one length"):
        idc.word_maps(MODEL, IMAGE, [CAPTION] * 2)


# ------------------------------------------------------------------------------- words of captions that people write


def test_units_and_searches_see_through_punctuation():
    class Told:
        """A denoiser that answers with the number of letters it was told: the maps say what was asked."""

        asked: ClassVar = []

        def encode(self, image):
            return image

        def condition(self, caption):
            self.asked.append(caption)
            return caption

        def __call__(self, z, logsnr, condition):
            return z * 0

    def asked(caption, words, **options):
        Told.asked.clear()
        maps = idc.word_maps(Told(), torch.zeros(1, 1, 2, 2), caption, words, samples=2, **options)
        return maps.words, maps.positions, Told.asked[2:]

    caption = 'An apple, a "teddy bear" in a bedroom, an Apple.'
    words = ["apple", "Apple"], [1, 9]
    told = [*words[0], 'An, a "teddy bear" in a bedroom, an Apple.', 'An apple, a "teddy bear" in a bedroom, an.']
    assert asked(caption, ["apple"]) == (*words, told)
    rest = "An apple, a in a bedroom, an Apple."
    assert asked(caption, ["teddy bear"]) == (["teddy bear"], [3], ["teddy bear", rest])
    rest = 'An apple, a "_" in a bedroom, an Apple.'
    assert asked(caption, ["Teddy Bear"], placeholder="_") == (["teddy bear"], [3], ["teddy bear", rest])
    assert asked(caption, [8, "bedroom"])[0] == ["an", "bedroom"]
    for absent in ("room", "bear in", "pear", "teddy  bears", "", 2.5, True):
        with pytest.raises(ValueError, match="words must be"):
            asked(caption, [absent])
    assert units("red, left of, blue", ("left of",)) == [(0, 1, "red,"), (1, 3, "left of,"), (3, 4, "blue")]


@pytest.mark.parametrize(
    "caption, start, stop, rest, marked",
    [
        ("the bedroom has a room", 4, 5, "the bedroom has a", "the bedroom has a _"),
        ("a  red\tapple and a dog", 1, 2, "a apple and a dog", "a _ apple and a dog"),
        ("a red apple, and a dog", 2, 3, "a red, and a dog", "a red _, and a dog"),
        ("Apple, red and round.", 0, 1, "red and round.", "_, red and round."),
        ("Hello, apple, dog", 1, 2, "Hello, dog", "Hello, _, dog"),
        ("Hello, apple.", 1, 2, "Hello.", "Hello, _."),
        ("One. Two, three", 1, 2, "One. three", "One. _, three"),
        ("a (red) ball", 1, 2, "a ball", "a (_) ball"),
        ("a (red apple), here", 1, 2, "a (apple), here", "a (_ apple), here"),
        ("a (red apple), here", 2, 3, "a (red), here", "a (red _), here"),
        ('he said "go", then', 2, 3, "he said, then", 'he said "_", then'),
        ("salt & pepper", 1, 2, "salt pepper", "salt _ pepper"),
        ("a teddy bear, asleep", 1, 3, "a, asleep", "a _, asleep"),
        ("apple!", 0, 1, "", "_!"),
    ],
)
def test_a_context_is_the_caption_without_damage(caption, start, stop, rest, marked):
    assert without(caption, start, stop) == rest and without(caption, start, stop, "_") == marked


@pytest.mark.parametrize("start, stop", [(-1, 1), (1, 1), (0, 3), (0.0, 1)])
def test_positions_outside_a_caption(start, stop):
    with pytest.raises(ValueError, match="start and stop must be"):
        without("two words", start, stop)


def test_tokens_of_a_word():
    net = idc.load("scenes-net")
    for position, word in ((1, "flying"), (5, "left of"), (10, "fish")):
        pieces = net.tokenizer.convert_ids_to_tokens(net.tokenizer(CAPTION)["input_ids"])
        assert [pieces[i].removesuffix("</w>") for i in net.tokens(CAPTION, position)] == word.split()
    assert net.tokens("red, cat.", 1) == [2]  # the world's comma and full stop are not read
    for wrong in (6, 99, True, "red"):
        with pytest.raises(ValueError, match="position must be"):
            net.tokens(CAPTION, wrong)
    with pytest.raises(ValueError, match="must read tokens, got ExactScenes"):
        MODEL.tokens(CAPTION, 1)


def test_tokens_of_unusual_writing():
    tokenizer = make_tokenizer()
    caption = "  The  don't, (sheep)…  ﬁsh sheep"
    texts = [caption[a:b] for a, b in tokenizer(caption, return_offsets_mapping=True)["offset_mapping"]]
    for k, word in enumerate(("The", "don't", "sheep", "ﬁsh", "sheep")):
        found = token_indices(tokenizer, caption, k, k + 1)
        assert "".join(dict.fromkeys(texts[i] for i in found)).replace(" ", "") == word, word
    assert token_indices(tokenizer, caption, 2, 3) != token_indices(tokenizer, caption, 4, 5)
