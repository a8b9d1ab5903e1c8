"""Who ranks captions by what: `python -m infodecomp.experiments.ranking OUT.json --network NAME=FOLDER …` tells.

For COUNT pictures with two colours, the true caption against others of twelve KINDS, by every score there is; for FEW
by other networks, and by scenes-net with another item's picture. What OUT.json holds is not measured again.
"""

import argparse
import hashlib
import json
import platform
import random
from collections import Counter
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import torch

from ..attention import attention_maps, matching_score
from ..estimates.information import compare
from ..estimates.measure import DRAWS, Quantity, measure
from ..estimates.sampling import Sampling
from ..integrate import Piecewise
from ..loading import load
from ..scenes.edits import OPPOSITE, mixed, places, shuffles, states, swaps, turned
from ..scenes.excess import BANDS
from ..scenes.grammar import CLASS, COLOURS, patterns, sample
from ..scenes.meaning import log_prob, possible
from ..scenes.model import proposal
from ..scenes.report import mean
from ..scenes.sprites import render
from .baselines import scenes_clip, scenes_text
from .relation import SCORES, credit, uniform_weight

SEED, SAMPLES, COUNT, FEW = 14, 32, 160, 64
ORDERS = ("nouns and adjectives", "all but nouns and adjectives", "within trigrams", "trigrams")  # ARO's shuffles
KINDS = ("relation", "colours", "nouns", "states", "replaced", "other", "turned", *ORDERS, "other, mixed")
EDGES = torch.linspace(BANDS[0], BANDS[-1], 57, dtype=torch.float64)
PROPOSAL = Piecewise(EDGES, proposal(EDGES).masses + 1 / 56)  # half of the draws everywhere, half where texts tell most


def items(count, seed=SEED):
    """(scenes, true captions, {kind: false captions, None where there is none}), of scenes with two colours."""
    drawn = [(s, c) for s, _, c in zip(*sample(2 * count + 20, seed), strict=True) if s.first.colour != s.second.colour]
    pairs, found = drawn[:count], {kind: [] for kind in KINDS}
    for i, (scene, caption) in enumerate(pairs):
        generator, words, alien = random.Random(seed * 100_000 + i), caption.split(), drawn[i + 1][1].split()
        foreign = generator.choice([c for c in COLOURS if c not in (scene.first.colour, scene.second.colour)])
        first = places(words, "colour")[0]
        replaced = " ".join([*words[:first], foreign, *words[first + 1 :]])
        mixes = [*shuffles(words, generator), mixed(alien, [list(range(len(alien)))], generator)]
        texts = [*swaps(caption), states(caption), replaced, " ".join(alien), turned(caption), *map(" ".join, mixes)]
        for kind, text in zip(KINDS, texts, strict=True):
            found[kind].append(None if text == caption else text)
    return [s for s, _ in pairs], [c for _, c in pairs], found


def nature(scene, text):
    """What a text is: "fits", "false", "implausible" (a sentence nothing makes true) or "no sentence"."""
    if possible(text):
        return "false" if log_prob(scene, text) == -float("inf") else "fits"
    return "implausible" if tuple(CLASS[word] for word in text.split()) in patterns() else "no sentence"


def profiles(model, x, columns, samples=SAMPLES, seed=SEED):
    """Log-SNRs and weights (B, samples), and integrands (K, B, samples) of iᵒ and iˢ of K lists of captions."""
    conditions = [model.condition(texts) for texts in (None, *columns)]
    asked = [Quantity(kind, k, 0) for kind in ("orthogonal", "standard") for k in range(1, len(conditions))]
    pairs, sampling = [(model, condition) for condition in conditions], Sampling(samples, seed)
    logsnr, weight, sums = measure(x, pairs, asked, sampling, PROPOSAL, DRAWS)
    both = torch.stack([s.integrand for s in sums]).unflatten(0, (2, -1))
    return logsnr, weight, dict(zip(("orthogonal", "standard"), both, strict=True))


def scores_of(model, logsnr, weight, found):
    """{name of SCORES: (B, K)}, as infodecomp.experiments.relation.caption_scores, on the draws of `profiles`."""
    gain, at_random = found["standard"], weight * uniform_weight(model, logsnr, PROPOSAL.range)
    each = [found["orthogonal"] * weight, gain * weight, 2 * gain, 2 * gain * at_random]
    return {name: values.mean(2).T for name, values in zip(SCORES, each, strict=True)}


def by_band(logsnr, weight, integrand):
    """(bands, B, K) nats per band of log-SNR."""
    return torch.stack([(integrand * weight * ((a <= logsnr) & (logsnr < b))).mean(2).T for a, b in pairwise(BANDS)])


