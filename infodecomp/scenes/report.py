"""The network's report card: `python -m infodecomp.scenes.report FOLDER` writes FOLDER/record.json and README.md.

Its numbers are measured against the exact denoiser or counted, each with its standard error over pictures. The record
also has the command, seed and counts, and the hashes of the weights that were measured.
"""

import argparse
import json
import math
from itertools import pairwise
from pathlib import Path

import torch
from scipy.stats import binomtest
from torch.nn.functional import pixel_shuffle

from ..captions import units, without
from ..denoiser import Model
from ..estimates.alternatives import Alternatives
from ..estimates.information import compare, pointwise_information, posterior
from ..progress import unattended
from .edits import swaps
from .excess import BANDS, best, excess_by_band
from .grammar import CLASS, FUNCTION, PHRASES, Scene, sample, scenes
from .meaning import alternatives, information, log_prob
from .model import ExactScenes, encode_all
from .net import NetworkScenes, hashes
from .parts import load_clip, tokens
from .sprites import render

KINDS = ("noun", "colour", "verb", "numeral", "adverb", "relation", "day or night", "redundant")
SEED = 77


def kind_of(word: str, caption: str) -> str | None:
    """Which of KINDS a word of a caption is; None for a function word."""
    name = CLASS[word.split()[0]]
    if name in ("time", "light"):
        return "redundant" if {"by", "under"} <= set(caption.split()) else "day or night"
    if name == "state":
        return "numeral" if word in ("one", "two") else "verb"
    return {"side": "relation", "vertical": "relation"}.get(name, name if word not in FUNCTION else None)


def rows_of(kind: str, count: int, seed: int = SEED) -> list[tuple[Scene, str, str, int, str]]:
    """count rows (scene, caption, caption without the word, start of the word, word), each with a word of this kind."""
    rows: list[tuple[Scene, str, str, int, str]] = []
    for scene, _, caption in zip(*sample(40 * count, seed), strict=True):
        if len(rows) == count:
            break
        fitting = [unit for unit in units(caption, PHRASES) if kind_of(unit[2], caption) == kind]
        if kind != "redundant":  # no word that the others imply
            fitting = [unit for unit in fitting if len(alternatives(caption, unit[0]).conditions) > 1]
        if fitting:
            start, stop, word = fitting[len(rows) % len(fitting)]
            rows.append((scene, caption, without(caption, start, stop), start, word))
    return rows


def mean(values: torch.Tensor | list[float]) -> list[float]:
    """[mean, its standard error] over pictures, rounded."""
    values = torch.as_tensor(values, dtype=torch.float64)
    return [round(values.mean().item(), 4), round(values.std().item() / len(values) ** 0.5, 4)]


def correlation(one: torch.Tensor, other: torch.Tensor) -> float:
    """Pearson's correlation of two maps."""
    return torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1].item()


def measure_words(model: Model, exact: Model, kind: str, count: int, samples: int, maps: int) -> dict:
    """One line of the table: the information of words against their own context and against alternatives, the truth."""
    rows = rows_of(kind, count)
    x = model.encode([render(row[0]) for row in rows])
    captions, rest = [row[1] for row in rows], [row[2] for row in rows]
    each = [alternatives(row[1], row[3]) for row in rows]
    truth = [information(*row[:3]) for row in rows]
    own = compare(model, x, [captions, rest], samples=samples)
    chosen = [others.conditions.index(caption) for others, caption in zip(each, captions, strict=True)]
    found = posterior(model, x, Alternatives.stack(each), samples=samples)
    repaired = found.information[range(len(rows)), chosen]
    line: dict = {
        "count": len(rows),
        "truth": mean(truth),
        "own": mean(own.information(0, 1, "standard").nats),
        "own_orthogonal": mean(own.information(0, 1).nats),
        "alternatives": mean(repaired),
        "bound": round(sum(-math.log(o.prior[i]) for o, i in zip(each, chosen, strict=True)) / len(rows), 4),
        "own_each": [round(v, 4) for v in own.information(0, 1, "standard").nats.tolist()],
        "alternatives_each": [round(v, 4) for v in repaired.tolist()],
    }
    if maps and max(truth) > 1e-9:
        few = slice(0, maps)
        context = Alternatives.stack(each[few])
        against = pointwise_information(model, x[few], captions[few], context, samples=2 * samples).map
        real = pointwise_information(exact, x[few], captions[few], rest[few], samples=1600).map
        line["map_own"] = mean([correlation(*pair) for pair in zip(own.information(0, 1).map[few], real, strict=True)])
        line["map_alternatives"] = mean([correlation(*pair) for pair in zip(against, real, strict=True)])
    return line


