"""The tasks of captions by name: ARO's four, SugarCrepe, Winoground."""

from pathlib import Path
from typing import Any

from . import aro, sugarcrepe, winoground

TASKS = (*aro.TASKS, "sugarcrepe", "winoground")


def files(folder: str | Path, task: str, split: str = "test") -> list[Path]:
    """The files of a task, without pictures. ValueError for a task or split that there is not."""
    if task not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)}, got {task!r}")
    if task in aro.TASKS:
        return [aro.file_of(folder, task, split)]
    if split != "test":
        raise ValueError(f"split must be test for {task}, got {split!r}")
    return sugarcrepe.files(folder) if task == "sugarcrepe" else [winoground.file_of(folder)]


def load(folder: str | Path, task: str, split: str = "test") -> list[Any]:
    """The items of a task, each with id, captions, broken and open(). ValueError for files that cannot be read."""
    files(folder, task, split)
    if task in aro.TASKS:
        return aro.load(folder, task, split)
    return sugarcrepe.load(folder) if task == "sugarcrepe" else winoground.load(folder)
