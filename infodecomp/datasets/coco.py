"""Words with masks of the objects they name: COCO-IT, made from val2017's annotations, and the authors' CSV files.

COCO-IT has every (image, category) with a caption, among the image's five, that contains the category's name or its
plural as a whole word: the caption, the word as written there, and the caption without it (Kong et al. 2024, 3.2). A
mask is the union of the category's annotations in the picture. No row is dropped; broken ones give their reason.
"""

import csv
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..captions import units, without, word_at
from ..vocabulary import COCO
from .annotations import Annotations, mask_of, read
from .items import Broken, broken_by, is_text, open_picture, path_of, picture_size

COLUMNS = ("Image ID", "Label", "correct_obj+context", "context", "correct_obj", "context_")
NEEDED = COLUMNS[:-1]  # COCO-IT.csv has no more
REASONS = (
    *("bad entry", "missing image", "truncated image", "image outside folder", "image too large"),
    *("word not in caption", "missing mask", "empty mask", "bad segmentation", "mask of another size"),
    "outside the crop",  # that a model makes of the picture
)
NUMBER = re.compile(
    r"(?:\w*_)?([0-9]+)(?:\.0*|\.jpe?g|\.png)?", re.IGNORECASE
)  # 7, 7.0 (pandas), COCO_val2014_0007.jpg

IRREGULAR = {  # plurals as inflect makes them, whose import takes seconds
    **{"person": "people", "bus": "buses", "bench": "benches", "sheep": "sheep", "skis": "ski", "mouse": "mice"},
    **{"wine glass": "wine glasses", "knife": "knives", "sandwich": "sandwiches", "couch": "couches"},
    **{"scissors": "scissors", "toothbrush": "toothbrushes", "fish": "fish"},
}
REGULAR = {*COCO, "owl", "flower"} - {*IRREGULAR}  # COCO's categories, and the nouns of scenes that are none


