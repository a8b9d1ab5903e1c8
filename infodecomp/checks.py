"""What arguments must be: ValueErrors of one line that name the argument, what is accepted and what came; and where a
device without float64 has its sums (`home`, `double`, `moved`), which the checks need too."""

import math
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, NoReturn

import torch

LOOK = ContextVar("LOOK", default=True)  # whether checks look at values


@contextmanager
def unseen() -> Iterator[None]:
    """Inside, checks look at kinds and shapes only: the estimators' loops, whose numbers are checked at their ends."""
    token = LOOK.set(False)
    try:
        yield
    finally:
        LOOK.reset(token)


def seen(values: torch.Tensor) -> bool:
    """Whether a check may look at values: outside `unseen`, and where it need not wait for an accelerator."""
    return LOOK.get() and values.device.type == "cpu"


@lru_cache
def home(device: torch.device) -> torch.device:
    """Where numbers of a device are float64, as in all sums: there, or on the CPU where it has none, as mps."""
    try:
        torch.zeros(1, dtype=torch.float64, device=device)
    except (TypeError, RuntimeError):
        return torch.device("cpu")
    return device


def double(values: torch.Tensor) -> torch.Tensor:
    """The values as float64, at home."""
    return values.to(home(values.device)).double()


def moved(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The values on a device, float64 as float32 where it has none."""
    single = values.dtype == torch.float64 and home(device) != device
    return (values.float() if single else values).to(device)


def shown(value: object) -> str:
    """A value in a message: its repr on one line, short; of tensors and arrays kind and shape."""
    if hasattr(value, "shape") and hasattr(value, "dtype") and tuple(value.shape):
        return f"{value.dtype} {tuple(value.shape)}"
    return f"{' '.join(repr(value).split()):.60}"


def refuse(name: str, accepted: str, value: object) -> NoReturn:
    """Raise the ValueError: "name must be …, got …"."""
    raise ValueError(f"{name} must be {accepted}, got {shown(value)}")


def number(name: str, value: Any, low: float = -math.inf, high: float = math.inf, accepted: str = "") -> float:
    """The value as a float. ValueError unless it is one finite number in [low, high]; a bool is none."""
    one = isinstance(value, Real) or (isinstance(value, torch.Tensor) and value.numel() == 1 and not value.is_complex())
    boolean = isinstance(value, bool) or getattr(value, "dtype", None) in (torch.bool, bool)
    if not one or boolean or not math.isfinite(value) or not low <= value <= high:
        inside = "" if low == -math.inf and high == math.inf else f" in [{low:g}, {high:g}]"
        refuse(name, accepted or f"a finite number{inside}", value)
    return float(value)


def positive(name: str, value: Any) -> float:
    """The value as a float. ValueError unless it is a finite number > 0."""
    return number(name, value, 1e-300, accepted="a positive number")


def whole(name: str, value: object, least: int, step: int = 1) -> int:
    """The value as an int. ValueError unless it is a whole number ≥ least, even where step is 2."""
    if not is_whole(value) or value < least or value % step:  # type: ignore[operator]
        refuse(name, f"{'an even' if step == 2 else 'a whole'} number ≥ {least}", value)
    return int(value)  # type: ignore[call-overload]


def pair(name: str, value: Any, accepted: str = "two finite log-SNRs, low < high") -> tuple[float, float]:
    """Two finite numbers, the first one smaller. ValueError for anything else."""
    try:
        low, high = (number(name, end) for end in value)
    except (TypeError, ValueError):
        refuse(name, accepted, value)
    if not low < high:
        refuse(name, accepted, value)
    return low, high


def is_whole(value: object) -> bool:
    """Whether a value is a whole number, numpy's included; a bool is none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def choice(name: str, value: object, accepted: Collection[str]) -> None:
    """ValueError unless the value is one of some names."""
    if not isinstance(value, str) or value not in accepted:
        refuse(name, " or ".join(map(repr, accepted)), value)


def text(name: str, value: object, accepted: str = "a str") -> str:
    """The value; ValueError unless it is a str, without halves of surrogate pairs, which JSON may have."""
    if not isinstance(value, str):
        refuse(name, accepted, value)
    if re.search("[\ud800-\udfff]", value):
        refuse(name, "text without half surrogate pairs", value)
    return value


def floats(name: str, value: Any, finite: bool = False, mask: bool = False) -> torch.Tensor:
    """Numbers of any shape as float64, at home. ValueError for anything else, and for NaN (infinity too, if `finite`).

    mask: True and False are taken as 1 and 0.

    Values are looked at only where they are `seen`.
    """
    try:
        found = torch.as_tensor(value)
        if found.is_complex() or (found.dtype == torch.bool and not mask):
            raise TypeError
    except (TypeError, ValueError, RuntimeError):
        refuse(name, "a number or a tensor of numbers", value)
    found = double(found) if isinstance(value, torch.Tensor) else torch.as_tensor(value, dtype=torch.float64)
    if seen(found) and not bool((found.isfinite() if finite else ~found.isnan()).all()):
        raise ValueError(
            f"{name} must be finite, got NaN or infinity" if finite else f"{name} must not be NaN, got NaN"
        )
    return found


def tensor(name: str, value: Any, ndims: Collection[int]) -> torch.Tensor:
    """Finite numbers as float64 with one of some numbers of dimensions, not empty. ValueError for anything else."""
    found = floats(name, value)
    if found.ndim not in ndims:
        raise ValueError(f"{name} must have {' or '.join(map(str, ndims))} dimensions, got {tuple(found.shape)}")
    if found.numel() == 0:
        raise ValueError(f"{name} must not be empty, got shape {tuple(found.shape)}")
    return floats(name, value, finite=True)


def log_weights(name: str, weights: Any, count: int) -> torch.Tensor:
    """Logarithms of non-negative weights or a boolean mask (…, count), not all zero in any row. ValueError if not."""
    mask = isinstance(weights, torch.Tensor) and weights.dtype == torch.bool
    weights = double(weights) if mask else floats(name, weights)
    if weights.ndim == 0 or weights.shape[-1] != count:
        raise ValueError(f"{name} must end in {count} weights, got shape {tuple(weights.shape)}")
    if not bool((weights >= 0).all() and weights.isfinite().all() and (weights.sum(-1) > 0).all()):
        refuse(name, "finite weights ≥ 0, not all zero in a row", weights.tolist())
    return weights.log()


def on_cpu() -> None:
    """ValueError where tensors of which nobody says where they are go elsewhere: random numbers are of the CPU."""
    found = torch.get_default_device()
    if found.type != "cpu":
        raise ValueError(f"torch's default device must be the CPU (a model has a device of its own), got '{found}'")


def batch(name: str, x: object) -> torch.Tensor:
    """x (B, *shape), detached, half precisions as float32. ValueError unless it is a finite floating-point batch."""
    on_cpu()
    if not isinstance(x, torch.Tensor) or not x.is_floating_point() or x.layout != torch.strided:
        refuse(name, "a dense floating-point tensor", x)
    if x.ndim < 2 or x.numel() == 0:
        raise ValueError(f"{name} must be (B, *shape) with at least one row and one number, got {tuple(x.shape)}")
    rows = x.detach().float() if x.dtype.itemsize < 4 else x.detach()
    if not bool(rows.isfinite().all()):
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return rows


def device(name: str, value: Any) -> torch.device:
    """The torch.device. ValueError for one that is not there."""
    try:
        found = torch.device(value)
        torch.empty(0, device=found)
    except (RuntimeError, TypeError, ValueError, AssertionError, NotImplementedError):
        refuse(name, "a device that is here, such as 'cpu' or 'cuda'", value)
    return found
