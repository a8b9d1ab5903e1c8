"""Chapter 17's record is what the benchmarks measure: all but the times, again."""

import json
import sys
from pathlib import Path

import pytest
import torch

import infodecomp as idc
from infodecomp.scenes.model import proposal
from infodecomp.scenes.net import NETWORK

sys.path.append(str(Path(__file__).parent / "benchmarks"))
import bench
import gpu
import kinds
import overhead
import samples

RECORD = json.loads((Path(idc.__file__).parent / "experiments/records/cost.json").read_text(encoding="utf-8"))


def test_network_is_the_one_in_the_package():
    assert RECORD["weights"] == json.loads((NETWORK / "record.json").read_text())["sha256"]


def test_evaluations_are_counted():
    found = bench.count_words()
    assert found == {int(words): count for words, count in RECORD["evaluations_per_sample"].items()}
    assert all(found[words] == 2 * words + 2 for words in (1, 2, 4))


def test_samples_of_a_closed_form_are_the_record_s(monkeypatch):
    monkeypatch.setattr(samples, "FEW", 2)  # pilots are slow, and not compared
    case = next(iter(samples.closed_cases()))
    again = samples.rows_of(case, 100, RECORD["samples"]["repeats"], samples.SCHEMES)
    stored = {(r["case"], r["quantity"], r["scheme"]): r for r in RECORD["samples"]["closed"]}
    for row in (row for row in again if row["scheme"] != "fitted"):
        known = stored[row["case"], row["quantity"], row["scheme"]]
        for name in ("relative", "relative_interval", "to_own", "to_own_interval"):
            assert row[name] == pytest.approx(known[name], rel=1e-6)
    assert RECORD["samples"]["repeats"] >= 200


def test_schemes_estimate_one_number():
    """Every scheme of every case, within five standard errors of the others: what differs is the variance."""
    for part in ("exact", "closed", "network", "longer"):
        for case in {(r["case"], r["quantity"]) for r in RECORD["samples"][part]}:
            rows = [r for r in RECORD["samples"][part] if (r["case"], r["quantity"]) == case]
            weights = torch.tensor([r["mean_error"] ** -2 for r in rows])
            mean = (weights * torch.tensor([r["mean"] for r in rows])).sum() / weights.sum()
            assert all(abs(r["mean"] - mean) < 5 * r["mean_error"] for r in rows), case


def test_operations_of_the_network():
    assert gpu.flops() / 1e12 == pytest.approx(0.804, abs=5e-4)


def test_the_paper_s_scheme_estimates_the_same():
    model = idc.load("scenes")
    x = model.encode(idc.scenes.render(overhead.SCENE))
    torch.manual_seed(0)
    runs = torch.stack(
        [overhead.paper(model, x, overhead.CAPTION, overhead.CONTEXT, 200).sum() for _ in range(10)]
    ).double()
    ours = idc.pointwise_information(model, x, overhead.CAPTION, overhead.CONTEXT, samples=4000)
    error = (runs.var() / len(runs) + ours.stderr.item() ** 2).sqrt()
    assert abs(runs.mean() - ours.nats.item()) < 4 * error


def test_the_cost_of_a_density_is_the_variance_of_its_draws():
    """kinds.py: of f(α, ε) = g(α)·(ε + ½ε²), whose moments are known, against estimates with strata."""
    g = torch.Generator().manual_seed(0)
    middle, noise = (kinds.EDGES[1:] + kinds.EDGES[:-1]) / 2, torch.randn(40_000, generator=g, dtype=torch.float64)
    height = torch.exp(-((middle + 5) ** 2))
    pairs = torch.stack([noise, -noise], 1)
    mean, variance, balanced = kinds.moments(height[:, None, None] * (pairs + pairs**2 / 2))
    assert torch.allclose(mean, height / 2, rtol=0.03)
    assert torch.allclose(variance, 1.5 * height**2, rtol=0.05) and torch.allclose(balanced, height**2, rtol=0.05)
    masses = kinds.shares(proposal(torch.linspace(-13, -1, 57)))
    count = (400_000 * masses).round().long()  # draws in each cell, its stratum
    drawn = torch.randn(int(count.sum()), generator=g, dtype=torch.float64).split(count.tolist())
    total = sum(w**2 * (h * (e + e**2 / 2)).var() / len(e) for w, h, e in zip(kinds.WIDTHS, height, drawn, strict=True))
    assert kinds.cost(1.5 * height**2, masses) / count.sum() == pytest.approx(total.item(), rel=0.02)


def test_a_noise_that_is_used_again_counts_once():
    masses, g = kinds.WIDTHS / kinds.WIDTHS.sum(), torch.Generator().manual_seed(1)
    one = torch.randn(1, 500, 2, generator=g, dtype=torch.float64).expand(len(masses), 500, 2)
    assert kinds.shared_noise(one, masses, 4) == pytest.approx(4)
    other = torch.randn(len(masses), 5000, 2, generator=g, dtype=torch.float64)
    assert kinds.shared_noise(other, masses, 2) == pytest.approx(1, abs=0.02)


def test_costs_of_words_from_variances_are_those_of_repeats():
    """Within the intervals of the repeats, widened by a tenth for the noise of the variances."""
    measured = {(r["case"], r["quantity"], r["scheme"]): r["relative_interval"] for r in RECORD["samples"]["exact"]}
    schemes = {"own": "own", "own balanced": "balanced", "kind balanced": "kind balanced"}
    for row in RECORD["samples"]["predicted"]:
        for name, scheme in schemes.items():
            low, high = measured[row["case"], row["quantity"], scheme]
            assert 0.9 * low < row[name] < 1.1 * high
