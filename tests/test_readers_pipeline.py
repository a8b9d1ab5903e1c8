"""The pipeline a reader has: offloaded, quantised, in half precision, tiled, with words of its own, of other kinds."""

import json

import diffusers
import pytest
import tiny
import torch
from test_asked import CAPTION, CAT, SIZE, evaluating

import infodecomp as idc
from infodecomp import loading
from infodecomp.models import pretrained
from infodecomp.models.parts import fixed, placed

pytestmark = [pytest.mark.filterwarnings(f"ignore::{kind}Warning") for kind in ("Future", "Deprecation")]  # diffusers'
Z = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
LOGSNR = torch.tensor([-1.0, 3.0])


def made(name="stable_diffusion", **changes):
    return evaluating(tiny.pipeline(name, **changes))


def loaded(pipe, **options):
    return idc.load(pipe, check=False, **options)


def test_offloaded_parts_stay_where_they_are():
    plain, pipe = loaded(made(), size=SIZE), made()
    pipe.enable_model_cpu_offload(device="cpu")
    hooks = {name: getattr(part, "_hf_hook", None) for name, part in pipe.components.items()}
    model = loaded(pipe, device="meta", size=SIZE)  # accelerate knows better
    assert model.device.type == "cpu" and model.unet is pipe.unet and model.vae is pipe.vae
    x = plain.encode(CAT)
    assert torch.allclose(model.encode(CAT), x, atol=1e-6)
    assert torch.allclose(model(Z, LOGSNR, CAPTION), plain(Z, LOGSNR, CAPTION), atol=1e-6)
    assert model.decode(x)[0].tobytes() == plain.decode(x)[0].tobytes()
    assert {name: getattr(part, "_hf_hook", None) for name, part in pipe.components.items()} == hooks
    assert pipe(CAPTION, num_inference_steps=1, output_type="pt").images.shape[0] == 1  # and it still runs


def test_quantised_parts_stay_as_they_are():
    pipe = tiny.pipeline("stable_diffusion")  # in training mode: what may be copied is
    pipe.unet.is_quantized = True
    model = loaded(pipe, size=SIZE)
    assert fixed(pipe.unet) and model.unet is pipe.unet and model.vae is not pipe.vae
    unet = placed(pipe.unet, torch.device("meta"), torch.bfloat16)
    assert unet is pipe.unet and unet.device.type == "cpu" and unet.dtype == torch.float32


def test_a_vae_that_overflows_in_half_precision():
    pipe = made("sdxl")
    for part in (pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2):
        part.to(torch.float16)
    model, seen = loaded(pipe, size=SIZE), []
    hook = model.vae.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0].dtype))
    x = model.encode(CAT)
    hook.remove()
    assert seen == [torch.float32] and pipe.vae.dtype == torch.float16 == model.dtype and x.dtype == torch.float32
    full = pipe.vae.to(torch.float32)
    pixels = pipe.image_processor.preprocess([CAT], height=SIZE, width=SIZE, resize_mode="crop")
    with torch.no_grad():
        assert torch.allclose(x, full.encode(pixels).latent_dist.mode() * 0.13025, atol=2e-3)


def test_tiles_are_the_pipelines():
    pipe = made()
    pipe.vae.enable_tiling()
    pipe.vae.tile_sample_min_size = 16
    pipe.vae.tile_latent_min_size = 8
    model, seen = loaded(pipe, size=64), []
    hook = model.vae.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[-1]))
    assert model.encode(CAT).shape == (1, 4, 32, 32) and len(seen) > 1 and max(seen) == 16
    hook.remove()


@pytest.mark.parametrize(("size", "shape"), [(64, (32, 32)), ((48, 32), (24, 16)), (None, (16, 16))])
def test_sizes(size, shape):
    model = loaded(made(), size=size)
    assert model.shape == (4, *shape) and model.encode(CAT).shape == (1, 4, *shape)
    assert model.frame(CAT).size == (2 * shape[1], 2 * shape[0]) == model.decode(torch.zeros(1, 4, *shape))[0].size


def test_sizes_that_a_pipeline_does_not_take():
    for size in (30, 0, "x", (32, 32, 32), 2.5, (16, True)):
        with pytest.raises(ValueError, match="^size must be") as refused:
            loaded(made(), size=size)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["Img2Img", "Inpaint"])
