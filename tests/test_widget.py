"""HeatMaps: what reaches the page is what was given; bad input is refused; texts stay texts."""

import base64
import inspect
import io
import json
import math
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import skimage
import torch
from bs4 import BeautifulSoup
from lab_truth import orders
from PIL import Image
from test_loading import stable_diffusion

import infodecomp as idc
from infodecomp import plot
from infodecomp.integrate import uniform
from infodecomp.scenes import meaning
from infodecomp.widget.lab import read, stops

CAPTION = "a red owl above a red cat"
PICTURE = Image.new("RGB", (40, 30), (200, 100, 50))
NASTY = '<script>alert("x")</script> </script> “q" &amp; 👩‍🚀 שלום'


def maps(*words, shape=(6, 8), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {word: torch.rand(*shape, generator=generator) for word in words}


def unpack(packed, shape):
    low, high, text = packed
    raw = np.frombuffer(base64.b64decode(text + "=" * (-len(text) % 4)), np.uint8)
    bits = np.unpackbits(raw)[: 12 * len(text) // 2].reshape(-1, 12)
    return low + (high - low) * (bits @ 2 ** np.arange(11, -1, -1)).reshape(shape) / 4095


@pytest.fixture(scope="module")
def scene():
    model, scene = idc.load("scenes"), idc.scenes.scenes()[12345]
    return idc.scenes.render(scene), idc.word_maps(
        model, idc.scenes.render(scene), idc.scenes.captions(scene)[-1], samples=4
    )


def test_word_maps_arrive_with_nats_and_errors(scene):
    picture, found = scene
    widget = idc.HeatMaps(picture, found)
    assert widget.kinds == ["MI", "CMI"] and widget.kind == "MI"
    assert [re.sub(r" \(\d\)$", "", word) for word in widget.words] == found.words
    assert len(set(widget.words)) == len(widget.words)  # "the", "the (2)", "the (3)"
    for layers, given in zip(widget._state["items"][0]["layers"], (found.mi, found.cmi), strict=True):
        for layer, estimate in zip(layers, given, strict=True):
            assert layer["nats"] == estimate.nats.item() and layer["stderr"] == estimate.stderr.item()
            for packed, tensor in ((layer["map"], estimate.map), (layer["error"], estimate.map_stderr)):
                step = (packed[1] - packed[0]) / 4095
                assert np.abs(unpack(packed, found.resolution) - tensor[0].numpy()).max() <= 0.51 * step
    assert f"{found.mi[3].nats.item():.2f} ± {found.mi[3].stderr.item():.2f}" in repr(widget)


def test_exact_attention_and_repeated_words():
    given = maps("red", "red (2)", "owl")
    widget = idc.HeatMaps(PICTURE, {"MI": given}, CAPTION, exact={"MI": maps("owl")}, attention=torch.rand(3, 6, 8))
    assert widget.words == ["red", "owl", "red (2)"]  # in the caption's order
    assert widget.kinds == ["MI", "exact MI", "attention"]
    (item,) = widget._state["items"]
    assert [layer is not None for layer in item["layers"][1]] == [False, True, False]
    assert [text for text, word in item["caption"] if word is None] == ["a", "above", "a", "cat"]
    second = item["layers"][0][2]["map"]
    assert np.abs(unpack(second, (6, 8)) - given["red (2)"].numpy()).max() < 1.3e-4


def test_pairs_of_words_open_as_their_four_parts(scene):
    """Both definitions of redundancy are kinds; parts have nats, errors, counted marks and signs."""
    model, caption = idc.load("scenes"), "the red owl left of the blue cat by night"
    owl, cat = idc.scenes.Thing("owl", "flying", "red"), idc.scenes.Thing("cat", "sitting", "blue")
    found = idc.scenes.Scene(0, 0, 1, owl, cat)
    picture = idc.scenes.render(found)
    pairs = idc.word_pairs(model, picture, caption, "owl", "by night", given="rest", samples=40)
    widget = idc.HeatMaps(pairs)
    assert widget.kinds == ["minimum", "overlap"]
    assert widget.words == ["redundancy", "unique owl", "unique by night", "synergy"]
    assert widget.picture.tobytes() == picture.tobytes()
    (item,) = widget._state["items"]
    assert item["legend"] == "“owl” and “by night”, in nats" and item["moment"] == "40"
    for kind, layers in zip(widget.kinds, item["layers"], strict=True):
        counted, parts = pairs.counted_parts(kind), pairs.parts(kind)
        for (part, estimate), layer in zip(parts.items(), layers, strict=True):
            assert (layer["nats"], layer["stderr"]) == (estimate.nats.item(), estimate.stderr.item())
            assert layer["counted"] == counted[part]
            step = (layer["map"][1] - layer["map"][0]) / 4095
            assert np.abs(unpack(layer["map"], (16, 16)) - estimate.map[0].numpy()).max() <= 0.51 * step
    assert f"synergy: minimum {pairs.parts()['synergy'].nats.item():.2f} ±" in repr(widget)
    both = idc.HeatMaps([pairs, pairs], item=1, word="unique owl", beside="unique by night")
    assert both.words == widget.words and idc.HeatMaps(picture, pairs).html() == widget.html()
    assert len(widget.figure().axes) == 12
    twice = replace(pairs, words=["red", "red"])
    assert idc.HeatMaps(twice).words == ["redundancy", "unique red", "unique red (2)", "synergy"]
    assert idc.HeatMaps(scene[1])._state["items"][0]["legend"] == "Caption, in nats"


def photograph():
    """451 × 300, a ramp from left to right, so that a cut shows in its ends."""
    ramp = np.linspace(0, 255, 451).astype(np.uint8)
    return Image.fromarray(np.tile(ramp, (300, 1))).convert("RGB")


@pytest.fixture(scope="module")
def pipeline():
    return idc.load(stable_diffusion(), check=False)


def test_a_photograph_of_any_aspect_is_cut_as_the_model_cuts_it(pipeline, tmp_path):
    """451 × 300 on a model of square pictures: maps and picture are of the same middle, whichever way it is given."""
    photo = photograph()
    photo.save(tmp_path / "photo.png")
    found = idc.word_maps(pipeline, str(tmp_path / "photo.png"), "the red cat", samples=2)
    pipe = pipeline.pipe
    seen = pipe.image_processor.preprocess(photo, height=16, width=16, resize_mode="crop")[0]
    levels = ((seen + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    assert found.image.size == (16, 16) and found.image.mode == "RGB"
    assert np.array_equal(np.asarray(found.image), levels) and levels[8, 0, 0] > 30 and levels[8, -1, 0] < 225
    alone = idc.HeatMaps(found)
    assert alone.picture.tobytes() == found.image.tobytes() and found.resolution == (8, 8)
    for image in (photo, tmp_path / "photo.png", np.asarray(photo), torch.tensor(np.asarray(photo)).permute(2, 0, 1)):
        for widget in (idc.HeatMaps(image, found), idc.HeatMaps(maps=found, image=image)):
            assert widget.picture.tobytes() == found.image.tobytes()
            assert widget.html() == alone.html()
    square = photo.crop((75, 0, 375, 300))
    assert idc.HeatMaps(square, found).picture.size == (300, 300)  # of the same aspect it stays as sharp as it is
    tall = idc.word_maps(pipeline, photo.transpose(Image.Transpose.ROTATE_90), "the red cat", samples=2)
    assert idc.HeatMaps(photo.transpose(Image.Transpose.ROTATE_90), tall).picture.tobytes() == tall.image.tobytes()


def test_a_photograph_as_x_of_a_scene(scene):
    """Scenes take 32 × 32; what lies on their maps may be any photograph, cut to a square."""
    picture, found = scene
    assert idc.HeatMaps(found).picture.tobytes() == picture.tobytes()
    widget = idc.HeatMaps(photograph(), found)
    assert widget.picture.size == (32, 32) and widget._state["items"][0]["size"] == (16, 16)
    with pytest.raises(ValueError, match="must be PIL images of 32 × 32 pixels"):
        idc.word_maps(idc.load("scenes"), photograph(), "red", samples=2)
    floats = torch.tensor(np.asarray(picture)).permute(2, 0, 1)[None] / 127.5 - 1
    same = idc.word_maps(idc.load("scenes"), floats, "red", samples=2)
    assert same.image.tobytes() == picture.tobytes()


def test_maps_of_their_own_need_a_picture():
    for arguments in ((), ({"MI": maps("owl")},), (PICTURE,)):
        with pytest.raises(ValueError, match="maps must be WordMaps"):
            idc.HeatMaps(*arguments)
    with pytest.raises(ValueError, match="image must be"):
        idc.HeatMaps(maps={"MI": maps("owl")})


def test_scale():
    widget = idc.HeatMaps(PICTURE, {"MI": {"a": torch.ones(6, 8), "b": 3 * torch.ones(6, 8)}})
    assert widget.scale() == (0, 3) and widget.scale("MI", "a") == (0, 1)
    widget = idc.HeatMaps(PICTURE.resize((40, 20)), {"iˢ": {"a": torch.tensor([[-2.0, 1.0]])}})
    assert widget.scale() == (-2, 2)
    flat = idc.HeatMaps(PICTURE, {"MI": {"a": torch.zeros(6, 8)}})
    assert flat.scale() == (0, 1)  # nothing to see is not a division by zero


def test_tensors_as_pictures():
    grey = idc.HeatMaps(torch.linspace(-1, 1, 12).view(1, 1, 3, 4), {"MI": maps("a", shape=(3, 4))})
    assert grey.picture.size == (4, 3)
    assert np.asarray(grey.picture)[..., 0].ravel().tolist() == torch.linspace(0, 255, 12).round().int().tolist()


def test_state_is_validated_and_settable():
    widget = idc.HeatMaps(PICTURE, {"MI": maps("a", "b"), "CMI": maps("a", "b")}, word="b", kind="CMI", opacity=0.2)
    assert (widget.word, widget.kind, widget.opacity) == ("b", "CMI", 0.2)
    widget.word = "a"
    for name, value in {"word": "c", "kind": "x", "opacity": 1.5}.items():
        with pytest.raises(ValueError, match=name):
            setattr(widget, name, value)
    assert (widget.word, widget.kind, widget.opacity) == ("a", "CMI", 0.2)
    with pytest.raises(ValueError, match="word must be one of"):
        idc.HeatMaps(PICTURE, {"MI": maps("a")}, word="b")


NAN = torch.full((6, 8), float("nan"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((PICTURE, {"MI": maps("dog")}, CAPTION), "words must be of the caption"),
        ((PICTURE, {"MI": maps("red (3)")}, CAPTION), "words must be of the caption"),
        ((PICTURE, {"MI": maps("owl", shape=(8, 6))}, CAPTION), "picture's aspect"),
        ((PICTURE, {"MI": maps("owl") | maps("cat", shape=(3, 4))}, CAPTION), "one shape"),
        ((PICTURE, {"MI": {"owl": NAN}}, CAPTION), "the MI map of 'owl' must be finite"),
        ((PICTURE, {"MI": {"owl": torch.rand(2, 6, 8)}}, CAPTION), r"must be \(h, w\)"),
        ((PICTURE, {}, CAPTION), "maps must be"),
        ((PICTURE, maps("owl"), CAPTION), "maps must be"),
        ((PICTURE, {"MI": maps("owl")}, " "), "caption must be"),
        (("picture.png", {"MI": maps("owl")}), "image must be"),
        ((torch.rand(2, 3, 30, 40), {"MI": maps("owl")}), "image must be"),
        ((torch.full((3, 30, 40), float("inf")), {"MI": maps("owl")}), "image must be finite"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments, message):
    with pytest.raises(ValueError, match=message) as error:
        idc.HeatMaps(*arguments)
    assert "\n" not in str(error.value)


def test_wrong_number_of_attention_maps():
    with pytest.raises(ValueError, match="attention must be 2 maps"):
        idc.HeatMaps(PICTURE, {"MI": maps("owl", "cat")}, attention=torch.rand(3, 6, 8))


def test_estimates_of_several_images_are_refused():
    x = torch.randn(2, 1, 3, 4)
    estimate = idc.pointwise_information(lambda z, logsnr, c: z * (0.5 if c is None else 0.4), x, "y", samples=2)
    with pytest.raises(ValueError, match="of one image, got 2"):
        idc.HeatMaps(torch.zeros(3, 3, 4), {"MI": {"y": estimate}})


def test_page_is_the_same_twice_and_holds_text_as_text():
    widget = idc.HeatMaps(PICTURE, {"MI": maps(*NASTY.split())}, NASTY)
    page = widget.html()
    assert page == idc.HeatMaps(PICTURE, {"MI": maps(*NASTY.split())}, NASTY).html()
    soup = BeautifulSoup(page, "html.parser")
    data, module = soup.find_all("script")
    assert data["type"] == "application/json" and module["type"] == "module"
    assert [text for text, _ in json.loads(data.string)["_state"]["items"][0]["caption"]] == NASTY.split()
    assert NASTY.split()[0] in soup.find("img")["alt"]
    assert soup.find("img")["src"].startswith("data:image/webp;base64,")
    assert "http" not in re.sub(r'"data:[^"]*"', "", page)  # nothing from elsewhere


SWALLOW = "<!-- <script> rest </script> -->"  # after the first two a browser's parser sees no end of a script


def test_a_caption_cannot_swallow_the_rest_of_a_page():
    page = idc.HeatMaps(PICTURE, {"MI": maps(*dict.fromkeys(SWALLOW.split()))}, SWALLOW).html()
    head, state, rest = re.fullmatch('(.*<script type="application/json">)(.*?)(</script>.*)', page, re.DOTALL).groups()
    assert (
        "<" not in state and [text for text, _ in json.loads(state)["_state"]["items"][0]["caption"]] == SWALLOW.split()
    )
    assert "<!--" not in head + rest
    assert "<" not in re.search('<script type="application/json">(.*?)</script>', idc.SceneLab().html(), re.DOTALL)[1]


@pytest.mark.parametrize(
    "text", ["a </script><script>1", "a\u2028cat b", "`${x}` cat", "a ]]> &lt; cat", "a \x00 \x85 cat"]
)
def test_captions_come_back_as_they_were(text):
    page = idc.HeatMaps(PICTURE, {"MI": maps(text.split()[0])}, text).html()
    state = re.search('<script type="application/json">(.*?)</script>', page, re.DOTALL)[1]
    assert [part for part, _ in json.loads(state)["_state"]["items"][0]["caption"]] == text.split()
    assert page.count("<script") == page.count("</script") == 2 and "\u2028" not in page


def test_mimebundle_has_live_and_static_forms(scene):
    data, _ = idc.HeatMaps(*scene)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/plain"].startswith("HeatMaps(") and "data-widget" in data["text/html"]


def test_figure_and_scale_name_what_there_is(scene):
    widget = idc.HeatMaps(*scene)
    assert len(widget.figure("MI").axes) < len(widget.figure().axes)
    asked = [lambda: widget.figure("cat"), lambda: widget.figure(["MI", "x"]), lambda: widget.figure(5)]
    asked += [lambda: widget.figure(width=0), lambda: widget.scale("x"), lambda: widget.scale("MI", "x")]
    for ask in asked:
        with pytest.raises(ValueError, match="^(kinds?|word|width) must be"):
            ask()


@pytest.mark.parametrize("look", [{}, {"root": True}, {"shared": False}, {"smooth": True, "opacity": 0.5}])
def test_figure_shows_every_word_and_kind(scene, look):
    """As the page does: the same colours over the same picture."""
    picture, found = scene
    widget = idc.HeatMaps(picture, found, **look)
    axes = [axis for axis in widget.figure().axes if axis.images]
    shown = [np.asarray(axis.images[0].get_array()) for axis in axes]
    pictures = [image for axis, image in zip(axes, shown, strict=True) if axis.get_title() in widget.kinds]
    assert len(pictures) == 2 and all(np.array_equal(image, np.asarray(picture)) for image in pictures)
    maps = [image for axis, image in zip(axes, shown, strict=True) if "±" in axis.get_title()]
    options = {name: value for name, value in look.items() if name != "shared"}
    highs = [widget.scale(kind)[1] if widget.shared else None for kind in widget.kinds]
    pairs = [(e, high) for es, high in zip((found.mi, found.cmi), highs, strict=True) for e in es]
    expected = [np.asarray(plot.overlay(picture, e.map[0], high, signed=False, **options)) for e, high in pairs]
    assert len(maps) == len(expected)
    assert all(np.array_equal(a, b) for a, b in zip(maps, expected, strict=True))


def estimate(nats, stderr, like):
    """An Estimate whose nats, all in one cell, and error are these."""
    cells = torch.zeros_like(like.map)
    cells[0, 0, 0] = nats
    profile = type("Fixed", (type(like.profile),), {})(*like.profile)
    made = replace(like, nats=torch.tensor([nats]), map=cells, stderr=torch.tensor([stderr]), profile=profile)
    return replace(made, map_stderr=torch.full_like(cells, stderr))


def test_it_opens_on_the_word_that_surely_says_most(scene):
    """Not on the first, nor on a high number with a large error, nor on a tiny one with a tinier error."""
    like = scene[1].mi[0]
    words = {"the": (0.02, 0.0001), "red": (5.0, 4.0), "owl": (1.5, 0.2), "above": (-3.0, 0.1)}
    given = {word: estimate(*both, like) for word, both in words.items()}
    widget = idc.HeatMaps(scene[0], {"MI": given})
    assert widget.word == "owl"
    assert idc.HeatMaps(scene[0], {"MI": given}, word="the").word == "the"
    told = {part.split(":")[0]: "within 2 s.e. of 0" in part for part in repr(widget).split("; ")}
    assert told["red"] and not told["owl"] and not told["above"]
    titles = {title.split("\n")[0]: title for axis in widget.figure().axes if (title := axis.get_title())}
    assert "within 2 s.e." in titles["red"] and "within" not in titles["owl"] + titles["above"]
    later = {"MI": given, "CMI": dict(zip(given, [given["owl"], given["the"], *[given["red"]] * 2], strict=True))}
    assert idc.HeatMaps(scene[0], later, kind="CMI").word == "the"


def test_counted_nats_stand_beside_the_estimates(scene):
    """Of the network's words, too, and of the exact denoiser's: what the world counts, not what was sampled."""
    picture, found = scene
    known = idc.scenes.scenes()[12345]
    net = idc.load("scenes-net")
    sampled = idc.word_maps(net, picture, found.caption, ["moon"], samples=2)
    for widget in (idc.HeatMaps(sampled), idc.HeatMaps(replace(sampled, counted=None), maps=None, exact=found)):
        layers = widget._state["items"][0]["layers"]
        assert layers[0][0]["counted"] == pytest.approx(idc.scenes.information(known, "moon"))
        rest = found.caption.removesuffix(" under the moon") + " under the"
        assert layers[1][0]["counted"] == pytest.approx(idc.scenes.information(known, found.caption, rest), abs=1e-9)
    assert "(counted 0.69)" in repr(widget)
    false = idc.word_maps(net, picture, "the green cat left of the purple dog", ["cat"], samples=2)
    assert idc.HeatMaps(false)._state["items"][0]["layers"][0][0]["counted"] == "−∞"
    assert "counted" not in idc.HeatMaps(false)._state["items"][0]["layers"][1][0]  # the rest does not fit either
    json.dumps(idc.HeatMaps(false)._state, allow_nan=False)
    labels = [kind["label"] for kind in idc.HeatMaps(sampled, exact=found)._state["kinds"]]
    assert labels[0] == "MI, alone" and labels[3] == "CMI, given the rest (exact denoiser)"
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8))
    assert idc.word_maps(net, photo, "red", samples=2).counted is None


def test_several_pictures_in_one_widget(scene):
    picture, found = scene
    other = idc.scenes.render(idc.scenes.scenes()[99])
    model = idc.load("scenes")
    short = idc.scenes.captions(idc.scenes.scenes()[99])[0]
    more = idc.word_maps(model, [picture, other], [found.caption, short], [["moon", "blue"], [1]], samples=2)
    widget = idc.HeatMaps(more, word="moon")
    assert widget.caption == found.caption and not widget._state["film"] and len(widget._state["images"]) == 2
    widget.beside = "moon"
    widget.item = 1
    assert (widget.caption, widget.words, widget.word, widget.beside) == (
        short,
        [short.split()[1]],
        short.split()[1],
        "",
    )
    assert widget.picture.tobytes() == other.tobytes() and "picture 2 of 2" in repr(widget)
    assert widget.scale() == idc.HeatMaps(more[1]).scale()
    for wrong in (2, -1):
        with pytest.raises(ValueError, match="item must be"):
            widget.item = wrong
    assert idc.HeatMaps([other, picture], more, item=1).picture.tobytes() == picture.tobytes()
    with pytest.raises(ValueError, match="image must be None or a list of 2"):
        idc.HeatMaps(picture, more)
    with pytest.raises(ValueError, match="all with the same kinds"):
        idc.HeatMaps([PICTURE] * 2, [{"MI": maps("a")}, {"CMI": maps("a")}])


def test_a_film_is_of_one_picture_with_one_scale(scene):
    picture, found = scene
    film = [idc.word_maps(idc.load("scenes"), picture, found.caption, samples=n) for n in (2, 8)]
    widget = idc.HeatMaps(film, item=1)
    assert widget._state["film"] and len(widget._state["images"]) == 1
    assert widget._state["film"][0] == "samples" and [item["moment"] for item in widget._state["items"]] == ["2", "8"]
    highest = max(e.map.abs().max().item() for one in film for e in one.mi)
    assert widget.scale("MI") == (0, highest)
    assert "counted" in widget._shown.kinds["MI"]["red"]


def test_a_film_runs_over_bands_of_log_snr(scene):
    """Maps of bands, whose nats are not those that the world counts for all log-SNRs; one scale."""
    picture, found = scene
    model, ends = idc.load("scenes"), ((-9, -5), (-5, -1))
    film = [idc.word_maps(model, picture, found.caption, samples=8, proposal=uniform(*end)) for end in ends]
    widget = idc.HeatMaps(film)
    assert widget._state["film"][0] == "log-SNR" and len(widget._state["images"]) == 1
    assert [item["moment"] for item in widget._state["items"]] == ["−9.0 to −5.0", "−5.0 to −1.0"]
    assert widget.scale("CMI")[1] == max(e.map.abs().max().item() for one in film for e in one.cmi)
    assert not any("counted" in layer for layer in widget._shown.kinds["MI"].values())
    assert idc.HeatMaps([film[0], film[0]])._state["film"][0] == "samples"


def test_the_small_form_is_light():
    model = idc.load("emoji")
    found = idc.word_maps(model, "😎", "smiling face with sunglasses", samples=100)
    widget = idc.HeatMaps(found, kind="CMI", small=True)
    page = widget.html()
    assert len(page.encode()) < 60_000 and widget.kinds == ["CMI"] and widget.word == "sunglasses"
    (layers,) = widget._state["items"][0]["layers"]
    assert [round(layer["counted"], 9) for layer in layers] == [0, 0, 0, round(math.log(11), 9)]


def test_photographs_are_jpeg_and_drawings_png():
    cat = Image.fromarray(skimage.data.chelsea()).resize((512, 512))
    widget = idc.HeatMaps(cat, {"MI": maps("a", shape=(64, 64))})
    head, data = widget._state["images"][0].split(",")
    assert "jpeg" in head and len(data) < 150_000
    kept = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))), float)
    assert np.abs(kept - np.asarray(cat)).mean() < 3
    drawing = idc.scenes.render(idc.scenes.scenes()[0])
    for size in (32, 512):
        large = drawing.resize((size, size), Image.Resampling.NEAREST)
        head, data = idc.HeatMaps(large, {"MI": maps("a", shape=(8, 8))})._state["images"][0].split(",")
        assert "png" in head and np.array_equal(Image.open(io.BytesIO(base64.b64decode(data))), large)


def test_the_signature_names_every_option():
    parameters = inspect.signature(idc.HeatMaps).parameters
    assert list(parameters)[:5] == ["image", "maps", "caption", "exact", "attention"]
    assert {"word", "kind", "opacity", "shared", "smooth", "hide"} < set(parameters)
    assert not any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters.values())


