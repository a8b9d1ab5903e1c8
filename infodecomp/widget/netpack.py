"""The trained network as the scene lab's page reads it (js/network): weights as the kernel takes them, and sizes."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from ..scenes.grammar import CLASS
from ..scenes.net import NETWORK, NetworkScenes
from .packs import compressed

NAME = "scenes-network"  # of the pack
UNET = {  # what js/network takes for granted
    "act_fn": "silu",
    "class_embed_type": "projection",
    "resnet_time_scale_shift": "scale_shift",
    "use_linear_projection": True,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "norm_eps": 1e-5,
    "transformer_layers_per_block": 1,
    "prediction_type": "sample",
}


@lru_cache(maxsize=1)
def pack(name: str = NAME, folder: Path = NETWORK) -> dict:
    """The content of the pack, for JSON. ValueError for another name, or a network that the page could not run."""
    if name != NAME:
        raise ValueError(f"name must be {NAME}, got {name!r:.60}")
    model = NetworkScenes(folder)
    unet, text = model.unet.config, model.text.config
    found = {key: unet.get(key, model.prediction) for key in UNET}
    line = np.linspace(model.schedule[0], model.schedule[-1], len(model.schedule))
    alike = unet.attention_head_dim == text.num_attention_heads and text.hidden_act == "quick_gelu"
    if found != UNET or not alike or np.abs(model.schedule - line).max() > 1e-4:
        raise ValueError(f"folder must be a network like that of infodecomp.scenes.parts, got {folder}")
    numbers = model.tokenizer.get_vocab()
    places, flat = _laid(model)
    halves = flat.astype("<f2").view(np.uint8).reshape(-1, 2).T
    return {
        "halves": compressed(halves.tobytes()),
        "places": places,
        "words": {word: numbers[f"{word}</w>"] for word in CLASS},
        "begin": text.bos_token_id,
        "end": text.eos_token_id,
        "tokens": text.max_position_embeddings,
        "heads": text.num_attention_heads,
        "groups": unet.norm_num_groups,
        "side": unet.sample_size,
        "channels": unet.in_channels,
        "steps": len(model.schedule),
        "logsnrs": [float(model.schedule[0]), float(model.schedule[-1])],
        "proposal": {"edges": model.proposal.edges.tolist(), "masses": model.proposal.masses.tolist()},
    }


def _laid(model):
    """{name: [first float, *shape]} of all weights, and these, as the kernel reads them."""
    parts = {"": model.unet.state_dict(), "text.": model.text.state_dict()}
    named = {f"{prefix}{name}": values for prefix, part in parts.items() for name, values in part.items()}
    places, flat, at = {}, [], 0
    for name, values in {"zeros": torch.zeros(1024), **named}.items():
        if values.is_floating_point():
            laid, shape = _in_panels(name, values.numpy())
            places[name.replace("text.text_model.", "text.")] = [at, *shape]
            flat.append(laid.ravel())
            at += laid.size
    return places, np.concatenate(flat)


def _in_panels(name, values):
    """A weight as [outputs / 8][place][inputs][8], outputs padded to 8, 16, …; and its shape."""
    values = np.pad(values, ((0, -len(values) % 8), *[(0, 0)] * (values.ndim - 1)))
    if values.ndim == 1 or "embeddings" in name:
        return values, values.shape
    outputs, inputs = values.shape[:2]
    return values.reshape(outputs // 8, 8, inputs, -1).transpose(0, 3, 2, 1), (outputs, inputs)
