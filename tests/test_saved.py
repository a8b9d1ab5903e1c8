"""Results as files: what was written comes back, in another process too; damaged and foreign files are refused."""

import json
import shutil
import subprocess
import sys
from dataclasses import fields, is_dataclass

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from test_loading import stable_diffusion

import infodecomp as idc
from infodecomp import saved
from infodecomp.integrate import Logistic, Proposal, uniform

SCENES = idc.load("scenes")
SCENE = idc.scenes.scenes()[12345]
CAPTION = idc.scenes.captions(SCENE)[-1]
PICTURE = idc.scenes.render(SCENE)
MAPS = idc.word_maps(SCENES, PICTURE, CAPTION, ["red", 0], alternatives=idc.scenes.alternatives, samples=50)
X = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
GAUSSIAN = idc.exact.Gaussian(torch.zeros(4), 0.3)


def same(one, other):
    """Whether two results are equal to the last bit."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, Image.Image):
        return one.size == other.size and one.tobytes() == other.tobytes()
    if isinstance(one, Proposal):
        u = torch.linspace(0, 1, 99, dtype=torch.float64)
        return torch.allclose(one.ppf(u), other.ppf(u), rtol=1e-14, atol=1e-14) and one.range == other.range
    if is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(same, one.values(), other.values()))
    return one == other


def test_word_maps_come_back(tmp_path):
    MAPS.save(tmp_path / "maps.safetensors")
    back = idc.load_maps(str(tmp_path / "maps.safetensors"))
    assert same(MAPS, back) and repr(back) == repr(MAPS) and back.resolution == (16, 16)
    assert not same(MAPS, idc.word_maps(SCENES, PICTURE, CAPTION, ["red", 0], samples=50))  # no alternatives
    assert idc.HeatMaps(back, word="red").html() == idc.HeatMaps(MAPS, word="red").html()
    red = back.cmi[0] - MAPS.cmi[0]  # on the same noise
    assert red.nats.abs().max() == 0 and red.stderr.max() == 0


def test_what_a_file_says_of_itself(tmp_path):
    net = idc.load("scenes-net")
    maps = idc.word_maps(net, PICTURE, CAPTION, [0], samples=4, seed=3, proposal=uniform(-9, -2))
    maps.save(tmp_path / "maps")
    told = saved.about(tmp_path / "maps")
    assert told["versions"]["torch"] and told["versions"]["infodecomp"] and "python" in told["versions"]
    assert told["model"] == saved.describe(net) == maps.about["model"] and told["model"]["class"] == "NetworkScenes"
    assert {"samples": 4, "seed": 3, "placeholder": None}.items() <= told["settings"].items()
    assert told["settings"]["proposal"].startswith("Piecewise")
    with torch.no_grad():
        next(net.unet.parameters()).view(-1)[0] += 1
    assert saved.describe(net)["weights"] != told["model"]["weights"]
    assert saved.describe(SCENES) == {"name": "ExactScenes", "class": "ExactScenes", "weights": None}
    assert saved.describe(lambda z, a, c: z)["name"] == "<lambda>"


def test_a_pipeline_says_where_it_is_from(tmp_path):
    stable_diffusion().save_pretrained(tmp_path / "sd")
    one, other = (saved.describe(idc.load(str(tmp_path / "sd"), check=False)) for _ in range(2))
    assert one == other and one["name"] == str(tmp_path / "sd") and len(one["weights"]) == 32


ESTIMATES = {
    "nll": lambda: idc.nll(GAUSSIAN, X, samples=20),
    "logistic": lambda: idc.nll(GAUSSIAN, X, samples=20, proposal=Logistic(0, 1.5, range=(-5, 4), stratified=False)),
    "fitted": lambda: idc.nll(GAUSSIAN, X, samples=20, proposal="fit"),
    "balanced": lambda: idc.nll(GAUSSIAN, X, samples=20, noise="balanced"),
    "paths": lambda: MAPS.against[0],
    "difference": lambda: MAPS.cmi[0] - MAPS.mi[0],
}


@pytest.mark.parametrize("name", ESTIMATES)
def test_estimates_come_back(name, tmp_path):
    estimate = ESTIMATES[name]()
    estimate.save(tmp_path / "estimate", model=GAUSSIAN)
    back = idc.load_maps(tmp_path / "estimate")
    assert same(estimate, back) and torch.equal((estimate - back).nats, torch.zeros_like(back.nats))
    assert saved.about(tmp_path / "estimate")["model"]["class"] == "Gaussian"
    estimate.save(tmp_path / "estimate")  # in its place
    assert saved.about(tmp_path / "estimate")["model"] is None


class Own(Proposal):
    """A proposal of one's own: uniform."""

    def ppf(self, u):
        return self.range[0] + u * (self.range[1] - self.range[0])

    def density(self, logsnr):
        return torch.full_like(logsnr, 1 / (self.range[1] - self.range[0]))


