"""Three class-conditional denoisers of handwritten digits, made by others, as denoisers of infodecomp.

    vit    predicts x: a vision transformer (sofia-dominguezc/MNIST-diffusion, MIT)
    dit    predicts the velocity: a rectified flow (COLVERTYETY/SimpleDiTDemo), run by onnxruntime
    unet   predicts ε (rpw1134/diffusion-model-experiment)

Their weights and MNIST's test set (kelas/mnist) are fetched, at fixed commits, by pooch, or read from a folder; a file
with another sha256 is refused. The architectures are written anew here, from their papers and the names of the weights;
`verify` refuses a network whose squared errors are not those of ERRORS. Needs infodecomp[elsewhere].
"""

import gzip
import hashlib
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from ..channel import add_noise, alpha_bar_to_logsnr, scales
from ..checks import choice, refuse
from ..datasets.items import one_line
from ..denoiser import Adapter, Denoiser, from_eps, from_flow, from_x0
from ..integrate import uniform

FILES = {  # repository, commit, path, sha256
    "vit": (
        "sofia-dominguezc/MNIST-diffusion",
        "88bc05803c987e40be4eacb48cf4bb14d7c58c5e",
        "parameters/MNIST/DiffusionViT.pth",
        "2fd387f3a0c7bbd74cb209e4a7db43f18418a974e63b3d4b493fa2ab2f34f90c",
    ),
    "dit": (
        "COLVERTYETY/SimpleDiTDemo",
        "9f98dfb8c4ba5c261319d93753a72c8435572015",
        "docs/model.onnx",
        "c94c03dc6e52a974a3a3bfb9dd758ba9b0e0188728b547075b2b6534d25a49b1",
    ),
    "unet": (
        "rpw1134/diffusion-model-experiment",
        "e160fbf65a8d762e0c3c1c8863f4b9717d69a26c",
        "mnist_diffusion_model_conditioned.pth",
        "73aa5e3d197282c65aa2ffca10875ca9d1024cc3c472f0993b37e19a6a7a9c61",
    ),
    "images": (
        "kelas/mnist",
        "283b387221ab46655e600cfcc25d843bb14292b9",
        "t10k-images-idx3-ubyte.gz",
        "167310007f03058885c7e95e6c0b19c20de5c7fd3031f4cbdadc9014a523d80b",
    ),
    "labels": (
        "kelas/mnist",
        "283b387221ab46655e600cfcc25d843bb14292b9",
        "t10k-labels-idx1-ubyte.gz",
        "fc607395669ec21321ea83e4b82c0544b7e8e63ff5b34337c06bc0a17cc0da3c",
    ),
}
HOST = "https://raw.githubusercontent.com/{}/{}/{}"  # of repository, commit, path
NETWORKS, NULL = ("vit", "dit", "unet"), 10  # the eleventh class is "no class"
TRUSTED = 2.0  # log-SNR up to which all three are good
ERRORS = {  # mean squared error of ε̂ per number of 256 test digits at a log-SNR: without and with the class
    "vit": {0.0: (0.0230, 0.0196), 2.0: (0.0510, 0.0494)},
    "dit": {0.0: (0.0238, 0.0224), 2.0: (0.0420, 0.0415)},
    "unet": {0.0: (0.0326, 0.0307), 2.0: (0.0567, 0.0557)},
}
RANGES = {"vit": (-6.0, 8.0), "dit": (-8.0, 8.0), "unet": (-9.0, 8.0)}  # log-SNRs they can be asked at


def file_of(name: str, folder: str | Path | None = None) -> Path:
    """The path of a file of FILES: in a folder, under whatever name, or fetched into the user's cache.

    ValueError if the folder has no file with its sha256, or if what was fetched has another one.
    """
    choice("name", name, FILES)
    repository, commit, path, digest = FILES[name]
    if folder is not None:
        if not Path(folder).is_dir():
            raise ValueError(f"folder must be one that is there, got {str(folder)!r}")
        files = [file for file in sorted(Path(folder).rglob("*" + Path(path).suffix)) if file.is_file()]
        for file in files:
            if hashlib.sha256(file.read_bytes()).hexdigest() == digest:
                return file
        other = f"none but {', '.join(f.name for f in files[:5])} with other bytes" if files else "none"
        raise ValueError(f"folder must hold {Path(path).name} with sha256 {digest[:12]}…, got {other} in {folder}")
    import pooch

    url, cache = HOST.format(repository, commit, path), pooch.os_cache("infodecomp") / "elsewhere"
    try:
        return Path(pooch.retrieve(url, f"sha256:{digest}", path=cache))
    except OSError as error:
        raise OSError(
            f"{url} cannot be fetched; with its file in a folder, give that: {one_line(error, 120)}"
        ) from error


