"""Sliders without a kernel: every position is drawn beforehand, so they work on a built page as in a notebook."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import anywidget
import matplotlib.pyplot as plt
import traitlets
from matplotlib.figure import Figure
from PIL import Image

from ..checks import refuse
from ..checks import text as check_text
from ..plot import drawing
from .page import DPI, bundle, explicit, piece, style, url

MOST = 100  # frames of a widget: a page holds them all


@explicit
class Sliders(anywidget.AnyWidget):
    """A picture under sliders: what ipywidgets.interact is with a kernel, and on a built page without one.

    draw(**position): a PIL picture or a matplotlib Figure (None: pyplot's current one) for one position of the sliders.
    It is called for each, at most 100 in all. alt: what is seen, for those who do not see it.
    Each further argument is a slider: its name (shown with spaces for "_"), and the numbers that it goes through, two
    or more.

    .frames are the data URLs, the last slider's positions fastest; .at (synchronised) the position of each slider, at
    first the middle. Raises ValueError for fewer numbers and for too many frames, TypeError for another drawing.
    """

    _esm = bundle("sliders/sliders.js")
    _css = style("sliders.css")
    _state = traitlets.Dict().tag(sync=True)
    at = traitlets.List(traitlets.Int()).tag(sync=True)

    def __init__(self, draw: Callable[..., Any], alt: str, **sliders: Sequence[float]) -> None:
        values = {name: [float(v) for v in numbers] for name, numbers in sliders.items()}
        if not values or min(map(len, values.values())) < 2:
            refuse("sliders", "at least one, of two numbers or more", values)
        self.positions = list(product(*values.values()))
        if len(self.positions) > MOST:
            refuse("sliders", f"of {MOST} positions in all at most", len(self.positions))
        drawn = [_drawn(draw(**dict(zip(values, position, strict=True)))) for position in self.positions]
        self.frames, first = [frame for frame, _ in drawn], [len(numbers) // 2 for numbers in values.values()]
        middle = tuple(numbers[k] for k, numbers in zip(first, values.values(), strict=True))
        self._still = drawn[self.positions.index(middle)][1]
        named = [(name.replace("_", " "), numbers) for name, numbers in values.items()]
        state = {"frames": self.frames, "sliders": named, "alt": check_text("alt", alt)}
        super().__init__(_state=state, at=first)

    @traitlets.validate("at")
    def _inside(self, proposal):
        at, sliders = proposal["value"], self._state["sliders"]
        if len(at) != len(sliders) or not all(0 <= k < len(n) for k, (_, n) in zip(at, sliders, strict=True)):
            refuse("at", f"one position for each of {[name for name, _ in sliders]}", at)
        return at

    def html(self) -> str:
        """The widget as a piece of a page; without scripts it shows its first picture."""
        return piece(self, "sliders", {"_state": self._state, "at": self.at}, self._still, self._state["alt"])

    def __repr__(self):
        names = " × ".join(f"{name} in {len(numbers)} steps" for name, numbers in self._state["sliders"])
        return f"Sliders({self._state['alt']!r}; {names})"

    def _repr_mimebundle_(self, **kwargs):
        live = super()._repr_mimebundle_(**kwargs) or {}
        data, metadata = live if isinstance(live, tuple) else (live, {})
        return data | {"text/plain": repr(self), "text/html": self.html()}, metadata


def _drawn(frame):
    """(data URL, Figure) of a picture or figure: WebP, and SVG with text as text."""
    if isinstance(frame, Image.Image):
        figure = Figure(figsize=(frame.width / DPI, frame.height / DPI))
        figure.figimage(frame.convert("RGB"))
        return url(frame.convert("L" if frame.mode in ("1", "L") else "RGB"), 60), figure
    figure = plt.gcf() if frame is None else frame
    if not isinstance(figure, Figure):
        raise TypeError(f"draw must give a PIL picture or a matplotlib Figure, got {type(frame).__name__}")
    text = drawing(figure)
    plt.close(figure)
    return text, figure
