"""Bars that change no number and are silent where nobody looks; and what a pass that was stopped is worth."""

import json
import math
import sys
import types
import warnings

import numpy as np
import pytest
import torch

import infodecomp as idc
from infodecomp import flow, progress
from infodecomp.attention import attention_maps
from infodecomp.experiments import runner
from infodecomp.models.examine import examine
from infodecomp.progress import bar, blocks, in_sight, turns, unattended

SCENES = idc.load("scenes")
SCENE = idc.scenes.scenes()[12345]
CAPTION = idc.scenes.captions(SCENE)[-1]
PICTURE = idc.scenes.render(SCENE)
MIXTURE = idc.exact.GaussianMixture(torch.ones(3), torch.tensor([[0.0] * 4, [2.0] * 4, [-3.0] * 4]), torch.ones(3) / 5)
X = torch.randn(5, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
ONE = torch.tensor([[True, False, False]])
OPTIONS = {"samples": 40, "batch_size": 4}  # ten calls for one image


# ---------------------------------------------------------------------------------------------------------------- bars


def net():
    return idc.load("scenes-net")


SHOWN = {
    "nll": (lambda **p: idc.nll(MIXTURE, X, ONE, **OPTIONS, **p).nats, 200),
    "information": (lambda **p: idc.pointwise_information(MIXTURE, X, ONE, **OPTIONS, **p).nats, 400),
    "fitted": (lambda **p: idc.nll(MIXTURE, X, proposal="fit", **OPTIONS, **p).nats, 200),
    "compare": (lambda **p: idc.compare(MIXTURE, X, [ONE, None], **OPTIONS, **p).nll(0).nats, 400),
    "posterior": (
        lambda **p: idc.posterior(MIXTURE, X, idc.Alternatives([ONE, None]), **OPTIONS, **p).log_prob,
        400,
    ),
    "against": (
        lambda **p: (
            idc.pointwise_information(MIXTURE, X, ONE, idc.Alternatives([ONE, None], steps=5), samples=40, **p).nats
        ),
        400,
    ),
    "word_maps": (lambda **p: idc.word_maps(SCENES, PICTURE, CAPTION, [1], samples=8, **p).mi[0].map, 32),
    "attention_maps": (lambda **p: attention_maps(net(), torch.zeros(1, 12, 16, 16), "red", samples=4, **p), 4),
    "generate": (lambda **p: torch.tensor(np.array(SCENES.generate("red", steps=3, **p)[0])), 6),
    "invert": (lambda **p: SCENES.invert(SCENES.encode(PICTURE), "red", steps=3, **p), 6),
    "matched_gap": (lambda **p: idc.matched_gap(MIXTURE, X, ONE, **OPTIONS, **p).nats, 400),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_bar_shows_rows_of_all_and_changes_no_number(name, capsys):
    ask, rows = SHOWN[name]
    usual = ask()
    assert capsys.readouterr().err == ""  # no terminal
    shown, drawn = ask(progress=True), capsys.readouterr().err
    hidden = ask(progress=False)
    assert torch.equal(usual, shown) and torch.equal(usual, hidden) and capsys.readouterr().err == ""
    assert f"/{rows} [" in drawn and "row/s" in drawn and "<" in drawn


def test_examine_shows_a_bar(capsys):
    from test_loading import stable_diffusion

    model = idc.load(stable_diffusion(), check=False)
    with pytest.raises(ValueError, match="the scheduler declares"):  # its weights are random
        examine(model, [PICTURE], progress=True)
    assert "row/s" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nll", "against", "generate", "attention_maps"])
def test_a_bar_comes_by_itself_where_somebody_looks_and_it_lasts(name, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress, "SECONDS", -1.0)
    SHOWN[name][0]()
    assert "row/s" in capsys.readouterr().err
    SHOWN[name][0](progress=False)
    with unattended():
        SHOWN[name][0]()
    monkeypatch.setattr(progress, "SECONDS", 3600.0)
    SHOWN[name][0]()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("open_", [True, False])
def test_a_notebook_that_is_open_and_one_that_a_build_executes(open_, monkeypatch):
    kernel = types.SimpleNamespace(_allow_stdin=open_)
    shell = types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace(kernel=kernel))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    assert progress.watched() == open_
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert progress.watched() == open_


def test_a_bar_says_rate_and_time_left_of_the_whole(monkeypatch, capsys):
    """It appears late, and counts from the beginning."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress, "watched", lambda: True)
    with bar(1000) as step:
        for _ in range(2):
            now[0] += 1.0
            step(100)  # 4 s remain after the first ten per cent: 9 s
    assert "100/1000" in capsys.readouterr().err
    now[0] = 0.0
    with bar(1000) as step:
        now[0] += 0.3
        step(100)  # 2.7 s remain
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("value", ["x", 1, 0.5, [], math.nan])
def test_other_values_are_refused(value):
    for call in (
        lambda: in_sight([], 1, value),
        lambda: idc.nll(MIXTURE, X, progress=value),
        lambda: SCENES.generate("red", progress=value),
        lambda: flow.to_noise(MIXTURE, X, range=(-1.0, 1.0), progress=value),
    ):
        with pytest.raises(ValueError, match=r"^progress must be None, True or False, got"):
            call()


# --------------------------------------------------------------------------------------------------------------- order


@pytest.mark.parametrize(
    "samples, rows, unit", [(100, 16, 2), (400, 85, 2), (96, 7, 2), (94, 16, 2), (80, 9, 4), (5, 2, 2)]
)
@pytest.mark.parametrize("count", [1, 3])
def test_blocks_hold_each_draw_once_and_turns_are_stratified(samples, rows, unit, count):
    seen, calls = {}, list(blocks(count, samples, rows, unit))
    size = max(1, rows // unit)
    for images, draws, measured in calls:
        assert (np.diff(draws) > 0).all() and len(draws) <= size * unit
        for image in range(images.start, images.stop):
            seen.setdefault(image, []).extend(draws.tolist())
            if len(measured):
                assert measured.tolist() == sorted(seen[image])
                several = turns(-(-samples // unit), size) if samples % unit == 0 else 1
                of_each = np.bincount(measured[::unit] // unit // several)  # of as many neighbours
                assert len(of_each) * several >= samples // unit and len(set(of_each)) == 1
    assert all(sorted(draws) == list(range(samples)) for draws in seen.values()) and len(seen) == count


def test_each_stratum_is_as_likely_in_a_turn_as_any_other():
    """50 strata in 5 turns, over 1,000 images: a fifth of these measure a stratum first, each five by themselves."""
    first = np.zeros((1000, 50))
    for key in range(1000):
        measured = next(m for _, _, m in blocks(1, 100, 16, 2, [(0, key)]) if len(m))
        first[key, measured[::2] // 2] = 1
    error = math.sqrt(0.2 * 0.8 / 1000)
    assert np.abs(first.mean(0) - 0.2).max() < 4 * error
    apart = np.corrcoef(first.T)[np.arange(50) // 5 != (np.arange(50) // 5)[:, None]]
    assert np.abs(apart).max() < 5 / math.sqrt(1000)


def test_few_images_at_once_stay_whole():
    assert [(b[0], b[1].tolist()) for b in blocks(5, 4, 8)] == [
        (slice(a, b), [0, 1, 2, 3]) for a, b in ((0, 2), (2, 4), (4, 5))
    ]
    assert turns(50, 8) == 5 and turns(50, 32) == 1 and turns(47, 8) == 1


def test_the_order_is_of_no_consequence():
    """As many turns as there can be, or one call for all: the same numbers."""
    whole = idc.pointwise_information(MIXTURE, X, ONE, samples=80)
    for size in (2, 4, 6, 20):
        parts = idc.pointwise_information(MIXTURE, X, ONE, samples=80, batch_size=size)
        for name in ("nats", "stderr", "map", "map_stderr"):
            assert torch.allclose(getattr(whole, name), getattr(parts, name), rtol=1e-9)
        assert torch.equal(whole.profile.logsnr, parts.profile.logsnr)


# ------------------------------------------------------------------------------------------------------------- stopped


class Stops:
    """A denoiser at whose k-th call somebody presses Ctrl-C."""

    def __init__(self, denoiser, calls):
        self.denoiser, self.left, self.proposal = denoiser, calls, denoiser.proposal
        self.rows = 0

    def __getattr__(self, name):
        return getattr(self.denoiser, name)

    def __call__(self, z, logsnr, condition):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        self.rows += len(z)
        return self.denoiser(z, logsnr, condition)


def test_images_that_are_complete_are_those_of_the_whole():
    whole = idc.pointwise_information(MIXTURE, X, ONE, **OPTIONS)
    for calls, count in ((20, 1), (39, 1), (40, 2), (67, 3), (99, 4)):
        with pytest.warns(UserWarning, match=f"stopped: the estimate is of {count} of 5 images"):
            part = idc.pointwise_information(Stops(MIXTURE, calls), X, ONE, **OPTIONS)
        assert len(part.nats) == len(part.of) == count and part.samples == 40 and len(part.profile.weight) == count
        assert torch.equal((part - whole[:count]).nats, torch.zeros(count, dtype=torch.float64))
        for name in ("nats", "stderr", "map", "map_stderr"):
            assert torch.allclose(getattr(part, name), getattr(whole[:count], name), rtol=1e-9), name


@pytest.mark.parametrize("noise", ["plain", "balanced"])
def test_a_single_image_gives_the_turns_that_are_complete(noise):
    """20 strata (10 with balanced noise) in 5 turns: the part has its own draws, its identities, no error per pixel."""
    whole = idc.nll(MIXTURE, X[:1], noise=noise, **OPTIONS)
    units = {"plain": 2, "balanced": 4}[noise]
    for calls in (2, 3, 5, 8, 9):
        denoiser = Stops(MIXTURE, calls)
        with pytest.warns(UserWarning, match=r"stopped: the estimate is of \d+ of 40 samples"):
            part = idc.nll(denoiser, X[:1], noise=noise, **OPTIONS)
        assert part.samples == calls // 2 * 8 <= denoiser.rows and part.map_stderr is None
        logsnr, integrand, weight = part.profile
        constant = 2 * math.log(2 * math.pi * math.e)
        assert torch.allclose((integrand * weight).mean(1) + constant, part.nats, rtol=1e-12)
        assert torch.allclose(part.map.sum(1), part.nats, rtol=1e-12) and 0 < part.stderr < math.inf
        assert logsnr.shape == (1, part.samples // units)
        means = (whole.profile.integrand * whole.profile.weight).unflatten(1, (-1, units)).mean(2)[0].tolist()
        assert all(min(abs(v - m) for m in means) < 1e-9 for v in (integrand * weight)[0].tolist())
    assert "of 40" not in repr(part) and f"{part.samples} samples" in repr(part)


@pytest.mark.parametrize("calls", [2, 4, 8])
def test_a_part_is_unbiased_and_its_error_holds_it(calls):
    """400 passes over one image each, stopped after 1, 2 and 4 of 5 turns: as good as passes of as many samples."""
    x = torch.tensor([[0.3, -1.0, 2.0, 0.5]], dtype=torch.float64)
    truth, found, errors = -MIXTURE.log_prob(x, ONE).item(), [], []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "stopped")
        for seed in range(400):
            part = idc.nll(Stops(MIXTURE, calls), x, ONE, seed=seed, samples=100, batch_size=10)
            assert part.samples == 10 * calls
            found.append(part.nats.item() - truth)
            errors.append(part.stderr.item())
    found, errors = np.array(found), np.array(errors)
    assert abs(found.mean()) < 3.3 * found.std() / math.sqrt(len(found))
    assert (np.abs(found) < 2 * errors).mean() > 0.92


def test_what_is_worth_nothing_is_raised():
    for calls in (0, 1):
        with pytest.raises(KeyboardInterrupt):
            idc.nll(Stops(MIXTURE, calls), X[:1], **OPTIONS)
    for options in ({"proposal": "fit"}, {"tolerance": 0.1}):
        with pytest.raises(KeyboardInterrupt):  # pilots are no estimates
            idc.nll(Stops(MIXTURE, 3), X[:1], **OPTIONS, **options)
    with unattended(), pytest.raises(KeyboardInterrupt):
        idc.nll(Stops(MIXTURE, 45), X, **OPTIONS)
    with pytest.raises(KeyboardInterrupt):  # paths walk together
        idc.pointwise_information(Stops(MIXTURE, 7), X, ONE, idc.Alternatives([ONE, None], steps=5), samples=40)


def test_the_ends_of_the_range_of_a_part():
    """They are measured with the draws of each image: whole images have them, a part of one does not."""
    whole = idc.nll(MIXTURE, X, samples=60, batch_size=64)
    with pytest.warns(UserWarning, match="2 of 5 images"):
        part = idc.nll(Stops(MIXTURE, 2), X, samples=60, batch_size=64)
    assert torch.equal(part.nats, whole.nats[:2]) and torch.equal(part.tail, whole.tail[:2])
    for calls, done in ((2, 40), (3, 60)):  # of four: in the last one are the ends
        with pytest.warns(UserWarning, match=f"{done} of 60 samples"):
            part = idc.nll(Stops(MIXTURE, calls), X[:1], samples=60, batch_size=20)
        assert torch.equal(part.tail, part.profile.tail(*part.range)) and not torch.equal(part.tail, whole.tail[:1])
    assert torch.allclose(part.nats, whole.nats[:1]) and torch.allclose(part.map, whole.map[:1])


def test_comparisons_and_posteriors_of_a_part():
    other = idc.Alternatives([ONE, None], torch.tensor([[0.3, 0.7]] * 5))
    whole, conditions = idc.posterior(MIXTURE, X, other, **OPTIONS), [ONE, None]
    with pytest.warns(UserWarning, match="2 of 5 images"):
        part = idc.posterior(Stops(MIXTURE, 45), X, other, **OPTIONS)
    assert torch.allclose(part.log_prob, whole.log_prob[:2]) and part.information.shape == part.prior.shape == (2, 2)
    with pytest.warns(UserWarning, match="24 of 40 samples"):
        both = idc.compare(Stops(MIXTURE, 13), X[:1], conditions, **OPTIONS)
    gap = both.information(0, 1, "standard") - (both.nll(1) - both.nll(0))
    assert gap.nats.abs().max() < 1e-9 and gap.samples == 24
    with pytest.warns(UserWarning, match="2 of 5 images"):
        assert len(idc.matched_gap(Stops(MIXTURE, 45), X, ONE, **OPTIONS).nats) == 2


def test_words_of_a_part(tmp_path):
    words = {"words": ["blue", "fish"], "samples": 40, "batch_size": 8}
    with pytest.warns(UserWarning, match=r"16 of 40 samples"):
        part = idc.word_maps(Stops(SCENES, 6 * 2 + 3), PICTURE, CAPTION, **words)
    assert part.mi[0].samples == 16 and part.mi[0].map_stderr is None
    assert torch.allclose(part.cmi[1].map.sum((1, 2)), part.cmi[1].nats)
    part.save(tmp_path / "part")
    assert idc.HeatMaps(idc.load_maps(tmp_path / "part")).words == ["blue", "fish"]
    pictures, captions = [PICTURE] * 3, [CAPTION] * 3
    whole = idc.word_maps(SCENES, pictures, captions, [["blue", "fish"]] * 3, samples=40)
    with pytest.warns(UserWarning, match="1 of 3 images"):
        found = idc.word_maps(
            Stops(SCENES, 6 * 5 + 7), pictures, captions, [["blue", "fish"]] * 3, samples=40, batch_size=8
        )
    assert len(found) == 1 and torch.allclose(found[0].mi[0].nats, whole[0].mi[0].nats)
    with pytest.warns(UserWarning, match="stopped: nothing is known against the alternatives"):
        found = idc.word_maps(
            Stops(SCENES, 6), PICTURE, CAPTION, ["blue", "fish"], alternatives=idc.scenes.alternatives, samples=40
        )
    assert found.against is None and found.mi[0].samples == 40


@pytest.mark.parametrize("calls", [40, 43])
def test_pictures_that_are_complete_are_kept_whatever_comes_later(calls):
    """Pictures with equally many words are measured together: of 1, 2 and 1 words, the second comes last."""
    asked = [PICTURE] * 3, [CAPTION] * 3, [["blue"], ["blue", "fish"], ["blue"]]
    with pytest.warns(UserWarning, match=r"stopped: maps are of the pictures \[0, 2\], counted from 0"):
        with pytest.warns(UserWarning, match="stopped: of further pictures nothing is known"):
            found = idc.word_maps(Stops(SCENES, calls), *asked, samples=40, batch_size=8)
    assert [(len(maps.words), maps.mi[0].samples) for maps in found] == [(1, 40), (1, 40)]
    with unattended(), pytest.raises(KeyboardInterrupt):
        idc.word_maps(Stops(SCENES, calls), *asked, samples=40, batch_size=8)


def test_attention_of_a_part_is_none():
    model = Stops(net(), 3)
    with pytest.raises(KeyboardInterrupt):
        attention_maps(model, torch.zeros(2, 12, 16, 16), "red", samples=8, batch_size=2)


def test_a_run_ends_and_records_no_part(tmp_path):
    """Ctrl-C inside an item ends the run; started again, it goes on with that item."""
    items = [types.SimpleNamespace(id=str(k)) for k in range(3)]
    denoiser = Stops(MIXTURE, 25)

    def measure(item):
        return {"nats": idc.nll(denoiser, X[:2], seed=int(item.id), **OPTIONS).nats.tolist()}

    with pytest.raises(KeyboardInterrupt):
        runner.run(tmp_path / "out", {}, items, measure)
    records = [json.loads(line) for line in (tmp_path / "out" / "records-00000.jsonl").read_text().splitlines()]
    assert [record["id"] for record in records] == ["0"] and len(records[0]["nats"]) == 2
    denoiser.left = 1000
    runner.run(tmp_path / "out", {}, items, measure)
    assert len((tmp_path / "out" / "records-00000.jsonl").read_text().splitlines()) == 3
