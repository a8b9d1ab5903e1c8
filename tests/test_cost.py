"""Chapter 17's record is what the benchmarks measure: all but the times, again."""

import copy
import json
import math
import sys
from pathlib import Path

import pytest
import torch

import infodecomp as idc
from infodecomp.experiments.relation import caption_scores
from infodecomp.integrate import uniform
from infodecomp.scenes.model import proposal
from infodecomp.scenes.net import NETWORK

sys.path.append(str(Path(__file__).parent / "benchmarks"))
import bench
import gpu
import gpu_models
import kinds
import overhead
import samples
import weighting

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


# parameters as published: 0.866, 2.57 and 2.03 billion
SIZES = {"sd21": (865_910_724, 0.804), "sdxl": (2_567_463_684, 6.761), "sd3": (2_028_328_000, 8.904)}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_and_operations_of_the_networks(name):
    parameters, operations = gpu_models.counted(name)
    assert parameters == SIZES[name][0]
    assert operations / 1e12 == pytest.approx(SIZES[name][1], abs=5e-4)


def test_the_graphics_card_is_planned_to_be_needed_for_a_quarter_of_an_hour_at_most():
    """All networks that are not compiled, and the first one compiled; the others are begun if time is left."""
    plan = {(name, *network): gpu.seconds_planned(name, *network) for network in gpu.NETWORKS for name in SIZES}
    assert sum(seconds for (name, _, compiled), seconds in plan.items() if not compiled or name == "sd21") < 14 * 60


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:__array__:DeprecationWarning")  # of diffusers about itself
@pytest.mark.parametrize("name", SIZES)
def test_the_script_for_graphics_cards_in_small(name, tmp_path):
    """On the CPU, with a record that keeps another model's rows."""
    out = tmp_path / "record.json"
    kept = {"device": "CPU", "torch": torch.__version__, "small": True, "models": {"other": {"networks": {}}}}
    out.write_text(json.dumps(kept))
    networks = gpu.NETWORKS[name != "sd3" : 2]
    _, wrong = gpu.main([name], True, out, networks=networks)
    found = json.loads(out.read_text())["models"]
    assert not wrong and set(found) == {"other", name} and not found[name]["left_out"]
    assert set(found[name]["networks"]) == {gpu.named(*network) for network in networks}
    for row in found[name]["networks"].values():
        assert all(speed > 0 for speed in row["bare_per_second"].values())
        assert (row["deviation"] or 0) < 0.05 and ("samples" not in row or row["one word"]["evaluations"] == 8)
    assert name != "sd3" or 0 < found[name]["networks"]["bfloat16"]["deviation"]


def test_what_would_end_too_late_is_left_out_and_recorded(tmp_path):
    record, wrong = gpu.main(["sd21"], False, tmp_path / "record.json", minutes=0)
    assert not wrong and len(record["models"]["sd21"]["left_out"]) == len(gpu.NETWORKS)
    assert json.loads((tmp_path / "record.json").read_text()) == record


def test_a_network_that_fails_leaves_the_others_alone(monkeypatch):
    def fails(name, dtype, *_):
        if dtype == torch.float32:
            raise torch.OutOfMemoryError("no memory")
        return {"deviation": 0.0, "seconds": 1.0}, torch.zeros(1)

    monkeypatch.setattr(gpu, "measured", fails)
    record, wrong = gpu.main(["sd21"], True, None)
    assert wrong == [("sd21", "float32")] and "no memory" in record["models"]["sd21"]["left_out"]["float32"]
    assert len(record["models"]["sd21"]["networks"]) == 3


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


def test_timesteps_are_those_of_the_published_programs():
    timesteps = torch.arange(1000)
    assert weighting.diffusion_classifier(timesteps, 10).tolist() == list(range(50, 1000, 100))
    assert weighting.diffusion_itm(timesteps, 10).tolist() == list(range(10, 990, 100))
    for count in (2, 4, 8, 16, 32):
        assert len(weighting.diffusion_classifier(timesteps, count)) == len(weighting.diffusion_itm(timesteps, count))
    assert (weighting.PUBLISHED < -1).double().mean().item() == pytest.approx(0.5, abs=0.02)  # chapter 17 says so
    below = [
        (place.place(torch.rand(1, 5000, 2))[0] < -1).double().mean().item()
        for place, _ in weighting.passes(weighting.PUBLISHED, 2)[:1]
    ]
    assert below == pytest.approx([0.25], abs=0.02)


