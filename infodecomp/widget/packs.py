"""Packs: what a page with a lab fetches on a click, from a script beside it, or a front end asks the kernel for."""

import base64
import json
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def compressed(data: bytes) -> str:
    """Bytes as base64 of what zlib makes of them, as js/common/packs.js reads them."""
    return base64.b64encode(zlib.compress(data, 9)).decode()


def script(name: str, content: dict) -> str:
    """A pack, as base64 of compressed JSON, in the script that a page fetches, which works from a file as well."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return f'(globalThis.infodecompPacks ??= {{}})["{name}"] = "{compressed(text.encode())}";\n'


def write(folder: str | Path, names: Iterable[str], pack: Callable[[str], dict]) -> list[Path]:
    """Write packs into a folder that exists; their files."""
    written = []
    for name in names:
        file = Path(folder) / f"{name}.js"
        file.write_text(script(name, pack(name)), encoding="utf-8")
        written.append(file)
    return written


def answer(widget: Any, asked: Any, pack: Callable[[str], dict]) -> None:
    """Send a front end the pack that it asks for, by its name."""
    name = str(asked.get("pack", "")) if isinstance(asked, dict) else ""
    widget.send({"pack": name, "content": json.dumps(pack(name), ensure_ascii=False)})
