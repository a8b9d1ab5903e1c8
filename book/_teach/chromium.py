"""A Chromium without network, where the machine has one."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

CHROMIUM = next(
    filter(
        None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    ),
    None,
)
FLAGS = """headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking
disable-component-update disable-sync disable-dev-shm-usage hide-scrollbars"""
MATHS = "(window.MathJax?.startup?.promise ?? Promise.resolve()).then(arguments[0])"


@contextmanager
def chromium(profile):
    """A WebDriver with its profile in the folder `profile`; outside the machine it finds no host."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS.split():
        options.add_argument(f"--{flag}")
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.add_argument(f"--user-data-dir={profile}")
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    given = Path(os.environ.get("CHROMEWEBDRIVER", "")) / "chromedriver"
    service = webdriver.ChromeService(shutil.which("chromedriver") or str(given))
    browser = webdriver.Chrome(options=options, service=service)
    # limits for hangs: a busy machine prints the book in minutes
    browser.command_executor.client_config.timeout = 1800
    browser.set_script_timeout(600)
    browser.set_page_load_timeout(600)
    try:
        yield browser
    finally:
        browser.quit()


def show(browser, path):
    """Open a page and wait until its formulas are set."""
    browser.get(path.as_uri())
    browser.execute_async_script(MATHS)
