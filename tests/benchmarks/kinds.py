"""What words of every kind cost, however log-SNRs are drawn: from the variance of their integrands at each log-SNR.

With V(α) the variance over the noise at α, n strata of a density q give an estimate of variance ∫ V/q dα / n. So one
table of V per word compares all densities q on the same noises, far more precisely than repeats of each. With
V(α) + the covariance of ε's and −ε's integrands it is the variance of balanced noise, with
V(α) + (the mean at α)² and less the squared nats that of the paper's independent draws.
"""

import math

import torch

import infodecomp as idc
from infodecomp.captions import units, without
from infodecomp.channel import add_noise
from infodecomp.integrate import Logistic
from infodecomp.scenes.grammar import CLASS, FUNCTION
from infodecomp.scenes.model import WHERE, proposal, word_proposal

EDGES = torch.cat([torch.tensor([-13.0, -11, -9.5]), torch.linspace(-8.5, -1, 16)]).double()  # of the cells of log-SNR
WIDTHS = EDGES.diff()
LEAST = 0.02  # nats below which a word says nothing: it is left out
SEED = 6  # of captions that chose no proposal
WHAT = ("MI i^o", "MI i^s", "CMI i^o", "CMI i^s")


@torch.no_grad()
def integrands(model, x, caption, words, pairs, seed):
    """(4, W, cells, pairs, 2): each quantity of WHAT for W words, at a log-SNR drawn in each cell, of noises ε and −ε
    that all cells share."""
    bare, rest = [text for *_, text in words], [without(caption, start, stop) for start, stop, _ in words]
    conditions = [model.condition(text) for text in (None, caption, *bare, *rest)]
    model.expect(conditions)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(pairs, *x.shape[1:], generator=generator).double()
    noise = torch.stack([noise, -noise], 1).flatten(0, 1)
    place = torch.rand(pairs, generator=generator, dtype=torch.float64).repeat_interleave(2)
    found = torch.empty(len(WHAT), len(words), len(WIDTHS), len(noise))
    for cell, width in enumerate(WIDTHS):
        logsnr = EDGES[cell] + place * width
        z = add_noise(x.double().expand_as(noise), logsnr, noise)
        hats = [model(z, logsnr, condition).flatten(1) for condition in conditions]
        own = [(noise.flatten(1) - hat).square().sum(1) for hat in hats]
        for k in range(len(words)):
            for q, (y, given) in enumerate(((2 + k, 0), (1, 2 + len(words) + k))):
                found[2 * q, k, cell] = 0.5 * (hats[y] - hats[given]).square().sum(1)
                found[2 * q + 1, k, cell] = 0.5 * (own[given] - own[y])
    return found.unflatten(3, (pairs, 2)).double()


def shares(density):
    """Masses of a proposal in the cells."""
    fine = torch.linspace(EDGES[0], EDGES[-1], 2401, dtype=torch.float64)
    cell = torch.bucketize((fine[1:] + fine[:-1]) / 2, EDGES) - 1
    masses = torch.zeros_like(WIDTHS).index_add(0, cell, density.density((fine[1:] + fine[:-1]) / 2))
    return masses / masses.sum()


def cost(variance, masses):
    """Variance of one stratified draw."""
    return (WIDTHS**2 * variance / masses).sum().item()


def moments(values):
    """(mean, variance, variance of balanced noise) of integrands (cells, pairs, 2) in each cell."""
    mean = values.mean((1, 2))
    left = values - mean[:, None, None]
    variance = left.square().mean((1, 2))
    return mean, variance, (variance + left.prod(2).mean(1)).clamp_min(0)


def shared_noise(values, masses, count):
    """Variance at equal evaluations if each noise is used at `count` systematic log-SNRs, relative to a noise each."""
    left = values - values.mean((1, 2), keepdim=True)
    covariance = torch.einsum("aps,bps->ab", left, left) / left[0].numel()
    u = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
    cells = torch.bucketize((torch.arange(count)[:, None] + u) / count, masses.cumsum(0)[:-1])  # (count, places)
    weights = (WIDTHS / masses)[cells]
    together = (covariance[cells[:, None], cells] * weights[:, None] * weights).sum((0, 1)).mean() / count
    return (together / (covariance.diagonal()[cells] * weights**2).sum(0).mean() * count).item()


