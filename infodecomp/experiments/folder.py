"""A run's folder: written atomically, by one run at a time, and only if it is new or holds a run of the same origin.

settings.json has the settings, and where the numbers come from (see origin); items.json the ids; records-*.jsonl a
record per item; lock-* are locked while a run is at work, and never deleted.
"""

import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from .origin import versions

AFTERWARDS = ("versions", "resumed")  # not compared as settings are


def save(file: str | Path, text: str) -> None:
    """Write a file so that it is there whole or as it was before."""
    file = Path(file)
    fresh = file.with_name(f".{file.name}.{uuid4().hex}")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def locked(out: str | Path, rank: int = 0) -> Iterator[None]:
    """Hold the folder, created if missing, as process `rank` of a run. ValueError if another process holds it."""
    Path(out).mkdir(parents=True, exist_ok=True)
    with (Path(out) / f"lock-{rank:05d}").open("ab") as file:  # the system lets go of it when the process ends
        try:
            _lock(file.fileno())
        except (BlockingIOError, PermissionError) as error:
            raise ValueError(f"out must be a folder that no other run writes to, {out} is in use") from error
        yield


def _lock(number):
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _json(file: Path, kind: type) -> Any:
    """What a file of the folder holds. ValueError if it is not what save wrote."""
    try:
        found = json.loads(file.read_bytes())
        if not isinstance(found, kind):
            raise ValueError(f"{type(found).__name__}")
    except ValueError as error:
        raise ValueError(f"out must be the folder of a run, {file} is damaged: {error}") from error
    return found


def read_settings(out: str | Path) -> dict:
    """What settings.json holds: "settings", "versions" and the origin. ValueError if it is missing or damaged."""
    file = Path(out) / "settings.json"
    if not file.is_file():
        raise ValueError(f"out must be the folder of a run, got {out}")
    found = _json(file, dict)
    if not isinstance(found.get("settings"), dict) or not isinstance(found.get("versions"), dict):
        raise ValueError(f"out must be the folder of a run, {file} is damaged: no settings and versions")
    return found


def read_items(out: str | Path) -> list[str]:
    """The ids of a run's items. ValueError if they are missing or damaged."""
    file = Path(out) / "items.json"
    if not file.is_file():
        raise ValueError(f"out must be the folder of a run, got {out}")
    found = _json(file, list)
    if not all(isinstance(name, str) for name in found):
        raise ValueError(f"out must be the folder of a run, {file} is damaged: an id is no text")
    return found


def read_records(out: str | Path) -> dict[str, dict]:
    """{id: record} of a run's folder. A half-written line of a killed process is ignored, a damaged one refused."""
    records = {}
    for file in sorted(Path(out).glob("records-*.jsonl")):
        for number, line in enumerate(file.read_bytes().split(b"\n")[:-1], 1):
            try:
                record = json.loads(line)
                if not isinstance(record["id"], str) or len(record) < 2:
                    raise ValueError("no record")
                records[record["id"]] = record
            except (ValueError, KeyError, TypeError) as error:
                message = f"line {number} of {file} is damaged; without that line its item is measured again"
                raise ValueError(message) from error
    return records


def settle(out: str | Path, settings: dict, ids: Sequence[str], origin: dict | None = None) -> str:
    """Begin a run in a new folder, or check that the folder is of this run; nothing is written if it is not.

    Other settings, items or origin: ValueError. Other versions of the packages are allowed, and kept in the folder;
    the text returned says which, or is "".
    """
    out, now = Path(out), json.loads(json.dumps({"settings": settings, "versions": versions()} | (origin or {})))
    if not (out / "settings.json").exists():
        if any(out.glob("records-*.jsonl")):
            raise ValueError(f"out must be a new folder or that of a run, {out} has records without settings.json")
        save(out / "items.json", json.dumps(list(ids)) + "\n")
        save(out / "settings.json", json.dumps(now, indent=1) + "\n")
        return ""
    old = read_settings(out)
    changes = _changes(_flat(old), _flat(now))
    if changes:
        must = "out must be a new folder or one of a run with the same settings"
        raise ValueError(f"{must}: {'; '.join(changes)}")
    if not (out / "items.json").exists():
        save(out / "items.json", json.dumps(list(ids)) + "\n")
    if read_items(out) != list(ids):
        raise ValueError(f"out must be a new folder or one of a run with the same items, {out} has others")
    known = [old["versions"], *old.get("resumed", [])]
    if now["versions"] in known:
        return ""
    save(out / "settings.json", json.dumps(old | {"resumed": [*known[1:], now["versions"]]}, indent=1) + "\n")
    return f"the run goes on with other versions: {'; '.join(_changes(known[-1], now['versions']))}"


def _flat(about):
    """{name: value} of settings and origin, as they are compared."""
    found = {}
    for part, values in about.items():
        if part not in AFTERWARDS:
            inner = values if isinstance(values, dict) else {"": values}
            found |= {key if part == "settings" else f"{part} {key}".strip(): v for key, v in inner.items()}
    return found


def _changes(old, new):
    keys = [key for key in old | new if old.get(key) != new.get(key)]
    return [f"{key} was {old.get(key)!r:.80}, is {new.get(key)!r:.80}" for key in keys]


def plain(value: Any) -> Any:
    """A value for JSON: what is not a number becomes null."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
