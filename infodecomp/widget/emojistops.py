"""The guided stops of the emoji lab: what each shows, asks and answers."""

import math
from functools import cache
from typing import Any

from .emojipack import world
from .emojistate import checked, link

# {context}, {fits} and {nats} are numbers of the stop: of emoji that fit without the word and with it, and of nats.
STOPS: tuple[dict[str, Any], ...] = (
    {
        "title": "Sunglasses",
        "state": {"picture": "😎", "word": "sunglasses"},
        "sentence": "Take the word “sunglasses” away: which emoji could it still be?",
        "question": "How many nats is the word worth? And why is there colour beside the face, where nothing is?",
        "answer": "{context} emoji are a “smiling face with …”, {fits} of them has sunglasses: ln {context}"
        " = {nats}. Without the word the denoiser believes a little in each of them, with it in this one only. So the"
        " word also takes the horns, hands and hearts of the others away.",
    },
    {
        "title": "One word alone",
        "state": {"picture": "😎", "word": "sunglasses", "alone": True},
        "sentence": "The same word without the others: all emoji are possible.",
        "question": "Is it now worth more, or less? Is its map still on the glasses?",
        "answer": "More: of {context} emoji {fits} fit, ln({context}/{fits}) = {nats}. What the other words"
        " carried before, this one has to carry now.",
    },
    {
        "title": "A redundant word",
        "state": {"picture": "😂", "word": "tears"},
        "sentence": "Here every word but one is given: “face with … of joy”.",
        "question": "What does “tears” add?",
        "answer": "Nothing: {context} emoji fits without the word, and it is this one. Change to “alone”, and the word"
        " is worth a lot.",
    },
    {
        "title": "The hour hand",
        "state": {"picture": "🕒", "word": "three"},
        "sentence": "A clock. Which hour it shows is one word.",
        "question": "How many nats, and on which pixels?",
        "answer": "ln {context} = {nats}: so many full hours there are. The nats lie on the hour hand, and"
        " faintly on the places of the hands of all other hours.",
    },
    {
        "title": "A skin tone",
        "state": {"picture": "👩🏽‍🚒", "word": "medium"},
        "sentence": "The name says “skin tone”, so that it has one is known. Which one is the word “medium”.",
        "question": "Where will the map be, besides the face?",
        "answer": "On all skin, the hand too: ln({context}/{fits}) = {nats} nats.",
    },
    {
        "title": "Your own caption",
        "state": {"picture": "😎", "word": "smiling", "caption": "smiling sunglasses"},
        "sentence": "No emoji is called “smiling sunglasses”. A caption is any set of words, in any order.",
        "question": "What does “smiling” add after “sunglasses”? Then ask a caption of your own.",
        "answer": "{context} emoji have “sunglasses”, {fits} of them smiles: ln {context} = {nats}. The other one"
        " is a pair of glasses without a face.",
    },
)


@cache
def stops() -> list[dict]:
    """The guided stops: [{title, sentence, question, answer, state}], every number counted here."""
    return [stop | {"state": link(checked(**stop["state"])), "answer": _answer(stop)} for stop in STOPS]


def _answer(stop):
    state, known = checked(**stop["state"]), world()
    caption = state.caption or state.name
    rest = "" if state.alone else " ".join(word for word in caption.split() if word != state.word)
    context, fits = (known.count(text) for text in (rest, f"{rest} {state.word}"))
    nats = math.log(context / fits)
    return stop["answer"].format(context=f"{context:,}", fits=fits, nats=f"{nats:.3f}")
