"""A Chromium without network, where the machine has one."""

import os
import shutil
from pathlib import Path

import axe_core_python
import pytest

AXE = Path(axe_core_python.__file__).parent / "axe.min.js"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    flags = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
    for flag in f"{flags} disable-component-update disable-sync disable-dev-shm-usage hide-scrollbars".split():
        options.add_argument(f"--{flag}")
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = shutil.which("chromedriver") or os.environ.get("CHROMEWEBDRIVER", "") + "/chromedriver"
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    browser.set_script_timeout(600)
    yield browser
    browser.quit()


@pytest.fixture(scope="session")
def complaints(browser):
    """What axe-core finds serious on the page that is shown: (rule, element), after enough that it finds good."""

    def found():
        browser.execute_script(AXE.read_text(encoding="utf-8"))
        told = browser.execute_async_script("axe.run().then(arguments[0])")
        assert len(told["passes"]) > 10
        return [(v["id"], v["nodes"][0]["html"]) for v in told["violations"] if v["impact"] in ("serious", "critical")]

    return found
