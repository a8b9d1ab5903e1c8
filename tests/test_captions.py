"""Captions as strings: examples, and properties that hold for every text."""

import re

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Sequence, Split
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

import infodecomp as idc
from infodecomp.captions import core, find, replace, token_indices, units, without, word_at
from infodecomp.scenes.grammar import PHRASES, captions, scenes
from infodecomp.scenes.parts import make_tokenizer
from infodecomp.vocabulary import replacements

MARKS = ",.;:!?()[]{}“”‘’«»\"'-–…"
words = st.text(st.sampled_from("abzé9"), min_size=1, max_size=4)
marks = st.text(st.sampled_from(MARKS), max_size=3)
tokens = st.builds("{}{}{}".format, marks, words, marks) | st.text(st.sampled_from(MARKS), min_size=1, max_size=3)
texts = st.lists(tokens, min_size=1, max_size=8).map(" ".join)
spaces = st.sampled_from([" ", "  ", "\t", "\n "])
properties = settings(derandomize=True, max_examples=400, deadline=None)


@st.composite
def spans(draw, caption=texts):
    """A caption and the places start < stop of some of its words."""
    text = draw(caption)
    start = draw(st.integers(0, len(text.split()) - 1))
    return text, start, draw(st.integers(start + 1, len(text.split())))


def cores(split):
    """The words among pieces of text, without those of punctuation alone."""
    return [bare(core(word)) for word in split if re.search(r"\w", word)]


def bare(word):
    """A word without what is a part of it beside a digit only: a minus, a foot, an inch."""
    return word.strip("-–'\"")


def tidy(text):
    return text == " ".join(text.split())


@pytest.mark.parametrize(
    "caption, start, stop, left",
    [
        ("the cat, red.", 2, 3, "the cat."),
        ("the (red) cat", 1, 2, "the cat"),
        ("“Red cat”, she said", 0, 2, "she said"),
        ("a dog, red, there", 2, 3, "a dog, there"),
        (",, “left )the !!", 1, 4, "!!"),
        ("cat", 0, 1, ""),
    ],
)
def test_examples_of_without(caption, start, stop, left):
    assert without(caption, start, stop) == left


