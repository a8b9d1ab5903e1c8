"""The pictures and names of the emoji lab: what its page fetches, or a notebook's front end asks the kernel for.

The drawings are OpenMoji's (https://openmoji.org, CC BY-SA 4.0, and so is a pack of them), the names Unicode's.
"""

import base64
from bisect import bisect
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

import numpy as np
import regex
from PIL import Image

from ..captions import alike, is_word, units, word_at
from ..drawings import TONES, Drawings, drawings, joined, names, plain
from ..emoji import Emoji
from . import packs
from .page import HERE

SIZE, COLOURS = 48, 192  # the fewer colours, the smaller the pack
PICTURES = f"emoji-{SIZE}"  # names of packs
INSIDE = r"\p{L}\p{M}\p{N}\p{So}\p{Sc}&#*%+@"  # what a word reaches from and to, as js/emojilab/words.js has it
EDGES = regex.compile(rf"^[^{INSIDE}]+|[^{INSIDE}]+$")


class Sheet(NamedTuple):
    """What the lab shows: drawings in the colours of a palette (COLOURS, 3), and the number of each pixel's colour."""

    drawings: Drawings
    palette: np.ndarray
    indices: np.ndarray


@cache
def kinds() -> tuple[list[str], list[int], list[int]]:
    """Kinds of emoji; the first code points of runs, in order; for each run, which kind it has."""
    lines = (HERE / "kinds.txt").read_text(encoding="utf-8").splitlines()
    text = " ".join(line.strip() for line in lines if not line.startswith("#"))
    every = regex.findall(r"(\w+): ([\da-f ]+?)(?= \w+:|$)", text)
    runs = sorted((int(start, 16), k) for k, (_, starts) in enumerate(every) for start in starts.split())
    return [*(name for name, _ in every), "Skin tones"], [start for start, _ in runs], [k for _, k in runs]


def kind(character: str) -> int:
    """Which of the kinds an emoji has; those with a skin tone are one of their own."""
    every, starts, which = kinds()
    return len(every) - 1 if TONES.search(character) else which[max(0, bisect(starts, ord(character[0])) - 1)]


def in_colours(drawn: Drawings, colours: int = COLOURS) -> Sheet:
    """Drawings in few colours; what then looks the same is one, as in the world of emoji. Sorted by kind."""
    toneless = [plain(TONES.sub("", those[0])) for those in drawn.characters]
    smiley = [0x1F600 <= ord(those[0][0]) < 0x1F650 for those in drawn.characters]  # the faces begin with 😀
    order = sorted(range(len(toneless)), key=lambda i: (kind(drawn.characters[i][0]), not smiley[i], toneless[i], i))
    pictures, characters = drawn.pictures[order], [drawn.characters[i] for i in order]
    some = pictures.reshape(-1, 3)[:: max(1, pictures.size // 3_000_000)]
    drafted = Image.fromarray(some[None]).quantize(colours, Image.Quantize.MEDIANCUT, 2, dither=Image.Dither.NONE)
    palette = np.array(drafted.getpalette(), np.uint8).reshape(-1, 3)
    code = pictures.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    used = np.zeros(1 << 24, bool)
    used[code] = True
    found = np.flatnonzero(used)
    asked = np.stack([found >> 16, found >> 8 & 255, found & 255], 1).astype(np.float32)
    nearest, table = np.empty(1 << 24, np.uint8), palette.astype(np.float32)
    for start in range(0, len(found), 20_000):
        rows = slice(start, start + 20_000)
        nearest[found[rows]] = ((table**2).sum(1) - 2 * asked[rows] @ table.T).argmin(1)
    indices, first = nearest[code], dict[bytes, int]()
    same = [first.setdefault(picture.tobytes(), i) for i, picture in enumerate(indices)]
    kept = joined(Drawings(palette[indices], characters), same)
    place = {those[0]: i for i, those in enumerate(characters)}
    return Sheet(kept, palette, indices[[place[those[0]] for those in kept.characters]])


@cache
def sheet() -> Sheet:
    """The lab's pictures, made in seconds."""
    return in_colours(drawings(SIZE))


@lru_cache(maxsize=4)
def world(language: str = "en") -> Emoji:
    """The world of emoji that the lab's page counts in: these very pictures."""
    return Emoji(SIZE, language, sheet().drawings)


def keys(name: str) -> list[str]:
    """A name's words, as they are counted."""
    return [key for key, _ in _words(name)]


def words_of(name: str) -> dict[str, str]:
    """A name's words, each once: as it is counted, and as it is written."""
    found: dict[str, str] = {}
    for key, written in _words(name):
        found.setdefault(key, written)
    return found


def _words(name):
    words = [word_at(name, *unit[:2]) for unit in units(name) if is_word(unit[2])]
    return [(alike(word), word) for word in words]


def simple_keys(name: str) -> list[str]:
    """Words as the page reads them, by a simpler rule; a pack has the names for which the rules differ."""
    found = (EDGES.sub("", normalize("NFC", word)).lower() for word in name.split())
    closed = (f"{word})" if "(" in word and ")" not in word else word for word in found)
    return [word.replace("ß", "ss").replace("’", "'") for word in closed if word]


def pack(name: str) -> dict:
    """The content of a pack, for JSON: PICTURES, or "emoji-names-" and a language. ValueError for another name."""
    if name == PICTURES:
        drawn, palette, indices = sheet()
        return {
            "size": SIZE,
            "palette": base64.b64encode(palette.tobytes()).decode(),
            "levels": packs.compressed(indices.tobytes()),
            "characters": [" ".join(those) for those in drawn.characters],
            "kinds": kinds()[0],
            "kind": "".join(str(kind(those[0])) for those in drawn.characters),
        }
    language = str(name).removeprefix("emoji-names-")
    if language not in names().LANGUAGES or language == name:
        raise ValueError(f"name must be {PICTURES}, or emoji-names- and a language, got {name!r:.60}")
    every = world(language).names
    unlike = {n: own for each in every for n in each if (own := keys(n)) != simple_keys(n)}
    return {"names": ["\t".join(each) for each in every], "keys": unlike}


def write(folder: str | Path) -> list[Path]:
    """Write all packs into a folder that exists, beside a page or in a site's _static; their files."""
    return packs.write(folder, (PICTURES, *(f"emoji-names-{language}" for language in names().LANGUAGES)), pack)
