"""Rows of the authors' CSV files beside ours, made of COCO's annotations: which there are, where contexts differ."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from . import coco


class Compared(NamedTuple):
    """Rows, by (image, category), of pictures whose annotations are here; `elsewhere`: their rows of other pictures.

    captions and contexts: how many are the same, and how many differ, by kind; contexts where captions are the same.
    """

    both: int
    here: int
    there: int
    twice: int
    elsewhere: int
    captions: Counter[str]
    contexts: Counter[str]


def compared(folder: str | Path, task: str, ours: Sequence[coco.Item], theirs: Sequence[coco.Item]) -> Compared:
    """Our items of "coco_it" and those of a CSV file, `theirs`, of the same folder."""
    contexts = [row["context"] if isinstance(row, dict) else "" for row in coco.table(folder, task)[1]]
    pictures = coco.pictures(folder)
    found: dict[tuple[int, str], tuple[coco.Item, str]] = {}
    elsewhere = twice = 0
    for item, context in zip(theirs, contexts, strict=True):
        key = item.number, item.category
        elsewhere += bool(item.number) and item.number not in pictures
        if item.number in pictures:
            twice += key in found
            found.setdefault(key, (item, context or ""))
    mine = {(item.number, item.category): item for item in ours if item.number}
    both = [(mine[key], *found[key]) for key in mine if key in found]
    captions = Counter(caption_kind(one, other) for one, other, _ in both)
    same = [(one, context) for one, other, context in both if one.caption == other.caption and one.word == other.word]
    contexts_found = Counter(context_kind(one.caption, one.word, one.context, context) for one, context in same)
    sizes = len(both), len(mine) - len(both), len(found) - len(both)
    return Compared(*sizes, twice, elsewhere, captions, contexts_found)


def caption_kind(ours: coco.Item, theirs: coco.Item) -> str:
    """How a caption and its word of ours compare with theirs."""
    if ours.caption == theirs.caption:
        return "same" if ours.word == theirs.word else "another word of the caption"
    if ours.word != theirs.word and ours.word.casefold() == theirs.word.casefold():
        return "another caption, since ours takes the word in capitals too"
    return "another caption"


def context_kind(caption: str, word: str, ours: str, theirs: str) -> str:
    """In what their context differs from ours, the caption without the word; blanks do not count.

    context_kind("a busy bus", "bus", "a busy", "a y") is "word cut out of another word".
    """
    if ours.split() == theirs.split():
        return "same"
    if ours.casefold().split() == theirs.casefold().split():
        return "case"
    words, found, true = (re.findall(r"\w+", text.casefold()) for text in (caption, theirs, ours))
    if found == true:
        return "punctuation"
    odd, cut = Counter(found) - Counter(words), word.casefold()
    if odd and all(any(cut in whole and whole.replace(cut, "") == part for whole in words) for part in odd):
        return "word cut out of another word"
    if odd and all(any(_letters(part, whole) for whole in words) for part in odd):
        return "letters missing"
    if odd:
        return "other words"
    lost = Counter(true) - Counter(found)
    if lost and not lost.keys() - set(re.findall(r"\w+", cut)):
        return "word taken out more than once"
    return "words missing" if lost else "word still there" if Counter(found) - Counter(true) else "order of words"


def _letters(part, whole):
    """Whether a word is another one with letters missing."""
    rest = iter(whole)
    return all(letter in rest for letter in part)
