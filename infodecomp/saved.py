"""Results as one safetensors file: tensors as they are, the rest as JSON beside them, a hash of both; no code.

A file holds a tree of numbers, texts, lists, tensors, pictures, proposals and dataclasses. What may be made of it is up
to the reader, who names the dataclasses.
"""

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeAlias

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from .checks import refuse
from .integrate import Logistic, Piecewise, Proposal

KEY, FORMAT = "infodecomp", 1
PACKAGES = ("infodecomp", "torch", "diffusers", "transformers", "numpy", "pillow")
PARTS = {  # what makes a proposal again
    "Logistic": (Logistic, ("loc", "scale", "range", "stratified")),
    "Piecewise": (Piecewise, ("edges", "masses", "stratified")),
}
Path: TypeAlias = str | os.PathLike


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str | None]:
    """{package: version}, and Python's; None for one that is not installed."""
    return {name: _version(name) for name in packages} | {"python": platform.python_version()}


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def describe(model: Any) -> dict[str, str | None]:
    """{"name", "class", "weights"} of a model. weights: a hash of names, shapes and first numbers of its parameters,
    None without any; it is the same on every device, not for every dtype."""
    pipe = getattr(model, "pipe", None)
    name = getattr(model, "name", None) or getattr(pipe, "name_or_path", None) or getattr(model, "folder", None)
    parts = {**vars(model), **getattr(pipe, "components", {})} if hasattr(model, "__dict__") else {}
    modules = {id(m): m for m in (model, *parts.values()) if isinstance(m, torch.nn.Module)}
    named = [pair for m in modules.values() for pair in sorted(m.state_dict().items(), key=lambda pair: pair[0])]
    firsts = [value.detach().flatten()[:8].float() for _, value in named if value.device.type != "meta"]
    found = hashlib.blake2b(repr([(name, tuple(value.shape)) for name, value in named]).encode(), digest_size=16)
    if firsts:
        found.update(torch.cat([first.cpu() for first in firsts]).numpy().tobytes())
    kind = getattr(model, "__name__", type(model).__name__)
    return {"name": str(name) if name else kind, "class": kind, "weights": found.hexdigest() if named else None}


# ------------------------------------------------------------------------------------------------------- writing


def _packed(value, tensors):
    """A value as JSON; its tensors go into `tensors`, equal ones once."""
    if isinstance(value, torch.Tensor):
        return {"tensor": _kept(value, tensors)}
    pictures: Any = sys.modules.get("PIL.Image")  # without it there is none
    if pictures and isinstance(value, pictures.Image):
        return {"picture": _kept(torch.tensor(np.asarray(value.convert("RGB"))), tensors)}
    if isinstance(value, Proposal):
        name = type(value).__name__
        parts = PARTS[name][1] if type(value) in (Logistic, Piecewise) else ("range", "stratified")
        return {"proposal": name, "parts": {part: _packed(getattr(value, part), tensors) for part in parts}}
    if is_dataclass(value):
        inner = {field.name: _packed(getattr(value, field.name), tensors) for field in fields(value)}
        return {"class": type(value).__name__, "fields": inner}
    if isinstance(value, tuple | list):
        return {type(value).__name__: [_packed(part, tensors) for part in value]}
    if isinstance(value, Mapping):
        return {"dict": {str(key): _packed(part, tensors) for key, part in value.items()}}
    return value if isinstance(value, str | bool | int | float) else None  # a picture of a kind of its own


def _bytes(tensor):
    return tensor.flatten().view(torch.uint8).numpy().tobytes()


def _kept(tensor, tensors):
    """The name under which a tensor is among the tensors, a hash of it."""
    tensor = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
    name = hashlib.blake2b(f"{tensor.dtype}, {tuple(tensor.shape)}".encode() + _bytes(tensor), digest_size=16)
    tensors[name.hexdigest()] = tensor
    return name.hexdigest()


def _digest(text, tensors):
    """A hash of the JSON and of all tensors."""
    found = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        found.update(name.encode() + _bytes(tensors[name]))
    return found.hexdigest()


