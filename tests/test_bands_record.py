"""The record of chapter 21 is what its command measures now."""

import json

import pytest
import torch

import infodecomp as idc
from infodecomp.experiments import bands, origin
from infodecomp.experiments.reproduced import RECORDS

RECORD = json.loads((RECORDS / "bands.json").read_text(encoding="utf-8"))


def test_its_settings_and_weights_are_those_of_the_package():
    settings = {"seed": bands.SEED, "samples": bands.SAMPLES, "full": bands.FULL}
    assert settings.items() <= RECORD["settings"].items() and RECORD["sha256"] == origin.hashes("scenes-net")
    assert RECORD["settings"]["levels"] == list(bands.LEVELS) and RECORD["settings"]["radii"] == list(bands.RADII)
    for part, counts in bands.COUNT.items():
        for name, count in counts.items():
            found = RECORD["denoisers"][name][part]
            every = found.values() if part == "words" else (k for p in found.values() for k in p.values())
            assert all(len(one["truth"]) == count if part == "words" else one["count"] == count for one in every)


SLOW = pytest.mark.slow  # many evaluations of the network


@pytest.mark.parametrize(
    "name, model", [("exact", "scenes"), pytest.param("scenes-net", "scenes-net", marks=SLOW)], ids=["exact", "network"]
)
def test_the_first_pictures_come_out_again(name, model):
    count = 4 if name == "exact" else 2
    again = bands.words(idc.load(model), count, bands.SAMPLES[name])
    for kind, stored in RECORD["denoisers"][name]["words"].items():
        assert stored["truth"][:count] == again[kind]["truth"]
        old, new = (torch.tensor(one["pictures"])[..., :count] for one in (stored, again[kind]))
        assert torch.allclose(old, new, atol=2e-3, rtol=2e-3)


def test_both_denoisers_saw_the_same_pictures():
    exact, network = (RECORD["denoisers"][name]["words"] for name in ("exact", "scenes-net"))
    for kind in exact:
        count = len(network[kind]["truth"])
        assert exact[kind]["truth"][:count] == network[kind]["truth"]


def test_frequencies_and_bands_have_one_total():
    for part in RECORD["denoisers"].values():
        for kind in part["words"].values():
            nats, rings = torch.tensor(kind["pictures"])[:, 1].mean(1), torch.tensor(kind["radius"])[..., 0].sum(1)
            assert torch.allclose(nats, rings, atol=2e-4)


def test_pruning_kept_its_promise():
    for part in RECORD["denoisers"].values():
        for proposal in part["prune"].values():
            for kind in proposal.values():
                shares = [kind[str(error)][2] for error in bands.ERRORS]
                assert all(kind[str(error)][0] <= error * kind["count"] for error in bands.ERRORS)
                assert shares == sorted(shares, reverse=True) and 0 < shares[-1] and shares[0] <= 1
