"""The reference page of ``AppServer``: its examples run, and its tables are current."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from typing import Any

import pytest

from openmimc.client import AppServer
from tests.integration.client.test_sdk_page import run
from tests.integration.docs.markdown import ROOT, blocks_of, rows_of
from tests.integration.live_server import LiveServer

PAGE = ROOT / "docs" / "reference" / "python-app-server.md"


async def test_the_examples_run_one_after_the_other(
    shared_server: LiveServer, capsys: pytest.CaptureFixture[str]
) -> None:
    app = shared_server.app
    names: dict[str, Any] = {
        "APP_ID": app["appId"],
        "APP_KEY": app["appKey"],
        "APP_SECRET": app["appSecret"],
    }
    for number, block in enumerate(blocks_of(PAGE)):
        text = block.text.replace("127.0.0.1:8080", shared_server.http)
        code = compile(text, f"example {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        async with asyncio.timeout(30):
            await run(code, names)

    assert capsys.readouterr().out.splitlines() == [
        "one message: 1",
        "three messages: 3",
        "tea ('alice', 'bob', 'carol')",
        "['at four']",
        "alice is muted until 0",
        "0 of 1 online",
        "news wrote Your parcel is on its way",
        "in the topic: The kettle is on",
        "in the group: The gates are open",
        "USER news True",
        "True",
        "405 blocked by the recipient",
    ]


def test_the_tables_of_methods_have_their_arguments() -> None:
    shown = {cell for row in rows_of(PAGE) for cell in re.findall(r"^`(\w+\(.*\))`$", row[0])}

    assert len(shown) == 18
    for call in shown:
        name, _, rest = call.partition("(")
        listed = [word.partition("=")[0] for word in rest.rstrip(")").split(", ")]
        _, *accepted = inspect.signature(getattr(AppServer, name)).parameters
        assert listed == accepted


def test_the_table_of_arguments_names_them_all() -> None:
    first = [row[0] for row in rows_of(PAGE)][2:6]
    shown = {name for cell in first for name in re.findall(r"`(\w+)`", cell)}

    assert shown == set(inspect.signature(AppServer).parameters)
