"""Words with masks of the objects they name: COCO-IT, made from val2017's annotations, and the authors' CSV files.

COCO-IT has every (image, category) with a caption, among the image's five, that contains the category's name or its
plural as a whole word: the caption, the word as written there, and the caption without it (Kong et al. 2024, 3.2). A
mask is the union of the category's annotations in the picture. No row is dropped; broken ones give their reason.
"""

import csv
import re
import warnings
from collections import Counter
from contextlib import redirect_stdout
from functools import cache
from os import devnull
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..captions import core, units, without
from .items import Broken, open_picture

COLUMNS = ("Image ID", "Label", "correct_obj+context", "context", "correct_obj", "context_")
REASONS = ("bad entry", "missing image", "truncated image", "word not in caption", "missing mask", "empty mask")


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
        return open_picture(self.folder, f"val2017/{self.image}")

    def mask(self) -> np.ndarray:
        """The union (h, w) bool of the category's annotations in the picture. Raises Broken if it has none."""
        coco, categories = _annotations(self.folder)
        found = coco.loadAnns(coco.getAnnIds(imgIds=[self.number], catIds=[categories.get(self.category, -1)]))
        if not found:
            raise Broken("missing mask", f"no annotation of {self.category!r} in image {self.number}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools is made for NumPy 1
            mask = np.any([coco.annToMask(annotation) for annotation in found], axis=0)
        if not mask.any():
            raise Broken("empty mask", f"{self.category!r} covers no pixel of image {self.number}")
        return mask


def _read(folder, name):
    from pycocotools.coco import COCO

    path = Path(folder) / "annotations" / name
    try:
        with open(devnull, "w") as nowhere, redirect_stdout(nowhere):  # it prints to stdout
            return COCO(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"folder must hold COCO's annotations/{name}, got {error}") from error


@cache
def _annotations(folder):
    """pycocotools' index of val2017's instances, and {category name: id}."""
    coco = _read(folder, "instances_val2017.json")
    return coco, {c["name"]: c["id"] for c in coco.loadCats(coco.getCatIds())}


def find(caption: str, name: str) -> tuple[int, int] | None:
    """(position, stop) of a category's name, or its plural, as whole words of caption.split(); None if not there."""
    return _place(caption, [name, _plural(name)])


def _place(caption, wanted):
    """(position, stop) of the first word or phrase of a caption that is wanted, in upper or lower case; else None."""
    wanted = [text.casefold() for text in wanted if text]
    found = (unit[:2] for unit in units(caption.casefold(), wanted) if core(unit[2]) in wanted)
    return next(found, None)


@cache
def _plural(name):
    return _engine().plural(name)


@cache
def _engine():
    import inflect

    return inflect.engine()


def load(folder: str | Path, task: str = "coco_it") -> list[Item]:
    """Items of "coco_it", made from folder/annotations, or of a CSV file of the authors in folder ("COCO-WL.csv").

    folder has val2017/ and annotations/ (instances and captions of val2017). ValueError for missing files or columns.
    """
    folder = str(folder)
    return list(_made(folder) if task == "coco_it" else _from_csv(folder, task))


def _made(folder):
    coco, categories = _annotations(folder)
    sentences = _read(folder, "captions_val2017.json")
    names = {number: name for name, number in categories.items()}
    for image in sorted(coco.getImgIds()):
        found = sentences.loadAnns(sentences.getAnnIds(imgIds=[image]))
        captions = [" ".join(sentence["caption"].split()) for sentence in found]
        there = coco.loadAnns(coco.getAnnIds(imgIds=[image]))
        crowds = Counter(a["category_id"] for a in there if a["iscrowd"])
        for number in sorted({a["category_id"] for a in there}):
            name = names[number]
            for caption in captions:
                place = find(caption, name)
                if place:
                    word = core(" ".join(caption.split()[slice(*place)]))
                    item = Item(f"coco_it/{image:012d}/{name}", name, caption, word, place[0], without(caption, *place))
                    file = coco.loadImgs([image])[0]["file_name"]
                    yield _checked(item, folder, file, image, name, bool(crowds[number]))
                    break


def _from_csv(folder, task):
    path = Path(folder) / task
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(f"task must be 'coco_it' or a CSV file in folder, got {error}") from error
    missing = [column for column in COLUMNS if not rows or column not in rows[0]]
    if missing:
        raise ValueError(f"{path} must have the columns {', '.join(COLUMNS)}, it lacks {', '.join(missing)}")
    known = _annotations(folder)[0].imgs
    kind = next((column for column in rows[0] if "type" in column.casefold()), None)
    for k, row in enumerate(rows):
        item = Item(f"{Path(task).stem}/{k:06d}", (row[kind] or "" if kind else row["Label"] or "").strip())
        digits = re.sub(r"\D", "", row["Image ID"] or "")
        caption, word = (" ".join((row[name] or "").split()) for name in ("correct_obj+context", "correct_obj"))
        category = (row["Label"] or "").strip()
        if not digits or not caption or not word:
            yield item._replace(broken="bad entry", detail=f"image, caption and word must be given, got {row!r:.160}")
            continue
        item = item._replace(caption=caption, word=word)
        place = _place(caption, [word])
        if place is None:
            yield item._replace(broken="word not in caption", detail=f"{word!r} is no whole word of {caption!r:.160}")
            continue
        item = item._replace(
            position=place[0], context=without(caption, *place)
        )  # some of the file's contexts are damaged
        file = known.get(int(digits), {}).get("file_name", f"{int(digits):012d}.jpg")
        yield _checked(item, folder, file, int(digits), category, False)


def _checked(item, folder, file, number, category, crowd):
    item = item._replace(folder=folder, image=file, number=number, category=category, crowd=crowd)
    if not (Path(folder) / "val2017" / file).is_file():
        return item._replace(broken="missing image", detail=f"no file {file!r}")
    return item
