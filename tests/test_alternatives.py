import math

import pytest
import torch

import infodecomp as idc
from infodecomp import scenes as sc
from infodecomp.captions import units
from infodecomp.exact import GaussianMixture
from infodecomp.integrate import Logistic, uniform
from infodecomp.scenes import grammar

MODEL = idc.load("scenes")


def normals(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def mixture(components=4, seed=0, rows=200):
    """A random mixture, x from it, and the one-hot condition of each component."""
    weights = torch.rand(components, generator=torch.Generator().manual_seed(seed)).double() + 0.2
    weights, means = weights / weights.sum(), 1.5 * normals(components, 3, seed=seed)
    k = torch.multinomial(weights, rows, replacement=True, generator=torch.Generator().manual_seed(seed + 1))
    x = means[k] + 0.7 * normals(rows, 3, seed=seed + 2)
    return GaussianMixture(weights, means, torch.full((components,), 0.49)), weights, x, k


def one_hot(components=4):
    return [row[None] for row in torch.eye(components, dtype=torch.float64)]


@pytest.mark.parametrize("seed", range(3))
def test_posterior_of_a_mixture(seed):
    """P(k | x) against Bayes' rule on the true densities; the information obeys its bound and the rule, exactly."""
    denoiser, weights, x, _ = mixture(seed=seed)
    found = idc.posterior(denoiser, x, idc.Alternatives(one_hot(), weights), samples=2000)
    truth = torch.stack([denoiser.log_prob(x, c) for c in one_hot()], 1) + weights.log()
    truth = truth.log_softmax(1)
    likely = (truth > -6) & (found.stderr > 1e-9) & (truth < math.log(0.99))
    z = ((found.log_prob - truth) / found.stderr)[likely]
    assert len(z) > 150 and abs(z.mean()) < 0.35 and 0.9 < (z.abs() < 3).double().mean()
    assert (found.information <= -weights.log() + 1e-12).all()
    assert torch.allclose((weights * found.information.exp()).sum(1), torch.ones(200, dtype=torch.float64))


@pytest.fixture(scope="module")
def context():
    """Points of a mixture, its components as alternatives, and the estimates that need no paths, of both kinds."""
    denoiser, weights, x, k = mixture(rows=150)
    told, options = [None, torch.eye(4, dtype=torch.float64)[k]], {"proposal": uniform(-7, 5)}
    against = idc.Alternatives(one_hot(), weights, steps=100)
    return denoiser, x, told, against, options, idc.compare(denoiser, x, told, samples=8000, **options)


@pytest.mark.parametrize("kind", ["standard", "orthogonal"])
def test_the_mixture_of_alternatives_is_the_context(context, kind):
    """On an exact denoiser the path's mixture and the prior's own denoiser are one function: same nats, pooled z."""
    denoiser, x, told, against, options, plain = context
    found = idc.pointwise_information(denoiser, x, told[1], against, kind=kind, samples=4000, **options)
    truth = plain.information(1, 0, kind)
    difference, error = found.nats - truth.nats, (found.stderr**2 + truth.stderr**2).sqrt()
    assert abs(difference.sum() / error.norm()) < 3.3 and error.norm() / 150 < 0.02
    assert ((difference / error).abs() < 2).double().mean() > 0.9
    gap = found.map_gap  # the map of "standard" is measured apart from its total, on paths
    assert torch.allclose(gap, found.nats - found.map.sum(1), atol=1e-12)
    if kind == "orthogonal":
        assert gap.abs().max() < 1e-9
    else:
        error = (found.map_stderr.square().sum(1) + found.stderr**2).sqrt()
        assert 1e-3 < gap.abs().max() and abs(gap.sum() / error.norm()) < 3.3


@pytest.mark.parametrize("samples", [8, 60])
def test_totals_obey_the_bound_for_every_number_of_samples(samples):
    """Bayes' rule gives at most −log of the prior of what is asked for, and what the pictures say, pooled."""
    caption = "the sitting red cat left of the sleeping blue dog"
    pictures = [s for s in sc.scenes() if sc.log_prob(s, caption) > -math.inf][:3]
    x, z, seen = MODEL.encode([sc.render(s) for s in pictures]), [], 0
    for word in ("sitting", "red", "cat", "left of", "blue", "dog"):
        given = sc.alternatives(caption, word)
        found = idc.pointwise_information(MODEL, x, caption, given, kind="standard", samples=samples, seed=seen)
        bound = -given.prior[given.conditions.index(caption)].log()
        assert (found.nats <= bound + 1e-9).all()
        rest = " ".join(caption.replace(word, " ").split())
        truth = torch.tensor([sc.information(s, caption, rest) for s in pictures])
        assert (truth <= bound + 1e-9).all()
        z.append((found.nats - truth) / found.stderr.clamp_min(0.02))
        seen += 1
    z = torch.cat(z)
    assert z.mean() < 3.3 / len(z) ** 0.5 and (z.abs() < 3).double().mean() > 0.8  # noise only lowers it


def test_more_steps_bring_the_weights_nearer():
    """Paths of more steps follow the exact posterior of x_α more closely: the excess falls."""
    denoiser, weights, x, k = mixture(rows=400)
    y, proposal = torch.eye(4, dtype=torch.float64)[k], uniform(-7, 5)
    truth = idc.pointwise_information(denoiser, x, y, samples=4000, proposal=proposal).mean()[0]
    errors = []
    for steps in (4, 100):
        against = idc.Alternatives(one_hot(), weights, steps=steps)
        found = idc.pointwise_information(denoiser, x, y, against, samples=8 * steps, proposal=proposal)
        errors.append((found.mean()[0] - truth, found.stderr.norm().item() / 400))
    assert errors[0][0] > 4 * errors[0][1] and abs(errors[1][0]) < errors[0][0] / 3 + 3 * errors[1][1]


def rows_of_words(count, seed):
    """(scene, caption, context, alternatives) for one word each, of all kinds."""
    rows = []
    for i, (scene, _, caption) in enumerate(zip(*sc.sample(count, seed=seed), strict=True)):
        every = [u for u in units(caption, MODEL.phrases) if u[2] not in grammar.FUNCTION]
        start, stop, _ = every[i % len(every)]
        split = caption.split()
        rows.append((scene, caption, " ".join(split[:start] + split[stop:]), sc.alternatives(caption, start)))
    return rows


def test_alternatives_of_the_grammar_make_the_context():
    """Σ π_a p(scene | a) = p(scene | context), for every kind of word."""
    for _, caption, context, against in rows_of_words(40, seed=2):
        mixed = sum(p * sc.posterior(text) for text, p in zip(against.conditions, against.prior, strict=True))
        assert torch.allclose(mixed, sc.posterior(context), atol=1e-12), caption


def test_words_against_alternatives_are_exact():
    rows = rows_of_words(24, seed=3)
    x = MODEL.encode([sc.render(row[0]) for row in rows])
    against = idc.Alternatives.stack([row[3] for row in rows])
    found = idc.posterior(MODEL, x, against, samples=200)
    own = [row[3].conditions.index(row[1]) for row in rows]
    information = found.information[range(24), own]
    truth = torch.tensor([sc.information(*row[:3]) for row in rows], dtype=torch.float64)
    error = found.stderr[range(24), own]
    assert ((information - truth).abs() < 4 * error + 1e-6).all() and error.mean() < 0.05


def test_maps_on_scenes():
    rows = rows_of_words(6, seed=5)
    x = MODEL.encode([sc.render(row[0]) for row in rows])
    against = idc.Alternatives.stack([row[3] for row in rows])
    found = idc.pointwise_information(MODEL, x, [row[1] for row in rows], against, samples=400)
    exact = idc.pointwise_information(MODEL, x, [r[1] for r in rows], [r[2] for r in rows], samples=400)
    assert found.map.shape == (6, 16, 16)
    z = (found.nats - exact.nats) / (found.stderr**2 + exact.stderr**2).sqrt().clamp_min(1e-9)
    assert (z.abs() < 4).all()
    for one, other in zip(found.map, exact.map, strict=True):
        if other.sum() > 0.1:
            assert torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1] > 0.85


