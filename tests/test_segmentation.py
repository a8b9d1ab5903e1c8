"""Cells against masks by hand, and scenes, whose masks are known."""

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import infodecomp as idc
from infodecomp.cli import app
from infodecomp.concepts import Segmentation
from infodecomp.datasets import coco
from infodecomp.datasets.items import Broken
from infodecomp.experiments.segmentation import LEAST, ious, measure, report, table
from infodecomp.scenes import export


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("coco")
    export.coco(found, 8, seed=2)
    return found


def test_iou_by_hand():
    labels, margin = torch.tensor([[0, 1], [-1, 1]]), torch.tensor([[1.0, 1.0], [0.0, 3.0]]).double()
    found = Segmentation(labels, margin, torch.ones(2, 2).double())
    masks = [np.zeros((4, 4), bool), np.zeros((4, 4), bool)]
    masks[0][:2, :3] = True  # 6 pixels, 4 of them in cell 0
    masks[1][2:, 2:] = True  # just the cell whose margin is 3 errors
    for least, (first, second) in zip(LEAST, ious(found, masks), strict=True):
        assert first == pytest.approx(4 / 6 if least <= 1 else 0)
        assert second == pytest.approx(4 / 8 if least <= 1 else 1 if least <= 3 else 0)


def test_margins_are_chosen_on_other_pictures():
    curves = {True: [1, 0, 0, 0, 0, 0, 0], False: [0, 1, 0, 0, 0, 0, 0]}
    held = [f"t/{i}" for i in range(40)]
    from infodecomp.experiments.localization import held_out

    records = [{"id": n, "image": n, "iou": {"segmentation": curves[held_out(n)]}} for n in held]
    found = table(records)["segmentation"]
    assert found["threshold"] == 0 and found["miou"] == (0, 0) and found["flattered"] == (1, 0)
    assert "| segmentation | 0.0 ± 0.0 | 0 | 100.0 ± 0.0 |" in report({"t": records})
    assert "Too few" in report({"t": records[:1]})


@pytest.mark.filterwarnings("ignore:nats lie outside")
def test_exact_cells_lie_on_what_they_name(folder):
    """On eight scenes the exact segmentation has several times the IoU of the whole image."""
    model, items = idc.load("scenes"), coco.labelled(folder)
    assert len(items) == 8 and all(len(item.items) == 2 for item in items)
    records = [measure(model, item, samples=60, seed=k) for k, item in enumerate(items)]
    gains = np.array([max(r["iou"]["segmentation"]) - 3 * r["iou"]["whole image"][0] for r in records])
    assert gains.mean() > 3.3 * gains.std(ddof=1) / 8**0.5
    captioned = {(i.number, i.category) for i in coco.load(folder)}
    assert {(i.number, i.category) for item in items for i in item.items} == captioned  # all nouns, caption or not


def test_what_cannot_be_read_is_broken(folder, tmp_path):
    (item, *_) = coco.labelled(folder)
    (folder / "val2017" / item.image).unlink()
    with pytest.raises(Broken, match="missing image"):
        measure(idc.load("scenes"), coco.labelled(folder)[0], samples=2, seed=0)


@pytest.mark.parametrize(
    "options, message",
    [
        (["--context={} {}"], "context must be None or a text with at most one {}"),
        (["--exact", "--model=emoji"], "exact must come with a model of scenes"),
    ],
)
def test_bad_options(options, message, folder, tmp_path):
    arguments = ["segment", f"--data={folder}", f"--out={tmp_path / 'out'}", "--limit=1", "--samples=2", *options]
    assert message in CliRunner().invoke(app, arguments).output


def test_dry_run_counts_pictures_and_evaluations(folder, tmp_path):
    arguments = ["segment", f"--data={folder}", f"--out={tmp_path / 'x'}", "--model=scenes", "--limit=2", "--samples=4"]
    found = CliRunner().invoke(app, [*arguments, "--dry-run"])
    whole = [item for item in coco.labelled(folder)[:2] if not item.broken]  # a test above takes a picture away
    total = sum(4 * (len(item.items) + 1) for item in whole)
    assert f"2 items, {2 - len(whole)} of them broken; {total} evaluations" in found.output
    assert "hours" in found.output
    assert not (tmp_path / "x").exists()


def test_a_picture_is_broken_by_one_of_its_annotations():
    whole, bad = coco.Item("1/cat"), coco.Item("1/dog", broken="bad segmentation")
    assert coco.Labelled("1", "", (whole,)).broken is None
    assert coco.Labelled("1", "", (whole, bad)).broken == "bad segmentation"
