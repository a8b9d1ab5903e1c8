"""Concepts that no caption names: what each is worth about a picture, and which is worth most where, in nats.

With s_c the map of i^s(x; c | context), whose cells add up to log p(x|c)/p(x|context), the difference of two concepts'
maps needs no context: s_b − s_c is half the integral of (ε − ε̂_c)² − (ε − ε̂_b)², on the same noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, NamedTuple

import torch

from .captions import without
from .checks import number, refuse, shown
from .checks import text as check_text
from .denoiser import Model
from .estimates.alternatives import Alternatives, averaged, check_paths, each_along_paths
from .estimates.estimate import Estimate, run
from .estimates.measure import Quantity
from .estimates.sampling import Sampling, samples_of
from .integrate import Proposal
from .numbers import pm
from .progress import dispensable
from .saved import Saved
from .words import about_of, check_model, counter, seen

ROUNDING = 1e-9  # nats in a cell for which no concept gets it


@dataclass(frozen=True, eq=False)
class Segmentation(Saved):
    """Which concept is worth most in each cell, and by how much. All (h, w).

    labels: positions in the concepts, −1 where the context alone does better than each of them. margin ≥ 0: nats by
    which the label beats the next best, stderr: their standard error, paired on the same noise; it does not count that
    the two were chosen by the same draws.
    """

    labels: torch.Tensor
    margin: torch.Tensor
    stderr: torch.Tensor

    def sure(self, least: float = 2.0) -> torch.Tensor:
        """The labels (h, w), −1 also for a margin of 0, or below `least` standard errors. ValueError for no number."""
        unsure = (self.margin < number("least", least, 0.0) * self.stderr) | (self.margin == 0)
        return self.labels.masked_fill(unsure, -1)


@dataclass(frozen=True, eq=False)
class ConceptMaps(Saved):
    """The information of concepts about one image. Lists run over `concepts`; each Estimate has one row.

    image: the picture as the model saw it. context: None, or the text beside which each concept stands. prior (K,).
    mi: i^o(x; concept | context); mi_standard: the same as i^s, on the same noise. For a concept that does not fit, i^s
    is far below zero and i^o as far above, and its map outshines the others (HeatMaps(found, shared=False)).
    against: None, or log P(concept | x)/P(concept), Bayes' rule over the concepts with the prior, at most −log of the
    prior; its map comes from paths, as that of infodecomp.pointwise_information against Alternatives.
    segmentation: see Segmentation; None if Ctrl-C stopped the pass.
    counted: None, or mi in exact nats, where the model's world knows the picture (−inf for what does not fit it).
    about: as in WordMaps.
    """

    image: Any
    concepts: list[str]
    context: str | None
    prior: torch.Tensor
    mi: list[Estimate]
    mi_standard: list[Estimate]
    against: list[Estimate] | None
    segmentation: Segmentation | None
    counted: list[float | None] | None = None
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def kinds(self) -> dict[str, dict[str, Estimate]]:
        """{"MI" (with a context "CMI"), and "against": {concept: Estimate}}, as infodecomp.HeatMaps shows them."""
        found = {"MI" if self.context is None else "CMI": self.mi} | ({"against": self.against} if self.against else {})
        return {kind: dict(zip(self.concepts, estimates, strict=True)) for kind, estimates in found.items()}

    def __repr__(self) -> str:
        each = zip(self.concepts, self.mi_standard, self.mi, strict=True)
        return f"ConceptMaps({'; '.join(f'{c}: iˢ {pm(s[0])}, iᵒ {pm(m[0])}' for c, s, m in each)} nats)"


def concept_maps(
    model: Model,
    image: Any,
    concepts: Sequence[str],
    context: str | None = None,
    *,
    prior: Any = None,
    against: bool = True,
    noise: str = "plain",
    samples: int | None = None,
    seed: int = 0,
    proposal: Proposal | str | None = None,
    batch_size: int | None = None,
    tolerance: float | None = None,
    max_samples: int | None = None,
    progress: bool | None = None,
) -> ConceptMaps | list[ConceptMaps]:
    """Information of concepts with a picture, and which is worth most where: a segmentation in nats, untrained.

    model: from infodecomp.load. image: a picture as model.encode takes it, or a list of them, for a list of results.
    concepts: K different texts, such as ["cat", "dog", "grass"]. context: None (each concept alone, against nothing),
    or a text: then i(x; concept with context | context). A word "{}" of it marks where the concept stands ("the {}
    cat"); without one the concept comes after it. prior: (K,) weights ≥ 0 of the concepts, None: equal ones. In the
    segmentation log prior is spread evenly over the cells, so that a concept's cells add up to log of
    prior · p(x|concept) and a constant; the context alone counts as much as the likeliest concept.
    against: also measure each concept against all of them, along paths (which refuse noise, tolerance and proposal as
    infodecomp.pointwise_information says). Cost: K + 1 evaluations per sample, K more with `against`. Other arguments
    as infodecomp.nll. Returns ConceptMaps. Raises ValueError for repeated or empty concepts.
    """
    samples = samples_of(samples, model)
    sampling = Sampling(samples, seed, proposal, batch_size, noise, tolerance, max_samples, progress=progress)
    asked = _asked(model, concepts, context, prior, against, sampling)
    images, x = list(image) if isinstance(image, list | tuple) else [image], model.encode(image)
    if len(x) != len(images):
        raise ValueError(f"image must be a picture or a list of them, got {len(x)} for {len(images)}")
    found = _of_all(model, images, x, asked, against, sampling)
    about = about_of(model, {"against": against} | vars(sampling))
    maps = [replace(one, about=about) for one in found]
    return maps if isinstance(image, list | tuple) else maps[0]


class _Asked(NamedTuple):
    """Concepts, their texts in the context, that and what it is without them, and the prior (K,)."""

    concepts: list[str]
    texts: list[str]
    context: str | None
    given: str | None
    prior: torch.Tensor


def in_context(concepts: Sequence[str], context: str | None) -> tuple[list[str], str | None]:
    """The texts of concepts beside a context, and that of the context alone, as concept_maps takes it."""
    if context is None:
        return list(concepts), None
    words = check_text("context", context, "None or a str").split()
    if not words or context.count("{}") > 1:
        raise ValueError(f"context must be None or a text with at most one {{}}, got {shown(context)}")
    words = words if "{}" in context else [*words, "{}"]
    form, place = " ".join(words), next(k for k, word in enumerate(words) if "{}" in word)
    return [form.replace("{}", c) for c in concepts], without(form.replace("{}", "x"), place, place + 1)


def _asked(model, concepts, context, prior, against, sampling):
    """The arguments, checked."""
    check_model(model)
    if isinstance(concepts, str) or not isinstance(concepts, Sequence) or not concepts:
        refuse("concepts", "a list of at least one text", concepts)
    written = [" ".join(c.split()) if isinstance(c, str) else "" for c in concepts]
    if not all(written) or len(set(written)) < len(written):
        raise ValueError(f"concepts must be texts, each once and none empty, got {shown(list(concepts))}")
    if not isinstance(against, bool):
        refuse("against", "a bool", against)
    if against:
        check_paths(sampling)
    texts, given = in_context(concepts, context)
    shares = Alternatives(texts, prior).prior
    if shares.ndim != 1:
        raise ValueError(f"prior must be ({len(texts)},), got {tuple(shares.shape)}")
    return _Asked(list(concepts), texts, context, given, shares)


def _of_all(model, images, x, asked, against, sampling):
    """ConceptMaps of all images, of fewer after Ctrl-C."""
    estimates, pairs = _measured(model, x, asked.texts, asked.given, sampling)
    each, first = None, estimates["mi"][0]
    if against and len(first.nats) == len(x) and first.map_stderr is not None:  # not stopped
        with dispensable("stopped: nothing is known of the concepts against each other"):
            both = Alternatives(asked.texts, asked.prior)
            walked = each_along_paths(model, x, asked.texts, both, "standard", sampling)
            each = _by_bayes(estimates["mi_standard"], walked, asked.prior)
    return [_maps(model, images[i], asked, estimates, pairs, each, i) for i in range(len(first.nats))]


def _measured(model, x, texts, given, sampling):
    """{"mi", "mi_standard": Estimates over concepts}, and {(b, c): the Estimate of b against c}, from one pass."""
    count = len(texts)
    both = list(combinations(range(count), 2))
    quantities = [Quantity(kind, 1 + k, 0) for kind in ("orthogonal", "standard") for k in range(count)]
    quantities += [Quantity("standard", 1 + b, 1 + c) for b, c in both]
    conditions = {f"concepts[{k}]": (model, text) for k, text in enumerate(texts)}
    found = run(x, {"context": (model, given)} | conditions, quantities, sampling)
    pairs = dict(zip(both, found[2 * count :], strict=True))
    return {"mi": found[:count], "mi_standard": found[count : 2 * count]}, pairs


def _by_bayes(ratios, walked, prior):
    """log P(c | x)/P(c) of each concept, from log p(x|c)/p(x|context); maps from the walked paths."""
    log_prior = prior.to(ratios[0].nats.device).log()
    odds = log_prior + torch.stack([e.nats for e in ratios], 1)  # (B, K)
    shares, evidence = odds.softmax(1), odds.logsumexp(1)
    mean, found = averaged(ratios, shares).integrand, []
    tail = (shares * torch.stack([e.tail for e in ratios], 1)).sum(1)
    for ratio, path in zip(ratios, walked, strict=True):
        profile = replace(ratio.profile, integrand=ratio.profile.integrand - mean)
        values = {"nats": ratio.nats - evidence, "stderr": profile.stderr(), "tail": ratio.tail - tail}
        found.append(replace(ratio, profile=profile, map=path.map, map_stderr=path.map_stderr, **values))
    return found


def _segmented(standard, pairs, prior, i):
    """The Segmentation of image i; the context alone is the candidate after the concepts."""
    if standard[0].map_stderr is None:
        return None
    count, maps = len(standard), torch.stack([e.map[i] for e in standard])  # (K, h, w)
    per_cell = (prior / prior.max()).log().to(maps.device) / maps[0].numel()
    scores = torch.cat([maps + per_cell[:, None, None], torch.full_like(maps[:1], ROUNDING)])
    errors = maps.new_zeros(count + 1, count + 1, *maps.shape[1:])
    for (b, c), estimate in pairs.items():
        errors[b, c] = errors[c, b] = estimate.map_stderr[i]
    for k, estimate in enumerate(standard):
        errors[k, count] = errors[count, k] = estimate.map_stderr[i]
    (first, second), (best, other) = scores.topk(2, 0)
    stderr = errors.flatten(0, 1).gather(0, (best * (count + 1) + other)[None])[0]
    return Segmentation(torch.where(best == count, -1, best), first - second, stderr)


def _maps(model, image, asked, estimates, pairs, against, i):
    """ConceptMaps of image i."""
    image, lists = seen(model, image), {name: [e[i] for e in of] for name, of in estimates.items()}
    nats = counter(model, image)
    return ConceptMaps(
        image=image,
        concepts=asked.concepts,
        context=asked.context,
        prior=asked.prior,
        **lists,
        against=None if against is None else [e[i] for e in against],
        segmentation=_segmented(estimates["mi_standard"], pairs, asked.prior, i),
        counted=None if nats is None else [nats(text, asked.given or "") for text in asked.texts],
    )
