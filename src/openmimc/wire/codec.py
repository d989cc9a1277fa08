"""The seam between a connection and the hot work on its bytes.

Everything done for every message passes through ``Codec``: cutting the stream, checksums, both ciphers, reading
and writing of messages, acks and lists. ``new_codec`` makes the implementation in use. A native twin takes the
place of the one in ``codec_python`` by being put here, and passes the same tests.
"""

from __future__ import annotations

from typing import Protocol

from openmimc.wire.codec_python import PythonCodec
from openmimc.wire.events import Deliver, Event, PacketAck
from openmimc.wire.framing import Framing, Role
from openmimc.wire.headers import Packet
from openmimc.wire.identity import Identity


class Codec(Protocol):
    """One connection's bytes, without its rules: what may be sent when is the connection's business."""

    def feed(self, data: bytes) -> None:
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

    def set_body_key(self, key: bytes) -> None:
        """Use the outer cipher from here on, if the framing has it."""

    def set_identity(self, identity: Identity | None) -> None:
        """Say whom SECMSG packets are to and from; None until that is known."""

    def seal(
        self,
        command: str,
        header_id: str,
        payload: bytes,
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

    def seal_ack(self, header_id: str, ack: PacketAck) -> bytes:
        """Make a SECMSG packet with a packet ack. An identity must be set."""

    def seal_list(self, header_id: str, deliver: Deliver) -> bytes:
        """Make a SECMSG packet with a list of messages. An identity must be set."""

    def seal_message(self, header_id: str, payload: bytes) -> bytes:
        """Make a SECMSG packet with any other payload. An identity must be set."""


def new_codec(role: Role, framing: Framing, max_body_bytes: int) -> Codec:
    """Make the codec of one connection."""
    return PythonCodec(role, framing, max_body_bytes)
