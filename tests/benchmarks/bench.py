"""`make bench`: what estimates cost, as ratios within one run on this machine. Prints and stores a record (JSON).

Chapter 17 is drawn from it. `python tests/benchmarks/bench.py --quick` only tries it, and stores nothing; `--only PART`
measures some parts anew and keeps the others, if the record is of this machine. With new weights of the same
architecture, `--only precision network` measures what depends on the weights and keeps the times of the old ones.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import torch
from growth import measure_growth
from overhead import CAPTION, SCENE, measure_overhead, quantiles
from samples import measure_network, measure_samples
from weighting import measure_weighting

import infodecomp as idc
from infodecomp.experiments.origin import hashes

COUNTS = {"samples", "network", "evaluations_per_sample", "precision", "weighting"}  # no times: the same everywhere
RECORD = Path(idc.__file__).parent / "experiments" / "records" / "cost.json"


def machine():
    """Processor, cores and versions."""
    named = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").open() if line.startswith("model name")]
    found = {"processor": (named or [platform.processor()])[0], "threads": torch.get_num_threads()}
    found |= {name: version(name) for name in ("torch", "diffusers", "numpy")}
    found["gpu"] = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return found


def measure_start(repeats=5):
    """Seconds that `import infodecomp` takes beyond `import torch`, each in a fresh process."""
    code = "import time, torch; t = time.perf_counter(); import infodecomp; print(time.perf_counter() - t)"
    run = lambda: float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)  # noqa: E731
    return quantiles([run() for _ in range(repeats)])


def measure_precision(images=8, samples=50):
    """What bfloat16 and float16 change, in nats on the same noise: mean and standard error over images.

    Beside it the mean standard error of one estimate.
    """
    scenes, _, captions = idc.scenes.sample(images, seed=2)
    pictures, rows = [idc.scenes.render(scene) for scene in scenes], {}
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        net = idc.load("scenes-net", dtype=dtype)
        x = net.encode(pictures)
        seen = idc.compare(net, x, [captions, None], samples=samples)
        rows[dtype] = {
            "i^o": seen.information(0, 1),
            "i^s": seen.information(0, 1, kind="standard"),
            "−log p": seen.nll(0),
        }
    found = {}
    for dtype, each in rows.items():
        for name, estimate in each.items():
            exact = rows[torch.float32][name]
            change, error = (estimate.nats - exact.nats), (estimate.nats - exact.nats).std() / images**0.5
            row = {"change": change.mean().item(), "error": error.item(), "largest": change.abs().max().item()}
            row |= {"nats": exact.nats.mean().item(), "stderr": exact.stderr.mean().item()}
            if dtype != torch.float32:
                found[f"{str(dtype).removeprefix('torch.')} {name}"] = {k: round(v, 5) for k, v in row.items()}
    return found


def count_words():
    """Evaluations per sample that word_maps makes for W words, counted; equal contexts are made once."""
    model, counted = idc.load("scenes"), {}
    for words in (["red"], ["red", "owl"], ["red", "owl", "fish", "two"], None):
        calls = []
        watched = type("Watched", (), {"__getattr__": lambda self, name: getattr(model, name)})()
        type(watched).__call__ = lambda self, z, a, c, calls=calls: (calls.append(len(z)), model(z, a, c))[1]
        maps = idc.word_maps(watched, idc.scenes.render(SCENE), CAPTION, words, samples=20)
        counted[len(maps.words)] = sum(calls) / 20
    return counted


def measure_lab(seconds=5):
    """Evaluations a second of the lab's engine in JavaScript (node), None where there is no node."""
    from infodecomp.widget.lab import world
    from infodecomp.widget.page import bundle

    told = {"axis": 0, "far": 1, "night": 0, "first": 0, "second": 48}
    code = f"""{bundle("engine/engine.js")}
    const engine = makeEngine({json.dumps(world())});
    const scene = {json.dumps(told)};
    const estimator = engine.estimator(scene, engine.captions(scene)[0], 0);
    for (let i = 0; i < 64; i++) estimator.step();
    let steps = 0;
    const start = performance.now();
    while (performance.now() - start < {1000 * seconds}) {{ estimator.step(); steps += 1; }}
    console.log(1000 * steps * estimator.conditions / (performance.now() - start));"""
    try:
        return round(
            float(subprocess.run(["node", "-"], input=code, capture_output=True, text=True, check=True).stdout)
        )
    except FileNotFoundError:
        return None


def main(quick, only):
    record = {"date": str(date.today()), "machine": machine()}
    if only:
        known = json.loads(RECORD.read_text(encoding="utf-8"))
        timed = set(only) - COUNTS
        if timed and known["machine"] != record["machine"]:
            sys.exit(f"the record is of another machine: {known['machine']}")
        record = known | (record if timed else {})
        kept = known.get("timed_weights", known["weights"])  # times depend on the architecture, not on the weights
    record["weights"] = hashes("scenes-net")
    record["timed_weights"] = kept if only else record["weights"]
    parts = {
        "import_seconds": lambda: measure_start(1 if quick else 5),
        "overhead": lambda: measure_overhead(quick),
        "evaluations_per_sample": count_words,
        "precision": lambda: measure_precision(2, 4) if quick else measure_precision(),
        "growth": lambda: measure_growth(quick),
        "lab_per_second": lambda: measure_lab(1 if quick else 5),
        "samples": lambda: measure_samples(quick=quick),
        "weighting": lambda: measure_weighting(quick),
    }
    for name in only or parts:
        part = (parts | {"network": lambda: measure_network(quick=quick)})[name]
        begun = time.perf_counter()
        place, key = (record["samples"], "network") if name == "network" else (record, name)
        place[key] = part()
        print(f"{name} ({time.perf_counter() - begun:.0f} s)\n{json.dumps(place[key], ensure_ascii=False)}", flush=True)
    if not quick:
        RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"written to {RECORD}")
    if torch.cuda.is_available() and not only:
        subprocess.run([sys.executable, Path(__file__).parent / "gpu.py", *["--small"] * quick], check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few repeats; nothing is stored")
    parser.add_argument("--only", nargs="+", metavar="PART", help="measure these parts of the record anew")
    given = parser.parse_args()
    main(given.quick, given.only)
