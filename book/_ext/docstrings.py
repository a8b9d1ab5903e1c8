"""Docstrings are plain text with names in backticks: shown as they stand, `(N, *shape)` and |α| included.

What they say of an argument ("samples: draws per image.") becomes an item of a list, what they return and raise too.
"""

import inspect
import re

SENTENCE = r"(?:^|(?<=[.;)`\"] ))"


def as_written(text):
    """Escape what reStructuredText would take for markup; single backticks become literals."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\*|_])", r"\\\1", part) for part in parts[::2]]
    return "``".join(parts)


def names_of(obj):
    """Names of a callable's arguments, longest first."""
    try:
        found = set(inspect.signature(obj).parameters) - {"self", "args", "kwargs"}
    except (TypeError, ValueError):
        return []
    return sorted(found, key=len, reverse=True)


def arguments(paragraph, names):
    """(rest, [(argument, what is said of it)]) of a paragraph."""
    one = "|".join(map(re.escape, names))
    starts = rf"{SENTENCE}((?:{one})(?:(?:,| and) (?:{one}))*)(?::| (?=[(\"]))"
    marks = [*re.finditer(starts, paragraph)] if names else []
    cuts = [m.start() for m in marks] + [len(paragraph)]
    said = []
    for mark, stop in zip(marks, cuts[1:], strict=True):
        said.append((mark[1], paragraph[mark.end() : stop].strip(" ;")))
    return paragraph[: cuts[0]].strip(), said


def listed(text, names):
    """A docstring's paragraphs, then its arguments, what it returns and what it raises, as a list of fields."""
    kept, said, ends = [], [], {}
    for paragraph in re.split(r"\n\s*\n", text):
        flat = " ".join(paragraph.split())
        while found := re.search(
            rf"{SENTENCE}(Returns|Raises) .*?\.(?= [A-Z]|$)", flat
        ):
            ends[found[1]] = as_written(found[0].split(" ", 1)[1])
            flat = f"{flat[: found.start()].strip()} {flat[found.end() :].strip()}"
        rest, some = arguments(flat.strip(), names)
        kept += [as_written(rest), ""] if rest else []
        said += some
    fields = [
        f"    - **{as_written(name)}** – {as_written(about)}" for name, about in said
    ]
    fields = [":Parameters:", *fields] if fields else []
    return [
        *kept,
        *fields,
        *(f":{name}: {about}" for name, about in sorted(ends.items(), reverse=True)),
        "",
    ]


def docstring(app, what, name, obj, options, lines):
    names = names_of(obj) if what in ("function", "method", "class") else []
    lines[:] = listed("\n".join(lines), names)


def setup(app):
    app.connect("autodoc-process-docstring", docstring)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
