"""Models with pictures and conditions: load() gives a denoiser that also encodes, decodes and reads captions."""

import json
import re
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from .channel import add_noise
from .diffusers_model import DiffusersModel, refuse
from .network import PREDICTIONS, Network
from .scenes.model import ExactScenes
from .scenes.net import NETWORK, NetworkScenes

NUMBERS = 2**14  # of noise per level in the experiment of `check`
CLEAR = 0.96  # share of an error below which another one beats it clearly
OWN = "its own timesteps"
SHIFTS = (-3.0, -1.0, 1.0, 3.0)  # nats by which the network is told another log-SNR
ACCEPTED = "'scenes', 'scenes-net', a folder, a hub id 'owner/name', a diffusers pipeline or a denoiser"


def load(name_or_path="scenes", device=None, dtype=None, *, revision=None, check=True, compile=False):
    """A model, itself a denoiser, with encode, decode, condition, generate and invert.

    name_or_path: "scenes", the exact denoiser of the embedded world (no weights; device and dtype of z are respected);
    "scenes-net", the network trained on it, or another training's `scenes-net` folder; a diffusers pipeline as hub id,
    folder (safetensors only, no remote code) or object: Stable Diffusion 1.x or 2.x, or one UNet2DModel or
    DiTTransformer2DModel, of pictures with classes or without (see DiffusersModel); any other callable is a denoiser
    and comes back as it is.
    device: where it runs; dtype: of the network's arithmetic (None: float32, or as the object has it); revision: of the
    hub's repository. check: measure on two photographs whether the network predicts what its scheduler declares, at the
    log-SNRs it declares (`examine`); or PIL images like those it was trained on, for a model of other things than
    photographs; False: trust it. compile: the network, for speed (see DiffusersModel.compile); what has none stays as
    it is. Raises ValueError for anything else, and for a model that fails.
    """
    model = _load(name_or_path, device, dtype, revision, check)
    return model.compile() if compile and isinstance(model, Network) else model


def _load(name_or_path, device, dtype, revision, check):
    if name_or_path == "scenes":
        return ExactScenes().to(device or "cpu")
    if name_or_path == "scenes-net":
        return NetworkScenes(NETWORK, device, dtype)
    pipe = name_or_path
    if isinstance(name_or_path, str | Path):
        folder = Path(name_or_path)
        if (folder / "unet").is_dir() and not (folder / "model_index.json").is_file():
            return NetworkScenes(folder, device, dtype)
        if not (folder / "model_index.json").is_file() and (
            folder.exists() or not re.fullmatch(r"[\w.-]+/[\w.-]+", str(name_or_path))
        ):
            raise ValueError(f"name_or_path must be {ACCEPTED}, got {str(name_or_path)!r}")
        dtype = dtype or torch.float32
        pipe = _from_pretrained(str(name_or_path), dtype, revision)
    elif not callable(pipe):
        raise ValueError(f"name_or_path must be {ACCEPTED}, got {pipe!r:.60}")
    elif not _is_pipeline(pipe):
        return pipe
    model = DiffusersModel(pipe, device, dtype)
    if check is not False:
        examine(model, None if check is True else check)
    return model


def _is_pipeline(denoiser):
    from diffusers import DiffusionPipeline

    return isinstance(denoiser, DiffusionPipeline)


def _from_pretrained(name, dtype, revision):
    from diffusers import DiffusionPipeline
    from huggingface_hub import hf_hub_download

    try:
        with _no_bars():
            index = Path(name) / "model_index.json"
            index = index if index.is_file() else hf_hub_download(name, "model_index.json", revision=revision)
            config = json.loads(Path(index).read_text(encoding="utf-8"))
            parts = {k: v[1] for k, v in config.items() if isinstance(v, list | tuple) and len(v) == 2 and v[1]}
            refuse(parts)  # before anything large is read
            unused = {k: None for k in ("safety_checker", "feature_extractor") if k in config}
            if "safety_checker" in config:
                unused["requires_safety_checker"] = False
            options = {"dtype": dtype, "revision": revision, "use_safetensors": True}
            return DiffusionPipeline.from_pretrained(name, **options, **unused)
    except OSError as error:  # not there, not reachable, or no safetensors
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"name_or_path must be {ACCEPTED}, got {name!r}: {said[0]:.300}") from error


