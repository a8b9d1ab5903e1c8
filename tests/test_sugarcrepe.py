"""SugarCrepe as published: ids by number, kinds in turns, places of files and pictures, broken entries named."""

import json

import published
import pytest
from PIL import Image
from test_aro import picture
from typer.testing import CliRunner

from infodecomp.cli import app
from infodecomp.datasets import sugarcrepe
from infodecomp.experiments import relation

GOOD = {"filename": "000000000007.jpg", "caption": "A cat.", "negative_caption": "A dog."}


def write(folder, **files):
    """The seven files, with one good entry unless given, and its picture."""
    picture(folder / "val2017" / "000000000007.jpg")
    for kind in sugarcrepe.KINDS:
        (folder / f"{kind}.json").write_text(json.dumps(files.get(kind, {"0": GOOD})))


def test_items_are_numbered_and_kinds_take_turns(tmp_path):
    write(tmp_path, replace_obj={"0": GOOD, "12": GOOD}, swap_obj={})
    items = sugarcrepe.load(tmp_path)
    kinds = [kind for kind in sugarcrepe.KINDS if kind != "swap_obj"]
    assert [item.id for item in items[:6]] == [f"sugarcrepe/{kind}/000000" for kind in kinds]
    assert items[6].id == "sugarcrepe/replace_obj/000012" and items[6].group == "replace_obj"
    for item in items:
        assert item.broken is None and item.captions == ("A cat.", "A dog.") and item.open().size == (60, 50)


@pytest.mark.parametrize("files", ["", "data", "sugarcrepe"])
@pytest.mark.parametrize("pictures", ["val2017", "images", "coco/val2017"])
def test_places(files, pictures, tmp_path):
    (tmp_path / files).mkdir(exist_ok=True)
    for kind in sugarcrepe.KINDS:
        (tmp_path / files / f"{kind}.json").write_text(json.dumps({"3": GOOD}))
    picture(tmp_path / pictures / "000000000007.jpg")
    items = sugarcrepe.load(tmp_path)
    assert len(items) == 7 and {item.broken for item in items} == {None}
    assert {item.image for item in items} == {f"{pictures}/000000000007.jpg"}


BROKEN = {
    "bad entry": [3, None, [], {**GOOD, "caption": 3}, {"filename": "7.jpg", "caption": "A cat."}],
    "empty caption": [{**GOOD, "negative_caption": " "}],
    "same caption": [{**GOOD, "negative_caption": "A cat."}],
    "missing image": [{**GOOD, "filename": "8.jpg"}],
    "image outside folder": [{**GOOD, "filename": "../../x.jpg"}, {**GOOD, "filename": "/etc/hosts"}],
}


@pytest.mark.parametrize(("reason", "entry"), [(r, entry) for r, entries in BROKEN.items() for entry in entries])
def test_broken_entries_are_named_and_the_others_stay(reason, entry, tmp_path):
    write(tmp_path, add_att={"0": entry, "1": GOOD})
    broken, whole = [item for item in sugarcrepe.load(tmp_path) if item.group == "add_att"]
    assert (broken.broken, whole.broken) == (reason, None) and "\n" not in broken.detail
    with pytest.raises(sugarcrepe.Broken, match=reason):
        broken.open()


@pytest.mark.parametrize("key", ["x", "01", "-1", "", "1" * 5000, "٣"])
def test_keys_that_are_no_numbers(key, tmp_path):
    write(tmp_path, add_att={"1": GOOD, key: GOOD})
    items = sugarcrepe.load(tmp_path)
    assert [item.broken for item in items].count("bad entry") == 1
    assert len({item.id for item in items}) == len(items) == 8


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="it lacks replace_obj.json, .*, add_att.json"):
        sugarcrepe.load(tmp_path)
    write(tmp_path)
    (tmp_path / "swap_att.json").unlink()
    (tmp_path / "add_obj.json").unlink()
    with pytest.raises(ValueError, match=r"it lacks swap_att.json, add_obj.json$"):
        sugarcrepe.load(tmp_path)
    for text in ("[]", "{", ""):
        write(tmp_path)
        (tmp_path / "add_obj.json").write_text(text)
        with pytest.raises(ValueError, match="add_obj.json must be a file of SugarCrepe"):
            sugarcrepe.load(tmp_path)


def test_published_numbers_are_counts_of_pairs():
    """Each is a whole number of right pairs of the files' sizes; swap_obj had a pair more than the file of today."""
    sizes = dict(zip(sugarcrepe.KINDS, (1652, 788, 1406, 246, 666, 2062, 692), strict=True))
    for numbers in relation.PUBLISHED["sugarcrepe"].values():
        for kind, share in numbers.items():
            right = round(share * sizes[kind] / 100)
            assert round(100 * right / sizes[kind], 2) == share


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_with_another_picture(tmp_path):
    """Counted by --dry-run, in settings, records, table and groups; refused for a folder of a run without it."""
    data, out = tmp_path / "data", tmp_path / "out"
    published.as_sugarcrepe(data)
    options = ["relation", "--tasks=sugarcrepe", "--samples=2", "--limit=8", f"--data={data}", "--text=scenes"]
    assert f"{8 * 3 * 2 * 2} evaluations" in invoke(*options, f"--out={out}", "--other-picture", "--dry-run").output
    found = invoke(*options, f"--out={out}", "--other-picture")
    assert found.exit_code == 0, found.output
    assert json.loads((out / "settings.json").read_text())["settings"]["other_picture"] is True
    records = [json.loads(line) for line in (out / "records-00000.jsonl").read_text().splitlines()]
    assert len(records) == 8 and records[0]["image"] == "val2017/000000000001.png"
    for record in records:
        names = [name for name in record["scores"] if not name.endswith(relation.OTHER)]
        assert names == [*relation.SCORES, "text"] and len(record["scores"]) == 2 * len(names)
        assert record["scores"]["text"] == record["scores"]["text" + relation.OTHER]
        assert record["scores"]["standard"] != record["scores"]["standard" + relation.OTHER]
    assert found.output.count(", other picture |") == 5 and relation.SENTENCE in found.output
    assert "+0.0 ± 0.0 (1) to its own picture" in found.output
    groups = invoke("report", out, "--least=1").output
    line = next(line for line in groups.splitlines() if line.startswith("| swap_obj"))
    assert line.endswith("| 67.48 | 60.16 |") and "CLIP ViT-H-14, LAION (Hsieh et al. 2023)" in groups
    assert "other_picture was True, is None" in invoke(*options, f"--out={out}").output


def test_pictures_alone_are_not_enough(tmp_path):
    (tmp_path / "val2017").mkdir()
    Image.new("RGB", (3, 3)).save(tmp_path / "val2017" / "1.png")
    found = invoke("relation", "--tasks=sugarcrepe", f"--data={tmp_path}", f"--out={tmp_path / 'out'}")
    assert found.exit_code == 2 and "it lacks" in found.output and len(found.output.strip().splitlines()) == 1
