"""Captions of the world with deliberate changes: things swapped, the order of the objects turned, words shuffled."""

import random

from .grammar import CLASS
from .meaning import possible

OPPOSITE = {"left": "right", "right": "left", "above": "below", "below": "above"}


def places(words: list[str], *names: str) -> list[int]:
    """The positions of the words of these classes ("noun", "colour", …)."""
    return [i for i, word in enumerate(words) if CLASS[word] in names]


def swaps(caption: str) -> list[str]:
    """The caption with one thing swapped: the relation, the colours, the nouns (with their states)."""
    words = caption.split()
    (first_colour, second_colour), (first_noun, second_noun) = places(words, "colour"), places(words, "noun")
    colours = {first_colour: words[second_colour], second_colour: words[first_colour]}
    first_state, second_state = (
        [w for w in words[colour - 2 : colour] if CLASS[w] == "state"] for colour in (first_colour, second_colour)
    )
    between = words[first_noun + 1 : second_colour - len(second_state)]
    subject = ["the", *second_state, words[first_colour], words[second_noun]]
    rest = [*first_state, words[second_colour], words[first_noun], *words[second_noun + 1 :]]
    relation = [OPPOSITE.get(word, word) for word in words]
    recoloured = [colours.get(k, word) for k, word in enumerate(words)]
    return [" ".join(text) for text in (relation, recoloured, [*subject, *between, *rest])]


def other_adverb(caption: str) -> str:
    """The caption with "just" for "far" or "far" for "just"; unchanged if it has neither."""
    return " ".join({"just": "far", "far": "just"}.get(word, word) for word in caption.split())


def states(caption: str) -> str | None:
    """The caption with the states exchanged, if the nouns cannot have them ("the anchored red cat"), else None."""
    words = caption.split()
    colours = places(words, "colour")
    exchanged = {}
    for own, other in zip(colours, reversed(colours), strict=True):
        exchanged[own] = [word for word in words[other - 1 : other] if CLASS[word] == "state"]
    kept = [(k, word) for k, word in enumerate(words) if CLASS[word] != "state"]
    changed = " ".join(" ".join([*exchanged.get(k, []), word]) for k, word in kept)
    return None if changed == caption or possible(changed) else changed


def turned(caption: str) -> str:
    """The same scene described from the other object: a caption that fits and reads like any other."""
    words = caption.split()
    first_noun, second_noun = places(words, "noun")
    second_the = max(k for k in places(words, "the") if k < second_noun)
    relation = [OPPOSITE.get(word, word) for word in words[first_noun + 1 : second_the]]
    first, second = words[: first_noun + 1], words[second_the : second_noun + 1]
    return " ".join([*second, *relation, *first, *words[second_noun + 1 :]])


def mixed(words: list, groups: list[list[int]], generator: random.Random) -> list:
    """The words with each group of positions shuffled; the order changes if one of 64 shuffles changes it."""
    for _ in range(64):
        origin = {k: o for group in groups for k, o in zip(group, generator.sample(group, len(group)), strict=True)}
        found = [words[origin.get(k, k)] for k in range(len(words))]
        if found != words:
            return found
    return words


def shuffles(words: list[str], generator: random.Random) -> list[list[str]]:
    """ARO's four perturbations as lists of words; colours and states count as adjectives."""
    nouns, adjectives = places(words, "noun"), places(words, "colour", "state")
    others = [k for k in range(len(words)) if k not in (*nouns, *adjectives)]
    trigrams = [list(range(k, min(k + 3, len(words)))) for k in range(0, len(words), 3)]
    order = mixed(list(range(len(trigrams))), [list(range(len(trigrams)))], generator)
    inside = [mixed(words, groups, generator) for groups in ([nouns, adjectives], [others], trigrams)]
    return [*inside, [words[k] for i in order for k in trigrams[i]]]
