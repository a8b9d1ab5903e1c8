"""A text-to-image world of 28,672 pictures in which every information is known: grammar, pictures, exact denoiser."""

from .grammar import Scene, Thing, captions, sample, scenes
from .grammar import scenes as pictures
from .meaning import alternatives, information, log_likelihood, log_prob, nearest, posterior
from .model import ExactScenes, ScenesModel
from .sprites import could_differ, mask, named, render, variations

__all__ = [
    "ExactScenes",
    "Scene",
    "ScenesModel",
    "Thing",
    "alternatives",
    "captions",
    "could_differ",
    "information",
    "log_likelihood",
    "log_prob",
    "mask",
    "named",
    "nearest",
    "pictures",
    "posterior",
    "render",
    "sample",
    "scenes",
    "variations",
]
