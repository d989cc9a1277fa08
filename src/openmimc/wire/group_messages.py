"""Writes packets of unlimited groups: one MIMCPacket of type 8 each, with a UCPacket inside.

A message that goes to many devices is serialised once, and so is the list it goes in: what depends on the
receiving device stands around the list, and most of that is the same for every list a device gets. Reading is
the task of ``group_parsing``.

    MIMCPacket   packetId | package | type | payload
    UCPacket     user (sender, or receiving device) | type | payload | packetId

Required fields are written even when they are empty, or the Java SDK fails to parse.

Source: protocol reference, 4.3 and 7.1.
"""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.message import Message as ProtobufMessage
from msgspec import Struct

from openmimc.model.message import Message
from openmimc.wire.events import (
    AskGroup,
    GroupAck,
    GroupAnswer,
    GroupDismissed,
    GroupPing,
    GroupPong,
    GroupRequest,
    SendGroup,
)
from openmimc.wire.fields import delimited, varint
from openmimc.wire.identity import Identity
from openmimc.wire.messages import set_user
from openmimc.wire.pb.mimc_pb2 import (
    DISMISS,
    JOIN,
    JOIN_RESP,
    MESSAGE,
    PING,
    PONG,
    QUERY_ONLINE_USERS,
    QUERY_ONLINE_USERS_RESP,
    QUIT,
    QUIT_RESP,
    SEQ_ACK,
    UC_MSG_TYPE,
    UC_PACKET,
    MIMCPacket,
    MIMCUser,
    UCDismiss,
    UCGroup,
    UCJoin,
    UCJoinResp,
    UCMessage,
    UCPacket,
    UCPing,
    UCQueryOnlineUsers,
    UCQueryOnlineUsersResp,
    UCQuit,
    UCQuitResp,
    UCSequenceAck,
)

# Fields of MIMCPacket, UCPacket and UCMessageList that are written by hand.
_PACKET_ID_TAG = b"\x0a"
_PACKAGE_TAG = b"\x12"
_TYPE_UC_PACKET = b"\x20\x08"
_PAYLOAD_TAG = b"\x2a"
_UC_USER_TAG = b"\x0a"
_UC_TYPE_MESSAGE_LIST = b"\x10\x09"
_UC_PAYLOAD_TAG = b"\x1a"
_UC_PACKET_ID_TAG = b"\x22"
_LIST_GROUP_TAG = b"\x0a"
_LIST_MESSAGE_TAG = b"\x12"
_LIST_MAX_SEQUENCE_TAG = b"\x18"

# ------------------------------------------------------------------ both sides


def _serialize_packet(
    kind: UC_MSG_TYPE, body: ProtobufMessage, identity: Identity, packet_id: str, uc_packet_id: str
) -> bytes:
    packet = UCPacket(type=kind, payload=body.SerializeToString(), packetId=uc_packet_id)
    set_user(packet.user, identity.app_id, identity.account, identity.user_id, identity.resource)
    return MIMCPacket(
        packetId=packet_id, package=identity.package, type=UC_PACKET, payload=packet.SerializeToString()
    ).SerializeToString()


# ------------------------------------------------------------------ server to client


def serialize_group_message(message: Message) -> bytes:
    """One message as it stands in the list for any device (UCMessage), every field set.

    Args:
        message: Of ``Kind.GROUP``.
    """
    sender = message.sender
    body = UCMessage(
        payload=message.payload,
        sequence=message.sequence,
        isStore=message.is_store,
        timestamp=message.timestamp_ms,
        packetId=message.packet_id,
        bizType=message.biz_type,
    )
    group = body.group
    group.appId = sender.app_id
    group.topicId = message.topic_id
    set_user(body.user, sender.app_id, sender.account, sender.user_id, sender.resource)
    return body.SerializeToString()


def serialize_group_list(group_id: int, app_id: int, max_sequence: int, messages: Iterable[bytes]) -> bytes:
    """The list (UCMessageList) that every device of a group's members is sent.

    Args:
        group_id: The group of all the messages.
        app_id: The group's app.
        max_sequence: Greatest sequence inside.
        messages: In ascending order, each as ``serialize_group_message`` makes it.
    """
    group = UCGroup(appId=app_id, topicId=group_id).SerializeToString()
    entries = [delimited(_LIST_MESSAGE_TAG, message) for message in messages]
    return b"".join((delimited(_LIST_GROUP_TAG, group), *entries, _LIST_MAX_SEQUENCE_TAG, varint(max_sequence)))


class DeliveryParts(Struct, frozen=True):
    """What is the same around every list that one device gets: two fields, each with the type behind it."""

    package_and_type: bytes
    user_and_type: bytes


