"""Reads payloads of SECMSG, for the server and for the client.

Three kinds of fault are told apart. A payload that is no MIMCPacket breaks the connection. A message that is
none, in a packet that is one, is reported as ``BadMessage``, so that its sender gets a refusal. Whether a
sound message may be sent is for the rules to say, not for this module.

Messages of unlimited groups, online messages and calls have parsers of their own, which are called from here.

Source: protocol reference, 4.2 and 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from openmimc.wire.calls import parse_ask_call, parse_refuse_call
from openmimc.wire.events import (
    BadMessage,
    ClientEvent,
    Delivered,
    DeliveredMessage,
    PacketAck,
    Pull,
    SendP2P,
    SendP2T,
    SequenceAck,
    ServerEvent,
)
from openmimc.wire.group_parsing import parse_group_answer, parse_group_request
from openmimc.wire.online import parse_deliver_online, parse_online_ack, parse_send_online
from openmimc.wire.packet_fields import (
    MAX_BIZ_TYPE_BYTES,
    MAX_TOPIC_ID,
    fault_of_packet_id,
    is_packet_id,
    is_storable,
    parse_other,
)
from openmimc.wire.pb.mimc_pb2 import (
    COMPOUND,
    ONLINE_MESSAGE,
    ONLINE_MESSAGE_ACK,
    P2P_MESSAGE,
    P2T_MESSAGE,
    PACKET_ACK,
    PULL,
    RTS_SIGNAL,
    SEQUENCE_ACK,
    STATUS_EXCEED_COUNT_LIMIT,
    UC_PACKET,
    MIMCP2PMessage,
    MIMCP2TMessage,
    MIMCPacket,
    MIMCPacketAck,
    MIMCPacketList,
    MIMCSequenceAck,
)
from openmimc.wire.protobuf import UNREADABLE, parse_protobuf, text

# ------------------------------------------------------------------ what a server reads


def _parse_p2p(packet: MIMCPacket) -> SendP2P | BadMessage:
    packet_id = packet.packetId
    if not is_packet_id(packet_id):
        return BadMessage(*fault_of_packet_id(packet))
    try:
        message = MIMCP2PMessage.FromString(packet.payload)
    except UNREADABLE:
        return BadMessage(packet_id, "payload is no MIMCP2PMessage")
    to = message.to
    account = to.appAccount
    if not account:
        return BadMessage(packet_id, "to.appAccount is missing")
    if type(account) is not str or "\0" in account:
        return BadMessage(packet_id, "to.appAccount is no text")
    biz_type = message.bizType if message.HasField("bizType") else None
    if biz_type and not is_storable(biz_type, MAX_BIZ_TYPE_BYTES):
        return BadMessage(packet_id, "bizType is too long or no text")
    return SendP2P(
        packet_id,
        to.appId if to.HasField("appId") else None,
        account,
        message.payload,
        message.isStore,
        biz_type,
        packet.conversation,
    )


def _parse_p2t(packet: MIMCPacket) -> SendP2T | BadMessage:
    packet_id = packet.packetId
    if not is_packet_id(packet_id):
        return BadMessage(*fault_of_packet_id(packet))
    try:
        message = MIMCP2TMessage.FromString(packet.payload)
    except UNREADABLE:
        return BadMessage(packet_id, "payload is no MIMCP2TMessage")
    to = message.to
    topic_id = to.topicId
    if not 0 < topic_id <= MAX_TOPIC_ID:
        return BadMessage(packet_id, "to.topicId is missing or out of range")
    biz_type = message.bizType if message.HasField("bizType") else None
    if biz_type and not is_storable(biz_type, MAX_BIZ_TYPE_BYTES):
        return BadMessage(packet_id, "bizType is too long or no text")
    return SendP2T(
        packet_id,
        to.appId if to.HasField("appId") else None,
        topic_id,
        message.payload,
        message.isStore,
        biz_type,
        packet.conversation,
    )


def _parse_sequence_ack(packet: MIMCPacket) -> SequenceAck:
    # Device and app stand in it, too; who sends is known better from the connection.
    return SequenceAck(parse_protobuf(MIMCSequenceAck, packet.payload).sequence)


def _parse_pull(packet: MIMCPacket) -> Pull:
    # Its payload says nothing that the connection does not, and WebJS before 1.0.3 sends none.
    return Pull(text(packet.packetId))


_CLIENT_PACKETS: Mapping[int, Callable[[MIMCPacket], ClientEvent]] = {
    P2P_MESSAGE: _parse_p2p,
    P2T_MESSAGE: _parse_p2t,
    SEQUENCE_ACK: _parse_sequence_ack,
    PULL: _parse_pull,
    UC_PACKET: parse_group_request,
    ONLINE_MESSAGE: parse_send_online,
    ONLINE_MESSAGE_ACK: parse_online_ack,
    RTS_SIGNAL: parse_ask_call,
}


def parse_client_message(payload: bytes) -> ClientEvent:
    """Read the decrypted payload of a SECMSG that a client sent.

    An unknown type counts as absent: such a packet is an ``OtherPacket`` of type 0.

    Raises:
        BadPayload: it is no MIMCPacket, or a SEQUENCE_ACK without one inside.
    """
    packet = parse_protobuf(MIMCPacket, payload)
    # The type of a packet that has none reads as the enum's first value.
    parse = _CLIENT_PACKETS.get(packet.type, parse_other) if packet.HasField("type") else parse_other
    return parse(packet)


# ------------------------------------------------------------------ what a client reads


def _parse_packet_ack(packet: MIMCPacket) -> PacketAck:
    ack = parse_protobuf(MIMCPacketAck, packet.payload)
    return PacketAck(
        packet_id=text(ack.packetId),
        sequence=ack.sequence,
        timestamp_ms=ack.timestamp,
        code=ack.code,
        error_message=text(ack.errorMsg),
        index=ack.convIndex,
    )


def _parse_list(packet: MIMCPacket) -> Delivered:
    packets = parse_protobuf(MIMCPacketList, packet.payload)
    messages = (_parse_delivered(each) for each in packets.packets)
    return Delivered(
        user_id=packets.uuid,
        resource=text(packets.resource),
        max_sequence=packets.maxSequence,
        messages=tuple(message for message in messages if message is not None),
        is_overflow=packets.status == STATUS_EXCEED_COUNT_LIMIT,
        min_sequence=packets.minSequence,
    )


def _parse_delivered(packet: MIMCPacket) -> DeliveredMessage | None:
    """One entry of a list; None for a type that came into the protocol after this package."""
    if not packet.HasField("type"):
        return None
    message: MIMCP2PMessage | MIMCP2TMessage
    to_account = ""
    topic_id = 0
    if packet.type == P2P_MESSAGE:
        message = parse_protobuf(MIMCP2PMessage, packet.payload)
        to_account = text(message.to.appAccount)
    elif packet.type == P2T_MESSAGE:
        message = parse_protobuf(MIMCP2TMessage, packet.payload)
        topic_id = message.to.topicId
    else:
        return None
    sender = getattr(message, "from")
    return DeliveredMessage(
        packet_id=text(packet.packetId),
        sequence=packet.sequence,
        timestamp_ms=packet.timestamp,
        from_account=text(sender.appAccount),
        from_resource=text(sender.resource),
        from_user_id=sender.uuid,
        to_account=to_account,
        topic_id=topic_id,
        payload=message.payload,
        is_store=message.isStore,
        biz_type=text(message.bizType) if message.HasField("bizType") else None,
        index=packet.convIndex,
    )


_SERVER_PACKETS: Mapping[int, Callable[[MIMCPacket], ServerEvent]] = {
    PACKET_ACK: _parse_packet_ack,
    COMPOUND: _parse_list,
    UC_PACKET: parse_group_answer,
    ONLINE_MESSAGE: parse_deliver_online,
    ONLINE_MESSAGE_ACK: parse_online_ack,
    RTS_SIGNAL: parse_refuse_call,
}


def parse_server_message(payload: bytes) -> ServerEvent:
    """Read the decrypted payload of a SECMSG that a server sent.

    Raises:
        BadPayload: it, or a message in it, is not what it should be.
    """
    packet = parse_protobuf(MIMCPacket, payload)
    parse = _SERVER_PACKETS.get(packet.type, parse_other) if packet.HasField("type") else parse_other
    return parse(packet)
