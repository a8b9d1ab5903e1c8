"""Captions as strings: their words, and a caption without a word or with another in its place. No models here."""

import re
from collections.abc import Sequence
from typing import Any
from unicodedata import normalize

import regex  # knows Unicode's properties

from .checks import is_whole, refuse, shown
from .checks import text as check_text

# Letters with their combining accents, digits, emoji: a word reaches from the first of them to the last. To it belong
# the signs that Unicode's line breaking (UAX 14) keeps at a number ($ € % ° +), a minus, # and @, the apostrophe of
# what is cut short ('90s, 'n'), and the dots of abbreviations.
LETTER = r"[\p{L}\p{M}\p{N}\p{Pc}\p{Extended_Pictographic}\p{Emoji_Modifier}\p{RI}]"
SIGN = r"[\p{Sc}\p{LB=PR}\p{LB=PO}#]"
CUT = r"['’](?:n['’]|(?=(?:\d\ds|n|em|til|tis|twas|cause)\b))"
WORD = regex.compile(
    rf"(?:(?:[-–~≈](?=[\p{{N}}\p{{Sc}}])|{SIGN}|@)+|(?={CUT})['’])?{LETTER}(?:.*{LETTER})?{SIGN}*(?:(?<=['’]n)['’])?",
    regex.DOTALL | regex.IGNORECASE,
)
SHORT = "Mr Mrs Ms Dr Prof St Mt Ft Ave Blvd Rd Jr Sr Inc Ltd Co vs etc approx".casefold().split()
DOTTED = regex.compile(r"(?:\p{L}{1,2}\.)+\p{L}{1,2}")
PAIRS = "() [] {} “” ‘’ «» „“ 「」 『』 （） 【】 《》 ¿? ¡! \"\" '' **".split()
SINGLE, DOUBLE = "'‘’‚", '"“”„'
WEAK, STRONG, JOINTS = ",;:،؛、，；：", ".!?…。！？؟।", "-–—&/+|"
MARKS = regex.compile(r"[\p{P}\p{C}--[&%#@*]]+", regex.V1)  # alone no word


def core(word: str) -> str:
    """A word without the punctuation around it: core("apple,") is "apple". A word of punctuation alone is returned.

    What belongs to a word stays: "dogs'", "$5", "-5°C", "50%", "C++", "St.", "U.S.", "cat(s)", accents, emoji. An
    apostrophe after s is a possessive, one after a digit a foot (and " an inch), unless a quote opens before it.
    """
    return _split([], check_text("word", word), [])[1]


def word_at(caption: str, start: int, stop: int) -> str:
    """The words start … stop − 1 of caption.split() without the punctuation around them, as their context has it.

    It is core of them, but a quote that opens at an earlier word may end here ("a 'no dogs' sign" has no "dogs'"), and
    an initial keeps its dot. Raises ValueError as `replace` does.
    """
    return _around(caption, start, stop)[2]


def _split(left, span, right):
    """What stands before a word, the word, and what stands after it, in a span between words left and right of it."""
    found = WORD.search(span)
    if not found:
        return "", span, ""
    before, inner, after = span[: found.start()], found[0], span[found.end() :]
    for opening, closing in (pair for pair in PAIRS if pair[0] != pair[1]):
        if before.endswith(opening) and inner.count(closing) > inner.count(opening):
            before, inner = before[:-1], opening + inner
        if after.startswith(closing) and inner.count(opening) > inner.count(closing):
            inner, after = inner + closing, after[1:]
    if after and _belongs(left, before, inner, after[0], right):
        inner, after = inner + after[0], after[1:]
    return before, inner, after


def _belongs(left, before, inner, mark, right):
    """Whether the mark after a word is a part of it."""
    last = inner.split()[-1]
    if mark == ".":
        initial = right and (regex.fullmatch(r"\p{Lu}", last) or (last in ("No", "no") and right[0][0].isdigit()))
        return bool(initial or last.casefold() in SHORT or DOTTED.fullmatch(last))
    quotes = SINGLE if mark in "'’" else DOUBLE
    if not (last[-1].isdigit() and mark in "'\"") and not (last[-1] in "sS" and mark in "'’"):
        return False
    is_open = False
    for word in left:
        found = WORD.search(word)
        head, tail = (word[: found.start()], word[found.end() :]) if found else (word, "")
        is_open = (is_open or any(q in head for q in quotes)) and not any(q in tail for q in quotes)
    return not is_open and not any(q in before for q in quotes)


def alike(word: str) -> str:
    """What words that differ in case, in the form of their accents or apostrophe or in a last dot have in common."""
    return normalize("NFC", core(word).casefold()).replace("’", "'").rstrip(".")


