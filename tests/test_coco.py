"""COCO's files as published: words found as whole words, contexts undamaged, masks united, broken rows told apart."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from infodecomp.datasets import coco
from infodecomp.scenes import export
from infodecomp.scenes.grammar import NOUNS
from infodecomp.vocabulary import COCO


@pytest.fixture
def folder(tmp_path):
    """Three pictures: a bed in a bedroom with two dogs (one a crowd), people, and one whose file is missing."""
    (tmp_path / "val2017").mkdir()
    (tmp_path / "annotations").mkdir()
    for i in (7, 9):
        Image.new("RGB", (8, 6)).save(tmp_path / "val2017" / f"{i:012d}.jpg")
    images = [{"id": i, "file_name": f"{i:012d}.jpg", "width": 8, "height": 6} for i in (7, 9, 11)]
    categories = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}, {"id": 65, "name": "bed"}]
    categories += [{"id": 10, "name": "traffic light"}]
    square = [[1, 1, 4, 1, 4, 3, 1, 3]]
    crowd = {"size": [6, 8], "counts": [36, 6, 6]}  # column 6
    annotations = [
        {"id": 1, "image_id": 7, "category_id": 65, "iscrowd": 0, "segmentation": square},
        {"id": 2, "image_id": 7, "category_id": 18, "iscrowd": 0, "segmentation": [[0, 4, 2, 4, 2, 6, 0, 6]]},
        {"id": 3, "image_id": 7, "category_id": 18, "iscrowd": 1, "segmentation": crowd},
        {"id": 4, "image_id": 9, "category_id": 1, "iscrowd": 0, "segmentation": {"size": [6, 8], "counts": [48]}},
        {"id": 5, "image_id": 9, "category_id": 10, "iscrowd": 0, "segmentation": square},
        {"id": 6, "image_id": 11, "category_id": 18, "iscrowd": 0, "segmentation": square},
    ]
    told = {7: ["A bedroom.", "Two dogs,  asleep in a bedroom with a bed."], 9: ["People wait at Traffic Lights"]}
    told[11] = ["a dog"]
    captions = [{"id": 10 * i + k, "image_id": i, "caption": c} for i, cs in told.items() for k, c in enumerate(cs)]
    files = {"instances": {"annotations": annotations, "categories": categories}, "captions": {"annotations": captions}}
    for name, found in files.items():
        (tmp_path / "annotations" / f"{name}_val2017.json").write_text(json.dumps({"images": images} | found))
    return tmp_path


def test_coco_it_is_made_of_whole_words(folder):
    items = {item.id: item for item in coco.load(folder)}
    names = ["7/dog", "7/bed", "9/person", "9/traffic light", "11/dog"]  # by image, then by category
    assert list(items) == [f"coco_it/{int(n.split('/')[0]):012d}/{n.split('/')[1]}" for n in names]
    bed, dog = items["coco_it/000000000007/bed"], items["coco_it/000000000007/dog"]
    assert bed.caption == "Two dogs, asleep in a bedroom with a bed." and bed.word == "bed"
    assert bed.context == "Two dogs, asleep in a bedroom with a."  # the bedroom is whole
    assert (dog.word, dog.position, dog.context) == ("dogs", 1, "Two, asleep in a bedroom with a bed.")
    person = items["coco_it/000000000009/person"]
    assert (person.word, person.position) == ("People", 0)  # inflect's plural
    light = items["coco_it/000000000009/traffic light"]
    assert (light.word, light.context) == ("Traffic Lights", "People wait at")
    assert dog.crowd and not bed.crowd


@pytest.mark.parametrize("name", [*COCO, *NOUNS])
def test_known_plurals_are_those_of_inflect(name):
    assert name in coco.REGULAR or name in coco.IRREGULAR
    assert coco._plural(name) == coco._engine().plural(name)


def test_masks_are_united_and_broken_ones_named(folder):
    items = {item.id: item for item in coco.load(folder)}
    dog = items["coco_it/000000000007/dog"].mask()
    assert dog.shape == (6, 8) and dog[:, 6].all() and dog[4:, :2].any() and not dog[:, 4].any()
    with pytest.raises(coco.Broken, match="empty mask"):
        items["coco_it/000000000009/person"].mask()
    gone = items["coco_it/000000000011/dog"]
    assert gone.broken == "missing image"
    with pytest.raises(coco.Broken, match="missing image"):
        gone.open()
    assert items["coco_it/000000000007/bed"].open().size == (8, 6)


def test_csv_files_of_the_authors(folder):
    header = [*coco.COLUMNS, "Word Type"]
    rows = [
        ["7", "bed", "two dogs in a bedroom with a bed", "damaged room", "bed", "_", "noun"],
        ["9.0", "cat", "people wait", "wait", "people", "_ wait", "noun"],
        ["13", "cat", "people wait", "wait", "people", "_ wait", "noun"],
        ["7", "dog", "two dogs", "dogs", "cats", "_", "noun"],
        ["", "dog", "two dogs", "dogs", "two", "_", "numeral"],
    ]
    with (folder / "COCO-WL.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    items = coco.load(folder, "COCO-WL.csv")
    assert items[0].context == "two dogs in a bedroom with a" and items[0].group == "noun"
    assert [item.broken for item in items] == [None, None, "missing image", "word not in caption", "bad entry"]
    assert items[1].number == 9 and items[1].image == f"{9:012d}.jpg"  # 9.0, as pandas writes it, is not 90


def test_missing_files_and_columns_are_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="captions_val2017|instances_val2017"):
        coco.load(tmp_path / "nowhere")
    (folder / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="must have the columns"):
        coco.load(folder, "x.csv")
    with pytest.raises(ValueError, match="CSV file"):
        coco.load(folder, "y.csv")


def test_scenes_in_cocos_format(tmp_path):
    import infodecomp as idc

    export.coco(tmp_path, 5, seed=1)
    items = coco.load(tmp_path)
    entries = json.loads((tmp_path / "annotations" / "instances_val2017.json").read_text())["images"]
    scenes = {e["id"]: idc.scenes.scenes()[e["scene"]] for e in entries}
    assert len(items) == 10 and not any(item.broken for item in items)
    for item in [*items, *coco.load(tmp_path, "scenes.csv")]:
        scene = scenes[item.number]
        assert np.array_equal(item.mask(), idc.scenes.mask(scene, item.category))
        assert np.array_equal(np.asarray(item.open()), np.asarray(idc.scenes.render(scene)))
        assert idc.scenes.log_prob(scene, item.caption) > -np.inf
        assert item.word in item.caption.split() and item.word not in item.context.split()


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # pycocotools is made for NumPy 1
@pytest.mark.parametrize("corner", [False, True])
def test_run_lengths_are_cocos(corner):
    from pycocotools import mask as rle

    where = np.zeros((4, 5), bool)
    where[1:3, 2:4], where[0, 0] = True, corner
    runs = export._runs(where)
    assert np.array_equal(rle.decode(rle.frPyObjects(runs, 4, 5)), where)
