"""The network's pack: weights as its page reads them, written as a script or sent by a kernel."""

import base64
import json
import re
import shutil
import zlib

import numpy as np
import pytest
from safetensors.numpy import load_file

import infodecomp as idc
from infodecomp.scenes.net import NETWORK
from infodecomp.widget import netpack
from infodecomp.widget.page import HERE


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    (file,) = idc.SceneLab.write(tmp_path_factory.mktemp("network"))
    return file


def content(file):
    start, data, end = re.fullmatch(r'(.*) = "([\w+/=]+)"(;\n)', file.read_text(encoding="utf-8")).groups()
    assert start + end == '(globalThis.infodecompPacks ??= {})["scenes-network"];\n'
    return json.loads(zlib.decompress(base64.b64decode(data)))


def test_the_script_holds_every_weight(written):
    """Each weight of the folder, bit by bit, at its place."""
    found = content(written)
    halves = np.frombuffer(zlib.decompress(base64.b64decode(found["halves"])), np.uint8)
    values = halves.reshape(2, -1).T.copy().view("<f2")[:, 0]
    count = 0
    for prefix, part in (("", "unet/diffusion_pytorch_model"), ("text.", "text_encoder/model")):
        for name, stored in load_file(NETWORK / f"{part}.safetensors").items():
            start, *shape = found["places"][(prefix + name).replace("text.text_model.", "text.")]
            if stored.ndim > 1 and "embeddings" not in name:
                outputs, inputs = stored.shape[:2]
                padded, places = -(-outputs // 8) * 8, stored[0, 0].size
                assert shape == [padded, inputs]
                laid = values[start : start + padded * places * inputs].reshape(-1, places, inputs, 8)
                laid = laid.transpose(0, 3, 2, 1).reshape(padded, inputs, places)[:outputs].reshape(stored.shape)
            else:
                laid = values[start : start + stored.size].reshape(stored.shape)
            np.testing.assert_array_equal(laid, stored.astype(np.float16))
            count += 1
    assert count == len(found["places"]) - 1 > 100  # zeros stand for a bias that is missing


def test_the_button_says_the_size(written):
    panel = (HERE / "js" / "lab" / "network-panel.js").read_text(encoding="utf-8")
    assert f"{written.stat().st_size / 1e6:.1f}" == re.search(r"const MEGABYTES = ([\d.]+);", panel)[1]
    assert len(idc.SceneLab().html().encode()) < 300_000


def test_a_kernel_answers_with_the_network():
    lab, sent = idc.SceneLab(), []
    lab.send = sent.append
    lab._answer(lab, {"pack": "scenes-network"}, [])
    assert json.loads(sent[0]["content"]) == netpack.pack() and sent[0]["pack"] == "scenes-network"
    for wrong in ({"pack": "../secret"}, {}, None):
        with pytest.raises(ValueError, match="name must be scenes-network"):
            lab._answer(lab, wrong, [])


def test_a_network_of_another_kind_is_refused(tmp_path):
    folder = shutil.copytree(NETWORK, tmp_path / "network")
    file = folder / "text_encoder" / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(config | {"hidden_act": "gelu"}), encoding="utf-8")
    with pytest.raises(ValueError, match="folder must be a network like"):
        netpack.pack(folder=folder)
