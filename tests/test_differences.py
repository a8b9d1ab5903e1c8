"""Sums and differences of estimates: paired where the noise and the images are the same, refused everywhere else."""

import pytest
import torch

import infodecomp as idc
from infodecomp.integrate import uniform

DRAW = torch.Generator().manual_seed(5)
X, OTHER = torch.randn(3, 4, generator=DRAW), torch.randn(3, 4, generator=DRAW)
MIXTURE = idc.exact.GaussianMixture(torch.ones(3), torch.randn(3, 4, generator=DRAW), torch.full((3,), 0.2))
WEIGHTS = torch.rand(3, 3, generator=DRAW)


def nll(x=X, **options):
    return idc.nll(MIXTURE, x, **{"samples": 20} | options)


def apart():
    """Pairs of estimates that do not belong together, by what parts them."""
    changed = X.clone()
    changed[2, 3] += 1e-6
    rows, balanced = nll(), {"noise": "balanced"}
    return {
        "other images": (nll(), nll(OTHER)),
        "one number of one image": (nll(), nll(changed)),
        "another order": (nll(), nll(X.flip(0))),
        "rows of one estimate": (rows[0], rows[1]),
        "slices of one estimate": (rows[:2], rows[1:]),
        "a row and its own slice": (rows[0], rows[:2]),
        "a row alone, whose noise is another": (rows[1], nll(X[1:2])),
        "seed": (nll(), nll(seed=1)),
        "samples": (nll(), nll(samples=22)),
        "proposal": (nll(), nll(proposal=uniform(-3.0, 3.0))),
        "noise": (nll(**balanced), nll()),
    }


@pytest.mark.parametrize("name", apart())
def test_what_is_not_paired_is_refused(name):
    first, second = apart()[name]
    for combine in (lambda a, b: a - b, lambda a, b: b - a, lambda a, b: a + b):
        with pytest.raises(ValueError, match="^sum and difference need estimates on one x, seed, samples") as info:
            combine(first, second)
        assert "\n" not in str(info.value)


def test_pairs_on_one_noise_subtract():
    found = idc.compare(MIXTURE, X, [WEIGHTS, None], samples=200)
    gain = found.nll(1) - found.nll(0)
    standard = found.information(0, 1, "standard")
    assert torch.allclose(gain.nats, standard.nats) and torch.allclose(gain.stderr, standard.stderr)
    apart = (found.nll(0).stderr ** 2 + found.nll(1).stderr ** 2).sqrt()
    assert bool((gain.stderr < apart).all())
    assert torch.allclose(gain.nats, nll(samples=200).nats - idc.nll(MIXTURE, X, WEIGHTS, samples=200).nats)


def test_rows_of_pairs_subtract():
    """Row i of one estimate with row i of another."""
    found = idc.compare(MIXTURE, X, [WEIGHTS, None], samples=20)
    whole = found.information(0, 1, "standard") - found.information(0, 1)
    for i in (0, 1, -1):
        row = found.information(0, 1, "standard")[i] - found.information(0, 1)[i]
        assert torch.equal(row.nats, whole[i].nats) and torch.equal(row.stderr, whole[i].stderr)
    some = found.nll(0)[1:] - found.nll(1)[1:]
    assert torch.equal(some.nats, (found.nll(0) - found.nll(1)).nats[1:])


def test_equal_images_are_one_image():
    """What counts is the picture and its noise: a repeated row has another noise, a row measured again has the same."""
    again = nll(X.clone())
    assert torch.equal((nll() - again).nats, torch.zeros(3, dtype=torch.float64))
    twice = nll(X[[0, 0]])
    with pytest.raises(ValueError, match="need estimates on one x"):
        twice[0] - twice[1]


def test_words_of_a_caption_subtract():
    model, scene = idc.load("scenes"), next(iter(idc.scenes.scenes()))
    text = idc.scenes.captions(scene)[0]
    picture = idc.scenes.render(scene)
    maps = idc.word_maps(model, [picture, picture], [text, text], [[0, 1], [0, 1]], samples=4)
    for one in maps:
        difference = one.mi[0] - one.mi[1]
        assert torch.allclose(difference.nats, one.mi[0].nats - one.mi[1].nats)
        assert torch.equal((one.cmi[0] - one.cmi_standard[0]).map, one.cmi[0].map - one.cmi_standard[0].map)
    with pytest.raises(ValueError, match="need estimates on one x"):
        maps[0].mi[0] - maps[1].mi[0]  # one picture, but each with noise of its own
