"""Beside the labs: what their pages fetch on a click, written when the book is built and never committed.

Pictures and names of emoji, and the weights of the trained network of the scenes.
"""

from pathlib import Path


def write_packs(app, exception):
    if exception is None and app.builder.format == "html":
        from infodecomp import EmojiLab, SceneLab

        for lab in (EmojiLab, SceneLab):
            lab.write(Path(app.outdir) / "_static")


def setup(app):
    app.connect("build-finished", write_packs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
