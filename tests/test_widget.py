"""HeatMaps: what reaches the page is what was given; bad input is refused; texts stay texts."""

import base64
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from lab_truth import orders
from PIL import Image
from test_loading import stable_diffusion

import infodecomp as idc
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
    assert widget.kinds == ["MI", "CMI"] and widget.word == widget.words[0] and widget.kind == "MI"
    assert [re.sub(r" \(\d\)$", "", word) for word in widget.words] == found.words
    assert len(set(widget.words)) == len(widget.words)  # "the", "the (2)", "the (3)"
    for kind, given in zip(widget._state["kinds"], (found.mi, found.cmi), strict=True):
        for layer, estimate in zip(kind["layers"], given, strict=True):
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
    assert [layer is not None for layer in widget._state["kinds"][1]["layers"]] == [False, True, False]
    assert [text for text, word in widget._state["caption"] if word is None] == ["a", "above", "a", "cat"]
    second = widget._state["kinds"][0]["layers"][2]["map"]
    assert np.abs(unpack(second, (6, 8)) - given["red (2)"].numpy()).max() < 1.3e-4


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
    assert widget.picture.size == (32, 32) and widget._state["size"] == [16, 16]
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
    assert [text for text, _ in json.loads(data.string)["_state"]["caption"]] == NASTY.split()
    assert NASTY.split()[0] in soup.find("img")["alt"]
    assert soup.find("img")["src"].startswith("data:image/png;base64,")
    assert "http" not in re.sub(r'"data:[^"]*"', "", page)  # nothing from elsewhere


SWALLOW = "<!-- <script> rest </script> -->"  # after the first two a browser's parser sees no end of a script


def test_a_caption_cannot_swallow_the_rest_of_a_page():
    page = idc.HeatMaps(PICTURE, {"MI": maps(*dict.fromkeys(SWALLOW.split()))}, SWALLOW).html()
    head, state, rest = re.fullmatch('(.*<script type="application/json">)(.*?)(</script>.*)', page, re.DOTALL).groups()
    assert "<" not in state and [text for text, _ in json.loads(state)["_state"]["caption"]] == SWALLOW.split()
    assert "<!--" not in head + rest
    assert "<" not in re.search('<script type="application/json">(.*?)</script>', idc.SceneLab().html(), re.DOTALL)[1]


@pytest.mark.parametrize(
    "text", ["a </script><script>1", "a\u2028cat b", "`${x}` cat", "a ]]> &lt; cat", "a \x00 \x85 cat"]
)
def test_captions_come_back_as_they_were(text):
    page = idc.HeatMaps(PICTURE, {"MI": maps(text.split()[0])}, text).html()
    state = re.search('<script type="application/json">(.*?)</script>', page, re.DOTALL)[1]
    assert [part for part, _ in json.loads(state)["_state"]["caption"]] == text.split()
    assert page.count("<script") == page.count("</script") == 2 and "\u2028" not in page


def test_mimebundle_has_live_and_static_forms(scene):
    data, _ = idc.HeatMaps(*scene)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/plain"].startswith("HeatMaps(") and "data-widget" in data["text/html"]


def test_figure_shows_every_word_and_kind(scene):
    picture, found = scene
    widget = idc.HeatMaps(picture, found)
    figure = widget.figure()
    shown = [a.images[0].get_array() for a in figure.axes if a.images and a.get_title().count("±")]
    expected = [e.map[0].numpy() for e in (*found.mi, *found.cmi)]
    assert len(shown) == len(expected)
    assert all(np.array_equal(a, b) for a, b in zip(shown, expected, strict=True))


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
