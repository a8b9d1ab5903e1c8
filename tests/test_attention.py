from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import pytest
import tiny
import torch
from diffusers import UNet2DConditionModel, UNet2DModel
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0

import infodecomp as idc
from infodecomp import scenes as sc
from infodecomp.attention import Recorder, attention_maps, daam, matching_score, record, sum_heads, word_map
from infodecomp.noise import DRAWS, draw_logsnr, generator

MODEL = idc.load("scenes-net")
CAPTIONS = ["the red cat above the blue dog", "the flying owl left of the two fish"]
X = MODEL.encode([sc.render(sc.sample(1, seed=k)[0][0]) for k in (3, 4)])


def make_unet(**changes):
    torch.manual_seed(0)
    options = {
        "sample_size": 12,
        "block_out_channels": (16, 32, 48),
        "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        "attention_head_dim": (2, 4, 6),  # numbers of heads
        "layers_per_block": 1,
        "cross_attention_dim": 20,
        "norm_num_groups": 4,
    }
    unet = UNet2DConditionModel(**options | changes).eval()
    for name, weights in unet.named_parameters():  # initial weights give attention that is nearly uniform
        if "attn2.to_q" in name or "attn2.to_k" in name:
            weights.data *= 6
    return unet


UNET = make_unet()
INPUT = torch.randn(4, 4, 12, 10, generator=torch.Generator().manual_seed(1))
STATES = torch.randn(4, 7, 20, generator=torch.Generator().manual_seed(2))
CALL = {"sample": INPUT, "timestep": torch.tensor([10.0, 200.0, 500.0, 900.0]), "encoder_hidden_states": STATES}


def scene_call(unet):
    tokens, pooled = MODEL.condition(CAPTIONS)
    x, tokens, pooled = (t.to(unet.dtype) for t in (X, tokens, pooled))
    return unet(x, torch.tensor([300.0, 700.0]), tokens, class_labels=pooled).sample


def small_call(unet):
    return unet(**{name: t.to(unet.dtype) for name, t in CALL.items()}).sample


def sdxl_call(unet):
    added = {"text_embeds": STATES[:, 0].repeat(1, 2)[:, :32], "time_ids": torch.full((4, 6), 16.0)}
    more = {"encoder_hidden_states": STATES.repeat(1, 1, 4)[..., :64], "added_cond_kwargs": added}
    return unet(**CALL | more).sample if unet.dtype == torch.float32 else unet(**_doubled(CALL | more)).sample


def _doubled(call):
    return {k: _doubled(v) if isinstance(v, dict) else v.double() for k, v in call.items()}


def sdxl():
    unet = tiny.pipeline("sdxl").unet.eval()
    for name, weights in unet.named_parameters():
        if "attn2.to_q" in name or "attn2.to_k" in name:
            weights.data *= 6
    return unet


CALLS = [(UNET, small_call), (MODEL.unet, scene_call), (sdxl(), sdxl_call)]
NETWORKS = pytest.mark.parametrize("unet, call", CALLS, ids=["own", "scenes", "sdxl"])


def keep_all(probabilities, layer):
    return probabilities


@torch.no_grad()
def by_hand(unet, call):
    """Softmax of QKᵀ/√d of every cross-attention layer, from what its own to_q and to_k return, unrecorded."""
    seen, hooks, found = {}, [], {}
    for name, module in unet.named_modules():
        if name.endswith(("attn2.to_q", "attn2.to_k")):
            hooks.append(module.register_forward_hook(lambda m, a, out, name=name: seen.__setitem__(name, out)))
    out = call(unet)
    for hook in hooks:
        hook.remove()
    for name in (name.removesuffix(".to_q") for name in seen if name.endswith("to_q")):
        heads = unet.get_submodule(name).heads
        q, k = (seen[f"{name}.{part}"].double().unflatten(2, (heads, -1)).transpose(1, 2) for part in ("to_q", "to_k"))
        found[name] = (q @ k.transpose(2, 3) / q.shape[3] ** 0.5).softmax(3)
    return out, found


