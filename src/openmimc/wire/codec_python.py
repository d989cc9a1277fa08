"""The codec in Python, on upb protobuf, ``arc4`` and ``zlib``."""

from __future__ import annotations

from openmimc.errors import LocalProtocolError
from openmimc.wire import v6, web
from openmimc.wire.cipher import payload_key, rc4
from openmimc.wire.events import Deliver, DeliverGroup, Event, PacketAck, Ping, Pong
from openmimc.wire.framing import Framing, Role
from openmimc.wire.group_messages import DeliveryParts, delivery_parts, serialize_group_delivery
from openmimc.wire.headers import (
    CLIENT_MESSAGE_END,
    CLIENT_REQUEST_END,
    CONN,
    SECMSG,
    SERVER_MESSAGE_END,
    SERVER_PUSH_END,
    SERVER_RESPONSE_END,
    WEB_CLIENT_END,
    Packet,
    bare_header_start,
    header_start,
    parse_header,
    serialize_header,
)
from openmimc.wire.identity import Identity
from openmimc.wire.message_parsing import parse_client_message, parse_server_message
from openmimc.wire.messages import serialize_list, serialize_packet_ack
from openmimc.wire.protobuf import text

EMPTY_PING = Ping(is_empty=True)
EMPTY_PONG = Pong()


class PythonCodec:
    """See ``codec.Codec``."""

    __slots__ = ("_framer", "_framing", "_group_parts", "_identity", "_message_start", "_role")

    def __init__(self, role: Role, framing: Framing, max_body_bytes: int) -> None:
        self._role = role
        self._framing = framing
        self._framer: v6.Framer | web.Framer
        if framing is Framing.TCP:
            self._framer = v6.Framer(max_body_bytes)
        else:
            self._framer = web.Framer(max_body_bytes)
        self._identity: Identity | None = None
        # The header of every message up to its id; made with the first one.
        self._message_start = b""
        # Made with the first list of an unlimited group; most connections never get one.
        self._group_parts: DeliveryParts | None = None

    def feed(self, data: bytes, /) -> None:
        """See ``Codec``."""
        self._framer.feed(data)

    def clear(self) -> None:
        """See ``Codec``."""
        self._framer.clear()

    def drop_caches(self) -> None:
        """See ``Codec``."""
        self._framer.drop_caches()
        self._message_start = b""
        self._group_parts = None

    def set_body_key(self, key: bytes, /) -> None:
        """See ``Codec``."""
        self._framer.set_body_key(key)

    def set_identity(self, identity: Identity | None, /) -> None:
        """See ``Codec``."""
        self._identity = identity
        self._message_start = b""
        self._group_parts = None

    # ------------------------------------------------------------------ receiving

    def next_packet(self) -> Packet | Event | None:
        """See ``Codec``."""
        parts = self._framer.next_packet()
        if parts is None:
            return None
        header_bytes, payload = parts
        if header_bytes is None:
            return EMPTY_PING if self._role is Role.SERVER else EMPTY_PONG
        return read_packet(self._role, self._framing, self._identity, header_bytes, payload)

    # ------------------------------------------------------------------ sending

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
        """See ``Codec``."""
        header = command_header(self._role, self._framing, command, header_id, user_id, resource, is_push)
        return self._framer.pack(header, payload)

    def seal_empty(self) -> bytes:
        """See ``Codec``."""
        if self._framing is not Framing.TCP:
            raise LocalProtocolError("every packet over WebSocket has a header")
        return v6.EMPTY_PACKET

    def seal_ack(self, header_id: str, ack: PacketAck, /) -> bytes:
        """See ``Codec``."""
        return self.seal_message(header_id, serialize_packet_ack(ack, self._known_identity(), header_id))

    def seal_list(self, header_id: str, deliver: Deliver, /) -> bytes:
        """See ``Codec``."""
        return self.seal_message(header_id, serialize_list(deliver, self._known_identity(), header_id))

    def seal_group(self, header_id: str, deliver: DeliverGroup, /) -> bytes:
        """See ``Codec``."""
        parts = self._group_parts
        if parts is None:
            parts = self._group_parts = delivery_parts(self._known_identity())
        return self.seal_message(header_id, serialize_group_delivery(deliver.list_bytes, parts, header_id))

    def seal_message(self, header_id: str, payload: bytes, /) -> bytes:
        """See ``Codec``."""
        identity = self._known_identity()
        if not self._message_start:
            self._message_start = header_start(SECMSG, identity.user_id, identity.resource)
        parts = _message_parts(self._role, self._framing, identity, self._message_start, header_id, payload)
        return self._framer.pack(*parts)

    def _known_identity(self) -> Identity:
        if self._identity is None:
            raise LocalProtocolError("messages need an identity and a finished CONN")
        return self._identity


# ------------------------------------------------------------------ without a connection
#
# The native codec calls these by name for whatever it does not do itself.


def read_packet(
    role: Role, framing: Framing, identity: Identity | None, header_bytes: bytes, payload: bytes
) -> Packet | Event:
    """What a packet with these parts says; see ``Codec.next_packet``."""
    header = parse_header(header_bytes)
    command = header.cmd
    if command == SECMSG and identity is not None:
        # Over WebSocket only the server encrypts. The header's cipher field is not asked: WebJS never sends it.
        if framing is Framing.TCP or role is Role.CLIENT:
            payload = rc4(payload_key(identity.security_key, text(header.id)), payload)
        return parse_client_message(payload) if role is Role.SERVER else parse_server_message(payload)
    return Packet(
        command=text(command),
        user_id=header.uuid,
        resource=text(header.resource),
        header_id=text(header.id),
        payload=payload,
    )


def command_header(
    role: Role, framing: Framing, command: str, header_id: str, user_id: int, resource: str, is_push: bool
) -> bytes:
    """The header of a packet of any command but SECMSG; see ``Codec.seal``."""
    if role is Role.SERVER:
        end = SERVER_PUSH_END if is_push else SERVER_RESPONSE_END
    else:
        end = CLIENT_REQUEST_END if framing is Framing.TCP else WEB_CLIENT_END
    if command == CONN and end is WEB_CLIENT_END:
        start = bare_header_start(command)
    else:
        start = header_start(command, user_id, resource)
    return serialize_header(start, header_id, end)


def message_parts(
    role: Role, framing: Framing, identity: Identity, header_id: str, payload: bytes
) -> tuple[bytes, bytes]:
    """Header and encrypted payload of a SECMSG; see ``Codec.seal_message``."""
    start = header_start(SECMSG, identity.user_id, identity.resource)
    return _message_parts(role, framing, identity, start, header_id, payload)


def _message_parts(
    role: Role, framing: Framing, identity: Identity, start: bytes, header_id: str, payload: bytes
) -> tuple[bytes, bytes]:
    if role is Role.SERVER:
        end = SERVER_MESSAGE_END
    else:
        end = CLIENT_MESSAGE_END if framing is Framing.TCP else WEB_CLIENT_END
    if end is not WEB_CLIENT_END:
        payload = rc4(payload_key(identity.security_key, header_id), payload)
    return serialize_header(start, header_id, end), payload


def serialize_group(deliver: DeliverGroup, identity: Identity, header_id: str) -> bytes:
    """The payload of a list of an unlimited group; see ``Codec.seal_group``."""
    return serialize_group_delivery(deliver.list_bytes, delivery_parts(identity), header_id)
