"""check-data: counts by reason, rows beside the authors', and why contexts differ, on small data of our own making."""

import csv
import json

import published
import pytest
from PIL import Image
from typer.testing import CliRunner

from infodecomp.cli import app
from infodecomp.datasets import coco, sugarcrepe
from infodecomp.datasets.differences import caption_kind, context_kind
from infodecomp.scenes import export


def check(folder, *options):
    return CliRunner().invoke(app, ["check-data", f"--data={folder}", *options])


def table(folder, rows, name="COCO-IT.csv"):
    """A CSV file with the authors' five columns."""
    with (folder / name).open("w", newline="") as file:
        csv.writer(file).writerows([coco.NEEDED, *rows])


@pytest.fixture
def pictures(tmp_path):
    export.coco(tmp_path, 5, seed=1)
    (tmp_path / "scenes.csv").unlink()
    return tmp_path


def test_kinds_of_contexts():
    caption = "Two plates, one with a sandwich and fries, the other with a sandwich and a busy bus."
    for word, ours, theirs, kind in (
        ("fries", "a sandwich and, the", "a sandwich and  , the", "punctuation"),
        ("fries", "a sandwich and, the", "a sandwich and, the ", "same"),
        ("fries", "a sandwich and, the", "A sandwich and, the", "case"),
        ("sandwich", "a and fries a sandwich", "a  and fries a ", "word taken out more than once"),
        ("bus", "a busy", "a y ", "word cut out of another word"),
        ("bus", "a sandwich and a busy", "a sndwich and a busy", "letters missing"),
        ("bus", "a sandwich and a busy", "a mirror and a busy", "other words"),
        ("bus", "a sandwich and a busy", "a sandwich and", "words missing"),
        ("bus", "a sandwich and a busy", "a sandwich and a busy bus", "word still there"),
        ("bus", "a sandwich and a busy", "a and sandwich a busy", "order of words"),
    ):
        assert context_kind(caption, word, ours, theirs) == kind, (theirs, kind)


def test_kinds_of_captions():
    one = coco.Item("x", caption="PEOPLE walk", word="PEOPLE")
    assert caption_kind(one, one) == "same"
    assert caption_kind(one, one._replace(word="walk")) == "another word of the caption"
    assert "in capitals" in caption_kind(one, one._replace(caption="some people", word="people"))
    assert caption_kind(one, one._replace(caption="a man", word="man")) == "another caption"


def test_rows_beside_the_authors(pictures):
    """Ten rows of ours; of theirs one is missing, one is there twice, one is new, two are of other pictures."""
    items = coco.load(pictures)
    rows = [[item.number, item.category, item.caption, item.context, item.word] for item in items]
    rows[0][3] += " ."
    rows[1][4] = "nowhere"  # a word that is not in the caption
    here = items[3].number
    rows += [
        rows[2],
        [here, "the", "the owl", "owl", "the"],
        [99, "owl", "an owl", "an", "owl"],
        [98, "x", "a x", "a", "x"],
    ]
    del rows[9]
    table(pictures, rows)
    lines = check(pictures).output.splitlines()
    assert lines[0] == "coco_it: 10 items of 5 pictures, none broken"
    assert "annotations of 5 pictures; words found in captions: 10; masks as large as their pictures: 10" in lines[1]
    assert "COCO-IT.csv: 13 rows; 2 of pictures without annotations here; 1 word not in caption" in lines[2]
    assert "rows in both: 8; only here: 2; only there: 1; twice there: 1" in lines[3]
    assert "captions: 8 same" in lines[4] and "are the same: 7 same; 1 punctuation" in lines[5]
    assert len(lines) == 6
    alone = check(pictures, "--task=COCO-IT.csv")
    assert alone.exit_code == 0 and "13 items of 7 pictures, 3 broken: 2 missing image; 1 word not" in alone.output


def test_masks_and_pictures_are_read(pictures):
    file = pictures / "val2017" / f"{2:012d}.png"
    file.write_bytes(file.read_bytes()[:200])
    Image.new("RGB", (33, 32)).save(pictures / "val2017" / f"{3:012d}.png")
    lines = check(pictures, "--task=coco_it").output.splitlines()
    assert lines[0] == "coco_it: 10 items of 5 pictures, 2 broken: 2 truncated image"
    assert "masks as large as their pictures: 8; 2 mask of another size" in lines[1]
    assert lines[2].startswith("    truncated image, first: coco_it/000000000002/") and len(lines) == 4
    assert lines[3].startswith("    mask of another size, first: coco_it/000000000003/") and "33 × 32" in lines[3]


