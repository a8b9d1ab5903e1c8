"""The command line refuses in one line with exit status 2, and changes nothing; a broken item is counted, not fatal."""

import json
import os
import resource
import shutil
import subprocess
import sys

import pytest
from PIL import Image
from typer.testing import CliRunner

from infodecomp.cli import app
from infodecomp.experiments.folder import locked, read_records
from infodecomp.scenes import export
from infodecomp.scenes.net import NETWORK

FAST = ["--samples=2"]


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def state(folder):
    """Every file of a folder, byte for byte."""
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(*arguments):
    """What a command prints that is refused in one line."""
    found = invoke(*arguments)
    lines = found.output.strip().splitlines()
    assert found.exit_code == 2 and len(lines) == 1 and lines[0].startswith("error: "), found.output
    return lines[0]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Scenes as ARO's and COCO's files; no test changes them."""
    folder = tmp_path_factory.mktemp("data")
    export.aro(folder, 6)
    export.coco(folder, 3)
    return folder


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """A finished run of six items."""
    out = tmp_path_factory.mktemp("runs") / "out"
    found = invoke("relation", "--tasks=vg_relation", *FAST, f"--data={data}", f"--out={out}")
    assert found.exit_code == 0, found.output
    return out


@pytest.fixture
def out(finished, tmp_path):
    """A copy of it."""
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


RELATION = [
    *(("--dtype=foo", "dtype must be one of float32, float16, bfloat16"), ("--dtype=int8", "dtype")),
    *(("--device=foo", "device must be"), ("--device=cuda:99", "device must be"), ("--model=nowhere", "nowhere")),
    *(("--clip=/nowhere/clip", "clip must be a CLIP"), ("--text=/nowhere/text", "text must be a causal")),
    *(("--limit=0", "limit must be"), ("--limit=-1", "limit must be"), ("--samples=3", "samples must be an even")),
    *(("--samples=0", "samples"), ("--seed=-1", "seed must be"), ("--batch-size=0", "batch_size must be")),
    *(("--tasks=vg_relation,vg_relation", "each task once"), ("--tasks=vg_relation,", "task must be one of")),
    *(
        ("--split=val", "split must be"),
        ("--split=train", "split must be"),
        ("--tasks=winoground", "examples.jsonl"),
        ("--revision=main", "revision must"),
    ),
    *(("--data=/nowhere", "visual_genome_relation.json"), ("--out=/dev/null/x", "Not a directory")),
    *(("--tasks=sugarcrepe", "it lacks replace_obj.json"), ("--tasks=sugar", "sugarcrepe, winoground, got")),
    *(("--out=/dev/null", "out must be a folder"), ("--out=/proc/no/such", "/proc/no")),
]


@pytest.mark.parametrize(("option", "message"), RELATION, ids=[option for option, _ in RELATION])
def test_relation_refuses(option, message, data, tmp_path):
    options = ["--tasks=vg_relation", *FAST, f"--data={data}", f"--out={tmp_path / 'out'}"]
    assert message in refused("relation", *options, option)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--attention", "--clip=scenes"])
def test_what_the_model_has_not_is_refused(option, data, tmp_path):
    options = ["--tasks=vg_relation", *FAST, f"--data={data}", f"--out={tmp_path / 'out'}", "--model=scenes"]
    assert option.split("=")[0][2:] in refused("relation", *options, option)
    assert not (tmp_path / "out").exists()


INTERVENE = [
    *(("--swap=zzz=yyy", "swap must name words"), ("--swap=dog", "swap must be"), ("--swap=dog=dog", "swap must be")),
    *(("--add=cat", "add must be pairs"), ("--add=zzz=red", "add must name words"), ("--add=cat=x,cat=x", "each once")),
    *(("--steps=0", "steps must be"), ("--task=no.csv", "CSV file"), ("--limit=0", "limit must be")),
]


@pytest.mark.parametrize(("option", "message"), INTERVENE, ids=[option for option, _ in INTERVENE])
def test_intervene_refuses(option, message, data, tmp_path):
    options = [*FAST, "--steps=1", f"--data={data}", f"--out={tmp_path / 'out'}"]
    assert message in refused("intervene", *options, option)
    assert not (tmp_path / "out").exists()
    for other in ("--swap=dog=cat", "--add=dog=brown"):
        assert "placeholder" in refused("intervene", *options, other, "--placeholder=_")
    for other in ("--add=dog=brown", "--alternatives"):
        assert f"error: {other[2:5]}" in refused("intervene", *options, "--swap=dog=cat", other)


def test_alternatives_need_a_world(data, tmp_path, monkeypatch):
    monkeypatch.setattr("infodecomp.cli.Options.load", lambda options: object())
    options = [*FAST, f"--data={data}", f"--out={tmp_path / 'out'}", "--alternatives"]
    assert "alternatives must come with a model of a world" in refused("intervene", *options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options", [["--count=-3"], ["--count=0"], ["--seed=-1"], ["--format=x"], ["--world=x"]], ids=str
)
def test_scenes_data_refuses(options, tmp_path):
    for format in ("aro", "coco"):
        refused("scenes-data", tmp_path / "x", f"--format={format}", *options)
    assert "no masks" in refused("scenes-data", tmp_path / "x", "--format=coco", "--world=emoji")
    assert not (tmp_path / "x").exists()
    (tmp_path / "file").write_text("")
    assert "file" in refused("scenes-data", tmp_path / "file", "--count=1")


def test_report_refuses(out, tmp_path):
    assert "out must be the folder of a run" in refused("report", tmp_path / "nowhere")
    assert "least must be" in refused("report", out, "--least=0")
    assert "nowhere" in refused("report", out, f"--record={tmp_path / 'nowhere' / 'x.json'}")
    assert "Is a directory" in refused("report", out, f"--record={tmp_path}")


DAMAGE = [
    *(("settings.json", "{", "settings.json is damaged"), ("items.json", "[3]", "items.json is damaged")),
    *(("items.json", None, "folder of a run"), ("records-00000.jsonl", "{}\n", "line 1 of")),
    ("settings.json", '{"settings": {"command": "x"}, "versions": {}}', "command 'x'"),
    ("records-00000.jsonl", '{"id": "vg_relation/000000", "scores": {}}\n', "KeyError: 'group'"),
]


@pytest.mark.parametrize(("name", "text", "message"), DAMAGE)
def test_damaged_folders_are_refused(name, text, message, out):
    (out / name).unlink() if text is None else (out / name).write_text(text)
    assert message in refused("report", out)


def test_a_refused_command_leaves_a_finished_run_alone(finished, data, out):
    options = ["relation", "--tasks=vg_relation", *FAST, f"--data={data}", f"--out={out}"]
    before, table = state(out), invoke("report", out).output
    assert "6 items; none broken" in table
    assert "limit was None, is 2" in refused(*options, "--limit=2")
    assert "seed was 0, is 1" in refused(*options, "--seed=1")
    assert "samples must be" in refused(*options, "--samples=5")
    assert state(out) == before and invoke("report", out).output == table
    assert invoke(*options).output == table and state(out) == before
    with locked(out):
        assert "in use" in refused(*options)
    assert state(out) == before


def test_other_data_are_refused(finished, data, out, tmp_path):
    options = ["relation", "--tasks=vg_relation", *FAST, f"--out={out}"]
    shutil.copytree(data, tmp_path / "data")
    file = tmp_path / "data" / "visual_genome_relation.json"
    file.write_text(file.read_text().replace(" owl ", " bird ", 1))
    settings = json.loads((out / "settings.json").read_text())
    settings["settings"]["data"] = str(tmp_path / "data")
    (out / "settings.json").write_text(json.dumps(settings))
    assert "data visual_genome_relation.json was" in refused(*options, f"--data={tmp_path / 'data'}")


def test_a_record_names_the_weights_that_were_measured(data, tmp_path):
    """Weights that change between run and report; and a run that would go on with others."""
    from safetensors.torch import load_file, save_file

    model, out, record = tmp_path / "model", tmp_path / "out", tmp_path / "record.json"
    shutil.copytree(NETWORK, model)
    options = ["relation", "--tasks=vg_relation", *FAST, f"--data={data}", f"--out={out}", f"--model={model}"]
    assert invoke(*options, "--limit=2").exit_code == 0
    file = model / "unet" / "diffusion_pytorch_model.safetensors"
    save_file({name: value * 1.01 for name, value in load_file(file).items()}, file)
    assert invoke("report", out, f"--record={record}").exit_code == 0
    kept = json.loads(record.read_text())
    assert kept["weights"] == json.loads((NETWORK / "record.json").read_text())["sha256"]
    assert set(kept["data"]) == {"visual_genome_relation.json"} and kept["tasks"]["vg_relation"]["missing"] == 0
    assert "weights unet/diffusion_pytorch_model.safetensors was" in refused(*options, "--limit=2")


def test_a_record_says_what_is_missing(out, tmp_path):
    records = out / "records-00000.jsonl"
    records.write_bytes(b"".join(records.read_bytes().splitlines(keepends=True)[:4]))
    found = invoke("report", out, f"--record={tmp_path / 'r.json'}")
    assert "4 items" in found.output and "Not measured yet: {'vg_relation': 2}" in found.output
    task = json.loads((tmp_path / "r.json").read_text())["tasks"]["vg_relation"]
    assert (task["count"], task["missing"], task["pictures"]) == (4, 2, 4)
    records.write_text("")
    assert invoke("report", out, f"--record={tmp_path / 'r.json'}").exit_code == 0
    assert json.loads((tmp_path / "r.json").read_text())["tasks"]["vg_relation"]["missing"] == 6


@pytest.fixture
def faulty(data, tmp_path):
    """COCO's files with faults of every kind among six items, and three bad entries."""
    folder = tmp_path / "faulty"
    shutil.copytree(data, folder)
    Image.new("RGB", (33, 32)).save(folder / "val2017" / f"{2:012d}.png")
    files = {name: folder / "annotations" / f"{name}_val2017.json" for name in ("instances", "captions")}
    found = {name: json.loads(file.read_text()) for name, file in files.items()}
    things, told = found["instances"]["annotations"], found["captions"]["annotations"]
    things[0]["segmentation"] = []
    things[1]["segmentation"] = [[1, 2, 3, 4]]
    found["instances"]["images"][1]["width"] = 33
    for thing in things[2:4]:
        thing["segmentation"] = [[1, 1, 9, 1, 9, 9]]
    told[2]["caption"] += " and" + " the red owl" * 20
    things.append({"id": 77, "image_id": 3, "category_id": 99, "segmentation": []})
    told.append({"id": 78, "image_id": 3, "caption": None})
    found["instances"]["images"].append(None)
    for name, file in files.items():
        file.write_text(json.dumps(found[name]))
    return folder


