"""What the module of the heat maps reads: pictures as URLs, numbers in two letters each."""

import math
import string
from typing import Any

import numpy as np

from ..plot import COLOUR, LUMA, POSITIVE, SIGNED, WHITE
from .mapitems import ATTENTION, EXACT, Item, highest, in_bands, is_film, is_signed
from .page import palette, url

BASE64 = (string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/").encode()
MEANINGS = {  # of the kinds of WordMaps: beside their name, and in a sentence
    "MI": ("alone", "The information of the word alone about the picture."),
    "CMI": ("given the rest", "What the word adds when the rest of the caption is known."),
    "against": ("alternatives", "The information of the word against the words that could stand in its place."),
    "minimum": ("", "Redundancy is what the word that says less says."),
    "overlap": ("", "Redundancy is the excess of both words' nats over those of the two together."),
    ATTENTION: ("", "Where the network looks while it reads the word. These are no nats."),
}
FILMS = {  # what several maps of one picture run over: name of the slider, and its title
    "samples": ("samples", "The same maps from few samples to many"),
    "log-SNR": ("log-SNR", "The maps of bands of log-SNR, from much noise to little: they add up to the whole"),
}


def pack(found: list[Item], small: bool) -> dict[str, Any]:
    """The state of the module, a dict for JSON."""
    kinds = [_kind(found, kind) for kind in found[0].kinds]
    tables = {"signed" if k["signed"] else "positive" for k in kinds}
    film = is_film(found)
    return {
        "items": [_item(found, i, small) for i in range(len(found))],
        "images": [url(one.picture) for one in (found[:1] if film else found)],
        "film": FILMS["log-SNR" if in_bands(found) else "samples"] if film else None,
        "kinds": kinds,
        "colours": {name: palette({"signed": SIGNED, "positive": POSITIVE}[name]) for name in sorted(tables)},
        "grey": {"luma": LUMA, "colour": COLOUR, "white": WHITE},
        "small": small,
    }


def _kind(found, kind):
    """A kind's name, its label, a title that explains it, its unit, and whether some cell is negative."""
    plain = kind.removeprefix(EXACT)
    meaning, title = MEANINGS.get(plain, ("", ""))
    label = f"{plain}, {meaning}" if meaning else plain
    if kind != plain:
        label, title = f"{label} (exact denoiser)", f"{title} Measured with the exact denoiser.".strip()
    return {
        "name": kind,
        "label": label,
        "title": title,
        "unit": "attention" if kind == ATTENTION else "nats per cell",
        "signed": is_signed(found, kind),
    }


def _item(found, place, small):
    one = found[place]
    return {
        "size": one.size,
        "legend": one.legend,
        "caption": [[text, word if word in one.words else None] for word, text in one.tokens.items()],
        "words": one.words,
        "moment": _moment(found, place),
        "opens": [one.telling(kind) for kind in one.kinds],
        "highs": [highest(found, place, kind) for kind in one.kinds],
        "layers": [[_layer(layers.get(word), small) for word in one.words] for layers in one.kinds.values()],
    }


def _moment(found, place):
    """What the slider of a film says at an item."""
    one = found[place]
    if in_bands(found):
        return "{:.1f} to {:.1f}".format(*one.range).replace("-", "−")
    return str(one.samples or place + 1)


def _layer(layer, small):
    """A layer for JSON, None if there is none. small: without the errors of cells."""
    if layer is None:
        return None
    packed = {}
    for name, value in layer.items():
        if isinstance(value, np.ndarray):
            value = _steps(value)
        elif not math.isfinite(value):
            value = "∞" if value > 0 else "−∞"  # counted of a text that does not fit: JSON has no infinity
        if not (small and name == "error"):
            packed[name] = value
    return packed


def _steps(array):
    """[low, high, text]: 4,096 steps between the extremes, two letters of base 64 each."""
    low, high = float(array.min()), float(array.max())
    steps = np.round((array.ravel() - low) / ((high - low) or 1.0) * 4095).astype(np.int64)
    letters = np.frombuffer(BASE64, "S1")
    return [low, high, np.stack([letters[steps >> 6], letters[steps & 63]], 1).tobytes().decode()]
