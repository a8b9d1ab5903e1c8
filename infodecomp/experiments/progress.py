"""What a run says while it is at work, and what it would cost."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .clusters import pictures_of, stderr
from .runner import measured

Running = tuple[str, Callable[[dict], float], Callable[[list[float], np.ndarray], Any]]


def mean(values: list[float], pictures: np.ndarray) -> str:
    """The mean of values so far, with its standard error over pictures."""
    error = stderr(values, pictures)
    return f"{np.mean(values):.3f}" + (f" ± {error:.3f}" if np.isfinite(error) else "")


def bar(total: int, running: Running) -> Callable[[dict, int], None]:
    """A function progress(record, left) that draws a bar, if stderr is a terminal, with the time left and a figure.

    running: (the figure's name, its value for a record, text for the values so far and the pictures they are of).
    """
    from tqdm import tqdm

    drawn = tqdm(total=total, disable=not sys.stderr.isatty(), unit="item")
    kept: list[dict] = []

    def progress(record, left):
        if "broken" not in record and not drawn.disable:
            kept.append(record)
            text = running[2]([running[1](one) for one in kept], pictures_of(kept))
            drawn.set_postfix_str(f"{running[0]} {text}", refresh=False)
        drawn.update(total - left - drawn.n)
        if not left:
            drawn.close()

    return progress


def estimate(items: Sequence[Any], measure: Callable[[Any], dict], evaluations: Callable[[Any], int]) -> str:
    """Text for --dry-run: the amount of work, and the time it takes judging by one item that is measured now, twice:
    the first time much is made that is needed once."""
    whole = [item for item in items if not item.broken]
    total = sum(map(evaluations, whole))
    lines = [f"{len(items)} items, {len(items) - len(whole)} of them broken; {total:,} evaluations"]
    for item in whole:
        if "broken" in measured(item, measure):
            continue
        start = time.perf_counter()
        measured(item, measure)
        seconds = time.perf_counter() - start
        rate = evaluations(item) / seconds
        lines.append(f"about {total / rate / 3600:#.3g} hours on one process ({rate:.0f} evaluations/s)")
        break
    return "\n".join(lines)
