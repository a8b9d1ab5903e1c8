"""Captions ranked by every score: `python -m infodecomp.experiments.ranking OUT.json --network NAME=FOLDER …`.

For COUNT pictures with two colours, the true caption is compared with others of twelve KINDS, by every score; for FEW
also by other networks, and by scenes-net given another item's picture. A denoiser already in OUT.json is not measured
again.
"""

import argparse
import json
import platform
import random
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import torch

from ..attention import attention_maps, matching_score
from ..captions import replace
from ..datasets.items import one_line
from ..denoiser import Denoiser, Model
from ..estimates.information import compare
from ..estimates.measure import Quantity, measure
from ..estimates.sampling import Sampling
from ..integrate import Piecewise, uniform_weight
from ..loading import load
from ..noise import DRAWS
from ..progress import unattended
from ..scenes.edits import OPPOSITE, mixed, places, shuffles, states, swaps, turned
from ..scenes.excess import BANDS
from ..scenes.grammar import COLOURS, Scene, patterns, sample
from ..scenes.meaning import classes, log_prob, possible
from ..scenes.model import proposal
from ..scenes.net import hashes
from ..scenes.report import mean
from ..scenes.sprites import render
from . import origin
from .baselines import scenes_clip, scenes_text
from .folder import save
from .relation import SCORES, credit

SEED, SAMPLES, COUNT, FEW = 14, 32, 160, 64
ORDERS = ("nouns and adjectives", "all but nouns and adjectives", "within trigrams", "trigrams")  # ARO's shuffles
KINDS = ("relation", "colours", "nouns", "states", "replaced", "other", "turned", *ORDERS, "other, mixed")
EDGES = torch.linspace(BANDS[0], BANDS[-1], 57, dtype=torch.float64)
PROPOSAL = Piecewise(EDGES, proposal(EDGES).masses + 1 / 56)  # half of the draws uniform, half where captions count
Others: TypeAlias = dict[str, list[str | None]]  # {kind: another caption of each item, None if it has none}


def items(count: int, seed: int = SEED) -> tuple[list[Scene], list[str], Others]:
    """count scenes with two colours, their true captions, and other captions by kind."""
    every = zip(*sample(2 * count + 20, seed), strict=True)
    drawn = [(scene, caption) for scene, _, caption in every if scene.first.colour != scene.second.colour]
    pairs = drawn[:count]
    found: Others = {kind: [] for kind in KINDS}
    for i, (scene, caption) in enumerate(pairs):
        generator, words, alien = random.Random(seed * 100_000 + i), caption.split(), drawn[i + 1][1].split()
        foreign = generator.choice([c for c in COLOURS if c not in (scene.first.colour, scene.second.colour)])
        first = places(words, "colour")[0]
        replaced = replace(caption, first, first + 1, foreign)
        mixes = [*shuffles(words, generator), mixed(alien, [list(range(len(alien)))], generator)]
        texts = [*swaps(caption), states(caption), replaced, " ".join(alien), turned(caption), *map(" ".join, mixes)]
        for kind, text in zip(KINDS, texts, strict=True):
            found[kind].append(None if text == caption else text)
    return [scene for scene, _ in pairs], [caption for _, caption in pairs], found


def nature(scene: Scene, text: str) -> str:
    """The kind of a text: "fits", "false", "implausible" (a sentence that is true of no scene) or "no sentence"."""
    if possible(text):
        return "false" if log_prob(scene, text) == -float("inf") else "fits"
    return "implausible" if classes(text) in patterns() else "no sentence"


def profiles(
    model: Model, x: torch.Tensor, columns: list[list[str]], samples: int = SAMPLES, seed: int = SEED
) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """Log-SNRs and weights (B, samples), and integrands (K, B, samples) of iᵒ and iˢ of K lists of captions."""
    conditions = [model.condition(texts) for texts in (None, *columns)]
    asked = [Quantity(kind, k, 0) for kind in ("orthogonal", "standard") for k in range(1, len(conditions))]
    pairs, sampling = [(model, condition) for condition in conditions], Sampling(samples, seed)
    logsnr, weight, sums = measure(x, pairs, asked, sampling, PROPOSAL, DRAWS)
    both = torch.stack([s.integrand for s in sums]).unflatten(0, (2, -1))
    return logsnr, weight, dict(zip(("orthogonal", "standard"), both, strict=True))


