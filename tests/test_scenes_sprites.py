import numpy as np
import pytest

from infodecomp import scenes as sc
from infodecomp.scenes import grammar, sprites

SCENE = sc.Scene(0, 1, 1, sc.Thing("owl", "flying", "red"), sc.Thing("fish", "two", "blue"))
SCENES = sc.sample(60, seed=4)[0]


def test_all_scenes_look_different():
    assert len({sprites.pixels(s).tobytes() for s in sc.scenes()[::7]}) == len(sc.scenes()[::7])
    sprite = {sprites.sprite(sc.Thing(*thing))[0].tobytes() for thing in grammar.OBJECTS}
    assert len(sprite) == 64


def test_sprites_do_not_overlap_and_stay_on_the_ground():
    for places in sprites.PLACES.values():
        covered = np.zeros((32, 32), dtype=int)
        for left, top in places:
            covered[top : top + 10, left : left + 10] += 1
        assert covered.max() == 1 and covered.sum() == 200 and covered[: sprites.SKY].sum() == 0


@pytest.mark.parametrize("scene", SCENES[:6])
def test_masks_and_what_could_differ(scene):
    picture = sprites.pixels(scene)
    for k in (0, 1):
        for word in scene[3 + k]:
            own, changed = sc.mask(scene, word), sc.could_differ(scene, word)
            assert 10 < own.sum() <= 200
            ground = (picture == sprites.GROUND).all(-1)
            assert not (own & ground).any()
            if word == scene[3 + k].colour:  # another colour changes nothing but the object
                assert not (changed & ~own).any()
            if word == scene[3 + k].noun:  # another noun may cover what this one does not
                assert (changed & ~own).any() and changed.sum() <= 100
    assert sc.mask(scene, "the").sum() == sc.could_differ(scene, "of").sum() == 0


def test_masks_of_the_other_words():
    both = sc.mask(SCENE, "owl") | sc.mask(SCENE, "fish")
    assert (sc.mask(SCENE, "left of") == both).all() and (sc.mask(SCENE, "far") == both).all()
    assert sc.mask(SCENE, "night")[:6].all() and not sc.mask(SCENE, "night")[6:].any()
    assert 0 < sc.mask(SCENE, "moon").sum() < 36 and not (sc.mask(SCENE, "moon") & ~sc.mask(SCENE, "night")).any()
    red = SCENE._replace(second=SCENE.second._replace(colour="red"))
    assert (sc.mask(red, "red") == (sc.mask(red, "owl") | sc.mask(red, "fish"))).all()
    for word in ("cat", "blue", "above", "day", "sitting"):
        if word != "blue":
            with pytest.raises(ValueError, match="word must be one that is true"):
                sc.mask(SCENE, word)
    ghosts = sc.could_differ(SCENE, "left of") & ~both  # where the objects would stand
    assert ghosts.sum() > 50


def test_variations_change_what_the_word_says_and_nothing_else():
    counts = {"red": 3, "flying": 1, "owl": 6, "left of": 3, "far": 1, "night": 1, "moon": 1, "the": 0}
    for word, count in counts.items():
        others = sc.variations(SCENE, word)
        assert len(set(others)) == len(others) == count and SCENE not in others
        for other in others:
            sc.log_prob(other)
            assert word not in sc.captions(other)[-1].split() or word in ("far", "left of")


def test_the_picture():
    image = sc.render(SCENE)
    assert image.size == (32, 32) and image.mode == "RGB"
    assert image.getpixel((0, 31)) == sprites.GROUND and image.getpixel((0, 0)) == sprites.AIR["night"]


def test_a_scene_is_named_by_its_picture():
    for scene in sc.scenes()[::997]:
        assert sc.named(sc.render(scene)) == scene
    picture = sc.render(sc.scenes()[0])
    picture.putpixel((31, 31), (0, 0, 0))
    assert sc.named(picture) is None and sc.named(picture.resize((16, 16))) is None
