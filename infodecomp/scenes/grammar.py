"""The world and its language: one joint distribution p(scene) · p(caption | scene) · p(fragment | caption).

A scene has a first object (left or top) and a second (right or bottom) of another noun, each in one of two states and
four colours, near or far from each other, by day or by night. A caption names one object, the relation and the other
object; states, an adverb and two clauses about the sky may be said. What a reader gets to see is a fragment: the whole
caption, the caption less a word or phrase, a bare word, or nothing. A text means the posterior over scenes.
"""

import math
from collections import Counter
from functools import cache, lru_cache
from itertools import product
from typing import NamedTuple

import torch

STATES = {
    "cat": ("sitting", "sleeping"),
    "dog": ("sitting", "sleeping"),
    "owl": ("sitting", "flying"),
    "bird": ("sitting", "flying"),
    "fish": ("one", "two"),
    "sheep": ("one", "two"),
    "boat": ("anchored", "sailing"),
    "flower": ("wilting", "blooming"),
}
NOUNS, COLOURS = tuple(STATES), ("red", "blue", "green", "purple")
OBJECTS = tuple((noun, state, colour) for noun in NOUNS for state in STATES[noun] for colour in COLOURS)
RELATIONS = {"left of": (0, 0), "right of": (0, 1), "above": (1, 0), "below": (1, 1)}  # axis, subject: first or second
ADVERBS, TIMES, LIGHTS = ("just", "far"), ("day", "night"), ("sun", "moon")
PHRASES = ("left of", "right of")  # told and dropped as one word
FUNCTION = ("the", "of", "by", "under")  # tell nothing when they stand alone

NIGHT = {"owl": 1.6, "cat": 1.2, "bird": 0.4, "flower": 0.8}  # how much a noun prefers the night; by day it is 2 − this
APT = 0.8  # probability that the adverb fits the distance: "far" is a vague word
MENTION = 0.5  # probability of each optional part: either state, the adverb, "by night", "under the moon"
KINDS = {"whole": 0.4, "drop": 0.35, "bare": 0.14, "function": 0.01, "nothing": 0.1}  # of fragments


class Thing(NamedTuple):
    noun: str
    state: str
    colour: str


class Scene(NamedTuple):
    """first is left of (axis 0) or above (axis 1) second; far and night are 0 or 1."""

    axis: int
    far: int
    night: int
    first: Thing
    second: Thing


# ---- p(scene): uniform in axis, distance, time, states and colours; nouns differ, and some prefer the night ----

LIKES = [NIGHT.get(noun, 1.0) for noun in NOUNS]
PREFERENCE = torch.tensor([[2 - likes for likes in LIKES], LIKES], dtype=torch.float64)


@cache
def log_prior_nouns():
    """log p(night, noun of first, noun of second), (2, 8, 8); −inf on the diagonal."""
    weight = PREFERENCE[:, :, None] * PREFERENCE[:, None, :] * (1 - torch.eye(len(NOUNS)))
    return (weight / weight.sum((1, 2), keepdim=True) / 2).log()


@cache
def scenes():
    """All 28,672 scenes, a tuple of Scene."""
    pairs = [(a, b) for a in OBJECTS for b in OBJECTS if a[0] != b[0]]
    layouts = list(product((0, 1), (0, 1), (0, 1)))
    return tuple(Scene(*layout, Thing(*a), Thing(*b)) for layout in layouts for a, b in pairs)


@cache
def indices():
    """(5, number of scenes) long: axis, far, night, and the numbers of first and second among OBJECTS."""
    number = {thing: i for i, thing in enumerate(OBJECTS)}
    return torch.tensor([(s.axis, s.far, s.night, number[s.first], number[s.second]) for s in scenes()]).T


