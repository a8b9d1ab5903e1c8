"""Small data of our own in the published formats: scenes as SugarCrepe and Winoground, and a model of colours."""

import json

import torch
from PIL import Image

import infodecomp as idc
from infodecomp.datasets import sugarcrepe
from infodecomp.scenes.edits import swaps


def pairs(count, seed=0):
    """count (scene, true caption, false caption), the nouns exchanged."""
    every = zip(*idc.scenes.sample(4 * count + 20, seed), strict=True)
    found = [(scene, caption, swaps(caption)[1]) for scene, _, caption in every]
    return [trio for trio in found if trio[0].first.noun != trio[0].second.noun and trio[1] != trio[2]][:count]


def as_sugarcrepe(folder, count=2, seed=0, files="", pictures="val2017"):
    """count pairs of each kind; the files in folder/files, the pictures in folder/pictures."""
    (folder / files).mkdir(parents=True, exist_ok=True)
    (folder / pictures).mkdir(parents=True, exist_ok=True)
    drawn = iter(enumerate(pairs(7 * count, seed), 1))
    for kind in sugarcrepe.KINDS:
        entries = {}
        for k in range(count):
            number, (scene, true, false) = next(drawn)
            idc.scenes.render(scene).save(folder / pictures / f"{number:012d}.png")
            entries[str(k)] = {"filename": f"{number:012d}.png", "caption": true, "negative_caption": false}
        (folder / files / f"{kind}.json").write_text(json.dumps(entries, indent=4))


def example(number, captions, **changes):
    """A line of examples.jsonl."""
    entry = {"id": number, "image_0": f"ex_{number}_img_0", "image_1": f"ex_{number}_img_1"}
    entry |= {"caption_0": captions[0], "caption_1": captions[1], "tag": "Noun", "secondary_tag": ""}
    return entry | {"num_main_preds": 1, "collapsed_tag": "Object"} | changes


def as_winoground(folder, examples, pictures):
    """Lines and, for each, its two pictures."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "images").mkdir(exist_ok=True)
    (folder / "data" / "examples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in examples))
    for line, two in zip(examples, pictures, strict=True):
        for k, picture in enumerate(two):
            picture.save(folder / "images" / f"ex_{line['id']}_img_{k}.png")


def plain(colour):
    return Image.new("RGB", (8, 8), colour)


class Colours:
    """An exact model of pictures of one colour, named by captions with a colour's name: x is the colour, with noise."""

    names = ("red", "green", "blue")

    def __init__(self):
        means = 2 * torch.eye(3) - 1
        self.exact = idc.exact.GaussianMixture(torch.ones(3), means, torch.full((3,), 0.05))
        self.proposal = self.exact.proposal

    def encode(self, picture):
        return torch.tensor(picture.resize((1, 1)).getpixel((0, 0))).float()[None] / 127.5 - 1

    def condition(self, captions):
        if captions is None or isinstance(captions, torch.Tensor):
            return captions
        each = [captions] if isinstance(captions, str) else captions
        return torch.tensor([[float(name == text.split()[0]) for name in self.names] for text in each])

    def __call__(self, z, logsnr, condition):
        return self.exact(z, logsnr, self.condition(condition))
