"""The base of models: what follows from the denoiser alone (generation, inversion), and the tokens of a word."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch

from .. import denoiser
from ..captions import token_indices, units
from ..denoiser import condition_length
from ..estimates.measure import generator
from ..flow import from_noise, to_noise

NOISE = 3  # stream of random numbers: the starting noise of `generate`


class Parts(denoiser.Model, Protocol):
    """The attributes that the methods of `Model` need."""

    shape: tuple[int, int, int]
    flow_range: tuple[float, float]
    device: torch.device
    phrases: Sequence[str]
    tokenizer: Any
    _as_read: Callable[[str], str]


class Model:
    """A denoiser with `encode`, `decode`, `condition`, `device`, and

    shape: of one x, (C, h, w); flow_range: log-SNRs between which the flow runs; phrases: words that count as one;
    tokenizer: the text encoder's, None where no tokens are read.
    """

    phrases: Sequence[str] = ()
    tokenizer: Any = None
    _as_read: Callable[[str], str] = staticmethod(str)  # the text of a caption that the tokenizer gets

    def frame(self, image: Any) -> Any:
        """A PIL picture as encode sees it: whole, unless a model cuts and resizes."""
        return image

    def generate(self: Parts, captions: Any, seed: int = 0, *, steps: int = 40) -> list:
        """PIL images, one per caption (a str or None is one): the probability-flow ODE from noise, then a denoising."""
        captions = [captions] if captions is None or isinstance(captions, str) else captions
        count = condition_length(captions, "captions")
        if not count:
            raise ValueError(f"captions must be a str, None, or at least one of them, got {captions!r:.60}")
        noise = torch.stack([torch.randn(self.shape, generator=generator(seed, NOISE, i, 0)) for i in range(count)])
        condition = self.condition(captions)
        y = from_noise(self, noise.to(self.device), condition, steps=steps, range=self.flow_range)
        high = torch.full((count,), self.flow_range[1], device=self.device)
        sigma = torch.exp(-high[0] / 2)
        return self.decode(y - sigma * self(y / (1 + sigma**2).sqrt(), high, condition))

    def invert(self: Parts, x: torch.Tensor, captions: Any = None, *, steps: int = 100) -> torch.Tensor:
        """The noise (B, *shape) from which the flow makes x under the captions (see infodecomp.flow)."""
        return to_noise(self, x, self.condition(captions), steps=steps, range=self.flow_range)

    def tokens(self: Parts, caption: str, position: int) -> list[int]:
        """Indices in the encoder's token sequence (the start token is 0) of the word or phrase at a position.

        position: where it begins in caption.split(). Raises ValueError where no word or phrase begins, for a word that
        is cut off from what the encoder reads, and for a model without tokens.
        """
        if self.tokenizer is None:
            raise ValueError(f"the model must read tokens, got {type(self).__name__}")
        self.condition(caption)  # refuses a caption that the encoder does not take
        text = self._as_read(caption)
        for start, stop, _ in units(caption, self.phrases):
            if start == position and not isinstance(position, bool) and len(text.split()) == len(caption.split()):
                return token_indices(self.tokenizer, text, start, stop)
        raise ValueError(f"position must be where a word of {caption!r:.200} begins, got {position!r}")
