"""The course: sheets without solutions, graded notebooks that grade, slides without network, names that exist."""

import base64
import copy
import io
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import teach
import torch
from _teach import counts, figures, graded, graph, needs, printed, reading, sheets, slides, widgets
from bs4 import BeautifulSoup
from PIL import Image

import infodecomp as idc
from infodecomp import scenes
from infodecomp.scenes import grammar

ROOT = Path(__file__).parents[1]
SHEETS = sheets.with_exercises()
SESSIONS = reading.plan()["sessions"]
TEACH = (ROOT / "book" / "teach.md").read_text(encoding="utf-8")


# ---- exercises and their sheets ----


def text_of(notebook):
    return "\n".join(cell.source for cell in notebook.cells)


def test_every_exercise_is_on_one_sheet():
    on_sheets = [e.label for found in SHEETS.values() for e in found]
    in_book = re.findall(r":label: (ex-[\w-]+)", "".join(p.read_text(encoding="utf-8") for p in reading.NOTEBOOKS))
    assert sorted(on_sheets) == sorted(in_book) and len(set(on_sheets)) == len(on_sheets) >= 67
    for stem, found in SHEETS.items():
        whole = text_of(sheets.sheet(stem))
        shown = re.findall(r"^## (\S+) ", whole, re.MULTILINE)
        assert shown == [f"{int(stem[:2])}.{place}" for place in range(1, len(found) + 1)], stem


@pytest.mark.parametrize("stem", SHEETS)
def test_sheets_hold_no_solution(stem):
    """Neither paragraphs nor lines of code; a line that the chapter has elsewhere too is no solution."""
    whole, solved = text_of(sheets.sheet(stem)), text_of(sheets.sheet(stem, solved=True))
    chapter = "\n".join(needs.needed_code(reading.notebook(stem), SHEETS[stem]))
    for exercise in SHEETS[stem]:
        assert any(source.strip() for _, source, _ in exercise.solution), exercise.label
        for kind, source, _ in exercise.solution:
            lines = source.splitlines() if kind == "code" else [reading.plain(source, "")]
            for line in filter(None, (line.strip() for line in lines)):
                assert line in solved
                assert len(line) <= 25 or line in chapter or line not in whole, (exercise.label, line)


