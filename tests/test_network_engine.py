"""The network by hand, as the scene lab's page runs it, beside PyTorch: node's test runner compares the two."""

import json
import os
import shutil
import subprocess
import zlib
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import pixel_shuffle

from infodecomp import scenes
from infodecomp.captions import units
from infodecomp.scenes import grammar, render
from infodecomp.scenes.net import NETWORK, NetworkScenes
from infodecomp.widget import netpack
from infodecomp.widget.lab import world
from infodecomp.widget.page import bundle

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="there is no node here, which runs the network by hand")
TESTS = Path(__file__).parent / "js" / "network"
EXPORTS = "embedding, guess, loadNetwork, makeEngine, pairOfDraws, random, Tally"
MODULE = bundle("engine/worker.js").replace("onmessage =", "globalThis.onmessage =") + f"export {{ {EXPORTS} }};\n"
TEXTS = ["", "red", "the cat left of the blue boat", "moon owl under red the"]


def texts(count, seed):
    """Captions, captions without a word, and words in an order that the grammar never makes."""
    generator, captions = np.random.default_rng(seed), grammar.sample(count, seed)[2]
    for i, caption in enumerate(captions):
        words = caption.split()
        if i % 3 == 1:
            words.pop(generator.integers(len(words)))
        if i % 3 == 2:
            generator.shuffle(words)
        yield " ".join(words)


def rows(model, count=100, seed=0):
    """Noisy pictures z (count, 12, 16, 16), their log-SNRs, texts, and the network's ε̂."""
    found = list(texts(count, seed))
    generator = torch.Generator().manual_seed(seed)
    x = model.encode([render(scene) for scene in grammar.sample(count, seed)[0]])
    low, high = model.logsnr_range
    logsnr = low + (high - low) * torch.rand(count, generator=generator)
    signal, noise = logsnr.sigmoid().sqrt(), (-logsnr).sigmoid().sqrt()
    z = signal[:, None, None, None] * x + noise[:, None, None, None] * torch.randn(x.shape, generator=generator)
    return z, logsnr, found, model(z, logsnr, found)


def rivals():
    """Words of captions with the captions that could stand there, and their prior."""
    for number in (0, 777, 12345, 23456):
        text = scenes.captions(scenes.scenes()[number])[0]
        for start, *_ in units(text, grammar.PHRASES):
            found = scenes.alternatives(text, start)
            about = {"texts": found.conditions, "prior": found.prior.tolist()}
            yield {"text": text, "word": start} | about


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, model = tmp_path_factory.mktemp("network"), NetworkScenes(NETWORK)
    pack, (z, logsnr, captions, eps) = dict(netpack.pack()), rows(model)
    (folder / "halves.bin").write_bytes(zlib.decompress(b64decode(pack.pop("halves"))))
    for name, values in (("z", z), ("eps", eps)):
        (folder / f"{name}.bin").write_bytes(pixel_shuffle(values, 2).float().numpy().tobytes())
    tokens, pooled = model.condition(TEXTS + captions[:16])
    (folder / "tokens.bin").write_bytes(tokens.numpy().tobytes())
    values = {
        "network": pack,
        "world": world(),
        "rivals": list(rivals()),
        "rows": [{"logsnr": a, "text": text} for a, text in zip(logsnr.tolist(), captions, strict=True)],
        "texts": [{"text": t, "pooled": p} for t, p in zip(TEXTS + captions[:16], pooled.tolist(), strict=True)],
    }
    (folder / "network.mjs").write_text(MODULE, encoding="utf-8")
    (folder / "values.json").write_text(json.dumps(values, allow_nan=False), encoding="utf-8")
    return folder


def run(folder, name, tests="."):
    command = [NODE, "--test", f"--test-name-pattern={tests}", str(TESTS / f"{name}.test.js")]
    return subprocess.run(command, env=os.environ | {"NETWORK_VALUES": str(folder)}, capture_output=True, text=True)


@pytest.mark.parametrize("name", sorted(file.name.removesuffix(".test.js") for file in TESTS.glob("*.test.js")))
def test_in_node(folder, name):
    done = run(folder, name)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "# fail 0" in done.stdout and "# pass 0" not in done.stdout


# Changes that break the network by hand, and the tests that must see them.
BROKEN = {
    "no scale by the timestep": ("1 + floats[shift + c]", "1", "network", "hundred"),
    "an activation left out": ("v / (1 + Math.exp(-v))", "v", "network", "hundred"),
    "words that see what follows": ("n, n, width, true)", "n, n, width, false)", "network", "embedded"),
    "a norm with another width": ("eps: 1e-6", "eps: 1e-2", "network", "hundred"),
    "errors that add": ("value(a) - value(b)) ** 2", "value(a) + value(b)) ** 2", "draws", "sweeps"),
    "alternatives without their prior": ("(log, a) => log - ", "(log, a) => -", "draws", "sweeps"),
}


@pytest.mark.slow  # six runs of node
@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_network_is_found(folder, tmp_path, what):
    find, change, file, tests = BROKEN[what]
    few(folder, tmp_path)
    assert MODULE.count(find) == 1
    (tmp_path / "network.mjs").write_text(MODULE.replace(find, change), encoding="utf-8")
    done = run(tmp_path, file, tests)
    assert done.returncode != 0 and "AssertionError" in done.stdout, what


@pytest.mark.parametrize(
    "layer", ["up_blocks.1.resnets.0.conv2", "mid_block.resnets.1.conv2", "text.encoder.layers.0.mlp.fc1"]
)
def test_a_changed_layer_is_found(folder, tmp_path, layer):
    """A layer's weights, changed by a hundredth."""
    few(folder, tmp_path)
    pack = json.loads((folder / "values.json").read_text(encoding="utf-8"))["network"]
    start, outputs, inputs = pack["places"][f"{layer}.weight"]
    halves = np.frombuffer((folder / "halves.bin").read_bytes(), np.uint8).reshape(2, -1).T.copy().view("<f2")[:, 0]
    size = 9 * outputs * inputs if "conv" in layer else outputs * inputs
    halves[start : start + size] *= np.float16(1.01)
    (tmp_path / "halves.bin").write_bytes(halves.view(np.uint8).reshape(-1, 2).T.tobytes())
    done = run(tmp_path, "network", "hundred")
    assert done.returncode != 0 and "AssertionError" in done.stdout


def few(folder, to):
    """The same values, of ten rows."""
    for file in folder.iterdir():
        shutil.copy(file, to)
    values = json.loads((folder / "values.json").read_text(encoding="utf-8"))
    (to / "values.json").write_text(json.dumps(values | {"rows": values["rows"][:10]}), encoding="utf-8")
