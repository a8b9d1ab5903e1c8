"""Word localization (Kong et al. 2024, 3.2): does a word's map lie on what it names? mIoU with thresholds held out.

A map is brought to the picture's size by bilinear interpolation, scaled to 0–1, and cut at one of 50 thresholds from
0.1 to 0.5. The paper takes the best threshold on the test pictures; here it is chosen on others.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import interpolate

from ..attention import attention_maps, daam, record, word_map
from ..checks import double
from ..datasets.coco import Item
from ..datasets.items import Broken
from ..denoiser import Model
from ..flow import from_noise, to_noise
from ..joint import concept_attention, kind_of_attention
from ..loading import load
from ..words import word_maps
from .clusters import pictures_of, stderr
from .runner import heading

THRESHOLDS = np.linspace(0.1, 0.5, 50)
METHODS = ("whole image", "attention", "cmi", "mi", "attention + information")
EVERY = *METHODS, "concept attention"  # the last one of joint attention, whose models lack the other two
# mIoU in %, Table 3 of the paper: COCO-IT, by samples
PAPER = {
    "whole image": {50: 14.94, 100: 14.94, 200: 14.94},
    "attention": {50: 34.52, 100: 34.90, 200: 35.35},
    "cmi": {50: 32.31, 100: 33.24, 200: 33.63},
    "attention + information": {50: 42.46, 100: 42.71, 200: 42.84},
}


def chain_attention(model: Any, x: torch.Tensor, caption: str, *, steps: int = 25) -> torch.Tensor:
    """(1, tokens, h, w): DAAM's maps, attention while the flow generates the picture x (1, C, h, w) from its noise.

    The flow carries x to noise (not recorded) and back: 4 evaluations per step.
    """
    condition = model.condition(caption)
    noise = to_noise(model, x, condition, steps=steps)
    with record(model.unet) as recorder:
        from_noise(model, noise, condition, steps=steps)
    return daam(recorder, x.shape[2:])


def localize(
    model: Any,
    picture: Image.Image,
    caption: str,
    position: int,
    *,
    samples: int = 100,
    seed: int = 0,
    batch_size: int | None = None,
    attention: bool = True,
) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """{method: map (h, w)} of the word or phrase at a position of caption.split(), and the nats of "cmi" and "mi".

    At 100 samples each method uses about 100 evaluations per text that it needs; the chain of "attention" has 25
    steps of 4. Cross-attention gives "attention" and "attention + information"; joint attention "concept attention", of
    the word as a text of its own. attention: False for a model without either, for which True is a ValueError.
    """
    kind = kind_of_attention(model) if attention else None
    if attention and kind is None:
        raise ValueError(f"attention must be False for a model without any to record, got {type(model).__name__}")
    found: Any = word_maps(model, picture, caption, [position], samples=samples, seed=seed, batch_size=batch_size)
    maps = {"cmi": found.cmi[0].map[0], "mi": found.mi[0].map[0]}
    nats = {"cmi": found.cmi[0].nats.item(), "mi": found.mi[0].nats.item()}
    if kind == "joint":
        options: dict[str, Any] = {"samples": samples, "seed": seed, "batch_size": batch_size}
        maps["concept attention"] = concept_attention(model, model.encode(picture), caption, found.words, **options)[
            0, 0
        ]
    elif kind == "cross":
        x, tokens = model.encode(picture), model.tokens(caption, position)
        chain = chain_attention(model, x, caption, steps=max(1, samples // 4))
        levels = attention_maps(model, x, caption, samples=samples, seed=seed, batch_size=batch_size)
        maps |= {"attention": word_map(chain, tokens)[0], "attention + information": word_map(levels, tokens)[0]}
    return maps, nats


def _large(map, size):
    map = map.detach().cpu().double()[None, None]
    return interpolate(map, tuple(size), mode="bilinear", align_corners=False)[0, 0].numpy()


def scaled(map: torch.Tensor, size: Sequence[int]) -> np.ndarray:
    """A map (h, w) interpolated to size (H, W), then scaled to 0–1 (a constant map becomes 0)."""
    large = _large(map, size)
    large = large - large.min()
    return large / (large.max() or 1.0)


def iou(map: torch.Tensor, mask: np.ndarray) -> np.ndarray:
    """Intersection over union of {scaled map > threshold} and mask (H, W) at each of THRESHOLDS, (50,)."""
    shown = scaled(map, mask.shape)[None] > THRESHOLDS[:, None, None]
    both, either = (shown & mask).sum((1, 2)), (shown | mask).sum((1, 2))
    return both / either


def inside(map: torch.Tensor, mask: np.ndarray) -> float:
    """Share of a map's total that lies in mask (H, W); 0 if the total is 0."""
    large = _large(map, mask.shape)
    return float(large[mask].sum() / (large.sum() or 1.0))


def framed(model: Any, mask: np.ndarray) -> np.ndarray:
    """A mask (H, W) bool, cut and resized as the model does with the picture."""
    return np.asarray(model.frame(Image.fromarray(mask.astype(np.uint8) * 255)).convert("L")) > 127


