"""What a network knew along its training: `python -m infodecomp.scenes.learning WORK` writes WORK/learning.json.

WORK is the folder of infodecomp.scenes.train. Each of its snapshots (the averaged weights after so many steps) is
measured like the finished network (infodecomp.scenes.report), with fewer pictures and without maps.
"""

import argparse
import hashlib
import json
from pathlib import Path

from ..progress import unattended
from .model import ExactScenes
from .net import NetworkScenes
from .report import KINDS, measure_excess, measure_swaps, measure_words
from .train import load

MEASURED = ("noun", "colour", "relation", "adverb")


def at_snapshot(model: NetworkScenes, file: Path) -> NetworkScenes:
    """The same network with the averaged weights of a snapshot."""
    weights = load(file)["model"]
    for name in ("text", "unet"):
        part = {key.removeprefix(f"{name}."): v for key, v in weights.items() if key.startswith(f"{name}.")}
        getattr(model, name).load_state_dict(part)
    model._embed.cache_clear()
    return model


def measured(model: NetworkScenes, exact: ExactScenes, count: int, samples: int) -> dict:
    """Excess, swaps and words of a network, as in its record."""
    words = {kind: measure_words(model, exact, kind, count, samples, 0) for kind in KINDS if kind in MEASURED}
    for word in words.values():
        for key in [key for key in word if key.startswith("map") or key.endswith("each")]:
            del word[key]
    return {
        "excess": measure_excess(model, exact, 4 * count),
        "swaps": measure_swaps(model, count, samples),
        "words": words,
    }


@unattended(bars=True)
def main() -> None:
    """Measure each snapshot that is there and not yet in the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--network", type=Path, required=True, help="a finished folder, for tokenizer and schedule")
    parser.add_argument("--count", type=int, default=32, help="pictures per kind of word")
    parser.add_argument("--samples", type=int, default=100)
    args = parser.parse_args()
    file, model, exact = args.work / "learning.json", NetworkScenes(args.network), ExactScenes()
    found = json.loads(file.read_text()) if file.exists() else {}
    for snapshot in sorted(args.work.glob("average-*.safetensors")):
        step = str(int(snapshot.stem.split("-")[1]))
        if step not in found:
            about = {"sha256": hashlib.sha256(snapshot.read_bytes()).hexdigest()}
            found[step] = about | measured(at_snapshot(model, snapshot), exact, args.count, args.samples)
            file.write_text(json.dumps(found, indent=1) + "\n")
            print(step, {k: (w["own"], w["alternatives"], w["truth"]) for k, w in found[step]["words"].items()})


if __name__ == "__main__":
    main()
