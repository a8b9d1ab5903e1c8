"""Statistics of items of which a picture may have several: pictures are independent, items of one picture are not.

`pictures` (n,) numbers the picture of each item. Where each item has its own, these are the usual formulas.
"""

from collections.abc import Iterator, Sequence

import numpy as np


def pictures_of(records: Sequence[dict]) -> np.ndarray:
    """(n,) the number of each record's picture, in order of appearance; a record without "image" has its own."""
    numbers: dict[str, int] = {}
    each = [f"image {r['image']}" if r.get("image") else f"item {r['id']}" for r in records]
    return np.array([numbers.setdefault(name, len(numbers)) for name in each], dtype=int)


def sums(values: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """The sum of the values of each picture."""
    return np.bincount(pictures, weights=values)


def stderr(values: Sequence[float] | np.ndarray, pictures: np.ndarray) -> float:
    """Standard error of the mean of all items, robust to dependence in a picture; NaN for fewer than two pictures."""
    each = np.asarray(values, dtype=float)
    count = len(np.unique(pictures))
    if count < 2:
        return float("nan")
    if count == len(each):
        return float(each.std(ddof=1) / count**0.5)
    off = sums(each - each.mean(), pictures)
    return float((off @ off * count / (count - 1)) ** 0.5 / len(each))


def independent(values: Sequence[float] | np.ndarray, pictures: np.ndarray) -> float:
    """As many independent items would have the standard error of these: at least 1, at most their number.

    Where all agree there is nothing to estimate; then items of a picture count as if they were one (Kish 1965).
    """
    count, error = len(values), stderr(values, pictures)
    sizes = np.bincount(pictures)
    if len(sizes) == count:
        return count
    if not error > 0:  # one picture, or no spread
        return count**2 / float(sizes @ sizes)
    spread = float(np.var(values)) * len(sizes) / (len(sizes) - 1)
    return min(count, max(1.0, spread / error**2))


def resampled(pictures: np.ndarray, repeats: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Bootstrap: indices of the items of pictures drawn with replacement, as many pictures as there are."""
    members = [np.flatnonzero(pictures == k) for k in range(pictures.max() + 1)]
    for drawn in random.integers(0, len(members), (repeats, len(members))):
        yield np.concatenate([members[k] for k in drawn])
