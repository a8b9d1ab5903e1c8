import hashlib
import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file

import infodecomp as idc
from infodecomp import scenes as sc
from infodecomp.scenes import report
from infodecomp.scenes.edits import swaps
from infodecomp.scenes.excess import BANDS, best
from infodecomp.scenes.net import NETWORK
from infodecomp.scenes.parts import HIGH, LOW, make_tokenizer, timestep, tokens
from infodecomp.scenes.train import CURRICULUM, FALL, draw_logsnr, rate

RECORD = json.loads((NETWORK / "record.json").read_text())
MODEL, EXACT = idc.load("scenes-net"), idc.load("scenes")
SCENES, _, CAPTIONS = sc.sample(8, seed=11)
X = MODEL.encode([sc.render(s) for s in SCENES])


# ------------------------------------------------------------------------- the weights are those the record speaks of


def test_the_weights_are_those_of_the_record():
    for name, digest in RECORD["sha256"].items():
        assert hashlib.sha256((NETWORK / name).read_bytes()).hexdigest() == digest
    assert len(RECORD["sha256"]) == 3
    assert sum(f.stat().st_size for f in NETWORK.rglob("*") if f.is_file()) < 10e6
    assert (NETWORK / "README.md").read_text() == report.card(RECORD)


@pytest.mark.slow  # several thousand evaluations of the network, two minutes
@pytest.mark.filterwarnings("ignore:nats lie outside")  # the range is the network's
@pytest.mark.parametrize("kind", ["colour", "relation"])
def test_the_records_words_are_what_the_command_measures(kind):
    """Noise is keyed by row, so that the first rows alone give the numbers of the whole table again."""
    line = RECORD["words"][kind]
    every = report.rows_of(kind, line["count"])
    rows = every[:4]
    x = MODEL.encode([sc.render(row[0]) for row in rows])
    options = {"samples": RECORD["settings"]["samples"]}
    own = idc.pointwise_information(MODEL, x, [r[1] for r in rows], [r[2] for r in rows], kind="standard", **options)
    each = [sc.alternatives(row[1], row[3]) for row in rows]
    against = idc.posterior(MODEL, x, idc.Alternatives.stack(each), **options).information
    chosen = [a.conditions.index(row[1]) for a, row in zip(each, rows, strict=True)]
    assert own.nats.tolist() == pytest.approx(line["own_each"][:4], abs=0.02)
    assert against[range(4), chosen].tolist() == pytest.approx(line["alternatives_each"][:4], abs=0.02)
    assert line["own"][0] == pytest.approx(sum(line["own_each"]) / line["count"], abs=1e-3)
    truth = [sc.information(*row[:3]) for row in every]
    assert line["truth"][0] == pytest.approx(sum(truth) / line["count"], abs=1e-3)


def test_the_records_excess_error_is_measured_again():
    found = report.measure_excess(MODEL, EXACT, 32)
    for given, bands in found.items():
        for (nats, error), (stored, spread) in zip(bands, RECORD["excess"][given], strict=True):
            assert abs(nats - stored) < 4.5 * math.hypot(error, spread) + 0.01, given


def test_no_word_exceeds_its_bound_against_alternatives():
    for kind, line in RECORD["words"].items():
        assert line["alternatives"][0] <= line["bound"] + 1e-3, kind


# ------------------------------------------------------------------------------------------------------- the network


def test_the_network_denoises_like_the_exact_one_but_less_well():
    noise = torch.randn(X.shape, generator=torch.Generator().manual_seed(0))
    for alpha in (-9.0, -5.0):
        z, logsnr = idc.channel.add_noise(X, alpha, noise), torch.full((8,), alpha)
        near, exact = MODEL(z, logsnr, CAPTIONS), EXACT(z, logsnr, CAPTIONS)
        untold = EXACT(z, logsnr)
        assert 0 < (near - exact).square().sum() < 0.7 * (untold - exact).square().sum()


def test_it_reads_the_side():
    """Twelve pictures, the relation against its opposite by i^s: all right, where a guess would be six."""
    drawn = [s for s in sc.sample(200, seed=5)[0] if s.axis == 0][:12]
    x = MODEL.encode([sc.render(s) for s in drawn])
    texts = [sc.captions(s)[0] for s in drawn]
    turned = [t.replace("left of", "right of") for t in texts]
    assert all("left of" in text for text in texts)
    worth = idc.pointwise_information(MODEL, x, texts, turned, kind="standard", samples=20, proposal=MODEL.proposal)
    assert (worth.nats > 0).all()


