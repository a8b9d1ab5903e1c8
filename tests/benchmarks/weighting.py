"""Evaluations until a choice between two captions is right: nats, the paper's scheme, and two classifiers' errors.

Diffusion Classifier (Li et al. 2023) and DiffusionITM (Krojer et al. 2023) average denoising errors over even
timesteps, the first one squared, the second one not; both are transcribed from their published programs. Their numbers
are not nats, so what can be compared is how often a choice between captions is right, and the error relative to the
mean of each one's own number. `measure_weighting()` gives JSON; run as a program it prints the table.
"""

import sys
from collections.abc import Callable

import torch
from diffusers import DDIMScheduler

import infodecomp as idc
from infodecomp.captions import without
from infodecomp.channel import alpha_bar_to_logsnr
from infodecomp.estimates.measure import Quantity, measure
from infodecomp.estimates.sampling import Sampling
from infodecomp.experiments.ranking import items
from infodecomp.experiments.relation import accuracy
from infodecomp.integrate import Logistic, Proposal
from infodecomp.noise import DRAWS
from infodecomp.scenes.edits import places
from infodecomp.scenes.meaning import possible
from infodecomp.scenes.model import proposal as scenes_proposal
from infodecomp.scenes.parts import make_scheduler

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False}
PUBLISHED = alpha_bar_to_logsnr(DDIMScheduler(steps_offset=1, **BETAS).alphas_cumprod).double()  # of Stable Diffusion
WORLD = alpha_bar_to_logsnr(make_scheduler().alphas_cumprod).double()  # of the scenes' network, linear
ASKED = [Quantity("mass", 0), Quantity("mass", 1), Quantity("orthogonal", 0, 2), Quantity("orthogonal", 1, 2)]
WITHOUT, WRONG, RELATION = "without the colour", "wrong colour", "wrong relation"


