"""The emoji lab: words of emoji counted, and their information found pixel by pixel, live in the browser."""

import base64
from functools import lru_cache
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure
from PIL import Image

from ..drawings import names
from ..emoji import Emoji, proposal
from ..estimates.information import pointwise_information
from ..exact import FiniteSet
from . import emojipack
from .emojistate import State, checked, link, read
from .emojistops import stops
from .packs import answer
from .page import bundle, explicit, piece, style, url

SHOWN = 24  # thumbnails of a context
SAMPLES = 2000  # of the map that is stored; fewer where many pictures fit
NIGHTLESS = np.array([208, 18, 56])  # colour of the map


@explicit
class EmojiLab(anywidget.AnyWidget):
    """Words of emoji as a laboratory: pick one, click a word, and its information converges, pixel by pixel.

    picture: an emoji, as a character or by its name. word: one of the caption's, "" for none. caption: any words of
    emoji; None: the name. alone: whether the word stands alone, or after the caption's other words. language: one of
    the fourteen of the package emoji. seed: of the noise. What is shown first is stored; for all else, where the lab is
    shown, the first click asks for the pictures of all emoji, from the kernel or, on a page, from the files beside it
    (EmojiLab.write). Everything is computed there, by the exact denoiser of these pictures.

    state: all of that as one str, name/word, in step with the front end, and what a link to the lab ends in;
    EmojiLab(state=…) restores it. .picture, .caption and .word read it. Raises ValueError for what is none of these,
    ImportError without the extra emoji. Drawings: OpenMoji, CC BY-SA 4.0, as is what is made of them; names: Unicode.
    """

    _esm = bundle("emojilab/emojilab.js")
    _css = style("widget.css", "emojilab.css")
    _engine = traitlets.Unicode(bundle("finite/worker.js")).tag(sync=True)  # the script of its workers
    _first = traitlets.Dict().tag(sync=True)
    _guide = traitlets.Dict().tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, picture: str | None = None, word: str | None = None, *, state: str | None = None, **chosen: Any
    ) -> None:
        if state is not None and (picture, word, chosen) != (None, None, {}):
            raise ValueError("state must stand alone, it holds picture, word and all the rest")
        if unknown := set(chosen) - set(State._fields[2:]):
            raise TypeError(f"EmojiLab takes {', '.join(State._fields[2:])}, got {', '.join(sorted(unknown))}")
        if state is None:
            usual = picture is None and not chosen.get("caption") and chosen.get("language", "en") == "en"
            word = ("sunglasses" if usual else "") if word is None else word
            chosen |= {"caption": chosen.get("caption") or ""}
            state = link(checked("😎" if picture is None else picture, word, **chosen))
        guide = {
            "page": False,
            "stops": stops(),
            "languages": list(names().LANGUAGES),
            "pictures": emojipack.PICTURES,
            "size": emojipack.SIZE,
        }
        super().__init__(_first=first(link(read(state))), _guide=guide, state=state)
        self.on_msg(self._answer)

    @traitlets.validate("state")
    def _valid(self, proposal):
        return link(read(proposal["value"]))

    def _answer(self, _, asked, __):
        """The front end asks for a pack."""
        answer(self, asked, emojipack.pack)

    @property
    def picture(self) -> str:
        """The character of the emoji that is shown."""
        shown = read(self.state)
        return _character(emojipack.world(shown.language), shown.name)

    @property
    def caption(self) -> str:
        """The caption whose words are asked about."""
        shown = read(self.state)
        return shown.caption or shown.name

    @property
    def word(self) -> str:
        """The word that is asked about, "" for none."""
        return read(self.state).word

    @staticmethod
    def write(folder: str | Path) -> list[Path]:
        """Write the files that a page with a lab fetches on the first click: beside the page, or into the _static of a
        site made by Sphinx. Returns them: pictures (CC BY-SA 4.0) and the names in each language."""
        return emojipack.write(folder)

    def html(self) -> str:
        """The lab as a piece of a page; without scripts, the map that is stored."""
        state = {"_engine": self._engine, "_first": self._first, "_guide": self._guide | {"page": True}}
        found = first(self.state)
        return piece(self, "emojilab", state | {"_first": found, "state": self.state}, _figure(found), _notice(found))

    def __repr__(self):
        return f"EmojiLab(state={self.state!r})"

    def _repr_mimebundle_(self, **kwargs):
        live = super()._repr_mimebundle_(**kwargs) or {}
        data, metadata = live if isinstance(live, tuple) else (live, {})
        return data | {"text/plain": repr(self), "text/html": self.html()}, metadata


