"""COCO's files with one bad entry each: loading goes on, the entry is a broken item, masks are checked."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

import infodecomp as idc
from infodecomp.datasets import coco
from infodecomp.datasets.annotations import mask_of
from infodecomp.datasets.items import Broken
from infodecomp.experiments import localization
from infodecomp.scenes import export

INSTANCES, CAPTIONS = "instances_val2017", "captions_val2017"


@pytest.fixture
def folder(tmp_path):
    export.coco(tmp_path, 3, seed=1)
    return tmp_path


def change(folder, name, edit):
    file = folder / "annotations" / f"{name}.json"
    found = json.loads(file.read_text())
    edit(found)
    file.write_text(json.dumps(found))


BAD = [
    (INSTANCES, lambda d: d["annotations"][0].update(category_id=99), "annotations[0]", "category_id"),
    (INSTANCES, lambda d: d["annotations"][0].update(image_id=99), "annotations[0]", "image_id"),
    (INSTANCES, lambda d: d["annotations"].append(None), "annotations[6]", "None"),
    (INSTANCES, lambda d: d["annotations"][0].update(category_id=None), "annotations[0]", "category_id"),
    (INSTANCES, lambda d: d["images"].append({"id": 4}), "images[3]", "file_name"),
    (INSTANCES, lambda d: d["images"].append({"id": "4", "file_name": "4.png"}), "images[3]", "id"),
    (INSTANCES, lambda d: d["images"].append(dict(d["images"][0])), "images[3]", "twice"),
    (INSTANCES, lambda d: d["categories"].append({"id": 77, "name": None}), "categories[8]", "name"),
    (INSTANCES, lambda d: d["categories"].append({"id": 77, "name": "owl"}), "categories[8]", "twice"),
    (CAPTIONS, lambda d: d["annotations"].append({"id": 9, "image_id": 1, "caption": None}), "[3]", "caption"),
    (CAPTIONS, lambda d: d["annotations"].append({"id": 9, "image_id": 1}), "annotations[3]", "caption"),
    (CAPTIONS, lambda d: d["annotations"].append({"id": 9, "image_id": 1, "caption": "\ud800"}), "[3]", "caption"),
    (CAPTIONS, lambda d: d["annotations"].append([]), "annotations[3]", "[]"),
]


@pytest.mark.parametrize(("name", "edit", "place", "word"), BAD)
def test_a_bad_entry_is_one_broken_item(folder, name, edit, place, word):
    before = coco.load(folder)
    change(folder, name, edit)
    found = coco.load(folder)
    assert [item.id for item in found if item.broken] == [found[-1].id]
    last = found[-1]
    assert last.id.startswith(f"coco_it/{name} ") and last.id.endswith(place) and last.broken == "bad entry"
    assert word in last.detail and "\n" not in last.detail and last.detail.encode()
    assert len(before) - 1 <= len(found) - 1 <= len(before)
    assert [item for item in before if item in found] == found[:-1]
    with pytest.raises(Broken):
        last.open()


SEGMENTATIONS = [
    *([], None, "x", 3, {}, [[]], [None], [[1, 2, 3, 4]], [[1, 2, 3, 4, 5]], [[1, 1, 9, 1, 9, 9], [1, 2, 3, 4]]),
    *([[1, 1, float("nan"), 1, 9, 9]], [[1, 1, 1e12, 1, 9, 9]], [[1, 1, "9", 1, 9, 9]], [[1, 1, True, 1, 9, 9]]),
    *({"size": [32, 32], "counts": [5]}, {"size": [32, 32], "counts": [-1, 1025]}, {"size": [16, 64]}),
    *({"size": [16, 64], "counts": [1024]}, {"size": [32, 32], "counts": None}, {"size": [32, 32], "counts": [1024.0]}),
]


@pytest.mark.parametrize("bad", SEGMENTATIONS, ids=str)
def test_bad_segmentations_are_broken(bad):
    with pytest.raises(Broken, match="bad segmentation"):
        mask_of(bad, 32, 32)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # pycocotools is made for NumPy 1
def test_good_segmentations_of_all_kinds():
    from pycocotools import mask as rle

    where = np.zeros((6, 8), bool)
    where[1:3, 1:4] = True
    packed = rle.encode(np.asfortranarray(where.astype(np.uint8)))["counts"].decode()
    for kind in ([[1, 1, 4, 1, 4, 3, 1, 3]], export._runs(where), {"size": [6, 8], "counts": packed}):
        assert np.array_equal(mask_of(kind, 6, 8), where)


def test_an_empty_segmentation_is_its_items_fault(folder):
    change(folder, INSTANCES, lambda d: d["annotations"][0].update(segmentation=[]))
    faults = []
    for item in coco.load(folder):
        try:
            assert item.mask().any()
        except Broken as broken:
            faults.append((item.number, broken.reason))
    assert faults == [(1, "bad segmentation")]


def test_a_mask_of_another_size_than_its_picture(tmp_path):
    """Width and height swapped: the IoU of the true map, a quarter of the picture, would be another number."""
    (tmp_path / "val2017").mkdir()
    (tmp_path / "annotations").mkdir()
    Image.new("RGB", (80, 40)).save(tmp_path / "val2017" / "1.png")
    box = [[0, 0, 20, 0, 20, 40, 0, 40]]  # the left quarter
    things = {"images": [{"id": 1, "file_name": "1.png", "width": 80, "height": 40}]}
    things |= {"categories": [{"id": 1, "name": "bed"}], "annotations": []}
    things["annotations"].append({"id": 1, "image_id": 1, "category_id": 1, "segmentation": box})
    sentences = {"images": things["images"], "annotations": [{"id": 1, "image_id": 1, "caption": "a bed"}]}
    for name, found in ((INSTANCES, things), (CAPTIONS, sentences)):
        (tmp_path / "annotations" / f"{name}.json").write_text(json.dumps(found))
    (item,) = coco.load(tmp_path)
    assert item.mask().shape == (40, 80) and item.mask().mean() == 0.25
    for width, height in ((40, 80), (80, 41), (None, 40), (10**9, 10**9)):
        change(tmp_path, INSTANCES, lambda d, w=width, h=height: d["images"][0].update(width=w, height=h))
        (item,) = coco.load(tmp_path)
        with pytest.raises(Broken, match="mask of another size") as error:
            item.mask()
        assert "80 × 40" in error.value.detail


class Cropping:
    """A model that sees the middle square of a picture."""

    def frame(self, picture):
        side, left = picture.size[1], (picture.size[0] - picture.size[1]) // 2
        return picture.crop((left, 0, left + side, side))


@pytest.mark.parametrize(("mask", "reason"), [((0, 20), "outside the crop"), ((0, 10), "outside the crop")])
def test_an_object_outside_the_crop_is_broken(mask, reason):
    where = np.zeros((40, 80), bool)
    where[:, slice(*mask)] = True

    class Thing(coco.Item):
        open = lambda self: Image.new("RGB", (80, 40))  # noqa: E731
        mask = lambda self: where  # noqa: E731

    with pytest.raises(Broken, match=reason):
        localization.measure(Cropping(), Thing("x", word="bed", caption="a bed", position=1), samples=2, seed=0)


def test_ids_as_tables_write_them(folder):
    """1.0 is image 1, as pandas writes it; a file's name is its number; what is none is a bad entry."""
    row = {column: "" for column in coco.COLUMNS} | {"Label": "owl", "correct_obj+context": "a red owl"}
    ids = {"1": 1, "1.0": 1, " 2. ": 2, "000000000003": 3, "000000000003.jpg": 3, "COCO_val2014_000000000002.jpg": 2}
    ids |= {name: None for name in ("1.5", "-1", "1e3", "", "x", "1 2", "nan")}
    with (folder / "t.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, coco.COLUMNS)
        table.writeheader()
        table.writerows({**row, "Image ID": name, "correct_obj": "red"} for name in ids)
    items = coco.load(folder, "t.csv")
    assert [item.number if item.broken is None else None for item in items] == list(ids.values())
    assert {item.broken for item in items} == {None, "bad entry"}


def test_a_bad_row_is_one_broken_item(folder):
    good = b"1,owl,a red owl,a owl,red,_\n"
    rows = [b"1,owl,a red owl,a owl,red,_,too,many\n", good, b"1,owl,a r\xe9d owl,a owl,red,_\n", good, b"1,owl\n"]
    rows += [b'1,owl,"' + b"x" * 200_000 + b'",a owl,red,_\n', good]
    (folder / "t.csv").write_bytes(",".join(coco.COLUMNS).encode() + b"\n" + b"".join(rows))
    items = coco.load(folder, "t.csv")
    whole = [item for item in items if not item.broken]
    assert len(whole) == 3 and {item.broken for item in items} == {None, "bad entry"} and items[-1] in whole
    assert items[0].broken and items[2].broken and "'" in items[2].detail and items[2].detail.encode()


def test_words_that_no_plural_is_known_of(folder, monkeypatch):
    def fails(name):
        raise RuntimeError(f"no plural of {name}")

    before = coco.load(folder)
    name = before[0].category
    plural = coco._plural
    monkeypatch.setattr(coco, "_plural", lambda n: fails(n) if n == name else plural(n))
    found = coco.load(folder)
    assert {item.id for item in before} <= {item.id for item in found}
    assert {item.broken for item in found if item.category == name} == {"bad entry"}
    assert {item.broken for item in found if item.category != name} == {None}


def test_scenes_are_still_whole(folder):
    assert all(np.array_equal(item.mask(), idc.scenes.mask(idc.scenes.scenes()[entry["scene"]], item.category))
               for entry in json.loads((folder / "annotations" / f"{INSTANCES}.json").read_text())["images"]
               for item in coco.load(folder) if item.number == entry["id"])  # fmt: skip
