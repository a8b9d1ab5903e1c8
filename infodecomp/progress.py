"""A pass as its user sees it: how far it is, and what it is worth when it is stopped.

Bars are tqdm's. They change no number, and are silent where nobody looks: stderr is no terminal, and no
notebook is open.

A pass over one image takes several calls of the denoiser. Its strata are measured in turns: of each `turns`
neighbouring strata one, chosen at random, is measured in each turn. After any whole turn, what is measured is a
stratified sample on coarser strata, without bias, whatever the denoiser; after all turns it is the whole. Random
numbers belong to draws, not to the order in which they are measured, so the order does not change what comes out.
"""

import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from .checks import refuse

MOST = 8  # turns of a pass over one image
SECONDS = 3.0  # a bar draws itself when more of them remain
WATCHED = ContextVar("WATCHED", default=True)  # whether somebody may look at bars
KEPT = ContextVar("KEPT", default=True)  # whether an interrupted pass gives what it has


@contextmanager
def unattended(bars: bool = False) -> Iterator[None]:
    """Inside, Ctrl-C stops everything instead of giving a part of the numbers; and no bar draws itself, unless `bars`.

    For runs that write records: a part must not pass for the whole.
    """
    tokens = KEPT.set(False), WATCHED.set(bars and WATCHED.get())
    try:
        yield
    finally:
        KEPT.reset(tokens[0])
        WATCHED.reset(tokens[1])


@contextmanager
def dispensable(message: str) -> Iterator[None]:
    """Inside, Ctrl-C ends only this, with a warning; unless no part is wanted (`unattended`)."""
    try:
        yield
    except KeyboardInterrupt:
        if not KEPT.get():
            raise
        warnings.warn(message, stacklevel=5)


# ---------------------------------------------------------------------------------------------------------------- bars


def check(progress: Any) -> None:
    """ValueError unless it is None, True or False."""
    if not (progress is None or isinstance(progress, bool)):
        refuse("progress", "None, True or False", progress)


def watched() -> bool:
    """Whether somebody looks: stderr is a terminal, or a notebook is open (not one that a build executes)."""
    if not WATCHED.get():
        return False
    kernel = getattr(getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)(), "kernel", None)
    if kernel is not None:
        return bool(getattr(kernel, "_allow_stdin", False))  # a build has nobody whom a cell could ask
    return bool(getattr(sys.stderr, "isatty", lambda: False)())


@contextmanager
def bar(total: int, progress: bool | None = None, name: str = "", unit: str = "row") -> Iterator[Callable[[int], None]]:
    """A function step(count) that says how many of `total` units were done since the last call.

    progress: True draws a bar (done of all, rate, time left) on stderr, False none, None one where somebody looks, once
    more than three seconds remain. It is cleared at the end. ValueError for another progress.
    """
    check(progress)
    drawn, done, start = None, 0, time.monotonic()
    shown = watched() and find_spec("tqdm") is not None if progress is None else progress

    def step(count: int) -> None:
        nonlocal drawn, done
        done += count
        left = (time.monotonic() - start) * (total / done - 1)
        if drawn is not None:
            drawn.update(count)
        elif shown and (progress or left > SECONDS):
            drawn = _drawn(total, done, name, unit, start)

    try:
        yield step
    finally:
        if drawn is not None:
            drawn.close()


def _drawn(total, done, name, unit, start):
    from tqdm import tqdm

    drawn = tqdm(
        total=total,
        initial=0,
        desc=name or None,
        unit=unit,
        leave=False,
        smoothing=0,
        file=sys.stderr,
        dynamic_ncols=True,
    )
    drawn.start_t -= time.monotonic() - start  # the rate is that of the whole pass
    drawn.update(done)
    drawn.refresh()
    return drawn


def in_sight(items: Iterable, count: int, progress: bool | None = None, size: int = 1, unit: str = "row") -> Iterator:
    """The items one by one, `count` of them, with a bar (see `bar`) on which each is `size` units."""
    check(progress)
    return _each(items, count, progress, size, unit)


def _each(items, count, progress, size, unit):
    with bar(count * size, progress, unit=unit) as step:
        for item in items:
            yield item
            step(size)


# --------------------------------------------------------------------------------------------------------------- order


