"""What `infodecomp check-data` says of a folder: items, broken ones by reason, masks, and rows beside the authors'."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..datasets import aro, coco, sugarcrepe, tasks, winoground
from ..datasets.differences import compared
from ..datasets.items import Broken, broken_by, one_line

OURS, THEIRS = "coco_it", "COCO-IT.csv"
NAMES = (*tasks.TASKS, OURS)
SPLITS = ("test", "val")


def text(folder: Path, task: str | None = None) -> str:
    """The report on a task, on a CSV file, or on all that is there. ValueError if nothing could be read."""
    if task is not None and task not in NAMES and not task.endswith(".csv"):
        raise ValueError(f"task must be one of {', '.join(NAMES)}, or a CSV file in the folder, got {task!r}")
    names = there(folder) if task is None else [task]
    if not names:
        wanted = ", ".join(tasks.TASKS) + f" or {OURS} (annotations/instances_val2017.json)"
        missing = "" if folder.is_dir() else ", which is a file" if folder.exists() else ", which is not there"
        raise ValueError(f"data must be a folder with the files of {wanted}, got {folder}{missing}")
    lines: list[str] = []
    errors: list[str] = []
    for name in names:
        try:
            lines += _of_coco(folder, name) if name == OURS or name.endswith(".csv") else _of_task(folder, name)
        except ValueError as error:
            errors.append(one_line(error))
    if not lines:
        raise ValueError("; ".join(errors))
    return "\n".join([*lines, *(f"cannot be read: {error}" for error in errors)])


def there(folder: Path) -> list[str]:
    """The tasks of which the folder has a file, and the CSV files beside annotations of COCO."""
    has = {task: any(path.is_file() for path in _splits(folder, task).values()) for task in aro.TASKS}
    has |= {"sugarcrepe": any(path.is_file() for path in sugarcrepe.paths(folder))}
    has |= {"winoground": winoground.file_of(folder).is_file(), OURS: coco.files(folder)[0].is_file()}
    tables = sorted(path.name for path in folder.glob("*.csv") if path.name != THEIRS) if has[OURS] else []
    return [*(name for name, found in has.items() if found), *tables]


def _splits(folder, task):
    """{split: file} of a task of ARO."""
    return {split: aro.file_of(folder, task, split) for split in SPLITS[: 2 if "order" in task else 1]}


def _of_task(folder: Path, task: str) -> Iterator[str]:
    """A line about each split of a task of captions, and about each kind of SugarCrepe."""
    found = [split for split, path in _splits(folder, task).items() if path.is_file()] if task in aro.TASKS else []
    for split in found or ["test"]:
        items = tasks.load(folder, task, split)
        seen: dict = {}
        line, firsts = _counts(f"{task}, {split}" if split != "test" else task, items, seen)
        yield line
        if task == "sugarcrepe":
            groups = {kind: [item for item in items if item.group == kind] for kind in sugarcrepe.KINDS}
            yield from (_counts(f"  {kind}", those, seen)[0] for kind, those in groups.items())
        yield from firsts


def _of_coco(folder: Path, name: str) -> Iterator[str]:
    """Lines about COCO-IT as we make it, or a CSV file, and the two side by side."""
    items = coco.load(folder, name)
    line, firsts = _counts(name, items, {})
    yield line
    covered = [(item, _fault(item.mask)) for item in items if not item.broken]
    masks = Counter(fault and fault.reason for _, fault in covered)
    parts = [f"annotations of {len(coco.pictures(folder)):,} pictures"] if name == OURS else []
    parts += [f"words found in captions: {sum(bool(item.word) for item in items):,}"]
    parts += [f"masks as large as their pictures: {masks.pop(None, 0):,}", *_each(masks)]
    yield "  " + "; ".join(parts)
    yield from dict.fromkeys([*firsts, *_firsts(covered)])
    other = THEIRS if name == OURS else name
    if (folder / other).is_file():
        ours, theirs = coco.load(folder), coco.load(folder, other)
        found = compared(folder, other, ours, theirs)
        odd = _each(Counter(item.broken for item in theirs if item.broken not in (None, "missing image")))
        without = f"{found.elsewhere:,} of pictures without annotations here"
        yield f"  {other}: {len(theirs):,} rows; {'; '.join([without, *odd])}"
        if not found.both + found.there:
            return
        twice = f"; twice there: {found.twice:,}" if found.twice else ""
        yield f"    rows in both: {found.both:,}; only here: {found.here:,}; only there: {found.there:,}{twice}"
        yield f"    captions: {'; '.join(_each(found.captions)) or 'none'}"
        yield f"    contexts where caption and word are the same: {'; '.join(_each(found.contexts)) or 'none'}"


def _counts(name: str, items: list[Any], seen: dict) -> tuple[str, list[str]]:
    """How many items there are, of how many pictures, how many are broken, by reason; and the first ones of these."""
    each = [(item, fault(item, seen)) for item in items]
    reasons = Counter(found.reason for _, found in each if found)
    pictures = {image for item in items for image in getattr(item, "images", None) or [getattr(item, "image", "")]}
    broken = f"{reasons.total():,} broken: {'; '.join(_each(reasons))}" if reasons else "none broken"
    return f"{name}: {len(items):,} items of {len(pictures - {''}):,} pictures, {broken}", _firsts(each)


def _firsts(each: list[tuple[Any, Broken | None]]) -> list[str]:
    """A line about the first item of each reason."""
    found: dict[str, str] = {}
    for item, broken in each:
        if broken:
            found.setdefault(broken.reason, f"    {broken.reason}, first: {item.id}, {one_line(broken.detail, 120)}")
    return list(found.values())


def _each(counts: Counter) -> list[str]:
    """Texts "12 reason", the most frequent first."""
    return [f"{count:,} {reason}" for reason, count in counts.most_common()]


def fault(item: Any, seen: dict) -> Broken | None:
    """Why an item is broken, once its picture was read; `seen` keeps what was read."""
    if item.broken:
        return Broken(item.broken, item.detail)
    key = tuple(getattr(item, name, None) for name in ("image", "images", "box"))
    if key not in seen:
        seen[key] = _fault(item.open)
    return seen[key]


def _fault(read):
    """Why something of an item cannot be read, or None."""
    try:
        read()
    except Exception as error:
        return broken_by(error)
    return None
