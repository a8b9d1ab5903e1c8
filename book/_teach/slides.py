"""Slides for the sessions of book/teach.yml, by nbconvert and reveal.js, offline."""

import html

from nbconvert import SlidesExporter
from nbformat import v4

from . import reading, sheets

LOOK = {
    "reveal_url_prefix": "../assets",
    "reveal_theme": "book",
    "reveal_width": "1120",
    "reveal_height": "700",
}


def alts():
    """{figure: (alt text, chapter)}."""
    return {
        name: (alt, path.stem)
        for path in reading.NOTEBOOKS
        for name, alt, _, _ in reading.figures(reading.notebook(path.stem))
    }


def content(slide, base="../../"):
    """A slide of the plan as Markdown."""
    parts = [f"## {slide['title']}"]
    if equation := slide.get("equation"):
        tex = reading.labels()[equation][2].rstrip(" .,")
        parts.append(f"$$\n{reading.aligned(tex)}\n$$")
    if figure := slide.get("figure"):
        alt, stem = alts()[figure]
        tall = "" if slide.get("equation") else ' class="tall"'
        shown = f'<img{tall} src="../figures/{figure}.svg" alt="{html.escape(alt)}">'
        source = f'<a href="{base}book/{stem}.html#{figure}">{sheets.title(stem)}</a>'
        parts.append(f'{shown}\n<p class="caption">{source}</p>')
    if text := slide.get("text"):
        parts.append(reading.plain(text.strip(), base))
    return "\n\n".join(parts)


def slide_cell(source, kind="slide"):
    return v4.new_markdown_cell(source, metadata={"slideshow": {"slide_type": kind}})


def slides(session, place):
    """The notebook of a session's slides: a title, the slides of the plan with their notes, and the homework."""
    home = "\n".join(
        f"- {sheets.heading(e).removeprefix('## ')}" for e in homework(session)
    )
    cells = [slide_cell(f"# {place}. {session['title']}\n\n{session['question']}")]
    for slide in session["slides"]:
        cells.append(slide_cell(content(slide)))
        if notes := slide.get("notes"):
            cells.append(slide_cell(notes, "notes"))
    cells.append(
        slide_cell(f"## Until next time\n\n{session['read']}\n\nExercises:\n\n{home}")
    )
    return sheets.finished(cells, f"{place}. {session['title']}")


def homework(session):
    """The exercises of a session, in the order of the plan."""
    known = {e.label: e for found in sheets.with_exercises().values() for e in found}
    return [known[label] for label in session["homework"]]


def write_slides(out):
    """out/slides/session-N.html and .ipynb."""
    import nbformat

    (folder := out / "slides").mkdir(parents=True, exist_ok=True)
    for place, session in enumerate(reading.plan()["sessions"], 1):
        notebook = slides(session, place)
        nbformat.write(notebook, folder / f"session-{place}.ipynb")
        page = sheets.page(notebook, "slides", SlidesExporter, **LOOK)
        (folder / f"session-{place}.html").write_text(page, encoding="utf-8")
