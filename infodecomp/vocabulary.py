"""What could stand in a word's place, for captions without a grammar: a vocabulary, or a masked language model."""

import torch

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
    """Where a word or phrase stands in caption.split(): (first, last + 1). ValueError unless exactly once."""
    words, part = caption.split(), word.split()
    starts = [i for i in range(len(words)) if words[i : i + len(part)] == part] if part else []
    if len(starts) != 1:
        raise ValueError(f"word must stand once, as a whole, in {caption!r}, got {word!r}")
    return starts[0], starts[0] + len(part)


def replacements(caption, word, vocabulary, prior=None):
    """The caption with a word replaced by each entry of a vocabulary; the word itself joins, if it is not among them.

    prior: weights ≥ 0 of the vocabulary (and of the word, last, where it joins); None: uniform. Returns Alternatives.
    Raises ValueError for a word that does not stand in the caption exactly once, as a whole.
    """
    (start, stop), words = _place(caption, word), caption.split()
    entries = list(dict.fromkeys([*vocabulary, word]))
    return Alternatives([" ".join([*words[:start], entry, *words[stop:]]) for entry in entries], prior)


@torch.no_grad()
def from_language_model(caption, word, model, tokenizer, *, count=20):
    """The likeliest words in a word's place by a masked language model, with its probabilities as prior.

    model, tokenizer: transformers' AutoModelForMaskedLM and its tokenizer. The `count` likeliest whole words and the
    word itself, which must be one token (ValueError); probabilities are normalised among them. Returns Alternatives.
    """
    (start, stop), words = _place(caption, word), caption.split()
    own = tokenizer.encode(word, add_special_tokens=False)
    if len(own) != 1 or own[0] == tokenizer.unk_token_id:
        raise ValueError(f"word must be one token of the language model, got {word!r}")
    text = " ".join([*words[:start], tokenizer.mask_token, *words[stop:]])
    ids = tokenizer(text, return_tensors="pt")["input_ids"].to(model.device)
    at = (ids[0] == tokenizer.mask_token_id).nonzero()[0, 0]
    probabilities = model(input_ids=ids).logits[0, at].double().softmax(0)
    probabilities[tokenizer.all_special_ids] = 0
    names = [tokenizer.decode([i]).strip() for i in range(len(probabilities))]
    whole = torch.tensor([name.isalpha() for name in names], device=probabilities.device)  # no piece of a word
    likely = (probabilities * whole).topk(min(count, int(whole.sum()))).indices.tolist()
    chosen = list(dict.fromkeys([*likely, own[0]]))
    entries = [word if i == own[0] else names[i] for i in chosen]
    return replacements(caption, word, entries, probabilities[chosen])
