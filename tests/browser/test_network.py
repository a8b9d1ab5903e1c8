"""The trained network beside the exact denoiser in the scene lab, in Chromium, from a file, without network."""

import math

import numpy as np
import pytest
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import infodecomp as idc
from infodecomp.scenes.net import NETWORK, NetworkScenes
from infodecomp.widget.lab import link, read

PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>t</title><main><h1>t</h1>{}</main>'
TEXT = "the red cat left of the blue boat"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A page, and the network's file beside it."""
    folder = tmp_path_factory.mktemp("network")
    idc.SceneLab.write(folder)
    (folder / "lab.html").write_text(PAGE.format(idc.SceneLab(word="red").html()), encoding="utf-8")
    return folder / "lab.html"


@pytest.fixture
def page(browser, file):
    size(browser, 1000, 1400)
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(file.as_uri())
    yield browser
    assert browser.get_log("browser") == []


def size(page, width, height):
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def find(page, selector):
    return page.find_element(By.CSS_SELECTOR, f".lab-live .network {selector}")


def draws(page, least):
    """Wait for so many draws; how many there are."""
    code = "return Number(document.querySelector('.lab-live').dataset.draws ?? 0)"
    return WebDriverWait(page, 600, 0.1).until(lambda p: (n := p.execute_script(code)) >= least and [n])[0]


def table(page):
    """{row: [(nats, standard error) of the own context, and against alternatives]}, the counted alone."""
    code = """return [...document.querySelectorAll('.network tr')].slice(1).map((row) =>
        [...row.children].map((cell) => cell.textContent))"""
    parse = lambda text: [float(part.replace("−", "-")) for part in text.split(" ± ")]  # noqa: E731
    return {name: [parse(text) for text in texts] for name, *texts in page.execute_script(code)}


def stopped(page, rest, least):
    """Stop after so many draws; what the table then says."""
    draws(page, least)
    stop = "const b = document.querySelector('.network button'); b.click(); return b.textContent"
    assert page.execute_script(stop) == "go on"
    assert rest(lambda: draws(page, 0)) < 960  # where it rests by itself
    return table(page)


def by_package(model, scene, word, samples):
    """[(nats, standard error) of the own context, and against alternatives] by Python."""
    x = model.encode([idc.scenes.render(scene)])
    rest = TEXT.replace(f"{word} ", "")
    found = [idc.pointwise_information(model, x, TEXT, rest, kind="standard", samples=samples)]
    given = idc.scenes.alternatives(TEXT, word)
    found.append(idc.pointwise_information(model, x, TEXT, given, kind="standard", samples=64))
    return [(each.nats.item(), each.stderr.item()) for each in found]


@pytest.mark.filterwarnings("ignore:nats lie outside")  # the page measures the same range
def test_network_and_exact_denoiser_converge_side_by_side(page, rest):
    """Nothing is fetched before the click; then the network's numbers are the package's, the exact ones the counted."""
    assert page.execute_script("return globalThis.infodecompPacks === undefined")
    assert page.execute_script("return document.querySelector('.lab-live').dataset.draws") is None
    assert find(page, "button").text == "Ask the trained network too (8.6 MB)"
    find(page, "button").click()
    found = stopped(page, rest, 64)
    assert found["counted"] == [[1.386], [1.386]]
    scene = read(page.execute_script("return document.querySelector('a.link').hash").removeprefix("#lab:"))["scene"]
    expected = by_package(NetworkScenes(NETWORK), scene, "red", 128)
    for (nats, error), (other, other_error) in zip(found["network"], expected, strict=True):
        assert abs(nats - other) < 4 * math.hypot(error, other_error) + 0.01
    for nats, error in found["exact denoiser"]:
        assert abs(nats - math.log(4)) < 4 * error + 0.01
    (own, error), (against, _) = found["network"]
    said = find(page, ".verdict").text
    assert ("not the mean of the alternatives" in said) == (own > math.log(4) + 2 * error)
    assert against <= math.log(4) + 0.01
    pictures = """return [...document.querySelectorAll('.network canvas')].map((c) =>
        [...c.getContext('2d').getImageData(0, 0, 32, 32).data])"""
    exact, network = np.array(page.execute_script(pictures)).reshape(2, 32, 32, 4)[..., :3] / 255
    assert exact.std() > 0.1 and 0.002 < np.abs(exact - network).mean() < 0.15  # alike, and not the same


def test_another_word_is_asked_anew_and_the_network_stops_and_goes_on(page, rest):
    find(page, "button").click()
    before = stopped(page, rest, 16)
    count = draws(page, 16)
    find(page, "button").click()
    assert find(page, "button").text == "stop the network"
    assert draws(page, count + 1) > count
    chosen = page.execute_script(
        """const lab = document.querySelector(".lab-live");
        lab.querySelector("input[name$='-word'][value='2']").click();
        return [lab.querySelector(".network caption").textContent, lab.dataset.draws]"""
    )
    assert "“cat”" in chosen[0] and chosen[1] == "0"
    found = stopped(page, rest, 16)
    assert found["counted"] != before["counted"] and "of the network 8 evaluations" in find(page, "").text


def test_a_word_that_cannot_be_asked_about(browser, file):
    """Without “cat” nothing that the grammar makes is left."""
    text = "the cat left of the blue boat"
    scene = idc.SceneLab().scene
    browser.get("about:blank")
    browser.get(f"{file.as_uri()}#lab:{link(scene, text, 1)}")
    find(browser, "button").click()
    WebDriverWait(browser, 60).until(lambda p: "Not asked" in find(p, ".verdict").text)
    assert not find(browser, "button").is_displayed() and not browser.find_elements(By.CSS_SELECTOR, ".network tr")
    browser.execute_script("location.hash = '#lab:' + arguments[0]", link(scene, TEXT, 1))
    assert draws(browser, 16)
    assert find(browser, "button").is_displayed() and find(browser, ".verdict").text == ""


def test_a_lost_file_is_said(browser, file, tmp_path):
    alone = tmp_path / "alone.html"
    alone.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    browser.get(alone.as_uri())
    find(browser, "button").send_keys(Keys.ENTER)
    missing = "The file scenes-network.js is missing: without it only the exact denoiser is here."
    WebDriverWait(browser, 60).until(lambda p: find(p, "[role=status]").text == missing)
    assert "Ask the trained network" in find(browser, "button").text
    assert browser.execute_script("return document.activeElement.closest('.network') !== null")
    browser.get_log("browser")  # the file that is not there


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(page, complaints, scheme):
    colours = {"light": ("white", "black"), "dark": ("#121212", "#eee")}[scheme]
    page.execute_script("[document.body.style.background, document.body.style.color] = arguments", *colours)
    find(page, "button").click()
    draws(page, 16)
    assert complaints() == []


def test_phone(page):
    size(page, 390, 844)
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    find(page, "button").click()
    draws(page, 16)
    wide = page.execute_script("return document.documentElement.scrollWidth")
    box = page.execute_script("return document.querySelector('.network button').getBoundingClientRect().toJSON()")
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    assert wide <= 390 and min(box["width"], box["height"]) >= 44
