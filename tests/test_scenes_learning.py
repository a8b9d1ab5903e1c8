"""What chapters 11 and 12 say of the network while it learned, and of the green one before it, from their records."""

import json
import math
from pathlib import Path

import pytest

import infodecomp as idc

RECORDS = Path(idc.__file__).parent / "experiments" / "records"
GREEN = json.loads((RECORDS / "green.json").read_text())
LEARNED = {int(step): each for step, each in json.loads((RECORDS / "learning.json").read_text()).items()}
STEPS = sorted(LEARNED)
KINDS = ("noun", "colour", "relation")


def cost(record, given):
    """The sum of the excess over bands, and its standard error, as if those of bands were independent."""
    bands = record["excess"][given]
    return sum(nats for nats, _ in bands), math.hypot(*(error for _, error in bands))


def test_the_steps_of_the_figure():
    assert {250, 500, 1000, 2000, 4000} <= set(STEPS)


@pytest.mark.parametrize("step", STEPS)
def test_no_word_exceeds_its_bound_against_alternatives(step):
    for kind, word in LEARNED[step]["words"].items():
        assert word["alternatives"][0] <= word["bound"] + 1e-3, kind


@pytest.mark.parametrize("step", STEPS)
def test_its_own_context_inflates_the_relation_at_every_step(step):
    """By more than two standard errors over pictures, and against alternatives it has all from 500 steps on."""
    word, swaps = LEARNED[step]["words"]["relation"], LEARNED[step]["swaps"]["relation"]["network"]
    assert word["own"][0] - 2 * word["own"][1] > word["bound"]
    assert swaps == [1.0, 0.0]
    if step >= 500:
        assert word["alternatives"][0] == pytest.approx(math.log(4), abs=1e-3)


def test_the_own_context_falls_and_alternatives_rise():
    """From 1,000 steps to the last, the inflation of the three kinds together, and of the relation alone."""
    early, late = (LEARNED[step]["words"] for step in (1000, STEPS[-1]))
    for kinds in (("relation",), KINDS):
        fell = sum(early[kind]["own"][0] - late[kind]["own"][0] for kind in kinds)
        assert fell > 3.3 * math.hypot(*(words[kind]["own"][1] for kind in kinds for words in (early, late)))
    for kind in KINDS:
        assert late[kind]["alternatives"][0] > LEARNED[250]["words"][kind]["alternatives"][0]
        short = late[kind]["truth"][0] - late[kind]["alternatives"][0]
        assert short < 3.3 * late[kind]["alternatives"][1] + 1e-3


def test_the_costs_fall_and_so_does_their_difference():
    for given in ("caption", "fragment", "nothing"):
        found = [cost(LEARNED[step], given)[0] for step in STEPS]
        assert found == sorted(found, reverse=True), given
    extra = [cost(LEARNED[step], "nothing")[0] - cost(LEARNED[step], "caption")[0] for step in STEPS]
    assert extra == sorted(extra, reverse=True) and extra[-1] > 0


def test_the_green_network_looks_right_and_does_not_know_the_side():
    word, (won, error) = GREEN["words"]["relation"], GREEN["swaps"]["relation"]["network"]
    assert abs(won - 0.5) < 3.3 * error
    assert abs(word["alternatives"][0] - math.log(2)) < 3.3 * word["alternatives"][1]
    assert abs(word["own"][0] - math.log(4)) < 3.3 * word["own"][1]
