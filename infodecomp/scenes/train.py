"""How the network is trained: `python -m infodecomp.scenes.train --work FOLDER`, on CPU or GPU, seeded, resumable.

Three stages, each skipped when its result lies in FOLDER already:
    clip       transformers' CLIP, contrastively on pictures and whole captions: the baseline
    order      its text model goes on against captions with relation, colours, nouns or adverb swapped
    diffusion  diffusers' UNet2DConditionModel on top of that text model, which goes on learning too

The diffusion's target is not the picture but its exact posterior mean, which the world provides: same optimum, less
noise. Training begins at the noisy end, where the target is the mean picture of a caption and nearly all of the error
is in the arrangement of the objects; at other noise levels their drawing dominates the error (CURRICULUM). The learning
rate is constant, then falls to zero over the last 35 % of --steps. --stop ends a run early, the same command continues
it. --init trains a finished network on, with a new optimizer: its steps count as done. The averaged weights are kept at
the steps of SNAPSHOTS. Checkpoints and weights are safetensors.
"""

import argparse
import json
import math
import shutil
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from ..channel import add_noise
from .contrast import Pairs, train_clip
from .excess import best, excess_by_band
from .model import ExactScenes, encode_all
from .parts import HIGH, LOW, Diffusion, make_clip, make_scheduler, make_tokenizer, make_unet, tokens

BATCH, HELD = 64, 256  # pictures in a step, and those the log is about
CURRICULUM = (  # until which step; a range of log-SNRs and its share of a batch; power of the SNR as the error's weight
    (600, (-13.0, -9.0), 1.0, 0.0),
    (1_200, (-12.0, -6.0), 1.0, 0.0),
    (4_000, (-11.0, -1.5), 0.85, 0.5),
    (math.inf, (-5.0, -1.0), 0.6, 0.75),
)
SNAPSHOTS = (250, 500, 1_000, 2_000, 4_000, 8_000, 16_000)
FALL = 0.35  # share of the steps over which the learning rate falls


def draw_logsnr(generator: torch.Generator, step: int) -> tuple[torch.Tensor, float]:
    """(BATCH,) log-SNRs of a step, stratified, and the power of the SNR that weights the squared error.

    A share of them lies in the range of the step's stage (CURRICULUM), the others anywhere between LOW and HIGH.
    """
    _, inner, share, power = next(stage for stage in CURRICULUM if step < stage[0])
    places = (torch.arange(BATCH) + torch.rand(BATCH, generator=generator)) / BATCH
    low, high = (torch.where(places < share, *map(torch.tensor, pair)) for pair in zip(inner, (LOW, HIGH), strict=True))
    return torch.lerp(low, high, torch.where(places < share, places / share, (places - share) / (1 - share))), power


def rate(step: int, steps: int, peak: float, first: int = 0) -> float:
    """Learning rate: 300 steps of warm-up from the first, constant, linear to zero over the last FALL of the steps."""
    return peak * min(1, (step - first + 1) / 300, (steps - step) / (FALL * steps))


