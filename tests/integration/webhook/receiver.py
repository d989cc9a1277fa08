"""An app's own server: a real HTTP one that takes callbacks, and fails as it is told."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

PATIENCE_S = 20.0


class Call(NamedTuple):
    """One request as it came; header names are in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(self.body)
        return fields

    @property
    def event_id(self) -> str:
        return self.headers["openmimc-event"]

    @property
    def timestamp_s(self) -> int:
        return int(self.headers["openmimc-timestamp"])

    def is_signed(self, secret: str) -> bool:
        """Whether the signature is the documented one."""
        signed = self.headers["openmimc-timestamp"].encode() + b"." + self.body
        expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        return self.headers["openmimc-signature"] == f"v1={expected}"


class Receiver:
    """Answers every request alike, until told otherwise.

    Attributes:
        answer: Raw HTTP response; None for silence.
        calls: What came, in order.
        connections: How many were opened, ever.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()
        self.answer: bytes | None = b""
        self.calls: list[Call] = []
        self.connections = 0
        self.port = 0
        self.will_answer(200)

    def url(self, path: str = "/") -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}{path}"

    def will_answer(self, status: int, body: bytes = b"", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
        self.answer = "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def will_be_silent(self) -> None:
        self.answer = None

    async def open(self) -> None:
        """Listen; again on the same port after ``close``."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Die: nothing listens any more, and open connections break."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()
        async with self._changed:
            await self._changed.wait_for(lambda: not self._writers)

    async def has(self, condition: Callable[[list[Call]], bool]) -> None:
        """Wait until the calls fulfil a condition."""
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: condition(self.calls))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").removesuffix("\r\n\r\n")
                line, *lines = head.split("\r\n")
                headers = {name.lower(): text for name, text in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                async with self._changed:
                    self.calls.append(Call(line, headers, body))
                    self._changed.notify_all()
                if self.answer is not None:
                    writer.write(self.answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # The peer is done, or we died.
        finally:
            writer.close()
            self._writers.discard(writer)
            async with self._changed:
                self._changed.notify_all()


@asynccontextmanager
async def open_receiver(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver(tls)
    await receiver.open()
    try:
        yield receiver
    finally:
        await receiver.close()
