"""What the lab's engine should say, by the package: values that node's tests read."""

import itertools
import math

import numpy as np
import torch
from lab_truth import asked, engine_scene, log_prob, orders
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

import infodecomp as idc
from infodecomp.captions import units
from infodecomp.integrate import widening
from infodecomp.scenes import grammar, meaning
from infodecomp.scenes.model import MEAN, SCALE
from infodecomp.widget.lab import link, read, stops, world

PLAIN = "the red cat left of the blue boat"
SEEDS = (0, 12, 345, 4294967295)
QUESTIONS = ("MI", "CMI", "against", "order", "caption")


def flat(x):
    """A picture of the exact denoiser as the engine has it, a list of 3 · 32 · 32 numbers."""
    return pixel_shuffle(x, 2).flatten().tolist()


def encoded(scene):
    """x of a scene in double precision, (1, 12, 16, 16)."""
    levels = torch.tensor(np.array(idc.scenes.render(scene))).permute(2, 0, 1).double()
    x = pixel_unshuffle((levels / 255 - MEAN) / SCALE, 2)[None]
    assert (x - idc.load("scenes").encode(idc.scenes.render(scene))).abs().max() < 1e-6
    return x


def texts_of(scene, fragment, caption):
    found = []
    for text in (fragment, caption, caption.replace("red", "blue"), "the red", "cat cat", ""):
        possible = meaning.possible(text)
        log = idc.scenes.log_prob(scene, text) if possible else -math.inf
        found.append({"text": text, "possible": possible, "logProb": log if log > -math.inf else None})
    return found


def scenes():
    return [
        {
            "scene": engine_scene(scene),
            "captions": idc.scenes.captions(scene),
            "texts": texts_of(scene, fragment, caption),
            "x": flat(encoded(scene)),
            "bytes": np.asarray(idc.scenes.render(scene)).ravel().tolist(),
        }
        for scene, fragment, caption in zip(*idc.scenes.sample(100, seed=1), strict=True)
    ]


def information():
    """Exact nats of every word, alone and after the rest, where these are texts."""
    found = []
    for scene, _, caption in zip(*idc.scenes.sample(10, seed=2), strict=True):
        nats = {}
        for i, place in enumerate(units(caption, grammar.PHRASES)):
            for question in ("MI", "CMI"):
                y, given = asked(caption, question, place)
                if meaning.possible(y) and meaning.possible(given or ""):
                    nats[f"{question} {i}"] = idc.scenes.information(scene, y, given or "")
        found.append({"scene": engine_scene(scene), "text": caption, "names": list(nats), "nats": list(nats.values())})
    return found


def variants():
    found = []
    for text in ("the sitting red cat left of the blue boat", "the red cat above the blue boat", "moon", ""):
        places = units(text, grammar.PHRASES)
        others = [sorted(idc.scenes.alternatives(text, place[0]).conditions) for place in places]
        found.append({"text": text, "units": places, "alternatives": others, "orders": orders(text)})
    return found


def predictions():
    """ε̂ of the exact denoiser on noisy pictures."""
    model, random, found = idc.load("scenes"), torch.Generator().manual_seed(3), []
    texts = ["", PLAIN, "moon", "owl"]
    for logsnr, text in zip((-15.0, -8.0, -5.5, -3.0, 0.0, 4.0, 7.5, -6.0), itertools.cycle(texts), strict=False):
        x = encoded(idc.scenes.scenes()[1234])
        alpha = torch.tensor([logsnr], dtype=torch.float64)
        noise = torch.randn(x.shape, generator=random, dtype=torch.float64)
        z = idc.channel.add_noise(x, alpha, noise)
        found.append({"logsnr": logsnr, "text": text, "z": flat(z), "eps": flat(model(z, alpha, text))})
    return found


def estimates(draws):
    """Estimates of a hundred questions as the package defines them, on the engine's noise: {seed: (log-SNR, noise)}."""
    random, found = torch.Generator().manual_seed(0), []
    drawn = zip(*idc.scenes.sample(100, seed=5), itertools.cycle(QUESTIONS), itertools.cycle(SEEDS), strict=False)
    for scene, _, caption, question, seed in drawn:
        places = units(caption, grammar.PHRASES)
        k = int(torch.randint(len(places), (), generator=random))
        if len(found) == QUESTIONS.index("against"):  # relations weigh as captions, not as texts: see that once
            k = next(i for i, place in enumerate(places) if place[2] in grammar.RELATIONS)
        y, given = asked(caption, question, places[k])
        name = question if question in ("order", "caption") else f"{question} {k}"
        exact = log_prob(scene, y) - log_prob(scene, given)
        about = {"scene": engine_scene(scene), "text": caption, "name": name, "seed": seed, "exact": exact}
        found.append(about | estimate(scene, y, given, *draws[seed]))
    return found


def estimate(scene, y, given, logsnr, noise):
    model = idc.load("scenes")
    x = encoded(scene)
    z = idc.channel.add_noise(x.expand(32, -1, -1, -1), logsnr, noise)
    r, r_given = (noise - model(z, logsnr, condition) for condition in (y, given))
    weight = 1 / model.proposal.density(logsnr)
    kinds = {"orthogonal": (r_given - r) ** 2 / 2, "standard": (r_given**2 - r**2) / 2}
    return {kind: summary(values, weight, logsnr) for kind, values in kinds.items()}


