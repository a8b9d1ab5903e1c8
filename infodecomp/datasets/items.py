"""Shared by all data sets: pictures in a folder, and the exception for items that cannot be scored."""

import os

from PIL import Image


class Broken(Exception):
    """An item that cannot be scored. reason: one of its data set's REASONS; detail: what was found instead."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail

    def __str__(self) -> str:
        return ": ".join(self.args)


def path_of(folder: str, image: str) -> str:
    """The path of a file in a folder. Raises Broken if there is none."""
    path = os.path.join(folder, image)
    if not os.path.isfile(path):
        raise Broken("missing image", f"no file {image!r}")
    return path


def open_picture(folder: str, image: str) -> Image.Image:
    """A picture of a folder in RGB. Raises Broken if it is missing or damaged, OSError if the disk fails."""
    path = path_of(folder, image)
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # raised by Pillow for damaged files
        if getattr(error, "errno", None) is not None:
            raise
        raise Broken("truncated image", f"{path}: {error}".replace(path, image)) from error
