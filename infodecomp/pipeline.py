"""Models with text: load() gives a denoiser that also encodes pictures, decodes them and reads captions."""

from pathlib import Path

from .scenes.model import ExactScenes
from .scenes.net import NETWORK, NetworkScenes


def load(name_or_path="scenes", device=None, dtype=None):
    """A model, itself a denoiser, with encode, decode, condition, generate and invert.

    "scenes": the exact denoiser of the embedded world (no weights; device and dtype of z are respected);
    "scenes-net": the network trained on that world; a folder: another training's `scenes-net` folder. device: where it
    runs; dtype: of the network's arithmetic (None: float32). Raises ValueError for anything else.
    """
    if name_or_path == "scenes":
        return ExactScenes().to(device or "cpu")
    folder = NETWORK if name_or_path == "scenes-net" else Path(name_or_path)
    if not (folder / "unet").is_dir():
        raise ValueError(f"name_or_path must be 'scenes', 'scenes-net' or a folder with unet/, got {name_or_path!r}")
    return NetworkScenes(folder, device, dtype)
