"""A widget as a piece of a page: the same module as in a notebook, no kernel, no network, a figure without scripts."""

import base64
import hashlib
import html
import inspect
import io
import json
import re
from pathlib import Path
from typing import Any, TypeVar

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from ..plot import tidy

HERE = Path(__file__).parent
Widget = TypeVar("Widget")
DPI, QUALITY = 64, 18  # of the figure that stands where no script runs: ten widgets stay under a megabyte
LARGE = 20_000  # bytes of a PNG from which on a JPEG is tried
IMPORT = re.compile(r'^import \{[^}]*\} from "(.+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)
COMMENT = re.compile(r"^ *(//[^\n]*|/\*\*.*?\*/)\n|^ +", re.MULTILINE | re.DOTALL)  # and indentation
PIECE = """<div class="idc {name}" data-widget="{key}"><img class="static" alt="{alt}" src="{figure}">
<style>{css}</style><script type="application/json">{state}</script><script type="module">
{module}
const widget = "{name}";
{shim}</script></div>"""


def explicit(widget: type[Widget]) -> type[Widget]:
    """A class of widgets with the signature of its __init__, which traitlets hides."""
    own = inspect.signature(widget.__init__)  # type: ignore[misc]
    shown = own.replace(parameters=list(own.parameters.values())[1:], return_annotation=own.empty)
    widget.__signature__ = shown  # type: ignore[attr-defined]
    return widget


def style(*names: str) -> str:
    """Text of style sheets of this folder, one after the other, without indentation."""
    return re.sub(r"\n\s+", "\n", "\n".join((HERE / name).read_text(encoding="utf-8") for name in names))


def bundle(name: str) -> str:
    """One module without imports, from a module of js/: each file that it needs once, before those that import it.

    Comments on lines of their own and indentation stay behind: a page holds this once for each widget.
    """
    found = {}

    def add(file):
        if file in found:
            return
        text = file.read_text(encoding="utf-8")
        for needed in IMPORT.findall(text):
            add((file.parent / needed).resolve())
        found[file] = EXPORT.sub("", IMPORT.sub("", text))

    add((HERE / "js" / name).resolve())
    return "\n".join(COMMENT.sub("", text) for text in found.values())


def url(picture: Image.Image, quality: int | None = None) -> str:
    """A picture as a data URL: PNG, or JPEG where that is less than a third, as of photographs; quality: of a WebP."""
    if quality:
        return f"data:image/webp;base64,{base64.b64encode(_saved(picture, 'WEBP', quality=quality)).decode()}"
    png, jpeg = _saved(picture, "PNG", optimize=True), b""
    if picture.mode == "RGB" and len(png) > LARGE:
        jpeg = _saved(picture, "JPEG", quality=88, subsampling=0, optimize=True)
    kind, data = ("jpeg", jpeg) if jpeg and 3 * len(jpeg) < len(png) else ("png", png)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _saved(picture, kind, **options):
    with io.BytesIO() as file:
        picture.save(file, kind, **options)
        return file.getvalue()


def palette(name: str) -> str:
    """256 colours of matplotlib, three bytes each, as base64."""
    colours = matplotlib.colormaps[name](np.arange(256))[:, :3] * 255
    return base64.b64encode(colours.round().astype(np.uint8).tobytes()).decode()


def piece(widget: Any, name: str, state: dict, figure: Figure, alt: str) -> str:
    """HTML of a widget: state as JSON, figure (matplotlib) and alt text where no script runs."""
    text = json.dumps(state, separators=(",", ":")).replace("<", "\\u003c")  # "<!-- <script>" would swallow the page
    with io.BytesIO() as file:
        tidy(figure)
        figure.savefig(file, dpi=DPI)
        drawn = Image.open(file).convert("RGB")
    return PIECE.format(
        name=name,
        key=hashlib.sha256(text.encode()).hexdigest()[:12],
        alt=html.escape(alt),
        figure=url(drawn, QUALITY),
        css=widget._css,
        state=text,
        module=widget._esm,
        shim=bundle("shim.js"),
    )
