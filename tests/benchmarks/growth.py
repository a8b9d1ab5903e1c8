"""Time and peak memory against images, samples, words, pixels and batch: each point in processes of its own."""

import json
import subprocess
import sys
import time
from pathlib import Path

import torch

AXES = {
    "samples": [100, 200, 400, 800, 1600, 3200],
    "images": [1, 2, 4, 8, 16],
    "words": [1, 2, 4, 8, 12],
    "pixels": [16**2, 32**2, 64**2, 128**2],
    "batch": [1, 2, 4, 10, 20, 50, 100],  # of one image's 100 draws
}
FIXED = {"samples": 100, "images": 1, "words": 1, "pixels": 16**2, "batch": None}


def point(axis, value):
    """Seconds and peak memory (MB beyond what was there before) of one estimate; the exact denoiser of scenes, but for
    batch (the network) and pixels (a callable of no cost, so that the estimator's own share is seen)."""
    import infodecomp as idc
    from infodecomp.captions import units

    at = FIXED | {axis: value}
    caption = "the flying red owl far left of the two blue fish by night under the moon"
    scene = idc.scenes.Scene(0, 1, 1, idc.scenes.Thing("owl", "flying", "red"), idc.scenes.Thing("fish", "two", "blue"))
    model = idc.load("scenes-net" if axis == "batch" else "scenes")
    if axis == "pixels":
        side = int(at["pixels"] ** 0.5)
        x, told = torch.randn(1, 4, side, side), (torch.ones(1, 1), torch.full((1, 1), 0.5))
        free = lambda z, logsnr, c: z * c[..., None, None]  # noqa: E731
        run = lambda n: idc.pointwise_information(free, x, *told, samples=n)  # noqa: E731
    elif axis == "words":
        picture = idc.scenes.render(scene)
        words = [start for start, _, _ in units(caption, model.phrases)][: at["words"]]
        run = lambda n: idc.word_maps(model, picture, caption, words, samples=n)  # noqa: E731
    else:
        x = model.encode([idc.scenes.render(scene)] * at["images"])
        pair = caption, caption.replace("red ", "")
        run = lambda n: idc.pointwise_information(model, x, *pair, samples=n, batch_size=at["batch"])  # noqa: E731
    run(100)  # so that what stays allocated is there
    before, times = resident("VmRSS"), []
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    for _ in range(3):
        started = time.perf_counter()
        run(at["samples"])
        times.append(time.perf_counter() - started)
    return min(times), resident("VmHWM") - before


def resident(name):
    """Megabytes of memory (Linux): VmRSS now, VmHWM at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def measure_growth(quick=False, repeats=3):
    """JSON: for each axis its values, seconds, and megabytes: lists of their least, middle and largest of three."""
    found = {}
    for axis, values in AXES.items():
        found[axis] = {"values": values[:2] if quick else values, "seconds": [], "megabytes": []}
        for value in found[axis]["values"]:
            command = [sys.executable, __file__, axis, str(value)]
            told = [
                json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                for _ in range(repeats)
            ]
            for name, each in zip(("seconds", "megabytes"), zip(*told, strict=True), strict=True):
                found[axis][name].append(sorted(round(number, 4) for number in each))
    return found


if __name__ == "__main__":
    print(json.dumps(point(sys.argv[1], int(sys.argv[2]))))
