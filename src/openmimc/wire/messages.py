"""Writes payloads of SECMSG: one MIMCPacket each, with a message, an acknowledgement or a list inside.

A message that goes to many devices is serialised once: a list is the device's own few fields, followed by the
ready bytes of each message. Reading is the task of ``message_parsing``.

Source: protocol reference, 4.2 and 6.
"""

from __future__ import annotations

from openmimc.errors import LocalProtocolError
from openmimc.model.ids import Sequence, timestamp_ms_of
from openmimc.model.message import Kind, Message
from openmimc.wire.events import (
    Deliver,
    DeliverOverflow,
    OtherPacket,
    PacketAck,
    Pull,
    SendP2P,
    SendP2T,
    SequenceAck,
)
from openmimc.wire.fields import delimited
from openmimc.wire.identity import Identity
from openmimc.wire.pb.mimc_pb2 import (
    COMPOUND,
    MIMC_MSG_TYPE,
    P2P_MESSAGE,
    P2T_MESSAGE,
    PACKET_ACK,
    PULL,
    SEQUENCE_ACK,
    STATUS_EXCEED_COUNT_LIMIT,
    MIMCP2PMessage,
    MIMCP2TMessage,
    MIMCPacket,
    MIMCPacketAck,
    MIMCPacketList,
    MIMCSequenceAck,
    MIMCUser,
    PullMessageRequest,
)

_LIST_PACKETS_TAG = b"\x22"
_LIST_STATUS_NORMAL = b"\x28\x01"

# ------------------------------------------------------------------ both sides


def set_user(user: MIMCUser, app_id: int, account: str, user_id: int, resource: str) -> None:
    """Fill in a user and their device."""
    # Fields are set one by one, here and below: a message as an argument of another is copied, which takes
    # half as long again.
    user.appId = app_id
    user.appAccount = account
    user.uuid = user_id
    user.resource = resource


def serialize_other(packet: OtherPacket, identity: Identity, header_id: str) -> bytes:
    """A packet of any type this package has no event for; named by ``header_id`` if it has no packet id.

    Raises:
        LocalProtocolError: the protocol has no such type.
    """
    if packet.type not in MIMC_MSG_TYPE.values():
        raise LocalProtocolError(f"no packet type {packet.type}")
    return MIMCPacket(
        packetId=packet.packet_id or header_id,
        package=identity.package,
        type=MIMC_MSG_TYPE.Name(packet.type),
        payload=packet.payload,
    ).SerializeToString()


# ------------------------------------------------------------------ server to client


def serialize_message(message: Message, package: str) -> bytes:
    """One message as it stands in the list for any device.

    ``from`` is complete and ``to`` names no resource, since C++ and Java skip what is addressed to another one.
    Source: protocol reference, 6.3.
    """
    sender = message.sender
    body: MIMCP2PMessage | MIMCP2TMessage
    if message.kind is Kind.P2P:
        kind = P2P_MESSAGE
        body = MIMCP2PMessage(payload=message.payload, isStore=message.is_store, bizType=message.biz_type)
        to = body.to
        to.appAccount = message.to_account
        to.uuid = message.to_user_id
    else:
        kind = P2T_MESSAGE
        body = MIMCP2TMessage(payload=message.payload, isStore=message.is_store, bizType=message.biz_type)
        body.to.topicId = message.topic_id
    body.to.appId = sender.app_id
    set_user(getattr(body, "from"), sender.app_id, sender.account, sender.user_id, sender.resource)
    return MIMCPacket(
        packetId=message.packet_id,
        package=package,
        sequence=message.sequence,
        type=kind,
        payload=body.SerializeToString(),
        timestamp=message.timestamp_ms,
        convIndex=message.index or None,
    ).SerializeToString()


def serialize_list(deliver: Deliver, identity: Identity, header_id: str) -> bytes:
    """A COMPOUND packet with the messages as they are.

    Its sequence is the greatest one inside, as in the original's packets, and its time is that sequence's.
    """
    head = MIMCPacketList(
        uuid=identity.user_id, resource=identity.resource, maxSequence=deliver.max_sequence
    ).SerializeToString()
    entries = [delimited(_LIST_PACKETS_TAG, packet) for packet in deliver.packets]
    return MIMCPacket(
        packetId=header_id,
        package=identity.package,
        sequence=deliver.max_sequence,
        type=COMPOUND,
        payload=b"".join((head, *entries, _LIST_STATUS_NORMAL)),
        timestamp=timestamp_ms_of(Sequence(deliver.max_sequence)),
    ).SerializeToString()


