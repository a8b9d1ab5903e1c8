"""Read what a diffusion model knows, in nats: densities, information and pixel maps from denoising errors."""

from . import channel, denoiser, exact, integrate
from .estimate import Comparison, Estimate, compare, nll, pointwise_information
from .lights import matched_gap, shuffled_gap

__version__ = "0.1.0"
__all__ = [
    "Comparison",
    "Estimate",
    "channel",
    "compare",
    "denoiser",
    "exact",
    "integrate",
    "matched_gap",
    "nll",
    "pointwise_information",
    "shuffled_gap",
]
