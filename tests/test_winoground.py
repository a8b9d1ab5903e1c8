"""Winoground's file as published, and its three scores: strictly greater, ties wrong, chance as counted."""

import itertools
import json

import published
import pytest
from typer.testing import CliRunner

import infodecomp as idc
from infodecomp.cli import app
from infodecomp.datasets import winoground as data
from infodecomp.experiments import winoground


@pytest.fixture
def folder(tmp_path):
    lines = [published.example(k, ("red", "blue"), collapsed_tag=tag) for k, tag in enumerate(("Object", "Both"))]
    published.as_winoground(tmp_path, lines, [[published.plain("red"), published.plain("blue")]] * 2)
    return tmp_path


def test_the_published_format(folder):
    first, second = data.load(folder)
    assert (first.id, first.group, second.group) == ("winoground/000000", "Object", "Both")
    assert first.captions == ("red", "blue") and first.images == ("images/ex_0_img_0.png", "images/ex_0_img_1.png")
    assert [picture.getpixel((0, 0)) for picture in first.open()] == [(255, 0, 0), (0, 0, 255)]
    named = published.example(0, ("red", "blue"), image_0="ex_0_img_0.png", image_1="ex_0_img_1.png")
    (folder / "data" / "examples.jsonl").write_text(json.dumps(named) + "\r\n\r\n")
    assert data.load(folder) == [first]
    (folder / "images").rename(folder / "data" / "images")  # where the archive lies that is unpacked
    assert data.load(folder)[0].images[0] == "data/images/ex_0_img_0.png"


CHANGES = {
    "bad entry": [{"id": "0"}, {"id": True}, {"id": -1}, {"caption_0": None}, {"image_0": 3}, {"collapsed_tag": 3}],
    "empty caption": [{"caption_1": ""}],
    "same caption": [{"caption_1": "red"}],
    "missing image": [{"image_1": "ex_7_img_1"}],
    "image outside folder": [{"image_1": "../../x"}],
}
CHANGES["bad entry"].append({"image_1": "ex_0_img_0"})


@pytest.mark.parametrize(("reason", "changes"), [(r, changes) for r, each in CHANGES.items() for changes in each])
def test_broken_lines_are_named_and_the_others_stay(reason, changes, folder):
    file = folder / "data" / "examples.jsonl"
    good = file.read_text().splitlines()[1]
    file.write_text(json.dumps(published.example(0, ("red", "blue")) | changes) + "\n" + good)
    broken, whole = data.load(folder)
    assert (broken.broken, whole.broken) == (reason, None) and "\n" not in broken.detail
    with pytest.raises(data.Broken, match=reason):
        broken.open()


@pytest.mark.parametrize("line", ["{", "[]", "3", '"a"', "<html>", "[" * 100_000, b"\xff\xfe"])
def test_lines_that_are_no_entries(line, folder):
    file = folder / "data" / "examples.jsonl"
    file.write_bytes(file.read_bytes() + (line if isinstance(line, bytes) else line.encode()) + b"\n")
    items = data.load(folder)
    assert [item.broken for item in items] == [None, None, "bad entry"] and items[2].id == "winoground/line 3"


def test_an_id_stands_once_and_a_file_must_be_there(folder, tmp_path):
    file = folder / "data" / "examples.jsonl"
    file.write_text(file.read_text() * 2)
    items = data.load(folder)
    assert [item.broken for item in items] == [None, None, "bad entry", "bad entry"]
    assert len({item.id for item in items}) == 4
    with pytest.raises(ValueError, match="data must hold Winoground's data/examples.jsonl"):
        data.load(tmp_path / "nowhere")


def test_verdicts_by_hand():
    """Rows are pictures, columns captions; of all 24 orders 6, 6 and 4 are right: the published chance."""
    assert winoground.verdicts([[2, 1], [0, 3]]) == {"text": True, "image": True, "group": True}
    assert winoground.verdicts([[2, 1], [3, 4]]) == {"text": True, "image": False, "group": False}
    assert winoground.verdicts([[2, 3], [1, 4]]) == {"text": False, "image": True, "group": False}
    for tie in ([[1, 1], [0, 2]], [[2, 0], [2, 3]], [[1, 1], [1, 1]]):
        assert not winoground.verdicts(tie)["group"]
    each = [winoground.verdicts([[a, b], [c, d]]) for a, b, c, d in itertools.permutations(range(4))]
    shares = {name: round(100 * sum(one[name] for one in each) / 24, 1) for name in winoground.CHANCE}
    assert shares == winoground.CHANCE


def test_an_exact_denoiser_matches_by_information_alone(folder):
    """iˢ of an exact denoiser is right about all, iᵒ about none: it is larger for what does not fit."""
    item, _ = data.load(folder)
    record = winoground.measure(published.Colours(), item, samples=20, seed=1)
    scores = record["scores"]
    assert winoground.verdicts(scores["standard"]) == {"text": True, "image": True, "group": True}
    assert winoground.verdicts(scores["orthogonal"]) == {"text": False, "image": False, "group": False}
    model = published.Colours()
    for row, picture in zip(scores["standard"], item.open(), strict=True):  # on one noise
        alone = [idc.pointwise_information(model, model.encode(picture), c, kind="standard", samples=20, seed=1)
                 for c in item.captions]  # fmt: skip
        assert row == pytest.approx([found.nats.item() for found in alone], rel=1e-5)
    text = winoground.report({"winoground": [{"id": "winoground/000000"} | record]}, least=1)
    assert "| text | 1 | 0.0" in text and "| group, Object | 1 |" in text and "| 16.7 | 8.0 |" in text
    assert winoground.SENTENCE in text and "100.0 [20.7, 100.0]" in text  # Wilson's of one of one


def test_the_command(tmp_path):
    folder, out = tmp_path / "data", tmp_path / "out"
    drawn = published.pairs(4)
    lines = [published.example(k, drawn[2 * k][1:]) for k in (0, 1)]
    lines.append(published.example(2, ("a", "a")))
    pictures = [[idc.scenes.render(drawn[2 * k + j][0]) for j in (0, 1)] for k in (0, 1)]
    published.as_winoground(folder, lines, [*pictures, pictures[0]])
    options = ["relation", "--tasks=winoground", "--samples=2", f"--data={folder}", f"--out={out}", "--text=scenes"]
    found = CliRunner().invoke(app, options)
    assert found.exit_code == 0, found.output
    assert "- same caption, first: winoground/00000" in found.output
    assert "3 items; 1 broken (same caption)" in found.output and "CLIP ViT-B/32 (Thrush et al. 2022)" in found.output
    record = json.loads((out / "records-00000.jsonl").read_text().splitlines()[0])
    assert {len(rows) for rows in record["scores"].values()} == {2} and "standard" in record["scores"]
    file = tmp_path / "record.json"
    assert CliRunner().invoke(app, ["report", str(out), f"--record={file}"]).exit_code == 0
    table = json.loads(file.read_text())["tasks"]["winoground"]["table"]
    assert table["text"]["all"]["group"][0] == 0 and table["text"]["all"]["image"][3] == 2  # blind: ties
    again = CliRunner().invoke(app, [*options, "--other-picture"])
    assert again.exit_code == 2 and "other_picture must come without winoground" in again.output
