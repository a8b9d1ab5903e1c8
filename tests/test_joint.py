"""Joint attention of real transformers, tiny and with random weights: outputs by hand, and what is left behind."""

import numpy as np
import pytest
import tiny
import torch
from PIL import Image

import infodecomp as idc
from infodecomp.experiments.localization import localize
from infodecomp.joint import concept_attention, kind_of_attention, tokens_of, watch

pytestmark = [pytest.mark.filterwarnings(f"ignore::{kind}Warning") for kind in ("Future", "Deprecation")]  # diffusers'


def load(name):
    return idc.load(tiny.pipeline(name), check=False, size=(32, 32))


SD3, FLUX = load("sd3"), load("flux")
BOTH = pytest.mark.parametrize("model", [SD3, FLUX], ids=["sd3", "flux"])
X = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
LEVELS = torch.tensor([-1.0, 2.0])
CAPTION = "a red cat"


def untouched(net, before):
    after = net.attn_processors
    ends = [end for block in net.transformer_blocks for end in (block.attn.to_out[0], block.attn.to_add_out) if end]
    return all(after[key] is before[key] for key in before) and not any(end._forward_pre_hooks for end in ends)


def heads(values, attn):
    return values.double().unflatten(2, (attn.heads, -1)).transpose(1, 2)


@torch.no_grad()
def first_layer(net, call):
    """What the first layer's attention is given, (picture, text)."""
    seen = {}
    attn = net.transformer_blocks[0].attn
    hook = attn.register_forward_pre_hook(lambda m, args, kwargs: seen.update(kwargs), with_kwargs=True)
    call()
    hook.remove()
    return attn, seen["hidden_states"], seen["encoder_hidden_states"]


@torch.no_grad()
def test_similarity_by_hand():
    """SD3 of two layers, of which one keeps its text: softmax of QKᵀ/√d over picture and text, twice."""
    attn, picture, text = first_layer(SD3.unet, lambda: SD3(X, LEVELS, CAPTION))
    _, _, concept = first_layer(SD3.unet, lambda: SD3(X, LEVELS, "cat"))  # a first layer's text knows no picture

    def outputs(text):
        parts = (attn.to_q, attn.add_q_proj), (attn.to_k, attn.add_k_proj), (attn.to_v, attn.add_v_proj)
        q, k, v = (torch.cat([heads(own(picture), attn), heads(added(text), attn)], 2) for own, added in parts)
        found = (q @ k.transpose(2, 3) / q.shape[3] ** 0.5).softmax(3) @ v
        return found.transpose(1, 2).flatten(2).split([picture.shape[1], text.shape[1]], 1)

    of_picture, of_concept = outputs(text)[0], outputs(concept)[1][:, tokens_of(SD3, "cat")].mean(1)
    expected = torch.einsum("npd,nd->np", of_picture, of_concept)
    with watch(SD3.unet) as streams:
        SD3(X, LEVELS, CAPTION)
        streams.keeping = False
        SD3(X, LEVELS, "cat")
        found = streams.similarity(tokens_of(SD3, "cat"))
    assert torch.allclose(found.double(), expected, rtol=1e-4, atol=1e-5) and expected.std() > 0


@BOTH
@torch.no_grad()
def test_a_picture_that_is_kept_is_not_changed_by_what_reads_it(model):
    """The answer while it is kept is the network's own; a concept that is the caption itself changes nothing at all."""
    plain = model(X, LEVELS, CAPTION)
    before = model.unet.attn_processors
    with watch(model.unet) as streams:
        assert torch.allclose(model(X, LEVELS, CAPTION), plain, atol=1e-6)
        streams.keeping = False
        assert torch.allclose(model(X, LEVELS, CAPTION), plain, atol=1e-5)
        other = model(torch.randn_like(X), LEVELS, CAPTION)  # of another picture: the layers read the kept one
        assert (other - plain).abs().max() > 1e-3
        for name, text in streams.texts.items():
            pixels = streams.kept[name][0][1]
            assert text.shape[::2] == pixels.shape[::2]
    assert untouched(model.unet, before) and torch.equal(model(X, LEVELS, CAPTION), plain)


