"""Equations, theorems, terms and citations are seen where they are cited: what other pages have of them is put in."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

WANTED = "div.math[id], div.proof[id], div.citation[id], span.citation[id], dt[id]"
SCRIPT = "previews.js"


def shown(target, page):
    """The HTML of a target on a page, for another one: without ids, and with links that lead from there."""
    name = target.name
    if name in ("dt", "span"):  # a reference's label: the text stands beside it
        target = target.find_next_sibling(["dd", "p"]) or target.parent
    copy = BeautifulSoup(str(target), "html.parser")
    for tag in copy.find_all(True):
        tag.attrs.pop("id", None)
    for link in copy.select("a.headerlink"):
        link.decompose()
    for link in copy.select("a[href^='#']"):
        link["href"] = page.name + link["href"]
    return str(copy)


def cited(page, soups):
    """{address: HTML} of what a page cites from others."""
    found = {}
    for link in soups[page].select("main a.internal[href*='#']"):
        parts = urlsplit(link["href"])
        other = (page.parent / unquote(parts.path)).resolve()
        if (
            parts.path
            and other != page
            and other in soups
            and link["href"] not in found
        ):
            target = soups[other].find(id=unquote(parts.fragment))
            if target is not None and target.css.match(WANTED):
                found[link["href"]] = shown(target, other)
    return found


def add_previews(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    pages = [p.resolve() for p in Path(app.outdir, "book").glob("*.html")]
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    soups = {page: BeautifulSoup(text, "html.parser") for page, text in texts.items()}
    for page, text in texts.items():
        templates = "".join(
            f'<template data-preview="{address}">{html}</template>'
            for address, html in cited(page, soups).items()
            if f'data-preview="{address}"' not in text
        )
        page.write_text(text.replace("</body>", f"{templates}</body>"), "utf-8")


def setup(app):
    app.add_js_file(SCRIPT, loading_method="defer")
    app.connect("build-finished", add_previews)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
