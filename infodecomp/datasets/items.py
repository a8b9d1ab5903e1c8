"""What items of all data sets share: a picture in a folder, and a name for what cannot be scored."""

import os

from PIL import Image


class Broken(Exception):
    """An item that cannot be scored: reason is one of its data set's REASONS, detail tells what was found."""

    reason = property(lambda self: self.args[0])
    detail = property(lambda self: self.args[1])

    def __str__(self):
        return ": ".join(self.args)


def path_of(folder, image):
    """The path of a file in a folder. Raises Broken if there is none."""
    path = os.path.join(folder, image)
    if not os.path.isfile(path):
        raise Broken("missing image", f"no file {image!r}")
    return path


def open_picture(folder, image):
    """PIL in RGB of a file in a folder. Raises Broken if it is missing or damaged, OSError where a disk fails."""
    path = path_of(folder, image)
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow raises for damaged files
        if getattr(error, "errno", None) is not None:
            raise
        raise Broken("truncated image", f"{path}: {error}".replace(path, image)) from error