@BOTH
@torch.no_grad()
def test_maps_are_the_mean_over_the_estimators_draws_in_any_batches(model):
    options = {"samples": 6, "seed": 3}
    both = concept_attention(model, X, [CAPTION, "blue"], ["cat", "blue dog"], **options)
    small = concept_attention(model, X, [CAPTION, "blue"], ["cat", "blue dog"], batch_size=2, **options)
    one = concept_attention(model, X[:1], CAPTION, ["blue dog", "cat"], **options)
    assert both.shape == (2, 2, 16, 16) and torch.allclose(both, small, atol=1e-4)
    assert torch.allclose(one[0].flip(0), both[0], atol=1e-4)  # neither rows nor concepts see each other
    assert (both[:, 0] - both[:, 1]).abs().max() > 1e-3
    other = concept_attention(model, X[:1], "blue", ["cat"], **options)
    assert (other[0, 0] - both[0, 0]).abs().max() > 1e-5  # the caption matters


@BOTH
@torch.no_grad()
def test_cells_lie_where_the_patches_are(model):
    """A patch that changes changes its own cell most: output vectors are of the token that asks."""

    def cells(x):
        with watch(model.unet) as streams:
            model(x, LEVELS, CAPTION)
        name = next(iter(streams.kept))
        return streams.kept[name][0][0].unflatten(1, (8, 8))  # what the first layer is given

    changed = X.clone()
    changed[:, :, 4:6, 10:12] += 3
    gap = (cells(changed) - cells(X)).square().sum(3)
    assert gap.flatten(1).argmax(1).tolist() == [2 * 8 + 5] * 2 and (gap > 1e-9).sum() == 2


@BOTH
def test_processors_and_hooks_come_back_after_an_error(model):
    before = model.unet.attn_processors
    with pytest.raises(RuntimeError, match="no"), watch(model.unet):
        assert model.unet.attn_processors["transformer_blocks.0.attn.processor"] is not before
        assert not untouched(model.unet, before)
        raise RuntimeError("no")
    assert untouched(model.unet, before)
    attn = model.unet.transformer_blocks[0].attn

    def fail(*_):
        raise KeyError("inside the layer")

    hook = attn.to_v.register_forward_pre_hook(fail)
    with pytest.raises(KeyError, match="inside"):
        concept_attention(model, X, CAPTION, ["cat"], samples=2)
    hook.remove()
    assert untouched(model.unet, before)


def test_tokens_of_a_concept():
    assert tokens_of(FLUX, "dog") == [0, 1, 2]  # bytes are the tokens of the tiny T5
    first = SD3.pipe.tokenizer.model_max_length
    assert tokens_of(SD3, "dog") == [1, *range(first, first + 3)]  # CLIP's word, then T5's bytes
    with pytest.raises(ValueError, match="concepts must have tokens that the model reads, got ''"):
        tokens_of(FLUX, "")


BAD = [
    ({"model": idc.load("scenes")}, "model must have joint attention, of SD3.*got NoneType"),
    ({"model": idc.load("scenes-net")}, "model must have joint attention, of SD3.*got UNet2DConditionModel"),
    ({"concepts": "cat"}, "concepts must be a list of at least one text, got 'cat'"),
    ({"concepts": []}, "concepts must be a list"),
    ({"proposal": "fit"}, "proposal must be None or a Proposal, got 'fit'"),
    ({"noise": "loud"}, "noise must be"),
    ({"caption": ["a", "b", "c"]}, "rows"),
]


@pytest.mark.parametrize("change, message", BAD)
def test_bad_input(change, message):
    with pytest.raises(ValueError, match=message):
        concept_attention(**{"model": FLUX, "x": X, "caption": CAPTION, "concepts": ["cat"], "samples": 2} | change)


# --------------------------------------------------------------------------------------------- beside information


@pytest.mark.filterwarnings("ignore:nats lie outside")
@pytest.mark.parametrize(
    "name, more",
    [
        ("sd3", {"concept attention"}),
        ("flux", {"concept attention"}),
        ("sdxl", {"attention", "attention + information"}),
        ("sana", set()),
    ],
)
def test_methods_beside_information(name, more):
    model = {"sd3": SD3, "flux": FLUX}.get(name) or load(name)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8))
    kind = kind_of_attention(model)
    before = dict(model.unet.attn_processors) if kind else {}
    maps, _ = localize(model, picture, "a red cat", 2, samples=4, attention=kind is not None)
    assert set(maps) == {"cmi", "mi"} | more and all(m.isfinite().all() for m in maps.values())
    assert all(model.unet.attn_processors[key] is processor for key, processor in before.items())
    for one in more:
        assert maps[one].std() > 0
    if not kind:
        with pytest.raises(
            ValueError, match="attention must be False for a model without any to record, got AskedModel"
        ):
            localize(model, picture, "a red cat", 2, samples=4)
