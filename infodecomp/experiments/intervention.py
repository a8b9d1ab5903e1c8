"""Prompt intervention (Kong et al. 2024, 3.3): a picture is carried to noise under its caption and back under another.

The change is the squared difference of the pictures that come back under the edited caption and under the original one,
so that the solver's error is in both. As in the paper pictures start clean; start_noise gives them the noise that data
have where the flow starts, without which an edit is no draw from the edited caption's posterior (chapter 16). Does
information predict the change, per picture and per pixel, better than attention?
"""

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from ..attention import attention_maps, word_map
from ..captions import core, replace, without, word_at
from ..checks import double, floats
from ..datasets.coco import Item
from ..denoiser import Model
from ..estimates.information import compare, posterior
from ..flow import from_noise, to_noise
from ..noise import generator
from ..scenes.meaning import normalise
from ..vocabulary import COLOURS
from .clusters import pictures_of, resampled
from .runner import heading

PAPER = {"image": {"cmi": 0.34, "attention": 0.24}, "pixel": {"cmi": 0.27, "attention": 0.21}}  # Pearson correlations
FEWEST, PICTURES = 10, 5  # items and pictures below which there are no correlations
SCORES = "cmi", "orthogonal", "alternatives", "attention"  # iˢ, iᵒ, Bayes' rule over a world's other words, attention
START = 5  # stream of random numbers, after those of infodecomp.noise: the noise with which a picture starts
PAIRS = "dog=cat,zebra=horse,bed=table,bear=elephant,airplane=kite,person=monkey,people=monkeys,teddy bear=robot"


class Edit(NamedTuple):
    """An item of coco.load, and its caption with the words position … stop − 1 omitted or swapped: `edited`.

    added: nothing is taken away; the words position … stop − 1 are those that `edited` has besides.
    """

    id: str
    group: str
    caption: str
    position: int
    stop: int
    edited: str
    swapped: bool
    broken: str | None
    detail: str
    open: Callable[[], Image.Image]
    image: str = ""
    added: bool = False


def pairs(text: str) -> dict[str, str]:
    """{word: its replacement}, both ways, for "dog=cat,bed=table" or "paper" (the paper's pairs); {} for ""."""
    found: dict[str, str] = {}
    for pair in (PAIRS if text == "paper" else text).split(",") if text else []:
        one, _, other = (" ".join(part.split()) for part in pair.partition("="))
        both = {one.casefold(): other, other.casefold(): one}
        if not one or not other or "=" in other or len(both) < 2 or both.keys() & found:
            raise ValueError(
                f"swap must be 'paper' or pairs such as dog=cat,bed=table, no word twice, got {text!r:.80}"
            )
        found |= both
    return found


def additions(text: str) -> dict[str, list[str]]:
    """{noun: words to add to it, each in an edit of its own} for "cat=striped,cat=black,dog=very large"; {} for ""."""
    found: dict[str, list[str]] = {}
    for pair in text.split(",") if text else []:
        noun, _, word = (" ".join(part.split()) for part in pair.partition("="))
        if not noun or not word or "=" in word or word in found.get(noun.casefold(), ()):
            raise ValueError(f"add must be pairs such as cat=striped,dog=brown, each once, got {text!r:.80}")
        found.setdefault(noun.casefold(), []).append(word)
    return found


def with_word(caption: str, position: int, word: str) -> tuple[str, int]:
    """The caption with words added to the noun at a position, and where they begin: before its colours.

    with_word("an owl, a red cat", 4, "striped") is ("an owl, a striped red cat", 3). "a" and "an" follow the word.
    """
    word_at(caption, position, position + 1)  # checks it
    while position and core(caption.split()[position - 1]).casefold() in COLOURS:
        position -= 1
    edited = replace(caption, position, position + 1, f"{word} {word_at(caption, position, position + 1)}")
    article = word_at(edited, position - 1, position) if position else ""
    if article.casefold() in ("a", "an"):
        import inflect

        fitting = inflect.engine().a(word).split()[0]
        edited = replace(edited, position - 1, position, fitting.capitalize() if article[0] == "A" else fitting)
    return edited, position


def _added(item, words):
    """An Edit for each of the words that can be added; none where the caption has one, as they exclude each other."""
    there = f" {' '.join(map(core, item.caption.casefold().split()))} "
    if any(f" {word.casefold()} " in there for word in words):
        return
    for word in words:
        edited, start = with_word(item.caption, item.position, word)
        place = start, start + len(word.split()), edited, False
        more = item.broken, item.detail, item.open, item.image, True
        yield Edit(f"{item.id}/{word}", item.group, item.caption, *place, *more)


