"""How long a chapter takes: its words by 200, and a minute for each equation and figure."""

import re

from . import reading

FOLDED = re.compile(r"\b(?:dropdown|chapter-box|check)\b")
END = re.compile(r"^## (?:Check yourself|Exercises)", re.MULTILINE)
SHOWN = re.compile(r"^(?:\w+\.)?(?:HeatMaps|Sliders)\(", re.MULTILINE)
DISPLAYED = re.compile(r"^\$\$.*?\$\$", re.MULTILINE | re.DOTALL)
GIVEN = re.compile(r"\*\*It takes\*\* (\d+) minutes(?:, and (\d+) more)?")


def prose(text):
    """(words, equations, figures) of Markdown; a formula in a line is a word. Folded text and boxes do not count."""
    words, equations, figures = 0, 0, 0
    for name, argument, options, lines in reading.blocks(text):
        inner = "\n".join(lines)
        if name == "dropdown" or FOLDED.search(options.get("class", "")):
            continue
        if name == "math":
            equations += 1
        elif name:
            figure = name in ("figure", "image")  # its argument is a file
            inside = prose(inner if figure else f"{argument}\n{inner}")
            words, equations = words + inside[0], equations + inside[1]
            figures += inside[2] + figure
        else:
            inner, shown = DISPLAYED.subn(" ", inner)
            inner = re.sub(r"\$[^$]+\$", " x ", inner)
            inner = re.sub(
                r"\]\([^)]*\)|^\([\w-]+\)=$", " ", inner, flags=re.MULTILINE
            )
            words += sum(bool(re.search(r"\w", word)) for word in inner.split())
            equations += shown
    return words, equations, figures


def counts(cells):
    """(words, minutes, equations, figures) of a chapter up to its questions and exercises; captions are words."""
    total = [0, 0, 0]
    for cell in cells:
        source = "".join(cell["source"])
        end = END.search(source) if cell["cell_type"] == "markdown" else None
        if cell["cell_type"] == "markdown":
            found = prose(source[: end.start()] if end else source)
        else:
            figure = cell["metadata"].get("mystnb", {}).get("figure")
            words = prose(figure.get("caption", ""))[0] if figure else 0
            found = words, 0, int(bool(figure or SHOWN.search(source)))
        total = [a + b for a, b in zip(total, found, strict=True)]
        if end:
            break
    words, equations, figures = total
    return words, words / 200 + equations + figures, equations, figures


def given(cells):
    """The minutes in a chapter's box, with those of a section that it names apart; None without."""
    found = GIVEN.search("\n".join("".join(cell["source"]) for cell in cells))
    return int(found[1]) + int(found[2] or 0) if found else None


def table():
    """The counts of every notebook as lines of text, with the minutes that its box gives."""
    yield f"{'chapter':20}{'words':>7}{'equations':>11}{'figures':>9}{'minutes':>9}{'box':>5}"
    for path in reading.NOTEBOOKS:
        cells = reading.notebook(path.stem)
        words, minutes, equations, figures = counts(cells)
        yield f"{path.stem:20}{words:7}{equations:11}{figures:9}{minutes:9.1f}{given(cells) or '–':>5}"
