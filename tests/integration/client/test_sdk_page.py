"""The reference page of the SDK: its examples run, and its tables are current."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from pathlib import Path
from types import CodeType
from typing import Any

import msgspec
import pytest

from openmimc.client import MIMCUser, Settings, formats
from tests.integration.live_server import LiveServer

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "python-sdk.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


async def test_the_examples_run_one_after_the_other(
    shared_server: LiveServer, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"APP_ID": shared_server.app["appId"]}
    for number, example in enumerate(EXAMPLES):
        for shown, real in (("127.0.0.1:5222", shared_server.tcp), ("127.0.0.1:8080", shared_server.http)):
            example = example.replace(shown, real)
        code = compile(example, f"example {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        async with asyncio.timeout(30):
            await run(code, names)
        # The page's fetchers ask the app's own server, which is another example.
        names |= {f"fetch_for_{name}": shared_server.fetcher(name) for name in ("alice", "bob")}

    shown = capsys.readouterr().out
    assert len(EXAMPLES) >= 9
    assert "alice says Hello Bob" in shown
    assert "404 no such topic" in shown
    assert "bob says Welcome" in shown
    for line in ("skipped ", "alice calls Good morning", "2 are here", "alice is typing", "RECEIVED"):
        assert line in shown


async def run(code: CodeType, names: dict[str, Any]) -> None:
    """Run code that may await at its top level."""
    result = eval(code, names)  # noqa: S307 - our own page
    if inspect.iscoroutine(result):
        await result


def rows_of(heading: str) -> dict[str, str]:
    """First and second column of the tables under a heading."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {name: cells[0] for cells_of in rows for name, *cells in [cells_of]}


def test_the_table_of_settings_names_each_with_its_default() -> None:
    defaults = {item.name: item.default for item in msgspec.structs.fields(Settings)}
    shown: dict[str, str] = {}
    for cell_names, cell_values in rows_of("Settings").items():
        split_names = re.findall(r"`(\w+)`", cell_names)
        values = cell_values.split(", ") if len(split_names) > 1 else [cell_values.replace(",", "")]
        shown |= dict(zip(split_names, values, strict=True))

    assert set(shown) == set(defaults)
    assert {name: float(value) for name, value in shown.items() if name != "jitter"} == {
        name: float(value) for name, value in defaults.items() if name != "jitter"
    }


def test_the_table_of_formats_names_them_all() -> None:
    shown = {name for cell in rows_of("Recommended message formats") for name in re.findall(r"`(\w+)`", cell)}

    assert shown == {kind.__name__ for kind in formats.FORMATS.values()}


def test_the_table_of_arguments_names_them_all() -> None:
    shown = {name for cell in rows_of("A first conversation") for name in re.findall(r"`(\w+)`", cell)}

    assert shown == set(inspect.signature(MIMCUser).parameters)
