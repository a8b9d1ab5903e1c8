import pytest
import torch

from infodecomp import vocabulary
from infodecomp.vocabulary import COCO, COLOURS, NUMERALS, PREPOSITIONS, from_language_model, replacements

CAPTION = "a red cat on a hot dog"


def test_the_vocabularies():
    assert len(COCO) == len(set(COCO)) == 80 and "hot dog" in COCO
    for words in (COLOURS, NUMERALS, PREPOSITIONS):
        assert len(words) == len(set(words)) >= 10


def test_replacements_touch_nothing_else():
    found = replacements(CAPTION, "red", COLOURS)
    assert found.conditions[0] == CAPTION and found.conditions[3] == "a green cat on a hot dog"
    assert len(found.conditions) == len(COLOURS) and torch.allclose(found.prior, torch.full((11,), 1 / 11).double())
    assert replacements(CAPTION, "hot dog", COCO).conditions[15] == "a red cat on a cat"
    joined = replacements(CAPTION, "cat", ["cow"], [3.0, 1.0])
    assert joined.conditions == ["a red cow on a hot dog", CAPTION] and joined.prior.tolist() == [0.75, 0.25]


@pytest.mark.parametrize("word", ["hot dog", "hot  dog", "hot dog,"])
def test_punctuation_is_no_part_of_a_word(word):
    found = replacements("A hot dog, (red) and big.", word, ["cake"])
    assert found.conditions == ["A cake, (red) and big.", "A hot dog, (red) and big."]
    assert replacements("A hot dog, (red) and big.", "red", ["blue"]).conditions[0] == "A hot dog, (blue) and big."


@pytest.mark.parametrize("word", ["dogs", "ca", "a", "", "cat on the"])
def test_a_word_that_is_not_there_once(word):
    with pytest.raises(ValueError, match="word must stand once, as a whole"):
        replacements(CAPTION, word, COLOURS)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A small masked language model of our own, trained on sentences whose statistics are known."""
    from transformers import BertConfig, BertForMaskedLM, BertTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "blue", "cat", "dog", "##s"]
    tokenizer = BertTokenizer(vocab={word: i for i, word in enumerate(words)})
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = BertForMaskedLM(BertConfig(vocab_size=len(words), hidden_dropout_prob=0, **sizes))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    masked = tokenizer(["a [MASK] cat", "a [MASK] dog"], return_tensors="pt")["input_ids"].repeat(4, 1)
    labels = torch.full_like(masked, -100)
    labels[:, 2] = torch.tensor([words.index(w) for w in "red red red blue red blue blue blue".split()])
    for _ in range(150):  # cats are red three times of four, dogs blue
        optimizer.zero_grad()
        model(input_ids=masked, labels=labels).loss.backward()
        optimizer.step()
    return model.eval(), tokenizer


def test_a_language_models_prior(bert):
    found = from_language_model("a red cat", "red", *bert, count=2)
    prior = dict(zip(found.conditions, found.prior.tolist(), strict=True))
    assert set(prior) == {"a red cat", "a blue cat"} and prior["a red cat"] == pytest.approx(0.75, abs=0.05)
    assert from_language_model("a red dog", "red", *bert, count=1).conditions == ["a blue dog", "a red dog"]
    everything = from_language_model("a red cat", "red", *bert, count=50)
    assert len(everything.conditions) == 5 and all("#" not in c and "[" not in c for c in everything.conditions)
    with pytest.raises(ValueError, match="word must be one token"):
        from_language_model("a green cat", "green", *bert)


def test_the_module_is_public():
    import infodecomp as idc

    assert idc.vocabulary is vocabulary
