"""Scores of captions against the estimators they are made of; accuracies against scipy; reports against hand counts."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

import infodecomp as idc
from infodecomp.datasets.aro import Item
from infodecomp.datasets.items import Broken
from infodecomp.experiments.relation import (
    SENTENCE,
    Accuracy,
    accuracy,
    caption_scores,
    credit,
    other_picture,
    paired,
    report,
    summary,
)
from infodecomp.integrate import Logistic, uniform_weight


@pytest.fixture(scope="module")
def net():
    return idc.load("scenes-net")


@pytest.fixture(scope="module")
def case(net):
    scene = idc.scenes.scenes()[20000]
    caption = idc.scenes.captions(scene)[-1]
    return net.encode(idc.scenes.render(scene)), [caption, "the the red", "night"]


def test_scores_are_the_estimators(net, case):
    x, captions = case
    found = caption_scores(net, x, captions, samples=20, seed=3)
    for k, caption in enumerate(captions):
        for kind in ("orthogonal", "standard"):
            alone = idc.pointwise_information(net, x, caption, kind=kind, samples=20, seed=3)
            assert torch.allclose(found[kind][:, k], alone.nats, rtol=1e-6)
    losses = [idc.nll(net, x, c, samples=20, seed=3).profile for c in (None, *captions)]
    by_hand = [2 * (losses[0].integrand - p.integrand).mean(1) for p in losses[1:]]
    assert torch.allclose(found["mse"], torch.stack(by_hand, 1), rtol=1e-6)


class Told:
    """x is normal around 0, and around 1 if a caption is told: a closed form, with Stable Diffusion's timesteps."""

    def __init__(self):
        bar = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64).square().neg().log1p().cumsum(0).exp()
        self.schedule = bar.logit().numpy()
        self.logsnr_range = (self.schedule[-1], self.schedule[0])

    def __call__(self, z, logsnr, condition):
        signal = torch.sigmoid(logsnr)[:, None]
        return (1 - signal).sqrt() * (z - signal.sqrt() * (condition is not None))


def test_uniform_timesteps():
    """The density of log-SNR integrates to one; the measure is the errors' difference at a time drawn uniformly."""
    model, x = Told(), torch.tensor([[4.0, 6.0, 5.0]], dtype=torch.float64)
    options = {"samples": 10_000, "seed": 1, "proposal": Logistic(range=model.logsnr_range)}
    grid = torch.linspace(*model.logsnr_range, 20_001, dtype=torch.float64)
    density = uniform_weight(grid, model.schedule, model.logsnr_range)
    assert torch.trapezoid(density, grid).item() == pytest.approx(1, abs=1e-3)
    score = caption_scores(model, x, ["anything"], **options)["uniform"][0, 0]
    signal = torch.sigmoid(torch.tensor(model.schedule))
    truth = torch.trapezoid(signal * (1 - signal)) / 999 * (x.square() - (x - 1).square()).sum()
    told = idc.pointwise_information(model, x, "anything", kind="standard", **options).profile
    weight = told.weight * uniform_weight(told.logsnr, model.schedule, model.logsnr_range)
    error = dataclasses.replace(told, integrand=2 * told.integrand, weight=weight).stderr().item()
    assert abs(score - truth) < 4 * error < 0.01 * truth


def test_models_without_timesteps_are_uniform_in_logsnr():
    weight = uniform_weight(torch.tensor([-3.0, 1.0]), None, (-4.0, 6.0))
    assert weight.tolist() == pytest.approx([0.1, 0.1])


def test_credit_shares_ties():
    scores = [[1.0, 0, 0], [0, 1, 0], [1, 1, 0], [1, 1, 1]]
    assert credit(scores).tolist() == pytest.approx([1, 0, 1 / 2, 1 / 3])
    assert credit([[-torch.inf, -torch.inf]]).tolist() == [0.5]


def test_accuracy_is_wilsons():
    for right, count in ((0, 5), (3, 7), (40, 40), (69, 100)):
        found = accuracy([1.0] * right + [0.0] * (count - right))
        truth = binomtest(right, count).proportion_ci(method="wilson")
        assert (found.share, found.count) == (right / count, count)
        assert found.low == pytest.approx(truth.low, abs=1e-6) and found.high == pytest.approx(truth.high, abs=1e-6)


