"""The scene lab: a page that computes information itself, by the exact denoiser of the scenes, live in the browser."""

import base64
from functools import cache, lru_cache
from urllib.parse import parse_qs, urlencode

import anywidget
import numpy as np
import traitlets

from ..pipeline import load
from ..plot import POSITIVE, SIGNED
from ..scenes import ExactScenes, captions, grammar, information, meaning, model, render, sprites
from ..scenes.grammar import Scene, Thing
from ..words import units, without, word_maps
from .heatmaps import HeatMaps
from .page import bundle, palette, piece, style

LAYOUTS = {"beside-near": (0, 0), "beside-far": (0, 1), "stacked-near": (1, 0), "stacked-far": (1, 1)}
QUESTIONS, KINDS = ("caption", "MI", "CMI", "against", "order"), ("orthogonal", "standard")
NAMES = ("layout", "sky", "first", "second", "text", "word", "question", "kind", "seed", "logsnr")


class SceneLab(anywidget.AnyWidget):
    """The scenes as a laboratory: compose one, edit its caption, and see exact nats, estimates and maps converge.

    scene: a Scene of infodecomp.scenes; None: one of its own. text: a text of the grammar, of this scene or not; None:
    its shortest caption. word: one of the text's ("left of" is one), or its position. question: "caption" (against
    nothing), "MI" (the word alone), "CMI" (the word after the rest), "against" (the word's alternatives) or "order"
    (the same words in any order). kind: "orthogonal" or "standard". seed: of the noise. logsnr: of the noisy picture,
    −16 to 8. Everything is computed where the lab is shown, by the exact denoiser, without kernel and network.

    state: all of that as one str, in step with the front end, and what a link to the lab ends in; SceneLab(state=…)
    restores it. .scene and .text read it. Raises ValueError for what is none of these, and texts outside the grammar.
    """

    _esm = bundle("lab/lab.js")
    _css = style("widget.css", "lab.css")
    _engine = traitlets.Unicode(bundle("engine/worker.js")).tag(sync=True)  # the script of its workers
    _world = traitlets.Dict().tag(sync=True)
    _guide = traitlets.Dict().tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)

    def __init__(self, scene=None, text=None, *, state=None, **chosen):
        if state is not None and (scene, text, chosen) != (None, None, {}):
            raise ValueError("state must stand alone, it holds scene, text and all the rest")
        scene = scene or Scene(0, 1, 0, Thing("cat", "sitting", "red"), Thing("boat", "sailing", "blue"))
        text = captions(scene)[0] if text is None else meaning.normalise(text)
        state = link(scene, text, **chosen) if state is None else state
        colours = {"positive": palette(POSITIVE), "signed": palette(SIGNED)}
        super().__init__(_world=world(), _guide={"stops": stops(), "colours": colours, "page": False}, state=state)

    @traitlets.validate("state")
    def _valid(self, proposal):
        return link(**read(proposal["value"]))

    @property
    def scene(self):
        """The Scene that is shown."""
        return read(self.state)["scene"]

    @property
    def text(self):
        """The text that is asked about."""
        return read(self.state)["text"]

    def html(self):
        """The lab as a piece of a page; without scripts, heat maps of the caption's words from the same denoiser."""
        text = self.text
        if not text or not all(meaning.possible(without(text, *unit[:2])) for unit in units(text, grammar.PHRASES)):
            text = captions(self.scene)[0]  # a fragment has words that cannot be asked about
        still = _still(self.scene, text)
        state = {"_engine": self._engine, "_world": self._world, "_guide": self._guide | {"page": True}, "state": self.state}
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


def link(scene, text, word=0, question="caption", kind="orthogonal", seed=0, logsnr=-5.0):
    """The state of a lab as one str; word may be the word itself, where it first stands."""
    said = [unit[2] for unit in units(text, grammar.PHRASES)]
    if isinstance(word, str) and word not in said:
        raise ValueError(f"word must be one of {said}, got {word!r:.60}")
    word = said.index(word) if isinstance(word, str) else word
    layout = next((name for name, place in LAYOUTS.items() if place == scene[:2]), None)
    things = [f"{t.state} {t.colour} {t.noun}" for t in scene[3:]]
    logsnr = int(logsnr) if isinstance(logsnr, float) and logsnr.is_integer() else logsnr  # as JavaScript writes it
    values = layout, grammar.TIMES[scene.night], *things, text, word, question, kind, seed, logsnr
    return urlencode(dict(zip(NAMES, values, strict=True)))


def read(state):
    """{scene, text, word, question, kind, seed, logsnr} of a state. Raises ValueError, naming what is wrong."""
    told = {name: values[-1] for name, values in parse_qs(state, keep_blank_values=True).items()}
    if set(told) != set(NAMES):
        raise ValueError(f"state must have exactly {', '.join(NAMES)}, got {', '.join(told) or 'none of them'}")

    def check(name, value, good, accepted):
        if not good:
            raise ValueError(f"{name} must be {accepted}, got {value!r:.80}")
        return value

    layout = check("layout", told["layout"], told["layout"] in LAYOUTS, f"one of {', '.join(LAYOUTS)}")
    sky = check("sky", told["sky"], told["sky"] in grammar.TIMES, "day or night")
    things = [told[name].split() for name in ("first", "second")]
    things = [Thing(t[-1], *t[:-1]) if len(t) == 3 else None for t in things]
    scene = Scene(*LAYOUTS[layout], grammar.TIMES.index(sky), *things)
    grammar.position(scene)
    text = meaning.normalise(told["text"])
    meaning.read(text)
    count = max(1, len(units(text, grammar.PHRASES)))
    word, seed = (int(told[n]) if told[n].isdecimal() else -1 for n in ("word", "seed"))
    check("word", told["word"], 0 <= word < count, f"a position below {count}")
    check("seed", told["seed"], 0 <= seed < 2**32, "a whole number from 0 to 2³² − 1")
    check("question", told["question"], told["question"] in QUESTIONS, f"one of {', '.join(QUESTIONS)}")
    check("kind", told["kind"], told["kind"] in KINDS, f"one of {', '.join(KINDS)}")
    try:
        logsnr = float(told["logsnr"])
    except ValueError:
        logsnr = np.nan
    check("logsnr", told["logsnr"], -16 <= logsnr <= 8, "a number from −16 to 8")
    chosen = {"word": word, "question": told["question"], "kind": told["kind"], "seed": seed, "logsnr": logsnr}
    return {"scene": scene, "text": text} | chosen


