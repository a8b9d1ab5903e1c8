import math
from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image

import infodecomp as idc
from infodecomp import scenes as sc
from infodecomp.captions import units
from infodecomp.integrate import uniform
from infodecomp.scenes import grammar, meaning
from infodecomp.scenes.model import JITTER, MEAN, SCALE

MODEL = idc.load("scenes")
SCENES, FRAGMENTS, CAPTIONS = sc.sample(12, seed=3)
X = MODEL.encode([sc.render(s) for s in SCENES])
TEXTS = [*FRAGMENTS[:8], "red", "left of", "by", "the red cat of the blue dog"]


def drop(caption, unit):
    words = caption.split()
    return " ".join(words[: unit[0]] + words[unit[1] :])


@cache
def brute_force():
    """The FiniteSet of all pictures: what the model must equal."""
    pictures = torch.cat(
        [MODEL.encode([sc.render(s) for s in sc.scenes()[i : i + 4096]]) for i in range(0, 28_672, 4096)]
    )
    return idc.exact.FiniteSet(pictures, grammar.log_prior().exp(), jitter=JITTER)


def test_the_space_is_centred_has_unit_variance_and_is_an_isometry():
    points = brute_force().points + brute_force().center
    prior = grammar.log_prior().exp()
    assert (prior @ points).abs().max() < 1e-5
    assert abs((prior @ points**2).mean() - 1) < 1e-5
    images = [sc.render(s) for s in SCENES]
    pixels = torch.tensor(np.array(images)).double().flatten(1) / 255 / SCALE
    assert torch.allclose(
        torch.cdist(X.double().flatten(1), X.double().flatten(1)), torch.cdist(pixels, pixels), atol=1e-3
    )
    assert all(np.array_equal(a, b) for a, b in zip(images, MODEL.decode(X), strict=True))
    assert MEAN.shape == (3, 32, 32) and X.shape == (12, 12, 16, 16)


@pytest.mark.parametrize("logsnr", [-14.0, -8.0, -5.0, -3.0, 0.0, 8.0])
@pytest.mark.parametrize("texts", [None, TEXTS], ids=["nothing", "texts"])
def test_it_equals_enumeration(logsnr, texts):
    noise = torch.randn(X.shape, generator=torch.Generator().manual_seed(1))
    z = idc.channel.add_noise(X, logsnr, noise).double()
    weights = None if texts is None else torch.stack([meaning.log_likelihoods(t)[0].exp() for t in texts])
    if texts is not None:
        z = z.flip(0)  # texts that do not belong to their pictures
    assert torch.allclose(MODEL(z, logsnr, texts), brute_force()(z, logsnr, weights), atol=3e-6)


def test_density_equals_enumeration():
    weights = torch.stack([meaning.log_likelihoods(t)[0].exp() for t in FRAGMENTS])
    assert torch.allclose(MODEL.log_prob(X, FRAGMENTS), brute_force().log_prob(X, weights), atol=1e-4)
    assert torch.allclose(MODEL.log_prob(X), brute_force().log_prob(X), atol=1e-4)
    ratios = (MODEL.log_prob(X, FRAGMENTS) - MODEL.log_prob(X)).tolist()
    counted = [sc.information(s, f) for s, f in zip(SCENES, FRAGMENTS, strict=True)]
    assert ratios == pytest.approx(counted, abs=1e-6)


@pytest.mark.parametrize("count", [24, pytest.param(64, marks=pytest.mark.slow)])  # 200,000 evaluations
def test_information_of_every_kind_of_word(count, accept):
    """iˢ of a word given the rest, over all kinds of words that tell something, against counting."""
    scenes, _, captions = sc.sample(count, seed=5)
    every = [[u for u in units(c, MODEL.phrases) if u[2] not in grammar.FUNCTION] for c in captions]
    chosen = [choice[i % len(choice)] for i, choice in enumerate(every)]
    rest = [drop(c, u) for c, u in zip(captions, chosen, strict=True)]
    truth = torch.tensor([sc.information(*row) for row in zip(scenes, captions, rest, strict=True)])
    kinds = {grammar.CLASS[u[2].split()[0]] for u in chosen}
    assert kinds == {"noun", "colour", "state", "adverb", "side", "vertical", "time", "light"}
    x, loud = MODEL.encode([sc.render(s) for s in scenes]), truth.abs() > 1e-9
    for rows in (loud, ~loud):
        texts = [[text for text, yes in zip(column, rows, strict=True) if yes] for column in (captions, rest)]
        both = idc.compare(MODEL, x[rows], texts, samples=1600)
        told, gap = both.information(0, 1, "standard"), both.information(0, 1, "standard") - both.information(0, 1)
        assert (told.tail.abs() < 0.01).all()
        if rows is loud:
            accept(told, truth[loud])
            assert abs(gap.mean()[0]) < 3.3 * gap.mean()[1]
        else:
            assert told.nats.abs().max() < 1e-9 and gap.nats.abs().max() < 1e-9


