import re
from pathlib import Path

import infodecomp as idc

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_example_prints_an_estimate_that_holds(capsys):
    exec(re.search(r"```python\n(.*?)```", README, re.DOTALL).group(1), {})
    estimate, error, truth = map(float, re.findall(r"-?\d+\.\d+", capsys.readouterr().out))
    assert abs(estimate - truth) < 3 * error < 0.3


def test_the_example_with_texts_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where it saves its maps
    exec(re.findall(r"```python\n(.*?)```", README, re.DOTALL)[1], {"idc": idc})
    printed = capsys.readouterr().out
    assert ("left of: MI" in printed or "right of: MI" in printed) and float(printed.split()[-1]) > 5


def test_its_links_lead_somewhere():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (Path(__file__).parents[1] / target).exists(), target
