"""The built site asks the network for nothing, its links lead somewhere, it fits a desktop and a phone."""

import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

SITE = Path(__file__).parents[2] / "_build" / "html"
REDIRECTS_AND_TOOLS = {"index.html", "search.html", "genindex.html", "prf-prf.html", "py-modindex.html"}
PAGES = sorted(p for p in SITE.rglob("*.html") if "_static" not in p.parts)
CHAPTERS = [p for p in PAGES if p.name not in REDIRECTS_AND_TOOLS]
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "embed": "src"}
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}

WIDE_EQUATIONS = """
    const right = element => element.getBoundingClientRect().right;
    return [...document.querySelectorAll('mjx-container')]
        .filter(box => box.offsetWidth && right(box.querySelector('svg')) > right(box) + 2)
        .map(box => box.closest('[id]').id);
"""

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)


@cache
def soup(page):
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def is_remote(address):
    return urlsplit(address).scheme not in ("", "data") or address.startswith("//")


def test_site_is_built():
    assert len(CHAPTERS) > 1, f"no pages under {SITE}: run `make book`"


@each_page
def test_page_fetches_nothing_from_outside(page):
    fetched = [tag.get(attribute, "") for name, attribute in FETCHED.items() for tag in soup(page).find_all(name)]
    # rel=canonical, next, prev and the like are not fetched
    loads = {"stylesheet", "preload", "icon", "modulepreload", "preconnect", "dns-prefetch"}
    fetched += [tag["href"] for tag in soup(page).find_all("link", href=True) if loads & set(tag.get("rel", []))]
    assert [address for address in fetched if is_remote(address)] == []
    inline = [tag.get_text() for tag in soup(page).find_all(["script", "style"])]
    assert not any(re.search(r"unpkg|jsdelivr|cdnjs|googleapis|gstatic", text) for text in inline)


def test_styles_fetch_nothing_from_outside():
    for sheet in SITE.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        named = re.findall(r"""(?:url\(|@import\s+)\s*["']?([^"')\s]+)""", text)
        assert [address for address in named if is_remote(address)] == [], sheet


@each_page
def test_pictures_have_alt_text(page):
    for image in soup(page).select("main img"):
        alt = image.get("alt", "").strip()
        assert alt and not re.search(r"\.(png|svg|jpe?g|gif)$", alt), image["src"]  # Sphinx falls back to the file name


@each_page
def test_internal_links_lead_somewhere(page):
    broken = []
    for link in soup(page).select("a[href], link[href], img[src], script[src]"):
        address = link.get("href") or link.get("src")
        parts = urlsplit(address)
        if parts.scheme or parts.netloc or address == "#":
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        fragment = unquote(parts.fragment)
        if not target.is_file() or (fragment and target.suffix == ".html" and not has_id(target, fragment)):
            broken.append(address)
    assert broken == []


@cache
def ids(page):
    return {tag["id"] for tag in soup(page).find_all(id=True)}


def has_id(page, fragment):
    return fragment in ids(page)


@each_page
def test_chapter_offers_colab_and_download(page):
    notebook = SITE / "_sources" / "book" / f"{page.stem}.ipynb"
    if notebook.exists():
        links = [link["href"] for link in soup(page).select(".article-header-buttons a[href]")]
        assert any(h.startswith("https://colab.") and h.endswith(f"/book/{page.stem}.ipynb") for h in links)
        assert any(h.endswith(f"_sources/book/{page.stem}.ipynb") for h in links)


# ---- in a browser, without network ----


def open_page(browser, page, size):
    """Open `page` at `size` and wait until MathJax is done; return what the network log says."""
    browser.get("about:blank")  # the page before must not ask for anything any more
    for log in ("performance", "browser"):
        browser.get_log(log)  # forget what it asked
    width, height = SIZES[size]
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone"}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(page.as_uri())
    browser.execute_async_script("(window.MathJax?.startup?.promise ?? Promise.resolve()).then(arguments[0])")
    return [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("page", CHAPTERS, ids=lambda p: p.stem)
def test_page_in_a_browser(browser, page, size):
    log = open_page(browser, page, size)
    sent = {m["params"]["requestId"]: m["params"] for m in log if m["method"] == "Network.requestWillBeSent"}
    asked = [params["request"]["url"] for params in sent.values()]
    own = ("file:", "data:", "blob:", "chrome:")  # chrome: is the browser's empty first tab
    assert [url for url in asked if not url.startswith(own)] == []
    failed = [m["params"]["requestId"] for m in log if m["method"] == "Network.loadingFailed"]
    assert [sent[i] for i in failed if i in sent] == []  # the rest is the browser's own, on starting
    assert [e["message"] for e in browser.get_log("browser") if e["level"] in ("SEVERE", "WARNING")] == []

    has_maths = bool(soup(page).select(".math"))
    assert bool(browser.execute_script("return document.querySelectorAll('mjx-container').length")) == has_maths
    assert browser.execute_script("return document.querySelectorAll('[data-mjx-error], mjx-merror').length") == 0
    text = browser.execute_script("return document.querySelector('main').innerText")
    assert not re.search(r"\\[([]|\\begin\{", text)

    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= SIZES[size][0] + 1, f"the page is {width} px wide"
    if size == "desktop":  # a phone scrolls an equation inside its box
        assert browser.execute_script(WIDE_EQUATIONS) == []


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda p: p.stem)
def test_solutions_fold(browser, page):
    """Folded solutions open on a click and show the code cells inside them."""
    open_page(browser, page, "desktop")
    solutions = browser.execute_script("return [...document.querySelectorAll('.solution.dropdown')]")
    for solution in solutions:
        height = "return arguments[0].getBoundingClientRect().height"
        folded = browser.execute_script(height, solution)
        button = "arguments[0].querySelector('.toggle-button, summary, button').click()"
        browser.execute_script(button, solution)
        assert browser.execute_script(height, solution) > folded
