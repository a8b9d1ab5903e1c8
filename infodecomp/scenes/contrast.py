"""The training's data, and its contrastive stages, which train a CLIP on pictures and captions of the world."""

import math
from typing import Any

import torch
from torch.nn.functional import cross_entropy, normalize, pixel_shuffle

from .edits import other_adverb, swaps
from .grammar import sample, scenes
from .parts import tokens

BATCH = 128  # pairs in a step


class Pairs:
    """An endless, seeded stream of batches (indices of scenes, fragments, captions), drawn in blocks of 8,192."""

    def __init__(self, seed: int, batch: int) -> None:
        self.seed, self.batch, self.block = seed, batch, -1
        self.place = {scene: i for i, scene in enumerate(scenes())}

    def __call__(self, step: int) -> tuple[torch.Tensor, list[str], list[str]]:
        """The batch of a step."""
        block, start = divmod(step * self.batch, 8192)
        if block != self.block:
            self.block, self.drawn = block, sample(8192, 1 + self.seed + 100_000 * block)
        cut = slice(start, start + self.batch)
        found, fragments, captions = self.drawn
        return torch.tensor([self.place[scene] for scene in found[cut]]), fragments[cut], captions[cut]


def train_clip(clip: Any, tokenizer: Any, x: torch.Tensor, seed: int, hard: bool, steps: int) -> Any:
    """Train a CLIP on x of all scenes; hard: also against each caption's swaps and its other adverb. Returns it."""
    pairs, pictures = Pairs(seed + 7 + hard, BATCH), pixel_shuffle(x, 2)
    optimizer = torch.optim.AdamW(clip.parameters(), 1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, steps)
    for step in range(steps):
        chosen, _, captions = pairs(step)
        image = normalize(clip.get_image_features(pixel_values=pictures[chosen]).pooler_output, dim=1)
        texts = captions + [s for c in captions for s in (*swaps(c), other_adverb(c))] * hard
        text = normalize(clip.get_text_features(input_ids=tokens(tokenizer, texts)).pooler_output, dim=1)
        logits = clip.logit_scale.exp() * image @ text.T
        target = torch.arange(len(captions))
        loss = (cross_entropy(logits, target) + cross_entropy(logits[:, : len(captions)].T, target)) / 2
        if hard:
            own = torch.cat([target[:, None], len(captions) + 4 * target[:, None] + torch.arange(4)], 1)
            among = logits.gather(1, own)
            among[[other_adverb(c) == c for c in captions], 4] = -math.inf  # without an adverb there is no other one
            loss = loss + cross_entropy(among, torch.zeros_like(target))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(f"{'order' if hard else 'clip'} {step + 1}/{steps} loss {loss.item():.3f}", flush=True)
    return clip
