"""What three networks of others know of handwritten digits: `python -m infodecomp.experiments.digits OUT.json`.

For each network of infodecomp.experiments.elsewhere, on COUNT digits of MNIST's test set:
    errors    mean squared error of ε̂ with and without the class over log-SNR, and of the best linear guess
    classes   iˢ and iᵒ of each of the ten classes, and by how much the squared error at even times is less than
              without a class, on shared noise, up to log-SNR TRUSTED
    few       the same with a quarter of the draws
    wide      the same up to log-SNR WIDE, and the matched gap of each digit per band
    maps      nats per pixel of a digit's class against the nine others
Numbers of each digit are kept, so that every mean and share of the chapter is made from them. A network that is in
OUT.json already is not measured again; a record of other settings, files or versions is refused.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from ..checks import refuse, whole
from ..datasets.items import one_line
from ..estimates.alternatives import Alternatives
from ..estimates.information import compare, pointwise_information
from ..integrate import uniform
from ..lights import trusted_range
from ..progress import unattended
from . import origin
from .elsewhere import FILES, NETWORKS, Digits, digits, squared_errors, verify
from .folder import save

WIDE, BLOCK, SEED = 8.0, 50, 31
ORIGIN = ("repository", "commit", "path", "sha256")
LEVELS = tuple(float(a) for a in range(-6, 9))


def linear_error(x: torch.Tensor, levels: tuple[float, ...]) -> list[float]:
    """Mean squared error per number of the best linear guess of ε, from the covariance of pictures x (B, *shape)."""
    spread = torch.linalg.eigvalsh(x.double().flatten(1).T.cov()).clamp(min=0)
    kept = [(ratio := torch.tensor(a).exp() * spread) / (1 + ratio) for a in levels]
    return [round(errors.mean().item(), 5) for errors in kept]


def classes(model: Digits, x: torch.Tensor, samples: int, top: float, seed: int) -> dict[str, torch.Tensor]:
    """iˢ, iᵒ and the plain error difference (B, 10) of each class against none, from `samples` draws up to `top`."""
    kinds: list[Any] = [None, *(torch.tensor([k]) for k in range(10))]
    proposal = uniform(model.logsnr_range[0], top)
    found = compare(model, x, kinds, samples=samples, proposal=proposal, seed=seed)
    each = [(found.information(k, 0, "standard"), found.information(k, 0)) for k in range(1, 11)]
    logsnr, integrand, _ = zip(*(standard.profile for standard, _ in each), strict=True)
    plain = [(model.time_density(a) * less).mean(1) for a, less in zip(logsnr, integrand, strict=True)]
    return {
        "standard": torch.stack([standard.nats for standard, _ in each], 1),
        "orthogonal": torch.stack([orthogonal.nats for _, orthogonal in each], 1),
        "mse": torch.stack(plain, 1),
    }


def in_blocks(model: Digits, x: torch.Tensor, samples: int, top: float) -> dict[str, list[list[float]]]:
    """`classes` of all digits, BLOCK at a time, rounded."""
    parts = [classes(model, x[i : i + BLOCK], samples, top, SEED + i) for i in range(0, len(x), BLOCK)]
    return {name: _rounded(torch.cat([part[name] for part in parts])) for name in parts[0]}


def maps(model: Digits, x: torch.Tensor, labels: torch.Tensor, samples: int) -> dict[str, list]:
    """iᵒ of each digit's class against the ten: nats, standard errors, and nats per pixel (28, 28)."""
    others = Alternatives([torch.tensor([k]) for k in range(10)])
    proposal = uniform(*model.proposal.range)
    found = pointwise_information(model, x, labels, others, samples=samples, proposal=proposal, seed=SEED)
    inner = found.map[:, 2:-2, 2:-2] if found.map.shape[-1] == 32 else found.map
    return {
        "nats": [round(v, 3) for v in found.nats.tolist()],
        "stderr": [round(v, 3) for v in found.stderr.tolist()],
        "map": [_rounded(one, 4) for one in inner],
    }


def _rounded(values, places=3):
    return [[round(v, places) for v in row] for row in values.tolist()]


def measured(model: Digits, images: torch.Tensor, labels: torch.Tensor, count: int, samples: int) -> dict:
    """The part of the record that a network has, once it is verified."""
    x, known = model.encode(images[:count]), labels[:count]
    wide = uniform(model.logsnr_range[0], WIDE)
    bands = int(WIDE - model.logsnr_range[0])
    gaps = trusted_range(model, x, known, bands=bands, samples=samples // 2, proposal=wide, seed=SEED)
    first = torch.tensor([labels.tolist().index(k) for k in range(10)])
    return {
        "range": list(model.proposal.range),
        "errors": {str(a): squared_errors(model, x[:256], known[:256], a) for a in LEVELS},
        "linear": linear_error(model.encode(images[count:]), LEVELS),
        "classes": in_blocks(model, x, samples, model.proposal.range[1]),
        "few": in_blocks(model, x, samples // 4, model.proposal.range[1]),
        "wide": {
            "edges": gaps.edges.tolist(),
            "gaps": _rounded(gaps.each),
            "classes": in_blocks(model, x, samples // 4, WIDE),
        },
        "maps": maps(model, model.encode(images[first]), labels[first], 4 * samples),
    }


def begun(out: Path, count: int, samples: int, labels: torch.Tensor) -> dict:
    """The record so far, or a new one. ValueError if it is of other settings, files, versions or digits."""
    now = {
        "command": "python -m infodecomp.experiments.digits OUT.json",
        "settings": {"count": count, "samples": samples, "seed": SEED},
        "files": {name: dict(zip(ORIGIN, of, strict=True)) for name, of in FILES.items()},
        "versions": origin.versions(),
        "labels": labels[:count].tolist(),
    }
    if not out.parent.is_dir():
        raise ValueError(f"out must be a file in a folder that is there, got {out}")
    try:
        record = json.loads(out.read_text(encoding="utf-8")) if out.exists() else now | {"networks": {}}
        other = [part for part in now if record[part] != now[part]]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"out must be a new file or a record of this program, got {out}") from error
    if other:
        raise ValueError(f"out must be a new file or a record with the same {', '.join(other)}, got {out}")
    return record


@unattended(bars=True)
def main() -> None:
    """Measure the networks that OUT.json has not yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--folder", type=Path, help="where the files lie; they are fetched otherwise")
    parser.add_argument("--count", type=int, default=500, help="test digits")
    parser.add_argument("--samples", type=int, default=64, help="draws per digit and class")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    args = parser.parse_args()
    try:
        count, samples = whole("count", args.count, 8), args.samples
        if samples < 8 or samples % 8:
            refuse("samples", "a multiple of 8", samples)
        images, labels = digits(args.folder)
        record = begun(args.out, count, samples, labels)
        models = {name: Digits(name, args.folder) for name in args.networks.split(",")}
        for name in models.keys() - record["networks"].keys():
            verify(models[name], images, labels)
    except (ValueError, OSError) as error:
        parser.error(one_line(error))
    for name, model in models.items():
        if name not in record["networks"]:
            record["networks"][name] = measured(model, images, labels, count, samples)
            save(args.out, json.dumps(record) + "\n")
            print(name, "measured", flush=True)


if __name__ == "__main__":
    main()
