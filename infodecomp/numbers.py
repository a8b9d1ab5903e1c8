"""Numbers for readers: a mean with its standard error, and both as text."""

import math

import torch

from .estimates.estimate import Estimate


def mean_and_error(values) -> tuple[float, float]:
    """Mean and standard error of values that are independent, one per picture (N,), N > 1; of an Estimate its .mean().

    A tuple is taken for (mean, error) and returned as floats. Raises ValueError for values of another shape.
    """
    if isinstance(values, Estimate):
        return values.mean()
    if isinstance(values, tuple) and len(values) == 2:
        return float(values[0]), float(values[1])
    values = torch.as_tensor(values, dtype=torch.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"values must be two or more in a row (N,), got shape {tuple(values.shape)}")
    return values.mean().item(), values.std().item() / math.sqrt(len(values))


def pm(values, spec: str = ".2f", error_spec: str | None = None) -> str:
    """Mean ± standard error of what mean_and_error takes, as text: "1.39 ± 0.02".

    spec: how the mean is written ("6.1f", "+.3f"); error_spec: how the error is, None: with as many digits.
    """
    mean, error = mean_and_error(values)
    return f"{mean:{spec}} ± {error:{error_spec or '.' + spec.rpartition('.')[2]}}"
