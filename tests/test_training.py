"""The network in training/ is the one that its record speaks of, and its page says what learning.json says."""

import json
import re
from pathlib import Path

import pytest

import infodecomp as idc

FOLDER = Path(__file__).parents[1] / "training"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
LEARNED = json.loads((FOLDER / "learning.json").read_text(encoding="utf-8"))


def test_the_table_is_the_records():
    rows = re.findall(r"^\| ([\d,]+) \| ([\d.]+) ± ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 4
    for steps, own, error, against, found in rows:
        measured = LEARNED[steps.replace(",", "")]
        word = measured["words"]["relation"]
        assert float(own) == pytest.approx(word["own"][0], abs=0.06 if "." in own else 0.51)
        assert float(error) == pytest.approx(word["own"][1], abs=0.06 if "." in error else 0.51)
        assert float(against) == pytest.approx(word["alternatives"][0], abs=6e-4)
        assert float(found) == measured["swaps"]["relation"]["network"][0]


def test_the_log_is_of_the_run_that_the_page_names():
    about = json.loads((FOLDER / "scenes-net" / "training.json").read_text())
    last = json.loads((FOLDER / "scenes-net" / "log.jsonl").read_text().splitlines()[-1])
    assert f"--steps {about['steps']}" in PAGE and last["step"] == about["steps"] == max(map(int, LEARNED))
    assert f"{sum(last['caption']):.1f} nats" in PAGE


def test_it_reads_the_side():
    """Twelve pictures, the relation against its opposite by i^s: all right, where a guess would be six."""
    model, world = idc.load(FOLDER / "scenes-net"), idc.scenes
    drawn = [s for s in world.sample(200, seed=5)[0] if s.axis == 0][:12]
    x = model.encode([world.render(s) for s in drawn])
    texts = [world.captions(s)[0] for s in drawn]
    turned = [t.replace("left of", "right of") for t in texts]
    assert all("left of" in text for text in texts)
    told = idc.pointwise_information(model, x, texts, turned, kind="standard", samples=20, proposal=model.proposal)
    assert (told.nats > 0).all()
