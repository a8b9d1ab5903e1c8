"""Heat maps on paper: the same colours over the same greyed picture as on the page."""

from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from ..plot import greyed, inked, overlay
from .mapitems import ATTENTION, Item, near_zero, total

WIDE = 5  # words a row
ZERO = "within 2 s.e."  # of zero, a word that may say nothing; room is scarce


def figure(found: Item, kinds: list[str], ranges: dict, look: dict, width: float) -> Figure:
    """The picture, and a row of the words' maps for each kind, with nats and colour bar. ranges: {kind: (low, high)}.

    look: opacity, root, smooth, hide, and shared: False for a scale of each word's own.
    """
    wide = min(len(found.words), WIDE)
    rows = -(-len(found.words) // wide)
    height = (width / (wide + 1) * found.picture.height / found.picture.width + 0.4) * len(kinds) * rows
    drawn = Figure(figsize=(width, height), layout="constrained")
    axes = drawn.subplots(len(kinds) * rows, wide + 1, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for k, kind in enumerate(kinds):
        block = axes[k * rows : (k + 1) * rows]
        block[0, 0].imshow(found.picture)
        block[0, 0].set_title(kind, fontsize=8, fontweight="bold", parse_math=False)
        for axis, word in zip(block[:, 1:].flat, found.words, strict=False):
            layer = found.kinds[kind].get(word)
            if layer:
                axis.imshow(_map(found, layer, ranges[kind], look))
                axis.set_title(_title(word, layer), fontsize=8, parse_math=False)
        _bar(drawn, list(block.flat), found, kind, ranges[kind], look)
    return drawn


def _map(found, layer, ends, look):
    low, high = ends
    clear = np.abs(layer["map"]) <= 2 * layer["error"] if look["hide"] and "error" in layer else None
    options: dict[str, Any] = {name: look[name] for name in ("opacity", "root", "smooth")}
    return overlay(
        found.picture, layer["map"], high if look["shared"] else None, signed=low < 0, clear=clear, **options
    )


def _title(word, layer):
    lines = [word, *([total(layer)] if "nats" in layer else []), *([ZERO] if near_zero(layer) else [])]
    return "\n".join(lines)


def _bar(drawn, axes, found, kind, ends, look):
    """The colours as they are seen: over the mean of the greyed picture."""
    low, high = ends
    parts = np.linspace(-1 if low < 0 else 0, 1, 256)
    seen = inked(parts, greyed(found.picture).mean((0, 1)), signed=low < 0, opacity=look["opacity"]) / 255
    colours = ScalarMappable(Normalize(parts[0], 1), ListedColormap(seen))
    bar = drawn.colorbar(colours, ax=axes, shrink=0.8, aspect=10 * len(axes) / (min(len(found.words), WIDE) + 1))
    at = [-1, -0.5, 0, 0.5, 1] if low < 0 else [0, 0.5, 1]
    value = [part * (abs(part) if look["root"] else 1) * high for part in at]
    labels = [f"{v:.2g}" if look["shared"] else f"{v / high:.0%}" for v in value]
    bar.set_ticks(at, labels=[label.replace("-", "−") for label in labels])
    unit = "attention" if kind == ATTENTION else "nats per cell"
    bar.set_label(unit if look["shared"] else "of the word’s highest", fontsize=8)
    bar.ax.tick_params(labelsize=8)