class Item(NamedTuple):
    """A word of a caption of a picture. group: its category, or its kind in COCO-WL; position: in caption.split()."""

    id: str
    group: str = ""
    caption: str = ""
    word: str = ""
    position: int = 0
    context: str = ""
    category: str = ""
    broken: str | None = None
    detail: str = ""
    folder: str = ""
    image: str = ""
    number: int = 0
    crowd: bool = False

    def open(self) -> Image.Image:
        """The picture in RGB. Raises Broken."""
        if self.broken:
            raise Broken(self.broken, self.detail)
        return open_picture(self.folder, os.path.join("val2017", self.image))

    def mask(self) -> np.ndarray:
        """The union (h, w) bool of the category's annotations in the picture. Raises Broken if it has none."""
        instances, entries = _annotations(self.folder), []
        for entry in instances.of.get(self.number, []):
            if instances.categories[entry["category_id"]] == self.category:
                entries.append(entry)
        if not entries:
            raise Broken("missing mask", f"no annotation of {self.category!r} in image {self.number}")
        width, height = picture_size(self.folder, os.path.join("val2017", self.image))
        size = [instances.images[self.number].get(key) for key in ("width", "height")]
        if size != [width, height]:
            raise Broken("mask of another size", f"{size[0]} × {size[1]}, the picture is {width} × {height}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools is made for NumPy 1
            mask = np.any([mask_of(entry.get("segmentation"), height, width) for entry in entries], axis=0)
        if not mask.any():
            raise Broken("empty mask", f"{self.category!r} covers no pixel of image {self.number}")
        return mask


class Labelled(NamedTuple):
    """A picture with all categories annotated in it, an Item for each."""

    id: str
    image: str
    items: tuple[Item, ...]

    @property
    def broken(self) -> str | None:
        """Why the picture cannot be measured, as far as its annotations show it; None if they are whole."""
        return next((item.broken for item in self.items if item.broken), None)

    def open(self) -> Image.Image:
        """The picture in RGB. Raises Broken."""
        return self.items[0].open()

    def masks(self) -> dict[str, np.ndarray]:
        """{category: (h, w) bool}. Raises Broken."""
        return {item.category: item.mask() for item in self.items}


@cache
def _annotations(folder):
    """val2017's instances."""
    return read(Path(folder) / "annotations" / "instances_val2017.json")


def pictures(folder: str | Path) -> set[int]:
    """The numbers of the pictures whose instances are in folder/annotations. ValueError if the file is missing."""
    return set(_annotations(str(folder)).images)


def find(caption: str, name: str) -> tuple[int, int] | None:
    """(position, stop) of a category's name, or its plural, as whole words of caption.split(); None if not there."""
    return _place(caption, [name, _plural(name)])


def _place(caption, wanted):
    """(position, stop) of the first word or phrase of a caption that is wanted, in upper or lower case; else None."""
    wanted = [text.casefold() for text in wanted if text]
    found = (unit[:2] for unit in units(caption.casefold(), wanted) if word_at(caption.casefold(), *unit[:2]) in wanted)
    return next(found, None)


@cache
def _plural(name):
    if name in REGULAR:
        return f"{name}s"
    return IRREGULAR.get(name) or _engine().plural(name)


@cache
def _engine():
    import inflect

    return inflect.engine()


def files(folder: str | Path, task: str = "coco_it") -> list[Path]:
    """The files that a task's items are made of, without pictures."""
    names = ["annotations/instances_val2017.json"]
    return [
        Path(folder) / name for name in [*names, "annotations/captions_val2017.json" if task == "coco_it" else task]
    ]


def load(folder: str | Path, task: str = "coco_it") -> list[Item]:
    """Items of "coco_it", made from folder/annotations, or of a CSV file of the authors in folder ("COCO-WL.csv").

    folder has val2017/ and annotations/ (instances and captions of val2017). Each bad entry of a file is a broken item,
    at the end. ValueError for missing files or columns.
    """
    folder = str(folder)
    _annotations.cache_clear()  # the file may have changed
    return list(_made(folder) if task == "coco_it" else _from_csv(folder, task))


def _made(folder):
    instances, sentences = _annotations(folder), read(files(folder)[1])
    for image in sorted(instances.images):
        captions = [" ".join(entry["caption"].split()) for entry in sentences.of.get(image, [])]
        there = instances.of[image]
        crowds = Counter(a["category_id"] for a in there if a.get("iscrowd"))
        for number in sorted({a["category_id"] for a in there}):
            name = instances.categories[number]
            item = Item(f"coco_it/{image:012d}/{name}", name, category=name, folder=folder, number=image)
            item = item._replace(image=instances.images[image]["file_name"], crowd=bool(crowds[number]))
            yield from _first(item, captions)
    for where, detail in [*instances.bad, *sentences.bad]:
        yield Item(f"coco_it/{where}", broken="bad entry", detail=detail)


def _first(item, captions):
    """The item with the first of the captions that has its category's name; nothing if there is none."""
    try:
        for caption in captions:
            place = find(caption, item.category)
            if place:
                yield _checked(_placed(item, caption, place))
                return
    except Exception as error:
        broken = broken_by(error, "bad entry")
        yield item._replace(broken=broken.reason, detail=broken.detail)


def _placed(item, caption, place):
    """The item with a caption and the word or phrase at (position, stop) of it."""
    word = word_at(caption, *place)
    return item._replace(caption=caption, word=word, position=place[0], context=without(caption, *place))


def labelled(folder: str | Path) -> list[Labelled]:
    """The pictures of folder/val2017 with their annotated categories, whatever their captions. ValueError as `load`."""
    folder = str(folder)
    _annotations.cache_clear()  # the file may have changed
    instances = _annotations(folder)
    wrong = [Item(f"segment/{where}", broken="bad entry", detail=detail) for where, detail in instances.bad]
    found = [Labelled(item.id, "", (item,)) for item in wrong]
    for number in sorted(instances.images):
        image = instances.images[number]["file_name"]
        names = sorted({instances.categories[a["category_id"]] for a in instances.of[number]})
        items = [Item(f"{number:012d}/{name}", name, category=name, folder=folder, number=number) for name in names]
        if items:
            found.append(
                Labelled(f"segment/{number:012d}", image, tuple(_checked(i._replace(image=image)) for i in items))
            )
    return found


def table(folder: str | Path, task: str) -> tuple[list[str], list[dict | str]]:
    """Columns and rows of a CSV file of the authors; in place of a row that cannot be read, text that says why.

    ValueError for a file or columns that are missing.
    """
    path = Path(folder) / task
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.DictReader(file)
            columns, rows = list(reader.fieldnames or ()), list(_rows(reader))
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(f"task must be 'coco_it' or a CSV file in folder, got {error}") from error
    missing = [column for column in NEEDED if column not in columns]
    if missing:
        raise ValueError(f"{path} must have the columns {', '.join(NEEDED)}, it lacks {', '.join(missing)}")
    return columns, rows


def _from_csv(folder, task):
    columns, rows = table(folder, task)
    kind, instances = next((c for c in columns if "type" in c.casefold()), "Label"), _annotations(folder)
    for k, row in enumerate(rows):
        item = Item(f"{Path(task).stem}/{k:06d}", folder=folder)
        try:
            yield _checked(_of_row(item, row, kind, instances))
        except Exception as error:
            broken = broken_by(error, "bad entry")
            yield item._replace(broken=broken.reason, detail=broken.detail)


def _rows(reader: csv.DictReader) -> Iterator[dict | str]:
    """The rows of a table; text that says why in place of one that cannot be read."""
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield str(error)


def _of_row(item: Item, row: dict | str, kind: str, instances: Annotations) -> Item:
    """The item of a row of the authors' tables. Raises Broken."""
    if isinstance(row, str):
        raise Broken("bad entry", row)
    if None in row or not all(is_text(value) for value in row.values() if value is not None):
        raise Broken("bad entry", f"a row must have a cell of UTF-8 text per column, got {row!r:.160}")
    number = NUMBER.fullmatch((row["Image ID"] or "").strip())
    caption, word = (" ".join((row[name] or "").split()) for name in ("correct_obj+context", "correct_obj"))
    category = (row["Label"] or "").strip()
    if number is None or not caption or not word:
        raise Broken("bad entry", f"image, caption and word must be given, got {row!r:.160}")
    place = _place(caption, [word])
    if place is None:
        raise Broken("word not in caption", f"{word!r} is no whole word of {caption!r:.160}")
    image = int(number[1])
    file = instances.images.get(image, {}).get("file_name", f"{image:012d}.jpg")
    item = item._replace(group=(row[kind] or "").strip(), image=file, number=image, category=category)
    return _placed(item, caption, place)._replace(word=word)  # some of the file's contexts are damaged


def _checked(item):
    """The item, broken if its picture is not there."""
    try:
        path_of(item.folder, os.path.join("val2017", item.image))
    except Broken as broken:
        return item._replace(broken=broken.reason, detail=broken.detail)
    return item