def test_paired_is_mcnemars_exact_test():
    one, other = [1, 1, 1, 1, 0, 0, 1, 1, 1, 0], [1, 0, 0, 0, 1, 0, 1, 0, 0, 0]
    mean, error, p = paired(one, other)
    assert mean == pytest.approx(0.4) and p == pytest.approx(binomtest(5, 6).pvalue)
    assert error == pytest.approx(np.std(np.subtract(one, other), ddof=1) / 10**0.5)
    assert paired(one, one) == (0, 0, 1)


RECORDS = [
    {"id": f"vg_relation/{i}", "group": "left of" if i % 3 else "on",
     "scores": {"orthogonal": [1.0, 2.0 - i % 2 * 2], "clip": [1.0, 0.0]}}
    for i in range(12)
] + [{"id": "vg_relation/x", "broken": "missing image", "detail": "7.png"}]  # fmt: skip


def test_summary_and_report_count_by_hand():
    table = summary(RECORDS, least=5)
    assert table["orthogonal"]["all"].share == 0.5 and table["clip"]["all"].share == 1
    assert set(table["clip"]) == {"all", "left of"}  # four cases of "on" are too few
    assert table["orthogonal"]["left of"].count == 8
    text = report({"vg_relation": RECORDS}, least=5)
    assert "13 items; 1 broken (missing image)" in text
    clip = next(line for line in text.splitlines() if line.startswith("| clip"))
    assert "100.0" in clip and "+50.0" in clip and clip.endswith("| 51.4 |")
    assert str(Accuracy(0.5, 0.25, 0.75, 4)) == "50.0 [25.0, 75.0]"


def test_rows_of_another_picture_are_compared_with_their_own():
    records = [
        {"id": f"sugarcrepe/swap_obj/{i:06d}", "group": "swap_obj",
         "scores": {"orthogonal": [1.0, 2.0], "clip": [1.0, i % 2], "orthogonal, other picture": [1.0, i % 3]}}
        for i in range(30)
    ]  # fmt: skip
    lines = report({"sugarcrepe": records}).splitlines()
    (row,) = (line for line in lines if line.endswith(" to its own picture |  |"))
    assert row.startswith("| iᵒ against the empty prompt (the paper's), other picture | 50.0") and "| +50.0 ±" in row
    assert SENTENCE in lines and any(line.startswith("| swap_obj | 30 |") and "67.48" in line for line in lines)
    assert SENTENCE not in report({"vg_relation": RECORDS})


def test_the_other_picture_is_the_next_that_opens():
    class Thing(Item):
        def open(self):
            if self.detail:
                raise Broken("truncated image", self.detail)
            return self.image

    items = [Thing(f"t/{k}", image=image) for k, image in enumerate("aabcd")]
    items[2] = items[2]._replace(broken="missing image")
    items[3] = items[3]._replace(detail="cut off")
    assert [other_picture(item, items) for item in items] == ["d", "d", "d", "d", "a"]
    with pytest.raises(Broken, match="no other item of the task"):
        other_picture(items[0], items[:2])


def test_blind_baseline_knows_grammar_and_priors():
    from infodecomp.experiments.baselines import scenes_text

    _, fragments, _ = idc.scenes.sample(4000, 9)
    common = max(set(fragments), key=fragments.count)
    texts = [common, "the red owl left of the blue cat", "the red left owl of the blue cat"]
    scores = scenes_text(None, texts)
    share = fragments.count(common) / 4000
    assert abs(scores[0].exp() - share) < 4 * (share / 4000) ** 0.5
    assert -torch.inf < scores[1] < scores[0] and scores[2] == -torch.inf


def test_clip_baseline_is_the_records():
    """Swapped colours and nouns are told, at least as often as the network's record says, less chance."""
    import json

    from infodecomp.experiments.baselines import scenes_clip
    from infodecomp.scenes.edits import swaps
    from infodecomp.scenes.net import NETWORK

    model = idc.load("scenes-net")
    score, record = scenes_clip(model), json.loads((NETWORK / "record.json").read_text())["swaps"]
    pairs, _, whole = idc.scenes.sample(200, 5)
    rows = [(s, t) for s, t in zip(pairs, whole, strict=True) if s.first.colour != s.second.colour][:100]
    found = torch.stack([score(idc.scenes.render(s), [t, *swaps(t)]) for s, t in rows])
    for k, name in ((2, "colours"), (3, "nouns")):
        right = credit(found[:, [0, k]]).mean().item()
        said = record[name]["clip"]
        assert abs(right - said[0]) < 4 * np.hypot(said[1], (said[0] * (1 - said[0]) / 100) ** 0.5) + 0.02
