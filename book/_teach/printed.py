"""The built site as one PDF: the articles of all pages on one page, printed by headless Chromium."""

import base64
import io
import re
import tempfile
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup
from PIL import Image

from . import reading, widgets
from .chromium import CHROMIUM, chromium, show

MATHJAX = reading.BOOK / "_static" / "mathjax"  # the site's and the slides' too
TITLE = "Information Decomposition by Diffusion"
LIMIT = 15e6  # bytes
WIDTH = 640  # of the text, in CSS pixels: A4 less its margins
DROPPED = (
    """.headerlink, .toggle-button, script, iframe, template, button, details.hide"""
)
STYLE = """
@page { size: A4; }
*:not(#_), *:not(#_)::before, *:not(#_)::after { box-shadow: none !important; filter: none !important; }
html, body { font-size: 14.5px; background: #fff; }
body { width: 640px; margin: 0 auto; }
article { break-before: page; }
pre, .highlight pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 10.5px; line-height: 1.35; }
img, svg { max-width: 100%; height: auto; }
section, .admonition, .proof, details { break-inside: auto !important; }
figure, img, tr, mjx-container[display] { break-inside: avoid; }
.pst-scrollable-table-container { overflow: visible; }
h1, h2, h3, h4 { break-after: avoid; }
table { font-size: 12px; }
mjx-container[display] { overflow: visible; }
.toggle-hidden, .admonition.toggle-hidden > * { display: revert !important; visibility: visible !important;
  height: auto !important; opacity: 1 !important; }
"""
SHRINK = """
const wide = [];
for (const box of document.querySelectorAll('mjx-container')) {
    const block = box.closest('p, li, td, dd, div, section, article');
    const room = block.clientWidth, width = box.firstElementChild.getBoundingClientRect().width;
    if (room && width > room) {
        box.style.fontSize = (95 * room / width) + '%';
        if (box.firstElementChild.getBoundingClientRect().width > room + 1) wide.push(block.id || block.textContent);
    }
}
for (const table of document.querySelectorAll('article table'))
    if (table.scrollWidth > document.body.clientWidth) table.style.zoom = document.body.clientWidth / table.scrollWidth;
return wide;
"""
CONFIG = """MathJax = {options: {ignoreHtmlClass: "tex2jax_ignore|mathjax_ignore", processHtmlClass: "math"}};"""
FOOT = """<div style="font-size:8px;width:100%;text-align:center;color:#666"><span class="pageNumber"></span></div>"""


def contents():
    """The pages of the book, in order."""
    toc = yaml.safe_load((reading.ROOT / "_toc.yml").read_text(encoding="utf-8"))
    parts = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [
        toc["root"].removeprefix("book/"),
        *(f.removeprefix("book/") for f in parts),
    ]


def jpeg(site, source):
    """The address of a picture; pixels in WebP, which a PDF would hold uncompressed, as JPEG data."""
    text = source
    if source.endswith(".svg") and (file := site / "book" / source).is_file():
        text = file.read_text(encoding="utf-8")
    found = re.search(r"data:image/webp;base64,([^\"]+)", text)
    if not found:
        return source
    image = Image.open(io.BytesIO(base64.b64decode(found[1]))).convert("RGB")
    with io.BytesIO() as data:
        image.save(data, "JPEG", quality=80)
        return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()


def article(site, stem, stems):
    """The article of a page: ids carry the page's name, links within the book lead to them, details are open."""
    html = (site / "book" / f"{stem}.html").read_text(encoding="utf-8")
    found = BeautifulSoup(html, "html.parser").select_one("article")
    for widget in found.select("div.idc"):
        state, still = (
            widget.select_one("script[type$=json]"),
            widget.select_one("img"),
        )
        kind = widget["class"][-1]
        still["src"] = widgets.redrawn(kind, state.string) or still["src"]
    for tag in found.select(DROPPED):
        tag.decompose()
    for tag in found.find_all(id=True):
        tag["id"] = f"{stem}--{tag['id']}"
    for tag in found.find_all("details"):
        tag["open"] = ""
    for link in found.find_all("a", href=True):
        parts = urlsplit(link["href"])
        there = unquote(parts.path).removesuffix(".html").removeprefix("./") or stem
        if not parts.scheme and there in stems:
            link["href"] = (
                f"#{there}--{parts.fragment}" if parts.fragment else f"#{there}"
            )
        elif not parts.scheme:
            del link["href"]
    for image in found.find_all("img"):
        image["src"] = jpeg(site, image["src"])
    found["id"] = stem
    return found


def one_page(site):
    """The whole book as one HTML text, for a file in site/book."""
    stems = [s for s in contents() if (site / "book" / f"{s}.html").exists()]
    first = BeautifulSoup(
        (site / "book" / f"{stems[0]}.html").read_text("utf-8"), "html.parser"
    )
    styles = "".join(map(str, first.select("head link[rel=stylesheet]")))
    script = f'<script src="{(MATHJAX / "tex-chtml-full.js").as_uri()}"></script>'
    articles = [article(site, s, set(stems)) for s in stems]
    listed = [
        f'<li><a href="#{a["id"]}">{a.h1.get_text()}</a></li>' for a in articles
    ]
    front = f"<article><h1>{TITLE}</h1><p>Text and code: MIT licence.</p><ul>{''.join(listed)}</ul></article>"
    return len(stems), (
        f'<!DOCTYPE html>\n<html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{TITLE}</title>'
        f"{styles}<style>{STYLE}</style></head><body>{front}{''.join(map(str, articles))}"
        f"<script>{CONFIG}</script>{script}</body></html>"
    )


def write_pdf(site, path):
    """Print the site. Returns (pages of the site, bytes); RuntimeError for a formula that does not fit, or 15 MB."""
    if CHROMIUM is None:
        raise RuntimeError("no Chromium on this machine: the PDF is printed by it")
    count, text = one_page(site)
    page = site / "book" / "printed.html"
    page.write_text(text, encoding="utf-8")
    try:
        with tempfile.TemporaryDirectory() as profile, chromium(profile) as browser:
            data, wide = pdf_of(browser, page)
    finally:
        page.unlink()
    if wide:
        raise RuntimeError(f"formulas wider than the page: {wide}")
    if len(data) > LIMIT:
        raise RuntimeError(
            f"the PDF has {len(data) / 1e6:.1f} MB, more than {LIMIT / 1e6:.0f}"
        )
    path.write_bytes(data)
    return count, len(data)


def pdf_of(browser, page):
    """(PDF, formulas that stay wider than their place), of a page laid out as it will be printed."""
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    metrics = {"width": WIDTH, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    show(browser, page)
    browser.execute_async_script("document.fonts.ready.then(arguments[0])")
    wide = browser.execute_script(SHRINK)
    inch = {
        "paperWidth": 8.27,
        "paperHeight": 11.69,
        "marginLeft": 0.8,
        "marginRight": 0.8,
    }
    look = {
        "printBackground": True,
        "displayHeaderFooter": True,
        "headerTemplate": "<span></span>",
    }
    more = {"footerTemplate": FOOT, "generateTaggedPDF": False}
    printed = browser.execute_cdp_cmd("Page.printToPDF", inch | look | more)
    return base64.b64decode(printed["data"]), wide
