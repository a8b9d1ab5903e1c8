"""The lab's engine in JavaScript beside the package: node's test runner compares it with values that Python makes."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from engine_values import SEEDS, after_drawing, before_drawing

from infodecomp.widget.lab import read
from infodecomp.widget.page import bundle

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="there is no node here, which runs the engine's tests")
TESTS = Path(__file__).parent / "js"
MODULES = {
    "engine.mjs": bundle("engine/engine.js") + "export { makeEngine };\n",
    "state.mjs": bundle("lab/state.js")
    + "export { QUESTIONS, formatState, parseState, questionName, questionTitle };\n",
    "worker.js": bundle("engine/worker.js"),
}


def node(folder, *files, runner=()):
    command = [NODE, *runner, *(str(TESTS / file) for file in files)]
    return subprocess.run(command, env=os.environ | {"ENGINE_VALUES": str(folder)}, capture_output=True, text=True)


def write(folder, values, modules=MODULES):
    for name, text in modules.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "values.json").write_text(json.dumps(values, allow_nan=False), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    """What the package says, as node's tests read it."""
    folder = tmp_path_factory.mktemp("draws")
    write(folder, before_drawing())
    done = node(folder, "draws.js")
    assert done.returncode == 0, done.stderr
    draws, noise = (
        {s: torch.from_numpy(np.fromfile(folder / f"{n}-{s}.bin")) for s in SEEDS} for n in ("draws", "noise")
    )
    return after_drawing({seed: numbers.reshape(32, 3073) for seed, numbers in draws.items()}, noise)


def run(folder, name, tests="."):
    """A file of tests in node: all, or those whose names match."""
    return node(folder, f"{name}.test.js", runner=("--test", f"--test-name-pattern={tests}"))


ALL = sorted(file.name.removesuffix(".test.js") for file in TESTS.glob("*.test.js"))


@pytest.mark.parametrize("name", ALL)
def test_engine_in_node(values, tmp_path, name):
    done = run(write(tmp_path, values), name)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "# fail 0" in done.stdout and "# pass 0" not in done.stdout


def test_wrong_links_are_refused_by_the_package_too(values):
    for state in values["wrongLinks"]:
        with pytest.raises(ValueError):
            read(state)


# Changes that break the engine, and the tests that must see them.
BROKEN = {
    "a picture without its night": ("if (scene.night)", "if (false)", "pictures", "package"),
    "objects named in one order only": ("(order === 0 ? k : 1 - k)", "k", "texts", "captions"),
    "adverbs that always fit": ("fits ? apt : 1 - apt", "1", "texts", "readings"),
    "every noun like the first": ("logPrior[night][nounOf(first)]", "logPrior[night][0]", "texts", "captions"),
    "no jitter": ("signal * world.jitter ** 2 + noise", "noise", "denoiser", "package"),
    "half a night": ("atNight * night.values[i]", "0.5 * atNight * night.values[i]", "denoiser", "package"),
    "noise in pairs": ("radius * Math.sin(angle)", "radius * Math.cos(angle)", "denoiser", "Gaussian"),
    "weights of one": ("weight: width / masses[cell]", "weight: 1", "estimator", "same noise"),
    "errors that add": ("pair[pixel] - weighted", "pair[pixel] + weighted", "estimator", "same noise"),
    "errors as narrow as before": ("widening(variance, fourths, BINS * this.sweeps)", "1", "estimator", "same noise"),
    "the wrong sign": ("value -= apart", "value += apart", "estimator", "same noise"),
    "alternatives that weigh as texts": ("factor / gain(rows)", "factor", "estimator", "same noise"),
    "seeds past their range": ("seed < 2 ** 32", "true", "state", "refused"),
    "a pause that does nothing": ("(estimate, { paused }", "(estimate, { paused: false }", "worker", "pausing"),
}


@pytest.mark.slow  # fourteen runs of node
@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_engine_is_found(values, tmp_path, what):
    find, change, file, tests = BROKEN[what]
    assert {text.count(find) for text in MODULES.values()} <= {0, 1}
    broken = {name: text.replace(find, change) for name, text in MODULES.items()}
    assert broken != MODULES
    few = values | {name: values[name][:5] for name in ("scenes", "estimates")}
    done = run(write(tmp_path, few, broken), file, tests)
    assert done.returncode != 0 and "AssertionError" in done.stdout, what
