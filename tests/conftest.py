"""DESIGN's acceptance of estimates against the truth, for every statistical test; the processor time of all tests."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # several threads wait for each other on a busy machine

import pytest
from scipy.stats import binom


def accept_estimate(estimate, truth):
    """z-scores: |mean| < 3.3/√n, and ±2 s.e. covers as often as it should (binomial 99.9 % interval, both ways)."""
    z = (estimate.nats - truth) / estimate.stderr
    n, covered = len(z), int((z.abs() < 2).sum())
    low, high = binom.interval(0.999, n, 0.9545)
    assert abs(z.mean().item()) < 3.3 / n**0.5, f"mean z {z.mean():.3f} of {n}"
    assert low <= covered <= high, f"covered {covered} of {n}, expected {low:.0f} to {high:.0f}"


@pytest.fixture
def accept():
    return accept_estimate


def pytest_terminal_summary(terminalreporter):
    minutes = sum(os.times()[:4]) / 60  # of this process and those it has waited for
    terminalreporter.write_line(f"{minutes:.1f} minutes of processor time")
