"""The world of emoji: each picture equally likely, a caption a set of words of its name, each truth ln(count / count).

The drawings are OpenMoji's (https://openmoji.org, CC BY-SA 4.0: a picture made of them has the same licence), or those
of a font of yours; the names are Unicode's, in the fourteen languages of the package emoji.
"""

import math
import os
from collections import Counter
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from PIL import Image

from .captions import alike, find, is_word, replace, units, without, word_at
from .checks import choice, is_whole, refuse, shown, whole
from .checks import text as check_text
from .drawings import TONES, drawings, names, plain
from .estimates.alternatives import Alternatives
from .exact import FiniteSet
from .integrate import Piecewise
from .models.base import Model
from .models.pictures import pictures
from .world import InWorld

MOST = 24  # alternatives of a word, the rest is one


def proposal(ends: tuple[float, float], size: int) -> Piecewise:
    """Most draws where words carry information, at 32 pixels log-SNR −7 to 0; a tenth as many per unit from −9 to 4,
    where pictures are told apart that differ in few pixels (🌑 from the next moon above 1); some over all the range.

    It follows the spread of the integrands of ten words, measured. With more pixels to see, less signal is enough.
    """
    edges = torch.linspace(*ends, 241, dtype=torch.float64)
    middle = (edges[1:] + edges[:-1]) / 2 + 2 * math.log(size / 32)
    most = torch.sigmoid(1.2 * (middle + 6)) * torch.sigmoid(-1.5 * middle)
    density = most + 0.1 * torch.sigmoid(1.2 * (middle + 9)) * torch.sigmoid(-3 * (middle - 4)) + 0.01
    return Piecewise(edges, density * edges.diff())


def _words(text):
    return [alike(word_at(text, *unit[:2])) for unit in units(text) if is_word(unit[2])]


class Partition(Alternatives):
    """Alternatives of a word as disjoint sets of pictures, which together are all that fit the context.

    conditions: masks (1, n) of pictures; prior: their shares. words: the word itself first, then for each set a word
    that all of its names have and those of the sets before it have not; "" for the rest.
    """

    def __init__(self, words: list[str], masks: list[torch.Tensor]) -> None:
        super().__init__([mask[None] for mask in masks], torch.stack([mask.sum() for mask in masks]).double())
        self.words = words