@cache
def log_prior():
    """log p(scene), (number of scenes,)."""
    _, _, night, first, second = indices()
    return log_prior_nouns()[night, first // 8, second // 8] - math.log(4 * 8 * 8)


@cache
def _position():
    return {scene: i for i, scene in enumerate(scenes())}


def position(scene):
    """Where a scene stands in scenes(). Raises ValueError for what is none."""
    if scene not in _position():
        raise ValueError(f"scene must be one of infodecomp.scenes.scenes(), got {scene!r:.80}")
    return _position()[scene]


# ---- p(caption | scene) and p(fragment | caption), in terms of slots ----
# A slot is (name, object) with object 0 for the subject, 1 for the other, None for the rest. A function word is a slot
# ("the", None). The relation is one slot or two, ("side", None) and ("of", None), or ("vertical", None).


@cache
def structures():
    """((probability, axis, slots), …) of all captions' forms; the probabilities of an axis sum to 1."""
    found = []
    for said in product((False, True), repeat=5):
        probability = math.prod(MENTION if yes else 1 - MENTION for yes in said)
        state0, state1, adverb, time, light = said
        for axis, relation in enumerate(([("side", None), ("of", None)], [("vertical", None)])):
            slots = []
            for k, state in enumerate((state0, state1)):
                slots += [("the", None), *[("state", k)] * state, ("colour", k), ("noun", k)]
                slots += [*[("adverb", None)] * adverb, *relation] if k == 0 else []
            slots += [("by", None), ("time", None)] * time
            slots += [("under", None), ("the", None), ("light", None)] * light
            found.append((probability, axis, tuple(slots)))
    return tuple(found)


def fragments(slots):
    """[(probability, slots that stay)]. A phrase counts as a piece; where "left" or "of" is not there, nothing goes.

    So a relation is dropped as often from a caption with "above" as from one with "left of", and an absence tells
    nothing about the axis.
    """
    names = [name for name, _ in slots]
    phrases = [("by", "time"), ("under", "the", "light"), ("side", "of")]
    pieces = [(i,) for i, name in enumerate(names) if name not in ("side", "of", "vertical")]
    relation = next(i for i, name in enumerate(names) if name in ("side", "vertical"))
    sides = names[relation] == "side"
    pieces += [(relation,), (relation + 1,)] if sides else [(), ()]
    pieces += [] if sides else [(relation,)]
    for phrase in phrases:
        starts = [i for i in range(len(names)) if tuple(names[i : i + len(phrase)]) == phrase]
        pieces += [tuple(range(i, i + len(phrase))) for i in starts]
    content = [i for i, name in enumerate(names) if name not in FUNCTION]
    bare = [tuple(range(i, i + 1 + (names[i] == "side"))) for i in content]
    found = [(KINDS["whole"], slots), (KINDS["nothing"], ())]
    found += [(KINDS["drop"] / len(pieces), _without(slots, piece)) for piece in pieces]
    found += [(KINDS["bare"] / len(bare), tuple(slots[i] for i in kept)) for kept in bare]
    return found + [(KINDS["function"] / len(FUNCTION), ((word, "alone"),)) for word in FUNCTION]


def _without(slots, piece):
    return tuple(slot for i, slot in enumerate(slots) if i not in piece)


VOCABULARY = {
    "noun": NOUNS,
    "colour": COLOURS,
    "state": tuple(dict.fromkeys(state for pair in STATES.values() for state in pair)),
    "adverb": ADVERBS,
    "side": ("left", "right"),
    "vertical": ("above", "below"),
    "time": TIMES,
    "light": LIGHTS,
} | {word: (word,) for word in FUNCTION}
CLASS = {word: name for name, words in VOCABULARY.items() for word in words}  # no word has two


@cache
def patterns():
    """{classes of a text's words: {(axis or None, slots): probability}}: every way to read a text, given the axis.

    axis None: nothing tells the axis, and both give this fragment with the same probability, counted once.
    """
    table = {}
    for probability, axis, slots in structures():
        for share, kept in fragments(slots):
            told = axis if {("side", None), ("of", None), ("vertical", None)} & set(kept) else None
            if told is None and axis == 1:
                continue
            ways = table.setdefault(tuple(name for name, _ in kept), Counter())
            ways[told, kept] += probability * share
    return table


# ---- p(text | scene) as a short sum of products, for which sums over scenes factor ----


class Readings(NamedTuple):
    """p(text | scene) = Σ_r layout[r, axis, far] · sky[r, night] · things[r, 0, first] · things[r, 1, second].

    layout (R, 2, 2), sky (R, 2), things (R, 2, 64); the numbers of objects are places in OBJECTS.
    """

    layout: torch.Tensor
    sky: torch.Tensor
    things: torch.Tensor

    def likelihood(self, axis, far, night, first, second):
        """p(text | scene) of scenes given by their five indices (see `indices`), each (n,)."""
        things = self.things[:, 0, first] * self.things[:, 1, second]
        return (self.layout[:, axis, far] * self.sky[:, night] * things).sum(0)


def _reading(axis, order, slots, words):
    """One factorised reading; order 0 if the subject is the scene's first object. Flat (134,)."""
    layout, sky, things = (torch.ones(shape, dtype=torch.float64) for shape in ((2, 2), (2,), (2, len(OBJECTS))))
    if axis is not None:
        layout[1 - axis] = 0
    for (name, k), word in zip(slots, words, strict=True):
        if name == "adverb":
            layout *= torch.tensor([APT if w == word else 1 - APT for w in ADVERBS], dtype=torch.float64)
        elif name in ("time", "light"):
            sky[1 - (TIMES + LIGHTS).index(word) % 2] = 0
        elif k in (0, 1):
            things[k ^ order] *= torch.tensor([word in thing for thing in OBJECTS])
    return torch.cat([layout.flatten(), sky, things.flatten()])


@lru_cache(maxsize=16384)
def readings(text):
    """The Readings of a normalised text, alike ones added up; none (R = 0) if its words have no pattern."""
    words = tuple(text.split())
    ways = patterns().get(tuple(CLASS.get(word) for word in words), {})
    weights = {}
    for (axis, slots), probability in ways.items():
        said = [w for w, (name, _) in zip(words, slots, strict=True) if name in ("side", "vertical")]
        said = {"left": "left of", "right": "right of"}.get(said[0], said[0]) if said else None
        for order in (RELATIONS[said][1],) if said else (0, 1):
            flat = _reading(axis, order, slots, words)
            key = tuple(flat.tolist())
            weights[key] = weights.get(key, 0.0) + probability / 2
    rows = torch.tensor(list(weights), dtype=torch.float64).reshape(-1, 6 + 2 * len(OBJECTS))
    rows[:, :4] *= torch.tensor(list(weights.values()), dtype=torch.float64)[:, None]
    return Readings(rows[:, :4].reshape(-1, 2, 2), rows[:, 4:6], rows[:, 6:].reshape(-1, 2, len(OBJECTS)))


def _say(scene, slot, order, adverb):
    """The word of a slot, true of the scene; order 0 if the subject is the first object; the adverb need not be apt."""
    name, k = slot
    if k in (0, 1):
        return getattr(scene[3 + (k ^ order)], name)
    if name in ("side", "vertical"):
        return next(r for r, told in RELATIONS.items() if told == (scene.axis, order)).split()[0]
    return {"adverb": adverb, "time": TIMES[scene.night], "light": LIGHTS[scene.night]}.get(name, name)


def captions(scene):
    """Every caption of a scene, a list of str: the shortest first; both orders, and adverbs that fit before others."""
    position(scene)
    found = []
    for _, axis, slots in structures():
        for fits in (True, False) if ("adverb", None) in slots else (True,):
            adverb = ADVERBS[scene.far if fits else 1 - scene.far]
            for order in (0, 1) if axis == scene.axis else ():
                found.append((len(slots), not fits, " ".join(_say(scene, slot, order, adverb) for slot in slots)))
    return [text for _, _, text in sorted(found, key=lambda f: f[:2])]


def sample(count, seed=0):
    """count independent pairs from the joint: (scene, fragment) lists, and the captions they were cut from."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.multinomial(log_prior().exp(), count, replacement=True, generator=generator).tolist()
    drawn = torch.rand(count, 4, dtype=torch.float64, generator=generator).tolist()
    pairs, texts, whole = [], [], []
    for i, (u_structure, u_fragment, u_order, u_adverb) in zip(chosen, drawn, strict=True):
        scene = scenes()[i]
        forms = [(p, slots) for p, axis, slots in structures() if axis == scene.axis]
        slots, order = _pick(forms, u_structure), int(u_order < 0.5)
        adverb = ADVERBS[scene.far ^ (u_adverb >= APT)]
        say = {slot: _say(scene, slot, order, adverb) for slot in slots}
        kept = _pick(fragments(slots), u_fragment)
        pairs.append(scene)
        texts.append(" ".join(say.get(slot, slot[0]) for slot in kept))
        whole.append(" ".join(say[slot] for slot in slots))
    return pairs, texts, whole


def _pick(choices, u):
    """The choice at the share u of [(probability, choice), …], whose probabilities sum to 1."""
    for probability, choice in choices:
        u -= probability
        if u < 0:
            return choice
    return choices[-1][1]
