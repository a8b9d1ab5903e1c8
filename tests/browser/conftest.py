"""A Chromium without network, where the machine has one."""

from pathlib import Path

import axe_core_python
import pytest
from _teach.chromium import CHROMIUM, chromium

AXE = Path(axe_core_python.__file__).parent / "axe.min.js"


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
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
