"""Cross-attention, recorded while a network denoises, and the maps and scores others make of it: a baseline.

It shows which tokens a pixel reads, not how much it learns from them: it is not in nats and has no standard error.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from threading import Lock, RLock, get_ident
from typing import Any, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary, proxy

import torch
from torch.nn.functional import interpolate

from .checks import batch, positive, refuse, shown, tensor
from .denoiser import Condition, distinct
from .estimates.measure import Quantity, measure
from .estimates.sampling import Sampling, check_condition
from .integrate import Proposal
from .noise import DRAWS
from .progress import unattended

PLAIN = ("AttnProcessor", "AttnProcessor2_0", "SlicedAttnProcessor", "XFormersAttnProcessor", "FusedAttnProcessor2_0")
RARE = ("spatial_norm", "group_norm", "norm_q", "norm_k", "added_kv_proj_dim", "residual_connection")  # not supported

LOCKS: WeakKeyDictionary = WeakKeyDictionary()  # {module: the lock that its recording holds}
GUARD = Lock()  # of LOCKS


class Layer(NamedTuple):
    """A cross-attention layer: its name in the network, its number of heads, and (h, w) of its queries."""

    name: str
    heads: int
    resolution: tuple[int, int]


Keep: TypeAlias = Callable[[torch.Tensor, Layer], torch.Tensor]


class Recorder:
    """The result of `record`. layers: {name: Layer}, in order of execution; maps: {name: the sum of what was kept}."""

    def __init__(self, keep: Keep, guidance: bool) -> None:
        self.layers: dict[str, Layer] = {}
        self.maps: dict[str, torch.Tensor] = {}
        self._keep, self._guidance, self._size = keep, guidance, (0, 0)
        self._thread = get_ident()  # other threads may denoise meanwhile, unseen

    def _sees(self):
        return self._thread == get_ident()

    def _enter(self, _, args, kwargs):
        if not self._sees():
            return
        self._size = tuple((args[0] if args else kwargs.get("sample", kwargs.get("hidden_states"))).shape[-2:])

    def _see(self, name, probabilities):
        batch, heads, queries = probabilities.shape[:3]
        if self._guidance and batch % 2:
            raise ValueError(f"guidance=True needs batches of an even number of rows, got {batch}")
        sizes = {math.prod(s): s for k in range(9) for s in [tuple(-(-side // 2**k) for side in self._size)]}
        if queries not in sizes:
            raise ValueError(f"unet must halve its input {self._size} between layers, {name} has {queries} queries")
        layer = self.layers[name] = Layer(name, heads, sizes[queries])
        kept = self._keep(probabilities[batch // 2 if self._guidance else 0 :].detach(), layer)
        before = self.maps.get(name, torch.zeros_like(kept))
        if before.shape != kept.shape:
            raise ValueError(f"batches must have one size, {name} gave {tuple(before.shape)}, then {tuple(kept.shape)}")
        self.maps[name] = before + kept


def sum_heads(probabilities: torch.Tensor, layer: Layer) -> torch.Tensor:
    """The default `keep` of `record`: (batch, tokens, h, w), summed over heads."""
    return probabilities.sum(1).transpose(1, 2).unflatten(2, layer.resolution)


class _Recording:
    """An attention processor that computes the probabilities, passes them to its recorders and goes on with them."""

    def __init__(self, recorder, name, replaced):
        self.name, self.replaced = name, replaced
        self.recorders = [recorder, *getattr(replaced, "recorders", [])]  # a recording inside another

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None):
        recorders = [recorder for recorder in self.recorders if recorder._sees()]
        if encoder_hidden_states is None or not recorders:  # self-attention, for once, or another thread
            return self.replaced(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
        text = attn.norm_encoder_hidden_states(encoder_hidden_states) if attn.norm_cross else encoder_hidden_states
        parts = attn.to_q(hidden_states), attn.to_k(text), attn.to_v(text)
        query, key, value = (part.unflatten(2, (attn.heads, -1)).transpose(1, 2) for part in parts)
        exact = torch.promote_types(query.dtype, torch.float32)
        scores = query.to(exact) @ key.to(exact).transpose(2, 3) * attn.scale
        if attention_mask is not None:
            scores = scores + attn.prepare_attention_mask(attention_mask, text.shape[1], len(text), out_dim=4)
        probabilities = scores.softmax(3)
        for recorder in recorders:
            recorder._see(self.name, probabilities)
        out = (probabilities.to(value.dtype) @ value).transpose(1, 2).flatten(2)
        return attn.to_out[1](attn.to_out[0](out)) / attn.rescale_output_factor


@contextmanager
def record(unet: Any, *, guidance: bool = False, keep: Keep = sum_heads) -> Iterator[Recorder]:
    """Record the cross-attention of a diffusers module (with attn_processors): a context that gives a Recorder.

    guidance: True if batches are doubled for guidance, unconditional half first; only the second half is kept.
    keep(probabilities (batch, heads, h·w, tokens), layer): its result is summed over calls into maps[layer.name]; by
    default the sum over heads, so that memory is bounded. Tokens include start, end and padding. The network's output
    stays the same up to rounding, and its processors are restored. ValueError for a module without such attention.
    One thread at a time records a module, others wait; what they denoise meanwhile is not recorded.
    """
    if not isinstance(guidance, bool) or not callable(keep):
        refuse("guidance and keep", "a bool and a function", (guidance, keep))
    with locked(unet):
        yield from _recorded(unet, guidance, keep)


def locked(unet: Any) -> Any:
    """A context in which this thread alone records a module."""
    with GUARD:
        return LOCKS.setdefault(unet, RLock()) if isinstance(unet, torch.nn.Module) else nullcontext()


def _recorded(unet, guidance, keep):
    replaced = dict(getattr(unet, "attn_processors", {}))
    modules = {key: unet.get_submodule(key.removesuffix(".processor")) for key in replaced}
    cross = [key for key in replaced if getattr(modules[key], "is_cross_attention", False)]
    odd = {type(replaced[key]).__name__ for key in cross} - {*PLAIN, _Recording.__name__}
    odd |= {part for key in cross for part in RARE if getattr(modules[key], part, None)}
    if odd or not cross:
        raise ValueError(f"unet must have cross-attention by {', '.join(PLAIN)}, got {odd or type(unet).__name__}")
    recorder = Recorder(keep, guidance)
    hook = unet.register_forward_pre_hook(recorder._enter, with_kwargs=True)
    try:
        own = {key: _Recording(recorder, key.removesuffix(".processor"), replaced[key]) for key in cross}
        unet.set_attn_processor(replaced | own)
        yield recorder
    finally:
        hook.remove()
        unet.set_attn_processor(dict(replaced))


def daam(recorder: Recorder, size: Sequence[int]) -> torch.Tensor:
    """Maps (B, tokens, h, w): bicubic to size (h, w), summed over heads, layers and calls (Tang et al., ACL 2023).

    Bicubic interpolation may overshoot below 0; nothing is clipped, so that the sum over tokens is the same everywhere.
    """
    if not isinstance(recorder, Recorder) or not isinstance(size, list | tuple | torch.Size) or len(size) != 2:
        refuse("recorder and size", "a Recorder and (h, w)", (type(recorder).__name__, size))
    if not recorder.maps or any(m.shape[2:] != recorder.layers[name].resolution for name, m in recorder.maps.items()):
        raise ValueError(f"recorder must hold maps (B, tokens, h, w), got {list(recorder.maps)}")
    large = [interpolate(maps, tuple(size), mode="bicubic", align_corners=False) for maps in recorder.maps.values()]
    return sum(large[1:], start=large[0])


def _chosen(maps, tokens):
    if tensor("maps", maps, [4]).shape[1] < 1:
        refuse("maps", "(B, tokens, h, w)", maps)
    places = isinstance(tokens, Sequence) and all(type(t) is int and 0 <= t < maps.shape[1] for t in tokens)
    if not places or not len(tokens):
        refuse("tokens", f"positions from 0 to {maps.shape[1] - 1}, at least one", tokens)
    return maps[:, list(tokens)]


def word_map(maps: torch.Tensor, tokens: Sequence[int]) -> torch.Tensor:
    """(B, h, w): the mean of maps (B, tokens, h, w) over a word's tokens (positions; 0 is the start token)."""
    return _chosen(maps, tokens).mean(1)