@NETWORKS
@torch.no_grad()
def test_every_layer_is_what_a_hand_computes_and_the_output_stays(unet, call):
    unet = deepcopy(unet).double()  # in float32, sharp attention amplifies rounding to 1e-5, more on some processors
    before = unet.attn_processors
    plain, hand = by_hand(unet, call)
    with record(unet, keep=keep_all) as recorder:
        out = call(unet)
    assert torch.allclose(out, plain, atol=1e-10) and not torch.equal(out, torch.zeros_like(out))
    assert list(recorder.maps) == list(recorder.layers) == list(hand)
    for name, expected in hand.items():
        found = recorder.maps[name]
        assert torch.allclose(found, expected, atol=1e-10)
        assert torch.allclose(found.sum(3), torch.ones_like(found.sum(3)), atol=1e-10)  # over all tokens
        assert found.std(3).max() > 0.02  # not merely uniform
    after = unet.attn_processors
    assert all(after[key] is before[key] for key in before) and not unet._forward_pre_hooks


def test_heads_and_resolutions_of_each_layer():
    with record(UNET, keep=keep_all) as recorder, torch.no_grad():
        small_call(UNET)
    found = [(layer.heads, layer.resolution) for layer in recorder.layers.values()]
    large, middle, small = (2, (12, 10)), (4, (6, 5)), (6, (3, 3))
    assert found == [large, middle, small, middle, middle, large, large]
    for name, maps in recorder.maps.items():
        layer = recorder.layers[name]
        assert maps.shape == (4, layer.heads, layer.resolution[0] * layer.resolution[1], 7)
        assert (maps[:, 0] - maps[:, -1]).abs().max() > 1e-3  # heads differ, and all of them are there


@torch.no_grad()
def test_masked_and_normalised_text():
    unet, mask = make_unet(upcast_attention=True), torch.ones(4, 7)
    for name, module in unet.named_modules():
        if name.endswith("attn2"):
            module.norm_cross = torch.nn.LayerNorm(20)
    mask[:, 5:] = 0
    for processor in (AttnProcessor(), AttnProcessor2_0()):
        unet.set_attn_processor(processor)
        plain = unet(**CALL, encoder_attention_mask=mask).sample
        with record(unet, keep=keep_all) as recorder:
            out = unet(**CALL, encoder_attention_mask=mask).sample
        assert torch.allclose(out, plain, atol=2e-5, rtol=1e-4)
        assert (out - unet(**CALL).sample).abs().max() > 1e-3
        for maps in recorder.maps.values():
            assert maps[..., 5:].max() < 1e-6 and torch.allclose(maps.sum(3), torch.ones(maps.shape[:3]), atol=1e-5)


