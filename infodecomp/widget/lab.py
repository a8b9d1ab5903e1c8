"""The scene lab: a page that computes information itself, by the exact denoiser of the scenes, live in the browser."""

import base64
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from ..captions import units, without
from ..checks import text as check_text
from ..loading import load
from ..plot import POSITIVE, SIGNED
from ..scenes import ExactScenes, captions, grammar, meaning, model, render, sprites
from ..scenes.grammar import Scene, Thing
from ..words import word_maps
from . import netpack, packs
from .heatmaps import HeatMaps
from .page import bundle, explicit, palette, piece, style
from .state import link, read
from .stops import stops


@explicit
class SceneLab(anywidget.AnyWidget):
    """The scenes as a laboratory: compose one, edit its caption, and see exact nats, estimates and maps converge.

    scene: a Scene of infodecomp.scenes; None: one of its own. text: a text of the grammar, of this scene or not; None:
    its shortest caption. word: one of the text's ("left of" is one), or its position; None: the one with most nats.
    question: "CMI" (the word given the rest), "MI" (the word alone), "against" (the word's alternatives), "caption"
    (against nothing) or "order" (the same words in any order). kind: "standard" or "orthogonal". seed: of the noise.
    logsnr: of the noisy picture, −16 to 8. By default a word given the rest, by iˢ, which meets the counted nats.
    Everything is computed where the lab is shown, by the exact denoiser, without kernel and network. A button also asks
    the trained network about the word, in its own context and against alternatives: its weights come from the kernel
    or, on a page, from a file beside it (SceneLab.write).

    state: all of that as one str, in step with the front end, and what a link to the lab ends in; SceneLab(state=…)
    restores it. .scene and .text read it. Raises ValueError for what is none of these, and texts outside the grammar.
    """

    _esm = bundle("lab/lab.js")
    _css = style("widget.css", "lab.css")
    _engine = traitlets.Unicode(bundle("engine/worker.js")).tag(sync=True)  # the script of its workers
    _world = traitlets.Dict().tag(sync=True)
    _guide = traitlets.Dict().tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, scene: Scene | None = None, text: str | None = None, *, state: str | None = None, **chosen: Any
    ) -> None:
        if state is not None and (scene, text, chosen) != (None, None, {}):
            raise ValueError("state must stand alone, it holds scene, text and all the rest")
        if state is not None:
            check_text("state", state)
        scene = scene or Scene(0, 1, 0, Thing("cat", "sitting", "red"), Thing("boat", "sailing", "blue"))
        text = captions(scene)[0] if text is None else meaning.normalise(text)
        state = link(scene, text, **chosen) if state is None else state
        colours = {"positive": palette(POSITIVE), "signed": palette(SIGNED)}
        super().__init__(_world=world(), _guide={"stops": stops(), "colours": colours, "page": False}, state=state)
        self.on_msg(self._answer)

    @traitlets.validate("state")
    def _valid(self, proposal):
        return link(**read(proposal["value"]))

    def _answer(self, _, asked, __):
        """The front end asks for the network."""
        packs.answer(self, asked, netpack.pack)

    @staticmethod
    def write(folder: str | Path) -> list[Path]:
        """Write the file that a page with a lab fetches when its trained network is asked: beside the page, or into the
        _static of a site made by Sphinx. Returns it, in a list."""
        return packs.write(folder, [netpack.NAME], netpack.pack)

    @property
    def scene(self) -> Scene:
        """The Scene that is shown."""
        return read(self.state)["scene"]

    @property
    def text(self) -> str:
        """The text that is asked about."""
        return read(self.state)["text"]

    def html(self) -> str:
        """The lab as a piece of a page; without scripts, heat maps of the caption's words from the same denoiser."""
        text = self.text
        if not text or not all(meaning.possible(without(text, *unit[:2])) for unit in units(text, grammar.PHRASES)):
            text = captions(self.scene)[0]  # a fragment has words that cannot be asked about
        still = _still(self.scene, text)
        guide = self._guide | {"page": True}
        state = {"_engine": self._engine, "_world": self._world, "_guide": guide, "state": self.state}
        return piece(self, "lab", state, still.figure(), f"The lab needs scripts; maps of nats. {still!r}")

    def __repr__(self):
        return f"SceneLab(state={self.state!r})"

    def _repr_mimebundle_(self, **kwargs):
        live = super()._repr_mimebundle_(**kwargs) or {}
        data, metadata = live if isinstance(live, tuple) else (live, {})
        return data | {"text/plain": repr(self), "text/html": self.html()}, metadata


@lru_cache(maxsize=8)
def _still(scene, text):
    """Heat maps of a caption's words, for pages without scripts."""
    picture = render(scene)
    return HeatMaps(picture, word_maps(load("scenes"), picture, text))


def _pack(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


@cache
def world() -> dict:
    """What the lab's engine knows of the world, a dict for JSON: grammar, priors, sprites, proposal, flow."""
    exact, letters = ExactScenes(), dict[tuple, str]()

    def spell(slots):
        return "".join(letters.setdefault(slot, chr(97 + len(letters))) for slot in slots)

    ways = [(axis, slots, p) for ways in grammar.patterns().values() for (axis, slots), p in ways.items()]
    return {
        "size": sprites.SIZE,
        "sprite": sprites.SPRITE,
        "sky": sprites.SKY,
        "ground": sprites.GROUND,
        "places": list(sprites.PLACES.values()),
        "sprites": _pack(np.array([sprites.sprite(Thing(*thing))[0] for thing in grammar.OBJECTS])),
        "skies": _pack(np.array([sprites.sky(night)[0] for night in (0, 1)])),
        "mean": _pack(model.MEAN.numpy()),
        "scale": model.SCALE,
        "jitter": model.JITTER,
        "things": grammar.OBJECTS,
        "states": grammar.STATES,
        "colours": {name: "#{:02x}{:02x}{:02x}".format(*sprites.RGB[name]) for name in grammar.COLOURS},
        "nouns_prior": grammar.log_prior_nouns().exp().tolist(),
        "vocabulary": grammar.VOCABULARY,
        "relations": grammar.RELATIONS,
        "phrases": grammar.PHRASES,
        "apt": grammar.APT,
        "patterns": [[axis, spell(slots), p] for axis, slots, p in ways],
        "structures": [[axis, spell(slots)] for _, axis, slots in grammar.structures()],
        "slots": list(letters),
        "proposal": {"edges": exact.proposal.edges.tolist(), "masses": exact.proposal.masses.tolist()},
        "flow": exact.flow_range,
    }
