"""Items of one picture are not independent: a copy of every item must not make an interval narrower."""

import numpy as np
import pytest

from infodecomp.experiments import intervention, localization, relation
from infodecomp.experiments.clusters import independent, pictures_of, resampled, stderr


def test_pictures_are_numbered_in_order_and_a_record_without_one_has_its_own():
    records = [{"id": "a", "image": "x.png"}, {"id": "b"}, {"id": "c", "image": "x.png"}, {"id": "d", "image": ""}]
    assert pictures_of(records).tolist() == [0, 1, 0, 2]
    assert pictures_of([]).tolist() == []


def test_items_with_pictures_of_their_own_give_the_usual_formulas():
    values = np.random.default_rng(0).normal(size=30)
    assert stderr(values, np.arange(30)) == values.std(ddof=1) / 30**0.5
    assert independent(values, np.arange(30)) == 30
    usual = np.random.default_rng(7).integers(0, 30, (5, 30))
    assert np.array_equal(list(resampled(np.arange(30), 5, np.random.default_rng(7))), usual)


def test_stderr_by_hand():
    """Values 1, 3 of one picture and 2, 6 of two: sums off the mean 3 are −2, −1, 3; 14 · 3/2 / 16."""
    assert stderr([1, 3, 2, 6], np.array([0, 0, 1, 2])) == pytest.approx((14 * 1.5 / 16) ** 0.5)
    assert np.isnan(stderr([1, 3], np.array([0, 0])))


def test_copies_add_nothing():
    random = np.random.default_rng(1)
    one, other = random.integers(0, 2, 40).astype(float), random.integers(0, 2, 40).astype(float)
    twice = np.repeat(np.arange(40), 2)
    assert stderr(np.repeat(one, 2), twice) == pytest.approx(stderr(one, np.arange(40)))
    assert independent(np.repeat(one, 2), twice) == pytest.approx(40)
    assert independent(np.ones(80), twice) == 40  # all right: no spread to learn from
    few, many = relation.accuracy(one), relation.accuracy(np.repeat(one, 2), twice)
    assert [*many][:3] == pytest.approx([*few][:3]) and many.count == 80
    both = relation.paired(np.repeat(one, 2), np.repeat(other, 2), twice)
    assert both == pytest.approx(relation.paired(one, other))


def test_intervals_cover_where_pictures_share_their_luck():
    """400 studies of 25 pictures with four items each, right or wrong together: .95, and less if items were counted."""
    random, truth = np.random.default_rng(2), 0.6
    pictures, covered, naive = np.repeat(np.arange(25), 4), 0, 0
    for _ in range(400):
        credits = np.repeat(random.random(25) < truth, 4).astype(float)
        found, wrong = relation.accuracy(credits, pictures), relation.accuracy(credits)
        covered, naive = covered + (found.low < truth < found.high), naive + (wrong.low < truth < wrong.high)
    assert covered >= 0.92 * 400 and naive < 0.8 * 400


def test_bootstrap_resamples_pictures():
    random = np.random.default_rng(3)
    records = [
        {"id": str(i), "image": f"{i}.png", "change": c, "scores": {"cmi": c + random.normal()}, "pixel": {"cmi": 0.5}}
        for i, c in enumerate(random.gamma(2, size=30))
    ]
    copies = [{**r, "id": f"{r['id']}{k}"} for r in records for k in "ab"]
    once, twice = intervention.summary(records, repeats=300), intervention.summary(copies, repeats=300)
    assert twice["image"]["cmi"] == pytest.approx(once["image"]["cmi"])
    strangers = intervention.summary([{**r, "image": ""} for r in copies], repeats=300)["image"]["cmi"]
    assert strangers[2] - strangers[1] < 0.85 * (twice["image"]["cmi"][2] - twice["image"]["cmi"][1])
    text = intervention.report({"t": copies})
    assert "60 items; none broken" in text and "Of 30 pictures" in text
    assert "Of" not in intervention.report({"t": records})


def test_localization_counts_pictures():
    names = [f"t/{i}" for i in range(60)]
    values = np.random.default_rng(4).random(60)
    records = [
        {"id": n, "image": f"{i}.png", "iou": {"cmi": [v] * 50}}
        for i, (n, v) in enumerate(zip(names, values, strict=True))
    ]
    alone = localization.summary(records)["cmi"]["miou"]
    scored = [v for n, v in zip(names, values, strict=True) if not localization.held_out(n)]
    assert alone == pytest.approx((np.mean(scored), np.std(scored, ddof=1) / len(scored) ** 0.5))
    same = localization.summary([{**r, "image": "one.png"} for r in records])["cmi"]["miou"]
    assert same[0] == pytest.approx(alone[0]) and np.isnan(same[1])
    assert "too few" in localization.report({"t": [{**r, "image": "one.png"} for r in records]})


def test_reports_of_one_item_say_too_few():
    """And warn of nothing: a warning is an error in these tests."""
    one = {"id": "vg_relation/0", "group": "on", "image": "1.png", "scores": {"orthogonal": [1.0, 0], "clip": [0, 1.0]}}
    text = relation.report({"vg_relation": [one]})
    assert "too few" in text and "nan" not in text
    text = localization.report({"t": [{"id": "t/0", "iou": {"cmi": [0.5] * 50}}]})
    assert "Too few" in text and "nan" not in text
    text = intervention.report({"t": [{"id": "t/0", "change": 1.0, "scores": {"cmi": 1.0}, "pixel": {"cmi": None}}]})
    assert "Too few" in text and "nan" not in text


def test_scores_that_are_all_the_same_have_no_correlation():
    records = [{"id": str(i), "change": 1.0, "scores": {"cmi": 0.0}, "pixel": {"cmi": None}} for i in range(12)]
    text = intervention.report({"t": records})
    assert text.count("all the same") == 2 and "nan" not in text
