"""The heat maps in Chromium, from a file, without network: each control by mouse and keyboard beside Python's."""

import base64
import io
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import infodecomp as idc
from infodecomp import plot
from infodecomp.captions import units
from infodecomp.integrate import Logistic, uniform
from infodecomp.scenes.grammar import FUNCTION

CAPTION = 'a red owl above <b onclick="boom()">one</b> red קקדו 🦜'
WORDS = ["red", "owl", 'onclick="boom()">one</b', "red (2)", "קקדו"]
H, W, K = 12, 16, 20  # 320 pixels wide
HEAD = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>t</title>'
PAGE = f'<!doctype html><html lang="en">{HEAD}<main><h1>t</h1>{{}}</main>'


class Truth:
    """The widget's state and what its canvas should show, computed here."""

    def __init__(self):
        random = torch.Generator().manual_seed(0)
        picture = torch.randint(0, 256, (4 * H, 4 * W, 3), generator=random, dtype=torch.uint8)
        self.picture = Image.fromarray(picture.numpy())
        x = torch.rand(1, 3, H, W, generator=random) - 0.5
        signs = [
            idc.pointwise_information(
                *(lambda z, logsnr, c: z * (0.5 if c is None else c), x, torch.tensor([[[[s]]]])),
                **{"kind": k, "samples": 200, "proposal": Logistic(clip=6.0)},  # many: few draws carry these
            )
            for s in (0.45, 0.4, 0.6, 0.55, 0.3)
            for k in ("orthogonal", "standard")
        ]
        self.maps = {
            "iᵒ": dict(zip(WORDS, signs[::2], strict=True)),
            "iˢ": dict(zip(WORDS, signs[1::2], strict=True)),
        }
        attention = {w: torch.rand(H, W, generator=random) for w in WORDS[:-1]}  # the last word has none
        exact = {"iᵒ": dict(zip(WORDS, signs[2::2], strict=False))}
        given = {"caption": CAPTION, "exact": exact, "attention": attention, "word": "red"}
        self.widget = idc.HeatMaps(self.picture, self.maps, **given)

    def shown(self, word, kind, *, shared=True, hide=False, **look):
        """What the canvas should show, (H·K, W·K, 3), and where twelve bits tell whether it is hidden."""
        layer = self.widget._shown.kinds[kind][word]
        low, high = self.widget.scale(kind, None if shared else word)
        beyond = np.abs(layer["map"]) - 2 * layer["error"] if hide else np.full((H, W), np.inf)
        known = np.abs(beyond) > (high - low) / 1000
        seen = plot.overlay(self.picture, layer["map"], high, signed=low < 0, clear=beyond <= 0, **look)
        return np.asarray(seen, float), known.repeat(K, 0).repeat(K, 1)


@pytest.fixture(scope="module")
def truth():
    return Truth()


@pytest.fixture
def page(browser, truth, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(PAGE.format(truth.widget.html()), encoding="utf-8")
    browser.get_log("browser")
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 1000, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    )
    browser.get(file.as_uri())
    painted(browser)
    yield browser
    assert browser.get_log("browser") == []


def painted(browser):
    """Wait until each picture is loaded, which gives its canvas a size that a new one does not have."""
    sizes = "return [...document.querySelectorAll('.heatmaps .picture canvas')].map((c) => [c.width, c.height])"
    WebDriverWait(browser, 60).until(lambda b: (found := b.execute_script(sizes)) and [300, 150] not in found)


def canvas(browser, k=0):
    url = browser.execute_script("return document.querySelectorAll('.picture canvas')[arguments[0]].toDataURL()", k)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"), float)


def agrees(browser, truth, **state):
    expected, known = truth.shown(**state)
    shown = canvas(browser)
    assert shown.shape == (H * K, W * K, 3)
    return np.abs(shown - expected)[known].max() <= 4  # a step of the colours more or less


