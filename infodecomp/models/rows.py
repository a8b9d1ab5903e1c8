"""What is learned of a pipeline's calls: maps of numbers, and how what a network is told grows with the pictures."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils._pytree import tree_leaves


def tensors(tree: Any) -> list[torch.Tensor]:
    """The tensors of a tree of dicts, lists and tuples."""
    return [value for value in tree_leaves(tree) if isinstance(value, torch.Tensor)]


def flat(tree: Any) -> torch.Tensor:
    """All numbers of a tree's tensors, float64 on the CPU."""
    return torch.cat([value.detach().cpu().double().flatten() for value in tensors(tree)])


class Affine:
    """out = factor · in[place] + offset, for the numbers of flattened tensors, found with zeros, ones and bits."""

    def __init__(
        self, name: str, zeros: torch.Tensor, ones: torch.Tensor, bits: list[torch.Tensor], count: int
    ) -> None:
        """bits: what came of the k-th binary digits of 0, 1, …, for each k. ValueError for what is no such map."""
        self.name, self.offset, self.factor = name, zeros, ones - zeros
        digits = [((bit - zeros) / self.factor).round() for bit in bits]
        if not all(bool(digit.isfinite().all()) for digit in digits):
            raise ValueError(self.refusal("some numbers do not depend on it"))
        self.place = torch.stack([digit.long() << k for k, digit in enumerate(digits)]).sum(0)
        if int(self.place.min()) < 0 or int(self.place.max()) >= count:
            raise ValueError(self.refusal("it is no choice of numbers times a factor"))

    def refusal(self, found: str) -> str:
        """The message for a pipeline of which this map cannot be learned."""
        return f"name_or_path must lead to a pipeline that can be replayed; of {self.name}: {found}"

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """The map of values, flattened, float64 on the CPU."""
        return self.factor * values[self.place] + self.offset

    def check(self, given: torch.Tensor, found: torch.Tensor, tolerance: float) -> None:
        """ValueError unless the map of what was given is what was found, to a tolerance relative to the largest."""
        expected = self(given)
        error = (expected - found).abs().max() / expected.abs().max().clamp_min(1e-12)
        if not error <= tolerance:
            raise ValueError(self.refusal(f"it is no choice of numbers times a factor (off by {error:.1g})"))


def axis_of(one: torch.Tensor, two: torch.Tensor) -> int | None:
    """The dimension that is twice as long for two pictures as for one; None if there is none."""
    if one.ndim != two.ndim:
        return None
    return next((i for i, (a, b) in enumerate(zip(one.shape, two.shape, strict=True)) if a and b == 2 * a), None)


def together(one: Any, two: Any, told: Sequence[Any], counts: Sequence[int]) -> Any:
    """What is told of some captions, the k-th of them for counts[k] rows: what grows from `one` to `two` grows."""
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        axis = axis_of(one, two)
        if axis is None:
            return told[0]
        each = zip(told, counts, strict=True)
        parts = [value.repeat(*(n if i == axis else 1 for i in range(value.ndim))) for value, n in each]
        return parts[0] if len(parts) == 1 else torch.cat(parts, axis)
    if isinstance(one, dict):
        return {key: together(one[key], two[key], [value[key] for value in told], counts) for key in one}
    if isinstance(one, list | tuple):
        if len(one) and len(two) == 2 * len(one):
            return type(one)(item for value, n in zip(told, counts, strict=True) for item in list(value) * n)
        inner = (
            together(a, b, [value[i] for value in told], counts) for i, (a, b) in enumerate(zip(one, two, strict=True))
        )
        return type(one)(inner)
    return told[0]


def row(one: Any, two: Any, told: Any, k: int, rows: int) -> Any:
    """What is told of the k-th of some rows: the inverse of `together`."""
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        axis = axis_of(one, two)
        if axis is None:
            return told
        size = told.shape[axis] // rows
        return told.narrow(axis, k * size, size)
    if isinstance(one, dict):
        return {key: row(one[key], two[key], told[key], k, rows) for key in one}
    if isinstance(one, list | tuple):
        if len(one) and len(two) == 2 * len(one):
            size = len(told) // rows
            return told[k * size : (k + 1) * size]
        return type(one)(row(a, b, c, k, rows) for a, b, c in zip(one, two, told, strict=True))
    return told


def constant(one: Any, two: Any, told: Any) -> Any:
    """What must be equal for two captions to be told together: shapes, and all that does not grow; hashable."""
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        grows = axis_of(one, two) is not None
        return tuple(told.shape), None if grows else hash(
            told.detach().cpu().flatten().view(torch.uint8).numpy().tobytes()
        )
    if isinstance(one, dict):
        return tuple((key, constant(one[key], two[key], told[key])) for key in one)
    if isinstance(one, list | tuple):
        if len(one) and len(two) == 2 * len(one):
            return len(told)
        return tuple(constant(a, b, c) for a, b, c in zip(one, two, told, strict=True))
    return repr(told)
