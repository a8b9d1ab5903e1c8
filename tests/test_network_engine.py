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

from infodecomp.scenes import grammar, render
from infodecomp.scenes.net import NETWORK, NetworkScenes
from infodecomp.widget import netpack
from infodecomp.widget.lab import world
from infodecomp.widget.page import bundle

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="there is no node here, which runs the network by hand")
TESTS = Path(__file__).parent / "js" / "network"
MODULE = bundle("network/draws.js") + "export { embedding, guess, loadNetwork };\n"
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, model = tmp_path_factory.mktemp("network"), NetworkScenes(NETWORK)
    pack, (z, logsnr, said, eps) = dict(netpack.pack()), rows(model)
    (folder / "halves.bin").write_bytes(zlib.decompress(b64decode(pack.pop("halves"))))
    for name, values in (("z", z), ("eps", eps)):
        (folder / f"{name}.bin").write_bytes(pixel_shuffle(values, 2).float().numpy().tobytes())
    tokens, pooled = model.condition(TEXTS + said[:16])
    (folder / "tokens.bin").write_bytes(tokens.numpy().tobytes())
    values = {
        "network": pack,
        "world": world(),
        "rows": [{"logsnr": a, "text": text} for a, text in zip(logsnr.tolist(), said, strict=True)],
        "texts": [{"text": t, "pooled": p} for t, p in zip(TEXTS + said[:16], pooled.tolist(), strict=True)],
    }
    (folder / "network.mjs").write_text(MODULE, encoding="utf-8")
    (folder / "values.json").write_text(json.dumps(values, allow_nan=False), encoding="utf-8")
    return folder


def run(folder, name="network", tests="."):
    command = [NODE, "--test", f"--test-name-pattern={tests}", str(TESTS / f"{name}.test.js")]
    return subprocess.run(command, env=os.environ | {"NETWORK_VALUES": str(folder)}, capture_output=True, text=True)


def test_in_node(folder):
    done = run(folder)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "# fail 0" in done.stdout and "# pass 0" not in done.stdout
