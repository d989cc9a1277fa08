"""Streams of packets: TCP, TCP with TLS, and WebSocket, all with one face.

A stream moves bytes and knows nothing of their meaning; which framing they have is the transport's property.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from typing import Protocol

import websockets
from msgspec import Struct
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_websocket

from openmimc.client.errors import ConnectionLost
from openmimc.wire.connection import Framing

READ_BYTES = 65_536
"""How much is read at once; a list of the server is about as big."""

CLOSE_TIMEOUT_S = 1.0
"""How long a closing handshake may take before the transport is cut off."""


class Stream(Protocol):
    """One open transport. Both methods raise ``ConnectionLost`` when it is not open any more."""

    async def receive(self) -> bytes:
        """Return what came next, never empty. WebSocket: exactly one binary message."""

    async def send(self, packets: Sequence[bytes]) -> None:
        """Write packets, in order; return when the transport took them over."""

    async def aclose(self) -> None:
        """Close, whatever the state; never raises, takes ``CLOSE_TIMEOUT_S`` at the longest."""


class Address(Struct, frozen=True):
    """Where the server is, and how to talk to it.

    Attributes:
        host: For TCP.
        port: For TCP.
        url: ``ws://`` or ``wss://`` for WebSocket, else "".
        ssl_context: None for a plain connection.
    """

    host: str = ""
    port: int = 0
    url: str = ""
    ssl_context: ssl.SSLContext | None = None

    @property
    def framing(self) -> Framing:
        """How packets look on this transport."""
        return Framing.WEBSOCKET if self.url else Framing.TCP

    @property
    def name(self) -> str:
        """For messages to people, and for the ``host`` that the client names in its greeting."""
        return self.url or f"{self.host}:{self.port}"

    @classmethod
    def choose(
        cls, tcp: str | None, tls: str | None, websocket: str | None, ssl_context: ssl.SSLContext | None
    ) -> Address:
        """Read the address out of the one of three that is given.

        Raises:
            ValueError: none or several are given, or it is malformed.
        """
        if sum(bool(given) for given in (tcp, tls, websocket)) != 1:
            raise ValueError("give exactly one of tcp, tls and websocket")
        if websocket:
            scheme = websocket.partition("://")[0].lower()
            if scheme not in {"ws", "wss"}:
                raise ValueError(f"{websocket!r} begins neither with ws:// nor with wss://")
            if scheme == "ws":
                return cls(url=websocket)
            return cls(url=websocket, ssl_context=ssl_context or ssl.create_default_context())
        host, _, port = (tcp or tls or "").rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
            raise ValueError(f"{tcp or tls!r} is not of the form host:port")
        if tcp:
            return cls(host=host, port=int(port))
        return cls(host=host, port=int(port), ssl_context=ssl_context or ssl.create_default_context())


async def open_stream(address: Address, *, max_packet_bytes: int) -> Stream:
    """Connect; the caller sets the timeout and closes the stream.

    Raises:
        ConnectionLost: the server cannot be reached, or TLS or the upgrade to WebSocket failed.
    """
    try:
        if address.url:
            return await _WebSocketStream.open(address, max_packet_bytes)
        reader, writer = await asyncio.open_connection(
            address.host, address.port, ssl=address.ssl_context, limit=READ_BYTES
        )
    except (OSError, websockets.WebSocketException) as error:
        raise ConnectionLost(f"cannot connect to {address.name}: {error}") from error
    return _TcpStream(reader, writer)


class _TcpStream:
    __slots__ = ("_reader", "_writer")

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def receive(self) -> bytes:
        try:
            data = await self._reader.read(READ_BYTES)
        except OSError as error:
            raise ConnectionLost(f"the connection broke: {error}") from error
        if not data:
            raise ConnectionLost("the server closed the connection")
        return data

    async def send(self, packets: Sequence[bytes]) -> None:
        try:
            self._writer.write(b"".join(packets))
            await self._writer.drain()
        except OSError as error:
            raise ConnectionLost(f"the connection broke: {error}") from error

    async def aclose(self) -> None:
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()  # A peer that does not take our last bytes will not get them.


class _WebSocketStream:
    __slots__ = ("_websocket",)

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket

    @classmethod
    async def open(cls, address: Address, max_packet_bytes: int) -> _WebSocketStream:
        return cls(
            await connect_websocket(
                address.url,
                ssl=address.ssl_context,
                max_size=max_packet_bytes,
                compression=None,  # Payloads are encrypted: they do not get smaller.
                ping_interval=None,  # The protocol has pings of its own.
                open_timeout=None,  # The caller's business.
                close_timeout=CLOSE_TIMEOUT_S,
            )
        )

    async def receive(self) -> bytes:
        try:
            data = await self._websocket.recv(decode=False)
        except websockets.ConnectionClosed as error:
            raise ConnectionLost(f"the server closed the connection: {error}") from error
        return data

    async def send(self, packets: Sequence[bytes]) -> None:
        try:
            for packet in packets:
                await self._websocket.send(packet)
        except websockets.ConnectionClosed as error:
            raise ConnectionLost(f"the connection broke: {error}") from error

    async def aclose(self) -> None:
        with contextlib.suppress(OSError):
            await self._websocket.close()
