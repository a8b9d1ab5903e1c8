"""`make book-quick`: chapters that take long are executed only by `make book`. What it has cached is shown; in place of
the rest stand the texts that are stored in the notebook, under a notice. No number is made with fewer draws."""

import json
import os
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from sphinx.util import logging

ROOT = Path(__file__).parents[2]
CACHE = ROOT / "_build" / ".jupyter_cache"  # the one of `make book`
# chapters that take more than 20 s on two slow cores
LONG = """00-counting 04-integration 08-learned 10-scenes 11-words 12-alternatives 13-stable-diffusion
    14-relation 15-localization 16-intervention 18-flow""".split()
NOTICE = """```{warning}
A quick build has not executed this chapter: figures are missing, and of the outputs only those that are stored in the
notebook are shown. `make book` makes all of them.
```"""


def cached(path):
    """Whether the last builds have executed a notebook as it is now."""
    try:
        get_cache(CACHE).match_cache_notebook(nbformat.read(path, as_version=4))
    except KeyError:
        return False
    return True


def leave_out(app, config):
    paths = [ROOT / "book" / f"{name}.ipynb" for name in LONG]
    app.left_out = [path.stem for path in paths if not cached(path)]
    config.nb_execution_cache_path = str(CACHE)
    config.nb_execution_excludepatterns += [
        f"book/{name}.ipynb" for name in app.left_out
    ]


def notice(app, docname, source):
    if docname.removeprefix("book/") in app.left_out:
        notebook = json.loads(source[0])
        notebook["cells"].insert(
            1,
            {
                "cell_type": "markdown",
                "id": "quick",
                "metadata": {},
                "source": NOTICE,
            },
        )
        source[0] = json.dumps(notebook)


def say(app, exception):
    text = ", ".join(app.left_out) or "none"
    logging.getLogger(__name__).info(
        f"A quick build; chapters that were not executed: {text}"
    )


def setup(app):
    if os.environ.get("INFODECOMP_QUICK"):
        app.connect("config-inited", leave_out)
        app.connect("source-read", notice)
        app.connect("build-finished", say)
    return {"parallel_read_safe": True}
