import json
import os
import subprocess
import sys
from collections import Counter
from hashlib import sha256

import pytest
from PIL import Image, ImageFile

from infodecomp.datasets import aro

CAPTIONS = """a man riding a wave on top of a surfboard
a woman in a red coat is holding a small brown dog near the parked bicycles
two young guys with shaggy hair look at their hands while hanging out in the yard
a kitchen with a stove, a microwave and a refrigerator
people are standing outside of the old-fashioned bakery at 3 o'clock
the white cat's bowl is under the wooden table & next to the door
several men in hard hats are operating a giant pulley system
three large zebras, two small giraffes and one elephant drink from a muddy river
is that a broken blue umbrella lying in the wet street?
children's toys/games are scattered all over the green carpet
a très jolie café with naïve paintings on its walls
the flying red owl far left of the two blue fish by night under the moon""".splitlines()
# Of all perturbations: a change makes every number that was measured before incomparable.
FROZEN = "1207be0be2bd314ba0fb7c5b34a29df0600564991226811baf162bc82a951477"
DIGEST = (
    "import json, sys; from hashlib import sha256; from infodecomp.datasets import aro;"
    "found = [aro.perturb(c, 'val2014/%d.jpg' % i) for i, c in json.loads(sys.argv[1])];"
    "print(sha256(json.dumps(found[::int(sys.argv[2])]).encode()).hexdigest())"
)


