"""The world and its language: one joint distribution p(scene) · p(caption | scene) · p(fragment | caption).

A scene has a first object (left or top) and a second (right or bottom) of another noun, each in one of two states and
four colours, near or far from each other, by day or by night. A caption names one object, the relation and the other
object; states, an adverb and two clauses about the sky are optional. A reader sees a fragment: the whole caption, the
caption without a word or phrase, a bare word, or nothing. A text means the posterior over scenes (see meaning.py).
"""

import math
from functools import cache
from itertools import product
from typing import NamedTuple, TypeAlias

import torch

from ..checks import whole as check_whole

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
PHRASES = ("left of", "right of")  # count as one word
FUNCTION = ("the", "of", "by", "under")  # carry no information when they stand alone

NIGHT = {"owl": 1.6, "cat": 1.2, "bird": 0.4, "flower": 0.8}  # weight of a noun by night; by day it is 2 − this
APT = 0.8  # probability that the adverb fits the distance: "far" is a vague word
MENTION = 0.5  # probability of each optional part: either state, the adverb, "by night", "under the moon"
KINDS = {"whole": 0.4, "drop": 0.35, "bare": 0.14, "function": 0.01, "nothing": 0.1}  # of fragments


class Thing(NamedTuple):
    """An object of a scene, such as ("cat", "sitting", "red")."""

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

AT_NIGHT = [NIGHT.get(noun, 1.0) for noun in NOUNS]
PREFERENCE = torch.tensor([[2 - weight for weight in AT_NIGHT], AT_NIGHT], dtype=torch.float64)


@cache
def log_prior_nouns() -> torch.Tensor:
    """log p(night, noun of first, noun of second), (2, 8, 8); −inf on the diagonal."""
    weight = PREFERENCE[:, :, None] * PREFERENCE[:, None, :] * (1 - torch.eye(len(NOUNS)))
    return (weight / weight.sum((1, 2), keepdim=True) / 2).log()


@cache
def scenes() -> tuple[Scene, ...]:
    """All 28,672 scenes, a tuple of Scene."""
    pairs = [(a, b) for a in OBJECTS for b in OBJECTS if a[0] != b[0]]
    layouts = list(product((0, 1), (0, 1), (0, 1)))
    return tuple(Scene(*layout, Thing(*a), Thing(*b)) for layout in layouts for a, b in pairs)


@cache
def indices() -> torch.Tensor:
    """(5, number of scenes) long: axis, far, night, and the numbers of first and second among OBJECTS."""
    number = {thing: i for i, thing in enumerate(OBJECTS)}
    return torch.tensor([(s.axis, s.far, s.night, number[s.first], number[s.second]) for s in scenes()]).T