def choices(case, count):
    """The exact denoiser, pictures and both captions of a case."""
    model, (scenes, *captions) = idc.load("scenes"), weighting.pairs_of(case, count)
    return model, model.encode([idc.scenes.render(scene) for scene in scenes]), captions


def test_nats_are_the_log_ratio_at_the_ends_of_the_range():
    """d/dα of the mean log ratio of a noisy picture is the integrand: the exact densities of both ends know its sum."""
    model, x, captions = choices(weighting.WRONG, 6)
    (place, scores), repeats = weighting.passes(weighting.WORLD, 32)[0], 16
    own = {name: score for name, score in scores.items() if name.startswith("iˢ")}
    (found,) = weighting.differences(model, x, captions, place, own, 32, repeats).values()
    generator, noisy, ends = torch.Generator().manual_seed(0), copy.copy(model), []
    for logsnr in place.range:
        noisy.jitter = (model.jitter**2 + math.exp(-logsnr)) ** 0.5
        noise = torch.randn(100, *x.shape, generator=generator) * math.exp(-logsnr / 2)
        ends.append(
            torch.stack(
                [noisy.log_prob(x + each, captions[0]) - noisy.log_prob(x + each, captions[1]) for each in noise]
            )
        )
    truth = ends[1].mean(0) - ends[0].mean(0)
    error = (found.var(1) / repeats + (ends[1].var(0) + ends[0].var(0)) / 100).sqrt()
    assert truth.min() > 5 and bool(((found.mean(1) - truth).abs() < 4.5 * error).all())


def test_diffusion_classifier_s_number_is_the_integral_over_even_timesteps():
    """All 1,000 timesteps, against log-SNRs drawn evenly and weighted."""
    model, x, captions = choices(weighting.WITHOUT, 2)
    (found,) = weighting.differences(
        model, x, captions, *weighting.passes(weighting.PUBLISHED, 1000)[2], 1000, repeats := 6
    ).values()
    watched = copy.copy(model)
    watched.schedule = weighting.PUBLISHED.numpy()
    place = uniform(weighting.PUBLISHED[-1].item(), weighting.PUBLISHED[0].item())
    draws = torch.stack(
        [caption_scores(watched, x, captions, samples=500, seed=seed, proposal=place)["uniform"] for seed in range(16)]
    )
    apart = draws[..., 0] - draws[..., 1]
    error = (found.var(1) / repeats + apart.var(0) / len(apart)).sqrt()
    assert bool(((found.mean(1) - apart.mean(0)).abs() < 4.5 * error).all())
    assert bool((found.mean(1) > 5 * error).all())


def test_weights_of_the_record():
    """Captions without their colour are worth ln 4 less. The record is what is measured again."""
    rows = {(r["denoiser"], r["case"], r["levels"], r["score"]): r for r in RECORD["weighting"]}
    for score in ("iˢ, infodecomp", "iˢ, the paper's draws", "iᵒ, the paper"):
        for mean, error in rows["exact", weighting.WITHOUT, "world", score]["mean"]:
            assert abs(mean - math.log(4)) < 4 * error or score.startswith("iᵒ")
    for row in rows.values():
        shares = [share for share, *_ in row["right"]]
        assert row["needed"] == weighting.needed(row["draws"], shares)
        assert all(low <= share <= high for share, low, high in row["right"])
    for case, levels in ((weighting.WITHOUT, weighting.WORLD), (weighting.WRONG, weighting.PUBLISHED)):
        again = weighting.rows_of(idc.load("scenes"), "exact", case, levels, [2, 4], 40, 8)
        for row in again:
            known = rows["exact", case, row["levels"], row["score"]]
            for name in ("right", "mean", "spread"):
                for one, other in zip(row[name], known[name][:2], strict=True):
                    assert one == pytest.approx(other, rel=1e-3)


def test_draws_that_are_enough():
    assert weighting.needed([2, 4, 8], [0.9, 0.96, 0.97]) == 4
    assert weighting.needed([2, 4, 8], [0.96, 0.9, 0.97]) == 8
    assert weighting.needed([2, 4, 8], [0.96, 0.97, 0.9]) is None


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
