"""The few protobuf fields that are written by hand: bytes that are kept and joined rather than built again.

What is written here is canonical, with the shortest varints. A tag is given as the byte it is on the wire.
"""

from __future__ import annotations

_UINT64_MASK = (1 << 64) - 1


def varint(value: int) -> bytes:
    """The shortest varint of a 64-bit number; negative ones take ten bytes, as protobuf's int64 does."""
    if 0 <= value < 0x80:
        return bytes((value,))
    value &= _UINT64_MASK
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def delimited(tag: bytes, data: bytes) -> bytes:
    """A field of bytes: tag, length, data."""
    return b"%b%b%b" % (tag, varint(len(data)), data)