def word_row(word, values, masses):
    """The costs of one quantity of a word relative to the paper's scheme; masses {"paper", "own", "kind", …}."""
    mean, variance, both = moments(values)
    nats = (WIDTHS * mean).sum()
    paper = cost(variance + mean**2, masses["paper"]) - nats.item() ** 2
    row = {"word": word, "class": CLASS[word.split()[0]], "nats": nats.item()}
    for name in ("own", "mixture", "two passes", "kind"):
        row |= {name: cost(variance, masses[name]) / paper, f"{name} balanced": cost(both, masses[name]) / paper}
    return row | {f"noise of {m}": shared_noise(values, masses["kind"], m) for m in (2, 4)}


def about_things(word):
    """Whether a word tells an object, not layout or sky."""
    return CLASS[word.split()[0]] in ("noun", "state", "colour")


def caption_rows(model, scene, caption, pairs, seed):
    """Rows of the words of a caption, each quantity that says anything. "own" and "mixture" are of one pass for all of
    them, "two passes" has one for words of objects and one for the others, "kind" the word alone."""
    words = [unit for unit in units(caption, model.phrases) if unit[2].split()[0] not in FUNCTION]
    found = integrands(model, model.encode(idc.scenes.render(scene)), caption, words, pairs, seed)
    edges = torch.linspace(EDGES[0], EDGES[-1], 57, dtype=torch.float64)
    masses = {"own": proposal(edges), "mixture": word_proposal(edges, caption)}
    masses["paper"] = Logistic(1.0, 2.0, range=masses["own"].range)
    masses = {name: shares(density) for name, density in masses.items()}
    parts = [" ".join(text for *_, text in words if about_things(text) == part) for part in (True, False)]
    rows = []
    for k, (*_, word) in enumerate(words):
        together = parts[not about_things(word)]
        of = masses | {name: shares(word_proposal(edges, t)) for name, t in (("two passes", together), ("kind", word))}
        for q, what in enumerate(WHAT):
            row = {"caption": caption, "quantity": what} | word_row(word, found[q, k], of)
            more = (2 * len(words) + 2 * sum(map(bool, parts))) / (2 * len(words) + 2)  # no text and the caption, again
            row |= {name: row[name] * more for name in ("two passes", "two passes balanced")}
            rows += [row] * (row["nats"] > LEAST)
    return rows


def summary(rows, schemes, groups):
    """Geometric means over the words of a group, [mean, 95 % interval over captions, drawn anew]."""
    captions = list(dict.fromkeys(row["caption"] for row in rows))
    drawn = torch.randint(len(captions), (2000, len(captions)), generator=torch.Generator().manual_seed(0))
    result = []
    for name, chosen in groups.items():
        of = [[row for row in rows if row["caption"] == caption and chosen(row)] for caption in captions]
        counts = torch.tensor([len(part) for part in of], dtype=torch.float64)
        row = {"words": name, "count": int(counts.sum()), "captions": int((counts > 0).sum())}
        for scheme in schemes:
            sums = torch.tensor([sum(math.log(r[scheme]) for r in part) for part in of])
            again = (sums[drawn].sum(1) / counts[drawn].sum(1)).nan_to_num(sums.sum() / counts.sum()).exp()
            ends = torch.quantile(again.double(), torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
            row[scheme] = [round(value, 4) for value in ((sums.sum() / counts.sum()).exp().item(), *ends)]
        result.append(row)
    return result


def measure_words(model, count=10, pairs=200):
    """The costs of the words of `count` captions relative to the paper's scheme: geometric means of groups of them."""
    scenes, _, captions = idc.scenes.sample(count, SEED)
    rows = []
    for i, (scene, caption) in enumerate(zip(scenes, captions, strict=True)):
        rows += caption_rows(model, scene, caption, pairs, i)
    kinds = {kind: lambda row, kind=kind: row["class"] == kind for kind in WHERE}
    groups = {"all": lambda row: True} | {what: lambda row, what=what: row["quantity"] == what for what in WHAT} | kinds
    groups = {name: chosen for name, chosen in groups.items() if any(map(chosen, rows))}
    schemes = [name for name in rows[0] if name not in ("caption", "quantity", "word", "class", "nats")]
    return {"captions": count, "pairs": pairs, "summary": summary(rows, schemes, groups)}
