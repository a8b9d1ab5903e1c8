"""Runs go on where they were: the table depends on the items, not on kills, order or number of processes."""

import json
from types import SimpleNamespace

import pytest

from infodecomp.datasets.aro import Broken
from infodecomp.experiments.runner import in_order, item_seed, read_records, run

ITEMS = [SimpleNamespace(id=f"t/{i:03d}") for i in range(7)]
IDS = [item.id for item in ITEMS]


def measure(item):
    if item.id == "t/003":
        raise Broken("missing image", "3.png")
    return {"value": item_seed(0, item.id)}


def test_records_and_broken_items(tmp_path):
    run(tmp_path, {"a": 1}, ITEMS, measure)
    records, missing = in_order(tmp_path, IDS)
    assert missing == [] and [r["id"] for r in records] == IDS
    assert records[3] == {"id": "t/003", "broken": "missing image", "detail": "3.png"}
    saved = json.loads((tmp_path / "settings.json").read_text())
    assert saved["settings"] == {"a": 1} and {"torch", "python"} <= set(saved["versions"])


def test_interrupted_run_gives_the_same_records(tmp_path):
    run(tmp_path / "whole", {}, ITEMS, measure)

    def dies(item):
        if item.id == "t/004":
            raise KeyboardInterrupt
        return measure(item)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", {}, ITEMS, dies)
    with (tmp_path / "cut" / "records-00000.jsonl").open("a") as file:
        file.write('{"id": "t/004", "val')  # killed while it wrote
    assert len(read_records(tmp_path / "cut")) == 4
    seen = []
    run(tmp_path / "cut", {}, ITEMS, lambda item: seen.append(item.id) or measure(item))
    assert seen == IDS[4:]
    assert in_order(tmp_path / "cut", IDS) == in_order(tmp_path / "whole", IDS)


def test_processes_share_items_and_resume_as_another_number(tmp_path):
    run(tmp_path / "one", {}, ITEMS, measure)
    run(tmp_path / "two", {}, ITEMS, measure, rank=1, world=2)
    assert list(read_records(tmp_path / "two")) == IDS[1::2]
    run(tmp_path / "two", {}, ITEMS, measure, rank=0, world=3)
    run(tmp_path / "two", {}, ITEMS, measure)
    assert in_order(tmp_path / "two", IDS) == in_order(tmp_path / "one", IDS)


def test_other_settings_are_refused(tmp_path):
    run(tmp_path, {"seed": 0, "model": "m"}, ITEMS, measure)
    with pytest.raises(ValueError, match="seed was 0, is 1") as error:
        run(tmp_path, {"seed": 1, "model": "m"}, ITEMS, measure)
    assert "\n" not in str(error.value)


def test_seeds_differ_and_stay():
    assert len({item_seed(s, i) for s in (0, 1) for i in IDS}) == 14
    assert item_seed(0, "t/000") == 3_075_325_969
