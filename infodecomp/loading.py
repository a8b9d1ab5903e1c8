"""load(): a denoiser that also encodes pictures, decodes them, and reads captions, by name, folder or pipeline."""

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from .checks import device as checked_device
from .checks import number, on_cpu, refuse, shown, whole
from .checks import text as check_text
from .emoji import Emoji, ExactEmoji
from .models.asked import AskedModel
from .models.diffusers import DiffusersModel
from .models.examine import examine
from .models.kinds import kind, marks, network, refuse_distilled
from .models.network import Network, unmixed
from .models.parts import takes_prompt
from .models.pretrained import ACCEPTED, from_pretrained, is_single, no_bars
from .scenes.model import ExactScenes
from .scenes.net import NETWORK, NetworkScenes


def load(
    name_or_path: Any = "scenes",
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    *,
    revision: str | None = None,
    variant: str | None = None,
    size: int | tuple[int, int] | None = None,
    language: str | None = None,
    font: Any = None,
    skin_tones: bool | None = None,
    guidance: float | None = None,
    check: bool | list = True,
    compile: bool = False,
) -> Any:
    """A model, itself a denoiser, with encode, decode, condition, generate and invert.

    name_or_path: "scenes", the exact denoiser of the embedded world (no weights; device and dtype of z are respected);
    "scenes-net", the network trained on it, or another training's `scenes-net` folder; "emoji", the exact denoiser of
    emoji (see ExactEmoji; extra `emoji`; OpenMoji, CC BY-SA 4.0); a diffusers pipeline as hub id, folder, single file
    or its address on the hub (safetensors only, no remote code) or object: any that makes pictures of texts (see
    AskedModel), or one UNet2DModel or DiTTransformer2DModel, of pictures with classes or without (see DiffusersModel);
    any other callable is a denoiser and comes back as it is. A pipeline given as an object is not changed; what
    accelerate offloads, or is quantised, stays where and as it is. device: where it runs (None: where the object is; a
    pipeline that is read, on CUDA or mps where they are, else on the CPU). dtype: of the arithmetic of all parts (None:
    as the object has it; of one that is read, float32, but on CUDA float16 for all but the VAE). revision: of the hub's
    repository; variant: of the weights' files. size: of pictures, in pixels, a number or (height, width) (None: the
    pipeline's own; 32 of emoji, which are square). language ("en"), font (a colour font's path), skin_tones: of emoji.
    check: True refuses what says that it is distilled, and measures whether the network predicts what its scheduler
    declares, and whether captions help it as they should (`examine`); a list of pictures, or of (picture, caption),
    takes these instead of photographs; False: no check. guidance: the scale told to a distilled network that has an
    input for it. compile: the network, for speed (see Network.compile); a model without one stays as it is. Raises
    ValueError for anything else, and for a model that fails the check.
    """
    _check_options(dtype, check, compile, revision=revision, variant=variant)
    device = None if device is None else checked_device("device", device)
    options = {"size": _size(size), "guidance": None if guidance is None else number("guidance", guidance)}
    own = {"language": language, "font": font, "skin_tones": skin_tones}  # of emoji
    model = _load(name_or_path, device, dtype, revision, variant, check, options, own)
    return model.compile() if compile and isinstance(model, Network) else model


@contextmanager
def _undisturbed():
    """Inside, what is made is float32, and draws none of the reader's random numbers: weights are random before they
    are read."""
    dtype = torch.get_default_dtype()
    with unmixed(), torch.random.fork_rng([]):
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)


def _emoji(device, given, own):
    """The world of emoji, with the options that are its own."""
    height, width = given.pop("size") or (32, 32)
    _refuse_given(given, "emoji")
    if height != width or height < 8:
        refuse("size", "one number ≥ 8 with emoji", (height, width))
    world = Emoji(height, **{name: value for name, value in own.items() if value is not None})
    return ExactEmoji(world).to(device or "cpu")


