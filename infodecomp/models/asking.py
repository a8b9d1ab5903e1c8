"""How a pipeline of diffusers calls its network, asked of the pipeline itself.

A copy of the pipeline is run with three points replaced (the network's forward, scheduler.step, vae.decode), and what
they are given is written down. The pipeline that is asked, its parts and their hooks notice nothing.
"""

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import RLock
from typing import Any, NamedTuple

import torch
from torch.nn import Module
from torch.utils._pytree import tree_map

from .kinds import network
from .parts import stand_in
from .rows import tensors

TIMES = "timestep", "timesteps", "t"  # names of the network's argument
OFF = {"guidance_scale": 1.0, "use_resolution_binning": False}


class Enough(Exception):
    """Raised inside a pipeline that has told all that it was asked."""


class Told(NamedTuple):
    """One call of the network: the pictures it got, the time, and all the rest by name."""

    pictures: Any
    time: Any
    rest: dict[str, Any]


class Cut(NamedTuple):
    """A text of which a tokenizer of the pipeline reads a part only."""

    tokenizer: str
    tokens: int
    longest: int


class Step(tuple):
    """What a scheduler's step returns, with and without return_dict."""

    prev_sample = property(lambda self: self[0])


class Asker:
    """A copy of a pipeline that answers questions. size: (height, width) of its pictures, None for its own;
    guidance: the scale that its network is told. One question at a time."""

    def __init__(self, pipe: Any, size: tuple[int, int] | None = None, guidance: float | None = None) -> None:
        net = network(pipe)
        self.pipe, self._lock = copy.copy(pipe), RLock()
        self._cuts: list[Cut] = []
        self.net, self.vae = stand_in(net), stand_in(pipe.vae, to=lambda *_, **__: None)
        self.scheduler = copy.deepcopy(pipe.scheduler)
        self._encoders = [k for k, part in pipe.components.items() if isinstance(part, Module) and "encoder" in k]
        accepted = inspect.signature(pipe.__call__).parameters
        self._call: dict[str, Any] = {k: v for k, v in OFF.items() if k in accepted}
        if "generator" in accepted:  # or the reader's own random numbers would be drawn
            self._call["generator"] = torch.Generator()
        self.guides = "guidance_scale" in accepted
        if guidance is not None and self.guides:
            self._call["guidance_scale"] = guidance
        if size is not None:
            self._call |= {"height": size[0], "width": size[1]}
        self._signature = inspect.signature(type(self.net).forward)
        names = [name for name in self._signature.parameters if name != "self"]
        self.pictures, times = names[0], [name for name in names if name in TIMES]
        if not times:
            raise ValueError(f"name_or_path must lead to a network that takes a timestep, got {type(net).__name__}")
        (self.time, *_) = times
        parts = {"vae": self.vae, "scheduler": self.scheduler}
        parts["unet" if getattr(pipe, "unet", None) is net else "transformer"] = self.net
        for name, part in pipe.components.items():
            if "tokenizer" in name and part is not None:
                parts[name] = _watched(part, name, self._cuts)
        self.pipe.__dict__.update(parts | {"_progress_bar_config": {"disable": True}})
        self.scheduler.scale_model_input = _same

    def less_guidance(self) -> None:
        """For a pipeline that guides at a scale of 1 too."""
        self._call["guidance_scale"] = 0.0

    @contextmanager
    def _instead(self, part, name, value):
        part.__dict__[name] = value
        try:
            yield
        finally:
            part.__dict__.pop(name, None)  # a closure kept here would be a cycle

    @torch.no_grad()
    def run(
        self, prompt: Any, network: Callable, step: Callable | None = None, decode: Callable | None = None, **more: Any
    ) -> None:
        """Run the pipeline until it is Enough. network(told: Told) gives the network's answer, step(sample) the next
        latents, decode(z) is told the end. more: arguments of the pipeline's call."""
        forward = lambda *args, **kwargs: network(self._told(args, kwargs))  # noqa: E731
        stepped = step or (lambda answer, t, sample: sample)
        call = {"num_inference_steps": 2, "output_type": "pt"} | self._call | more
        with self._lock, _quiet(), ExitStack() as stack:
            enter = stack.enter_context
            enter(self._instead(self.net, "forward", forward))
            enter(self._instead(self.vae, "decode", lambda z, *_, **__: decode(z) if decode else _enough()))
            enter(
                self._instead(self.scheduler, "step", lambda out, t, sample, *_, **__: Step((stepped(out, t, sample),)))
            )
            try:
                self.pipe(prompt=prompt, **call)
            except Enough:
                return

    def _told(self, args, kwargs):
        given = dict(self._signature.bind(None, *args, **kwargs).arguments)
        given.pop("self", None)
        given.update(given.pop("kwargs", {}))
        return Told(given.pop(self.pictures), given.pop(self.time), given)

    def first(self, prompt: Any, **more: Any) -> Told:
        """The first call of the network for a prompt (a str, or a list of them), on `self.scheduler`'s first time."""
        found: list[Told] = []

        def network(told):
            found.append(told)
            raise Enough

        self.run(prompt, network, **more)
        return found[0]

    def cut(self, prompt: str, **more: Any) -> tuple[Told, list[Cut]]:
        """The first call for a prompt, and where a tokenizer of the pipeline cuts it off."""
        with self._lock:
            self._cuts.clear()
            return self.first(prompt, **more), list(dict.fromkeys(self._cuts))

    @contextmanager
    def memory(self) -> Iterator[None]:
        """For a while, text encoders are called once for equal inputs."""
        with self._lock, ExitStack() as stack:
            for name in self._encoders:
                stack.enter_context(self._instead_part(name, _Memo(getattr(self.pipe, name))))
            yield

    @contextmanager
    def _instead_part(self, name, memo):
        part = self.pipe.__dict__[name]
        self.pipe.__dict__[name] = stand_in(part, forward=memo)
        try:
            yield
        finally:
            self.pipe.__dict__[name] = part


