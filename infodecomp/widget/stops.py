"""The guided stops of the lab: what each shows, asks and answers."""

from functools import cache
from typing import Any

import numpy as np

from ..scenes import ExactScenes, grammar, information, meaning, render
from ..scenes.grammar import Scene, Thing
from .state import link

CAT, BOAT, OWL = Thing("cat", "sitting", "red"), Thing("boat", "sailing", "blue"), Thing("owl", "flying", "purple")
DAY, NIGHT, TOWER = Scene(0, 1, 0, CAT, BOAT), Scene(0, 1, 1, OWL, CAT), Scene(1, 1, 0, CAT, BOAT)
PLAIN, ABOVE = "the red cat left of the blue boat", "the red cat above the blue boat"
COLOURLESS, SIDELESS = "the cat left of the blue boat", "the red cat the blue boat"
ONCE = "the purple owl left of the red cat by night under the"
WRONG = PLAIN.replace("red", "green")

# {name} in a question or answer is a number, see _numbers.
STOPS: tuple[dict[str, Any], ...] = (
    {
        "title": "“red”",
        "sentence": "The caption says all but the state of things; the chosen word is “red”, given all the others.",
        "question": "Four colours were possible and equally likely: how many nats must the word have, and on which"
        " pixels?",
        "answer": "ln 4 = {colour} nats, on the cat alone, and only where its colour shows: eyes and ground are the"
        " same in all four.",
        "state": {"scene": DAY, "text": PLAIN, "word": "red", "question": "CMI", "logsnr": -6.0},
    },
    {
        "title": "“moon”",
        "sentence": "This caption says the night twice: “by night under the moon”.",
        "question": "How many nats has “moon” alone, and how many given the rest? Switch between the two.",
        "answer": "Alone {moon} = ln 2 nats, all over the sky; given “by night” {moon_given_night}. What two words both"
        " carry counts once in the caption.",
        "state": {"scene": NIGHT, "text": f"{ONCE} moon", "word": "moon", "question": "MI", "logsnr": -6.0},
    },
    {
        "title": "“above”",
        "sentence": "“Above” moves no colour and names no thing, but it decides where things are.",
        "question": "Why does its map show a cat and a boat also where there are none?",
        "answer": "Without the word the denoiser believes a little in every place where cat and boat could stand. The"
        " word takes those ghosts away: {above} = ln 4 nats, for four relations.",
        "state": {"scene": TOWER, "text": ABOVE, "word": "above", "question": "CMI", "logsnr": -6.0},
    },
    {
        "title": "“green”",
        "sentence": "The cat is red; the caption says “green”.",
        "question": "What will iˢ and i° say of “green”? One of them cannot be trusted as a score of fit.",
        "answer": "By counting, the word is infinitely wrong; of pictures blurred by the world’s 0.1 it has {misfit}"
        " nats, and iˢ converges there, slowly: few draws carry it. i° is a mean of squares: it is large and positive."
        " It measures how far the word moves the denoiser, not whether it should.",
        "state": {"scene": DAY, "text": WRONG, "word": "green", "question": "CMI", "logsnr": 4.0},
    },
    {
        "title": "“left of”",
        "sentence": "“Left of” alone says that two things stand side by side, not one above the other.",
        "question": "Given all the other words it has more nats than alone. How many, and what are they about?",
        "answer": "Alone {side} = ln 2, given the rest {side_given_rest} = ln 4: which of the two stands on which side"
        " follows from the relation and the nouns together, from neither without the other.",
        "state": {"scene": DAY, "text": PLAIN, "word": "left of", "question": "CMI", "logsnr": -6.0},
    },
    {
        "title": "all shuffled",
        "sentence": "A bag of words knows which words are there, not in which order. The question compares the caption"
        " with its own words in every order that the grammar allows.",
        "question": "How many nats has the order here? And would “right” for “left” change anything for such an"
        " encoder?",
        "answer": "{order} = ln 4 nats: whose colour is whose, who stands left. To the bag “left” and “right” are the"
        " same: each of its orders with the one has a twin with the other, of the same scene.",
        "state": {"scene": DAY, "text": PLAIN, "word": "left of", "question": "order", "logsnr": -6.0},
    },
    {
        "title": "learned",
        "sentence": "A network has learned this world from pictures and captions. Press “Ask the trained network too”:"
        " it sees the same noise as the exact denoiser.",
        "question": "In its own context the network says more than {colour} nats of “red”; against the alternatives it"
        " does not. Where does the surplus come from?",
        "answer": "Without “red” the right answer is the mean of four colours, which the network draws worse than one"
        " of them: the two pictures below its numbers show it. That error counts as information of the word. Against"
        " four whole captions there is no such mean to be drawn; by Bayes’ rule it can say ln 4 = {colour} at most.",
        "state": {"scene": DAY, "text": PLAIN, "word": "red", "question": "against", "logsnr": -6.0},
    },
)


@cache
def stops() -> list[dict]:
    """The guided stops: [{title, sentence, question, answer, state}], every number computed here, exactly."""
    numbers = {name: text.replace("-", "−") for name, text in _numbers().items()}
    texts = ("question", "answer")
    return [t | {k: t[k].format(**numbers) for k in texts} | {"state": link(**t["state"])} for t in STOPS]


def _numbers():
    """What the answers say in nats, {name: text}."""
    exact = ExactScenes()
    x = exact.encode(render(DAY)).double()
    nats = {
        "colour": information(DAY, PLAIN, COLOURLESS),
        "moon": information(NIGHT, "moon"),
        "moon_given_night": information(NIGHT, f"{ONCE} moon", ONCE),
        "above": information(TOWER, ABOVE, SIDELESS),
        "side": information(DAY, "left of"),
        "side_given_rest": information(DAY, PLAIN, SIDELESS),
        "order": nats_of_order(DAY, PLAIN),
    }
    misfit = (exact.log_prob(x, WRONG) - exact.log_prob(x, COLOURLESS)).item()
    return {name: f"{value:.3f}" for name, value in nats.items()} | {"misfit": f"{misfit:,.0f}"}


def nats_of_order(scene: Scene, text: str) -> float:
    """What a caption of two colours and two nouns has beyond its words in any order, exact nats."""
    words, found = text.split(), set()
    colours, nouns = ([w for w in words if grammar.CLASS[w] == kind] for kind in ("colour", "noun"))
    for a in (colours, colours[::-1]):
        for b in (nouns, nouns[::-1]):
            swap = dict(zip(colours + nouns, a + b, strict=True))
            found.add(" ".join(swap.get(w, w) for w in words))
    joint = [meaning.log_likelihoods(t) for t in found]
    at = np.logaddexp.reduce([log_likelihood[grammar.position(scene)].item() for log_likelihood, _ in joint])
    bag = at - np.logaddexp.reduce([evidence for _, evidence in joint])
    return information(scene, text) - bag
