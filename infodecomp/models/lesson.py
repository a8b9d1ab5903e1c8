"""A pipeline's lesson: asked with zeros, ones and bits, how it packs latents, reads answers and tells times."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.utils._pytree import tree_map

from .asking import Asker, Enough, Told
from .rows import Affine, flat, row, tensors, together

HALF, SINGLE = 2e-2, 1e-4  # relative errors allowed in half precisions, and else
ODD = "name_or_path must lead to a pipeline that can be replayed;"


class Trial(NamedTuple):
    """What was seen of a pipeline that was run for two steps."""

    sent: Any  # pictures for the network at the second call
    calls: list[Told]
    read: Any  # what scheduler.step was given of the network's answer
    decoded: Any  # what vae.decode was given
    latents: torch.Tensor  # what stepped last
    times: list[float]  # the scheduler's


class Lesson:
    """All that was learned of a pipeline. `one` and `two`: what its network is told for one picture and for two."""

    def __init__(self, asker: Asker, genuine: Callable) -> None:
        """genuine(**arguments): the network itself, called once. ValueError for a pipeline that cannot be learned."""
        self.asker = asker
        first = asker.first("")
        if len(first.pictures) > 1 and asker.guides:  # rows are doubled for guidance
            asker.less_guidance()
            first = asker.first("")
        if len(first.pictures) != 1:
            raise ValueError(f"{ODD} its network is called with {len(first.pictures)} pictures for one caption")
        self.first, self.plain = first, isinstance(first.pictures, torch.Tensor)
        self.dtype = tensors(first.pictures)[0].dtype
        with torch.no_grad():
            given = {asker.pictures: first.pictures, asker.time: first.time}
            self.answer = genuine(**given, **first.rest)
        with asker.memory():
            self._learn_maps()
            self._learn_rows()

    def _try(self, latent, answer, steps=2):
        """A run in which latent(tensor) fills each step's latents, and answer(tensor) the network's answers."""
        seen: dict[str, Any] = {"calls": [], "times": []}

        def network(told):
            seen["calls"].append(told)
            return tree_map(lambda v: answer(v) if isinstance(v, torch.Tensor) else v, self.answer)

        def step(out, t, sample):
            seen.update(read=out, latents=latent(sample.float()))
            seen["times"].append(float(t))
            return seen["latents"]

        def decode(z):
            seen["decoded"] = z
            raise Enough

        self.asker.run("", network, step, decode, num_inference_steps=steps)
        if len(seen["calls"]) < 2 or "decoded" not in seen:
            raise ValueError(f"{ODD} its network is called {len(seen['calls'])} times in {steps} steps")
        seen["sent"] = seen["calls"][1].pictures
        return Trial(**seen)

    def _learn_maps(self):
        zero, one = (self._try(*[lambda v, fill=fill: torch.full_like(v, fill)] * 2) for fill in (0, 1))
        count, answers = zero.latents.numel(), sum(v.numel() for v in tensors(self.answer))
        bits = []
        for k in range(max(1, (max(count, answers) - 1).bit_length())):
            digit = lambda v, k=k: (torch.arange(v.numel(), device=v.device) >> k & 1).reshape(v.shape).to(v.dtype)  # noqa: E731
            bits.append(self._try(digit, digit))
        self.layout, self.decoded = zero.latents.shape, zero.decoded.shape
        sides = {"sent": "the network's pictures", "read": "the network's answer", "decoded": "what the VAE decodes"}
        learned = {}
        for side, name in sides.items():
            values = [flat(getattr(trial, side)) for trial in (zero, one, *bits)]
            learned[side] = Affine(name, *values[:2], values[2:], answers if side == "read" else count)
        self.sent, self.read, self.scaled = (learned[side] for side in sides)
        same = sorted(self.scaled.place.tolist()) == list(range(count))
        if not same or len(self.sent.place) < count or len(self.read.place) != count:
            sizes = (
                f"{len(self.sent.place)} numbers sent, {len(self.read.place)} read, {len(self.scaled.place)} decoded"
            )
            raise ValueError(f"{ODD} it must send and decode each of its {count} latent numbers once: {sizes}")
        self._verify()

    def _verify(self):
        """Random latents and answers, in four steps: the maps hold, the time is linear, and nothing else changes."""
        draw = torch.Generator().manual_seed(0)
        noise = lambda v: torch.randn(v.shape, generator=draw).to(v)  # noqa: E731
        answered = []
        trial = self._try(noise, lambda v: answered.append(noise(v)) or answered[-1], steps=4)
        tolerance = _tolerance(self.first.pictures)
        answers = len(tensors(self.answer))
        self.read.check(flat(answered[-answers:]), flat(trial.read), tolerance)
        self.scaled.check(flat(trial.latents), flat(trial.decoded), max(tolerance, _tolerance(trial.decoded)))
        for told in trial.calls[1:]:
            odd = [name for name, value in told.rest.items() if not _same(value, self.first.rest.get(name))]
            if odd:
                raise ValueError(f"{ODD} what its network is told of {', '.join(odd)} changes from step to step")
        self._learn_time(trial, tolerance)

    def _learn_time(self, trial, tolerance):
        """slope and shift: what the network is told of the scheduler's time."""
        times = torch.tensor(trial.times, dtype=torch.float64)
        given = torch.tensor([flat(call.time)[0].item() for call in trial.calls], dtype=torch.float64)
        if len(times) != len(given) or times[0] == times[-1]:
            raise ValueError(f"{ODD} {len(times)} steps at {len(given)} calls of its network")
        slope = ((given[-1] - given[0]) / (times[-1] - times[0])).item()
        self.slope, self.shift = slope, (given[0] - slope * times[0]).item()
        last = self.asker.scheduler.config.get("num_train_timesteps", 1000)
        for slope, shift in ((1, 0), (1 / last, 0), (-1 / last, 1), (-1, last)):  # round numbers, were they rounded
            if (slope * times + shift - given).abs().max() <= (
                tolerance / 4 if tolerance == HALF else 1e-6
            ) * given.abs().max():
                self.slope, self.shift = slope, shift
        if (self.slope * times + self.shift - given).abs().max() > tolerance * given.abs().max():
            raise ValueError(
                f"{ODD} the network's times {given.tolist()} are no line of the scheduler's {times.tolist()}"
            )

    def _learn_rows(self):
        """Which parts of what the network is told grow with the number of pictures."""
        self.one, self.two, three = (self.asker.first(prompt).rest for prompt in ("a", ["a"] * 2, ["a"] * 3))
        if not _same(together(self.one, self.two, [self.one], [3]), three):
            raise ValueError(f"{ODD} what its network is told of three pictures does not follow from one and two")
        self.null = self._unguided()

    def _unguided(self):
        """What the network is told where the pipeline guides, of no caption; None where it does not guide."""
        if not self.asker.guides:
            return None
        a, b = (self._halves(prompt) for prompt in ("cat", "dog"))
        common = [one for one in a for other in b if _same(one, other)]
        return common[0] if len(a) == len(b) == 2 and len(common) == 1 else None

    def _halves(self, prompt):
        """What the network is told of each of its pictures where the pipeline guides with a scale of 5."""
        calls = []

        def network(told):
            calls.append(told)
            n = len(told.pictures)
            wide = lambda v: v.expand(n, *v.shape[1:]) if isinstance(v, torch.Tensor) else v  # noqa: E731
            return tree_map(wide, self.answer) if self.plain else _longer(self.answer, n)

        def step(*_):
            raise Enough

        self.asker.run(prompt, network, step, guidance_scale=5.0)
        return [
            row(self.one, self.two, call.rest, k, len(call.pictures))
            for call in calls
            for k in range(len(call.pictures))
        ]


def _tolerance(tree):
    """The relative error allowed of numbers that went through these tensors: a VAE may have a dtype of its own."""
    return HALF if min(v.dtype.itemsize for v in tensors(tree)) < 4 else SINGLE


def _longer(answer, n):
    """An answer whose lists hold n pictures instead of one."""
    if isinstance(answer, list):
        return answer * n
    if isinstance(answer, dict):  # outputs of diffusers are
        return type(answer)(**{key: _longer(value, n) for key, value in answer.items()})
    return type(answer)(_longer(value, n) for value in answer) if isinstance(answer, tuple) else answer


def _same(one, other):
    """Whether two trees of what is told are equal, up to rounding."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        if one.shape != other.shape:
            return False
        tolerance = 1e-2 if one.dtype.itemsize < 4 else 1e-4
        return bool(torch.allclose(one.cpu().double(), other.cpu().double(), rtol=tolerance, atol=tolerance))
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return one is other or repr(one) == repr(other)
