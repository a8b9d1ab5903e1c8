"""Captions as strings: their words, and a caption without a word or with another in its place. No models here."""

import re
from collections.abc import Sequence
from typing import Any
from unicodedata import normalize

import regex  # knows Unicode's properties

from .checks import refuse, shown
from .checks import text as check_text

# Letters with their combining accents, digits, emoji: a word reaches from the first of them to the last. To it belong
# the signs that Unicode's line breaking (UAX 14) keeps at a number ($ € % ° +), # and @, and the dots of abbreviations.
LETTER = r"[\p{L}\p{M}\p{N}\p{Pc}\p{Extended_Pictographic}\p{Emoji_Modifier}\p{RI}]"
SIGN = r"[\p{Sc}\p{LB=PR}\p{LB=PO}#]"
WORD = regex.compile(rf"(?:(?:{SIGN}|@)+|['’](?=\d\d[sS]\b))?{LETTER}(?:.*{LETTER})?{SIGN}*", regex.DOTALL)
SHORT = "Mr Mrs Ms Dr Prof St Mt Ft Ave Blvd Jr Sr vs etc approx".casefold().split()
DOTTED = regex.compile(r"(?:\p{L}\.)+\p{L}")
PAIRS = "()", "[]", "{}", "“”", "‘’", "«»", '""', "''", "**"


def core(word: str) -> str:
    """A word without the punctuation around it: core("apple,") is "apple". A word of punctuation alone is returned.

    What belongs to a word stays: "dogs'", "$5", "50%", "C++", "St.", "U.S.", accents, emoji. An apostrophe after s is a
    possessive, unless a quote opens before it in the same text.
    """
    found = WORD.search(check_text("word", word))
    if not found:
        return word
    before, inner, after = word[: found.start()], found[0], word[found.end() :]
    last = inner.split()[-1].casefold()
    short = after[:1] == "." and (last in SHORT or DOTTED.fullmatch(last))
    possessive = after[:1] in ("'", "’") and last[-1] == "s" and not any(mark in before for mark in "'‘’")
    return inner + after[0] if short or possessive else inner


def alike(word: str) -> str:
    """What words that differ in case, in the form of their accents or of the apostrophe have in common."""
    return normalize("NFC", core(word).casefold()).replace("’", "'")


def units(caption: str, phrases: Sequence[str] = ()) -> list[tuple[int, int, str]]:
    """[(first, last + 1, text)] of a caption's words, punctuation included; a phrase ("left of") counts as one."""
    if isinstance(phrases, str) or not hasattr(phrases, "__iter__") or not all(isinstance(p, str) for p in phrases):
        refuse("phrases", "a list of str", phrases)
    words, found, i = check_text("caption", caption).split(), [], 0
    while i < len(words):
        fitting = (len(p.split()) for p in phrases if core(" ".join(words[i:][: len(p.split())])) == core(p))
        length = max([1, *fitting])
        found.append((i, i + length, " ".join(words[i : i + length])))
        i += length
    return found


def replace(caption: str, start: int, stop: int, text: str) -> str:
    """Replace the words start … stop − 1 of caption.split() by text; the punctuation around them stays.

    replace("the (red) cat", 1, 2, "blue") is "the (blue) cat". An empty text removes them, as `without` does. Words
    are joined by single spaces. Raises ValueError for positions that are not in the caption.
    """
    left, before, after, right = _around(caption, start, stop)
    if check_text("text", text):
        return " ".join([*left, before + text + after, *right])
    while before and after and before[-1] + after[0] in PAIRS:
        before, after = before[:-1], after[1:]
    if before and right:
        right[0] = before + right[0]
    if after and left:
        if left[-1][-1] in ",;:":
            left[-1] = left[-1].rstrip(",;:") + after
        elif left[-1][-1] not in ".!?" or after[0] not in ",;:.!?":
            left[-1] += after
    return " ".join(left + right)


def without(caption: str, start: int, stop: int, placeholder: str | None = None) -> str:
    """Remove the words start … stop − 1 of caption.split(), or put a placeholder ("_") in their place.

    Punctuation around them is kept at the neighbouring word: without("the cat, red.", 2, 3) is "the cat.". A pair of
    brackets or quotes around them is removed: without("the (red) cat", 1, 2) is "the cat". ValueError as in `replace`.
    """
    return replace(caption, start, stop, "" if placeholder is None else check_text("placeholder", placeholder))


def _around(caption, start, stop):
    """The words before, the punctuation right before and right after, and the words after start … stop − 1."""
    split = check_text("caption", caption).split()
    whole = all(isinstance(place, int) and not isinstance(place, bool) for place in (start, stop))
    if not (whole and 0 <= start < stop <= len(split)):
        raise ValueError(f"start and stop must be positions of {caption!r:.200}, got {shown(start)} and {shown(stop)}")
    span = " ".join(split[start:stop])
    before, after = ("".join(marks.split()) for marks in span.split(core(span), 1))
    return split[:start], before, after, split[stop:]


def token_indices(tokenizer: Any, caption: str, start: int, stop: int) -> list[int]:
    """Positions, in a fast tokenizer's sequence, of all tokens of the words start … stop − 1 of caption.split().

    Special tokens are counted (the start token is 0); tokens of the punctuation around the words are not returned.
    Tokens beyond the tokenizer's length are cut off; ValueError if none remains.
    """
    _around(caption, start, stop)  # checks them
    places = [match.span() for match in re.finditer(r"\S+", caption)]
    first, last = places[start][0], places[stop - 1][1]
    inner = core(caption[first:last])
    first += caption[first:last].index(inner)
    last = first + len(inner)
    spans = tokenizer(caption, return_offsets_mapping=True, verbose=False)["offset_mapping"]  # (0, 0) of special tokens
    spans = spans[: tokenizer.model_max_length - 1]  # the end token has the last place
    found = [i for i, (a, b) in enumerate(spans) if a < last and b > first]
    if not found:
        raise ValueError(f"the encoder must see the word {inner!r}, its tokens are cut off from {caption!r:.200}")
    return found
