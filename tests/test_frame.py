"""The laws of the tree: what every notebook keeps to, and one address of the repository everywhere."""

import copy
import json
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from _teach import counts, reading
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn

import infodecomp as idc
from infodecomp.extras import EXTRA

maintain = runpy.run_path(str(Path(__file__).parents[1] / "book" / "maintain.py"))
ROOT, NOTEBOOKS, ADDRESS = maintain["ROOT"], maintain["NOTEBOOKS"], maintain["address"]()
INSTALL = f"""try:
    import infodecomp as idc
except ModuleNotFoundError:
    %pip install -q "infodecomp[EXTRAS]=={idc.__version__}"
    import infodecomp as idc
"""
FIRST = re.compile(re.escape(INSTALL).replace("EXTRAS", r"([\w,]+)"))


def missing_extras(code, extras):
    """Extras of imported libraries, and of the world of emoji, that the first cell does not install."""
    imported = set(re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE))
    needed = {EXTRA[library] for library in imported & set(EXTRA)}
    needed |= {"emoji"} if re.search(r'load\("emoji"\)|EmojiLab', code) else set()
    return needed - set(extras.split(","))


def complaints(notebook, numbered=True):
    """What a notebook (parsed JSON) does that the house does not want."""
    cells = [(c["cell_type"], "".join(c["source"]), c) for c in notebook["cells"]]
    code = [(source, cell) for kind, source, cell in cells if kind == "code"]
    prose = "\n".join(source for kind, source, _ in cells if kind == "markdown")
    first = FIRST.match(code[0][0])
    if not first:
        yield "the first code cell does not begin by installing the package when it is missing"
    elif absent := missing_extras("\n".join(source for source, _ in code), first[1]):
        yield f"the first code cell does not install the extras {sorted(absent)}"
    for source, cell in code[1:]:
        lines = [line for line in source.splitlines() if line.strip()]
        if len(lines) > 22:
            yield f"{len(lines)} lines in the cell that begins {lines[0]!r}"
        checked = "nbval-check-output" in cell["metadata"].get("tags", [])
        if cell["outputs"] and (not checked or "image/" in json.dumps(cell["outputs"])):
            yield f"an output is stored of the cell that begins {lines[0]!r} (make outputs)"
        drawn = cell["metadata"].get("mystnb", {})
        if ".show()" in source and not (drawn.get("image", {}).get("alt") and drawn.get("figure", {}).get("caption")):
            yield f"a figure without alt text or caption, in the cell that begins {lines[0]!r}"
        only_draws = ".show()" in source and not re.search(r"^(def|class|assert|print)\b", source, re.MULTILINE)
        if only_draws and len(lines) > 4 and "hide-input" not in cell["metadata"].get("tags", []):
            yield f"a cell that only draws is not folded (hide-input), it begins {lines[0]!r}"
    for source, _ in code[1:]:
        if re.search(r"^\s*(import|from) ", source, re.MULTILINE):
            yield f"an import outside the first code cell: {source.splitlines()[0]!r}"
    if re.search(r"!\[\s*\]\(|<img (?![^>]*alt=)", prose):
        yield "a picture without alt text"
    if len(re.findall(r"\{(?:figure|image)\}", prose)) > len(re.findall(r"^:alt: \S", prose, re.MULTILINE)):
        yield "a figure directive without :alt:"
    if numbered:
        yield from exercise_complaints(cells, prose)
        yield from reader_complaints(notebook["cells"], prose)


def exercise_complaints(cells, prose):
    """At least three exercises with folded solutions that run, and no exercise without a solution."""
    exercises = re.findall(r"\{exercise(?:-start)?\}[^\n]*\n(?::.*\n)*?:label: (\S+)", prose)
    folded = set(re.findall(r"\{solution(?:-start)?\} (\S+)\n(?::.*\n)*?:class: dropdown", prose))
    inside, run = None, set()
    for kind, source, _ in cells:
        for start, label in re.findall(r"\{solution-(start|end)\} ?(\S*)", source) if kind == "markdown" else ():
            inside = label if start == "start" else None
        if kind == "code" and inside:
            run.add(inside)
    for label in set(exercises) - folded:
        yield f"exercise {label} has no folded solution"
    if len(folded & run & set(exercises)) < 3:
        yield "fewer than three exercises with folded solutions that run"