def radio(browser, name, value):
    return next(
        i
        for i in browser.find_elements(By.CSS_SELECTOR, "input[type=radio]")
        if i.get_attribute("name").endswith(f"-{name}") and i.get_attribute("value") == value
    )


def box(browser, text):
    return next(
        label.find_element(By.TAG_NAME, "input")
        for label in browser.find_elements(By.TAG_NAME, "label")
        if text in label.text
    )


def opacity(browser, value):
    browser.execute_script(
        "const o = document.querySelector('[type=range]'); o.value = arguments[0]; o.dispatchEvent(new Event('input'))",
        value,
    )


def test_every_word_and_kind_by_mouse(page, truth):
    for kind, word in itertools.product(truth.widget.kinds, WORDS):
        radio(page, "word", word).click()
        radio(page, "kind", kind).click()
        if word in truth.widget._shown.kinds[kind]:
            assert agrees(page, truth, word=word, kind=kind), (word, kind)
        else:
            assert "not given" in page.find_element(By.TAG_NAME, "output").text


def choose(browser, value):
    """Choose the second word."""
    browser.execute_script(
        "const s = document.querySelector('select'); s.value = arguments[0]; s.dispatchEvent(new Event('change'))",
        value,
    )


def test_controls_by_mouse(page, truth):
    radio(page, "word", "owl").click()
    page.find_element(By.TAG_NAME, "summary").click()
    box(page, "one colour scale").click()
    assert agrees(page, truth, word="owl", kind="iᵒ", shared=False)
    assert not agrees(page, truth, word="owl", kind="iᵒ")
    box(page, "smooth").click()
    assert agrees(page, truth, word="owl", kind="iᵒ", shared=False, smooth=True)
    radio(page, "kind", "iˢ").click()
    box(page, "√ scale").click()
    assert agrees(page, truth, word="owl", kind="iˢ", shared=False, smooth=True, root=True)
    box(page, "hide").click()
    state = {"word": "owl", "kind": "iˢ", "shared": False, "smooth": True, "root": True, "hide": True}
    assert agrees(page, truth, **state)
    under = plot.greyed(truth.picture.resize((W * K, H * K), Image.Resampling.NEAREST))
    hidden = np.abs(canvas(page) - under).max(2) <= 1
    assert 0.05 < hidden.mean() < 0.95  # hidden cells show the picture
    opacity(page, 0.4)
    assert agrees(page, truth, **state, opacity=0.4)
    opacity(page, 0)
    assert np.abs(canvas(page) - under).max() <= 1


def test_original_and_map_by_one_toggle(page, truth):
    box(page, "original picture").click()
    large = truth.picture.resize((W * K, H * K), Image.Resampling.NEAREST)
    assert np.array_equal(canvas(page), np.asarray(large, float))
    assert page.find_element(By.TAG_NAME, "output").text == ""
    assert "The picture" in page.find_element(By.CSS_SELECTOR, ".picture canvas").get_attribute("aria-label")
    box(page, "original picture").click()
    assert agrees(page, truth, word="red", kind="iᵒ")


def test_two_words_side_by_side(page, truth):
    second = page.find_elements(By.CSS_SELECTOR, "figure")[1]
    assert not second.is_displayed()
    choose(page, "owl")
    assert second.is_displayed()
    assert agrees(page, truth, word="red", kind="iᵒ")
    expected, _ = truth.shown("owl", "iᵒ")
    assert np.abs(canvas(page, 1) - expected).max() <= 4
    first = page.find_elements(By.CSS_SELECTOR, "figure")[0]
    assert first.rect["y"] == second.rect["y"] and first.rect["x"] + first.rect["width"] <= second.rect["x"]
    assert [f.text for f in (first, second)] == ["red", "owl"]
    ActionChains(page).move_to_element(second.find_element(By.TAG_NAME, "canvas")).perform()
    assert page.find_element(By.TAG_NAME, "output").text.startswith("owl, iᵒ: row")
    choose(page, "")
    assert not second.is_displayed()


