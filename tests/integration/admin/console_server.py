"""The console behind a real HTTP server on a free port, with a clock that tests move; and a browser for it."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from types import TracebackType
from typing import Self

import argon2
import httpx

from openmimc.app.build import Node, build_node
from openmimc.app.config import load_config
from openmimc.app.http import HttpServer, start_http
from openmimc.domain.passwords import Argon2
from tests.fakes.clock import FakeClock

SERVER_KEY = bytes(range(32))
PATIENCE_S = 10.0

_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class ConsoleServer:
    """One server's HTTP port.

    Args:
        data_dir: Where the store is; exists.
        tls: What the port speaks TLS with.
        options: Of the server.

    Attributes:
        clock: The server's.
        node: What runs.
    """

    node: Node
    port: int

    def __init__(self, data_dir: Path, *, tls: ssl.SSLContext | None = None, **options: str) -> None:
        self.clock = FakeClock()
        self.config = load_config(options, {})
        self._data_dir = data_dir
        self._tls = tls
        self._browsers: list[httpx.AsyncClient] = []

    @property
    def origin(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self._start(0)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for browser in self._browsers:
            await browser.aclose()
        await self._stop()

    async def restart(self) -> None:
        """Stop everything, and start anew on the same port from what is on disk."""
        await self._stop()
        await self._start(self.port)

    def browser(self, ca: ssl.SSLContext | None = None, **headers: str) -> Browser:
        """A browser without cookies; ``headers`` go with every request of it."""
        # Trusting nobody is quicker than reading whom the system trusts, and plain HTTP needs none of them.
        trusted = ca or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client = httpx.AsyncClient(base_url=self.origin, headers=headers, verify=trusted, timeout=PATIENCE_S)
        self._browsers.append(client)
        return Browser(client, self.origin)

    async def _start(self, port: int) -> None:
        listener = socket.create_server(("127.0.0.1", port))
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self.node = build_node(
            self.config,
            database=self._data_dir / "openmimc.db",
            server_key=SERVER_KEY,
            tcp_port=5222,
            max_connections=100,
            clock=self.clock,
            hasher=Argon2(argon2.profiles.CHEAPEST),
        )
        self._http: HttpServer = await start_http(
            self.node.api,
            self.node.gateway.websocket_protocol,
            listener,
            tls=self._tls,
            max_connections=100,
            grace_s=1.0,
        )
        self._serving = asyncio.create_task(self._http.main_loop())

    async def _stop(self) -> None:
        self._http.should_exit = True
        await asyncio.wait_for(self._serving, PATIENCE_S)
        await self._http.shutdown()
        await self.node.dispatcher.aclose(0)
        await self.node.sender.aclose()
        await self.node.store.aclose()


class Browser:
    """Keeps cookies, and sends forms as browsers do.

    Attributes:
        http: For requests of other kinds.
    """

    def __init__(self, http: httpx.AsyncClient, origin: str) -> None:
        self.http = http
        self._from = {"origin": origin, "sec-fetch-site": "same-origin"}

    async def get(self, path: str) -> httpx.Response:
        """Open a page; redirects are not followed."""
        return await self.http.get(path)

    async def post(
        self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send a form as it is; ``headers`` in place of those that say where it came from."""
        return await self.http.post(
            path, data=dict(fields), headers=dict(self._from if headers is None else headers)
        )

    async def send(self, page: str, action: str = "", **fields: str) -> httpx.Response:
        """Open a page and send its form, to ``action`` if that is another address."""
        return await self.post(action or page, {"csrf": csrf_in(await self.get(page)), **fields})

    async def set_up(self, code: str, name: str, password: str, again: str | None = None) -> httpx.Response:
        """Become the first operator."""
        return await self.send(
            "/console/setup",
            code=code,
            name=name,
            password=password,
            again=password if again is None else again,
        )

    async def sign_in(self, name: str, password: str) -> httpx.Response:
        """Sign in."""
        return await self.send("/console/login", name=name, password=password)

    async def is_signed_in(self) -> bool:
        """Whether the console lets this browser in."""
        answer = await self.get("/console/password")
        assert answer.status_code in (200, 303)
        return answer.status_code == 200


def csrf_in(page: httpx.Response) -> str:
    """What the forms of a page carry."""
    assert page.status_code < 500, page.text
    found = _CSRF.search(page.text)
    assert found is not None, page.text
    return unescape(found[1])