def reader_complaints(cells, prose):
    """A box with honest minutes at the top, the owl at the end of the summary, three questions with folded answers."""
    top, *rest = re.split(r"^## ", prose, flags=re.MULTILINE)
    sections = dict(part.partition("\n")[::2] for part in rest)
    box = re.search(r":class: chapter-box\n(.*?)^```", top, re.MULTILINE | re.DOTALL)
    wanted = ("You need", "It takes", "You may skip", "It buys")
    if absent := [part for part in wanted if not box or f"**{part}**" not in box[1]]:
        yield f"the box at the top lacks {absent}"
    given, (_, minutes, *_) = counts.given(cells), counts.counts(cells)
    if given and abs(given - minutes) > 5:
        yield f"the box gives {given} minutes, and python book/teach.py counts makes it {minutes:.0f}"
    if not re.search(r"^\*\*The owl\.\*\* (?:.+\n?)+\s*\Z", sections.get("Summary", ""), re.MULTILINE):
        yield "the summary does not end with a paragraph **The owl.**"
    asked = [
        lines
        for name, _, options, lines in reading.blocks(sections.get("Check yourself", ""))
        if is_question(name, options)
    ]
    folded = [any(block[:2] == ("dropdown", "Answer") for block in reading.blocks("\n".join(lines))) for lines in asked]
    if folded != [True] * 3:
        yield f"## Check yourself has {len(asked)} questions, {sum(folded)} of them with a folded answer, not three"


