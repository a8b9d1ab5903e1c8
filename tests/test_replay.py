"""`pytest book` fails where a notebook says what the last build did not print, and where that did not execute it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_cache import get_cache
from nbformat.v4 import new_code_cell, new_notebook, new_output

BOOK = Path(__file__).parents[1] / "book"
TAG = {"tags": ["nbval-check-output"]}


def notebook(path, name, said="1.23\n", metadata=TAG):
    cell = new_code_cell(f"print({name!r})", metadata=metadata)
    if said:
        cell.execution_count, cell.outputs = 1, [new_output("stream", name="stdout", text=said)]
    nbformat.write(new_notebook(cells=[new_code_cell("1;", execution_count=1), cell]), path / f"{name}.ipynb")


@pytest.mark.slow  # starts pytest
def test_the_books_numbers_are_those_of_its_build(tmp_path):
    book, built = tmp_path / "book", tmp_path / "built"
    book.mkdir(), built.mkdir()
    shutil.copy(BOOK / "conftest.py", book), shutil.copy(BOOK / "maintain.py", book)
    cache = get_cache(tmp_path / "_build" / ".jupyter_cache")
    for name, metadata in (("same", TAG), ("changed", TAG), ("lost", TAG), ("untagged", {})):
        notebook(built, name, metadata=metadata)
        cache.cache_notebook_file(built / f"{name}.ipynb", data={"execution_seconds": 1.0}, check_validity=False)
    notebook(book, "same")
    notebook(book, "changed", "1.24\n")
    notebook(book, "lost", "")
    notebook(book, "untagged", "1.24\n", {})
    notebook(book, "new")
    command = [sys.executable, "-m", "pytest", "-rA", "--continue-on-collection-errors", "--color=no", "book"]
    told = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    found = set(re.findall(r"^(PASSED|FAILED|ERROR) book/(\w+)\.ipynb(?:::Cell (\d))?", told.stdout, re.MULTILINE))
    passed = {(name, "0") for name in ("same", "changed", "lost", "untagged")} | {("same", "1"), ("untagged", "1")}
    expected = {("PASSED", *cell) for cell in passed} | {("FAILED", "changed", "1"), ("FAILED", "lost", "1")}
    assert found == expected | {("ERROR", "new", "")}, told.stdout
