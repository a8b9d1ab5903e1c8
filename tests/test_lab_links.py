"""A link to the lab holds its whole state: what is written is read, and anything else is refused in one line."""

import re
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import infodecomp as idc
from infodecomp.captions import units
from infodecomp.scenes import grammar, meaning
from infodecomp.widget.lab import link, read, stops

often = settings(max_examples=60, deadline=None, database=None)
scenes = st.integers(0, len(idc.scenes.scenes()) - 1).map(lambda i: idc.scenes.scenes()[i])
FRAGMENTS = ("", "moon", "left of", "red", "the cat left of the blue boat")


@st.composite
def states(draw):
    """All that a lab shows: a scene, a text of it or of another one, and what is asked about which word."""
    scene, other = draw(scenes), draw(scenes)
    text = draw(st.one_of(*map(st.sampled_from, (idc.scenes.captions(scene), idc.scenes.captions(other), FRAGMENTS))))
    return {
        "scene": scene,
        "text": text,
        "word": draw(st.integers(0, max(1, len(units(text, grammar.PHRASES))) - 1)),
        "question": draw(st.sampled_from(("caption", "MI", "CMI", "against", "order"))),
        "kind": draw(st.sampled_from(("orthogonal", "standard"))),
        "seed": draw(st.integers(0, 2**32 - 1)),
        "logsnr": draw(st.floats(-16, 8)),
    }


@often
@given(states())
def test_a_link_brings_the_state_back(state):
    assert read(link(**state)) == state
    assert link(**read(link(**state))) == link(**state)


@often
@given(states(), st.data())
def test_a_word_is_found_where_it_first_stands(state, data):
    words = [unit[2] for unit in units(state["text"], grammar.PHRASES)]
    if not words:
        return
    word = data.draw(st.sampled_from(words))
    assert words[read(link(**state | {"word": word}))["word"]] == word
    with pytest.raises(ValueError, match="word must be one of"):
        link(**state | {"word": "submarine"})


@often
@given(states(), states())
def test_different_states_have_different_links(a, b):
    assert (link(**a) == link(**b)) == (a == b)


@often
@given(states(), st.randoms())
def test_the_order_of_the_parts_does_not_matter(state, random):
    parts = link(**state).split("&")
    random.shuffle(parts)
    assert read("&".join(parts)) == state


@often
@given(states(), st.data())
def test_a_spoilt_part_is_refused_or_read_as_another_state(state, data):
    """Never another error than ValueError, never half a state."""
    parts = dict(parse_qsl(link(**state), keep_blank_values=True))
    name = data.draw(st.sampled_from(sorted(parts)))
    spoilt = data.draw(st.text() | st.sampled_from(("-1", "1e3", "nan", "inf", "99", "none", str(2**32), "red cat")))
    try:
        found = read(urlencode(parts | {name: spoilt}))
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert read(link(**found)) == found and meaning.possible(found["text"])
    del parts[name]
    with pytest.raises(ValueError, match="state must have exactly"):
        read(urlencode(parts))


@often
@given(states())
def test_a_lab_opens_on_the_word_that_is_worth_most(state):
    """By default: given the rest, by i^s. A word that cannot be asked, or of another scene, is worth nothing."""
    scene, text = state["scene"], state["text"]
    found = read(link(scene, text))
    assert (found["question"], found["kind"]) == ("CMI", "standard")
    nats = []
    for start, stop, _ in units(text, grammar.PHRASES):
        rest = " ".join(text.split()[:start] + text.split()[stop:])
        worth = idc.scenes.information(scene, text, rest) if meaning.possible(rest) else 0.0
        nats.append(worth if worth > 0 else 0.0)
    assert not nats or nats[found["word"]] == pytest.approx(max(nats))


def test_a_title_does_not_give_the_answer_away():
    for stop in stops():
        title, answer = ({*re.findall(r"\w+", stop[part].lower())} for part in ("title", "answer"))
        assert (
            title
            and not {word for word in title & answer if len(word) > 2}
            and not re.search(r"\d|\bln\b|√|∞", stop["title"])
        )


def test_bad_links_are_refused():
    good = dict(pair.split("=") for pair in stops()[0]["state"].split("&"))
    wrong = {"layout": "x", "sky": "dusk", "first": "red+cat", "text": "cat cat", "word": "9", "kind": "i"}
    for name, value in (wrong | {"question": "why", "seed": "-1", "logsnr": "99"}).items():
        with pytest.raises(ValueError):
            read("&".join(f"{k}={v}" for k, v in (good | {name: value}).items()))
    with pytest.raises(ValueError, match="state must have exactly"):
        read(urlencode({"layout": "beside-near"}))


@often
@given(st.text())
def test_no_state_is_refused(text):
    with pytest.raises(ValueError):
        read(text)
