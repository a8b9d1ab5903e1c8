"""Static figures in one hand: colour-blind-safe colours (Okabe & Ito), axes in nats and log-SNR."""

import base64
import io
import re
import sys
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from .checks import batch, floats, number, positive, refuse, whole
from .models.pictures import picture
from .models.pictures import pictures as read

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
HEAVY = 40_000  # characters of SVG from which on pixels may be shorter
SVG = {"svg.fonttype": "none", "svg.hashsalt": "infodecomp", "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"]}
METADATA = ("Date", "Creator", "Format", "Type")
POSITIVE, SIGNED = "viridis", "PuOr_r"  # colour maps for quantities ≥ 0 and for signed ones
LUMA = (0.2126, 0.7152, 0.0722)  # how bright red, green and blue are
COLOUR, WHITE = 0.25, 0.15  # of a picture under a map: how much of its colour is left, how much white is added
OPACITY = 0.9  # of the strongest cell


def setup() -> None:
    """Set matplotlib's defaults for the book: size, fonts, colours, and in a notebook figures that stay sharp."""
    plt.rcParams.update(
        {
            "figure.figsize": (7.0, 3.2),
            "figure.dpi": 110,
            "figure.facecolor": "white",
            "axes.prop_cycle": plt.cycler(color=COLOURS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "image.cmap": POSITIVE,
            "figure.constrained_layout.use": True,
        }
    )
    shell: Any = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if getattr(shell, "kernel", None):
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")
        shell.display_formatter.formatters["image/svg+xml"].for_type(Figure, sharp)


def tidy(figure: Figure) -> None:
    """No hyphen for a minus sign, no half frame around a picture, no mark cut at the edge of a symlog axis."""
    for text in figure.findobj(Text):
        if "$" not in text.get_text():  # formulas have true minus signs
            text.set_text(re.sub(r"(?<![\w.)])-(?=\d)", "−", text.get_text()))
    for axis in figure.axes:
        if not len(axis.get_xticks()) and not len(axis.get_yticks()) and not axis.spines["top"].get_visible():
            axis.spines[:].set_visible(False)
        if "symlog" in (axis.get_xscale(), axis.get_yscale()):
            axis.autoscale_view()  # matplotlib keeps the margins of the linear scale


def drawing(figure: Figure, **options: Any) -> str:
    """A figure as SVG text: words are words, paths go to a tenth of a point, the same figure is the same text.

    options: of savefig."""
    tidy(figure)
    with io.StringIO() as file, plt.rc_context(SVG):
        figure.savefig(file, format="svg", metadata=dict.fromkeys(METADATA), **options)
        svg = file.getvalue()
    paths = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d)\d+", r"\1", path[0]), svg)
    return re.sub(r"\s+", " ", paths[paths.index("<svg") :])


def sharp(figure: Figure) -> str:
    """A figure as SVG text: lines as lines, or, where that is shorter, pixels at twice the resolution in a frame."""
    from IPython.core.pylabtools import print_figure

    lines = drawing(figure, bbox_inches="tight")
    if len(lines) < HEAVY:
        return lines
    dpi = 2 * figure.dpi
    image = Image.open(io.BytesIO(print_figure(figure, "png", dpi=dpi))).convert("RGB")
    with io.BytesIO() as file:
        image.save(file, "WEBP", quality=75)
        data = base64.b64encode(file.getvalue()).decode()
    width, height = (f"{72 * side / dpi:.1f}" for side in image.size)
    frame = f'width="{width}pt" height="{height}pt" viewBox="0 0 {width} {height}"'
    picture = f'<image width="100%" height="100%" href="data:image/webp;base64,{data}"/>'
    pixels = f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>{picture}</svg>'
    return min(lines, pixels, key=len)


def _rows(images):
    """Pictures as arrays (h, w[, 3]) that imshow takes."""
    if not isinstance(images, torch.Tensor) or images.dtype == torch.uint8:
        images = read(images, "images")
    if not isinstance(images, torch.Tensor):
        return [np.asarray(image) for image in images]
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not len(images):
        refuse("images", "a tensor (N, C, h, w) with C 1 or 3", images)
    unit = (batch("images", images).cpu().clamp(-1, 1) + 1) / 2
    return [image.permute(1, 2, 0).squeeze(-1).numpy() for image in unit]


def pictures(images: Any, titles: Sequence[str] | None = None, *, width: float = 7.0) -> Figure:
    """A row of pictures, one or a list of PIL pictures, paths and uint8 arrays of any sizes; or a float tensor
    (N, C, h, w), C = 1 or 3, from black at −1 to white at 1 (clipped). Returns the figure."""
    images = _rows(images)
    if titles is not None and (isinstance(titles, str) or not hasattr(titles, "__len__") or len(titles) != len(images)):
        refuse("titles", f"{len(images)}, one for each picture", titles)
    width, aspects = positive("width", width), [image.shape[1] / image.shape[0] for image in images]
    size, ratios = (width, width / sum(aspects) + 0.35), {"width_ratios": aspects}
    figure, axes = plt.subplots(1, len(images), figsize=size, squeeze=False, gridspec_kw=ratios)
    for i, (axis, image) in enumerate(zip(axes[0], images, strict=True)):
        axis.imshow(image, cmap="gray", vmin=0, vmax=1)
        axis.set_axis_off()
        if titles:
            axis.set_title(titles[i], fontsize=9)
    return figure


