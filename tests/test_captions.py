"""Captions as strings: examples, and properties that hold for every text."""

import re

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
from infodecomp.captions import alike, core, replace, token_indices, units, without
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
    return [core(word) for word in split if re.search(r"\w", word)]


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
    ("the 'dogs' sign", "'dogs'", "dogs", "the sign"),
    ("a 50% discount", "50%", "50%", "a discount"),
    ("a $5, torn note", "$5,", "$5", "a, torn note"),
    ("only 5€!", "5€!", "5€", "only!"),
    ("at 30°, dry", "30°,", "30°", "at, dry"),
    ("a St. Bernard dog", "St.", "St.", "a Bernard dog"),
    ("made in the U.S., now", "U.S.,", "U.S.", "made in the, now"),
    ("the '90s car", "'90s", "'90s", "the car"),
    ("a cafe\u0301, open", "cafe\u0301,", "cafe\u0301", "a, open"),
    ("thumbs \U0001f44d\U0001f3fd, up", "\U0001f44d\U0001f3fd,", "\U0001f44d\U0001f3fd", "thumbs, up"),
    ("he likes C++, a lot", "C++,", "C++", "he likes, a lot"),
    ("a *red* cat", "*red*", "red", "a cat"),
]


@pytest.mark.parametrize("caption, word, name, left", PEOPLE_WRITE)
def test_words_that_people_write(caption, word, name, left):
    """Everything names the word alike, and nothing of it stays behind."""
    start = caption.split().index(word)
    assert core(word) == core(name) == name and without(caption, start, start + 1) == left
    assert replace(caption, start, start + 1, "X") == caption.replace(name, "X")
    assert replace(caption, start, start + 1, name) == caption
    every = [unit[2] for unit in units(caption)]
    assert core(every[start]) == name
    assert alike(name.upper()) == alike(word)
    assert caption.replace(name, "owl") in replacements(caption, word, ["owl"]).conditions
    model = Told()
    maps = idc.word_maps(model, None, caption, [name], samples=2)
    assert (maps.words, maps.positions) == ([name], [start]) and left in model.asked
    widget = idc.HeatMaps(Image.new("RGB", (2, 2)), maps)
    assert widget.words == [name]
    plain = idc.HeatMaps(Image.new("RGB", (2, 2)), {"MI": {name: torch.ones(2, 2)}}, caption)
    assert plain.words == [name] and word in [text for text, _ in plain._state["caption"]]


def test_accents_may_be_written_in_two_ways():
    assert idc.word_maps(Told(), None, "a cafe\u0301, open", ["caf\u00e9"], samples=2).positions == [1]


class Told:
    """A denoiser that remembers what it was told."""

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
    assert core(changed[start]) == text and without(*case, text) == " ".join(changed)


@given(spans())
@properties
def test_replacing_words_by_themselves_changes_nothing(case):
    caption, start, stop = case
    span = " ".join(caption.split()[start:stop])
    assume(len(core(span).split()) == stop - start)  # no word of punctuation alone at its ends
    assert replace(*case, core(span)) == caption


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


def clip_like():
    """A fast tokenizer that splits words into letters and marks, with a start and an end token and room for 30."""
    vocabulary = {piece: i for i, piece in enumerate(["<s>", "</s>", "?unknown", *"abzé9", *MARKS])}
    inner = Tokenizer(WordLevel(vocabulary, unk_token="?unknown"))
    inner.pre_tokenizer = Sequence([Split(Regex(r"\s+"), "removed"), Split(Regex("."), "isolated")])
    inner.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", vocabulary["<s>"]), ("</s>", vocabulary["</s>"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="?unknown", bos_token="<s>", eos_token="</s>", model_max_length=30
    )


CLIP_LIKE, SCENES = clip_like(), make_tokenizer()


@given(spans())
@properties
def test_tokens_are_those_of_the_words(case):
    (caption, start, stop), letters = case, lambda text: len("".join(text.split()))
    span = " ".join(caption.split()[start:stop])
    before, _ = span.split(core(span), 1)
    first = 1 + letters(" ".join(caption.split()[:start]) + before)
    expected = [i for i in range(first, first + letters(core(span))) if i < 29]
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
