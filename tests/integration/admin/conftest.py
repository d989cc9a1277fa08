from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from tests.integration.admin.console_server import Browser, ConsoleServer

NAME = "Ana"
PASSWORD = "correct horse battery"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ConsoleServer]:
    """A server without operators."""
    async with ConsoleServer(tmp_path) as running:
        yield running


@pytest.fixture
async def staffed(server: ConsoleServer) -> ConsoleServer:
    """The server with one operator, who is signed in nowhere."""
    await server.node.operators.create(NAME, PASSWORD)
    return server


@pytest.fixture
async def ana(staffed: ConsoleServer) -> Browser:
    """The browser of the one operator, who is signed in."""
    browser = staffed.browser()
    assert (await browser.sign_in(NAME, PASSWORD)).status_code == 303
    return browser


class Certificates:
    """What a server and its clients need for TLS."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self.server)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)


@pytest.fixture
async def tls_server(tmp_path: Path) -> AsyncIterator[tuple[ConsoleServer, ssl.SSLContext]]:
    """A server that speaks TLS, with one operator; and what its clients trust."""
    certificates = Certificates()
    async with ConsoleServer(tmp_path, tls=certificates.server) as running:
        await running.node.operators.create(NAME, PASSWORD)
        yield running, certificates.client
