"""What a text means: the posterior over scenes, exact nats, the nearest text that means something, and alternatives."""

import math
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher, get_close_matches
from functools import lru_cache
from typing import NamedTuple

import torch

from ..captions import replace, units, without
from ..checks import shown
from ..estimates.alternatives import Alternatives
from .grammar import (
    ADVERBS,
    APT,
    CLASS,
    LIGHTS,
    OBJECTS,
    PHRASES,
    RELATIONS,
    TIMES,
    VOCABULARY,
    Scene,
    indices,
    log_prior,
    patterns,
    position,
)

# ---- p(text | scene) as a short sum of products, for which sums over scenes factor ----


def classes(text: str) -> tuple[str, ...]:
    """The classes of a text's words, "" of an unknown word."""
    return tuple(CLASS.get(word, "") for word in text.split())


class Readings(NamedTuple):
    """p(text | scene) = Σ_r layout[r, axis, far] · sky[r, night] · things[r, 0, first] · things[r, 1, second].

    layout (R, 2, 2), sky (R, 2), things (R, 2, 64); objects are numbered as in OBJECTS.
    """

    layout: torch.Tensor
    sky: torch.Tensor
    things: torch.Tensor

    def likelihood(
        self, axis: torch.Tensor, far: torch.Tensor, night: torch.Tensor, first: torch.Tensor, second: torch.Tensor
    ) -> torch.Tensor:
        """p(text | scene) of scenes given by their five indices (see `indices`), each (n,)."""
        things = self.things[:, 0, first] * self.things[:, 1, second]
        return (self.layout[:, axis, far] * self.sky[:, night] * things).sum(0)


def _reading(axis, order, slots, words):
    """One factorised reading, flat (134,). order: as in _orders."""
    layout, sky, things = (torch.ones(shape, dtype=torch.float64) for shape in ((2, 2), (2,), (2, len(OBJECTS))))
    if axis is not None:
        layout[1 - axis] = 0
    for (name, thing), word in zip(slots, words, strict=True):
        if name == "adverb":
            layout *= torch.tensor([APT if w == word else 1 - APT for w in ADVERBS], dtype=torch.float64)
        elif name in ("time", "light"):
            sky[1 - (TIMES + LIGHTS).index(word) % 2] = 0
        elif thing in (0, 1):
            things[thing ^ order] *= torch.tensor([word in parts for parts in OBJECTS])
    return torch.cat([layout.flatten(), sky, things.flatten()])


def _orders(words):
    """The orders in which the objects may be named: one if there is a relation (left, right, above, below), else both.

    0: the subject is the scene's first object; 1: its second.
    """
    named = [order for relation, (_, order) in RELATIONS.items() if relation.split()[0] in words]
    return named or [0, 1]


@lru_cache(maxsize=16384)
def readings(text: str) -> Readings:
    """The Readings of a normalised text, equal ones added up; none (R = 0) if its words have no pattern."""
    words = tuple(text.split())
    ways = patterns().get(classes(text), {})
    weights: dict[tuple[float, ...], float] = {}
    for (axis, slots), probability in ways.items():
        for order in _orders(words):
            key = tuple(_reading(axis, order, slots, words).tolist())
            weights[key] = weights.get(key, 0.0) + probability / 2
    rows = torch.tensor(list(weights), dtype=torch.float64).reshape(-1, 6 + 2 * len(OBJECTS))
    rows[:, :4] *= torch.tensor(list(weights.values()), dtype=torch.float64)[:, None]
    return Readings(rows[:, :4].reshape(-1, 2, 2), rows[:, 4:6], rows[:, 6:].reshape(-1, 2, len(OBJECTS)))


@lru_cache(maxsize=256)  # a quarter of a megabyte each
def log_likelihoods(text: str) -> tuple[torch.Tensor, float]:
    """log p(text | scene) of all scenes, and log p(text)."""
    log_likelihood = readings(text).likelihood(*indices()).log()
    return log_likelihood, (log_likelihood + log_prior()).logsumexp(0).item()


# ---- texts inside the grammar and outside ----


def normalise(text: object) -> str:
    """Lower case, single spaces, no commas, no full stop at the end. Raises ValueError for anything but a str."""
    if not isinstance(text, str):
        raise ValueError(f"a text must be a str, got {shown(text)}")
    return " ".join(text.lower().replace(",", " ").removesuffix(".").split())


def possible(text: str) -> bool:
    """Whether the grammar can make the (normalised) text of some scene."""
    if classes(text) not in patterns():
        return False
    return log_likelihoods(text)[1] > -math.inf


