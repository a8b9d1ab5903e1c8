"""ARO's four tasks from its published files: which of a picture's captions is true, the first or a perturbed one?

    vg_relation, vg_attribution   visual_genome_*.json; two captions; pictures in images/, cropped to a box
    coco_order, flickr30k_order   {coco_karpathy,flickr30k}_{test,val}.json; a caption and four shuffles of its words

Order captions are, as in ARO, lower-cased, without .!"()*#:;~ and cut to 30 words; `detail` mentions a cut. Unlike in
ARO, words are separated by blanks only (a comma stays with its word), and shuffles are fixed. No entry is dropped.
"""

import json
import os
import random
import re
import warnings
from collections import Counter
from collections.abc import Iterable
from functools import cache
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from .items import NUMBER, Broken, broken_by, differ, is_text, need, open_picture, path_of, read_entries

FILES = {"vg_relation": "visual_genome_relation.json", "vg_attribution": "visual_genome_attribution.json"}
FILES |= {"coco_order": "coco_karpathy_{}.json", "flickr30k_order": "flickr30k_{}.json"}
TASKS = tuple(FILES)
REASONS = (
    *("bad entry", "empty caption", "same caption", "missing image", "truncated image", "image outside folder"),
    *("image too large", "box outside image"),
)
SHUFFLES = ("nouns and adjectives", "all but nouns and adjectives", "within trigrams", "trigrams")  # in ARO's order
WORDS, TRIES = 30, 64


class Item(NamedTuple):
    """One choice among captions, the true one first.

    group: the relation, or two attributes as "a, b" in alphabetical order, or "". broken: None, or one of REASONS, if
    file or folder show it; open() finds faults of the picture itself. box: left, top, right, bottom, or None.
    """

    id: str
    group: str = ""
    captions: tuple[str, ...] = ()
    broken: str | None = None
    detail: str = ""
    folder: str = ""
    image: str = ""
    box: tuple[int, int, int, int] | None = None

    def open(self) -> Image.Image:
        """The picture in RGB, cropped to the box. Raises Broken, or OSError if a disk or permission fails."""
        if self.broken:
            raise Broken(self.broken, self.detail)
        picture = open_picture(self.folder, self.image)
        width, height = picture.size
        left, top, right, bottom = self.box or (0, 0, width, height)
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):  # ARO's crop pads with black
            raise Broken("box outside image", f"box {self.box} in {self.image} of {width} × {height}")
        return picture.crop((left, top, right, bottom))


def file_of(folder: str | Path, task: str, split: str = "test") -> Path:
    """The file of a task's entries. ValueError for a task or split that ARO has not."""
    if task not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)}, got {task!r}")
    if split not in (("test", "val") if "order" in task else ("test",)):
        raise ValueError(f"split must be test{' or val' * ('order' in task)} for {task}, got {split!r}")
    return Path(folder) / FILES[task].format(split)


def load(folder: str | Path, task: str, split: str = "test") -> list[Item]:
    """A task's items in the file's order. ValueError for a file that is missing or holds no list."""
    path = file_of(folder, task, split)
    entries = read_entries(path, list, f"ARO's file for {task}, a list of entries")
    return [item for i, entry in enumerate(entries) for item in _items(f"{task}/{i:06d}", str(folder), entry)]


def count(items: Iterable[Item]) -> Counter[str]:
    """How many items are broken, by reason."""
    return Counter(item.broken for item in items if item.broken)


def _items(name, folder, entry):
    """The items of an entry: one, or one per caption."""
    order = "order" in name
    captions = entry.get("caption") if order and isinstance(entry, dict) else None
    several = isinstance(captions, list) and len(captions) > 0
    for k, caption in enumerate(captions if several else [None]):
        item = Item(f"{name}/{k}" if several else name, folder=folder)
        try:
            item = _order(item, entry, caption) if order else _pair(item, entry)
            path_of(item.folder, item.image)
        except Exception as error:
            broken = broken_by(error, "bad entry")
            item = item._replace(broken=broken.reason, detail=broken.detail)
        yield item


