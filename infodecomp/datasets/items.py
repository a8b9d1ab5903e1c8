"""Shared by all data sets: reading files and pictures of a folder, and the exception for items without a score."""

import errno
import json
import os
import re
import warnings
from pathlib import Path
from typing import Any

from PIL import Image

REASON = "cannot be measured"  # of an item with an error that its data set does not foresee
MACHINE = re.compile(
    "out of memory|can't allocate memory|CUDA error|CUDNN_STATUS|CUBLAS_STATUS|HIP error", re.IGNORECASE
)
NUMBER = (int, float)
PATHS = (errno.EACCES, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG)


class Broken(Exception):
    """An item without a score. reason: one of its data set's REASONS, or REASON; detail: what was found instead."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail

    def __str__(self) -> str:
        return ": ".join(self.args)


def broken_by(error: Exception, reason: str = REASON) -> Broken:
    """An error that an item raised, as Broken. Raises the error again if it is the machine's, not the item's.

    The machine's: no memory, a package that is missing, a system call that fails, unless it is about a file's path.
    """
    if isinstance(error, Broken):
        return error
    if isinstance(error, MemoryError | ImportError) or getattr(error, "errno", None) not in (None, *PATHS):
        raise error
    if isinstance(error, RuntimeError) and MACHINE.search(str(error)):
        raise error
    return Broken(reason, f"{type(error).__name__}: {one_line(error)}")


def one_line(error: object, longest: int = 300) -> str:
    """A message in one line of at most `longest` characters, without characters that cannot be printed."""
    text = " ".join(str(error).split()).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= longest else text[: longest - 1] + "…"


def is_text(value: Any) -> bool:
    """Whether a value is a str that can be written as UTF-8: half a surrogate pair, as JSON may have, cannot."""
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)


def need(entry: Any, key: str, kind: Any) -> Any:
    """entry[key], or Broken unless it is there and of this kind: a type, or NUMBER, which must be finite."""
    if not isinstance(entry, dict) or key not in entry:
        raise Broken("bad entry", f"no {key} in {entry!r:.160}")
    value = entry[key]
    fine = is_text(value) if kind is str else isinstance(value, kind) and not isinstance(value, bool)
    if not fine or (kind is NUMBER and not abs(value) < 1e9):
        raise Broken("bad entry", f"{key} must be a {'number' if kind is NUMBER else kind.__name__}, got {value!r:.80}")
    return value


def differ(captions: tuple[str, ...]) -> None:
    """Raises Broken unless both captions say something, and not the same."""
    if not all(caption.strip() for caption in captions):
        raise Broken("empty caption", f"captions are {captions!r:.160}")
    if captions[0] == captions[1]:
        raise Broken("same caption", f"both are {captions[0]!r:.160}")


def read_json(path: Path) -> Any:
    """A JSON file. Bytes that are no UTF-8 become text for which `is_text` is False, endless numbers infinite.

    So an entry that has them can be told apart. ValueError or OSError if the file as a whole cannot be read.
    """
    text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    try:
        return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 400 else float("inf"))
    except RecursionError as error:
        raise ValueError("lists in lists without end") from error


def read_entries(path: Path, kind: type, what: str) -> Any:
    """The list or dict that a JSON file must be. ValueError in one line that says `what` it must be, and what it is."""
    try:
        entries = read_json(path)
        if not isinstance(entries, kind):
            raise ValueError(f"a {type(entries).__name__}")
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} must be {what} in JSON, got {error}") from error
    return entries


def path_of(folder: str, image: str) -> str:
    """The path of a file in a folder. Raises Broken if there is none, or if it lies outside: "..", "/…" or a link."""
    path = os.path.join(folder, image)
    inside = os.path.normpath(os.path.join("x", image)).split(os.sep)[0] == "x"
    if os.path.isabs(image) or os.path.splitdrive(image)[0] or not inside:
        raise Broken("image outside folder", f"{image!r:.160} is no path inside the data's folder")
    if not os.path.isfile(path):
        raise Broken("missing image", f"no file {image!r}")
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise Broken("image outside folder", f"{image!r:.160} is a link that leads out of the data's folder")
    return path


def open_picture(folder: str, image: str) -> Image.Image:
    """A picture of a folder in RGB. Raises Broken if it is missing or damaged, OSError if the disk fails."""
    return _opened(folder, image, lambda picture: picture.convert("RGB"))


def picture_size(folder: str, image: str) -> tuple[int, int]:
    """Width and height of a picture, read from its first bytes. Raises as open_picture does."""
    return _opened(folder, image, lambda picture: picture.size)


def _opened(folder, image, read):
    path = path_of(folder, image)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                return read(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Broken("image too large", one_line(error)) from error
    except Exception as error:  # Pillow raises many kinds for damaged files
        if getattr(error, "errno", None) is not None:
            raise
        raise Broken("truncated image", broken_by(error).detail.replace(path, image)) from error