@cache
def stops():
    """The guided stops: [{title, sentence, question, answer, state}], every number computed here, exactly."""
    cat, boat, owl = Thing("cat", "sitting", "red"), Thing("boat", "sailing", "blue"), Thing("owl", "flying", "purple")
    day, night, tower = Scene(0, 1, 0, cat, boat), Scene(0, 1, 1, owl, cat), Scene(1, 1, 0, cat, boat)
    plain, above = "the red cat left of the blue boat", "the red cat above the blue boat"
    twice, less = (f"the purple owl left of the red cat by night under the {w}".strip() for w in ("moon", ""))
    wrong, sideless = plain.replace("red", "green"), "the red cat the blue boat"
    nats = lambda *a: f"{information(*a):.3f}".replace("-", "−")  # noqa: E731
    exact = ExactScenes()
    x = exact.encode(render(day)).double()
    misfit = (exact.log_prob(x, wrong) - exact.log_prob(x, "the cat left of the blue boat")).item()
    told = [
        (
            "A colour’s ln 4",
            "The caption says all but the state of things; the chosen word is “red”, after all the others.",
            "Four colours were possible and equally likely: how many nats must the word tell, and on which pixels?",
            f"ln 4 = {nats(day, plain, 'the cat left of the blue boat')} nats, on the cat alone, and only where its"
            " colour shows: eyes and ground are the same in all four.",
            link(day, plain, "red", "CMI", logsnr=-6.0),
        ),
        (
            "The redundant word",
            "This caption says the night twice: “by night under the moon”.",
            "What does “moon” tell alone, and what after the rest? Switch the question between the two.",
            f"Alone {nats(night, 'moon')} = ln 2 nats, all over the sky; after “by night”"
            f" {nats(night, twice, less)}. What two words both tell counts once in the caption.",
            link(night, twice, "moon", "MI", logsnr=-6.0),
        ),
        (
            "The ghosts of a relation",
            "“Above” moves no colour and names no thing, but it decides where things are.",
            "Why does its map show a cat and a boat also where there are none?",
            "Without the word the denoiser believes a little in every place where cat and boat could stand. The word"
            f" takes those ghosts away: {nats(tower, above, sideless)} = ln 4 nats, for four relations.",
            link(tower, above, "above", "CMI", logsnr=-6.0),
        ),
        (
            "A caption that does not fit",
            "The cat is red; the caption says “green”.",
            "What will iˢ and i° say of “green”? One of them cannot be trusted as a score of fit.",
            "By counting, the word is infinitely wrong; of pictures blurred by the world’s 0.1 it tells"
            f" {misfit:,.0f} nats, and iˢ converges there, slowly: few draws carry it. i° is a mean of squares: it is"
            " large and positive. It measures how far the word moves the denoiser, not whether it should.".replace(
                "-", "−"
            ),
            link(day, wrong, "green", "CMI", "standard", logsnr=4.0),
        ),
        (
            "Synergy",
            "“Left of” alone says that two things stand side by side, not one above the other.",
            "After all the other words it tells more than alone. What, and how much?",
            f"Alone {nats(day, 'left of')} = ln 2, after the rest {nats(day, plain, sideless)} = ln 4: which of the two"
            " stands on the left is told by the relation and the nouns together, by neither without the other.",
            link(day, plain, "left of", "CMI", logsnr=-6.0),
        ),
        (
            "What an order-blind encoder cannot see",
            "A bag of words knows which words are there, not in which order. The question compares the caption with its"
            " own words in every order that the grammar allows.",
            "How much does the order tell here? And would “right” for “left” change anything for such an encoder?",
            f"{nats_of_order(day, plain):.3f} = ln 4 nats: whose colour is whose, who stands left. To the bag “left”"
            " and “right” are the same: each of its orders with the one has a twin with the other, of the same scene.",
            link(day, plain, "left of", "order", logsnr=-6.0),
        ),
    ]
    names = ("title", "sentence", "question", "answer", "state")
    return [dict(zip(names, stop, strict=True)) for stop in told]


def nats_of_order(scene, text):
    """What a caption of two colours and two nouns tells beyond its words in any order, exact nats."""
    words, found = text.split(), set()
    colours, nouns = ([w for w in words if grammar.CLASS[w] == kind] for kind in ("colour", "noun"))
    for a in (colours, colours[::-1]):
        for b in (nouns, nouns[::-1]):
            swap = dict(zip(colours + nouns, a + b, strict=True))
            found.add(" ".join(swap.get(w, w) for w in words))
    joint = [meaning.log_likelihoods(t) for t in found]
    at = np.logaddexp.reduce([log_likelihood[grammar.position(scene)].item() for log_likelihood, _ in joint])
    bag = at - np.logaddexp.reduce([evidence for _, evidence in joint])
    return information(scene, text) - bag


def _pack(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


@cache
def world():
    """What the lab's engine knows of the world, a dict for JSON: grammar, priors, sprites, proposal, flow."""
    exact, letters = ExactScenes(), {}

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