def verdicts(scores, others):
    """{kind: a character an item}: 1 right, 0 wrong, m if m share the first place, the true one too, - if none."""
    scores = torch.as_tensor(scores).double().round(decimals=6)
    asked = {kind: (others[kind], [0, k]) for k, kind in enumerate(others, 1)}
    if all(order in others for order in ORDERS):
        four = list(zip(*(others[order] for order in ORDERS), strict=True))
        asked["order"] = [all(texts) for texts in four], [0, *(list(others).index(order) + 1 for order in ORDERS)]
    marks = {k: (texts, credit(scores[:, columns]).tolist()) for k, (texts, columns) in asked.items()}
    mark = lambda there, share: (round(1 / share) if share else 0) if there else "-"  # noqa: E731
    return {k: "".join(str(mark(*pair)) for pair in zip(*both, strict=True)) for k, both in marks.items()}


def filled(true, others):
    """Lists of captions, the true ones first; the true one stands in where there is no other."""
    return [true, *([text or t for text, t in zip(texts, true, strict=True)] for texts in others.values())]


def table(model, x, true, others):
    """One denoiser's part of the record: verdicts by score and by band."""
    logsnr, weight, found = profiles(model, x, filled(true, others))
    each = scores_of(model, logsnr, weight, found).items()
    part = {"count": len(x), "scores": {name: verdicts(values, others) for name, values in each}, "bands": {}}
    for name in ("orthogonal", "standard"):
        part["bands"][name] = [verdicts(nats, others) for nats in by_band(logsnr, weight, found[name])]
    return part


def apart(model, x, true, others, count=16, kinds=("relation", "colours")):
    """{kind: [mean, standard error] of d / iᵒ}, d being ½∫E‖ε̂(true) − ε̂(false)‖²dα, iᵒ that of the true caption."""
    told = [None, true[:count], *(others[kind][:count] for kind in kinds)]
    c = compare(model, x[:count], told, samples=16, seed=SEED, proposal=PROPOSAL)
    return {kind: mean(c.information(k, 1).nats / c.information(1, 0).nats) for k, kind in enumerate(kinds, 2)}


def attention(model, x, texts, samples=10):
    """(B,) attention to a caption's words, pooled by log-sum-exp, in the manner of He et al. (2023)."""
    each = zip(attention_maps(model, x, texts, samples=samples, seed=SEED, proposal=PROPOSAL), texts, strict=True)
    return torch.cat([matching_score(maps[None], range(1, len(text.split()) + 1)) for maps, text in each])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--network", action="append", default=[], metavar="NAME=FOLDER", help="besides scenes-net")
    args = parser.parse_args()
    record = json.loads(args.out.read_text()) if args.out.exists() else {"denoisers": {}}
    (pairs, true, others), done = items(COUNT), record["denoisers"]
    record["settings"] = {"seed": SEED, "samples": SAMPLES, "count": COUNT, "few": FEW, "bands": list(BANDS)}
    record["versions"] = {"python": platform.python_version()} | {n: version(n) for n in ("torch", "diffusers")}
    record["relation"] = [next(w for w in t.split() if w in OPPOSITE) for t in true]
    record["kinds"] = {k: Counter(nature(s, t) for s, t in zip(pairs, v, strict=True) if t) for k, v in others.items()}
    jobs = {"exact": "scenes", "scenes-net": "scenes-net"} | dict(n.split("=", 1) for n in args.network)
    for name in [name for name in jobs if name not in done]:
        model, n = load(jobs[name]), COUNT if name in ("exact", "scenes-net") else FEW
        x, asked = model.encode([render(s) for s in pairs[:n]]), {k: v[:n] for k, v in others.items()}
        if name == "exact":
            said = {k: [t if t and possible(t) else None for t in v] for k, v in others.items()}
            asked = {k: v for k, v in said.items() if sum(map(bool, v)) >= 25}
        done[name] = table(model, x, true[:n], asked) | {"apart": apart(model, x, true, others)}
        if name != "exact":
            files, folder = sorted(model.folder.rglob("*.safetensors")), model.folder
            digests = {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}
            done[name] |= {"sha256": digests, "training": json.loads((folder / "training.json").read_text())}
        if name == "scenes-net":
            for other, score in {"clip": scenes_clip(model), "text": scenes_text}.items():
                each = [score(render(s), texts) for s, *texts in zip(pairs, *filled(true, others), strict=True)]
                done[name]["scores"][other] = verdicts(torch.stack(each), others)
            x, few = x[:FEW], {k: v[:FEW] for k, v in others.items()}
            looked = [attention(model, x, texts) for texts in filled(true[:FEW], few)]
            done[name]["scores"]["attention"] = verdicts(torch.stack(looked, 1), few)
            done["another picture"] = table(model, x.roll(1, 0), true[:FEW], few)
        args.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
