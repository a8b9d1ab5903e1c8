import base64
import io
import re

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

import infodecomp as idc
from infodecomp import datasets, plot

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def clean():
    with matplotlib.rc_context():
        plot.setup()
        yield
    plot.plt.close("all")


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_show_black_at_minus_one_and_white_at_one(channels):
    images = torch.tensor([-1.0, 0.0, 3.0])[:, None, None, None].expand(3, channels, 4, 4)
    figure = plot.pictures(images, ["a", "b", "c"])
    shown = [axis.images[0].get_array().mean() for axis in figure.axes]
    assert shown == [0.0, 0.5, 1.0] and [axis.get_title() for axis in figure.axes] == ["a", "b", "c"]


def test_pictures_of_any_kind_and_size(tmp_path):
    levels = np.full((30, 45, 3), 255, np.uint8)
    Image.fromarray(levels).save(tmp_path / "white.png")
    kinds = [tmp_path / "white.png", Image.new("RGB", (20, 30)), levels, torch.zeros(3, 8, 8, dtype=torch.uint8)]
    axes = plot.pictures(kinds).axes
    assert [axis.images[0].get_array().shape for axis in axes] == [(30, 45, 3), (30, 20, 3), (30, 45, 3), (8, 8, 3)]
    assert [axis.images[0].get_array().mean() for axis in axes] == [255, 0, 255, 0]
    assert len(plot.pictures(str(tmp_path / "white.png")).axes) == 1


@pytest.mark.parametrize("images", [1, 40])
def test_area_under_the_profile_is_the_estimate(images):
    denoiser = idc.exact.Gaussian(torch.zeros(4), 0.3)
    x = 0.55 * torch.randn(images, 4, generator=torch.Generator().manual_seed(0))
    constant = 2 * torch.log(torch.tensor(2 * torch.pi * torch.e)).item()
    estimate = idc.nll(denoiser, x, samples=4000, proposal=idc.integrate.uniform(-9, 9))
    line = plot.profile(estimate, bins=36).lines[0]
    area = line.get_ydata().sum() * 0.5
    mean, error = estimate.nats.mean().item() - constant, estimate.stderr.norm().item() / images
    assert area == pytest.approx(mean, abs=4 * error)


def test_a_shown_figure_has_minus_signs_no_half_frames_and_whole_marks():
    figure, (picture, axis) = plot.plt.subplots(1, 2)
    picture.set(xticks=[], yticks=[], title="-3 to -1.5, 2-4, e-2: red-hot")
    axis.plot([0, 1], [-1000, 1], "o")
    axis.set(yscale="symlog", title="$x=-1$")
    plot.sharp(figure)
    assert picture.get_title() == "−3 to −1.5, 2-4, e-2: red-hot" and axis.get_title() == "$x=-1$"
    assert not any(s.get_visible() for s in picture.spines.values()) and axis.spines["left"].get_visible()
    assert axis.transAxes.inverted().transform(axis.transData.transform([0, -1000]))[1] > 0.03


def test_lines_stay_lines_and_heavy_figures_become_pixels():
    plot.plt.plot([0, 1])
    text = plot.sharp(plot.plt.gcf())
    assert "<path" in text and "<image" not in text
    assert text == plot.sharp(plot.plt.gcf())  # nothing of it changes from build to build
    figure, axis = plot.plt.subplots()
    axis.scatter(*np.random.default_rng(0).normal(size=(2, 5000)), c=np.arange(5000))
    text = plot.sharp(figure)
    assert "<path" not in text and len(text) < 300_000
    data = base64.b64decode(re.search('base64,([^"]+)', text)[1])
    wide = float(re.search('width="([0-9.]+)pt"', text)[1])
    assert Image.open(io.BytesIO(data)).width == pytest.approx(2 * figure.dpi / 72 * wide, abs=1)


def test_data_are_what_they_say():
    images, labels = datasets.digits()
    assert images.shape == (1797, 1, 8, 8) and images.min() == -1 and images.max() == 1
    assert sorted(set(labels.tolist())) == list(range(10))
    cat = datasets.photograph("chelsea", 32)
    assert cat.shape == (1, 3, 32, 32) and cat.dtype == torch.float32 and -1 <= cat.min() < cat.max() <= 1
    assert datasets.photograph("rocket").shape[1] == 3
    with pytest.raises(ValueError, match="name must be a colour photograph"):
        datasets.photograph("coins")


def test_a_cell_of_zero_shows_the_picture():
    """Colour and cover grow with |nats|: none at zero, all but a tenth at the highest; √ in between."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8))
    values = np.array([[0.0, 1.0], [0.25, 2.0]])
    seen = np.asarray(plot.overlay(image, values, 1.0), float)[::80, ::80]
    under = plot.greyed(image)
    assert np.abs(seen[:2, :2] - under[:2, :2]).max() <= 0.5
    strongest = np.array(matplotlib.colormaps["viridis"](255)[:3]) * 255
    for cell in (np.s_[:2, 2:], np.s_[2:, 2:]):  # what exceeds the highest is cut to it
        assert np.abs(seen[cell] - (0.1 * under[cell] + 0.9 * strongest)).max() <= 1.5
    rooted = np.asarray(plot.overlay(image, values, 1.0, root=True), float)[::80, ::80]
    half = np.asarray(plot.overlay(image, np.full((2, 2), 0.5), 1.0), float)[::80, ::80]
    assert np.abs(rooted[2:, :2] - half[2:, :2]).max() <= 0.5 and np.abs(rooted[:2, :2] - under[:2, :2]).max() <= 0.5


def test_signed_maps_diverge_from_the_picture():
    image = Image.new("RGB", (2, 2), (90, 120, 200))
    seen = np.asarray(plot.overlay(image, [[-1.0, 0.0], [1.0, 0.5]]), float)[::160, ::160]
    under = plot.greyed(image)[0, 0]
    ends = [np.array(matplotlib.colormaps["PuOr_r"](k)[:3]) * 255 for k in (0, 255)]
    assert np.abs(seen[0, 1] - under).max() <= 0.5
    assert np.abs(seen[0, 0] - (0.1 * under + 0.9 * ends[0])).max() <= 1.5
    assert np.abs(seen[1, 0] - (0.1 * under + 0.9 * ends[1])).max() <= 1.5


def test_the_picture_under_a_map_has_little_colour_and_its_own_order_of_light():
    levels = np.array([[[255, 0, 0], [0, 0, 255], [0, 0, 0], [255, 255, 255]]], np.uint8)
    under = plot.greyed(levels)
    assert np.ptp(under, axis=2).max() < 60 and under[0, 3].min() == pytest.approx(255)
    light = under @ plot.LUMA
    assert light[0, 2] < light[0, 1] < light[0, 0] < light[0, 3]


def test_an_overlay_clears_cells_and_refuses_what_is_no_map():
    image = Image.new("RGB", (2, 2), "red")
    cleared = plot.overlay(image, np.ones((2, 2)), clear=np.ones((2, 2), bool))
    assert np.array_equal(np.asarray(cleared)[0, 0], plot.greyed(image)[0, 0].round())
    for wrong in (torch.ones(2), torch.full((2, 2), float("nan")), "x"):
        with pytest.raises(ValueError, match="values must"):
            plot.overlay(image, wrong)
    with pytest.raises(ValueError, match="opacity must"):
        plot.overlay(image, torch.ones(2, 2), opacity=2)
