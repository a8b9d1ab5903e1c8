"""Emoji in the format of ARO's attribution file: names with one word exchanged, on drawings whose truth is counted.

from infodecomp.datasets import emoji
emoji.aro("folder", 50)          # then infodecomp.datasets.aro.load("folder", "vg_attribution")
"""

import json
import random
from pathlib import Path

from ..emoji import Emoji
from ..scenes.export import boxed, check


def exchanged(world: Emoji, count: int, seed: int = 0) -> list[tuple[str, str, str, str, str]]:
    """count different pictures, drawn with equal probability among those with exchanges: (character, name, caption,
    word, other), the caption one of the picture's `exchanges`, each of them as likely. ValueError for too many."""
    check(count, seed)
    generator, found = random.Random(seed), []
    for picture in generator.sample(world.pictures(), len(world)):
        exchanges = world.exchanges(picture)
        if exchanges:
            found.append((picture, world.captions(picture)[0], *generator.choice(exchanges)))
        if len(found) == count:
            return found
    raise ValueError(f"count must be at most {len(found)}, got {count}")


def aro(folder: str | Path, count: int, seed: int = 0) -> None:
    """Write count entries of visual_genome_attribution.json and their pictures into a folder, created if missing.

    "attributes" are the word and the other; "emoji" of an entry is its character. Drawings: OpenMoji, CC BY-SA 4.0.
    """
    world, folder, entries = Emoji(), Path(folder), []
    drawn = exchanged(world, count, seed)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for i, (character, name, other, *words) in enumerate(drawn):
        entry, path, picture = boxed(i, world.render(character), name, other, {"attributes": words})
        picture.save(folder / path)
        entries.append(entry | {"emoji": character})
    text = json.dumps(entries, indent=1, ensure_ascii=False) + "\n"
    (folder / "visual_genome_attribution.json").write_text(text, encoding="utf-8")
