"""The header that every packet but the empty one begins with.

Headers are parsed by protobuf but written by hand: all headers of one connection's messages differ in the id
alone, so their beginning and end are kept.

What is written must be exactly what protobuf would write (fields ascending, shortest varints, nothing
unknown): the Java SDK serialises the header it has parsed again and checks the checksum over that.

Source: protocol reference, 3.1, 4.1 and 5.1.
"""

from __future__ import annotations

from msgspec import Struct

from openmimc.errors import LocalProtocolError
from openmimc.wire.fields import delimited, varint
from openmimc.wire.pb.ims_pb2 import ClientHeader
from openmimc.wire.protobuf import parse_protobuf

CONN = "CONN"
BIND = "BIND"
PING = "PING"
UNBIND = "UBND"
KICK = "KICK"
SECMSG = "SECMSG"

MAX_HEADER_BYTES = 4096
"""Longest header accepted. Real ones have 60 to 300 bytes; ids and resources out of one are echoed in answers,
which the SDKs read up to 32767 bytes."""

MAX_SENT_HEADER_BYTES = 32_767
"""The C#, C++ and Java SDKs read the header's length as a signed 16-bit number."""

_CHID_MIMC = b"\x08\x09"
_SERVER = b"\x1a\x0axiaomi.com"
_UUID_TAG = b"\x10"
_RESOURCE_TAG = b"\x22"
_COMMAND_TAG = b"\x2a"
_ID_TAG = b"\x3a"

# Fields 8 (dir_flag) and 9 (cipher). No SDK reads the former; the latter says whether the payload is encrypted.
CLIENT_REQUEST_END = b"\x40\x02\x48\x00"
CLIENT_MESSAGE_END = b"\x40\x02\x48\x01"
SERVER_RESPONSE_END = b"\x40\x06\x48\x00"
SERVER_PUSH_END = b"\x40\x04\x48\x00"
SERVER_MESSAGE_END = b"\x40\x04\x48\x01"
WEB_CLIENT_END = b""
"""The WebJS SDK sends neither field."""


class Packet(Struct, frozen=True):
    """A packet's header and payload as Python values, the outer cipher removed.

    Attributes:
        command: "" when absent.
        header_id: "" when absent (the CONN of the Java SDK).
    """

    command: str
    user_id: int
    resource: str
    header_id: str
    payload: bytes


def parse_header(data: bytes) -> ClientHeader:
    """Parse a header; its text fields may still turn out to be ``bytes``, see ``protobuf.text``.

    Raises:
        BadPayload: the bytes are no header.
    """
    return parse_protobuf(ClientHeader, data)


def header_start(command: str, user_id: int, resource: str) -> bytes:
    """The fields before the id. ``user_id`` 0 and ``resource`` "" leave their fields out."""
    return b"".join(
        (
            _CHID_MIMC,
            _UUID_TAG + varint(user_id) if user_id else b"",
            _SERVER,
            delimited(_RESOURCE_TAG, resource.encode()) if resource else b"",
            delimited(_COMMAND_TAG, command.encode()),
        )
    )


def bare_header_start(command: str) -> bytes:
    """The fields before the id as the WebJS SDK writes them in CONN: server and command alone."""
    return _SERVER + delimited(_COMMAND_TAG, command.encode())


def serialize_header(start: bytes, header_id: str, end: bytes) -> bytes:
    """A whole header: the fields before the id, the id, the fields behind it.

    Raises:
        LocalProtocolError: it would be longer than the SDKs can read.
    """
    header = start + delimited(_ID_TAG, header_id.encode()) + end
    if len(header) > MAX_SENT_HEADER_BYTES:
        raise LocalProtocolError(f"a header of {len(header)} bytes")
    return header