def test_a_word_under_the_pointer_shows_its_map(page, truth):
    label = radio(page, "word", "owl").find_element(By.XPATH, "..")
    ActionChains(page).move_to_element(label).perform()
    assert agrees(page, truth, word="owl", kind="iᵒ") and radio(page, "word", "red").is_selected()
    ActionChains(page).move_to_element(page.find_element(By.TAG_NAME, "h1")).perform()
    assert agrees(page, truth, word="red", kind="iᵒ")
    ActionChains(page).send_keys(Keys.TAB).perform()  # so that the focus is seen
    page.execute_script("arguments[0].focus()", radio(page, "word", "owl"))
    assert agrees(page, truth, word="owl", kind="iᵒ")
    page.execute_script("arguments[0].blur()", radio(page, "word", "owl"))
    assert agrees(page, truth, word="red", kind="iᵒ")


def test_every_control_says_what_it_does(page):
    controls = ".kinds label, .looks label, .looks button, fieldset.caption"
    titles = [c.get_attribute("title") for c in page.find_elements(By.CSS_SELECTOR, controls)]
    assert len(titles) >= 12
    assert [t for t in titles[4:] if not t] == []  # these kinds have names of their own


SAVED = """
const done = arguments[0];
HTMLAnchorElement.prototype.click = function () {
  const name = this.download;
  const reader = new FileReader();
  reader.onload = () => done([name, reader.result]);
  fetch(this.href).then((answer) => answer.blob()).then((blob) => reader.readAsDataURL(blob));
};
document.querySelector(".looks button").click();
"""


def test_what_is_seen_is_saved_as_png(page, truth):
    choose(page, "owl")
    name, data = page.execute_async_script(SAVED)
    assert name == "heat-map-red.png" and data.startswith("data:image/png;base64,")
    saved = np.asarray(Image.open(io.BytesIO(base64.b64decode(data.split(",")[1]))).convert("RGB"), float)
    for k in (0, 1):
        left = 12 + k * (W * K + 12)
        assert np.array_equal(saved[32 : 32 + H * K, left : left + W * K], canvas(page, k))
    assert saved[32 + H * K :].min() < 100  # the bar and its numbers


