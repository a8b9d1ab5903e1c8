"""Word by word: what each word of a caption tells about a picture, alone and after the others, from one pass."""

import re
from dataclasses import dataclass

from .estimate import Estimate, _estimate
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


def core(word):
    """A word without the punctuation around it: apple of "apple,"; what is nothing but punctuation stays."""
    found = re.search(r"\w(?:.*\w)?", word, re.DOTALL)
    return found[0] if found else word


def units(caption, phrases=()):
    """[(first, last + 1, text)] of a caption's words, a phrase ("left of") counting as one, punctuation as it is."""
    words, found, i = caption.split(), [], 0
    while i < len(words):
        fitting = (len(p.split()) for p in phrases if core(" ".join(words[i:][: len(p.split())])) == p)
        length = max(fitting, default=1)
        found.append((i, i + length, " ".join(words[i : i + length])))
        i += length
    return found


def without(caption, start, stop, placeholder=None):
    """The caption less the words start … stop − 1 of caption.split(), with a placeholder ("_") in their place or none.

    Single spaces remain. Punctuation around the words stays: before a placeholder's place or after it, else with the
    neighbour, where it gives way to a stronger mark or takes a weaker one's place; a pair around them (quotes,
    brackets) goes with them. Raises ValueError for positions that are not in the caption.
    """
    split = caption.split()
    if not (isinstance(start, int) and isinstance(stop, int) and 0 <= start < stop <= len(split)):
        raise ValueError(f"start and stop must be positions of {caption!r:.200}, got {start!r} and {stop!r}")
    span, left, right = " ".join(split[start:stop]), split[:start], split[stop:]
    kept = core(span)
    before, after = span.split(kept, 1)
    if placeholder is not None:
        return " ".join([*left, before + placeholder + after, *right])
    while before and after and before[-1] + after[0] in ("()", "[]", "{}", "“”", "‘’", "«»", '""', "''"):
        before, after = before[:-1], after[1:]
    if before and right:
        right[0] = before + right[0]
    if after and left:
        if left[-1][-1] in ",;:":
            left[-1] = left[-1].rstrip(",;:") + after
        elif left[-1][-1] not in ".!?" or after[0] not in ",;:.!?":
            left[-1] += after
    return " ".join(left + right)


def token_indices(tokenizer, caption, start, stop):
    """Where the words start … stop − 1 of caption.split() stand in a (fast) tokenizer's sequence, sub-words and all.

    Special tokens count, tokens of the punctuation around the words do not. Tokens beyond the tokenizer's length are
    cut off; ValueError if none remains.
    """
    places = [match.span() for match in re.finditer(r"\S+", caption)]
    first, last = places[start][0], places[stop - 1][1]
    inner = core(caption[first:last])
    first += caption[first:last].index(inner)
    last = first + len(inner)
    spans = tokenizer(caption, return_offsets_mapping=True, verbose=False)["offset_mapping"]  # (0, 0) of special tokens
    spans = spans[: tokenizer.model_max_length - 1]  # the end token has the last place
    found = [i for i, (a, b) in enumerate(spans) if a < last and b > first]
    if not found:
        raise ValueError(f"the encoder must see the word {inner!r}, its tokens are cut off from {caption!r:.200}")
    return found


def word_maps(
    model,
    image,
    caption,
    words=None,
    *,
    placeholder=None,
    alternatives=None,
    noise="plain",
    samples=100,
    seed=0,
    proposal=None,
    batch_size=None,
):
    """MI and CMI of words with a picture, in nats and per pixel: 2W + 2 evaluations per sample for W words.

    model: from infodecomp.load. image: what model.encode takes. words: None for all; else a list of words and phrases
    (each of its occurrences, as a whole word whatever its case, punctuation aside) or of positions in caption.split().
    The context of a word is the caption without it, or with a placeholder ("_") in its place.
    alternatives: a function of (caption, position) that gives Alternatives, such as infodecomp.scenes.alternatives;
    then each word is measured against them as well, at one more evaluation per sample and alternative.
    Other arguments as infodecomp.nll. Returns WordMaps. Raises ValueError for a word that is not in the caption.

    Lists of images and captions (and words: None, or one entry as above for each) give a list of WordMaps; those of
    captions with as many chosen words are measured in one pass. The noise of the i-th image is that of row i of x in
    infodecomp.nll, in whatever company: it alone has other noise, unless i = 0.
    """
    single = not isinstance(caption, list | tuple)
    many = not single and isinstance(image, list | tuple)
    images, captions = [image] if single or not many else list(image), [caption] if single else list(caption)
    words = [words] * len(captions) if single or words is None else list(words)
    if not len(images) == len(captions) == len(words) > 0:
        got = f"{len(images)}, {len(captions)} and {len(words)}"
        raise ValueError(f"image, caption and words must be lists of one length, got {got}")
    chosen = [_chosen(model, *pair) for pair in zip(captions, words, strict=True)]
    alone = [[core(text) for _, _, text in units] for units in chosen]
    rest = [[without(c, *u[:2], placeholder) for u in units] for c, units in zip(captions, chosen, strict=True)]
    starts = [[start for start, _, _ in units] for units in chosen]
    x = model.encode(image)
    if len(x) != len(captions):
        raise ValueError(f"image must be one for each caption, got {len(x)} for {len(captions)}")
    options, maps = (samples, seed, proposal, batch_size), [None] * len(captions)
    for count in sorted(set(map(len, chosen))):
        rows = [i for i, units in enumerate(chosen) if len(units) == count]
        texts = [[captions[i], *alone[i], *rest[i]] for i in rows]
        told = [None, *(list(column) if len(rows) > 1 else column[0] for column in zip(*texts, strict=True))]
        quantities = [Quantity(kind, 2 + k, 0) for kind in ("orthogonal", "standard") for k in range(count)]
        quantities += [Quantity(kind, 1, 2 + count + k) for kind in ("orthogonal", "standard") for k in range(count)]
        conditions = {f"conditions[{k}]": condition for k, condition in enumerate(told)}
        found = _estimate(model, x[rows], conditions, quantities, *options, None, samples, noise, items=rows)
        for row, i in enumerate(rows):
            mi, mi_standard, cmi, cmi_standard = ([e[row] for e in found[k * count :][:count]] for k in range(4))
            against, one = None, (x[i : i + 1], captions[i], "orthogonal", *options, [i])
            if alternatives is not None:
                against = [alternatives(captions[i], start).against(model, *one) for start in starts[i]]
            known = images[i], captions[i], alone[i], starts[i]
            maps[i] = WordMaps(*known, mi, cmi, mi_standard, cmi_standard, against)
    return maps[0] if single else maps


def _chosen(model, caption, words):
    if not isinstance(caption, str) or not caption.split():
        raise ValueError(f"caption must be a str with at least one word, got {caption!r:.60}")
    every = units(caption, getattr(model, "phrases", ()))
    return every if words is None else [u for word in words for u in _find(every, caption, word)]


def _find(every, caption, word):
    if isinstance(word, int) and not isinstance(word, bool):
        found = [u for u in every if u[0] == word]
    else:
        split, starts, stops = caption.split(), [u[0] for u in every], {u[1] for u in every}
        length = len(word.split()) if isinstance(word, str) else 0
        spans = [(i, i + length, core(" ".join(split[i : i + length]))) for i in starts if i + length in stops]
        found = [u for u in spans if u[2].casefold() == word.casefold()] if length else []
    if not found:
        raise ValueError(f"words must be words or phrases of {caption!r}, or where they begin, got {word!r}")
    return found
