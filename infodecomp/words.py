"""Word by word: what each word of a caption tells about a picture, alone and after the others, from one pass."""

from dataclasses import dataclass

from .estimate import Estimate, _estimate, pointwise_information
from .measure import Quantity


@dataclass(frozen=True)
class WordMaps:
    """What each word tells about one image. Lists run over `words`; each Estimate has one row.

    mi: i^o(x; word alone); cmi: i^o(x; word | rest of the caption); mi_standard and cmi_standard: the same as i^s, on
    the same noise. .nats, .stderr, .map and .map_stderr of each as everywhere; resolution: (h, w) of the maps.
    positions: where in caption.split() each word or phrase begins. against: None, or i^o and its map with the mixture
    of the word's alternatives as context, which a weak branch without the word cannot inflate.
    """

    image: object
    caption: str
    words: list[str]
    positions: list[int]
    mi: list[Estimate]
    cmi: list[Estimate]
    mi_standard: list[Estimate]
    cmi_standard: list[Estimate]
    against: list[Estimate] | None = None

    @property
    def resolution(self):
        return tuple(self.mi[0].map.shape[-2:])

    def __repr__(self):
        each = [
            f"{word}: MI {m.nats[0]:.2f} ± {m.stderr[0]:.2f}, CMI {c.nats[0]:.2f} ± {c.stderr[0]:.2f}"
            for word, m, c in zip(self.words, self.mi, self.cmi, strict=True)
        ]
        return f"WordMaps({'; '.join(each)} nats)"


def units(caption, phrases=()):
    """[(first, last + 1, text)] of a caption's words, a phrase ("left of") counting as one."""
    words, found, i = caption.split(), [], 0
    while i < len(words):
        length = max((len(p.split()) for p in phrases if words[i:][: len(p.split())] == p.split()), default=1)
        found.append((i, i + length, " ".join(words[i : i + length])))
        i += length
    return found


def word_maps(
    model, image, caption, words=None, *, alternatives=None, samples=100, seed=0, proposal=None, batch_size=None
):
    """MI and CMI of words with a picture, in nats and per pixel: 2W + 2 evaluations per sample for W words.

    model: from infodecomp.load. image: what model.encode takes. words: None for all; else a list of words and phrases
    (each of its occurrences) or of positions in caption.split(). The context of a word is the caption without it.
    alternatives: a function of (caption, position) that gives Alternatives, such as infodecomp.scenes.alternatives;
    then each word is measured against them as well, at one more evaluation per sample and alternative.
    Other arguments as infodecomp.nll. Returns WordMaps. Raises ValueError for a word that is not in the caption.
    """
    if not isinstance(caption, str) or not caption.split():
        raise ValueError(f"caption must be a str with at least one word, got {caption!r:.60}")
    every = units(caption, getattr(model, "phrases", ()))
    chosen = every if words is None else [u for word in words for u in _find(every, caption, word)]
    split = caption.split()
    alone = [text for _, _, text in chosen]
    rest = [" ".join(split[:start] + split[stop:]) for start, stop, _ in chosen]
    conditions = {"": None, "caption": caption}
    conditions |= {f"word {k}": word for k, word in enumerate(alone)} | {f"rest {k}": c for k, c in enumerate(rest)}
    count = len(chosen)
    quantities = [Quantity(kind, 2 + k, 0) for kind in ("orthogonal", "standard") for k in range(count)]
    quantities += [Quantity(kind, 1, 2 + count + k) for kind in ("orthogonal", "standard") for k in range(count)]
    encoded = {name: model.condition(c) for name, c in conditions.items()}
    options = (samples, seed, proposal, batch_size, None, samples)
    found = _estimate(model, model.encode(image), encoded, quantities, *options)
    mi, mi_standard, cmi, cmi_standard = (found[k * count : (k + 1) * count] for k in range(4))
    starts, against = [start for start, _, _ in chosen], None
    if alternatives is not None:
        options = {"samples": samples, "seed": seed, "proposal": proposal, "batch_size": batch_size}
        places = [alternatives(caption, start) for start in starts]
        against = [pointwise_information(model, model.encode(image), caption, place, **options) for place in places]
    return WordMaps(image, caption, alone, starts, mi, cmi, mi_standard, cmi_standard, against)


def _find(every, caption, word):
    if isinstance(word, int) and not isinstance(word, bool):
        found = [u for u in every if u[0] == word]
    else:
        found = [u for u in every if u[2] == word]
    if not found:
        raise ValueError(f"words must be words or phrases of {caption!r}, or where they begin, got {word!r}")
    return found
