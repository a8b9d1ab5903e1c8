"""The base of models: what follows from the denoiser alone (generation, inversion), and the tokens of a word."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ..calls import Evaluations
from ..captions import token_indices, units
from ..checks import batch, is_whole, refuse, shown, whole
from ..denoiser import condition_length
from ..flow import from_noise, to_noise
from ..noise import generator
from .pictures import upright

NOISE = 3  # stream of random numbers: the starting noise of `generate`


class Model:
    """A denoiser with pictures and conditions. Subclasses give `encode`, `decode`, `condition`, the call, and these:

    shape: of one x, (C, h, w); device; flow_range: log-SNRs between which the flow runs; phrases: words that count as
    one; tokenizer: the text encoder's, None where no tokens are read.
    """

    shape: tuple[int, int, int]
    flow_range: tuple[float, float]
    device: torch.device
    phrases: Sequence[str] = ()
    tokenizer: Any = None
    _as_read: Callable[[str], str] = staticmethod(str)  # the text of a caption that the tokenizer gets

    encode: Callable[..., torch.Tensor]
    decode: Callable[..., list]
    condition: Callable[..., Any]
    __call__: Callable[..., torch.Tensor]

    @staticmethod
    def each(captions: Any, name: str = "captions") -> Sequence[Any]:
        """Captions as a list: that of one is of length 1. ValueError for an empty one."""
        if isinstance(captions, list | tuple) and not captions:
            refuse(name, "a str, None, or at least one of them", captions)
        return captions if isinstance(captions, list | tuple) else [captions]

    def frame(self, image: Any) -> Any:
        """A picture as encode sees it, PIL: upright, and whole unless a model cuts and resizes."""
        return upright(image, "image")

    def __repr__(self) -> str:
        """The model's name, x, range of log-SNRs, what it predicts, device and dtype."""
        pipe = getattr(self, "pipe", None)
        of = "" if pipe is None else f"{getattr(pipe, 'name_or_path', '') or type(pipe).__name__}, "
        low, high = getattr(self, "logsnr_range", self.flow_range)
        parts = [f"x {tuple(self.shape)}", f"log-SNR {low:.2f} to {high:.2f}"]
        parts += [str(getattr(self, name)) for name in ("prediction", "device", "dtype") if hasattr(self, name)]
        return f"{type(self).__name__}({of}{', '.join(parts)})"

    def check_shape(self, x: Any, name: str = "x") -> None:
        """ValueError unless x is a finite batch of this model's own shape."""
        if tuple(batch(name, x).shape[1:]) != tuple(self.shape):
            raise ValueError(f"{name} must be (B, {', '.join(map(str, self.shape))}), got {tuple(x.shape)}")

    def generate(self, captions: Any, seed: int = 0, *, steps: int = 40, progress: bool | None = None) -> list:
        """PIL images, one per caption (a str or None is one): the probability-flow ODE from noise, then a denoising.

        progress: whether a bar shows rows done, rate and time left; None: as in infodecomp.nll."""
        captions = [captions] if captions is None or isinstance(captions, str) else captions
        count = condition_length(captions, "captions")
        if not count:
            raise ValueError(f"captions must be a str, None, or at least one of them, got {shown(captions)}")
        seed = whole("seed", seed, 0)
        draw = lambda i: torch.randn(self.shape, generator=generator(seed, NOISE, i, 0), dtype=torch.float32)  # noqa: E731
        noise = torch.stack([draw(i) for i in range(count)])
        condition = self.condition(captions)
        y = from_noise(self, noise.to(self.device), condition, steps=steps, range=self.flow_range, progress=progress)
        high = torch.full((count,), self.flow_range[1], device=self.device, dtype=torch.float32)
        sigma = torch.exp(-high[0] / 2)
        return self.decode(y - sigma * Evaluations(self, y)(y / (1 + sigma**2).sqrt(), high, condition))

    def invert(
        self, x: torch.Tensor, captions: Any = None, *, steps: int = 100, progress: bool | None = None
    ) -> torch.Tensor:
        """The noise (B, *shape) from which the flow makes x under the captions; arguments as in infodecomp.flow."""
        self.check_shape(x)
        condition = self.condition(captions)
        return to_noise(self, x, condition, steps=steps, range=self.flow_range, progress=progress)

    def tokens(self, caption: str, position: int) -> list[int]:
        """Indices in the encoder's token sequence (the start token is 0) of the word or phrase at a position.

        position: where it begins in caption.split(). Raises ValueError where no word or phrase begins, for a word that
        is cut off from what the encoder reads, and for a model without tokens.
        """
        if self.tokenizer is None:
            raise ValueError(f"the model must read tokens, got {type(self).__name__}")
        self.condition(caption)  # refuses what the encoder does not take
        text = self._as_read(caption)
        for start, stop, _ in units(caption, self.phrases):
            if start == position and is_whole(position) and len(text.split()) == len(caption.split()):
                return token_indices(self.tokenizer, text, start, stop)
        raise ValueError(f"position must be where a word of {caption!r:.200} begins, got {shown(position)}")