def profile(
    estimate: Any, *, axis: Axes | None = None, bins: int = 24, label: str | None = None, colour: str | None = None
) -> Axes:
    """Where on the log-SNR axis the nats arise: the integrand, binned over draws, with a band of ± 2 standard errors.

    Images count as one sample each: the band is the spread of bin means over images, or over draws for one image.
    The area under the line is estimate.nats (its mean over images), less the constant of a density. Returns the axis.
    """
    if not hasattr(estimate, "profile"):
        refuse("estimate", "an infodecomp.Estimate", estimate)
    bins, axis = whole("bins", bins, 1), axis or plt.gca()
    logsnr, integrand = estimate.profile.logsnr.cpu(), estimate.profile.integrand.cpu()
    edges = torch.linspace(*estimate.range, bins + 1, dtype=torch.float64)
    cell = (torch.bucketize(logsnr, edges, right=True) - 1).clamp(0, bins - 1)
    images, centres, means, errors = len(logsnr), [], [], []
    for b in range(bins):
        inside = (cell == b).double()
        count = inside.sum(1)
        units = ((integrand * inside).sum(1) / count)[count > 0] if images > 1 else integrand[cell == b]
        if len(units) > 1:
            centres.append(((edges[b] + edges[b + 1]) / 2).item())
            means.append(units.mean().item())
            errors.append(2 * units.std().item() / len(units) ** 0.5)
    low, high = ([m + s * e for m, e in zip(means, errors, strict=True)] for s in (-1, 1))
    (line,) = axis.plot(centres, means, label=label, color=colour)
    axis.fill_between(centres, low, high, color=line.get_color(), alpha=0.25, linewidth=0)
    axis.set(xlabel="log-SNR α", ylabel="nats per nat of log-SNR")
    return axis


def greyed(image: Any) -> np.ndarray:
    """A picture as it lies under a map, (H, W, 3) from 0 to 255: a quarter of its colour, and lighter, so that what is
    coloured is the map."""
    levels = np.asarray(picture(image), dtype=np.float64)
    grey = (levels @ LUMA)[..., None]
    return (1 - WHITE) * (grey + COLOUR * (levels - grey)) + 255 * WHITE


def inked(strength: np.ndarray, under: np.ndarray, *, signed: bool = False, opacity: float = OPACITY) -> np.ndarray:
    """Colours (…, 3) from 0 to 255 of a strength from −1 to 1 over a ground: zero is the ground, one is the colour.

    The ink covers in proportion to its strength; of unsigned maps a negative strength is none.
    """
    strength = np.asarray(strength, dtype=np.float64)[..., None]
    if not signed:
        strength = np.maximum(strength, 0)
    table = plt.get_cmap(SIGNED if signed else POSITIVE)(np.arange(256))[:, :3] * 255
    colours = table[np.rint(255 * ((strength[..., 0] + 1) / 2 if signed else strength[..., 0])).astype(int)].round()
    return under + opacity * np.abs(strength) * (colours - under)


def strength(values: Any, high: float, *, root: bool = False) -> np.ndarray:
    """Values as parts of a highest one, cut to −1 … 1; root: their square roots, so that weak ones are seen."""
    parts = np.clip(np.asarray(values, dtype=np.float64) / positive("high", high), -1, 1)
    return np.sign(parts) * np.sqrt(np.abs(parts)) if root else parts


def overlay(
    image: Any,
    values: Any,
    high: float | None = None,
    *,
    signed: bool | None = None,
    root: bool = False,
    smooth: bool = False,
    opacity: float = OPACITY,
    clear: Any = None,
) -> Image.Image:
    """A map (h, w) on its greyed picture, as the heat maps show it: PIL, at least 320 pixels along its longer side.

    A cell of zero shows the picture; colour and cover grow with |value| up to `high` (None: the map's own highest).
    signed: two colours (None: if a value is negative). root: grow with √|value|. smooth: bilinear, else cells.
    clear: cells (h, w) bool that are left clear.
    """
    cells = floats("values", values, finite=True).double().cpu().numpy()
    if cells.ndim != 2:
        refuse("values", "a map (h, w)", values)
    image, opacity = picture(image), number("opacity", opacity, 0, 1)
    magnified = -(-min(640, max(320, *image.size)) // max(cells.shape))
    size = cells.shape[1] * magnified, cells.shape[0] * magnified
    way = Image.Resampling.NEAREST if size[0] >= image.width else Image.Resampling.BILINEAR
    between = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    shown = np.asarray(Image.fromarray(cells.astype(np.float32)).resize(size, between))
    if clear is not None:
        shown = shown * ~np.asarray(clear, dtype=bool).repeat(magnified, 0).repeat(magnified, 1)
    signed = bool(cells.min() < 0) if signed is None else signed
    parts = strength(shown, high or float(np.abs(cells).max()) or 1.0, root=root)
    levels = inked(parts, greyed(image.resize(size, way)), signed=signed, opacity=opacity)
    return Image.fromarray(levels.round().astype(np.uint8))
