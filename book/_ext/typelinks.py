"""A type in a signature is a link: to its entry in the API reference, or to the documentation of its library."""

import re
from importlib import import_module
from pathlib import Path

from docutils import nodes

PYTHON = "https://docs.python.org/3/library/"
TORCH = "https://docs.pytorch.org/docs/stable/"
ELSEWHERE = {  # the name is added after #. Addresses only: the build asks nobody for an inventory
    "collections.Counter": f"{PYTHON}collections.html#",
    "collections.abc.Callable": f"{PYTHON}collections.abc.html#",
    "collections.abc.Iterable": f"{PYTHON}collections.abc.html#",
    "collections.abc.Iterator": f"{PYTHON}collections.abc.html#",
    "collections.abc.Mapping": f"{PYTHON}collections.abc.html#",
    "collections.abc.Sequence": f"{PYTHON}collections.abc.html#",
    "os.PathLike": f"{PYTHON}os.html#",
    "pathlib.Path": f"{PYTHON}pathlib.html#",
    "random.Random": f"{PYTHON}random.html#",
    "matplotlib.axes._axes.Axes": "https://matplotlib.org/stable/api/_as_gen/matplotlib.axes.Axes.html",
    "matplotlib.figure.Figure": "https://matplotlib.org/stable/api/figure_api.html#",
    "numpy.ndarray": "https://numpy.org/doc/stable/reference/generated/numpy.ndarray.html#",
    "PIL.Image.Image": "https://pillow.readthedocs.io/en/stable/reference/Image.html#",
    "torch.Tensor": f"{TORCH}tensors.html#",
    "torch.device": f"{TORCH}tensor_attributes.html#",
    "torch.dtype": f"{TORCH}tensor_attributes.html#",
    "torch.nn.modules.module.Module": f"{TORCH}generated/torch.nn.Module.html",
}


def described(name):
    """The object of a dotted name, None if there is none."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found = import_module(".".join(parts[:cut]))
            for part in parts[cut:]:
                found = getattr(found, part)
            return found
        except (ImportError, AttributeError):
            continue
    return None


def entry(entries, name):
    """The name under which the API reference describes a class; it may do so under another module's."""
    last, wanted = name.rpartition(".")[2], described(name)
    same = [e for e in entries if e.rpartition(".")[2] == last]
    return next((e for e in same if described(e) is wanted is not None), None)


def link(app, env, node, contnode):
    """A link for a type that Sphinx does not find under its name; None, hence a warning, for one that nobody knows."""
    if node.get("refdomain") != "py" or node.get("reftype") not in ("class", "obj"):
        return None
    name, domain = node["reftarget"], env.get_domain("py")
    if name in ELSEWHERE:
        address = ELSEWHERE[name]
        address += name if address.endswith("#") else ""
        return nodes.reference("", "", contnode, refuri=address)
    known = entry(domain.objects, name) if name.startswith("infodecomp.") else None
    if known is None or known == name:
        return None
    return domain.resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], known, node, contnode
    )


def lighter(html):
    """A page whose signatures have no elements that nothing styles: one around each word, one around each space."""
    signature = re.compile(r'<dt class="sig.*?</dt>', re.DOTALL)
    idle = re.compile(r'<span class="(?:pre|w)">([^<]*)</span>')
    return signature.sub(lambda found: idle.sub(r"\1", found[0]), html)


def lighten(app, exception):
    if exception is None and app.builder.format == "html":
        for path in Path(app.outdir, "book").glob("*.html"):
            text = path.read_text(encoding="utf-8")
            path.write_text(lighter(text), encoding="utf-8")


def setup(app):
    app.connect("missing-reference", link)
    app.connect("build-finished", lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
