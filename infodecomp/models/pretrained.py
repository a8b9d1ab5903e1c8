"""Pipelines from the hub, from folders and from single files: safetensors only, and no code but the libraries' own."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import torch

from ..checks import shown
from .diffusers import refuse as refuse_parts
from .kinds import marks, refuse_distilled

UNUSED = "safety_checker", "feature_extractor"  # parts of a pipeline
LIBRARIES = "diffusers", "transformers"
ACCEPTED = "'scenes', 'scenes-net', a folder, a hub id 'owner/name', a file, a diffusers pipeline or a denoiser"
SINGLE = ".safetensors"  # what single files end in
ADDRESS = r"https://(huggingface\.co|hf\.co)/\S+"
MOVED = {f"stabilityai/stable-diffusion-2{end}" for end in ("", "-base", "-1", "-1-base", "-depth", "-inpainting")}
MOVED_TO = "sd2-community"


def is_single(name: str) -> bool:
    """Whether a name leads to one file of weights: on this machine or on the hub."""
    return name.endswith(SINGLE) and (Path(name).is_file() or bool(re.fullmatch(ADDRESS, name)))


def from_pretrained(
    name: str,
    dtype: torch.dtype,
    *,
    vae_dtype: torch.dtype | None = None,
    revision: str | None = None,
    variant: str | None = None,
    guidance: float | None = None,
    check: bool = True,
) -> Any:
    """A pipeline of diffusers. dtype: of its parts; vae_dtype: of its VAE, if another; variant: of its weights' files
    (None: fp16 for float16 where there is one, else without).

    ValueError for what is not there, is no safetensors, has parts of other libraries, or is of a kind that is not
    supported, or, if `check`, distilled; all that is known without weights is said before these are read.
    """
    try:
        with no_bars():
            if is_single(name):
                return _from_single_file(name, dtype, vae_dtype, revision, variant)
            online = Path(name).is_dir() or _online(name, revision)
            config = _json(name, "model_index.json", revision)
            _refuse_early(name, config, revision, guidance, check)
            return _from_folder(name, config, dtype, vae_dtype, variant, {"revision": revision} | online_only(online))
    except OSError as error:  # not there, not reachable, or no safetensors
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"name_or_path must be {ACCEPTED}, got {name!r}: {reason[0]:.300}{_hint(name)}") from error


def online_only(online: bool) -> dict:
    """Options of from_pretrained with or without network: without, nothing waits for it."""
    return {} if online else {"local_files_only": True}


def _hint(name):
    """Where a model is today that was deleted where papers say it is."""
    if name not in MOVED:
        return ""
    return f" (it was deleted there; {MOVED_TO}/{name.split('/')[1]} has it)"


def hub_answers() -> bool:
    """Whether the hub answers; asked before a model is, since its own client tries for half a minute a file."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=10).close()
    except HTTPError:  # an answer all the same
        return True
    except (URLError, OSError, ValueError):
        return False
    return True


def _online(name, revision):
    """Whether the hub answers. OSError if it does not, and nothing of the model is on this machine."""
    from huggingface_hub import try_to_load_from_cache

    online = hub_answers()
    if not online and not isinstance(try_to_load_from_cache(name, "model_index.json", revision=revision), str):
        raise OSError("the hub does not answer, and the model is not on this machine")
    return online


def _json(name, file, revision):
    """A file of a pipeline's folder or repository, JSON. OSError if it is not there."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    path = Path(name) / file
    if not Path(name).is_dir():
        cached = try_to_load_from_cache(name, file, revision=revision)
        path = Path(cached) if isinstance(cached, str) else Path(hf_hub_download(name, file, revision=revision))
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise OSError(f"{file} holds {shown(found)}")
    return found


def _refuse_early(name, config, revision, guidance, check):
    """ValueError for a pipeline that its configuration says is not supported."""
    parts = {k: v[1] for k, v in config.items() if isinstance(v, list | tuple) and len(v) == 2 and v[1]}
    refuse_libraries(config)
    if not any("tokenizer" in part or "text_encoder" in part for part in parts):
        refuse_parts(parts)
        return
    if "vae" not in parts or not {"unet", "transformer"} & set(parts):
        raise ValueError(
            f"name_or_path must lead to a pipeline of a network and a VAE, got {config.get('_class_name')}"
            f" of {', '.join(parts)}"
        )
    net = _json(name, f"{'unet' if 'unet' in parts else 'transformer'}/config.json", revision)
    refuse_distilled(marks(config, parts.get("scheduler", ""), net), guidance, check)


def refuse_libraries(config: dict) -> None:
    """ValueError for a part of another library than diffusers and transformers: its code would run."""
    parts = {k: v for k, v in config.items() if isinstance(v, list | tuple) and k not in UNUSED and any(v)}
    odd = [f"{name} of {part[0]!r:.60}" for name, part in parts.items() if part[0] not in LIBRARIES]
    if odd:
        raise ValueError(f"name_or_path must have parts of diffusers and transformers only, got {', '.join(odd)}")


def _dtypes(dtype, vae_dtype=None):
    """The option of diffusers that says in which precision weights are read; it was renamed in 0.39."""
    name = "dtype" if tuple(map(int, version("diffusers").split(".")[:2])) >= (0, 39) else "torch_dtype"
    return {name: dtype if vae_dtype in (None, dtype) else {"default": dtype, "vae": vae_dtype}}


def _from_folder(name, config, dtype, vae_dtype, variant, options):
    from diffusers import DiffusionPipeline

    unused: dict[str, Any] = {k: None for k in UNUSED if k in config}
    if "safety_checker" in config:
        unused["requires_safety_checker"] = False
    options = {"use_safetensors": True} | _dtypes(dtype, vae_dtype) | options | unused
    half = variant is None and dtype == torch.float16
    for one in ("fp16", None) if half else (variant,):
        try:
            return DiffusionPipeline.from_pretrained(name, **options, **({} if one is None else {"variant": one}))
        except (OSError, ValueError) as error:  # perhaps there is no such variant
            if one is None or not half:
                raise OSError(str(error)) from error


def _from_single_file(name, dtype, vae_dtype, revision, variant):
    """A pipeline of one file: its class is that of the model whose weights it has. Its configuration is the hub's."""
    import diffusers
    from diffusers.loaders import single_file_utils

    if variant is not None:
        raise ValueError(f"variant must come with a folder or a hub id, got {variant!r} and a single file")
    weights = single_file_utils.load_single_file_checkpoint(name, revision=revision)
    known = single_file_utils.fetch_diffusers_config(weights)["pretrained_model_name_or_path"]
    del weights
    _online(known, None)
    kind = getattr(diffusers, _json(known, "model_index.json", None)["_class_name"])
    pipe = kind.from_single_file(name, **_dtypes(dtype), **({} if revision is None else {"revision": revision}))
    if vae_dtype not in (None, dtype):
        torch.nn.Module.to(pipe.vae, dtype=vae_dtype)
    return pipe


@contextmanager
def no_bars() -> Iterator[None]:
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