def test_sheets_hold_the_code_they_need(tmp_path):
    """No solution uses a name that its sheet does not make, and no sheet holds the whole chapter."""
    for stem, found in SHEETS.items():
        notebook = sheets.sheet(stem, solved=True)
        code = [c.source.replace("%pip", "import pip  #") for c in notebook.cells if c.cell_type == "code"]
        (tmp_path / f"{stem}.py").write_text("\n\n".join(code), encoding="utf-8")
        chapter = [c for c in reading.notebook(stem) if c["cell_type"] == "code"]
        assert len(needs.needed_code(chapter, found)) < len(chapter) - 1
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", str(tmp_path)]
    result = subprocess.run(ruff, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_needed_code_follows_functions_and_changes():
    code = [
        "import x",
        "a = 1",
        "b = a",
        "def f():\n    return late",
        "late = []",
        "late.append(b)",
        "other = 2",
        "print(f())",
    ]
    cells = [{"cell_type": "code", "source": source} for source in code]
    exercise = reading.Exercise("ex-00-1", "t", "", solution=[("code", "print(f())", cells[-1])])
    assert needs.needed_code(cells, [exercise]) == code[1:6]


def test_sheets_are_plain_markdown():
    for stem in SHEETS:
        for solved in (False, True):
            notebook = sheets.sheet(stem, solved, "../../")
            prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
            assert not re.search(r"\{[\w:]+\}`|^`{3,}\{|^:label:|\.ipynb\)", prose, re.MULTILINE), stem


def test_sheets_call_things_by_their_numbers():
    """As the site does: the third equation of chapter 2 is (2.3), whatever its label."""
    equations = re.findall(r"^:label: (eq-02-\S+)", "\n".join(c["source"] for c in reading.notebook("02-i-mmse")), re.M)
    assert [reading.labels()[label][1] for label in equations] == [f"(2.{k})" for k in range(1, len(equations) + 1)]
    third = f"[(2.3)](../../book/02-i-mmse.html#equation-{equations[2]})"
    assert third in text_of(sheets.sheet("02-i-mmse", True, "../../"))
    assert "[exercise 5.3](" in text_of(sheets.sheet("05-pointwise", base="../../"))


def test_marks_are_read_and_shown():
    cell = {"cell_type": "markdown", "source": "````{exercise} A title ★★ · 15 min\n:label: ex-03-2\n\nDo.\n````"}
    (exercise,) = reading.exercises([cell])
    assert (exercise.title, exercise.level, exercise.minutes) == ("A title", "★★", 15)
    assert sheets.heading(exercise) == "## 3.2 A title ★★ · 15 min"
    bare = copy.deepcopy(cell)
    bare["source"] = bare["source"].replace(" ★★ · 15 min", "")
    assert sheets.heading(reading.exercises([bare])[0]) == "## 3.2 A title"


def test_every_exercise_has_level_and_minutes():
    assert [e.label for found in SHEETS.values() for e in found if not (e.level and e.minutes)] == []


def test_a_mark_is_whole():
    """No title with a star or minutes that is not read as level and minutes."""
    assert [e.title for found in SHEETS.values() for e in found if re.search(r"★|\d min", e.title)] == []


# ---- the plan ----


def read_of(session):
    return re.findall(r"\(([\w-]+)\.ipynb\)", session["read"])


def test_names_of_the_plan_exist():
    known = reading.labels()
    for session in SESSIONS:
        for slide in session["slides"]:
            assert slide.get("figure", "fig-01-cat") in slides.alts(), slide
            assert known[slide.get("equation", "eq-01-channel")][2], slide
            assert not set(slide) - {"title", "text", "figure", "equation", "notes"}
        assert len(slides.homework(session)) >= 3
        assert {*session["chapters"], *read_of(session)} <= {path.stem for path in reading.NOTEBOOKS}
        assert set(read_of(session)) <= set(session["chapters"])


def test_labels_of_the_page_exist():
    named = set(re.findall(r"\{(?:ref|numref|eq|prf:ref)\}`([^`]+)`", TEACH))
    assert len(named) > 40 and named <= set(reading.labels())


def test_every_chapter_is_in_the_graph():
    stems = {p.stem for p in reading.NOTEBOOKS}
    numbered = {stem for stem in stems if re.match(r"\d\d", stem)} - {"00-preface"}
    assert set(reading.plan()["chapters"]) == numbered
    assert (ROOT / "book" / "_static" / "chapters.svg").read_text(encoding="utf-8") == graph.svg()


def test_the_graph_says_what_the_boxes_say():
    """A box names all that an arrow comes from, and nothing that no way of arrows leads from."""
    needs = {chapter: about.get("needs", []) for chapter, about in reading.plan()["chapters"].items()}

    def before(chapter):
        return set(needs[chapter]).union(*map(before, needs[chapter]))

    for chapter in needs:
        box = re.search(r"\*\*You need\*\*(.*?)\*\*It takes", reading.notebook(chapter)[0]["source"], re.DOTALL)[1]
        named = set(re.findall(r"\]\(([\w-]+)\.ipynb", re.sub(r"\([^()]*\([^()]*\)[^()]*is used\.\)", "", box)))
        assert set(needs[chapter]) <= named <= before(chapter), chapter


def test_a_circle_in_the_graph_is_found():
    with pytest.raises(ValueError, match="circle"):
        graph.levels({"a": ["b"], "b": ["a"]})


def test_sessions_last_ninety_minutes_and_agree_with_the_plan():
    titles = re.findall(r"^### \d\. (.+)$", TEACH, re.MULTILINE)
    assert titles == [session["title"] for session in SESSIONS]
    for part in re.split(r"^### \d\. ", TEACH, flags=re.MULTILINE)[1:]:
        rows = re.findall(r"^\| (\d+) \|.*\| (required|optional) \|$", part, re.MULTILINE)
        assert sum(int(minutes) for minutes, _ in rows) == 90, part[:40]
        assert all(word in part for word in ("**Show live.**", "**Common errors.**", "**They ask.**"))


def test_numbers_of_the_data_card():
    every, prior = scenes.scenes(), grammar.log_prior().exp()
    night = grammar.indices()[2] == 1
    captions = [text for k in (0, 12345, len(every) - 1) for text in scenes.captions(every[k])]
    lengths = [len(text.split()) for text in captions]

    def by_night(noun):
        has = prior * night.new_tensor([noun in (s.first.noun, s.second.noun) for s in every])
        return f"{(has * night).sum() / has.sum():.0%}".replace("%", " %")

    facts = [
        f"{len(every):,}, each {scenes.render(every[0]).width} × {scenes.render(every[0]).height} pixels",
        f"{len(grammar.NOUNS)} nouns in 2 states and {len(grammar.COLOURS)} colours: {len(grammar.OBJECTS)} objects",
        f"{len(captions) // 3} for each picture; {len(grammar.CLASS)} different words",
        f"{min(lengths)} to {max(lengths)} words long",
        f"Entropy {-(prior * prior.log()).sum():.2f} nats, of ln {len(every):,} = {math.log(len(every)):.2f}",
        f"by night {by_night('owl')} of the pictures with an owl, {by_night('bird')} of those with a bird",
        f"fit the distance with probability {grammar.APT}",
    ]
    assert [fact for fact in facts if fact not in TEACH] == []


# ---- how long a chapter is ----

LONG = """# One two

```{admonition} Before you start
:class: chapter-box
It does **not** count. **It takes** 10 minutes, and 5 more with the proof.
```

three [four five](01-channel.ipynb#no-words) $x = 1$ – seven

$$ no = words $$

````{prf:theorem} Eight
:label: thm-no
nine

```{math}
no = words
```
````

```{dropdown} Folded
$$ nothing $$
```

```{figure} a.svg
:alt: none of it
ten
```
"""


def test_minutes_are_words_equations_and_figures():
    def cell(kind, source, **metadata):
        return {"cell_type": kind, "source": [source], "metadata": metadata}

    chapter = [
        cell("markdown", LONG),
        cell("code", "plt.show()", mystnb={"figure": {"caption": "eleven"}}),
        cell("code", "idc.HeatMaps(maps)"),
        cell("code", "print('no words')"),
        cell("markdown", "twelve\n\n## Check yourself\n\nno"),
        cell("markdown", "no $$x$$"),
        cell("code", "idc.HeatMaps(maps)"),
    ]
    assert counts.counts(chapter) == (12, 12 / 200 + 2 + 3, 2, 3)
    assert counts.given(chapter) == 15 and counts.given(chapter[1:]) is None
    lines = list(counts.table())
    assert len(lines) == len(reading.NOTEBOOKS) + 1 and all(len(line) == len(lines[0]) for line in lines)


# ---- graded notebooks ----

HANGS = {"timeout": 600, "iopub_timeout": 60}  # seconds, for what hangs; the defaults are short on a busy machine


def grades(notebook):
    """(points, of how many) of each test, as nbgrader's preprocessor and rule give them."""
    from nbgrader.preprocessors import Execute
    from nbgrader.utils import determine_grade

    done, _ = Execute(kernel_name="python3", **HANGS).preprocess(notebook, {"metadata": {"path": str(ROOT)}})
    return [determine_grade(cell) for cell in done.cells if cell.metadata.get("nbgrader", {}).get("grade")]


def wrong_answers(session):
    """The cells of a session's notebook after the imports, with the wrong answers of the plan, then with none."""
    for kind in ("wrong", "empty"):
        for k, task in enumerate(session["graded"]["tasks"], 1):
            text, answer, test = graded.task_cells(task, k)
            answer.source = graded.function(task | {"empty": "pass"}, kind)
            yield from (text, answer, test)


@pytest.mark.parametrize("place", range(1, 7))
def test_graded_notebooks_know_right_from_wrong(place):
    """One kernel: the solutions pass every test, then each wrong answer and each empty one fails its own."""
    session = SESSIONS[place - 1]
    notebook = graded.source(session, place)
    tasks = len(session["graded"]["tasks"])
    both = sheets.finished([*notebook.cells, *wrong_answers(session)], "both")
    found = grades(both)
    assert len(found) == 3 * tasks and tasks >= 1
    assert all(points == most > 0 for points, most in found[:tasks])
    assert all(points == 0 for points, _ in found[tasks:])


def test_release_holds_no_solution():
    for place, session in enumerate(SESSIONS, 1):
        notebook = graded.release(graded.source(session, place))
        whole = text_of(notebook)
        assert "SOLUTION" not in whole and "NotImplementedError" in whole
        for task in session["graded"]["tasks"]:
            lines = [line for line in task["solution"].splitlines() if len(line) > 20]
            assert not any(line in whole for line in lines)
        tests = [c for c in notebook.cells if c.metadata.nbgrader.grade]
        assert tests and all(c.metadata.deletable is False and c.metadata.nbgrader.checksum for c in tests)


# ---- pages ----


def built(tmp_path):
    """The course without pictures, from the notebooks as committed."""
    teach.write_assets(tmp_path)
    slides.write_slides(tmp_path)
    return tmp_path


def test_slides_and_sheets_ask_no_network(tmp_path):
    out = built(tmp_path)
    pages = {p.stem: p.read_text(encoding="utf-8") for p in sorted(out.rglob("session-*.html"))}
    pages["sheet"] = sheets.page(sheets.sheet("01-channel", True, "../../"))
    pages["list"] = sheets.listed("For teachers", [("a", [("b.html", "c")])])
    assert len(pages) == 8 and "url(" not in (out / "assets" / "dist" / "theme" / "book.css").read_text()
    for name, text in pages.items():
        soup = BeautifulSoup(text, "html.parser")
        loads = [tag.get("src") or tag.get("href") for tag in soup.select("script[src], link[href], img[src]")]
        assert not any(re.match("(https?:)?//", address) for address in loads), (name, loads)
        assert not re.search(r"unpkg|jsdelivr|cdnjs|googleapis", text), name
        for address in loads:
            if "assets" in address:
                assert (out / "slides" / address).resolve().is_file(), (name, address)
        assert all(image.get("alt") for image in soup.select("img"))


def test_slides_show_what_the_plan_says():
    for place, session in enumerate(SESSIONS, 1):
        text = text_of(slides.slides(session, place))
        assert all(slide["title"] in text for slide in session["slides"])
        assert all(e.title in text for e in slides.homework(session))


def test_figures_carry_alt_text_and_licence(tmp_path):
    svg = '<svg width="9pt" height="9pt" viewBox="0 0 9 9"><path d="M0 0L9 9"/></svg>'
    cells = copy.deepcopy(reading.notebook("00-counting"))
    for cell in cells:
        cell["outputs"] = [{"data": {"image/svg+xml": svg}}]
    found = figures.write_figures(tmp_path, lambda stem: cells, ["00-counting"])
    text = (tmp_path / "figures" / "fig-00-map.svg").read_text(encoding="utf-8")
    assert len(found) > 5 and "OpenMoji" in text and "CC BY-SA" in text and "<desc>" in text
    BeautifulSoup(text, "html.parser")
    figures.page_of_figures(tmp_path, found)
    images = BeautifulSoup((tmp_path / "figures" / "index.html").read_text(), "html.parser").select("img")
    assert len(images) == len(found) and all(image["alt"] for image in images)


def test_figures_of_emoji_have_the_licence_of_the_drawings():
    """A chapter that also shows scenes or digits keeps the book's licence for them, and so does a histogram."""
    found = {
        name: figures.licence(cells, place)
        for cells in map(reading.notebook, ("00-preface", "00-counting", "01-channel", "10-scenes", "14-relation"))
        for name, _, _, place in reading.figures(cells)
    }
    drawings = ("fig-00-sheet", "fig-00-map", "fig-10-emoji", "fig-14-emoji")
    ours = ("fig-preface-owl", "fig-00-errors", "fig-01-cat", "fig-10-sheet", "fig-14-bands")
    assert {found[name] for name in drawings} == {figures.EMOJI} and {found[name] for name in ours} == {figures.MIT}


PAGE = """<article><h1 id="t">One</h1><a href="b.html#x">b</a> <a href="#t">t</a> <a href="../c.html">c</a>
<details class="hide">folded</details><details class="sd">answer</details>
<img src="p.svg"><script>1</script></article>"""


def test_pages_of_the_book_become_one(tmp_path, monkeypatch):
    """Ids stay unique, links lead within the file, answers are open, folded code is gone, WebP is JPEG."""
    pixels = io.BytesIO()
    Image.new("RGB", (8, 8)).save(pixels, "WEBP")
    (book := tmp_path / "book").mkdir()
    data = base64.b64encode(pixels.getvalue()).decode()
    (book / "p.svg").write_text(f'<svg><image href="data:image/webp;base64,{data}"/></svg>')
    for name in "ab":
        (book / f"{name}.html").write_text(f"<html><head></head><body>{PAGE}</body></html>")
    monkeypatch.setattr(printed, "contents", lambda: ["a", "missing", "b"])
    count, text = printed.one_page(tmp_path)
    soup = BeautifulSoup(text, "html.parser")
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    links = [tag["href"] for tag in soup.select("article a[href]")]
    assert count == 2 and len(ids) == len(set(ids)) and {"a", "b", "a--t", "b--t"} == set(ids)
    assert links == ["#a", "#b", "#b--x", "#a--t", "#b--x", "#b--t"]
    assert [d.has_attr("open") for d in soup.select("details")] == [True, True] and "folded" not in soup.get_text()
    assert all(image["src"].startswith("data:image/jpeg") for image in soup.select("img"))


def test_widgets_are_drawn_again_for_paper(tmp_path):
    """As vectors, from the state that the page holds: nats to a 4,096th of their range."""
    nats = torch.arange(16.0).view(4, 4).sqrt() - 1
    widget = idc.HeatMaps(Image.new("RGB", (8, 8), "red"), {"MI": {"owl": nats}})
    (tmp_path / "book").mkdir()
    sliders = idc.Sliders(lambda a, b: Image.new("L", (9, 9), int(50 * a + b)), "grey", a=[0, 1, 2], b=[3, 4])
    (tmp_path / "book" / "a.html").write_text(f"<article>{widget.html()}{sliders.html()}</article>", encoding="utf-8")
    state = BeautifulSoup(widget.html(), "html.parser").select_one('script[type="application/json"]').string
    found = widgets.shown(json.loads(state)["_state"], 0)
    assert found.words == ["owl"] and found.picture.getpixel((0, 0)) == (255, 0, 0)
    np.testing.assert_allclose(found.kinds["MI"]["owl"]["map"], nats, atol=4 / 8190)
    maps, grey = (image["src"].split(",") for image in printed.article(tmp_path, "a", {"a"}).select("img"))
    assert maps[0] == "data:image/svg+xml;base64" and b"</svg>" in base64.b64decode(maps[1])
    pixel = Image.open(io.BytesIO(base64.b64decode(grey[1]))).convert("L").getpixel((4, 4))
    assert grey[0] == "data:image/jpeg;base64" and abs(pixel - 54) < 4


def test_a_figure_that_was_not_drawn_is_an_error(tmp_path):
    bare = [cell | {"outputs": []} for cell in reading.notebook("01-channel")]
    with pytest.raises(LookupError, match="drew no SVG for fig-01-sinking"):
        figures.write_figures(tmp_path, lambda stem: bare, ["01-channel"])


def test_notebooks_are_valid_json_of_their_format():
    import nbformat

    for stem in list(SHEETS)[:3]:
        nbformat.validate(json.loads(nbformat.writes(sheets.sheet(stem))))
