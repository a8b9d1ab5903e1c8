"""Word by word: the information of each word of a caption about a picture, alone and given the rest, from one pass."""

import math
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from .captions import find, is_word, units, without, word_at
from .checks import is_whole, on_cpu, refuse, shown
from .checks import text as check_text
from .denoiser import Model
from .estimates.alternatives import Alternatives, along_paths, check_paths
from .estimates.estimate import Estimate, Profile, run
from .estimates.measure import Quantity
from .estimates.sampling import Sampling, samples_of
from .integrate import Proposal
from .models.pictures import picture
from .numbers import pm
from .progress import dispensable
from .saved import Saved, describe, read

ENDS = {"orthogonal": "", "standard": "_standard"}  # of the names of the lists of WordMaps
PLAIN = int | float | str | None  # settings that are kept as they are


@dataclass(frozen=True)
class WordMaps(Saved):
    """The information of each word about one image. Lists run over `words`; each Estimate has one row.

    image: the picture as the model saw it, RGB, cut and sized as model.encode does; what was given, if the model has
    no `frame`.
    mi: i^o(x; word alone); cmi: i^o(x; word | rest of the caption); mi_standard and cmi_standard: the same as i^s, on
    the same noise. .nats, .stderr, .map and .map_stderr of each as everywhere; resolution: (h, w) of the maps.
    positions: where in caption.split() each word or phrase begins. against: None, or i^o and its map with the mixture
    of the word's alternatives as context, which a denoiser that is poor without the word cannot inflate.
    counted: None, or {"mi": […], "cmi": […]}, the same in exact nats, where the model's world knows the picture and
    counts (−inf for a word that does not fit it; None where its context does not, or for texts outside its language).
    about: {"model": its name, class and a hash of its weights, "settings": the options of word_maps}.
    """

    image: Any
    caption: str
    words: list[str]
    positions: list[int]
    mi: list[Estimate]
    cmi: list[Estimate]
    mi_standard: list[Estimate]
    cmi_standard: list[Estimate]
    against: list[Estimate] | None = None
    about: dict[str, Any] = field(default_factory=dict)
    counted: dict[str, list] | None = None

    @property
    def resolution(self) -> tuple[int, int]:
        """(h, w) of the maps."""
        height, width = self.mi[0].map.shape[-2:]
        return height, width

    def __repr__(self) -> str:
        each = [
            f"{word}: MI {pm(m[0])}, CMI {pm(c[0])}" for word, m, c in zip(self.words, self.mi, self.cmi, strict=True)
        ]
        return f"WordMaps({'; '.join(each)} nats)"


def load_maps(path: str | PathLike) -> Any:
    """The WordMaps, WordPairs, ConceptMaps or Estimate that .save(path) wrote, on the CPU; HeatMaps needs no model.

    infodecomp.saved.about(path) says of which model they are and by which versions they were made. Raises ValueError
    for other files and damaged ones.
    """
    classes: list[type] = [Profile, *Profile.__subclasses__(), *Saved.__subclasses__()]
    return read(path, {found.__name__: found for found in classes})


def word_maps(
    model: Model,
    image: Any,
    caption: str | Sequence[str],
    words: Sequence | None = None,
    *,
    placeholder: str | None = None,
    alternatives: Callable[[str, int], Alternatives] | None = None,
    noise: str = "plain",
    samples: int | None = None,
    seed: int = 0,
    proposal: Proposal | str | None = None,
    batch_size: int | None = None,
    tolerance: float | None = None,
    max_samples: int | None = None,
    progress: bool | None = None,
) -> WordMaps | list[WordMaps]:
    """MI and CMI of words with a picture, in nats and per pixel: 2W + 2 evaluations per sample for W words.

    model: from infodecomp.load. image: a picture as model.encode takes it: a path, PIL, an array. words: None for all
    (but dashes and other marks that stand alone); else a list of words and phrases (each of its occurrences, as a whole
    word whatever its case, punctuation aside) or of positions in caption.split().
    The context of a word is the caption without it, or with a placeholder ("_") in its place.
    alternatives: a function of (caption, position) that gives Alternatives, such as infodecomp.scenes.alternatives;
    then each word is measured against them as well, at one more evaluation per sample and alternative.
    Other arguments as infodecomp.nll, tolerance for the largest error of all. Returns WordMaps. Raises ValueError for a
    word that is not in the caption.

    Lists of images and captions (and words: None, or one entry for each) give a list of WordMaps, in one pass for those
    with equally many chosen words; after Ctrl-C, of those that are complete. Image i has the noise of row i of x in
    infodecomp.nll; measured alone, of row 0.
    """
    samples = samples_of(samples, model)
    sampling = Sampling(samples, seed, proposal, batch_size, noise, tolerance, max_samples, progress=progress)
    _check_options(model, placeholder, alternatives, sampling)
    asked = _asked(model, image, caption, words, placeholder)
    found = _in_groups(model, model.encode(image), asked, alternatives, sampling)
    about = about_of(model, {"placeholder": placeholder, "alternatives": alternatives is not None} | vars(sampling))
    maps = [replace(one, about=about) for one in found]
    return maps if isinstance(caption, list | tuple) else maps[0]


