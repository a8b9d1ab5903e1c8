"""`infodecomp` and `python -m infodecomp`: the commands, or one line that says which extra they lack."""

import sys

from . import __version__
from .extras import EXTRA


def main() -> None:
    if sys.argv[1:] == ["--version"]:  # the core alone answers this
        print(f"infodecomp {__version__}")
        return
    try:
        from .cli import app
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        sys.exit(f"error: {error}")
    app(prog_name="infodecomp")


if __name__ == "__main__":
    main()
