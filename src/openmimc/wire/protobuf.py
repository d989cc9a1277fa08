"""Reading protobuf that a peer wrote: what the library makes of broken bytes, as our own errors."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from openmimc.errors import BadPayload

UNREADABLE = (DecodeError, UnicodeDecodeError)
"""What parsing raises. The second one comes from text that is not UTF-8, where protobuf has no native core.

Where it has one, parsing goes through and the field reads as ``bytes``: see ``text``.
"""

_M = TypeVar("_M", bound=Message)


def parse_protobuf(kind: type[_M], data: bytes) -> _M:
    """Read a message of this kind.

    Raises:
        BadPayload: the bytes are none.
    """
    try:
        return kind.FromString(data)
    except UNREADABLE as error:
        raise BadPayload(f"{kind.__name__} does not parse") from error


def text(value: str) -> str:
    """Pass a string field on.

    Raises:
        BadPayload: its bytes are not UTF-8.
    """
    if type(value) is not str:
        raise BadPayload("a text field is not UTF-8")
    return value
