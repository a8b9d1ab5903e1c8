"""One record per item, whoever computes it and however often the run is killed: a table depends on its items alone."""

import hashlib
import json
import os
import platform
from collections import Counter
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from ..datasets.items import Broken

PACKAGES = ("infodecomp", "torch", "diffusers", "transformers", "numpy", "textblob")


def item_seed(seed, item):
    """The seed of an item's noise, from the run's seed and the item's id: the same in whatever order or process."""
    return int.from_bytes(hashlib.blake2b(f"{seed},{item}".encode(), digest_size=4).digest(), "big")


@contextmanager
def processes():
    """(rank, number of processes) under `accelerate launch` or `torchrun`, else (0, 1); all meet again at the end."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield 0, 1
        return
    import torch
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available())
    yield state.process_index, state.num_processes
    state.wait_for_everyone()
    state.destroy_process_group()


def read_records(out):
    """{id: record} of a run's folder. A line that a killed process left half written does not count."""
    records = {}
    for file in sorted(Path(out).glob("records-*.jsonl")):
        for line in file.read_bytes().split(b"\n")[:-1]:
            record = json.loads(line)
            records[record["id"]] = record
    return records


def settle(out, settings):
    """Write a run's settings, with versions, or check that the folder's are the same. ValueError where they differ."""
    file, machine = Path(out) / "settings.json", {name: version(name) for name in PACKAGES}
    machine |= {"python": platform.python_version()}
    if file.exists():
        old = json.loads(file.read_text())
        new = json.loads(json.dumps(settings))
        differing = [key for key in old["settings"] | new if old["settings"].get(key) != new.get(key)]
        if differing:
            changes = "; ".join(f"{k} was {old['settings'].get(k)!r}, is {new.get(k)!r}" for k in differing)
            raise ValueError(f"out must be a new folder or one of a run with the same settings: {changes}")
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps({"settings": settings, "versions": machine}, indent=1) + "\n")
    fresh.replace(file)


def run(out, settings, items, measure, *, rank=0, world=1, progress=lambda record, left: None):
    """Measure what no process has yet measured; items: objects with .id; measure(item) -> dict, or raises Broken.

    Process `rank` of `world` takes every world-th item. Each record is on disk before the next item begins.
    """
    settle(out, settings)
    done, own = read_records(out), Path(out) / f"records-{rank:05d}.jsonl"
    if own.exists():  # cut off what a killed process left half written
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


def in_order(out, ids):
    """The records of ids, in their order, and the ids that have none yet."""
    records = read_records(out)
    return [records[i] for i in ids if i in records], [i for i in ids if i not in records]


def heading(task, records, more=""):
    """Lines of Markdown that begin a task's report: how many items, and how many of them broken, by reason."""
    broken = Counter(r["broken"] for r in records if "broken" in r)
    told = ", ".join(f"{n} broken ({reason})" for reason, n in sorted(broken.items())) or "none broken"
    return [f"## {task}", "", f"{len(records)} items; {told}{more}", ""]


def condensed(records, table):
    """What a record of a run keeps: counts, what was broken, and the numbers of the table."""
    broken = Counter(r["broken"] for r in records if "broken" in r)
    return {"count": len(records), "broken": dict(broken), "table": table}


def hashes(model):
    """{file: sha256} of the weights of a local model, "scenes-net" or a folder; {} for others."""
    from ..scenes.net import NETWORK

    folder = NETWORK if model == "scenes-net" else Path(model)
    files = sorted(folder.rglob("*.safetensors")) if folder.is_dir() else []
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}
