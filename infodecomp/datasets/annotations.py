"""An annotation file of COCO, entry by entry, and masks of its segmentations."""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .items import Broken, is_text, read_json

FARTHEST = 100_000  # pixels; corners of polygons beyond overflow pycocotools' integers


class Annotations(NamedTuple):
    """The good entries of a file, and where the bad ones are: (place, what is wrong) of each."""

    images: dict[int, dict]
    categories: dict[int, str]
    of: dict[int, list[dict]]  # annotations by image, in the file's order
    bad: list[tuple[str, str]]


def read(path: Path) -> Annotations:
    """A file of captions or of instances, as its name says. ValueError if it is missing or no such file."""
    try:
        found = read_json(path)
        parts = [found.get(k, [] if k == "categories" else None) for k in ("images", "categories", "annotations")]
        if not all(isinstance(part, list) for part in parts):
            raise ValueError("no lists of images and annotations")
        kind = "instances" if "categories" in found else "captions"
        if not path.name.startswith(kind):
            raise ValueError(f"a file of {kind}")
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(f"folder must hold COCO's annotations/{path.name}, got {error}") from error
    bad: list[tuple[str, str]] = []
    images = {e["id"]: e for e in _good(path, "images", parts[0], bad, file_name="text")}
    names = {e["id"]: e["name"] for e in _good(path, "categories", parts[1], bad, name="text")}
    needs = {"image_id": images} | ({"category_id": names} if "categories" in found else {"caption": "text"})
    of: dict[int, list[dict]] = {image: [] for image in images}
    for entry in _good(path, "annotations", parts[2], bad, **needs):
        of[entry["image_id"]].append(entry)
    return Annotations(images, names, of, bad)


def _good(path: Path, part: str, entries: list, bad: list, **needs: Any) -> Iterator[dict]:
    """The entries that have what they need: "text", or one of the keys of a dict; the places of others go to `bad`."""
    seen: set = set()
    for k, entry in enumerate(entries):
        keys = {} if part == "annotations" else {"id": None}
        wrong = _wrong(entry, keys | needs)
        own = set() if wrong or part == "annotations" else {entry["id"], entry.get("name", entry["id"])}
        if wrong or own & seen:
            bad.append((f"{path.stem} {part}[{k}]", wrong or f"there twice: {sorted(map(str, own & seen))}"))
            continue
        seen |= own
        yield entry


def _wrong(entry, needs):
    """What is wrong with an entry, or ""."""
    if not isinstance(entry, dict):
        return f"an entry must be an object, got {entry!r:.80}"
    for key, known in needs.items():
        value = entry.get(key)
        if known == "text":
            fine = is_text(value) and value.strip()
        else:
            fine = isinstance(value, int) and not isinstance(value, bool) and (known is None or value in known)
        if not fine:
            kind = "text" if known == "text" else "a whole number" if known is None else "one of the file's"
            return f"{key} must be {kind}, got {value!r:.80}"
    return ""


def mask_of(segmentation: Any, height: int, width: int) -> np.ndarray:
    """The mask (h, w) bool of an annotation's polygons or run lengths. Raises Broken for what is neither.

    pycocotools takes a polygon of four numbers for a box, and does not check lengths.
    """
    from pycocotools import mask as rle

    if isinstance(segmentation, list) and segmentation and all(map(_polygon, segmentation)):
        runs = rle.merge(rle.frPyObjects(segmentation, height, width))
    else:
        found: dict = segmentation if isinstance(segmentation, dict) else {}
        size, counts = found.get("size"), found.get("counts")
        listed = isinstance(counts, list) and all(type(n) is int and n >= 0 for n in counts)
        fits = sum(counts or []) == height * width if listed else isinstance(counts, str)
        if size != [height, width] or not fits:
            raise Broken("bad segmentation", f"no polygons or runs of {width} × {height}, got {segmentation!r:.100}")
        packed = {"size": size, "counts": counts}
        runs = rle.frPyObjects(packed, height, width) if listed else packed
    return rle.decode(runs).astype(bool)


def _polygon(numbers):
    """Whether this is a list x, y, x, y, … of at least three corners."""
    if not isinstance(numbers, list) or len(numbers) < 6 or len(numbers) % 2:
        return False
    return all(type(v) in (int, float) and isfinite(v) and abs(v) < FARTHEST for v in numbers)