def test_conditions_in_every_form():
    logsnr = torch.linspace(-9, -3, 8)
    encoded = MODEL.condition(CAPTIONS)
    assert torch.equal(MODEL(X, logsnr, CAPTIONS), MODEL(X, logsnr, encoded))
    one = MODEL(X, logsnr, MODEL.condition("the red cat above the blue dog"))
    assert torch.allclose(one, MODEL(X, logsnr, ["the red cat above the blue dog"] * 8), atol=1e-5)
    assert torch.equal(MODEL(X, logsnr, ""), MODEL(X, logsnr))
    nonsense = MODEL(X, logsnr, "dog the of blue sleeping under")  # known words, no grammar
    assert nonsense.shape == X.shape
    half = idc.load("scenes-net", dtype=torch.bfloat16)
    assert half(X, logsnr, CAPTIONS).dtype == X.dtype
    relative = (half(X, logsnr, CAPTIONS) - MODEL(X, logsnr, CAPTIONS)).norm() / X.norm()
    assert relative < 0.05


def test_half_precision_moves_an_estimate_less_than_its_error():
    """Measured with 20 samples: bfloat16 moves i^o by −0.6 to −0.2 % and up to 0.04 of its standard error."""
    half, options = idc.load("scenes-net", dtype=torch.bfloat16), {"samples": 20}
    for kind in ("orthogonal", "standard"):
        one, other = (idc.pointwise_information(m, X[:4], CAPTIONS[:4], kind=kind, **options) for m in (MODEL, half))
        assert torch.equal(one.profile.logsnr, other.profile.logsnr) and other.nats.dtype == torch.float64
        moved = (other.nats - one.nats).abs()
        assert (moved < 0.1 * one.stderr).all() and (moved < 0.015 * one.nats).all() and (moved > 0).all()
    encoded = MODEL.condition(CAPTIONS)  # encoded by another precision
    assert torch.allclose(half(X, torch.full((8,), -5.0), encoded), half(X, torch.full((8,), -5.0), CAPTIONS), atol=0.1)


def test_its_range_is_that_of_its_schedule():
    low, high = MODEL.logsnr_range
    assert (low, high) == pytest.approx((LOW, HIGH), abs=1e-4)
    with pytest.raises(ValueError, match="the denoiser is valid on log-SNRs"):
        idc.nll(MODEL, X, proposal=idc.integrate.uniform(-13, 2))
    with pytest.raises(ValueError, match="logsnr must lie in .*, got 1 to 9"):
        MODEL(X[:2], torch.tensor([1.0, 9.0]))
    assert torch.equal(MODEL.timesteps(torch.tensor([LOW, HIGH])), torch.tensor([999.0, 0.0]))
    seen = []
    hook = MODEL.unet.register_forward_pre_hook(lambda _, args: seen.append(args[1]))
    MODEL(X[:3], torch.tensor([HIGH, -5.3, LOW]), "")
    hook.remove()
    assert seen[0].tolist() == pytest.approx([0, timestep(torch.tensor(-5.3)).item(), 999], abs=0.05)


def test_a_words_tokens():
    tokenizer = make_tokenizer()
    assert all(len(tokenizer(word)["input_ids"]) == 3 for word in sc.grammar.CLASS)
    assert torch.equal(tokens(tokenizer, CAPTIONS), tokens(MODEL.tokenizer, CAPTIONS))


def test_a_folder_elsewhere(tmp_path):
    (tmp_path / "net").symlink_to(NETWORK)
    other = idc.load(str(tmp_path / "net"))
    assert torch.equal(other(X, torch.full((8,), -5.0), CAPTIONS), MODEL(X, torch.full((8,), -5.0), CAPTIONS))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: MODEL(X, torch.full((8,), -5.0), "a red cat"), "a caption must be at most 22 words"),
        (lambda: MODEL.condition("red " * 30), "a caption must be at most 22 words"),
        (lambda: idc.load("/nowhere"), "name_or_path must be"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message) as refused:
        call()
    assert "\n" not in str(refused.value)


# -------------------------------------------------------------------------------------------------------- the recipe


def test_swaps_change_one_thing():
    assert swaps("the sleeping red cat far left of the two blue sheep by night") == [
        "the sleeping red cat far right of the two blue sheep by night",
        "the sleeping blue cat far left of the two red sheep by night",
        "the two red sheep far left of the sleeping blue cat by night",
    ]


