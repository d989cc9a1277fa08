"""How commands answer: results on stdout, for people or as JSON; what went wrong as one line on stderr."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

USAGE_ERROR = 2


def fail(message: str, exit_code: int = USAGE_ERROR) -> NoReturn:
    """End the command with one line on stderr."""
    typer.echo(f"openmimc: {' '.join(message.split())}", err=True)
    raise SystemExit(exit_code)


def print_json(value: object) -> None:
    """Print one JSON document."""
    typer.echo(msgspec.json.encode(value).decode())


def print_fields(fields: Mapping[str, object]) -> None:
    """Print one thing's fields for people; values are whole, however narrow the terminal."""
    width = max(map(len, fields))
    for name, value in fields.items():
        line = Text.assemble((name.ljust(width), "dim"), "  ", (str(value), "bold"))
        Console().print(line, soft_wrap=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Print many things for people; ``empty`` says that there are none."""
    if not rows:
        typer.echo(empty)
        return
    table = Table(*columns, box=None, header_style="dim", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(str(value)) for value in row))
    Console().print(table, soft_wrap=True)
