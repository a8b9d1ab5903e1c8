"""Attention where text and picture are one sequence (SD3, FLUX.1): similarity in the output space of its layers.

After ConceptAttention (Helbling et al., ICML 2025): a concept's tokens run through the text stream, read the picture's
tokens and do not change them; a cell's value is the product of its output vector and the concept's, before the layers'
projections. A baseline: it is not in nats and has no standard error.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import get_ident
from typing import Any, Literal
from weakref import proxy

import torch
from torch.nn.functional import interpolate

from .attention import locked, record
from .checks import batch, refuse, shown
from .denoiser import Condition, distinct
from .estimates.measure import Quantity, measure
from .estimates.sampling import Sampling, check_condition
from .integrate import Proposal
from .noise import DRAWS
from .progress import unattended

PROCESSORS = ("JointAttnProcessor2_0", "FusedJointAttnProcessor2_0", "FluxAttnProcessor")
READERS = {  # the tokenizers whose tokens make the text's part of the sequence, in its order
    "SD3Transformer2DModel": ("tokenizer", "tokenizer_3"),
    "FluxTransformer2DModel": ("tokenizer_2",),
}


class Streams:
    """What the layers with two streams see, summed up by `similarity`. First a call that is kept, then others.

    kept: {layer: [input and output vectors of the picture's tokens, (N, tokens, width), of each call]}."""

    def __init__(self) -> None:
        self.kept: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {}
        self.texts: dict[str, torch.Tensor] = {}
        self.keeping = True
        self._thread = get_ident()  # other threads may denoise meanwhile, unseen

    def sees(self) -> bool:
        """Whether this thread is the one that records."""
        return self._thread == get_ident()

    def similarity(self, tokens: Sequence[int]) -> torch.Tensor:
        """(N, picture's tokens): products with the mean of the text's outputs at `tokens`, the mean over layers."""
        found = []
        for name, text in self.texts.items():
            pixels = torch.cat([output for _, output in self.kept[name]]).float()
            found.append(pixels @ text[:, list(tokens)].float().mean(1)[..., None])
        return torch.stack(found).mean(0)[..., 0]


class _Watching:
    """An attention processor that runs the one it stands for, on the kept picture where one is to be read."""

    def __init__(self, streams, name, replaced):
        self.streams, self.name, self.replaced = streams, name, replaced

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, *args, **kwargs):
        streams, outputs, name = self.streams, {}, self.name
        if encoder_hidden_states is None or not streams.sees():
            return self.replaced(attn, hidden_states, encoder_hidden_states, attention_mask, *args, **kwargs)
        if not streams.keeping:
            hidden_states = torch.cat([inputs for inputs, _ in streams.kept[name]])
        ends = {"picture": attn.to_out[0], "text": attn.to_add_out}  # their inputs are the outputs of attention
        hooks = [
            end.register_forward_pre_hook(lambda _, given, part=part: outputs.__setitem__(part, given[0].detach()))
            for part, end in ends.items()
        ]
        try:
            found = self.replaced(attn, hidden_states, encoder_hidden_states, attention_mask, *args, **kwargs)
        finally:
            for hook in hooks:
                hook.remove()
        if streams.keeping:
            streams.kept.setdefault(name, []).append((hidden_states.detach(), outputs["picture"]))
        else:
            streams.texts[name] = outputs["text"]
        return found


@contextmanager
def watch(net: Any) -> Iterator[Streams]:
    """Watch the layers of a diffusers transformer in which text and picture attend to each other and both go on.

    A context that gives Streams; the network's processors are restored. While .keeping, calls are what they would be;
    then calls read the kept picture instead of their own, and their result means nothing. ValueError for another
    network, in one line.
    """
    with locked(net):
        replaced = dict(getattr(net, "attn_processors", {}))
        modules = {key: net.get_submodule(key.removesuffix(".processor")) for key in replaced}
        both = [key for key in replaced if getattr(modules[key], "to_add_out", None) is not None]
        odd = {type(replaced[key]).__name__ for key in both} - set(PROCESSORS)
        if odd or not both or type(net).__name__ not in READERS:
            names = ", ".join(READERS)
            raise ValueError(f"model must have joint attention, of {names}, got {odd or type(net).__name__}")
        streams = Streams()
        try:
            net.set_attn_processor(replaced | {key: _Watching(streams, key, replaced[key]) for key in both})
            yield streams
        finally:
            net.set_attn_processor(dict(replaced))


def tokens_of(model: Any, text: str) -> list[int]:
    """Positions of a text's own tokens (no start, end, padding) in the text's part of the sequence."""
    start, found = 0, []
    for name in READERS[type(model.unet).__name__]:
        tokenizer = getattr(model.pipe, name, None)
        if tokenizer is not None:
            special = tokenizer(text, return_special_tokens_mask=True)["special_tokens_mask"]
            found += [start + i for i, mark in enumerate(special) if not mark]
            start += tokenizer.model_max_length
    if not found:
        raise ValueError(f"concepts must have tokens that the model reads, got {shown(text)}")
    return found


def kind_of_attention(model: Any) -> Literal["cross", "joint"] | None:
    """Which attention of a model can be recorded: "cross" (infodecomp.attention), "joint", or None."""
    kinds: dict[Literal["cross", "joint"], Any] = {"cross": record, "joint": watch}
    for kind, enter in kinds.items():
        try:
            with enter(getattr(model, "unet", None)):
                return kind
        except ValueError:
            continue
    return None


class _Compared:
    """A model given (caption, image of each row) that also reads each concept; similarities are summed per image."""

    def __init__(self, model, concepts, places, images):
        self.model, self.concepts, self.places, self.streams = model, concepts, places, None
        self.fits_like = model
        self.proposal, self.logsnr_range = getattr(model, "proposal", None), getattr(model, "logsnr_range", None)
        self.images, self.sums = images, torch.zeros(())

    def __call__(self, z, logsnr, condition):
        condition, rows = condition
        streams, sums = self.streams, []
        streams.kept, streams.keeping = {}, True
        found = self.model(z, logsnr, condition)
        streams.keeping = False
        for concept, places in zip(self.concepts, self.places, strict=True):
            self.model(z, logsnr, concept)
            sums.append(streams.similarity(places).cpu())
        each = torch.stack(sums, 1)  # (N, K, picture's tokens)
        self.sums = self.sums + torch.zeros(self.images, *each.shape[1:]).index_add(0, rows.cpu(), each)
        return found


def concept_attention(
    model: Any,
    x: torch.Tensor,
    caption: Condition,
    concepts: Sequence[str],
    *,
    noise: str = "plain",
    samples: int = 100,
    seed: int = 0,
    proposal: Proposal | None = None,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> torch.Tensor:
    """(B, K, h, w): similarity of the picture's tokens with K concepts, at the estimator's own noise levels.

    The picture is denoised given the caption (a text, or one per row); its tokens do not see the concepts, which are
    texts of their own. Products of outputs, the mean over a concept's tokens, layers and draws (unweighted): a softmax
    over concepts, as the paper takes it, is left to the caller. h, w: those of x, each patch one value. K + 1
    evaluations per sample, on the noise of infodecomp.nll with the same x and options; a proposal cannot be fitted.
    model: SD3 or FLUX.1 from infodecomp.load; x (B, C, H, W) from model.encode. ValueError for other models, and for
    what is no list of texts.
    """
    listed = isinstance(concepts, Sequence) and not isinstance(concepts, str) and len(concepts)
    if not listed or not all(isinstance(c, str) for c in concepts):
        refuse("concepts", "a list of at least one text", concepts)
    if isinstance(proposal, str):  # the pilot of "fit" would be recorded as well
        raise ValueError(f"proposal must be None or a Proposal, got {shown(proposal)}")
    sampling, x = Sampling(samples, seed, proposal, batch_size, noise, progress=progress), batch("x", x)
    with watch(getattr(model, "unet", None)) as streams:
        texts = [model.condition(concept) for concept in concepts]
        denoiser = _Compared(model, texts, [tokens_of(model, concept) for concept in concepts], len(x))
        condition = model.condition(caption), torch.arange(len(x))
        check_condition("caption", denoiser, condition, len(x))
        pairs, _ = distinct([(denoiser, condition)], x.device)
        denoiser.streams = proxy(streams)
        with unattended(bars=True):  # a part of the maps would be of no stratified sample
            measure(x, pairs, [Quantity("mass", 0)], sampling, sampling.proposal_for(denoiser), DRAWS)
    side = (x.shape[2] * x.shape[3] / denoiser.sums.shape[2]) ** 0.5  # of a patch
    grid = round(x.shape[2] / side), round(x.shape[3] / side)
    return interpolate(denoiser.sums.unflatten(2, grid) / sampling.samples, x.shape[2:], mode="nearest")
