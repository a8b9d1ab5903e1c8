"""Word by word: the information of each word of a caption about a picture, alone and given the rest, from one pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from .captions import find, is_word, units, without, word_at
from .checks import is_whole, refuse, shown
from .checks import text as check_text
from .denoiser import Model
from .estimates.alternatives import Alternatives, along_paths, check_paths
from .estimates.estimate import Estimate, run
from .estimates.measure import Quantity
from .estimates.sampling import Sampling, samples_of
from .integrate import Proposal

ENDS = {"orthogonal": "", "standard": "_standard"}  # of the names of the lists of WordMaps


@dataclass(frozen=True)
class WordMaps:
    """The information of each word about one image. Lists run over `words`; each Estimate has one row.

    mi: i^o(x; word alone); cmi: i^o(x; word | rest of the caption); mi_standard and cmi_standard: the same as i^s, on
    the same noise. .nats, .stderr, .map and .map_stderr of each as everywhere; resolution: (h, w) of the maps.
    positions: where in caption.split() each word or phrase begins. against: None, or i^o and its map with the mixture
    of the word's alternatives as context, which a denoiser that is poor without the word cannot inflate.
    """

    image: Any
    caption: str
    words: list[str]
    positions: list[int]
    mi: list[Estimate]
    cmi: list[Estimate]
    mi_standard: list[Estimate]
    cmi_standard: list[Estimate]
    against: list[Estimate] | None = None

    @property
    def resolution(self) -> tuple[int, int]:
        """(h, w) of the maps."""
        height, width = self.mi[0].map.shape[-2:]
        return height, width

    def __repr__(self) -> str:
        each = [
            f"{word}: MI {m.nats[0]:.2f} ± {m.stderr[0]:.2f}, CMI {c.nats[0]:.2f} ± {c.stderr[0]:.2f}"
            for word, m, c in zip(self.words, self.mi, self.cmi, strict=True)
        ]
        return f"WordMaps({'; '.join(each)} nats)"


def word_maps(
    model: Model,
    image: Any,
    caption: str | Sequence[str],
    words: Sequence | None = None,
    *,
    placeholder: str | None = None,
    alternatives: Callable[[str, int], Alternatives] | None = None,
    noise: str = "plain",
    samples: int | None = None,
    seed: int = 0,
    proposal: Proposal | str | None = None,
    batch_size: int | None = None,
    tolerance: float | None = None,
    max_samples: int | None = None,
) -> WordMaps | list[WordMaps]:
    """MI and CMI of words with a picture, in nats and per pixel: 2W + 2 evaluations per sample for W words.

    model: from infodecomp.load. image: what model.encode takes. words: None for all (but dashes and other marks that
    stand alone); else a list of words and phrases (each of its occurrences, as a whole word whatever its case,
    punctuation aside) or of positions in caption.split().
    The context of a word is the caption without it, or with a placeholder ("_") in its place.
    alternatives: a function of (caption, position) that gives Alternatives, such as infodecomp.scenes.alternatives;
    then each word is measured against them as well, at one more evaluation per sample and alternative.
    Other arguments as infodecomp.nll, tolerance for the largest error of all. Returns WordMaps. Raises ValueError for a
    word that is not in the caption.

    Lists of images and captions (and words: None, or one entry for each) give a list of WordMaps, in one pass for those
    with equally many chosen words. Image i has the noise of row i of x in infodecomp.nll; measured alone, of row 0.
    """
    sampling = Sampling(samples_of(samples, model), seed, proposal, batch_size, noise, tolerance, max_samples)
    _check_options(model, placeholder, alternatives, sampling)
    asked, x = _asked(model, image, caption, words, placeholder), model.encode(image)
    if len(x) != len(asked):
        raise ValueError(f"image must be one for each caption, got {len(x)} for {len(asked)}")
    maps: dict[int, WordMaps] = {}
    for count in sorted({len(one.words) for one in asked}):
        rows = [i for i, one in enumerate(asked) if len(one.words) == count]
        maps |= zip(rows, _measured(model, x, asked, rows, alternatives, sampling), strict=True)
    return [maps[i] for i in range(len(asked))] if isinstance(caption, list | tuple) else maps[0]


def _check_options(model, placeholder, alternatives, sampling):
    if not (callable(model) and callable(getattr(model, "encode", None))):
        refuse("model", "one of infodecomp.load", model)
    if placeholder is not None:
        check_text("placeholder", placeholder, "a str or None")
    if alternatives is not None:
        if not callable(alternatives):
            refuse("alternatives", "a function of (caption, position)", alternatives)
        check_paths(sampling)


def _against(model, x, one, i, alternatives, sampling):
    """Image i against the alternatives of each of its words, None where there is no such function."""
    if alternatives is None:
        return None
    given, only = [alternatives(one.caption, start) for start in one.positions], replace(sampling, items=[i])
    return [along_paths(model, x[i : i + 1], one.caption, other, "orthogonal", only) for other in given]


class _Asked(NamedTuple):
    """One image's caption, its words as they stand alone, where they begin, and the caption without each."""

    image: Any
    caption: str
    words: list[str]
    positions: list[int]
    rest: list[str]


