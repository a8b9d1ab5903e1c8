"""Segmentation without training: each cell gets the concept that is worth most; mIoU with the masks of what is there.

The concepts of a picture are the names of its annotated categories, whatever a caption says. A cell whose margin is
below some number of standard errors gets no name; that number is chosen on other pictures, as in localization.
"""

from typing import Any

import numpy as np
from PIL import Image

from ..concepts import Segmentation, concept_maps
from ..datasets.coco import Labelled
from ..datasets.items import Broken
from ..denoiser import Model
from .localization import framed, percent, summary
from .runner import heading

LEAST = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)  # standard errors
METHODS = ("whole image", "segmentation", "exact")


def ious(found: Segmentation, masks: list[np.ndarray]) -> np.ndarray:
    """(len(LEAST), K): intersection over union of each concept's cells, enlarged to the masks (H, W), with its mask."""
    curves = []
    for least in LEAST:
        labels = Image.fromarray(found.sure(least).cpu().numpy().astype(np.int32))
        large = np.asarray(labels.resize(masks[0].shape[::-1], Image.Resampling.NEAREST))
        curves.append([((large == k) & mask).sum() / ((large == k) | mask).sum() for k, mask in enumerate(masks)])
    return np.array(curves)


def measure(
    model: Model,
    item: Labelled,
    *,
    samples: int,
    seed: int,
    batch_size: int | None = None,
    context: str | None = None,
    exact: Model | None = None,
) -> dict:
    """The record of one picture of coco.labelled: the mean IoU over its concepts for each of LEAST.

    context: as in concept_maps. exact: another model, of 400 samples, whose segmentation is scored beside it.
    """
    picture: Any = item.open()
    frame = model.frame(picture)  # type: ignore[attr-defined]
    masks = {name: framed(model, mask) for name, mask in item.masks().items()}
    masks = {name: mask for name, mask in masks.items() if mask.any()}
    if not masks:
        raise Broken("outside the crop", "no pixel of a category is left in what the model sees")
    options: dict = {"seed": seed, "batch_size": batch_size, "against": False}
    found: Any = concept_maps(model, frame, list(masks), context, samples=samples, **options)
    curves = {"segmentation": ious(found.segmentation, list(masks.values()))}
    if exact is not None:
        truth: Any = concept_maps(exact, frame, list(masks), context, samples=400, **options)
        curves["exact"] = ious(truth.segmentation, list(masks.values()))
    iou = {name: curve.mean(1).round(4).tolist() for name, curve in curves.items()}
    iou["whole image"] = [round(float(np.mean([mask.mean() for mask in masks.values()])), 4)] * len(LEAST)
    return {"group": str(len(masks)), "image": item.image, "concepts": list(masks), "iou": iou}


def table(records: list[dict]) -> dict[str, dict]:
    """As localization.summary: {method: {"miou": (mean, stderr), "threshold": standard errors, …}} over pictures."""
    return summary(records, METHODS, LEAST)


def report(tasks: dict[str, list[dict]]) -> str:
    """Markdown of {task: records}: mIoU over the concepts of a picture, mean ± standard error over pictures."""
    lines: list[str] = []
    for task, records in tasks.items():
        lines += heading(task, records)
        if not table(records):
            lines += ["Too few: some items choose margins, others are scored, and one of the two has none.", ""]
            continue
        lines += ["| method | mIoU, % | margin in standard errors | best on the same |", "|---|---|---|---|"]
        for name, line in table(records).items():
            cells = percent(*line["miou"]), f"{line['threshold']:g}", percent(*line["flattered"])
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)
