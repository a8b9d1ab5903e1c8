"""Evaluations needed for one standard error: how log-SNRs and noises are drawn, compared on the same integral.

`measure_samples(repeats)` gives JSON: for each denoiser, quantity and scheme the variance of one estimate over repeats,
and the evaluations it needs, pilots included, relative to the paper's scheme: a logistic (1, 2), drawn independently,
on the same range. `words` has many more words from variances at each log-SNR (kinds.py). Run as a program it prints
the table; its argument is the number of repeats, of two words four times as many.
"""

import json
import sys

import torch
from kinds import caption_rows, measure_words

import infodecomp as idc
from infodecomp.captions import without
from infodecomp.estimates.estimate import run
from infodecomp.estimates.measure import Quantity
from infodecomp.estimates.sampling import Sampling
from infodecomp.integrate import Logistic
from infodecomp.scenes.grammar import Scene, Thing
from infodecomp.scenes.model import proposal as scenes_proposal
from infodecomp.scenes.model import word_proposal

FEW = 200  # repeats of what is slow: pilots, long runs, the network
LIMITS = {"fitted": FEW, "stratified": 500}  # the most repeats of a scheme
SCHEMES = ("paper", "stratified", "own", "fitted", "balanced")
WORDS = (*SCHEMES, "kind balanced")  # the proposal of the word's kind, with balanced noise
CAPTION = "the sitting red cat left of the sleeping blue dog"
SCENE = Scene(0, 0, 0, Thing("cat", "sitting", "red"), Thing("dog", "sleeping", "blue"))
INFORMATION = {"i^o": Quantity("orthogonal", 0, 1), "i^s": Quantity("standard", 0, 1)}
NLL = {"−log p": Quantity("density", 0)}


def scene_cases(model, names, proposal=None):
    """(name, denoiser, x (1, …), conditions, quantities, proposals) of the words' CMI and MI, and of the NLL.

    proposals: {"own": the denoiser's, "kind": that of the word's kind on the same range}; of words, unless given, the
    denoiser's own.
    """
    x, split = model.encode(idc.scenes.render(SCENE)), CAPTION.split()
    for name in names:
        word, alone = name.split(" ", 1)[-1], name.startswith("MI")
        if name == "NLL":
            yield name, model, x, [CAPTION], NLL, {"own": model.density_proposal}
            continue
        at = split.index(word.split()[0])
        texts = (word, None) if alone else (CAPTION, without(CAPTION, at, at + len(word.split())))
        own = proposal or model.proposal
        proposals = {"own": own, "kind": word_proposal(own.edges, word)}
        yield name, model, x, [model.condition(text) for text in texts], INFORMATION, proposals


