"""What a reader can move, in Jupyter, Colab and pages without a kernel: heat maps of words, labs, sliders."""

from .emojilab import EmojiLab
from .heatmaps import HeatMaps
from .lab import SceneLab
from .sliders import Sliders

__all__ = ["EmojiLab", "HeatMaps", "SceneLab", "Sliders"]