def read(text: str) -> Readings:
    """The Readings of a text. Raises ValueError, naming the nearest text of the grammar, for one outside it."""
    text = normalise(text)
    if not possible(text):
        raise ValueError(f"text must be one the grammar can make; nearest to {text!r:.200} is {nearest(text)!r}")
    return readings(text)


def nearest(text: str) -> str:
    """A text of the grammar that differs from the given one in few words."""
    words = [(get_close_matches(word, CLASS, 1, 0.7) or [word])[0] for word in normalise(text).split()]
    words = [word for word in words if word in CLASS]
    for edited in _edits(words):
        if possible(edited):
            return edited
    classes = [CLASS[word] for word in words]
    pattern = min(patterns(), key=lambda pattern: _distance(classes, pattern)[0])
    _, origin = _distance(classes, pattern)
    filled = [words[i] if i is not None else VOCABULARY[name][0] for name, i in zip(pattern, origin, strict=True)]
    return next((edited for edited in _edits(filled) if possible(edited)), "")


def _edits(words: list[str]) -> Iterator[str]:
    """The words as they are; then with one of them replaced by another of its class, left out, or added."""
    text = " ".join(words)
    yield text
    for i, word in enumerate(words):
        for other in VOCABULARY[CLASS[word]]:
            yield replace(text, i, i + 1, other)
    for i in range(len(words)):
        yield without(text, i, i + 1)
    for i in range(len(words) + 1):
        for other in CLASS:
            yield " ".join([*words[:i], other, *words[i:]])


def _distance(classes: Sequence[str], pattern: Sequence[str]) -> tuple[int, list[int | None]]:
    """Fewest insertions and deletions from classes to pattern; for each place of pattern its place in classes."""
    origin: list[int | None] = [None] * len(pattern)
    for i, j, n in SequenceMatcher(None, classes, pattern, autojunk=False).get_matching_blocks():
        origin[j : j + n] = range(i, i + n)
    kept = len(pattern) - origin.count(None)
    return len(classes) + len(pattern) - 2 * kept, origin


# ---- exact information ----


def log_prob(scene: Scene, text: str = "") -> float:
    """log p(scene | text) in nats; −inf for a text that does not fit. ValueError outside the grammar."""
    i, text = position(scene), normalise(text)
    read(text)
    log_likelihood, log_evidence = log_likelihoods(text)
    return (log_likelihood[i] + log_prior()[i]).item() - log_evidence


def log_likelihood(scene: Scene, text: str) -> float:
    """log p(text | scene) in nats: how likely the caption of this scene, or a fragment of it, is exactly this text."""
    read(text)
    return log_likelihoods(normalise(text))[0][position(scene)].item()


def information(scene: Scene, y: str, given: str = "") -> float:
    """i(scene; y | given) = log p(scene | y) − log p(scene | given), exact nats. y includes the context."""
    return log_prob(scene, y) - log_prob(scene, given)


def posterior(text: str = "") -> torch.Tensor:
    """p(scene | text) of all scenes, (number of scenes,) float64."""
    read(text)
    log_likelihood, log_evidence = log_likelihoods(normalise(text))
    return (log_likelihood + log_prior() - log_evidence).exp()


def alternatives(caption: str, word: str | int) -> Alternatives:
    """The captions in which a word or phrase is replaced by others of its kind, itself included: an Alternatives.

    word: a word, "left of" or "right of", or its position in caption.split() if it stands there twice. The prior is the
    grammar's, p(caption); the four relations are alternatives of each other. A word that another one implies (night
    beside moon) or without others of its kind (the) has one alternative. ValueError unless the word is there once.
    """
    caption = normalise(caption)
    read(caption)
    places = [unit for unit in units(caption, PHRASES) if word in (unit[0], unit[2]) and not isinstance(word, bool)]
    if len(places) != 1:
        raise ValueError(f"word must stand once in {caption!r}, or be a position, got {shown(word)}")
    ((start, stop, text),) = places
    others = tuple(RELATIONS) if text in RELATIONS else VOCABULARY[CLASS[text]]
    found = [replace(caption, start, stop, other) for other in others]
    found = [text for text in found if possible(text)]
    # p(caption): p(text) also counts the empty pieces of grammar.fragments, which leave a caption with "above" whole
    prior = [math.exp(log_likelihoods(text)[1]) / readings(text).layout.max().item() for text in found]
    return Alternatives(found, torch.tensor(prior, dtype=torch.float64))
