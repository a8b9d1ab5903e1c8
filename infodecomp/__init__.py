"""Read what a diffusion model knows, in nats: densities, information and pixel maps from denoising errors."""

from . import bands, channel, denoiser, exact, flow, integrate, prune, scenes, vocabulary
from .estimates.alternatives import Alternatives
from .estimates.estimate import Estimate
from .estimates.information import Comparison, Posterior, compare, nll, pointwise_information, posterior
from .lights import matched_gap, shuffled_gap
from .loading import load
from .words import WordMaps, load_maps, word_maps

__version__ = "0.1.0"
__all__ = [
    "Alternatives",
    "Comparison",
    "EmojiLab",
    "Estimate",
    "HeatMaps",
    "Posterior",
    "SceneLab",
    "Sliders",
    "WordMaps",
    "bands",
    "channel",
    "compare",
    "denoiser",
    "exact",
    "flow",
    "integrate",
    "load",
    "load_maps",
    "matched_gap",
    "nll",
    "pointwise_information",
    "posterior",
    "prune",
    "scenes",
    "shuffled_gap",
    "vocabulary",
    "word_maps",
]


def __getattr__(name):
    if name in ("EmojiLab", "HeatMaps", "SceneLab", "Sliders"):  # on first use: their libraries are slow to import
        from . import widget

        return getattr(widget, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
