"""The seam between a connection and the hot work on its bytes.

Everything done for every message passes through ``Codec``: cutting the stream, checksums, both ciphers, reading
and writing of messages, acks and lists. There are two implementations, which do the same to the byte:

    native    ``_native``, in C; made when the package is installed, if there is a C compiler
    python    ``codec_python``, on C libraries where they help; takes five times as long, and is the law

The environment variable ``OPENMIMC_CODEC`` says which one serves, when this module is first imported: ``auto``
(the default: native if it is there), ``native`` or ``python``. ``codec_name`` tells.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

from openmimc.model.message import Message
from openmimc.wire import group_messages, messages
from openmimc.wire.codec_python import PythonCodec
from openmimc.wire.events import Deliver, DeliverGroup, Event, PacketAck
from openmimc.wire.framing import Framing, Role
from openmimc.wire.headers import Packet
from openmimc.wire.identity import Identity

CODEC_VARIABLE = "OPENMIMC_CODEC"


class Codec(Protocol):
    """One connection's bytes, without its rules: what may be sent when is the connection's business."""

    def feed(self, data: bytes, /) -> None:
        """Take bytes (TCP) or one binary message (WebSocket) from the peer."""

    def next_packet(self) -> Packet | Event | None:
        """Return what came next, or None if more bytes are needed.

        The packet without a header is a ``Ping`` or ``Pong``. A SECMSG is an event if an identity is set, every
        other packet a ``Packet``.

        Raises:
            RemoteProtocolError: one of its subclasses; nothing after it can be read.
        """

    def clear(self) -> None:
        """Forget what has not been read."""

    def drop_caches(self) -> None:
        """Give back memory that holds what can be computed again."""

    def set_body_key(self, key: bytes, /) -> None:
        """Use the outer cipher from here on, if the framing has it."""

    def set_identity(self, identity: Identity | None, /) -> None:
        """Say whom SECMSG packets are to and from; None until that is known."""

    def seal(
        self,
        command: str,
        header_id: str,
        payload: bytes,
        /,
        *,
        user_id: int,
        resource: str,
        is_push: bool = False,
    ) -> bytes:
        """Make a packet of any command but SECMSG.

        ``user_id`` 0 and ``resource`` "" leave their fields out of the header. ``is_push`` says that the packet
        answers nothing; only a server's headers show it.

        Raises:
            LocalProtocolError: the header would be too long for the peer.
        """

    def seal_empty(self) -> bytes:
        """Make the packet without a header.

        Raises:
            LocalProtocolError: the framing has none.
        """

    def seal_ack(self, header_id: str, ack: PacketAck, /) -> bytes:
        """Make a SECMSG packet with a packet ack. An identity must be set."""

    def seal_list(self, header_id: str, deliver: Deliver, /) -> bytes:
        """Make a SECMSG packet with a list of messages. An identity must be set."""

    def seal_group(self, header_id: str, deliver: DeliverGroup, /) -> bytes:
        """Make a SECMSG packet with a list of an unlimited group. An identity must be set."""

    def seal_message(self, header_id: str, payload: bytes, /) -> bytes:
        """Make a SECMSG packet with any other payload. An identity must be set."""


class _Implementation:
    """One of the two: its name, and what it is made of."""

    def __init__(
        self,
        name: str,
        codec: Callable[[Role, Framing, int], Codec],
        serialize_message: Callable[[Message, str], bytes],
        serialize_group_message: Callable[[Message], bytes],
    ) -> None:
        self.name = name
        self.codec = codec
        self.serialize_message = serialize_message
        self.serialize_group_message = serialize_group_message


_PYTHON = _Implementation(
    "python", PythonCodec, messages.serialize_message, group_messages.serialize_group_message
)


def _load_native() -> _Implementation:
    # The names, not the module: where it was not built, its sources' folder passes for one.
    from openmimc.wire._native import NativeCodec, serialize_group_message, serialize_message

    return _Implementation("native", NativeCodec, serialize_message, serialize_group_message)


def _choose(wanted: str) -> _Implementation:
    if wanted == "python":
        return _PYTHON
    if wanted not in ("auto", "native"):
        raise ValueError(f"{CODEC_VARIABLE} is auto, native or python, not {wanted!r}")
    try:
        return _load_native()
    except ImportError as error:
        if wanted == "auto":
            return _PYTHON
        raise ImportError(
            "the native codec was not built: a C compiler and Python's headers are needed when the package is "
            f"installed ({error})"
        ) from error


_in_use = _choose(os.environ.get(CODEC_VARIABLE) or "auto")


def choose_codec(wanted: str) -> None:
    """Use another implementation for what is made from here on, as ``OPENMIMC_CODEC`` does.

    Args:
        wanted: ``auto``, ``native`` or ``python``.

    Raises:
        ImportError: the native one was asked for, and it is not there.
        ValueError: there is no such implementation.
    """
    global _in_use
    _in_use = _choose(wanted)


def codec_name() -> str:
    """Which implementation serves: ``native`` or ``python``."""
    return _in_use.name


def new_codec(role: Role, framing: Framing, max_body_bytes: int) -> Codec:
    """Make the codec of one connection."""
    return _in_use.codec(role, framing, max_body_bytes)


def serialize_message(message: Message, package: str) -> bytes:
    """See ``messages.serialize_message``."""
    return _in_use.serialize_message(message, package)


def serialize_group_message(message: Message) -> bytes:
    """See ``group_messages.serialize_group_message``."""
    return _in_use.serialize_group_message(message)
