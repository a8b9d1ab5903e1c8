"""The notebooks read as a course: exercises with their solutions, figures, equations, and the code they need."""

import json
import re
import runpy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

BOOK = Path(__file__).parents[1]
maintain = runpy.run_path(str(BOOK / "maintain.py"))
ROOT, NOTEBOOKS = BOOK.parent, maintain["NOTEBOOKS"]
FENCE = re.compile(r"^(`{3,}|:{3,})\{([\w:-]+)\} ?(.*)$")
OPTION = re.compile(r":([\w-]+): ?(.*)")
MARKS = re.compile(r"^(?P<title>.+?) (?P<level>★{1,3}) · (?P<minutes>\d+) min$")


@dataclass
class Exercise:
    """label, title, level ("" to "★★★"), minutes (None where unmarked), text, and the cells of the solution."""

    label: str
    title: str
    text: str
    level: str = ""
    minutes: int | None = None
    before: int = 0  # how many cells of the notebook stand before it
    solution: list = field(default_factory=list)  # (cell type, source, cell)


@cache
def plan():
    """book/teach.yml."""
    return yaml.safe_load((BOOK / "teach.yml").read_text(encoding="utf-8"))


@cache
def notebook(stem):
    """The cells of a chapter as they are committed, source as one text."""
    cells = json.loads((BOOK / f"{stem}.ipynb").read_text(encoding="utf-8"))["cells"]
    return [cell | {"source": "".join(cell["source"])} for cell in cells]


def executed(stem):
    """The cells of a chapter with the outputs of the last build; LookupError where that knows another notebook."""
    return maintain["executed"](BOOK / f"{stem}.ipynb")[0].cells


def blocks(text):
    """The text in pieces, (directive or "", argument, options, lines): fenced directives of the outermost level."""
    lines, plain = text.split("\n"), []
    while lines:
        found = FENCE.match(lines[0])
        if not found:
            plain.append(lines.pop(0))
            continue
        if any(plain):
            yield "", "", {}, plain
        plain, inside = [], []
        fence, name, argument = found.groups()
        lines.pop(0)
        while lines and lines[0].strip() != fence:
            inside.append(lines.pop(0))
        del lines[:1]
        options = {}
        while inside and (option := OPTION.match(inside[0])):
            options[option[1]] = option[2].strip()
            inside.pop(0)
        yield name, argument.strip(), options, inside
    if any(plain):
        yield "", "", {}, plain


def exercises(cells):
    """The exercises of a chapter in its order, each with its solution."""
    found, solving = {}, None
    for place, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            if solving:
                found[solving].solution.append(("code", cell["source"], cell))
            continue
        for name, argument, options, lines in blocks(cell["source"]):
            text = "\n".join(lines).strip()
            if name == "exercise":
                marks = MARKS.match(argument)
                title, level, minutes = marks.groups() if marks else (argument, "", 0)
                found[options["label"]] = Exercise(
                    options["label"], title, text, level, int(minutes) or None, place
                )
            elif name == "solution-start":
                solving = argument
            elif name == "solution-end":
                solving = None
            elif name == "solution":
                found[argument].solution.append(("markdown", text, None))
            elif solving:
                whole = fenced(name, argument, options, text)
                found[solving].solution.append(("markdown", whole, None))
    return list(found.values())


def fenced(name, argument, options, text):
    """A block as it stood, for `plain`."""
    if not name:
        return text
    head = "".join(f":{key}: {value}\n" for key, value in options.items())
    return f"````{{{name}}} {argument}\n{head}\n{text}\n````"


def figures(cells):
    """[(name, alt, caption, place)] of the figures a chapter draws."""
    for place, cell in enumerate(cells):
        drawn = cell["metadata"].get("mystnb", {})
        if {"image", "figure"} <= set(drawn) and "name" in drawn["figure"]:
            figure = drawn["figure"]
            yield figure["name"], drawn["image"]["alt"], figure["caption"], place


