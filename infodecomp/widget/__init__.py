"""What a reader can move: heat maps of words, labs of scenes and emoji; in Jupyter, Colab, pages without kernel."""

from .emojilab import EmojiLab
from .heatmaps import HeatMaps
from .lab import SceneLab

__all__ = ["EmojiLab", "HeatMaps", "SceneLab"]
