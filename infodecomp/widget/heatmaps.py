"""Heat maps that a reader can move: live in Jupyter and Colab, and in a built page without kernel or network."""

import string
import warnings
from collections.abc import Mapping
from itertools import count
from typing import Any

import anywidget
import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure
from PIL import Image

from ..captions import core, units
from ..estimates.estimate import Estimate
from ..models.pictures import pictures
from ..plot import POSITIVE, SIGNED
from ..words import WordMaps
from .page import bundle, palette, piece, style, url

EXACT = "exact "
BASE64 = (string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/").encode()


def _fail(name, accepted, got):
    raise ValueError(f"{name} must be {accepted}, got {got}")


class HeatMaps(anywidget.AnyWidget):
    """What each word of a caption tells about a picture: words with their nats, and the chosen word's map on it.

    image: a picture (PIL, a path, a uint8 array or tensor), or a float tensor (C, h, w) or (1, C, h, w) from −1 to 1
    with C 1 or 3, some of it negative. maps: WordMaps, or
    {kind: {word: map}} with a free name for each kind ("MI"), words of `caption` (its second "red" is "red (2)"),
    and for each an Estimate of one image or a plain map (h, w). caption: that of WordMaps, else the words joined.
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
        image: Any,
        maps: Any,
        caption: str | None = None,
        *,
        exact: Any = None,
        attention: Any = None,
        **state: Any,
    ) -> None:
        caption = _caption_of(maps, caption)
        phrases = maps.words if isinstance(maps, WordMaps) else [w for layers in maps.values() for w in layers]
        tokens, starts = _tokens(caption, phrases)
        kinds = _by_kind(maps, starts)
        named = {core(word) if isinstance(word, str) else word for layers in kinds.values() for word in layers}
        words = [t for t in tokens if t in named or any(t in layers for layers in kinds.values())]
        if exact is not None:
            kinds |= {EXACT + kind: layers for kind, layers in _by_kind(exact, starts).items()}
        if attention is not None:
            if not isinstance(attention, Mapping):
                if len(attention) != len(words):
                    _fail("attention", f"{len(words)} maps, one for each word", len(attention))
                attention = dict(zip(words, attention, strict=True))
            kinds["attention"] = attention
        for kind, layers in kinds.items():
            layers = {word if word in tokens or not isinstance(word, str) else core(word): layers[word] for word in layers}
            for word in layers:
                if word not in tokens:
                    _fail("words", f"of the caption {caption!r}", repr(word))
            kinds[kind] = {word: _layer(kind, word, value) for word, value in layers.items()}
        picture = _picture(image)
        h, w = _one_shape(kinds, picture)
        self.caption, self.words, self.kinds, self.picture, self._maps = caption, words, list(kinds), picture, kinds
        super().__init__(**{"word": words[0], "kind": self.kinds[0]} | state, _state=self._pack(tokens, h, w))

    @traitlets.validate("word", "kind")
    def _among(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        if value not in getattr(self, name + "s"):
            _fail(name, f"one of {getattr(self, name + 's')}", repr(value))
        return value

    @traitlets.validate("opacity")
    def _part(self, proposal):
        if not 0 <= proposal["value"] <= 1:
            _fail("opacity", "between 0 and 1", proposal["value"])
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


def _caption_of(maps, caption):
    """The caption that is shown: the given one, or that of the maps, or their words."""
    if isinstance(maps, WordMaps):
        caption = maps.caption if caption is None else caption
    elif not isinstance(maps, Mapping) or not maps or not all(isinstance(m, Mapping) and m for m in maps.values()):
        _fail("maps", "WordMaps or {kind: {word: map}}", f"{maps!r:.60}")
    elif caption is None:
        caption = " ".join(dict.fromkeys(word for layers in maps.values() for word in layers))
    if not isinstance(caption, str) or not caption.split():
        _fail("caption", "a str with at least one word", f"{caption!r:.60}")
    return caption


def _one_shape(kinds, picture):
    """(h, w) of all maps, which must have the picture's aspect."""
    shapes = {layer["map"].shape for layers in kinds.values() for layer in layers.values()}
    (h, w), (height, width) = max(shapes), picture.size[::-1]
    if len(shapes) > 1:
        _fail("maps", "of one shape", f"{sorted(shapes)}")
    if abs(height * w - width * h) > 0.02 * height * w:
        _fail("maps", f"of the picture's aspect ({height} × {width})", f"{h} × {w}")
    return h, w


def _tokens(caption, phrases):
    """{label: text} of the caption's words and phrases in order, a repeated one being "word (2)"; {position: label}."""
    seen, tokens, starts = {}, {}, {}
    for start, _, text in units(caption, [p for p in phrases if isinstance(p, str)]):
        n = next(seen.setdefault(core(text), count(1)))
        label = core(text) if n == 1 else f"{core(text)} ({n})"
        tokens[label], starts[start] = text, label
    return tokens, starts


def _by_kind(maps, starts):
    """{kind: {label: Estimate or map}}."""
    if not isinstance(maps, WordMaps):
        return dict(maps)
    kinds = {"MI": maps.mi, "CMI": maps.cmi} | ({"against": maps.against} if maps.against else {})
    labels = [starts.get(p, word) for p, word in zip(maps.positions, maps.words, strict=True)]
    return {kind: dict(zip(labels, layers, strict=True)) for kind, layers in kinds.items()}


def _layer(kind, word, value):
    """{"map": (h, w)}, and from an Estimate "error" (h, w), "nats" and "stderr" too."""
    name = f"the {kind} map of {word!r}"
    if isinstance(value, Estimate):
        if len(value.nats) != 1:
            _fail(name, "of one image", f"{len(value.nats)} of them")
        layer = {"map": value.map[0], "nats": value.nats.item(), "stderr": value.stderr.item()}
        if value.map_stderr is not None:
            layer["error"] = value.map_stderr[0]
    else:
        layer = {"map": value}
    for key in ("map", "error"):
        if key in layer:
            array = layer[key].detach().cpu() if isinstance(layer[key], torch.Tensor) else layer[key]
            layer[key] = np.asarray(array, dtype=np.float64)
            if layer[key].ndim != 2 or not layer[key].size:
                _fail(name, "(h, w)", layer[key].shape)
            if not np.isfinite(layer[key]).all():
                _fail(name, "finite", "NaN or infinity")
    return layer


def _picture(image):
    """An RGB PIL picture of one of the accepted kinds."""
    if isinstance(image, torch.Tensor) and image.ndim == 3 and image.is_floating_point():
        image = image[None]
    found = pictures(image, "image")
    if len(found) != 1:
        _fail("image", "one picture", len(found))
    if not isinstance(found, torch.Tensor):
        return found[0]
    levels = ((found[0].detach().cpu().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return Image.fromarray(levels.expand(3, -1, -1).permute(1, 2, 0).numpy())


def _total(layer):
    return f"{layer['nats']:.2f} ± {layer['stderr']:.2f}"


def _steps(array):
    """[low, high, text]: 4,096 steps between the extremes, two letters of base 64 each."""
    low, high = float(array.min()), float(array.max())
    steps = np.round((array.ravel() - low) / ((high - low) or 1.0) * 4095).astype(np.int64)
    letters = np.frombuffer(BASE64, "S1")
    return [low, high, np.stack([letters[steps >> 6], letters[steps & 63]], 1).tobytes().decode()]
