"""Framing over TCP: version 5, "V6" in the SDKs.

    magic u16 = 0xC2FE | version u16 = 5 | body length u32 | body | checksum u32

    body: payload type u16 = 2 | header length u16 | payload length u32 | header | payload

All integers are big-endian. The checksum is Adler-32 over everything before it, so over the encrypted body:
once both sides know the body key, all bodies are encrypted. A packet without a body is a ping or pong.

Source: protocol reference, 3.1 and 3.2.
"""

from __future__ import annotations

from struct import Struct
from zlib import adler32

from openmimc.errors import BadChecksum, BadMagic, BadPacket, BadVersion, PacketTooBig
from openmimc.wire.cipher import BodyCipher
from openmimc.wire.headers import MAX_HEADER_BYTES

MAGIC = 0xC2FE
VERSION = 5
PAYLOAD_TYPE_PROTOBUF = 2

HEAD = Struct(">HHI")
BODY_HEAD = Struct(">HHI")
CHECKSUM = Struct(">I")

EMPTY_PACKET = bytes.fromhex("c2fe0005000000000d2301c6")
"""Ping or pong without a header, never encrypted."""

Parts = tuple[bytes | None, bytes]
"""Header and payload of a packet; the header is None in the packet without a body."""


def parse_head(data: bytes | bytearray, start: int, *, max_body_bytes: int) -> int:
    """Read the 8 bytes at ``start`` and return the length of the body that follows.

    Raises:
        BadMagic: the peer speaks something else.
        BadVersion: MIMC, but not the framing for TCP.
        PacketTooBig: the announced body exceeds ``max_body_bytes``.
    """
    magic, version, body_bytes = HEAD.unpack_from(data, start)
    if magic != MAGIC:
        raise BadMagic(f"magic {magic:#06x}")
    if version != VERSION:
        raise BadVersion(f"version {version}")
    if body_bytes > max_body_bytes:
        raise PacketTooBig(body_bytes, max_body_bytes)
    return int(body_bytes)


def split_body(body: bytes) -> tuple[bytes, bytes]:
    """Split a decrypted body into header and payload.

    Raises:
        BadPacket: lengths do not add up, the payload is no protobuf, or the header is longer than any real one.
    """
    if len(body) < BODY_HEAD.size:
        raise BadPacket(f"a body of {len(body)} bytes")
    payload_type, header_bytes, payload_bytes = BODY_HEAD.unpack_from(body)
    if payload_type != PAYLOAD_TYPE_PROTOBUF:
        raise BadPacket(f"payload type {payload_type}")
    if header_bytes > MAX_HEADER_BYTES:
        raise BadPacket(f"a header of {header_bytes} bytes")
    payload_start = BODY_HEAD.size + header_bytes
    if payload_start + payload_bytes != len(body):
        raise BadPacket("lengths inside a body do not add up")
    return body[BODY_HEAD.size : payload_start], body[payload_start:]


class Framer:
    """Cuts a TCP stream into packets, and makes packets, for one connection.

    Work is linear in the input however it is cut. After ``next_packet`` has returned None, less than one packet
    of the greatest allowed size is kept.
    """

    __slots__ = ("_cipher", "_data", "_max_body_bytes", "_start")

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._cipher: BodyCipher | None = None
        # A chunk as it came while whole packets are cut from it; a bytearray once a packet spans chunks, so
        # that a peer who sends byte by byte costs no copy of all that came before.
        self._data: bytes | bytearray = b""
        self._start = 0

    def set_body_key(self, key: bytes) -> None:
        """Encrypt and decrypt every body from here on."""
        self._cipher = BodyCipher(key)

    def drop_caches(self) -> None:
        """Give back what can be computed again."""
        if self._cipher is not None:
            self._cipher.drop_stream()

    def feed(self, data: bytes) -> None:
        """Take bytes from the peer."""
        rest = self._data
        if not rest:
            self._data = bytes(data)
            return
        if isinstance(rest, bytes):
            rest = self._data = bytearray(rest[self._start :])
            self._start = 0
        rest += data

    def clear(self) -> None:
        """Forget what has not been read."""
        self._data = b""
        self._start = 0

    def next_packet(self) -> Parts | None:
        """Return the next packet's header and payload, or None if more bytes are needed.

        Raises:
            BadMagic, BadVersion, PacketTooBig, BadChecksum, BadPacket: what follows cannot be trusted.
        """
        data = self._data
        start = self._start
        if len(data) - start < HEAD.size:
            self._keep_rest()
            return None
        body_end = start + HEAD.size + parse_head(data, start, max_body_bytes=self._max_body_bytes)
        end = body_end + CHECKSUM.size
        if len(data) < end:
            self._keep_rest()
            return None
        packet = bytes(data[start:body_end])
        if CHECKSUM.unpack_from(data, body_end)[0] != adler32(packet):
            raise BadChecksum
        self._start = end
        if len(packet) == HEAD.size:
            return None, b""
        body = packet[HEAD.size :]
        if self._cipher is not None:
            body = self._cipher.apply(body)
        return split_body(body)

    def _keep_rest(self) -> None:
        start = self._start
        if start == len(self._data):
            self._data = b""
        elif isinstance(self._data, bytes):
            # Not a slice of the chunk as bytes: the next chunk would copy it once more.
            self._data = bytearray(self._data[start:])
        elif start:
            del self._data[:start]
        self._start = 0

    def pack(self, header: bytes, payload: bytes) -> bytes:
        """Make one packet."""
        body = BODY_HEAD.pack(PAYLOAD_TYPE_PROTOBUF, len(header), len(payload)) + header + payload
        if self._cipher is not None:
            body = self._cipher.apply(body)
        packet = HEAD.pack(MAGIC, VERSION, len(body)) + body
        return packet + CHECKSUM.pack(adler32(packet))
