"""The emoji lab's Python side: states, packs whose counts are those of their pictures, and what a page holds."""

import base64
import json
import math
import re
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import infodecomp as idc
from infodecomp.drawings import Drawings, drawings
from infodecomp.emoji import Emoji, ExactEmoji
from infodecomp.widget import emojipack, packs
from infodecomp.widget.emojilab import first
from infodecomp.widget.emojistate import State, checked, link, read
from infodecomp.widget.emojistops import STOPS, stops

often = settings(max_examples=60, deadline=None, database=None)
USUAL = "smiling_face_with_sunglasses/sunglasses"


@st.composite
def states(draw):
    """All that a lab shows: an emoji in some language, a caption of it or of another, one of its words."""
    language = draw(st.sampled_from(("en", "de", "ja", "ar")))
    names = emojipack.world(language).names
    name, other = (draw(st.sampled_from(draw(st.sampled_from(names)))) for _ in range(2))
    caption = draw(st.sampled_from(("", other, other.split()[0])))
    if not emojipack.keys(caption) or caption == name:
        caption = ""
    words = [w for w in emojipack.keys(caption or name) if emojipack.keys(w) == [w]]
    word = draw(st.sampled_from(["", *words]))
    return State(name, word, draw(st.booleans()), caption, language, draw(st.integers(0, 2**32 - 1)))


@often
@given(states())
def test_a_link_brings_the_state_back(state):
    assert read(link(state)) == state
    assert re.fullmatch(r"[\w%.~!'()*-]+/[\w%.~!'()*-]*(\?[\w%.~!'()*=&-]+)?", link(state), re.ASCII)


@often
@given(states(), states())
def test_different_states_have_different_links(a, b):
    assert (link(a) == link(b)) == (a == b)


def test_a_state_is_short_where_all_is_usual():
    assert idc.EmojiLab().state == USUAL
    assert idc.EmojiLab("😎", "sunglasses", alone=True).state == f"{USUAL}?alone"
    german = idc.EmojiLab("😎", "Sonnenbrille", language="de")
    assert german.state == "l%C3%A4chelndes_gesicht_mit_sonnenbrille/sonnenbrille?language=de"
    assert (german.picture, german.word, german.caption) == (
        "😎",
        "sonnenbrille",
        "lächelndes gesicht mit sonnenbrille",
    )
    assert (
        idc.EmojiLab(state=german.state).state == german.state == eval(repr(german), {"EmojiLab": idc.EmojiLab}).state
    )
    assert idc.EmojiLab("ghost").state == "ghost/" and idc.EmojiLab("👻", "").word == ""
    own = idc.EmojiLab("😎", "smiling", caption="sunglasses  smiling")
    assert own.caption == "sunglasses smiling" and own.state.endswith("/smiling?caption=sunglasses_smiling")
    assert idc.EmojiLab("😎", caption="smiling face with sunglasses").state == "smiling_face_with_sunglasses/"
    own.state = "👻/ghost"
    assert own.state == "ghost/ghost" and own.picture == "👻"


