"""Heat maps that a reader can move: live in Jupyter and Colab, and in a built page without kernel or network."""

import string
import warnings
from typing import Any

import anywidget
import numpy as np
import traitlets
from matplotlib.figure import Figure

from ..plot import POSITIVE, SIGNED
from ..words import WordMaps
from .layers import (
    attention_of,
    by_kind,
    by_label,
    caption_of,
    check_state,
    fail,
    layer_of,
    one_shape,
    picture_of,
    tokens_of,
)
from .page import bundle, palette, piece, style, url

EXACT = "exact "
BASE64 = (string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/").encode()


class HeatMaps(anywidget.AnyWidget):
    """What each word of a caption tells about a picture: words with their nats, and the chosen word's map on it.

    HeatMaps(maps) shows WordMaps on their own picture, HeatMaps(image, maps) maps on a given one.
    image: a picture (PIL, a path, a uint8 array or tensor), the emoji whose WordMaps these are, or a float tensor
    (C, h, w) or (1, C, h, w) from −1 to 1 with C 1 or 3, some of it negative. Of another aspect than the picture of
    WordMaps it is cut as that was. maps: WordMaps, or {kind: {word: map}} with a free name for each kind ("MI"), words
    of `caption` (its second "red" is "red (2)"), and for each an Estimate of one image or a plain map (h, w). caption:
    that of WordMaps, else the words joined.
    exact: the same once more, from an exact denoiser, shown as kinds "exact MI" and so on, and as marks on the bars.
    attention: {word: map (h, w)}, or (W, h, w) in the order of the words.

    State, in step with the front end: word (one of .words), kind (one of .kinds), opacity 0 to 1, shared (one colour
    scale over words), smooth (bilinear; else cells), hide (cells within two standard errors of zero). figure() is the
    static twin. Raises ValueError for maps that have not the picture's aspect or not one shape, NaN, and words that are
    not in the caption.
    """

    _esm = bundle("heatmaps/heatmaps.js")
    _css = style("widget.css")
    _state = traitlets.Dict().tag(sync=True)
    word = traitlets.Unicode().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    opacity = traitlets.Float(0.6).tag(sync=True)
    shared = traitlets.Bool(True).tag(sync=True)
    smooth = traitlets.Bool(False).tag(sync=True)
    hide = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        image: Any = None,
        maps: Any = None,
        caption: str | None = None,
        *,
        exact: Any = None,
        attention: Any = None,
        **state: Any,
    ) -> None:
        if maps is None and isinstance(image, WordMaps):
            image, maps = None, image
        caption = caption_of(maps, caption)
        phrases = maps.words if isinstance(maps, WordMaps) else [w for layers in maps.values() for w in layers]
        tokens, starts = tokens_of(caption, phrases)
        kinds = by_kind(maps, starts)
        kinds = {kind: by_label(layers, tokens, caption) for kind, layers in kinds.items()}
        words = [t for t in tokens if any(t in layers for layers in kinds.values())]
        if exact is not None:
            caption_of(exact, caption)  # checks that these are maps
            more = by_kind(exact, starts).items()
            kinds |= {EXACT + kind: by_label(layers, tokens, caption) for kind, layers in more}
        if attention is not None:
            kinds["attention"] = by_label(attention_of(attention, words), tokens, caption)
        check_state(state)
        for kind, layers in kinds.items():
            kinds[kind] = {word: layer_of(kind, word, value) for word, value in layers.items()}
        drawn = getattr(maps, "image", None)  # of an emoji named by its character
        named = isinstance(image, str) and getattr(drawn, "info", {}).get("emoji") == image
        picture = picture_of(drawn if named else image, maps)
        h, w = one_shape(kinds, picture)
        self.caption, self.words, self.kinds, self.picture, self._maps = caption, words, list(kinds), picture, kinds
        super().__init__(**{"word": words[0], "kind": self.kinds[0]} | state, _state=self._pack(tokens, h, w))

    @traitlets.validate("word", "kind")
    def _among(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        if value not in getattr(self, name + "s"):
            fail(name, f"one of {getattr(self, name + 's')}", repr(value))
        return value

    @traitlets.validate("opacity")
    def _part(self, proposal):
        if not 0 <= proposal["value"] <= 1:
            fail("opacity", "between 0 and 1", proposal["value"])
        return proposal["value"]

    def scale(self, kind: str | None = None, word: str | None = None) -> tuple[float, float]:
        """(low, high) of the colours, in nats: of one word, or of all if None; symmetric for signed maps."""
        layers = self._maps[kind or self.kind]
        shown = [layer["map"] for name, layer in layers.items() if word in (None, name)]
        high = max((float(np.abs(m).max()) for m in shown), default=0.0) or 1.0
        return (-high if self._signed(kind or self.kind) else 0.0), high

    def figure(self, kinds: list[str] | None = None, *, width: float = 7.0) -> Figure:
        """The static twin: the picture, and a row of the words' maps for each kind, with nats and colour bar."""
        kinds, wide = kinds or self.kinds, min(len(self.words), 6)
        rows = -(-len(self.words) // wide)
        height = (width / (wide + 1) * self.picture.height / self.picture.width + 0.4) * len(kinds) * rows
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(len(kinds) * rows, wide + 1, squeeze=False)
        for axis in axes.flat:
            axis.set_axis_off()
        for k, kind in enumerate(kinds):
            block = axes[k * rows : (k + 1) * rows]
            block[0, 0].imshow(self.picture)
            block[0, 0].set_title(kind, fontsize=8, fontweight="bold", parse_math=False)
            drawn: Any = None
            low, high = self.scale(kind)
            for axis, word in zip(block[:, 1:].flat, self.words, strict=False):
                layer = self._maps[kind].get(word)
                if layer:
                    colours = SIGNED if self._signed(kind) else POSITIVE
                    drawn = axis.imshow(layer["map"], vmin=low, vmax=high, cmap=colours)
                    title = f"{word}\n{_total(layer)}" if "nats" in layer else word
                    axis.set_title(title, fontsize=7, parse_math=False)
            bar = figure.colorbar(drawn, ax=list(block.flat), shrink=0.8, aspect=10 * rows)
            bar.set_label("attention" if kind == "attention" else "nats per cell", fontsize=7)
            bar.ax.tick_params(labelsize=7)
        return figure

    def __repr__(self):
        each = []
        for word in self.words:
            layers = {kind: layers[word] for kind, layers in self._maps.items() if word in layers}
            totals = [f"{kind} {_total(layer)}" for kind, layer in layers.items() if "nats" in layer]
            each.append(f"{word}: {', '.join(totals)} nats" if totals else word)
        h, w = self._state["size"]
        return f"HeatMaps({self.caption!r}; {'; '.join(each)}; {h} × {w} cells)"

    def html(self) -> str:
        """The widget as a piece of a page: same module, no kernel, no network; a static figure without scripts."""
        chosen = {name: getattr(self, name) for name in ("word", "kind", "opacity", "shared", "smooth", "hide")}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # a caption may have letters that matplotlib's font lacks
            alt = f"Maps of nats on a picture. {self!r}"
            return piece(self, "heatmaps", {"_state": self._state} | chosen, self.figure(), alt)

    def _repr_mimebundle_(self, **kwargs):
        live = super()._repr_mimebundle_(**kwargs) or {}
        data, metadata = live if isinstance(live, tuple) else (live, {})
        return data | {"text/plain": repr(self), "text/html": self.html()}, metadata

    def _signed(self, kind):
        return any(layer["map"].min() < 0 for layer in self._maps[kind].values())

    def _pack(self, tokens, h, w):
        """What the module reads: numbers as 12-bit steps between the extremes of each array."""
        kinds = [
            {
                "name": kind,
                "signed": self._signed(kind),
                "layers": [
                    {k: _steps(v) if isinstance(v, np.ndarray) else v for k, v in layers[word].items()}
                    if word in layers
                    else None
                    for word in self.words
                ],
            }
            for kind, layers in self._maps.items()
        ]
        tables = {False: POSITIVE, True: SIGNED}
        tables = {signed: tables[signed] for signed in {k["signed"] for k in kinds}}
        return {
            "image": url(self.picture),
            "size": [h, w],
            "caption": [[text, word if word in self.words else None] for word, text in tokens.items()],
            "words": self.words,
            "kinds": kinds,
            "colours": {"signed" if signed else "positive": palette(name) for signed, name in tables.items()},
        }


def _total(layer):
    return f"{layer['nats']:.2f} ± {layer['stderr']:.2f}"


def _steps(array):
    """[low, high, text]: 4,096 steps between the extremes, two letters of base 64 each."""
    low, high = float(array.min()), float(array.max())
    steps = np.round((array.ravel() - low) / ((high - low) or 1.0) * 4095).astype(np.int64)
    letters = np.frombuffer(BASE64, "S1")
    return [low, high, np.stack([letters[steps >> 6], letters[steps & 63]], 1).tobytes().decode()]