def digits(folder: str | Path | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """MNIST's test set: pictures (10000, 28, 28) uint8 and labels (10000,)."""
    read = {name: gzip.decompress(file_of(name, folder).read_bytes()) for name in ("images", "labels")}
    images = torch.from_numpy(np.frombuffer(read["images"], np.uint8, offset=16).copy()).reshape(-1, 28, 28)
    return images, torch.from_numpy(np.frombuffer(read["labels"], np.uint8, offset=8).copy()).long()


def _waves(values: torch.Tensor, count: int) -> torch.Tensor:
    """(N, 2·count): sines, then cosines, of values (N,) times frequencies from 1 down to 1/10,000."""
    frequencies = torch.exp(torch.arange(count) * (-math.log(10_000) / (count - 1)))
    angles = values[:, None] * frequencies.to(values)
    return torch.cat([angles.sin(), angles.cos()], 1)


class ViT(torch.nn.Module):
    """x̂ of x_t = t·x + (1 − t)·ε: 16 patches, two tokens of time and two of the class, four post-norm layers."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.pos_embed = torch.nn.Parameter(torch.zeros(1, 16, width))
        self.patch_embed = torch.nn.Conv2d(1, width, 7, 7)
        layer = partial(torch.nn.TransformerEncoderLayer, width, 4, 4 * width, 0.0, "gelu", batch_first=True)
        self.transformer = torch.nn.ModuleList(layer() for _ in range(4))
        self.unpatch = torch.nn.ConvTranspose2d(width, 1, 7, 7)
        self.y_encoder = torch.nn.Embedding(11, 2 * width)

    def forward(self, x: torch.Tensor, t: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """x (N, 1, 28, 28), t (N,) from 0 (noise) to 1 (picture), label (N,)."""
        patches = self.patch_embed(x).flatten(2).mT + self.pos_embed
        width = patches.shape[2]
        inputs = [part.reshape(len(x), 2, width) for part in (_waves(t, width), self.y_encoder(label))]
        tokens = torch.cat([patches, *inputs], 1)
        for layer in self.transformer:
            tokens = layer(tokens)
        return self.unpatch(tokens[:, :16].mT.reshape(len(x), width, 4, 4))


class UNet(torch.nn.Module):
    """ε̂ at a timestep of DDPM: convolutions of stride 2 down and up again, time and class added per channel."""

    def __init__(self) -> None:
        super().__init__()
        self.class_emb = torch.nn.Embedding(11, 32)
        sizes = {"init": (1, 32, 1), "down1": (32, 64, 2), "down2": (64, 128, 2), "btn": (128, 128, 1)}
        for name, (inputs, outputs, stride) in sizes.items():
            block = {"init": "init_conv", "btn": "bottleneck"}.get(name, name)
            setattr(self, block, _block(inputs, outputs, stride))
        sizes |= {"up1": (128, 64, 2), "up2": (64, 32, 2)}
        for name, (inputs, outputs, _) in sizes.items():
            setattr(self, f"time_proj_{name}", torch.nn.Linear(32, outputs))
            setattr(self, f"class_proj_{name}", torch.nn.Linear(32, outputs))
            if name.startswith("up"):
                up = torch.nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1)
                setattr(self, f"{name}_transpose", up)
                setattr(self, f"{name}_conv", _block(2 * outputs, outputs, 1))
        self.output_head = torch.nn.Conv2d(32, 1, 1)

    def forward(self, x: torch.Tensor, t: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """x (N, 1, 28, 28), t (N,) timesteps from 0 to 999, label (N,)."""
        time, kind = _waves(t, 16), self.class_emb(label)

        def shifted(name: str, value: torch.Tensor) -> torch.Tensor:
            both = getattr(self, f"time_proj_{name}")(time) + getattr(self, f"class_proj_{name}")(kind)
            return value + both[:, :, None, None]

        first = shifted("init", self.init_conv(x))
        second = shifted("down1", self.down1(first))
        lowest = shifted("btn", self.bottleneck(shifted("down2", self.down2(second))))
        up = self.up1_conv(torch.cat([shifted("up1", self.up1_transpose(lowest)), second], 1))
        up = self.up2_conv(torch.cat([shifted("up2", self.up2_transpose(up)), first], 1))
        return self.output_head(up)


def _block(inputs: int, outputs: int, stride: int) -> torch.nn.Sequential:
    convolution = torch.nn.Conv2d(inputs, outputs, 3, stride, 1)
    return torch.nn.Sequential(convolution, torch.nn.GroupNorm(8, outputs), torch.nn.SiLU())


class Digits:
    """One of NETWORKS as a model: pictures are digits (B, 28, 28) uint8, conditions their classes, None: no class.

    It can be asked at the log-SNRs of `logsnr_range`; its proposal ends at TRUSTED, where the network is still good.
    """

    def __init__(self, name: str, folder: str | Path | None = None) -> None:
        choice("name", name, NETWORKS)
        self.name, self.logsnr_range = name, RANGES[name]
        self.proposal = uniform(self.logsnr_range[0], TRUSTED)
        file = file_of(name, folder)
        self._denoiser = _onnx(file) if name == "dit" else _torch(name, file)

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """x (B, 1, 28, 28) in [0, 1] for vit, in [−1, 1] for the others; (B, 1, 32, 32), padded with black, for dit."""
        levels = torch.as_tensor(images)
        if levels.dtype != torch.uint8 or levels.shape[1:] != (28, 28):
            refuse("images", "digits (B, 28, 28) uint8, from 0 to 255", images)
        x = levels[:, None].float() / 255
        x = x if self.name == "vit" else 2 * x - 1
        return functional.pad(x, (2, 2, 2, 2), value=-1.0) if self.name == "dit" else x

    def decode(self, x: torch.Tensor) -> list[np.ndarray]:
        """Digits (28, 28) uint8 of x (B, 1, h, w)."""
        inner = x[:, 0, 2:-2, 2:-2] if self.name == "dit" else x[:, 0]
        level = inner if self.name == "vit" else (inner + 1) / 2
        return list((255 * level.clamp(0, 1)).round().byte().numpy())

    def time_density(self, logsnr: torch.Tensor) -> torch.Tensor:
        """The density of log-SNRs, like logsnr, where times are drawn evenly, as in training and by most scores."""
        if self.name != "unet":  # of a flow: eq. 18-logistic of the book
            return torch.sigmoid(logsnr / 2) * torch.sigmoid(-logsnr / 2) / 2
        falling = _schedule()
        density = np.gradient(np.arange(1000.0), falling) / -1000
        return torch.from_numpy(np.interp(logsnr.numpy(), falling[::-1], density[::-1]))

    def condition(self, classes: Any) -> torch.Tensor:
        """Classes (1 or B,) long; None is the class that means none, NULL."""
        try:
            kinds = torch.as_tensor(NULL if classes is None else classes).reshape(-1)
        except (TypeError, ValueError, RuntimeError):
            kinds = torch.tensor([math.nan])
        if kinds.is_floating_point() or kinds.dtype == torch.bool or ((kinds < 0) | (kinds > NULL)).any():
            refuse("condition", f"whole numbers from 0 to {NULL}", classes)
        return kinds.long()

    @torch.no_grad()
    def __call__(self, z: torch.Tensor, logsnr: torch.Tensor, condition: Any = None) -> torch.Tensor:
        """eps_hat like z; see infodecomp.denoiser."""
        return self._denoiser(z, logsnr, self.condition(condition).expand(len(z)))


def _torch(name: str, file: Path) -> Adapter:
    """vit or unet with its weights."""
    network = ViT() if name == "vit" else UNet()
    network.load_state_dict(torch.load(file, "cpu", weights_only=True))
    network.eval()
    if name == "vit":

        def clean(z: torch.Tensor, logsnr: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            signal, noise = scales(logsnr, z)
            total = signal + noise
            return network(z / total, (signal / total).flatten(), label)

        return from_x0(clean)
    schedule = _schedule()[::-1]

    def noise(z: torch.Tensor, logsnr: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        steps = np.interp(logsnr.double().numpy(), schedule, np.arange(1000.0)[::-1])
        return network(z, torch.from_numpy(steps).to(z), label)

    return from_eps(noise)


def _schedule() -> np.ndarray:
    """The log-SNRs of DDPM's timesteps, falling."""
    return alpha_bar_to_logsnr((1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)).cumprod(0)).numpy()


