"""`all` and `pdf` write into _build/html/teach what a course needs; `graph` draws book/_static/chapters.svg; `counts`
prints how long each chapter is."""

import html
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from _teach import counts, figures, graded, graph, printed, reading, sheets, slides

OUT = reading.ROOT / "_build" / "html" / "teach"
REVEAL = (
    "dist/reveal.css",
    "dist/reset.css",
    "dist/reveal.js",
    "plugin/notes/notes.js",
)
LICENCES = """reveal.js: MIT licence, (C) Hakim El Hattab and contributors, https://revealjs.com
MathJax: Apache License 2.0 (mathjax/LICENSE), (C) The MathJax Consortium, https://www.mathjax.org
"""


def package(name):
    return Path(find_spec(name).origin).parent


def write_assets(out):
    """What sheets and slides need, so that the folder works without a network: MathJax, reveal.js, one style."""
    assets = out / "assets"
    for name in REVEAL:
        (assets / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(
            package("sphinx_revealjs") / "_static" / "revealjs" / name, assets / name
        )
    shutil.copytree(printed.MATHJAX, assets / "mathjax", dirs_exist_ok=True)
    (assets / "dist" / "theme").mkdir(exist_ok=True)
    shutil.copy(
        sheets.TEMPLATES / "teach.css", assets / "dist" / "theme" / "book.css"
    )
    (assets / "LICENCES.txt").write_text(LICENCES, encoding="utf-8")


def index(out, found):
    """out/index.html: everything that was written."""
    rows = []
    for place, session in enumerate(reading.plan()["sessions"], 1):
        name = f"session-{place}"
        notebooks = [
            (f"graded/{kind}/{name}/{name}.ipynb", f"graded, {words}")
            for kind, words in (
                ("release", "without answers"),
                ("source", "with answers"),
            )
        ]
        links = [(f"slides/{name}.html", "slides"), *notebooks]
        rows.append(
            (f"<b>Session {place}</b> {html.escape(session['title'])}", links)
        )
    for stem, exercises in found.items():
        links = [
            (f"{folder}/{stem}.{kind}", words)
            for folder, name in (("sheets", "sheet"), ("solutions", "solutions"))
            for kind, words in (("html", name), ("ipynb", "notebook"))
        ]
        minutes = sum(e.minutes or 0 for e in exercises)
        about = f"{len(exercises)} exercises, {minutes} min"
        rows.append((f"{html.escape(sheets.title(stem))} ({about})", links))
    more = [("figures/index.html", "figures, with alt text and licence")]
    more += [("book.pdf", "the book as PDF")] if (out / "book.pdf").exists() else []
    rows.append(
        ("The book", [*more, ("../book/teach.html", "the plan of the course")])
    )
    page = sheets.listed("For teachers", rows, "")
    (out / "index.html").write_text(page, encoding="utf-8")


def write(out=OUT, executed=reading.executed):
    """Everything but the PDF."""
    out.mkdir(parents=True, exist_ok=True)
    write_assets(out)
    found = sheets.write_sheets(out, executed)
    graded.write_graded(out)
    slides.write_slides(out)
    drawn = figures.write_figures(out, executed)
    painted = figures.write_pixels(out / "figures", drawn)
    figures.page_of_figures(out, drawn)
    index(out, found)
    count = sum(map(len, found.values()))
    print(
        f"{count} exercises on {len(found)} sheets, {len(drawn)} figures ({painted} as PNG)"
    )
    print(f"Open file://{out / 'index.html'}")


def pdf(out=OUT):
    """The book as PDF; index.html then links it."""
    out.mkdir(parents=True, exist_ok=True)
    pages, size = printed.write_pdf(
        reading.ROOT / "_build" / "html", out / "book.pdf"
    )
    print(f"{out / 'book.pdf'}: {pages} chapters, {size / 1e6:.1f} MB")
    if (out / "index.html").exists():
        index(out, sheets.with_exercises())


def draw_graph():
    (reading.BOOK / "_static" / "chapters.svg").write_text(
        graph.svg(), encoding="utf-8"
    )


def print_counts():
    print(*counts.table(), sep="\n")


if __name__ == "__main__":
    {"all": write, "pdf": pdf, "graph": draw_graph, "counts": print_counts}[
        sys.argv[1]
    ]()
