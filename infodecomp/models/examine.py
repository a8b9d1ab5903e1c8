"""May a model be measured? A denoising experiment tests what its network predicts, and at which log-SNRs."""

import warnings
from typing import Any

import numpy as np
import torch

from ..channel import add_noise
from ..checks import double, refuse
from ..estimates.information import compare
from ..integrate import pair_variance
from ..progress import in_sight
from .network import FLOW, PREDICTIONS

NUMBERS = 2**14  # of noise per level
CLEAR = 0.96  # share of an error below which another one beats it clearly
OWN = "its own timesteps"
CERTAIN = 3.3  # standard errors
SHIFTS = (-3.0, -1.0, 1.0, 3.0)  # nats by which the log-SNR given to the network is wrong


# photographs of scikit-image, and what they show
CAPTIONS = {
    "astronaut": "a woman astronaut in an orange space suit, smiling, a flag and a space shuttle behind her",
    "chelsea": "a close-up photograph of a tabby cat",
    "coffee": "a cup of coffee on a saucer with a spoon, on a wooden table",
    "rocket": "a white rocket standing on its launch pad, lit by floodlights",
}
DRAWS = 6  # of noise per photograph with its caption
SHARE = 1 / 3  # least share of what a caption changes that must lessen the error; guidance by a scale w has 2/w − 1


@torch.no_grad()
def examine(
    model: Any, images: list | None = None, *, progress: bool | None = None
) -> dict[tuple[str, str], list[float]]:
    """A denoising experiment: does the network predict what its scheduler declares, at the log-SNRs it declares?

    images: None for two of scikit-image's photographs (one, if it has many numbers); or pictures, or tuples of
    picture and caption. Noise is added at three log-SNRs. The network's output is read as ε, as v and as x (and as a
    velocity, if it declares one). The network is given the timestep that the scheduler declares for the log-SNR, that
    of a log-SNR 1 or 3 nats off, or the mirrored timestep. Returns {(prediction type, log-SNR given): mean squared
    errors of ε at the three}. Geometric means are compared, so that the three count alike. Raises ValueError unless the
    declared reading has the least error of the types, a smaller one than the best linear function of the noisy picture
    (fitted to it), and no other timestep lowers it clearly, by 4 %.

    A model that takes captions is then told those of four photographs (or those given): ("captions", "iˢ and iᵒ") has
    both means, their ratio and its error. Raises ValueError where, by 3.3 errors, the captions lessen the network's
    error by less than a third of what they change, as with guidance or sampling in few steps trained into it.
    progress: as in infodecomp.nll.
    """
    pictures, captions = _asked(model, images)
    x = model.encode(pictures)
    found = _readings(model, x.repeat(max(1, -(-NUMBERS // x.numel())), 1, 1, 1), progress)
    if model.takes_captions and (images is None or captions):
        if images is None:
            x, captions = model.encode([_photograph(name) for name in CAPTIONS]), list(CAPTIONS.values())
        found["captions", "iˢ and iᵒ"] = _captions(model, x, captions, progress)
    return found


def _asked(model, images):
    """Pictures, and a caption of each or []."""
    if images is None:
        return [_photograph(name) for name in list(CAPTIONS)[: 1 + (np.prod(model.shape) < NUMBERS)]], []
    pairs = [one for one in images if isinstance(one, tuple) and len(one) == 2 and isinstance(one[1], str)]
    if not pairs:
        return images, []
    if len(pairs) < len(images) or not model.takes_captions:
        refuse("check", "pictures, or (picture, caption) for a model that takes captions", images)
    return [picture for picture, _ in pairs], [caption for _, caption in pairs]


def _photograph(name):
    from PIL import Image
    from skimage import data

    return Image.fromarray(getattr(data, name)())


def _readings(model, x, progress):
    condition = model.condition([0] if model.classes is not None and model.null is None else None)
    draw = torch.Generator().manual_seed(0)
    levels, linear = _levels(x, *model.logsnr_range), []
    kinds = {kind: adapter for kind, adapter in PREDICTIONS.items() if kind != FLOW or model.prediction == FLOW}
    found: dict[tuple[str, str], list[float]] = {}
    for level in in_sight(levels, len(levels), progress, len(x) * (2 + len(SHIFTS))):
        noise = torch.randn(x.shape, generator=draw, dtype=torch.float32).to(x)
        z = add_noise(x, level, noise)
        linear.append(_unexplained(noise, z))
        for given, logsnr in _given(model, level).items():
            out = [model.output(rows, rows.new_full((len(rows),), logsnr), condition) for rows in z.split(64)]
            for kind, adapter in kinds.items():
                eps_hat = adapter(lambda *_, out=out: torch.cat(out))(z, level)
                found.setdefault((kind, given), []).append(double(eps_hat - noise).square().mean().item())
    _judge(model.prediction, found, linear, levels)
    return found


def _captions(model, x, captions, progress):
    """[iˢ, iᵒ, iˢ/iᵒ, its error], means in nats; ValueError if the captions do harm, or too little good."""
    conditions = [model.condition(captions, truncate=True), model.condition(None)]
    with warnings.catch_warnings():  # few draws are meant
        warnings.simplefilter("ignore")
        both = compare(model, x, conditions, samples=DRAWS, progress=progress)
    good, change = (both.information(0, 1, kind).profile for kind in ("standard", "orthogonal"))
    weights = (good.weight / good.weight.numel()).unflatten(1, (-1, 2))
    good, change = (profile.integrand.unflatten(1, (-1, 2)) * weights for profile in (good, change))
    nats, most = good.sum().item(), max(change.sum().item(), 1e-12)
    share = nats / most
    odd = good - share * change  # both have the same draws, so their ratio is known better than either
    error = pair_variance(odd[..., 0], odd[..., 1], 1).sum().sqrt().item() / most
    if share + CERTAIN * error < SHARE:
        raise ValueError(
            f"told the captions of {len(x)} pictures, the network must err less, by a third of what they change or"
            f" more: iˢ {nats:.1f} nats, iᵒ {most:.1f}, ratio {share:.2f} ± {error:.2f}; it may be distilled, guidance"
            " or sampling in few steps trained into it (check=False loads it all the same)"
        )
    return [nats, most, share, error]


def _levels(x, low, high):
    """Three log-SNRs around the one at which signal and noise have equal power, inside the model's range."""
    middle = -torch.log(double(x).var()).item()
    near = max(low, middle - 4), min(high, middle + 4)
    low, high = near if near[1] - near[0] > 3 else (low, high)
    return [low + share * (high - low) for share in (1 / 6, 1 / 2, 5 / 6)]


def _given(model, level):
    """{description: log-SNR given to the network} for one true level, the declared one first."""
    (low, high), schedule, mirrored = model.logsnr_range, model.schedule, -level
    if schedule is not None:
        time = model.timesteps(torch.tensor([level])).item()
        mirrored = np.interp(len(schedule) - 1 - time, range(len(schedule)), schedule)
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
    if not np.isfinite(own):
        raise ValueError("the network must return finite numbers, got NaN or infinity (dtype=torch.float32 may help)")
    best = min((kind for kind, given in found if given == OWN), key=lambda kind: mean[kind, OWN])
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
