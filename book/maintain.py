"""What the Makefile asks of the notebooks: `execute`, `seconds`, `outputs`, `picture`, `repository
github.com/<you>/<name>`, `version 1.2.3`."""

import re
import runpy
import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
CACHE = ROOT / "_build" / ".jupyter_cache"
PATTERNS = (
    "*",
    ".ci/*",
    ".github/**/*",
    "book/**/*",
    "infodecomp/**/*.py",
    "tests/**/*.py",
)
TEXT = {".bib", ".cff", ".css", ".ipynb", ".md", ".py", ".toml", ".txt", ".yml", ""}


def files():
    """The text files of the repository, without what tools have generated."""
    found = {
        path
        for pattern in PATTERNS
        for path in ROOT.glob(pattern)
        if path.is_file() and path.suffix in TEXT
    }
    return sorted(
        path
        for path in found
        if not any(
            re.match(r"__|\.(?!ci$|github$)", part)
            for part in path.relative_to(ROOT).parts[:-1]
        )
    )


def address():
    """The repository's address, without https://, as pyproject.toml gives it."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.search(r'^Repository = "https://(.+)"$', text, re.MULTILINE).group(1)


def repository(new):
    """Write the address `new` wherever the present one stands."""
    new = new.removeprefix("https://").removesuffix(".git").rstrip("/")
    if not re.fullmatch(r"github\.com/[\w.-]+/[\w.-]+", new):
        sys.exit(
            f"REPO is {new!r}; expected github.com/<you>/<name> (Colab opens notebooks from GitHub only)"
        )
    old = address()
    for path in files():
        text = path.read_text(encoding="utf-8")
        if old in text:
            path.write_text(text.replace(old, new), encoding="utf-8")
            print(path.relative_to(ROOT))


def version(new):
    """Write the version `new` into the package, the citation and the first cells."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", new):
        sys.exit(f"version is {new!r}; expected three numbers such as 1.2.3")
    package = ROOT / "infodecomp" / "__init__.py"
    old = re.search(r'__version__ = "(.+)"', package.read_text(encoding="utf-8"))[1]
    for path, written in [
        (package, '__version__ = "{}"'),
        (ROOT / "CITATION.cff", "\nversion: {}"),
        *((notebook, ']=={}\\"\\n') for notebook in NOTEBOOKS),
    ]:
        text = path.read_text(encoding="utf-8")
        text = text.replace(written.format(old), written.format(new))
        path.write_text(text, encoding="utf-8")


def chapters(which="all"):
    """The notebooks, or those that a quick build executes."""
    if which not in ("all", "short"):
        sys.exit(f"which chapters is {which!r}; expected all or short")
    long = runpy.run_path(str(ROOT / "book" / "_ext" / "quick.py"))["LONG"]
    return [path for path in NOTEBOOKS if which == "all" or path.stem not in long]


def execute(which="all"):
    """Execute what the cache lacks of the chapters (all or short), side by side. The build reports those that fail."""
    from jupyter_cache import get_cache
    from jupyter_cache.executors import load_executor, utils

    # seconds until a cell's last output is given up; after 4, as they are, a busy machine loses figures
    utils.executenb = partial(utils.executenb, iopub_timeout=60)
    cache = get_cache(CACHE)
    paths = [str(path) for path in chapters(which)]
    for path in paths:
        cache.add_nb_to_project(path)
    executor = load_executor("local-parallel", cache)
    executor.run_and_cache(filter_uris=paths, timeout=600)


def executed(path):
    """The notebook with the outputs of the last `make book`, and how many seconds it took there."""
    import nbformat
    from jupyter_cache import get_cache

    cache = get_cache(CACHE)
    try:
        key, notebook = cache.merge_match_into_notebook(
            nbformat.read(path, as_version=4)
        )
    except KeyError:
        raise LookupError(
            f"the last build did not execute {path.name} as it is now: make book"
        ) from None
    return notebook, cache.get_cache_record(key).data["execution_seconds"]


def seconds():
    """Print how long each chapter took to execute."""
    for path in NOTEBOOKS:
        print(f"{executed(path)[1]:7.1f} s  {path.relative_to(ROOT)}")


def outputs():
    """Store the text of cells tagged nbval-check-output in each notebook, and no other output."""
    import nbformat

    for path in NOTEBOOKS:
        notebook, _ = executed(path)
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
            if cell.cell_type == "code":
                kept = (
                    cell.outputs
                    if "nbval-check-output" in cell.metadata.get("tags", [])
                    else []
                )
                cell.outputs = merged([o for o in (text_only(o) for o in kept) if o])
                if (
                    not cell.outputs
                ):  # nbval wants the counter of a cell whose outputs it compares
                    cell.execution_count = None
        notebook.metadata = {
            "kernelspec": {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            }
        }
        nbformat.write(notebook, path)
        print(path.relative_to(ROOT))


def picture():
    """Draw the first heat map of the preface where the README shows it."""
    import infodecomp as idc

    maps = idc.word_maps(
        idc.load("emoji"), "😎", "smiling face with sunglasses", samples=2000
    )
    figure = idc.HeatMaps(maps, root=True).figure(["CMI"], width=8)
    figure.savefig(ROOT / "book" / "_static" / "preface.png", dpi=150)


def merged(outputs):
    """Prints that arrived in several pieces as one, so that the file does not depend on their timing."""
    whole = []
    for output in outputs:
        if (
            whole
            and output.output_type == whole[-1].output_type == "stream"
            and output.name == whole[-1].name
        ):
            whole[-1].text += output.text
        else:
            whole.append(output)
    return whole


def text_only(output):
    """The output without pictures; None where nothing remains."""
    if output.output_type == "stream":
        return output
    data = output.get("data", {})
    if "text/plain" not in data or any(kind.startswith("image/") for kind in data):
        return None
    output.data = {"text/plain": data["text/plain"]}
    return output


if __name__ == "__main__":
    {
        "execute": execute,
        "seconds": seconds,
        "outputs": outputs,
        "picture": picture,
        "repository": repository,
        "version": version,
    }[sys.argv[1]](*sys.argv[2:])
