"""Buttons that lead to the repository, and to Colab through it, appear only when its address is known."""


def hide_buttons(app, config):
    """While `make repository` has not written an address, no page shows a button that leads nowhere."""
    options = config.html_theme_options
    if "/OWNER/" in options.get("repository_url", ""):
        for name in ("repository", "issues", "edit_page", "source"):
            options[f"use_{name}_button"] = False
        options["launch_buttons"] = {}


def setup(app):
    app.connect("config-inited", hide_buttons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