def measure_excess(model: Model, exact: Model, count: int) -> dict[str, list[list[float]]]:
    """{condition: [[nats, standard error] per band]}, for whole captions, fragments and the empty text."""
    drawn, fragments, whole = sample(count, SEED)
    x, found = model.encode([render(scene) for scene in drawn]), {}
    for name, texts in (("caption", whole), ("fragment", fragments), ("nothing", [""] * count)):
        condition = model.condition(texts)

        def predict(z, logsnr, condition=condition):
            return best(model, z, logsnr, condition)

        bands = excess_by_band(predict, exact, x, texts)
        found[name] = [[round(v, 4) for v in band] for band in bands]
    return found


def measure_pictures(model: NetworkScenes, count: int) -> dict:
    """Share of generated pictures whose nearest scene fits the caption."""
    texts = sample(count, SEED + 1)[2]
    x = model.encode(model.generate(texts, seed=SEED)).double().flatten(1)
    distances = torch.cdist(x, encode_all(model).double().flatten(1))
    nearest = [scenes()[i] for i in distances.argmin(1).tolist()]
    fits = [float(log_prob(scene, text) > -math.inf) for scene, text in zip(nearest, texts, strict=True)]
    return {"count": count, "fit": mean(fits)}


def measure_swaps(model: NetworkScenes, count: int, samples: int) -> dict:
    """Share of pictures for which the true caption beats a swapped one: by CLIP's score and by iˢ of the network."""
    drawn, _, whole = sample(6 * count, SEED + 2)
    apart = [i for i, scene in enumerate(drawn) if scene.first.colour != scene.second.colour][:count]
    texts, x = [whole[i] for i in apart], model.encode([render(drawn[i]) for i in apart])
    others = [list(swapped) for swapped in zip(*map(swaps, texts), strict=True)]
    clip, found = load_clip(model.folder), {}
    with torch.no_grad():
        image = clip.get_image_features(pixel_values=pixel_shuffle(x, 2)).pooler_output
        ids = [tokens(model.tokenizer, captions) for captions in (texts, *others)]
        scores = [torch.cosine_similarity(image, clip.get_text_features(input_ids=i).pooler_output) for i in ids]
    for k, name in enumerate(("relation", "colours", "nouns")):
        nats = pointwise_information(model, x, texts, others[k], kind="standard", samples=samples).nats
        found[name] = {"clip": mean((scores[0] > scores[k + 1]).double()), "network": mean((nats > 0).double())}
    return {"count": count} | found


def card(record: dict) -> str:
    """README.md of the folder: the model card; its numbers are those of the record."""
    parts = (_head, _excess_table, _word_table, _abilities)
    return "\n".join(line for part in parts for line in part(record))


def _plus_minus(pair):
    return f"{round(pair[0], 2) + 0.0:.2f} ± {pair[1]:.2f}"  # no −0.00


def _share(pair, count):
    """A share of `count` pictures in per cent, with Wilson's 95 % interval."""
    found = binomtest(round(pair[0] * count), count).proportion_ci(method="wilson")
    return f"{100 * pair[0]:.0f} % [{100 * found.low:.0f}, {100 * found.high:.0f}]"


def _head(record):
    training = record["training"]
    commands = [part["command"] for part in (training.get("before"), training) if part]
    return [
        "# scenes-net",
        "",
        "A small text-to-image diffusion model of the embedded world of `infodecomp.scenes`: diffusers'",
        "UNet2DConditionModel on a CLIP text encoder (transformers). Made to be measured: what it should say is known.",
        "",
        f"- **Data**: pictures and fragments of captions drawn from the world's joint distribution, seed"
        f" {training['seed']}; nothing else.",
        f"- **Recipe**: {', then '.join(f'`{command}`' for command in commands)}. Seed {training['seed']};"
        f" {training['text']}",
        "- **Target**: the exact posterior mean of the picture instead of the picture: the same optimum, less noise.",
        "- **Range**: log-SNR −13 to −1, x0 prediction; outside it refuses.",
        "- **Weights**: float16 safetensors; their hashes stand in `record.json`, with every number below.",
        "",
    ]


