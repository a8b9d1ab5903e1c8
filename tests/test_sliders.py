"""Sliders without a kernel: a frame for each position, the right one first, and on a built page."""

import base64
import io
import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

import infodecomp as idc


def grey(x, y=0.0):
    return Image.new("L", (8, 8), int(10 * x + y))


def read(frame):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(frame.split(",")[1]))).convert("L"))


def test_a_frame_for_each_position_the_last_slider_fastest():
    sliders = idc.Sliders(grey, "grey", x=[0, 10], y=[0, 50, 100])
    found = [read(frame).mean() for frame in sliders.frames]
    assert np.allclose(found, [0, 50, 100, 100, 150, 200], atol=3)  # WebP has losses
    assert sliders.at == [1, 1] and sliders.positions[4] == (10, 50)
    assert repr(sliders) == "Sliders('grey'; x in 2 steps × y in 3 steps)"


def test_without_scripts_the_middle_is_shown():
    html = idc.Sliders(grey, "grey", x=[0, 10], y=[0, 50, 100]).html()
    still = re.search(r'class="static"[^>]*src="([^"]+)"', html)[1]
    assert read(still).shape == (8, 8) and np.allclose(read(still), 150, atol=3)  # all of it


def test_on_a_page_its_state_stands_beside_the_module():
    html = idc.Sliders(lambda log_snr: grey(log_snr), "a <grey> square", log_snr=[0, 1, 2]).html()
    state = json.loads(re.search(r'application/json">(.*?)</script>', html, re.DOTALL)[1])
    assert state["at"] == [1] and state["_state"]["sliders"] == [["log snr", [0, 1, 2]]]
    assert 'alt="a &lt;grey&gt; square"' in html and len(state["_state"]["frames"]) == 3


def test_a_figure_is_svg_with_its_text_and_is_closed():
    def line(x):
        plt.figure()
        plt.title(f"x is {x:g}")
        plt.plot([0, x])

    sliders = idc.Sliders(line, "a line", x=[1, 2])
    assert [re.search("x is (.)", frame)[1] for frame in sliders.frames] == ["1", "2"]
    assert all(frame.startswith("<svg") and "DejaVu" in frame for frame in sliders.frames)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("sliders", [{}, {"x": [1]}, {"x": [1, 2], "y": []}, {"x": range(11), "y": range(10)}])
def test_too_few_and_too_many_positions_are_refused_before_any_is_drawn(sliders):
    with pytest.raises(ValueError, match="sliders must be"):
        idc.Sliders(lambda **_: pytest.fail("drawn"), "nothing", **sliders)


def test_other_drawings_and_positions_are_refused():
    with pytest.raises(TypeError, match="draw must give a PIL picture or a matplotlib Figure, got str"):
        idc.Sliders(lambda x: "picture", "text", x=[0, 1])
    sliders = idc.Sliders(grey, "grey", x=[0, 1])
    for at in ([2], [-1], [0, 0], []):
        with pytest.raises(ValueError, match="at must be one position for each of"):
            sliders.at = at