def serialize_overflow(overflow: DeliverOverflow, identity: Identity, header_id: str) -> bytes:
    """A COMPOUND packet without messages, which tells what waits in history; or a probe, which tells nothing.

    Source: protocol reference, 6.6.
    """
    body = MIMCPacketList(uuid=0, resource="", maxSequence=0)
    if not overflow.is_probe:
        body = MIMCPacketList(
            uuid=identity.user_id,
            resource=identity.resource,
            maxSequence=overflow.max_sequence,
            status=STATUS_EXCEED_COUNT_LIMIT,
            minSequence=overflow.min_sequence,
        )
    return MIMCPacket(
        packetId=header_id,
        package=identity.package,
        sequence=body.maxSequence,
        type=COMPOUND,
        payload=body.SerializeToString(),
        timestamp=timestamp_ms_of(Sequence(body.maxSequence)),
    ).SerializeToString()


def serialize_packet_ack(ack: PacketAck, identity: Identity, header_id: str) -> bytes:
    """A PACKET_ACK packet with every field of the ack set: some SDKs and demos dereference them all.

    Source: protocol reference, 6.2.
    """
    body = MIMCPacketAck(
        packetId=ack.packet_id,
        uuid=identity.user_id,
        resource=identity.resource,
        sequence=ack.sequence,
        timestamp=ack.timestamp_ms,
        package=identity.package,
        errorMsg=ack.error_message,
        code=ack.code,
        convIndex=ack.index or None,
    ).SerializeToString()
    return MIMCPacket(
        packetId=header_id,
        package=identity.package,
        sequence=ack.sequence or None,
        type=PACKET_ACK,
        payload=body,
        timestamp=ack.timestamp_ms,
        convIndex=ack.index or None,
    ).SerializeToString()


# ------------------------------------------------------------------ client to server


def serialize_p2p(event: SendP2P, identity: Identity) -> bytes:
    """A P2P_MESSAGE packet from this identity."""
    body = MIMCP2PMessage(payload=event.payload, isStore=event.is_store, bizType=event.biz_type)
    body.to.appAccount = event.to_account
    return _serialize_request(event, P2P_MESSAGE, body, identity)


def serialize_p2t(event: SendP2T, identity: Identity) -> bytes:
    """A P2T_MESSAGE packet from this identity."""
    body = MIMCP2TMessage(payload=event.payload, isStore=event.is_store, bizType=event.biz_type)
    body.to.topicId = event.topic_id
    return _serialize_request(event, P2T_MESSAGE, body, identity)


def _serialize_request(
    event: SendP2P | SendP2T, kind: MIMC_MSG_TYPE, body: MIMCP2PMessage | MIMCP2TMessage, identity: Identity
) -> bytes:
    if event.to_app_id is not None:
        body.to.appId = event.to_app_id
    set_user(getattr(body, "from"), identity.app_id, identity.account, identity.user_id, identity.resource)
    return MIMCPacket(
        packetId=event.packet_id,
        package=identity.package,
        type=kind,
        payload=body.SerializeToString(),
        conversation=event.conversation or None,
    ).SerializeToString()


def serialize_sequence_ack(event: SequenceAck, identity: Identity, packet_id: str | None) -> bytes:
    """A SEQUENCE_ACK packet; ``packet_id`` None leaves id and package out, as WebJS does."""
    body = MIMCSequenceAck(
        uuid=identity.user_id, resource=identity.resource, sequence=event.sequence, appId=identity.app_id
    ).SerializeToString()
    return MIMCPacket(
        packetId=packet_id,
        package=None if packet_id is None else identity.package,
        type=SEQUENCE_ACK,
        payload=body,
    ).SerializeToString()


def serialize_pull(event: Pull, identity: Identity, header_id: str) -> bytes:
    """A PULL packet."""
    body = PullMessageRequest(
        uuid=identity.user_id, resource=identity.resource, appId=identity.app_id
    ).SerializeToString()
    return MIMCPacket(
        packetId=event.packet_id or header_id, package=identity.package, type=PULL, payload=body
    ).SerializeToString()
