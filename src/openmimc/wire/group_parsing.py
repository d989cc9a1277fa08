"""Reads packets of unlimited groups, for the server and for the client: a MIMCPacket of type 8 with a UCPacket.

A server refuses a message that it cannot use (``BadMessage``); any other request that it cannot use is an
``OtherPacket``, since an answer would have to name its group. A client takes what it cannot read for a broken
connection, as everywhere.

Source: protocol reference, 4.3 and 7.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from google.protobuf.message import Message as ProtobufMessage

from openmimc.wire.events import (
    AskGroup,
    BadMessage,
    ClientEvent,
    DeliveredGroup,
    DeliveredGroupMessage,
    GroupAck,
    GroupAnswer,
    GroupDismissed,
    GroupPing,
    GroupPong,
    GroupRequest,
    SendGroup,
    ServerEvent,
)
from openmimc.wire.packet_fields import (
    MAX_BIZ_TYPE_BYTES,
    MAX_PACKET_ID_BYTES,
    MAX_TOPIC_ID,
    fault_of_packet_id,
    is_packet_id,
    is_storable,
    parse_other,
)
from openmimc.wire.pb.mimc_pb2 import (
    DISMISS,
    JOIN,
    JOIN_RESP,
    MESSAGE,
    MESSAGE_LIST,
    PING,
    PONG,
    QUERY_ONLINE_USERS,
    QUERY_ONLINE_USERS_RESP,
    QUIT,
    QUIT_RESP,
    SEQ_ACK,
    MIMCPacket,
    UCDismiss,
    UCGroup,
    UCJoin,
    UCJoinResp,
    UCMessage,
    UCMessageList,
    UCPacket,
    UCPing,
    UCQueryOnlineUsers,
    UCQueryOnlineUsersResp,
    UCQuit,
    UCQuitResp,
    UCSequenceAck,
)
from openmimc.wire.protobuf import UNREADABLE, parse_protobuf, text

MAX_PINGED_GROUPS = 1000
"""How many groups of one ping are looked at; the server knows anyway which ones a user is in."""

# ------------------------------------------------------------------ what a server reads


def parse_group_request(packet: MIMCPacket) -> ClientEvent:
    """Read what a client says of a group.

    Raises:
        BadPayload: the packet's id is no text, and it is no message.
    """
    try:
        request = UCPacket.FromString(packet.payload)
    except UNREADABLE:
        return parse_other(packet)
    # The type of a packet that has none reads as the enum's first value.
    kind = request.type if request.HasField("type") else 0
    if kind == MESSAGE:
        return _parse_send(packet, request)
    event = _parse_request(kind, request)
    return parse_other(packet) if event is None else event


def _parse_send(packet: MIMCPacket, request: UCPacket) -> SendGroup | BadMessage:
    packet_id = packet.packetId
    if not is_packet_id(packet_id):
        return BadMessage(*fault_of_packet_id(packet))
    try:
        message = UCMessage.FromString(request.payload)
    except UNREADABLE:
        return BadMessage(packet_id, "payload is no UCMessage")
    if not request.IsInitialized() or not message.IsInitialized():
        return BadMessage(packet_id, "a required field is missing")
    group = message.group
    group_id = group.topicId
    if not 0 < group_id <= MAX_TOPIC_ID:
        return BadMessage(packet_id, "group.topicId is missing or out of range")
    message_id = message.packetId or packet_id
    if not is_packet_id(message_id):
        return BadMessage(packet_id, "the message's packetId is too long or no text")
    biz_type = message.bizType if message.HasField("bizType") else None
    if biz_type and not is_storable(biz_type, MAX_BIZ_TYPE_BYTES):
        return BadMessage(packet_id, "bizType is too long or no text")
    return SendGroup(
        packet_id=packet_id,
        message_id=message_id,
        to_app_id=group.appId if group.HasField("appId") else None,
        group_id=group_id,
        payload=message.payload,
        is_store=message.isStore,
        biz_type=biz_type,
    )


_Request = AskGroup | GroupPing | GroupAck


def _parse_request(kind: int, request: UCPacket) -> _Request | None:
    body_type, parse = _REQUESTS.get(kind, (None, None))
    packet_id = request.packetId
    if body_type is None or parse is None or not is_storable(packet_id, MAX_PACKET_ID_BYTES):
        return None
    try:
        body = body_type.FromString(request.payload)
    except UNREADABLE:
        return None
    return parse(packet_id, body) if request.IsInitialized() and body.IsInitialized() else None


def _ask(request: GroupRequest, packet_id: str, body: UCJoin | UCQuit | UCQueryOnlineUsers) -> AskGroup:
    group = body.group
    # Ids that no group can have deserve an answer, too: WebJS sends 0 for any that it was given as a number.
    return AskGroup(request, packet_id, group.appId if group.HasField("appId") else None, group.topicId)


def _parse_ping(packet_id: str, ping: UCPing) -> GroupPing:
    group_ids = (group.topicId for group in ping.group[:MAX_PINGED_GROUPS])
    return GroupPing(packet_id, tuple(group_id for group_id in group_ids if 0 < group_id <= MAX_TOPIC_ID))


def _parse_ack(packet_id: str, ack: UCSequenceAck) -> GroupAck | None:
    group_id = ack.group.topicId
    return GroupAck(group_id, ack.sequence) if 0 < group_id <= MAX_TOPIC_ID else None


# The first of each pair says what the second takes, which no type can: hence Any.
_REQUESTS: Mapping[int, tuple[type[ProtobufMessage], Callable[[str, Any], _Request | None]]] = {
    PING: (UCPing, _parse_ping),
    JOIN: (UCJoin, partial(_ask, GroupRequest.JOIN)),
    QUIT: (UCQuit, partial(_ask, GroupRequest.QUIT)),
    QUERY_ONLINE_USERS: (UCQueryOnlineUsers, partial(_ask, GroupRequest.COUNT_ONLINE)),
    SEQ_ACK: (UCSequenceAck, _parse_ack),
}

# ------------------------------------------------------------------ what a client reads


def parse_group_answer(packet: MIMCPacket) -> ServerEvent:
    """Read what a server says of a group.

    Raises:
        BadPayload: it is not what it should be.
    """
    answer = parse_protobuf(UCPacket, packet.payload)
    parse = _ANSWERS.get(answer.type) if answer.HasField("type") else None
    return parse_other(packet) if parse is None else parse(answer)


def _parse_pong(answer: UCPacket) -> GroupPong:
    return GroupPong(text(answer.packetId))


def _parse_joined(answer: UCPacket) -> GroupAnswer:
    body = parse_protobuf(UCJoinResp, answer.payload)
    return _answer(GroupRequest.JOIN, answer, body.group, code=body.code, message=body.message)


def _parse_left(answer: UCPacket) -> GroupAnswer:
    body = parse_protobuf(UCQuitResp, answer.payload)
    return _answer(GroupRequest.QUIT, answer, body.group, code=body.code, message=body.message)


def _parse_counted(answer: UCPacket) -> GroupAnswer:
    body = parse_protobuf(UCQueryOnlineUsersResp, answer.payload)
    return _answer(GroupRequest.COUNT_ONLINE, answer, body.group, online=body.userCount)


def _answer(
    request: GroupRequest,
    answer: UCPacket,
    group: UCGroup,
    *,
    code: int = 0,
    message: str = "",
    online: int = 0,
) -> GroupAnswer:
    return GroupAnswer(request, text(answer.packetId), group.appId, group.topicId, code, text(message), online)


def _parse_dismissed(answer: UCPacket) -> GroupDismissed:
    group = parse_protobuf(UCDismiss, answer.payload).group
    return GroupDismissed(group.appId, group.topicId)


def _parse_list(answer: UCPacket) -> DeliveredGroup:
    messages = parse_protobuf(UCMessageList, answer.payload)
    return DeliveredGroup(
        group_id=messages.group.topicId,
        max_sequence=messages.maxSequence,
        messages=tuple(_parse_delivered(message) for message in messages.message),
    )


def _parse_delivered(message: UCMessage) -> DeliveredGroupMessage:
    sender = message.user
    return DeliveredGroupMessage(
        packet_id=text(message.packetId),
        sequence=message.sequence,
        timestamp_ms=message.timestamp,
        from_account=text(sender.appAccount),
        from_resource=text(sender.resource),
        from_user_id=sender.uuid,
        payload=message.payload,
        is_store=message.isStore,
        biz_type=text(message.bizType) if message.HasField("bizType") else None,
    )


_ANSWERS: Mapping[int, Callable[[UCPacket], ServerEvent]] = {
    PONG: _parse_pong,
    JOIN_RESP: _parse_joined,
    QUIT_RESP: _parse_left,
    QUERY_ONLINE_USERS_RESP: _parse_counted,
    MESSAGE_LIST: _parse_list,
    DISMISS: _parse_dismissed,
}
