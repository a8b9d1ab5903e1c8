"""Pictures of every kind give one x: paths, arrays, EXIF, transparency; what is ambiguous is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from PIL import Image
from test_loading import stable_diffusion

import infodecomp as idc
from infodecomp.models.pictures import pictures, upright

SCENES = idc.load("scenes")
SCENE = idc.scenes.render(idc.scenes.scenes()[4321])
LEVELS = np.asarray(SCENE)
FLOATS = torch.tensor(LEVELS).permute(2, 0, 1)[None] / 127.5 - 1
UNIT = (FLOATS + 1) / 2


def pixels():
    """A model of 32 × 32 pixels without VAE: x is the picture from −1 to 1."""
    torch.manual_seed(0)
    blocks = {"down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",), "block_out_channels": (8,)}
    unet = UNet2DModel(32, layers_per_block=1, norm_num_groups=4, **blocks)
    return idc.load(DDPMPipeline(unet, DDPMScheduler(clip_sample=False)), check=False)


PIXELS = pixels()
models = pytest.mark.parametrize("model", [SCENES, PIXELS], ids=["scenes", "diffusers"])


def turned():
    """The scene, stored on its side, with the EXIF tag that turns it back."""
    image = SCENE.transpose(Image.Transpose.ROTATE_90)
    image.getexif()[274] = 6  # rotate by 270° to see it
    return image


@pytest.fixture
def path(tmp_path):
    SCENE.save(tmp_path / "scene.png")
    return tmp_path / "scene.png"


@models
def test_all_kinds_are_one_picture(model, path):
    x = model.encode(SCENE)
    kinds = {
        "path": path,
        "str": str(path),
        "array": LEVELS,
        "batch": LEVELS[None],
        "tensor": torch.tensor(LEVELS).permute(2, 0, 1),
        "tensors": torch.tensor(LEVELS).permute(2, 0, 1)[None],
        "list": [LEVELS],
        "read only": np.frombuffer(LEVELS.tobytes(), np.uint8).reshape(LEVELS.shape),
        "exif": turned(),
        "opaque": SCENE.convert("RGBA"),
    }
    for name, kind in kinds.items():
        assert torch.equal(model.encode(kind), x), name
    assert torch.allclose(model.encode(FLOATS), x, atol=1e-5) and torch.allclose(
        model.encode(FLOATS.double()), x, atol=1e-5
    )
    assert torch.equal(model.encode([SCENE, path, LEVELS]), x.repeat(3, 1, 1, 1))


def test_x_of_a_model_of_pixels_is_the_picture():
    assert torch.allclose(PIXELS.encode(LEVELS), FLOATS, atol=1e-6)


@models
@pytest.mark.parametrize("values", [UNIT, UNIT * 255, FLOATS * 2, FLOATS * 0.0, UNIT.numpy(), FLOATS.round().int()])
def test_other_ranges_are_refused(model, values):
    with pytest.raises(ValueError, match=r"^images must be") as refused:
        model.encode(values)
    assert "\n" not in str(refused.value)


@models
def test_what_is_transparent_lies_on_white(model):
    half = SCENE.convert("RGBA")
    half.putalpha(Image.new("L", SCENE.size, 0))
    assert torch.equal(model.encode(half), model.encode(Image.new("RGB", SCENE.size, "white")))
    indexed = Image.new("P", SCENE.size)
    indexed.info["transparency"] = 0
    assert torch.equal(model.encode(indexed), model.encode(Image.new("RGB", SCENE.size, "white")))


@models
@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_more_than_eight_bits_are_refused(model, mode):
    with pytest.raises(ValueError, match=r"images must be of 8 bits, mode 1, L, .*got "):
        model.encode(Image.new(mode, SCENE.size))


def test_an_exif_turn_in_a_file(tmp_path):
    image = turned()
    image.save(tmp_path / "turned.png", exif=image.getexif())
    assert np.array_equal(np.asarray(upright(tmp_path / "turned.png")), LEVELS)
    assert np.array_equal(np.asarray(PIXELS.frame(tmp_path / "turned.png")), LEVELS)


def test_words_and_heat_maps_take_the_same(path):
    caption = idc.scenes.captions(idc.scenes.scenes()[4321])[0]
    one, other = (idc.word_maps(SCENES, image, caption, [1], samples=2) for image in (SCENE, path))
    assert torch.equal(one.mi[0].nats, other.mi[0].nats) and np.array_equal(np.asarray(other.image), LEVELS)
    for image in (path, str(path), LEVELS, torch.tensor(LEVELS).permute(2, 0, 1), FLOATS, FLOATS[0], turned()):
        assert np.array_equal(np.asarray(idc.HeatMaps(image, one).picture), LEVELS)
    for image in (UNIT, UNIT * 255, UNIT[0]):
        with pytest.raises(ValueError, match=r"^image must be floats from −1 to 1, some negative, got"):
            idc.HeatMaps(image, one)


BAD = {
    "uint16": LEVELS.astype(np.uint16),
    "int64": LEVELS.astype(np.int64),
    "bool": LEVELS > 100,
    "bool tensor": torch.tensor(LEVELS > 100).permute(2, 0, 1),
    "float16": (LEVELS / 127.5 - 1).astype(np.float16),
    "channels last": (LEVELS / 127.5 - 1)[None],
    "channels first": LEVELS.transpose(2, 0, 1),
    "objects": np.array([SCENE, SCENE], dtype=object),
    "nested": [[SCENE]],
    "floats in a list": [FLOATS[0]],
    "NaN": FLOATS * np.nan,
    "infinite": FLOATS * np.inf,
    "complex": FLOATS * 1j,
    "sparse": FLOATS.to_sparse(),
    "no rows": FLOATS[:0],
    "no pixels": np.zeros((32, 0, 3), np.uint8),
    "two sizes": [LEVELS, LEVELS[:, :16]],
    "generator": (image for image in [SCENE]),
    "bytes": SCENE.tobytes(),
    "missing": Path("/nowhere/a.png"),
    "NUL": "a\0b.png",
    "half a surrogate pair": "\ud800.png",
    "too long": "x" * 5000,
}


@pytest.mark.parametrize("kind", BAD)
def test_other_kinds_are_refused_in_one_line(kind):
    with pytest.raises(ValueError, match=r"^images must (be|have|not)") as refused:
        SCENES.encode(BAD[kind])
    assert "\n" not in str(refused.value)


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    SCENE.save(tmp_path / "whole.png")
    bytes_ = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(bytes_[: len(bytes_) // 2])
    (tmp_path / "text.png").write_text("a cat")
    closed = Image.open(tmp_path / "whole.png")
    closed.close()
    with Image.open(tmp_path / "half.png") as half:  # only its header is read
        for image in (tmp_path / "half.png", half, tmp_path / "text.png", tmp_path, closed):
            kinds = "(picture that is whole|path of a picture)"
            with pytest.raises(ValueError, match=rf"^images must be a {kinds}, got .*: ."):
                SCENES.encode(image)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match=r"^images must be a path of a picture.* decompression bomb"):
        SCENES.encode(tmp_path / "whole.png")


def test_files_of_many_kinds(tmp_path):
    """Of several pictures in a file the first one counts; colours come as Pillow converts them."""
    more = {"save_all": True, "append_images": [Image.new("RGB", SCENE.size)]}
    kinds = {"a.png": (SCENE, more), "b.tiff": (SCENE, more), "c.webp": (SCENE.convert("RGBA"), {"lossless": True})}
    for name, (image, options) in kinds.items():
        image.save(tmp_path / name, **options)
        assert torch.equal(SCENES.encode(tmp_path / name), SCENES.encode(SCENE)), name
    few = SCENE.convert("P", palette=Image.Palette.ADAPTIVE)
    few.save(tmp_path / "d.gif", save_all=True, append_images=[Image.new("P", SCENE.size)])
    assert torch.equal(SCENES.encode(tmp_path / "d.gif"), SCENES.encode(few.convert("RGB")))
    SCENE.convert("CMYK").save(tmp_path / "e.jpg", quality=100)
    found = np.asarray(upright(tmp_path / "e.jpg").convert("RGB")).astype(int)
    assert np.abs(found - LEVELS).mean() < 4
    Image.fromarray(LEVELS[..., 0].astype(np.uint16) * 257).save(tmp_path / "f.png")
    with pytest.raises(ValueError, match="images must be of 8 bits"):
        SCENES.encode(tmp_path / "f.png")


@pytest.mark.parametrize("image", ["no such file", Path("/"), None, [], np.zeros((2, 2, 2), np.uint8), {"a": 1}])
def test_what_is_no_picture_is_refused(image):
    with pytest.raises(ValueError, match=r"^images must be"):
        pictures(image)


@pytest.mark.parametrize("name", ["scenes", "diffusers"])
def test_words_keep_what_the_model_saw(name, path):
    """Every kind of one picture, a batch of one included, is kept as the same RGB picture."""
    model, caption = SCENES, idc.scenes.captions(idc.scenes.scenes()[4321])[0]
    if name == "diffusers":
        model, caption = idc.load(stable_diffusion(), check=False), "the red cat"
    kinds = [SCENE, path, LEVELS, LEVELS[None], [SCENE], torch.tensor(LEVELS).permute(2, 0, 1), turned()]
    kept = [idc.word_maps(model, image, caption, [0], samples=2).image for image in kinds]
    assert {image.mode for image in kept} == {"RGB"} and len({image.tobytes() for image in kept}) == 1
