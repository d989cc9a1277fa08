"""Fuzzing of ``wire.Connection``: whatever a peer sends, only the errors listed here come out.

With atheris installed, ``python fuzz/fuzz_connection.py`` lets it choose the input; ``run_short.py`` needs
nothing but the package.

The first two bytes of an input say what is done with the others:

    byte 0   bit 0: role of the end under test, 0 client, 1 server
             bit 1: framing, 0 TCP, 1 WebSocket
             bit 2: whether a user is bound
             bits 3, 4: depth, see ``Depth``
    byte 1   length of the pieces that a TCP stream is cut into, 0 for none;
             at depth HEADER, length of the header
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import IntEnum

from openmimc.errors import BadChecksum, BadMagic, BadPacket, BadPayload, BadVersion, PacketTooBig
from openmimc.wire import v6, web
from openmimc.wire.cipher import body_key, payload_key, rc4
from openmimc.wire.connection import MAX_BODY_BYTES, Connection, Framing, Identity, Role
from openmimc.wire.events import Conn, ConnResponse
from openmimc.wire.header_ids import next_header_id
from openmimc.wire.headers import CLIENT_MESSAGE_END, SECMSG, header_start, serialize_header

ALLOWED = (BadMagic, BadVersion, PacketTooBig, BadChecksum, BadPacket, BadPayload)
"""The only errors that input may cause."""

CHALLENGE = "1a2b3c4d5e"
IDENTITY = Identity(
    app_id=2882303761500000001,
    user_id=70001000000001,
    account="alice",
    resource="res-alice-1",
    security_key=bytes(range(16)),
    package="com.example.chat",
)

_HEADER_ID = "x-1"
_MESSAGE_HEADER = serialize_header(
    header_start(SECMSG, IDENTITY.user_id, IDENTITY.resource), _HEADER_ID, CLIENT_MESSAGE_END
)


class Depth(IntEnum):
    """What the input is taken for. The deeper, the more around it is made to fit."""

    FRESH_STREAM = 0
    """Bytes on a connection that has just been opened."""

    STREAM = 1
    """Bytes on a connection that has been greeted."""

    HEADER = 2
    """Header and payload of a packet whose frame, checksum and outer cipher fit."""

    PAYLOAD = 3
    """Payload of a SECMSG whose inner cipher fits as well."""


def one_input(data: bytes) -> None:
    """Feed one input; an exception that comes out is a find."""
    if len(data) < 2:
        return
    choice, piece_bytes = data[0], data[1]
    role = Role.SERVER if choice & 1 else Role.CLIENT
    framing = Framing.WEBSOCKET if choice & 2 else Framing.TCP
    depth = Depth(choice >> 3 & 3)
    connection = connection_of(role, framing, is_bound=bool(choice & 4), depth=depth)
    stream = stream_of(data[2:], role, framing, depth, header_bytes=piece_bytes)
    try:
        for piece in pieces_of(stream, framing, piece_bytes):
            connection.receive_data(piece)
            while (event := connection.next_event()) is not None:
                if isinstance(event, Conn):
                    connection.send(ConnResponse(CHALLENGE))
    except ALLOWED:
        return


def pieces_of(stream: bytes, framing: Framing, piece_bytes: int) -> list[bytes]:
    """The stream as it arrives."""
    if framing is Framing.WEBSOCKET or not piece_bytes:
        return [stream]
    return [stream[at : at + piece_bytes] for at in range(0, len(stream), piece_bytes)]


def connection_of(
    role: Role,
    framing: Framing,
    *,
    is_bound: bool,
    depth: Depth,
    next_id: Callable[[], str] = next_header_id,
) -> Connection:
    """The end under test, as far along as the depth says."""
    connection = Connection(role, framing, next_id=next_id)
    if is_bound:
        connection.set_identity(IDENTITY)
    if role is Role.CLIENT:
        connection.send(Conn())
    if depth is not Depth.FRESH_STREAM:
        client = connection if role is Role.CLIENT else Connection(Role.CLIENT, framing)
        server = connection if role is Role.SERVER else Connection(Role.SERVER, framing)
        if role is Role.SERVER:
            client.send(Conn())
        server.receive_data(client.data_to_send())
        server.next_event()
        server.send(ConnResponse(CHALLENGE))
        client.receive_data(server.data_to_send())
        client.next_event()
    return connection


def stream_of(data: bytes, role: Role, framing: Framing, depth: Depth, *, header_bytes: int) -> bytes:
    """What the end receives: the input, and around it what the depth says."""
    if depth in (Depth.FRESH_STREAM, Depth.STREAM):
        return data
    framer: v6.Framer | web.Framer
    if framing is Framing.TCP:
        framer = v6.Framer(MAX_BODY_BYTES)
        framer.set_body_key(body_key(CHALLENGE, ""))
    else:
        framer = web.Framer(MAX_BODY_BYTES)
    if depth is Depth.HEADER:
        return framer.pack(data[:header_bytes], data[header_bytes:])
    if framing is Framing.TCP or role is Role.CLIENT:
        data = rc4(payload_key(IDENTITY.security_key, _HEADER_ID), data)
    return framer.pack(_MESSAGE_HEADER, data)


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