def _character(known: Emoji, name: str) -> str:
    pairs = zip(known.characters, known.names, strict=True)
    return next(c for those, each in pairs for c, n in zip(those, each, strict=True) if n == name)


@lru_cache(maxsize=8)
def first(state: str) -> dict:
    """What a lab shows before its pictures are there, a dict for JSON: one emoji, counts of its words, one map."""
    shown = read(state)
    known, caption = emojipack.world(shown.language), shown.caption or shown.name
    place = known.position(_character(known, shown.name))
    words_of = emojipack.words_of(caption)

    def masks(key, alone):
        rest = "" if alone else " ".join(k for k in words_of if k != key)
        return known.fits(rest), known.fits(f"{rest} {key}".strip())

    words = [
        [key, written, *([[int(m.sum()), bool(m[place])] for m in masks(key, alone)] for alone in (False, True))]
        for key, written in words_of.items()
    ]
    about = {"picture": _face(place), "name": shown.name, "many": len(known), "words": words}
    if not shown.word:
        return about
    context, fits = masks(shown.word, shown.alone)
    return about | {"faces": _faces(known, place, context, fits), "map": _map(known, place, context, fits)}


def _face(place):
    palette, indices = emojipack.sheet()[1:]
    return url(Image.fromarray(palette[indices[place]]).quantize(64, dither=Image.Dither.NONE))


def _faces(known, place, context, fits):
    """The first thumbnails of a context, as the page orders them: [picture, name, whether it fits]."""
    also = [i for i in fits.nonzero()[:, 0].tolist() if i != place]
    rest = [i for i in (context & ~fits).nonzero()[:, 0].tolist() if i != place]
    some = [place, *also[: max(11, SHOWN - 1 - len(rest))], *rest][:SHOWN]
    return [[_face(i), known.names[i][0], bool(fits[i])] for i in some]


def _map(known, place, context, fits):
    """The information of fits after the context in each pixel, with its totals; None where there is none."""
    if not fits[place] or fits.sum() == context.sum():
        return None
    places = context.nonzero()[:, 0]
    points = torch.from_numpy(known.levels[places.numpy()].transpose(0, 3, 1, 2).copy()).double().div_(127.5).sub_(1)
    few = FiniteSet(points)
    few.proposal = proposal(few.proposal.range, known.size)
    x, y, samples = points[(places == place).nonzero()[:, 0]], fits[places][None], 2 * (200_000 // len(places))
    own, total = (
        pointwise_information(few, x, y, torch.ones_like(y), kind=kind, samples=min(max(100, samples), SAMPLES))
        for kind in ("orthogonal", "standard")
    )
    assert own.map is not None
    levels = own.map[0].double().numpy() / (high := own.map.max().item())
    packed = base64.b64encode((levels * 65535).round().astype("<u2").tobytes()).decode()
    about = {"sum": own.nats.item(), "nats": total.nats.item(), "stderr": total.stderr.item(), "draws": own.samples}
    return about | {"pixels": packed, "high": high}


def _figure(found):
    """The picture in grey, under its map."""
    import io

    figure = Figure(figsize=(3, 3.3), layout="constrained")
    axes = figure.add_subplot()
    axes.axis("off")
    data = base64.b64decode(found["picture"].partition(",")[2])
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(float)
    if found.get("map"):
        grey = 168 + 84 * picture @ [0.3, 0.59, 0.11] / 255
        pixels = np.frombuffer(base64.b64decode(found["map"]["pixels"]), "<u2").reshape(picture.shape[:2]) / 65535
        opacity = np.clip(np.sqrt(pixels / np.quantile(pixels, 0.995)), 0, 1)[..., None]
        picture = grey[..., None] + opacity * (NIGHTLESS - grey[..., None])
    axes.imshow(picture.round().astype(np.uint8))
    axes.set_title(found["name"], fontsize=9, wrap=True)
    return figure


def _notice(found):
    return f"The lab needs scripts. {found['name']}, drawn by OpenMoji (CC BY-SA 4.0)."
