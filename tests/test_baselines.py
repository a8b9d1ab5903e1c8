"""Blind baselines: each word of a caption counts once, whatever the tokenizer adds; a caption is read to its end."""

from types import SimpleNamespace

import pytest
import torch
from no_float64 import DEVICE, NoFloat64
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import CLIPImageProcessorPil, CLIPProcessor, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from infodecomp.experiments.baselines import clip, language_model
from infodecomp.experiments.runner import measured
from infodecomp.scenes.parts import make_clip, make_tokenizer

WORDS = ["<s>", "</s>", "[X]", "red", "cat", "dog", "a"]
IDS = {word: i for i, word in enumerate(WORDS)}
START, END = "<s>", "</s>"


def saved(folder, adds, **special):
    """A small language model whose tokenizer adds what a template says."""
    inner = Tokenizer(WordLevel(IDS, unk_token="[X]"))
    inner.pre_tokenizer = Whitespace()
    used = [word for word in WORDS[:3] if word in adds]
    inner.post_processor = TemplateProcessing(single=adds, special_tokens=[(word, IDS[word]) for word in used])
    PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="[X]", **special).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"n_layer": 1, "n_head": 2, "n_embd": 16, "n_positions": 8, "initializer_range": 1.0}
    model = GPT2LMHeadModel(GPT2Config(vocab_size=len(WORDS), bos_token_id=None, eos_token_id=None, **sizes)).eval()
    model.save_pretrained(folder)
    return model


@torch.no_grad()
def by_hand(model, caption, start):
    """ln p of the words after one start token, one after the other."""
    ids, total = [IDS[start]], 0.0
    for word in caption.split():
        total += model(torch.tensor([ids])).logits[0, -1].double().log_softmax(0)[IDS[word]].item()
        ids.append(IDS[word])
    return total


@pytest.mark.parametrize(
    "adds, special, start",
    [
        ("<s> $A", {"bos_token": START}, START),
        ("$A", {"bos_token": START}, START),
        ("<s> $A </s>", {"bos_token": START, "eos_token": END}, START),
        ("[X] $A </s>", {"bos_token": START, "cls_token": "[X]", "sep_token": END}, START),
        ("$A", {"eos_token": END}, END),
        ("$A </s>", {"eos_token": END}, END),
    ],
)
def test_each_word_counts_once(tmp_path, adds, special, start):
    model, score = saved(tmp_path, adds, **special), language_model(str(tmp_path))
    captions = ["red cat", "a dog", "a red dog cat", "cat"]
    expected = [by_hand(model, caption, start) for caption in captions]
    assert score(None, captions).tolist() == pytest.approx(expected, abs=1e-4)
    every = score(None, WORDS[3:]).exp().sum()  # the first word is not given away, or these would be four
    with torch.no_grad():
        share = model(torch.tensor([[IDS[start]]])).logits[0, -1].softmax(0)[3:].sum()
    assert every.item() == pytest.approx(share.item(), abs=1e-5)


def test_a_language_model_without_a_start_is_refused(tmp_path):
    saved(tmp_path, "$A")
    with pytest.raises(ValueError, match="^text must be a causal language model .*neither a start nor an end token$"):
        language_model(str(tmp_path))


def test_a_caption_over_the_language_models_length(tmp_path):
    saved(tmp_path, "<s> $A", bos_token=START)
    score = language_model(str(tmp_path))
    assert score(None, ["a red cat a red cat a"]).isfinite()
    with pytest.raises(ValueError, match="^captions must have at most 8 tokens, as the language model reads, got 9$"):
        score(None, ["cat", "a red cat a red cat a red"])


@pytest.fixture
def tiny_clip(tmp_path):
    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    make_clip(tokenizer).save_pretrained(tmp_path)
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(images, tokenizer).save_pretrained(tmp_path)
    return tmp_path


def test_clip_reads_a_caption_to_its_end(tiny_clip):
    """22 words and two marks are what it can read; more make a broken item, not the score of their beginning."""
    score, picture = clip(str(tiny_clip)), Image.new("RGB", (32, 32), "red")
    full = "red dog " * 11
    one, other = score(picture, [full, full.rsplit(" ", 2)[0] + " cat"]).tolist()
    assert one != other  # the last word is read
    assert score(picture, [full])[0].item() == pytest.approx(one, abs=1e-6)
    with pytest.raises(ValueError, match="^captions must have at most 24 tokens, as the CLIP reads, got 25$"):
        score(picture, ["red", full + "cat"])
    item = SimpleNamespace(id="t/1", caption=full + "cat")
    record = measured(item, lambda item: {"score": score(picture, [item.caption]).item()})
    assert record["broken"] == "cannot be measured" and record["detail"].count("\n") == 0
    assert record["detail"].startswith("ValueError: captions must have at most 24 tokens")


def test_scores_on_a_device_without_float64(tmp_path):
    saved(tmp_path, "<s> $A", bos_token=START)
    here = language_model(str(tmp_path))(None, ["red cat"])
    with NoFloat64():
        assert torch.allclose(language_model(str(tmp_path), DEVICE)(None, ["red cat"]), here)


@pytest.mark.parametrize("option", ["clip", "text"])
def test_without_a_network_nothing_waits(option, monkeypatch):
    """The hub's client would try five times for each file; a model on this machine is found all the same."""
    monkeypatch.setattr(f"{clip.__module__}.hub_answers", lambda: False)
    score = {"clip": clip, "text": language_model}[option]
    with pytest.raises(ValueError, match=f"{option} must be a .* of transformers, got 'nobody/has-this'") as refused:
        score("nobody/has-this")
    assert "\n" not in str(refused.value)
