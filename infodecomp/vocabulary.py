"""Alternatives of a word in captions without a grammar: from a vocabulary, or from a masked language model."""

from collections.abc import Sequence
from typing import Any

import torch

from .captions import find, replace, units, word_at
from .checks import double, refuse, whole
from .estimates.alternatives import Alternatives

COLOURS = "red orange yellow green blue purple pink brown black white gray".split()
NUMERALS = "one two three four five six seven eight nine ten".split()
PREPOSITIONS = "above behind below beside in inside near on over under".split()
COCO = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter,"
    "bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,"
    "skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,"
    "cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,"
    "potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,"
    "refrigerator,book,clock,vase,scissors,teddy bear,hair drier,toothbrush"
).split(",")  # the 80 categories of Lin et al. (2014)


def _place(caption, word):
    """(first, last + 1, text) of a word or phrase in caption.split(), its text without the punctuation around it.

    ValueError unless it stands there exactly once.
    """
    found = find(caption, word, units(caption))
    if len(found) != 1:
        raise ValueError(f"word must stand once, as a whole, in {caption!r}, got {word!r}")
    start, stop, _ = found[0]
    return start, stop, word_at(caption, start, stop)


def replacements(
    caption: str, word: str, vocabulary: Sequence[str], prior: torch.Tensor | Sequence[float] | None = None
) -> Alternatives:
    """The caption with a word replaced by each entry of a vocabulary; the word itself is added if it is not among them.

    prior: weights ≥ 0 of the vocabulary (and last of the word, if it is added); None: uniform. Punctuation around the
    word stays. Raises ValueError unless the word stands in the caption exactly once, as a whole.
    """
    start, stop, word = _place(caption, word)
    if isinstance(vocabulary, str) or not isinstance(vocabulary, Sequence):
        refuse("vocabulary", "a list of words", vocabulary)
    if not all(isinstance(entry, str) and entry.split() for entry in vocabulary):
        refuse("vocabulary", "a list of words", vocabulary)
    entries = dict.fromkeys([*vocabulary, word])
    return Alternatives([replace(caption, start, stop, entry) for entry in entries], prior)


@torch.no_grad()
def from_language_model(caption: str, word: str, model: Any, tokenizer: Any, *, count: int = 20) -> Alternatives:
    """The likeliest words in a word's place by a masked language model, with its probabilities as prior.

    model, tokenizer: transformers' AutoModelForMaskedLM and its tokenizer. Alternatives are the `count` likeliest whole
    words and the word itself, which must be one token (ValueError); probabilities are normalised among them.
    """
    (start, stop, word), count = _place(caption, word), whole("count", count, 1)
    own = tokenizer.encode(word, add_special_tokens=False)
    if len(own) != 1 or own[0] == tokenizer.unk_token_id:
        raise ValueError(f"word must be one token of the language model, got {word!r}")
    masked = replace(caption, start, stop, tokenizer.mask_token)
    ids = tokenizer(masked, return_tensors="pt")["input_ids"].to(model.device)
    at = (ids[0] == tokenizer.mask_token_id).nonzero()[0, 0]
    probabilities = double(model(input_ids=ids).logits[0, at]).softmax(0)
    probabilities[tokenizer.all_special_ids] = 0
    names = [tokenizer.decode([i]).strip() for i in range(len(probabilities))]
    words = torch.tensor([name.isalpha() for name in names], device=probabilities.device)  # not a part of a word
    likely = (probabilities * words).topk(min(count, int(words.sum()))).indices.tolist()
    chosen = list(dict.fromkeys([*likely, own[0]]))
    entries = [word if i == own[0] else names[i] for i in chosen]
    return replacements(caption, word, entries, probabilities[chosen])
