"""The emoji lab in Chromium, from a file, without network."""

import base64
import math
import re

import numpy as np
import pytest
import torch
from PIL import Image
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

import infodecomp as idc
from infodecomp.emoji import proposal
from infodecomp.widget import emojipack, packs
from infodecomp.widget.emojilab import first
from infodecomp.widget.emojistate import read
from infodecomp.widget.emojistops import stops

PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>t</title><main><h1>t</h1>{}</main>'
USUAL = "smiling_face_with_sunglasses/sunglasses"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A page with the packs beside it: pictures, and the names in two languages."""
    folder = tmp_path_factory.mktemp("emoji")
    for name in (emojipack.PICTURES, "emoji-names-en", "emoji-names-de"):
        (folder / f"{name}.js").write_text(packs.script(name, emojipack.pack(name)), encoding="utf-8")
    (folder / "lab.html").write_text(PAGE.format(idc.EmojiLab().html()), encoding="utf-8")
    return folder / "lab.html"


@pytest.fixture
def page(browser, file):
    metrics = {"width": 1280, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(file.as_uri())
    WebDriverWait(browser, 60).until(lambda p: p.find_elements(By.CSS_SELECTOR, ".emoji-live .words button"))
    yield browser
    assert browser.get_log("browser") == []


def find(page, selector):
    return page.find_element(By.CSS_SELECTOR, f".emoji-live {selector}")


def wait(page, check, seconds=60):
    return WebDriverWait(page, seconds, 0.05).until(check)


def data(page, name):
    return page.execute_script("return document.querySelector('.emoji-live').dataset[arguments[0]]", name)


def opened(page, state):
    """Follow a link to a case; wait until it is shown."""
    page.execute_script("location.hash = arguments[0]", f"#{state}")
    wait(page, lambda p: data(p, "state") == state)


def click(page, word):
    page.execute_script("document.querySelector(`.emoji-live .words button[value='${arguments[0]}']`).click()", word)


def draws(page, least):
    """Wait for so many draws that are not the stored ones; the running total and its standard error."""
    text = wait(page, lambda p: int(data(p, "draws")) >= least and "stored" not in find(p, ".numbers ~ .row").text
                and find(p, ".numbers").text, 120)  # fmt: skip
    nats, double = re.match(r"([\d.−]+) ± ([\d.]+) nats", text).groups()
    return float(nats.replace("−", "-")), float(double) / 2


def stop(page, rest):
    """Pause; how many draws there are then."""
    find(page, ".row button").click()
    return rest(lambda: int(data(page, "draws")))


def opacity(page):
    """What the map's colours say, (48, 48): 0 where the grey picture is, 1 at full colour."""
    code = """const c = document.querySelector('.emoji-live .picture canvas');
    return [...c.getContext('2d').getImageData(0, 0, 48, 48).data]"""
    shown = np.array(page.execute_script(code)).reshape(48, 48, 4)[..., :3].astype(float)
    name = read(data(page, "state")).name
    world = emojipack.world()
    place = next(i for i, names in enumerate(world.names) if name in names)
    grey = 168 + 84 * (world.levels[place] @ [0.3, 0.59, 0.11]) / 255
    return ((grey - shown[..., 1]) / (grey - 18)).clip(0, 1)


def python_map(state, samples):
    """The package's map of a case, of the page's very pictures."""
    asked, world = read(state), emojipack.world()
    context = " ".join(w for w in emojipack.keys(asked.name) if w != asked.word)
    mask = world.fits(context)
    pictures = torch.from_numpy(world.levels[mask.numpy()].transpose(0, 3, 1, 2).copy() / 127.5 - 1)
    few = idc.exact.FiniteSet(pictures)
    few.proposal = proposal(few.proposal.range, 48)
    own = world.fits(asked.name)[mask][None]
    return idc.pointwise_information(few, pictures[own[0]], own, torch.ones_like(own), samples=samples).map[0].numpy()


@pytest.mark.parametrize(
    ("state", "least"), [(USUAL, 20_000), ("three_o%E2%80%99clock/three", 20_000), ("broken_heart/broken", 20_000)]
)
def test_a_word_is_clicked_and_its_map_is_the_packages(page, rest, state, least):
    """The map correlates with the package's at 2,000 draws, and the total meets the count."""
    opened(page, f"{state.split('/')[0]}/")
    click(page, read(state).word)
    nats, stderr = draws(page, least)
    world, asked = emojipack.world(), read(state)
    context = " ".join(w for w in emojipack.keys(asked.name) if w != asked.word)
    truth = math.log(world.count(context) / world.count(asked.name))
    assert abs(nats - truth) < 4 * stderr < 0.5
    stop(page, rest)
    shown, expected = opacity(page), python_map(state, 2000)
    high = np.sort(expected.ravel())[int(0.995 * expected.size)]
    assert np.corrcoef(shown.ravel() ** 2, np.minimum(expected / high, 1).ravel())[0, 1] > 0.98
    assert page.execute_script("return location.hash") == f"#{state}"