def is_question(name, options):
    return name == "admonition" and options.get("class") == "tip check"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_keeps_the_laws(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert (
        list(complaints(notebook, numbered=path.stem not in ("00-preface", "00-diffusion") and path.name < "a")) == []
    )


def test_contents_and_notebooks_agree():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = {toc["root"]} | {chapter["file"] for part in toc["parts"] for chapter in part["chapters"]}
    present = {f"book/{path.stem}" for path in [*NOTEBOOKS, *(ROOT / "book").glob("*.md")]}
    assert listed == present


def test_one_address():
    """pyproject.toml says where the repository lives; every other file repeats it."""
    project = ADDRESS.split("/")[2]
    for path in maintain["files"]():
        found = re.findall(rf"github\.com/[\w.-]+/{project}\b", path.read_text(encoding="utf-8"))
        assert set(found) <= {ADDRESS}, path
    for name in ("_config.yml", "CITATION.cff", "README.md"):
        assert ADDRESS in (ROOT / name).read_text(encoding="utf-8"), name


def test_a_chapter_that_fails_fails_the_build_after_the_others_are_cached():
    """Raising would end the build there; the warning does not, and -W makes it fail at its end."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert config["sphinx"]["config"]["nb_execution_raise_on_error"] is False
    assert "build . -n -W --keep-going" in (ROOT / "Makefile").read_text()


def test_a_quick_build_runs_no_long_chapter_but_shows_the_cached_ones_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("INFODECOMP_QUICK", "1")
    quick, connected = runpy.run_path(str(ROOT / "book" / "_ext" / "quick.py")), {}
    assert set(quick["LONG"]) <= {path.stem for path in NOTEBOOKS}
    quick["leave_out"].__globals__["CACHE"] = tmp_path
    app = SimpleNamespace(connect=connected.__setitem__)
    quick["setup"](app)
    path = ROOT / "book" / f"{quick['LONG'][0]}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = count
    get_cache(tmp_path).cache_notebook_bundle(CacheBundleIn(notebook, str(path)), check_validity=False)
    config = SimpleNamespace(nb_execution_excludepatterns=[])
    connected["config-inited"](app, config)
    assert app.left_out == quick["LONG"][1:] and len(config.nb_execution_excludepatterns) == len(app.left_out)
    for name in ("01-channel", quick["LONG"][1]):
        source = [(ROOT / "book" / f"{name}.ipynb").read_text(encoding="utf-8")]
        connected["source-read"](app, f"book/{name}", source)
        assert ("has not executed this chapter" in source[0]) == (name in app.left_out)
        nbformat.validate(nbformat.reads(source[0], as_version=4))


def test_what_a_quick_build_executes_are_the_chapters_that_it_does_not_leave_out():
    maintain = runpy.run_path(str(ROOT / "book" / "maintain.py"))
    long = runpy.run_path(str(ROOT / "book" / "_ext" / "quick.py"))["LONG"]
    both = [{path.stem for path in maintain["chapters"](which)} for which in ("all", "short")]
    assert both[0] - both[1] == set(long) and both[1] < both[0] == {path.stem for path in NOTEBOOKS}
    with pytest.raises(SystemExit, match="expected all or short"):
        maintain["chapters"]("shortt")


# ---- the laws bite ----

FIGURE = {"mystnb": {"image": {"alt": "what is seen"}, "figure": {"caption": "what it says"}}}


def cell(kind, source, metadata=None):
    return {"cell_type": kind, "source": source, "metadata": metadata or {}, "outputs": []}


QUESTION = """````{admonition} Question
:class: tip check

a or b?

```{dropdown} Answer
**a.**
```
````
"""
READER = f"""```{{admonition}} Before you start
:class: chapter-box
**You need** nothing. **It takes** 5 minutes. **You may skip** all. **It buys** the owl.
```

## Summary

All of it.

**The owl.** It sits
there.

## Check yourself

{QUESTION}
{QUESTION}
{QUESTION}"""


def good_notebook():
    first = cell("code", INSTALL.replace("EXTRAS", "diffusers,widget") + "import torch")
    cells = [first, cell("code", "x = 1"), cell("code", "plt.show()", copy.deepcopy(FIGURE))]
    for name in "abc":
        cells += [
            cell("markdown", f"```{{exercise}} Title\n:label: ex-{name}\n\nDo.\n```"),
            cell("markdown", f"```{{solution-start}} ex-{name}\n:class: dropdown\n```"),
            cell("code", "assert True"),
            cell("markdown", "```{solution-end}\n```"),
        ]
    return {"cells": [*cells, cell("markdown", READER)]}


def test_a_good_notebook_passes():
    assert list(complaints(good_notebook())) == []


@pytest.mark.parametrize(
    "index, change",
    [
        (0, {"source": "import torch"}),
        (0, {"source": INSTALL.replace("EXTRAS", "diffusers") + "import matplotlib"}),
        (1, {"source": "\n".join(["x = 1"] * 23)}),
        (1, {"outputs": [{"output_type": "stream", "text": "1"}]}),
        (2, {"outputs": [{"data": {"image/png": ""}}], "metadata": FIGURE | {"tags": ["nbval-check-output"]}}),
        (2, {"metadata": {}}),
        (2, {"source": "import numpy as np"}),
        (2, {"source": "a\nb\nc\nd\nplt.show()"}),
        (3, {"source": "no exercise"}),
        (4, {"source": "```{solution-start} ex-a\n```"}),
        (5, {"cell_type": "markdown"}),
        (3, {"source": "![](picture.png)"}),
    ],
)
def test_a_bad_notebook_is_caught(index, change):
    notebook = good_notebook()
    notebook["cells"][index].update(change)
    assert list(complaints(notebook))


@pytest.mark.parametrize(
    "old, new",
    [
        ("chapter-box", "box"),
        ("**It takes** 5 minutes", "**It takes** 15 minutes"),
        ("**It takes** 5 minutes", "**It takes** 5 minutes, and 10 more with the proof"),
        ("**It takes**", "It takes"),
        ("**You may skip**", "Skip"),
        ("All of it.", "word " * 2000),
        ("**The owl.**", "The owl"),
        ("there.\n", "there.\n\nOne thing more.\n"),
        ("## Summary", "## Where it fails"),
        ("## Check yourself", "## Questions"),
        (QUESTION, ""),
        ("{dropdown} Answer", "{note}"),
    ],
)
def test_a_chapter_without_its_frame_is_caught(old, new):
    notebook = good_notebook()
    assert old in READER
    notebook["cells"][-1]["source"] = READER.replace(old, new, 1)
    assert len(list(complaints(notebook))) == 1
