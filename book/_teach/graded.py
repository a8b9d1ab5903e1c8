"""One auto-graded notebook for each session, in the format of nbgrader: from book/teach.yml."""

import textwrap

import nbformat
from nbformat import v4

from . import reading, sheets


def nbgrader_cell(source, name, kind="code", **marks):
    """A cell with nbgrader's marks; grade=True needs points."""
    new = v4.new_code_cell if kind == "code" else v4.new_markdown_cell
    marks = {"grade": False, "solution": False, "locked": True, "task": False} | marks
    marks |= {"grade_id": name, "schema_version": 3}
    return new(source, metadata={"nbgrader": marks})


def function(task, answer="solution"):
    """The function of a task with its solution, between nbgrader's marks, or with the plan's wrong answer."""
    lines = ["### BEGIN SOLUTION", *task[answer].splitlines(), "### END SOLUTION"]
    return task["start"] + textwrap.indent("\n".join(lines), "    ")


def task_cells(task, place):
    """Text, the cell to fill in, and the test of a task."""
    text = f"## {place}. {task['title']}\n\n{reading.plain(task['text'].strip(), '')}"
    yield nbgrader_cell(text, f"text-{place}", "markdown")
    answer = f"answer-{place}"
    yield nbgrader_cell(function(task), answer, solution=True, locked=False)
    yield nbgrader_cell(
        task["test"], f"test-{place}", grade=True, points=task.get("points", 2)
    )


def source(session, place):
    """The teacher's notebook of a session: with solutions, as nbgrader's `source` folder wants it."""
    name = f"Session {place}: {session['title']}"
    install = next(
        c["source"]
        for c in reading.notebook("00-diffusion")
        if c["cell_type"] == "code"
    )
    install = install[: install.index("import matplotlib")]
    intro = f"# {name}\n\nFill in the functions and run all cells: a test that passes gives its points. MIT licence."
    cells = [
        nbgrader_cell(intro, "intro", "markdown"),
        nbgrader_cell(f"{install}{session['graded']['imports']}", "imports"),
    ]
    for k, task in enumerate(session["graded"]["tasks"], 1):
        cells += task_cells(task, k)
    return sheets.finished(cells, name)


def release(notebook):
    """The students' notebook, by nbgrader: solutions cleared, tests locked, checksums computed."""
    from nbgrader.preprocessors import (
        ClearOutput,
        ClearSolutions,
        ComputeChecksums,
        LockCells,
    )

    copy = nbformat.from_dict(notebook)
    for step in (LockCells, ClearSolutions, ClearOutput, ComputeChecksums):
        copy, _ = step().preprocess(copy, {})
    return copy


def write_graded(out):
    """out/graded/source and release, one folder and notebook for each session, as nbgrader names them."""
    for place, session in enumerate(reading.plan()["sessions"], 1):
        own = source(session, place)
        for folder, notebook in (("source", own), ("release", release(own))):
            there = out / "graded" / folder / f"session-{place}"
            there.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, there / f"session-{place}.ipynb")
