"""Runs that can be interrupted and shared: one record per item, so that a table depends on its items alone."""

import hashlib
import json
import math
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..datasets.items import REASON, Broken, broken_by, one_line
from ..progress import unattended
from .clusters import pictures_of
from .folder import locked, read_records, settle


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


def measured(item: Any, measure: Callable[[Any], dict]) -> dict:
    """The record of an item: {"id", …} as measured, or {"id", "broken": reason, "detail"} whatever the item raised.

    Errors of the machine are raised (see infodecomp.datasets.items.broken_by). A score of NaN makes an item broken.
    """
    try:
        with unattended():  # Ctrl-C ends the run, and no part of an item's numbers is recorded
            record = {"id": item.id} | measure(item)
        where = _nan(record)
        if where:
            raise Broken(REASON, f"{where} is not a number")
        json.dumps(record)  # or it could not be written
        return record
    except Exception as error:
        broken = broken_by(error)
        return {"id": item.id, "broken": broken.reason, "detail": broken.detail}


def _nan(value, name=""):
    """The name of a NaN inside a record, or ""."""
    if isinstance(value, float) and math.isnan(value):
        return name
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next((found for key, part in inner if (found := _nan(part, f"{name} {key}".strip()))), "")


def run(
    out: str | Path,
    settings: dict,
    items: Sequence[Any],
    measure: Callable[[Any], dict],
    *,
    rank: int = 0,
    world: int = 1,
    progress: Callable[[dict, int], None] = lambda record, left: None,
    origin: dict | None = None,
    strict: bool = False,
) -> None:
    """Measure the items that have no record yet; items: objects with .id; measure(item) -> dict, or raises.

    Process `rank` of `world` takes every world-th item. Each record is on disk before the next item begins. An item
    that raises gets a record that says so (see `measured`); strict: ValueError at the first such item instead. origin:
    where the numbers come from; see folder.settle for what is compared with an earlier run in the folder.
    """
    ids = [item.id for item in items]
    if len(set(ids)) < len(ids):
        raise ValueError(f"items must have ids of their own, got {Counter(ids).most_common(1)[0][0]!r} twice")
    with locked(out, rank):
        changed = settle(out, settings, ids, origin)
        if changed and rank == 0:
            print(f"warning: {changed}", file=sys.stderr)
        done, own = read_records(out), Path(out) / f"records-{rank:05d}.jsonl"
        _mend(own)
        left = sum(item.id not in done for item in items[rank::world])
        with own.open("ab") as file:
            for item in items[rank::world]:
                record = done.get(item.id) or measured(item, measure)
                if strict and "broken" in record:
                    raise ValueError(f"{item.id} is broken: {record['broken']}: {record['detail']}")
                if item.id not in done:
                    file.write(json.dumps(record).encode() + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                    left -= 1
                    progress(record, left)


def _mend(file):
    """Cut off a half-written line of a killed process."""
    if file.exists():
        whole = file.read_bytes()
        with file.open("r+b") as opened:
            opened.truncate(whole.rfind(b"\n") + 1)


def in_order(out: str | Path, ids: list[str]) -> tuple[list[dict], list[str]]:
    """The records of ids, in their order, and the ids that have none yet."""
    records = read_records(out)
    return [records[i] for i in ids if i in records], [i for i in ids if i not in records]


def _broken(records):
    return Counter(record["broken"] for record in records if "broken" in record)


def _pictures(records):
    """How many pictures the records that are not broken are of."""
    return len(set(pictures_of([record for record in records if "broken" not in record]).tolist()))


def heading(task: str, records: list[dict], more: str = "") -> list[str]:
    """Lines of Markdown that begin a report: how many items, how many of them broken, by reason, and the first ones."""
    broken, pictures = _broken(records), _pictures(records)
    counts = [f"{count} broken ({reason})" for reason, count in sorted(broken.items())]
    lines = [f"## {task}", "", f"{len(records)} items; {', '.join(counts) or 'none broken'}{more}", ""]
    for reason in sorted(broken):
        first = next(record for record in records if record.get("broken") == reason)
        lines.append(f"- {reason}, first: {first['id']}, {one_line(first.get('detail', ''), 120)}")
    lines += [""] if broken else []
    if pictures < len(records) - broken.total():
        units = "1 picture" if pictures == 1 else f"{pictures} pictures"
        lines += [f"Of {units}; intervals and standard errors take these, not items, as independent.", ""]
    return lines


def condensed(records: list[dict], table: dict, missing: int = 0) -> dict:
    """The part of a run that its record keeps: counts, also of broken items by reason, and the table's numbers.

    missing: items without a record.
    """
    counts = {"count": len(records), "missing": missing, "pictures": _pictures(records)}
    return counts | {"broken": dict(_broken(records)), "table": table}
