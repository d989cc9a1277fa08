"""What one side of a connection tells the other: one type per packet that the protocol knows.

A side receives them from ``Connection.next_event`` and hands them to ``Connection.send``. Header fields that
no receiver looks at are filled in by the connection.
"""

from __future__ import annotations

from msgspec import Struct

# ------------------------------------------------------------------ client to server


class Conn(Struct, frozen=True):
    """First packet of a connection. Its fields tell the SDKs apart.

    Source: protocol reference, 2.5.

    Attributes:
        sdk: None when absent (the C# SDK sends none).
    """

    version: int = 106
    os: str = ""
    udid: str = ""
    sdk: int | None = None
    model: str = ""
    host: str = ""
    header_id: str = ""


class Bind(Struct, frozen=True):
    """A login, for the identity in its header. ``signature`` is checked by ``bind.is_signed_with``.

    Attributes:
        kick: As on the wire: "" also when absent.
        sso: True asks to end every other connection of the same user and resource.
    """

    token: str
    user_id: int
    resource: str
    header_id: str
    kick: str = "0"
    method: str = "XIAOMI-PASS"
    client_attrs: str = ""
    cloud_attrs: str = ""
    signature: str = ""
    sso: bool = False


class Ping(Struct, frozen=True):
    """Keep-alive. ``is_empty`` is the 12-byte packet without a header (TCP only)."""

    is_empty: bool = False
    header_id: str = ""


class Unbind(Struct, frozen=True):
    """A logout."""

    header_id: str = ""


class SendP2P(Struct, frozen=True):
    """A one-to-one message. The sender it claims to be from is not passed on.

    Attributes:
        to_app_id: None when absent.
        biz_type: None when absent.
        conversation: Whether an index within the conversation is wanted (C++ and Java SDKs).
    """

    packet_id: str
    to_app_id: int | None
    to_account: str
    payload: bytes
    is_store: bool = True
    biz_type: str | None = None
    conversation: bool = False


class SendP2T(Struct, frozen=True):
    """A message to a topic. See ``SendP2P``."""

    packet_id: str
    to_app_id: int | None
    topic_id: int
    payload: bytes
    is_store: bool = True
    biz_type: str | None = None
    conversation: bool = False


class SequenceAck(Struct, frozen=True):
    """Everything up to this sequence has arrived at this device."""

    sequence: int


class Pull(Struct, frozen=True):
    """The device asks for what lies beyond its cursor."""

    packet_id: str = ""


class BadMessage(Struct, frozen=True):
    """A message packet with an id but without a usable body; deserves a refusal by packet ack.

    Attributes:
        reason: For the ack's text; names the field that is wrong.
    """

    packet_id: str
    reason: str


class OtherPacket(Struct, frozen=True):
    """A well-formed SECMSG of a type that this side does not handle.

    Attributes:
        type: ``MIMC_MSG_TYPE`` as a number; 0 when absent or unknown.
    """

    type: int
    packet_id: str
    payload: bytes


class UnreadableMessage(Struct, frozen=True):
    """A SECMSG that came while no user is bound, so that its payload cannot be decrypted."""


class OtherCommand(Struct, frozen=True):
    """A packet with a command that this side does not know."""

    command: str


# ------------------------------------------------------------------ server to client


class ConnResponse(Struct, frozen=True):
    """Answer to ``Conn``. ASCII, never empty: some SDKs crash on an empty one."""

    challenge: str
    header_id: str = ""


class BindResponse(Struct, frozen=True):
    """Answer to ``Bind``. All four fields are always on the wire.

    Attributes:
        user_id: Goes into the header, as does ``resource``.
    """

    result: bool
    error_type: str = ""
    error_reason: str = ""
    error_desc: str = ""
    user_id: int = 0
    resource: str = ""
    header_id: str = ""


class Pong(Struct, frozen=True):
    """Answer to ``Ping``: the empty packet over TCP, a PING packet with a header over WebSocket."""

    header_id: str = ""


class Kick(Struct, frozen=True):
    """The user is logged out; ``reason`` goes where each SDK looks for it (protocol reference, 5.6)."""

    reason: str
    description: str = ""


class PacketAck(Struct, frozen=True):
    """A message was stored, or refused.

    Attributes:
        packet_id: The message's, not a header's.
        sequence: 0 on refusal.
        timestamp_ms: Server time.
        code: 0 on success.
    """

    packet_id: str
    sequence: int
    timestamp_ms: int
    code: int = 0
    error_message: str = ""


class Deliver(Struct, frozen=True):
    """A list of messages for this device, in ascending order.

    Attributes:
        max_sequence: Greatest sequence inside.
        packets: Each one message as ``messages.serialize_message`` makes it; one such value can be put into
            the lists of many devices.
    """

    max_sequence: int
    packets: tuple[bytes, ...]


class DeliveredMessage(Struct, frozen=True):
    """One message as a client reads it out of a list.

    Attributes:
        to_account: "" for a message to a topic.
        topic_id: 0 for a one-to-one message.
    """

    packet_id: str
    sequence: int
    timestamp_ms: int
    from_account: str
    from_resource: str
    from_user_id: int
    to_account: str
    topic_id: int
    payload: bytes
    is_store: bool
    biz_type: str | None


class Delivered(Struct, frozen=True):
    """A list of messages as a client receives it.

    Attributes:
        is_overflow: Status 2: nothing inside, ``min_sequence`` to ``max_sequence`` wait in history.
    """

    user_id: int
    resource: str
    max_sequence: int
    messages: tuple[DeliveredMessage, ...]
    is_overflow: bool = False
    min_sequence: int = 0


ClientEvent = (
    Conn
    | Bind
    | Ping
    | Unbind
    | SendP2P
    | SendP2T
    | SequenceAck
    | Pull
    | BadMessage
    | OtherPacket
    | UnreadableMessage
    | OtherCommand
)
ServerEvent = (
    ConnResponse
    | BindResponse
    | Pong
    | Kick
    | PacketAck
    | Deliver
    | Delivered
    | OtherPacket
    | UnreadableMessage
    | OtherCommand
)
Event = ClientEvent | ServerEvent