@pytest.mark.parametrize("command", [["localize"], ["intervene", "--steps=1"]], ids=str)
def test_broken_items_are_counted_and_the_run_goes_on(command, faulty, tmp_path):
    options = [*command, *FAST, f"--data={faulty}", f"--out={tmp_path / 'out'}"]
    found = invoke(*options)
    assert found.exit_code == 0, found.output
    records = read_records(tmp_path / "out")
    reasons = [record.get("broken") for record in records.values()]
    assert len(records) == 9 and reasons.count("bad entry") == 3 and "3 broken (bad entry)" in found.output
    counts = {"localize": (4, 2), "intervene": (4, 0)}[command[0]]  # an omission needs no mask
    assert (reasons.count("cannot be measured"), reasons.count("bad segmentation")) == counts
    details = [record["detail"] for record in records.values() if record.get("broken") == "cannot be measured"]
    assert sum("33" in text for text in details) == 2 and sum("at most" in text for text in details) == 2
    assert invoke(*options).output == found.output  # and a resumed run too
    first = next(name for name, record in records.items() if "broken" in record)
    assert first in refused(*options[:-1], f"--out={tmp_path / 'strict'}", "--strict")
    assert first in refused(*options, "--strict")


def test_all_items_broken_is_a_report_and_none_is_refused(data, tmp_path):
    shutil.copytree(data, tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "images")
    for command in (["relation", "--tasks=vg_relation"], ["localize", "--limit=1"]):
        (tmp_path / "data" / "val2017" / f"{1:012d}.png").unlink(missing_ok=True)
        options = [*command, *FAST, f"--data={tmp_path / 'data'}", f"--out={tmp_path / command[0]}"]
        found = invoke(*options)
        assert found.exit_code == 0 and "broken (missing image)" in found.output
    (tmp_path / "data" / "visual_genome_relation.json").write_text("[]")
    options = ["--tasks=vg_relation", f"--data={tmp_path / 'data'}", f"--out={tmp_path / 'none'}"]
    assert "data must have items" in refused("relation", *options)