def turns(strata: int, each: int, most: int = MOST) -> int:
    """In how many turns the strata of an image are measured, with `each` of them in a call of the denoiser.

    At most `most`, an even number of strata in each, and not so many that calls become small.
    """
    calls = -(-strata // each)
    fitting = (t for t in range(1, min(most, calls) + 1) if strata % (2 * t) == 0)
    return max((t for t in fitting if 2 * t * -(-strata // t // each) <= 3 * calls), default=1)


def blocks(
    count: int, samples: int, rows: int, unit: int = 2, keys: Sequence[Any] | None = None, most: int = MOST
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """(images, draws, measured) of blocks of about `rows` rows, in the order of a pass over `count` images.

    images: a slice; draws (n,): rising numbers of their draws, whole strata of `unit` draws; measured (m,): all draws
    of these images that are measured after the block if they are a stratified sample, else none.
    keys: whole numbers or tuples of them, one for each image, from which the order of its strata follows.
    most: turns.
    """
    images, size, strata = max(1, rows // samples), max(1, rows // unit), -(-samples // unit)
    several = turns(strata, size, most) if samples % unit == 0 else 1
    for first in range(0, count, images):
        order = np.arange(strata).reshape(-1, several)
        if several > 1:
            order = np.random.default_rng(first if keys is None else keys[first]).permuted(order, axis=1)
        some = slice(first, min(first + images, count))
        for turn in range(several):
            part = order[:, turn]
            for piece in np.array_split(part, -(-len(part) // size)):
                last = piece[-1] == part[-1]
                yield some, _draws(piece, unit, samples), _draws(order[:, : last * (turn + 1)], unit, samples)


def _draws(strata, unit, samples):
    """The draws of some strata, rising."""
    draws = (np.sort(strata, axis=None)[:, None] * unit + np.arange(unit)).ravel()
    return draws[draws < samples]


class Walk:
    """The blocks of a pass one by one, and what they are worth so far: a block counts once the next one is asked for.

    sums: objects with integrand (B, samples), total and variance (B, *map), count, the draws that `total` holds, and
    group, how many neighbouring strata share their noise.
    """

    def __init__(self, order: Iterable, sums: Sequence[Any], step: Callable[[int], None]) -> None:
        self.step, self.stopped, self._order, self._sums = step, False, order, sums
        self._whole = 0
        self._part: tuple[torch.Tensor, list] = torch.empty(0), []

    def __iter__(self) -> Iterator[tuple[slice, np.ndarray]]:
        for images, draws, measured in self._order:
            yield images, draws
            if len(measured) == self._sums[0].integrand.shape[1]:
                self._whole = images.stop
            elif len(measured) and not self._whole:
                self._part = torch.from_numpy(measured), [s.total[:1].clone() for s in self._sums]

    def stop(self) -> bool:
        """Whether there is a part that is worth something."""
        self.stopped = bool(self._whole or len(self._part[0]))
        return self.stopped

    def kept(self, logsnr: torch.Tensor, weight: torch.Tensor, unit: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-SNRs and weights (B', n) of what was measured; the sums become those of it. Unchanged if it is all.

        Of complete images all draws; of a first image that is not, one number for each stratum of `unit` draws: the
        mean. Two neighbours are as good as two draws from one coarser stratum: what differs between their places
        makes the error too large rather than too small. The variance of maps is None then.
        """
        if not self.stopped:
            return logsnr, weight
        if self._whole:
            for s in self._sums:
                s.integrand, s.total, s.variance = (v[: self._whole] for v in (s.integrand, s.total, s.variance))
            return logsnr[: self._whole], weight[: self._whole]
        draws, totals = self._part
        mean = lambda values: values[:1, draws.to(values.device)].unflatten(1, (-1, unit)).mean(2)  # noqa: E731
        factor = mean(weight)
        for s, total in zip(self._sums, totals, strict=True):
            s.integrand, s.total = mean(s.integrand * weight) / factor, total
            s.variance, s.count, s.group = None, len(draws), 1
        return mean(logsnr), factor


@contextmanager
def walk(order: Iterable, sums: Sequence[Any], steps: AbstractContextManager, parts: bool) -> Iterator[Walk]:
    """A Walk through the blocks of an order, with the bar `steps`. Ctrl-C ends it, with a warning, if parts are wanted
    here and by the caller (`unattended`), and there is one; else it is a KeyboardInterrupt."""
    samples, count = sums[0].count, len(sums[0].integrand)
    with steps as step:
        walked = Walk(order, sums, step)
        try:
            yield walked
        except KeyboardInterrupt:
            if not (parts and KEPT.get() and walked.stop()):
                raise
    if walked.stopped:
        done = f"{walked._whole} of {count} images" if walked._whole else f"{len(walked._part[0])} of {samples} samples"
        warnings.warn(f"stopped: the estimate is of {done}", stacklevel=6)