@contextmanager
def _no_bars():
    """Without what diffusers and transformers write to stderr although all is well; afterwards as before.

    That is progress bars, and the remark that pictures are not preprocessed by torchvision: they are not at all.
    """
    from diffusers.utils import logging as diffusers
    from transformers.utils import logging as transformers

    shown = [library for library in (diffusers, transformers) if library.is_progress_bar_enabled()]
    handlers = transformers.get_logger("transformers").handlers
    quiet = lambda record: "requires torchvision" not in record.getMessage()  # noqa: E731
    for library in shown:
        library.disable_progress_bar()
    for handler in handlers:
        handler.addFilter(quiet)
    try:
        yield
    finally:
        for library in shown:
            library.enable_progress_bar()
        for handler in handlers:
            handler.removeFilter(quiet)


@torch.no_grad()
def examine(model, images=None):
    """A denoising experiment: does the network predict what its scheduler declares, at the log-SNRs it declares?

    images: None for two of scikit-image's photographs (one, if it has many numbers). Noise is added at three log-SNRs,
    and the network's output is read as ε, as v and as x, told the log-SNR that the scheduler's timesteps mean, one that
    is 1 or 3 nats off, or the mirrored timestep. Returns {(prediction type, what it was told): mean squared errors of
    ε at the three}. Compared are geometric means, so that the three count alike. Raises ValueError unless the declared
    reading has the least error of the three types, does better than the best linear function of the noisy picture
    (found in hindsight), and is not beaten clearly, by 4 %, when the network is told something else.
    """
    if images is None:
        from PIL import Image
        from skimage import data

        names = ("astronaut",) if np.prod(model.shape) >= NUMBERS else ("astronaut", "chelsea")
        images = [Image.fromarray(getattr(data, name)()) for name in names]
    x = model.encode(images)
    x = x.repeat(max(1, -(-NUMBERS // x.numel())), 1, 1, 1)
    told = model.condition([0] if model.classes is not None and model.null is None else None)
    draw = torch.Generator().manual_seed(0)
    levels, found, linear = _levels(x, *model.logsnr_range), {}, []
    for level in levels:
        noise = torch.randn(x.shape, generator=draw).to(x)
        z = add_noise(x, level, noise)
        linear.append(_unexplained(noise, z))
        for other, logsnr in _told(model, level).items():
            out = [model.output(rows, rows.new_full((len(rows),), logsnr), told) for rows in z.split(64)]
            for kind, adapter in PREDICTIONS.items():
                eps_hat = adapter(lambda *_, out=out: torch.cat(out))(z, level)
                found.setdefault((kind, other), []).append((eps_hat - noise).double().square().mean().item())
    _judge(model.prediction, found, linear, levels)
    return found


def _levels(x, low, high):
    """Three log-SNRs around the one at which the picture is as strong as the noise, as far as the model knows them."""
    middle = -torch.log(x.double().var()).item()
    near = max(low, middle - 4), min(high, middle + 4)
    low, high = near if near[1] - near[0] > 3 else (low, high)
    return [low + share * (high - low) for share in (1 / 6, 1 / 2, 5 / 6)]


def _told(model, level):
    """{description: log-SNR the network is told} for one true level, the declared one first."""
    (low, high), last = model.logsnr_range, len(model.schedule) - 1
    mirrored = np.interp(last - model.timesteps(torch.tensor([level])).item(), range(last + 1), model.schedule)
    told = {OWN: level} | {f"log-SNRs {s:+g}": level + s for s in SHIFTS} | {"timesteps mirrored": mirrored}
    return {name: min(max(logsnr, low), high) for name, logsnr in told.items()}


def _unexplained(noise, z):
    """Mean squared error of the best a·z + b as a guess of the noise, found in hindsight."""
    noise, z = noise.double().flatten(), z.double().flatten()
    noise, z = noise - noise.mean(), z - z.mean()
    return (noise.square().mean() - (noise * z).mean() ** 2 / z.square().mean()).item()


def _judge(declared, found, linear, levels):
    mean = {reading: np.exp(np.mean(np.log(errors))) for reading, errors in found.items()}
    own, linear = mean[declared, OWN], np.exp(np.mean(np.log(linear)))
    best = min(PREDICTIONS, key=lambda kind: mean[kind, OWN])
    told = min((other for _, other in found), key=lambda other: mean[declared, other])
    if best != declared:
        better = f"read as {best!r} {mean[best, OWN]:.3f}"
    elif mean[declared, told] < CLEAR * own:
        better = f"told {told} {mean[declared, told]:.3f}"
    elif not own < linear:
        better = f"that of the best linear guess {linear:.3f}"
    else:
        return
    raise ValueError(
        f"the scheduler declares prediction_type {declared!r} and its log-SNRs; read so, the network's mean squared"
        f" error of ε at log-SNR {', '.join(f'{level:.1f}' for level in levels)} is {own:.3f}, {better}"
        " (check=False loads it all the same)"
    )
