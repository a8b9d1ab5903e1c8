"""Sheets of exercises, without and with solutions, as notebooks and as pages."""

import html
import re

import nbformat
from nbconvert import HTMLExporter
from nbformat import v4
from traitlets.config import Config

from . import needs, reading

TEMPLATES = reading.BOOK / "_teach" / "templates"
WORK = "# your work\n"


def title(stem):
    first = reading.notebook(stem)[0]["source"]
    return re.search(r"^# (.+)$", first, re.MULTILINE)[1].strip()


def number(exercise):
    """1.2, from the label ex-01-2."""
    chapter, place = exercise.label.split("-")[-2:]
    return f"{int(chapter)}.{place}"


def heading(exercise):
    minutes = f" · {exercise.minutes} min" if exercise.minutes else ""
    level = f" {exercise.level}" if exercise.level else ""
    return f"## {number(exercise)} {exercise.title}{level}{minutes}"


def with_exercises():
    """{chapter: its exercises}, of the chapters that have any."""
    found = {
        p.stem: reading.exercises(reading.notebook(p.stem)) for p in reading.NOTEBOOKS
    }
    return {stem: exercises for stem, exercises in found.items() if exercises}


def code(source, *tags, outputs=()):
    cell = v4.new_code_cell(source, metadata={"tags": list(tags)} if tags else {})
    cell.outputs = [nbformat.from_dict(output) for output in outputs]
    return cell


def intro(stem, exercises, solved, base):
    minutes = sum(e.minutes or 0 for e in exercises)
    long = f" and about {minutes} minutes" if minutes else ""
    kind = "Solutions" if solved else "Exercises"
    return (
        f"# {kind}: {title(stem)}\n\n{len(exercises)} exercises{long}, from the chapter "
        f"[{title(stem)}]({reading.place(stem, base)}). The notebook of this sheet begins with the chapter's code, "
        "as far as the exercises build on it. Text and code: MIT licence."
    )


def sheet(stem, solved=False, base="", outputs=None):
    """The sheet of a chapter, a notebook. outputs: the chapter's cells as executed, to show what solutions print."""
    cells = reading.notebook(stem)
    exercises = reading.exercises(cells)
    shown = reading.exercises(outputs) if outputs else exercises
    first = next(c["source"] for c in cells if c["cell_type"] == "code")
    new = [
        v4.new_markdown_cell(intro(stem, exercises, solved, base)),
        code(first, "setup"),
    ]
    new += [code(source, "setup") for source in needs.needed_code(cells, exercises)]
    for exercise, done in zip(exercises, shown, strict=True):
        text = f"{heading(exercise)}\n\n{reading.plain(exercise.text, base)}"
        new.append(v4.new_markdown_cell(text))
        new += list(solution(done, base, outputs)) if solved else [code(WORK, "work")]
    return finished(new, new[0].source.splitlines()[0].removeprefix("# "))


def solution(exercise, base, outputs):
    yield v4.new_markdown_cell("**Solution.**")
    for kind, source, cell in exercise.solution:
        if kind == "code":
            yield code(source, outputs=still(cell["outputs"]) if outputs else ())
        elif source:
            yield v4.new_markdown_cell(reading.plain(source, base))


def still(outputs):
    """What is printed and drawn, without widgets."""
    for output in outputs:
        data = output.get("data", {})
        if not any("widget" in kind for kind in data):
            yield output


def finished(cells, name):
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i}"  # the same notebook from the same source
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return v4.new_notebook(
        cells=cells, metadata={"kernelspec": kernel, "title": name}
    )


def page(notebook, template="sheet", exporter=HTMLExporter, **settings):
    """The notebook as HTML that needs ../assets and nothing else; cells tagged `setup` are left out."""
    config = Config(
        {
            "TagRemovePreprocessor": {"enabled": True, "remove_cell_tags": ["setup"]},
            exporter.__name__: {
                "template_name": template,
                "extra_template_basedirs": [str(TEMPLATES)],
                **settings,
            },
        }
    )
    return exporter(config=config).from_notebook_node(notebook)[0]


def write_sheets(out, executed=reading.executed):
    """out/sheets and out/solutions: one notebook and one page for each chapter. Returns [(chapter, exercises)]."""
    repository = f"https://{reading.maintain['address']()}/blob/main/"
    for stem in (found := with_exercises()):
        cells = executed(stem)
        for folder, solved in (("sheets", False), ("solutions", True)):
            there = out / folder
            there.mkdir(parents=True, exist_ok=True)
            own = sheet(stem, solved, repository)
            nbformat.write(own, there / f"{stem}.ipynb")
            html_of = page(sheet(stem, solved, "../../", cells))
            (there / f"{stem}.html").write_text(html_of, encoding="utf-8")
    return found


def listed(heading, items, base="../"):
    """A page that lists links: [(text, [(address, name)])]."""
    rows = "".join(
        f"<tr><td>{text}</td><td>"
        + " · ".join(f'<a href="{at}">{html.escape(name)}</a>' for at, name in links)
        + "</td></tr>"
        for text, links in items
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{heading}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="{base}assets/dist/theme/book.css"></head><body><main class="list">'
        f"<h1>{heading}</h1><table>{rows}</table></main></body></html>"
    )
