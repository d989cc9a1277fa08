from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.rest.server import HttpServer


@pytest.fixture(params=["httptools", "h11"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HttpServer]:
    """The API over SQLite behind a real HTTP server, by each of the parsers it can have."""
    async with HttpServer(tmp_path, http=request.param) as running:
        yield running
