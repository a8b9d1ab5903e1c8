"""The page "What can go wrong, and what says so": each message that it quotes is one of the package."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "book/f-wrong.md").read_text(encoding="utf-8")
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "infodecomp").rglob("*.py")))
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| what goes")]


@pytest.mark.parametrize("row", ROWS)
def test_messages_are_the_packages(row):
    said = row.split("|")[2]
    assert said.strip()
    for quoted in re.findall(r"`([^`]+)`", re.sub(r"\{func\}`[^`]+`", "", said)):
        name = quoted.removeprefix("idc.").lstrip(".-").split(" (2)")[0]
        assert name in SOURCE or name == "red", quoted


def test_there_is_a_row_for_every_reason_of_a_broken_item():
    reasons = set(re.findall(r'Broken\("([a-z ]+)"', SOURCE))
    assert len(reasons) > 8
    assert {r for r in reasons if r not in PAGE} <= {
        "box outside image",
        "missing image",
        "same caption",
        "truncated image",
    }