def delivery_parts(identity: Identity) -> DeliveryParts:
    """Make the constant parts of one device's lists."""
    user = MIMCUser()
    set_user(user, identity.app_id, identity.account, identity.user_id, identity.resource)
    return DeliveryParts(
        delimited(_PACKAGE_TAG, identity.package.encode()) + _TYPE_UC_PACKET,
        delimited(_UC_USER_TAG, user.SerializeToString()) + _UC_TYPE_MESSAGE_LIST,
    )


def serialize_group_delivery(list_bytes: bytes, parts: DeliveryParts, header_id: str) -> bytes:
    """A packet with a list, as it is, for one device. ``header_id`` names both packets."""
    packet_id = header_id.encode()
    uc_packet = b"%b%b%b" % (
        parts.user_and_type,
        delimited(_UC_PAYLOAD_TAG, list_bytes),
        delimited(_UC_PACKET_ID_TAG, packet_id),
    )
    return b"%b%b%b" % (
        delimited(_PACKET_ID_TAG, packet_id),
        parts.package_and_type,
        delimited(_PAYLOAD_TAG, uc_packet),
    )


def serialize_group_answer(answer: GroupAnswer, identity: Identity) -> bytes:
    """The answer to a request, with its packet id.

    The answer to COUNT_ONLINE has no room for a code: a refusal says that nobody is there.
    """
    kind: UC_MSG_TYPE
    body: UCJoinResp | UCQuitResp | UCQueryOnlineUsersResp
    match answer.request:
        case GroupRequest.JOIN:
            kind, body = JOIN_RESP, UCJoinResp(code=answer.code, message=answer.text)
        case GroupRequest.QUIT:
            kind, body = QUIT_RESP, UCQuitResp(code=answer.code, message=answer.text)
        case GroupRequest.COUNT_ONLINE:
            kind, body = QUERY_ONLINE_USERS_RESP, UCQueryOnlineUsersResp(userCount=answer.online)
    body.group.appId = answer.app_id
    body.group.topicId = answer.group_id
    return _serialize_packet(kind, body, identity, answer.packet_id, answer.packet_id)


def serialize_group_pong(pong: GroupPong, identity: Identity) -> bytes:
    """The answer to a ping, with its packet id and an empty UCPing."""
    return _serialize_packet(PONG, UCPing(), identity, pong.packet_id, pong.packet_id)


def serialize_group_dismissed(dismissed: GroupDismissed, identity: Identity, header_id: str) -> bytes:
    """Word that a group is no more."""
    body = UCDismiss(group=UCGroup(appId=dismissed.app_id, topicId=dismissed.group_id))
    return _serialize_packet(DISMISS, body, identity, header_id, header_id)


# ------------------------------------------------------------------ client to server


def serialize_ask_group(event: AskGroup, identity: Identity) -> bytes:
    """A request about a group."""
    group = UCGroup(appId=event.app_id, topicId=event.group_id)
    kind: UC_MSG_TYPE
    body: UCJoin | UCQuit | UCQueryOnlineUsers
    match event.request:
        case GroupRequest.JOIN:
            kind, body = JOIN, UCJoin(group=group)
        case GroupRequest.QUIT:
            kind, body = QUIT, UCQuit(group=group)
        case GroupRequest.COUNT_ONLINE:
            kind, body = QUERY_ONLINE_USERS, UCQueryOnlineUsers(group=group)
    return _serialize_packet(kind, body, identity, event.packet_id, event.packet_id)


def serialize_group_send(event: SendGroup, identity: Identity) -> bytes:
    """A message from this identity to a group."""
    body = UCMessage(
        group=UCGroup(appId=event.to_app_id, topicId=event.group_id),
        payload=event.payload,
        isStore=event.is_store,
        packetId=event.message_id,
        bizType=event.biz_type,
    )
    set_user(body.user, identity.app_id, identity.account, identity.user_id, identity.resource)
    return _serialize_packet(MESSAGE, body, identity, event.packet_id, event.packet_id)


def serialize_group_ping(event: GroupPing, identity: Identity) -> bytes:
    """A keep-alive for these groups of the identity's app."""
    groups = (UCGroup(appId=identity.app_id, topicId=group_id) for group_id in event.group_ids)
    return _serialize_packet(PING, UCPing(group=groups), identity, event.packet_id, event.packet_id)


def serialize_group_ack(event: GroupAck, identity: Identity, header_id: str) -> bytes:
    """Word that everything of a group up to a sequence has arrived."""
    body = UCSequenceAck(group=UCGroup(appId=identity.app_id, topicId=event.group_id), sequence=event.sequence)
    return _serialize_packet(SEQ_ACK, body, identity, header_id, header_id)