def test_a_proposal_of_ones_own_comes_back_as_its_range(tmp_path):
    estimate = idc.nll(GAUSSIAN, X, samples=20, proposal=Own(-3.0, 2.0))
    estimate.save(tmp_path / "estimate")
    back = idc.load_maps(tmp_path / "estimate")
    assert back.range == (-3.0, 2.0) and type(back.proposal) is Proposal and same(back.profile, estimate.profile)


OPENED = """
import sys, infodecomp as idc
maps = idc.load_maps(sys.argv[1])
widget = idc.HeatMaps(maps, word="red", kind="CMI")
loaded = {"diffusers", "transformers"} & set(sys.modules)
print(maps, widget.picture.size, sorted(loaded), sep="\\n")
"""


def test_another_process_opens_it_without_a_model(tmp_path):
    MAPS.save(tmp_path / "maps")
    run = [sys.executable, "-c", OPENED, str(tmp_path / "maps")]
    told = subprocess.run(run, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    assert told == [repr(MAPS), "(32, 32)", "[]"]


def test_a_picture_of_another_kind_is_not_kept(tmp_path):
    class Blind:
        proposal, encode = SCENES.proposal, staticmethod(lambda image: SCENES.encode(PICTURE))
        condition = staticmethod(SCENES.condition)
        __call__ = staticmethod(lambda z, a, c: SCENES(z, a, c))

    maps = idc.word_maps(Blind(), object(), CAPTION, [0], samples=2)
    maps.save(tmp_path / "maps")
    assert idc.load_maps(tmp_path / "maps").image is None
    with pytest.raises(ValueError, match="image must be"):
        idc.HeatMaps(idc.load_maps(tmp_path / "maps"))
    assert idc.HeatMaps(PICTURE, idc.load_maps(tmp_path / "maps")).words == [CAPTION.split()[0]]


# ----------------------------------------------------------------------------------------------------- what is refused


def written(path):
    MAPS.save(path)
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata()), {name: file.get_tensor(name) for name in file.keys()}


def flipped(path):
    written(path)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1  # a number of a tensor
    path.write_bytes(data)


def cut(path):
    written(path)
    path.write_bytes(path.read_bytes()[:-100])


def told_otherwise(path):
    about, tensors = written(path)
    save_file(tensors, path, metadata=about | {"infodecomp": about["infodecomp"].replace("red", "rad")})


def forged(path, change):
    """A file with another content and the hash that belongs to it."""
    about, tensors = written(path)
    told = json.loads(about["infodecomp"])
    change(told)
    told = json.dumps(told)
    save_file(tensors, path, metadata={"infodecomp": told, "hash": saved._digest(told, tensors)})


BROKEN = {
    "nothing": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("maps"),
    "picture": lambda path: PICTURE.save(path, "PNG"),
    "folder": lambda path: path.mkdir(),
    "pickle": lambda path: torch.save(X, path),
    "another's": lambda path: save_file({"x": X}, path),
    "another's with metadata": lambda path: save_file({"x": X}, path, metadata={"format": "pt"}),
    "weights": lambda path: shutil.copy(next(idc.scenes.net.NETWORK.glob("unet/*.safetensors")), path),
    "cut": cut,
    "flipped": flipped,
    "told otherwise": told_otherwise,
    "newer": lambda path: forged(path, lambda told: told.update(format=99)),
    "another class": lambda path: forged(path, lambda told: told["value"].update({"class": "Popen"})),
    "a field more": lambda path: forged(path, lambda told: told["value"]["fields"].update(other=3)),
    "a field less": lambda path: forged(path, lambda told: told["value"]["fields"].pop("words")),
    "no value": lambda path: forged(path, lambda told: told.pop("value")),
    "a number": lambda path: forged(path, lambda told: told.update(value=3)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_damaged_and_foreign_files(name, tmp_path):
    BROKEN[name](tmp_path / "maps")
    with pytest.raises(ValueError, match=r"^path must (be a file that|lead to)") as refused:
        idc.load_maps(tmp_path / "maps")
    assert "\n" not in str(refused.value) and "maps" in str(refused.value) and len(str(refused.value)) < 600


def test_a_file_that_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch):
    MAPS.save(tmp_path / "maps")
    before = (tmp_path / "maps").read_bytes()

    def full(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr(saved, "save_file", full)
    with pytest.raises(ValueError, match=r"^path must be one to write to, got .*: No space left on device"):
        MAPS.save(tmp_path / "maps")
    assert (tmp_path / "maps").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_captions_of_any_letters(tmp_path):
    maps = idc.word_maps(SCENES, PICTURE, CAPTION, [0], samples=2)
    odd = idc.WordMaps(**{f.name: getattr(maps, f.name) for f in fields(maps)} | {"caption": "“q” 👩‍🚀 שלום \ud800"})
    odd.save(tmp_path / "maps")
    assert idc.load_maps(tmp_path / "maps").caption == odd.caption
    assert np.array_equal(np.asarray(idc.load_maps(tmp_path / "maps").image), np.asarray(PICTURE))
