"""How long the protocol's packets are, so that the relay can move the like."""

from __future__ import annotations

from msgspec import Struct

from openmimc.bench.talk_kind import TalkKind
from openmimc.model.ids import AppId, Sequence, TopicId, UserId
from openmimc.model.message import Kind, Message, Sender
from openmimc.wire.connection import Connection, Framing, Identity, Role
from openmimc.wire.events import (
    Conn,
    ConnResponse,
    Deliver,
    DeliverGroup,
    Event,
    GroupAck,
    PacketAck,
    SendGroup,
    SendP2P,
    SendP2T,
    SequenceAck,
)
from openmimc.wire.group_messages import serialize_group_list, serialize_group_message
from openmimc.wire.messages import serialize_message

_APP_ID = AppId(2_000_000_000_000_000_000)
_LARGE_ID = (1 << 53) - 1
_SEQUENCE = Sequence(17_600_000_000_000_001)
_PACKET_ID = "0123456789ab-1000"
_ACCOUNT = "bench-1000"
_PACKAGE = "com.openmimc.a2000000000000000000"


class PacketSizes(Struct, frozen=True):
    """Bytes on the wire, over TCP, of the four packets of one message to one receiver."""

    message: int
    ack: int
    list: int
    sequence_ack: int


def packet_sizes(kind: TalkKind, payload_bytes: int) -> PacketSizes:
    """Return the sizes for a payload of this size: each packet is made once, between two ends in memory."""
    client, server = _bound_ends()
    payload = bytes(payload_bytes)
    ack = PacketAck(_PACKET_ID, _SEQUENCE, _SEQUENCE // 10_000)
    message = Message(
        sequence=_SEQUENCE,
        kind={TalkKind.P2P: Kind.P2P, TalkKind.TOPIC: Kind.P2T, TalkKind.GROUP: Kind.GROUP}[kind],
        sender=Sender(_APP_ID, UserId(_LARGE_ID), _ACCOUNT, "device"),
        to_user_id=UserId(_LARGE_ID if kind is TalkKind.P2P else 0),
        to_account=_ACCOUNT if kind is TalkKind.P2P else "",
        topic_id=TopicId(0 if kind is TalkKind.P2P else _LARGE_ID),
        packet_id=_PACKET_ID,
        payload=payload,
        biz_type=None,
        is_store=True,
    )
    send: Event
    deliver: Event
    arrived: Event
    match kind:
        case TalkKind.P2P:
            send = SendP2P(_PACKET_ID, _APP_ID, _ACCOUNT, payload)
        case TalkKind.TOPIC:
            send = SendP2T(_PACKET_ID, _APP_ID, _LARGE_ID, payload)
        case TalkKind.GROUP:
            send = SendGroup(_PACKET_ID, _PACKET_ID, _APP_ID, _LARGE_ID, payload, is_store=True)
    if kind is TalkKind.GROUP:
        parts = [serialize_group_message(message)]
        deliver = DeliverGroup(serialize_group_list(_LARGE_ID, _APP_ID, _SEQUENCE, parts))
        arrived = GroupAck(_LARGE_ID, _SEQUENCE)
    else:
        deliver = Deliver(_SEQUENCE, (serialize_message(message, _PACKAGE),))
        arrived = SequenceAck(_SEQUENCE)
    return PacketSizes(
        message=_size(client, send),
        ack=_size(server, ack),
        list=_size(server, deliver),
        sequence_ack=_size(client, arrived),
    )


def _size(end: Connection, event: Event) -> int:
    end.send(event)
    return len(end.data_to_send())


def _bound_ends() -> tuple[Connection, Connection]:
    client, server = Connection(Role.CLIENT, Framing.TCP), Connection(Role.SERVER, Framing.TCP)
    client.send(Conn(udid="0123456789"))
    server.receive_data(client.data_to_send())
    server.next_event()
    server.send(ConnResponse("0123456789abcdef"))
    client.receive_data(server.data_to_send())
    client.next_event()
    identity = Identity(_APP_ID, _LARGE_ID, _ACCOUNT, "device", bytes(16), _PACKAGE)
    client.set_identity(identity)
    server.set_identity(identity)
    return client, server
