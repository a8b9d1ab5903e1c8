"""How a scene looks: 32 × 32 pixel art, six rows of sky over a sandy ground, sprites of 10 × 10 drawn in the source.

In a sprite "#" is the object's colour, "+" and "-" its lighter and darker shade, "k" ink, "w" white, "y" yellow and
"." nothing.
"""

from functools import cache

import numpy as np
from PIL import Image

from .grammar import ADVERBS, COLOURS, FUNCTION, NOUNS, OBJECTS, RELATIONS, STATES, TIMES, Scene, Thing, position
from .meaning import normalise

SIZE, SPRITE, SKY = 32, 10, 6
GROUND = (226, 213, 184)
RGB = {"red": (208, 62, 56), "blue": (54, 110, 206), "green": (64, 156, 84), "purple": (146, 84, 178)}
INK = {"k": (40, 36, 48), "w": (250, 248, 240), "y": (242, 184, 48)}
AIR = {"day": (142, 202, 236), "night": (38, 44, 88)}

# left, top of the first and the second object, by axis and distance
PLACES = {
    (0, 0): ((6, 14), (16, 14)),
    (0, 1): ((1, 14), (21, 14)),
    (1, 0): ((11, 9), (11, 19)),
    (1, 1): ((11, 6), (11, 22)),
}

SPRITES: dict[tuple[str, str], list[str]] = {}  # rows of characters, by noun and state


def _draw(noun, states, *rows):
    for column, state in enumerate(states.split()):
        SPRITES[noun, state] = [row.split()[column] for row in rows]


_draw(
    "cat", "sitting sleeping",
    "#......#..  ..........",
    "##....##..  ..........",
    "########..  .......w..",
    "#k####k#..  ......w...",
    "###kk###..  #..#...w..",
    ".######.-.  ####.####.",
    ".#######-.  ##########",
    ".#++###.-.  k#k#######",
    ".#++####-.  ####-----#",
    ".##.##.-..  .---######",
)  # fmt: skip
_draw(
    "dog", "sitting sleeping",
    "..####....  ..........",
    ".######...  ..........",
    "-#k##k#-..  .......w..",
    "-######-..  ......w...",
    "-##kk##-..  .......w..",
    "..####...#  -###.####.",
    "..######.#  -#########",
    "..#++#####  -kk#######",
    "..#++####.  k####++++#",
    "..##..##..  .####.####",
)  # fmt: skip
_draw(
    "owl", "sitting flying",
    "#........#  ..........",
    "##.####.##  ..#....#..",
    "##########  #.######.#",
    "#ww####ww#  ###ww#ww##",
    "#wk####kw#  -##wk#kw#-",
    "####yy####  --##yy##--",
    "-#++++++#-  .-##++##-.",
    "-#++++++#-  ...#++#...",
    ".-######-.  ....##....",
    "..yy..yy..  ..........",
)  # fmt: skip
_draw(
    "bird", "sitting flying",
    "...###....  ....--....",
    "..#####...  ...---....",
    "yy#k###...  ..----....",
    "..######..  ###---....",
    "...######.  yyk##-####",
    "..##---##.  .#######..",
    "..##--####  ..+++##...",
    "..++####.#  ....---...",
    "...+##....  .....--...",
    "...k.k....  ......--..",
)  # fmt: skip
_draw(
    "fish", "one two",
    "..........  ..###...#.",
    "...##.....  .k####.##.",
    "..####...#  ######-##.",
    ".######.##  .++##..##.",
    ".k######-#  ..###...#.",
    "########-#  ..........",
    ".+#####.##  ..###...#.",
    "..++##...#  .k####.##.",
    "...##.....  ######-##.",
    "..........  .++##..##.",
)  # fmt: skip
_draw(
    "sheep", "one two",
    "..........  .####.....",
    "...#####..  kk#####...",
    "..#######.  kk#####...",
    "kkk######.  .#####....",
    "kwk#######  .k...k....",
    "kkk#######  ....####..",
    ".########.  ...kk#####",
    "..#######.  ...kk#####",
    "..k.k.k.k.  ....#####.",
    "..k.k.k.k.  ....k...k.",
)  # fmt: skip
_draw(
    "boat", "anchored sailing",
    "....k.....  ....k.....",
    "....k.....  ....kw....",
    "....k.....  ..w.kww...",
    "....k.....  .ww.kwww..",
    "....k.....  www.kwwww.",
    "....k.....  ....k.....",
    "##########  ##########",
    ".########-  .########-",
    ".-------k.  .-------..",
    "........k.  ..........",
)  # fmt: skip
_draw(
    "flower", "wilting blooming",
    "..........  ..##.##...",
    "..........  .####.##..",
    "....kk....  .##yyy##..",
    "...k..k...  ..#yyy#...",
    "...k..##..  .##yyy##..",
    "...k.#yy#.  .####.##..",
    "...k.#yy#.  ..##k##...",
    "...k..##..  .--.k.--..",
    ".-.k......  ..--k--...",
    "..-k......  ....k.....",
)  # fmt: skip


LIGHT = {
    "day": ["..yy..", ".yyyy.", "yyyyyy", "yyyyyy", ".yyyy.", "..yy.."],
    "night": ["..ww..", ".ww...", ".ww...", ".ww...", ".www.w", "..www."],
}
STARS = [(3, 2), (7, 4), (11, 1), (14, 3), (18, 4), (20, 1)]  # by night; the same places are white tufts by day
LIGHT_LEFT = 24


