"""Framing over WebSocket: version 4, one packet per binary message.

    magic u16 = 0xC2FE | version u16 = 4 | header type u16 = 3 | payload type u16 = 2 | header length u16
    | payload length u32 | header | payload | checksum u32

All integers are big-endian; the checksum is Adler-32 over everything before it. There is no encryption of
whole bodies and no packet without a header.

Source: protocol reference, 3.4.
"""

from __future__ import annotations

from struct import Struct
from zlib import adler32

from openmimc.errors import BadChecksum, BadMagic, BadPacket, BadVersion, PacketTooBig
from openmimc.wire.headers import MAX_HEADER_BYTES
from openmimc.wire.v6 import BODY_HEAD, CHECKSUM, MAGIC, PAYLOAD_TYPE_PROTOBUF, Parts

VERSION = 4
HEADER_TYPE = 3

HEAD = Struct(">HHHHHI")

OVERHEAD_BYTES = HEAD.size + CHECKSUM.size - BODY_HEAD.size
"""How much longer than ``max_body_bytes`` a WebSocket message can be: bodies are counted as over TCP."""


def parse_packet(message: bytes, *, max_body_bytes: int) -> tuple[bytes, bytes]:
    """Split one WebSocket message into header and payload.

    Raises:
        BadMagic: the peer speaks something else.
        BadVersion: MIMC, but not the framing for WebSocket.
        PacketTooBig: the packet exceeds ``max_body_bytes``.
        BadChecksum: the bytes were damaged.
        BadPacket: lengths or types are wrong.
    """
    if len(message) < HEAD.size + CHECKSUM.size:
        raise BadPacket(f"a message of {len(message)} bytes")
    magic, version, header_type, payload_type, header_bytes, payload_bytes = HEAD.unpack_from(message)
    if magic != MAGIC:
        raise BadMagic(f"magic {magic:#06x}")
    if version != VERSION:
        raise BadVersion(f"version {version}")
    body_bytes = BODY_HEAD.size + header_bytes + payload_bytes
    if body_bytes > max_body_bytes:
        raise PacketTooBig(body_bytes, max_body_bytes)
    payload_start = HEAD.size + header_bytes
    end = payload_start + payload_bytes
    if end + CHECKSUM.size != len(message):
        raise BadPacket("lengths inside a message do not add up")
    packet = message[:end]
    if CHECKSUM.unpack_from(message, end)[0] != adler32(packet):
        raise BadChecksum
    if header_type != HEADER_TYPE or payload_type != PAYLOAD_TYPE_PROTOBUF:
        raise BadPacket(f"header type {header_type}, payload type {payload_type}")
    if header_bytes > MAX_HEADER_BYTES:
        raise BadPacket(f"a header of {header_bytes} bytes")
    return packet[HEAD.size : payload_start], packet[payload_start:]


class Framer:
    """Takes packets out of WebSocket messages, and makes them, for one connection."""

    __slots__ = ("_max_body_bytes", "_message", "_waiting")

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._message: bytes | None = None
        self._waiting: list[bytes] | None = None

    def set_body_key(self, key: bytes) -> None:
        """Do nothing: bodies are plain over WebSocket."""

    def drop_caches(self) -> None:
        """Do nothing: nothing is kept."""

    def feed(self, data: bytes) -> None:
        """Take one message from the peer."""
        if self._message is None:
            self._message = bytes(data)
        elif self._waiting is None:
            self._waiting = [bytes(data)]
        else:
            self._waiting.append(bytes(data))

    def clear(self) -> None:
        """Forget what has not been read."""
        self._message = None
        self._waiting = None

    def next_packet(self) -> Parts | None:
        """Return the next message's header and payload, or None if there is none.

        Raises:
            BadMagic, BadVersion, PacketTooBig, BadChecksum, BadPacket: as ``parse_packet``.
        """
        message = self._message
        if message is None:
            return None
        self._message = self._waiting.pop(0) if self._waiting else None
        return parse_packet(message, max_body_bytes=self._max_body_bytes)

    def pack(self, header: bytes, payload: bytes) -> bytes:
        """Make one packet."""
        head = HEAD.pack(MAGIC, VERSION, HEADER_TYPE, PAYLOAD_TYPE_PROTOBUF, len(header), len(payload))
        packet = head + header + payload
        return packet + CHECKSUM.pack(adler32(packet))
