from itertools import pairwise

import pytest
import torch
from scipy.stats import binom

import infodecomp as idc
from infodecomp import scenes as sc
from infodecomp.estimates.sampling import Sampling
from infodecomp.exact import GaussianMixture
from infodecomp.integrate import uniform
from infodecomp.prune import Race, classify, eliminate, rounds


def mixture(rows, components=8, spread=1.0, seed=3):
    """A Gaussian mixture, its components as alternatives, and draws from it."""
    generator = torch.Generator().manual_seed(seed)
    means = spread * torch.randn(components, 6, generator=generator, dtype=torch.float64)
    k = torch.randint(components, (rows,), generator=generator)
    x = means[k] + 0.5**0.5 * torch.randn(rows, 6, generator=generator, dtype=torch.float64)
    one_hot = [row[None] for row in torch.eye(components, dtype=torch.float64)]
    denoiser = GaussianMixture(torch.ones(components), means, torch.full((components,), 0.5))
    return denoiser, x, idc.Alternatives(one_hot)


def test_rounds_double():
    assert rounds(8, 64) == [8, 16, 32, 64] and rounds(8, 100) == [8, 16, 32, 64, 100] and rounds(8, 6) == [6]


def test_nothing_is_dropped_without_an_error():
    denoiser, x, others = mixture(60)
    found = classify(denoiser, x, others, error=0, samples=32)
    assert (found.samples == 32).all() and torch.equal(found.share, torch.ones(60).double())
    evidence = torch.stack([denoiser.log_prob(x, c) for c in others.conditions], 1)
    behind = evidence.amax(1, keepdim=True) - evidence
    truth = behind - behind.gather(1, found.best[:, None])
    z = (found.behind - truth) / found.stderr
    z = z[found.behind > 0]
    assert abs(z.mean()) < 0.3 and (z.abs() < 2).double().mean() > 0.9  # paired differences, errors that cover


def raced(denoiser, x, others, samples=64, seed=0):
    """Losses of all draws of all candidates, and the elimination on them."""
    cuts, log_prior = rounds(8, samples), others.prior.log().expand(len(x), -1)
    race = Race(denoiser, x, others.conditions, Sampling(samples, seed))
    every = log_prior > -torch.inf
    losses = torch.cat([race(every, start, stop) for start, stop in pairwise([0, *cuts])], 2)
    return lambda error: eliminate(lambda racing, start, stop: losses[..., start:stop], log_prior, cuts, error)


@pytest.mark.parametrize("spread", [0.3, 1.0])
def test_the_full_ranking_is_kept_as_often_as_promised(spread):
    denoiser, x, others = mixture(1500, spread=spread)
    pruned, shares, rows = raced(denoiser, x, others), [], torch.arange(1500)
    best = torch.stack([denoiser.log_prob(x, c) for c in others.conditions], 1).argmax(1)
    for error in (0.01, 0.05, 0.2):
        found, most = pruned(error), binom.ppf(0.999, 1500, error)
        assert (found.best != pruned(0).best).sum() <= most
        lost = (found.behind[rows, best] > 0) & (found.samples[rows, best] < 64)  # the truly best one
        assert lost.sum() <= most
        shares.append(found.share.mean())
    assert 1 > shares[0] > shares[1] > shares[2]