def _excess_table(record):
    return [
        "## Excess error over the exact denoiser, in nats per band of log-SNR (± standard error over pictures)",
        "",
        "| given | " + " | ".join(f"{a} to {b}" for a, b in pairwise(BANDS)) + " |",
        "|---|" + "---|" * (len(BANDS) - 1),
        *[f"| {name} | " + " | ".join(map(_plus_minus, bands)) + " |" for name, bands in record["excess"].items()],
        "",
    ]


def _word_table(record):
    return [
        "## Information of a word given the rest, in nats",
        "",
        "*own*: the paper's CMI, iˢ against the network's own branch without the word. *alternatives*: against the",
        "mixture of whole captions. *maps*: correlation with the exact map.",
        "",
        "| word | truth | own | alternatives | maps, own | maps, alternatives |",
        "|---|---|---|---|---|---|",
        *[_word_row(kind, word) for kind, word in record["words"].items()],
        "",
    ]


def _word_row(kind, word):
    cells = [f"{abs(word['truth'][0]):.2f}", _plus_minus(word["own"]), _plus_minus(word["alternatives"])]
    cells += [_plus_minus(word[name]) if name in word else "–" for name in ("map_own", "map_alternatives")]
    return " | ".join([f"| {kind}", *cells]) + " |"


def _abilities(record):
    swapped, pictures = record["swaps"], record["pictures"]
    lacking = []
    for kind, word in record["words"].items():
        (truth, error), (nats, spread) = word["truth"], word["alternatives"]
        if truth - nats > 2 * math.hypot(spread, error) + 0.01:
            lacking.append(f"{kind} ({nats:.2f} of {truth:.2f} nats)")
    return [
        "## What it can tell apart, and draw",
        "",
        f"Share of {swapped['count']} pictures for which the true caption beats one with something swapped:",
        "",
        "| swapped | CLIP baseline | network, iˢ |",
        "|---|---|---|",
        *[
            f"| {name} | {_share(share['clip'], swapped['count'])} | {_share(share['network'], swapped['count'])} |"
            for name, share in swapped.items()
            if name != "count"
        ],
        "",
        f"Of {pictures['count']} generated pictures {_share(pictures['fit'], pictures['count'])} fit their caption in"
        " every word, at the nearest scene. In brackets: Wilson's 95 % intervals.",
        "",
        f"Against alternatives it knows less than there is to know of: {', '.join(lacking) or 'nothing'}.",
        "Its own CMI pays most words too much: the branch without the word is the weaker one (chapters 11 and 12).",
        "",
    ]


@unattended(bars=True)
def main() -> None:
    """Measure a network's folder and write its record and its card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folder", type=Path, help="a scenes-net folder, with log.jsonl and training.json of its training"
    )
    parser.add_argument("--count", type=int, default=64, help="pictures that are drawn, and told apart")
    parser.add_argument("--words", type=int, default=32, help="pictures per kind of word")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--maps", type=int, default=8, help="of them with maps")
    args = parser.parse_args()
    model, exact = NetworkScenes(args.folder), ExactScenes()
    record: dict = {
        "settings": {"seed": SEED} | {k: getattr(args, k) for k in ("count", "words", "samples", "maps")},
        "training": json.loads((args.folder / "training.json").read_text()),
        "sha256": hashes(args.folder),
        "excess": measure_excess(model, exact, 4 * args.count),
        "pictures": measure_pictures(model, args.count),
        "swaps": measure_swaps(model, args.count, args.samples),
        "words": {},
    }
    for kind in KINDS:
        record["words"][kind] = measure_words(model, exact, kind, args.words, args.samples, args.maps)
        print(kind, {k: v for k, v in record["words"][kind].items() if "each" not in k}, flush=True)
    (args.folder / "record.json").write_text(json.dumps(record, indent=1) + "\n")
    (args.folder / "README.md").write_text(card(record))


if __name__ == "__main__":
    main()