@cache
def log_prior() -> torch.Tensor:
    """log p(scene), (number of scenes,)."""
    _, _, night, first, second = indices()
    return log_prior_nouns()[night, first // 8, second // 8] - math.log(4 * 8 * 8)


@cache
def _position():
    return {scene: i for i, scene in enumerate(scenes())}


def position(scene: Scene) -> int:
    """The position of a scene in scenes(). Raises ValueError for anything that is no scene."""
    if not isinstance(scene, tuple) or scene not in _position():
        raise ValueError(f"scene must be one of infodecomp.scenes.scenes(), got {scene!r:.80}")
    return _position()[scene]


# ---- p(caption | scene) and p(fragment | caption), in terms of slots ----
# A slot is (name, object), with object 0 for the subject, 1 for the other object and None for all other slots. The
# relation is one slot or two: ("vertical", None), or ("side", None) and ("of", None). A function word on its own is the
# slot (word, "alone").

Slot: TypeAlias = tuple[str, int | str | None]
Slots: TypeAlias = tuple[Slot, ...]
SIDE: list[Slot] = [("side", None), ("of", None)]
VERTICAL: list[Slot] = [("vertical", None)]


@cache
def structures() -> tuple[tuple[float, int, Slots], ...]:
    """((probability, axis, slots), …) of every form of a caption; the probabilities of an axis sum to 1."""
    found = []
    for mentioned in product((False, True), repeat=5):
        probability = math.prod(MENTION if part else 1 - MENTION for part in mentioned)
        state0, state1, adverb, time, light = mentioned
        for axis, relation in enumerate((SIDE, VERTICAL)):
            slots: list[Slot] = []
            for k, state in enumerate((state0, state1)):
                slots += [("the", None), *[("state", k)] * state, ("colour", k), ("noun", k)]
                if k == 0:
                    slots += [*[("adverb", None)] * adverb, *relation]
            slots += [("by", None), ("time", None)] * time
            slots += [("under", None), ("the", None), ("light", None)] * light
            found.append((probability, axis, tuple(slots)))
    return tuple(found)


def fragments(slots: Slots) -> list[tuple[float, Slots]]:
    """[(probability, slots that stay)]: all, none, all but one piece (a word or a phrase), or one word."""
    names = [name for name, _ in slots]
    phrases = [("by", "time"), ("under", "the", "light"), ("side", "of")]
    pieces: list[tuple[int, ...]] = [(i,) for i, name in enumerate(names) if name not in ("side", "of", "vertical")]
    relation = next(i for i, name in enumerate(names) if name in ("side", "vertical"))
    if names[relation] == "side":
        pieces += [(relation,), (relation + 1,)]  # "left" and "of"; "left of" is among the phrases
    else:  # two pieces that are empty, so that "above" is dropped as often as "left of": its absence hides the axis
        pieces += [(), (), (relation,)]
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


VOCABULARY: dict[str, tuple[str, ...]] = {
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
def patterns() -> dict[tuple[str, ...], dict[tuple[int | None, Slots], float]]:
    """{classes of a text's words: {(axis or None, slots): probability}}: every way to read a text, given the axis.

    axis None: the slots are the same for both axes and equally likely; they are counted once.
    """
    table: dict[tuple[str, ...], dict[tuple[int | None, Slots], float]] = {}
    for probability, axis, slots in structures():
        for share, kept in fragments(slots):
            shown = axis if {*SIDE, *VERTICAL} & set(kept) else None
            if shown is None and axis == 1:
                continue
            ways = table.setdefault(tuple(name for name, _ in kept), {})
            ways[shown, kept] = ways.get((shown, kept), 0.0) + probability * share
    return table


# ---- scenes with captions and fragments ----


def _say(scene, slot, order, adverb):
    """The word of a slot, true of the scene; order 0 if the subject is the first object; the adverb is given."""
    name, k = slot
    if k in (0, 1):
        return getattr(scene[3 + (k ^ order)], name)
    if name in ("side", "vertical"):
        return next(text for text, place in RELATIONS.items() if place == (scene.axis, order)).split()[0]
    return {"adverb": adverb, "time": TIMES[scene.night], "light": LIGHTS[scene.night]}.get(name, name)


def captions(scene: Scene) -> list[str]:
    """Every caption of a scene, shortest first, in both orders; adverbs that fit come before those that do not."""
    position(scene)  # raises ValueError for what is no scene
    found = []
    for _, axis, slots in structures():
        for fits in (True, False) if ("adverb", None) in slots else (True,):
            adverb = ADVERBS[scene.far if fits else 1 - scene.far]
            for order in (0, 1) if axis == scene.axis else ():
                found.append((len(slots), not fits, " ".join(_say(scene, slot, order, adverb) for slot in slots)))
    return [text for _, _, text in sorted(found, key=lambda f: f[:2])]


def sample(count: int, seed: int = 0) -> tuple[list[Scene], list[str], list[str]]:
    """Draw from the joint distribution: lists of count scenes, their fragments, and the captions these are cut from."""
    count, seed = check_whole("count", count, 1), check_whole("seed", seed, 0)
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.multinomial(log_prior().exp(), count, replacement=True, generator=generator).tolist()
    drawn = torch.rand(count, 4, dtype=torch.float64, generator=generator).tolist()
    found, texts, whole = [], [], []
    for i, (u_structure, u_fragment, u_order, u_adverb) in zip(chosen, drawn, strict=True):
        scene = scenes()[i]
        forms = [(probability, slots) for probability, axis, slots in structures() if axis == scene.axis]
        slots, order = _pick(forms, u_structure), int(u_order < 0.5)
        adverb = ADVERBS[scene.far ^ (u_adverb >= APT)]
        say = {slot: _say(scene, slot, order, adverb) for slot in slots}
        kept = _pick(fragments(slots), u_fragment)
        found.append(scene)
        texts.append(" ".join(say.get(slot, slot[0]) for slot in kept))
        whole.append(" ".join(say[slot] for slot in slots))
    return found, texts, whole


def _pick(choices, u):
    """The choice of [(probability, choice), …] where the cumulated probability exceeds u."""
    for probability, choice in choices:
        u -= probability
        if u < 0:
            return choice
    return choices[-1][1]
