"""Captions of the world changed on purpose: swapped, turned round, shuffled."""

from .grammar import CLASS
from .meaning import possible

OPPOSITE = {"left": "right", "right": "left", "above": "below", "below": "above"}


def places(words, *names):
    return [i for i, word in enumerate(words) if CLASS[word] in names]


def swaps(caption):
    """The caption with one thing swapped: relation, colours, nouns (with their states)."""
    words = caption.split()
    (first_colour, second_colour), (first_noun, second_noun) = places(words, "colour"), places(words, "noun")
    colours = {first_colour: words[second_colour], second_colour: words[first_colour]}
    first_state, second_state = (
        [w for w in words[colour - 2 : colour] if CLASS[w] == "state"] for colour in (first_colour, second_colour)
    )
    between = words[first_noun + 1 : second_colour - len(second_state)]
    subject = ["the", *second_state, words[first_colour], words[second_noun]]
    rest = [*first_state, words[second_colour], words[first_noun], *words[second_noun + 1 :]]
    relation = [OPPOSITE.get(w, w) for w in words]
    recoloured = [colours.get(k, w) for k, w in enumerate(words)]
    return [" ".join(text) for text in (relation, recoloured, [*subject, *between, *rest])]


def other_adverb(caption):
    """The caption with "just" for "far" and the other way round; as it is where it has neither."""
    return " ".join({"just": "far", "far": "just"}.get(word, word) for word in caption.split())


def states(caption):
    """The states exchanged, where the nouns cannot have them ("the anchored red cat"), else None."""
    words, at = caption.split(), places(caption.split(), "colour")
    theirs = {c: [w for w in words[o - 1 : o] if CLASS[w] == "state"] for c, o in zip(at, at[::-1], strict=True)}
    changed = " ".join(w for k, v in enumerate(words) if CLASS[v] != "state" for w in [*theirs.get(k, []), v])
    return None if changed == caption or possible(changed) else changed


def turned(caption):
    """The same told from the other object: what fits, and reads like a caption."""
    words, (first, last) = caption.split(), places(caption.split(), "noun")
    start = max(k for k in places(words, "the") if k < last)
    middle = [OPPOSITE.get(w, w) for w in words[first + 1 : start]]
    return " ".join([*words[start : last + 1], *middle, *words[: first + 1], *words[last + 1 :]])


def mixed(words, groups, generator):
    """The words with each group of positions shuffled, in another order wherever there is one."""
    for _ in range(64):
        origin = {k: o for group in groups for k, o in zip(group, generator.sample(group, len(group)), strict=True)}
        found = [words[origin.get(k, k)] for k in range(len(words))]
        if found != words:
            return found
    return words


def shuffles(words, generator):
    """ARO's four perturbations, lists of words, with colours and states for adjectives."""
    told = places(words, "noun"), places(words, "colour", "state")
    rest = [k for k in range(len(words)) if k not in [*told[0], *told[1]]]
    trigrams = [list(range(k, min(k + 3, len(words)))) for k in range(0, len(words), 3)]
    order = mixed(list(range(len(trigrams))), [list(range(len(trigrams)))], generator)
    inside = [mixed(words, groups, generator) for groups in (told, [rest], trigrams)]
    return [*inside, [words[k] for i in order for k in trigrams[i]]]