def matching_score(maps: torch.Tensor, tokens: Sequence[int], *, scale: float = 10.0) -> torch.Tensor:
    """(B,) log-sum-exp pooling of attention to a caption's tokens, in the manner of He et al. (arXiv 2305.10722).

    (1/scale)·log of the mean of exp(scale·p) over tokens and pixels, with p the attention averaged over heads, layers
    and calls (maps over their sum over all tokens): the mean of p for scale → 0, its maximum for → ∞.
    """
    scale, _ = positive("scale", scale), tensor("maps", maps, [4])
    p = _chosen(maps / maps.sum(1, keepdim=True), tokens).flatten(1)
    return ((scale * p).logsumexp(1) - math.log(p.shape[1])) / scale


class _Recorded:
    """A model given (condition, image of each row); its attention is summed over the rows of each image."""

    def __init__(self, model, images):
        self.model, self.images, self.rows, self.recorder = model, images, None, None
        self.fits_like = model
        self.proposal, self.logsnr_range = getattr(model, "proposal", None), getattr(model, "logsnr_range", None)

    def keep(self, probabilities, layer):
        rows = sum_heads(probabilities, layer)
        return rows.new_zeros(self.images, *rows.shape[1:]).index_add_(0, self.rows.to(rows.device), rows)

    def __call__(self, z, logsnr, condition):
        (condition, self.rows), before = condition, dict(self.recorder.maps)
        try:
            return self.model(z, logsnr, condition)
        except RuntimeError:  # memory ran out halfway: these rows will come again
            self.recorder.maps = before
            raise


