"""One kept HTTP connection with one request at a time.

As cheap as Python allows: the load must not be the limit.
"""

from __future__ import annotations

import asyncio
import time
from typing import Self, cast

import httptools
import msgspec

from openmimc.bench.device import PATIENCE_S
from openmimc.bench.errors import BenchError


class HttpLane(asyncio.Protocol):
    """A connection to the REST API. Make it with ``open``; its caller closes it."""

    __slots__ = ("_answer", "_body", "_host", "_parser", "_transport", "answered_ns")

    def __init__(self, host: str) -> None:
        self._host = host
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._answer: asyncio.Future[bytes] | None = None
        self.answered_ns = 0

    @classmethod
    async def open(cls, address: str) -> Self:
        """Connect to ``host:port``.

        Raises:
            BenchError: Nobody answers there.
        """
        host, _, port = address.rpartition(":")
        try:
            _, lane = await asyncio.get_running_loop().create_connection(
                lambda: cls(address), host.strip("[]"), int(port)
            )
        except OSError as error:
            raise BenchError(f"cannot connect to http://{address}: {error}") from error
        return lane

    async def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> bytes:
        """Send JSON and return the answer's body.

        Raises:
            BenchError: No answer, or one with a status other than 200.
        """
        content = msgspec.json.encode(body)
        lines = [f"POST {path} HTTP/1.1", f"Host: {self._host}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines += [f"Content-Length: {len(content)}", "", ""]
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write("\r\n".join(lines).encode("latin-1") + content)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._answer
        except TimeoutError as error:
            raise BenchError(f"no answer to {path} within {PATIENCE_S:g} s") from error

    def close(self) -> None:
        """Disconnect."""
        self._answer = None
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._fail("the server closed an HTTP connection")

    def data_received(self, data: bytes) -> None:
        """Parse a part of an answer."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("the answer is no HTTP")
            self._transport.close()

    def on_body(self, body: bytes) -> None:
        """The parser has a part of a body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The parser has a whole answer."""
        self.answered_ns = time.perf_counter_ns()
        body, self._body = b"".join(self._body), []
        status = self._parser.get_status_code()
        if status != 200:
            self._fail(f"HTTP status {status}")
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(body)

    def _fail(self, reason: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(BenchError(reason))