def test_importing_the_package_does_not_import_the_widget():
    code = "import sys, infodecomp; assert 'anywidget' not in sys.modules; infodecomp.HeatMaps"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_lab_holds_one_state():
    scene = idc.scenes.scenes()[777]
    lab = idc.SceneLab(scene, word="left of" if scene.axis == 0 else "above", question="CMI", logsnr=-3)
    assert lab.scene == scene and lab.text == idc.scenes.captions(scene)[0] and "logsnr=-3" in lab.state
    again = idc.SceneLab(state=lab.state)
    assert again.state == lab.state == eval(repr(lab), {"SceneLab": idc.SceneLab}).state
    data = lab._repr_mimebundle_()[0]
    assert "data-widget" in data["text/html"] and "makeEngine" in data["text/html"]
    wrong = {"text": "cat cat", "question": "why", "kind": "i", "logsnr": 99, "word": 40}
    for name, value in [*wrong.items(), ("word", "moon")]:
        with pytest.raises(ValueError):
            idc.SceneLab(scene, **{name: value})
    with pytest.raises(ValueError, match="state must have exactly"):
        lab.state = "layout=beside-near"
    with pytest.raises(ValueError, match="state must stand alone"):
        idc.SceneLab(scene, state=lab.state)
    said = again.text.replace(" ", "+")
    again.state = lab.state.replace(said, f"{said.capitalize()}.")
    assert again.state == lab.state  # as the page writes it


def test_lab_shows_a_fragment():
    assert "data-widget" in idc.SceneLab(text="the cat left of the blue boat").html()
    assert "data-widget" in idc.SceneLab(text="").html()


def test_left_and_right_are_one_to_a_bag_of_words():
    """What the sixth stop's answer says."""
    text = read(stops()[5]["state"])["text"]
    bags = [orders(text.replace("left", side)) for side in ("left", "right")]
    likelihoods = [sum(meaning.log_likelihoods(t)[0].exp() for t in bag) for bag in bags]
    assert len(bags[0]) == 4 and torch.allclose(*likelihoods)


@pytest.mark.parametrize("widget", [idc.HeatMaps, idc.Sliders, idc.SceneLab, idc.EmojiLab])
def test_a_widget_tells_its_arguments(widget):
    told, own = inspect.signature(widget).parameters, inspect.signature(widget.__init__).parameters
    assert list(told.values()) == list(own.values())[1:]
