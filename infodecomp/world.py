"""What a world is: pictures and captions whose information can be counted. Scenes and emoji are two of them."""

from typing import Any, Protocol, runtime_checkable

from PIL import Image

from .estimates.alternatives import Alternatives


@runtime_checkable
class World(Protocol):
    """Pictures with captions, and every information about them in exact nats: infodecomp.scenes, and an Emoji.

    A model of a world has it as `.world`; what takes one world takes another. A picture is named by whatever `pictures`
    lists (a Scene, an emoji's character). Texts outside the world's language raise ValueError with the nearest inside.
    """

    def pictures(self) -> list:
        """All pictures, by name."""

    def render(self, picture: Any, /) -> Image.Image:
        """The picture, as the world's model encodes it."""

    def captions(self, picture: Any, /) -> list[str]:
        """Captions that fit the picture."""

    def log_prob(self, picture: Any, text: str = "", /) -> float:
        """log p(picture | text) in nats; −inf for a text that does not fit."""

    def information(self, picture: Any, y: str, given: str = "") -> float:
        """log p(picture | y) − log p(picture | given), exact nats; y includes the context."""

    def alternatives(self, caption: str, word: str | int) -> Alternatives:
        """What could stand in a word's place, itself included, with its prior."""

    def sample(self, count: int, seed: int = 0) -> tuple[list, ...]:
        """Pictures drawn from the prior (first) and a caption of each (last)."""


class InWorld:
    """A model's answers by counting: those of its world."""

    world: World

    def information(self, picture: Any, y: str, given: str = "") -> float:
        """i(picture; y | given) in exact nats, counted; the picture as the world names it, y with its context."""
        return self.world.information(picture, y, given)

    def alternatives(self, caption: str, word: str | int) -> Alternatives:
        """What could stand in a word's (or phrase's) place, with its prior: see the world's own."""
        return self.world.alternatives(caption, word)
