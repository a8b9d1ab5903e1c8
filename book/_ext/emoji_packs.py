"""Beside the emoji lab: pictures and names that its page fetches, drawn when the book is built and never committed."""

from pathlib import Path


def write_packs(app, exception):
    if exception is None and app.builder.format == "html":
        from infodecomp import EmojiLab

        EmojiLab.write(Path(app.outdir) / "_static")


def setup(app):
    app.connect("build-finished", write_packs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
