"""Types in the signatures of the API reference lead to their entries, or to the documentation of their library."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup
from docutils import nodes

import infodecomp as idc

EXT = runpy.run_path(str(Path(__file__).parents[1] / "book" / "_ext" / "typelinks.py"))
ENTRIES = dict.fromkeys(["infodecomp.Estimate", "infodecomp.denoiser.Model", "infodecomp.models.base.Model"])


class Domain:
    objects = ENTRIES

    @staticmethod
    def resolve_xref(env, page, builder, kind, name, node, content):
        return name


def linked(name, kind="class"):
    env = SimpleNamespace(get_domain=lambda name: Domain)
    node = {"refdomain": "py", "reftype": kind, "reftarget": name, "refdoc": "book/c-api"}
    return EXT["link"](SimpleNamespace(builder=None), env, node, nodes.Text("shown"))


@pytest.mark.parametrize("name", EXT["ELSEWHERE"])
def test_types_of_libraries_exist_and_have_an_address(name):
    assert EXT["described"](name) is not None
    link = linked(name)
    assert link.astext() == "shown" and link["refuri"].startswith("https://")
    assert link["refuri"].endswith((f"#{name}", ".html"))


def test_a_class_is_found_under_the_name_that_its_entry_has():
    assert EXT["described"]("infodecomp.estimates.estimate.Estimate") is idc.Estimate
    assert linked("infodecomp.estimates.estimate.Estimate") == "infodecomp.Estimate"
    assert EXT["entry"](ENTRIES, "infodecomp.denoiser.Model") == "infodecomp.denoiser.Model"
    assert EXT["entry"](ENTRIES, "infodecomp.models.base.Model") == "infodecomp.models.base.Model"


@pytest.mark.parametrize("name", ["infodecomp.denoiser.Denoiser", "infodecomp.Nothing", "infodecomp", "torch.Nothing"])
def test_what_nobody_describes_stays_a_warning(name):
    assert linked(name) is None and linked("torch.Tensor", "func") is None


def test_signatures_lose_what_nothing_styles_and_keep_their_text():
    page = """<dt class="sig sig-object py" id="a"><em><span class="n"><span class="pre">x</span></span>
<span class="p"><span class="pre">:</span></span><span class="w"> </span><a href="#b"><span class="pre">B</span></a>
</em></dt>
<dd><span class="pre">kept</span></dd>"""
    light = EXT["lighter"](page)
    assert light.count('class="pre"') == 1 and '<a href="#b">B</a>' in light and 'class="w"' not in light
    assert BeautifulSoup(light, "html.parser").get_text() == BeautifulSoup(page, "html.parser").get_text()
