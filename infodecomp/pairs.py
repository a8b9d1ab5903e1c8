"""Two words: what both say about a picture, what only one of them says, and what they say only together.

With i(y) the information of y about the picture in a context, the four parts obey
    i(a) = R + U_a,   i(b) = R + U_b,   i(a, b) = R + U_a + U_b + S             (Williams & Beer, 2010),
one equation short: a definition of R makes up for it. Both definitions here are the smaller or larger of two numbers.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any

import torch

from .captions import without, word_at
from .checks import choice, refuse, shown
from .checks import text as check_text
from .denoiser import Model
from .estimates.estimate import Estimate, run
from .estimates.measure import Quantity
from .estimates.sampling import Sampling, check_kind, samples_of
from .integrate import Proposal
from .numbers import pm
from .saved import Saved
from .words import about_of, check_model, chosen, counter, seen

PARTS = "redundancy", "unique_a", "unique_b", "synergy"
REDUNDANCIES = "minimum", "overlap"
CONDITIONS = "context", "a", "b", "both"
NORMAL = NormalDist()


@dataclass(frozen=True, repr=False)
class WordPairs(Saved):
    """Two words of a caption about one picture: their informations, and the four parts these are made of.

    image, caption, about: as in WordMaps. words, positions: a and b, and where in caption.split() they begin.
    given: None or "rest", the context. measured: {kind: {"a", "b", "both": Estimate of i(x; · | context)}} of one row,
    kind "standard" (i^s) or "orthogonal" (i^o); of i^s also "a|b", "both|a" and "both|b", differences of these.
    counted: None, or {"a", "b", "both"} in exact nats, where the model's world knows the picture and counts.
    """

    image: Any
    caption: str
    words: list[str]
    positions: list[int]
    given: str | None
    measured: dict[str, dict[str, Estimate]]
    about: dict[str, Any] = field(default_factory=dict)
    counted: dict[str, float] | None = None

    def information(self, y: str, given: str = "context", kind: str = "standard") -> Estimate:
        """i(x; y) − i(x; given) in nats, an Estimate of one row; y and given among "context", "a", "b" and "both".

        Of i^s this is i^s(x; y | given). Its map has errors (map_stderr) unless it is a difference of i^o.
        """
        check_kind(kind)
        choice("y", y, CONDITIONS)
        choice("given", given, CONDITIONS)
        found = self.measured[kind]
        for first, second, sign in ((y, given, 1), (given, y, -1)):
            name = first if second == "context" else f"{first}|{second}"
            if name in found:
                return found[name] if sign == 1 else -found[name]
        return found[y] - found[given] if y != given else _zero(found["a"])

    def parts(self, redundancy: str = "minimum", kind: str = "standard") -> dict[str, Estimate]:
        """{"redundancy", "unique_a", "unique_b", "synergy"}: Estimates of one row, which sum to i(x; a, b | context).

        redundancy "minimum": R = min(i(a), i(b)), with the map of the word that has it. "overlap": R = max(0, i(a) +
        i(b) − i(a, b)), the least R for which S ≥ 0; then R or S is zero. kind "standard": i^s, which counting checks.
        "orthogonal": the same of i^o, whose draws vary less. i(a), i(b) and i(a, b) agree with those of i^s on average
        over pictures; their parts need not, as a minimum is not linear.
        stderr is √(s₁² + e^(−t²/2)·max(0, s₂² − s₁²)): s₁ of the number taken, s₂ of the other, t their distance in
        bare standard errors of their difference (Estimate.variance). So near a tie it is the larger of both. Which of
        two numbers comes out smaller is chance there, and draws that make one too small make its error small as well.
        ±2 of it hold the truth as often as those of i(a) and i(b), or more often. map_stderr is of the map that is
        shown. `bias` says how far the parts are off. ValueError for others.
        """
        apart, low, high = self._cases(redundancy, kind)
        taken, other = (low, high) if apart.nats.item() <= 0 else (high, low)
        tied = math.exp(-(_distance(apart) ** 2) / 2)  # how likely a tie is, beside the distance that was measured
        found = {}
        for name, one, two in zip(PARTS, taken, other, strict=True):
            one, two = one or _zero(apart), two or _zero(apart)
            error = (one.stderr**2 + tied * (two.stderr**2 - one.stderr**2).clamp_min(0)).sqrt()
            found[name] = replace(one, stderr=error)
        return found

    def bias(self, redundancy: str = "minimum", kind: str = "standard") -> dict[str, float]:
        """{part: nats} that noise adds to each part on average, if the two numbers lie as far apart as measured.

        The smaller of two noisy numbers is too small: in a tie by 0.4 of the bare standard error of their difference.
        "minimum" lowers R and S by it and raises U; "overlap" raises R and S. ValueError as `parts`.
        """
        apart = self._cases(redundancy, kind)[0]
        t, spread = _distance(apart), _bare(apart)
        size = spread * (NORMAL.pdf(t) - t * NORMAL.cdf(-t)) if spread else 0.0
        sign = -1 if redundancy == "minimum" else 1
        return dict(zip(PARTS, (sign * size, -sign * size, -sign * size, sign * size), strict=True))

    def counted_parts(self, redundancy: str = "minimum") -> dict[str, float] | None:
        """The same parts of the counted nats; None where they are not counted, or a word does not fit the picture."""
        choice("redundancy", redundancy, REDUNDANCIES)
        if self.counted is None or not all(map(math.isfinite, self.counted.values())):
            return None
        nats = {"context": 0.0} | self.counted
        apart, low, high = _cases(redundancy, lambda y, given="context": nats[y] - nats[given])
        return dict(zip(PARTS, (part or 0.0 for part in (low if apart <= 0 else high)), strict=True))

    def _cases(self, redundancy, kind):
        choice("redundancy", redundancy, REDUNDANCIES)
        check_kind(kind)
        return _cases(redundancy, lambda y, given="context": self.information(y, given, kind))

    @property
    def resolution(self) -> tuple[int, int]:
        """(h, w) of the maps."""
        height, width = self.measured["standard"]["a"].map.shape[-2:]
        return height, width

    def __repr__(self) -> str:
        each = [f"{name} {pm(e[0])}" for name, e in self.parts().items()]
        return f"WordPairs({' and '.join(map(repr, self.words))}; {', '.join(each)} nats)"


def _cases(redundancy: str, i: Callable) -> tuple[Any, tuple, tuple]:
    """(D, the parts where D ≤ 0, the parts where D > 0) of informations i(y, given); None is zero."""
    if redundancy == "minimum":
        low = i("a"), None, i("b", "a"), i("both", "b")
        return i("a", "b"), low, (i("b"), i("a", "b"), None, i("both", "a"))
    common = i("a") - i("both", "b")
    return common, (None, i("a"), i("b"), -common), (common, i("both", "b"), i("both", "a"), None)


def _zero(estimate):
    return replace(estimate - estimate, map_stderr=torch.zeros_like(estimate.map))


def _bare(estimate):
    """The standard error before it is widened: few draws skew a number, while a difference at a tie is symmetric."""
    return estimate.variance.sqrt().item()


def _distance(apart):
    """How many bare standard errors a difference is from zero."""
    return abs(apart.nats.item()) / _bare(apart) if _bare(apart) else math.inf


def word_pairs(
    model: Model,
    image: Any,
    caption: str,
    a: str | int,
    b: str | int,
    *,
    given: str | None = None,
    placeholder: str | None = None,
    noise: str = "plain",
    samples: int | None = None,
    seed: int = 0,
    proposal: Proposal | str | None = None,
    batch_size: int | None = None,
    tolerance: float | None = None,
    max_samples: int | None = None,
    progress: bool | None = None,
) -> WordPairs:
    """Redundancy, unique parts and synergy of two words with a picture, in nats and per pixel, from one pass.

    model, image: as in word_maps, one picture. a, b: words or phrases that stand once in the caption, or positions in
    caption.split(). Four evaluations per sample, on shared noise: given: None compares nothing, a, b, and both ("owl
    night", in the caption's order) with each other; "rest" adds the rest of the caption to each, so that they are the
    caption without both words, one of them, or none (or with a placeholder "_" in their place). Other arguments as
    infodecomp.nll, tolerance for the largest error of all. Returns WordPairs, whose `parts` take a definition of
    redundancy. Raises ValueError for words that are not in the caption once, or overlap.
    """
    samples = samples_of(samples, model)
    sampling = Sampling(samples, seed, proposal, batch_size, noise, tolerance, max_samples, progress=progress)
    _check_options(model, given, placeholder)
    places = [_place(model, caption, name, word) for name, word in (("a", a), ("b", b))]
    texts = _texts(caption, places, given, placeholder)
    measured = _measured(model, image, texts, sampling)
    image = seen(model, getattr(model, "drawn", lambda image: image)(image))
    words, starts = [word_at(caption, *place) for place in places], [start for start, _ in places]
    about = about_of(model, {"given": given, "placeholder": placeholder} | vars(sampling))
    return WordPairs(image, caption, words, starts, given, measured, about, _counted(model, image, texts))


def _check_options(model, given, placeholder):
    check_model(model)
    if given not in (None, "rest"):
        refuse("given", 'None or "rest"', given)
    if placeholder is not None:
        check_text("placeholder", placeholder, "a str or None")
        if given is None:
            raise ValueError(f'placeholder needs given="rest", got {placeholder!r:.60} without it')


def _measured(model, image, texts, sampling):
    """WordPairs.measured, from one pass."""
    x = model.encode(image)
    if len(x) != 1:
        raise ValueError(f"image must be one picture, got {len(x)}")
    asked = {"a": (1, 0), "b": (2, 0), "both": (3, 0)}
    quantities = {("orthogonal", name): Quantity("orthogonal", *pair) for name, pair in asked.items()}
    asked |= {"a|b": (1, 2), "both|a": (3, 1), "both|b": (3, 2)}
    quantities |= {("standard", name): Quantity("standard", *pair) for name, pair in asked.items()}
    pairs = {name: (model, text) for name, text in zip(CONDITIONS, texts, strict=True)}
    measured: dict[str, dict[str, Estimate]] = {"standard": {}, "orthogonal": {}}
    for (kind, name), estimate in zip(quantities, run(x, pairs, list(quantities.values()), sampling), strict=True):
        measured[kind][name] = estimate
    return measured


def _place(model, caption, name, word):
    """(first, last + 1) of a word that stands once in a caption."""
    found = chosen(model, caption, [word], name)
    if len(found) != 1:
        raise ValueError(f"{name} must stand once in {caption!r:.200}, or be a position, got {shown(word)}")
    return found[0][:2]


def _texts(caption, places, given, placeholder):
    """The four conditions: the context, with a, with b, with both."""
    (first, stop), (second, end) = sorted(places)
    if second < stop:
        raise ValueError(f"a and b must not overlap in {caption!r:.200}, got positions {first} and {second}")
    if given is None:
        alone = [word_at(caption, *place) for place in places]
        return None, *alone, f"{word_at(caption, first, stop)} {word_at(caption, second, end)}"
    less = {place: without(caption, *place, placeholder) for place in places}
    context = without(without(caption, second, end, placeholder), first, stop, placeholder)
    return context, less[places[1]], less[places[0]], caption


def _counted(model, image, texts):
    """{"a", "b", "both"} in exact nats; None where one of them is not counted."""
    nats = counter(model, image)
    found = (
        {name: nats(text, texts[0] or "") for name, text in zip(CONDITIONS[1:], texts[1:], strict=True)} if nats else {}
    )
    return found if found and None not in found.values() else None
