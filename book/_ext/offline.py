"""The built site loads nothing from the network, and is light: MathJax is local, and what no page needs is left out."""

import re
from pathlib import Path

# in _static, with its fonts; it has every TeX extension, tex-chtml.js loads missing ones at run time
MATHJAX = "mathjax/tex-chtml-full.js"
UNWANTED = (
    "THEBE_JS_URL",
    "sphinx-thebe.js",
    "application/vnd.jupyter.widget-state+json",
)


def drop_thebe(app, config):
    """Unhook sphinx-thebe, which Jupyter Book always loads: its script and its page settings name remote hosts."""
    for event in ("env-before-read-docs", "doctree-resolved"):
        app.events.listeners[event] = [
            listener
            for listener in app.events.listeners[event]
            if listener.handler.__module__ != "sphinx_thebe"
        ]


def drop_scripts(app, pagename, templatename, context, doctree):
    """Leave out the scripts that would ask a remote host for more."""
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if not any(
            word in f"{script!s} {getattr(script, 'attributes', '')}"
            for word in UNWANTED
        )
    ]


ICON = re.compile(
    r'"?([a-z0-9-]+)"?:\[\d+,\d+,\[([^\]]*)\],"[0-9a-f]+",(?:"[^"]*"|\[[^\]]*\])\],?'
)


def keep_icons(script, pages):
    """Of the theme's two thousand icons those that a page names, or a script does."""
    texts = [path.read_text(encoding="utf-8") for path in pages]
    named = {name for text in texts for name in re.findall(r"fa-([a-z0-9-]+)", text)}
    text = script.read_text(encoding="utf-8")

    def kept(icon):
        names = {icon[1], *re.findall(r'"([a-z0-9-]+)"', icon[2])}
        return icon[0] if names & named else ""

    script.write_text(ICON.sub(kept, text), encoding="utf-8")


def leave_out(app, exception):
    """Source maps, fonts in formats that no browser asks for, and icons that nobody shows."""
    if exception is not None or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    for kind in ("*.map", "*.ttf", "*.po"):  # a .woff2 stands beside each .ttf
        for path in static.rglob(kind):
            path.unlink()
    icons = static / "scripts" / "fontawesome.js"
    others = [path for path in static.rglob("*.js") if path != icons]
    keep_icons(icons, [*Path(app.outdir).rglob("*.html"), *others])


def setup(app):
    app.config.mathjax_path = MATHJAX
    app.connect("config-inited", drop_thebe)
    app.connect("html-page-context", drop_scripts, priority=900)
    app.connect("build-finished", leave_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
