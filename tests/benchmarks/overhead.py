"""The estimator's time over that of its bare denoiser, and over a plain transcription of the paper's scheme."""

import time

import torch

import infodecomp as idc
from infodecomp.channel import add_noise
from infodecomp.integrate import Logistic
from infodecomp.scenes.grammar import Scene, Thing

SCENE = Scene(0, 1, 1, Thing("owl", "flying", "red"), Thing("fish", "two", "blue"))
CAPTION = "the flying red owl far left of the two blue fish by night under the moon"
CONTEXT = CAPTION.replace("red ", "")


class Recorder:
    """A model that keeps what it was asked."""

    def __init__(self, model):
        self.model, self.calls = model, []

    def __getattr__(self, name):
        return getattr(self.model, name)

    def __call__(self, z, logsnr, condition):
        self.calls.append((z, logsnr, condition))
        return self.model(z, logsnr, condition)


def quantiles(values):
    """Median and quartiles."""
    return [
        round(v, 4) for v in torch.tensor(values).double().quantile(torch.tensor([0.5, 0.25, 0.75]).double()).tolist()
    ]


def clock(run, device="cpu"):
    sync = torch.cuda.synchronize if str(device).startswith("cuda") else lambda: None
    sync()
    started = time.perf_counter()
    run()
    sync()
    return time.perf_counter() - started


def one_entry(condition, rows):
    """The first row's condition for `rows` rows."""
    if isinstance(condition, tuple):
        return tuple(one_entry(part, rows) for part in condition)
    return condition[:1].expand(rows, *condition.shape[1:]) if isinstance(condition, torch.Tensor) else condition


def batched(calls, rows):
    """The same evaluations, those of one condition together, in calls of `rows` rows."""
    by_condition, again = {}, []
    for z, logsnr, condition in calls:
        first = condition[0] if isinstance(condition, tuple) else condition
        key = first.data_ptr() if isinstance(first, torch.Tensor) else first
        by_condition.setdefault(key, []).append((z, logsnr, condition))
    for group in by_condition.values():
        z, logsnr = (torch.cat([call[k] for call in group]) for k in (0, 1))
        for start in range(0, len(z), rows):
            cut = z[start : start + rows]
            again.append((cut, logsnr[start : start + rows], one_entry(group[0][2], len(cut))))
    return again


@torch.no_grad()
def replay(model, calls):
    for call in calls:
        model(*call)


def overhead(model, task, repeats, sizes):
    """Time of task(model) over that of its evaluations alone, in the batches that are fastest; paired, interleaved.

    sizes: rows in a call, up to those of one condition: evaluations of several are not put together.
    """
    recorder = Recorder(model)
    task(recorder)
    bare = {rows: batched(recorder.calls, rows) for rows in sizes}
    assert all(max(len(z) for z, *_ in calls) == rows for rows, calls in bare.items())
    device, evaluations = recorder.calls[0][0].device, sum(len(z) for z, _, _ in recorder.calls)
    times = {name: [] for name in ("estimator", *sizes)}
    for _ in range(repeats):
        times["estimator"].append(clock(lambda: task(model), device))
        for rows, calls in bare.items():
            times[rows].append(clock(lambda calls=calls: replay(model, calls), device))
    best = min(sizes, key=lambda rows: quantiles(times[rows])[0])
    return {
        "evaluations": evaluations,
        "rows": max(len(z) for z, _, _ in recorder.calls),
        "best_rows": best,
        "bare_per_second": {rows: round(evaluations / quantiles(times[rows])[0], 1) for rows in sizes},
        "seconds": quantiles(times["estimator"]),
        "ratio": quantiles([a / b for a, b in zip(times["estimator"], times[best], strict=True)]),
        "repeats": repeats,
    }


@torch.no_grad()
def paper(model, x, y, given, samples):
    """The paper's scheme written down plainly: log-SNRs drawn independently, one after the other, each text alone."""
    y, given = model.condition(y), model.condition(given)
    proposal, total = Logistic(1.0, 2.0, 3.0, range=model.proposal.range, stratified=False), torch.zeros(x.shape[-2:])
    for alpha, weight in zip(*(t.flatten() for t in proposal.place(torch.rand(1, samples // 2, 2))), strict=True):
        logsnr, noise = alpha.float().expand(1), torch.randn_like(x)
        z = add_noise(x, logsnr, noise)
        apart = model(z, logsnr, y) - model(z, logsnr, given)
        total += weight.item() * apart.square().sum((0, 1)) / 2 / samples
    return total


def against_the_paper(model, repeats, samples=100):
    """Seconds of the plain scheme over ours, for the map of one word from as many evaluations."""
    x = model.encode(idc.scenes.render(SCENE))
    runs = {
        "paper": lambda: paper(model, x, CAPTION, CONTEXT, samples),
        "ours": lambda: idc.pointwise_information(model, x, CAPTION, CONTEXT, samples=samples),
    }
    times = {name: [] for name, run in runs.items() if run() is not None}  # once before
    for _ in range(repeats):
        for name, run in runs.items():
            times[name].append(clock(run))
    return quantiles([a / b for a, b in zip(times["paper"], times["ours"], strict=True)])


def measure_overhead(quick=False):
    """JSON: both ratios for the exact denoiser and the network of scenes, on this machine's CPU."""
    found = {}
    for name in ("scenes", "scenes-net"):
        model, repeats = idc.load(name), 2 if quick else {"scenes": 25, "scenes-net": 9}[name]
        x, samples = model.encode(idc.scenes.render(SCENE)), 20 if quick else 100
        words = ["red", "owl", "far"] if name == "scenes-net" else None
        tasks = {
            "one word": lambda m, x=x, n=samples: idc.pointwise_information(m, x, CAPTION, CONTEXT, samples=n),
            "all words": lambda m, w=words, n=samples: idc.word_maps(
                m, idc.scenes.render(SCENE), CAPTION, w, samples=n
            ),
        }
        sizes = samples // 4, samples // 2, samples
        found[name] = {task: overhead(model, run, repeats, sizes) for task, run in tasks.items()}
        found[name]["paper"] = against_the_paper(model, repeats, samples)
    return found