def test_many_pictures_at_once(page):
    """ "Ghost" alone: all pictures fit the context, in as many workers as there are cores, up to four."""
    opened(page, "ghost/ghost")
    nats, stderr = draws(page, 100)
    assert abs(nats - math.log(len(emojipack.world()))) < 4 * stderr
    assert f"+{len(emojipack.world()) - 24:,}" in find(page, ".fitting").text


def test_something_is_seen_at_once_and_nothing_is_fetched(page):
    assert page.execute_script("return globalThis.infodecompPacks === undefined")
    assert (
        "11 emoji are “smiling face with …”; 1 of them also says sunglasses: ln 11 = 2.40" in find(page, ".count").text
    )
    about = first(USUAL)["map"]
    assert f"{about['nats']:.3f} ± {2 * about['stderr']:.3f} nats" in find(page, ".numbers").text
    pixels = np.frombuffer(base64.b64decode(about["pixels"]), "<u2").reshape(48, 48).astype(float)
    high = np.sort(pixels.ravel())[int(0.995 * pixels.size)]
    assert np.abs(opacity(page) ** 2 - np.minimum(1, pixels / high)).max() < 0.05
    faces = page.find_elements(By.CSS_SELECTOR, ".fitting > *")
    assert len(faces) == 11 and "fits" in faces[0].get_attribute("class")


def test_search_kinds_and_another_emoji(page):
    find(page, "input[type=search]").click()
    wait(page, lambda p: len(p.find_elements(By.CSS_SELECTOR, ".kinds button")) == 10)
    find(page, "input[type=search]").send_keys("black ca")
    wait(page, lambda p: "1 emoji" in find(p, ".pick [role=status]").text)
    find(page, ".grid button").click()
    wait(page, lambda p: data(p, "state") == "black_cat/")
    assert [b.text.split("\n")[0] for b in page.find_elements(By.CSS_SELECTOR, ".words button")] == ["black", "cat"]
    page.find_elements(By.CSS_SELECTOR, ".kinds button")[3].click()
    names = [b.get_attribute("title") for b in page.find_elements(By.CSS_SELECTOR, ".grid button")]
    assert {"pizza", "banana"} <= set(names) and len(names) == list(emojipack.pack(emojipack.PICTURES)["kind"]).count(
        "3"
    )
    page.execute_script("document.querySelector(\".grid button[title='pizza']\").click()")
    wait(page, lambda p: data(p, "state") == "pizza/")


def test_a_word_alone_and_a_thumbnail(page):
    opened(page, f"{USUAL}?alone")
    text = find(page, ".count").text
    many = len(emojipack.world())
    assert f"Of all {many:,} emoji, 2 say sunglasses: ln ({many:,}/2) = {math.log(many / 2):.2f} nats" in text
    find(page, ".fitting button:nth-child(2)").click()
    wait(page, lambda p: data(p, "state") == "sunglasses/?alone")
    find(page, "input[type=radio][value=false]").click()
    wait(page, lambda p: data(p, "state") == "sunglasses/")


def ask(page, caption):
    box = find(page, "form input")
    box.clear()
    box.send_keys(caption, Keys.ENTER)


def test_a_caption_of_the_readers_own(page):
    ask(page, "sunglasses smiling")
    wait(page, lambda p: data(p, "state").endswith("/?caption=sunglasses_smiling"))
    click(page, "smiling")
    nats, stderr = draws(page, 5_000)
    assert abs(nats - math.log(2)) < 4 * stderr
    before = data(page, "state")
    for caption, line in (("sunglases", "nearest is “sunglasses”"), ("smiling volcano", "fits is “smiling”")):
        ask(page, caption)
        wait(page, lambda p, line=line: line in find(p, ".refused").text)
        assert data(page, "state") == before
    ask(page, "face tears")
    wait(page, lambda p: data(p, "state").endswith("caption=face_tears"))
    assert find(page, ".refused").text == ""
    click(page, "tears")
    wait(
        page, lambda p: "but not this one: by counting the word is infinitely wrong, −∞ nats" in find(p, ".count").text
    )
    assert not find(page, ".numbers").is_displayed()


def test_pause_restart_and_another_noise(page, rest):
    opened(page, "black_cat/black")
    draws(page, 500)
    held = stop(page, rest)
    assert find(page, ".row button").text == "Continue" and data(page, "done") == "false"
    find(page, ".row button").click()
    draws(page, held + 1)
    page.execute_script(
        """const lab = document.querySelector('.emoji-live'), seen = (window.seen = []);
        new MutationObserver(() => seen.push(Number(lab.dataset.draws))).observe(lab, {attributes: true});"""
    )
    page.find_elements(By.CSS_SELECTOR, ".row button")[1].click()
    wait(page, lambda p: data(p, "state") == "black_cat/black?seed=1")
    assert min(page.execute_script("return window.seen")) < held


def test_another_language(page):
    Select(find(page, ".row select")).select_by_value("de")
    wait(page, lambda p: "language=de" in data(p, "state"))
    assert read(data(page, "state")).name == emojipack.world("de").captions("😎")[0]
    click(page, "sonnenbrille")
    nats, stderr = draws(page, 5_000)
    name = emojipack.world("de").captions("😎")[0]
    rest = " ".join(w for w in name.split() if w != "sonnenbrille")
    assert abs(nats - emojipack.world("de").information("😎", name, rest)) < 4 * stderr


