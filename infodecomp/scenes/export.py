"""Scenes in the formats of ARO's published files: the benchmark's whole way, on pictures whose truth is known.

from infodecomp.scenes import export
export.aro("folder", 50)          # then infodecomp.datasets.aro.load("folder", "vg_relation") and the other tasks
"""

import csv
import json
from itertools import pairwise
from pathlib import Path

from PIL import Image

from ..captions import without
from .edits import swaps
from .grammar import CLASS, NOUNS, captions, position, sample
from .sprites import SIZE, mask, render

CANVAS, GREY = (48, 40), (128, 128, 128)  # a VG picture is pasted onto it, so that a box has something to cut off
COLUMNS = ("Image ID", "Label", "correct_obj+context", "context", "correct_obj", "context_", "word type")


def aro(folder: str | Path, count: int, seed: int = 0) -> None:
    """Write count entries of each of ARO's four files, and their pictures, into a folder, which is created if missing.

    The two objects of a scene differ in colour, so that a caption with the relation or the colours swapped is false.
    The order files have two captions per picture; shuffles are made on loading. "scene" of an entry is its position in
    scenes(). The same seed writes the same scenes.
    """
    check(count, seed)
    folder, pairs = Path(folder), _pairs(4 * count, seed)
    files = {
        "visual_genome_relation.json": _relation,
        "visual_genome_attribution.json": _attribution,
        "coco_karpathy_test.json": lambda *a: _order("val2014", *a),
        "flickr30k_test.json": lambda *a: _order("flickr30k-images", *a),
    }
    for k, (name, make) in enumerate(files.items()):
        entries = []
        for i, (scene, caption) in enumerate(pairs[k * count : (k + 1) * count], k * count):
            entry, path, picture = make(i, scene, caption)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            picture.save(folder / path)
            entries.append(entry | {"scene": position(scene)})
        (folder / name).write_text(json.dumps(entries, indent=1) + "\n")


def check(count: int, seed: int) -> None:
    """ValueError unless count is a positive whole number, and seed a number of 64 bits."""
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError(f"count must be a positive whole number, got {count!r}")
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise ValueError(f"seed must be a whole number from 0 to 2^63 − 1, got {seed!r}")


def _pairs(count, seed):
    """count scenes with objects of two colours, each with a caption."""
    found, draws = [], 0
    while len(found) < count:  # three of four scenes have two colours
        draws = 2 * draws or 2 * count
        drawn, _, whole = sample(draws, seed)
        both = zip(drawn, whole, strict=True)
        found = [(scene, caption) for scene, caption in both if scene.first.colour != scene.second.colour]
    return found[:count]


def _relation(number, scene, caption):
    relation = next(word for word in caption.split() if CLASS[word] in ("side", "vertical"))
    name = f"{relation} of" if CLASS[relation] == "side" else relation
    return boxed(number, render(scene), caption, swaps(caption)[0], {"relation_name": name})


def _attribution(number, scene, caption):
    colours = [word for word in caption.split() if CLASS[word] == "colour"]
    return boxed(number, render(scene), caption, swaps(caption)[1], {"attributes": colours})


def boxed(number: int, picture: Image.Image, true: str, false: str, more: dict) -> tuple[dict, str, Image.Image]:
    """A VG entry, the path of its picture and that: the picture, 32 × 32, somewhere on a grey canvas."""
    (w, h), (x, y) = picture.size, (number * 5 % (CANVAS[0] - 31), number * 3 % (CANVAS[1] - 31))
    canvas = Image.new("RGB", CANVAS, GREY)
    canvas.paste(picture, (x, y))
    entry = {"image_path": f"{number:07d}.png", "bbox_x": x, "bbox_y": y, "bbox_w": w, "bbox_h": h}
    return entry | {"true_caption": true, "false_caption": false} | more, f"images/{number:07d}.png", canvas


def _order(kind, number, scene, caption):
    other = next(text for text in captions(scene) if text != caption)  # the shortest
    path = f"{kind}/{number:07d}.png"
    return {"image": path, "caption": [caption, other]}, path, render(scene)


def coco(folder: str | Path, count: int, seed: int = 0) -> None:
    """Write count scenes in COCO's format: val2017/, and annotations/ of captions and of objects with their masks.

    A category is a noun; its annotation is the object's mask, run-length encoded. `scenes.csv` has, in the columns of
    the authors' files, a row for each colour and state, with "adjective" or "verb" as word type; its mask in COCO's
    sense is that of its noun. The same seed writes the same scenes.
    """
    check(count, seed)
    folder = Path(folder)
    (folder / "val2017").mkdir(parents=True, exist_ok=True)
    (folder / "annotations").mkdir(exist_ok=True)
    images, sentences, rows = [], [], []
    annotations: list[dict] = []
    for i, (scene, caption) in enumerate(_pairs(count, seed), 1):
        file = f"{i:012d}.png"
        render(scene).save(folder / "val2017" / file)
        images.append({"id": i, "file_name": file, "width": SIZE, "height": SIZE, "scene": position(scene)})
        sentences.append({"id": i, "image_id": i, "caption": caption})
        for thing in scene[3:]:
            where = {"image_id": i, "category_id": NOUNS.index(thing.noun) + 1, "iscrowd": 0}
            annotations.append({"id": len(annotations) + 1, "segmentation": _runs(mask(scene, thing.noun)), **where})
        rows += [[f"{i:012d}", *row] for row in _word_rows(scene, caption)]
    categories = [{"id": k, "name": noun} for k, noun in enumerate(NOUNS, 1)]
    instances = {"categories": categories, "annotations": annotations}
    files = {"instances": instances, "captions": {"annotations": sentences}}
    for name, found in files.items():
        text = json.dumps({"images": images} | found, indent=1)
        (folder / "annotations" / f"{name}_val2017.json").write_text(text + "\n")
    with (folder / "scenes.csv").open("w", newline="") as table:
        csv.writer(table).writerows([COLUMNS, *rows])


def _word_rows(scene, caption):
    """A row for each colour and state of a caption: label, caption, context, word, context with "_", kind."""
    for k, word in enumerate(caption.split()):
        kind = {"colour": "adjective", "state": "verb"}.get(CLASS[word])
        if kind:
            thing = next(thing for thing in scene[3:] if word in thing)
            yield [thing.noun, caption, without(caption, k, k + 1), word, without(caption, k, k + 1, "_"), kind]


def _runs(where):
    """A mask (h, w) as COCO's uncompressed run lengths, column by column."""
    flat = where.T.ravel()
    ends = [0, *(flat[1:] != flat[:-1]).nonzero()[0] + 1, len(flat)]
    counts = [0] * bool(flat[0]) + [int(b - a) for a, b in pairwise(ends)]
    return {"size": list(where.shape), "counts": counts}