def about_of(model: Any, settings: dict) -> dict[str, Any]:
    """{"model", "settings"} of a result: the model described, options as plain values."""
    plain = {name: value if isinstance(value, PLAIN) else repr(value) for name, value in settings.items()}
    return {"model": describe(model), "settings": plain}


def _in_groups(model, x, asked, alternatives, sampling):
    """WordMaps of all images, from one pass for those with equally many words."""
    if len(x) != len(asked):
        raise ValueError(f"image must be one for each caption, got {len(x)} for {len(asked)}")
    asked = [one._replace(image=seen(model, one.image)) for one in asked]
    maps = {}
    for count in sorted({len(one.words) for one in asked}):
        rows = [i for i, one in enumerate(asked) if len(one.words) == count]
        estimates: dict = {}
        with dispensable("stopped: of further pictures nothing is known") if maps else nullcontext():
            estimates = _estimates(model, x, [asked[i] for i in rows], replace(sampling, items=rows), rows)
        if not estimates:
            break
        first = next(iter(estimates.values()))
        whole = len(first.nats) == len(rows) and first.profile.logsnr.shape[1] == first.samples  # not stopped
        for row, i in enumerate(rows[: len(first.nats)]):
            against = _against(model, x, asked[i], i, alternatives, sampling) if alternatives and whole else None
            maps[i] = _maps(asked[i], estimates, row, against, _counted(model, asked[i]))
            whole = whole and (against is not None or alternatives is None)
        if not whole:
            break
    places = sorted(maps)
    if places != list(range(len(places))):  # whoever pairs them with pictures by place would be wrong
        warnings.warn(f"stopped: maps are of the pictures {places}, counted from 0", stacklevel=3)
    return [maps[i] for i in places]


def check_model(model: Any) -> None:
    """ValueError unless it denoises and encodes pictures."""
    on_cpu()
    if not (callable(model) and callable(getattr(model, "encode", None))):
        refuse("model", "one of infodecomp.load", model)


def _check_options(model, placeholder, alternatives, sampling):
    check_model(model)
    if placeholder is not None:
        check_text("placeholder", placeholder, "a str or None")
    if alternatives is not None:
        if not callable(alternatives):
            refuse("alternatives", "a function of (caption, position)", alternatives)
        check_paths(sampling)


def _against(model, x, one, i, alternatives, sampling):
    """Image i against the alternatives of each of its words; None if Ctrl-C stops it, with a warning."""
    given, only = [alternatives(one.caption, start) for start in one.positions], replace(sampling, items=[i])
    with dispensable("stopped: nothing is known against the alternatives"):
        return [along_paths(model, x[i : i + 1], one.caption, other, "orthogonal", only) for other in given]


class _Asked(NamedTuple):
    """One image's caption, its words as they stand alone, where they begin, and the caption without each."""

    image: Any
    caption: str
    words: list[str]
    positions: list[int]
    rest: list[str]


def _asked(model, image, caption, words, placeholder):
    single = not isinstance(caption, list | tuple)
    many = not single and isinstance(image, list | tuple)
    images, captions = list(image) if many else [image], [caption] if single else list(caption)
    if not (single or words is None or isinstance(words, Sequence)):
        refuse("words", "None or a list, one entry for each caption", words)
    words = [words] * len(captions) if single or words is None else list(words)
    if not len(images) == len(captions) == len(words) > 0:
        got = f"{len(images)}, {len(captions)} and {len(words)}"
        raise ValueError(f"image, caption and words must be lists of one length, got {got}")
    found = []
    for one, text, some in zip(images, captions, words, strict=True):
        places = chosen(model, text, some)
        rest = [without(text, start, stop, placeholder) for start, stop, _ in places]
        drawn = getattr(model, "drawn", lambda image: image)(one)  # a picture named by its character
        found.append(_Asked(drawn, text, [word_at(text, *unit[:2]) for unit in places], [u[0] for u in places], rest))
    return found


