"""Heat maps that a reader can move: live in Jupyter and Colab, and in a built page without kernel or network."""

import warnings
from typing import Any

import anywidget
import traitlets
from matplotlib.figure import Figure
from PIL import Image

from ..checks import choice, positive
from ..concepts import ConceptMaps
from ..pairs import WordPairs
from ..plot import OPACITY
from ..words import WordMaps
from .layers import STATE, check_state, fail
from .mapfigure import figure
from .mapitems import EXACT, Item, highest, is_signed, items, near_zero, top, total
from .mappack import pack
from .page import bundle, explicit, piece, style


@explicit
class HeatMaps(anywidget.AnyWidget):
    """How much each word of a caption is worth for a picture: words with their nats, and the chosen word's map on it.

    HeatMaps(maps) shows WordMaps or ConceptMaps on their own picture, HeatMaps(image, maps) maps on a given one. Lists
    of them, as word_maps of several images gives, make one widget with a choice of pictures; of one picture and
    caption, a slider over their samples, or over bands of log-SNR if each was measured on a range of its own
    (`proposal`). image, caption, exact and attention are then None or lists, too.
    HeatMaps(pairs) shows the four parts of WordPairs as if they were words; its kinds are definitions of redundancy.

    Colour and cover of a cell grow with |nats|, over a greyed picture: a cell of zero shows the picture. All words of a
    picture share one scale.

    image: a picture (PIL, a path, a uint8 array or tensor), the emoji whose WordMaps these are, or a float tensor
    (C, h, w) or (1, C, h, w) from −1 to 1 with C 1 or 3, some of it negative. Of another aspect than the picture of
    WordMaps it is cut as that was.
    maps: WordMaps, or {kind: {word: map}} with a free name for each kind ("MI"), words of `caption` (its second "red"
    is "red (2)"), and for each an Estimate of one image or a plain map (h, w).
    caption: that of WordMaps, else the words joined.
    exact: the same once more, from an exact denoiser, shown as kinds "exact MI" and so on. The marks on the bars are
    nats that the world of the maps counted, where it did, else those of the exact denoiser.
    attention: {word: map (h, w)}, or (W, h, w) in the order of the words.
    small: only the picture, the caption and the colour bar, of one kind: a light piece for a page.

    State, in step with the front end: word, one of .words; "" for the word that surely says most (the highest nats less
    two standard errors). kind, one of .kinds; "" for the first. beside: a second word, shown beside it, or "". item:
    which picture. opacity: of the strongest cell, 0 to 1. shared: one colour scale over words. root: colours grow with
    √|nats|, so that weak words are seen. smooth: bilinear, else cells. hide: cells within two standard errors of zero
    are clear. original: the picture alone, in its colours.

    figure() is the static twin. Raises ValueError for maps that have not the picture's aspect or not one shape, NaN,
    and words that are not in the caption.
    """

    _esm = bundle("heatmaps/heatmaps.js")
    _css = style("widget.css", "heatmaps.css")
    _state = traitlets.Dict().tag(sync=True)
    word = traitlets.Unicode().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    beside = traitlets.Unicode("").tag(sync=True)
    item = traitlets.Int(0).tag(sync=True)
    opacity = traitlets.Float(OPACITY).tag(sync=True)
    shared = traitlets.Bool(True).tag(sync=True)
    root = traitlets.Bool(False).tag(sync=True)
    smooth = traitlets.Bool(False).tag(sync=True)
    hide = traitlets.Bool(False).tag(sync=True)
    original = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        image: Any = None,
        maps: Any = None,
        caption: Any = None,
        *,
        exact: Any = None,
        attention: Any = None,
        small: bool = False,
        word: str = "",
        kind: str = "",
        beside: str = "",
        item: int = 0,
        opacity: float = OPACITY,
        shared: bool = True,
        root: bool = False,
        smooth: bool = False,
        hide: bool = False,
        original: bool = False,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in STATE}
        first = image[0] if isinstance(image, list | tuple) and image else image
        if maps is None and isinstance(first, WordMaps | WordPairs | ConceptMaps):
            image, maps = None, image
        self._items = items(image, maps, caption, exact, attention)
        check_state(given | {"small": small}, len(self._items))
        given["kind"] = kind or self.kinds[0]
        if given["kind"] not in self.kinds:
            fail("kind", f"one of {self.kinds}", repr(kind))
        given["word"] = word or self._items[item].telling(given["kind"])
        if small:
            for one in self._items:
                one.kinds = {given["kind"]: one.kinds[given["kind"]]}
        self._small = small
        super().__init__(**given, _state=pack(self._items, small))

    @property
    def words(self) -> list[str]:
        """The words of the picture that is shown, in the caption's order."""
        return self._shown.words

    @property
    def kinds(self) -> list[str]:
        """The names of the kinds of maps."""
        return list(self._items[0].kinds)

    @property
    def caption(self) -> str:
        """The caption of the picture that is shown."""
        return self._shown.caption

    @property
    def picture(self) -> Image.Image:
        """The picture that is shown."""
        return self._shown.picture

    @property
    def _shown(self) -> Item:
        return self._items[self.item]

    @traitlets.validate("word", "kind", "beside")
    def _among(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        allowed = self.kinds if name == "kind" else self.words
        if value not in allowed and not (name == "beside" and value == ""):
            fail(name, f"one of {allowed}", repr(value))
        return value

    @traitlets.validate("item")
    def _place(self, proposal):
        if not 0 <= proposal["value"] < len(self._items):
            fail("item", f"below {len(self._items)}", proposal["value"])
        return proposal["value"]

    @traitlets.observe("item")
    def _turn(self, _):
        """Another picture keeps the words if its caption has them."""
        if self.beside not in self.words:
            self.beside = ""
        if self.word not in self.words:
            self.word = self._shown.telling(self.kind)

    @traitlets.validate("opacity")
    def _part(self, proposal):
        if not 0 <= proposal["value"] <= 1:
            fail("opacity", "between 0 and 1", proposal["value"])
        return proposal["value"]

    def scale(self, kind: str | None = None, word: str | None = None) -> tuple[float, float]:
        """(low, high) of the colours, in nats: of one word, or of all if None; symmetric for signed maps."""
        kind = kind or self.kind
        choice("kind", kind, self.kinds)
        if word is not None:
            choice("word", word, self.words)
        layers = [layer for name, layer in self._shown.kinds[kind].items() if name == word]
        high = highest(self._items, self.item, kind) if word is None else top(layers)
        return (-high if is_signed(self._items, kind) else 0.0), high

    def figure(self, kinds: str | list[str] | None = None, *, width: float = 7.0) -> Figure:
        """The static twin: the picture, and a row of the words' maps for each kind, with nats and colour bar."""
        kinds = [kinds] if isinstance(kinds, str) else kinds or self.kinds
        if not isinstance(kinds, list | tuple):
            fail("kinds", f"some of {self.kinds}", kinds)
        width = positive("width", width)
        look = {name: getattr(self, name) for name in ("opacity", "root", "smooth", "hide", "shared")}
        return figure(self._shown, kinds, {kind: self.scale(kind) for kind in kinds}, look, width)

    def __repr__(self):
        each = []
        for word in self.words:
            layers = {kind: layers[word] for kind, layers in self._shown.kinds.items() if word in layers}
            totals = [f"{kind} {_nats_text(layer)}" for kind, layer in layers.items() if "nats" in layer]
            each.append(f"{word}: {', '.join(totals)} nats" if totals else word)
        h, w = self._shown.size
        more = f"; picture {self.item + 1} of {len(self._items)}" if len(self._items) > 1 else ""
        return f"HeatMaps({self.caption!r}; {'; '.join(each)}; {h} × {w} cells{more})"

    def html(self) -> str:
        """The widget as a piece of a page: same module, no kernel, no network; a figure where no script runs."""
        measured = [kind for kind in self.kinds if not kind.startswith(EXACT)]
        chosen = {name: getattr(self, name) for name in STATE}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # a caption may have letters that matplotlib's font lacks
            alt = f"Maps of nats on a picture. {self!r}"
            return piece(self, "heatmaps", {"_state": self._state} | chosen, self.figure(measured or None), alt)

    def _repr_mimebundle_(self, **kwargs):
        live = super()._repr_mimebundle_(**kwargs) or {}
        data, metadata = live if isinstance(live, tuple) else (live, {})
        return data | {"text/plain": repr(self), "text/html": self.html()}, metadata


def _nats_text(layer):
    counted = f" (counted {layer['counted']:.2f})" if "counted" in layer else ""
    return total(layer) + counted + (" within 2 s.e. of 0" if near_zero(layer) else "")
