"""A run's folder: refused commands change nothing, writing is atomic, one run at a time, origins are compared."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from infodecomp.datasets.items import Broken
from infodecomp.experiments import folder, origin
from infodecomp.experiments.folder import locked, read_items, read_records, read_settings, save
from infodecomp.experiments.runner import condensed, run

ITEMS = [SimpleNamespace(id=f"t/{i}") for i in range(6)]


def measure(item):
    if item.id == "t/3":
        raise IndexError("list index\nout of range")
    return {"value": int(item.id[2:])}


def state(out):
    """Every file of a folder, byte for byte."""
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def test_an_item_outside_the_expected_does_not_end_a_run(tmp_path):
    run(tmp_path, {}, ITEMS, measure)
    records = read_records(tmp_path)
    assert len(records) == 6 and records["t/5"] == {"id": "t/5", "value": 5}
    detail = "IndexError: list index out of range"
    assert records["t/3"] == {"id": "t/3", "broken": "cannot be measured", "detail": detail}
    before = state(tmp_path)
    run(tmp_path, {}, ITEMS, measure)
    assert state(tmp_path) == before


def test_strict_stops_at_the_first_and_names_it(tmp_path):
    with pytest.raises(ValueError, match="t/3 is broken: cannot be measured: IndexError: list index out of range"):
        run(tmp_path, {}, ITEMS, measure, strict=True)
    assert list(read_records(tmp_path)) == ["t/0", "t/1", "t/2"]
    run(tmp_path, {}, ITEMS, measure)  # the others go on
    with pytest.raises(ValueError, match="t/3"):
        run(tmp_path, {}, ITEMS, measure, strict=True)


@pytest.mark.parametrize("settings", [{"limit": 2}, {"limit": 6, "new": None}, {}])
def test_a_refused_run_changes_nothing(tmp_path, settings):
    run(tmp_path, {"limit": 6}, ITEMS, measure)
    before = state(tmp_path)
    if settings == {"limit": 6, "new": None}:  # an option without a value is as if it were not there
        run(tmp_path, settings, ITEMS, measure)
    else:
        with pytest.raises(ValueError, match="limit was 6, is"):
            run(tmp_path, settings, ITEMS[:2], measure)
    assert state(tmp_path) == before and len(read_items(tmp_path)) == 6


def test_other_items_and_ids_that_are_there_twice_are_refused(tmp_path):
    run(tmp_path, {}, ITEMS, measure)
    before = state(tmp_path)
    with pytest.raises(ValueError, match="same items"):
        run(tmp_path, {}, ITEMS[:2], measure)
    with pytest.raises(ValueError, match="'t/0' twice"):
        run(tmp_path / "new", {}, [*ITEMS, ITEMS[0]], measure)
    assert state(tmp_path) == before and not (tmp_path / "new").exists()


ORIGIN = {"weights": {"unet/a.safetensors": "12ab"}, "data": {"x.json": "34cd"}, "revision": {"model": "5e"}}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weights": {"unet/a.safetensors": "ffff"}}, "weights unet/a.safetensors was '12ab', is 'ffff'"),
        ({"weights": {}}, "weights unet/a.safetensors was '12ab', is None"),
        ({"data": {"x.json": "0000"}}, "data x.json was '34cd', is '0000'"),
        ({"revision": {"model": "6f"}}, "revision model was '5e', is '6f'"),
    ],
)
def test_another_origin_is_refused(tmp_path, changed, message):
    run(tmp_path, {}, ITEMS, measure, origin=ORIGIN)
    before = state(tmp_path)
    with pytest.raises(ValueError) as error:
        run(tmp_path, {}, ITEMS, measure, origin=ORIGIN | changed)
    assert message in str(error.value) and "\n" not in str(error.value) and state(tmp_path) == before
    run(tmp_path, {}, ITEMS, measure, origin=ORIGIN)


def test_other_versions_are_told_and_kept(tmp_path, monkeypatch, capsys):
    run(tmp_path, {}, ITEMS[:2], measure)
    old = read_settings(tmp_path)["versions"]
    monkeypatch.setattr(folder, "versions", lambda: old | {"torch": "9.9"})
    for count in (1, 0):  # once
        run(tmp_path, {}, ITEMS[:2], measure)
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == count and all(f"torch was '{old['torch']}', is '9.9'" in line for line in lines)
    found = read_settings(tmp_path)
    assert found["versions"] == old and found["resumed"] == [old | {"torch": "9.9"}]


def test_a_package_that_is_not_there_has_no_version(monkeypatch):
    monkeypatch.setattr(origin, "PACKAGES", ("torch", "no-such-package"))
    assert origin.versions()["no-such-package"] is None and origin.versions()["torch"]


def test_the_commit_of_a_hub_model_is_that_of_its_files(tmp_path, monkeypatch):
    import huggingface_hub

    file = tmp_path / "snapshots" / "0123abcd" / "config.json"
    found = lambda name, what, revision: str(file) if what == "config.json" else None  # noqa: E731
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", found)
    assert origin.commit("owner/name") == "0123abcd" and origin.commit("scenes-net") is None
    models = {"model": "scenes-net", "clip": "owner/clip", "text": None}
    assert origin.remote(models, None) == {"revision": {"clip": "0123abcd"}}
    assert set(origin.local(models, [])) == {"weights", "baselines", "data"}


def test_writing_is_whole_or_not_at_all(tmp_path, monkeypatch):
    save(tmp_path / "a.json", "old")

    def full(self, text, **options):
        with self.open("w") as file:
            file.write(text[:2])
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path / "a.json", "new")
    assert state(tmp_path) == {"a.json": b"old"}
    with pytest.raises(OSError, match="No space"):
        run(tmp_path / "out", {}, ITEMS, measure)
    assert not (tmp_path / "out" / "settings.json").exists()
    monkeypatch.undo()
    run(tmp_path / "out", {}, ITEMS, measure)
    assert len(read_records(tmp_path / "out")) == 6


def test_a_full_disk_loses_no_record_and_breaks_no_item(tmp_path, monkeypatch):
    fsync, calls = os.fsync, []

    def full(number):
        calls.append(number)
        if len(calls) == 4:
            os.ftruncate(number, os.fstat(number).st_size - 5)  # a half-written line
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(number)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        run(tmp_path, {}, ITEMS, measure)
    assert list(read_records(tmp_path)) == ["t/0", "t/1", "t/2"]
    monkeypatch.undo()
    run(tmp_path, {}, ITEMS, measure)
    assert len(read_records(tmp_path)) == 6 and sum("broken" in r for r in read_records(tmp_path).values()) == 1


HOLD = """
import sys, time
from infodecomp.experiments.folder import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


