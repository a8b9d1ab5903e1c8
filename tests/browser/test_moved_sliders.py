"""Sliders on a page without a kernel: arrow keys change the picture, and what a screen reader says."""

import pytest
from PIL import Image
from selenium.common.exceptions import NoSuchElementException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import infodecomp as idc

HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Sliders</title><main>'


def drawn(scale, shade):
    return Image.new("L", (8, 8), int(scale * shade))


@pytest.fixture
def page(browser, tmp_path):
    sliders = idc.Sliders(drawn, "a grey square", scale=[0.5, 1, 2], shade=[-10, 50, 100])
    (tmp_path / "page.html").write_text(HEAD + sliders.html(), encoding="utf-8")
    browser.get("about:blank")
    browser.get_log("browser")  # forget what other pages said
    browser.get((tmp_path / "page.html").as_uri())
    return browser, sliders.frames


def test_arrow_keys_move_the_picture(page):
    browser, frames = page
    first, second = browser.find_elements(By.CSS_SELECTOR, ".sliders-live input")
    image = browser.find_element(By.CSS_SELECTOR, ".sliders-live img")
    assert image.get_attribute("src") == frames[4] and image.get_attribute("alt") == "a grey square"
    assert not browser.find_element(By.CSS_SELECTOR, ".static").is_displayed()
    first.send_keys(Keys.ARROW_RIGHT)
    assert image.get_attribute("src") == frames[7] and first.get_attribute("aria-valuetext") == "scale 2"
    second.send_keys(Keys.HOME)
    assert image.get_attribute("src") == frames[6] and second.get_attribute("aria-valuetext") == "shade −10"
    assert browser.get_log("browser") == []


def test_an_element_that_is_drawn_anew_is_found_again(page):
    """What the other tests rely on when a page draws itself while they read it; one that is gone stays gone."""
    browser, _ = page
    main = browser.find_element(By.TAG_NAME, "main")
    (also,) = browser.find_elements(By.TAG_NAME, "main")
    browser.execute_script("document.querySelector('main').outerHTML = '<main>anew</main>'")
    assert main.text == also.text == "anew"
    browser.execute_script("document.querySelector('main').remove()")
    with pytest.raises(NoSuchElementException):
        assert main.text
