"""`python tests/benchmarks/gpu.py`: everything that needs a graphics card, in one run; --small tries it on a CPU.

Stable Diffusion 2.1, SDXL and Stable Diffusion 3 at their full sizes (gpu_models.py), chosen by --model: bare
evaluations a second by number of rows; one word's map, for the first model all words', pictures and texts encoded, as
multiples of the bare time; peak memory; the kernels that take longest; how far ε̂ is from float32's. bfloat16 eager and
compiled, float32 and float16 in brief, compiled ones last. The time is estimated from operations beforehand; what would
end after --minutes is left out, and the record says so. It is stored beside the other records after each network, with
the card's name; models of the same card that are not measured now stay in it.
"""

import argparse
import gc
import json
import sys
import time
from datetime import date
from pathlib import Path

import torch
from gpu_models import MODELS, counted, model
from overhead import clock, overhead, quantiles
from PIL import Image

import infodecomp as idc
from infodecomp.calls import ROWS

RECORDS = Path(idc.__file__).parent / "experiments" / "records"
CAPTION, CONTEXT = "the red owl above the blue fish", "the owl above the blue fish"  # words of the tokenizer at hand
FULL_SPEED = {"NVIDIA H100": 798e12, "NVIDIA H200": 798e12}  # bf16 operations a second, measured for large products
SPEED = {torch.float32: 30e12, torch.bfloat16: 280e12, torch.float16: 280e12}  # assumed of such a card, to plan with
LOADING, COMPILING = 12, 300  # seconds, assumed
WARM, TIMES = 2, 3  # calls before the clock and by the clock
NETWORKS = (torch.float32, False), (torch.bfloat16, False), (torch.float16, False), (torch.bfloat16, True)


def named(dtype, compiled):
    return f"{str(dtype).removeprefix('torch.')}{', compiled' if compiled else ''}"