class Grid(Proposal):
    """Given log-SNRs (n,) instead of draws, in this order, each of weight 1."""

    def __init__(self, levels: torch.Tensor) -> None:
        super().__init__(levels.min().item() - 1e-9, levels.max().item() + 1e-9)
        self.levels = levels

    def place(self, uniforms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        levels = self.levels.reshape(1, -1, 2).expand_as(uniforms)
        return levels, torch.ones_like(levels)


def diffusion_classifier(levels, count):
    """Every (T/n)-th timestep from half of that on (eval_prob_adaptive.py). levels (T,) by timestep."""
    step = len(levels) // count
    return levels[step // 2 :: step][:count]


def diffusion_itm(levels, count):
    """Timesteps 10, 10 + T/n, … below 990 (score of the img2img pipeline), for T = 1,000."""
    return levels[torch.arange(10, 990, 1000 // count)[:count]]


def nats(right, wrong, *_, weight):
    return (wrong - right) * weight / 2


def orthogonal(right, wrong, of_right, of_wrong, *, weight):
    """The paper ranks by iᵒ against no text."""
    return (of_right - of_wrong) * weight


def squared(right, wrong, *_, weight):
    return wrong - right


def norm(right, wrong, *_, weight):
    """Not squared. Subtracting the error without text, as for pictures, would cancel between two captions."""
    return wrong.sqrt() - right.sqrt()


def passes(levels: torch.Tensor, count: int) -> list[tuple[Proposal, dict[str, tuple[Callable, int]]]]:
    """(where log-SNRs lie, {score: (of each draw, texts it evaluates)}) on a schedule's levels (T,), `count` draws."""
    world = levels is WORLD
    span = {"range": (levels[-1].item(), levels[0].item())} if world else {"clip": 3.0}  # the paper's own: −5 to 7
    edges = torch.linspace(*span["range"], 57) if world else None
    own = scenes_proposal(edges) if world else Logistic(1.0, 2.0, **span)  # of the scenes; of Stable Diffusion
    independent = Logistic(1.0, 2.0, **span, stratified=False)
    return [
        (own, {"iˢ, infodecomp": (nats, 2)}),
        (independent, {"iˢ, the paper's draws": (nats, 2), "iᵒ, the paper": (orthogonal, 3)}),
        (Grid(diffusion_classifier(levels, count)), {"Diffusion Classifier": (squared, 2)}),
        (Grid(diffusion_itm(levels, count)), {"DiffusionITM": (norm, 2)}),
    ]


def pairs_of(case: str, count: int) -> tuple[list, list[str], list[str]]:
    """Up to `count` scenes, their true captions, and the other ones: a word wrong, or missing."""
    scenes, true, others = items(count)
    if case == WITHOUT:
        at = [places(caption.split(), "colour")[0] for caption in true]
        wrong = [without(caption, k, k + 1) for caption, k in zip(true, at, strict=True)]
    else:
        wrong = others["replaced" if case == WRONG else "relation"]
    kept = [k for k, text in enumerate(wrong) if text and possible(text)]
    return [scenes[k] for k in kept], [true[k] for k in kept], [wrong[k] for k in kept]


def differences(model, x, captions, place, scores, count, repeats):
    """{score: (B, repeats)}: its number for the first caption less that for the second, each on shared noise."""
    many = x.repeat_interleave(repeats, 0)
    told = [model.condition([text for text in texts for _ in range(repeats)]) for texts in captions]
    pairs = [(model, condition) for condition in (*told, model.condition(None))]
    _, weight, sums = measure(many, pairs, ASKED, Sampling(count, count), place, DRAWS)
    right, wrong, *apart = (s.integrand for s in sums)
    each = {name: score(2 * right, 2 * wrong, *apart, weight=weight) for name, (score, _) in scores.items()}
    return {name: values.mean(1).unflatten(0, (-1, repeats)) for name, values in each.items()}


def spread(values: torch.Tensor) -> list[float]:
    """Standard deviation over repeats over the mean, of (B, repeats), and a bootstrap interval over pictures.

    NaN with one repeat.
    """
    again = torch.randint(len(values), (1000, len(values)), generator=torch.Generator().manual_seed(0))
    within, mean = values.var(1), values.mean(1)
    shuffled = within[again].mean(1).sqrt() / mean[again].mean(1).abs()
    ends = torch.quantile(shuffled, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return [(within.mean().sqrt() / mean.mean().abs()).item(), *ends]


def needed(draws: list[int], shares: list[float], enough: float = 0.95) -> int | None:
    """The least number of draws from which on the share is enough."""
    good = [count for k, count in enumerate(draws) if min(shares[k:]) >= enough]
    return min(good, default=None)


def rows_of(model, name: str, case: str, levels: torch.Tensor, draws: list[int], count: int, repeats: int) -> list:
    """A row per score: by number of draws, the share of right choices (Wilson), mean ± error, and the spread."""
    scenes, true, wrong = pairs_of(case, count)
    x, rows = model.encode([idc.scenes.render(scene) for scene in scenes]), {}
    picture = torch.arange(len(x)).repeat_interleave(repeats).numpy()
    for n in draws:
        for place, scores in passes(levels, n):
            for score, values in differences(model, x, (true, wrong), place, scores, n, repeats).items():
                row = rows.setdefault(score, {"texts": scores[score][1], "right": [], "mean": [], "spread": []})
                found = accuracy((values > 0).double().flatten().tolist(), picture)
                row["right"].append([round(v, 4) for v in found[:3]])
                mean = values.mean(1)
                row["mean"].append([float(f"{v:.5g}") for v in (mean.mean(), mean.std() / len(mean) ** 0.5)])
                row["spread"] += [[float(f"{v:.4g}") for v in spread(values)]] if repeats > 1 else []
    head = {"denoiser": name, "case": case, "levels": "world" if levels is WORLD else "published"}
    head |= {"pictures": len(x), "repeats": repeats, "draws": draws}
    return [
        head | {"score": score, "needed": needed(draws, [right[0] for right in row["right"]])} | row
        for score, row in rows.items()
    ]


def measure_weighting(quick: bool = False) -> list[dict]:
    """The table as JSON. quick: few pictures and draws, to see that it runs."""
    exact, net = idc.load("scenes"), idc.load("scenes-net")
    jobs = [(exact, "exact", WITHOUT, levels, [2, 4, 8, 16, 32], 40, 8) for levels in (WORLD, PUBLISHED)]
    jobs += [(exact, "exact", WRONG, levels, [2, 4, 8], 40, 8) for levels in (WORLD, PUBLISHED)]
    jobs += [(net, "network", RELATION, WORLD, [2, 4, 8, 16], 60, 1)]  # whose range has no other levels
    if quick:
        jobs = [(*job[:4], [2, 4], 4, job[6]) for job in jobs]
    return [row for job in jobs for row in rows_of(*job)]


def main():
    for row in measure_weighting("quick" in sys.argv):
        head = f"{row['denoiser']:8}{row['case']:19}{row['levels']:10}{row['score']:22}"
        told = " ".join(f"{n}: {right[0]:.3f}" for n, right in zip(row["draws"], row["right"], strict=True))
        print(f"{head}needed {row['needed']} right {told} mean {row['mean'][-1]} spread {row['spread'][-1:]}")


if __name__ == "__main__":
    main()
