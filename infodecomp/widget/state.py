"""The state of a lab as one text, which a link to it ends in."""

from typing import Any
from urllib.parse import parse_qs, urlencode

import numpy as np

from ..captions import units, without
from ..scenes import grammar, meaning
from ..scenes.grammar import Scene, Thing

LAYOUTS = {"beside-near": (0, 0), "beside-far": (0, 1), "stacked-near": (1, 0), "stacked-far": (1, 1)}
QUESTIONS, KINDS = ("caption", "MI", "CMI", "against", "order"), ("orthogonal", "standard")
NAMES = ("layout", "sky", "first", "second", "text", "word", "question", "kind", "seed", "logsnr")


def link(
    scene: Scene,
    text: str,
    word: int | str | None = None,
    question: str = "CMI",
    kind: str = "standard",
    seed: int = 0,
    logsnr: float = -5.0,
) -> str:
    """The state of a lab as one str; word may be the word itself, where it first stands; None: see telling()."""
    words = [unit[2] for unit in units(text, grammar.PHRASES)]
    word = telling(scene, text) if word is None else word
    if isinstance(word, str) and word not in words:
        raise ValueError(f"word must be one of {words}, got {word!r:.60}")
    word = words.index(word) if isinstance(word, str) else word
    layout = next((name for name, place in LAYOUTS.items() if place == scene[:2]), None)
    things = [f"{t.state} {t.colour} {t.noun}" for t in scene[3:]]
    logsnr = int(logsnr) if isinstance(logsnr, float) and logsnr.is_integer() else logsnr  # as JavaScript writes it
    values = layout, grammar.TIMES[scene.night], *things, text, word, question, kind, seed, logsnr
    return urlencode(dict(zip(NAMES, values, strict=True)))


def telling(scene: Scene, text: str) -> int:
    """The position of the word with most nats given the rest, by counting; 0 if none has a positive number."""

    def nats(unit):
        rest = without(text, *unit[:2])
        worth = meaning.information(scene, text, rest) if meaning.possible(rest) else 0.0
        return worth if worth > 0 else 0.0  # also of what is undefined: a text of another scene

    found = [nats(unit) for unit in units(text, grammar.PHRASES)]
    return int(np.argmax(found)) if found else 0


def _thing(text: str) -> Any:
    """The Thing of "sitting red cat"; None of anything else, which no scene has."""
    words = text.split()
    return Thing(words[2], words[0], words[1]) if len(words) == 3 else None


def read(state: str) -> dict:
    """{scene, text, word, question, kind, seed, logsnr} of a state. Raises ValueError, naming what is wrong."""
    parts = {name: values[-1] for name, values in parse_qs(state, keep_blank_values=True).items()}
    if set(parts) != set(NAMES):
        raise ValueError(f"state must have exactly {', '.join(NAMES)}, got {', '.join(parts) or 'none of them'}")

    def check(name, value, good, accepted):
        if not good:
            raise ValueError(f"{name} must be {accepted}, got {value!r:.80}")
        return value

    layout = check("layout", parts["layout"], parts["layout"] in LAYOUTS, f"one of {', '.join(LAYOUTS)}")
    sky = check("sky", parts["sky"], parts["sky"] in grammar.TIMES, "day or night")
    first, second = (_thing(parts[name]) for name in ("first", "second"))
    scene = Scene(*LAYOUTS[layout], grammar.TIMES.index(sky), first, second)
    grammar.position(scene)
    text = meaning.normalise(parts["text"])
    meaning.read(text)
    count = max(1, len(units(text, grammar.PHRASES)))
    word, seed = (int(parts[n]) if parts[n].isdecimal() else -1 for n in ("word", "seed"))
    check("word", parts["word"], 0 <= word < count, f"a position below {count}")
    check("seed", parts["seed"], 0 <= seed < 2**32, "a whole number from 0 to 2³² − 1")
    check("question", parts["question"], parts["question"] in QUESTIONS, f"one of {', '.join(QUESTIONS)}")
    check("kind", parts["kind"], parts["kind"] in KINDS, f"one of {', '.join(KINDS)}")
    try:
        logsnr = float(parts["logsnr"])
    except ValueError:
        logsnr = np.nan
    check("logsnr", parts["logsnr"], -16 <= logsnr <= 8, "a number from −16 to 8")
    chosen = {"word": word, "question": parts["question"], "kind": parts["kind"], "seed": seed, "logsnr": logsnr}
    return {"scene": scene, "text": text} | chosen
