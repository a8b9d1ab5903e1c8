"""The pictures of a heat map widget, each with its caption and the maps of its words, checked."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from ..concepts import ConceptMaps
from ..numbers import pm
from ..pairs import PARTS, REDUNDANCIES, WordPairs
from ..words import WordMaps
from .layers import (
    attention_of,
    by_kind,
    by_label,
    caption_of,
    fail,
    layer_of,
    one_shape,
    picture_of,
    tokens_of,
)

EXACT = "exact "  # of the names of kinds that an exact denoiser gave
COUNTED = {"MI": "mi", "CMI": "cmi"}  # kinds that a world counts, and their names in WordMaps.counted
ATTENTION = "attention"


@dataclass
class Item:
    """One picture: kinds is {kind: {word: layer}}, a layer {"map", "error", "nats", "stderr", "counted"} as far as
    known. tokens: {word: its text in the caption}, those without maps included. samples, range: behind the maps.
    legend: what stands above the words."""

    picture: Image.Image
    caption: str
    tokens: dict[str, str]
    words: list[str]
    kinds: dict[str, dict[str, dict]]
    size: tuple[int, int]
    samples: int | None = field(default=None)
    legend: str = "Caption, in nats"
    range: tuple[float, float] | None = field(default=None)

    def telling(self, kind: str) -> str:
        """The word that surely says most: the highest nats less two standard errors."""
        layers = self.kinds[kind]
        return max(
            (word for word in self.words if word in layers), key=lambda w: _least(layers[w]), default=self.words[0]
        )


def _least(layer):
    if "nats" in layer:
        return layer["nats"] - 2 * layer["stderr"]
    return float(layer["map"].sum())


def item(image: Any, maps: Any, caption: str | None, exact: Any, attention: Any) -> Item:
    """One Item of what HeatMaps takes. Raises ValueError for what does not fit together."""
    own, (maps, exact) = maps, (plain(one) for one in (maps, exact))
    free, caption = isinstance(own, ConceptMaps) and caption is None, caption_of(maps, caption)
    phrases = maps.words if isinstance(maps, WordMaps) else [w for layers in maps.values() for w in layers]
    tokens, starts = ({c: c for c in own.concepts}, {}) if free else tokens_of(caption, phrases)
    kinds = by_kind(maps, starts)
    kinds = {kind: by_label(layers, tokens, caption) for kind, layers in kinds.items()}
    words = [t for t in tokens if any(t in layers for layers in kinds.values())]
    if exact is not None:
        caption_of(exact, caption)  # checks that these are maps
        more = by_kind(exact, starts).items()
        kinds |= {EXACT + kind: by_label(layers, tokens, caption) for kind, layers in more}
    if attention is not None:
        kinds[ATTENTION] = by_label(attention_of(attention, words), tokens, caption)
    for kind, layers in kinds.items():
        kinds[kind] = {word: layer_of(kind, word, value) for word, value in layers.items()}
    for counted in (exact, maps):
        _add_counted(kinds, counted, starts)
    drawn = getattr(own, "image", None)  # of an emoji named by its character
    named = isinstance(image, str) and getattr(drawn, "info", {}).get("emoji") == image
    picture = picture_of(drawn if named else image, own)
    found = Item(picture, caption, tokens, words, kinds, one_shape(kinds, picture))
    if isinstance(own, ConceptMaps):
        for layer, nats in zip(next(iter(kinds.values())).values(), own.counted or [], strict=False):
            layer |= {} if nats is None else {"counted": nats}
        found.samples, found.range, found.legend = own.mi[0].samples, own.mi[0].range, "Concepts, in nats"
    elif isinstance(own, WordPairs):
        _add_counted_parts(kinds, own)
        found.samples, found.legend = own.measured["standard"]["a"].samples, "“{}” and “{}”, in nats".format(*own.words)
    elif isinstance(own, WordMaps) and own.mi:
        found.samples, found.range = own.mi[0].samples, own.mi[0].range
    return found


def plain(maps: Any) -> Any:
    """WordPairs and ConceptMaps as {kind: {word: Estimate}}; what is something else as it is."""
    if isinstance(maps, ConceptMaps):
        return maps.kinds
    return by_part(maps) if isinstance(maps, WordPairs) else maps


def by_part(pairs: WordPairs) -> dict[str, dict[str, Any]]:
    """{definition of redundancy: {part: Estimate}} of two words, the parts as a reader names them."""
    first, second = pairs.words
    labels = "redundancy", f"unique {first}", f"unique {second}{' (2)' if first == second else ''}", "synergy"
    return {name: dict(zip(labels, pairs.parts(name).values(), strict=True)) for name in REDUNDANCIES}


def _add_counted_parts(kinds, pairs):
    """Puts the parts of exact nats that a world counted beside those of the estimates."""
    for name in REDUNDANCIES:
        counted = pairs.counted_parts(name)
        for part, layer in zip(PARTS, kinds[name].values(), strict=True):
            if counted:
                layer["counted"] = counted[part]


def _add_counted(kinds, maps, starts):
    """Puts the exact nats that a world counted beside the estimates."""
    if not isinstance(maps, WordMaps) or not maps.counted:
        return
    for kind, name in COUNTED.items():
        for position, word, nats in zip(maps.positions, maps.words, maps.counted[name], strict=True):
            layer = kinds.get(kind, {}).get(starts.get(position, word))
            if layer is not None and nats is not None:
                layer["counted"] = nats


def items(image: Any, maps: Any, caption: Any, exact: Any, attention: Any) -> list[Item]:
    """The Items of one picture, or of lists of them."""
    if not isinstance(maps, list | tuple):
        return [item(image, maps, caption, exact, attention)]
    columns = []
    for name, given in {"image": image, "caption": caption, "exact": exact, "attention": attention}.items():
        given = [None] * len(maps) if given is None else given
        if not isinstance(given, list | tuple) or len(given) != len(maps):
            fail(name, f"None or a list of {len(maps)}, one for each of maps", f"{type(given).__name__}")
        columns.append(given)
    images, captions, exacts, attentions = columns
    found = [item(*each) for each in zip(images, maps, captions, exacts, attentions, strict=True)]
    if not found or any(list(one.kinds) != list(found[0].kinds) for one in found):
        fail("maps", "of one or more pictures, all with the same kinds", [list(one.kinds) for one in found])
    if in_bands(found):  # what is counted is of all log-SNRs
        for layer in (layer for one in found for layers in one.kinds.values() for layer in layers.values()):
            layer.pop("counted", None)
    return found


def is_signed(found: list[Item], kind: str) -> bool:
    """Whether some map of a kind has a negative cell."""
    return any(layer["map"].min() < 0 for one in found for layer in one.kinds[kind].values())


def is_film(found: list[Item]) -> bool:
    """Whether several items are of one picture and caption: from few samples to many, or over bands of log-SNR."""
    first = found[0]
    return len(found) > 1 and all((one.picture, one.caption) == (first.picture, first.caption) for one in found)


def in_bands(found: list[Item]) -> bool:
    """Whether a film is of bands of log-SNR: each item of WordMaps with a range of its own."""
    ranges = {one.range for one in found}
    return is_film(found) and None not in ranges and len(ranges) == len(found)


def highest(found: list[Item], place: int, kind: str) -> float:
    """The largest |nats| in a cell of all words of a picture, in a film of all its maps; 1 if there is nothing."""
    shown = found if is_film(found) else [found[place]]
    return top([layer for one in shown for layer in one.kinds[kind].values()])


def top(layers: list[dict]) -> float:
    """The largest |nats| in a cell of some maps; 1 if there is nothing."""
    return max((float(np.abs(layer["map"]).max()) for layer in layers), default=0.0) or 1.0


def near_zero(layer: dict) -> bool:
    """Whether a word's nats are within two standard errors of zero."""
    return "nats" in layer and abs(layer["nats"]) <= 2 * layer["stderr"]


def total(layer: dict) -> str:
    """A word's nats with their error."""
    return pm(layer["nats"], layer["stderr"])
