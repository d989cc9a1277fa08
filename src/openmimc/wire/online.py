"""Reads and writes online messages and the word of their arrival: MIMCPackets of type 11 and 12.

An online message has the form of a one-to-one message but travels outside of lists, and nobody acknowledges it
to the server. Source: protocol reference, 6.9.
"""

from __future__ import annotations

from openmimc.wire.events import BadOnlineMessage, DeliverOnline, OnlineAck, OtherPacket, SendOnline
from openmimc.wire.identity import Identity
from openmimc.wire.messages import set_user
from openmimc.wire.packet_fields import (
    MAX_BIZ_TYPE_BYTES,
    fault_of_packet_id,
    is_packet_id,
    is_storable,
    parse_other,
)
from openmimc.wire.pb.mimc_pb2 import (
    ONLINE_MESSAGE,
    ONLINE_MESSAGE_ACK,
    MIMCOnlineMessageAck,
    MIMCP2PMessage,
    MIMCPacket,
)
from openmimc.wire.protobuf import UNREADABLE, parse_protobuf, text

# ------------------------------------------------------------------ both sides


def serialize_online_ack(ack: OnlineAck, identity: Identity, header_id: str) -> bytes:
    """An ONLINE_MESSAGE_ACK packet with every field of the ack set."""
    body = MIMCOnlineMessageAck(
        packetId=ack.packet_id, uuid=ack.user_id, resource=ack.resource, code=ack.code, errorMsg=ack.text
    ).SerializeToString()
    return MIMCPacket(
        packetId=header_id, package=identity.package, type=ONLINE_MESSAGE_ACK, payload=body
    ).SerializeToString()


def parse_online_ack(packet: MIMCPacket) -> OnlineAck | OtherPacket:
    """Read word of an online message; one that cannot be used is an ``OtherPacket``.

    Raises:
        BadPayload: it cannot be used, and the packet's id is no text.
    """
    try:
        ack = MIMCOnlineMessageAck.FromString(packet.payload)
    except UNREADABLE:
        return parse_other(packet)
    packet_id, resource, why = ack.packetId, ack.resource, ack.errorMsg
    if (
        not is_packet_id(packet_id)
        or not ack.HasField("code")
        or type(resource) is not str
        or type(why) is not str
    ):
        return parse_other(packet)
    return OnlineAck(packet_id, ack.uuid, resource, ack.code, why)


# ------------------------------------------------------------------ server to client


def serialize_deliver_online(event: DeliverOnline, identity: Identity) -> bytes:
    """An ONLINE_MESSAGE packet for a device of this identity.

    ``to`` names a device only if the sender did, since C++ and Java skip what is addressed to another one.
    """
    body = MIMCP2PMessage(payload=event.payload, isStore=False, bizType=event.biz_type)
    sender = getattr(body, "from")
    set_user(sender, identity.app_id, event.from_account, event.from_user_id, event.from_resource)
    to = body.to
    to.appId = identity.app_id
    to.appAccount = event.to_account
    to.uuid = event.to_user_id
    if event.to_resource:
        to.resource = event.to_resource
    return MIMCPacket(
        packetId=event.packet_id,
        package=identity.package,
        type=ONLINE_MESSAGE,
        payload=body.SerializeToString(),
        timestamp=event.timestamp_ms,
    ).SerializeToString()


def parse_deliver_online(packet: MIMCPacket) -> DeliverOnline:
    """Read an online message that a server sent.

    Raises:
        BadPayload: it is none.
    """
    message = parse_protobuf(MIMCP2PMessage, packet.payload)
    sender = getattr(message, "from")
    return DeliverOnline(
        packet_id=text(packet.packetId),
        from_account=text(sender.appAccount),
        from_user_id=sender.uuid,
        from_resource=text(sender.resource),
        to_account=text(message.to.appAccount),
        to_user_id=message.to.uuid,
        to_resource=text(message.to.resource),
        payload=message.payload,
        timestamp_ms=packet.timestamp,
        biz_type=text(message.bizType) if message.HasField("bizType") else None,
    )


# ------------------------------------------------------------------ client to server


def serialize_send_online(event: SendOnline, identity: Identity) -> bytes:
    """An ONLINE_MESSAGE packet from this identity."""
    body = MIMCP2PMessage(payload=event.payload, isStore=False, bizType=event.biz_type)
    sender = getattr(body, "from")
    set_user(sender, identity.app_id, identity.account, identity.user_id, identity.resource)
    to = body.to
    to.appAccount = event.to_account
    if event.to_app_id is not None:
        to.appId = event.to_app_id
    if event.to_resource:
        to.resource = event.to_resource
    return MIMCPacket(
        packetId=event.packet_id,
        package=identity.package,
        type=ONLINE_MESSAGE,
        payload=body.SerializeToString(),
    ).SerializeToString()


def parse_send_online(packet: MIMCPacket) -> SendOnline | BadOnlineMessage:
    """Read an online message that a client sent."""
    packet_id = packet.packetId
    if not is_packet_id(packet_id):
        return BadOnlineMessage(*fault_of_packet_id(packet))
    try:
        message = MIMCP2PMessage.FromString(packet.payload)
    except UNREADABLE:
        return BadOnlineMessage(packet_id, "payload is no MIMCP2PMessage")
    to = message.to
    account, resource = to.appAccount, to.resource
    if not account:
        return BadOnlineMessage(packet_id, "to.appAccount is missing")
    if type(account) is not str or "\0" in account:
        return BadOnlineMessage(packet_id, "to.appAccount is no text")
    if type(resource) is not str:
        return BadOnlineMessage(packet_id, "to.resource is no text")
    biz_type = message.bizType if message.HasField("bizType") else None
    if biz_type and not is_storable(biz_type, MAX_BIZ_TYPE_BYTES):
        return BadOnlineMessage(packet_id, "bizType is too long or no text")
    return SendOnline(
        packet_id=packet_id,
        to_app_id=to.appId if to.HasField("appId") else None,
        to_account=account,
        to_resource=resource,
        payload=message.payload,
        biz_type=biz_type,
    )
