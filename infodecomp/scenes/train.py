"""How the network was made: `python -m infodecomp.scenes.train --work FOLDER`, on CPU or GPU, seeded, resumable.

Three stages, each skipped when its result lies in FOLDER already:
    clip       transformers' CLIP, contrastively on pictures and whole captions: the baseline
    order      its text model goes on against captions with relation, colours, nouns or adverb swapped
    diffusion  diffusers' UNet2DConditionModel on top of that text model, which goes on learning too

The diffusion's target is not the picture but its exact posterior mean, which the world provides: the optimum is the
same and the noise less. It begins at the noisy end, where the target is the mean picture of a caption: there the
arrangement is nearly all of the error, later it would be lost beside the drawing (CURRICULUM). The learning rate is
constant and falls to zero over the last 35 % of --steps. --stop leaves off early, and the same command goes on. The
averaged weights of SNAPSHOTS are kept. Checkpoints and weights are safetensors.
"""

import argparse
import json
import math
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy, normalize, pixel_shuffle

from ..channel import add_noise
from .edits import other_adverb, swaps
from .excess import best, excess_by_band
from .grammar import sample, scenes
from .model import ExactScenes
from .parts import HIGH, LOW, Diffusion, make_clip, make_scheduler, make_tokenizer, make_unet, tokens
from .sprites import render

BATCH, HELD = 64, 256  # pictures in a step, and those the log is about
CURRICULUM = (  # until which step; between which log-SNRs, and in what share of a batch; power of the SNR as weight
    (600, (-13.0, -9.0), 1.0, 0.0),
    (1_200, (-12.0, -6.0), 1.0, 0.0),
    (math.inf, (-11.0, -1.5), 0.85, 0.5),
)
SNAPSHOTS = (250, 500, 1_000, 2_000, 4_000, 8_000, 16_000)
FALL = 0.35  # share of the steps over which the learning rate falls


# ---- data ----


def encode_all(model):
    """Every scene as x, (28672, 12, 16, 16) float32."""
    return torch.cat([model.encode([render(s) for s in scenes()[i : i + 4096]]) for i in range(0, len(scenes()), 4096)])


class Pairs:
    """An endless, seeded stream of (numbers of scenes, fragments, captions), in blocks of 8,192."""

    def __init__(self, seed, batch):
        self.seed, self.batch, self.block = seed, batch, None
        self.place = {scene: i for i, scene in enumerate(scenes())}

    def __call__(self, step):
        block, start = divmod(step * self.batch, 8192)
        if block != self.block:
            self.block, self.pairs = block, sample(8192, 1 + self.seed + 100_000 * block)
        cut = slice(start, start + self.batch)
        chosen = torch.tensor([self.place[s] for s in self.pairs[0][cut]])
        return chosen, self.pairs[1][cut], self.pairs[2][cut]


# ---- stages ----


def train_clip(clip, tokenizer, x, args, hard, steps):
    """Contrastive training on batches of 128; hard: against swaps of each caption, and its other adverb, as well."""
    pairs, pictures = Pairs(args.seed + 7 + hard, 128), pixel_shuffle(x, 2)
    optimizer = torch.optim.AdamW(clip.parameters(), 1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, steps)
    for step in range(steps):
        chosen, _, captions = pairs(step)
        image = normalize(clip.get_image_features(pixel_values=pictures[chosen]).pooler_output, dim=1)
        texts = captions + [s for c in captions for s in (*swaps(c), other_adverb(c))] * hard
        text = normalize(clip.get_text_features(input_ids=tokens(tokenizer, texts)).pooler_output, dim=1)
        logits = clip.logit_scale.exp() * image @ text.T
        target = torch.arange(len(captions))
        loss = (cross_entropy(logits, target) + cross_entropy(logits[:, : len(captions)].T, target)) / 2
        if hard:
            own = torch.cat([target[:, None], len(captions) + 4 * target[:, None] + torch.arange(4)], 1)
            among = logits.gather(1, own)
            among[[other_adverb(c) == c for c in captions], 4] = -math.inf  # no adverb, no other one
            loss = loss + cross_entropy(among, torch.zeros_like(target))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(f"{'order' if hard else 'clip'} {step + 1}/{steps} loss {loss.item():.3f}", flush=True)
    return clip


def draw_logsnr(generator, step):
    """(BATCH,) log-SNRs of a step, stratified: a share between those of its stage, the others wherever it is trained.

    With them the power of the SNR that weighs the squared error.
    """
    inner, share, power = next(stage for end, *stage in CURRICULUM if step < end)
    places = (torch.arange(BATCH) + torch.rand(BATCH, generator=generator)) / BATCH
    low, high = (torch.where(places < share, *map(torch.tensor, pair)) for pair in zip(inner, (LOW, HIGH), strict=True))
    return torch.lerp(low, high, torch.where(places < share, places / share, (places - share) / (1 - share))), power


def rate(step, steps, peak):
    """Learning rate: 300 steps of warm-up, constant, to zero over the last of the steps."""
    return peak * min(1, (step + 1) / 300, (steps - step) / (FALL * steps))


