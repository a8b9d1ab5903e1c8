"""Pictures as models and widgets take them: PIL pictures, paths, 8-bit arrays and tensors; floats from −1 to 1."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from ..checks import refuse, shown

ACCEPTED = "PIL images, paths, uint8 (H, W, 3) arrays or (3, H, W) tensors, or float tensors from −1 to 1"
MODES = "1 L LA La P PA RGB RGBA RGBa CMYK YCbCr LAB HSV".split()  # of 8 bits; others would be cut off in silence


def upright(image: Any, name: str = "images") -> Image.Image:
    """The PIL picture of a picture, a path, or an 8-bit array (H, W[, 1, 3 or 4]) or tensor (C, H, W).

    It is turned as its EXIF data say, and what is transparent lies on white. Raises ValueError for anything else.
    """
    if isinstance(image, str | Path | Image.Image):
        image = _loaded(image, name)
    elif isinstance(image, torch.Tensor) and image.dtype == torch.uint8 and image.ndim == 3:
        image = Image.fromarray(_levels(image.detach().cpu().permute(1, 2, 0).numpy(), name))
    elif isinstance(image, np.ndarray) and image.dtype == np.uint8:
        image = Image.fromarray(_levels(image, name))
    else:
        refuse(name, ACCEPTED, image)
    if image.mode not in MODES:
        refuse(name, f"of 8 bits, mode {', '.join(MODES)}", image.mode)
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _loaded(image, name):
    """A picture or that of a path, read to its end and turned. ValueError for one that Pillow cannot read."""
    try:
        if isinstance(image, Image.Image):
            return ImageOps.exif_transpose(image)
        with Image.open(image) as file:  # turned while open: some formats forget the tag in a copy
            return ImageOps.exif_transpose(file)
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises many kinds for damaged files, and for files that are too large
        accepted = "a picture that is whole" if isinstance(image, Image.Image) else "a path of a picture"
        why = " ".join(str(error).split())
        raise ValueError(f"{name} must be {accepted}, got {shown(image)}: {why:.150}") from error


def _levels(array, name):
    """An array as PIL takes it, (H, W) or (H, W, 3 or 4)."""
    shape = array.shape
    if not array.size or not (array.ndim == 2 or (array.ndim == 3 and shape[2] in (1, 3, 4))):
        refuse(name, ACCEPTED, array)
    return np.ascontiguousarray(array.squeeze(2) if array.ndim == 3 and shape[2] == 1 else array)


def signed(values: Any, name: str = "images") -> torch.Tensor:
    """Float pictures (B, C, H, W), C 1 or 3, from −1 to 1. ValueError for other numbers, and where none is negative:
    such a picture may run from 0 to 1."""
    values = values if isinstance(values, torch.Tensor) else torch.tensor(values)
    dense = values.layout == torch.strided and values.is_floating_point() and values.numel()
    if values.ndim != 4 or values.shape[1] not in (1, 3) or not dense:
        refuse(name, ACCEPTED, values)
    if not bool(values.isfinite().all()):
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    low, high = (end.item() for end in values.aminmax())
    if low >= 0 or low < -1.0001 or high > 1.0001:
        hint = "; 2·x − 1 for 0 to 1, uint8 for 0 to 255" if low >= 0 else ""
        raise ValueError(f"{name} must be floats from −1 to 1, some negative, got {low:.4g} to {high:.4g}{hint}")
    return values


def pictures(images: Any, name: str = "images") -> list[Image.Image] | torch.Tensor:
    """RGB pictures of one or a list of what `upright` takes, or of a batch (B, …) of such arrays or tensors; float
    tensors (B, C, H, W) stay tensors (see `signed`). Raises ValueError for anything else."""
    whole = isinstance(images, torch.Tensor | np.ndarray)
    if whole and (images.is_floating_point() if isinstance(images, torch.Tensor) else images.dtype.kind == "f"):
        return signed(images, name)
    if whole and images.ndim == 4:
        images = list(images)
    if not isinstance(images, list | tuple):
        images = [images]
    if not images:
        refuse(name, ACCEPTED, images)
    return [upright(image, name).convert("RGB") for image in images]


def picture(image: Any, name: str = "image") -> Image.Image:
    """One RGB picture, PIL, of what `pictures` takes, a float tensor (C, H, W) included. ValueError for several."""
    if isinstance(image, torch.Tensor) and image.ndim == 3 and image.is_floating_point():
        image = image[None]
    found = pictures(image, name)
    if len(found) != 1:
        raise ValueError(f"{name} must be one picture, got {len(found)}")
    if not isinstance(found, torch.Tensor):
        return found[0]
    levels = ((found[0].detach().cpu().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return Image.fromarray(levels.expand(3, -1, -1).permute(1, 2, 0).numpy())


def one_aspect(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes have one ratio of their sides, to 2 %."""
    return abs(size[0] * other[1] - size[1] * other[0]) <= 0.02 * size[0] * other[1]


def cut(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """An RGB picture resized until it covers (width, height), and cut to its middle: as diffusers' "crop" does."""
    (width, height), wide = size, size[0] * image.height > size[1] * image.width
    across = width if wide else image.width * height // image.height
    down = image.height * width // image.width if wide else height
    left, top = across // 2 - width // 2, down // 2 - height // 2
    covering = image.resize((across, down), Image.Resampling.LANCZOS)
    return covering.crop((left, top, left + width, top + height))
