"""The first link of a page to a term of the glossary is in the index as well, under the page's title."""

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform


class IndexTerms(SphinxTransform):
    default_priority = 700  # before Sphinx collects the entries of a page

    def apply(self, **kwargs):
        first = {}
        for link in self.document.findall(addnodes.pending_xref):
            if link["reftype"] == "term":
                first.setdefault(link["reftarget"], link)
        for k, (term, link) in enumerate(first.items()):
            title = next(self.document.findall(nodes.title)).astext()
            entry = ("single", f"{term}; {title}", f"used-{k}", "", None)
            place = [
                addnodes.index(entries=[entry]),
                nodes.target(ids=[f"used-{k}"]),
            ]
            link.parent.insert(link.parent.index(link), place)


def setup(app):
    app.add_transform(IndexTerms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
