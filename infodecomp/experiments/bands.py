"""Where and when words of scenes are read, and candidates dropped: `python -m infodecomp.experiments.bands OUT.json`.

For the exact denoiser and scenes-net:
    words  i^s and i^o of one word of each kind given the rest of its caption, and of the caption against nothing, per
           band of log-SNR: of each picture, [i^s, i^o] with the true nats beside them; and i^o per band of spatial
           frequency, mean and standard error over pictures
    prune  the ranking of captions that differ in a word by infodecomp.prune, against the full ranking on the same
           draws: for each error allowed [wrong choices, true captions chosen, mean share, its standard error]
A denoiser that is in OUT.json already is not measured again.
"""

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from ..bands import InFrequencies, by_radius
from ..captions import units, without
from ..denoiser import Model
from ..estimates.alternatives import Alternatives
from ..estimates.information import compare
from ..estimates.sampling import Sampling
from ..integrate import Piecewise, Proposal, uniform
from ..loading import load
from ..numbers import mean_and_error
from ..progress import unattended
from ..prune import Race, eliminate, rounds
from ..scenes.grammar import CLASS, PHRASES, RELATIONS, Scene, sample
from ..scenes.meaning import alternatives, information
from ..scenes.sprites import render
from . import origin
from .folder import save

SEED, FULL, POOL = 21, 64, 1280
SAMPLES = {"exact": 24, "scenes-net": 8}  # per band; with 8 the exact noun came out low: few draws carry it
COUNT = {"words": {"exact": 96, "scenes-net": 32}, "prune": {"exact": 96, "scenes-net": 8}}
KINDS = "noun", "state", "colour", "relation", "adverb"
RANKED = "noun", "colour", "relation"  # kinds of which a word has four alternatives or more
LEVELS = -13.0, -11.5, -10.0, -8.5, -7.0, -5.5, -4.0, -2.5, -1.0
RADII = 0.0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0  # cycles per pixel
ERRORS = 0.01, 0.05, 0.2, 0.5
EDGES = torch.linspace(LEVELS[0], LEVELS[-1], 49, dtype=torch.float64)
TILTED = Piecewise(EDGES, ((EDGES[1:] + EDGES[:-1]) / 4).exp() + 0.003)
PROPOSALS = {"even": uniform(LEVELS[0], LEVELS[-1]), "tilted": TILTED}  # tilted: density about e^(α/2)


def kind_of(word: str) -> str:
    """The kind of a word or phrase of the grammar."""
    return "relation" if word in RELATIONS else CLASS[word]


def items(count: int, drawn: int = POOL) -> list[tuple[Scene, str, dict[str, tuple[int, int]]]]:
    """The first `count` of so many scenes drawn that have a caption with a word of every kind, and where the first one
    of each begins and ends."""
    found = []
    for scene, _, caption in zip(*sample(drawn, SEED), strict=True):
        places = {kind_of(word): (start, stop) for start, stop, word in reversed(units(caption, PHRASES))}
        if set(KINDS) <= set(places):
            found.append((scene, caption, places))
    return found[:count]


def words(model: Model, count: int, samples: int) -> dict[str, Any]:
    """The part "words" of the record, of `count` pictures and so many draws in each band."""
    picked = items(count)
    captions = [caption for _, caption, _ in picked]
    rests = [[without(caption, *places[kind]) for _, caption, places in picked] for kind in KINDS]
    turned = InFrequencies(model, block=2)
    x = turned.encode([render(scene) for scene, _, _ in picked])
    found: dict[str, Any] = {kind: {"pictures": [], "radius": []} for kind in (*KINDS, "caption")}
    for band, ends in enumerate(pairwise(LEVELS)):
        each = compare(turned, x, [captions, *rests, None], samples=samples, seed=SEED + band, proposal=uniform(*ends))
        for k, kind in enumerate(found, 1):
            both = [each.information(0, k, name) for name in ("standard", "orthogonal")]
            found[kind]["pictures"].append([_rounded(e.nats) for e in both])
            found[kind]["radius"].append([mean(nats) for nats in by_radius(both[1], RADII)[0].T])
    for kind, given in zip(found, [*rests, [""] * count], strict=True):
        truth = [information(scene, caption, rest) for (scene, caption, _), rest in zip(picked, given, strict=True)]
        found[kind]["truth"] = _rounded(torch.tensor(truth))
    return found


def prune(model: Model, count: int) -> dict[str, Any]:
    """The part "prune" of the record, of `count` pictures for each kind of word."""
    return {name: ranked(model, count, proposal) for name, proposal in PROPOSALS.items()}


def ranked(model: Model, count: int, proposal: Proposal) -> dict[str, Any]:
    """Full ranking and pruned ones on the same draws, for each kind of word."""
    found: dict[str, Any] = {}
    for kind in RANKED:
        picked = items(count, 40 * count)
        stacked = Alternatives.stack([alternatives(caption, places[kind][0]) for _, caption, places in picked])
        log_prior, cuts = stacked.prior.log(), rounds(8, FULL)
        x = model.encode([render(scene) for scene, _, _ in picked])
        race = Race(model, x, stacked.conditions, Sampling(FULL, SEED, proposal))
        losses = torch.cat([race(log_prior > -torch.inf, start, stop) for start, stop in pairwise([0, *cuts])], 2)
        best = eliminate(_again(losses), log_prior, cuts, 0.0).best
        true = torch.tensor([[c[i] for c in stacked.conditions].index(t) for i, (_, t, _) in enumerate(picked)])
        found[kind] = {"count": count, "full": int((best == true).sum())}
        for error in ERRORS:
            choice = eliminate(_again(losses), log_prior, cuts, error)
            counts = [int((choice.best != best).sum()), int((choice.best == true).sum())]
            found[kind][str(error)] = [*counts, *mean(choice.share.double())]
    return found


def _again(losses):
    return lambda racing, start, stop: losses[..., start:stop]


def mean(values: torch.Tensor) -> list[float]:
    """Mean and standard error over pictures, rounded."""
    return [round(v, 5) for v in mean_and_error(values)]


def _rounded(values):
    return [round(v, 4) for v in values.tolist()]


@unattended(bars=True)
def main() -> None:
    """Measure what OUT.json has not yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    record = json.loads(out.read_text()) if out.exists() else {"denoisers": {}}
    record["command"] = "python -m infodecomp.experiments.bands OUT.json"
    settings = {"seed": SEED, "samples": SAMPLES, "full": FULL, "levels": list(LEVELS), "radii": list(RADII)}
    if record.setdefault("settings", settings) != settings:
        parser.error(f"out must be a new file or a record with the same settings, got {out}")
    record["versions"], record["sha256"] = origin.versions(), origin.hashes("scenes-net")
    for name in SAMPLES:
        measured, model = record["denoisers"].setdefault(name, {}), load("scenes" if name == "exact" else name)
        if "words" not in measured:
            measured["words"] = words(model, COUNT["words"][name], SAMPLES[name])
            save(out, json.dumps(record) + "\n")
        if "prune" not in measured:
            measured["prune"] = prune(model, COUNT["prune"][name])
            save(out, json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
