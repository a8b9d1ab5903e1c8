"""What the scene lab should say, by the package: for its tests in node and in a browser."""

import itertools
import math

import torch

import infodecomp as idc
from infodecomp.captions import without
from infodecomp.scenes import grammar, meaning


def engine_scene(scene):
    """A scene as the lab's engine takes it."""
    number = {thing: i for i, thing in enumerate(grammar.OBJECTS)}
    values = (*scene[:3], number[scene.first], number[scene.second])
    return dict(zip(("axis", "far", "night", "first", "second"), values, strict=True))


def mixture(texts, weights):
    """Readings of Σ weights · p(text | scene), as one condition of the exact denoiser."""
    model, rows = idc.load("scenes"), []
    for text, weight in zip(texts, weights, strict=True):
        row = model.condition(text)[0].clone()
        row[:, :4] *= weight
        rows.append(row)
    return torch.cat(rows)[None]


def orders(text):
    """The texts of the grammar with the same words: each pattern of the same classes, each filling."""
    words, found = text.split(), set()
    for names in grammar.patterns():
        if sorted(names) == sorted(grammar.CLASS[w] for w in words):
            of = {name: [w for w in words if grammar.CLASS[w] == name] for name in set(names)}
            for filling in itertools.product(*(set(itertools.permutations(of[name])) for name in of)):
                left = {name: list(fill) for name, fill in zip(of, filling, strict=True)}
                found.add(" ".join(left[name].pop(0) for name in names))
    return sorted(t for t in found if meaning.possible(t))


def asked(text, question, place):
    """(y, given) as conditions of Python's exact denoiser."""
    start, stop, word = place
    if question == "order":
        texts = orders(text)
        return text, mixture(texts, [1.0] * len(texts))
    if question == "against":
        found = idc.scenes.alternatives(text, start)
        own = [p / math.exp(meaning.log_likelihoods(t)[1]) for t, p in zip(found.conditions, found.prior, strict=True)]
        return text, mixture(found.conditions, own)
    given = {"caption": None, "MI": None, "CMI": without(text, start, stop)}[question]
    return (word if question == "MI" else text), given


def log_prob(scene, condition):
    """log p(scene | text or mixture), by counting."""
    if not isinstance(condition, torch.Tensor):
        return idc.scenes.log_prob(scene, condition or "")
    layout, sky, things = condition[0].split([4, 2, 128], 1)
    rows = meaning.Readings(layout.reshape(-1, 2, 2), sky, things.reshape(-1, 2, 64))
    joint = rows.likelihood(*grammar.indices()) * grammar.log_prior().exp()
    return math.log(joint[grammar.position(scene)] / joint.sum())