class _Memo:
    """A module that remembers what it returned for whole numbers."""

    def __init__(self, module):
        self.module, self.known = module, {}

    def __call__(self, *args, **kwargs):
        given = tensors((args, kwargs))
        if any(value.is_floating_point() for value in given):
            return self.module(*args, **kwargs)
        plain = tree_map(lambda v: (tuple(v.shape), v.flatten().tolist()) if isinstance(v, torch.Tensor) else v, kwargs)
        key = repr((plain, [(tuple(v.shape), v.flatten().tolist()) for v in tensors(args)]))
        if key not in self.known:
            self.known[key] = self.module(*args, **kwargs)
        return self.known[key]


def _same(sample, *_, **__):
    return sample


def _enough():
    raise Enough


def _watched(tokenizer, name, cuts):
    """A copy of a tokenizer that notes in `cuts` what it cuts off."""
    kind = type(tokenizer)

    def call(self, text=None, *args, **named):
        if named.get("truncation") and isinstance(text, str | Sequence):
            plain = {k: v for k, v in named.items() if k == "add_special_tokens"}
            ids = kind.__call__(self, text, *args, **plain, verbose=False)["input_ids"]
            count = len(ids) if isinstance(text, str) else max(map(len, ids))
            longest = named.get("max_length") or self.model_max_length
            if count > longest:
                cuts.append(Cut(name, count, longest))
        return kind.__call__(self, text, *args, **named)

    found = object.__new__(type(kind.__name__, (kind,), {"__call__": call}))
    found.__dict__.update(vars(tokenizer))
    return found


@contextmanager
def _quiet():
    """Keep a pipeline's warnings, of captions it cuts and of libraries it would like, off stderr for a while."""
    from diffusers.utils import logging as diffusers
    from transformers.utils import logging as transformers

    before = [library.get_verbosity() for library in (diffusers, transformers)]
    diffusers.set_verbosity_error()
    transformers.set_verbosity_error()
    try:
        yield
    finally:
        for library, level in zip((diffusers, transformers), before, strict=True):
            library.set_verbosity(level)