def picture(path, size=(60, 50), **options):
    """A picture in which every pixel differs from its neighbours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size)
    image.putdata([(x * 4, y * 5, (x * y) % 256) for y in range(size[1]) for x in range(size[0])])
    image.save(path, **options)
    return image


def relation(**changes):
    entry = {
        "image_id": "2410753",
        "image_path": "2410753.jpg",
        "bbox_x": 10,
        "bbox_y": 5,
        "bbox_w": 30,
        "bbox_h": 40,
        "true_caption": "the man is to the left of the horse",
        "false_caption": "the horse is to the left of the man",
        "relation_name": "to the left of",
    }
    return without_none(entry | changes)


def attribution(**changes):
    changes = {"relation_name": None, "attributes": ["white", "crouched"]} | changes
    true, false = "the crouched cat and the white door", "the white cat and the crouched door"
    return relation(**{"true_caption": true, "false_caption": false} | changes)


def order(**changes):
    entry = {"image": "val2014/COCO_val2014_000000391895.jpg", "caption": ["A Man; riding a WAVE on (top) of it.", "x"]}
    return without_none(entry | changes)


def without_none(entry):
    return {key: value for key, value in entry.items() if value is not None}


def write(folder, name, entries):
    (folder / name).write_text(json.dumps(entries))


def reason(entry, folder, task="vg_relation"):
    """The reason and detail for which a file of this entry, then a good one, has a first item that is broken."""
    good = {"vg_relation": relation(), "vg_attribution": attribution()}.get(task, order(caption=CAPTIONS[:1]))
    write(folder, aro.FILES[task].format("test"), [entry, good])
    first, *_, last = aro.load(folder, task)
    assert last.broken is None and last.open().mode == "RGB"
    with pytest.raises(aro.Broken) as error:
        first.open()
    assert error.value.reason in aro.REASONS and "\n" not in error.value.detail
    if first.broken:
        assert (first.broken, first.detail) == (error.value.reason, error.value.detail)
    return error.value.reason, error.value.detail


@pytest.fixture
def folder(tmp_path):
    picture(tmp_path / "images" / "2410753.jpg")
    picture(tmp_path / "val2014" / "COCO_val2014_000000391895.jpg")
    picture(tmp_path / "flickr30k-images" / "1007129816.jpg")
    return tmp_path


# ---- the published formats ----


def test_visual_genome(folder):
    write(folder, "visual_genome_relation.json", [relation(), relation(bbox_x=0, bbox_y=0, bbox_w=60, bbox_h=50)])
    items = aro.load(folder, "vg_relation")
    assert [item.id for item in items] == ["vg_relation/000000", "vg_relation/000001"]
    assert items[0].group == "to the left of" and items[0].broken is None
    assert items[0].captions == ("the man is to the left of the horse", "the horse is to the left of the man")
    whole = Image.open(folder / "images" / "2410753.jpg")
    assert items[0].open().tobytes() == whole.crop((10, 5, 40, 45)).tobytes()
    assert items[1].open().tobytes() == whole.tobytes()
    write(folder, "visual_genome_attribution.json", [attribution()])
    (item,) = aro.load(folder, "vg_attribution")
    assert item.id == "vg_attribution/000000" and item.group == "crouched, white"
    assert item.captions == ("the crouched cat and the white door", "the white cat and the crouched door")


@pytest.mark.parametrize("split", ["test", "val"])
@pytest.mark.parametrize("task, name", [("coco_order", "coco_karpathy"), ("flickr30k_order", "flickr30k")])
def test_order(folder, task, name, split):
    image = {"coco_order": order()["image"], "flickr30k_order": "flickr30k-images/1007129816.jpg"}[task]
    write(
        folder,
        f"{name}_{split}.json",
        [order(image=image, caption=[*CAPTIONS[:4], " A Dog,  runs!\n(Off) its~owner "])],
    )
    items = aro.load(folder, task, split)
    assert [item.id for item in items] == [f"{task}/000000/{k}" for k in range(5)]
    assert [item.captions[0] for item in items] == [*CAPTIONS[:4], "a dog, runs off its owner"]
    for item in items:
        assert item.group == "" and len(set(item.captions)) == 5 and item.open().size == (60, 50)
        assert item.captions[1:] == aro.perturb(item.captions[0], image)


def test_long_captions_are_cut_and_say_so(folder):
    words = (" ".join(CAPTIONS[:4])).split()
    write(folder, "coco_karpathy_test.json", [order(caption=[" ".join(words[:30]), " ".join(words[:34])])])
    exact, longer = aro.load(folder, "coco_order")
    assert exact.captions == longer.captions and len(exact.captions[0].split()) == 30
    assert (exact.broken, exact.detail) == (None, "")
    assert (longer.broken, longer.detail) == (None, "34 words, cut to 30")


def test_reading_twice_gives_the_same(folder):
    """And one entry does not depend on those before it."""
    write(folder, "coco_karpathy_test.json", [order(caption=CAPTIONS), order(caption=CAPTIONS[::-1])])
    once, again = aro.load(folder, "coco_order"), aro.load(folder, "coco_order")
    assert once == again and len({item.id for item in once}) == 24
    assert [item.captions for item in once[:12]] == [item.captions for item in once[:11:-1]]
    assert once[0].open().tobytes() == once[0].open().tobytes()
    write(folder, "visual_genome_relation.json", [relation()])
    (item,) = aro.load(folder, "vg_relation")
    assert item.open().tobytes() == item.open().tobytes() and aro.load(folder, "vg_relation") == [item]


# ---- what is broken ----


@pytest.mark.parametrize("key", [k for k in relation() if k != "image_id"])
def test_bad_entry_of_a_pair(folder, key):
    assert reason(relation(**{key: None}), folder)[0] == "bad entry"
    found, detail = reason(relation(**{key: ["?"]}), folder)
    assert found == "bad entry" and key in detail and "['?']" in detail


@pytest.mark.parametrize("wrong", ["white", ["white"], ["white", 3], ["a", "b", "c"], None, {}])
def test_bad_attributes(folder, wrong):
    found, detail = reason(attribution(attributes=wrong), folder, "vg_attribution")
    assert found == "bad entry" and "attributes" in detail


@pytest.mark.parametrize("wrong", [True, "10", float("nan"), float("inf"), 10**400])
def test_bad_numbers(folder, wrong):
    found, detail = reason(relation(bbox_w=wrong), folder)
    assert found == "bad entry" and detail.startswith("bbox_w must be a number")


@pytest.mark.parametrize("wrong", [3, None, [], "relation"])
def test_entries_that_are_none(folder, wrong):
    assert reason(wrong, folder)[0] == reason(wrong, folder, "coco_order")[0] == "bad entry"


@pytest.mark.parametrize("changes", [{"image": None}, {"image": 3}, {"caption": None}, {"caption": "a dog"}])
def test_bad_entry_of_an_order(folder, changes):
    found, detail = reason(order(**changes), folder, "coco_order")
    assert found == "bad entry" and next(iter(changes)) in detail


def test_one_bad_caption_leaves_the_others(folder):
    write(
        folder, "coco_karpathy_test.json", [order(caption=[CAPTIONS[0], 7, "", CAPTIONS[1], "go"]), order(caption=[])]
    )
    items = aro.load(folder, "coco_order")
    assert [item.id[11:] for item in items] == [*(f"000000/{k}" for k in range(5)), "000001"]
    broken = [None, "bad entry", "empty caption", None, "same caption", "bad entry"]
    assert [item.broken for item in items] == broken
    assert aro.count(items) == {"bad entry": 2, "empty caption": 1, "same caption": 1}


@pytest.mark.parametrize("empty", ["", " \n", "..."])
def test_empty_caption(folder, empty):
    assert reason(order(caption=[empty]), folder, "coco_order")[0] == "empty caption"
    for key in ("true_caption", "false_caption") if not empty.strip() else ():
        assert reason(relation(**{key: empty}), folder)[0] == "empty caption"


def test_same_caption(folder):
    assert reason(relation(false_caption=relation()["true_caption"]), folder)[0] == "same caption"
    found, detail = reason(order(caption=["Two dogs."]), folder, "coco_order")
    assert found == "same caption" and detail.endswith("nouns and adjectives; all but nouns and adjectives; trigrams")
    assert reason(order(caption=["dog dog dog dog"]), folder, "coco_order")[1].count(";") == 3


def test_missing_image(folder):
    for name in ("2410754.jpg", "", ".", "2410753.jpg/x", "x" * 5000, "a\0b"):
        found, detail = reason(relation(image_path=name), folder)
        assert found == "missing image" and str(folder) not in detail
    assert reason(order(image="val2014/1.jpg", caption=CAPTIONS[:1]), folder, "coco_order")[0] == "missing image"
    write(folder, "visual_genome_relation.json", [relation()])
    (item,) = aro.load(folder, "vg_relation")
    (folder / "images" / "2410753.jpg").unlink()  # after loading
    with pytest.raises(aro.Broken, match="missing image: no file"):
        item.open()


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_truncated_image(folder, kind):
    """Cut anywhere, a picture is either refused or, where only its last bytes are gone, the same."""
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    path = folder / "images" / f"cut.{kind}"
    picture(path)
    data, whole = path.read_bytes(), Image.open(path).crop((10, 5, 40, 45)).tobytes()
    item = aro.Item("vg_relation/000000", folder=str(folder), image=f"images/cut.{kind}", box=(10, 5, 40, 45))
    refused = 0
    for size in [*range(0, len(data), 97), *range(len(data) - 25, len(data))]:
        path.write_bytes(data[:size])
        try:
            assert item.open().tobytes() == whole and size > len(data) - 25
        except aro.Broken as broken:
            assert broken.reason == "truncated image" and str(folder) not in broken.detail
            refused += 1
    assert refused >= len(data) // 97
    path.write_bytes(data[:-40])
    assert reason(relation(image_path=f"cut.{kind}"), folder)[0] == "truncated image"
    path.write_text("<html>404</html>")
    assert reason(relation(image_path=f"cut.{kind}"), folder)[0] == "truncated image"


def test_a_failing_disk_is_not_the_datas_fault(folder, monkeypatch):
    write(folder, "visual_genome_relation.json", [relation()])
    (item,) = aro.load(folder, "vg_relation")

    def fail(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(PermissionError):
        item.open()


@pytest.mark.parametrize(
    "box",
    [{"bbox_x": 31}, {"bbox_y": 11}, {"bbox_x": -1}, {"bbox_y": -1}, {"bbox_w": 0}, {"bbox_h": 0.2}, {"bbox_w": -5}],
)
def test_box_outside(folder, box):
    found, detail = reason(relation(**box), folder)
    assert found == "box outside image" and detail.endswith("60 × 50")


def test_count(folder):
    write(folder, "visual_genome_relation.json", [relation(), 3, relation(image_path="no"), relation(true_caption="")])
    items = aro.load(folder, "vg_relation")
    assert len(items) == 4 and items[2].captions[0] == "the man is to the left of the horse"
    assert aro.count(items) == Counter(["bad entry", "missing image", "empty caption"])


@pytest.mark.parametrize("text", [None, "", "[", "{}", '"a"', "[1,]", b"\xff\xfe\x00"])
def test_files_that_cannot_be_read(tmp_path, text):
    path = tmp_path / "coco_karpathy_test.json"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match="coco_karpathy_test.json must be ARO's file for coco_order, a list") as error:
        aro.load(tmp_path, "coco_order")
    assert "\n" not in str(error.value)


def test_arguments(tmp_path):
    with pytest.raises(ValueError, match="task must be one of vg_relation, .*, got 'vg'"):
        aro.load(tmp_path, "vg")
    with pytest.raises(ValueError, match="split must be test or val for coco_order, got 'train'"):
        aro.load(tmp_path, "coco_order", "train")
    with pytest.raises(ValueError, match="split must be test for vg_relation, got 'val'"):
        aro.load(tmp_path, "vg_relation", "val")


# ---- shuffles ----


def test_shuffles_keep_what_they_promise():
    """Every word stays; of nouns, adjectives and others each stays in its places; trigrams stay whole, or in place."""
    for caption in CAPTIONS:
        for key in range(20):
            words, (some, others, within, trigrams) = caption.split(), aro.perturb(caption, str(key))
            for text in (some, others, within, trigrams):
                assert text != caption and Counter(text.split()) == Counter(words), caption
            for before, after in zip(words, some.split(), strict=True):
                assert aro._kind(before) == aro._kind(after) and (aro._kind(before) or before == after)
            for before, after in zip(words, others.split(), strict=True):
                assert aro._kind(before) == aro._kind(after) and (not aro._kind(before) or before == after)
            cut = [words[i : i + 3] for i in range(0, len(words), 3)]
            for i, trigram in enumerate(cut):
                assert Counter(within.split()[3 * i : 3 * i + 3]) == Counter(trigram)
                assert " ".join(trigram) in trigrams


def test_parts_of_speech():
    kinds = {
        "NN": "dog dogs woman table, umbrella?",
        "JJ": "red small wooden",
        "": "a riding of on sits three quickly &",
    }
    for kind, words in kinds.items():
        assert {aro._kind(word) for word in words.split()} == {kind}, words
    assert [aro._kind(word) for word in ("-", "/", "x/y", "&slash;", "İ", "日本", "\u200b", "\ud800")].count("JJ") == 0


def test_all_orders_are_equally_likely():
    """Of the five other orders of three words, none is preferred: χ² with 4 degrees of freedom, 600 keys."""
    found = Counter(aro.perturb("in of at", str(key))[2] for key in range(600))
    assert len(found) == 5 and sum((n - 120) ** 2 / 120 for n in found.values()) < 18.5  # 99.9 %
    assert aro.perturb("two dogs")[:2] == ("two dogs", "two dogs") and aro.perturb("two dogs")[2] == "dogs two"
    assert aro.perturb("") == ("",) * 4


def test_shuffles_are_frozen():
    found = [aro.perturb(caption, f"val2014/{i}.jpg") for i, caption in enumerate(CAPTIONS)]
    assert sha256(json.dumps(found).encode()).hexdigest() == FROZEN, found[:2]
    assert found[0][:2] == ("a wave riding a surfboard on top of a man", "a man on riding wave a top a of surfboard")


def test_shuffles_depend_on_neither_process_nor_order():
    numbered = list(enumerate(CAPTIONS))
    environment = os.environ | {"PYTHONHASHSEED": "77"}
    command = [sys.executable, "-c", DIGEST, json.dumps(numbered[::-1]), "-1"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == FROZEN
