"""load(): a denoiser that also encodes pictures, decodes them, and reads captions, by name, folder or pipeline."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from .checks import device as checked_device
from .checks import refuse, shown
from .checks import text as check_text
from .models.diffusers import DiffusersModel
from .models.diffusers import refuse as refuse_parts
from .models.examine import examine
from .models.network import Network
from .scenes.model import ExactScenes
from .scenes.net import NETWORK, NetworkScenes

UNUSED = "safety_checker", "feature_extractor"  # parts of a pipeline
ACCEPTED = "'scenes', 'scenes-net', a folder, a hub id 'owner/name', a diffusers pipeline or a denoiser"


def load(
    name_or_path: Any = "scenes",
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    *,
    revision: str | None = None,
    check: bool | list = True,
    compile: bool = False,
) -> Any:
    """A model, itself a denoiser, with encode, decode, condition, generate and invert.

    name_or_path: "scenes", the exact denoiser of the embedded world (no weights; device and dtype of z are respected);
    "scenes-net", the network trained on it, or another training's `scenes-net` folder; a diffusers pipeline as hub id,
    folder (safetensors only, no remote code) or object: Stable Diffusion 1.x or 2.x, or one UNet2DModel or
    DiTTransformer2DModel, of pictures with classes or without (see DiffusersModel); any other callable is a denoiser
    and comes back as it is.
    device: where it runs; dtype: of the network's arithmetic (None: float32, or as the object has it); revision: of the
    hub's repository. check: measure on two photographs whether the network predicts what its scheduler declares, at the
    log-SNRs it declares (`examine`); or PIL images like those it was trained on, for a model of other things than
    photographs; False: no check. compile: the network, for speed (see DiffusersModel.compile); a model without one
    stays as it is. Raises ValueError for anything else, and for a model that fails the check.
    """
    _check_options(dtype, revision, check, compile)
    device = None if device is None else checked_device("device", device)
    model = _load(name_or_path, device, dtype, revision, check)
    return model.compile() if compile and isinstance(model, Network) else model


def _check_options(dtype, revision, check, compile):
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        refuse("dtype", "a floating-point torch.dtype or None", dtype)
    if revision is not None:
        check_text("revision", revision, "a str or None")
    if not isinstance(check, bool | list):
        refuse("check", "True, False or a list of pictures", check)
    if not isinstance(compile, bool):
        refuse("compile", "True or False", compile)


def _load(name_or_path, device, dtype, revision, check):
    if name_or_path == "scenes":
        return ExactScenes().to(device or "cpu")
    if name_or_path == "scenes-net":
        return NetworkScenes(NETWORK, device, dtype)
    pipe = name_or_path
    if isinstance(name_or_path, str | Path):
        folder = Path(name_or_path)
        pipeline = os.path.isfile(folder / "model_index.json")  # False for what cannot be a path, too
        if os.path.isdir(folder / "unet") and not pipeline:
            return NetworkScenes(folder, device, dtype)
        if not pipeline and (os.path.exists(folder) or not re.fullmatch(r"[\w.-]+/[\w.-]+", str(name_or_path))):
            raise ValueError(f"name_or_path must be {ACCEPTED}, got {str(name_or_path)!r}")
        dtype = dtype or torch.float32
        pipe = _from_pretrained(str(name_or_path), dtype, revision)
    elif not callable(pipe):
        raise ValueError(f"name_or_path must be {ACCEPTED}, got {shown(pipe)}")
    elif not _is_pipeline(pipe):
        return pipe
    model = DiffusersModel(pipe, device, dtype)
    if check is not False:
        examine(model, None if check is True else check)
    return model


def _refuse_libraries(config):
    """ValueError for a part of another library than diffusers and transformers: its code would run."""
    parts = {k: v for k, v in config.items() if isinstance(v, list | tuple) and k not in UNUSED and any(v)}
    odd = [f"{name} of {part[0]!r:.60}" for name, part in parts.items() if part[0] not in ("diffusers", "transformers")]
    if odd:
        raise ValueError(f"name_or_path must have parts of diffusers and transformers only, got {', '.join(odd)}")


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
            _refuse_libraries(config)
            refuse_parts(parts)  # before anything large is read
            unused = {k: None for k in UNUSED if k in config}
            if "safety_checker" in config:
                unused["requires_safety_checker"] = False
            options = {"dtype": dtype, "revision": revision, "use_safetensors": True}
            return DiffusionPipeline.from_pretrained(name, **options, **unused)
    except OSError as error:  # not there, not reachable, or no safetensors
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"name_or_path must be {ACCEPTED}, got {name!r}: {reason[0]:.300}") from error


@contextmanager
def _no_bars() -> Iterator[None]:
    """Keep progress bars, and the remark that torchvision does not preprocess pictures, off stderr for a while."""
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
