"""What one side of a connection tells the other: one type per packet that the protocol knows.

A side receives them from ``Connection.next_event`` and hands them to ``Connection.send``. Header fields that
no receiver looks at are filled in by the connection.
"""

from __future__ import annotations

from enum import StrEnum

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


class GroupRequest(StrEnum):
    """What a client may ask of an unlimited group by a packet of its own."""

    JOIN = "join"
    QUIT = "quit"
    COUNT_ONLINE = "count_online"


class AskGroup(Struct, frozen=True):
    """A request about an unlimited group, to be answered by a ``GroupAnswer`` with the same packet id.

    Attributes:
        packet_id: Of the inner packet (``UCPacket``).
        app_id: None when absent.
        group_id: Any number up to 2**64 - 1, 0 too: not only what can be a group.
    """

    request: GroupRequest
    packet_id: str
    app_id: int | None
    group_id: int


class SendGroup(Struct, frozen=True):
    """A message to an unlimited group. See ``SendP2P``.

    Attributes:
        packet_id: What the packet ack has to repeat (``MIMCPacket``'s).
        message_id: What the receivers are shown; WebJS has another one than ``packet_id``.
        is_store: False when absent, unlike one-to-one messages: WebJS means that.
    """

    packet_id: str
    message_id: str
    to_app_id: int | None
    group_id: int
    payload: bytes
    is_store: bool = False
    biz_type: str | None = None


class GroupPing(Struct, frozen=True):
    """Keep-alive of the unlimited groups that the client believes it is in."""

    packet_id: str
    group_ids: tuple[int, ...] = ()


class GroupAck(Struct, frozen=True):
    """Everything of a group up to this sequence has arrived at this device."""

    group_id: int
    sequence: int


class SendOnline(Struct, frozen=True):
    """An online message: for devices that are bound now, one-way. See ``SendP2P``.

    Attributes:
        to_resource: "" for all devices.
    """

    packet_id: str
    to_app_id: int | None
    to_account: str
    to_resource: str
    payload: bytes
    biz_type: str | None = None


class OnlineAck(Struct, frozen=True):
    """Word of an online message: from its receiver to the server, and on to its sender.

    Attributes:
        user_id: The online message's sender, as is ``resource``.
        code: 1 is the Java SDK's for received; the server's own refusals have codes of ``openmimc.errors``.
    """

    packet_id: str
    user_id: int
    resource: str
    code: int
    text: str = ""


class BadOnlineMessage(Struct, frozen=True):
    """An online message that cannot be read; deserves an ``OnlineAck`` that says so. See ``BadMessage``."""

    packet_id: str
    reason: str


class CallParty(Struct, frozen=True):
    """One side of an audio or video call, as signals name it; what is unknown is 0 or ""."""

    app_id: int
    account: str
    user_id: int
    resource: str


class AskCall(Struct, frozen=True):
    """A request to create a call (RTS ``CREATE_REQUEST``) of exactly two parties.

    Attributes:
        call_type: ``CallType`` as a number.
    """

    packet_id: str
    call_id: int
    call_type: int
    caller: CallParty
    callee: CallParty


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
        index: The message's number in its conversation; 0 if it has none.
    """

    packet_id: str
    sequence: int
    timestamp_ms: int
    code: int = 0
    error_message: str = ""
    index: int = 0


class Deliver(Struct, frozen=True):
    """A list of messages for this device, in ascending order.

    Attributes:
        max_sequence: Greatest sequence inside.
        packets: Each one message as ``messages.serialize_message`` makes it; one such value can be put into
            the lists of many devices.
    """

    max_sequence: int
    packets: tuple[bytes, ...]


class DeliverOverflow(Struct, frozen=True):
    """Instead of messages: more wait than the app wants sent (status 2); bounds inclusive.

    Attributes:
        is_probe: Addressed to nobody, without status and bounds: WebJS before 1.0.3, which does not know
            status 2, acknowledges even that (with sequence 0), and so gives itself away.
    """

    min_sequence: int = 0
    max_sequence: int = 0
    is_probe: bool = False


class GroupAnswer(Struct, frozen=True):
    """Answer to ``AskGroup``.

    Attributes:
        code: 0 on success. An answer to ``COUNT_ONLINE`` can carry neither code nor text: a refused one arrives
            as nobody there.
        text: For people.
        online: Of ``COUNT_ONLINE``: how many members are there.
    """

    request: GroupRequest
    packet_id: str
    app_id: int
    group_id: int
    code: int = 0
    text: str = ""
    online: int = 0


class GroupPong(Struct, frozen=True):
    """Answer to ``GroupPing``."""

    packet_id: str


class GroupDismissed(Struct, frozen=True):
    """A group is no more."""

    app_id: int
    group_id: int


class DeliverGroup(Struct, frozen=True):
    """Messages of one unlimited group for this device, in ascending order.

    Attributes:
        list_bytes: As ``group_messages.serialize_group_list`` makes them: the same for every device.
    """

    list_bytes: bytes


class DeliverOnline(Struct, frozen=True):
    """An online message for this device."""

    packet_id: str
    from_account: str
    from_user_id: int
    from_resource: str
    to_account: str
    to_user_id: int
    to_resource: str
    payload: bytes
    timestamp_ms: int
    biz_type: str | None = None


class RefuseCall(Struct, frozen=True):
    """Answer to ``AskCall``: there is nobody to talk to (RTS ``CREATE_RESPONSE``, PEER_OFFLINE).

    Attributes:
        callee: With the user id the server knows, which also goes into the signal itself.
    """

    packet_id: str
    call_id: int
    call_type: int
    caller: CallParty
    callee: CallParty
    text: str


class DeliveredGroupMessage(Struct, frozen=True):
    """One message of an unlimited group as a client reads it out of a list."""

    packet_id: str
    sequence: int
    timestamp_ms: int
    from_account: str
    from_resource: str
    from_user_id: int
    payload: bytes
    is_store: bool
    biz_type: str | None


class DeliveredGroup(Struct, frozen=True):
    """A list of messages of one unlimited group as a client receives it. To be acknowledged by ``GroupAck``."""

    group_id: int
    max_sequence: int
    messages: tuple[DeliveredGroupMessage, ...]


class DeliveredMessage(Struct, frozen=True):
    """One message as a client reads it out of a list.

    Attributes:
        to_account: "" for a message to a topic.
        topic_id: 0 for a one-to-one message.
        index: Number in its conversation; 0 if it has none.
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
    index: int = 0


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
    | AskGroup
    | SendGroup
    | GroupPing
    | GroupAck
    | SendOnline
    | OnlineAck
    | BadOnlineMessage
    | AskCall
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
    | DeliverOverflow
    | Delivered
    | GroupAnswer
    | GroupPong
    | GroupDismissed
    | DeliverGroup
    | DeliveredGroup
    | DeliverOnline
    | OnlineAck
    | RefuseCall
    | OtherPacket
    | UnreadableMessage
    | OtherCommand
)
Event = ClientEvent | ServerEvent
