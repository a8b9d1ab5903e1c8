"""`python tests/benchmarks/bench_scenes.py`: the world's exact denoiser against brute force over all its pictures."""

import subprocess
import sys
import time

import torch

import infodecomp as idc
from infodecomp import scenes as sc
from infodecomp.scenes import grammar
from infodecomp.scenes.model import JITTER


def rate(denoiser, z, logsnr, seconds=3.0):
    """Evaluations per second, after one for warming up."""
    denoiser(z, logsnr)
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        denoiser(z, logsnr)
        count += len(z)
    return count / (time.perf_counter() - started)


def main():
    model = idc.load("scenes")
    cuts = [sc.scenes()[i : i + 4096] for i in range(0, len(sc.scenes()), 4096)]
    pictures = torch.cat([model.encode([sc.render(s) for s in cut]) for cut in cuts])
    brute = idc.exact.FiniteSet(pictures, grammar.log_prior().exp(), jitter=JITTER)
    z, logsnr = torch.randn(512, 12, 16, 16), torch.linspace(-12, 0, 512)
    fast, slow = rate(model, z, logsnr), rate(brute, z, logsnr)
    print(
        f"{torch.get_num_threads()} threads: {fast:.0f} evaluations/s, brute force {slow:.0f}: {fast / slow:.0f} times"
    )
    fresh = "import time, infodecomp as i; t = time.perf_counter(); i.load('scenes'); print(time.perf_counter() - t)"
    loaded = subprocess.run([sys.executable, "-c", fresh], capture_output=True, text=True, check=True)
    print(f"load('scenes') in a fresh process, after the import: {float(loaded.stdout):.3f} s")


if __name__ == "__main__":
    main()
