import json
import math
from collections import Counter

import pytest
from PIL import Image

from infodecomp import scenes as sc
from infodecomp.datasets import aro
from infodecomp.scenes import export, meaning

COUNT = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("aro") / "new"
    export.aro(path, COUNT, seed=3)
    return path


def scene_of(folder, item):
    name = aro.FILES[item.id.split("/")[0]].format("test")
    return sc.scenes()[json.loads((folder / name).read_text())[int(item.id.split("/")[1])]["scene"]]


def false(scene, text):
    """Whether a text is impossible for the scene: outside the grammar, or of probability 0."""
    return not meaning.possible(text) or sc.log_prob(scene, text) == -math.inf


@pytest.mark.parametrize("task", aro.TASKS)
def test_first_captions_are_true_and_others_false(folder, task):
    items = aro.load(folder, task)
    assert len(items) == COUNT * (1 + ("order" in task)) and not aro.count(items)
    for item in items:
        scene = scene_of(folder, item)
        assert sc.log_prob(scene, item.captions[0]) > -math.inf
        assert all(false(scene, text) for text in item.captions[1:]), item
        assert len(item.captions) == (5 if "order" in task else 2)
        assert item.open().tobytes() == sc.render(scene).tobytes()  # the crop, too


@pytest.mark.parametrize("task", ["vg_relation", "vg_attribution"])
def test_pairs_swap_one_thing(folder, task):
    """Both captions are of the grammar and hold the same words, but for the relation; the group names it."""
    groups = Counter()
    for item in aro.load(folder, task):
        true, swapped = (text.split() for text in item.captions)
        changed = [(a, b) for a, b in zip(true, swapped, strict=True) if a != b]
        scene = scene_of(folder, item)
        assert sc.log_prob(scene, item.captions[1]) == -math.inf  # a caption of other scenes: no ValueError
        if task == "vg_relation":
            assert len(changed) == 1 and item.group.split()[0] == changed[0][0] and item.group in item.captions[0]
        else:
            assert len(changed) == 2 and ", ".join(sorted(changed[0])) == item.group
        groups[item.group] += 1
    assert len(groups) == (4 if task == "vg_relation" else 6)


def test_pictures_lie_in_larger_ones(folder):
    boxes = {item.box for item in aro.load(folder, "vg_relation") + aro.load(folder, "vg_attribution")}
    assert len(boxes) > 20 and all(r - l == b - t == 32 for l, t, r, b in boxes)
    for path in (folder / "images").iterdir():
        with Image.open(path) as image:
            assert image.size == (48, 40)
    assert {p.name for p in folder.iterdir()} == {"images", "val2014", "flickr30k-images"} | {
        aro.FILES[task].format("test") for task in aro.TASKS
    }


def test_seeds_and_bad_input(folder, tmp_path):
    export.aro(tmp_path / "a" / "b", COUNT, seed=3)
    export.aro(tmp_path / "other", 2, seed=4)
    for path in folder.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "a" / "b" / path.relative_to(folder)).read_bytes()
    one, other = (json.loads((p / "flickr30k_test.json").read_text()) for p in (folder, tmp_path / "other"))
    assert len(other) == 2 and one[:2] != other
    for wrong in (0, -1, 2.5, True, "3"):
        with pytest.raises(ValueError, match="count must be a positive whole number, got"):
            export.aro(tmp_path, wrong)