def seen(model: Any, image: Any) -> Any:
    """A picture as the model sees it; floats from −1 to 1 have the model's size already."""
    frame = getattr(model, "frame", None)
    if not callable(frame):
        return image
    array = isinstance(image, torch.Tensor | np.ndarray)
    if array and "float" in str(image.dtype):
        return picture(image, "images")
    batch = isinstance(image, list | tuple) or (array and image.ndim == 4)  # of one, or encode had refused it
    return frame(image[0] if batch else image).convert("RGB")


def _estimates(model, x, some, sampling, rows):
    """{("mi" or so, position of the word): Estimate} of some rows, which have equally many words, from one pass."""
    texts = zip(*([one.caption, *one.words, *one.rest] for one in some), strict=True)
    conditions = [None, *(list(column) if len(some) > 1 else column[0] for column in texts)]
    count = len(some[0].words)
    mi = {("mi" + end, k): Quantity(kind, 2 + k, 0) for kind, end in ENDS.items() for k in range(count)}
    cmi = {("cmi" + end, k): Quantity(kind, 1, 2 + count + k) for kind, end in ENDS.items() for k in range(count)}
    quantities = mi | cmi
    pairs = {f"conditions[{k}]": (model, condition) for k, condition in enumerate(conditions)}
    return dict(zip(quantities, run(x[rows], pairs, list(quantities.values()), sampling), strict=True))


def counter(model: Any, image: Any) -> Callable[[str, str], float | None] | None:
    """A function (y, given) that counts i(image; y | given) in exact nats, None for texts outside the world's language;
    None where no world of the model knows the picture, as `seen` gives it."""
    world = getattr(model, "world", None)
    named = getattr(world, "named", None)
    if not hasattr(model, "information") or not isinstance(image, Image.Image):
        return None
    name = named(image) if named else image.info.get("emoji")

    def nats(y, given):
        try:
            found = model.information(name, y, given)
        except ValueError:  # a network takes texts that its world's language lacks
            return None
        return None if math.isnan(found) else found  # neither text fits

    return None if name is None else nats


def _counted(model, one):
    """{"mi": […], "cmi": […]} of one image in exact nats; None where no world knows the picture."""
    nats = counter(model, one.image)
    if nats is None:
        return None
    alone = [nats(word, "") for word in one.words]
    return {"mi": alone, "cmi": [nats(one.caption, rest) for rest in one.rest]}


def _maps(one, estimates, row, against, counted):
    """WordMaps of one row of the estimates."""
    names = [what + end for what in ("mi", "cmi") for end in ENDS.values()]
    lists = {name: [estimates[name, k][row] for k in range(len(one.words))] for name in names}
    return WordMaps(one.image, one.caption, one.words, one.positions, **lists, against=against, counted=counted)


def chosen(model: Any, caption: str, words: Sequence | None, name: str = "words") -> list[tuple[int, int, str]]:
    """[(first, last + 1, text)] of a caption's words: each occurrence of those named, or at these positions; None: all.

    Raises ValueError for a caption without words, and for words (the argument `name`) that it has not.
    """
    if not isinstance(caption, str) or not caption.split():
        raise ValueError(f"caption must be a str with at least one word, got {shown(caption)}")
    if words is not None and (isinstance(words, str) or not isinstance(words, Sequence) or not words):
        refuse(name, "None or a list of words, phrases and positions", words)
    every = units(caption, getattr(model, "phrases", ()))
    if words is None:
        return [u for u in every if is_word(u[2])] or every
    return [u for word in words for u in _find(every, caption, word, name)]


def _find(every, caption, word, name):
    if is_whole(word):
        found = [u for u in every if u[0] == word]
    else:
        found = find(caption, word, every) if isinstance(word, str) else []
    if not found:
        refuse(name, f"words or phrases of {caption!r:.200}, or where they begin", word)
    return found
