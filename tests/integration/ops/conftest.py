"""Servers as processes, ended with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.ops.processes import ServerProcess

StartServer = Callable[..., ServerProcess]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def start_server(data_dir: Path) -> Iterator[StartServer]:
    """Start a server with these flags, and wait until it is ready."""
    servers: list[ServerProcess] = []

    def start(*flags: str, environment: dict[str, str] | None = None) -> ServerProcess:
        server = ServerProcess(data_dir, *flags, environment=environment)
        servers.append(server)
        server.wait_ready()
        return server

    yield start
    for server in servers:
        server.close()
