"""What the payload of a benchmark's message says: who sent it, the how many-th it is, and when.

The layout, numbers big-endian:

    0   stream    8 bytes   one sender in one run; not repeated by later runs on the same server
    8   number    8 bytes   1, 2, 3 ... within the stream
    16  sent_ns   8 bytes   monotonic clock of the machine, which all its processes share
    24  zeros     as many as are wanted

Source: ours; the server passes payloads on as they are.
"""

from __future__ import annotations

from struct import Struct

_STAMP = Struct(">QQQ")

STAMP_BYTES = _STAMP.size
"""Shortest payload."""


def make_payload(stream: int, number: int, sent_ns: int, payload_bytes: int) -> bytes:
    """Return a payload of at least ``STAMP_BYTES``."""
    return _STAMP.pack(stream, number, sent_ns).ljust(payload_bytes, b"\0")


def read_stamp(payload: bytes) -> tuple[int, int, int]:
    """Return stream, number and ``sent_ns``; (0, 0, 0) of a payload that is none of ours."""
    if len(payload) < STAMP_BYTES:
        return (0, 0, 0)
    return _STAMP.unpack_from(payload)
