"""Numbers for readers: a mean with its standard error, and both as text."""

import math
from typing import Any

from .checks import floats, number, refuse
from .estimates.estimate import Estimate


def mean_and_error(values: Any) -> tuple[float, float]:
    """Mean and standard error of independent values, one per picture (N,), N > 1; of an Estimate its .mean().

    Raises ValueError for values of another shape.
    """
    if isinstance(values, Estimate):
        return values.mean()
    values = floats("values", values, finite=True, mask=True)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"values must be two or more in a row (N,), got shape {tuple(values.shape)}")
    return values.mean().item(), values.std().item() / math.sqrt(len(values))


def pm(values: Any, error: float | None = None, spec: str = ".2f", error_spec: str | None = None) -> str:
    """Mean ± standard error as text: "1.39 ± 0.02"; of what mean_and_error takes, or of a mean and its error.

    spec: how the mean is written ("6.1f", "+.3f"); error_spec: how the error is, None: with as many digits.
    """
    if error is None:
        mean, error = mean_and_error(values)
    else:
        mean, error = number("values", values), number("error", error, 0)
    formats = {"spec": spec, "error_spec": error_spec or "." + str(spec).rpartition(".")[2]}
    for name, form in formats.items():
        try:
            format(error, form)
        except (TypeError, ValueError):
            refuse(name, "how a float is written, such as '.2f'", spec if name == "spec" else error_spec)
    if format(mean, spec) == format(-0.0, spec):  # what rounds to zero has no sign
        mean = 0.0
    return f"{mean:{spec}} ± {error:{formats['error_spec']}}"
