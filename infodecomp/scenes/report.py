"""The network's report card: `python -m infodecomp.scenes.report FOLDER` writes FOLDER/record.json and README.md.

All it says is measured against the exact denoiser or against counting; each number with its standard error over
pictures. The command, seed and counts stand in the record, with the hashes of the weights it speaks of.
"""

import argparse
import hashlib
import json
import math
from itertools import pairwise
from pathlib import Path

import torch

from ..captions import units
from ..estimates.alternatives import Alternatives
from ..estimates.information import compare, pointwise_information, posterior
from .edits import swaps
from .excess import BANDS, best, excess_by_band
from .grammar import CLASS, FUNCTION, sample, scenes
from .meaning import alternatives, information, log_prob
from .model import ExactScenes
from .net import NetworkScenes
from .parts import tokens
from .sprites import render

KINDS = ("noun", "colour", "verb", "numeral", "adverb", "relation", "day or night", "redundant")
SEED = 77


def kind_of(word, caption):
    """Which of KINDS a word of a caption is; None for a function word."""
    name = CLASS[word.split()[0]]
    if name in ("time", "light"):
        return "redundant" if {"by", "under"} <= set(caption.split()) else "day or night"
    if name == "state":
        return "numeral" if word in ("one", "two") else "verb"
    return {"side": "relation", "vertical": "relation"}.get(name, name if word not in FUNCTION else None)


def rows_of(kind, count, seed=SEED):
    """count rows (scene, caption, caption without the word, start of the word, word), one word of a kind each."""
    rows, model = [], ExactScenes
    for scene, _, caption in zip(*sample(40 * count, seed), strict=True):
        fitting = [u for u in units(caption, model.phrases) if kind_of(u[2], caption) == kind]
        if kind != "redundant":  # no word that the others imply
            fitting = [u for u in fitting if len(alternatives(caption, u[0]).conditions) > 1]
        if fitting and len(rows) < count:
            start, stop, word = fitting[len(rows) % len(fitting)]
            split = caption.split()
            rows.append((scene, caption, " ".join(split[:start] + split[stop:]), start, word))
    return rows


def mean(values):
    """[mean, its standard error] of a tensor over pictures, rounded."""
    values = torch.as_tensor(values, dtype=torch.float64)
    return [round(values.mean().item(), 4), round(values.std().item() / len(values) ** 0.5, 4)]


def correlation(one, other):
    return torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1].item()


def measure_words(model, exact, kind, count, samples, maps):
    """One line of the table: the word's information, by its own context and against alternatives, and the truth."""
    rows = rows_of(kind, count)
    x = model.encode([render(row[0]) for row in rows])
    told, rest = ([row[k] for row in rows] for k in (1, 2))
    each = [alternatives(row[1], row[3]) for row in rows]
    truth = [information(*row[:3]) for row in rows]
    own = compare(model, x, [told, rest], samples=samples)
    against = Alternatives.stack(each)
    chosen = [a.conditions.index(row[1]) for a, row in zip(each, rows, strict=True)]
    repaired = posterior(model, x, against, samples=samples).information[range(len(rows)), chosen]
    line = {
        "count": len(rows),
        "truth": mean(truth),
        "own": mean(own.information(0, 1, "standard").nats),
        "own_orthogonal": mean(own.information(0, 1).nats),
        "alternatives": mean(repaired),
        "bound": round(sum(-math.log(a.prior[i]) for a, i in zip(each, chosen, strict=True)) / len(rows), 4),
        "own_each": [round(v, 4) for v in own.information(0, 1, "standard").nats.tolist()],
        "alternatives_each": [round(v, 4) for v in repaired.tolist()],
    }
    if max(truth) > 1e-9:
        few, options = slice(0, maps), {"samples": 2 * samples}
        some = Alternatives.stack(each[few])
        found = pointwise_information(model, x[few], told[few], some, **options).map
        real = pointwise_information(exact, x[few], told[few], rest[few], samples=1600).map
        line["map_own"] = mean([correlation(*pair) for pair in zip(own.information(0, 1).map[few], real, strict=True)])
        line["map_alternatives"] = mean([correlation(*pair) for pair in zip(found, real, strict=True)])
    return line


def measure_excess(model, exact, count):
    """{what is told: [[nats, standard error] per band]}."""
    pairs, fragments, whole = sample(count, SEED)
    x, found = model.encode([render(s) for s in pairs]), {}
    for name, texts in (("caption", whole), ("fragment", fragments), ("nothing", [""] * count)):
        condition = model.condition(texts)

        def predict(z, logsnr, condition=condition):
            return best(model, z, logsnr, condition)

        bands = excess_by_band(predict, exact, x, texts)
        found[name] = [[round(v, 4) for v in band] for band in bands]
    return found


def measure_pictures(model, count):
    """Share of generated pictures that, at the nearest scene, fit their caption, and share of each part that fits."""
    texts = sample(count, SEED + 1)[2]
    x = model.encode(model.generate(texts, seed=SEED)).double().flatten(1)
    every = torch.cat(
        [model.encode([render(s) for s in scenes()[i : i + 4096]]) for i in range(0, len(scenes()), 4096)]
    )
    nearest_scene = [scenes()[i] for i in torch.cdist(x, every.double().flatten(1)).argmin(1).tolist()]
    fits = [float(log_prob(s, t) > -math.inf) for s, t in zip(nearest_scene, texts, strict=True)]
    return {"count": count, "fit": mean(fits)}


