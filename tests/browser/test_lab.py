"""The scene lab in Chromium, from a file, without network."""

import json
import math

import matplotlib
import numpy as np
import pytest
import torch
from lab_truth import asked, engine_scene, log_prob
from PIL import Image
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

import infodecomp as idc
from infodecomp.captions import units
from infodecomp.plot import POSITIVE, SIGNED
from infodecomp.scenes import grammar
from infodecomp.widget.lab import link, read, stops, world
from infodecomp.widget.page import bundle

PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>t</title><main><h1>t</h1>{}</main>'
BOOK = (
    "main { max-width: 43rem; margin: auto; padding-top: 7rem; line-height: 1.65; font-family: sans-serif }"  # as there
)


@pytest.fixture(scope="module")
def engine(browser, tmp_path_factory):
    """A page with the engine alone, which tests/test_engine.py compares with the package."""
    file = tmp_path_factory.mktemp("engine") / "page.html"
    script = f"{bundle('engine/engine.js')}\nwindow.engine = makeEngine({json.dumps(world())});"
    file.write_text(PAGE.format(f"<script>{script}</script>"), encoding="utf-8")
    browser.get_log("browser")

    def run(code, *arguments):
        if browser.current_url != file.as_uri():
            browser.get(file.as_uri())
        return browser.execute_script(code, *arguments)

    return run


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    file = tmp_path_factory.mktemp("lab") / "lab.html"
    file.write_text(PAGE.format(idc.SceneLab().html()), encoding="utf-8")
    assert file.stat().st_size < 300_000
    return file


