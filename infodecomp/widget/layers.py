"""What a heat map is made of, checked: the picture, the caption's words and their maps."""

from collections.abc import Mapping
from itertools import count
from typing import Any, NoReturn

import numpy as np
import torch
from PIL import Image

from ..captions import alike, units, word_at
from ..checks import is_whole, number, shown
from ..concepts import ConceptMaps
from ..estimates.estimate import Estimate
from ..models.pictures import cut, one_aspect, picture
from ..pairs import WordPairs
from ..words import WordMaps

STATE = {"word": str, "kind": str, "beside": str, "item": int, "opacity": float}
STATE |= dict.fromkeys(("shared", "root", "smooth", "hide", "original"), bool)


def fail(name: str, accepted: str, got: Any) -> NoReturn:
    """Raise the ValueError."""
    raise ValueError(f"{name} must be {accepted}, got {got}")


def caption_of(maps: Any, caption: str | None) -> str:
    """The caption that is shown: the given one, or that of the maps, or their words."""
    if isinstance(maps, WordMaps):
        caption = maps.caption if caption is None else caption
    elif not isinstance(maps, Mapping) or not maps or not all(isinstance(m, Mapping) and m for m in maps.values()):
        fail("maps", "WordMaps, WordPairs, ConceptMaps or {kind: {word: map}}", shown(maps))
    elif caption is None:
        caption = " ".join(dict.fromkeys(word for layers in maps.values() for word in layers))
    if not isinstance(caption, str) or not caption.split():
        fail("caption", "a str with at least one word", shown(caption))
    return caption


def one_shape(kinds: dict, picture: Image.Image) -> tuple[int, int]:
    """(h, w) of all maps, which must have the picture's aspect."""
    shapes = {layer["map"].shape for layers in kinds.values() for layer in layers.values()}
    (h, w), (height, width) = max(shapes), picture.size[::-1]
    if len(shapes) > 1:
        fail("maps", "of one shape", f"{sorted(shapes)}")
    if not one_aspect((height, width), (h, w)):
        fail("maps", f"of the picture's aspect ({height} × {width})", f"{h} × {w}")
    return h, w


def tokens_of(caption: str, phrases: list) -> tuple[dict, dict]:
    """{label: text} of the caption's words and phrases in order, a repeated one being "word (2)"; {position: label}."""
    seen: dict[str, count] = {}
    tokens: dict[str, str] = {}
    starts: dict[int, str] = {}
    for start, stop, text in units(caption, [p for p in phrases if isinstance(p, str)]):
        word = word_at(caption, start, stop)
        n = next(seen.setdefault(word, count(1)))
        label = word if n == 1 else f"{word} ({n})"
        tokens[label], starts[start] = text, label
    return tokens, starts


def by_kind(maps: Any, starts: dict) -> dict:
    """{kind: {label: Estimate or map}}."""
    if not isinstance(maps, WordMaps):
        return dict(maps)
    kinds = {"MI": maps.mi, "CMI": maps.cmi} | ({"against": maps.against} if maps.against else {})
    labels = [starts.get(p, word) for p, word in zip(maps.positions, maps.words, strict=True)]
    return {kind: dict(zip(labels, layers, strict=True)) for kind, layers in kinds.items()}


def by_label(layers: Mapping, tokens: dict, caption: str) -> dict:
    """{label: Estimate or map}: words are named with or without the punctuation around them."""
    found = {}
    for word, value in layers.items():
        label = word
        if isinstance(word, str) and word not in tokens:
            free = {label: text for label, text in tokens.items() if label not in found}
            as_written = (label for label, text in free.items() if text == word)
            label = next(as_written, next((label for label in free if alike(label) == alike(word)), word))
        if label not in tokens or label in found:
            fail("words", f"of the caption {caption!r}, each once", shown(word))
        found[label] = value
    return found


def attention_of(attention: Any, words: list) -> Mapping:
    """{word: map} of the attention."""
    if isinstance(attention, Mapping):
        return attention
    if isinstance(attention, str) or not hasattr(attention, "__len__") or len(attention) != len(words):
        fail("attention", f"{len(words)} maps, one for each word", shown(attention))
    return dict(zip(words, attention, strict=True))


def check_state(state: dict, pictures: int) -> None:
    """ValueError for values of another kind than the widget's options have."""
    for name, value in state.items():
        kind = STATE.get(name, bool)
        if kind is float:
            number(name, value, 0, 1)
        elif kind is int:
            if not is_whole(value) or not 0 <= value < pictures:
                fail(name, f"a whole number below {pictures}, the number of pictures", shown(value))
        elif not isinstance(value, kind):
            fail(name, f"a {kind.__name__}", shown(value))


def layer_of(kind: str, word: str, value: Any) -> dict:
    """{"map": (h, w)}, and from an Estimate "error" (h, w), "nats" and "stderr" too."""
    name = f"the {kind} map of {word!r}"
    if isinstance(value, Estimate):
        if len(value.nats) != 1:
            fail(name, "of one image", f"{len(value.nats)} of them")
        layer = {"map": value.map[0], "nats": value.nats.item(), "stderr": value.stderr.item()}
        if value.map_stderr is not None:
            layer["error"] = value.map_stderr[0]
    else:
        layer = {"map": value}
    for key in ("map", "error"):
        if key in layer:
            try:
                array = layer[key].detach().cpu() if isinstance(layer[key], torch.Tensor) else layer[key]
                layer[key] = np.asarray(array, dtype=np.float64)
            except (TypeError, ValueError):
                fail(name, "an Estimate or numbers (h, w)", shown(value))
            if layer[key].ndim != 2 or not layer[key].size:
                fail(name, "(h, w)", layer[key].shape)
            if not np.isfinite(layer[key]).all():
                fail(name, "finite", "NaN or infinity")
    return layer


def picture_of(image: Any, maps: Any) -> Image.Image:
    """An RGB PIL picture: the given one, None for the maps' own; cut like theirs where it has another aspect."""
    own = maps.image if isinstance(maps, WordMaps | WordPairs | ConceptMaps) else None
    found = picture(own if image is None else image)
    if not isinstance(own, Image.Image) or one_aspect(found.size, own.size):
        return found
    return cut(found, own.size)