def units(caption: str, phrases: Sequence[str] = ()) -> list[tuple[int, int, str]]:
    """[(first, last + 1, text)] of a caption's words, punctuation included; a phrase ("left of") counts as one."""
    if isinstance(phrases, str) or not hasattr(phrases, "__iter__") or not all(isinstance(p, str) for p in phrases):
        refuse("phrases", "a list of str", phrases)
    words, found, i = check_text("caption", caption).split(), [], 0
    known = [(len(p.split()), core(p)) for p in phrases]
    while i < len(words):
        fitting = (n for n, p in known if _split(words[:i], " ".join(words[i:][:n]), words[i + n :])[1] == p)
        length = max([1, *fitting])
        found.append((i, i + length, " ".join(words[i : i + length])))
        i += length
    return found


def is_word(text: str) -> bool:
    """Whether a unit is more than marks that stand alone, as a dash does."""
    return not MARKS.fullmatch(check_text("text", text))


def find(caption: str, word: str, every: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Those of a caption's units, or runs of them, that are this word or phrase: named alike, or written so."""
    written = " ".join(check_text("word", word).split())
    starts, stops, length = [u[0] for u in every], {u[1] for u in every}, len(written.split())
    places = [(i, i + length) for i in starts if length and i + length in stops]
    spans = [(i, j, " ".join(caption.split()[i:j])) for i, j in places]
    return [s for s in spans if alike(word_at(caption, *s[:2])) == alike(written) or s[2] == written]


def replace(caption: str, start: int, stop: int, text: str) -> str:
    """Replace the words start … stop − 1 of caption.split() by text; the punctuation around them stays.

    replace("the (red) cat", 1, 2, "blue") is "the (blue) cat". An empty text removes them, as `without` does. Words
    are joined by single spaces. Raises ValueError for positions that are not in the caption.
    """
    left, before, _, after, right = _around(caption, start, stop)
    if check_text("text", text):
        return " ".join([*left, before + text + after, *right])
    while before and (closing := next((mark for mark in after if before[-1] + mark in PAIRS), "")):
        before, after = before[:-1], after.replace(closing, "", 1)
    if before and right:
        right[0] = before + right[0]
    if after and left:
        if left[-1][-1] in WEAK:
            left[-1] = left[-1].rstrip(WEAK) + after
        elif left[-1][-1] not in STRONG or after[0] not in WEAK + STRONG:
            left[-1] += after
    return " ".join(_ends(left, right))


def _ends(left, right):
    """The words left and right of removed ones: marks that joined or parted them do not stand at an end."""
    while right and not left and not right[0].strip(WEAK + JOINTS):
        right = right[1:]
    if not "".join(right).strip(WEAK + JOINTS):
        right = []
    while left and not right and not left[-1].strip(WEAK + JOINTS):
        left = left[:-1]
    if left and not right:
        left[-1] = left[-1].rstrip(WEAK)
    return left + right


def without(caption: str, start: int, stop: int, placeholder: str | None = None) -> str:
    """Remove the words start … stop − 1 of caption.split(), or put a placeholder ("_") in their place.

    Punctuation around them is kept at the neighbouring word: without("the cat, red.", 2, 3) is "the cat.". A pair of
    brackets or quotes around them is removed: without("the (red) cat", 1, 2) is "the cat". ValueError as in `replace`.
    """
    return replace(caption, start, stop, "" if placeholder is None else check_text("placeholder", placeholder))


def _around(caption, start, stop):
    """The words left of start … stop − 1, the punctuation before them, these words, that after them, and the rest."""
    split = check_text("caption", caption).split()
    if not (is_whole(start) and is_whole(stop) and 0 <= start < stop <= len(split)):
        raise ValueError(f"start and stop must be positions of {caption!r:.200}, got {shown(start)} and {shown(stop)}")
    before, inner, after = _split(split[:start], " ".join(split[start:stop]), split[stop:])
    return split[:start], "".join(before.split()), inner, "".join(after.split()), split[stop:]


def token_indices(tokenizer: Any, caption: str, start: int, stop: int) -> list[int]:
    """Positions, in a fast tokenizer's sequence, of all tokens of the words start … stop − 1 of caption.split().

    Special tokens are counted (the start token is 0); tokens of the punctuation around the words are not returned.
    Tokens beyond the tokenizer's length are cut off; ValueError if none remains.
    """
    inner = word_at(caption, start, stop)
    places = [match.span() for match in re.finditer(r"\S+", caption)]
    head, *_, tail = [*inner.split()] * 2
    first = caption.index(head, places[start][0])
    last = caption.rindex(tail, first, places[stop - 1][1]) + len(tail)
    spans = tokenizer(caption, return_offsets_mapping=True, verbose=False)["offset_mapping"]  # (0, 0) of special tokens
    spans = spans[: tokenizer.model_max_length - 1]  # the end token has the last place
    found = [i for i, (a, b) in enumerate(spans) if a < last and b > first]
    if not found:
        raise ValueError(f"the encoder must see the word {inner!r}, its tokens are cut off from {caption!r:.200}")
    return found
