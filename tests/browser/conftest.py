"""A Chromium without network, where the machine has one."""

from pathlib import Path

import axe_core_python
import pytest
from _teach.chromium import CHROMIUM, chromium
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

AXE = Path(axe_core_python.__file__).parent / "axe.min.js"


class Found(WebElement):
    """An element that is looked for again if the page has drawn it anew since it was found."""

    find_again = None

    def _execute(self, command, params=None):
        for _ in range(100):
            try:
                return super()._execute(command, params)
            except StaleElementReferenceException:
                if self.find_again is None:  # it was found within another, or by a script
                    raise
                self._id = self.find_again()._id
        raise AssertionError("the page draws this element anew all the time")


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        browser._web_element_cls = Found
        find, find_all = browser.find_element, browser.find_elements

        def find_element(*where):
            element = find(*where)
            element.find_again = lambda: find(*where)
            return element

        def find_elements(*where):
            elements = find_all(*where)
            for k, element in enumerate(elements):
                element.find_again = lambda k=k: find_all(*where)[k]
            return elements

        browser.find_element, browser.find_elements = find_element, find_elements
        yield browser


@pytest.fixture(scope="session")
def complaints(browser):
    """What axe-core finds serious on the page that is shown: (rule, element), after enough that it finds good."""

    def found():
        browser.execute_script(AXE.read_text(encoding="utf-8"))
        axe = browser.execute_async_script("axe.run().then(arguments[0])")
        assert len(axe["passes"]) > 10
        return [(v["id"], v["nodes"][0]["html"]) for v in axe["violations"] if v["impact"] in ("serious", "critical")]

    return found


@pytest.fixture
def rest(browser):
    """Wait until what is read of a page has stayed the same for two seconds; it is returned."""

    def rest(read):
        seen = [read()]

        def same(_):
            seen.append(read())
            return seen[-1] == seen[-2]

        WebDriverWait(browser, 600, 2).until(same)
        return seen[-1]

    return rest
