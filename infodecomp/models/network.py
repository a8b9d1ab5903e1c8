"""The common part of models with a trained network: fractional timesteps for log-SNRs, and compilation."""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn.functional import pad

from ..channel import logsnr_to_timestep
from ..checks import double
from ..denoiser import from_eps, from_flow, from_v, from_x0

FLOW = "flow_prediction"
PREDICTIONS = {"epsilon": from_eps, "sample": from_x0, "v_prediction": from_v, FLOW: from_flow}
SIZES = 4  # numbers of rows for which a network is compiled


@contextmanager
def unmixed() -> Iterator[None]:
    """Inside, and in what it decorates, torch.autocast is off: a model's numbers are of the dtype that it says."""
    with ExitStack() as stack:
        for device in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield


class Network:
    """A model with a network `unet` that takes timesteps of a `schedule`: log-SNRs at timesteps 0, 1, …, numpy."""

    unet: Any
    shape: tuple[int, int, int]
    schedule: np.ndarray
    logsnr_range: tuple[float, float]
    device: torch.device
    _compiled: Callable | None = None
    _sizes: list[int]
    _falling: torch.Tensor | None = None

    def timesteps(self, logsnr: torch.Tensor) -> torch.Tensor:
        """The (fractional) timesteps (N,) float32 of log-SNRs (N,).

        Outside logsnr_range, ValueError on a CPU; elsewhere NaN, which the estimators refuse, so that the device need
        not be synchronised.
        """
        values, (low, high) = double(logsnr.detach()), self.logsnr_range
        inside = (values > low - 1e-3) & (values < high + 1e-3)
        if values.device.type == "cpu" and not inside.numpy().all():
            got = f"{values.min():g} to {values.max():g}"
            raise ValueError(f"logsnr must lie in [{low:.3f}, {high:.3f}], got {got}")
        return torch.where(inside, self._times(values.clamp(low, high)), math.nan).float().to(logsnr.device)

    def _times(self, values):
        if self._falling is None or self._falling.device != values.device:
            self._falling = torch.tensor(self.schedule, device=values.device)
        return logsnr_to_timestep(values, self._falling)

    def compile(self) -> "Network":
        """Compile the network (torch.compile; on CUDA with autotuning and graphs), channels last; returns the model.

        It is compiled for the first four numbers of rows; later calls are split or padded to them. The first calls take
        minutes. While `unet` has hooks, as in infodecomp.attention, it runs without compilation.
        """
        torch.nn.Module.to(self.unet, memory_format=torch.channels_last)
        mode = "max-autotune" if self.device.type == "cuda" else "default"
        self._compiled, self._sizes = torch.compile(self.unet, mode=mode, dynamic=False), []
        return self

    def _run(self, z, *inputs, **named):
        """The network's output for rows z (N, *shape) and its other inputs, (N, …) each; ValueError for others."""
        self._check_rows(z)
        if not self._runs_compiled():
            return self.unet(z, *inputs, **named).sample

        def call(cut, size):
            rows = padded(z[cut], size).contiguous(memory_format=torch.channels_last)
            named_ = {name: padded(values[cut], size) for name, values in named.items()}
            return self._compiled(rows, *(padded(values[cut], size) for values in inputs), **named_).sample

        return self._in_sizes(len(z), call)

    def _check_rows(self, z):
        if tuple(z.shape[1:]) != tuple(self.shape):
            raise ValueError(f"z must be (N, {', '.join(map(str, self.shape))}), got {tuple(z.shape)}")

    def _runs_compiled(self):
        return self._compiled is not None and not (self.unet._forward_pre_hooks or self.unet._forward_hooks)

    def _in_sizes(self, rows, call):
        """What call(slice of rows, rows to fill it up to) returns for all rows, in sizes for which it is compiled."""
        parts, start = [], 0
        while start < rows:
            size = self._size(rows - start)
            torch.compiler.cudagraph_mark_step_begin()
            try:
                out = call(slice(start, start + size), size)
            except RuntimeError:  # memory may have run out: fewer rows must not be padded to this size again
                self._sizes = [known for known in self._sizes if known < size]
                raise
            parts.append(out[: rows - start].clone())  # the next call overwrites what a CUDA graph returns
            start += size
            self._sizes += [] if size in self._sizes else [size]
        return torch.cat(parts)

    def _size(self, rows):
        """How many rows to call the network with: just these, or a known number that is at most a third larger."""
        fitting = min((size for size in self._sizes if size >= rows), default=math.inf)
        if len(self._sizes) < SIZES and 3 * fitting > 4 * rows:
            return rows
        return fitting if fitting < math.inf else max(self._sizes)


def padded(values: torch.Tensor, rows: int) -> torch.Tensor:
    """Values (N, …) with zeros behind them, up to a number of rows."""
    return pad(values, (0, 0) * (values.ndim - 1) + (0, rows - len(values))).contiguous()