PEOPLE_WRITE = [  # a caption, a word of it as it stands, its name, the caption without it
    ("the dogs' bowls are full", "dogs'", "dogs'", "the bowls are full"),
    ("the dogs’ bowls", "dogs’", "dogs’", "the bowls"),
    ("the dog's bowl", "dog's", "dog's", "the bowl"),
    ("MOTHERS' day", "MOTHERS'", "MOTHERS'", "day"),
    ("the 'dogs' sign", "'dogs'", "dogs", "the sign"),
    ("a sign 'big dogs' here", "dogs'", "dogs", "a sign 'big' here"),
    ("a sign 'big dogs' here", "'big", "big", "a sign 'dogs' here"),
    ("a (‘no dogs’) sign", "dogs’)", "dogs", "a (‘no’) sign"),
    ("a sign “big” dogs", "“big”", "big", "a sign dogs"),
    ("the “no dogs’ bowls” sign", "dogs’", "dogs’", "the “no bowls” sign"),
    ("the 'cats' and dogs' bowls", "dogs'", "dogs'", "the 'cats' and bowls"),
    ("she said “no,” loudly", "“no,”", "no", "she said, loudly"),
    ('"red", "blue"', '"blue"', "blue", '"red"'),
    ("rock 'n' roll", "'n'", "'n'", "rock roll"),
    ("'twas night", "'twas", "'twas", "night"),
    ("five o'clock, sharp", "o'clock,", "o'clock", "five, sharp"),
    ("a 50% discount", "50%", "50%", "a discount"),
    ("a $5, torn note", "$5,", "$5", "a, torn note"),
    ("costs €3.50, now", "€3.50,", "€3.50", "costs, now"),
    ("only 5€!", "5€!", "5€", "only!"),
    ("at 30°, dry", "30°,", "30°", "at, dry"),
    ("it is -5°C outside", "-5°C", "-5°C", "it is outside"),
    ("a -$5 fee", "-$5", "-$5", "a fee"),
    ("3.5 m, long", "3.5", "3.5", "m, long"),
    ('a 12" pizza', '12"', '12"', "a pizza"),
    ("a 6' man", "6'", "6'", "a man"),
    ('a "size 12" shoe', '12"', "12", 'a "size" shoe'),
    ("a St. Bernard dog", "St.", "St.", "a Bernard dog"),
    ("Mr. Smith's dog", "Mr.", "Mr.", "Smith's dog"),
    ("made in the U.S., now", "U.S.,", "U.S.", "made in the, now"),
    ("the U.S.A. flag", "U.S.A.", "U.S.A.", "the flag"),
    ("fruit, e.g., apples", "e.g.,", "e.g.", "fruit, apples"),
    ("a Ph.D. student", "Ph.D.", "Ph.D.", "a student"),
    ("a J. Smith book", "J.", "J.", "a Smith book"),
    ("the No. 5 dog", "No.", "No.", "the 5 dog"),
    ("this is plan B.", "B.", "B", "this is plan."),
    ("the '90s car", "'90s", "'90s", "the car"),
    ("a cafe\u0301, open", "cafe\u0301,", "cafe\u0301", "a, open"),
    ("thumbs \U0001f44d\U0001f3fd, up", "\U0001f44d\U0001f3fd,", "\U0001f44d\U0001f3fd", "thumbs, up"),
    ("a \U0001f468\u200d\U0001f469\u200d\U0001f467, happy", "\U0001f468\u200d\U0001f469\u200d\U0001f467,",
     "\U0001f468\u200d\U0001f469\u200d\U0001f467", "a, happy"),
    ("a ❤\ufe0f! here", "❤\ufe0f!", "❤\ufe0f", "a! here"),
    ("the 🇩🇪, there", "🇩🇪,", "🇩🇪", "the, there"),
    ("كلب، قطة؟", "قطة؟", "قطة", "كلب؟"),
    ("एक लाल बिल्ली।", "बिल्ली।", "बिल्ली", "एक लाल।"),
    ("แมว สีแดง นอน", "สีแดง", "สีแดง", "แมว นอน"),
    ("他 说 「你好」 吗", "「你好」", "你好", "他 说 吗"),
    ("「赤い」猫、 寝る。", "「赤い」猫、", "「赤い」猫", "寝る。"),
    ("¿qué? ¡hola!", "¿qué?", "qué", "¡hola!"),
    ("he likes C++, a lot", "C++,", "C++", "he likes, a lot"),
    ("R&B, live", "R&B,", "R&B", "live"),
    ("the A/C unit", "A/C", "A/C", "the unit"),
    ("the #1 dog", "#1", "#1", "the dog"),
    ("a well-known, old dog", "well-known,", "well-known", "a, old dog"),
    ("the cat(s), here", "cat(s),", "cat(s)", "the, here"),
    ("to (re)open it", "(re)open", "(re)open", "to it"),
    ("a *red* cat", "*red*", "red", "a cat"),
    ("a dog... red", "dog...", "dog", "a... red"),
    ("the cat, red", "red", "red", "the cat"),
    ("a dog — red", "red", "red", "a dog"),
    ("a dog — red", "dog", "dog", "a — red"),
    ("salt & pepper", "salt", "salt", "pepper"),
]  # fmt: skip


