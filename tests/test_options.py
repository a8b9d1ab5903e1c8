"""No option is ignored: at every entry point a good value changes what it must, or is refused; a bad one always is.

Refused means: a ValueError of one line that names the option, before any evaluation of the denoiser.
"""

import inspect
import warnings

import numpy as np
import pytest
import torch

import infodecomp as idc
from infodecomp.attention import attention_maps
from infodecomp.estimates.estimate import run
from infodecomp.estimates.measure import Quantity
from infodecomp.estimates.sampling import Sampling
from infodecomp.experiments.relation import caption_scores
from infodecomp.integrate import uniform

X = torch.randn(4, 3, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
TEXTS = ["red cat", "blue dog", "red dog", "blue cat"]
NARROW = uniform(-2.0, 2.0)


class Watched:
    """A small model that remembers the log-SNRs of every call."""

    def __init__(self):
        means = torch.randn(4, 3, generator=torch.Generator().manual_seed(3))
        self.exact, self.calls = idc.exact.GaussianMixture(torch.ones(4), means, torch.full((4,), 0.1)), []
        self.proposal = self.exact.proposal

    def encode(self, image):
        return X[:1]

    def condition(self, captions):
        if captions is None or isinstance(captions, torch.Tensor):
            return captions
        each = [captions] if isinstance(captions, str) else captions
        return torch.tensor([[1.0 + sum(map(ord, text)) % (3 + k) for k in range(4)] for text in each])

    def __call__(self, z, logsnr, condition):
        self.calls.append(logsnr)
        return self.exact(z, logsnr, self.condition(condition))


class Attended(Watched):
    """The embedded world's network, watched."""

    net = None

    def __init__(self):
        self.calls, Attended.net = [], Attended.net or idc.load("scenes-net")
        self.unet, self.proposal, self.logsnr_range = self.net.unet, self.net.proposal, self.net.logsnr_range

    def condition(self, captions):
        return self.net.condition(captions)

    def __call__(self, z, logsnr, condition):
        self.calls.append(logsnr)
        return self.net(z, logsnr, condition)


def choices(*_):
    return idc.Alternatives(TEXTS, steps=2)


def against(kind):
    return lambda model, **options: idc.pointwise_information(model, X, "red cat", choices(), kind=kind, **options)


ENTRIES = {
    "nll": lambda model, **options: idc.nll(model, X, "red cat", **options),
    "information": lambda model, **options: idc.pointwise_information(model, X, "red cat", "blue", **options),
    "against, orthogonal": against("orthogonal"),
    "against, standard": against("standard"),
    "compare": lambda model, **options: idc.compare(model, X, [*TEXTS[:2], None], **options),
    "posterior": lambda model, **options: idc.posterior(model, X, choices(), **options),
    "word_maps": lambda model, **options: idc.word_maps(model, None, "red cat", **options),
    "word_pairs": lambda model, **options: idc.word_pairs(model, None, "red cat", 0, 1, **options),
    "word_maps, against": lambda model, **options: idc.word_maps(
        model, None, "red cat", alternatives=choices, **options
    ),
    "matched_gap": lambda model, **options: idc.matched_gap(model, X, TEXTS, **options),
    "matched_gap, against": lambda model, **options: idc.matched_gap(model, X, TEXTS, choices(), **options),
    "shuffled_gap": lambda model, **options: idc.shuffled_gap(model, X, TEXTS, **options),
    "attention_maps": lambda model, **options: attention_maps(model, torch.zeros(1, 12, 16, 16), "red", **options),
    "caption_scores": lambda model, **options: caption_scores(model, X, TEXTS[:2], **options),
}
FUNCTIONS = {"attention_maps": attention_maps, "caption_scores": caption_scores}  # whose options are fewer
PATHS = [name for name in ENTRIES if "against" in name]
BAD = {
    "samples": [0, -2, 3, True, 1.5, "x", float("nan")],
    "seed": [-1, True, 1.5, "x", None],
    "batch_size": [0, -1, True, 1.5, "x"],
    "proposal": ["x", 3, True, (-1.0, 1.0), uniform],
    "noise": ["quiet", True, None, 1, []],
    "tolerance": [0, -1, float("nan"), float("inf"), "x", True],
    "max_samples": [0, -2, 3, True, 1.5, "x", 10],  # 10: without a tolerance
    "progress": ["x", 3, 1, 0.0, [], np.bool_(True)],
}


def ask(name, **options):
    """An entry point's result and the log-SNRs of its evaluations, one tensor per call."""
    model = Attended() if name == "attention_maps" else Watched()
    with torch.no_grad():
        return ENTRIES[name](model, **{"samples": 8} | options), model.calls


def takes(name, option):
    """Whether an entry point has the option at all."""
    return name not in FUNCTIONS or option in inspect.signature(FUNCTIONS[name]).parameters


def refused(name, option, **options):
    model = Attended() if name == "attention_maps" else Watched()
    error = ValueError if takes(name, option) else TypeError  # Python's own for what is no argument
    with pytest.raises(error) as info:
        ENTRIES[name](model, **{"samples": 8} | options)
    assert option in str(info.value) and "\n" not in str(info.value) and not model.calls


def numbers(result):
    if isinstance(result, idc.Comparison):
        result = result.information(0, 1)
    if isinstance(result, idc.WordMaps):
        result = (result.against or result.cmi)[0]
    if isinstance(result, idc.WordPairs):
        result = result.information("both", "a")
    if isinstance(result, dict):
        result = torch.stack(list(result.values()))
    for name in ("nats", "log_prob"):
        result = getattr(result, name, result)
    return result


def samples_of(result):
    """The number of samples that an estimate says it has, None where it says nothing."""
    if isinstance(result, idc.Comparison):
        result = result.nll(0)
    if isinstance(result, idc.WordMaps):
        result = (result.against or result.mi)[0]
    if isinstance(result, idc.WordPairs):
        result = result.information("both")
    return getattr(result, "samples", None)


def evaluations(calls):
    return sum(map(len, calls))


entries = pytest.mark.parametrize("name", ENTRIES)


@entries
@pytest.mark.parametrize("option", BAD)
def test_bad_values_are_refused(name, option):
    for value in BAD[option]:
        if option == "max_samples" and value != 10:
            refused(name, option if takes(name, option) else "tolerance", tolerance=0.1, max_samples=value)
        else:
            refused(name, option, **{option: value})


@entries
@pytest.mark.parametrize("kind", [int, np.int64, np.uint8])
def test_samples(name, kind):
    (few, calls), (many, more) = ask(name), ask(name, samples=kind(12))
    assert 2 * evaluations(more) == 3 * evaluations(calls)
    assert samples_of(few) in (8, None) and samples_of(many) in (12, None)
    assert samples_of(many) is None or type(samples_of(many)) is int


@entries
def test_seed(name):
    first, second = (numbers(ask(name, seed=seed)[0]) for seed in (0, 1))
    assert not torch.allclose(first, second) and torch.equal(first, numbers(ask(name)[0]))
    assert torch.equal(second, numbers(ask(name, seed=np.int64(1))[0]))


@entries
@pytest.mark.parametrize("size", [3, np.int64(3)])
def test_batch_size(name, size):
    (whole, calls), (parts, smaller) = ask(name), ask(name, batch_size=size)
    assert torch.allclose(numbers(whole), numbers(parts), rtol=1e-4, atol=1e-7)
    assert max(map(len, smaller)) <= 3 < max(map(len, calls)) and evaluations(smaller) == evaluations(calls)


@entries
def test_proposal(name):
    proposal = uniform(-4.0, -2.0) if name == "attention_maps" else NARROW
    (usual, calls), (narrow, drawn) = ask(name), ask(name, proposal=proposal)
    low, high = proposal.range
    assert all(bool(((a >= low - 1e-4) & (a <= high + 1e-4)).all()) for a in drawn)
    assert not all(bool(((a >= low - 1e-4) & (a <= high + 1e-4)).all()) for a in calls)
    assert not torch.allclose(numbers(usual), numbers(narrow))
    if isinstance(narrow, idc.Estimate):
        assert narrow.range[0] == low and narrow.range[1] == (high if name != "shuffled_gap" else 0)


@entries
def test_fitted_proposal(name):
    if name in PATHS or name in ("shuffled_gap", "attention_maps"):
        return refused(name, "proposal", proposal="fit")
    (usual, calls), (fitted, more) = ask(name), ask(name, proposal="fit")
    assert evaluations(more) > evaluations(calls) and not torch.allclose(numbers(usual), numbers(fitted))
    if isinstance(fitted, idc.Estimate):
        assert fitted.pilot > 0 and fitted.range == usual.range and fitted.proposal is not usual.proposal


@entries
def test_noise(name):
    if name in PATHS or not takes(name, "noise"):
        return refused(name, "noise", noise="balanced")
    plain, balanced = (numbers(ask(name, samples=20, noise=noise)[0]) for noise in ("plain", "balanced"))
    assert not torch.allclose(plain, balanced)
    assert torch.equal(plain, numbers(ask(name, samples=20)[0]))


@entries
def test_tolerance(name):
    if name in PATHS or not takes(name, "tolerance"):
        return refused(name, "tolerance", tolerance=0.1)
    _, calls = ask(name)
    easy, fewer = ask(name, tolerance=np.float32(1e3))
    assert samples_of(easy) in (2, None) and evaluations(fewer) == evaluations(calls) * 10 // 8
    with pytest.warns(UserWarning, match="max_samples is 40"):
        hard, more = ask(name, tolerance=1e-6, max_samples=np.int64(40))
    assert samples_of(hard) in (40, None) and evaluations(more) == evaluations(calls) * 6


@entries
def test_max_samples(name):
    if not takes(name, "max_samples"):
        return refused(name, "max_samples", max_samples=40)
    if name in PATHS:  # where already the tolerance is refused
        return refused(name, "tolerance", tolerance=0.1, max_samples=40)
    with warnings.catch_warnings():  # enough of them: no warning
        warnings.simplefilter("error")
        ask(name, tolerance=1e3, max_samples=2)


@entries
def test_progress(name, capsys):
    """A bar where it is asked for, none elsewhere; it changes no number and no call."""
    if not takes(name, "progress"):
        return refused(name, "progress", progress=True)
    results = {}
    for shown in (None, False, True):
        result, calls = ask(name, progress=shown)
        results[shown] = numbers(result), len(calls)
        assert ("row/s" in capsys.readouterr().err) == bool(shown)
    assert all(torch.equal(found[0], results[None][0]) and found[1] == results[None][1] for found in results.values())


def test_items_key_the_noise():
    """No option of the entry points: word_maps gives image i the noise of row i."""
    model = Watched()
    quantities = [Quantity("nll", 0)]

    def rows(items, x):
        return run(x, {"condition": (model, None)}, quantities, Sampling(8, items=items))[0].nats

    whole = rows(None, X[[1, 1, 1, 0]])
    assert torch.allclose(rows([3, np.int32(1)], X[:2]), whole[[3, 1]])
    assert not torch.allclose(rows([2, 1], X[:2]), whole[[3, 1]])
    model.calls.clear()
    for items in ([0], [0, 1, 2], [-1, 0], [0, "x"], [True, 1]):
        with pytest.raises(ValueError, match=r"^items must be"):
            rows(items, X[:2])
    assert not model.calls