def save(path: Path, **parts: dict[str, torch.Tensor]) -> None:
    """Write several dicts of tensors into one safetensors file, which is complete or absent at any time."""
    flat = {f"{name}/{key}": v.detach().cpu().contiguous() for name, part in parts.items() for key, v in part.items()}
    save_file(flat, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def load(path: Path) -> dict[str, dict[str, torch.Tensor]]:
    """The dicts that `save` wrote, by name."""
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for key, value in load_file(path).items():
        name, key = key.split("/", 1)
        parts.setdefault(name, {})[key] = value
    return parts


class Run:
    """The state of the diffusion's training: weights, their moving average, the optimizer, and the step."""

    def __init__(self, model: Diffusion, args: Namespace) -> None:
        self.model, self.args, self.step = model.to(args.device), args, args.first
        self.path, self.log = args.work / "checkpoint.safetensors", args.work / "log.jsonl"
        self.average = {k: v.clone() for k, v in model.state_dict().items()}
        self.optimizer = torch.optim.AdamW(model.parameters(), args.rate, weight_decay=0.01)
        self.names = [name for name, _ in model.named_parameters()]
        if self.path.exists():
            self.resume(load(self.path))

    def resume(self, parts: dict[str, dict[str, torch.Tensor]]) -> None:
        """Take up the state of a checkpoint."""
        self.model.load_state_dict(parts["model"])
        self.average = {k: v.to(self.args.device) for k, v in parts["average"].items()}
        self.step = int(parts["at"]["step"])
        moments = [{m: parts[m][name] for m in ("exp_avg", "exp_avg_sq")} for name in self.names]
        updates = float(self.step - self.args.first)
        state = {i: {"step": torch.tensor(updates), **m} for i, m in enumerate(moments)}  # each its own
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": state})

    def checkpoint(self) -> None:
        """Write the state."""
        state = self.optimizer.state_dict()["state"]
        moments = {m: {self.names[i]: s[m] for i, s in state.items()} for m in ("exp_avg", "exp_avg_sq")}
        at = {"step": torch.tensor(self.step)}
        save(self.path, model=self.model.state_dict(), average=self.average, at=at, **moments)

    def update(self, loss: torch.Tensor) -> None:
        """One step of the optimizer and of the average."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.step, self.args.steps, self.args.rate, self.args.first)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        done = self.step - self.args.first
        keep = min(0.999, (1 + done) / (10 + done))
        for key, value in self.model.state_dict().items():
            self.average[key].lerp_(value, 1 - keep) if value.is_floating_point() else self.average[key].copy_(value)
        self.step += 1

    @contextmanager
    def averaged(self) -> Iterator[Diffusion]:
        """The model with its averaged weights, inside the context."""
        now = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.average)
        yield self.model
        self.model.load_state_dict(now)


def loss_of(
    model: Diffusion, tokenizer: Any, exact: ExactScenes, x: torch.Tensor, texts: list[str], args: Namespace, step: int
) -> torch.Tensor:
    """Squared error of x̂ against the exact posterior mean, weighted with a power of the SNR.

    Weighted with the SNR itself it would be in nats. But then nearly all of it is the drawing of the objects, at high
    log-SNR, and their arrangement, which a caption decides at low log-SNR, is learned late or never.
    """
    generator = torch.Generator().manual_seed(args.seed + step)
    logsnr, power = draw_logsnr(generator, step)
    z = add_noise(x, logsnr, torch.randn(x.shape, generator=generator))
    target, weight = best(exact, z, logsnr, texts).to(args.device), (power * logsnr).exp().to(args.device)
    predicted = model(z.to(args.device), logsnr.to(args.device), tokens(tokenizer, texts).to(args.device))
    return (weight * (predicted - target).square().flatten(1).sum(1)).mean()


def train_diffusion(model: Diffusion, tokenizer: Any, x: torch.Tensor, args: Namespace) -> tuple[Diffusion, int]:
    """Train until step args.stop, with a log and a checkpoint every args.every: the averaged model and its step."""
    torch.nn.Module.to(model.unet, memory_format=torch.channels_last)  # an eighth faster on a CPU
    network = torch.compile(model) if args.compile else model
    run, exact, pairs = Run(model, args), ExactScenes(), Pairs(args.seed, BATCH)
    held, fragments, captions = Pairs(args.seed + 50_000, HELD)(0)
    conditions = {"caption": captions, "fragment": fragments, "nothing": [""] * HELD}
    started = time.time()
    while run.step < args.stop:
        chosen, texts, _ = pairs(run.step)
        run.update(loss_of(network, tokenizer, exact, x[chosen], texts, args, run.step))
        if run.step in SNAPSHOTS:
            snapshot = {key: v.half() if v.is_floating_point() else v for key, v in run.average.items()}
            save(args.work / f"average-{run.step:05}.safetensors", model=snapshot)
        if run.step % args.every and run.step != args.stop:
            continue
        line: dict = {"step": run.step, "seconds": round(time.time() - started)}
        with run.averaged():
            for name, texts in conditions.items():
                predict = partial(_predicted, model, tokens(tokenizer, texts).to(args.device))
                line[name] = [round(nats, 3) for nats, _ in excess_by_band(predict, exact, x[held], texts)]
        with run.log.open("a") as log:
            print(json.dumps(line), file=log)
        print(line, flush=True)
        run.checkpoint()
    model.load_state_dict(run.average)
    return model, run.step


def _predicted(model, ids, z, logsnr):
    return model(z.to(ids.device), logsnr.to(ids.device), ids).cpu()


def text_model(tokenizer: Any, x: torch.Tensor, args: Namespace, out: Path) -> torch.nn.Module:
    """The text model of the two contrastive stages; the first stage's CLIP is written into the folder out."""
    clip = make_clip(tokenizer)
    for hard in (False, True):
        path = args.work / ("order.safetensors" if hard else "clip.safetensors")
        if not path.exists():
            save(path, clip=train_clip(clip, tokenizer, x, args.seed, hard, args.clip_steps).state_dict())
        clip.load_state_dict(load(path)["clip"])
        if not hard:
            clip.half().save_pretrained(out / "clip")
            clip.float()
    return clip.text_model


def begin_with(model: Diffusion, folder: Path, work: Path, out: Path) -> None:
    """Give the model the weights of a finished network; its log and its CLIP go on with them."""
    for part, file in ((model.text, "text_encoder/model"), (model.unet, "unet/diffusion_pytorch_model")):
        part.load_state_dict(load_file(folder / f"{file}.safetensors"))
    shutil.copytree(folder / "clip", out / "clip", dirs_exist_ok=True)
    if not (work / "log.jsonl").exists():
        shutil.copy(folder / "log.jsonl", work)


def main() -> None:
    """Run the stages whose results are missing, and write the network's folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="checkpoints, log and the finished folder go here")
    parser.add_argument("--steps", type=int, default=24_000, help="of diffusion training, 64 pictures each")
    parser.add_argument("--stop", type=int, help="end at this step, with a checkpoint, to go on later")
    parser.add_argument("--init", type=Path, help="folder of a finished network that is trained on")
    parser.add_argument("--clip-steps", type=int, default=600, help="of each contrastive stage, 128 pairs each")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--every", type=int, default=500, help="steps between checkpoints and lines of the log")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compile", action="store_true", help="compile the network: a minute at first, then faster")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    args.stop, out = min(args.stop or args.steps, args.steps), args.work / "scenes-net"
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    tokenizer, x = make_tokenizer(), encode_all(ExactScenes())
    about: dict = {"seed": args.seed, "batch": BATCH}
    args.first, flags, model = 0, "", Diffusion(make_clip(tokenizer).text_model, make_unet())
    if args.init:
        before = json.loads((args.init / "training.json").read_text())
        args.first, flags, about["before"] = before["steps"], " --init FOLDER/scenes-net", before
        begin_with(model, args.init, args.work, out)
    else:
        model.text = text_model(tokenizer, x, args, out)
    model, steps = train_diffusion(model, tokenizer, x, args)
    model.cpu().half()
    model.text.save_pretrained(out / "text_encoder")
    model.unet.save_pretrained(out / "unet")
    make_scheduler().save_pretrained(out / "scheduler")
    tokenizer.save_pretrained(out / "tokenizer")
    shutil.copy(args.work / "log.jsonl", out)
    command = f"python -m infodecomp.scenes.train --work FOLDER --steps {args.steps} --seed {args.seed}{flags}"
    about |= {"command": command, "steps": steps, "text": f"{steps:,} steps."}
    (out / "training.json").write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