@pytest.mark.parametrize("caption, word, named, left", PEOPLE_WRITE)
def test_words_that_people_write(caption, word, named, left):
    """Everything names the word alike, and nothing of it stays behind."""
    start = caption.split().index(word)
    assert word_at(caption, start, start + 1) == named and without(caption, start, start + 1) == left
    split = caption.split()
    split[start] = word.replace(named, "X")
    assert replace(caption, start, start + 1, "X") == " ".join(split)
    assert replace(caption, start, start + 1, named) == caption
    every = units(caption)
    assert every[start] == (start, start + 1, word)
    for asked in (named, word, named + ",", named.upper().lower()):
        assert find(caption, asked, every) == [every[start]]


@pytest.mark.parametrize("caption, word, named, left", PEOPLE_WRITE)
def test_one_name_everywhere(caption, word, named, left):
    start = caption.split().index(word)
    assert replace(caption, start, start + 1, "owl") in replacements(caption, named, ["owl"]).conditions
    assert caption in replacements(caption, word, ["owl"]).conditions
    model = Kept()
    maps = idc.word_maps(model, None, caption, [named], samples=2)
    assert (maps.words, maps.positions) == ([named], [start]) and left in model.asked and named in model.asked
    assert idc.word_maps(model, None, caption, [word], samples=2).positions == [start]
    widget = idc.HeatMaps(Image.new("RGB", (2, 2)), maps)
    assert widget.words == [named]
    for asked in (named, word):
        plain = idc.HeatMaps(Image.new("RGB", (2, 2)), {"MI": {asked: torch.ones(2, 2)}}, caption)
        assert plain.words == [named] and word in [text for text, _ in plain._state["items"][0]["caption"]]
    places = token_indices(LETTERS, caption, start, start + 1)
    spans = LETTERS(caption, return_offsets_mapping=True)["offset_mapping"]
    assert caption[spans[places[0]][0] : spans[places[-1]][1]] == named


def test_marks_that_stand_alone_are_no_words():
    assert idc.word_maps(Kept(), None, "a dog — red , big & 5 %", samples=2).words == "a dog red big & 5 %".split()
    assert idc.word_maps(Kept(), None, "—", samples=2).words == ["—"]


@pytest.mark.parametrize("caption", ["a \ud800 cat", "a cat \udfff"])
def test_half_a_surrogate_pair_is_no_text(caption):
    for call in (
        lambda: units(caption),
        lambda: without(caption, 0, 1),
        lambda: replace("a cat", 1, 2, caption),
        lambda: idc.word_maps(Kept(), None, caption, samples=2),
        lambda: idc.HeatMaps(Image.new("RGB", (2, 2)), {"MI": {"a": torch.ones(2, 2)}}, caption),
        lambda: replacements(caption, "a", ["owl"]),
    ):
        with pytest.raises(ValueError, match="must be text without half surrogate pairs, got '"):
            call()


def test_positions_of_numpy_are_positions():
    zero, one = np.int64(0), np.uint8(1)
    assert without("a cat", zero, one) == "cat" and idc.word_maps(Kept(), None, "a cat", [one], samples=2).words == [
        "cat"
    ]
    assert idc.load("scenes-net").tokens("red dog", one) == [2]
    for position in (1.0, True, "1", None):
        with pytest.raises(ValueError, match="^position must be where a word of"):
            idc.load("scenes-net").tokens("red dog", position)


def test_invisible_characters_are_no_words():
    assert idc.word_maps(Kept(), None, "a \u200b \ufeffcat\u2060,", samples=2).words == ["a", "cat"]


def test_accents_may_be_written_in_two_ways():
    assert idc.word_maps(Kept(), None, "a cafe\u0301, open", ["caf\u00e9"], samples=2).positions == [1]


class Kept:
    """A denoiser that remembers what it was given."""

    def __init__(self):
        self.asked = []

    def encode(self, image):
        return torch.zeros(1, 1, 2, 2)

    def condition(self, caption):
        self.asked.append(caption)
        return caption

    def __call__(self, z, logsnr, condition):
        return z * 0


@given(spans())
@properties
def test_without_keeps_the_other_words(case):
    caption, start, stop = case
    split, left = caption.split(), without(*case)
    assert tidy(left)
    assert cores(left.split()) == cores(split[:start] + split[stop:])