def test_every_task_that_is_there_is_told(tmp_path):
    export.aro(tmp_path, 2)
    published.as_sugarcrepe(tmp_path, 1, files="data")
    published.as_winoground(
        tmp_path, [published.example(0, ("red", "red"))], [[published.plain("red"), published.plain("blue")]]
    )
    (tmp_path / "coco_karpathy_val.json").write_text((tmp_path / "coco_karpathy_test.json").read_text())
    (tmp_path / "flickr30k_test.json").write_text("{")
    found = check(tmp_path)
    lines = found.output.splitlines()
    assert found.exit_code == 0 and "vg_relation: 2 items of 2 pictures, none broken" in lines
    assert "coco_order: 4 items of 2 pictures, none broken" in lines
    assert "coco_order, val: 4 items of 2 pictures, none broken" in lines
    assert "sugarcrepe: 7 items of 7 pictures, none broken" in lines
    assert all(f"  {kind}: 1 items of 1 pictures, none broken" in lines for kind in sugarcrepe.KINDS)
    assert "winoground: 1 items of 2 pictures, 1 broken: 1 same caption" in lines
    assert "    same caption, first: winoground/000000, both are 'red'" in lines
    assert lines[-1].startswith("cannot be read: ") and "flickr30k_test.json" in lines[-1]
    assert len(lines) < 25  # a screen


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "data must be a folder with the files of vg_relation"),
        (["--task=vg"], "task must be one of vg_relation, "),
        (["--task=vg_relation"], "visual_genome_relation.json must be ARO's file"),
        (["--task=sugarcrepe"], "it lacks replace_obj.json"),
        (["--task=winoground"], "data/examples.jsonl"),
        (["--task=coco_it"], "instances_val2017.json"),
        (["--task=x.csv"], "x.csv"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(options, message, tmp_path):
    found = check(tmp_path, *options)
    assert found.exit_code == 2 and message in found.output and len(found.output.strip().splitlines()) == 1


def test_an_empty_file_of_winoground_is_refused(tmp_path):
    (tmp_path / "examples.jsonl").write_text("\n")
    found = check(tmp_path, "--task=winoground")
    assert found.exit_code == 2 and "examples.jsonl must hold Winoground's examples" in found.output
    (tmp_path / "examples.jsonl").write_text(json.dumps([published.example(0, ("red", "blue"))]))
    assert "bad entry, first: winoground/line 1, " in check(tmp_path, "--task=winoground").output


def test_files_in_each_others_place_are_refused_in_one_line(pictures):
    files = [pictures / "annotations" / f"{kind}_val2017.json" for kind in ("instances", "captions")]
    instances, captions = (file.read_bytes() for file in files)
    for wrong, says in (
        ((instances, instances), "captions_val2017.json, got a file of instances"),
        ((captions, captions), "instances_val2017.json, got a file of captions"),
        ((captions, instances), "instances_val2017.json, got a file of captions"),
    ):
        for file, text in zip(files, wrong, strict=True):
            file.write_bytes(text)
        found = check(pictures)
        assert found.exit_code == 2 and says in found.output and len(found.output.strip().splitlines()) == 1


def test_a_wrong_folder_is_told_which_files_it_lacks(tmp_path):
    found = check(tmp_path / "nowhere")
    assert found.exit_code == 2 and "which is not there" in found.output
    assert "coco_it (annotations/instances_val2017.json)" in found.output
    (tmp_path / "file").write_text("")
    assert "which is a file" in check(tmp_path / "file").output


def test_a_folder_with_some_of_sugarcrepes_files(tmp_path):
    published.as_sugarcrepe(tmp_path, 1)
    (tmp_path / "swap_obj.json").unlink()
    found = check(tmp_path)
    assert found.exit_code == 2 and "it lacks swap_obj.json" in found.output
    (tmp_path / "visual_genome_relation.json").write_text(json.dumps([]))
    found = check(tmp_path)
    assert found.exit_code == 0 and "vg_relation: 0 items" in found.output and "it lacks swap_obj" in found.output