def test_controls_by_keyboard(page, truth):
    """Tab reaches everything; arrow keys choose words and kinds, move the slider and read cells; space toggles."""
    press = lambda *keys: ActionChains(page).send_keys(*keys).perform()  # noqa: E731
    active = lambda: page.switch_to.active_element  # noqa: E731
    page.find_element(By.TAG_NAME, "h1").click()
    press(Keys.TAB)
    assert active().tag_name == "canvas"
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert page.execute_script(outline) == "solid"
    press(Keys.ARROW_RIGHT)
    press(Keys.ARROW_UP)
    estimate = truth.maps["iᵒ"]["red"]
    value, error = (m[0, H // 2 - 1, W // 2].item() for m in (estimate.map, estimate.map_stderr))
    text = page.find_element(By.TAG_NAME, "output").text
    assert f"row {H // 2}, column {W // 2 + 1}: " in text
    read, read_error = (float(part) for part in text.replace("−", "-").split(": ")[-1].split(" nats")[0].split(" ± "))
    assert abs(read - value) < 0.1 * error and abs(read_error - error) < 0.06 * error
    press(Keys.ESCAPE)
    assert "point at a cell" in page.find_element(By.TAG_NAME, "output").text
    press(Keys.TAB, Keys.ARROW_RIGHT)
    assert active().get_attribute("value") == "iˢ"
    press(Keys.TAB, Keys.ARROW_RIGHT)
    assert active().get_attribute("value") == "owl"
    press(Keys.TAB, Keys.SPACE, Keys.SPACE)
    assert "original" in active().find_element(By.XPATH, "..").text
    press(Keys.TAB)
    assert active().tag_name == "select"
    press(Keys.TAB)
    assert active().tag_name == "button"
    press(Keys.TAB, Keys.SPACE)
    assert active().tag_name == "summary"
    press(Keys.TAB, Keys.END)
    state = {"word": "owl", "kind": "iˢ", "opacity": 1}
    assert agrees(page, truth, **state)
    for name, value in {"shared": False, "root": True, "smooth": True, "hide": True}.items():
        press(Keys.TAB, Keys.SPACE)
        state[name] = value
        assert agrees(page, truth, **state), state


def test_pointing_reads_a_cell(page, truth):
    picture = page.find_element(By.CSS_SELECTOR, ".picture canvas")
    ActionChains(page).move_to_element_with_offset(picture, -picture.size["width"] // 2 + 5, 0).perform()
    assert "column 1:" in page.find_element(By.TAG_NAME, "output").text
    ActionChains(page).move_to_element(page.find_element(By.TAG_NAME, "h1")).perform()
    assert "point at a cell" in page.find_element(By.TAG_NAME, "output").text


def test_numbers_on_words_and_colour_bar(page, truth):
    label = radio(page, "word", "owl").find_element(By.XPATH, "..")
    for kind in ("iᵒ", "iˢ"):
        estimate = truth.maps[kind]["owl"]
        text = f"{kind} {estimate.nats.item():.2f} ± {estimate.stderr.item():.2f}".replace("-", "−")
        assert text in label.text
    ticks = [float(t.text) for t in page.find_elements(By.CSS_SELECTOR, ".ticks span")[:3]]
    assert np.allclose(ticks, np.linspace(*truth.widget.scale("iᵒ"), 3), rtol=0.06)


def test_caption_is_text(page):
    shown = page.find_element(By.CSS_SELECTOR, "fieldset.caption")
    for token in CAPTION.split():
        assert token in shown.text
    assert page.execute_script("return document.querySelectorAll('.heatmaps b, [onclick]').length") == 0
    assert page.execute_script("return getComputedStyle(document.querySelector('bdi')).unicodeBidi") == "isolate"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(page, complaints, scheme):
    colours = {"light": ("white", "black"), "dark": ("#121212", "#eee")}[scheme]
    page.execute_script("[document.body.style.background, document.body.style.color] = arguments", *colours)
    assert complaints() == []


def test_static_twin_in_print_and_without_scripts(page):
    visible = "return getComputedStyle(document.querySelector(arguments[0])).display !== 'none'"
    for medium, image in (("screen", False), ("print", True)):
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium})
        assert page.execute_script(visible, ".static") == image
        assert page.execute_script(visible, ".idc-live") != image
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    page.refresh()
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert page.execute_script(visible, ".static")
    assert page.execute_script("return document.querySelector('.static').naturalWidth") > 400


def test_ten_on_a_page(browser, tmp_path, capsys):
    """Under 1 MB, no two share state; how long a change takes is printed."""
    model, exact = idc.load("scenes-net"), idc.load("scenes")
    pages = []
    for i, scene in enumerate(idc.scenes.scenes()[1000::2700][:10]):
        picture, caption = idc.scenes.render(scene), idc.scenes.captions(scene)[-1]
        words = [at for at, _, word in units(caption, model.phrases) if word not in FUNCTION]
        found = [idc.word_maps(m, picture, caption, words, samples=2, seed=i) for m in (model, exact)]
        pages.append(idc.HeatMaps(picture, found[0], exact=found[1]).html())
    file = tmp_path / "ten.html"
    file.write_text(PAGE.format("".join(pages)), encoding="utf-8")
    size = file.stat().st_size
    browser.get(file.as_uri())
    painted(browser)
    times = browser.execute_script(
        """const times = [];
        for (let round = 0; round < 5; round++)
          for (const input of document.querySelectorAll(".heatmaps .word input, [type=checkbox]")) {
            const start = performance.now();
            input.click();
            document.querySelector("canvas").getContext("2d").getImageData(0, 0, 1, 1);
            times.push(performance.now() - start);
          }
        return times;"""
    )
    checked = "return [...document.querySelectorAll('.heatmaps[data-done]')].map(r => r.querySelectorAll({}).length)"
    assert browser.execute_script(checked.format("'figure:not([hidden]) canvas'")) == [1] * 10
    assert browser.execute_script(checked.format("'.word input:checked'")) == [1] * 10
    with capsys.disabled():
        middle, slow = np.percentile(times, [50, 99])
        print(f"\nten heat maps: {size / 1000:.0f} kB; a change takes {middle:.1f} ms (median), {slow:.1f} ms (99 %)")
    assert size < 1_000_000


def opened(browser, tmp_path, page, phone=False):
    """A page of widgets, on a desktop or on a phone that is touched."""
    file = tmp_path / "opened.html"
    file.write_text(PAGE.format(page), encoding="utf-8")
    width, height = (390, 844) if phone else (1000, 800)
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": phone})
    browser.get(file.as_uri())
    painted(browser)


@pytest.fixture(scope="module")
def scene():
    """Maps of a scene, of the network beside the exact denoiser."""
    scene = idc.scenes.scenes()[12345]
    picture, caption = idc.scenes.render(scene), idc.scenes.captions(scene)[-1]
    return [idc.word_maps(idc.load(name), picture, caption, samples=16) for name in ("scenes-net", "scenes")]


def test_it_opens_on_a_telling_word_with_badges_and_counted_nats(browser, scene, tmp_path):
    widget = idc.HeatMaps(scene[0], exact=scene[1], kind="CMI")
    opened(browser, tmp_path, widget.html())
    assert widget.word not in FUNCTION
    assert browser.find_element(By.CSS_SELECTOR, ".word input:checked").get_attribute("value") == widget.word
    net = scene[0]
    starts = {"the": 0, "moon": net.words.index("moon")}
    for word, k in starts.items():
        text = radio(browser, "word", word).find_element(By.XPATH, "..").text
        near = [abs(e.nats.item()) <= 2 * e.stderr.item() for e in (net.mi[k], net.cmi[k])]
        assert text.count("within 2 s.e. of 0") == sum(near)
        assert f"counted {net.counted['mi'][k]:.2f}" in text and "exact" not in text
    labels = [label.text for label in browser.find_elements(By.CSS_SELECTOR, ".kinds label")]
    assert labels[:2] == ["MI, alone", "CMI, given the rest"]
    assert labels[2:] == ["MI, alone (exact denoiser)", "CMI, given the rest (exact denoiser)"]
    marks = browser.execute_script(
        "return [...document.querySelectorAll('.word:has(input[value=moon]) .track')].map(t => t.lastChild.className)"
    )
    assert marks == ["exact", "exact"]


def test_bars_of_both_signs_stand_on_a_line_at_zero(browser, tmp_path):
    """As the parts of two words have, of which one may be negative."""
    draws = idc.nll(idc.exact.Gaussian(torch.zeros(1, 2, 2), 1.0), torch.ones(1, 1, 2, 2), samples=20)
    picture, signed = Image.new("RGB", (4, 4), (90, 90, 90)), {"redundancy": draws, "synergy": -draws}
    opened(browser, tmp_path, idc.HeatMaps(picture, {"minimum": signed}).html())
    bars = browser.execute_script(
        """return [...document.querySelectorAll(".track")].map(
        (track) => [".zero", ".fill"].map((part) => track.querySelector(part).getBoundingClientRect())
                                     .flatMap((box) => [box.left, box.right]))"""
    )
    (line, _, left, right), (other, _, low, high) = bars
    assert abs(line - left) < 1.5 < right - left and abs(other - high) < 1.5 < high - low
    texts = [text.text for text in browser.find_elements(By.CSS_SELECTOR, ".word .total")]
    assert "−" not in texts[0] and texts[1].startswith("minimum −")
    opened(browser, tmp_path, idc.HeatMaps(picture, {"MI": {"a": replace(draws, stderr=draws.stderr * 0)}}).html())
    assert not browser.find_elements(By.CSS_SELECTOR, ".track .zero")


def test_a_cell_of_zero_shows_the_picture(browser, tmp_path):
    """And the colour bar begins with the picture's mean grey."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8))
    signed = torch.tensor([[0.0, 1.0], [0.0, -1.0]])
    opened(browser, tmp_path, idc.HeatMaps(picture, {"MI": {"a": signed.abs()}, "iˢ": {"a": signed}}).html())
    under = plot.greyed(picture).repeat(80, 0).repeat(80, 1)
    bar = "document.querySelector('.scale canvas').getContext('2d')"
    first = f"return [...{bar}.getImageData(arguments[0], 0, 1, 1).data]"
    for kind, zero in (("MI", 0), ("iˢ", 127)):
        radio(browser, "kind", kind).click()
        assert np.abs(canvas(browser) - under)[:, :160].max() <= 1
        assert np.abs(canvas(browser) - under)[:, 160:].max() > 50
        mean = browser.execute_script(first, zero)[:3]
        assert np.abs(np.array(mean) - under.mean((0, 1))).max() <= 2


def test_on_a_phone_the_picture_stays_in_sight(browser, scene, tmp_path):
    opened(browser, tmp_path, idc.HeatMaps(scene[0], exact=scene[1]).html(), phone=True)
    touched = "label.word, label.kind, .looks label, .looks :is(button, select, summary)"
    inputs = [i for i in browser.find_elements(By.CSS_SELECTOR, touched) if i.is_displayed()]
    sizes = browser.execute_script(
        "return arguments[0].map(i => i.getBoundingClientRect()).map(r => Math.min(r.width, r.height))", inputs
    )
    assert len(sizes) > 15 and min(sizes) >= 43.5
    last = browser.find_elements(By.CSS_SELECTOR, ".word input")[-1]
    browser.execute_script("arguments[0].scrollIntoView({block: 'end'})", last)
    box_of = "const r = arguments[0].getBoundingClientRect(); return [r.top, r.bottom]"
    top, bottom = browser.execute_script(box_of, browser.find_element(By.CSS_SELECTOR, ".picture canvas"))
    word_top, word_bottom = browser.execute_script(box_of, last)
    assert browser.execute_script("return scrollY") > 200 and 0 <= top and bottom <= word_top and word_bottom <= 845
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    behind = "return getComputedStyle(document.querySelector('.view')).backgroundColor"
    assert not browser.execute_script(behind).startswith("rgba")  # words do not shine through
    for name in ("owl", "bird"):
        if name in scene[0].words:
            browser.execute_script("arguments[0].click()", radio(browser, "word", name))
            shown = browser.find_element(By.CSS_SELECTOR, ".picture canvas").get_attribute("aria-label")
            assert f"“{name}”" in shown
    choose(browser, "moon")
    both = [f.rect for f in browser.find_elements(By.CSS_SELECTOR, "figure")]
    assert both[1]["x"] + both[1]["width"] <= 390 and both[0]["y"] == both[1]["y"]


def test_several_pictures(browser, tmp_path):
    model = idc.load("emoji")
    each = {"😎": "smiling face with sunglasses", "🐱": "cat face"}
    found = idc.word_maps(model, list(each), list(each.values()), samples=8)
    widget = idc.HeatMaps(found, kind="MI")
    opened(browser, tmp_path, widget.html())
    pictures = browser.find_elements(By.CSS_SELECTOR, ".items input")
    browser.execute_script("arguments[0].click()", pictures[1])
    painted(browser)
    widget.item = 1
    words = [w.text for w in browser.find_elements(By.CSS_SELECTOR, "label.word bdi")]
    assert words == ["cat", "face"] == widget.words
    assert browser.find_element(By.CSS_SELECTOR, ".word input:checked").get_attribute("value") == widget.word
    layer = widget._shown.kinds["MI"][widget.word]
    expected = plot.overlay(widget.picture, layer["map"], widget.scale("MI")[1], signed=widget.scale("MI")[0] < 0)
    assert np.abs(canvas(browser) - np.asarray(expected, float)).max() <= 4
    assert [p.is_selected() for p in pictures] == [False, True]


def test_a_film_is_a_slider_over_samples(browser, tmp_path):
    model = idc.load("emoji")
    film = [idc.word_maps(model, "🐱", "cat face", samples=n) for n in (4, 40)]
    opened(browser, tmp_path, idc.HeatMaps(film).html())
    before = canvas(browser)
    slider = browser.find_element(By.CSS_SELECTOR, ".film input")
    ActionChains(browser).click(slider).send_keys(Keys.END).perform()
    painted(browser)
    assert browser.find_element(By.CSS_SELECTOR, ".film .samples").text == "40"
    assert slider.get_attribute("aria-valuetext") == "40 samples" and not np.array_equal(before, canvas(browser))


def test_a_film_is_a_slider_over_log_snr(browser, tmp_path):
    model, ends = idc.load("emoji"), ((-9, -5), (-5, -1))
    film = [idc.word_maps(model, "🐱", "cat face", samples=8, proposal=uniform(*end)) for end in ends]
    opened(browser, tmp_path, idc.HeatMaps(film).html())
    before = canvas(browser)
    slider = browser.find_element(By.CSS_SELECTOR, ".film input")
    ActionChains(browser).click(slider).send_keys(Keys.END).perform()
    painted(browser)
    assert browser.find_element(By.CSS_SELECTOR, ".film").text.startswith("log-SNR")
    assert slider.get_attribute("aria-valuetext") == "−5.0 to −1.0 log-SNR"
    assert not np.array_equal(before, canvas(browser))


@pytest.mark.parametrize("phone", [False, True])
def test_the_small_form(browser, complaints, tmp_path, phone, capsys):
    """A picture, its words with what was counted, a colour bar; light, and clean for a screen reader."""
    found = idc.word_maps(idc.load("emoji"), "😎", "smiling face with sunglasses", samples=40)
    page = idc.HeatMaps(found, kind="CMI", small=True).html()
    opened(browser, tmp_path, page, phone)
    words = [w.text.split("\n") for w in browser.find_elements(By.CSS_SELECTOR, "label.word")]
    assert words == [
        ["smiling", "0.00 nats"],
        ["face", "0.00 nats"],
        ["with", "0.00 nats"],
        ["sunglasses", "2.40 nats"],
    ]
    assert browser.find_elements(By.CSS_SELECTOR, ".looks, .kinds") == []
    radio(browser, "word", "smiling").click()
    output = browser.find_element(By.TAG_NAME, "output").text
    assert "counted 0.00" in output and "within two standard errors of zero" in output
    assert complaints() == []
    with capsys.disabled():
        print(f"\nsmall form: {len(page.encode()) / 1000:.0f} kB")
    assert len(page.encode()) < 60_000


def test_a_caption_cannot_swallow_the_rest_of_a_page(browser, tmp_path):
    """After these two a browser's parser sees no end of a script, where they stand in one as they are."""
    caption = "<!-- <script>"
    widget = idc.HeatMaps(Image.new("RGB", (W, H)), {"iᵒ": dict.fromkeys(caption.split(), torch.ones(H, W))}, caption)
    file = tmp_path / "swallow.html"
    file.write_text(PAGE.format(widget.html() + "<p id=after>after</p>"), encoding="utf-8")
    browser.get(file.as_uri())
    assert browser.find_element(By.ID, "after").text == "after"
    assert [e.text for e in browser.find_elements(By.CSS_SELECTOR, ".idc-live bdi")] == caption.split()