def edits(
    items: Iterable[Item],
    swap: Mapping[str, str] | None = None,
    placeholder: str | None = None,
    add: Mapping[str, list[str]] | None = None,
) -> list[Edit]:
    """Edits of items: the word omitted (leaving a placeholder, if any), or, with swap, replaced.

    With add (see `additions`) nothing is taken away: an edit, its id the item's and the word, for each word added to
    the item's; a caption that has one of them already is left out, since they exclude each other (sitting, sleeping).
    With swap or add, items whose word is not in it are left out: they are not part of the experiment.
    """
    found: list[Edit] = []
    for item in items:
        stop = item.position + len(item.word.split())
        word = (swap or {}).get(item.word.casefold())
        if add and not item.broken:
            found += _added(item, add.get(item.word.casefold(), []))
            continue
        if item.broken:
            edited = ""
        elif not swap:
            edited = without(item.caption, item.position, stop, placeholder)
        elif word:
            edited = replace(item.caption, item.position, stop, word)
        else:
            continue
        place = item.position, stop, edited, bool(swap)
        found.append(Edit(item.id, item.group, item.caption, *place, item.broken, item.detail, item.open, item.image))
    return found


def asked(items: Iterable[Item], swap: str = "", add: str = "", placeholder: str = "") -> list[Edit]:
    """Edits of items by the texts of the command's options (see `pairs`, `additions`); without any, words omitted.

    ValueError for options that exclude each other, and for words that no item has.
    """
    if placeholder and (swap or add):
        raise ValueError(f"placeholder must come without swap and add, got {placeholder!r} and {swap or add!r}")
    if swap and add:
        raise ValueError(f"add must come without swap, got {add!r} and {swap!r}")
    found = edits(items, pairs(swap), placeholder or None, additions(add))
    for name, given, more in (("swap", swap, ""), ("add", add, " whose captions lack the added ones")):
        if given and all(edit.broken for edit in found):
            raise ValueError(f"{name} must name words of items{more}, none of them has one of {given!r}")
    return found


