import hashlib
import json
import random
from pathlib import Path

import pytest
import torch

import infodecomp as idc
from infodecomp import scenes as sc
from infodecomp.experiments import ranking
from infodecomp.experiments.relation import caption_scores
from infodecomp.scenes import edits
from infodecomp.scenes.net import NETWORK

RECORD = json.loads((Path(ranking.__file__).parent / "records" / "ranking.json").read_text())
COUNT, FEW = RECORD["settings"]["count"], RECORD["settings"]["few"]
MODEL, EXACT = idc.load("scenes-net"), idc.load("scenes")
PAIRS, TRUE, OTHERS = ranking.items(COUNT)
X = EXACT.encode([sc.render(s) for s in PAIRS[:8]])

# ---------------------------------------------------------------------------------------------------------- captions


def test_what_the_kinds_are():
    for scene, caption, *texts in zip(PAIRS[:40], TRUE, *OTHERS.values(), strict=False):
        made = dict(zip(ranking.KINDS, texts, strict=True))
        assert ranking.nature(scene, caption) == ranking.nature(scene, made["turned"]) == "fits"
        assert {ranking.nature(scene, made[k]) for k in ("relation", "colours", "nouns", "replaced")} == {"false"}
        assert made["states"] is None or ranking.nature(scene, made["states"]) == "implausible"
        for order in ranking.ORDERS:
            assert made[order] != caption and sorted(made[order].split()) == sorted(caption.split())


def test_shuffles_keep_what_they_say():
    words = "the sitting purple owl far left of the two red fish by night under the moon".split()
    told = {k for k, w in enumerate(words) if w in "sitting purple owl two red fish".split()}
    nouns, rest, inside, trigrams = edits.shuffles(words, random.Random(3))
    assert {k for k in range(16) if nouns[k] != words[k]} <= told
    assert {k for k in range(16) if rest[k] != words[k]} & told == set()
    assert [sorted(inside[k : k + 3]) for k in range(0, 16, 3)] == [sorted(words[k : k + 3]) for k in range(0, 16, 3)]
    chunks = [words[k : k + 3] for k in range(0, 16, 3)]
    found = []
    while trigrams:
        chunk = next(c for c in chunks if trigrams[: len(c)] == c)
        found.append(chunk)
        trigrams = trigrams[len(chunk) :]
    assert sorted(found) == sorted(chunks) and found != chunks


def test_states_and_turned():
    states = edits.states
    assert states("the anchored red boat left of the blue cat") == "the red boat left of the anchored blue cat"
    assert states("the two red fish above the flying blue owl") == "the flying red fish above the two blue owl"
    assert states("the sitting red cat above the blue dog") is None  # dogs sit
    assert states("the red cat above the blue dog") is None
    said = "the anchored red boat far left of the blue cat by day"
    assert edits.turned(said) == "the blue cat far right of the anchored red boat by day"
    assert edits.turned(edits.turned(said)) == said


# ------------------------------------------------------------------------------------------------------------- scores


def test_scores_are_those_of_relation():
    """The record's quick way and the package's caption_scores, on the same draws."""
    columns = [TRUE[:4], OTHERS["colours"][:4], OTHERS["trigrams"][:4]]
    found = ranking.scores_of(MODEL, *ranking.profiles(MODEL, X[:4], columns, samples=4))
    options = {"samples": 4, "seed": ranking.SEED, "proposal": ranking.PROPOSAL}
    for name, values in caption_scores(MODEL, X[:4], columns, **options).items():
        torch.testing.assert_close(found[name], values)


def test_bands_add_up():
    logsnr, weight, found = ranking.profiles(EXACT, X, [TRUE[:8], OTHERS["colours"][:8]])
    total = (found["standard"] * weight).mean(2).T
    torch.testing.assert_close(ranking.by_band(logsnr, weight, found["standard"]).sum(0), total)


