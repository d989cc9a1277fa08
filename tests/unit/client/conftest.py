"""A scripted server per test, over each transport."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from openmimc.wire.connection import Framing
from tests.unit.client.scripted import ScriptedServer, run_server


@pytest.fixture(params=Framing, ids=lambda framing: framing.value)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[ScriptedServer]:
    async with run_server(request.param) as running:
        yield running


@pytest.fixture
async def tcp_server() -> AsyncIterator[ScriptedServer]:
    """For behaviour that no transport can change."""
    async with run_server(Framing.TCP) as running:
        yield running