def test_nll(accept):
    noisy = X.double() + JITTER * torch.randn(X.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    rows = noisy.repeat(5, 1, 1, 1)
    accept(idc.nll(MODEL, rows, samples=200, proposal=uniform(-16, 20)), -MODEL.log_prob(rows))


def test_rows_do_not_depend_on_the_batch_or_on_how_the_condition_is_given():
    z, logsnr = X.double(), torch.linspace(-9, -1, 12)
    whole = MODEL(z, logsnr, TEXTS)
    each = torch.cat([MODEL(z[i : i + 1], logsnr[i : i + 1], TEXTS[i]) for i in range(12)])
    assert torch.allclose(whole, each, atol=1e-9)
    assert torch.equal(whole, MODEL(z, logsnr, MODEL.condition(TEXTS)))
    assert torch.equal(MODEL(z, logsnr, ""), MODEL(z, logsnr))
    one = MODEL.condition("red")
    assert torch.allclose(MODEL(z, logsnr, one), MODEL(z, logsnr, ["red"] * 12), atol=1e-12)
    assert MODEL(X, logsnr).dtype == torch.float32


def test_conditions_of_a_pass_score_a_picture_once(monkeypatch):
    model, scored = sc.ExactScenes(), []
    score = model._score
    monkeypatch.setattr(model, "_score", lambda *args: scored.append(1) or score(*args))
    z, logsnr = torch.randn(3, 12, 16, 16, dtype=torch.float64), torch.tensor([-6.0, -3.0, 0.0])
    alone = [model(z, logsnr, text) for text in (None, "red", CAPTIONS[0])]
    assert len(scored) == 3 * 2
    model.expect([None, "red", CAPTIONS[0]])
    for text, eps_hat in zip((None, "red", CAPTIONS[0]), alone, strict=True):
        assert torch.equal(model(z, logsnr, text), eps_hat)
    assert len(scored) == 4 * 2
    z += 1  # in place: it is another picture now, and so is the same one at another log-SNR
    for about in ((z, logsnr), (z, logsnr + 1)):
        assert torch.equal(model(*about, "red"), MODEL(*about, "red"))
    model.expect([None])
    assert model._last is None


def test_generated_pictures_obey_their_captions():
    wanted = [*CAPTIONS, "two", "red"]
    pictures = MODEL.encode(MODEL.generate(wanted, seed=1))
    found = torch.cdist(pictures.double().flatten(1), brute_force().points + brute_force().center).argmin(1).tolist()
    for text, i in zip(wanted, found, strict=True):
        assert sc.log_prob(sc.scenes()[i], text) > -math.inf, text
    again = MODEL.encode(MODEL.generate(wanted[1], seed=1))
    assert not torch.equal(again[0], pictures[1]) and torch.equal(
        again, MODEL.encode(MODEL.generate(wanted[1], seed=1))
    )


def test_inversion_returns():
    noise = MODEL.invert(X[:3], CAPTIONS[:3], steps=60)
    back = idc.flow.from_noise(MODEL, noise, CAPTIONS[:3], steps=60)
    assert (back - X[:3]).abs().max() < 1e-3


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: MODEL.encode(Image.new("RGB", (64, 64))), "images must be PIL images of 32 × 32"),
        (lambda: MODEL.encode([X]), "images must be PIL images"),
        (lambda: MODEL(X, -5.0, "the red"), "nearest to 'the red' is"),
        (lambda: MODEL(X, -5.0, torch.ones(1, 3)), "condition must be texts"),
        (lambda: MODEL(X, -5.0, ["red"] * 5), "condition must be texts"),
        (lambda: MODEL(X[:, :3], -5.0), "z must be a float tensor"),
        (lambda: MODEL.generate(7), "captions must be"),
        (lambda: idc.load("no-such-model"), "name_or_path must be"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message) as refused:
        call()
    assert "\n" not in str(refused.value)


def test_a_word_has_the_proposal_of_its_kind():
    """The same range and number as the model's own, where words of the kind say something, and less variance."""
    scene = sc.Scene(0, 1, 1, sc.Thing("owl", "sitting", "purple"), sc.Thing("fish", "two", "red"))
    x = MODEL.encode(sc.render(scene)).expand(60, 12, 16, 16)
    for word in ("night", "far"):
        own, kind = (
            idc.pointwise_information(MODEL, x, word, kind="standard", samples=40, proposal=p)
            for p in (MODEL.proposal, MODEL.word_proposal(word))
        )
        (mean, error), variance = kind.mean(), [e.variance.mean() for e in (own, kind)]
        assert abs(mean - sc.information(scene, word)) < 4 * error and kind.range == own.range
        ratio, parts = variance[1] / variance[0], [e.variance.std() / e.variance.mean() for e in (own, kind)]
        assert ratio + 3 * ratio * torch.stack(parts).norm() / 60**0.5 < 1
    middle = [MODEL.word_proposal(word).ppf(torch.tensor(0.5)).item() for word in ("purple", "owl", "left of", "night")]
    assert middle == sorted(middle, reverse=True)


def test_a_text_of_several_kinds_has_their_mean():
    both, first, second = (MODEL.word_proposal(text) for text in ("the Purple owl", "purple", "owl"))
    assert torch.allclose(both.masses, (first.masses + second.masses) / 2)
    for text in ("the", "", "tree"):
        with pytest.raises(ValueError, match="carries information"):
            MODEL.word_proposal(text)
    net = idc.load("scenes-net")
    assert net.word_proposal("night").range == net.proposal.range