def closed_cases():
    """The same for 16 correlated pairs, where all dimensions differ alike, and for a mixture of three in the plane."""
    d, rho = 16, 0.8
    cov = torch.eye(2 * d, dtype=torch.float64)
    cov[range(d), range(d, 2 * d)] = cov[range(d, 2 * d), range(d)] = rho
    both = torch.randn(1, 2 * d, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    both = both @ torch.linalg.cholesky(cov).T
    normal, x = idc.exact.JointGaussian(torch.zeros(2 * d), cov, d), both[:, :d]
    y = (both[:, d:], torch.ones(1, d, dtype=torch.bool))
    yield "Gaussian", normal, x, [y, None], INFORMATION | NLL, {"own": normal.proposal}
    means = torch.tensor([[-2.0, 0], [1, 1], [2, -1]], dtype=torch.float64)
    mixture = idc.exact.GaussianMixture([0.2, 0.3, 0.5], means, torch.tensor([[0.3, 0.2], [0.5, 0.1], [0.2, 0.4]]))
    conditions = [torch.tensor([[0.0, 1, 0]]), None]
    yield "mixture", mixture, means[1:2] + 0.3, conditions, INFORMATION, {"own": mixture.proposal}


def scheme(name, denoiser, x, conditions, quantities, proposals, samples, repeats):
    """Estimates in nats and their standard errors, (quantities, 2, repeats), and the evaluations per condition each of
    them took, at most samples."""
    many, own = x.expand(repeats, *x.shape[1:]), proposals["own"]

    def estimates(asked, rows, *options, **more):
        pairs = {f"conditions[{k}]": (asked, condition) for k, condition in enumerate(conditions)}
        return run(rows, pairs, quantities, Sampling(*options, **more))

    if name == "fitted":  # each repeat has a pilot of its own, of 64
        holder = type("Own", (), {"__call__": lambda self, *a: denoiser(*a), "proposal": own})()
        left = max(samples - 64, 2)
        each = [estimates(holder, x, left, seed, "fit") for seed in range(repeats)]
        found = [torch.stack([torch.cat([e.nats, e.stderr]) for e in one]) for one in each]
        return torch.stack(found, 2), left + 64
    logistic = {"loc": 1.0, "scale": 2.0, "range": own.range}
    of = {"paper": Logistic(**logistic, stratified=False), "stratified": Logistic(**logistic)} | proposals
    noise = "balanced" if name.endswith("balanced") else "plain"
    found = estimates(denoiser, many, samples, 1, of.get(name.removesuffix("balanced").strip(), own), noise=noise)
    return torch.stack([torch.stack([e.nats, e.stderr]) for e in found]), samples


def rows_of(case, samples, repeats, schemes):
    """One row per scheme and quantity of a case: variance over repeats times evaluations, over paper's and own's.

    covered: the share of repeats within two of their standard errors of the mean of all. Intervals are bootstrapped,
    two schemes' repeats independently: too wide, if anything, where they share noise.
    """
    name, denoiser, x, conditions, quantities, proposals = case
    found, rows = {}, []
    for way in schemes:
        count = min(repeats, LIMITS.get(way, repeats))
        both, spent = scheme(way, denoiser, x, conditions, list(quantities.values()), proposals, samples, count)
        again = torch.randint(count, (2000, count), generator=torch.Generator().manual_seed(schemes.index(way)))
        nats, errors = both.double().unbind(1)
        costs = [(each.var() * spent, each[again].var(1) * spent) for each in nats]
        found[way] = nats, errors, spent, costs
    for q, quantity in enumerate(quantities):
        for way, (nats, errors, spent, costs) in found.items():
            row = {"case": name, "quantity": quantity, "scheme": way, "range": proposals["own"].range}
            row["evaluations"] = spent
            row |= {"mean": nats[q].mean().item(), "mean_error": (nats[q].std() / nats.shape[1] ** 0.5).item()}
            row |= {"variance": nats[q].var().item(), "repeats": nats.shape[1]}
            row["covered"] = ((nats[q] - nats[q].mean()).abs() < 2 * errors[q]).double().mean().item()
            for base, label in (("paper", "relative"), ("own", "to_own")):
                (cost, shuffled), (other, others) = costs[q], found[base][3][q]
                ends = torch.quantile(shuffled / others, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
                row |= {label: (cost / other).item(), f"{label}_interval": [1.0, 1.0] if way == base else ends}
            rows.append(row)
    return rows


def missed(model, samples):
    """Share of i^s and i^o of each word that lies outside the paper's range (−5, 7), and its standard error."""
    rows = []
    for name, _, x, (y, given), _, _ in scene_cases(model, ("CMI red", "CMI left of", "MI cat")):
        for kind in ("orthogonal", "standard"):
            whole, part = (
                idc.pointwise_information(model, x, y, given, kind=kind, samples=samples, seed=s, proposal=p)
                for s, p in enumerate((model.proposal, Logistic(1.0, 2.0, 3.0)))
            )
            share = 1 - part.nats / whole.nats
            error = (part.stderr**2 + (part.nats / whole.nats * whole.stderr) ** 2).sqrt() / whole.nats
            rows.append({"case": name, "kind": kind, "missed": share.item(), "error": error.item()})
    return rows


def predicted(model, pairs):
    """What kinds.py says of the words whose estimates are repeated: rows with "case", and costs relative to paper's."""
    names = {("red", "CMI"): "CMI red", ("left of", "CMI"): "CMI left of", ("cat", "MI"): "MI cat"}
    rows = []
    for row in caption_rows(model, SCENE, CAPTION, pairs, 0):
        what, quantity = row["quantity"].split()
        if (row["word"], what) in names:
            costs = {name: round(row[name], 4) for name in ("own", "own balanced", "kind balanced")}
            rows.append({"case": names[row["word"], what], "quantity": quantity} | costs)
    return rows


def measure_samples(repeats=500, quick=False):
    """The table as JSON. quick: few repeats of few samples, to see that it runs."""
    repeats = min(repeats, 6) if quick else repeats
    few = min(repeats, FEW)
    exact = idc.load("scenes")
    low, high = idc.load("scenes-net").logsnr_range
    inner = scenes_proposal(torch.linspace(low, high, 57))  # the range of the network, for both
    result = {"repeats": repeats, "missed_by_the_papers_range": missed(exact, 100 if quick else 4000)}
    cases = list(scene_cases(exact, ("CMI red", "CMI left of", "MI cat"), inner))
    times = {"CMI red": 4, "CMI left of": 4}  # as many repeats: skewed, and variances of the skewed are slow
    each = [rows_of(case, 100, times.get(case[0], 1) * repeats, WORDS) for case in cases]
    result["exact"] = [row for rows in each for row in rows]
    result["exact"] += [row for case in scene_cases(exact, ("NLL",)) for row in rows_of(case, 100, repeats, SCHEMES)]
    result["words"] = measure_words(exact, *((2, 4) if quick else (10, 200)))
    result["predicted"] = predicted(exact, 4 if quick else 400)
    result["closed"] = [row for case in closed_cases() for row in rows_of(case, 100, repeats, SCHEMES)]
    many = 40 if quick else 800  # enough for a pilot to pay
    result["longer"] = rows_of(cases[0], many, few, ("paper", "own", "fitted", "balanced"))
    return result | {"network": measure_network(few, quick)}


def measure_network(repeats=FEW, quick=False):
    """The rows of one word by the network, the only ones that depend on its weights."""
    some = ("paper", "own", "balanced")  # some hundred evaluations per second
    (case,) = scene_cases(idc.load("scenes-net"), ("CMI red",))
    return rows_of(case, 10 if quick else 50, min(repeats, 6) if quick else repeats, some)


def main():
    found = measure_samples(int(sys.argv[1]) if len(sys.argv) > 1 else 500, quick="quick" in sys.argv)
    for row in found["missed_by_the_papers_range"]:
        print(f"{row['case']:12} {row['kind']:11} outside (−5, 7): {row['missed']:.0%} ± {row['error']:.0%}")
    for denoiser in ("exact", "closed", "longer", "network"):
        for row in found[denoiser]:
            low, high = row["relative_interval"]
            name = f"{denoiser:8}{row['case']:12} {row['quantity']:7}{row['scheme']:11}"
            value = f"{row['evaluations']:4d} evaluations, {row['mean']:8.2f} ± {row['variance'] ** 0.5:6.3f}"
            print(f"{name} {value}, relative {row['relative']:.3f} [{low:.3f}, {high:.3f}]")
    if "json" in sys.argv:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