def save(value: Any, path: Path, model: Any = None) -> None:
    """Write a dataclass of results to a path, replacing what was there only when all is written. model: what they are
    of, whose name and hash go into the file. Raises ValueError for what is no path, or none that can be written."""
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        refuse("path", "a file's", path)
    tensors: dict[str, torch.Tensor] = {}
    about = getattr(value, "about", None) or {}  # says the model itself
    header = {"format": FORMAT, "versions": versions(), "model": describe(model) if model is not None else None}
    text = json.dumps({**header, **about, "value": _packed(value, tensors)})
    metadata, unfinished = {KEY: text, "hash": _digest(text, tensors)}, f"{os.fspath(path)}.{os.getpid()}.part"
    try:
        save_file(tensors, unfinished, metadata=metadata)
        os.replace(unfinished, path)
    except Exception as error:
        raise ValueError(f"path must be one to write to, got {os.fspath(path)!r}: {_line(error)}") from error
    finally:
        if os.path.exists(unfinished):
            os.remove(unfinished)


class Saved:
    """What results have: .save(path)."""

    def save(self, path: Path, model: Any = None) -> None:
        """Write all of it to one safetensors file, which infodecomp.load_maps opens. model: whose name and hash go into
        the file; WordMaps know theirs."""
        save(self, path, model)


# ------------------------------------------------------------------------------------------------------- reading


def _line(error):
    return f"{' '.join(str(error).split()) or type(error).__name__:.150}"


def _read(path):
    """The JSON and the tensors of a file; ValueError unless they are as `save` wrote them."""
    if not isinstance(path, str | os.PathLike):
        refuse("path", "a file's", path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()} if KEY in metadata else {}
        if KEY not in metadata:
            raise ValueError("it is of something else")
        if metadata.get("hash") != _digest(metadata[KEY], tensors):
            raise ValueError("it is damaged")
        header = json.loads(metadata[KEY])
        if header["format"] > FORMAT:
            raise ValueError(f"it is of a newer infodecomp, {header['versions']['infodecomp']}")
        return header, tensors
    except MemoryError:
        raise
    except Exception as error:  # of the system, of safetensors, of JSON
        got = f"{os.fspath(path)!r:.200}"
        raise ValueError(f"path must be a file that .save() of a result wrote, got {got}: {_line(error)}") from error


def about(path: Path) -> dict[str, Any]:
    """What a file says of its origin: {"versions", "model", …}. Raises ValueError for other files, and damaged ones."""
    return {key: value for key, value in _read(path)[0].items() if key != "value"}


def read(path: Path, classes: Mapping[str, type]) -> Any:
    """What `save` wrote, tensors on the CPU. classes: {name: a dataclass that it may hold}.

    A proposal of a class of one's own comes back as a Proposal with its range. Raises ValueError for other files,
    damaged ones, and those of a newer version.
    """
    header, tensors = _read(path)
    try:
        found = _made(header["value"], tensors, classes)
        if type(found) not in classes.values():
            raise ValueError(type(found).__name__)
        return found
    except Exception as error:
        got = f"{os.fspath(path)!r:.200}"
        raise ValueError(f"path must lead to one of {', '.join(classes)}, got {got}: {_line(error)}") from error


def _made(packed, tensors, classes):
    """The value that _packed made JSON of."""
    if not isinstance(packed, dict):
        return packed
    inner = lambda parts: {name: _made(part, tensors, classes) for name, part in parts.items()}  # noqa: E731
    if "class" in packed:
        return classes[packed["class"]](**inner(packed["fields"]))
    if "proposal" in packed:
        parts = inner(packed["parts"])
        if packed["proposal"] in PARTS:
            return PARTS[packed["proposal"]][0](**parts)
        return Proposal(*parts["range"], parts["stratified"])
    ((kind, value),) = packed.items()
    if kind == "tensor":
        return tensors[value]
    if kind == "picture":
        from PIL import Image

        return Image.fromarray(tensors[value].numpy())
    if kind == "dict":
        return inner(value)
    return {"list": list, "tuple": tuple}[kind](_made(part, tensors, classes) for part in value)
