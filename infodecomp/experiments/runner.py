"""Runs that can be interrupted and shared: one record per item, so that a table depends on its items alone."""

import hashlib
import json
import os
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..datasets.items import Broken
from ..scenes import net

PACKAGES = ("infodecomp", "torch", "diffusers", "transformers", "numpy", "textblob")


def item_seed(seed: int, item: str) -> int:
    """The seed of an item's noise, from the run's seed and the item's id; order and process do not matter."""
    return int.from_bytes(hashlib.blake2b(f"{seed},{item}".encode(), digest_size=4).digest(), "big")


@contextmanager
def processes() -> Iterator[tuple[int, int]]:
    """(rank, number of processes) under `accelerate launch` or `torchrun`, else (0, 1); at the end all wait for all."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield 0, 1
        return
    import torch
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available())
    yield state.process_index, state.num_processes
    state.wait_for_everyone()
    state.destroy_process_group()


def read_records(out: str | Path) -> dict[str, dict]:
    """{id: record} of a run's folder. A half-written line of a killed process is ignored."""
    records = {}
    for file in sorted(Path(out).glob("records-*.jsonl")):
        for line in file.read_bytes().split(b"\n")[:-1]:
            record = json.loads(line)
            records[record["id"]] = record
    return records


def settle(out: str | Path, settings: dict) -> None:
    """Write a run's settings, with versions, or check that the folder has the same. ValueError if they differ."""
    file, machine = Path(out) / "settings.json", {name: version(name) for name in PACKAGES}
    machine |= {"python": platform.python_version()}
    if file.exists():
        old = json.loads(file.read_text())
        new = json.loads(json.dumps(settings))
        differing = [key for key in old["settings"] | new if old["settings"].get(key) != new.get(key)]
        if differing:
            changes = "; ".join(f"{key} was {old['settings'].get(key)!r}, is {new.get(key)!r}" for key in differing)
            raise ValueError(f"out must be a new folder or one of a run with the same settings: {changes}")
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps({"settings": settings, "versions": machine}, indent=1) + "\n")
    fresh.replace(file)


def run(
    out: str | Path,
    settings: dict,
    items: Sequence[Any],
    measure: Callable[[Any], dict],
    *,
    rank: int = 0,
    world: int = 1,
    progress: Callable[[dict, int], None] = lambda record, left: None,
) -> None:
    """Measure the items that have no record yet; items: objects with .id; measure(item) -> dict, or raises Broken.

    Process `rank` of `world` takes every world-th item. Each record is on disk before the next item begins.
    """
    settle(out, settings)
    done, own = read_records(out), Path(out) / f"records-{rank:05d}.jsonl"
    if own.exists():  # cut off a half-written line of a killed process
        whole = own.read_bytes()
        with own.open("r+b") as file:
            file.truncate(whole.rfind(b"\n") + 1)
    mine = [item for item in items[rank::world] if item.id not in done]
    with own.open("ab") as file:
        for k, item in enumerate(mine):
            try:
                record = {"id": item.id} | measure(item)
            except Broken as error:
                record = {"id": item.id, "broken": error.reason, "detail": error.detail}
            file.write(json.dumps(record).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            progress(record, len(mine) - k - 1)


def in_order(out: str | Path, ids: list[str]) -> tuple[list[dict], list[str]]:
    """The records of ids, in their order, and the ids that have none yet."""
    records = read_records(out)
    return [records[i] for i in ids if i in records], [i for i in ids if i not in records]


def _broken(records):
    return Counter(record["broken"] for record in records if "broken" in record)


def heading(task: str, records: list[dict], more: str = "") -> list[str]:
    """Lines of Markdown that begin a task's report: how many items, and how many of them broken, by reason."""
    counts = [f"{count} broken ({reason})" for reason, count in sorted(_broken(records).items())]
    return [f"## {task}", "", f"{len(records)} items; {', '.join(counts) or 'none broken'}{more}", ""]


def condensed(records: list[dict], table: dict) -> dict:
    """The part of a run that its record keeps: counts, also of broken items by reason, and the table's numbers."""
    return {"count": len(records), "broken": dict(_broken(records)), "table": table}


def hashes(model: str) -> dict[str, str]:
    """{file: sha256} of the weights of a local model, "scenes-net" or a folder; {} for others."""
    folder = net.NETWORK if model == "scenes-net" else Path(model)
    return net.hashes(folder) if folder.is_dir() else {}
