"""What a reader can move: heat maps of words, and the lab of scenes; in Jupyter, Colab and pages without a kernel."""

from .heatmaps import HeatMaps
from .lab import SceneLab

__all__ = ["HeatMaps", "SceneLab"]