def save(path, **parts):
    flat = {f"{name}/{key}": v.detach().cpu().contiguous() for name, part in parts.items() for key, v in part.items()}
    save_file(flat, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def load(path):
    parts = {}
    for key, value in load_file(path).items():
        name, key = key.split("/", 1)
        parts.setdefault(name, {})[key] = value
    return parts


class Run:
    """The state of the diffusion's training: weights, their moving average, the optimizer, and the step."""

    def __init__(self, model, args):
        self.model, self.args, self.step = model.to(args.device), args, 0
        self.path, self.log = args.work / "checkpoint.safetensors", args.work / "log.jsonl"
        self.average = {k: v.clone() for k, v in model.state_dict().items()}
        self.optimizer = torch.optim.AdamW(model.parameters(), args.rate, weight_decay=0.01)
        self.names = [name for name, _ in model.named_parameters()]
        if self.path.exists():
            self.resume(load(self.path))

    def resume(self, parts):
        self.model.load_state_dict(parts["model"])
        self.average = {k: v.to(self.args.device) for k, v in parts["average"].items()}
        self.step = int(parts["at"]["step"])
        moments = [{m: parts[m][name] for m in ("exp_avg", "exp_avg_sq")} for name in self.names]
        state = {i: {"step": torch.tensor(float(self.step)), **m} for i, m in enumerate(moments)}  # each its own
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": state})

    def checkpoint(self):
        state = self.optimizer.state_dict()["state"]
        moments = {m: {self.names[i]: s[m] for i, s in state.items()} for m in ("exp_avg", "exp_avg_sq")}
        at = {"step": torch.tensor(self.step)}
        save(self.path, model=self.model.state_dict(), average=self.average, at=at, **moments)

    def update(self, loss):
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.step, self.args.steps, self.args.rate)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        keep = min(0.999, (1 + self.step) / (10 + self.step))
        for key, value in self.model.state_dict().items():
            self.average[key].lerp_(value, 1 - keep) if value.is_floating_point() else self.average[key].copy_(value)
        self.step += 1

    @contextmanager
    def averaged(self):
        """The model with its averaged weights, for a while."""
        now = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.average)
        yield self.model
        self.model.load_state_dict(now)


def loss_of(model, tokenizer, exact, x, texts, seed, step, device):
    """Squared error of x̂ against the exact posterior mean, weighted with a power of the SNR.

    Weighted with the SNR itself it would be nats; but then nearly all of it is drawing, at high log-SNR, and what a
    caption says of the arrangement, which is told at low ones, is learned late or never.
    """
    generator = torch.Generator().manual_seed(seed + step)
    logsnr, power = draw_logsnr(generator, step)
    z = add_noise(x, logsnr, torch.randn(x.shape, generator=generator))
    target, weight = best(exact, z, logsnr, texts).to(device), (power * logsnr).exp().to(device)
    predicted = model(z.to(device), logsnr.to(device), tokens(tokenizer, texts).to(device))
    return (weight * (predicted - target).square().flatten(1).sum(1)).mean()


def train_diffusion(model, tokenizer, x, args):
    """Train on to args.stop, with a log and a checkpoint every args.every steps: the averaged model, and its step."""
    torch.nn.Module.to(model.unet, memory_format=torch.channels_last)  # an eighth faster on a CPU
    run, exact, pairs = Run(model, args), ExactScenes(), Pairs(args.seed, BATCH)
    network = torch.compile(model) if args.compile else model
    chosen, *held = Pairs(args.seed + 50_000, HELD)(0)
    told = {"caption": held[1], "fragment": held[0], "nothing": [""] * HELD}
    started = time.time()
    while run.step < args.stop:
        which, texts, _ = pairs(run.step)
        run.update(loss_of(network, tokenizer, exact, x[which], texts, args.seed, run.step, args.device))
        if run.step in SNAPSHOTS:
            snapshot = {key: v.half() if v.is_floating_point() else v for key, v in run.average.items()}
            save(args.work / f"average-{run.step:05}.safetensors", model=snapshot)
        if run.step % args.every and run.step != args.stop:
            continue
        line = {"step": run.step, "seconds": round(time.time() - started)}
        with run.averaged():
            for name, texts in told.items():
                ids = tokens(tokenizer, texts).to(args.device)

                def predict(z, logsnr, ids=ids):
                    return model(z.to(args.device), logsnr.to(args.device), ids).cpu()

                line[name] = [round(nats, 3) for nats, _ in excess_by_band(predict, exact, x[chosen], texts)]
        with run.log.open("a") as log:
            print(json.dumps(line), file=log)
        print(line, flush=True)
        run.checkpoint()
    model.load_state_dict(run.average)
    return model, run.step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="checkpoints, log and the finished folder go here")
    parser.add_argument("--steps", type=int, default=24_000, help="of diffusion training, 64 pictures each")
    parser.add_argument("--stop", type=int, help="leave off after this many steps, at a checkpoint, to go on later")
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
    clip = make_clip(tokenizer)
    for hard in (False, True):
        path = args.work / ("order.safetensors" if hard else "clip.safetensors")
        if not path.exists():
            save(path, clip=train_clip(clip, tokenizer, x, args, hard, args.clip_steps).state_dict())
        clip.load_state_dict(load(path)["clip"])
        if not hard:
            clip.half().save_pretrained(out / "clip")
            clip.float()
    model, steps = train_diffusion(Diffusion(clip.text_model, make_unet()), tokenizer, x, args)
    model.cpu().half()
    model.text.save_pretrained(out / "text_encoder")
    model.unet.save_pretrained(out / "unet")
    make_scheduler().save_pretrained(out / "scheduler")
    tokenizer.save_pretrained(out / "tokenizer")
    shutil.copy(args.work / "log.jsonl", out)
    command = f"python -m infodecomp.scenes.train --work FOLDER --steps {args.steps} --seed {args.seed}"
    about = {"command": command, "steps": steps, "seed": args.seed, "batch": BATCH, "text": f"{steps:,} steps."}
    (out / "training.json").write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
