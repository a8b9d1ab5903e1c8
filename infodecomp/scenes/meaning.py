"""What a text means: the posterior over scenes, exact nats, the nearest text that means something, and alternatives."""

import math
from difflib import SequenceMatcher, get_close_matches
from functools import lru_cache

import torch

from ..captions import units
from ..estimates.alternatives import Alternatives
from .grammar import (
    CLASS,
    PHRASES,
    RELATIONS,
    VOCABULARY,
    indices,
    log_prior,
    patterns,
    position,
    readings,
)


@lru_cache(maxsize=256)  # a quarter of a megabyte each
def log_likelihoods(text):
    """log p(text | scene) of all scenes, and log p(text)."""
    log_likelihood = readings(text).likelihood(*indices()).log()
    return log_likelihood, (log_likelihood + log_prior()).logsumexp(0).item()


def normalise(text):
    """Lower case, single spaces, no full stop at the end. Raises ValueError for what is no str."""
    if not isinstance(text, str):
        raise ValueError(f"a text must be a str, got {text!r:.60}")
    return " ".join(text.lower().replace(",", " ").removesuffix(".").split())


def possible(text):
    """Whether the grammar can make the (normalised) text of some scene."""
    if tuple(CLASS.get(word) for word in text.split()) not in patterns():
        return False
    return log_likelihoods(text)[1] > -math.inf


def read(text):
    """The Readings of a text. Raises ValueError, with the nearest text that has any, for one outside the grammar."""
    text = normalise(text)
    if not possible(text):
        raise ValueError(f"text must be one the grammar can make; nearest to {text!r:.200} is {nearest(text)!r}")
    return readings(text)


def nearest(text):
    """A text of the grammar, by few changes of words from any text; a wording that is there is kept where it can be."""
    words = [(get_close_matches(w, CLASS, 1, 0.7) or [w])[0] for w in normalise(text).split()]
    words = [w for w in words if w in CLASS]
    for text in _edits(words):
        if possible(text):
            return text
    classes = [CLASS[w] for w in words]
    pattern = min(patterns(), key=lambda p: _distance(classes, p)[0])
    said = iter(_distance(classes, pattern)[1])
    filled = [words[i] if i is not None else VOCABULARY[name][0] for name, i in zip(pattern, said, strict=True)]
    return next((t for t in _edits(filled) if possible(t)), "")


def _edits(words):
    """The words themselves, and with one of them changed for another of its class, left out, or put in."""
    yield " ".join(words)
    for i, word in enumerate(words):
        for other in VOCABULARY[CLASS[word]]:
            yield " ".join([*words[:i], other, *words[i + 1 :]])
    for i in range(len(words)):
        yield " ".join(words[:i] + words[i + 1 :])
    for i in range(len(words) + 1):
        for other in CLASS:
            yield " ".join([*words[:i], other, *words[i:]])


def _distance(classes, pattern):
    """Fewest insertions and deletions between two sequences, and for each place of pattern whose word stands there."""
    origin = [None] * len(pattern)
    for i, j, n in SequenceMatcher(None, classes, pattern, autojunk=False).get_matching_blocks():
        origin[j : j + n] = range(i, i + n)
    kept = len(pattern) - origin.count(None)
    return len(classes) + len(pattern) - 2 * kept, origin


# ---- what is asked ----


def log_prob(scene, text=""):
    """log p(scene | text) in nats, float; −inf for a text that does not fit. ValueError outside the grammar."""
    i, text = position(scene), normalise(text)
    read(text)
    log_likelihood, log_evidence = log_likelihoods(text)
    return (log_likelihood[i] + log_prior()[i]).item() - log_evidence


def log_likelihood(scene, text):
    """log p(text | scene) in nats, float: how likely this scene is described, or cut down, to exactly this text."""
    read(text)
    return log_likelihoods(normalise(text))[0][position(scene)].item()


def information(scene, y, given=""):
    """i(scene; y | given) = log p(scene | y) − log p(scene | given), exact nats. y holds the context, as everywhere."""
    return log_prob(scene, y) - log_prob(scene, given)


def posterior(text=""):
    """p(scene | text) of all scenes, (number of scenes,) float64."""
    read(text)
    log_likelihood, log_evidence = log_likelihoods(normalise(text))
    return (log_likelihood + log_prior() - log_evidence).exp()


def alternatives(caption, word):
    """The captions in which a word or phrase is replaced by others of its kind, itself included: an Alternatives.

    word: a word, "left of" or "right of", or its position in caption.split() where it stands twice. The prior is the
    grammar's, p(caption); the four relations are alternatives of each other. What another word implies (night beside
    moon) or what has no other (the) has one alternative. ValueError for a word that is not there or not unique.
    """
    caption = normalise(caption)
    read(caption)
    places = [u for u in units(caption, PHRASES) if word in (u[0], u[2]) and not isinstance(word, bool)]
    if len(places) != 1:
        raise ValueError(f"word must stand once in {caption!r}, or be a position, got {word!r}")
    ((start, stop, said),) = places
    words = caption.split()
    others = RELATIONS if said in RELATIONS else VOCABULARY[CLASS[said]]
    found = [" ".join([*words[:start], other, *words[stop:]]) for other in others]
    found = [text for text in found if possible(text)]
    # p(caption): a text's own probability is larger where a one-word relation had no word to lose and stayed whole
    prior = [math.exp(log_likelihoods(text)[1]) / readings(text).layout.max().item() for text in found]
    return Alternatives(found, torch.tensor(prior, dtype=torch.float64))
