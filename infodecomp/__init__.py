"""Read what a diffusion model knows, in nats: densities, information and pixel maps from denoising errors."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from . import bands, channel, denoiser, exact, extras, flow, integrate, prune
from .estimates.alternatives import Alternatives
from .estimates.estimate import Estimate
from .estimates.information import Comparison, Posterior, compare, nll, pointwise_information, posterior
from .lights import matched_gap, shuffled_gap

if TYPE_CHECKING:
    from . import scenes, vocabulary
    from .concepts import ConceptMaps, concept_maps
    from .loading import load
    from .pairs import WordPairs, word_pairs
    from .widget import EmojiLab, HeatMaps, SceneLab, Sliders
    from .words import WordMaps, load_maps, word_maps

__version__ = "0.1.0"
__all__ = [
    "Alternatives",
    "Comparison",
    "ConceptMaps",
    "EmojiLab",
    "Estimate",
    "HeatMaps",
    "Posterior",
    "SceneLab",
    "Sliders",
    "WordMaps",
    "WordPairs",
    "bands",
    "channel",
    "compare",
    "concept_maps",
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
    "word_pairs",
]
# On first use: they need libraries of extras, some of which are slow to import.
_LATER = {
    "concepts": ("ConceptMaps", "concept_maps"),
    "loading": ("load",),
    "pairs": ("WordPairs", "word_pairs"),
    "widget": ("EmojiLab", "HeatMaps", "SceneLab", "Sliders"),
    "words": ("WordMaps", "load_maps", "word_maps"),
}
_ROOM = {name: room for room, names in _LATER.items() for name in names}
extras.explain()


def __getattr__(name: str):
    if name in _ROOM:
        return getattr(import_module(f".{_ROOM[name]}", __name__), name)
    if name in ("scenes", "vocabulary"):
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Without what lacks its extra, so that help(infodecomp) and completion work on the core alone."""
    lacking: set[str] = set()
    if not all(map(find_spec, ("PIL", "regex"))):
        lacking = {*_ROOM, "scenes", "vocabulary"}
    elif not all(map(find_spec, ("anywidget", "matplotlib"))):
        lacking = {*_LATER["widget"]}
    return sorted({*globals(), *__all__} - lacking)