class Emoji:
    """Pictures of emoji, their names, and counting. A picture is named by its character.

    A caption is a set of words: order, case and punctuation play no part. It fits a picture if one of its names has
    all of them ("snow without snowman" is "snowman without snow"). Chinese and Japanese names mostly are one word. A
    word that no name has, and a caption that fits no picture, raise ValueError with the nearest that does.
    """

    def __init__(self, size: int = 32, language: str = "en", font: Any = None, skin_tones: bool = True) -> None:
        known = names()
        choice("language", language, known.LANGUAGES)
        if not isinstance(skin_tones, bool):
            refuse("skin_tones", "True or False", skin_tones)
        drawn, self.size, self.language = drawings(size, font), size, language
        known.config.load_language(language)
        kept = [[c for c in those if skin_tones or not TONES.search(c)] for those in drawn.characters]
        some = [i for i, those in enumerate(kept) if those]
        self.levels, self.characters = drawn.pictures[some], [kept[i] for i in some]  # uint8; several may look the same
        about = known.EMOJI_DATA
        self.names = [[about[c][language].strip(":").replace("_", " ") for c in those] for those in self.characters]
        self._place = {plain(c): i for i, those in enumerate(self.characters) for c in those}
        self._sets = [(i, frozenset(_words(name))) for i, each in enumerate(self.names) for name in each]
        self._having: dict[str, set[int]] = {}
        for k, (_, words) in enumerate(self._sets):
            for word in words:
                self._having.setdefault(word, set()).add(k)
        self.fits = lru_cache(maxsize=4096)(self._fits)

    def __len__(self) -> int:
        return len(self.characters)

    def pictures(self) -> list[str]:
        """The character of every picture; where several look the same, the first."""
        return [those[0] for those in self.characters]

    def has(self, picture: Any) -> bool:
        """Whether something is the character of a picture of this world."""
        return isinstance(picture, str) and plain(picture) in self._place

    def position(self, picture: str) -> int:
        """Where in `pictures` a character is. ValueError for one that is not."""
        if not self.has(picture):
            refuse("picture", f"an emoji of the {len(self)} that the font draws", picture)
        return self._place[plain(picture)]

    def render(self, picture: str) -> Image.Image:
        """The PIL picture of a character, size × size; its .info["emoji"] names it."""
        found = Image.fromarray(self.levels[self.position(picture)])
        found.info["emoji"] = picture
        return found

    def captions(self, picture: str) -> list[str]:
        """A character's name, and the names of others that look the same."""
        place = self.position(picture)
        both = zip(self.characters[place], self.names[place], strict=True)
        return [name for _, name in sorted(both, key=lambda pair: plain(pair[0]) != plain(picture))]

    def _fits(self, caption):
        words, mask = _words(check_text("caption", caption)), torch.ones(len(self), dtype=torch.bool)
        for word in words:
            if word not in self._having:
                near = get_close_matches(word, self._having, 1, 0)[0]
                raise ValueError(f"caption must have words of emoji, nearest to {word!r:.99} is {near!r}")
        if words:
            found = set.intersection(*(self._having[word] for word in words))
            if not found:
                raise ValueError(f"caption must fit an emoji, the largest part of {caption!r:.200} that does is "
                                 f"{self._largest(caption)!r:.200}")  # fmt: skip
            mask = torch.zeros(len(self), dtype=torch.bool)
            mask[[self._sets[k][0] for k in found]] = True
        return mask

    def _largest(self, caption):
        """Most of a caption's words that one name has."""
        asked = set(_words(caption))
        best = max((words for _, words in self._sets), key=lambda words: len(asked & words))
        return " ".join(dict.fromkeys(word for word in _words(caption) if word in best))

    def count(self, caption: str = "") -> int:
        """How many pictures a caption fits."""
        return int(self.fits(caption).sum())

    def log_prob(self, picture: str, text: str = "") -> float:
        """log p(picture | text) in nats: −ln of how many fit the text; −inf if this one does not."""
        place, mask = self.position(picture), self.fits(text)
        return -math.log(int(mask.sum())) if mask[place] else -math.inf

    def information(self, picture: str, y: str, given: str = "") -> float:
        """log p(picture | y) − log p(picture | given) in nats, ln(count / count) of a caption that fits; y includes the
        context, and −inf if y does not fit. ValueError for a context that does not."""
        own, context = self.log_prob(picture, y), self.log_prob(picture, given)
        if context == -math.inf:
            raise ValueError(f"given must fit the picture {picture}, got {given!r:.200}")
        return own - context

    def sample(self, count: int, seed: int = 0) -> tuple[list[str], list[str]]:
        """count characters drawn with equal probability, and their names."""
        drawn = np.random.default_rng(whole("seed", seed, 0)).integers(len(self), size=whole("count", count, 1))
        chosen = [self.characters[i][0] for i in drawn]
        return chosen, [self.captions(character)[0] for character in chosen]

    def exchanges(self, picture: str) -> list[tuple[str, str, str]]:
        """(caption, word, other): a character's name with a word exchanged by another that, with the rest, fits some
        emoji but not this one; empty for a name of a single word."""
        place, name = self.position(picture), self.captions(picture)[0]
        own, found = [words for i, words in self._sets if i == place], []
        for start, stop, text in units(name):
            rest = set(_words(without(name, start, stop)))
            if is_word(text) and rest:
                fitting = set.intersection(*(self._having[word] for word in rest))
                others = set().union(*(self._sets[k][1] for k in fitting)) - rest
                false = sorted(o for o in others if not any(rest | {o} <= words for words in own))
                found += [(replace(name, start, stop, other), alike(word_at(name, start, stop)), other)
                          for other in false]  # fmt: skip
        return found

    def alternatives(self, caption: str, word: str | int) -> Partition:
        """What could stand in a word's place: the pictures that fit the rest of the caption, in disjoint sets.

        First those that the word fits; then, as often as there are some left, those that have the commonest other word;
        after 24 sets all the rest is one. word: as it stands in the caption, or its position in caption.split() if it
        stands there twice. The mixture of the sets is the context. ValueError unless the word is there once.
        """
        own, every = self.fits(caption), units(caption)
        places = [u for u in every if u[0] == word] if is_whole(word) else find(caption, str(word), every)
        if len(places) != 1:
            raise ValueError(f"word must stand once in {caption!r:.200}, or be a position, got {shown(word)}")
        context = without(caption, *places[0][:2])
        left, known = self.fits(context) & ~own, set(_words(context))
        labels, masks = [word_at(caption, *places[0][:2])], [own]
        while left.any():
            others = Counter(w for i, words in self._sets if left[i] and known <= words for w in words - known)
            common = min(others, key=lambda w: (-others[w], w)) if others and len(masks) < MOST else ""
            cell = left & self.fits(f"{context} {common}".strip()) if common else left
            labels, masks, left = [*labels, common], [*masks, cell], left & ~cell
        return Partition(labels, masks)