def test_guided_stops(page):
    for number, stop in enumerate(stops()[:3]):
        find(page, f"input[name$='-stop'][value='{number}']").click()
        wait(page, lambda p, stop=stop: data(p, "state") == stop["state"])
        panel = find(page, ".stop")
        assert stop["question"] in panel.text and stop["answer"] not in panel.text
        panel.find_element(By.TAG_NAME, "summary").click()
        assert stop["answer"] in panel.text


def test_lost_packs_and_links_are_said(browser, file, tmp_path):
    alone = tmp_path / "alone.html"
    alone.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    browser.get(alone.as_uri())
    wait(browser, lambda p: p.find_elements(By.CSS_SELECTOR, ".emoji-live .words button"))
    click(browser, "sunglasses")
    wait(browser, lambda p: "emoji-48.js is missing" in find(p, ".note").text)
    assert "2.40 nats" in find(browser, ".count").text  # what is stored stays
    browser.get_log("browser")  # the file that is not there
    browser.get(file.as_uri() + "#nobody/nothing")
    browser.refresh()
    wait(browser, lambda p: "could not be read" in find(p, ".note").text)
    assert data(browser, "state") == USUAL


def test_the_picture_is_saved(page, tmp_path):
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    page.find_elements(By.CSS_SELECTOR, ".row button")[2].click()
    file = tmp_path / "smiling face with sunglasses - sunglasses.png"
    wait(page, lambda p: file.exists())
    with Image.open(file) as saved:
        assert saved.size == (480, 480)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(page, complaints, scheme):
    colours = {"light": ("white", "black"), "dark": ("#121212", "#eee")}[scheme]
    page.execute_script("[document.body.style.background, document.body.style.color] = arguments", *colours)
    find(page, ".pick > button").click()
    opened(page, "black_cat/black")
    draws(page, 100)
    night = page.execute_script("return document.querySelector('.emoji-live').hasAttribute('data-night')")
    assert night == (scheme == "dark")
    assert complaints() == []


def test_keyboard(page):
    """The grid is one stop for Tab, arrow keys move in it; words and pixels are reached; the focus is not lost."""
    keys = lambda *keys: ActionChains(page).send_keys(*keys).perform()  # noqa: E731
    focused = "return document.activeElement.getAttribute(arguments[0])"
    page.find_element(By.TAG_NAME, "h1").click()
    find(page, ".pick > button").send_keys(Keys.ENTER)
    wait(page, lambda p: p.execute_script(focused, "value") == "0")
    for _ in range(10):
        keys(Keys.TAB)
    assert page.execute_script("return document.activeElement.closest('.grid') !== null")
    at = int(page.execute_script(focused, "value"))
    keys(Keys.ARROW_RIGHT)
    assert int(page.execute_script(focused, "value")) == at + 1
    keys(Keys.END, Keys.HOME, Keys.ARROW_DOWN, Keys.ENTER)
    wait(page, lambda p: data(p, "state") != USUAL)
    assert read(data(page, "state")).name == page.execute_script(focused, "title")
    opened(page, "black_cat/")
    find(page, ".words button").send_keys(Keys.ENTER)
    wait(page, lambda p: data(p, "state") == "black_cat/black" and p.execute_script(focused, "aria-pressed") == "true")
    draws(page, 16)
    page.execute_script("document.querySelector('.emoji-live .picture canvas').focus()")
    keys(Keys.ARROW_RIGHT)
    wait(page, lambda p: re.match(r"row 25, column 25: [\d.]+ nats", find(p, ".stage output").text))


@pytest.mark.parametrize("width", [390, 780])
def test_narrow(page, width):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    opened(page, "woman_firefighter_medium_skin_tone/medium")
    draws(page, 16)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width + 1


def test_still_where_motion_is_not_wanted(page, file):
    """Reports a second apart, and no slow growth."""
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    )
    page.get("about:blank")
    page.get(file.as_uri() + "#black_cat/black")
    wait(page, lambda p: data(p, "state") == "black_cat/black")
    wait(page, lambda p: int(data(p, "draws")) > 0)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert int(data(page, "draws")) > 16


def test_two_labs_on_a_page(browser, file):
    two = file.with_name("two.html")
    labs = idc.EmojiLab().html() + idc.EmojiLab("👻", "ghost").html()
    two.write_text(PAGE.format(labs), encoding="utf-8")
    browser.get(f"{two.as_uri()}#black_cat/black")
    wait(browser, lambda p: len(p.find_elements(By.CSS_SELECTOR, ".emoji-live .link")) == 2)
    one, other = browser.find_elements(By.CSS_SELECTOR, ".emoji-live .link")
    wait(browser, lambda p: one.get_attribute("href").endswith("#black_cat/black"))
    wait(browser, lambda p: other.text == 'idc.EmojiLab(state="ghost/ghost")')
