"""Winoground's file: two pictures and two captions of the same words; which caption belongs to which picture?

data/examples.jsonl has an object a line: id, image_0, image_1 (names in images/, with or without .png), caption_0,
caption_1, tag, secondary_tag, num_main_preds, collapsed_tag (Object, Relation or Both). No line is dropped.
"""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from .items import Broken, broken_by, differ, need, open_picture, path_of

PLACES = ("data", "")  # of examples.jsonl and of images/, in the data's folder


class Item(NamedTuple):
    """Two captions and two pictures; the first caption belongs to the first picture. group: the collapsed tag.

    broken: None, or a reason as of ARO's items; open() finds faults of the pictures themselves.
    """

    id: str
    group: str = ""
    captions: tuple[str, ...] = ()
    broken: str | None = None
    detail: str = ""
    folder: str = ""
    images: tuple[str, ...] = ()

    def open(self) -> tuple[Image.Image, Image.Image]:
        """Both pictures in RGB. Raises Broken, or OSError if a disk or permission fails."""
        if self.broken:
            raise Broken(self.broken, self.detail)
        first, second = (open_picture(self.folder, image) for image in self.images)
        return first, second


def file_of(folder: str | Path) -> Path:
    """The file of examples, in FOLDER/data or FOLDER; there or not."""
    each = [Path(folder) / place / "examples.jsonl" for place in PLACES]
    return next((path for path in each if path.is_file()), each[0])


def load(folder: str | Path) -> list[Item]:
    """The items in the file's order. ValueError if it is missing or has no lines."""
    path = file_of(folder)
    try:
        lines = path.read_bytes().decode("utf-8-sig", "surrogateescape").split("\n")
    except OSError as error:
        raise ValueError(f"data must hold Winoground's data/examples.jsonl, got {error}") from error
    places = [place for place in PLACES if (Path(folder) / place / "images").is_dir()]
    images = os.path.join(next(iter(places), ""), "images")
    found: dict[str, Item] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            item = _item(str(folder), images, number, line)
            if item.id in found:  # a name of its own, or the run would be refused
                same = f"id must stand once, line {number} has that of another"
                item = Item(f"winoground/line {number}", broken="bad entry", detail=same)
            found[item.id] = item
    if not found:
        raise ValueError(f"{path} must hold Winoground's examples, a JSON object a line, got an empty file")
    return list(found.values())


def _item(folder: str, images: str, number: int, line: str) -> Item:
    """The item of a line, or a broken one that says why."""
    item = Item(f"winoground/line {number}", folder=folder)
    try:
        entry = json.loads(line)
        key = need(entry, "id", int)
        if not 0 <= key < 10**9:
            raise Broken("bad entry", f"id must be a number from 0, got {key}")
        tag = need({"collapsed_tag": ""} | entry, "collapsed_tag", str)
        item = item._replace(id=f"winoground/{key:06d}", group=tag)
        captions, names = (tuple(need(entry, f"{part}_{k}", str) for k in (0, 1)) for part in ("caption", "image"))
        item = item._replace(captions=captions, images=tuple(os.path.join(images, _file(name)) for name in names))
        differ(captions)
        if names[0] == names[1]:
            raise Broken("bad entry", f"images must be two, got {names[0]!r:.80} twice")
        for image in item.images:
            path_of(folder, image)
    except Exception as error:
        broken = broken_by(error, "bad entry")
        item = item._replace(broken=broken.reason, detail=broken.detail)
    return item


def _file(name: Any) -> str:
    """The file of a picture's name."""
    return name if os.path.splitext(name)[1] else f"{name}.png"
