"""What `make teach` and `make pdf` wrote: slides and sheets ask for nothing, fit, and show their formulas."""

import json
import re
from pathlib import Path

import pytest

OUT = Path(__file__).parents[2] / "_build" / "html" / "teach"
SLIDES = sorted((OUT / "slides").glob("*.html"))
PAGES = [*sorted((OUT / "sheets").glob("*.html")), *sorted((OUT / "solutions").glob("*.html"))]
MATHS = "(window.MathJax?.startup?.promise ?? Promise.resolve()).then(arguments[0])"

pytestmark = pytest.mark.skipif(not OUT.exists(), reason="make teach")


def opened(browser, page, width, height):
    """Open a page; what it asked of others than the disk, and what the browser complains about."""
    browser.get("about:blank")
    for log in ("performance", "browser"):
        browser.get_log(log)
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(page.as_uri())
    browser.execute_async_script(MATHS)
    log = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in log if m["method"] == "Network.requestWillBeSent"]
    remote = [url for url in asked if not url.startswith(("file:", "data:", "blob:", "chrome:"))]
    return remote, [e["message"] for e in browser.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]


def test_everything_is_listed():
    text = (OUT / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'href="([^"#]+)"', text)
    assert len(SLIDES) == 6 and len(PAGES) >= 38
    assert [link for link in links if not (OUT / link).resolve().is_file()] == []


@pytest.mark.parametrize("page", SLIDES, ids=lambda p: p.stem)
def test_slides(browser, page):
    assert opened(browser, page, 1120, 700) == ([], [])
    count = browser.execute_script("return Reveal.getTotalSlides()")
    assert count >= 8
    for k in range(count):
        browser.execute_script("Reveal.slide(arguments[0])", k)
        high = browser.execute_script("return Reveal.getCurrentSlide().scrollHeight")
        assert high <= 700, f"slide {k + 1} is {high} px high"
    assert browser.execute_script("return document.querySelectorAll('[data-mjx-error], mjx-merror').length") == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_sheet(browser, page):
    assert opened(browser, page, 900, 900) == ([], [])
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 900
    assert browser.execute_script("return document.querySelectorAll('[data-mjx-error], mjx-merror').length") == 0
    text = browser.execute_script("return document.querySelector('main').innerText")
    assert not re.search(r"\\[([]|\\begin\{|\{\w+\}`", text)


@pytest.mark.skipif(not (OUT / "book.pdf").exists(), reason="make pdf")
def test_pdf_is_whole_and_light():
    data = (OUT / "book.pdf").read_bytes()
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
    assert 1e6 < len(data) < 15e6