def sizes_of(numbers, samples, single):
    """Rows in a call: just as many as the estimator gives; unless single, half and twice as many, too."""
    own = min(samples // 2, ROWS[1] // numbers)
    return (own,) if single else (own // 2, own, 2 * own)


def is_single(dtype, compiled):
    """Whether a network is tried with one number of rows: float32 is slow, and each number is compiled anew."""
    return compiled or dtype == torch.float32


def planned(name, dtype, compiled, samples):
    """Evaluations that `measured` makes at most."""
    side, channels = MODELS[name].network["sample_size"], MODELS[name].vae["latent_channels"]
    sizes, repeats = sizes_of(side * side * channels, samples, is_single(dtype, compiled)), repeats_of(name)
    count = 2 * sizes[-1] + (WARM + TIMES) * sum(sizes)
    if dtype == torch.bfloat16:
        count += 2 * samples * (4 + repeats * (1 + len(sizes)))
        texts = 2 * len(CAPTION.split()) + 2
        count += MODELS[name].words * texts * samples * (3 + min(repeats, 2) * (1 + len(sizes)))
    return count


def repeats_of(name):
    return 5 if MODELS[name].words else 3


def seconds_planned(name, dtype, compiled, samples=100):
    """Of a card like an H100, from operations."""
    running = planned(name, dtype, compiled, samples) * counted(name)[1] / SPEED[dtype]
    return LOADING + running + COMPILING * compiled


@torch.no_grad()
def answers(net, rows):
    """eps_hat of two batches, float64 on the CPU. The second call must leave the first one's answer alone."""
    draw = torch.Generator().manual_seed(1)
    z = torch.randn(2, rows, *net.shape, generator=draw).to(net.device)
    logsnr = torch.linspace(-4, 6, rows, device=net.device)
    first = net(z[0], logsnr, net.condition(CAPTION))
    kept = first.clone()
    second = net(z[1], logsnr, net.condition(CONTEXT))
    assert torch.equal(first, kept)
    return torch.stack([first, second]).double().cpu()


@torch.no_grad()
def bare(net, rows):
    """Evaluations a second at `rows` rows a call."""
    x, logsnr = torch.randn(rows, *net.shape, device=net.device), torch.linspace(-4, 6, rows, device=net.device)
    told = net.condition(CAPTION)
    times = [clock(lambda: net(x, logsnr, told), net.device) for _ in range(WARM + TIMES)]
    return round(rows / quantiles(times[WARM:])[0], 1)


def longest(net, x, samples, count=12):
    """[(kernel, milliseconds)] of one word's map."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    activities += [torch.profiler.ProfilerActivity.CUDA] if x.is_cuda else []
    with torch.profiler.profile(activities=activities) as seen:
        idc.pointwise_information(net, x, CAPTION, CONTEXT, samples=samples)
    cost = "self_device_time_total" if x.is_cuda else "self_cpu_time_total"
    events = [e for e in seen.key_averages() if not x.is_cuda or e.device_type == torch.autograd.DeviceType.CUDA]
    found = sorted(events, key=lambda e: -getattr(e, cost))[:count]
    return [(e.key[:80], round(getattr(e, cost) / 1000, 2)) for e in found]


def peak(run, device):
    """Gigabytes that a run takes from the card, its graphs' included; None on a CPU."""
    if device != "cuda":
        return None
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    run()
    return round(torch.cuda.max_memory_reserved() / 1e9, 2)


def tasks_of(name, samples):
    """{task: (what is run for a network, repeats)}, pictures and texts encoded anew each time."""
    picture, repeats = Image.effect_noise((512, 512), 60).convert("RGB"), repeats_of(name)

    def one_word(net):
        net.forget()
        return idc.pointwise_information(net, net.encode(picture), CAPTION, CONTEXT, samples=samples)

    def all_words(net):
        net.forget()
        return idc.word_maps(net, picture, CAPTION, samples=samples)

    tasks = {"one word": (one_word, repeats), "all words": (all_words, min(repeats, 2))}
    return tasks if MODELS[name].words else {"one word": tasks["one word"]}


def measured(name, dtype, compiled, small, device, exact):
    """(row of the record, answers) of one network; exact: the answers of float32, None where there are none."""
    begun, samples = time.perf_counter(), 4 if small else 100
    net = model(name, small, device, dtype)
    net = net.compile() if compiled else net
    numbers = torch.Size(net.shape).numel()
    sizes, (own,) = sizes_of(numbers, samples, is_single(dtype, compiled)), sizes_of(numbers, samples, True)
    found = answers(net, own)
    away = None if exact is None else (found - exact).square().mean() / exact.square().mean()
    row = {"deviation": None if exact is None else away.sqrt().item()}
    row["first_seconds"] = round(time.perf_counter() - begun, 1)  # made, and compiled if it is
    row["bare_per_second"] = {rows: bare(net, rows) for rows in sizes}
    if dtype == torch.bfloat16:
        row["samples"] = samples
        for task, (run, repeats) in tasks_of(name, samples).items():
            run(net)
            row[task] = {"peak_gigabytes": peak(lambda run=run: run(net), device)}
            row[task] |= overhead(net, run, 1 if small else repeats, sizes)
            row[task]["per_second"] = round(row[task]["evaluations"] / row[task]["seconds"][0], 1)
        row["longest"] = longest(net, torch.randn(1, *net.shape, device=net.device), samples)
    row["seconds"] = round(time.perf_counter() - begun, 1)
    return row, found


def begun(names, small, out, device):
    """The record so far: of the same card and torch, what is not measured now is kept."""
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    now = {"device": name, "torch": torch.__version__, "small": small}
    known = json.loads(out.read_text(encoding="utf-8")) if out and out.is_file() else {}
    kept = known.get("models", {}) if {k: known.get(k) for k in now} == now else {}
    full = next((speed for known, speed in FULL_SPEED.items() if name.startswith(known)), None)
    for each in names:
        size, operations = counted(each)
        kept[each] = {"date": str(date.today()), "parameters": size, "tflop": operations / 1e12}
        kept[each] |= {"bfloat16_limit_per_second": full and full / operations, "networks": {}, "left_out": {}}
    return now | {"models": kept}


def told_of(names, plan):
    """Print what each model is, and how long it is planned to take."""
    for name in names:
        size, operations = counted(name)
        seconds = sum(t or 0 for job, t in plan.items() if job[0] == name)
        print(f"{name}: {size / 1e6:.0f} million parameters, {operations / 1e12:.3f} TFLOP, about {seconds:.0f} s")


def main(names, small=False, out=None, minutes=14, networks=NETWORKS):
    """The record, and what failed or is far from float32."""
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
    device, started, exact, wrong = "cuda" if torch.cuda.is_available() else "cpu", time.monotonic(), {}, []
    record = begun(names, small, out, device)
    jobs = sorted(((name, *network) for name in names for network in networks), key=lambda job: job[2])
    plan, took, thought = {job: 0 if small else seconds_planned(*job) for job in jobs}, 0, 0
    told_of(names, plan)
    for job, expected in plan.items():
        name, network, left = job[0], named(*job[1:]), 60 * minutes - (time.monotonic() - started)
        seconds, part, row = expected * max(1, took / (thought or 1)), record["models"][name], {}  # a slower card
        try:
            if seconds > left:
                part["left_out"][network] = f"{seconds:.0f} s planned, {left:.0f} s left"
            else:
                row, found = measured(*job, small, device, exact.get(name))
                exact |= {name: found} if job[1] == torch.float32 else {}
                took, thought = took + row["seconds"] * bool(expected), thought + expected
                part["networks"][network] = row | {"planned_seconds": round(expected)}
        except RuntimeError as error:  # of memory, or of the compiler: the others go on
            part["left_out"][network] = f"{type(error).__name__}: {error!s:.200}"
        wrong += [(name, network)] if seconds <= left and not (row and (row["deviation"] or 0) < 0.05) else []
        print(name, network, json.dumps(row or part["left_out"][network])[:400], flush=True)
        if out:
            out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        gc.collect()
    print(f"written to {out}" if out else "not written")
    return record, wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS), help="all, if not given")
    parser.add_argument("--small", action="store_true", help="small networks and few samples, to try the script")
    parser.add_argument("--out", type=Path, help="where the record goes (small: nowhere, if not given)")
    parser.add_argument("--minutes", type=float, default=14, help="no network is begun that would end later")
    given = parser.parse_args()
    place = given.out or (None if given.small else RECORDS / "cost-gpu.json")
    failed = main(given.model, given.small, place, given.minutes)[1]
    sys.exit(f"failed, or far from float32: {failed}" if failed else 0)
