"""The API behind a real HTTP server on a free port, over a store on disk."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import msgspec
import uvicorn

from openmimc.store.sqlite import SqliteStore
from tests.fakes.clock import FakeClock
from tests.unit.rest.world import NOW_MS, World

PATIENCE_S = 10.0
"""How long a test waits for what must come."""


class RawAnswer(msgspec.Struct, frozen=True):
    """An HTTP response as it came. Header names are in lower case."""

    version: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class HttpServer:
    """Serves a ``World``.

    Args:
        folder: Where the store's file is.
        http: The parser that uvicorn uses.
    """

    world: World
    port: int

    def __init__(self, folder: Path, *, http: Literal["httptools", "h11"]) -> None:
        self._folder = folder
        self._http = http
        self._clock = FakeClock(NOW_MS)

    async def __aenter__(self) -> Self:
        self.world = World(self._open_store(), self._clock)
        await self.world.open(topicMemberCount="4")
        await self._start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stop()

    async def restart(self) -> None:
        """Stop everything, and start anew from what is on disk."""
        await self._stop()
        before, self.world = self.world, World(self._open_store(), self._clock)
        self.world.app, self.world.secret = before.app, before.secret
        self.world.other, self.world.other_secret = before.other, before.other_secret
        await self._start()

    async def exchange(self, *chunks: bytes) -> RawAnswer:
        """Send bytes on a connection of their own and read the one response that comes."""
        return parse_answer(await asyncio.wait_for(self._exchange(chunks), PATIENCE_S))

    async def request(
        self, line: str, headers: dict[str, str] | None = None, body: bytes = b"", *, version: str = "1.1"
    ) -> RawAnswer:
        """Send one request; ``line`` is its method and target."""
        lines = [f"{line} HTTP/{version}", f"Host: 127.0.0.1:{self.port}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines += [f"Content-Length: {len(body)}"] if body else []
        return await self.exchange("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    async def _exchange(self, chunks: tuple[bytes, ...]) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()

    def _open_store(self) -> SqliteStore:
        return SqliteStore.open(self._folder / "openmimc.db", clock=self._clock)

    async def _start(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self.world.api,
            http=self._http,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
        )
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))

    async def _stop(self) -> None:
        self._server.should_exit = True
        await asyncio.wait_for(self._serving, PATIENCE_S)
        await self.world.store.aclose()


def parse_answer(data: bytes) -> RawAnswer:
    """Parse a response that ended with its connection; a go-ahead before it is passed over."""
    head, _, body = data.partition(b"\r\n\r\n")
    if head == b"HTTP/1.1 100 Continue":
        return parse_answer(body)
    status_line, *lines = head.decode("latin-1").split("\r\n")
    version, status, _ = status_line.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return RawAnswer(version, int(status), headers, body)
