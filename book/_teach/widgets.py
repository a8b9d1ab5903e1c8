"""Widgets on paper: heat maps are drawn again from their state, since the page’s own figure is small, and sliders."""

import base64
import io
import json

import numpy as np
from PIL import Image

from infodecomp.widget.mapfigure import figure
from infodecomp.widget.mapitems import Item
from infodecomp.widget.mappack import BASE64

PLACES = {letter: place for place, letter in enumerate(BASE64)}
LOOK = ("opacity", "root", "smooth", "hide", "shared")


def array(packed, size):
    """The inverse of the packing: [low, high, text], two letters of base 64 for each of 4,096 steps."""
    low, high, text = packed
    digits = np.array([PLACES[letter] for letter in text.encode()]).reshape(-1, 2)
    return (low + (high - low) * (digits @ [64, 1]) / 4095).reshape(size)


def shown(state, place):
    """The Item of a picture, as the figure needs it."""
    one = state["items"][place]
    data = state["images"][min(place, len(state["images"]) - 1)].split(",")[1]
    kinds = {}
    for kind, layers in zip(state["kinds"], one["layers"], strict=True):
        kinds[kind["name"]] = {
            word: {
                name: array(value, one["size"]) if isinstance(value, list) else value
                for name, value in layer.items()
            }
            for word, layer in zip(one["words"], layers, strict=True)
            if layer
        }
    picture = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    return Item(picture, "", {}, one["words"], kinds, tuple(one["size"]))


def heat_maps(state):
    """A figure (SVG) of the state of HeatMaps: all kinds but those of the exact denoiser."""
    packed, place = state["_state"], state["item"]
    highs = packed["items"][place]["highs"]
    ranges = {
        kind["name"]: (-high if kind["signed"] else 0.0, high)
        for kind, high in zip(packed["kinds"], highs, strict=True)
    }
    measured = [name for name in ranges if not name.startswith("exact")]
    look = {name: state[name] for name in LOOK}
    drawn = figure(shown(packed, place), measured or list(ranges), ranges, look, 7.0)
    with io.StringIO() as file:
        drawn.savefig(file, format="svg")
        return file.getvalue()


def frame(state):
    """The picture of the state of Sliders: where they stand at first."""
    place = 0
    for at, (_, numbers) in zip(state["at"], state["_state"]["sliders"], strict=True):
        place = place * len(numbers) + at
    return state["_state"]["frames"][place]


DRAWN = {"heatmaps": heat_maps, "sliders": frame}


def redrawn(kind, text):
    """The address of the picture of a widget, from its state, JSON; None for another kind."""
    if kind not in DRAWN:
        return None
    found = DRAWN[kind](json.loads(text))
    if found.startswith("data:"):
        return found
    return f"data:image/svg+xml;base64,{base64.b64encode(found.encode()).decode()}"