@pytest.fixture
def page(browser, file):
    metrics = {"width": 1000, "height": 1400, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(file.as_uri())
    yield browser
    assert browser.get_log("browser") == []


def samples(page, least=32):
    """Wait for this many samples; how many there are."""
    count = "return Number(document.querySelector('.lab-live').dataset.samples)"
    return WebDriverWait(page, 60, 0.05).until(lambda p: (n := p.execute_script(count)) >= least and n)


def numbers(page):
    """{row: text} of the numbers shown."""
    code = "return [...document.querySelectorAll('.numbers tr')].map((r) => [...r.children].map((c) => c.textContent))"
    return dict(page.execute_script(code))


def value(text):
    return [float(part.replace("∞", "inf")) for part in text.removesuffix(" nats").replace("−", "-").split(" ± ")]


def pixels(page, selector):
    """(n, 32, 32, 3) of the canvases that match."""
    code = """const read = new OffscreenCanvas(32, 32).getContext("2d", {willReadFrequently: true});
    read.globalCompositeOperation = "copy";
    return [...document.querySelectorAll('.lab-live ' + arguments[0])].map((c) => {
        read.drawImage(c, 0, 0);
        return [...read.getImageData(0, 0, 32, 32).data];
    })"""
    return np.array(page.execute_script(code, selector)).reshape(-1, 32, 32, 4)[..., :3]


def more(page):
    """Opens what is hidden at first."""
    page.find_element(By.CSS_SELECTOR, ".more > summary").click()


def screen(page, width, height, touch=False):
    """A window of this size, or a phone's; in the book's column."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": touch})
    page.execute_script(
        "document.head.append(Object.assign(document.createElement('style'), {textContent: arguments[0]}))", BOOK
    )


def boxes(page, selector):
    """[(left, top, right, bottom)] of what is seen of a selector in the window."""
    code = """return [...document.querySelectorAll('.lab-live ' + arguments[0])].filter((e) => e.checkVisibility()).map(
        (e) => e.getBoundingClientRect()).map((b) => [b.left, b.top, b.right, b.bottom])"""
    return np.array(page.execute_script(code, selector)).reshape(-1, 4)


def radio(page, field, chosen):
    return next(
        i
        for i in page.find_elements(By.CSS_SELECTOR, f".lab-live input[name$='-{field}']")
        if i.get_attribute("value") == str(chosen)
    )


def state(page):
    return read(page.execute_script("return document.querySelector('a.link').hash").removeprefix("#lab:"))


@pytest.mark.parametrize("number", range(7))
def test_guided_stop(page, number):
    """Each stop sets the lab, shows question and answer, and its estimates meet the exact number."""
    stop, chosen = stops()[number], read(stops()[number]["state"])
    radio(page, "stop", number).click()
    assert page.execute_script("return document.querySelector('a.link').hash") == f"#lab:{stop['state']}"
    panel = page.find_element(By.CSS_SELECTOR, ".stop")
    assert stop["question"] in panel.text and stop["answer"] not in panel.text
    panel.find_element(By.TAG_NAME, "summary").click()
    assert stop["answer"] in panel.text
    samples(page, 1600 if number == 3 else 640)
    found = numbers(page)
    place = units(chosen["text"], grammar.PHRASES)[chosen["word"]]
    exact = value(found["exact, by counting"])[0]
    if number == 3:
        assert exact == -math.inf
        exact = value(found["exact, of blurred pictures"])[0]
        assert f"{exact:,.0f}".replace("-", "−") in stop["answer"] and value(found["i°, estimated"])[0] > 10_000
    elif chosen["question"] == "order":
        assert exact == pytest.approx(math.log(4), abs=5e-4)
    else:
        y, given = asked(chosen["text"], chosen["question"], place)
        log_prob_less = log_prob(chosen["scene"], given)
        assert exact == pytest.approx(log_prob(chosen["scene"], y) - log_prob_less, abs=5e-4)
    nats, error = value(found["iˢ, estimated"])
    assert abs(nats - exact) < 4 * error and 0 < error and (number != 3 or nats < -3 * error)


def press(page, text):
    next(b for b in page.find_elements(By.TAG_NAME, "button") if b.text.startswith(text)).click()


def pause(page):
    page.execute_script("for (const b of document.querySelectorAll('button')) if (b.textContent === 'pause') b.click()")
    WebDriverWait(page, 60).until(lambda p: p.find_element(By.CSS_SELECTOR, ".lab-live[data-paused=true]"))


def test_same_link_same_numbers(page, file, engine):
    """What the page shows after n samples is what its engine says of the state in the link, each time it is opened."""
    address = f"{file.as_uri()}#lab:{stops()[0]['state'].replace('seed=0', 'seed=12')}"
    for _ in range(2):
        page.get("about:blank")
        page.get(address)
        samples(page, 64)
        pause(page)
        count, shown, chosen = samples(page), numbers(page), state(page)
        while samples(page) != count:  # an answer was on its way
            count, shown = samples(page), numbers(page)
        code = """const [scene, text, seed, count] = arguments, e = engine.estimator(scene, text, seed);
        for (let i = 0; i < count; i++) e.step();
        return ["standard", "orthogonal"].map((kind) => e.totals(kind)[e.names.indexOf("CMI 1")])"""
        by_engine = engine(code, engine_scene(chosen["scene"]), chosen["text"], chosen["seed"], count)
        for row, expected in zip(("iˢ, estimated", "i°, estimated"), by_engine, strict=True):
            assert value(shown[row]) == pytest.approx(expected, abs=5.1e-4)
    page.get(file.as_uri())
    scene = idc.scenes.scenes()[777]
    text = idc.scenes.captions(scene)[3]
    changed = link(scene, text, 2, "MI", "standard", 4, -7.5)
    page.execute_script("location.hash = '#lab:' + arguments[0]", changed)
    WebDriverWait(page, 60).until(lambda p: state(p) == read(changed))
    more(page)
    noun = Select(page.find_element(By.CSS_SELECTOR, "select[aria-label^=first]"))
    WebDriverWait(page, 60).until(lambda p: noun.first_selected_option.text == scene.first.noun)  # once it is unfolded
    page.get(file.as_uri() + "#lab:text=nonsense")
    page.refresh()
    samples(page)
    assert "could not be read" in page.find_element(By.CSS_SELECTOR, ".stop").text
    assert state(page)["text"] == "the red cat left of the blue boat"


@pytest.mark.parametrize("way", ["CMI", "MI"])
@pytest.mark.parametrize("kind", ["orthogonal", "standard"])
def test_words_and_map_show_the_numbers(page, engine, kind, way):
    """Text and marks of every word beside Python's exact nats; the map's colours beside the engine's map."""
    radio(page, "stop", 0).click()
    more(page)
    radio(page, "kind", kind).click()
    radio(page, "ask", way).click()
    samples(page, 64)
    pause(page)
    until_shown(page, f"{way} 1")
    chosen, count, shown, marks = state(page), samples(page), bars(page), pixels(page, "canvas[role=application]")[0]
    code = """const [scene, text, seed, count, kind, name] = arguments, e = engine.estimator(scene, text, seed);
    for (let i = 0; i < count; i++) e.step();
    return [[...e.view(name, kind).map], e.names, e.totals(kind)]"""
    arguments = engine_scene(chosen["scene"]), chosen["text"], chosen["seed"], count, kind, f"{way} 1"
    values, names, totals = engine(code, *arguments)
    truth = counted(chosen, way)
    totals = [totals[names.index(f"{way} {i}")] for i in range(len(truth))]
    reach = max(max(truth), *(nats for nats, _ in totals))
    for (text, left, width), exact, (nats, error) in zip(shown, truth, totals, strict=True):
        assert text == f"{nats:.2f} ± {error:.2f}counted {abs(exact):.3f}".replace("-0.00", "0.00").replace("-", "−")
        assert left == pytest.approx(100 * exact / reach, abs=0.01)
        assert width == pytest.approx(100 * max(0, nats) / reach, abs=0.01)
    values, high = np.array(values).reshape(32, 32), max(np.abs(values))
    index = {"orthogonal": values / high, "standard": (values / high + 1) / 2}[kind] * 255
    colours = {"orthogonal": POSITIVE, "standard": SIGNED}[kind]
    near = [matplotlib.colormaps[colours](np.clip(np.floor(index + d), 0, 255).astype(int)) for d in (0.49, 0.51)]
    error = np.min([np.abs((c[..., :3] * 255).round() - marks) for c in near], 0)
    assert error.max() <= 1


def bars(page):
    """[(text, place of the mark, length of the bar)] of each word, in percent."""
    code = """return [...document.querySelectorAll('.lab-live .word .total')].map((t) => [t.textContent,
        parseFloat(t.querySelector('.exact')?.style.left), parseFloat(t.querySelector('.fill').style.width)])"""
    return page.execute_script(code)


def counted(chosen, way):
    """Exact nats of each word of a state, by Python."""
    places = units(chosen["text"], grammar.PHRASES)
    pairs = [asked(chosen["text"], way, place) for place in places]
    return [idc.scenes.information(chosen["scene"], *(part or "" for part in pair)) for pair in pairs]


def until_shown(page, name):
    """Waits until the map is that of a question."""
    code = "return document.querySelector('canvas[role=application]').dataset.shown"
    WebDriverWait(page, 60, 0.02).until(lambda p: p.execute_script(code) == name)


def shown_map(page):
    """Values from −1 to 1 of the map as its colours show it."""
    table = (matplotlib.colormaps[SIGNED](np.arange(256))[:, :3] * 255).round()
    seen = pixels(page, "canvas[role=application]")[0].reshape(-1, 1, 3).astype(float)
    return np.square(seen - table).sum(2).argmin(1) / 127.5 - 1


def test_a_click_on_a_word_asks_for_it_and_shows_its_map(page, file, engine):
    """From an old link, whose question is about no word: each click changes question and map, at once."""
    page.get("about:blank")
    old = link(read(stops()[0]["state"])["scene"], "the red cat left of the blue boat", 1, "caption", seed=5)
    page.get(f"{file.as_uri()}#lab:{old}")
    samples(page, 128)
    pause(page)
    chosen, count, seen = state(page), samples(page), {}
    assert not any(radio(page, "word", i).is_selected() for i in range(7))  # else a click on it would do nothing
    for word in (1, 5, 1):
        radio(page, "word", word).click()
        assert state(page) == chosen | {"word": word, "question": "CMI"}
        until_shown(page, f"CMI {word}")
        seen[word] = shown_map(page)
    heading = page.find_elements(By.CSS_SELECTOR, ".stage h3")[1].text
    assert heading == "“red” given the rest"
    code = """const [scene, text, seed, count] = arguments, e = engine.estimator(scene, text, seed);
    for (let i = 0; i < count; i++) e.step();
    return [1, 5].map((word) => [...e.view(`CMI ${word}`, "standard").map])"""
    maps = engine(code, engine_scene(chosen["scene"]), chosen["text"], chosen["seed"], count)
    alike = np.corrcoef([seen[1], seen[5], *maps])
    assert alike[0, 2] > 0.99 and alike[1, 3] > 0.99 and abs(alike[0, 3]) < 0.2 and abs(alike[0, 1]) < 0.2


def test_bars_meet_the_counted_marks(page):
    """A lab opens with i^s, which has to: each word's bar ends within its errors of its mark."""
    samples(page, 640)
    truth = counted(state(page), "CMI")
    count = 0
    for (text, left, width), exact in zip(bars(page), truth, strict=True):
        estimated, mark = text.split("counted ")
        nats, error = value(estimated)
        assert float(mark) == pytest.approx(exact, abs=5e-4) and abs(nats - exact) <= 4 * error + 0.005
        if exact > 0.1:
            assert abs(width - left) <= (4 * error + 0.01) * left / exact
            count += 1
    assert count == 5


@pytest.mark.parametrize("number", [None, 5])
def test_the_first_screen(page, number):
    """Scene, map, Play and, before a stop says its question, the words; controls that can wait are hidden."""
    screen(page, 1280, 800)
    if number is not None:
        radio(page, "stop", number).click()
    samples(page)
    assert page.execute_script("return scrollY") == 0
    picture, map_ = boxes(page, ".stage .picture")
    assert picture[1] == map_[1] and map_[0] > picture[2] and picture[1] > 200  # side by side, below the book's title
    for selector in (".stage", "button[title]", *([".word"] if number is None else [])):
        found = boxes(page, selector)
        assert len(found) and (found[:, 3] < 800).all(), selector
    fields = page.execute_script("""return [...document.querySelectorAll('.lab-live :is(input, select, button)')]
        .filter((e) => e.checkVisibility()).map((e) => e.name?.split('-').at(-1) || e.textContent)""")
    network = "Ask the trained network too (8.6 MB)"
    assert set(fields) == {"stop", "Play", "New scene", "word", "ask", network}
    more(page)
    assert len(boxes(page, "select")) >= 4 and len(boxes(page, "[name$=question]")) == 5


def test_scene_is_composed_and_caption_edited_by_clicking(page):
    more(page)
    clicks = {"layout": "stacked-near", "sky": "night", "first-colour": "green", "second-state": "anchored"}
    for field, chosen in clicks.items():
        radio(page, field, chosen).click()
    Select(page.find_element(By.CSS_SELECTOR, "select[aria-label^=first]")).select_by_visible_text("owl")
    scene = state(page)["scene"]
    things = grammar.Thing("owl", "sitting", "green"), grammar.Thing("boat", "anchored", "blue")
    assert scene == grammar.Scene(1, 0, 1, *things)
    picture = np.asarray(idc.scenes.render(scene)).astype(int)
    assert np.abs(pixels(page, ".picture canvas")[0] - picture).max() <= 1
    assert state(page)["text"] == "the green owl above the blue boat"  # the text follows the scene
    radio(page, "word", 1).click()
    Select(page.find_element(By.CSS_SELECTOR, ".edit select")).select_by_visible_text("purple")
    assert state(page)["text"] == "the purple owl above the blue boat" and state(page)["scene"] == scene
    samples(page)
    assert numbers(page)["exact, by counting"] == "−∞ nats"
    press(page, "drop")
    assert state(page)["text"] == "the owl above the blue boat"
    press(page, "back")
    radio(page, "word", 3).click()
    press(page, "keep only")
    assert state(page)["text"] == "above"
    samples(page)
    radio(page, "question", "caption").click()
    assert numbers(page)["exact, by counting"] == "0.693 nats"


def test_a_question_that_cannot_be_asked(page):
    """Without “red” the rest has words whose absence no text of the grammar has: nothing is shown in its place."""
    radio(page, "stop", 0).click()
    samples(page)
    more(page)
    press(page, "drop")
    assert state(page)["text"] == "the cat left of the blue boat" and state(page)["question"] == "CMI"
    WebDriverWait(page, 60).until(lambda p: "not asked" in p.find_element(By.CSS_SELECTOR, ".numbers").text)
    WebDriverWait(page, 60).until(lambda p: "not asked" in p.find_element(By.CSS_SELECTOR, ".look").text)
    samples(page)
    body = page.find_element(By.CSS_SELECTOR, ".lab-live").text
    assert "Most at" not in body and "believed" not in body
    assert pixels(page, "canvas[role=application]").max() == 0 and pixels(page, ".look canvas")[1:4].max() == 0
    press(page, "Play")
    WebDriverWait(page, 60).until(lambda p: "Not played" in p.find_element(By.CSS_SELECTOR, ".lab-live").text)
    assert page.execute_script("return document.activeElement.closest('.lab-live') !== null")
    panel = page.find_element(By.CSS_SELECTOR, ".stop").text
    assert stops()[0]["question"] in panel  # it stays while the reader tries things out


def test_a_stop_opens_from_its_link_and_edits_keep_the_focus(page, file):
    page.get("about:blank")
    page.get(f"{file.as_uri()}#lab:{stops()[0]['state']}")
    assert stops()[0]["question"] in page.find_element(By.CSS_SELECTOR, ".stop").text
    assert radio(page, "stop", 0).is_selected()
    more(page)
    page.find_element(By.CSS_SELECTOR, ".edit select").send_keys(Keys.ARROW_DOWN)
    assert page.switch_to.active_element.tag_name == "select"
    assert state(page)["text"] == "the blue cat left of the blue boat"
    drop = next(b for b in page.find_elements(By.CSS_SELECTOR, ".edit button") if b.text.startswith("drop"))
    drop.send_keys(Keys.ENTER)
    assert state(page)["text"] == "the cat left of the blue boat"
    focused = "return [document.activeElement.tagName, document.activeElement.closest('.edit') !== null]"
    assert page.execute_script(focused) == ["SELECT", True]  # “cat” cannot be dropped: no other action gets the key
    slide = (
        "const s = document.querySelector('.slide input'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))"
    )
    for step in range(300):  # browsers allow some hundred changes of the address
        page.execute_script(slide, -8 + step % 8)
    WebDriverWait(page, 60).until(lambda p: "logsnr=-5" in p.current_url and state(p)["logsnr"] == -5)
    page.execute_async_script(  # any other anchor of the page; the lab has heard of it when this returns
        "addEventListener('hashchange', () => setTimeout(arguments[0])); location.hash = '#how-to-read-it'"
    )
    assert stops()[0]["question"] in page.find_element(By.CSS_SELECTOR, ".stop").text
    page.execute_script("location.hash = '#lab:nonsense'")
    WebDriverWait(page, 60).until(lambda p: "could not be read" in p.find_element(By.CSS_SELECTOR, ".stop").text)


def test_a_word_that_tells_nothing(page):
    """“The” moves no belief but by rounding: no map, no profile, no minus before zero."""
    radio(page, "word", 0).click()
    more(page)
    radio(page, "kind", "orthogonal").click()
    samples(page, 64)
    WebDriverWait(page, 60).until(lambda p: "Nothing arises" in p.find_element(By.CSS_SELECTOR, ".lab-live").text)
    assert state(page)["word"] == 0 and "−0.0" not in page.find_element(By.CSS_SELECTOR, ".lab-live").text
    low = (np.array(matplotlib.colormaps[POSITIVE](0)[:3]) * 255).round()
    assert np.abs(pixels(page, "canvas[role=application]") - low).max() <= 1


def test_two_labs_on_a_page(browser, tmp_path):
    """The address is the first one's; the second shows its state as Python."""
    file = tmp_path / "two.html"
    file.write_text(PAGE.format(idc.SceneLab(seed=1).html() + idc.SceneLab(seed=2).html()), encoding="utf-8")
    browser.get(f"{file.as_uri()}#lab:{stops()[1]['state']}")
    texts = lambda p: [e.text for e in p.find_elements(By.CSS_SELECTOR, ".lab-live")]  # noqa: E731
    first, second = WebDriverWait(browser, 60).until(lambda p: len(found := texts(p)) == 2 and all(found) and found)
    assert stops()[1]["question"] in first and stops()[1]["question"] not in second and "seed=2" in second
    assert len(browser.find_elements(By.CSS_SELECTOR, "a.link")) == 1


def test_page_answers_while_workers_compute(page, rest):
    """Two workers; the slider shows its noisy picture while the estimate is still growing."""
    radio(page, "ask", "MI").click()
    WebDriverWait(page, 60).until(lambda p: pixels(p, ".look canvas").max() > 0)
    count = page.execute_async_script(
        """const lab = document.querySelector(".lab-live"), slide = lab.querySelector(".slide input");
        const shown = () => lab.querySelector(".look canvas").toDataURL(), before = shown();
        slide.value = 2;
        slide.dispatchEvent(new Event("input"));
        const look = () => shown() === before ? setTimeout(look, 10) : arguments[0](Number(lab.dataset.samples));
        look();"""
    )
    assert count < 1600 and state(page)["logsnr"] == 2
    samples(page)
    pause(page)
    assert rest(lambda: samples(page)) < 1600


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_play_and_drop_a_word(page, motion):
    """One noise under both texts: without “red” the cat may have another colour, and nothing else is asked of it."""
    feature = {"name": "prefers-reduced-motion", "value": motion}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    page.refresh()
    radio(page, "stop", 0).click()
    press(page, "Play")
    WebDriverWait(page, 60).until(lambda p: "Both made from one noise" in p.find_element(By.TAG_NAME, "body").text)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    made = [Image.fromarray(m.astype(np.uint8)) for m in pixels(page, ".played canvas")]
    x, model = idc.load("scenes").encode(made), idc.load("scenes")
    every = model.encode([idc.scenes.render(s) for s in idc.scenes.scenes()])
    nearest = [idc.scenes.scenes()[i] for i in torch.cdist(x.flatten(1), every.flatten(1)).argmin(1)]
    assert {"cat", "boat"} == {nearest[0].first.noun, nearest[0].second.noun} and nearest[0].first.colour == "red"
    assert nearest[1].first.noun == "cat" and nearest[1].second.colour == "blue"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(page, complaints, scheme):
    colours = {"light": ("white", "black"), "dark": ("#121212", "#eee")}[scheme]
    page.execute_script("[document.body.style.background, document.body.style.color] = arguments", *colours)
    radio(page, "stop", 1).click()
    samples(page, 64)
    more(page)
    assert complaints() == []


def test_keyboard_reaches_and_moves_everything(page):
    """Tab visits every group once; arrow keys choose; focus stays where it was when the words are drawn anew."""
    keys = lambda *keys: ActionChains(page).send_keys(*keys).perform()  # noqa: E731
    page.find_element(By.CSS_SELECTOR, ".more > summary").send_keys(Keys.ENTER)
    page.find_element(By.TAG_NAME, "h1").click()
    visited = []
    for _ in range(40):
        keys(Keys.TAB)
        inside = "return document.activeElement.closest('.lab-live') !== null"
        if not page.execute_script(inside):
            break
        outlines = """const a = document.activeElement;
        return [a, a.closest("label")].filter(Boolean).map((e) => getComputedStyle(e).outlineStyle)"""
        assert "solid" in page.execute_script(outlines), visited
        active = page.switch_to.active_element
        visited.append(active.get_attribute("name") or active.tag_name)
    fields = {name.rsplit("-", 1)[-1] for name in visited if name.startswith("lab-")}
    assert {"stop", "layout", "sky", "colour", "state", "word", "ask", "question", "kind"} <= fields
    assert {"select", "button", "canvas", "input", "summary", "a"} <= set(visited)
    screen(page, 1280, 800)
    for _ in visited:
        ActionChains(page).key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT).perform()
        covered = """const a = document.activeElement, {left, top, width, height} = a.getBoundingClientRect();
        const over = document.elementFromPoint(left + Math.min(width, 20) / 2, top + Math.min(height, 20) / 2);
        return [a.outerHTML, over?.closest(".stage") === a.closest(".stage")]"""
        name, free = page.execute_script(covered)
        assert free, name  # scene and map stay in sight, but not over what has the focus
    page.execute_script("scrollTo(0, 0)")
    radio(page, "word", 0).click()
    keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert state(page)["word"] == 2 and page.switch_to.active_element.get_attribute("value") == "2"
    samples(page)
    page.execute_script("document.querySelector('.picture canvas[role=application]').focus()")
    keys(Keys.ARROW_RIGHT)
    assert "row 17, column 17: " in page.find_element(By.CSS_SELECTOR, ".stage output").text


def test_phone(page):
    """Scene and map stay in sight beside each other while the last word is tapped; nothing is too small or too wide."""
    screen(page, 390, 640, touch=True)
    radio(page, "stop", 1).click()
    samples(page)
    page.execute_script("document.querySelector('.lab-live .numbers').scrollIntoView({block: 'end'})")
    assert page.execute_script("return scrollY") > 0
    pictures, word = boxes(page, ".stage .picture"), boxes(page, ".word")[-1]
    assert (pictures[:, 1] >= 0).all() and pictures[0, 1] == pictures[1, 1] and pictures[0, 2] < pictures[1, 0]
    assert word[1] > boxes(page, ".stage")[0, 3] and word[3] < 640
    radio(page, "word", 10).click()
    until_shown(page, "MI 10")
    page.execute_script("document.querySelector('.more').open = true")
    touched = boxes(page, ":is(button, select, summary, label, a.link)")
    assert len(touched) > 40 and (touched[:, 2:] - touched[:, :2]).min() >= 44
    wide = page.execute_script("return document.documentElement.scrollWidth")
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    assert wide <= 390