def test_pipelines_of_pictures_lend_their_parts(kind):
    plain = made()
    pipe = getattr(diffusers, f"StableDiffusion{kind}Pipeline")(**plain.components, requires_safety_checker=False)
    one, other = loaded(plain, size=SIZE), loaded(pipe, size=SIZE)
    assert torch.equal(one(Z, LOGSNR, CAPTION), other(Z, LOGSNR, CAPTION)) and one.shape == other.shape
    assert type(pipe).__name__ == f"StableDiffusion{kind}Pipeline"


def test_words_that_the_reader_taught_it():
    """Textual inversion of two vectors, before and after loading; and weights that change."""
    pipe = made()
    pipe.load_textual_inversion({"<two>": torch.randn(2, 32)}, token="<two>")
    model = loaded(pipe, size=SIZE)
    expected = pipe.encode_prompt("a <two>", "cpu", 1, False)[0]
    assert torch.allclose(model.condition("a <two>"), expected, atol=1e-6)
    before = model.condition(CAPTION)
    assert torch.equal(before, model.condition(CAPTION))
    with torch.no_grad():
        pipe.text_encoder.get_input_embeddings().weight.mul_(1.5)
    after = pipe.encode_prompt(CAPTION, "cpu", 1, False)[0]
    assert torch.allclose(model.condition(CAPTION), after, atol=1e-6) and not torch.allclose(before, after, atol=1e-3)


def test_no_caption_is_what_the_pipeline_makes_of_it():
    model = loaded(made("sdxl"), size=SIZE)
    (number,) = model.condition(None).tolist()
    told = model._captions._of(number)[0]
    assert not told["encoder_hidden_states"].any() and not told["added_cond_kwargs"]["text_embeds"].any()
    assert torch.equal(model(Z, LOGSNR, None), model(Z, LOGSNR, ""))
    pipe = made()
    empty = pipe.encode_prompt("", "cpu", 1, False)[0]
    assert torch.allclose(loaded(pipe, size=SIZE).condition(None), empty, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "text", "by"),
    [
        ("sd3", "the red cat is on the mat " * 3, "by tokenizer"),
        ("flux", "a" * 600, "602 tokens, .* by tokenizer"),
        ("pixart_sigma", "a" * 301, "302 tokens, start and end included, 300 are accepted"),
        ("z_image", "a" * 600, "512 are accepted"),
        ("stable_diffusion", "red " * 30, "32 tokens, start and end included, 24 are accepted"),
    ],
)
def test_captions_that_a_tokenizer_cuts_are_refused(name, text, by):
    model = loaded(made(name), size=SIZE)
    with pytest.raises(ValueError, match=f"caption has .*{by}.*truncate=True") as refused:
        model.condition(text)
    assert "\n" not in str(refused.value) and len(model.condition(text, truncate=True)) == 1
    with pytest.raises(ValueError, match="caption has"):
        model.condition(["a", text])


def test_conditions_of_another_model_are_refused():
    one, other = (loaded(made("sd3"), size=SIZE) for _ in range(2))
    for wrong in (one.condition("a cat"), torch.zeros(2), torch.zeros(1, 3, 4)):
        with pytest.raises(ValueError, match="^condition must be captions, or what this model's"):
            other(Z, LOGSNR, wrong)


class Odd(diffusers.StableDiffusionPipeline):
    """Tells its network something that it makes of the step."""

    def __call__(self, prompt=None, height=None, width=None, num_inference_steps=2, guidance_scale=1.0, **_):
        self.scheduler.set_timesteps(num_inference_steps)
        rows = 1 if isinstance(prompt, str) else len(prompt)
        latents, told = torch.randn(rows, 4, 16, 16), self.encode_prompt(prompt, "cpu", 1, False)[0]
        for i, t in enumerate(self.scheduler.timesteps):
            answer = self.unet(latents, t, told * (1 + i), return_dict=False)[0]
            latents = self.scheduler.step(self.odd(answer), t, latents).prev_sample
        return self.vae.decode(latents / self.vae.config.scaling_factor)

    odd = staticmethod(lambda answer: answer)


class Squared(Odd):
    """Makes something of the answer that is no factor."""

    odd = staticmethod(lambda answer: answer + answer.square().clamp(max=0.5))


@pytest.mark.parametrize(
    ("kind", "found"), [(Odd, "encoder_hidden_states changes from step to step"), (Squared, "of the network's answer")]
)
def test_what_cannot_be_replayed_is_refused_with_what_was_found(kind, found):
    plain = made()
    pipe = kind(**plain.components, requires_safety_checker=False)
    with pytest.raises(
        ValueError, match=f"^name_or_path must lead to a pipeline that can be replayed;.*{found}"
    ) as info:
        loaded(pipe)
    assert "\n" not in str(info.value)


# ------------------------------------------------------------------------------------------------- what is read


