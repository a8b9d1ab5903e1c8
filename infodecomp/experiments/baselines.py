"""Other scores that rank captions: CLIP, a language model that never sees the picture, aggregated cross-attention.

A score is a function (picture, captions) -> (K,) of a PIL picture and K captions.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import torch
from PIL import Image

from ..attention import attention_maps, matching_score
from ..checks import double
from ..datasets.items import one_line
from ..joint import kind_of_attention
from ..models.pretrained import hub_answers, online_only
from ..scenes.meaning import log_likelihoods, normalise, possible
from ..scenes.net import NetworkScenes
from ..scenes.parts import load_clip

Score: TypeAlias = Callable[[Image.Image, list[str]], torch.Tensor]


@contextmanager
def _asked(option: str, kind: str, name: str) -> Iterator[None]:
    """ValueError in one line for what is not there, or is no such model."""
    try:
        yield
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{option} must be {kind} of transformers, got {name!r}: {one_line(error)}") from error


def _where(name: str) -> dict:
    """Options of from_pretrained: without a network, nothing waits for it."""
    return {} if Path(name).exists() else online_only(hub_answers())


def _check_length(reader: str, count: int, longest: int) -> None:
    """ValueError for captions that are not read to their end."""
    if count > longest:
        raise ValueError(f"captions must have at most {longest} tokens, as {reader} reads, got {count}")


def clip(name_or_path: str, device: str | None = None) -> Score:
    """Cosine of picture and caption by a CLIP of transformers, such as laion/CLIP-ViT-H-14-laion2B-s32B-b79K.

    That one contains the text encoder of Stable Diffusion 2.1. A caption over its length is a ValueError.
    """
    from transformers import CLIPModel, CLIPProcessor

    with _asked("clip", "a CLIP", name_or_path):
        where = _where(name_or_path)
        processor = CLIPProcessor.from_pretrained(name_or_path, **where)
        model = CLIPModel.from_pretrained(name_or_path, use_safetensors=True, **where).to(device or "cpu").eval()
        longest = min(processor.tokenizer.model_max_length, model.config.text_config.max_position_embeddings)

    @torch.no_grad()
    def score(picture, captions):
        inputs = processor(text=captions, images=picture, padding=True, return_tensors="pt")
        _check_length("the CLIP", inputs["input_ids"].shape[1], longest)
        return model(**inputs.to(model.device)).logits_per_image[0] / model.logit_scale.exp()

    return score


def scenes_clip(model: NetworkScenes) -> Score:
    """The same by the CLIP from which the scenes network's text encoder was trained on; model: load("scenes-net")."""
    if not isinstance(model, NetworkScenes):
        raise ValueError(
            f"clip must be a CLIP of transformers unless the model is one of scenes, got {type(model).__name__}"
        )
    both = load_clip(model.folder)

    @torch.no_grad()
    def score(picture, captions):
        pixels = torch.nn.functional.pixel_shuffle(model.encode(picture).cpu(), 2)
        ids = model.tokenizer(captions, padding="max_length", return_tensors="pt")["input_ids"]
        return both(input_ids=ids, pixel_values=pixels).logits_per_image[0] / both.logit_scale.exp()

    return score


def language_model(name_or_path: str, device: str | None = None) -> Score:
    """Log-probability of a caption in nats, without its picture, by a causal language model of transformers.

    Whatever it gets right in a benchmark can be answered without looking (Lin et al. 2024). A caption begins after the
    model's one start token (its end token, where it has no other), so that the first word counts; one over the model's
    length is a ValueError.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with _asked("text", "a causal language model", name_or_path):
        where = _where(name_or_path)
        tokenizer = AutoTokenizer.from_pretrained(name_or_path, **where)
        model = AutoModelForCausalLM.from_pretrained(name_or_path, use_safetensors=True, **where)
        model = model.to(device or "cpu").eval()
        longest = getattr(model.config, "max_position_embeddings", None) or math.inf
        starts = tokenizer.bos_token_id, model.config.bos_token_id, tokenizer.eos_token_id
        start = next((token for token in starts if token is not None), None)
        if start is None:
            raise ValueError("it has neither a start nor an end token")

    @torch.no_grad()
    def score(picture, captions):
        found = []
        for caption in captions:
            ids = [start, *tokenizer(caption, add_special_tokens=False, verbose=False)["input_ids"]]
            _check_length("the language model", len(ids), longest)
            tokens = torch.tensor([ids], device=model.device)
            log_prob = double(model(input_ids=tokens).logits[0, :-1]).log_softmax(1)
            found.append(sum(log_prob[range(len(ids) - 1), ids[1:]].tolist()))
        return torch.tensor(found, dtype=torch.float64)

    return score


def attention(model: Any, *, samples: int = 20, seed: int = 0, batch_size: int | None = None) -> Score:
    """Cross-attention to a caption's tokens, pooled by log-sum-exp (after He et al. 2023, but not fine-tuned)."""

    def score(picture, captions):
        x, found = model.encode(picture), []
        for caption in captions:
            maps = attention_maps(model, x, caption, samples=samples, seed=seed, batch_size=batch_size)
            words = len(model.tokenizer(caption, add_special_tokens=False)["input_ids"])
            found.append(matching_score(maps, list(range(1, 1 + words)))[0])
        return torch.stack(found)

    return score


def scenes_text(picture: Image.Image | None, captions: list[str]) -> torch.Tensor:
    """Log-probability of a caption in the embedded world, whatever the picture; −∞ outside its grammar."""
    texts = [normalise(caption) for caption in captions]
    return torch.tensor([log_likelihoods(t)[1] if possible(t) else -torch.inf for t in texts], dtype=torch.float64)


def chosen(model: Any, options: Any, clip_name: str | None, text_name: str | None, use_attention: bool) -> dict:
    """{name: Score} of those that a run's options ask for. ValueError for a model without cross-attention."""
    if use_attention and kind_of_attention(model) != "cross":
        raise ValueError(f"attention must come with a model that has it, got {options.model!r}")
    others: dict[str, Score] = {}
    if use_attention:
        others["attention"] = attention(model, batch_size=options.batch_size)
    if clip_name:
        others["clip"] = scenes_clip(model) if clip_name == "scenes" else clip(clip_name, options.device)
    if text_name:
        others["text"] = scenes_text if text_name == "scenes" else language_model(text_name, options.device)
    return others
