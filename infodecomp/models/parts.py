"""The parts of a pipeline: copies that share weights, so that the reader's own pipeline stays as it is."""

import copy
import inspect
from collections import OrderedDict
from collections.abc import Callable
from itertools import chain
from typing import Any

import torch
from torch.nn import Module, Parameter

from .kinds import kind


def hooked(part: Any) -> bool:
    """Whether a part is moved by accelerate (offloading, a device map), so that nothing else may move it."""
    if not isinstance(part, Module):
        return False
    return getattr(part, "hf_device_map", None) is not None or any("_hf_hook" in vars(m) for m in part.modules())


def fixed(part: Any) -> bool:
    """Whether a part must stay as it is: hooked, quantised, or not there (on the meta device)."""
    if not isinstance(part, Module) or hooked(part):
        return True
    quantised = getattr(part, "is_quantized", False) or getattr(part, "hf_quantizer", None) is not None
    return bool(quantised) or any(p.is_meta for p in part.parameters())


def placed(part: Any, device: torch.device | None, dtype: torch.dtype | None, own: bool = False) -> Any:
    """A part on a device, its floating-point numbers of a dtype (None: as they are), for evaluation.

    own: the part is changed in place. Otherwise a copy is made, if one is needed, that shares the tensors which need
    not be copied. What is `fixed` stays as it is.
    """
    if fixed(part):
        return part
    tensors = list(chain(part.parameters(), part.buffers()))
    if own:
        Module.to(part, device, dtype)  # diffusers' own .to() warns of any dtype
        wide = device is not None and device.type == "cuda" and not any(t.ndim == 5 for t in tensors)
        if wide and any(t.ndim == 4 for t in tensors):  # convolutions are fastest so
            Module.to(part, memory_format=torch.channels_last)
        return part.eval().requires_grad_(False)
    goes = lambda t: t.to(device, dtype if t.is_floating_point() else None)  # noqa: E731
    stays = [device in (None, t.device) and (dtype in (None, t.dtype) or not t.is_floating_point()) for t in tensors]
    if all(stays) and not any(m.training for m in part.modules()):
        return part
    memo = {}
    for tensor, stay in zip(tensors, stays, strict=True):
        new = tensor if stay else goes(tensor.detach())
        single = isinstance(tensor, Parameter) and not stay
        memo[id(tensor)] = Parameter(new, requires_grad=False) if single else new
    return copy.deepcopy(part, memo).eval()  # of all but the tensors


def stand_in(module: Module, **methods: Callable) -> Any:
    """A shallow copy of a module, without its hooks, with other methods: the module itself notices nothing."""
    module = getattr(module, "_orig_mod", module)  # of torch.compile
    found = copy.copy(module)
    plain: dict[str, Any] = {name: OrderedDict() for name in ("_forward_hooks", "_forward_pre_hooks")}
    found.__dict__.update(plain | {"_compiled_call_impl": None} | methods)
    return found


def fingerprint(parts: list[Module]) -> int:
    """A number that changes when weights of modules are written to, replaced, or get or lose adapters."""
    marks: list[Any] = []
    for part in parts:
        for tensor in part.parameters():
            marks.append((id(tensor), None if tensor.is_inference() else tensor._version))
        for module in part.modules():
            if "scaling" in vars(module):  # a layer with adapters
                names = "scaling", "_active_adapter", "_disable_adapters", "merged_adapters"
                marks.append(repr([vars(module).get(name) for name in names]))
    return hash(tuple(marks))


def takes_prompt(pipe: Any) -> bool:
    """Whether a pipeline makes pictures of texts."""
    return "prompt" in inspect.signature(pipe.__call__).parameters


def text_to_image(pipe: Any) -> Any:
    """The text-to-image pipeline of the parts of a pipeline that makes pictures of pictures, or fills them in.

    ValueError for a pipeline that takes no prompt alone, or has no VAE.
    """
    arguments = inspect.signature(pipe.__call__).parameters
    needed = [k for k, one in arguments.items() if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
    if "image" in arguments or set(needed) - {"prompt"}:
        from diffusers import AutoPipelineForText2Image

        try:
            pipe = AutoPipelineForText2Image.from_pipe(pipe)
        except (ValueError, AttributeError, TypeError):  # some may get pictures, but need none
            if set(needed) - {"prompt"}:
                raise ValueError(f"name_or_path must lead to a text-to-image pipeline, got {kind(pipe)}") from None
    if getattr(pipe, "vae", None) is None or not hasattr(pipe, "image_processor"):
        raise ValueError(f"name_or_path must lead to a pipeline of pictures with a VAE, got {kind(pipe)}")
    return pipe


def own_pipeline(pipe: Any, device: torch.device | None, dtype: torch.dtype | None, own: bool = False) -> Any:
    """A copy of a pipeline with parts that are `placed`, and a scheduler of its own."""
    found, parts = copy.copy(pipe), {name: part for name, part in pipe.components.items() if part is not None}
    if any(hooked(part) for part in parts.values()):
        device = None  # accelerate has placed them
        found.__dict__["maybe_free_model_hooks"] = _nothing
    modules = {name: placed(part, device, dtype, own) for name, part in parts.items() if isinstance(part, Module)}
    found.__dict__.update(modules | {"scheduler": copy.deepcopy(pipe.scheduler)})
    return found


def _nothing():
    """In place of what destroys hooks."""


def upcast(vae: Any) -> Any:
    """A VAE; a copy in float32 of one in float16 that says that it overflows there, for it may be the reader's own."""
    wide = vae.dtype == torch.float16 and vae.config.get("force_upcast")
    return placed(vae, None, torch.float32) if wide else vae
