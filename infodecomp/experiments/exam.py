"""An exam for the network of the scenes: one word per scene, COUNT scenes for each of nine kinds of words.

What network and exact denoiser report for the word on the same noise, alone (MI) and given the rest of its caption
(CMI), and what each of the network's branches costs, over the log-SNRs at which words are read. `python -m
infodecomp.experiments.exam OUT.json` writes the record that chapter 11 reads: two minutes.
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ..captions import units, without
from ..estimates.information import compare
from ..loading import load
from ..progress import unattended
from ..scenes.grammar import PHRASES, Scene, sample
from ..scenes.model import proposal
from ..scenes.report import kind_of
from ..scenes.sprites import render
from . import origin
from .folder import save

SEED, COUNT, CUT = 31, 16, -2.0
SAMPLES = {"MI": 12, "CMI": 32}
SORTS = "standard", "orthogonal"
RECORD = Path(__file__).parent / "records" / "exam.json"
NAMES = {"day or night": "sky", "redundant": "sky", None: "function"}


class Question(NamedTuple):
    """A word of a scene's caption, and the caption without it."""

    kind: str
    scene: Scene
    caption: str
    rest: str
    word: str


def questions(count: int = COUNT, seed: int = SEED) -> list[Question]:
    """count for each kind of word, one word per draw of a scene: of its caption one whose kind is rarest so far.

    A day, night, sun or moon that is named a second time is of a kind of its own, "again".
    """
    found: dict[str, list[Question]] = {}
    for scene, _, caption in zip(*sample(25 * count, seed), strict=True):
        words: dict[str, Question] = {}
        for start, stop, word in units(caption, PHRASES):
            name = kind_of(word, caption)
            kind = NAMES.get(name, name or "")
            kind = "again" if kind == "sky" and kind in words else kind
            words[kind] = Question(kind, scene, caption, without(caption, start, stop), word)
        if "again" in words:
            words.pop("sky")
        kind = min(words, key=lambda kind: len(found.get(kind, [])))
        if len(found.setdefault(kind, [])) < count:
            found[kind].append(words[kind])
    return [question for those in found.values() for question in those]


def answers(network: Any, exact: Any, asked: list[Question], what: str, samples: int, seed: int = 0) -> dict:
    """What is reported for questions: "MI", each word alone, or "CMI", given the rest. All values (N,) float64 nats.

    {"network", "exact": {"standard", "orthogonal"}, "cost": {"without", "with it"}: the network's excess error without
    the word and with it, "alike": the correlation of both maps over cells, NaN where the exact one is empty}.
    """
    x = exact.encode([render(question.scene) for question in asked])
    alone, whole = ([""], [q.word for q in asked]), ([q.rest for q in asked], [q.caption for q in asked])
    pairs = [(denoiser, text) for text in {"MI": alone, "CMI": whole}[what] for denoiser in (exact, network)]
    reach = proposal(torch.linspace(network.logsnr_range[0], CUT, 45))
    c = compare(None, x, pairs, samples=samples, seed=seed, proposal=reach)  # exact, network; then both with the word
    both = {"network": (3, 1), "exact": (2, 0)}
    found: dict = {who: {sort: c.information(*pair, sort).nats for sort in SORTS} for who, pair in both.items()}
    found["cost"] = {"without": c.information(1, 0).nats, "with it": c.information(3, 2).nats}
    found["alike"] = torch.stack(
        [_alike(*(c.information(*pair).map[i] for pair in both.values())) for i in range(len(x))]
    )
    return found


def _alike(one, other):
    """The correlation of two maps, NaN where one is the same in all cells."""
    return torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1]


def recorded(file: Path = RECORD) -> dict:
    """{"MI", "CMI"} as `answers` gives them, of the record; ValueError if it is not of these questions."""
    record = json.loads(file.read_text(encoding="utf-8"))
    if record["asked"] != _names(questions()):
        raise ValueError(f"{file} must be of the questions of this program: write it again")
    return {what: _tree(record[what], _tensor) for what in SAMPLES}


def _tensor(values):
    return torch.tensor([math.nan if value is None else value for value in values], dtype=torch.float64)


def _plain(values):
    return [None if math.isnan(value) else round(value, 5) for value in values.tolist()]


def _names(asked):
    return [[question.kind, question.caption, question.word] for question in asked]


def _tree(values, change):
    """A dict of dicts, its leaves changed."""
    return {k: _tree(v, change) for k, v in values.items()} if isinstance(values, dict) else change(values)


@unattended(bars=True)
def main() -> None:
    """Hold the exam, and write OUT.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    out, asked = parser.parse_args().out, questions()
    settings = {"seed": SEED, "count": COUNT, "cut": CUT, "samples": SAMPLES, "model": "scenes-net"}
    record: dict = {"settings": settings, "weights": origin.hashes("scenes-net"), "versions": origin.versions()}
    record["asked"] = _names(asked)
    for what, samples in SAMPLES.items():
        found = answers(load("scenes-net"), load("scenes"), asked, what, samples)
        record[what] = _tree(found, _plain)
    save(out, json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