class ExactEmoji(InWorld, Model, FiniteSet):
    """The exact denoiser of the world of emoji, without weights.

    x (B, 3, size, size): the picture from −1 to 1, so that maps have its pixels. Conditions are captions (None: the
    empty one, which fits all), or masks (B or 1, n) of pictures, as `condition` returns. A caption that does not fit
    the picture is allowed: its information is −inf. What takes a picture takes its character, too.
    """

    default_samples = 500  # for an error of a seventh of the truth: each draw of the noise carries one to two nats
    flow_range = (-12.0, 10.0)  # log-SNRs between which `generate` and `invert` run
    world: Emoji

    def __init__(self, world: Emoji) -> None:
        levels = torch.from_numpy(np.ascontiguousarray(world.levels.transpose(0, 3, 1, 2)))
        super().__init__(levels.double().div_(127.5).sub_(1))  # in place: all of it at 48 pixels takes 0.2 GB
        self.world = world
        self.proposal = proposal(super().proposal.range, world.size)

    def drawn(self, image: Any) -> Any:
        """The PIL picture of a character; anything else as it is."""
        return self.world.render(image) if self.world.has(image) else image

    def encode(self, images: Any) -> torch.Tensor:
        """x (B, 3, size, size) float32 of one or several characters, or pictures of this size: PIL, paths, uint8 arrays
        or tensors, or a float tensor from −1 to 1. Raises ValueError for another size, and for an emoji not drawn."""
        size, each = self.world.size, images if isinstance(images, list | tuple) else [images]
        for image in each:
            if isinstance(image, str) and not image.isascii() and len(image) < 16 and not os.path.exists(image):
                self.world.position(image)  # refuses it
        found: Any = pictures(
            [self.drawn(image) for image in each] if isinstance(images, list | tuple | str) else images
        )
        if isinstance(found, torch.Tensor):
            sizes, x = {tuple(found.shape[1:])}, found.detach()
        else:
            sizes = {(3, *image.size[::-1]) for image in found}
            x = torch.tensor(np.array(found)).permute(0, 3, 1, 2).float() / 127.5 - 1 if len(sizes) == 1 else None
        if sizes != {(3, size, size)}:
            raise ValueError(
                f"images must be emoji, or pictures of {size} × {size} pixels, got {sorted(map(str, sizes))}"
            )
        return x.float().to(self.device)

    def decode(self, x: torch.Tensor) -> list[Image.Image]:
        """PIL images of x (B, 3, size, size), clipped to the range of 8 bits."""
        self.check_shape(x)
        levels = ((x.detach().cpu().double().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1)
        return [Image.fromarray(picture.numpy()) for picture in levels]

    def frame(self, image: Any) -> Image.Image:
        return super().frame(self.drawn(image))

    def condition(self, captions: Any) -> torch.Tensor:
        """Which pictures captions (None, a str or a list of them) fit: a mask (1 or B, n), which may be given, too."""
        if isinstance(captions, torch.Tensor):
            return captions
        texts = ["" if text is None else text for text in self.each(captions)]
        return torch.stack([self.world.fits(text) for text in texts]).to(self.device)

    def _solve(self, z, signal, noise, condition):
        return super()._solve(z, signal, noise, self.condition(condition))

    def log_prob(self, x: Any, condition: Any = None) -> torch.Tensor:
        """log P(x | captions) in nats, (B,) float64, by counting: −ln of the pictures that fit; −inf for what does not
        fit, and for a picture that is none of them. x: as encode gives it, or what it takes."""
        return super().log_prob(x if isinstance(x, torch.Tensor) else self.encode(x), self.condition(condition))
