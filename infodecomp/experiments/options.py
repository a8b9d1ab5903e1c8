"""The options of every experiment, as the command line has them, and the model that they name."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from ..checks import whole
from ..datasets.items import one_line
from ..estimates.sampling import Sampling
from ..loading import load
from .runner import item_seed

DTYPES = ("float32", "float16", "bfloat16")


@dataclass
class Options:
    """The options of every experiment."""

    data: Annotated[Path, typer.Option(help="folder of the data set: its files and images")]
    out: Annotated[Path, typer.Option(help="folder of records, settings and table; an interrupted run in it goes on")]
    model: Annotated[str, typer.Option(help="what infodecomp.load takes")] = "scenes-net"
    samples: Annotated[int, typer.Option(help="draws of noise per image, even")] = 100
    seed: Annotated[int, typer.Option(help="other noise for another number")] = 0
    limit: Annotated[int | None, typer.Option(help="items per task, the first ones")] = None
    batch_size: Annotated[int | None, typer.Option(help="rows at once; without it, as many as memory holds")] = None
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; without it, CUDA if there is one")] = None
    dtype: Annotated[str | None, typer.Option(help="float32, float16 or bfloat16, of the network")] = None
    compile: Annotated[bool, typer.Option("--compile", help="compile the network: slow at first, then faster")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print items, evaluations and hours, no more")] = False
    revision: Annotated[str | None, typer.Option(help="a commit, branch or tag of a model on the hub")] = None
    variant: Annotated[str | None, typer.Option(help="of the files with its weights, such as fp16")] = None
    size: Annotated[str | None, typer.Option(help="pixels of pictures: 512, or height x width, as 512x768")] = None
    guidance: Annotated[float | None, typer.Option(help="the scale to tell a distilled network that takes one")] = None
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="first examine whether the model may be measured")
    ] = True
    truncate: Annotated[bool, typer.Option("--truncate", help="cut captions that are too long for the model")] = False
    strict: Annotated[bool, typer.Option("--strict", help="stop at the first broken item, and name it")] = False

    def __post_init__(self) -> None:
        """ValueError for options that no experiment can have, before anything is read or written."""
        Sampling(self.samples, self.seed, batch_size=self.batch_size)
        if self.limit is not None:
            whole("limit", self.limit, 1)
        if self.dtype not in (None, *DTYPES):
            raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {self.dtype!r}")
        if self.revision is not None and (self.of_world or Path(self.model).exists()):
            raise ValueError(f"revision must come with a model of the hub, got {self.revision!r} and {self.model!r}")
        if self.size is not None and not re.fullmatch(r"[1-9]\d{0,4}(x[1-9]\d{0,4})?", self.size):
            raise ValueError(f"size must be a number of pixels, or height x width as 512x768, got {self.size!r}")
        own = ("size",) if self.model == "emoji" else ()
        odd = [name for name, value in self.unusual().items() if value and self.of_world and name not in own]
        if odd:
            raise ValueError(f"{odd[0]} must come with a pipeline, got the model {self.model!r}")
        if self.out.exists() and not self.out.is_dir():
            raise ValueError(f"out must be a folder, got the file {self.out}")
        try:
            torch.empty(0, device=self.device or "cpu")
        except (RuntimeError, AssertionError) as error:
            raise ValueError(f"device must be one that is here, got {self.device!r}: {first_line(error)}") from error

    @property
    def of_world(self) -> bool:
        """Whether the model is one of a world, with no files of its own on the hub."""
        return self.model.startswith("scenes") or self.model == "emoji"

    def unusual(self) -> dict:
        """The options of the model that are not as they are by default, for a run's settings."""
        names = {"variant": None, "size": None, "guidance": None, "check": True, "truncate": False}
        return {name: getattr(self, name) for name, usual in names.items() if getattr(self, name) != usual}

    def load(self) -> Any:
        """The model. ValueError for options that it has no use for."""
        device = self.device or (f"cuda:{torch.cuda.current_device()}" if torch.cuda.is_available() else None)
        dtype = getattr(torch, self.dtype) if self.dtype else None
        sides = [int(side) for side in (self.size or "").split("x") if side]
        size = (sides[0], sides[-1]) if sides else None
        options: dict[str, Any] = {
            "revision": self.revision,
            "variant": self.variant,
            "guidance": self.guidance,
            "size": size,
        }
        model = load(self.model, device, dtype, compile=self.compile, check=self.check, **options)
        if self.truncate and not hasattr(model, "truncate"):
            raise ValueError(f"truncate must come with a model whose captions may be cut, got {self.model!r}")
        if self.truncate:
            model.truncate = True
        return model

    def sampling(self, item: Any) -> dict:
        """How the noise of an item is drawn."""
        return {"samples": self.samples, "seed": item_seed(self.seed, item.id), "batch_size": self.batch_size}


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its kind."""
    return one_line(next((line for line in str(error).splitlines() if line.strip()), type(error).__name__))
