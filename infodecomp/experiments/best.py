"""Best of N by information: of N pictures drawn for a caption, the one with the most nats about it.

MI-TUNE and RFMI choose the pictures on which a model is fine-tuned this way (Wang et al. 2025). Does such a picture
fit its caption best? `python -m infodecomp.experiments.best OUT.json` draws DRAWN pictures for each of COUNT captions
of the embedded world, whose exact denoiser knows what fits; in haste, in STEPS steps, so that not all do. A caption
that is in OUT.json already is not drawn again.
"""

import argparse
import json
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from ..checks import refuse, text, whole
from ..estimates.estimate import Estimate
from ..estimates.information import pointwise_information
from ..estimates.sampling import Sampling
from ..loading import load
from ..progress import unattended
from ..scenes.grammar import sample
from . import origin
from .baselines import scenes_clip
from .folder import save

SEED, COUNT, DRAWN, STEPS, SAMPLES = 16, 24, 8, 2, 40


class Best(NamedTuple):
    """N pictures of a caption (PIL), what each carries about it (an Estimate of iˢ, nats (N,)), and the best one."""

    pictures: list[Image.Image]
    information: Estimate
    chosen: int


def best_of(model: Any, caption: str, count: int, *, steps: int = 40, samples: int = 100, seed: int = 0) -> Best:
    """Draw `count` pictures for a caption by model.generate, and choose the one with the most nats iˢ about it.

    steps: of the generation; samples: denoiser evaluations per picture and condition (caption, none), on noise of their
    own. ValueError for a count below 1, and as generate and infodecomp.pointwise_information raise it.
    """
    if not callable(getattr(model, "generate", None)):
        refuse("model", "one of infodecomp.load that generates", model)
    if not text("caption", caption, "a str with at least one word").strip():
        refuse("caption", "a str with at least one word", caption)
    Sampling(samples, seed)  # checked before anything is drawn
    pictures = model.generate([caption] * whole("count", count, 1), seed=seed, steps=steps)
    x = model.encode(pictures)
    found = pointwise_information(model, x, caption, kind="standard", samples=samples, seed=seed)
    return Best(pictures, found, int(found.nats.argmax()))


def fits(exact: Any, x: torch.Tensor, caption: str) -> torch.Tensor:
    """(B,) bool: do pictures x (B, C, h, w) fit the caption, by a world's exact denoiser?

    They do if log p(x | caption) > log p(x): where the nearest picture of the world is excluded, the ratio is minus
    thousands of nats.
    """
    return exact.log_prob(x.double(), caption) > exact.log_prob(x.double(), None)


def shares(fit: Any, score: Any) -> np.ndarray:
    """(captions, N): the probability that the best by score of n pictures fits, n = 1 … N, each subset as likely.

    fit, score: (captions, N). Row n − 1 of a caption averages over all subsets of n of its pictures; no draws are made.
    """
    fit, score = np.asarray(fit, dtype=float), np.asarray(score, dtype=float)
    if fit.ndim != 2 or fit.shape != score.shape or np.isnan(score).any():
        raise ValueError(f"fit and score must be (captions, N) without NaN, got {fit.shape} and {score.shape}")
    ordered, total = np.take_along_axis(fit, (-score).argsort(1, kind="stable"), 1), fit.shape[1]
    subsets = {n: np.array([min(pick) for pick in combinations(range(total), n)]) for n in range(1, total + 1)}
    return np.stack([ordered[:, first].mean(1) for first in subsets.values()], 1)


def measured(model: Any, exact: Any, clip: Any, caption: str, seed: int) -> dict:
    """A caption's line of the record: of each picture whether it fits, nats and their error, and CLIP's cosine."""
    pictures, found, _ = best_of(model, caption, DRAWN, steps=STEPS, samples=SAMPLES, seed=seed)
    good = fits(exact, model.encode(pictures), caption)
    cosines = [round(clip(picture, [caption]).item(), 4) for picture in pictures]
    nats, errors = ([round(v, 2) for v in values.tolist()] for values in (found.nats, found.stderr))
    return {"caption": caption, "fits": good.int().tolist(), "nats": nats, "stderr": errors, "clip": cosines}


def begun(out: Path) -> dict:
    """The record so far, or a new one. ValueError if it is of other settings or weights."""
    settings = {"seed": SEED, "count": COUNT, "drawn": DRAWN, "steps": STEPS, "samples": SAMPLES, "model": "scenes-net"}
    now: dict = {"settings": settings, "weights": origin.hashes("scenes-net"), "versions": origin.versions()}
    old = json.loads(out.read_text(encoding="utf-8")) if out.exists() else now | {"captions": []}
    for part in ("settings", "weights"):
        if not isinstance(old, dict) or old.get(part) != now[part]:
            raise ValueError(f"{out} must be a new file or a record of this program with the same {part}")
    return old


@unattended(bars=True)
def main() -> None:
    """Measure the captions that OUT.json lacks, and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    try:
        record = begun(out)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    model, exact = load("scenes-net"), load("scenes")
    for k, caption in list(enumerate(sample(COUNT, SEED)[2]))[len(record["captions"]) :]:
        record["captions"].append(measured(model, exact, scenes_clip(model), caption, SEED + k))
        save(out, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