def test_the_exact_target_is_the_posterior_mean():
    z = idc.channel.add_noise(X, -4.0, torch.randn(X.shape, generator=torch.Generator().manual_seed(1)))
    logsnr = torch.full((8,), -4.0)
    guess = best(EXACT, z, logsnr, CAPTIONS)
    eps = (z - torch.sigmoid(logsnr[0]).sqrt() * guess) / torch.sigmoid(-logsnr[0]).sqrt()
    assert torch.allclose(eps, EXACT(z, logsnr, CAPTIONS), atol=1e-5)


def test_schedules():
    """Each stage draws where it says, and the share of its batches; the rate warms up, stays and falls to nothing."""
    assert CURRICULUM[0][1][0] == LOW == BANDS[0] and CURRICULUM[-1][0] == math.inf and BANDS[-1] == HIGH
    begin = 0
    for end, (low, high), share, power in CURRICULUM:
        last = int(min(end, 10_000)) - 1
        for step in (begin, last):
            each = [draw_logsnr(torch.Generator().manual_seed(k), step) for k in range(40)]
            assert {weight for _, weight in each} == {power}
            drawn = torch.cat([logsnr for logsnr, _ in each]).double()
            assert LOW <= drawn.min() and drawn.max() <= HIGH
            inner = share + (1 - share) * (high - low) / (HIGH - LOW)
            assert ((low <= drawn) & (drawn <= high)).double().mean() == pytest.approx(inner, abs=0.01)
            middle = share * (low + high) / 2 + (1 - share) * (LOW + HIGH) / 2
            assert drawn.mean() == pytest.approx(middle, abs=0.05)
        begin = last + 1
    steps = 10_000
    assert rate(0, steps, 1.0) < 0.01 and rate(int((1 - FALL) * steps), steps, 1.0) == 1
    assert rate(steps - 1, steps, 1.0) == pytest.approx(1 / (FALL * steps))


def test_training_runs_resumes_and_ends_in_a_folder_that_loads(tmp_path, monkeypatch, capsys):
    """Four steps in one go, and three and one, with a checkpoint every two: the same weights; the folder is a model."""
    from infodecomp.scenes import contrast, train

    monkeypatch.setattr(train, "HELD", 8)
    monkeypatch.setattr(train, "encode_all", lambda model: X.new_zeros(28_672, 12, 16, 16))
    monkeypatch.setattr(contrast, "sample", lambda count, seed: sc.sample(8 * train.BATCH, seed))  # as many as are used
    results = []
    monkeypatch.setattr(train, "SNAPSHOTS", (3,))
    for name, stops in (("whole", [4]), ("parts", [3, 4])):
        for steps in stops:
            arguments = ["train", "--work", str(tmp_path / name), "--steps", "4", "--clip-steps", "1", "--every", "2"]
            monkeypatch.setattr("sys.argv", [*arguments, "--device", "cpu", "--stop", str(steps)])
            train.main()
            assert json.loads((tmp_path / name / "scenes-net" / "training.json").read_text())["steps"] == steps
        assert (tmp_path / name / "average-00003.safetensors").exists()
        results.append(idc.load(tmp_path / name / "scenes-net")(X, torch.full((8,), -5.0), CAPTIONS))
    assert torch.allclose(*results, atol=1e-5)
    log = [json.loads(line) for line in (tmp_path / "parts" / "scenes-net" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [2, 3, 4] and len(log[0]["caption"]) == len(BANDS) - 1

    # A finished network is trained on: its steps count as done, its log and its command go on.
    before, after = tmp_path / "parts" / "scenes-net", tmp_path / "on" / "scenes-net"
    file = before / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)  # four steps of warm-up are nothing: it must be told from one that begins anew
    save_file(weights | {"conv_out.weight": 3 * weights["conv_out.weight"]}, file)
    begun = idc.load(before)(X, torch.full((8,), -5.0), CAPTIONS)
    arguments = ["train", "--work", str(tmp_path / "on"), "--steps", "5", "--every", "2", "--device", "cpu"]
    monkeypatch.setattr("sys.argv", [*arguments, "--init", str(before)])
    train.main()
    about = json.loads((after / "training.json").read_text())
    assert about["steps"] == 5 and about["before"] == json.loads((before / "training.json").read_text())
    assert [json.loads(line)["step"] for line in (after / "log.jsonl").read_text().splitlines()] == [2, 3, 4, 5]
    assert (after / "clip" / "model.safetensors").exists()
    moved = idc.load(after)(X, torch.full((8,), -5.0), CAPTIONS) - begun
    assert 0 < moved.abs().max() < 0.1 * (begun - results[1]).abs().max()