def test_seed_and_batch_size():
    denoiser, weights, x, _ = mixture(rows=3)
    against = idc.Alternatives(one_hot(), weights)
    options = {"samples": 100, "proposal": Logistic(0, 1.5)}
    one = idc.pointwise_information(denoiser, x, one_hot()[0], against, **options)
    other = idc.pointwise_information(denoiser, x, one_hot()[0], against, batch_size=2, **options)
    first = idc.pointwise_information(denoiser, x[:1], one_hot()[0], against, **options)
    assert torch.allclose(one.nats, other.nats) and torch.allclose(one.nats[:1], first.nats)
    again = idc.pointwise_information(denoiser, x, one_hot()[0], against, seed=1, **options)
    assert not torch.allclose(one.nats, again.nats)
    options["proposal"] = Logistic(0, 1.5, stratified=False)
    loose = idc.pointwise_information(denoiser, x, one_hot()[0], against, **options | {"samples": 2000})
    assert ((loose.nats - one.nats).abs() < 4 * (loose.stderr**2 + one.stderr**2).sqrt()).all()


def counting(denoiser, calls):
    """The denoiser, which notes the number of rows of each call."""

    def counted(z, logsnr, condition):
        calls.append(len(z))
        return denoiser(z, logsnr, condition)

    return counted


