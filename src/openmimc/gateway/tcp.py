"""Clients over TCP, with or without TLS: the SDKs for Java, Android, C++, Go, C# and iOS, and our own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from openmimc.gateway.link import TransportName

if TYPE_CHECKING:
    from openmimc.gateway.gateway import Gateway
    from openmimc.gateway.session import Session


class TcpLink(asyncio.Protocol):
    """One TCP connection: bytes to its session and back. Implements ``Link``."""

    __slots__ = ("_gateway", "_session", "_transport", "transport_name")

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._transport: asyncio.Transport | None = None
        self._session: Session
        self.transport_name = TransportName.TCP

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is here."""
        self._transport = cast("asyncio.Transport", transport)
        if transport.get_extra_info("ssl_object") is not None:
            self.transport_name = TransportName.TLS
        self._session = self._gateway.open_session(self)

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the session."""
        self._session.receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, for whatever reason."""
        self._transport = None
        self._session.on_connection_lost()

    @property
    def peer(self) -> str:
        """The client's address, "" when it is gone."""
        name = self._transport.get_extra_info("peername") if self._transport else None
        return f"{name[0]}:{name[1]}" if name else ""

    def send_packets(self, packets: list[bytes], *, one_by_one: bool) -> None:
        """Write packets: joined, for every write is a system call."""
        if self._transport is None:
            return
        if one_by_one:
            for packet in packets:
                self._transport.write(packet)
        else:
            self._transport.write(packets[0] if len(packets) == 1 else b"".join(packets))

    def unsent_bytes(self) -> int:
        """What the client has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def pause_reading(self) -> None:
        """Let the client's further bytes wait in the kernel."""
        if self._transport and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Undo ``pause_reading``."""
        if self._transport and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Close when everything has left."""
        if self._transport:
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        if self._transport:
            self._transport.abort()
