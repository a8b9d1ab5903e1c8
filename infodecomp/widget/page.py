"""A widget as a piece of a page: the same module as in a notebook, no kernel, no network, a figure without scripts."""

import base64
import hashlib
import html
import io
import json
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

HERE = Path(__file__).parent
PIECE = """<div class="idc {name}" data-widget="{key}"><img class="static" alt="{alt}" src="{figure}">
<style>{css}</style><script type="application/json">{state}</script><script type="module">
{module}
const widget = "{name}";
{shim}</script></div>"""


def source(*names):
    """Text of files of this folder, one after the other."""
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in names)


def url(picture):
    """A PIL picture as a data URL."""
    with io.BytesIO() as file:
        picture.save(file, "PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def palette(name):
    """256 colours of matplotlib, three bytes each, as base64."""
    colours = matplotlib.colormaps[name](np.arange(256))[:, :3] * 255
    return base64.b64encode(colours.round().astype(np.uint8).tobytes()).decode()


def piece(widget, name, state, figure, alt):
    """HTML of a widget: state as JSON, figure (matplotlib) and alt text where no script runs."""
    state = json.dumps(state)
    with io.BytesIO() as file:
        figure.savefig(file, dpi=72)
        drawn = Image.open(file).convert("RGB").quantize(64)
    return PIECE.format(
        name=name,
        key=hashlib.sha256(state.encode()).hexdigest()[:12],
        alt=html.escape(alt),
        figure=url(drawn),
        css=widget._css,
        state=state.replace("</", "<\\/"),
        module=widget._esm,
        shim=source("shim.js"),
    )
