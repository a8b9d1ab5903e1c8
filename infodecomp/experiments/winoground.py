"""Winoground (Thrush et al. 2022): two pictures, two captions; is each caption's score highest where it belongs?

Right is strictly greater, a tie is wrong, as published. The text score: for each picture its own caption is higher;
the image score: for each caption its own picture is; the group score: both. The exchange of pictures is in the item:
a score that does not see them has 0 of all three.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..datasets.items import Broken
from ..datasets.winoground import Item
from ..denoiser import Model
from .baselines import Score
from .relation import SCORES, Accuracy, accuracy, scored
from .runner import heading

CHANCE = {"text": 25.0, "image": 25.0, "group": 16.7}
CLIP = {"text": 30.75, "image": 10.5, "group": 8.0}  # ViT-B/32, of Thrush et al. (2022)
SENTENCE = "The exchange of pictures is in the item: a score that does not see the picture has 0 of all three."


def measure(
    model: Model,
    item: Item,
    *,
    samples: int,
    seed: int,
    batch_size: int | None = None,
    others: Mapping[str, Score] | None = None,
) -> dict:
    """The record of one item: {score: [[s(c0, i0), s(c1, i0)], [s(c0, i1), s(c1, i1)]]}, all on the same noise.

    The model's scores are against the empty prompt, so that those of two pictures can be compared. Raises Broken.
    """
    if item.broken:
        raise Broken(item.broken, item.detail)
    noise: dict[str, Any] = {"samples": samples, "seed": seed, "batch_size": batch_size}
    rows = [scored(model, picture, list(item.captions), others=others, **noise) for picture in item.open()]
    return {"group": item.group, "scores": {name: [row[name] for row in rows] for name in rows[0]}}


def verdicts(scores: list[list[float]]) -> dict[str, bool]:
    """Whether text, image and group score are right."""
    (own, other), (other_picture, own_picture) = scores
    text = own > other and own_picture > other_picture
    image = own > other_picture and own_picture > other
    return {"text": text, "image": image, "group": text and image}


def right(record: dict) -> float:
    """1 if the group score of iᵒ is right."""
    return float(verdicts(record["scores"]["orthogonal"])["group"])


def summary(records: list[dict], least: int = 25) -> dict[str, dict[str, dict[str, Accuracy]]]:
    """{score: {"all": {"text": Accuracy, "image": …, "group": …}, tag: …}} for tags of at least `least` items."""
    kept = [record for record in records if "scores" in record]
    names = dict.fromkeys(name for record in kept for name in record["scores"])
    tags = Counter(record["group"] for record in kept if record["group"])
    groups = {"all": kept}
    for tag in sorted(tag for tag, count in tags.items() if count >= least):
        groups[tag] = [record for record in kept if record["group"] == tag]
    return {name: {group: _three(those, name) for group, those in groups.items()} for name in names}


def _three(records, name):
    each = [verdicts(record["scores"][name]) for record in records]
    return {question: accuracy([float(one[question]) for one in each]) for question in CHANCE}


def report(tasks: dict[str, list[dict]], least: int = 25) -> str:
    """Markdown of {task: records}: text, image and group score in % with Wilson's intervals, chance, CLIP's."""
    lines: list[str] = []
    for task, records in tasks.items():
        table = summary(records, least)
        lines += heading(task, records)
        if not table:
            continue
        lines += [f"- {name}: {SCORES[name]}" for name in table if name in SCORES]
        lines += ["", f"| score | n | {' | '.join(table)} | chance | CLIP ViT-B/32 (Thrush et al. 2022) |"]
        lines += ["|---|---|---|---|" + "---|" * len(table)]
        for group, questions in next(iter(table.values())).items():
            for question, first in questions.items():
                cells = [question if group == "all" else f"{question}, {group}", first.count]
                cells += [found[group][question] for found in table.values()]
                cells += [CHANCE[question], CLIP[question] if group == "all" else ""]
                lines.append("| " + " | ".join(map(str, cells)) + " |")
        lines += ["", SENTENCE, ""]
    return "\n".join(lines)
