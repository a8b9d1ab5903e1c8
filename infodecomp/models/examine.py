"""May a model be measured? A denoising experiment tests what its network predicts, and at which log-SNRs."""

from typing import Any

import numpy as np
import torch

from ..channel import add_noise
from ..checks import double
from ..progress import in_sight
from .network import PREDICTIONS

NUMBERS = 2**14  # of noise per level
CLEAR = 0.96  # share of an error below which another one beats it clearly
OWN = "its own timesteps"
SHIFTS = (-3.0, -1.0, 1.0, 3.0)  # nats by which the log-SNR given to the network is wrong


@torch.no_grad()
def examine(
    model: Any, images: list | None = None, *, progress: bool | None = None
) -> dict[tuple[str, str], list[float]]:
    """A denoising experiment: does the network predict what its scheduler declares, at the log-SNRs it declares?

    images: None for two of scikit-image's photographs (one, if it has many numbers). Noise is added at three log-SNRs.
    The network's output is read as ε, as v and as x. The network is given the timestep that the scheduler declares for
    the log-SNR, that of a log-SNR 1 or 3 nats off, or the mirrored timestep. Returns {(prediction type, log-SNR given):
    mean squared errors of ε at the three}. Geometric means are compared, so that the three count alike. Raises
    ValueError unless the declared reading has the least error of the three types, a smaller one than the best linear
    function of the noisy picture (fitted to it), and no other timestep lowers it clearly, by 4 %.
    progress: as in infodecomp.nll.
    """
    if images is None:
        from PIL import Image
        from skimage import data

        names = ("astronaut",) if np.prod(model.shape) >= NUMBERS else ("astronaut", "chelsea")
        images = [Image.fromarray(getattr(data, name)()) for name in names]
    x = model.encode(images)
    x = x.repeat(max(1, -(-NUMBERS // x.numel())), 1, 1, 1)
    condition = model.condition([0] if model.classes is not None and model.null is None else None)
    draw = torch.Generator().manual_seed(0)
    levels, linear = _levels(x, *model.logsnr_range), []
    found: dict[tuple[str, str], list[float]] = {}
    for level in in_sight(levels, len(levels), progress, len(x) * (2 + len(SHIFTS))):
        noise = torch.randn(x.shape, generator=draw).to(x)
        z = add_noise(x, level, noise)
        linear.append(_unexplained(noise, z))
        for given, logsnr in _given(model, level).items():
            out = [model.output(rows, rows.new_full((len(rows),), logsnr), condition) for rows in z.split(64)]
            for kind, adapter in PREDICTIONS.items():
                eps_hat = adapter(lambda *_, out=out: torch.cat(out))(z, level)
                found.setdefault((kind, given), []).append(double(eps_hat - noise).square().mean().item())
    _judge(model.prediction, found, linear, levels)
    return found


def _levels(x, low, high):
    """Three log-SNRs around the one at which signal and noise have equal power, inside the model's range."""
    middle = -torch.log(double(x).var()).item()
    near = max(low, middle - 4), min(high, middle + 4)
    low, high = near if near[1] - near[0] > 3 else (low, high)
    return [low + share * (high - low) for share in (1 / 6, 1 / 2, 5 / 6)]


def _given(model, level):
    """{description: log-SNR given to the network} for one true level, the declared one first."""
    (low, high), last = model.logsnr_range, len(model.schedule) - 1
    mirrored = np.interp(last - model.timesteps(torch.tensor([level])).item(), range(last + 1), model.schedule)
    given = {OWN: level} | {f"log-SNRs {s:+g}": level + s for s in SHIFTS} | {"timesteps mirrored": mirrored}
    return {name: min(max(logsnr, low), high) for name, logsnr in given.items()}


def _unexplained(noise, z):
    """Mean squared error of the least-squares fit a·z + b to the noise."""
    noise, z = double(noise).flatten(), double(z).flatten()
    noise, z = noise - noise.mean(), z - z.mean()
    return (noise.square().mean() - (noise * z).mean() ** 2 / z.square().mean()).item()


def _judge(declared, found, linear, levels):
    mean = {reading: np.exp(np.mean(np.log(errors))) for reading, errors in found.items()}
    own, linear = mean[declared, OWN], np.exp(np.mean(np.log(linear)))
    best = min(PREDICTIONS, key=lambda kind: mean[kind, OWN])
    other = min((given for _, given in found), key=lambda given: mean[declared, given])
    if best != declared:
        better = f"read as {best!r} {mean[best, OWN]:.3f}"
    elif mean[declared, other] < CLEAR * own:
        better = f"given {other} {mean[declared, other]:.3f}"
    elif not own < linear:
        better = f"that of the best linear function {linear:.3f}"
    else:
        return
    raise ValueError(
        f"the scheduler declares prediction_type {declared!r} and its log-SNRs; read so, the network's mean squared"
        f" error of ε at log-SNR {', '.join(f'{level:.1f}' for level in levels)} is {own:.3f}, {better}"
        " (check=False loads it all the same)"
    )
