"""What an item may do: be missing, damaged, too large or outside the folder. What is the machine's fault is not its."""

import json
import os
import struct
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from infodecomp.datasets import aro, coco
from infodecomp.datasets.items import Broken, broken_by, is_text, open_picture, read_json
from infodecomp.experiments.runner import measured
from infodecomp.scenes import export


@pytest.fixture
def folder(tmp_path):
    """A data folder of ARO and COCO, and a picture beside it that is nobody's business."""
    data = tmp_path / "up" / "data"
    export.aro(data, 2)
    export.coco(data, 3)
    for place in (tmp_path, data.parent):
        Image.new("RGB", (64, 64)).save(place / "secret.png")
    return data


def links(folder):
    """Paths that lead out of a data folder, as seen from one of its folders of pictures."""
    secret = folder.parent / "secret.png"
    for name in ("images", "val2017"):
        os.symlink(secret, folder / name / "link.png")
        os.symlink(folder.parent, folder / name / "up")
    return "../../secret.png", "../../../secret.png", str(secret), "link.png", "up/secret.png"


def change(file, edit):
    found = json.loads(file.read_text())
    edit(found)
    file.write_text(json.dumps(found))


def test_paths_out_of_the_folder_are_broken(folder):
    for path in links(folder):
        change(folder / "visual_genome_relation.json", lambda d, p=path: d[0].update(image_path=p))
        first, second = aro.load(folder, "vg_relation")
        assert (first.broken, second.broken) == ("image outside folder", None), path
        change(folder / "annotations" / "instances_val2017.json", lambda d, p=path: d["images"][0].update(file_name=p))
        found = {item.number: item.broken for item in coco.load(folder)}
        assert found == {1: "image outside folder", 2: None, 3: None}, path
        with pytest.raises(Broken, match="outside"):
            aro.Item("x", folder=str(folder), image=os.path.join("images", path)).open()
        with pytest.raises(Broken, match="outside"):
            coco.Item("x", folder=str(folder), image=path).open()


def test_paths_and_links_inside_the_folder_are_fine(folder):
    os.symlink(folder / "images" / "0000000.png", folder / "images" / "same.png")
    for path in ("images/same.png", "images/../images/same.png", "./images/same.png"):
        assert open_picture(str(folder), path).size == (48, 40)
    os.symlink(folder, folder.parent / "elsewhere")  # the folder itself may be a link
    assert open_picture(str(folder.parent / "elsewhere"), "images/0000000.png").size == (48, 40)


@pytest.mark.parametrize("most", [100, 1200])  # Pillow refuses twice the limit, and warns from there to the limit
def test_bombs_are_broken(folder, monkeypatch, most):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
    with pytest.raises(Broken, match="image too large") as error:
        open_picture(str(folder), "images/0000000.png")
    assert "1920 pixels" in error.value.detail


@pytest.mark.parametrize("error", [KeyError("x"), struct.error("x"), IndexError("x")])
def test_whatever_pillow_raises_is_a_damaged_picture(folder, monkeypatch, error):
    def fail(path):
        raise error

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(Broken, match="truncated image"):
        open_picture(str(folder), "images/0000000.png")


MACHINE = [
    MemoryError(),
    OSError(28, "No space left on device"),
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("CUDA error: device-side assert triggered"),
    ModuleNotFoundError("No module named 'textblob'"),
    KeyboardInterrupt(),
    SystemExit(1),
]


@pytest.mark.parametrize("error", MACHINE, ids=lambda e: f"{type(e).__name__}{str(e)[:12]}")
def test_the_machines_errors_are_no_items(error):
    def measure(item):
        raise error

    with pytest.raises(type(error)):
        measured(SimpleNamespace(id="a/1"), measure)


@pytest.mark.parametrize("error", [IndexError("list index\n out of range"), ValueError("a" * 999), TypeError("\ud800")])
def test_other_errors_are_one_line_of_a_record(error):
    def measure(item):
        raise error

    found = measured(SimpleNamespace(id="a/1"), measure)
    assert found["id"] == "a/1" and found["broken"] == "cannot be measured"
    assert found["detail"].startswith(f"{type(error).__name__}: ") and "\n" not in found["detail"]
    assert len(found["detail"]) < 330 and found["detail"].encode()
    own = Broken("empty mask", "x")
    assert broken_by(own) is own


def test_a_file_that_may_not_be_read_is_one_items_fault(folder, monkeypatch):
    def fail(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(Image, "open", fail)
    (first, *_) = aro.load(folder, "vg_relation")
    found = measured(first, lambda item: {"size": item.open().size})
    assert found["broken"] == "cannot be measured" and "Permission denied" in found["detail"]


def test_what_cannot_be_written_is_broken():
    found = measured(SimpleNamespace(id="a/1"), lambda item: {"scores": torch.ones(1)})
    assert found["broken"] == "cannot be measured" and "TypeError" in found["detail"]


def test_a_score_that_is_no_number_is_broken():
    found = measured(SimpleNamespace(id="a/1"), lambda item: {"scores": {"cmi": [0.0, float("nan")]}, "r": None})
    assert (found["broken"], found["detail"]) == ("cannot be measured", "scores cmi 1 is not a number")
    fine = measured(SimpleNamespace(id="a/1"), lambda item: {"scores": {"text": [-float("inf")]}})
    assert "broken" not in fine  # a caption that is impossible


def test_one_bad_entry_does_not_spoil_a_file(tmp_path):
    """Bytes that are no UTF-8, half a surrogate pair, a number of 5,000 digits: each is one entry's fault."""
    file = tmp_path / "x.json"
    file.write_bytes(b'["caf\xc3\xa9", "caf\xe9", "\\ud800", 1' + b"0" * 5000 + b", 7]")
    good, latin, half, long, seven = read_json(file)
    assert (good, seven, long) == ("café", 7, float("inf"))
    assert is_text(good) and not is_text(latin) and not is_text(half) and not is_text(None)
    file.write_text("[" * 100_000)
    with pytest.raises(ValueError):
        read_json(file)


def test_bad_text_in_an_entry_of_aro(folder):
    file = folder / "visual_genome_relation.json"
    for name, bad in (("true_caption", "\ud800"), ("relation_name", "\udc80"), ("image_path", "\udfff.png")):
        export.aro(folder, 2)
        change(file, lambda d, n=name, b=bad: d[0].update({n: b}))
        first, second = aro.load(folder, "vg_relation")
        assert (first.broken, second.broken) == ("bad entry", None)
        assert first.detail.encode()


def test_what_cannot_be_shuffled_is_one_items_fault(folder, monkeypatch):
    shuffle = aro.perturb

    def fails(caption, key=""):
        if "0000004" in key:
            raise RecursionError("no such word")
        return shuffle(caption, key)

    monkeypatch.setattr(aro, "perturb", fails)
    found = [(item.broken, item.detail) for item in aro.load(folder, "coco_order")]
    assert found == [("bad entry", "RecursionError: no such word")] * 2 + [(None, "")] * 2
