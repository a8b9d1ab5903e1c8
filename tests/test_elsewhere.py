"""Networks of digits by others: files by their hash, architectures by their parameters, a record by its own numbers.

The real files are nobody's here; networks of the same architecture with random weights stand in for them.
"""

import gzip
import hashlib
import json
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch

import infodecomp as idc
from infodecomp.experiments import digits, elsewhere
from infodecomp.experiments.digits import classes, linear_error, maps
from infodecomp.experiments.folder import save


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Random weights and made-up digits, under the names and hashes that elsewhere is told."""
    torch.manual_seed(0)
    files = {}
    for name, network in (("vit", elsewhere.ViT()), ("unet", elsewhere.UNet())):
        torch.save(network.state_dict(), tmp_path / f"{name}.pth")
        files[name] = tmp_path / f"{name}.pth"
    pictures = torch.randint(256, (300, 28, 28), dtype=torch.uint8)
    labels = torch.arange(300, dtype=torch.uint8) % 10
    for name, values, head in (("images", pictures, 16), ("labels", labels, 8)):
        files[name] = tmp_path / f"{name}.gz"
        files[name].write_bytes(gzip.compress(bytes(head) + values.numpy().tobytes()))
    told = dict(elsewhere.FILES)
    for name, file in files.items():
        told[name] = ("somebody/there", "0" * 40, file.name, hashlib.sha256(file.read_bytes()).hexdigest())
    monkeypatch.setattr(elsewhere, "FILES", told)
    return tmp_path


def count(network):
    return sum(p.numel() for p in network.parameters())


def test_architectures_have_the_published_numbers_of_parameters():
    assert count(elsewhere.ViT()) == 208_705 and count(elsewhere.UNet()) == 455_617


def test_a_file_with_another_byte_is_refused(folder):
    file = folder / "vit.pth"
    assert elsewhere.file_of("vit", folder) == file
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(ValueError, match="sha256 .* got none but unet.pth, vit.pth with other bytes"):
        elsewhere.file_of("vit", folder)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    (tmp_path / "a folder.pth").mkdir()
    with pytest.raises(ValueError, match="DiffusionViT.pth with sha256 2fd387f3a0c7…, got none in"):
        elsewhere.file_of("vit", tmp_path)
    with pytest.raises(ValueError, match="folder must be one that is there, got '.*nowhere'"):
        elsewhere.file_of("vit", tmp_path / "nowhere")


def test_what_is_fetched_has_its_hash(folder, tmp_path_factory, monkeypatch):
    """From a server of our own: right bytes once and for all, other bytes never, no answer in one line."""
    pooch = pytest.importorskip("pooch")
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path_factory.mktemp("cache"))
    there = folder / "somebody" / "there" / ("0" * 40)
    there.mkdir(parents=True)
    (folder / "vit.pth").rename(there / "vit.pth")
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    handler.log_message = lambda *_: None
    with ThreadingHTTPServer(("localhost", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(elsewhere, "HOST", f"http://localhost:{server.server_port}/{{}}/{{}}/{{}}")
        assert elsewhere.file_of("vit").read_bytes() == (there / "vit.pth").read_bytes()
        (there / "vit.pth").write_bytes((there / "vit.pth").read_bytes()[:-1] + b"!")
        with pytest.raises(ValueError, match="hash"):
            elsewhere.file_of("vit")
        server.shutdown()
    with pytest.raises(OSError, match="unet.pth cannot be fetched") as raised:
        elsewhere.file_of("unet")
    assert "\n" not in str(raised.value)


def test_a_network_that_errs_otherwise_is_refused(folder):
    images, labels = elsewhere.digits(folder)
    assert images.shape == (300, 28, 28) and labels[:12].tolist() == [*range(10), 0, 1]
    with pytest.raises(ValueError, match="vit must have the squared error 0.023 at log-SNR 0"):
        elsewhere.verify(elsewhere.Digits("vit", folder), images, labels)


@pytest.mark.filterwarnings("ignore:nats lie outside")  # of random weights
@pytest.mark.parametrize("name", ["vit", "unet"])
def test_a_network_as_a_denoiser(folder, name):
    model, (images, labels) = elsewhere.Digits(name, folder), elsewhere.digits(folder)
    x = model.encode(images[:4])
    low, high = (0, 1) if name == "vit" else (-1, 1)
    assert x.shape == (4, 1, 28, 28) and low <= x.min() and x.max() <= high
    assert (np.stack(model.decode(x)) == images[:4].numpy()).all()
    z, alpha = torch.randn(4, 1, 28, 28), torch.tensor([-4.0, -1.0, 0.0, 2.0])
    told = model(z, alpha, labels[:4])
    assert told.shape == z.shape and not torch.allclose(told, model(z, alpha))
    assert torch.equal(model(z, alpha), model(z, alpha, torch.tensor([10])))
    found = classes(model, x, 8, 2.0, seed=1)
    alone = idc.pointwise_information(model, x, labels[:4], samples=8, kind="standard", seed=1)
    assert torch.allclose(found["standard"][range(4), labels[:4]], alone.nats, rtol=1e-4)
    drawn = maps(model, x[:2], labels[:2], 8)
    assert np.sum(drawn["map"], (1, 2)) == pytest.approx(drawn["nats"], abs=0.05)


def test_times_of_the_two_paths(folder):
    """vit is asked at t with t/(1 − t) = e^(α/2); unet at the timestep whose α that is."""
    seen = {}
    for name in ("vit", "unet"):
        model = elsewhere.Digits(name, folder)
        network = model._denoiser.network.__closure__
        inner = next(cell.cell_contents for cell in network if isinstance(cell.cell_contents, torch.nn.Module))
        inner.register_forward_pre_hook(lambda _, args, name=name: seen.update({name: args[1]}))
        model(torch.zeros(2, 1, 28, 28), torch.tensor([0.0, 2.0]))
    assert (2 * (seen["vit"] / (1 - seen["vit"])).log()).tolist() == pytest.approx([0, 2], abs=1e-5)
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    alpha = ((1 - betas).cumprod(0)).logit()
    steps = seen["unet"].long()
    assert (alpha[steps] >= torch.tensor([0.0, 2.0])).all() and (alpha[steps + 1] <= torch.tensor([0.0, 2.0])).all()


@pytest.mark.parametrize("name", ["vit", "unet"])
def test_the_density_of_even_times(folder, name):
    """Its integral between two log-SNRs is the share of the times between them."""
    logsnr = torch.linspace(-4, 6, 20_001, dtype=torch.float64)
    found = torch.trapezoid(elsewhere.Digits(name, folder).time_density(logsnr), logsnr).item()
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    alpha = (1 - betas).cumprod(0).logit()
    steps = ((alpha > -4) & (alpha < 6)).double().mean().item()
    even = (torch.sigmoid(torch.tensor(3.0)) - torch.sigmoid(torch.tensor(-2.0))).item()
    assert found == pytest.approx(even if name == "vit" else steps, abs=2e-3)


def test_the_best_linear_guess_of_normal_data():
    """Variances 4 and 1 in two numbers: the error of ε̂ is the mean of e^α·v / (1 + e^α·v)."""
    x = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([2.0, 1.0])
    found = linear_error(x, (0.0,))[0]
    assert found == pytest.approx((4 / 5 + 1 / 2) / 2, abs=3e-3)


@pytest.mark.parametrize("broken", [lambda eps: eps * torch.nan, lambda eps: eps + 0.2])
def test_a_rebuild_that_is_a_little_off_or_not_a_number_is_refused(folder, monkeypatch, broken):
    """Its own errors are the table: then one that errs otherwise is refused, and one that returns NaN."""
    model, (images, labels) = elsewhere.Digits("unet", folder), elsewhere.digits(folder)
    errors = elsewhere.squared_errors(model, model.encode(images[:256]), labels[:256], 0.0)
    table = {0.0: tuple(errors[name][0] for name in ("null", "class"))}
    monkeypatch.setattr(elsewhere, "ERRORS", {"unet": table})
    elsewhere.verify(model, images, labels)
    right = model._denoiser
    model._denoiser = lambda *given: broken(right(*given))
    with pytest.raises(ValueError, match="unet must have the squared error"):
        elsewhere.verify(model, images, labels)
    with pytest.raises(ValueError, match="at least 256 digits, got 100 and 100"):
        elsewhere.verify(model, images[:100], labels[:100])


def test_what_is_no_class_or_no_digit_is_refused(folder):
    model, (images, _) = elsewhere.Digits("unet", folder), elsewhere.digits(folder)
    for wrong in ([11], [-1], [3.5], [True], "3", ["three"]):
        with pytest.raises(ValueError, match="condition must be whole numbers from 0 to 10"):
            model(torch.zeros(1, 1, 28, 28), torch.zeros(1), wrong)
    for wrong in (images[:2] / 255, images[0], images[:2, :20]):
        with pytest.raises(ValueError, match="images must be digits"):
            model.encode(wrong)


def test_the_record_goes_on_only_as_it_began(folder, tmp_path, monkeypatch, capsys):
    """A record says of all its networks with which settings they were measured."""
    out = tmp_path / "record.json"
    labels = elsewhere.digits(folder)[1]
    save(out, json.dumps(digits.begun(out, 20, 8, labels)))
    assert digits.begun(out, 20, 8, labels)["networks"] == {}
    with pytest.raises(ValueError, match="a record with the same settings, labels, got"):
        digits.begun(out, 30, 8, labels)
    for options, says in (
        (["--samples=12"], "samples must be a multiple of 8, got 12"),
        (["--networks=gan", "--count=20", "--samples=8"], "name must be 'vit'"),
        (["--networks=unet", "--count=20", "--samples=8"], "unet must have the squared error"),
        (["--count=9", "--samples=8"], "a record with the same settings, labels"),
    ):
        monkeypatch.setattr("sys.argv", ["digits", str(out), f"--folder={folder}", *options])
        with pytest.raises(SystemExit) as raised:
            digits.main()
        assert raised.value.code == 2 and f"error: {says}" in capsys.readouterr().err.replace(
            "out must be a new file or ", ""
        )
    out.write_text("{")
    with pytest.raises(ValueError, match="a record of this program"):
        digits.begun(out, 20, 8, labels)


def test_an_unknown_network_is_refused():
    with pytest.raises(ValueError, match="name must be"):
        elsewhere.Digits("gan")


def test_the_record_is_of_these_files_and_of_what_the_commands_measure():
    record = json.loads((Path(elsewhere.__file__).parent / "records" / "elsewhere.json").read_text())
    assert record["files"] == {
        name: dict(zip(("repository", "commit", "path", "sha256"), of, strict=True))
        for name, of in elsewhere.FILES.items()
    }
    count = record["settings"]["count"]
    assert count >= 500 and len(record["labels"]) == count and set(record["networks"]) == set(elsewhere.NETWORKS)
    for name, found in record["networks"].items():
        assert found["range"] == [elsewhere.RANGES[name][0], elsewhere.TRUSTED]
        for level, expected in elsewhere.ERRORS[name].items():
            measured = [found["errors"][str(level)][branch][0] for branch in ("null", "class")]
            assert measured == pytest.approx(expected, rel=0.03)
        for part in (found["classes"], found["few"], found["wide"]["classes"]):
            assert {np.shape(part[kind]) for kind in ("standard", "orthogonal", "mse")} == {(count, 10)}
        bands = len(found["wide"]["edges"]) - 1
        assert np.shape(found["wide"]["gaps"]) == (count, bands)
        assert np.sum(found["maps"]["map"], (1, 2)) == pytest.approx(found["maps"]["nats"], abs=0.05)
