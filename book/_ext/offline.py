"""The built site loads nothing from the network: MathJax is local, and what would be fetched is left out."""

import shutil
from importlib.util import find_spec
from pathlib import Path

MATHJAX = "tex-svg-full.js"  # one file with every TeX extension; tex-svg.js loads missing ones at run time
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


def copy_mathjax(app, exception):
    if exception is None and app.builder.format == "html":
        package = Path(find_spec("sphinx-mathjax-offline").origin).parent
        shutil.copy(
            package / "static" / "mathjax" / MATHJAX,
            Path(app.outdir) / "_static" / MATHJAX,
        )


def setup(app):
    app.config.mathjax_path = MATHJAX
    app.connect("config-inited", drop_thebe)
    app.connect("html-page-context", drop_scripts, priority=900)
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
