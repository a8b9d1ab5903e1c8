"""The figures of the last build as a pack: SVG, and PNG where there is a Chromium, with alt text and licence."""

import html
import re
import tempfile
from pathlib import Path

from . import needs, reading
from .chromium import CHROMIUM, chromium

MIT = "MIT, as the book"
EMOJI = "CC BY-SA 4.0: may show drawings by OpenMoji"
DRAWINGS = re.compile(r'load\("emoji"|\b(?:Exact)?Emoji\(')
PAINTS = re.compile(r"imshow|plot\.(?:pictures|overlay)")
SVG_START = re.compile(r"<svg\b[^>]*>", re.DOTALL)


def licence(cells, place):
    """Of the figure that cells[place] draws: OpenMoji's if its code, with all it calls for, has emoji and paints."""
    own = reading.Exercise(
        "", "", "", solution=[("code", cells[place]["source"], cells[place])]
    )
    code = [*needs.needed_code(cells[:place], [own]), cells[place]["source"]]
    emoji, paints = (any(map(pattern.search, code)) for pattern in (DRAWINGS, PAINTS))
    return EMOJI if emoji and paints else MIT


def drawn(cell):
    """The SVG that a cell drew, or None."""
    for output in cell["outputs"]:
        svg = output.get("data", {}).get("image/svg+xml")
        if svg:
            return "".join(svg)
    return None


def labelled(svg, name, alt, terms):
    """The SVG with its alt text and its licence inside."""
    start = SVG_START.search(svg)
    alt, terms = html.escape(alt), html.escape(terms)
    inside = (
        f"<title>{name}</title><desc>{alt}</desc>"
        f"<metadata><!-- infodecomp, figure {name}. {terms} --></metadata>"
    )
    tag = start[0]
    if "xmlns=" not in tag:
        tag = tag.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return tag + inside + svg[start.end() :]


def write_figures(out, executed=reading.executed, stems=None):
    """out/figures: NAME.svg of every figure. Returns [(name, alt, caption, chapter, licence)]."""
    (folder := out / "figures").mkdir(parents=True, exist_ok=True)
    found = []
    for stem in stems or [path.stem for path in reading.NOTEBOOKS]:
        cells, chapter = executed(stem), reading.notebook(stem)
        for name, alt, caption, place in reading.figures(chapter):
            svg = drawn(cells[place])
            if svg is None:
                raise LookupError(f"{stem} drew no SVG for {name}")
            terms = licence(chapter, place)
            text = labelled(svg, name, alt, terms)
            (folder / f"{name}.svg").write_text(text, encoding="utf-8")
            found.append((name, alt, caption, stem, terms))
    return found


def write_pixels(folder, found, scale=2):
    """NAME.png beside each SVG, painted by Chromium; without one, nothing. Returns how many."""
    if CHROMIUM is None:
        return 0
    with tempfile.TemporaryDirectory() as profile, chromium(profile) as browser:
        for name, alt, _, _, terms in found:
            browser.get((folder / f"{name}.svg").resolve().as_uri())
            box = browser.execute_script(
                "const b = document.documentElement.getBoundingClientRect();"
                "return {x: 0, y: 0, width: b.width, height: b.height}"
            )
            shot = browser.execute_cdp_cmd(
                "Page.captureScreenshot",
                {"clip": box | {"scale": scale}, "captureBeyondViewport": True},
            )
            save(folder / f"{name}.png", shot["data"], alt, terms)
    return len(found)


def save(path, data, alt, terms):
    import base64
    import io

    from PIL import Image, PngImagePlugin

    notes = PngImagePlugin.PngInfo()
    notes.add_itxt("Description", alt)
    notes.add_itxt("Copyright", terms)
    image = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    image.save(path, pnginfo=notes, optimize=True)


def page_of_figures(out, found):
    """out/figures/index.html: every figure with its alt text, caption and licence."""
    rows = []
    for name, alt, caption, stem, terms in found:
        png = f' · <a href="{name}.png">PNG</a>'
        links = f'<a href="{name}.svg">SVG</a>{png if (out / "figures" / f"{name}.png").exists() else ""}'
        rows.append(
            f'<h2 id="{name}">{name}</h2><img src="{name}.svg" alt="{html.escape(alt)}">'
            f"<p>{html.escape(caption)}</p><p><b>Alt text.</b> {html.escape(alt)}</p>"
            f'<p>From <a href="../../book/{stem}.html#{name}">{stem}</a> · {terms} · {links}</p>'
        )
    Path(out / "figures" / "index.html").write_text(
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Figures</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="../assets/dist/theme/book.css">'
        '<script>MathJax = {tex: {inlineMath: [["$", "$"]]}};</script>'
        '<script defer src="../assets/mathjax/tex-chtml-full.js"></script></head>'
        f'<body><main class="list"><h1>Figures</h1>{"".join(rows)}</main></body></html>',
        encoding="utf-8",
    )
