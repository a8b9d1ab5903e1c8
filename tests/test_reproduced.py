"""The appendix's rows come from records of this package's weights, and its commands are commands."""

import json
import shlex

import pytest
from typer.testing import CliRunner

from infodecomp.cli import app
from infodecomp.experiments import reproduced
from infodecomp.scenes.net import NETWORK

FILES = [path.name for path in reproduced.RECORDS.iterdir() if path.name.endswith(".json")]
# records with tests of their own; green: the network before this one
OWN = "cost", "ranking", "learning", "bands", "best", "exam", "elsewhere", "green"
NAMES = [name.removesuffix(".json") for name in FILES if not name.startswith(OWN)]


@pytest.mark.parametrize("name", NAMES)
def test_records_speak_of_the_weights_in_the_package(name):
    record = reproduced.read(name)
    assert record["weights"] == json.loads((NETWORK / "record.json").read_text())["sha256"]
    assert record["settings"]["model"] == "scenes-net" and record["versions"]["torch"]
    assert all(task["count"] > 0 for task in record["tasks"].values())


def test_rows_are_filled_from_records():
    rows = reproduced.rows()
    assert len(rows) > 40 and all(row.paper or row.state == reproduced.PATH for row in rows)
    assert all(row.ours for row in rows if row.state == reproduced.SCALE)
    miou = reproduced.read("localize-100")["tasks"]["coco_it"]["table"]["cmi"]["miou"]
    row = next(row for row in rows if row.what == "mIoU, cmi, 100 steps")
    assert row.ours == f"{100 * miou[0]:.1f} ± {100 * miou[1]:.1f} %" and row.paper == "33.24 %"


def test_commands_are_understood():
    """Each option of the printed commands is one of the command's; the model and the data are not here."""
    for command in reproduced.COMMANDS.values():
        _, name, *options = shlex.split(command)
        found = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "300"})
        assert all(option in found.output for option in options if option.startswith("--"))
