PYTHON ?= python3
BIN = .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup test test-all book book-quick teach pdf test-site bench outputs repository clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/installed  ## make .venv and install the tested set

.venv/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "requirements.txt needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@# uv takes the build of PyTorch that fits the machine: without a GPU that is gigabytes less
	@uv=$$(command -v uv) || { $(BIN)/pip install --quiet uv; uv=$(BIN)/uv; }; \
	  $$uv pip install --quiet --python $(BIN)/python --torch-backend auto -r requirements.txt \
	  || { echo "no such build within reach: pip takes the usual one"; $(BIN)/pip install --quiet -r requirements.txt; }
	touch $@

test: setup  ## ruff, mypy and the quick tests: minutes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

test-all: test book  ## these, the slow tests, and the numbers printed in the book
	$(BIN)/python -m pytest -m slow
	$(BIN)/python -m pytest book

# The execution cache knows the notebooks, not the package they import: forget it when that has changed.
_build/executed: requirements.txt $(shell find infodecomp -type f -not -path '*/__pycache__/*')
	rm -rf _build/.jupyter_cache _build/.doctrees
	mkdir -p _build && touch $@

book: setup _build/executed  ## execute the chapters and build the site
	@# chapters that the cache lacks are executed side by side, one thread each; the build then reports any that failed
	-@OMP_NUM_THREADS=1 $(BIN)/python book/maintain.py execute >_build/executing.log 2>&1
	@# a page that warned is not read again by the next build, which would then pass: forget it
	$(BIN)/jupyter-book build . -n -W --keep-going || { rm -rf _build/.doctrees; exit 1; }
	@$(BIN)/python book/maintain.py seconds
	@echo "Open file://$(CURDIR)/_build/html/index.html"

book-quick: setup _build/executed  ## the site without executing the long chapters, unless they are cached: three minutes
	-@OMP_NUM_THREADS=1 $(BIN)/python book/maintain.py execute short >_build/executing.log 2>&1
	INFODECOMP_QUICK=1 $(BIN)/jupyter-book build . -n --path-output _build/quick
	@echo "Open file://$(CURDIR)/_build/quick/_build/html/index.html"

teach: setup  ## from the built book: exercise sheets, graded notebooks, slides, figures, in _build/html/teach
	@$(BIN)/python book/teach.py all

pdf: setup  ## print the built book as _build/html/teach/book.pdf, by Chromium
	@$(BIN)/python book/teach.py pdf

test-site: setup  ## check the built site, in Chromium where there is one
	$(BIN)/python -m pytest tests/browser

bench: setup  ## time it all on this machine, CPU and GPU if there is one, and store the record of chapter 17 (then: make outputs)
	$(BIN)/python tests/benchmarks/bench.py

outputs: book  ## store the outputs that are checked in the notebooks; draw the README’s picture
	$(BIN)/python book/maintain.py outputs
	$(BIN)/python book/maintain.py picture

repository: setup  ## REPO=github.com/<you>/<name>: write the real address everywhere
	@test -n "$(REPO)" || { echo "make repository REPO=github.com/<you>/<name>"; exit 1; }
	$(BIN)/python book/maintain.py repository "$(REPO)"

clean:  ## remove what was built; .venv stays
	rm -rf _build dist build *.egg-info .mypy_cache .pytest_cache .ruff_cache