def _pair(item, entry):
    """The item with the two captions and the box of a VG entry."""
    captions = tuple(need(entry, key, str) for key in ("true_caption", "false_caption"))
    names = [need(entry, "relation_name", str)] if "relation" in item.id else need(entry, "attributes", list)
    if "attribution" in item.id and [is_text(name) for name in names] != [True, True]:
        raise Broken("bad entry", f"attributes must be two strings, got {names!r:.80}")
    image = os.path.join("images", need(entry, "image_path", str))
    x, y, w, h = (round(need(entry, f"bbox_{key}", NUMBER)) for key in "xywh")
    differ(captions)
    group, box = ", ".join(sorted(names)), (x, y, x + w, y + h)
    return item._replace(group=group, captions=captions, image=image, box=box)


def _order(item, entry, caption):
    """The item with one of an order entry's captions and its four perturbations."""
    image = need(entry, "image", str)
    if not need(entry, "caption", list) or not is_text(caption):
        raise Broken("bad entry", f"caption must be a list of strings, got {entry['caption']!r:.80}")
    words = re.sub(r'[.!"()*#:;~]', " ", caption.lower()).split()
    if not words:
        raise Broken("empty caption", f"no words in {caption!r:.80}")
    true = " ".join(words[:WORDS])
    shuffled = perturb(true, image)
    same = [name for name, text in zip(SHUFFLES, shuffled, strict=True) if text == true]
    if same:
        raise Broken("same caption", f"{true!r} has no other order of {'; '.join(same)}")
    cut = f"{len(words)} words, cut to {WORDS}" * (len(words) > WORDS)
    return item._replace(captions=(true, *shuffled), image=image, detail=cut)


def perturb(caption: str, key: str = "") -> tuple[str, ...]:
    """ARO's four perturbations of a caption, in ARO's order.

    Shuffled are the nouns, and the adjectives, among themselves; all other words among themselves; the words of each
    trigram (1–3, 4–6, …); the trigrams. Seeded by a hash of caption, key (in load the image's path in the file) and
    shuffle; drawn again, at most 64 times, until it differs. A caption that cannot be shuffled is returned unchanged.
    """
    words = caption.split()
    kinds = {kind: [[i] for i, word in enumerate(words) if _kind(word) == kind] for kind in ("NN", "JJ", "")}
    trigrams = [range(i, min(i + 3, len(words))) for i in range(0, len(words), 3)]
    within = [[[i] for i in trigram] for trigram in trigrams]
    found = []
    for name, groups in zip(SHUFFLES, ([kinds["NN"], kinds["JJ"]], [kinds[""]], within, [trigrams]), strict=True):
        generator = random.Random(blake2b(json.dumps([" ".join(words), key, name]).encode()).hexdigest())
        tries = (_shuffle(words, groups, generator) for _ in range(TRIES))
        found.append(" ".join(next((shuffled for shuffled in tries if shuffled != words), words)))
    return tuple(found)


def _shuffle(words, groups, generator):
    """The words with the pieces of each group shuffled; a group is a list of pieces, a piece a list of places."""
    shuffled = list(words)
    for pieces in groups:
        mixed = sorted(pieces, key=lambda _: generator.random())  # unlike random.shuffle promised to stay as it is
        for place, source in zip(chain(*pieces), chain(*mixed), strict=True):
            shuffled[place] = words[source]
    return shuffled


@cache
def _kind(word):
    """NN, JJ or "": the most frequent part of speech of a word in textblob's lexicon, or the one of its ending."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the lexicon leaves its file to the garbage collector
        from textblob.en import tag

        kind = tag(word.strip(",'?-") or word, tokenize=False)[0][1][:2]
    return kind if kind in ("NN", "JJ") else ""
