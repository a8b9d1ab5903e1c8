"""Cells with sliders, which a build skips: each draws its figure at the sliders' first positions."""

import json
import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from IPython.core.inputtransformer2 import TransformerManager

NOTEBOOKS = runpy.run_path(str(Path(__file__).parents[1] / "book" / "maintain.py"))["NOTEBOOKS"]


def up_to_the_last_slider(path):
    """(source, whether a build skips it) of a notebook's code cells."""
    cells = [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    found = [("".join(c["source"]), "skip-execution" in c["metadata"].get("tags", [])) for c in cells]
    while found and not found[-1][1]:
        found.pop()
    return found


SLIDERS = {path: cells for path in NOTEBOOKS if (cells := up_to_the_last_slider(path))}


@pytest.mark.slow  # executes a chapter up to there
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # as a kernel does
@pytest.mark.parametrize("path", SLIDERS, ids=lambda p: p.stem)
def test_sliders_draw(path, monkeypatch):
    shown = []

    def interact(**sliders):
        return lambda draw: draw(**{name: slider.value for name, slider in sliders.items()})

    monkeypatch.setattr("ipywidgets.interact", interact)
    monkeypatch.chdir(path.parent)
    names = {"__name__": "__main__"}
    for source, skipped in SLIDERS[path]:
        monkeypatch.setattr(plt, "show", (lambda: shown.append(plt.gcf())) if skipped else lambda: None)
        exec(compile(TransformerManager().transform_cell(source), path.name, "exec"), names)
        plt.close("all")
    assert len(shown) == sum(skipped for _, skipped in SLIDERS[path]) > 0