def _check_options(dtype, check, compile, **texts):
    on_cpu()
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        refuse("dtype", "a floating-point torch.dtype or None", dtype)
    for name, text in texts.items():
        if text is not None:
            check_text(name, text, "a str or None")
    if not isinstance(check, bool | list):
        refuse("check", "True, False or a list of pictures", check)
    if not isinstance(compile, bool):
        refuse("compile", "True or False", compile)


def _size(size):
    if size is None:
        return None
    if isinstance(size, tuple | list) and len(size) == 2:
        return whole("size", size[0], 1), whole("size", size[1], 1)
    return (whole("size", size, 1),) * 2


@_undisturbed()
def _load(name_or_path, device, dtype, revision, variant, check, options, emoji):
    given = options | {"revision": revision, "variant": variant}
    if isinstance(name_or_path, str) and name_or_path == "emoji":
        return _emoji(device, given, emoji)
    _refuse_given(emoji, "all but emoji")
    if isinstance(name_or_path, str | Path):
        folder = Path(name_or_path)
        pipeline = os.path.isfile(folder / "model_index.json")  # False for what cannot be a path, too
        if name_or_path == "scenes":
            _refuse_given(given, "the embedded world")
            return ExactScenes().to(device or "cpu")
        if name_or_path == "scenes-net" or (os.path.isdir(folder / "unet") and not pipeline):
            _refuse_given(given, "the embedded world")
            return NetworkScenes(NETWORK if name_or_path == "scenes-net" else folder, device, dtype)
        if not pipeline and not _may_be_one(str(name_or_path)):
            raise ValueError(f"name_or_path must be {ACCEPTED}, got {str(name_or_path)!r}")
        return _read(str(name_or_path), device, dtype, revision, variant, check, options)
    if not callable(name_or_path):
        raise ValueError(f"name_or_path must be {ACCEPTED}, got {shown(name_or_path)}")
    if not _is_pipeline(name_or_path):
        _refuse_given(given, "a denoiser")
        return name_or_path
    _refuse_given({"revision": revision, "variant": variant}, "a pipeline that is loaded")
    return _model(name_or_path, device, dtype, check, options)


def _may_be_one(name):
    try:
        return is_single(name) or (not os.path.exists(name) and bool(re.fullmatch(r"[\w.-]+/[\w.-]+", name)))
    except (OSError, ValueError):  # no path at all
        return False


def _refuse_given(options, kind):
    """ValueError for options that a kind of model has no use for."""
    for name, value in options.items():
        if value is not None:
            refuse(name, f"None with {kind}", value)


def _read(name, device, dtype, revision, variant, check, options):
    """The model of a pipeline that is read, on the best device."""
    device = device or best_device()
    half = dtype is None and device.type == "cuda"
    kinds = (torch.float16, torch.float32) if half else (dtype or torch.float32,) * 2
    reading = {"revision": revision, "variant": variant, "guidance": options["guidance"], "check": check is not False}
    pipe = from_pretrained(name, kinds[0], vae_dtype=kinds[1], **reading)
    return _model(pipe, device, None, check, options, own=True)


def best_device() -> torch.device:
    """CUDA where it is, else mps, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _is_pipeline(denoiser):
    from diffusers import DiffusionPipeline

    return isinstance(denoiser, DiffusionPipeline)


def _model(pipe, device, dtype, check, options, own=False):
    if network(pipe) is None or getattr(pipe, "scheduler", None) is None:
        parts = ", ".join(name for name, part in pipe.components.items() if part is not None)
        raise ValueError(
            f"name_or_path must lead to a pipeline of a network and a scheduler, got {kind(pipe)} of {parts}"
        )
    if not takes_prompt(pipe):
        _refuse_given(options, "a pipeline without captions")
        model = DiffusersModel(pipe, device, dtype, own=own)
    else:
        found = marks(dict(pipe.config), kind(pipe.scheduler), dict(network(pipe).config))
        refuse_distilled(found, options["guidance"], check is not False)
        with no_bars():
            model = AskedModel(pipe, device, dtype, own=own, **options)
    if check is not False:
        examine(model, None if check is True else check)
    return model
