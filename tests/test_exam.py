"""The exam of chapter 11: its questions, its answers where the network is the exact denoiser itself, and its record."""

import json
import math
from collections import Counter

import pytest
import torch

import infodecomp as idc
from infodecomp.experiments import exam
from infodecomp.scenes.net import NETWORK


class Best:
    """The exact denoiser on the network's range."""

    logsnr_range = -13.0, -1.0

    def __init__(self, exact):
        self.exact = exact

    def __call__(self, z, logsnr, condition):
        return self.exact(z, logsnr, condition)


def test_questions_are_of_nine_kinds_and_their_truth_is_of_their_kind():
    asked = exam.questions()
    assert set(Counter(question.kind for question in asked).values()) == {exam.COUNT} and len(asked) == 144
    known = {"again": 0.0, "function": 0.0, "relation": math.log(4)}
    for kind, scene, caption, rest, word in asked:
        nats = idc.scenes.information(scene, caption, rest)
        assert sorted([*rest.split(), *word.split()]) == sorted(caption.split())
        assert nats > -1e-9 or kind == "adverb"  # which may mislead
        assert nats == pytest.approx(known.get(kind, nats), abs=1e-9)


def test_a_network_without_fault_reports_what_counting_says():
    exact = idc.load("scenes")
    asked = [question for question in exam.questions(2) if question.kind in ("colour", "sky", "relation", "again")]
    for what in exam.SAMPLES:
        found = exam.answers(Best(exact), exact, asked, what, 400)
        for cost in found["cost"].values():
            assert cost.abs().max() < 1e-9
        assert all(torch.equal(found["network"][sort], found["exact"][sort]) for sort in exam.SORTS)
        texts = {"MI": lambda q: [q.word], "CMI": lambda q: [q.caption, q.rest]}[what]
        counted = torch.tensor([idc.scenes.information(q.scene, *texts(q)) for q in asked]).double()
        empty = counted.abs() < 1e-9
        assert (found["alike"][~empty] > 1 - 1e-6).all() and found["alike"][empty].isnan().all()
        off = found["exact"]["standard"] - counted
        assert abs(off.mean()) < 4 * off.std() / len(off) ** 0.5 + 1e-9


def test_record_is_of_these_questions_settings_and_weights(tmp_path):
    record, found = json.loads(exam.RECORD.read_text()), exam.recorded()
    settings = {"seed": exam.SEED, "count": exam.COUNT, "cut": exam.CUT, "samples": exam.SAMPLES, "model": "scenes-net"}
    assert record["settings"] == settings
    assert record["weights"] == json.loads((NETWORK / "record.json").read_text())["sha256"]
    for name, c in found.items():  # the excess of the branches is the bias, on average
        left = c["network"]["standard"] - c["exact"]["standard"] - (c["cost"]["without"] - c["cost"]["with it"])
        assert len(left) == 144 and abs(left.mean()) < 4 * left.std() / 12, name
    record["asked"][0][2] = "owl"
    (tmp_path / "other.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match="must be of the questions"):
        exam.recorded(tmp_path / "other.json")


@pytest.mark.parametrize("rows", [17, pytest.param(144, marks=pytest.mark.slow)])
def test_record_is_what_the_networks_answer(rows):
    """Noise goes by the place of a question: the first ones are measured as in the record. Slow: all of them."""
    network, exact, record = idc.load("scenes-net"), idc.load("scenes"), exam.recorded()
    for what, samples in exam.SAMPLES.items():
        found = exam.answers(network, exact, exam.questions()[:rows], what, samples)
        for part in ("network", "exact", "cost"):
            for name, values in found[part].items():
                assert torch.allclose(values, record[what][part][name][:rows], atol=2e-3, rtol=2e-3), (what, part, name)
        assert torch.allclose(found["alike"], record[what]["alike"][:rows], atol=2e-3, equal_nan=True)


@pytest.mark.slow
def test_the_command_writes_the_record(tmp_path, monkeypatch):
    """Slow: it loads and asks the network."""
    monkeypatch.setattr(exam, "COUNT", 1)
    monkeypatch.setattr(exam, "SAMPLES", {"MI": 2, "CMI": 2})
    monkeypatch.setattr(exam, "questions", lambda of=exam.questions: of(1))
    monkeypatch.setattr("sys.argv", ["exam", str(tmp_path / "exam.json")])
    exam.main()
    found = exam.recorded(tmp_path / "exam.json")
    assert all(len(c["alike"]) == 9 and c["network"]["standard"].isfinite().all() for c in found.values())
