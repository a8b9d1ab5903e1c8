"""What a reader can move: heat maps of words, the labs of scenes and emoji; in Jupyter, Colab, pages without a kernel."""

from .emojilab import EmojiLab
from .heatmaps import HeatMaps
from .lab import SceneLab

__all__ = ["EmojiLab", "HeatMaps", "SceneLab"]
