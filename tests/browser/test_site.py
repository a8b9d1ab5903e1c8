"""The built site asks the network for nothing, its links lead somewhere, it fits a desktop and a phone."""

import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"
REDIRECTS_AND_TOOLS = {"index.html", "search.html", "genindex.html", "prf-prf.html", "py-modindex.html"}
TEACH = SITE / "teach"  # of `make teach`, which test_teach.py reads
PAGES = sorted(p for p in SITE.rglob("*.html") if "_static" not in p.parts and TEACH not in p.parents)
CHAPTERS = [p for p in PAGES if p.name not in REDIRECTS_AND_TOOLS]
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "embed": "src"}
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}

WIDE_EQUATIONS = """
    const right = element => element.getBoundingClientRect().right;
    return [...document.querySelectorAll('mjx-container')]
        .filter(box => box.offsetWidth && right(box.querySelector('mjx-math')) > right(box) + 2)
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
        if TEACH in target.parents and not TEACH.exists():
            continue
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
def test_chapter_offers_download_and_colab_once_the_address_is_known(page):
    """No page has a button or a link to a repository that `make repository` has not named."""
    known = "/OWNER/" not in (ROOT / "_config.yml").read_text(encoding="utf-8")
    notebook = SITE / "_sources" / "book" / f"{page.stem}.ipynb"
    if notebook.exists():
        links = [link["href"] for link in soup(page).select(".article-header-buttons a[href]")]
        assert any(h.startswith("https://colab.") and h.endswith(f"/book/{page.stem}.ipynb") for h in links) == known
        assert any(h.endswith(f"_sources/book/{page.stem}.ipynb") for h in links)
    assert not [link for link in soup(page).select("a[href]") if "/OWNER/" in link["href"]]


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


# ---- what the first screen and the pages promise ----


def test_home_page_opens_with_a_word_and_four_doors(browser):
    open_page(browser, SITE / "book" / "00-preface.html", "desktop")
    widget = "return document.querySelector('.heatmaps[data-done]')"
    assert browser.execute_script(f"{widget}.getBoundingClientRect().top + scrollY") < 900
    doors = browser.execute_script(
        "return [...document.querySelectorAll('.sd-card a.sd-stretched-link')].map(a => a.href)"
    )
    assert [Path(urlsplit(door).path).stem for door in doors] == [
        "00-counting",
        "13-stable-diffusion",
        "emoji-lab",
        "lab",
    ]


def test_sliders_of_a_chapter_move_without_a_kernel(browser):
    open_page(browser, SITE / "book" / "01-channel.html", "desktop")
    source = "return document.querySelector('.sliders-live img').src"
    before = browser.execute_script(source)
    browser.find_element("css selector", ".sliders-live input").send_keys(Keys.ARROW_RIGHT)
    assert browser.execute_script(source) not in ("", before)


def test_what_is_cited_is_seen_at_the_link(browser):
    """An equation of another page, a theorem of another, and a reference; typeset, and gone when the pointer is."""
    open_page(browser, SITE / "book" / "06-conditional.html", "desktop")
    for part, seen in (
        ("equation-eq-05", "mjx-container"),
        ("05-pointwise.html#thm", ".proof"),
        ("references", "i, em"),
    ):
        link = browser.find_element("css selector", f"main a.internal[href*='{part}']")
        ActionChains(browser).scroll_to_element(link).move_to_element(link).perform()
        found = f"#preview:not([hidden]) :is({seen})"
        WebDriverWait(browser, 60).until(lambda b, found=found: b.find_elements("css selector", found))
        corner = ActionBuilder(browser)  # no link is there
        corner.pointer_action.move_to_location(1, 1)
        corner.perform()
        WebDriverWait(browser, 60).until(lambda b: b.execute_script("return document.querySelector('#preview').hidden"))


def test_a_term_shows_its_meaning_and_the_index_leads_back(browser):
    open_page(browser, SITE / "book" / "17-cost.html", "desktop")
    link = browser.find_element("css selector", "main a.internal[href*='glossary.html#term-proposal']")
    ActionChains(browser).scroll_to_element(link).move_to_element(link).perform()
    found = "#preview:not([hidden]) dd"
    WebDriverWait(browser, 60).until(lambda b: b.find_elements("css selector", found))
    assert "log-SNRs are drawn" in browser.find_element("css selector", found).text
    open_page(browser, SITE / "book" / "glossary.html", "desktop")
    browser.find_element("css selector", "main a[href$='genindex.html']").click()
    entries = browser.find_elements("css selector", "a[href^='book/17-cost.html#used-']")
    assert {entry.text for entry in entries} == {"What it costs"}


def test_types_in_signatures_are_links():
    signature = soup(SITE / "book" / "c-api.html").find(id="infodecomp.nll")
    links = {link.get_text(): link["href"] for link in signature.select("a.reference[href]")}
    own = {"Denoiser": "denoiser.Denoiser", "Estimate": "Estimate", "Proposal": "integrate.Proposal"}
    assert {name: links[name] for name in own} == {name: f"#infodecomp.{place}" for name, place in own.items()}
    assert links["Tensor"].endswith("#torch.Tensor")


def test_search_finds_heat_maps(browser):
    browser.get((SITE / "search.html").as_uri() + "?q=heat+map")
    found = "return [...document.querySelectorAll('#search-results li a')].map(a => a.getAttribute('href'))"
    WebDriverWait(browser, 60).until(lambda b: b.execute_script(found))
    assert any("07-pixels" in address for address in browser.execute_script(found))


def test_site_is_light():
    """Without source maps, with the icons that it shows, and with pages that a phone loads quickly."""
    shown = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    stale = lambda path: path.parent.name == "_images" and path.name not in shown  # noqa: E731 # of an earlier build
    sizes = {
        path.relative_to(SITE): path.stat().st_size
        for path in SITE.rglob("*")
        if path.is_file() and TEACH not in path.parents and not stale(path)
    }
    assert not [path for path in sizes if path.suffix in (".map", ".ttf")]
    icons = (SITE / "_static" / "scripts" / "fontawesome.js").read_text(encoding="utf-8")
    assert len(icons) < 200_000 and all(f'"{name}"' in icons or f"{name}:" in icons for name in ("bars", "download"))
    pages = {path.stem: size for path, size in sizes.items() if path.parts[0] == "book" and path.suffix == ".html"}
    largest = max(pages, key=lambda page: pages[page])
    print(f"site {sum(sizes.values()) / 1e6:.1f} MB, largest page {largest}: {pages[largest] / 1e3:.0f} kB")
    network, emoji = (sizes.pop(Path("_static", name)) for name in ("scenes-network.js", "emoji-48.js"))  # on a click
    assert sum(sizes.values()) < 20e6 and pages[largest] < 500e3
    assert network < 9e6 and emoji < 2.5e6