def intervene(
    model: Model,
    x: torch.Tensor,
    caption: Any,
    edited: Any,
    *,
    steps: int = 100,
    range: tuple[float, float] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Carry x (B, C, h, w) to noise under `caption`, and back (under `caption` again, under `edited`).

    Heun's method on Karras sigmas, as in the paper; 6 evaluations per step. range: log-SNRs between which the flow
    runs; None: the model's own.
    """
    original, intervened = model.condition(caption), model.condition(edited)
    noise = to_noise(model, x, original, steps=steps, range=range)
    back = from_noise(model, noise, original, steps=steps, range=range)
    return back, from_noise(model, noise, intervened, steps=steps, range=range)


def started(model: Any, x: torch.Tensor, seed: int) -> torch.Tensor:
    """x (B, C, h, w) with the noise that data have where the flow starts, drawn from the seed, each image its own.

    Its variance is σ² = exp(−α) of the flow's upper log-SNR, and that of the model's `jitter`, where it has one.
    """
    width = math.hypot(math.exp(-model.flow_range[1] / 2), getattr(model, "jitter", 0.0))
    noise = [torch.randn(x.shape[1:], generator=generator(seed, START, i, 0)) for i, _ in enumerate(x)]
    return x + width * torch.stack(noise).to(x)


def measure(
    model: Any,
    item: Edit,
    *,
    samples: int,
    seed: int,
    steps: int = 100,
    batch_size: int | None = None,
    start_noise: bool = False,
    alternatives: bool = False,
) -> dict:
    """The record of one Edit: its change, and scores of the word (SCORES), in nats, given the caption without it.

    "cmi" is iˢ, "orthogonal" iᵒ; those of a swap are differences of both words' nats, those of an addition are of the
    added word. alternatives: also by Bayes' rule over what the model's world has for the word's place.
    """
    x, options = model.encode(item.open()), {"samples": samples, "seed": seed, "batch_size": batch_size}
    start = started(model, x, seed) if start_noise else x
    back, other = intervene(model, start, item.caption, item.edited, steps=steps)
    change = double(other - back).square().sum(1)[0]
    scores, maps, stderr = _scores(model, x, item, alternatives, options)
    return {
        "group": item.group,
        "image": item.image,
        "change": change.sum().item(),
        "stderr": stderr,
        "round_trip": double(back - start).square().sum().item(),
        "scores": scores,
        "pixel": {name: pearson(map.flatten(), change.flatten()) for name, map in maps.items()},
    }


def _scores(model, x, item, alternatives, options):
    """{score: nats} and {score: map} of an Edit's word for x (1, C, h, w), and the standard error of iˢ."""
    context = item.caption if item.added else without(item.caption, item.position, item.stop)
    caption = item.edited if item.added else item.caption
    found = compare(model, x, [context, caption, item.edited][: 2 + item.swapped], **options)
    standard, orthogonal = (found.information(caption, context, kind) for kind in ("standard", "orthogonal"))
    if item.swapped:
        standard = standard - found.information(item.edited, context, "standard")
        orthogonal = orthogonal - found.information(item.edited, context)
    maps = {"cmi": orthogonal.map[0]}
    scores = {"cmi": standard.nats.item(), "orthogonal": orthogonal.nats.item()}
    if alternatives:
        others = model.alternatives(caption, item.position)
        chosen = others.conditions.index(normalise(caption))
        scores["alternatives"] = posterior(model, x, others, **options).information[0, chosen].item()
    if hasattr(model, "unet"):
        tokens = model.tokens(caption, item.position)
        maps["attention"] = word_map(attention_maps(model, x, caption, **options), tokens)[0]
        scores["attention"] = maps["attention"].sum().item()
    return scores, maps, standard.stderr.item()


def pearson(one: Any, other: Any) -> float | None:
    """Pearson's correlation of two vectors; None where one of them is constant."""
    one, other = (floats("maps", v).cpu() for v in (one, other))
    if one.std() == 0 or other.std() == 0:
        return None
    return torch.corrcoef(torch.stack([one, other]))[0, 1].item()


def summary(records: list[dict], repeats: int = 2000, seed: int = 0) -> dict[str, dict[str, tuple]]:
    """{level: {score: (r, low, high)}} with 95 % intervals, and "cmi − attention" … on the same resamples.

    Pictures are resampled, with all of their items. level "image": correlation of scores with changes over items;
    "pixel": the mean over items of the correlation within one. NaN where all values are the same. The paper's ± are a
    tenth of a bootstrap's standard deviation, so that they prove no difference.
    """
    kept, random = [r for r in records if "scores" in r], np.random.default_rng(seed)
    names, mapped = ([n for n in SCORES if kept and all(n in r[part] for r in kept)] for part in ("scores", "pixel"))
    values = {name: np.array([r["scores"][name] for r in kept]) for name in names}
    within = {name: np.array([r["pixel"][name] for r in kept], dtype=float) for name in mapped}  # None becomes NaN
    change = np.array([r["change"] for r in kept])
    picks = [np.arange(len(kept)), *resampled(pictures_of(kept), repeats, random)] if kept else []

    def all_of(pick):
        image = {name: np.corrcoef(values[name][pick], change[pick])[0, 1] for name in names}
        return {"image": image, "pixel": {name: np.nanmean(within[name][pick]) for name in mapped}}

    table: dict[str, dict[str, tuple]] = {}
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # where all values are the same
        drawn = [all_of(pick) for pick in picks]
        for level in ("image", "pixel"):
            columns = {name: np.array([found[level][name] for found in drawn]) for name in (drawn and drawn[0][level])}
            columns |= {f"cmi − {name}": columns["cmi"] - columns[name] for name in columns if name != "cmi"}
            table[level] = {name: (r[0], *np.nanpercentile(r[1:], [2.5, 97.5])) for name, r in columns.items()}
    return table


def report(tasks: dict[str, list[dict]]) -> str:
    """Markdown of {task: records}: correlations with their intervals, beside the paper's."""
    lines: list[str] = []
    for task, records in tasks.items():
        lines += heading(task, records)
        kept = [r for r in records if "scores" in r]
        if len(kept) < FEWEST or len(set(pictures_of(kept).tolist())) < PICTURES:
            lines += ["Too few for correlations.", ""]
            continue
        lines += ["| correlation with the change | score | r [95 %] | the paper's |", "|---|---|---|---|"]
        for level, found in summary(records).items():
            for name, (r, low, high) in found.items():
                interval = f"{r:.2f} [{low:.2f}, {high:.2f}]" if np.isfinite([r, low, high]).all() else "all the same"
                lines.append(f"| {level} | {name} | {interval} | {PAPER[level].get(name, '')} |")
        lines.append("")
    return "\n".join(lines)
