"""Relation testing (Kong et al. 2024, 3.1): of several captions, does the model find the true one highest?

A right choice counts 1, a tie for the first place among m captions 1/m.
"""

import math
from collections import Counter
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import binomtest

from ..datasets.items import Broken
from ..estimates.information import compare
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


class Accuracy(NamedTuple):
    """Share of right choices among `count`, with Wilson's 95 % interval."""

    share: float
    low: float
    high: float
    count: int

    def __str__(self):
        return f"{100 * self.share:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"


def uniform_weight(model, logsnr, range):
    """Density of log-SNR under uniformly drawn timesteps: from the model's `schedule`, else uniform over the range."""
    schedule = getattr(model, "schedule", None)
    if schedule is None:
        low, high = range
        return torch.full_like(logsnr, 1 / (high - low))
    schedule = np.sort(schedule[np.isfinite(schedule)])
    slopes = 1 / np.diff(schedule) / (len(schedule) - 1)
    cell = np.clip(np.searchsorted(schedule, logsnr.cpu().numpy()) - 1, 0, len(slopes) - 1)
    return torch.tensor(slopes[cell], device=logsnr.device)


def caption_scores(model, x, captions, *, samples=100, seed=0, proposal=None, batch_size=None):
    """{name of SCORES: (B, K)} of K captions (each a str, or a list of B) on shared noise: K + 1 evaluations a sample.

    x (B, C, h, w). "standard" and "uniform" differ in the weight of log-SNRs alone, "mse" weighs each draw alike.
    """
    found = compare(model, x, [None, *captions], samples=samples, seed=seed, proposal=proposal, batch_size=batch_size)
    rows = {name: [] for name in SCORES}
    for k in range(1, len(captions) + 1):
        standard = found.information(k, 0, "standard")
        rows["orthogonal"].append(found.information(k, 0).nats)
        rows["standard"].append(standard.nats)
        logsnr, gain, weight = standard.profile
        rows["mse"].append(2 * gain.mean(1))  # the unconditional error is the same for all captions
        rows["uniform"].append(2 * (gain * weight * uniform_weight(model, logsnr, standard.range)).mean(1))
    return {name: torch.stack(columns, 1) for name, columns in rows.items()}


def credit(scores):
    """(B,) of scores (B, K), the true caption first: 1 if it is highest, 1/m if m share the first place with it."""
    scores = torch.as_tensor(scores, dtype=torch.float64)
    best = scores == scores.max(1, keepdim=True).values
    return best[:, 0].double() / best.sum(1)


def accuracy(credits):
    """Wilson's interval (1927) of a share of right choices; ties enter with their part."""
    count, share = len(credits), float(np.mean(credits))
    z2 = 1.959964**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = math.sqrt(z2 * (share * (1 - share) / count + z2 / (4 * count**2))) / (1 + z2 / count)
    return Accuracy(share, max(0.0, centre - half), min(1.0, centre + half), count)


def paired(one, other):
    """Difference of two shares on the same items, its standard error, and p of the exact sign test (McNemar's)."""
    difference = np.asarray(one, float) - np.asarray(other, float)
    better, worse = int((difference > 0).sum()), int((difference < 0).sum())
    p = binomtest(better, better + worse).pvalue if better + worse else 1.0
    return difference.mean(), difference.std(ddof=1) / math.sqrt(len(difference)), p


def measure(model, item, *, samples, seed, batch_size=None, others=()):
    """The record of one item (with .captions, .group, .open()): scores of its captions by the model and by `others`,
    {name: function of (picture, captions) -> (K,)}. Raises aro.Broken for what cannot be measured."""
    if item.broken:
        raise Broken(item.broken, item.detail)
    picture, captions = item.open(), list(item.captions)
    found = caption_scores(model, model.encode(picture), captions, samples=samples, seed=seed, batch_size=batch_size)
    scores = {name: row[0].tolist() for name, row in found.items()}
    scores |= {name: torch.as_tensor(score(picture, captions)).tolist() for name, score in dict(others).items()}
    return {"group": item.group, "scores": scores}


def summary(records, least=25):
    """{score: {"all": Accuracy, group: Accuracy, …}} of a task's records; groups of fewer than `least` are left out."""
    kept = [r for r in records if "scores" in r]
    names = list(dict.fromkeys(name for r in kept for name in r["scores"]))
    groups = Counter(r["group"] for r in kept if r["group"])
    table = {}
    for name in names:
        rows = [(r["group"], credit([r["scores"][name]]).item()) for r in kept if name in r["scores"]]
        table[name] = {"all": accuracy([c for _, c in rows])}
        for group in sorted(g for g, n in groups.items() if n >= least):
            table[name][group] = accuracy([c for g, c in rows if g == group])
    return table


def report(tasks, least=25):
    """Markdown of {task: records}: accuracy with its interval per score, the paper's own number in its own column."""
    lines = []
    for task, records in tasks.items():
        table = summary(records, least)
        lines += heading(task, records)
        if not table:
            continue
        reference = next(iter(table))
        lines += [f"| score | accuracy, % [95 %] | − {reference}, points (p) | the paper's, % |", "|---|---|---|---|"]
        credits = {n: [credit([r["scores"][n]]).item() for r in records if "scores" in r] for n in table}
        for name, found in table.items():
            mean, error, p = paired(credits[name], credits[reference])
            versus = "" if name == reference else f"{100 * mean:+.1f} ± {100 * error:.1f} ({p:.2g})"
            paper = PAPER.get(task, {}).get(name, "")
            lines.append(f"| {SCORES.get(name, name)} | {found['all']} | {versus} | {paper} |")
        groups = [g for g in table[reference] if g != "all"]
        if groups:
            lines += ["", "| group | n | " + " | ".join(table) + " |", "|---|---|" + "---|" * len(table)]
            lines += [
                f"| {g} | {table[reference][g].count} | " + " | ".join(str(table[n][g]) for n in table) + " |"
                for g in groups
            ]
        lines.append("")
    return "\n".join(lines)
