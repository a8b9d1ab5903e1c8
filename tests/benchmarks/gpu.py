"""`python tests/benchmarks/gpu.py`: everything that needs a graphics card, in one run; --small tries it on a CPU.

Networks of Stable Diffusion 2.1's sizes from their configuration (weights do not matter for time): bare evaluations a
second by number of rows; one word's map and all words', pictures and texts encoded, as multiples of the bare time; peak
memory; the kernels that take longest; how far ε̂ is from float32's. bfloat16 eager and compiled, float32 and float16 in
brief. The table is stored beside the other records after each network, with the card's name.
"""

import argparse
import gc
import json
from datetime import date
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from overhead import clock, overhead, quantiles
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel

import infodecomp as idc
from infodecomp.scenes.parts import make_tokenizer

RECORDS = Path(idc.__file__).parent / "experiments" / "records"
CAPTION, CONTEXT = "the red owl above the blue fish", "the owl above the blue fish"  # words of the tokenizer at hand
UNET = {  # stabilityai/stable-diffusion-2-1-base
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "attention_head_dim": (5, 10, 20, 20),
    "cross_attention_dim": 1024,
    "use_linear_projection": True,
}
SMALL = UNET | {"sample_size": 16, "block_out_channels": (32, 32, 64, 64), "attention_head_dim": (2, 2, 4, 4)}
FULL_SPEED = {"NVIDIA H100": 798e12, "NVIDIA H200": 798e12}  # bf16 operations a second, measured for large products


def flops():
    """Operations of one evaluation of the full network, counted without running it."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(**UNET)
        inputs = torch.empty(1, 4, 64, 64), torch.empty(1), torch.empty(1, 77, 1024)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        unet(*inputs)
    return counter.get_total_flops()


def model(small, device, dtype):
    """A pipeline of Stable Diffusion's classes of those sizes, as infodecomp.load makes it a denoiser."""
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": 1}
    tokenizer.model_max_length = 77
    sizes = {"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16}
    sizes |= {"num_hidden_layers": 2 if small else 23, "max_position_embeddings": 77}
    blocks = {
        f"{way}_block_types": (f"{name}Block2D",) * 4 for way, name in (("down", "DownEncoder"), ("up", "UpDecoder"))
    }
    vae = (
        {"block_out_channels": (8,) * 4, "norm_num_groups": 4}
        if small
        else {"block_out_channels": (128, 256, 512, 512)}
    )
    parts = {
        "vae": AutoencoderKL(**vae, layers_per_block=1 if small else 2, latent_channels=4, **blocks),
        "text_encoder": CLIPTextModel(CLIPTextConfig(vocab_size=len(tokenizer), **sizes, **ids)),
        "tokenizer": tokenizer,
        "unet": UNet2DConditionModel(**(SMALL if small else UNET)),
        "scheduler": DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1),
    }
    extra = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    return idc.load(StableDiffusionPipeline(**parts, **extra), device, dtype, check=False)


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
def bare(net, rows, repeats=5):
    """Evaluations a second at `rows` rows a call."""
    x, logsnr = torch.randn(rows, *net.shape, device=net.device), torch.linspace(-4, 6, rows, device=net.device)
    told = net.condition(CAPTION)
    run = lambda: net(x, logsnr, told)  # noqa: E731
    run(), run(), run()
    return round(rows / quantiles([clock(run, net.device) for _ in range(repeats)])[0], 1)


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


def main(small, out):
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    samples, repeats = (8, 2) if small else (100, 5)
    sizes = samples // 4, samples // 2, samples  # the estimator's own is the middle one
    counted = flops()
    full = next((speed for known, speed in FULL_SPEED.items() if name.startswith(known)), None)
    record = {"device": name, "date": str(date.today()), "torch": torch.__version__, "small": small}
    record |= {"tflop": counted / 1e12, "bfloat16_limit_per_second": full and full / counted, "networks": {}}
    picture = Image.effect_noise((512, 512), 60).convert("RGB")

    def one_word(net):
        net.forget()
        return idc.pointwise_information(net, net.encode(picture), CAPTION, CONTEXT, samples=samples)

    def all_words(net):
        net.forget()
        return idc.word_maps(net, picture, CAPTION, samples=samples)

    exact = None
    for dtype, compiled, brief in (
        (torch.float32, False, True),
        (torch.bfloat16, False, False),
        (torch.bfloat16, True, False),
        (torch.float16, False, True),
    ):
        net = model(small, device, dtype)
        net = net.compile() if compiled else net
        found = answers(net, sizes[1])
        exact = found if exact is None else exact
        row = {"deviation": ((found - exact).square().mean() / exact.square().mean()).sqrt().item()}
        assert row["deviation"] < 0.05, row
        row["bare_per_second"] = {rows: bare(net, rows) for rows in sizes}
        tasks = {} if brief else {"one word": (one_word, repeats), "all words": (all_words, min(repeats, 2))}
        for task, (run, times) in tasks.items():
            run(net)
            row[task] = {"peak_gigabytes": peak(lambda net=net, run=run: run(net), device)}
            row[task] |= overhead(net, run, times, sizes)
            row[task]["per_second"] = round(row[task]["evaluations"] / row[task]["seconds"][0], 1)
        row["longest"] = longest(net, net.encode(picture), samples)
        record["networks"][f"{str(dtype).removeprefix('torch.')}{', compiled' if compiled else ''}"] = row
        print(dtype, compiled, json.dumps(row)[:400], flush=True)
        if out:
            out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        del net
        gc.collect()
    print(f"written to {out}" if out else "not written")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a small network and few samples, to try the script")
    parser.add_argument("--out", type=Path, help="where the record goes (small: nowhere, if not given)")
    given = parser.parse_args()
    main(given.small, given.out or (None if given.small else RECORDS / "cost-gpu.json"))