def test_verdicts():
    others = {"colours": ["a", None, "c"]} | {order: ["a", "b", "c"] for order in ranking.ORDERS}
    scores = torch.tensor([[2.0, 1, 3, 0, 0, 0], [1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1]])
    found = ranking.verdicts(scores, others)
    assert found["colours"] == "1-2" and found[ranking.ORDERS[0]] == "022" and found["order"] == "025"


@pytest.mark.parametrize("kind", ["relation", "colours", "nouns", "other"])
def test_triangle(kind):
    """√iᵒ(false) ≥ √d − √iᵒ(true), for any two denoisers, draw for draw."""
    for model, n in ((EXACT, 8), (MODEL, 2)):
        told = [None, TRUE[:n], OTHERS[kind][:n]]
        c = idc.compare(model, X[:n], told, samples=8, proposal=ranking.PROPOSAL)
        true, false, apart = (c.information(*pair).nats for pair in ((1, 0), (2, 0), (2, 1)))
        assert (false.sqrt() >= apart.sqrt() - true.sqrt() - 1e-9).all()


# -------------------------------------------------------------------------------------------------------- the record


def test_the_record_is_of_these_captions_and_weights():
    for kind, counts in RECORD["kinds"].items():
        assert sum(counts.values()) == sum(map(bool, OTHERS[kind]))
    for name, digest in RECORD["denoisers"]["scenes-net"]["sha256"].items():
        assert hashlib.sha256((NETWORK / name).read_bytes()).hexdigest() == digest
    for name, part in RECORD["denoisers"].items():
        count = COUNT if name in ("exact", "scenes-net", "green") else FEW
        assert part["count"] == count and all(len(marks) == count for marks in part["scores"]["standard"].values())
        assert "training" in part or name in ("exact", "another picture")


@pytest.mark.parametrize("name, model, n", [("exact", EXACT, 8), ("scenes-net", MODEL, 2)])
def test_the_record_is_what_the_command_measures(name, model, n):
    """Noise is keyed by row, so that the first rows alone give the record's marks again."""
    part = RECORD["denoisers"][name]
    asked = {k: [t if t and m != "-" else None for t, m in zip(OTHERS[k], marks, strict=True)][:n]
             for k, marks in part["scores"]["standard"].items() if k != "order"}  # fmt: skip
    found = ranking.scores_of(model, *ranking.profiles(model, X[:n], ranking.filled(TRUE[:n], asked)))
    for score, values in found.items():
        for kind, marks in ranking.verdicts(values, asked).items():
            assert marks == part["scores"][score][kind][:n], (score, kind)


def test_what_the_chapter_says():
    exact, net = (RECORD["denoisers"][name]["scores"] for name in ("exact", "scenes-net"))
    share = lambda marks: marks.count("1") / len(marks.replace("-", ""))  # noqa: E731
    for kind in ("relation", "colours", "nouns", "replaced", "other"):
        assert share(exact["orthogonal"][kind]) == 0 and share(exact["standard"][kind]) == 1
    for kind in ("relation", "colours", "nouns", "replaced", "other"):
        assert share(net["orthogonal"][kind]) < 0.02 and share(net["standard"][kind]) > 0.98
    assert share(net["orthogonal"]["other, mixed"]) < 0.2 and share(net["standard"]["other, mixed"]) > 0.98
    for order in ranking.ORDERS[1:]:
        assert share(net["orthogonal"][order]) > 0.5 and share(net["text"][order]) > 0.98
    blind = RECORD["denoisers"]["another picture"]["scores"]["orthogonal"]
    for order in ranking.ORDERS[1:]:
        assert share(blind[order]) > 0.7
    trained = ("earlier 1000", "earlier 2000", "earlier 4000", "step 4000", "scenes-net")
    for scores in (RECORD["denoisers"][name]["scores"] for name in trained):
        for kind in ("relation", "colours"):
            assert share(scores["orthogonal"][kind]) < 0.02 and share(scores["standard"][kind]) > 0.98
    green = RECORD["denoisers"]["green"]["scores"]
    assert all(abs(share(green[score]["relation"]) - 0.5) < 0.1 for score in ("orthogonal", "standard"))
