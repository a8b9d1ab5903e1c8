"""OUT.json of the ranking goes on only with the same settings, versions and weights, and is left alone else."""

import json
import shutil
import sys

import pytest

from infodecomp.experiments import origin, ranking
from infodecomp.scenes.net import NETWORK


def begun(tmp_path, **changes):
    jobs = ranking.networks([])
    now = ranking.begun(tmp_path / "no.json", jobs) | {
        "denoisers": {"scenes-net": {"sha256": origin.hashes("scenes-net")}}
    }
    (tmp_path / "out.json").write_text(json.dumps(now | changes))
    return ranking.begun(tmp_path / "out.json", jobs)


def test_the_same_origin_goes_on(tmp_path):
    assert list(begun(tmp_path)["denoisers"]) == ["scenes-net"]


@pytest.mark.parametrize(
    "changes",
    [{"settings": {}}, {"versions": {"torch": "0"}}, {"denoisers": {"scenes-net": {"sha256": {}}}}, {"denoisers": 3}],
    ids=str,
)
def test_another_origin_is_refused(tmp_path, changes):
    with pytest.raises(ValueError, match="same origin|record of this program"):
        begun(tmp_path, **changes)


@pytest.mark.parametrize(
    "arguments", [["--network=x"], ["--network=x=/nowhere"], ["--network=exact=here"], []], ids=str
)
def test_refusals_change_nothing(tmp_path, monkeypatch, capsys, arguments):
    shutil.copytree(NETWORK, tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out.json"
    out.write_text("{")
    monkeypatch.setattr(sys, "argv", ["ranking", str(out), *arguments])
    with pytest.raises(SystemExit) as stopped:
        ranking.main()
    assert stopped.value.code == 2 and out.read_text() == "{"
    assert "Traceback" not in capsys.readouterr().err