def truth_for(model: Any, name: str) -> Model:
    """The exact model of scenes beside another. ValueError, with that one's name, for a model of other pictures."""
    truth = load("scenes")
    if getattr(model, "shape", None) != truth.shape:
        raise ValueError(f"exact must come with a model of scenes, got {name!r}")
    return truth


def measure(
    model: Any, item: Item, *, samples: int, seed: int, batch_size: int | None = None, exact: Model | None = None
) -> dict:
    """The record of one item of coco.load; exact: a model whose CMI map is the truth (800 samples)."""
    picture, mask = item.open(), item.mask()
    if mask.shape != picture.size[::-1]:
        raise Broken("mask of another size", f"mask {mask.shape[::-1]}, picture {picture.size}")
    frame, mask = model.frame(picture), framed(model, mask)
    if not mask.any():
        raise Broken("outside the crop", f"no pixel of {item.word!r} is left in the {mask.shape} that the model sees")
    options: dict = {"seed": seed, "batch_size": batch_size, "samples": samples}
    attention = kind_of_attention(model) is not None
    maps, nats = localize(model, frame, item.caption, item.position, attention=attention, **options)
    result: dict = {"group": item.group, "image": item.image, "nats": nats, "crowd": item.crowd}
    result["iou"] = {name: np.round(iou(map, mask), 4).tolist() for name, map in maps.items()}
    result["iou"]["whole image"] = [round(float(mask.mean()), 4)] * len(THRESHOLDS)
    result["inside"] = {name: round(inside(map, mask), 4) for name, map in maps.items()}
    if exact is not None:
        options |= {"samples": 800}
        found: Any = word_maps(exact, frame, item.caption, [item.position], **options)
        truth = found.cmi[0].map[0]
        if truth.std() > 0:
            both = {name: torch.stack([double(map).flatten(), truth.flatten()]) for name, map in maps.items()}
            result["correlation"] = {name: round(torch.corrcoef(pair)[0, 1].item(), 4) for name, pair in both.items()}
    return result


def held_out(name: str) -> bool:
    """Whether an item chooses thresholds (half of them do, by a hash of the id) instead of being scored."""
    return hashlib.blake2b(name.encode(), digest_size=1).digest()[0] % 2 == 0


def summary(
    records: list[dict], methods: Sequence[str] = EVERY, thresholds: Sequence[float] | np.ndarray = THRESHOLDS
) -> dict[str, dict]:
    """{method: {"miou": (mean, stderr), "flattered": …, "inside": …, "correlation": …, "threshold": t}}.

    Means are over items, their standard errors over pictures, of which some may have several items. The threshold is
    the best one on the half of the records that `held_out` selects, scores are means over the rest; "flattered" uses
    the best threshold on the scored items themselves, as the paper does.
    """
    kept = [r for r in records if "iou" in r]
    choosing, rest = ([r for r in kept if held_out(r["id"]) == side] for side in (True, False))
    table: dict[str, dict] = {}
    for name in (method for method in methods if kept and method in kept[0]["iou"]):
        train, test = (np.array([r["iou"][name] for r in half]) for half in (choosing, rest))
        if not len(train) or not len(test):
            continue
        best = int(train.mean(0).argmax())
        flattered = int(test.mean(0).argmax())
        line = {"miou": _mean(test[:, best], rest), "flattered": _mean(test[:, flattered], rest)}
        for key in ("inside", "correlation"):
            those = [r for r in rest if name in r.get(key, {})]
            if len(those) > 1:
                line[key] = _mean([r[key][name] for r in those], those)
        table[name] = line | {"threshold": float(thresholds[best]), "count": len(test)}
    return table


def _mean(values, records):
    return float(np.mean(values)), stderr(values, pictures_of(records))


def percent(mean: float, error: float) -> str:
    """A share and its error in %."""
    return f"{100 * mean:.1f} ± {100 * error:.1f}" if error >= 0 else f"{100 * mean:.1f}, too few"


def report(tasks: dict[str, list[dict]], samples: int = 100) -> str:
    """Markdown of {task: records}: mIoU ± standard error with the threshold held out, beside the paper's own."""
    lines: list[str] = []
    for task, records in tasks.items():
        crowds = sum(r.get("crowd", 0) for r in records)
        lines += heading(task, records, f"; {crowds} with crowds")
        table = summary(records)
        if not table:
            lines += ["Too few: some items choose thresholds, others are scored, and one of the two has none.", ""]
            continue
        lines += ["| method | mIoU, % (threshold) | best on the same | inside, % | r with exact | the paper's, % |"]
        lines += ["|---|---|---|---|---|---|"]
        for name, line in table.items():
            cells = [f"{percent(*line['miou'])} ({line['threshold']:.2f})", percent(*line["flattered"])]
            cells += [percent(*line["inside"]) if "inside" in line else ""]
            r, error = line.get("correlation", (0, -1))
            cells += [f"{r:.2f} ± {error:.2f}" if error >= 0 else "too few" if "correlation" in line else ""]
            cells += [str(PAPER.get(name, {}).get(samples, ""))]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)