@pytest.mark.parametrize("change", ["fuse_qkv_projections", "set_attention_slice"])
@torch.no_grad()
def test_other_plain_processors(change):
    unet = make_unet()
    getattr(unet, change)(*([1] if change == "set_attention_slice" else []))
    assert "AttnProcessor2_0" not in {type(p).__name__ for p in unet.attn_processors.values()}
    plain = unet(**CALL).sample
    with record(unet):
        assert torch.allclose(unet(**CALL).sample, plain, atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_half_precision():
    half = make_unet()
    for weights in half.parameters():
        weights.data = weights.data.bfloat16()
    call = {name: value.bfloat16() if value.is_floating_point() else value for name, value in CALL.items()}
    plain = half(**call).sample
    with record(half) as recorder:
        out = half(**call).sample
    assert out.dtype == torch.bfloat16 and (out - plain).norm() < 0.03 * plain.norm()
    assert all(maps.dtype == torch.float32 for maps in recorder.maps.values())


@NETWORKS
def test_processors_come_back_after_an_error(unet, call):
    before = unet.attn_processors
    with pytest.raises(RuntimeError, match="no"), record(unet):
        assert any(unet.attn_processors[key] is not before[key] for key in before)
        raise RuntimeError("no")

    def fail(probabilities, layer):
        raise KeyError(layer.name)

    with pytest.raises(KeyError, match="attn2"), record(unet, keep=fail):
        call(unet)
    after = unet.attn_processors
    assert all(after[key] is before[key] for key in before) and not unet._forward_pre_hooks


@torch.no_grad()
def test_only_cross_attention_is_replaced():
    before = UNET.attn_processors
    with record(UNET):
        changed = {key for key, processor in UNET.attn_processors.items() if processor is not before[key]}
    assert changed == {key for key in before if "attn2" in key} and len(changed) == 7


@torch.no_grad()
def test_guidance_keeps_the_second_half_of_the_batch_and_all_heads():
    with record(UNET, keep=keep_all) as every:
        small_call(UNET)
    with record(UNET, guidance=True, keep=keep_all) as half:
        small_call(UNET)
    assert all(torch.equal(half.maps[name], every.maps[name][2:]) for name in every.maps)
    odd = {name: value[:3] for name, value in CALL.items()}
    with pytest.raises(ValueError, match="guidance=True needs batches of an even number of rows, got 3"):
        with record(UNET, guidance=True):
            UNET(**odd)
    with record(UNET, keep=keep_all) as every:
        UNET(**odd)
    assert all(len(maps) == 3 for maps in every.maps.values())


@torch.no_grad()
def test_calls_are_summed_recordings_nest_and_follow_one_another():
    with record(UNET) as outer:
        small_call(UNET)
        with record(UNET, keep=keep_all) as inner:
            small_call(UNET)
        small_call(UNET)
    small_call(UNET)
    with record(UNET) as again:
        small_call(UNET)
    for name, maps in again.maps.items():
        assert torch.allclose(outer.maps[name], 3 * maps, atol=1e-5)
        assert torch.equal(sum_heads(inner.maps[name], inner.layers[name]), maps)


@torch.no_grad()
def test_daam_by_hand():
    hand = by_hand(UNET, small_call)[1]
    sizes = [(12, 10), (6, 5), (3, 3), (6, 5), (6, 5), (12, 10), (12, 10)]
    expected = 0
    for probabilities, size in zip(hand.values(), sizes, strict=True):
        for head in probabilities.unbind(1):  # each head on its own, before any sum
            maps = head.transpose(1, 2).unflatten(2, size)
            expected = expected + torch.nn.functional.interpolate(maps, (24, 20), mode="bicubic")
    with record(UNET) as recorder:
        small_call(UNET)
        small_call(UNET)
    found = daam(recorder, (24, 20))
    assert found.shape == (4, 7, 24, 20) and torch.allclose(found.double(), 2 * expected, atol=1e-3)
    heads = 2 * sum(layer.heads for layer in recorder.layers.values())
    assert torch.allclose(found.sum(1), torch.full((4, 24, 20), float(heads)), rtol=1e-5)


@torch.no_grad()
def test_daam_of_constant_attention_is_constant():
    unet = make_unet()
    for name, weights in unet.named_parameters():
        if "attn2.to_q" in name:
            weights.data *= 0
    with record(unet) as recorder:
        small_call(unet)
    heads = sum(layer.heads for layer in recorder.layers.values())
    maps = daam(recorder, (30, 25))
    assert torch.allclose(maps, torch.full((4, 7, 30, 25), heads / 7), rtol=1e-5)
    assert torch.allclose(matching_score(maps, [1, 2, 3]), torch.full((4,), 1 / 7), atol=1e-5)


def test_word_map_and_matching_score():
    maps = torch.rand(2, 5, 3, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(word_map(maps, [1, 3]), (maps[:, 1] + maps[:, 3]) / 2)
    chosen = (maps / maps.sum(1, keepdim=True))[:, [1, 3]].flatten(1)
    assert torch.allclose(matching_score(maps, [1, 3]), (10 * chosen).exp().mean(1).log() / 10, atol=1e-6)
    assert torch.equal(matching_score(9 * maps, [2]).round(decimals=5), matching_score(maps, [2]).round(decimals=5))
    assert torch.allclose(matching_score(maps.double(), [1, 3], scale=1e-6), chosen.double().mean(1), atol=1e-5)
    assert torch.allclose(matching_score(maps, [1, 3], scale=1e5), chosen.max(1).values, atol=1e-3)


@torch.no_grad()
def test_attention_at_the_estimators_own_noise():
    samples, seed = 6, 5
    found = attention_maps(MODEL, X, CAPTIONS, samples=samples, seed=seed)
    logsnr, _ = draw_logsnr(MODEL.proposal, seed, DRAWS, range(2), samples // 2)
    for i in range(2):
        noise = torch.randn(samples, *X.shape[1:], generator=generator(seed, DRAWS, i, 0))
        level = logsnr[i].float()
        with record(MODEL.unet) as recorder:
            MODEL(idc.channel.add_noise(X[i].expand_as(noise), level, noise), level, CAPTIONS[i])
        heads = sum(layer.heads for layer in recorder.layers.values())
        assert torch.allclose(found[i], daam(recorder, (16, 16)).mean(0) / heads, atol=1e-5)
    assert torch.allclose(found.sum(1), torch.ones(2, 16, 16), atol=1e-5)
    more = attention_maps(MODEL, X[:1], CAPTIONS[0], samples=60)  # ends of the range are no draws of it
    assert torch.allclose(more.sum(1), torch.ones(1, 16, 16), atol=1e-5)


def test_attention_maps_of_one_image_in_any_batches_change_no_estimate():
    one = attention_maps(MODEL, X[:1], CAPTIONS[0], samples=6, seed=5)
    both = attention_maps(MODEL, X, MODEL.condition(CAPTIONS), samples=6, seed=5, batch_size=5)
    shared = attention_maps(MODEL, X, CAPTIONS[0], samples=6, seed=5)
    assert one.shape == (1, 24, 16, 16) and torch.allclose(one[0], both[0], atol=1e-5)
    assert torch.allclose(shared[0], one[0], atol=1e-5) and (shared[1] - both[1]).abs().max() > 1e-3
    balanced = attention_maps(MODEL, X[:1], CAPTIONS[0], samples=6, seed=5, noise="balanced")
    assert (balanced - one).abs().max() > 1e-4 and (balanced - one).abs().mean() < 0.1 * one.std()
    before = idc.nll(MODEL, X, CAPTIONS, samples=6, seed=5).nats
    with record(MODEL.unet):
        assert torch.allclose(idc.nll(MODEL, X, CAPTIONS, samples=6, seed=5).nats, before, rtol=1e-5)


def test_a_noun_is_read_on_its_object_more_than_elsewhere():
    """Share of a noun's attention on the object over the object's share of cells, in 24 pictures; 1 if it is blind."""
    times = []
    for scene, _, caption in zip(*sc.sample(24, seed=21), strict=True):
        noun = scene.first.noun
        seen = attention_maps(MODEL, MODEL.encode(sc.render(scene)), caption, samples=8)
        read = word_map(seen, [1 + caption.split().index(noun)])[0]  # after the start token
        inside = torch.tensor(sc.mask(scene, noun)).float().reshape(16, 2, 16, 2).mean((1, 3)) > 0.5
        times.append(read[inside].sum() / read.sum() / inside.float().mean())
    times = torch.stack(times)
    assert times.mean() > 1 + 3.3 * times.std() / 24**0.5


BAD = [
    (lambda: record(MODEL).__enter__(), "unet must have cross-attention"),
    (lambda: record(UNet2DModel(**PLAIN)).__enter__(), "got UNet2DModel"),
    (lambda: daam(Recorder(keep_all, False), (4, 4)), "recorder must hold maps"),
    (lambda: word_map(torch.ones(1, 5, 2, 2), []), "tokens must be positions from 0 to 4"),
    (lambda: word_map(torch.ones(1, 5, 2, 2), [5]), "tokens must be positions from 0 to 4"),
    (lambda: matching_score(torch.ones(1, 5, 2, 2), [-1]), "tokens must be positions from 0 to 4"),
    (lambda: attention_maps(idc.load("scenes"), X, "the cat"), "model needs .unet"),
    (lambda: attention_maps(MODEL, X, "the cat", proposal="fit"), "proposal must be None or a Proposal, got 'fit'"),
    (lambda: attention_maps(MODEL, X, "the cat", noise="loud"), "noise must be 'plain' or 'balanced'"),
    (lambda: attention_maps(MODEL, X, "the cat", samples=3), "samples must be"),
    (lambda: attention_maps(MODEL, X, ["the cat"] * 3), "rows"),
]
PLAIN = {"block_out_channels": (8,), "down_block_types": ("AttnDownBlock2D",), "up_block_types": ("AttnUpBlock2D",)}
PLAIN |= {"norm_num_groups": 4, "layers_per_block": 1}


@pytest.mark.parametrize("call, message", BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@torch.no_grad()
def test_batches_of_another_size_and_unknown_processors():
    with record(UNET, keep=keep_all) as recorder:
        small_call(UNET)
        with pytest.raises(ValueError, match="batches must have one size"):
            UNET(**{name: value[:2] for name, value in CALL.items()})
    with pytest.raises(ValueError, match="recorder must hold maps"):
        daam(recorder, (12, 10))  # kept whole, not summed over heads

    class Own(AttnProcessor):
        pass

    unet = make_unet()
    unet.set_attn_processor(Own())
    with pytest.raises(ValueError, match="got {'Own'}"), record(unet):
        pass


def test_rows_that_come_again_after_memory_ran_out_count_once():
    class Small:
        """Runs out of memory above three rows, after its layers have been seen."""

        unet = MODEL.unet

        def __getattr__(self, name):
            return getattr(MODEL, name)

        def __call__(self, z, logsnr, condition):
            eps_hat = MODEL(z, logsnr, condition)
            if len(z) > 3:
                raise torch.cuda.OutOfMemoryError("full")
            return eps_hat

    options = {"samples": 6, "seed": 5}
    halved, whole = (attention_maps(model, X[:1], CAPTIONS[0], **options) for model in (Small(), MODEL))
    assert torch.allclose(halved, whole, rtol=1e-4, atol=1e-6)


# ------------------------------------------------------------------------------------------------------------ threads


def test_threads_on_one_model_see_only_their_own():
    """Recordings from four threads, while a fifth only denoises: each the same as alone, and processors restored."""
    x, captions = X[:1], ["the red owl", "the blue fish", "red", "two"]
    alone = [attention_maps(MODEL, x, caption, samples=4) for caption in captions]
    assert (alone[0] - alone[1]).abs().max() > 0.01
    processors, logsnr = dict(MODEL.unet.attn_processors), torch.full((1,), -5.0)
    expected = MODEL(x, logsnr, "red")
    with ThreadPoolExecutor(5) as pool:
        busy = [pool.submit(attention_maps, MODEL, x, caption, samples=4) for caption in captions]
        others = [MODEL(x, logsnr, "red") for _ in range(20)]
        found = [one.result() for one in busy]
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found, alone, strict=True))
    assert all(torch.allclose(other, expected, atol=1e-5) for other in others)
    assert MODEL.unet.attn_processors == processors


def test_another_thread_is_not_recorded():
    with ThreadPoolExecutor(1) as pool, record(MODEL.unet) as recorder:
        pool.submit(MODEL, X[:1], torch.full((1,), -5.0), "red").result()
        assert not recorder.maps
        MODEL(X[:1], torch.full((1,), -5.0), "red")
        assert recorder.maps