def _asked(model, image, caption, words, placeholder):
    single = not isinstance(caption, list | tuple)
    many = not single and isinstance(image, list | tuple)
    images, captions = list(image) if many else [image], [caption] if single else list(caption)
    if not (single or words is None or isinstance(words, Sequence)):
        refuse("words", "None or a list, one entry for each caption", words)
    words = [words] * len(captions) if single or words is None else list(words)
    if not len(images) == len(captions) == len(words) > 0:
        got = f"{len(images)}, {len(captions)} and {len(words)}"
        raise ValueError(f"image, caption and words must be lists of one length, got {got}")
    found = []
    for picture, text, some in zip(images, captions, words, strict=True):
        chosen = _chosen(model, text, some)
        rest = [without(text, start, stop, placeholder) for start, stop, _ in chosen]
        drawn = getattr(model, "drawn", lambda image: image)(picture)  # a picture named by its character
        found.append(_Asked(drawn, text, [word_at(text, *unit[:2]) for unit in chosen], [u[0] for u in chosen], rest))
    return found


def _measured(model, x, asked, rows, alternatives, sampling):
    """WordMaps of some rows, which have equally many words, from one pass."""
    some = [asked[i] for i in rows]
    texts = zip(*([one.caption, *one.words, *one.rest] for one in some), strict=True)
    conditions = [None, *(list(column) if len(some) > 1 else column[0] for column in texts)]
    count = len(some[0].words)
    mi = {("mi" + end, k): Quantity(kind, 2 + k, 0) for kind, end in ENDS.items() for k in range(count)}
    cmi = {("cmi" + end, k): Quantity(kind, 1, 2 + count + k) for kind, end in ENDS.items() for k in range(count)}
    quantities = mi | cmi
    pairs = {f"conditions[{k}]": (model, condition) for k, condition in enumerate(conditions)}
    found = run(x[rows], pairs, list(quantities.values()), replace(sampling, items=rows))
    estimates = dict(zip(quantities, found, strict=True))
    names = [what + end for what in ("mi", "cmi") for end in ENDS.values()]
    for row, (i, one) in enumerate(zip(rows, some, strict=True)):
        lists = {name: [estimates[name, k][row] for k in range(count)] for name in names}
        against = _against(model, x, one, i, alternatives, sampling)
        yield WordMaps(one.image, one.caption, one.words, one.positions, **lists, against=against)


def _chosen(model, caption, words):
    if not isinstance(caption, str) or not caption.split():
        raise ValueError(f"caption must be a str with at least one word, got {shown(caption)}")
    if words is not None and (isinstance(words, str) or not isinstance(words, Sequence) or not words):
        refuse("words", "None or a list of words, phrases and positions", words)
    every = units(caption, getattr(model, "phrases", ()))
    if words is None:
        return [u for u in every if is_word(u[2])] or every
    return [u for word in words for u in _find(every, caption, word)]


def _find(every, caption, word):
    if is_whole(word):
        found = [u for u in every if u[0] == word]
    else:
        found = find(caption, word, every) if isinstance(word, str) else []
    if not found:
        raise ValueError(f"words must be words or phrases of {caption!r}, or where they begin, got {shown(word)}")
    return found
