"""What a pipeline's network is told of captions: asked once for each, kept, and put together for rows of a batch."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from itertools import groupby
from typing import Any

import torch

from ..checks import refuse
from ..checks import text as check_text
from .lesson import Lesson
from .network import padded
from .parts import fingerprint
from .rows import constant, tensors, together

KEPT = 2**29  # bytes of what is told of captions
Parts = Iterator[tuple[slice, Callable[[slice, int], dict]]]


class Captions:
    """The captions of a model, each with a number that stands for it.

    embedded: where all that the network is told of a caption is one tensor (1, tokens, width), its name; then that
    tensor stands for the caption.
    """

    def __init__(self, lesson: Lesson, pipe: Any) -> None:
        self._lesson = lesson
        self._texts: dict[int, tuple[str, bool]] = {}
        self._told: OrderedDict[tuple, tuple] = OrderedDict()
        parts = {name: part for name, part in pipe.components.items() if part is not None}
        self._encoders = [part for name, part in parts.items() if "text_encoder" in name]
        self._several = sum("tokenizer" in name for name in parts) > 1
        growing, self.embedded = [name for name, value in lesson.one.items() if tensors(value)], None
        one = lesson.one[growing[0]] if len(growing) == 1 else None
        if isinstance(one, torch.Tensor) and one.ndim == 3 and len(one) == 1 and one.is_floating_point():
            other = lesson.asker.first("a b c d").rest[growing[0]]
            self.embedded = growing[0] if one.shape == other.shape else None

    def forget(self) -> None:
        """Keep nothing of what was told; numbers keep their captions."""
        self._told.clear()

    def check(self, condition: torch.Tensor) -> None:
        """ValueError unless a tensor is what `encoded` gave, or embeddings where these stand for captions."""
        if self.embedded and condition.is_floating_point() and condition.ndim == 3:
            return
        known = condition.dtype == torch.int64 and condition.ndim == 1 and set(condition.tolist()) <= set(self._texts)
        if not known:
            refuse("condition", "captions, or what this model's condition() gave", condition)

    def encoded(self, texts: Sequence[Any], cut: bool) -> torch.Tensor:
        """(B, tokens, width) where embeddings stand for captions, else numbers (B,). ValueError for captions that are
        too long, unless they may be cut."""
        numbers = [self._number(text, cut) for text in texts]
        if self.embedded:
            return torch.cat([self._of(number)[0][self.embedded] for number in numbers])
        return torch.tensor(numbers)

    def _number(self, text, cut):
        text = "" if text is None else check_text("captions", text)
        number = int.from_bytes(blake2b(f"{cut:d}{text}".encode(), digest_size=7).digest(), "big")
        new = number not in self._texts
        self._texts[number] = text, cut
        try:
            self._of(number)
        except Exception:
            if new:
                del self._texts[number]
            raise
        return number

    def _of(self, number):
        """(what the network is told of a caption, what must be equal for two to be told together)."""
        key, lesson = (number, fingerprint(self._encoders)), self._lesson
        if key not in self._told:
            text, cut = self._texts[number]
            told = lesson.null if text == "" and lesson.null is not None else self._asked(text, cut)
            self._told[key] = told, constant(lesson.one, lesson.two, told)
            while len(self._told) > 1 and sum(_bytes(one) for one, _ in self._told.values()) > KEPT:
                self._told.popitem(last=False)
        self._told.move_to_end(key)
        return self._told[key]

    def _asked(self, text, cut):
        told, cuts = self._lesson.asker.cut(text)
        if cuts and not cut:
            worst = min(cuts, key=lambda found: found.longest / found.tokens)
            by = f" by {worst.tokenizer}" if self._several else ""
            raise ValueError(
                f"caption has {worst.tokens} tokens, start and end included, {worst.longest} are accepted{by}"
                f" (or truncate=True): {text!r:.200}"
            )
        return told.rest

    def runs(self, condition: torch.Tensor, rows: int) -> Parts:
        """(slice of rows, told) for neighbouring rows that can be told together: told(slice of these, number of rows
        to fill them up to) is what the network is told, beside pictures and times."""
        if condition.is_floating_point():
            yield slice(0, rows), self._of_embeddings(condition, rows)
            return
        numbers, start = condition.tolist(), 0
        told = {number: self._of(number) for number in dict.fromkeys(numbers)}
        each = [(number, told[number]) for number in numbers * (rows if len(numbers) == 1 else 1)]
        for _, run in groupby(each, key=lambda one: one[1][1]):
            found = list(run)
            yield slice(start, start + len(found)), self._of_numbers(found)
            start += len(found)

    def _of_embeddings(self, condition, rows):
        lesson, wide = self._lesson, condition.expand(rows, *condition.shape[1:])

        def told(cut, size):
            base = together(lesson.one, lesson.two, [lesson.one], [size])
            like = base[self.embedded]
            return base | {self.embedded: padded(wide[cut], size).to(like)}

        return told

    def _of_numbers(self, found):
        def told(cut, size):
            some = found[cut]
            some = some + some[-1:] * (size - len(some))
            parts = [list(run) for _, run in groupby(some, key=lambda one: one[0])]
            each, counts = [part[0][1][0] for part in parts], [len(part) for part in parts]
            return together(self._lesson.one, self._lesson.two, each, counts)

        return told


def _bytes(told):
    return sum(value.numel() * value.dtype.itemsize for value in tensors(told))
