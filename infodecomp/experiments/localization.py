"""Word localization (Kong et al. 2024, 3.2): does a word's map lie on what it names? mIoU with thresholds held out.

A map is brought to the picture's size by bilinear interpolation, scaled to 0–1, and cut at one of 50 thresholds from
0.1 to 0.5. The paper takes the best threshold on the test pictures; here it is chosen on others.
"""

import hashlib

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import interpolate

from ..attention import attention_maps, daam, record, word_map
from ..flow import from_noise, to_noise
from ..words import word_maps
from .runner import heading

THRESHOLDS = np.linspace(0.1, 0.5, 50)
METHODS = ("whole image", "attention", "cmi", "mi", "attention + information")
# mIoU in %, Table 3 of the paper: COCO-IT, by samples
PAPER = {
    "whole image": {50: 14.94, 100: 14.94, 200: 14.94},
    "attention": {50: 34.52, 100: 34.90, 200: 35.35},
    "cmi": {50: 32.31, 100: 33.24, 200: 33.63},
    "attention + information": {50: 42.46, 100: 42.71, 200: 42.84},
}


def chain_attention(model, x, caption, *, steps=25):
    """(1, tokens, h, w): attention on the way from noise to the picture x (1, C, h, w), DAAM's, by the flow inverted.

    The flow carries x to noise (not recorded) and back: 4 evaluations a step.
    """
    told = model.condition(caption)
    noise = to_noise(model, x, told, steps=steps, range=model.flow_range)
    with record(model.unet) as recorder:
        from_noise(model, noise, told, steps=steps, range=model.flow_range)
    return daam(recorder, x.shape[2:])


