"""Reading the documentation: fenced blocks and tables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

_BLOCK = re.compile(
    r'^```(?P<language>\w*)(?: title="(?P<title>[^"]*)")?\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL
)

_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


class Block(Struct, frozen=True):
    """One fenced block.

    Attributes:
        title: Of a program: the file it is in. Of commands: the terminal they are typed into. Else "".
    """

    language: str
    title: str
    text: str


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [
        Block(match["language"], match["title"] or "", match["text"])
        for match in _BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]


def links_of(page: Path) -> list[Path]:
    """The files that a page leads to; addresses elsewhere and places within a page are left out."""
    targets = _LINK.findall(page.read_text(encoding="utf-8"))
    return [page.parent / target for target in targets if "://" not in target]


def commands_of(page: Path) -> Iterator[list[str]]:
    """The words of each command line that calls this program."""
    for block in blocks_of(page):
        if block.language != "sh":
            continue
        for line in block.text.replace("\\\n", " ").splitlines():
            command = line.removeprefix(".venv/bin/")
            if command.startswith("openmimc "):
                yield shlex.split(command, comments=True)[1:]


def rows_of(page: Path) -> Iterator[list[str]]:
    """The cells of each row of each table, heads and rules included."""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]
