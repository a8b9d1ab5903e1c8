"""Docstrings are plain text with names in backticks: shown as they stand, `(N, *shape)` and |α| included."""

import re


def as_written(app, what, name, obj, options, lines):
    """Escape what reStructuredText would take for markup; single backticks become literals."""
    parts = "\n".join(lines).split("`")
    parts[::2] = [re.sub(r"([\\*|_])", r"\\\1", part) for part in parts[::2]]
    lines[:] = "``".join(parts).split("\n")


def setup(app):
    app.connect("autodoc-process-docstring", as_written)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
