"""Clients over WebSocket: the WebJS SDK and our own.

uvicorn hands an upgraded connection over to this protocol, with the request that asked for it. Framing and the
opening handshake are the ``websockets`` library's, without its I/O.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import structlog
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State as WsState
from websockets.server import ServerProtocol

from openmimc.gateway.link import TransportName

if TYPE_CHECKING:
    from openmimc.gateway.gateway import Gateway
    from openmimc.gateway.session import Session

log = structlog.get_logger(__name__)

_FRAME_OVERHEAD_BYTES = 1024
"""Room for the packet's own head and header around its body."""

_UNSUPPORTED_DATA = 1003
_MESSAGE_TOO_BIG = 1009


class WebSocketLink(asyncio.Protocol):
    """One WebSocket connection: messages to its session and back. Implements ``Link``."""

    transport_name = TransportName.WEBSOCKET

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._transport: asyncio.Transport | None = None
        self._session: Session | None = None
        self._max_bytes = gateway.limits.max_body_bytes + _FRAME_OVERHEAD_BYTES
        self._ws = ServerProtocol(max_size=self._max_bytes)
        self._fragments: list[bytes] = []
        self._fragments_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The HTTP server hands its connection over; the request comes as the first data."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Unwrap messages and hand them to the session."""
        self._ws.receive_data(data)
        for event in self._ws.events_received():
            if isinstance(event, Request):
                self._open(event)
            else:
                self._on_frame(cast("Frame", event))
        self._write()
        if self._ws.close_expected() and self._transport is not None:
            self._end_session()
            self._transport.close()

    def eof_received(self) -> None:
        """The client sends nothing any more."""
        self._ws.receive_eof()
        self._write()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, for whatever reason."""
        self._transport = None
        self._end_session()

    def _open(self, request: Request) -> None:
        path = request.path.partition("?")[0]
        if path.strip("/"):
            self._ws.send_response(self._ws.reject(404, "WebSocket connections are accepted at / only.\n"))
            return
        response = self._ws.accept(request)
        self._ws.send_response(response)
        if isinstance(self._ws.handshake_exc, InvalidHandshake):
            log.info("websocket_refused", reason=str(self._ws.handshake_exc), peer=self.peer)
            return
        self._session = self._gateway.open_session(self)

    def _on_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT:
            self._ws.fail(_UNSUPPORTED_DATA, "packets are binary messages")
            return
        if frame.opcode is Opcode.BINARY and frame.fin:
            self._deliver(bytes(frame.data))
        elif frame.opcode in (Opcode.BINARY, Opcode.CONT):
            self._fragments.append(bytes(frame.data))
            self._fragments_bytes += len(frame.data)
            if self._fragments_bytes > self._max_bytes:
                self._ws.fail(_MESSAGE_TOO_BIG)
            elif frame.fin:
                message = b"".join(self._fragments)
                self._fragments = []
                self._fragments_bytes = 0
                self._deliver(message)
        # Pings, pongs and closes are answered by the library.

    def _deliver(self, message: bytes) -> None:
        if self._session is not None:
            self._session.receive(message)

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.on_connection_lost()

    def _write(self) -> None:
        if self._transport is None:
            return
        for data in self._ws.data_to_send():
            if data:
                self._transport.write(data)
            # Empty data asks for a half-close; the connection is closed whole instead.

    @property
    def peer(self) -> str:
        """The client's address, "" when it is gone."""
        name = self._transport.get_extra_info("peername") if self._transport else None
        return f"{name[0]}:{name[1]}" if name else ""

    def send_packets(self, packets: list[bytes], *, one_by_one: bool) -> None:
        """Write packets, each as one binary message; in one system call."""
        if self._transport is None or self._ws.state is not WsState.OPEN:
            return
        for packet in packets:
            self._ws.send_binary(packet)
        self._transport.write(b"".join(self._ws.data_to_send()))

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
        """Say goodbye and close when everything has left."""
        if self._transport is None:
            return
        if self._ws.state is WsState.OPEN:
            self._ws.send_close(1001)
            self._write()
        self._transport.close()

    def abort(self) -> None:
        """Close now."""
        if self._transport:
            self._transport.abort()
