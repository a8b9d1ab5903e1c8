"""Two words and their four parts, against counting: copies, XOR, words of different pixels, words chosen by chance."""

import math
from dataclasses import replace
from statistics import fmean

import pytest
import torch
from test_saved import same

import infodecomp as idc
from infodecomp import scenes as sc
from infodecomp.integrate import uniform
from infodecomp.pairs import PARTS, REDUNDANCIES

LN2 = math.log(2)
SCENES, EMOJI = idc.load("scenes"), idc.load("emoji")
SCENE = sc.Scene(0, 1, 1, sc.Thing("owl", "flying", "red"), sc.Thing("fish", "two", "blue"))
CAPTION = "the flying red owl left of the two blue fish by night"
IMAGE = sc.render(SCENE)


class Small(idc.exact.FiniteSet):
    """Pictures of four cells, named by their position; meanings: p(text | picture) of texts."""

    def __init__(self, pictures, meanings):
        self.x = torch.tensor(pictures, dtype=torch.float64).view(-1, 1, 2, 2)
        self.meanings, self.asked = {"": [1.0] * len(pictures)} | meanings, []
        super().__init__(self.x)
        self.proposal = uniform(-7, 5)  # where four cells of size one are told apart

    def encode(self, image):
        return self.x[[image]]

    def condition(self, texts):
        if texts is None or isinstance(texts, str):
            texts = [texts]
        self.asked += texts
        return torch.tensor([self.meanings[text or ""] for text in texts], dtype=torch.float64)

    def counted(self, picture, *texts):
        """i(a), i(b), i(a, b) in exact nats."""
        x, none = self.x[[picture]], self.log_prob(self.x[[picture]])
        return [(self.log_prob(x, self.condition(text)) - none).item() for text in texts]


TWO = [1, 0, 0, 1]
COPIES = Small([[1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 1, 0], [1, 1, 1, 1]], {"big": TWO, "large": TWO, "big large": TWO})
XOR = Small([[1, 0, 0, 0], [0, 0, 0, 1]], {"a": [0.5, 0.5], "b": [0.5, 0.5], "a b": [0, 0.25]})
BITS = Small(
    [[i, 0, 0, j] for i in (0, 1) for j in (0, 1)], {"a": [0, 0, 1, 1], "b": [0, 1, 0, 1], "a b": [0, 0, 0, 1]}
)
CHANCE = Small(
    [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0], [1, 1, 1, 1]],
    {"a": [0.9, 0.2, 0.3, 0.1], "b": [0.3, 0.1, 0.8, 0.6], "a b": [0.4, 0.02, 0.2, 0.05]},
)  # b speaks against the first picture: its nats are negative


def by_counting(redundancy, a, b, both):
    """The four parts of three numbers, written out."""
    common = min(a, b) if redundancy == "minimum" else max(0, a + b - both)
    return dict(zip(PARTS, (common, a - common, b - common, both - a - b + common), strict=True))


def close(one, other, atol=1e-9):
    return torch.allclose(torch.as_tensor(one, dtype=torch.float64), torch.as_tensor(other).double(), atol=atol)


@pytest.mark.parametrize("redundancy", REDUNDANCIES)
@pytest.mark.parametrize("kind", ["standard", "orthogonal"])
def test_parts_add_up_in_nats_and_in_each_cell(redundancy, kind):
    for found in (
        idc.word_pairs(CHANCE, 0, "a b", "a", "b", samples=20),
        idc.word_pairs(SCENES, IMAGE, CAPTION, "flying", "owl", given="rest", samples=20),
    ):
        parts = found.parts(redundancy, kind)
        assert tuple(parts) == PARTS
        common, own_a, own_b, together = parts.values()
        a, b, both = (found.information(y, kind=kind) for y in ("a", "b", "both"))
        for part in parts.values():
            assert close(part.map.sum((1, 2)), part.nats) and part.map.shape == (1, *found.resolution)
        for left, right in (
            ((common, own_a), a),
            ((common, own_b), b),
            ((common, own_a, own_b, together), both),
        ):
            assert close(sum(e.nats for e in left), right.nats) and close(sum(e.map for e in left), right.map)
        expected = by_counting(redundancy, *(e.nats.item() for e in (a, b, both)))
        assert close([e.nats.item() for e in parts.values()], list(expected.values()))


