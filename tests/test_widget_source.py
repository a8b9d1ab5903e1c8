"""The widgets' JavaScript: short functions and files, all of them shipped, as modules that a page can hold."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import infodecomp as idc
from infodecomp.widget.page import HERE, bundle

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="there is no node here, which parses JavaScript")
TESTS = Path(__file__).parent / "js"
FILES = sorted((HERE / "js").rglob("*.js"))
WIDGETS = "lab/lab engine/worker heatmaps/heatmaps sliders/sliders emojilab/emojilab finite/worker"
MODULES = [f"{name}.js" for name in WIDGETS.split()]


def functions(*files):
    command = [NODE, "--expose-internals", TESTS / "functions.cjs", *files]
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@needs_node
def test_functions_are_short():
    found = functions(*FILES, *TESTS.glob("*js"))
    assert len(found) > 300 and "render" in {f["name"] for f in found}
    assert [f for f in found if f["lines"] > 40] == []


@needs_node
def test_long_functions_of_every_kind_are_found(tmp_path):
    file = tmp_path / "long.js"
    body = "{\n" + "  f();\n" * 39 + "}"
    text = f'const s = "}}";\nfunction a() {body}\nconst b = () => {body};\n'
    text += f"class C {{ *d() {body} }}\nexport const e = {{ f() {body} }};"
    file.write_text(text, encoding="utf-8")
    assert {f["name"]: f["lines"] for f in functions(file)} == {"a": 41, "b": 41, "d": 41, "f": 41}


def test_files_are_short():
    assert len(FILES) > 30
    for file in (*FILES, *TESTS.glob("*js")):
        lines = file.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 300, file
        assert max(map(len, lines)) <= 120, file


def test_every_file_is_part_of_a_widget():
    shipped = "".join(map(bundle, MODULES)) + bundle("shim.js")
    for file in FILES:
        last = [line for line in file.read_text(encoding="utf-8").splitlines() if len(line) > 20][-1]
        assert last.strip().removeprefix("export ") in shipped, file


def test_no_text_spans_lines():
    """A bundle leaves out indentation, which may not be that of a text."""
    for file in FILES:
        code = re.sub(r"^ *(//.*|/\*\*.*?\*/)\n", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        code = re.sub(r"/\*\*.*?\*/", "", code, flags=re.DOTALL)
        assert [line for line in code.splitlines() if line.count("`") % 2] == [], file


@needs_node
@pytest.mark.parametrize("name", MODULES)
def test_modules_stand_alone(tmp_path, name):
    """No import is left, each file is there once, and the whole is JavaScript (a name twice would not be)."""
    text = bundle(name)
    assert not re.search(r"^\s*(import|export (?!default))", text, re.MULTILINE)
    (tmp_path / "module.mjs").write_text(text, encoding="utf-8")
    subprocess.run([NODE, "--check", tmp_path / "module.mjs"], check=True)


@pytest.mark.parametrize("widget", [idc.HeatMaps, idc.SceneLab, idc.EmojiLab, idc.Sliders])
def test_modules_and_styles_end_no_element_of_a_page(widget):
    assert not re.search("</?script|<!--", widget._esm + bundle("shim.js"), re.IGNORECASE)
    assert "</style" not in widget._css.lower()
