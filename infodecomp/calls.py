"""Calls of a denoiser with as many rows as its memory holds."""

from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

import torch

from .checks import home
from .denoiser import Denoiser, check_finite, condition_length, evaluate, take

ROWS = 2**18, 2**20  # numbers in a call of the denoiser when batch_size is None: on a CPU, whose cache is small; else
COST = 2**13  # bytes of memory for each of them, as Stable Diffusion 2.1 needs in float32
FULL = "out of memory", "can't allocate memory", "ALLOC_FAILED"  # in the messages of devices
FITS: WeakKeyDictionary = WeakKeyDictionary()  # {denoiser: numbers that fit in a call}, once its memory has run out
torch.empty(2**22)  # 16 MB, freed at once: from then on glibc keeps freed memory of this size for the next tensors


class Evaluations:
    """Calls the denoiser with at most `rows` rows, halved when memory runs out; without a batch_size, for good.

    `fits_like` of a denoiser names another one that needs as much memory, of which that is known, too.
    Only the first output is checked for NaN here, since a check synchronises the GPU; later ones are caught in the
    integrands. Raises ValueError for another shape, NaN or infinity, and if the denoiser writes into what it is given.
    """

    def __init__(self, denoiser: Denoiser, x: torch.Tensor, batch_size: int | None = None) -> None:
        numbers = ROWS[x.device.type != "cpu"]
        if x.device.type == "cuda":
            numbers = min(numbers, torch.cuda.mem_get_info(x.device)[0] // COST)
        self._key = getattr(denoiser, "fits_like", denoiser)
        with suppress(TypeError):  # an object without weak references is not remembered
            numbers = FITS.get(self._key, numbers)
        self.rows = batch_size or max(1, min(4096, numbers // x[0].numel()))
        self.denoiser, self._remember, self._checked = denoiser, batch_size is None, False

    def __call__(
        self,
        z: torch.Tensor,
        logsnr: torch.Tensor,
        condition: Any,
        rows: torch.Tensor | None = None,
        double: bool = False,
    ) -> torch.Tensor:
        """eps_hat (N, *shape) of z (N, *shape), logsnr (N,); rows (N,): the condition's entry for each row (None: all
        in order). double: as float64, at home."""
        rows = torch.arange(len(z)) if rows is None else rows
        eps_hats, start = None, 0
        while start < len(z):
            cut = slice(start, start + self.rows)
            try:
                eps_hat = evaluate(self.denoiser, z[cut], logsnr[cut], take(condition, rows[cut]), not self._checked)
            except RuntimeError as error:
                self._halve(z[cut], error)
                continue
            if not self._checked:
                check_finite(eps_hat)
                self._checked = True
            if eps_hats is None:
                dtype, device = (torch.float64, home(z.device)) if double else (eps_hat.dtype, eps_hat.device)
                eps_hats = torch.empty(z.shape, dtype=dtype, device=device)
            eps_hats[cut] = eps_hat.to(eps_hats.device)  # a copy: the denoiser may write to its buffer again
            start = cut.stop
        return eps_hats

    def _halve(self, z, error):
        """Allow half as many rows as z has, if the error says that memory ran out; else raise it."""
        full = isinstance(error, torch.cuda.OutOfMemoryError) or any(text in str(error) for text in FULL)
        if len(z) == 1 or not full:
            raise error
        self.rows = len(z) // 2
        if self._remember:
            with suppress(TypeError):
                FITS[self._key] = self.rows * z[0].numel()


class Together:
    """Evaluations of K conditions on the same rows, in common calls where the conditions can be joined.

    They can if all are lists, or tensors of one dtype and shape but for the number of entries, or tuples of such; other
    ones are evaluated one after the other. rows (N,): the entry of a condition for each row.
    """

    def __init__(self, evaluations: Evaluations, conditions: list, rows: torch.Tensor) -> None:
        self.evaluations, self.conditions, self.rows = evaluations, conditions, rows
        lengths = [condition_length(condition) for condition in conditions]
        self._joined = None
        if len(conditions) > 1 and None not in lengths:
            self._joined = _joined(conditions, lengths)
            starts = torch.tensor([0, *lengths[:-1]]).cumsum(0).tolist()
            places = [start + (0 if length == 1 else 1) * rows for start, length in zip(starts, lengths, strict=True)]
            self._places = torch.cat(places)

    def __call__(self, z: torch.Tensor, logsnr: torch.Tensor) -> list[torch.Tensor]:
        """K eps_hats (N, *shape) of z (N, *shape), logsnr (N,)."""
        if self._joined is None:
            return [self.evaluations(z, logsnr, condition, self.rows) for condition in self.conditions]
        count = len(self.conditions)
        many = z.repeat(count, *[1] * (z.ndim - 1)), logsnr.repeat(count)
        return list(self.evaluations(*many, self._joined, self._places).chunk(count))


def _joined(conditions, lengths):
    """All entries of conditions, one after the other, as one condition; None where these are of several kinds."""
    first, each = conditions[0], list(zip(conditions, lengths, strict=True))
    if all(isinstance(condition, list) for condition in conditions):
        return [entry for condition, length in each for entry in condition * (length // len(condition))]
    if all(isinstance(condition, tuple) and len(condition) == len(first) for condition in conditions):
        parts = [_joined(part, lengths) for part in zip(*conditions, strict=True)]
        return None if any(part is None for part in parts) else tuple(parts)
    if not all(isinstance(condition, torch.Tensor) for condition in conditions):
        return None
    if len({(condition.dtype, condition.shape[1:]) for condition in conditions}) > 1:
        return None
    return torch.cat([condition.expand(length, *condition.shape[1:]) for condition, length in each])
