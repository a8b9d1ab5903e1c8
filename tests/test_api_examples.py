"""The examples of the API page run, one after the other, and each public name has one."""

import re
from pathlib import Path

import pytest

import infodecomp as idc

PAGE = (Path(__file__).parents[1] / "book" / "c-api.md").read_text(encoding="utf-8")


def test_each_public_name_has_a_section_with_an_example():
    titled = re.findall(r"^### `idc\.(\w+)`\n.*?```python\n", PAGE, re.MULTILINE | re.DOTALL)
    modules = re.findall(r"^## .*`idc\.(\w+)`", PAGE, re.MULTILINE)
    inside = {
        "Comparison",
        "ConceptMaps",
        "Posterior",
        "WordMaps",
        "WordPairs",
    }  # what functions return, in their sections
    assert set(titled) | set(modules) | inside == set(idc.__all__)
    assert all(f"autoclass:: {name}()" in PAGE for name in inside)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of few draws, which an example may take
def test_examples_run(capsys):
    names = {}
    for k, example in enumerate(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)):
        exec(compile(example, f"c-api.md, example {k}", "exec"), names)
    assert "nats" in capsys.readouterr().out