def scores_of(
    model: Denoiser, logsnr: torch.Tensor, weight: torch.Tensor, found: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """{name of SCORES: (B, K)}, as infodecomp.experiments.relation.caption_scores, on the draws of `profiles`."""
    schedule, gain = getattr(model, "schedule", None), found["standard"]
    at_random = weight * uniform_weight(logsnr, schedule, PROPOSAL.range)
    each = [found["orthogonal"] * weight, gain * weight, 2 * gain, 2 * gain * at_random]
    return {name: values.mean(2).T for name, values in zip(SCORES, each, strict=True)}


def by_band(logsnr: torch.Tensor, weight: torch.Tensor, integrand: torch.Tensor) -> torch.Tensor:
    """(bands, B, K) nats per band of log-SNR."""
    inside = [(low <= logsnr) & (logsnr < high) for low, high in pairwise(BANDS)]
    return torch.stack([(integrand * weight * band).mean(2).T for band in inside])


def verdicts(scores: torch.Tensor, others: Others) -> dict[str, str]:
    """{kind: a character per item} of scores (B, 1 + kinds), the true caption's first.

    1: right, 0: wrong, m: the true caption shares the first place among m, -: there is no other caption. "order" is
    against all four shuffles at once.
    """
    scores = torch.as_tensor(scores).double().round(decimals=6)
    columns = {kind: [0, k] for k, kind in enumerate(others, 1)}
    exists = {kind: [bool(text) for text in texts] for kind, texts in others.items()}
    if all(order in others for order in ORDERS):
        columns["order"] = [0, *(columns[order][1] for order in ORDERS)]
        exists["order"] = [all(four) for four in zip(*(exists[order] for order in ORDERS), strict=True)]
    shares = {kind: credit(scores[:, chosen]).tolist() for kind, chosen in columns.items()}
    marks = {kind: zip(exists[kind], shares[kind], strict=True) for kind in columns}
    return {kind: "".join(_mark(*pair) for pair in pairs) for kind, pairs in marks.items()}


def _mark(exists, share):
    return "-" if not exists else str(round(1 / share)) if share else "0"


def filled(true: list[str], others: Others) -> list[list[str]]:
    """Lists of captions, the true ones first; the true caption replaces another one that does not exist."""
    return [true, *([text or own for text, own in zip(texts, true, strict=True)] for texts in others.values())]


def table(model: Model, x: torch.Tensor, true: list[str], others: Others) -> dict:
    """One denoiser's part of the record: verdicts by score and by band."""
    logsnr, weight, found = profiles(model, x, filled(true, others))
    each = scores_of(model, logsnr, weight, found).items()
    part: dict = {"count": len(x), "scores": {name: verdicts(values, others) for name, values in each}, "bands": {}}
    for name in ("orthogonal", "standard"):
        part["bands"][name] = [verdicts(nats, others) for nats in by_band(logsnr, weight, found[name])]
    return part


def apart(
    model: Denoiser,
    x: torch.Tensor,
    true: list[str],
    others: Others,
    count: int = 16,
    kinds: Sequence[str] = ("relation", "colours"),
) -> dict[str, list[float]]:
    """{kind: [mean, standard error] of d / iᵒ}: d is ½∫E‖ε̂(true) − ε̂(false)‖²dα, iᵒ that of the true caption."""
    conditions = [None, true[:count], *(others[kind][:count] for kind in kinds)]
    found = compare(model, x[:count], conditions, samples=16, seed=SEED, proposal=PROPOSAL)
    own = found.information(1, 0).nats
    return {kind: mean(found.information(k, 1).nats / own) for k, kind in enumerate(kinds, 2)}


def attention(model: Any, x: torch.Tensor, texts: list[str], samples: int = 10) -> torch.Tensor:
    """(B,) attention to a caption's words, pooled by log-sum-exp, in the manner of He et al. (2023)."""
    each = zip(attention_maps(model, x, texts, samples=samples, seed=SEED, proposal=PROPOSAL), texts, strict=True)
    return torch.cat([matching_score(maps[None], range(1, len(text.split()) + 1)) for maps, text in each])


@unattended(bars=True)
def main() -> None:
    """Measure the denoisers that OUT.json lacks and write it; what it has must be of the same origin."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--network", action="append", default=[], metavar="NAME=FOLDER", help="besides scenes-net")
    args = parser.parse_args()
    try:
        jobs = networks(args.network)
        record = begun(args.out, jobs)
        scenes, true, others = items(COUNT)
        record["relation"] = [next(word for word in caption.split() if word in OPPOSITE) for caption in true]
        record["kinds"] = {
            kind: Counter(nature(scene, text) for scene, text in zip(scenes, texts, strict=True) if text)
            for kind, texts in others.items()
        }
        for name in [name for name in jobs if name not in record["denoisers"]]:
            record["denoisers"] |= measured(name, load(jobs[name]), scenes, true, others)
            save(args.out, json.dumps(record, indent=1) + "\n")
    except (ValueError, OSError) as error:
        parser.error(one_line(error))


def networks(pairs: Sequence[str]) -> dict[str, str]:
    """{name: what load takes} of the exact denoiser, scenes-net, and others as NAME=FOLDER. ValueError for bad ones."""
    jobs = {"exact": "scenes", "scenes-net": "scenes-net"}
    for pair in pairs:
        name, _, folder = pair.partition("=")
        if not name or not Path(folder, "unet").is_dir() or name in jobs:
            raise ValueError(f"--network must be a new NAME=FOLDER with a network of scenes, got {pair!r}")
        jobs[name] = folder
    return jobs


def begun(out: Path, jobs: dict[str, str]) -> dict:
    """The record so far, or a new one. ValueError if it is damaged, or of other settings, versions or weights."""
    packages = {name: version(name) for name in ("torch", "diffusers")}
    now: dict = {"settings": {"seed": SEED, "samples": SAMPLES, "count": COUNT, "few": FEW, "bands": list(BANDS)}}
    now["versions"] = {"python": platform.python_version()} | packages
    if not out.exists():
        return now | {"denoisers": {}}
    record = json.loads(out.read_text(encoding="utf-8"))
    if not isinstance(record, dict) or not isinstance(record.get("denoisers"), dict):
        raise ValueError(f"{out} must be a record of this program")
    parts = [(part, record.get(part), now[part]) for part in now]
    for name in jobs.keys() & record["denoisers"].keys() - {"exact"}:
        parts.append((f"sha256 of {name}", record["denoisers"][name].get("sha256"), origin.hashes(jobs[name])))
    for part, old, new in parts:
        if old != new:
            raise ValueError(f"{out} must be a new file or of the same origin: {part} were {old}, are {new}")
    return record


def measured(name: str, model: Any, scenes: list[Scene], true: list[str], others: Others) -> dict[str, dict]:
    """The parts of the record that come from one denoiser, by name."""
    count = COUNT if name in ("exact", "scenes-net") else FEW
    weights = {} if name == "exact" else hashes(model.folder)
    x = model.encode([render(scene) for scene in scenes[:count]])
    asked = {kind: texts[:count] for kind, texts in others.items()}
    if name == "exact":  # of the texts it takes only those of the grammar, and of the kinds those with 25
        sentences = {kind: [t if t and possible(t) else None for t in texts] for kind, texts in others.items()}
        asked = {kind: texts for kind, texts in sentences.items() if sum(map(bool, texts)) >= 25}
    part = table(model, x, true[:count], asked) | {"apart": apart(model, x, true, others)}
    if name == "exact":
        return {name: part}
    part |= {"sha256": weights, "training": json.loads((model.folder / "training.json").read_text())}
    if name != "scenes-net":
        return {name: part}
    captions = filled(true, others)
    for other, score in {"clip": scenes_clip(model), "text": scenes_text}.items():
        each = [score(render(scene), list(texts)) for scene, *texts in zip(scenes, *captions, strict=True)]
        part["scores"][other] = verdicts(torch.stack(each), others)
    x, few = x[:FEW], {kind: texts[:FEW] for kind, texts in others.items()}
    looked = [attention(model, x, texts) for texts in filled(true[:FEW], few)]
    part["scores"]["attention"] = verdicts(torch.stack(looked, 1), few)
    return {name: part, "another picture": table(model, x.roll(1, 0), true[:FEW], few)}


if __name__ == "__main__":
    main()