@pytest.mark.parametrize(
    ("options", "message"),
    [({"picture": "cat dog"}, "picture must be"), ({"picture": 3}, "picture must be"),
     ({"word": "moon"}, "word must be one of"), ({"word": "smiling face"}, "word must be one of"),
     ({"caption": "sunglases"}, "nearest to 'sunglases' is 'sunglasses'"),
     ({"caption": "smiling volcano"}, "largest part of 'smiling volcano'"), ({"caption": 1}, "caption must be"),
     ({"language": "xx"}, "language must be"), ({"alone": 1}, "alone must be"), ({"seed": -1}, "seed must be"),
     ({"seed": 2**32}, "seed must be below"), ({"state": "ghost"}, "state must be"), ({"state": "x/y"}, "picture must"),
     ({"state": "ghost/ghost", "seed": 1}, "state must stand alone"), ({"state": 1}, "state must be")],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(options, message):
    with pytest.raises(ValueError, match=message) as error:
        idc.EmojiLab(**options)
    assert "\n" not in str(error.value)


def test_unknown_options_and_bad_states_are_refused():
    with pytest.raises(TypeError, match="size"):
        idc.EmojiLab(size=32)
    lab = idc.EmojiLab()
    with pytest.raises(ValueError, match="word must be one of"):
        lab.state = "ghost/moon"
    assert lab.state == USUAL


def test_a_missing_extra_is_named_in_one_line(monkeypatch):
    emojipack.world.cache_clear()
    monkeypatch.setitem(sys.modules, "emoji", None)
    with pytest.raises(ImportError, match=r"^the world of emoji needs the extra emoji.*pip install"):
        idc.EmojiLab()


# ------------------------------------------------------------------------------------------------------------ the packs


def unpacked(language):
    """An Emoji made of what a page gets: its very pictures, and the characters beside them."""
    pack = emojipack.pack(emojipack.PICTURES)
    palette = np.frombuffer(base64.b64decode(pack["palette"]), np.uint8).reshape(-1, 3)
    indices = np.frombuffer(zlib.decompress(base64.b64decode(pack["levels"])), np.uint8)
    pictures = palette[indices.reshape(-1, pack["size"], pack["size"])]
    return Emoji(pack["size"], language, Drawings(pictures, [those.split(" ") for those in pack["characters"]]))


def test_what_a_page_counts_is_what_an_emoji_of_its_pictures_counts():
    known, pack = unpacked("en"), emojipack.pack("emoji-names-en")
    assert [name.split("\t") for name in pack["names"]] == known.names == emojipack.world().names
    assert np.array_equal(known.levels, emojipack.world().levels)
    assert len({picture.tobytes() for picture in known.levels}) == len(known)  # no twins
    for caption in ("", "smiling face with", "medium skin tone", "cat", "o’clock"):
        count = sum(any(set(emojipack.keys(caption)) <= set(emojipack.keys(n)) for n in those) for those in known.names)
        assert known.count(caption) == count
    model, few = ExactEmoji(known), known.count("smiling face with sunglasses")
    assert few == 1 and model.log_prob("😎", "smiling face with").item() == pytest.approx(-math.log(11), abs=1e-12)


def test_pictures_in_few_colours_are_the_pictures():
    exact, seen = drawings(emojipack.SIZE), emojipack.sheet()
    place = {those[0]: i for i, those in enumerate(exact.characters)}
    own = exact.pictures[[place[those[0]] for those in seen.drawings.characters]].astype(int)
    assert np.array_equal(seen.palette[seen.indices], seen.drawings.pictures)
    error = np.abs(own - seen.drawings.pictures)
    assert error.mean() < 1.5 and np.quantile(error, 0.999) < 32  # levels of 255
    lost = sum(map(len, exact.characters)) - sum(map(len, seen.drawings.characters))
    assert len(seen.drawings.pictures) > 0.99 * len(exact.pictures) and lost < 20


def test_twins_of_few_colours_are_one_picture_with_both_characters():
    """Two pictures that differ by a little red are the same in a palette of three colours; skin tones do not join."""
    pictures = np.full((5, 8, 8, 3), 255, np.uint8)
    pictures[0, :4] = pictures[1, :4] = pictures[3, :4] = pictures[4, :4] = 10, 10, 200
    pictures[2, :4] = 10, 200, 10
    pictures[1, 0, 0, 0] = 30
    pictures[3, 0, 0, 0] = pictures[4, 0, 0, 0] = 30
    drawn = Drawings(pictures, [["😎"], ["😃"], ["👻"], ["👍🏻"], ["👍🏿"]])
    found = emojipack.in_colours(drawn, 3)
    assert sorted(map(sorted, found.drawings.characters)) == [["👻"], sorted(["😎", "😃"])]
    assert len(found.indices) == len(found.drawings.pictures) == 2
    assert np.array_equal(found.palette[found.indices], found.drawings.pictures)
    world = Emoji(8, "en", found.drawings)
    assert world.count("") == 2 and world.count("sunglasses") == world.count("eyes") == 1
    assert world.position("😎") == world.position("😃") and world.information("😃", "sunglasses") == math.log(2)
    with pytest.raises(ValueError, match="size must be that of the drawings"):
        Emoji(16, "en", found.drawings)


def test_every_emoji_has_a_kind():
    kinds, starts, _ = emojipack.kinds()
    assert len(kinds) == 10 and len(starts) > 200 and starts == sorted(starts)
    known = {
        "Faces": "😎💔",
        "Animals": "🐈",
        "Food": "🍕",
        "Places": "🕒",
        "Activities": "⚽",
        "Objects": "💡",
        "Signs": "🔟",
    }
    known = {character: kind for kind, those in known.items() for character in those}
    known |= {"👩‍🚒": "People", "🔟": "Signs", "#️⃣": "Signs", "🇩🇪": "Flags", "🏳️‍🌈": "Flags", "👍🏽": "Skin tones"}
    assert {character: kinds[emojipack.kind(character)] for character in known} == known
    shown = emojipack.pack(emojipack.PICTURES)
    assert set(shown["kind"]) == set("0123456789") and list(shown["kind"]) == sorted(shown["kind"])


def test_sizes():
    """What a reader waits for: a page of less than 150 kB, then 2.2 MB at most."""
    html = idc.EmojiLab().html()
    assert len(html.encode()) < 150_000
    fetched = [packs.script(name, emojipack.pack(name)) for name in (emojipack.PICTURES, "emoji-names-en")]
    assert sum(len(text.encode()) for text in fetched) < 2_200_000


def test_packs_are_written_as_scripts(tmp_path, monkeypatch):
    monkeypatch.setattr(emojipack, "pack", lambda name: {"name": f"</script>{name}"})
    written = idc.EmojiLab.write(tmp_path)
    assert len(written) == 15 and all(file.parent == tmp_path for file in written)
    text = (tmp_path / "emoji-names-de.js").read_text(encoding="utf-8")
    start, data, end = re.fullmatch(r'(.*) = "([\w+/=]+)"(;\n)', text).groups()
    assert start + end == '(globalThis.infodecompPacks ??= {})["emoji-names-de"];\n'
    assert json.loads(zlib.decompress(base64.b64decode(data))) == {"name": "</script>emoji-names-de"}
    monkeypatch.undo()
    for name in ("emoji-names-xx", "xx", "en", ""):
        with pytest.raises(ValueError, match="name must be emoji-48"):
            emojipack.pack(name)


# ------------------------------------------------------------------------------------------------------------- the page


def test_what_is_shown_at_once_is_counted_and_measured():
    known, found = emojipack.world(), first(USUAL)
    name = "smiling face with sunglasses"
    for key, _, after, alone in found["words"]:
        rest = " ".join(word for word in name.split() if word != key)
        for text, ways in ((rest, after), ("", alone)):
            assert [count for count, _ in ways] == [known.count(text), known.count(f"{text} {key}")]
            assert all(fits for _, fits in ways)
    about = found["map"]
    assert abs(about["nats"] - math.log(11)) < 4 * about["stderr"] < 1
    pixels = np.frombuffer(base64.b64decode(about["pixels"]), "<u2") / 65535 * about["high"]
    assert pixels.shape == (48 * 48,) and pixels.sum() == pytest.approx(about["sum"], rel=1e-3)
    top = np.argsort(pixels)[-100:] // 48
    assert np.quantile(top, 0.1) > 12 and np.quantile(top, 0.9) < 26  # on the glasses
    assert [fits for *_, fits in found["faces"]].count(True) == 1 and len(found["faces"]) == 11


def test_nothing_is_measured_where_there_is_nothing():
    assert first("face_with_tears_of_joy/tears")["map"] is None
    assert first("smiling_face_with_sunglasses/tears?caption=face_tears")["map"] is None
    assert "map" not in first("ghost/")


def test_the_page_has_the_picture_without_scripts_and_the_licence():
    html = idc.EmojiLab().html()
    alt = re.search('alt="(.*?)"', html)[1]
    assert "smiling face with sunglasses" in alt and "CC BY-SA 4.0" in alt
    state = json.loads(re.search('<script type="application/json">(.*?)</script>', html, re.DOTALL)[1])
    assert state["_guide"]["page"] and state["state"] == USUAL
    assert "CC BY-SA 4.0" in idc.EmojiLab.__doc__ and "Unicode" in idc.EmojiLab.__doc__


def test_a_kernel_answers_with_packs():
    lab, sent = idc.EmojiLab(), []
    lab.send = sent.append
    lab._answer(lab, {"pack": "emoji-names-de"}, [])
    assert json.loads(sent[0]["content"]) == emojipack.pack("emoji-names-de") and sent[0]["pack"] == "emoji-names-de"
    with pytest.raises(ValueError, match="name must be"):
        lab._answer(lab, {"pack": "../secret"}, [])


def test_stops_say_what_is_counted():
    told = stops()
    assert len(told) == len(STOPS) > 4 and len({stop["state"] for stop in told}) == len(told)
    known = emojipack.world()
    nats = known.information("😎", "smiling face with sunglasses", "smiling face with")
    assert f"ln 11 = {nats:.3f}" in told[0]["answer"]
    assert all("{" not in stop["answer"] and read(stop["state"]) for stop in told)
    answers = {stop["title"]: stop["answer"] for stop in told}
    assert known.information("😂", "face with tears of joy", "face with of joy") == 0
    assert "Nothing: 1 emoji" in answers["A redundant word"]
    assert f"= {math.log(len(known) / known.count('sunglasses')):.3f}" in answers["One word alone"]
    assert known.count("sunglasses") == 2 and "ln 2 = 0.693" in answers["Your own caption"]


def test_a_state_takes_characters_and_names():
    assert checked("👩🏽‍🚒", "Medium") == checked("woman firefighter medium skin tone", "medium")