@cache
def labels():
    """{label: (chapter, what it is called, TeX or "")} of equations, figures, theorems, sections and exercises."""
    found = {}
    for path in BOOK.glob("*.md"):
        found |= labels_of(path.stem, path.read_text(encoding="utf-8"))
    for path in NOTEBOOKS:
        cells, own = notebook(path.stem), {}
        for name, _, _, _ in figures(cells):
            own[name] = path.stem, f"figure “{spoken(name)}”", ""
        for cell in cells:
            if cell["cell_type"] == "markdown":
                own |= labels_of(path.stem, cell["source"])
        found |= numbered(own) if "01" <= path.stem < "a" else own
    return found


def numbered(own):
    """The labels of a numbered chapter, where figures, equations and exercises are called as on the site: (2.11)."""
    kinds = {"fig-": "figure {}.{}", "eq-": "({}.{})", "ex-": "exercise {}.{}"}
    for kind, call in kinds.items():
        of_kind = [label for label in own if label.startswith(kind)]
        for place, label in enumerate(of_kind, 1):
            stem, _, tex = own[label]
            own[label] = stem, call.format(int(stem[:2]), place), tex
    return own


def labels_of(stem, text):
    found = {}
    for label, heading in re.findall(
        r"^\(([\w-]+)\)=\n+#+ (.+)$", text, re.MULTILINE
    ):
        found[label] = stem, f"“{heading}”", ""
    for name, argument, options, lines in blocks(text):
        inner = "\n".join(lines)
        found |= labels_of(stem, inner) if name else {}
        label = options.get("label") or options.get("name")
        if label and name == "math":
            found[label] = stem, f"({spoken(label)})", inner.strip()
        elif label:
            kind = name.removeprefix("prf:")
            found[label] = stem, f"{kind} “{argument or spoken(label)}”", ""
    return found


def spoken(label):
    return " ".join(re.sub(r"^[a-z]+-(\d\d-)?", "", label).split("-"))


def place(stem, base, anchor=""):
    """Where a chapter, or a place in it, is found: on the site at `base`, or, if that is a repository, the file."""
    if base.startswith("https:"):
        kind = "md" if (BOOK / f"{stem}.md").exists() else "ipynb"
        return f"{base}book/{stem}.{kind}"
    return f"{base}book/{stem}.html{anchor}"


def plain(text, base):
    """MyST as the Markdown that every notebook shows; links lead to `base` (see `place`)."""
    pieces = []
    for name, argument, _, lines in blocks(text):
        inner = "\n".join(lines).strip()
        if name == "math":
            pieces.append(f"$$\n{aligned(inner)}\n$$")
        elif name:
            title = argument if name in ("admonition", "dropdown") else ""
            title = title or f"{name.removeprefix('prf:').capitalize()} {argument}"
            body = plain(inner, base).replace("\n", "\n> ")
            pieces.append(f"> **{title.strip()}**\n>\n> {body}")
        else:
            pieces.append(inner)
    text = re.sub(r"^\([\w-]+\)=\n", "", "\n\n".join(pieces), flags=re.MULTILINE)
    text = re.sub(r"\{cite:[pt]\}`([^`]*)`", lambda m: cited(m[1]), text)
    text = re.sub(r"\{[\w:]+\}`([^`]*)`", lambda m: linked(m[1], base), text)
    return re.sub(
        r"\]\(([\w-]+)\.(?:ipynb|md)(#[\w-]*)?\)",
        lambda m: f"]({place(m[1], base, m[2] or '')})",
        text,
    )


def aligned(tex):
    """TeX of a math directive, which may have & and lines of its own."""
    if "&" in tex and r"\begin" not in tex:
        return rf"\begin{{aligned}}{tex}\end{{aligned}}"
    return tex


def linked(target, base):
    named = re.fullmatch(r"(.*?)\s*<([\w-]+)>", target)
    words, label = named.groups() if named else ("", target)
    if label not in labels():
        return words or label
    stem, called, _ = labels()[label]
    anchor = f"#equation-{label}" if label.startswith("eq-") else f"#{label}"
    return f"[{words or called}]({place(stem, base, anchor)})"


def cited(keys):
    """The works as surname and year, from BibTeX keys like guo2005mutual."""
    found = [re.match(r"([a-z]+)(\d{4})", key.strip()) for key in keys.split(",")]
    return "(" + ", ".join(f"{m[1].capitalize()} {m[2]}" for m in found) + ")"