def attention_maps(
    model: Any,
    x: torch.Tensor,
    caption: Condition,
    *,
    noise: str = "plain",
    samples: int = 100,
    seed: int = 0,
    proposal: Proposal | None = None,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> torch.Tensor:
    """(B, tokens, h, w): attention at the estimator's own noise levels (the paper's "attention + information").

    The mean over heads, layers and draws (unweighted) while model.unet denoises x_α given the caption or captions, on
    the noise of infodecomp.nll and word_maps with the same x and options; a proposal cannot be fitted, though. model is
    from infodecomp.load, x (B, C, h, w) from model.encode. Memory does not grow with samples. Ctrl-C ends it
    without a result.
    """
    if not hasattr(model, "unet"):
        raise ValueError(f"model needs .unet, whose attention is recorded, got {type(model).__name__}")
    if isinstance(proposal, str):  # the pilot of "fit" would be recorded as well
        raise ValueError(f"proposal must be None or a Proposal, got {shown(proposal)}")
    sampling, x = Sampling(samples, seed, proposal, batch_size, noise, progress=progress), batch("x", x)
    denoiser = _Recorded(model, len(x))
    condition = model.condition(caption), torch.arange(len(x))
    check_condition("caption", denoiser, condition, len(x))
    pairs, _ = distinct([(denoiser, condition)], x.device)
    with record(model.unet, keep=denoiser.keep) as recorder:
        denoiser.recorder = proxy(recorder)  # which holds denoiser.keep
        with unattended(bars=True):  # a part of the maps would be of no stratified sample
            measure(x, pairs, [Quantity("mass", 0)], sampling, sampling.proposal_for(denoiser), DRAWS)
    return daam(recorder, x.shape[2:]) / (sampling.samples * sum(layer.heads for layer in recorder.layers.values()))