def test_equals_are_dropped_no_more_often_than_promised():
    """Halfway between two components, where neither is better: the worst case for each of them."""
    means = torch.tensor([[-1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    x = torch.tensor([[0.0, 0.4]], dtype=torch.float64).expand(4000, 2)
    others = idc.Alternatives([row[None] for row in torch.eye(2, dtype=torch.float64)])
    pruned = raced(GaussianMixture(torch.ones(2), means, torch.full((2,), 0.5)), x, others)
    for error in (0.05, 0.2):
        found = pruned(error)
        first = ((found.samples[:, 0] < 64) & (found.best == 1)).sum()  # both stop when one is dropped
        assert 0.1 * error * 4000 < first <= binom.ppf(0.999, 4000, error)


def test_the_race_that_is_run_is_the_one_that_is_replayed():
    denoiser, x, others = mixture(40)
    replayed = raced(denoiser, x, others, samples=32, seed=5)(0.1)
    found = classify(denoiser, x, others, error=0.1, samples=32, seed=5)
    assert torch.equal(found.best, replayed.best) and torch.equal(found.samples, replayed.samples)
    assert torch.allclose(found.behind, replayed.behind) and 0 < found.share.mean() < 1


def test_only_what_races_is_evaluated():
    denoiser, x, others = mixture(20)
    rows = 0

    def counting(z, logsnr, condition):
        nonlocal rows
        rows += len(z)
        return denoiser(z, logsnr, condition)

    counting.proposal = denoiser.proposal
    prior = torch.ones(8, dtype=torch.float64)
    prior[3] = 0
    found = classify(counting, x, idc.Alternatives(others.conditions, prior), error=0.2, samples=64)
    assert rows == found.samples.sum() and (found.samples[:, 3] == 0).all() and (found.candidates == 7).all()
    assert (found.best != 3).all() and found.behind[:, 3].isinf().all()


def test_order_and_batches_do_not_matter():
    denoiser, x, others = mixture(30)
    found = classify(denoiser, x, others, samples=32)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(0))
    turned = idc.Alternatives([others.conditions[k] for k in order])
    other = classify(denoiser, x, turned, samples=32, batch_size=7)
    assert torch.equal(order[other.best], found.best) and torch.equal(other.samples, found.samples[:, order])
    assert torch.equal(classify(denoiser, x[:9], others, samples=32).best, found.best[:9])


def test_captions_of_scenes_that_differ_in_a_word():
    """Texts per picture, of several numbers: the true caption is found, as the full ranking finds it."""
    model = idc.load("scenes")
    pictures, _, captions = sc.sample(6, seed=4)
    nouns = [next(i for i, w in enumerate(c.split()) if w in sc.grammar.VOCABULARY["noun"]) for c in captions]
    others = idc.Alternatives.stack([sc.alternatives(c, i) for c, i in zip(captions, nouns, strict=True)])
    x = model.encode([sc.render(s) for s in pictures])
    found = classify(model, x, others, samples=32, proposal=uniform(-9, -2.5))
    assert [others.conditions[k][i] for i, k in enumerate(found.best.tolist())] == captions
    assert found.share.mean() < 0.9 and found.candidates.tolist() == (others.prior > 0).sum(1).tolist()
    alone = idc.Alternatives([captions[0]])
    one = classify(model, x[:1], alone, samples=8)
    assert one.best.item() == 0 and one.samples.sum() == 0 and one.behind.item() == one.stderr.item() == 0


@pytest.mark.parametrize(
    "options, message",
    [
        ({"error": 1}, r"error must be a number in \[0, 1\), got 1"),
        ({"error": -0.1}, r"error must be a number in \[0, 1\), got -0.1"),
        ({"first": 6}, "first must be an even number ≥ 8"),
        ({"first": 9}, "first must be an even number ≥ 8"),
        ({"proposal": "fit"}, "proposal must be None or a Proposal, as rounds share one"),
        ({"samples": 7}, "samples must be an even number"),
        ({"alternatives": ["a"]}, "alternatives must be an infodecomp.Alternatives"),
        ({"alternatives": idc.Alternatives([["a", "b"]])}, r"conditions\[0\] must have 1 or 3 rows"),
        ({"alternatives": idc.Alternatives([None], torch.ones(2, 1))}, "prior must have 1 or 3 rows"),
    ],
)
def test_refusals_come_before_any_evaluation(options, message):
    def never(z, logsnr, condition):
        raise AssertionError("evaluated")

    options = {"alternatives": idc.Alternatives([None, "a"])} | options
    with pytest.raises(ValueError, match=message):
        classify(never, torch.zeros(3, 2), **options)