WORLDS = {
    "copies": (COPIES, 3, "big large", "big", "large", None),
    "chance": (CHANCE, 0, "a b", "a", "b", None),
    "state and noun": (SCENES, IMAGE, CAPTION, "flying", "owl", "rest"),
    "owl and night": (SCENES, IMAGE, CAPTION, "owl", "by night", "rest"),
}


@pytest.mark.parametrize("name", WORLDS)
def test_parts_agree_with_counting(name):
    """z-scores of all parts, pooled over seeds; parts that are zero by construction have error zero. Owl and night are
    a tie (both ln 2, an owl being as likely by night as night for an owl), where `bias` is taken off."""
    model, image, caption, a, b, given = WORLDS[name]
    count = 1000 if isinstance(model, Small) else 100
    each = [idc.word_pairs(model, image, caption, a, b, given=given, samples=count, seed=s) for s in range(8)]
    if isinstance(model, Small):
        nats = model.counted(image, a, b, f"{a} {b}")
    else:
        nats = list(each[0].counted.values())
    for redundancy in REDUNDANCIES:
        truth = by_counting(redundancy, *nats)
        for part in PARTS:
            z = []
            for pairs in each:
                found = pairs.parts(redundancy)[part]
                error, off = found.stderr.item(), found.nats.item() - truth[part]
                tie = abs(nats[0] - nats[1]) < 1e-9 and redundancy == "minimum"
                off -= pairs.bias(redundancy)[part] * tie
                assert abs(off) <= 5 * error + 1e-9, part
                z += [off / error] if error > 1e-9 else []
            assert not z or (abs(fmean(z)) < 3.3 / math.sqrt(len(z)) and fmean(v * v for v in z) < 2.5), (part, z)


def test_copies_are_redundant_and_xor_is_synergy():
    copies = idc.word_pairs(COPIES, 0, "big large", "big", "large", samples=4000)
    xor = idc.word_pairs(XOR, 1, "a b", "a", "b", samples=4000)
    for redundancy in REDUNDANCIES:
        for pairs, only in ((copies, "redundancy"), (xor, "synergy")):
            parts = pairs.parts(redundancy)
            assert abs(parts[only].nats.item() - LN2) < 4 * parts[only].stderr.item() < 0.35
            assert all(abs(e.nats.item()) + e.map.abs().max() < 1e-9 for name, e in parts.items() if name != only)


def test_words_of_different_pixels():
    """Two bits on two pixels, told by two words: the smaller number calls ln 2 of them redundant, the overlap none."""
    pairs = idc.word_pairs(BITS, 3, "a b", "a", "b", samples=2000)
    for redundancy, common in (("minimum", LN2), ("overlap", 0.0)):
        parts = pairs.parts(redundancy)
        assert abs(parts["redundancy"].nats.item() - common) < 0.1
        assert abs(parts["synergy"].nats.item() - common) < 0.1
    a, b = (pairs.information(y).map[0] for y in "ab")
    assert torch.minimum(a, b).abs().sum() < 0.05 < LN2 - 0.1 < a.sum()


def test_a_tie():
    """Where both words have ln 2 nats the smaller estimate is too small on average, by what `bias` is in a tie."""
    each = [idc.word_pairs(BITS, 3, "a b", "a", "b", samples=400, seed=s) for s in range(60)]
    truth = by_counting("minimum", LN2, LN2, 2 * LN2)
    apart = torch.cat([p.information("a", "b").nats for p in each])
    expected = -apart.std() / math.sqrt(2 * math.pi)
    assert expected < -0.03
    for part, sign in zip(PARTS, (1, -1, -1, 1), strict=True):
        found = [p.parts()[part] for p in each]
        off = torch.tensor([e.nats.item() - truth[part] for e in found])
        error = off.std() / math.sqrt(len(off))
        assert abs(off.mean() - sign * expected) < 3.5 * error
    size = torch.tensor([p.information("a", "b").variance.sqrt() for p in each]) / math.sqrt(2 * math.pi)
    assert abs(size.mean() / -expected - 1) < 0.25  # a spread of 60 runs is known to a tenth


def repeated(model, k, samples, repeats, **options):
    """WordPairs of "a" and "b", each on its own noise, from one pass."""
    c = idc.compare(model, model.x[[k] * repeats], ["", "a", "b", "a b"], samples=samples, **options)
    asked = {"a": (1, 0), "b": (2, 0), "both": (3, 0), "a|b": (1, 2), "both|a": (3, 1), "both|b": (3, 2)}
    found = {name: c.information(*pair, "standard") for name, pair in asked.items()}
    one = idc.word_pairs(model, k, "a b", "a", "b", samples=2)
    return [replace(one, measured={"standard": {y: e[i] for y, e in found.items()}}) for i in range(repeats)]


NEAR = Small(BITS.x.tolist(), {"a": [0.1, 0.1, 1, 1], "b": [0, 1, 0, 1], "a b": [0, 0.1, 0, 1]})  # ln 1.82 and ln 2
FAR = Small(BITS.x.tolist(), {"a": [0.5, 0.5, 1, 1], "b": [0, 1, 0, 1], "a b": [0, 0.5, 0, 1]})  # ln 1.33 and ln 2
OVERLAP = Small(torch.eye(4).tolist(), {"a": [1, 1, 0, 0], "b": [1, 0, 1, 0], "a b": [1, 0, 0, 0]})  # of no redundancy
COVERED = {"tie": (BITS, 3), "near": (NEAR, 3), "far": (FAR, 3), "overlap": (OVERLAP, 0)}
DEFAULT = idc.exact.FiniteSet(BITS.x).proposal


def shares(model, k, samples, repeats, proposal):
    """{(redundancy, part): how often ±2 errors hold the truth}; and with the errors of the numbers taken alone."""
    each, nats = repeated(model, k, samples, repeats, proposal=proposal), model.counted(k, "a", "b", "a b")
    held = {}
    for redundancy in REDUNDANCIES:
        for part, truth in by_counting(redundancy, *nats).items():
            found = [pairs.parts(redundancy)[part] for pairs in each]
            off = torch.cat([e.nats for e in found]) - truth
            for name, error in (("", [e.stderr for e in found]), (" alone", [e.profile.stderr() for e in found])):
                held[redundancy, part + name] = (off.abs() <= 2 * torch.cat(error) + 1e-9).double().mean().item()
    return held


@pytest.mark.parametrize("proposal", [DEFAULT, BITS.proposal], ids=["default", "uniform"])
@pytest.mark.parametrize("name", COVERED)
def test_errors_of_parts_cover(name, proposal):
    """At a tie, near it and far from it; a part that cannot be negative and is 0 is covered more often."""
    repeats = 1000 if name == "tie" else 300
    held = shares(*COVERED[name], 400, repeats, proposal)
    assert min(v for (_, part), v in held.items() if "alone" not in part) > 0.93 - 3 * (0.93 * 0.07 / repeats) ** 0.5


@pytest.mark.slow
def test_errors_of_two_lamps_cover():
    """The numbers of chapter 20: with and without the larger of both errors."""
    held = shares(BITS, 3, 1000, 2000, DEFAULT)
    assert abs(held["minimum", "redundancy"] - 0.94) < 0.02 and abs(held["minimum", "redundancy alone"] - 0.89) < 0.025


@pytest.mark.parametrize("delta", [0.0, 1.0, 2.0])
def test_errors_of_normal_numbers_cover(delta):
    """Two normal numbers of errors 1 and 0.2, correlated by 0.8, `delta` apart: never less often than one number."""
    draw, repeats = torch.Generator().manual_seed(3), 2000
    one = idc.word_pairs(BITS, 3, "a b", "a", "b", samples=2)
    z = torch.randn(2, repeats, 1, generator=draw, dtype=torch.float64)
    a, b, held = z[0], delta + 0.2 * (0.8 * z[0] + 0.6 * z[1]), 0
    unit = one.information("a", "b").variance.sqrt() / math.sqrt(1.04 - 0.32)  # in which a's error is 1
    errors = {"a": unit, "b": 0.2 * unit, "a|b": one.information("a", "b").stderr}
    for numbers in zip(a, b, a - b, strict=True):
        made = {
            name: replace(one.measured["standard"][name], nats=number * unit, stderr=error)
            for number, (name, error) in zip(numbers, errors.items(), strict=True)
        }
        found = replace(one, measured={"standard": one.measured["standard"] | made}).parts()["redundancy"]
        held += bool(found.nats.abs() <= 2 * found.stderr)
    normal = 0.9545
    assert held / repeats > normal - 3 * (normal * (1 - normal) / repeats) ** 0.5


@pytest.mark.parametrize("t", [0.0, 0.3, -1.0, 2.0])
def test_bias_of_the_smaller_of_two(t):
    pairs = idc.word_pairs(BITS, 3, "a b", "a", "b", samples=20)
    apart = pairs.information("a", "b")
    s = apart.variance.sqrt().item()
    shifted = replace(apart, nats=torch.full_like(apart.nats, t * s))
    moved = replace(pairs, measured={"standard": pairs.measured["standard"] | {"a|b": shifted}})
    drawn = t * s + s * torch.randn(10**6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = drawn.clamp(max=0).mean() - min(t * s, 0)
    assert abs(moved.bias()["redundancy"] - expected) < 4e-3 * s and moved.bias()["redundancy"] < 0
    assert moved.bias()["unique_a"] == -moved.bias()["redundancy"]


def test_one_pass_says_what_single_estimates_say_and_is_symmetric():
    pairs = idc.word_pairs(CHANCE, 0, "a b", "a", "b", samples=20, seed=4)
    turned = idc.word_pairs(CHANCE, 0, "a b", "b", "a", samples=20, seed=4)
    x = CHANCE.encode(0)
    for kind in ("standard", "orthogonal"):
        for name, text in (("a", "a"), ("b", "b"), ("both", "a b")):
            alone = idc.pointwise_information(CHANCE, x, text, kind=kind, samples=20, seed=4)
            found = pairs.information(name, kind=kind)
            assert close(alone.nats, found.nats) and close(alone.map, found.map) and close(alone.stderr, found.stderr)
        for redundancy in REDUNDANCIES:
            one, other = pairs.parts(redundancy, kind), turned.parts(redundancy, kind)
            swapped = {"unique_a": "unique_b", "unique_b": "unique_a"}
            for part, e in one.items():
                twin = other[swapped.get(part, part)]
                assert close(e.nats, twin.nats) and close(e.stderr, twin.stderr) and close(e.map, twin.map)
    conditional = idc.pointwise_information(CHANCE, x, "a b", "b", kind="standard", samples=20, seed=4)
    assert torch.equal(conditional.map_stderr, pairs.information("both", "b").map_stderr)
    back = pairs.information("b", "both")
    assert close(back.nats, -conditional.nats) and close(pairs.information("b", "b").nats, [0.0])
    assert turned.words == ["b", "a"] and turned.positions == [1, 0]


def test_what_is_asked():
    texts = "a big, red b", "big, red b", "a big, red", "big, red"
    model = Small(
        [[1, 0, 0, 0], [0, 0, 0, 1]],
        {text: [1, 1] for text in (*texts, "a", "b", "a b", "_ big, red b", "a big, red _", "_ big, red _")},
    )
    for options, asked in (
        ({}, [None, "b", "a", "a b"]),
        ({"given": "rest"}, [texts[3], texts[1], texts[2], texts[0]]),
        ({"given": "rest", "placeholder": "_"}, ["_ big, red _", "_ big, red b", "a big, red _", texts[0]]),
    ):
        model.asked.clear()
        idc.word_pairs(model, 0, texts[0], "b", "A", samples=2, **options)
        assert model.asked == asked


def test_nats_are_counted_where_a_world_counts():
    heart = idc.word_pairs(EMOJI, "❤️", "red heart", "red", "heart", samples=4)
    world = EMOJI.world
    counts = {
        name: math.log(len(world) / world.count(text))
        for name, text in (("a", "red"), ("b", "heart"), ("both", "red heart"))
    }
    assert heart.counted == pytest.approx(counts)
    for redundancy in REDUNDANCIES:
        assert heart.counted_parts(redundancy) == pytest.approx(by_counting(redundancy, *counts.values()))
    assert idc.word_pairs(EMOJI, "❤️", "blue heart", "blue", "heart", samples=4).counted_parts() is None  # does not fit
    assert idc.word_pairs(BITS, 3, "a b", "a", "b", samples=2).counted is None


def test_pairs_are_saved(tmp_path):
    pairs = idc.word_pairs(SCENES, IMAGE, CAPTION, "flying", "owl", given="rest", samples=4)
    pairs.save(tmp_path / "pairs")
    back = idc.load_maps(tmp_path / "pairs")
    assert same(pairs, back) and repr(back) == repr(pairs) and "'flying' and 'owl'; redundancy" in repr(pairs)
    assert pairs.about["settings"]["given"] == "rest"


@pytest.mark.parametrize(
    "arguments, options, message",
    [
        (("a b", "a", "c"), {}, "b must be words or phrases of 'a b', or where they begin, got 'c'"),
        (("a b a", "a", "b"), {}, "a must stand once in 'a b a', or be a position, got 'a'"),
        (("a b a", "b", "a"), {}, "b must stand once"),
        (("a b", "a b", "b"), {}, "a and b must not overlap"),
        (("a b", "a", "a"), {}, "a and b must not overlap"),
        (("a b", "a", "b"), {"given": "all"}, 'given must be None or "rest"'),
        (("a b", "a", "b"), {"placeholder": "_"}, 'placeholder needs given="rest"'),
        (("a b", "a", "b"), {"placeholder": 3}, "placeholder must be"),
        (("", "a", "b"), {}, "caption must be"),
    ],
)
def test_bad_input(arguments, options, message):
    BITS.asked.clear()
    with pytest.raises(ValueError, match=message):
        idc.word_pairs(BITS, 3, *arguments, **options)
    assert BITS.asked == []


def test_bad_questions():
    pairs = idc.word_pairs(BITS, 3, "a b", 0, 1, samples=2)
    for call in (pairs.parts, pairs.bias, pairs.counted_parts):
        with pytest.raises(ValueError, match="redundancy must be 'minimum' or 'overlap', got 'least'"):
            call("least")
    for call in (pairs.parts, pairs.bias):
        with pytest.raises(ValueError, match="kind must be 'orthogonal' or 'standard'"):
            call("minimum", "both")
    for arguments, message in ((("c",), "y must be"), (("a", "c"), "given must be"), (("a", "b", "c"), "kind must be")):
        with pytest.raises(ValueError, match=message):
            pairs.information(*arguments)
    with pytest.raises(ValueError, match="image must be one picture, got 2"):
        idc.word_pairs(SCENES, [IMAGE] * 2, CAPTION, "flying", "owl", given="rest")
    with pytest.raises(ValueError, match="model must be one of"):
        idc.word_pairs(None, 3, "a b", "a", "b")
