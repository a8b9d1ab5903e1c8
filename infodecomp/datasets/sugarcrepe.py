"""SugarCrepe's seven files: which of a picture's two captions is true, the first or one changed by a language model?

Each file is {number: {filename, caption, negative_caption}}, pictures are COCO's val2017. The published swap_obj.json
has no number 109 (Hsieh et al. 2023 counted 246 pairs, the file has 245). No entry is dropped.
"""

import os
import re
from collections.abc import Iterator
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from .aro import Item
from .items import Broken, broken_by, differ, need, path_of, read_entries

KINDS = ("replace_obj", "replace_att", "replace_rel", "swap_obj", "swap_att", "add_obj", "add_att")
PLACES = ("", "data", "sugarcrepe")  # of the files, in the data's folder
PICTURES = ("val2017", "images", "coco/val2017")


def paths(folder: str | Path) -> list[Path]:
    """The seven files, in the first of PLACES that has one of them; there or not."""
    each = [[Path(folder) / place / f"{kind}.json" for kind in KINDS] for place in PLACES]
    return next((seven for seven in each if any(path.is_file() for path in seven)), each[0])


def files(folder: str | Path) -> list[Path]:
    """The seven files. ValueError names those that are missing."""
    found = paths(folder)
    missing = [path.name for path in found if not path.is_file()]
    if missing:
        raise ValueError(f"{found[0].parent} must hold SugarCrepe's seven files, it lacks {', '.join(missing)}")
    return found


def load(folder: str | Path) -> list[Item]:
    """The items of all kinds, in turns, so that the first ones are of every kind. group: the kind.

    Pictures lie in the first of PICTURES that exists. ValueError for files that are missing or hold no dict.
    """
    pictures = next((name for name in PICTURES if (Path(folder) / name).is_dir()), PICTURES[0])
    each = [_of_file(str(folder), pictures, path) for path in files(folder)]
    return [item for item in chain(*zip_longest(*each)) if item]


def _of_file(folder: str, pictures: str, path: Path) -> Iterator[Item]:
    """The items of one file."""
    entries = read_entries(path, dict, "a file of SugarCrepe, numbered entries")
    return (_item(folder, pictures, path.stem, *pair) for pair in enumerate(entries.items()))


def _item(folder: str, pictures: str, kind: str, place: int, pair: tuple[str, Any]) -> Item:
    """The item of an entry, or a broken one that says why."""
    key, entry = pair
    whole = re.fullmatch("0|[1-9][0-9]{0,8}", key)
    item = Item(f"sugarcrepe/{kind}/" + (f"{int(key):06d}" if whole else f"entry {place}"), kind, folder=folder)
    try:
        if not whole:
            raise Broken("bad entry", f"an entry must have a number, got {key!r:.80}")
        captions = tuple(need(entry, name, str) for name in ("caption", "negative_caption"))
        item = item._replace(captions=captions, image=os.path.join(pictures, need(entry, "filename", str)))
        differ(captions)
        path_of(folder, item.image)
    except Exception as error:
        broken = broken_by(error, "bad entry")
        item = item._replace(broken=broken.reason, detail=broken.detail)
    return item
