"""The widgets live in JupyterLab: what the reader does reaches Python, and what Python does reaches the page."""

import json
import os
import re
import subprocess
import sys
import time

import nbformat
import pytest
from selenium.webdriver.common.by import By

CODE = """
import json
from pathlib import Path
import torch
from PIL import Image
import infodecomp as idc

words = {"red": torch.ones(4, 4), "owl": torch.eye(4)}
w = idc.HeatMaps(Image.new("RGB", (40, 40)), {"MI": words, "CMI": words}, "a red owl")

def heard(change):
    if change["name"] == "kind":
        w.smooth = True
    state = [w.word, w.kind, w.opacity, w.smooth, w.hide]
    Path("heard.json").write_text(json.dumps(state))

w.observe(heard, names=["word", "kind", "opacity", "smooth"])
w
"""

LAB = """
lab = idc.SceneLab(seed=3)


def answer(change):
    Path("lab.json").write_text(json.dumps([lab.text, lab.scene.first.colour]))
    lab.state = lab.state.replace("seed=3", "seed=4")

lab.observe(answer, names="state")
lab
"""


def until(condition, seconds=600):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except Exception:  # not there yet
            pass
        time.sleep(0.2)
    return condition()


@pytest.fixture
def lab(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in (CODE, LAB)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "w.ipynb")
    home = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += ["--ip=127.0.0.1", "--port=0", "--IdentityProvider.token=", f"--notebook-dir={tmp_path}"]
    command += ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    log = tmp_path / "log.txt"
    with log.open("w") as file:
        server = subprocess.Popen(command, env=os.environ | home, stderr=file, stdout=file, cwd=tmp_path)
    try:
        yield until(lambda: re.search(r"(http://127\.0\.0\.1:\d+)/lab", log.read_text()))[1], tmp_path
    finally:
        server.terminate()
        server.wait(600)


def test_state_reaches_python_and_back(browser, lab):
    address, folder = lab
    browser.get(f"{address}/lab/tree/w.ipynb")
    ready = "return jupyterapp.shell.currentWidget?.context?.sessionContext?.session?.kernel?.status"
    assert until(lambda: browser.execute_script(ready) == "idle")
    browser.execute_script("jupyterapp.commands.execute('notebook:run-all-cells')")
    canvas = until(lambda: browser.find_element(By.CSS_SELECTOR, ".idc-live .picture canvas"))
    browser.execute_script("document.querySelector('.Toastify')?.remove()")  # Lab's news lie over the notebook
    assert "MI map of “red”" in canvas.get_attribute("aria-label")

    def heard(*state):
        return until(lambda: json.loads((folder / "heard.json").read_text()) == list(state))

    def click(value):
        browser.find_element(By.CSS_SELECTOR, f".idc-live input[value={value}]").click()

    click("owl")
    assert heard("owl", "MI", 0.9, False, False)
    move = "const o = document.querySelector('.idc-live [type=range]'); o.value = 0.25;"
    browser.execute_script(move + "o.dispatchEvent(new Event('input'))")
    assert heard("owl", "MI", 0.25, False, False)
    click("CMI")
    assert heard("owl", "CMI", 0.25, True, False)
    boxes = "return [...document.querySelectorAll('.heat-maps details [type=checkbox]')].map(b => b.checked)"
    assert until(lambda: browser.execute_script(boxes) == [True, False, True, False])  # Python set smooth
    assert "CMI map of “owl”" in canvas.get_attribute("aria-label")

    chosen = until(lambda: browser.find_element(By.CSS_SELECTOR, ".lab-live input[name$=first-colour][value=green]"))
    browser.execute_script("document.querySelector('.lab-live details.more').open = true")
    browser.execute_script("arguments[0].scrollIntoView(); arguments[0].click()", chosen)
    heard_lab = lambda: json.loads((folder / "lab.json").read_text())  # noqa: E731
    assert until(lambda: heard_lab() == ["the green cat left of the blue boat", "green"])
    assert until(lambda: "seed=4" in browser.find_element(By.CSS_SELECTOR, ".lab-live .link").text)  # Python set it
    assert until(lambda: "samples of noise" in browser.find_element(By.CSS_SELECTOR, ".lab-live").text)
    assert "SceneLab(state=" in browser.find_element(By.CSS_SELECTOR, ".lab-live .link").text