def measure_swaps(model, count, samples):
    """Share of pictures for which the true caption beats a swapped one: by CLIP's score and by iˢ of the network."""
    from safetensors.torch import load_file
    from transformers import CLIPConfig, CLIPModel

    clip = CLIPModel(CLIPConfig.from_pretrained(model.folder / "clip"))
    clip.load_state_dict(load_file(model.folder / "clip" / "model.safetensors"))
    pairs, _, whole = sample(6 * count, SEED + 2)
    apart = [i for i, s in enumerate(pairs) if s.first.colour != s.second.colour][:count]
    texts, x = [whole[i] for i in apart], model.encode([render(pairs[i]) for i in apart])
    others, found = list(zip(*(swaps(t) for t in texts), strict=True)), {}
    with torch.no_grad():
        image = clip.eval().get_image_features(pixel_values=torch.nn.functional.pixel_shuffle(x, 2)).pooler_output
        scores = [
            torch.cosine_similarity(image, clip.get_text_features(input_ids=tokens(model.tokenizer, t)).pooler_output)
            for t in (texts, *map(list, others))
        ]
    for k, name in enumerate(("relation", "colours", "nouns"), 1):
        told = pointwise_information(model, x, texts, list(others[k - 1]), kind="standard", samples=samples).nats
        found[name] = {"clip": mean((scores[0] > scores[k]).double()), "network": mean((told > 0).double())}
    return {"count": count} | found


def card(record):
    """README.md of the folder: the model card, all of whose numbers come from the record."""
    pm = "{0[0]:.2f} ± {0[1]:.2f}".format
    lacking = [
        f"{kind} ({w['alternatives'][0]:.2f} of {w['truth'][0]:.2f} nats)"
        for kind, w in record["words"].items()
        if w["truth"][0] - w["alternatives"][0] > 2 * math.hypot(w["alternatives"][1], w["truth"][1]) + 0.01
    ]
    lines = [
        "# scenes-net",
        "",
        "A small text-to-image diffusion model of the embedded world of `infodecomp.scenes`: diffusers'",
        "UNet2DConditionModel on a CLIP text encoder (transformers). Made to be measured: what it should say is known.",
        "",
        f"- **Data**: pictures and fragments of captions drawn from the world's joint distribution, seed"
        f" {record['training']['seed']}; nothing else.",
        f"- **Recipe**: `{record['training']['command']}`, {record['training']['text']}",
        "- **Target**: the exact posterior mean of the picture instead of the picture: the same optimum, less noise.",
        "- **Range**: log-SNR −13 to −1, x0 prediction; outside it refuses.",
        "- **Weights**: float16 safetensors; their hashes stand in `record.json`, with every number below.",
        "",
        "## Excess error over the exact denoiser, in nats per band of log-SNR (± standard error over pictures)",
        "",
        "| told | " + " | ".join(f"{a} to {b}" for a, b in pairwise(BANDS)) + " |",
        "|---|" + "---|" * (len(BANDS) - 1),
        *[f"| {name} | " + " | ".join(map(pm, bands)) + " |" for name, bands in record["excess"].items()],
        "",
        "## Information of a word given the rest, in nats",
        "",
        "*own*: the paper's CMI, iˢ against the network's own branch without the word. *alternatives*: against the",
        "mixture of whole captions. *maps*: correlation with the exact map.",
        "",
        "| word | truth | own | alternatives | maps, own | maps, alternatives |",
        "|---|---|---|---|---|---|",
        *[
            f"| {kind} | {abs(w['truth'][0]):.2f} | {pm(w['own'])} | {pm(w['alternatives'])} | "
            + " | ".join(pm(w[m]) if m in w else "–" for m in ("map_own", "map_alternatives"))
            + " |"
            for kind, w in record["words"].items()
        ],
        "",
        "## What it can tell apart, and draw",
        "",
        f"Share of {record['swaps']['count']} pictures for which the true caption beats one with something swapped:",
        "",
        "| swapped | CLIP baseline | network, iˢ |",
        "|---|---|---|",
        *[f"| {k} | {pm(v['clip'])} | {pm(v['network'])} |" for k, v in record["swaps"].items() if k != "count"],
        "",
        f"Of {record['pictures']['count']} generated pictures {100 * record['pictures']['fit'][0]:.0f} %"
        f" ± {100 * record['pictures']['fit'][1]:.0f} % fit their caption in every word, at the nearest scene.",
        "",
        f"Against alternatives it knows less than there is to know of: {', '.join(lacking) or 'nothing'}.",
        "Its own CMI pays most words too much: the branch without the word is the weaker one (chapters 11 and 12).",
        "",
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folder", type=Path, help="a scenes-net folder, with log.jsonl and training.json of its training"
    )
    parser.add_argument("--count", type=int, default=64, help="pictures per kind of word")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--maps", type=int, default=16, help="pictures whose maps are compared, per kind of word")
    args = parser.parse_args()
    model, exact = NetworkScenes(args.folder), ExactScenes()
    files = sorted(args.folder.rglob("*.safetensors"))
    record = {
        "settings": {"seed": SEED, "count": args.count, "samples": args.samples, "maps": args.maps},
        "training": json.loads((args.folder / "training.json").read_text()),
        "sha256": {str(f.relative_to(args.folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files},
        "excess": measure_excess(model, exact, 4 * args.count),
        "pictures": measure_pictures(model, args.count),
        "swaps": measure_swaps(model, args.count, args.samples),
        "words": {},
    }
    for kind in KINDS:
        record["words"][kind] = measure_words(model, exact, kind, args.count, args.samples, args.maps)
        print(kind, {k: v for k, v in record["words"][kind].items() if "each" not in k}, flush=True)
    (args.folder / "record.json").write_text(json.dumps(record, indent=1) + "\n")
    (args.folder / "README.md").write_text(card(record))


if __name__ == "__main__":
    main()