def test_one_run_at_a_time_until_it_ends_or_dies(tmp_path):
    run(tmp_path, {}, ITEMS, measure)
    before = state(tmp_path)
    with locked(tmp_path):
        with pytest.raises(ValueError, match="in use"):
            run(tmp_path, {}, ITEMS, measure)
        run(tmp_path, {}, ITEMS, measure, rank=1, world=2)  # the other process of this very run
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match="in use"):
            run(tmp_path, {}, ITEMS, measure)
    finally:
        process.kill()
        process.communicate()
    run(tmp_path, {}, ITEMS, measure)
    assert {name: text for name, text in state(tmp_path).items() if name in before} == before


def test_another_process_may_hold_it_only_once(tmp_path):
    """A run that raises lets go of the folder."""
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, {}, ITEMS, lambda item: (_ for _ in ()).throw(KeyboardInterrupt))
    run(tmp_path, {}, ITEMS, measure)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"settings": {}}', '{"settings": 1, "versions": {}}', "\xff"])
def test_damaged_settings_are_refused_in_one_line(tmp_path, text):
    run(tmp_path, {}, ITEMS, measure)
    (tmp_path / "settings.json").write_text(text, encoding="latin-1")
    before = state(tmp_path)
    with pytest.raises(ValueError, match="settings.json is damaged") as error:
        run(tmp_path, {}, ITEMS, measure)
    assert "\n" not in str(error.value) and state(tmp_path) == before


@pytest.mark.parametrize("line", ["{", "[]", "3", '{"id": 3, "x": 1}', '{"id": "t/1"}', "\0\0\0", '{"x": 1}'])
def test_damaged_records_are_refused_with_their_line(tmp_path, line):
    run(tmp_path, {}, ITEMS, measure)
    file = tmp_path / "records-00000.jsonl"
    file.write_text(file.read_text() + line + "\n" + json.dumps({"id": "t/9", "value": 1}) + "\n")
    with pytest.raises(ValueError, match="line 7 of .*records-00000.jsonl is damaged"):
        read_records(tmp_path)


def test_records_without_settings_are_not_taken_over(tmp_path):
    run(tmp_path, {"seed": 1}, ITEMS, measure)
    (tmp_path / "settings.json").unlink()
    with pytest.raises(ValueError, match="records without settings"):
        run(tmp_path, {"seed": 2}, ITEMS, measure)


def test_a_record_says_what_is_missing():
    records = [{"id": "a", "image": "1", "x": 1}, {"id": "b", "image": "1", "x": 1}, {"id": "c", "broken": "?"}]
    counts = {"count": 3, "missing": 4, "pictures": 1, "broken": {"?": 1}}
    assert condensed(records, {}, 4) == counts | {"table": {}}


def test_broken_items_of_a_data_set_keep_their_reason(tmp_path):
    def broken(item):
        raise Broken("empty mask", "x")

    run(tmp_path, {}, ITEMS[:1], broken)
    assert read_records(tmp_path)["t/0"] == {"id": "t/0", "broken": "empty mask", "detail": "x"}
