"""The state of the emoji lab as one text, which a link to it ends in: name/word, and what differs from the usual."""

from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from ..checks import choice, refuse, whole
from ..checks import text as check_text
from ..drawings import names
from .emojipack import keys, world

OPTIONS = ("alone", "caption", "language", "seed")


class State(NamedTuple):
    """name: of an emoji in this language; word: one of the caption's as it is counted, "" for none; caption: "" for the
    name itself."""

    name: str
    word: str = ""
    alone: bool = False
    caption: str = ""
    language: str = "en"
    seed: int = 0


def _part(text):
    return quote(text, safe="!'()*").replace("%20", "_")  # as encodeURIComponent, with _ for a space


def _text(part):
    return unquote(part.replace("_", " "))


def checked(picture: str, word: str = "", **options: Any) -> State:
    """A state of a character or name, whose parts are checked. Raises ValueError, naming what is wrong."""
    state = State(check_text("picture", picture), check_text("word", word), **options)
    choice("language", state.language, names().LANGUAGES)
    if not isinstance(state.alone, bool):
        refuse("alone", "True or False", state.alone)
    seed = whole("seed", state.seed, 0)
    if seed >= 2**32:
        refuse("seed", "below 2³²", seed)
    known = world(state.language)
    name = known.captions(picture)[0] if known.has(picture) else " ".join(picture.split())
    if not any(name in each for each in known.names):
        refuse("picture", f"an emoji of the {len(known)} drawn, or the name of one", picture)
    caption = " ".join(check_text("caption", state.caption).replace("_", " ").split())
    if caption:
        known.fits(caption)
    words = keys(caption or name)
    found = keys(word)
    if word.strip() and (len(found) != 1 or found[0] not in words):
        refuse("word", f"one of {words}", word)
    return State(name, found[0] if found else "", state.alone, "" if caption == name else caption, state.language, seed)


def link(state: State) -> str:
    """The state as one text."""
    options = [name if name == "alone" else f"{name}={_part(str(getattr(state, name)))}" for name in OPTIONS
               if getattr(state, name) != State._field_defaults[name]]  # fmt: skip
    return f"{_part(state.name)}/{_part(state.word)}" + ("?" + "&".join(options) if options else "")


def read(text: str) -> State:
    """The state of a text. Raises ValueError, naming what is wrong."""
    address, _, asked = check_text("state", text).partition("?")
    parts = address.split("/")
    options: dict[str, Any] = {}
    if len(parts) != 2:
        refuse("state", "name/word", text)
    for part in filter(None, asked.split("&")):
        name, equals, value = part.partition("=")
        if name not in OPTIONS or name in options or (name == "alone") == bool(equals):
            refuse("state", f"name/word?… with {', '.join(OPTIONS)} once", text)
        options[name] = name == "alone" or _text(value)
    seed = str(options.get("seed", "0"))
    if not (seed.isascii() and seed.isdecimal()):
        refuse("seed", "a whole number from 0 to 2³² − 1", seed)
    return checked(_text(parts[0]), _text(parts[1]), **options | {"seed": int(seed)})
