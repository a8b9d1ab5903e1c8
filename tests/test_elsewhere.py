"""Networks of digits by others: files by their hash, architectures by their parameters, a record by its own numbers.

The real files are nobody's here; networks of the same architecture with random weights stand in for them.
"""

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import infodecomp as idc
from infodecomp.experiments import elsewhere
from infodecomp.experiments.digits import classes, linear_error, maps


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
    with pytest.raises(ValueError, match="sha256"):
        elsewhere.file_of("vit", folder)


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
            assert measured == pytest.approx(expected, rel=0.05)
        for part in (found["classes"], found["few"], found["wide"]["classes"]):
            assert {np.shape(part[kind]) for kind in ("standard", "orthogonal", "mse")} == {(count, 10)}
        bands = len(found["wide"]["edges"]) - 1
        assert np.shape(found["wide"]["gaps"]) == (count, bands)
        assert np.sum(found["maps"]["map"], (1, 2)) == pytest.approx(found["maps"]["nats"], abs=0.05)
