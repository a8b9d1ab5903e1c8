"""Scenes in the formats of ARO's published files: the benchmark's whole way, on pictures whose truth is known.

from infodecomp.scenes import export
export.aro("folder", 50)          # then infodecomp.datasets.aro.load("folder", "vg_relation") and the other tasks
"""

import csv
import json
from itertools import pairwise
from pathlib import Path

from PIL import Image

from .edits import swaps
from .grammar import CLASS, NOUNS, captions, position, sample
from .sprites import SIZE, mask, render

CANVAS, GREY = (48, 40), (128, 128, 128)  # what a VG picture is pasted into, so that a box has something to cut off


def aro(folder, count, seed=0):
    """Write count entries of each of ARO's four files, and their pictures, into a folder (made if it is not there).

    Every scene's objects differ in colour, so that both the swapped relation and the swapped colours are false of it.
    The order files have two captions a picture: shuffles are made when they are loaded. Each entry tells its "scene",
    a place in scenes(). The same seed writes the same scenes.
    """
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError(f"count must be a positive whole number, got {count!r}")
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


def _pairs(count, seed):
    """count scenes with objects of two colours, and a caption of each."""
    found, draws = [], 0
    while len(found) < count:  # three of four scenes have two colours
        draws = 2 * draws or 2 * count
        drawn, _, whole = sample(draws, seed)
        found = [(s, c) for s, c in zip(drawn, whole, strict=True) if s.first.colour != s.second.colour]
    return found[:count]


def _relation(number, scene, caption):
    relation = next(word for word in caption.split() if CLASS[word] in ("side", "vertical"))
    name = f"{relation} of" if CLASS[relation] == "side" else relation
    return _boxed(number, scene, caption, swaps(caption)[0], {"relation_name": name})


def _attribution(number, scene, caption):
    colours = [word for word in caption.split() if CLASS[word] == "colour"]
    return _boxed(number, scene, caption, swaps(caption)[1], {"attributes": colours})


def _boxed(number, scene, true, false, more):
    """A VG entry, the path of its picture and the picture: a scene somewhere on a grey canvas."""
    picture = render(scene)
    (w, h), (x, y) = picture.size, (number * 5 % (CANVAS[0] - 31), number * 3 % (CANVAS[1] - 31))
    canvas = Image.new("RGB", CANVAS, GREY)
    canvas.paste(picture, (x, y))
    entry = {"image_path": f"{number:07d}.png", "bbox_x": x, "bbox_y": y, "bbox_w": w, "bbox_h": h}
    return entry | {"true_caption": true, "false_caption": false} | more, f"images/{number:07d}.png", canvas


def _order(kind, number, scene, caption):
    other = next(text for text in captions(scene) if text != caption)  # the shortest
    path = f"{kind}/{number:07d}.png"
    return {"image": path, "caption": [caption, other]}, path, render(scene)


def coco(folder, count, seed=0):
    """Write count scenes in COCO's format: val2017/, and annotations/ of captions and of objects with their masks.

    A category is a noun; its annotation is the thing's mask, run-length encoded. `scenes.csv` beside them has, in the
    columns of the authors' files, one row for a word of each other kind, with the kind as word type; its mask in COCO's
    sense is that of the noun it belongs to. The same seed writes the same scenes.
    """
    folder = Path(folder)
    (folder / "val2017").mkdir(parents=True, exist_ok=True)
    (folder / "annotations").mkdir(exist_ok=True)
    images, told, annotations, rows = [], [], [], []
    for i, (scene, caption) in enumerate(_pairs(count, seed), 1):
        file = f"{i:012d}.png"
        render(scene).save(folder / "val2017" / file)
        images.append({"id": i, "file_name": file, "width": SIZE, "height": SIZE, "scene": position(scene)})
        told.append({"id": i, "image_id": i, "caption": caption})
        for thing in scene[3:]:
            where = {"image_id": i, "category_id": NOUNS.index(thing.noun) + 1, "iscrowd": 0}
            annotations.append({"id": len(annotations) + 1, "segmentation": _runs(mask(scene, thing.noun)), **where})
        rows += [[f"{i:012d}", *row] for row in _word_rows(scene, caption)]
    categories = [{"id": k, "name": noun} for k, noun in enumerate(NOUNS, 1)]
    files = {"instances": {"categories": categories, "annotations": annotations}, "captions": {"annotations": told}}
    for name, found in files.items():
        text = json.dumps({"images": images} | found, indent=1)
        (folder / "annotations" / f"{name}_val2017.json").write_text(text + "\n")
    with (folder / "scenes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["Image ID", "Label", *HEAD], *rows])


HEAD = ("correct_obj+context", "context", "correct_obj", "context_", "word type")


def _word_rows(scene, caption):
    """A row for each colour and state of a caption: label, caption, context, word, context with "_", kind."""
    words = caption.split()
    for k, word in enumerate(words):
        kind = CLASS[word]
        if kind not in ("colour", "state"):
            continue
        thing = next(thing for thing in scene[3:] if word in thing)
        contexts = [" ".join(w for w in (*words[:k], *gap, *words[k + 1 :])) for gap in ((), ("_",))]
        yield [thing.noun, caption, contexts[0], word, contexts[1], {"colour": "adjective", "state": "verb"}[kind]]


def _runs(where):
    """A mask (h, w) as COCO's uncompressed run lengths, column by column."""
    flat = where.T.ravel()
    ends = [0, *(flat[1:] != flat[:-1]).nonzero()[0] + 1, len(flat)]
    counts = [0] * bool(flat[0]) + [int(b - a) for a, b in pairwise(ends)]
    return {"size": list(where.shape), "counts": counts}
