"""Relation testing (Kong et al. 2024, 3.1): of several captions, does the model find the true one highest?

A right choice counts 1, a tie for the first place among m captions 1/m. Pictures are independent, items of one picture
are not: `pictures` numbers the picture of each item.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from scipy.stats import binomtest

from ..datasets.aro import Item
from ..datasets.items import REASON, Broken
from ..datasets.sugarcrepe import KINDS
from ..denoiser import Denoiser, Model
from ..estimates.information import compare
from ..integrate import Proposal, uniform_weight
from .baselines import Score
from .clusters import independent, pictures_of, stderr, sums
from .runner import heading

SCORES = {
    "orthogonal": "iᵒ against the empty prompt (the paper's)",
    "standard": "iˢ against the empty prompt",
    "mse": "− squared error, as drawn (DiffITM)",
    "uniform": "− squared error, uniform timesteps (Diffusion Classifier)",
}
# Accuracy in %, Table 1 of the paper: Stable Diffusion 2.1 on the published data
PAPER = {
    "vg_attribution": {"clip": 64.6, "mse": 62.9, "orthogonal": 72.0},
    "vg_relation": {"clip": 51.4, "mse": 50.0, "orthogonal": 69.1},
    "coco_order": {"clip": 32.8, "mse": 23.5, "orthogonal": 40.1},
    "flickr30k_order": {"clip": 40.5, "mse": 33.2, "orthogonal": 49.3},
}
# Accuracy in % by group, of SOURCE: the CLIPs whose text towers Stable Diffusion 2 and 1 have
PUBLISHED = {
    "sugarcrepe": {
        "CLIP ViT-H-14, LAION": dict(zip(KINDS, (96.49, 84.77, 71.76, 67.48, 73.12, 92.05, 85.84), strict=True)),
        "CLIP ViT-L-14, OpenAI": dict(zip(KINDS, (94.07, 79.19, 65.15, 60.16, 62.31, 78.32, 71.53), strict=True)),
    }
}
SOURCE = "Hsieh et al. 2023"
OTHER = ", other picture"  # ends the name of a score of the same captions with another item's picture
SENTENCE = "A score that survives the exchange of pictures has measured captions."


class Accuracy(NamedTuple):
    """Share of right choices among `count`, with Wilson's 95 % interval."""

    share: float
    low: float
    high: float
    count: int  # type: ignore[assignment] # a tuple's own `count` is not missed

    def __str__(self) -> str:
        return f"{100 * self.share:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"


def caption_scores(
    model: Denoiser,
    x: torch.Tensor,
    captions: Sequence[str | list[str]],
    *,
    samples: int = 100,
    seed: int = 0,
    proposal: Proposal | str | None = None,
    batch_size: int | None = None,
) -> dict[str, torch.Tensor]:
    """{name of SCORES: (B, K)} of K captions (each a str, or a list of B) on shared noise: K + 1 evaluations a sample.

    x (B, C, h, w). "standard" and "uniform" differ only in the weight of log-SNRs; "mse" weights all draws equally.
    """
    found = compare(model, x, [None, *captions], samples=samples, seed=seed, proposal=proposal, batch_size=batch_size)
    rows: dict[str, list[torch.Tensor]] = {name: [] for name in SCORES}
    for k in range(1, len(captions) + 1):
        standard = found.information(k, 0, "standard")
        rows["orthogonal"].append(found.information(k, 0).nats)
        rows["standard"].append(standard.nats)
        profile = standard.profile
        rows["mse"].append(2 * profile.integrand.mean(1))  # the unconditional error is the same for all captions
        at_random = uniform_weight(profile.logsnr, getattr(model, "schedule", None), standard.range)
        weighted = profile.integrand * profile.weight * at_random
        rows["uniform"].append(2 * weighted.mean(1))
    return {name: torch.stack(columns, 1) for name, columns in rows.items()}


def credit(scores: torch.Tensor | Sequence[Sequence[float]]) -> torch.Tensor:
    """(B,) of scores (B, K), the true caption first: 1 if it is highest, 1/m if m share the first place with it."""
    scores = torch.as_tensor(scores, dtype=torch.float64)
    best = scores == scores.max(1, keepdim=True).values
    return best[:, 0].double() / best.sum(1)


def accuracy(credits: Sequence[float], pictures: np.ndarray | None = None) -> Accuracy:
    """Share of right choices, with Wilson's interval (1927) for as many items as are independent; ties count shares."""
    count, share = len(credits), float(np.mean(credits))
    alone = count if pictures is None else independent(credits, pictures)
    z2 = 1.959964**2
    centre = (share + z2 / (2 * alone)) / (1 + z2 / alone)
    half = math.sqrt(z2 * (share * (1 - share) / alone + z2 / (4 * alone**2))) / (1 + z2 / alone)
    return Accuracy(share, max(0.0, centre - half), min(1.0, centre + half), count)


def paired(
    one: Sequence[float], other: Sequence[float], pictures: np.ndarray | None = None
) -> tuple[float, float, float]:
    """Difference of two shares on the same items, its standard error, and p of the exact sign test over pictures.

    Where each item has its own picture that is McNemar's test. The error is NaN for fewer than two pictures.
    """
    difference = np.subtract(one, other)
    pictures = np.arange(len(difference)) if pictures is None else pictures
    each = np.round(sums(difference, pictures), 9)
    better, worse = int((each > 0).sum()), int((each < 0).sum())
    p = binomtest(better, better + worse).pvalue if better + worse else 1.0
    return difference.mean(), stderr(difference, pictures), p