def test_variants_and_precisions(tmp_path, monkeypatch):
    """fp16 first where half precision is wanted, then without; the VAE in float32; explicit ones are as asked."""
    for folder, variant in (("both", None), ("both", "fp16"), ("one", None)):
        made().save_pretrained(tmp_path / folder, variant=variant)
    seen, original = [], diffusers.DiffusionPipeline.from_pretrained.__func__

    def spy(cls, name, **options):
        seen.append(options.get("variant"))
        return original(cls, name, **options)

    monkeypatch.setattr(diffusers.DiffusionPipeline, "from_pretrained", classmethod(spy))
    for folder, asked in (("both", ["fp16"]), ("one", ["fp16", None])):
        seen.clear()
        options = {"dtype": torch.float16, "vae_dtype": torch.float32}
        pipe = pretrained.from_pretrained(str(tmp_path / folder), **options)
        assert seen == asked and pipe.unet.dtype == pipe.text_encoder.dtype == torch.float16
        assert pipe.vae.dtype == torch.float32
    seen.clear()
    assert loaded(tmp_path / "both", variant="fp16", size=SIZE).dtype == torch.float32 and seen == ["fp16"]
    with pytest.raises(ValueError, match="^name_or_path must be"):
        loaded(tmp_path / "one", variant="fp16")


@pytest.mark.parametrize(
    ("device", "kinds"),
    [("cuda:0", (torch.float16, torch.float32)), ("mps", (torch.float32,) * 2), ("cpu", (torch.float32,) * 2)],
)
def test_the_best_device_is_the_default(device, kinds, tmp_path, monkeypatch):
    pipe, seen = made(), []

    def reads(name, dtype, vae_dtype, **_):
        seen.append((dtype, vae_dtype))
        return pipe

    monkeypatch.setattr(loading, "from_pretrained", reads)
    monkeypatch.setattr(loading, "best_device", lambda: torch.device(device))
    monkeypatch.setattr(loading, "AskedModel", lambda pipe, device, dtype, **more: (str(device), dtype, more["own"]))
    (tmp_path / "model_index.json").write_text(json.dumps({}))
    assert loaded(tmp_path) == (device, None, True) and seen == [kinds]
    assert loaded(tmp_path, dtype=torch.bfloat16) and seen[1] == (torch.bfloat16,) * 2


def test_single_files(tmp_path, monkeypatch):
    """The class is that of the model whose weights a file has; an address of the hub is taken, another one is not."""
    from diffusers.loaders import single_file_utils

    made().save_pretrained(tmp_path / "known")
    seen, file = [], tmp_path / "model.safetensors"
    file.touch()
    known = {"pretrained_model_name_or_path": str(tmp_path / "known")}
    monkeypatch.setattr(single_file_utils, "load_single_file_checkpoint", lambda name, **_: {"weights": name})
    monkeypatch.setattr(single_file_utils, "fetch_diffusers_config", lambda weights: known)
    monkeypatch.setattr(pretrained, "_online", lambda *_: True)
    monkeypatch.setattr(pretrained, "version", lambda _: "0.42.0")
    reads = lambda cls, name, **options: seen.append((name, options)) or made()  # noqa: E731
    monkeypatch.setattr(diffusers.StableDiffusionPipeline, "from_single_file", classmethod(reads))
    address = "https://huggingface.co/owner/name/blob/main/model.safetensors"
    for name in (str(file), address):
        assert loaded(name, size=SIZE, dtype=torch.bfloat16).shape == (4, 16, 16)
        assert seen[-1] == (name, {"dtype": torch.bfloat16})
    monkeypatch.setattr(pretrained, "version", lambda _: "0.38.2")  # where that option had another name
    assert loaded(str(file), size=SIZE) and seen[-1][1] == {"torch_dtype": torch.float32}
    with pytest.raises(ValueError, match="^variant must come with a folder"):
        loaded(file, variant="fp16")
    for name in (
        "https://elsewhere.org/a.safetensors",
        str(tmp_path / "model.ckpt"),
        tmp_path / "none.safetensors",
    ):
        with pytest.raises(ValueError, match="^name_or_path must be"):
            loaded(name)


@pytest.mark.parametrize("name", ["scenes", "scenes-net", lambda z, a, c: z])
@pytest.mark.parametrize("option", [{"revision": "x"}, {"variant": "fp16"}, {"size": 32}, {"guidance": 2.0}])
def test_options_of_pipelines_are_refused_for_others(name, option):
    with pytest.raises(ValueError, match=f"^{next(iter(option))} must be None"):
        loaded(name, **option)