def of_kind(kind, weights):
    """(y, conditions, denoiser of these), all weights (1 or B, 4) said in one kind of condition."""
    inner = mixture(rows=3)[0]
    as_tensor = {"tensors": lambda c: c, "tuples": lambda c: c[1], "lists": lambda c: torch.stack(c)}[kind]
    made = {"tensors": lambda w: w, "tuples": lambda w: (w.new_zeros(1, 2), w), "lists": list}[kind]
    return *(made(w) for w in weights), lambda z, logsnr, c: inner(z, logsnr, as_tensor(c))


@pytest.mark.parametrize("kind", ["tensors", "tuples", "lists"])
@pytest.mark.parametrize("batch_size, expected", [(None, [48] * 25), (30, [30, 18] * 25)])
def test_alternatives_share_calls(kind, batch_size, expected):
    """Four conditions, of one entry and of one per image, are evaluated in one call per step: the same numbers."""
    x, rest = mixture(rows=3)[2], one_hot()[1:]
    per_row = torch.eye(4, dtype=torch.float64)[[0, 2, 3]]  # an image of its own in each row
    *conditions, denoiser = of_kind(kind, [per_row, *rest])
    options = {"samples": 100, "proposal": Logistic(0, 1.5), "batch_size": batch_size}
    calls, apart = [], []
    found = idc.pointwise_information(
        counting(denoiser, calls), x, conditions[0], idc.Alternatives(conditions), **options
    )
    assert calls == expected
    inner = mixture(rows=3)[0]  # an (N, 5) condition for one alternative: another shape, which cannot be joined
    wider = [torch.cat([w, w.new_ones(len(w), k == 1)], 1) for k, w in enumerate([per_row, *rest])]
    plain = counting(lambda z, logsnr, c: inner(z, logsnr, c[:, :4]), apart)
    options["batch_size"] = None
    other = idc.pointwise_information(plain, x, wider[0], idc.Alternatives(wider), **options)
    assert apart == [12] * 100
    assert torch.allclose(found.nats, other.nats, rtol=1e-9) and torch.allclose(found.map, other.map, rtol=1e-9)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: idc.Alternatives([]), "conditions must be a list of at least one"),
        (lambda: idc.Alternatives("red"), "conditions must be a list"),
        (lambda: idc.Alternatives(["a", "b"], [1.0]), r"prior must be \(2,\)"),
        (lambda: idc.Alternatives(["a", "b"], [1.0, -1.0]), "prior must be finite weights ≥ 0"),
        (lambda: sc.alternatives("the red cat left of the blue dog", "the"), "word must stand once"),
        (lambda: sc.alternatives("the red cat left of the blue dog", "green"), "word must stand once"),
        (
            lambda: idc.pointwise_information(
                MODEL, torch.zeros(1, 12, 16, 16), "red", idc.Alternatives(["red"]), samples=4
            ),
            "samples must be an even number ≥ 8",
        ),
        (
            lambda: idc.pointwise_information(
                MODEL, torch.zeros(2, 12, 16, 16), "red", idc.Alternatives(["red"], torch.ones(3, 1))
            ),
            "prior must have 1 or 2 rows",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