def _onnx(file: Path) -> Adapter:
    """dit, run by onnxruntime on one thread per process that torch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(file), options)

    def velocity(z: torch.Tensor, t: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        given = {"zt": z.float().numpy(), "t": t.float().numpy(), "cond": label.numpy()}
        return torch.from_numpy(session.run(None, given)[0]).to(z)

    return from_flow(velocity)


def squared_errors(model: Denoiser, x: torch.Tensor, labels: Any, logsnr: float, seed: int = 0) -> dict[str, list]:
    """Mean squared error of ε̂ per number, {"null", "class"}: [mean, standard error over digits] at one log-SNR."""
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
    z, alpha, found = add_noise(x, logsnr, noise), torch.full((len(x),), logsnr), {}
    for name, condition in (("null", None), ("class", labels)):
        errors = (model(z, alpha, condition) - noise).double().square().flatten(1).mean(1)
        found[name] = [errors.mean().item(), errors.std().item() / len(x) ** 0.5]
    return found


def verify(model: Digits, images: torch.Tensor, labels: torch.Tensor) -> None:
    """ValueError unless the squared errors on 256 test digits are those that were measured with the authors' code."""
    if len(images) < 256 or len(images) != len(labels):
        raise ValueError(f"images and labels must be of at least 256 digits, got {len(images)} and {len(labels)}")
    x = model.encode(images[:256])
    for logsnr, expected in ERRORS[model.name].items():
        found = squared_errors(model, x, labels[:256], logsnr)
        for name, wanted in zip(("null", "class"), expected, strict=True):
            if not abs(found[name][0] / wanted - 1) < 0.03:  # of other noise: up to 1.6 %; NaN is refused
                raise ValueError(
                    f"{model.name} must have the squared error {wanted} at log-SNR {logsnr:g} ({name}), "
                    f"got {found[name][0]:.4f}"
                )