def sprite(thing: Thing) -> tuple[np.ndarray, np.ndarray]:
    """An object's picture (10, 10, 3) uint8, and where it is opaque (10, 10) bool."""
    colour = np.array(RGB[thing.colour])
    palette = INK | {"#": colour, "+": (colour + 2 * 255) // 3, "-": colour * 2 // 3, ".": GROUND}
    rows = SPRITES[thing.noun, thing.state]
    picture = np.array([[palette[c] for c in row] for row in rows], dtype=np.uint8)
    return picture, np.array([[c != "." for c in row] for row in rows])


def sky(night: int) -> tuple[np.ndarray, np.ndarray]:
    """The upper six rows (6, 32, 3) uint8, and where sun or moon stands (6, 32) bool."""
    time = TIMES[night]
    strip = np.full((SKY, SIZE, 3), AIR[time], dtype=np.uint8)
    light = np.zeros((SKY, SIZE), dtype=bool)
    for x, y in STARS:
        strip[y, x : x + (1 if night else 3)] = INK["w"]
    light[:, LIGHT_LEFT : LIGHT_LEFT + 6] = [[c != "." for c in row] for row in LIGHT[time]]
    strip[light] = INK["w" if night else "y"]
    return strip, light


@cache
def _parts():
    """The two skies, and {Thing: its sprite}, drawn once: each of the 28,672 pictures is put together from them."""
    return [sky(night)[0] for night in (0, 1)], {Thing(*thing): sprite(Thing(*thing))[0] for thing in OBJECTS}


def pixels(scene: Scene) -> np.ndarray:
    """The picture of a scene, (32, 32, 3) uint8."""
    skies, things = _parts()
    picture = np.full((SIZE, SIZE, 3), GROUND, dtype=np.uint8)
    picture[:SKY] = skies[scene.night]
    for (left, top), thing in zip(PLACES[scene.axis, scene.far], scene[3:], strict=True):
        picture[top : top + SPRITE, left : left + SPRITE] = things[thing]
    return picture


def render(scene: Scene) -> Image.Image:
    """The picture of a scene, 32 × 32 pixels. Raises ValueError for anything that is no scene."""
    position(scene)
    return Image.fromarray(pixels(scene))


@cache
def _things():
    """{the bytes of a sprite: its Thing}."""
    return {sprite(Thing(*thing))[0].tobytes(): Thing(*thing) for thing in OBJECTS}


def named(image: Image.Image) -> Scene | None:
    """The scene that a picture shows, None if it is none of them, pixel for pixel."""
    levels = np.asarray(image.convert("RGB"))
    if levels.shape != (SIZE, SIZE, 3):
        return None
    night = int((levels[:SKY] == sky(1)[0]).all())
    for (axis, far), places in PLACES.items():
        cuts = (levels[top : top + SPRITE, left : left + SPRITE] for left, top in places)
        first, second = (_things().get(cut.tobytes()) for cut in cuts)
        if first and second and first.noun != second.noun:
            scene = Scene(axis, far, night, first, second)
            if np.array_equal(pixels(scene), levels):
                return scene
    return None


def mask(scene: Scene, word: str) -> np.ndarray:
    """The pixels, (32, 32) bool, of what a word of a true caption refers to.

    Noun, colour and state: every object they fit (two, if both are red). Relation and adverb: both objects. Sun and
    moon: itself; day and night: the sky. Function words: none. Raises ValueError for a word that is not true.
    """
    position(scene)
    word, where = normalise(word), np.zeros((SIZE, SIZE), dtype=bool)
    if word in FUNCTION:
        return where
    if word in (TIMES[scene.night], ("sun", "moon")[scene.night]):
        where[:SKY] = word in TIMES or sky(scene.night)[1]
        return where
    both = word in ADVERBS or (word in RELATIONS and RELATIONS[word][0] == scene.axis)
    meant = [both or word in thing for thing in scene[3:]]
    if not any(meant):
        raise ValueError(f"word must be one that is true of the scene, got {word!r}")
    for (left, top), thing, yes in zip(PLACES[scene.axis, scene.far], scene[3:], meant, strict=True):
        where[top : top + SPRITE, left : left + SPRITE] |= sprite(thing)[1] & yes
    return where


def variations(scene: Scene, word: str) -> list[Scene]:
    """The scenes that differ from this one only in what a word of a true caption says; none for a function word."""
    mask(scene, word)  # raises ValueError for a word that is not true of the scene
    word, found = normalise(word), []
    if word in TIMES or word in ("sun", "moon"):
        return [scene._replace(night=1 - scene.night)]
    if word in ADVERBS:
        return [scene._replace(far=1 - scene.far)]
    if word in RELATIONS:
        swapped = scene._replace(first=scene.second, second=scene.first)
        return [s._replace(axis=axis) for s in (scene, swapped) for axis in (0, 1) if (s, axis) != (scene, scene.axis)]
    for name, thing in zip(("first", "second"), scene[3:], strict=True):
        for other in _others(thing, word):
            if other.noun not in (scene.first.noun, scene.second.noun) or other.noun == thing.noun:
                found.append(scene._replace(**{name: other}))
    return found


def _others(thing, word):
    if word == thing.colour:
        return [thing._replace(colour=c) for c in COLOURS if c != word]
    if word == thing.state:
        return [thing._replace(state=s) for s in STATES[thing.noun] if s != word]
    if word == thing.noun:
        i = STATES[word].index(thing.state)
        return [Thing(n, STATES[n][i], thing.colour) for n in NOUNS if n != word]
    return []


def could_differ(scene: Scene, word: str) -> np.ndarray:
    """The pixels, (32, 32) bool, at which some variation of the scene by this word looks different."""
    own = pixels(scene)
    changed = [(pixels(other) != own).any(-1) for other in variations(scene, word)]
    return np.any(changed, axis=0) if changed else np.zeros((SIZE, SIZE), dtype=bool)