def summary(values, weight, logsnr):
    """Nats and map with the widened errors of pairs of draws in one bin; the profile in 36 cells from −16 to 8."""
    cells = pixel_shuffle(values, 2).sum(1) * weight[:, None, None]
    totals = cells.sum((1, 2))
    wider = widening((totals[::2] - totals[1::2])[None])[0]
    error = lambda v: wider * (v[::2] - v[1::2]).pow(2).sum(0).sqrt() / 32  # noqa: E731
    low = idc.load("scenes").proposal.edges[0].item()
    place = ((logsnr - low) / (8 - low) * 36).long().clamp(max=36)  # the last one is beyond the profile
    width = 32 * (8 - low) / 36
    within = lambda v: torch.zeros(37, dtype=torch.float64).index_add(0, place, v)[:36]  # noqa: E731
    return {
        "total": [totals.mean().item(), error(totals).item()],
        "map": cells.mean(0).flatten().tolist(),
        "error": error(cells).flatten().tolist(),
        "profile": (within(totals) / width).tolist(),
        "profileError": (within(totals**2).sqrt() / width).tolist(),
    }


def looks(noise):
    """The pictures under the slider and both integrands, on the engine's noise: {seed: noise}."""
    model, chosen = idc.load("scenes"), read(stops()[4]["state"])
    scene, text = chosen["scene"], chosen["text"]
    place, found = units(text, grammar.PHRASES)[3], []  # "left of"
    alpha = torch.tensor([-7.5], dtype=torch.float64)
    signal, sigma = (idc.channel.signal_scale(a) for a in (alpha, -alpha))
    for question, seed in zip(QUESTIONS, itertools.cycle(SEEDS), strict=False):
        name = question if question in ("order", "caption") else f"{question} 3"
        eps = pixel_unshuffle(noise[seed].reshape(1, 3, 32, 32), 2)
        z = idc.channel.add_noise(encoded(scene), alpha, eps)
        y, given = (model(z, alpha, c) for c in asked(text, question, place))
        pictures = [model.decode(x.float())[0] for x in (z, (z - sigma * y) / signal, (z - sigma * given) / signal)]
        integrands = {"orthogonal": (given - y) ** 2 / 2, "standard": ((eps - given) ** 2 - (eps - y) ** 2) / 2}
        found.append(
            {"scene": engine_scene(scene), "text": text, "question": name, "logsnr": -7.5, "seed": seed}
            | {"noise": noise[seed].tolist(), "pictures": [np.asarray(p).ravel().tolist() for p in pictures]}
            | {kind: pixel_shuffle(v, 2).sum(1).flatten().tolist() for kind, v in integrands.items()}
        )
    return found


def flow(steps=12):
    noise = torch.randn(1, 12, 16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    made = idc.flow.from_noise(idc.load("scenes"), noise, PLAIN, steps=steps)
    return {"text": PLAIN, "steps": steps, "noise": flat(noise), "made": flat(made)}


def misfit():
    """A wrong colour, which no scene of the caption has: finite nats of blurred pictures."""
    model, chosen = idc.load("scenes"), read(stops()[3]["state"])
    x = encoded(chosen["scene"])
    rest = "the cat left of the blue boat"
    density = (model.log_prob(x, chosen["text"]) - model.log_prob(x, rest)).item()
    return {"text": chosen["text"], "density": density} | engine_scene(chosen["scene"])


def links():
    """Links of scenes and captions, each with what it means."""
    found, drawn = [], zip(*idc.scenes.sample(60, seed=8), itertools.cycle(QUESTIONS), strict=False)
    for i, (scene, _, caption, question) in enumerate(drawn):
        word = i % len(units(caption, grammar.PHRASES))
        state = link(scene, caption, word, question, ("orthogonal", "standard")[i % 2], 71_000_000 * i, i / 4 - 8)
        found.append({"link": state} | read(state) | {"scene": engine_scene(scene)})
    return found


def wrong_links():
    good = dict(pair.split("=") for pair in stops()[0]["state"].split("&"))
    wrong = [("layout", "x"), ("sky", "dusk"), ("first", "red+cat"), ("first", "sailing+red+boat"), ("text", "cat+cat")]
    wrong += [("word", "9"), ("word", ""), ("word", "-1"), ("question", "toString"), ("question", "why"), ("kind", "i")]
    wrong += [("seed", "4294967296"), ("seed", "-1"), ("seed", "1e3"), ("logsnr", ""), ("logsnr", "99"), ("seed", None)]
    changed = [{name: v for name, v in (good | {k: value}).items() if v is not None} for k, value in wrong]
    return ["&".join(f"{name}={value}" for name, value in parts.items()) for parts in changed]


def readings():
    """What texts allow, as rows of factors."""
    texts = [PLAIN, "moon", "owl", "", "left of", "the sailing boat far above the blue fish by day"]
    return [{"text": text, "rows": idc.load("scenes").condition(text)[0].tolist()} for text in texts]


def before_drawing():
    """What the engine needs to draw noise."""
    return {"world": world(), "seeds": SEEDS, "scene": engine_scene(idc.scenes.scenes()[0])}


def after_drawing(draws, noise):
    """All values, from the engine's noise: {seed: (32, 1 + 3072), log-SNR first}, {seed: (3072,)}."""
    draws = {s: (d[:, 0], pixel_unshuffle(d[:, 1:].reshape(32, 3, 32, 32), 2)) for s, d in draws.items()}
    return before_drawing() | {
        "nouns": list(grammar.NOUNS),
        "scenes": scenes(),
        "readings": readings(),
        "information": information(),
        "variants": variants(),
        "eps": predictions(),
        "estimates": estimates(draws),
        "looks": looks(noise),
        "flow": flow(),
        "wrong": misfit(),
        "links": links(),
        "wrongLinks": wrong_links(),
    }
