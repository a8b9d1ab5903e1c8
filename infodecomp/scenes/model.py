"""The space of the pictures, and the exact denoiser of the world: a text-to-image diffusion model without weights."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from ..exact import Exact, one_row
from ..integrate import Piecewise
from ..models.base import Model
from ..models.pictures import pictures
from ..world import InWorld, World
from .grammar import CLASS, OBJECTS, PHRASES, Thing, log_prior_nouns, scenes
from .meaning import normalise, read
from .sprites import GROUND, PLACES, SIZE, SKY, SPRITE, render, sky, sprite

# of pictures (N, 3, 32, 32), where things may be
CUTS = [
    (slice(None), slice(None), slice(top, top + SPRITE), slice(left, left + SPRITE))
    for places in PLACES.values()
    for left, top in places
]
JITTER = 0.1  # width of the blur around each picture in units of x, about five of 255 grey levels


def _space():
    """Mean picture (3, 32, 32), in 0…1, and standard deviation of the pixels around it, under the prior."""
    nouns = log_prior_nouns().exp()
    shares = [(nouns.sum(0).sum(dim) / 8).repeat_interleave(8)[:, None, None, None] for dim in (1, 0)]
    things = torch.tensor(np.array([sprite(Thing(*thing))[0] for thing in OBJECTS])).float() / 255.0
    ground = torch.tensor(GROUND).double()[:, None, None].expand(3, SIZE, SIZE) / 255
    moments = [ground.clone(), ground**2]
    for place in PLACES.values():
        for (left, top), share in zip(place, shares, strict=True):
            cut = slice(None), slice(top, top + SPRITE), slice(left, left + SPRITE)
            for k in (0, 1):
                moments[k][cut] += (
                    (share * things.double() ** (k + 1)).sum(0).permute(2, 0, 1) - ground[cut] ** (k + 1)
                ) / 4
    skies = torch.tensor(np.array([sky(night)[0] for night in (0, 1)])).double().permute(0, 3, 1, 2) / 255
    for k in (0, 1):
        moments[k][:, :SKY] = (skies ** (k + 1)).mean(0)
    return moments[0], (moments[1] - moments[0] ** 2).mean().sqrt().item()


MEAN, SCALE = _space()


def proposal(edges: torch.Tensor) -> Piecewise:
    """Most draws where captions carry information, log-SNR −8 to −1; a hundredth of that density elsewhere."""
    middle = (edges[1:] + edges[:-1]) / 2
    density = torch.sigmoid(1.4 * (middle + 6.75)) * torch.sigmoid(-1.4 * (middle + 2.25)) + 0.01
    return Piecewise(edges, density * edges.diff())


def density_proposal(edges: torch.Tensor) -> Piecewise:
    """Most draws where the densities of the blurred pictures differ, log-SNR −3 to 6."""
    middle = (edges[1:] + edges[:-1]) / 2
    density = torch.sigmoid((middle + 3) / 2) * torch.sigmoid((6 - middle) / 2) + 0.01
    return Piecewise(edges, density * edges.diff())


WHERE = {  # log-SNRs between which most of the nats of one word lie, by its kind: learned from captions of seed 1
    "noun": (-4.25, -3.75),
    "colour": (-4.5, -2.0),
    "state": (-4.75, -3.25),
    "adverb": (-5.5, -4.5),
    "side": (-5.25, -4.75),
    "vertical": (-5.25, -4.75),
    "time": (-6.5, -6.0),
    "light": (-6.5, -6.0),
}


def word_proposal(edges: torch.Tensor, text: str) -> Piecewise:
    """Most draws where words of this kind carry information, a hundredth of the highest density elsewhere.

    Of several words: the mean over them, in which each counts alike. ValueError if no word of the text has a kind.
    """
    kinds = [WHERE[CLASS[word]] for word in normalise(text).split() if CLASS.get(word) in WHERE]
    if not kinds:
        raise ValueError(f"text must have a word that carries information, such as 'red', got {text!r:.80}")
    low, high = torch.tensor(kinds, dtype=edges.dtype)[:, :, None].unbind(1)  # (words, 1)
    middle = (edges[1:] + edges[:-1]) / 2
    density = torch.sigmoid(1.4 * (middle - low)) * torch.sigmoid(2 * (high - middle))
    masses = (density / density.amax(1, keepdim=True) + 0.01) * edges.diff()
    return Piecewise(edges, (masses / masses.sum(1, keepdim=True)).mean(0))


class ScenesModel(InWorld, Model):
    """The model interface around a denoiser of scenes: pictures to x and back, generation, inversion.

    x (B, 12, 16, 16): the picture minus the world's mean picture, in units of its standard deviation, pixel-unshuffled,
    which only reorders the numbers: nats per cell of x are nats per 2 × 2 pixels.
    """

    device: torch.device
    proposal: Piecewise
    shape = 12, SIZE // 2, SIZE // 2
    phrases: Sequence[str] = PHRASES
    flow_range = (-14.0, 4.0)  # log-SNRs between which `generate` and `invert` run
    _as_read: Callable[[str], str] = staticmethod(normalise)

    @property
    def world(self) -> World:  # type: ignore[override]
        """infodecomp.scenes, which counts."""
        from .. import scenes as world

        return world  # type: ignore[return-value]

    def encode(self, images: Any) -> torch.Tensor:
        """x (B, 12, 16, 16) float32 of one or several 32 × 32 pictures: PIL, paths, uint8 arrays or tensors, or a float
        tensor (B, 3, 32, 32) from −1 to 1 (infodecomp.models.pictures). Raises ValueError for another size."""
        found: Any = pictures(images)
        floats = isinstance(found, torch.Tensor)
        sizes = {tuple(image.shape[1:] if floats else image.size) for image in found}
        if sizes != {(SIZE, SIZE)} or (floats and found.shape[1] != 3):
            raise ValueError(f"images must be PIL images of {SIZE} × {SIZE} pixels, got {sorted(map(str, sizes))}")
        if isinstance(found, torch.Tensor):
            unit = (found.detach().cpu() + 1) / 2
        else:
            unit = torch.tensor(np.array(found)).permute(0, 3, 1, 2).float() / 255.0
        return pixel_unshuffle((unit - MEAN) / SCALE, 2).float().to(self.device)

    def word_proposal(self, text: str) -> Piecewise:
        """A proposal for one word, alone or given the rest of its caption, on the range of the model's own: where words
        of its kind (colour, noun, …) carry information. For words of several kinds it is their mean, and the model's
        own proposal is as good. Raises ValueError for a text without such a word ("the")."""
        return word_proposal(self.proposal.edges, text)

    def decode(self, x: torch.Tensor) -> list[Image.Image]:
        """PIL images of x (B, 12, 16, 16), clipped to the range of 8 bits."""
        self.check_shape(x)
        pictures = pixel_shuffle(x.detach().cpu().double(), 2) * SCALE + MEAN
        levels = (pictures.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1)
        return [Image.fromarray(picture.numpy()) for picture in levels]


def encode_all(model: ScenesModel) -> torch.Tensor:
    """Every scene as x, (28672, 12, 16, 16) float32."""
    parts = [scenes()[i : i + 4096] for i in range(0, len(scenes()), 4096)]
    return torch.cat([model.encode([render(scene) for scene in part]) for part in parts])


class ExactScenes(ScenesModel, Exact):
    """The exact denoiser of the world, with an isotropic jitter around each picture, so that densities are finite.

    Objects never overlap. Given layout and sky, the log-likelihood of a scene is a sum of its sprites' scores, and the
    sum over scenes factors over nouns: 8 places × 64 sprites instead of 28,672 pictures, and exactly the same numbers.
    Conditions are texts of the grammar (None: the empty text), or what `condition` returns for them. A text outside the
    grammar raises ValueError with the nearest one inside.
    """

    dim = 3 * SIZE * SIZE
    _shares: bool = False  # between the conditions of a pass
    _last: tuple | None = None

    def __init__(self) -> None:
        ground = torch.tensor(GROUND).double()[:, None, None]
        flat = lambda picture: torch.tensor(picture).double().permute(2, 0, 1)  # noqa: E731
        base = ground.expand(3, SIZE, SIZE).clone()
        base[:, :SKY] = flat(sky(0)[0])
        self.base = (base / 255 - MEAN) / SCALE
        self.night = (flat(sky(1)[0]) - flat(sky(0)[0])) / 255 / SCALE  # (3, 6, 32)
        things = [flat(sprite(Thing(*thing))[0]) - ground for thing in OBJECTS]
        self.things = torch.stack(things).flatten(1) / 255 / SCALE  # (64, 300), the same at every place
        self.log_nouns = log_prior_nouns().clone()
        self.jitter = JITTER
        edges = torch.cat([torch.linspace(*ends, dtype=torch.float32) for ends in ((-16, 2, 73), (3, 20, 18))])
        self.proposal, self.density_proposal = proposal(edges), density_proposal(edges)

    def condition(self, captions: Any) -> torch.Tensor:
        """Readings of captions (None, a str or a list of str) as one tensor (1 or B, readings, 134), encoded once."""
        if isinstance(captions, torch.Tensor):
            return captions
        texts = ["" if text is None else text for text in self.each(captions)]
        rows = [torch.cat([part.flatten(1) for part in read(text)], 1) for text in texts]
        most = max(map(len, rows))
        padded = [torch.cat([row, torch.zeros(most - len(row), row.shape[1])]) for row in rows]
        return torch.stack(padded).double().to(self.device)

    def _solve(self, z, signal, noise, condition):
        readings = one_row(self.condition(condition).to(z.device))
        if readings.ndim != 3 or readings.shape[2] != 6 + 2 * len(OBJECTS) or len(readings) not in (1, len(z)):
            raise ValueError(f"condition must be texts or what .condition returns, got {tuple(readings.shape)}")
        log_prob, solved, step = z.new_empty(len(z)), torch.empty_like(z), max(1, 2048 // readings.shape[1])
        for start in range(0, len(z), step):
            rows = slice(start, start + step)
            some = readings if len(readings) == 1 else readings[rows]
            log_prob[rows], solved[rows] = self._rows_at_once(z[rows], signal[rows], noise[rows], some)
        return log_prob, solved

    def expect(self, conditions: list) -> None:
        """Conditions that will be asked about each z: they share what does not depend on them, but on a GPU, where
        comparing would wait."""
        self._shares, self._last = len(conditions) > 1 and self.device.type == "cpu", None

    def _rows_at_once(self, z, signal, noise, readings):
        scale, width = signal.sqrt(), signal * self.jitter**2 + noise  # (N, 1)
        residual, scores, dark, constant = self._about(z, scale, width)
        weights, at_night, log_evidence = self._posterior(scores, dark, readings)
        parts = ((scale[..., None] * weights) @ self.things).unflatten(2, (3, SPRITE, SPRITE))  # (N, 8, 3, 10, 10)
        for k, cut in enumerate(CUTS):
            residual[cut] -= parts[:, k]
        residual[:, :, :SKY] -= (scale[:, 0] * at_night)[:, None, None, None] * self.night
        return log_evidence - 0.5 * constant, pixel_unshuffle(residual, 2).flatten(1).div_(width)

    def _about(self, z, scale, width):
        """Of z, for any text: what is left of it without a blank day (N, 3, 32, 32), which may be written into, what
        `_posterior` takes, and a constant. Within a pass the last z (compared by value) is not scored again."""
        about, last = (z, scale, width), self._last
        if last and last[0][0].device == z.device and all(map(torch.equal, last[0], about)):
            return last[1].clone(), *last[2]
        picture = pixel_shuffle(z.reshape(-1, 12, SIZE // 2, SIZE // 2), 2)
        residual = torch.addcmul(picture, scale[..., None, None], self.base, value=-1)
        patches = torch.stack([residual[cut].flatten(1) for cut in CUTS], 1)  # (N, 8, 300)
        scores = self._score(patches @ self.things.T, self.things, scale[..., None], width[..., None])
        night, flat = self.night.flatten(), residual.flatten(1)
        dark = self._score(residual[:, :, :SKY].flatten(1) @ night, night, scale[:, 0], width[:, 0])
        constant = torch.linalg.vecdot(flat, flat) / width[:, 0] + self.dim * (2 * math.pi * width[:, 0]).log()
        found = scores.unflatten(1, (4, 2)), dark, constant
        if self._shares:
            self._last = tuple(part.clone() for part in about), residual.clone(), found
        return residual, *found

    @staticmethod
    def _score(products, templates, scale, width):
        """Log-likelihood ratio of a template against no template, from its products with the picture."""
        return (scale * products - scale**2 * (templates**2).sum(-1) / 2) / width

    def _posterior(self, scores, dark, readings):
        """P(object at place) (N, 8, 64), P(night) (N,), and the log (N,) of the sum over scenes, p(text) included.

        From the scores of objects (N, 4 layouts, 2, 64 objects) and of the night (N,).
        """
        layout, sky, things = readings.log().split([4, 2, 2 * len(OBJECTS)], 2)
        # (N, R, layouts, 2, nouns, 8 kinds of one noun)
        each = (scores[:, None] + things.unflatten(2, (1, 2, len(OBJECTS)))).unflatten(4, (8, 8))
        nouns = each.logsumexp(5) - math.log(8)
        sky = sky + torch.stack([torch.zeros_like(dark), dark], 1)[:, None]
        # (N, R, layouts, 2 skies, noun of first, noun of second)
        joint = nouns[:, :, :, 0, None, :, None] + nouns[:, :, :, 1, None, None, :] + self.log_nouns
        joint = joint + layout[:, :, :, None, None, None] + sky[:, :, None, :, None, None]
        total = joint.flatten(1).logsumexp(1)
        joint = (joint - total[:, None, None, None, None, None]).exp()
        by_noun = torch.stack([joint.sum((3, 5)), joint.sum((3, 4))], 3)  # (N, R, layouts, 2, nouns)
        kinds = torch.where(by_noun[..., None] > 0, (each - nouns[..., None]).exp() / 8, 0.0)
        weights = (by_noun[..., None] * kinds).sum(1).flatten(3).flatten(1, 2)
        return weights, joint[:, :, :, 1].sum((1, 2, 3, 4)), total

    def log_prob(self, x: torch.Tensor, condition: Any = None) -> torch.Tensor:
        """log p(x | text) in nats, x (B, 12, 16, 16) -> (B,) float64: a density, with the jitter."""
        readings = self.condition(condition)
        zeros = readings.new_zeros(len(readings), 4, 2, len(OBJECTS))
        log_text = self._posterior(zeros, zeros[:, 0, 0, 0], readings)[2]
        return super().log_prob(x, readings) - log_text