@pytest.mark.parametrize(
    "command", [["relation", "--tasks=vg_relation", "--text=scenes"], ["localize"], ["intervene", "--steps=1"]], ids=str
)
def test_one_item_is_too_few(command, data, tmp_path):
    """No warning, which would be an error in these tests, and no "nan"."""
    options = [*command, *FAST, f"--data={data}", f"--out={tmp_path / 'out'}", "--limit=1"]
    found = invoke(*options)
    assert found.exit_code == 0 and "too few" in found.output.lower() and "nan" not in found.output
    assert invoke("report", tmp_path / "out", f"--record={tmp_path / 'r.json'}").exit_code == 0
    assert "NaN" not in (tmp_path / "r.json").read_text()


def test_a_disk_that_is_full(data, tmp_path):
    """Files of 3,000 bytes at most: one line, exit status 2, whole records; with room again the run goes on."""
    options = ["relation", "--tasks=vg_relation,vg_attribution,coco_order", *FAST, f"--data={data}", "--text=scenes"]
    room = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))  # noqa: E731
    alone = {k: v for k, v in os.environ.items() if k != "WORLD_SIZE"} | {"OMP_NUM_THREADS": "1"}
    alone |= {"PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "infodecomp.cli", *options, f"--out={tmp_path / 'full'}"]
    done = subprocess.run(command, env=alone, preexec_fn=room, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1] == "error: [Errno 27] File too large"
    kept = read_records(tmp_path / "full")
    assert 0 < len(kept) < 24 and not any("broken" in record for record in kept.values())
    whole = invoke(*options, f"--out={tmp_path / 'whole'}")
    assert invoke(*options, f"--out={tmp_path / 'full'}").output == whole.output and whole.exit_code == 0