def localize(model, picture, caption, position, *, samples=100, seed=0, batch_size=None, attention=True):
    """{method: map (h, w)} of the word or phrase at a position of caption.split(), and the nats of "cmi" and "mi".

    At 100 samples each method has about 100 evaluations for each caption it needs; the chain of "attention" has 25
    steps of 4. attention: False for a model without cross-attention.
    """
    found = word_maps(model, picture, caption, [position], samples=samples, seed=seed, batch_size=batch_size)
    maps = {"cmi": found.cmi[0].map[0], "mi": found.mi[0].map[0]}
    nats = {"cmi": found.cmi[0].nats.item(), "mi": found.mi[0].nats.item()}
    if attention:
        x, tokens = model.encode(picture), model.tokens(caption, position)
        chain = chain_attention(model, x, caption, steps=max(1, samples // 4))
        levels = attention_maps(model, x, caption, samples=samples, seed=seed, batch_size=batch_size)
        maps |= {"attention": word_map(chain, tokens)[0], "attention + information": word_map(levels, tokens)[0]}
    return maps, nats


def _large(map, size):
    map = map.detach().double().cpu()[None, None]
    return interpolate(map, tuple(size), mode="bilinear", align_corners=False)[0, 0].numpy()


def scaled(map, size):
    """A map (h, w) brought to size (H, W), bilinear, then scaled to 0–1 (a flat map becomes 0); numpy."""
    large = _large(map, size)
    large = large - large.min()
    return large / (large.max() or 1.0)


def iou(map, mask):
    """Intersection over union of {scaled map > threshold} and mask (H, W) at each of THRESHOLDS, (50,)."""
    shown = scaled(map, mask.shape)[None] > THRESHOLDS[:, None, None]
    both, either = (shown & mask).sum((1, 2)), (shown | mask).sum((1, 2))
    return both / either


def inside(map, mask):
    """Share of a map's total that lies in mask (H, W); 0 of a map that is empty."""
    large = _large(map, mask.shape)
    return float(large[mask].sum() / (large.sum() or 1.0))


def framed(model, mask):
    """A mask (H, W) cut and resized as the model does it with the picture, bool."""
    return np.asarray(model.frame(Image.fromarray(mask.astype(np.uint8) * 255)).convert("L")) > 127


def measure(model, item, *, samples, seed, batch_size=None, exact=None):
    """The record of one item of coco.load; exact: a model whose CMI map is the truth (800 samples)."""
    frame, mask = model.frame(item.open()), framed(model, item.mask())
    options = {"samples": samples, "seed": seed, "batch_size": batch_size}
    maps, nats = localize(model, frame, item.caption, item.position, attention=hasattr(model, "unet"), **options)
    result = {"group": item.group, "nats": nats, "crowd": bool(getattr(item, "crowd", False))}
    result["iou"] = {name: np.round(iou(map, mask), 4).tolist() for name, map in maps.items()}
    result["iou"]["whole image"] = [round(float(mask.mean()), 4)] * len(THRESHOLDS)
    result["inside"] = {name: round(inside(map, mask), 4) for name, map in maps.items()}
    if exact is not None:
        truth = word_maps(exact, frame, item.caption, [item.position], samples=800, seed=seed).cmi[0].map[0]
        if truth.std() > 0:
            pairs = {name: torch.corrcoef(torch.stack([map.flatten().double(), truth.flatten()]))[0, 1]
                     for name, map in maps.items()}  # fmt: skip
            result["correlation"] = {name: round(r.item(), 4) for name, r in pairs.items()}
    return result


def held_out(name):
    """Whether an item chooses thresholds (half of them, by a hash of the id) instead of being scored."""
    return hashlib.blake2b(name.encode(), digest_size=1).digest()[0] % 2 == 0


def summary(records):
    """{method: {"miou": (mean, stderr), "flattered": …, "inside": …, "correlation": …, "threshold": t}}.

    Means and standard errors are over items, as if independent; a picture may have several.
    The threshold is the best one on the half of the records that `held_out` names, scores are means over the rest;
    "flattered" takes the best threshold on those same pictures, as the paper does.
    """
    kept = [r for r in records if "iou" in r]
    choosing, rest = ([r for r in kept if held_out(r["id"]) == side] for side in (True, False))
    table = {}
    for name in (m for m in METHODS if kept and m in kept[0]["iou"]):
        train, test = (np.array([r["iou"][name] for r in half]) for half in (choosing, rest))
        if not len(train) or not len(test):
            continue
        best = int(train.mean(0).argmax())
        line = {"miou": _mean(test[:, best]), "flattered": _mean(test[:, int(test.mean(0).argmax())])}
        for key in ("inside", "correlation"):
            values = [r[key][name] for r in rest if name in r.get(key, {})]
            if len(values) > 1:
                line[key] = _mean(values)
        table[name] = line | {"threshold": float(THRESHOLDS[best]), "count": len(test)}
    return table


def _mean(values):
    return float(np.mean(values)), float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else np.nan


def report(tasks, samples=100):
    """Markdown of {task: records}: mIoU ± standard error with the threshold held out, beside the paper's own."""
    lines = []
    for task, records in tasks.items():
        crowds = sum(r.get("crowd", 0) for r in records)
        lines += heading(task, records, f"; {crowds} with crowds")
        lines += ["| method | mIoU, % (threshold) | best on the same | inside, % | r with exact | the paper's, % |"]
        lines += ["|---|---|---|---|---|---|"]
        for name, line in summary(records).items():
            cells = [f"{100 * line['miou'][0]:.1f} ± {100 * line['miou'][1]:.1f} ({line['threshold']:.2f})"]
            cells += [f"{100 * line['flattered'][0]:.1f} ± {100 * line['flattered'][1]:.1f}"]
            cells += ["{:.1f} ± {:.1f}".format(*(100 * v for v in line["inside"])) if "inside" in line else ""]
            cells += ["{:.2f} ± {:.2f}".format(*line["correlation"]) if "correlation" in line else ""]
            cells += [str(PAPER.get(name, {}).get(samples, ""))]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)