def measure(
    model: Model,
    item: Item,
    *,
    samples: int,
    seed: int,
    batch_size: int | None = None,
    others: Mapping[str, Score] | None = None,
    items: Sequence[Item] | None = None,
) -> dict:
    """The record of one item: scores of its captions by the model and by `others`, {name: score} of baselines.

    items: all of the task; then the captions are also scored with the picture of another one (see `other_picture`).
    Raises Broken for an item that cannot be measured.
    """
    if item.broken:
        raise Broken(item.broken, item.detail)
    noise: dict[str, Any] = {"samples": samples, "seed": seed, "batch_size": batch_size}
    captions = list(item.captions)
    scores = scored(model, item.open(), captions, others=others, **noise)
    if items is not None:
        exchanged = scored(model, other_picture(item, items), captions, others=others, **noise)
        scores |= {name + OTHER: row for name, row in exchanged.items()}
    return {"group": item.group, "image": item.image, "scores": scores}


def scored(
    model: Model,
    picture: Image.Image,
    captions: list[str],
    *,
    samples: int,
    seed: int,
    batch_size: int | None = None,
    others: Mapping[str, Score] | None = None,
) -> dict[str, list[float]]:
    """{name: a score per caption} of a picture, by the model and by `others`."""
    found = caption_scores(model, model.encode(picture), captions, samples=samples, seed=seed, batch_size=batch_size)
    scores = {name: row[0].tolist() for name, row in found.items()}
    return scores | {name: torch.as_tensor(score(picture, captions)).tolist() for name, score in (others or {}).items()}


def other_picture(item: Item, items: Sequence[Item]) -> Image.Image:
    """The picture of the next item of a task, the first follows the last, that has another image and opens."""
    place = next(k for k, one in enumerate(items) if one.id == item.id)
    for one in [*items[place + 1 :], *items[:place]]:
        if one.image != item.image and not one.broken:
            with suppress(Broken):
                return one.open()
    raise Broken(REASON, "no other item of the task has another picture that opens")


def right(record: dict) -> float:
    """Whether iᵒ is right, ties shared."""
    return credit([record["scores"]["orthogonal"]]).item()


def summary(records: list[dict], least: int = 25) -> dict[str, dict[str, Accuracy]]:
    """{score: {"all": Accuracy, group: Accuracy, …}} of a task's records, for groups of at least `least`."""
    kept = [record for record in records if "scores" in record]
    names = list(dict.fromkeys(name for record in kept for name in record["scores"]))
    groups = Counter(record["group"] for record in kept if record["group"])
    table: dict[str, dict[str, Accuracy]] = {}
    for name in names:
        scored = [record for record in kept if name in record["scores"]]
        table[name] = {"all": _accuracy(scored, name)}
        for group in sorted(group for group, count in groups.items() if count >= least):
            table[name][group] = _accuracy([record for record in scored if record["group"] == group], name)
    return table


def _accuracy(records, name):
    return accuracy([credit([record["scores"][name]]).item() for record in records], pictures_of(records))


def report(tasks: dict[str, list[dict]], least: int = 25) -> str:
    """Markdown of {task: records}: each score's accuracy with its interval; published numbers in their own columns."""
    lines: list[str] = []
    for task, records in tasks.items():
        table = summary(records, least)
        lines += heading(task, records)
        if not table:
            continue
        reference = next(iter(table))
        lines += [f"| score | accuracy, % [95 %] | − {reference}, points (p) | the paper's, % |", "|---|---|---|---|"]
        kept = [record for record in records if "scores" in record]
        for name, found in table.items():
            own = name.removesuffix(OTHER)
            versus = "" if name == reference else _versus(kept, name, reference if own == name else own)
            title = SCORES.get(own, own) + name.removeprefix(own)
            lines.append(f"| {title} | {found['all']} | {versus} | {PAPER.get(task, {}).get(name, '')} |")
        lines += ["", SENTENCE] if any(name.endswith(OTHER) for name in table) else []
        lines += [*_by_group(task, table), ""]
    return "\n".join(lines)


def _versus(records, name, reference):
    """The difference of two scores' accuracies in points, as text."""
    both = [[credit([record["scores"][score]]).item() for record in records] for score in (name, reference)]
    mean, error, p = paired(*both, pictures_of(records))
    text = f"{100 * mean:+.1f} ± {100 * error:.1f} ({p:.2g})" if error >= 0 else f"{100 * mean:+.1f}, too few"
    return f"{text} to its own picture" if name.endswith(OTHER) else text


def _by_group(task, table):
    """Lines of Markdown: the accuracies of each group."""
    first, published = next(iter(table.values())), PUBLISHED.get(task, {})
    groups = [group for group in first if group != "all"]
    if not groups:
        return []
    names = [*table, *(f"{model} ({SOURCE})" for model in published)]
    lines = ["", "| group | n | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    for group in groups:
        cells = [group, first[group].count, *(found[group] for found in table.values())]
        cells += [numbers.get(group, "") for numbers in published.values()]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines
