import math
from collections import Counter
from itertools import pairwise

import pytest
import torch

from infodecomp import scenes as sc
from infodecomp.scenes import grammar, meaning

SCENES, _, CAPTIONS = sc.sample(40, seed=1)
SCENE = sc.Scene(0, 1, 1, sc.Thing("owl", "flying", "red"), sc.Thing("fish", "two", "blue"))
CAPTION = "the flying red owl far left of the two blue fish by night under the moon"


def without(caption, *places):
    return " ".join(word for i, word in enumerate(caption.split()) if i not in places)


def every_text(scene):
    """{text: p(text | scene)}, generated forwards: the parser is not asked."""
    found = Counter()
    for probability, axis, slots in grammar.structures():
        if axis != scene.axis:
            continue
        adverbs = {"far": scene.far, "just": 1 - scene.far} if ("adverb", None) in slots else {"": 1}
        for adverb, fits in adverbs.items():
            apt = 1 if adverb == "" else grammar.APT if fits else 1 - grammar.APT
            for order in (0, 1):
                for share, kept in grammar.fragments(slots):
                    say = [s[0] if s[1] == "alone" else grammar._say(scene, s, order, adverb) for s in kept]
                    found[" ".join(say)] += probability * apt / 2 * share
    return found


@pytest.mark.parametrize("scene", [*SCENES[:4], SCENE])
def test_the_parser_inverts_the_grammar(scene):
    """Every text that a scene can give has the probability with which it is generated, and these sum to 1."""
    texts = every_text(scene)
    assert abs(sum(texts.values()) - 1) < 1e-12 and len(texts) > 500
    for text, probability in texts.items():
        assert abs(sc.log_likelihood(scene, text) - math.log(probability)) < 1e-9, text


def test_the_prior_sums_to_one_and_prefers_owls_by_night():
    prior, night = grammar.log_prior().exp(), grammar.indices()[2] == 1
    assert len(sc.scenes()) == len(set(sc.scenes())) == 28_672
    assert abs(prior.sum() - 1) < 1e-12 and abs(prior[night].sum() - 0.5) < 1e-12
    with_owl = torch.tensor([any(t.noun == "owl" for t in s[3:]) for s in sc.scenes()])
    no_bird = torch.tensor([all(t.noun not in ("bird", "cat", "flower") for t in s[3:]) for s in sc.scenes()])
    both = with_owl & no_bird
    assert abs(prior[both & night].sum() / prior[both].sum() - 0.8) < 1e-12


def test_bayes_rule():
    text = "red"
    posterior = sc.posterior(text)
    assert abs(posterior.sum() - 1) < 1e-12
    evidence = sum(grammar.log_prior().exp() * meaning.log_likelihoods(text)[0].exp())
    for scene in SCENES[:5]:
        joint = sc.log_likelihood(scene, text) + sc.log_prob(scene)
        assert sc.log_prob(scene, text) == pytest.approx(joint - evidence.log().item(), abs=1e-9)
        assert sc.information(scene, text) == pytest.approx(sc.log_prob(scene, text) - sc.log_prob(scene), abs=1e-12)


def test_chain_rule_between_fragments():
    """Words dropped one after the other: the parts add up to the whole, though no caption lacks two words at once."""
    steps = [CAPTION, without(CAPTION, 2), ""]
    parts = [sc.information(SCENE, after, before) for after, before in pairwise(steps)]
    assert sum(parts) == pytest.approx(sc.information(SCENE, CAPTION), abs=1e-12)


LN2, LN4 = math.log(2), math.log(4)
APT = grammar.APT


@pytest.mark.parametrize(
    "places, nats",
    {
        "a function word": ([0], 0),
        "a verb": ([1], LN2),
        "a colour": ([2], LN4),
        "a noun after its verb, by night: owl or bird": ([3], -math.log(0.8)),
        "an adverb that fits": ([4], math.log(2 * APT)),
        "left of": ([5, 6], LN4),
        "left, whose of stays behind": ([5], LN2),
        "of alone": ([6], 0),
        "a numeral": ([8], LN2),
        "a noun that its numeral leaves two of": ([10], LN2),
        "night beside moon": ([12], 0),
        "moon beside night": ([15], 0),
    }.values(),
)
def test_a_word_is_worth_what_counting_says(places, nats):
    assert sc.information(SCENE, CAPTION, without(CAPTION, *places)) == pytest.approx(nats, abs=1e-9)


def test_correlation_redundancy_and_negative_values():
    short = "the red owl left of the blue fish"
    assert sc.information(SCENE, short + " by night", short) == pytest.approx(math.log(1 / 0.8))
    day = SCENE._replace(night=0)
    assert sc.information(day, short + " by day", short) == pytest.approx(math.log(1 / 0.2))
    assert sc.information(SCENE, "night") == pytest.approx(LN2)
    near = SCENE._replace(far=0)
    assert sc.information(near, CAPTION, without(CAPTION, 4)) == pytest.approx(math.log(2 * (1 - APT)))
    for word in grammar.FUNCTION:
        assert sc.information(SCENE, word) == pytest.approx(0, abs=1e-12)
    assert sc.information(SCENE, "left of") == pytest.approx(LN2)  # alone it tells the axis, not the side


def test_a_noun_without_other_hints_is_one_of_seven():
    scene = SCENE._replace(first=sc.Thing("dog", "sitting", "red"), second=sc.Thing("boat", "sailing", "blue"))
    caption = "the red dog left of the blue boat"
    expected = -sum(
        grammar.log_prior_nouns()[night, grammar.NOUNS.index("dog"), grammar.NOUNS.index("boat")].exp()
        for night in (0, 1)
    ).log()
    whole = grammar.log_prior_nouns().exp().sum(0)[:, grammar.NOUNS.index("boat")].sum().log()
    assert sc.information(scene, caption, without(caption, 2)) == pytest.approx((expected + whole).item())
    assert sc.information(scene, caption, without(caption, 2)) == pytest.approx(math.log(7), abs=0.01)


def test_sampling_follows_the_joint():
    """Log-likelihoods of sampled texts against their expectation, pooled z."""
    pairs, texts, _ = sc.sample(4000, seed=2)
    assert sc.sample(4000, seed=2)[1] == texts and sc.sample(40, seed=1)[0] == SCENES
    kinds = Counter("nothing" if t == "" else "bare" if t in grammar.CLASS else "other" for t in texts)
    for kind, share in (("nothing", 0.1), ("bare", 0.15 - grammar.KINDS["bare"] / 20)):
        low, high = share - 4 * (share / 4000) ** 0.5 - 0.02 * (kind == "bare"), share + 4 * (share / 4000) ** 0.5
        assert low < kinds[kind] / 4000 < high
    nights = sum(s.night for s in pairs)
    assert abs(nights - 2000) < 4 * 1000**0.5
    assert all(sc.log_likelihood(s, t) > -math.inf for s, t in zip(pairs[:300], texts, strict=False))


def test_captions_are_true_and_begin_with_the_shortest():
    captions = sc.captions(SCENE)
    assert captions[0] == "the red owl left of the blue fish" and CAPTION in captions and len(set(captions)) == 96
    assert all(sc.log_prob(SCENE, caption) > -math.inf for caption in captions)
    assert sc.log_prob(SCENE, "the red owl right of the blue fish") == -math.inf


@pytest.mark.parametrize(
    "text, near",
    [
        ("a red cat left of the blue dog", "red cat left of the blue dog"),
        ("the sleeping red fish left of the blue cat", "the one red fish left of the blue cat"),
        ("The red catt above the blue dog.", "the red cat above the blue dog"),
        ("the red cat left of the blue cat", "the red dog left of the blue cat"),
        ("hello world", ""),
    ],
)
def test_a_text_outside_is_refused_with_the_nearest_inside(text, near):
    with pytest.raises(ValueError, match="text must be one the grammar can make") as refused:
        sc.log_prob(SCENE, text)
    assert str(refused.value).endswith(f"is {near!r}") and "\n" not in str(refused.value)
    sc.posterior(near)  # is inside


def test_bad_input():
    with pytest.raises(ValueError, match="scene must be one of"):
        sc.log_prob(SCENE._replace(second=SCENE.first))
    with pytest.raises(ValueError, match="text must be a str"):
        sc.log_prob(SCENE, None)