@given(spans(), words)
@properties
def test_replace_puts_the_text_in_place(case, text):
    caption, start, stop = case
    split, changed = caption.split(), replace(*case, text).split()
    assert changed[:start] == split[:start] and changed[start + 1 :] == split[stop:]
    assert bare(core(changed[start])) == text and without(*case, text) == " ".join(changed)


@given(spans())
@properties
def test_replacing_words_by_themselves_changes_nothing(case):
    caption, start, stop = case
    assume(len(word_at(*case).split()) == stop - start)  # no word of punctuation alone at its ends
    assert replace(*case, word_at(*case)) == caption


@given(st.lists(tokens, min_size=1, max_size=6), spaces)
@properties
def test_only_words_count(split, space):
    """Spaces of any kind and number part words, in all functions alike."""
    wide, narrow = f" {space.join(split)}{space}", " ".join(split)
    assert units(wide) == units(narrow)
    assert replace(wide, 0, 1, "x") == replace(narrow, 0, 1, "x") and without(wide, 0, 1) == without(narrow, 0, 1)


@given(st.lists(tokens | st.sampled_from(["left of", "(left of)", "in front of,"]), min_size=1, max_size=6))
@properties
def test_units_cover_the_caption_once(split):
    caption = " ".join(split)
    found = units(caption, ("left of", "in front of"))
    assert [place for first, last, _ in found for place in range(first, last)] == list(range(len(caption.split())))
    assert " ".join(text for *_, text in found) == caption
    for first, last, text in found:
        assert last - first == 1 or core(text) in ("left of", "in front of")
    assert sum(core(part) in ("left of", "in front of") for part in split) <= sum(b - a > 1 for a, b, _ in found)


@given(st.tuples(texts, st.integers(-3, 9), st.integers(-3, 9)))
@properties
def test_positions_outside_are_refused(case):
    caption, start, stop = case
    assume(not 0 <= start < stop <= len(caption.split()))
    with pytest.raises(ValueError, match="start and stop must be positions"):
        replace(caption, start, stop, "x")


def clip_like(room=30):
    """A fast tokenizer that splits words into letters and marks, with a start and an end token."""
    vocabulary = {piece: i for i, piece in enumerate(["<s>", "</s>", "?unknown", *"abzé9", *MARKS])}
    inner = Tokenizer(WordLevel(vocabulary, unk_token="?unknown"))
    inner.pre_tokenizer = Sequence([Split(Regex(r"\s+"), "removed"), Split(Regex("."), "isolated")])
    inner.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", vocabulary["<s>"]), ("</s>", vocabulary["</s>"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="?unknown", bos_token="<s>", eos_token="</s>", model_max_length=room
    )


CLIP_LIKE, LETTERS, SCENES = clip_like(), clip_like(200), make_tokenizer()


@given(spans())
@properties
def test_tokens_are_those_of_the_words(case):
    (caption, start, stop), letters = case, lambda text: len("".join(text.split()))
    span = " ".join(caption.split()[start:stop])
    before, _ = span.split(word_at(*case), 1)
    first = 1 + letters(" ".join(caption.split()[:start]) + before)
    expected = [i for i in range(first, first + letters(word_at(*case))) if i < 29]
    if not expected:
        with pytest.raises(ValueError, match="its tokens are cut off"):
            token_indices(CLIP_LIKE, caption, start, stop)
    else:
        assert token_indices(CLIP_LIKE, caption, start, stop) == expected


@given(st.sampled_from([text for scene in scenes()[::977] for text in captions(scene)]))
@properties
def test_tokens_of_scenes_are_words(caption):
    """In the embedded world each word is a token; the start token comes first."""
    for start, stop, _ in units(caption, PHRASES):
        assert token_indices(SCENES, caption, start, stop) == list(range(start + 1, stop + 1))
