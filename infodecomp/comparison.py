"""Everything among K conditions at once, on shared noise: differences between them are paired."""

from .estimate import _check_kind, _estimate
from .measure import Quantity


class Comparison:
    """Every quantity among K conditions on shared noise, made by `compare`; its estimates subtract as paired.

    A condition is named by its position or, if it is None or a str, by itself (ValueError for any other).
    """

    def __init__(self, conditions, estimates):
        self.conditions, self._estimates = conditions, estimates

    def _index(self, key):
        names = [c if c is None or isinstance(c, str) else i for i, c in enumerate(self.conditions)]
        if (key is None or isinstance(key, str)) and key in names:
            return names.index(key)
        if isinstance(key, int) and 0 <= key < len(names):
            return key
        raise ValueError(f"condition must be a position below {len(names)} or one of those compared, got {key!r:.60}")

    def nll(self, condition):
        """Estimate of −log p(x | condition), or of −log of its mass."""
        return self._estimates["nll", self._index(condition), None]

    def information(self, y, given=None, kind="orthogonal"):
        """Estimate of i(x; y | given), as pointwise_information; `given` None must be among the conditions too."""
        _check_kind(kind)
        y, given = self._index(y), self._index(given)
        if y == given:
            return self.nll(y) - self.nll(y)
        found = self._estimates[kind, min(y, given), max(y, given)]
        return -found if kind == "standard" and y > given else found


def compare(
    denoiser,
    x,
    conditions,
    *,
    noise="plain",
    samples=100,
    seed=0,
    proposal=None,
    batch_size=None,
    tolerance=None,
    max_samples=10_000,
):
    """Every NLL, i^s and i^o (hence every CMI) among K conditions: K evaluations per sample, all on the same noise.

    conditions: a list of K conditions, each as in nll. Other arguments and Raises as for nll. Returns a Comparison:
    .nll(a), .information(a, given=b, kind=…), and paired differences by subtracting these.
    """
    if not isinstance(conditions, list) or not conditions:
        raise ValueError(f"conditions must be a list of at least one condition, got {conditions!r:.60}")
    names = [("nll", k, None) for k in range(len(conditions))]
    pairs = [(a, b) for b in range(len(conditions)) for a in range(b)]
    names += [(kind, a, b) for a, b in pairs for kind in ("standard", "orthogonal")]
    named = {f"conditions[{k}]": condition for k, condition in enumerate(conditions)}
    options = (samples, seed, proposal, batch_size, tolerance, max_samples, noise)
    estimates = _estimate(denoiser, x, named, [Quantity(*name) for name in names], *options)
    return Comparison(conditions, dict(zip(names, estimates, strict=True)))
