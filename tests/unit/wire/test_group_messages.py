"""What goes out about unlimited groups, read by protobuf alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from openmimc.model.message import Message
from openmimc.wire.connection import Identity
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
from openmimc.wire.group_messages import (
    delivery_parts,
    serialize_ask_group,
    serialize_group_ack,
    serialize_group_answer,
    serialize_group_delivery,
    serialize_group_dismissed,
    serialize_group_list,
    serialize_group_message,
    serialize_group_ping,
    serialize_group_pong,
    serialize_group_send,
)
from openmimc.wire.pb.mimc_pb2 import (
    MESSAGE_LIST,
    PONG,
    UC_PACKET,
    MIMCPacket,
    MIMCUser,
    UCGroup,
    UCMessage,
    UCMessageList,
    UCPacket,
)
from tests import strategies
from tests.unit.wire.peers import ALICE

ALICE_AS_USER = MIMCUser(
    appId=ALICE.app_id, appAccount=ALICE.account, uuid=ALICE.user_id, resource=ALICE.resource
)


@given(strategies.group_messages)
def test_a_message_has_every_field_that_sdks_look_at(message: Message) -> None:
    """C# and WebJS fail without group or user."""
    body = UCMessage.FromString(serialize_group_message(replace(message, biz_type=None)))

    assert {field.name for field, _ in body.ListFields()} == {
        "group",
        "payload",
        "sequence",
        "isStore",
        "user",
        "timestamp",
        "packetId",
    }
    assert (body.group.appId, body.group.topicId) == (message.sender.app_id, message.topic_id)
    assert (body.payload, body.sequence, body.isStore) == (message.payload, message.sequence, message.is_store)
    assert (body.timestamp, body.packetId) == (message.timestamp_ms, message.packet_id)
    assert body.user == MIMCUser(
        appId=message.sender.app_id,
        appAccount=message.sender.account,
        uuid=message.sender.user_id,
        resource=message.sender.resource,
    )


@given(strategies.group_messages)
def test_a_biz_type_is_absent_only_if_the_sender_set_none(message: Message) -> None:
    def sent(biz_type: str | None) -> UCMessage:
        return UCMessage.FromString(serialize_group_message(replace(message, biz_type=biz_type)))

    assert not sent(None).HasField("bizType")
    assert sent("").HasField("bizType")
    assert sent("TEXT").bizType == "TEXT"


@given(
    st.lists(strategies.group_messages, max_size=4),
    strategies.uint64s,
    strategies.uint64s,
    strategies.sequences,
)
def test_a_list_written_by_hand_is_the_one_protobuf_writes(
    messages: list[Message], group_id: int, app_id: int, max_sequence: int
) -> None:
    entries = [serialize_group_message(message) for message in messages]

    written = serialize_group_list(group_id, app_id, max_sequence, iter(entries))

    assert (
        written
        == UCMessageList(
            group=UCGroup(appId=app_id, topicId=group_id),
            message=[UCMessage.FromString(entry) for entry in entries],
            maxSequence=max_sequence,
        ).SerializeToString()
    )


@given(strategies.identities, strategies.header_ids, st.binary(max_size=300))
def test_a_delivery_written_by_hand_is_the_one_protobuf_writes(
    identity: Identity, header_id: str, list_bytes: bytes
) -> None:
    user = MIMCUser(
        appId=identity.app_id, appAccount=identity.account, uuid=identity.user_id, resource=identity.resource
    )

    written = serialize_group_delivery(list_bytes, delivery_parts(identity), header_id)

    uc_packet = UCPacket(user=user, type=MESSAGE_LIST, payload=list_bytes, packetId=header_id)
    assert (
        written
        == MIMCPacket(
            packetId=header_id,
            package=identity.package,
            type=UC_PACKET,
            payload=uc_packet.SerializeToString(),
        ).SerializeToString()
    )


def test_a_pong_has_a_payload_though_it_is_empty() -> None:
    """The Java SDK cannot parse one without."""
    packet = MIMCPacket.FromString(serialize_group_pong(GroupPong("p-1"), ALICE))

    pong = UCPacket.FromString(packet.payload)
    assert (pong.type, pong.packetId, pong.payload) == (PONG, "p-1", b"")
    assert pong.HasField("payload")


EVERYTHING_ELSE = [
    serialize_group_answer(GroupAnswer(GroupRequest.JOIN, "p-1", 1, 5), ALICE),
    serialize_group_answer(GroupAnswer(GroupRequest.QUIT, "p-1", 1, 5, 404, "no such group"), ALICE),
    serialize_group_answer(GroupAnswer(GroupRequest.COUNT_ONLINE, "p-1", 1, 5, online=0), ALICE),
    serialize_group_pong(GroupPong("p-1"), ALICE),
    serialize_group_dismissed(GroupDismissed(1, 5), ALICE, "p-1"),
    serialize_ask_group(AskGroup(GroupRequest.JOIN, "p-1", None, 5), ALICE),
    serialize_ask_group(AskGroup(GroupRequest.QUIT, "p-1", 1, 5), ALICE),
    serialize_ask_group(AskGroup(GroupRequest.COUNT_ONLINE, "p-1", 1, 5), ALICE),
    serialize_group_send(SendGroup("p-1", "m-1", None, 5, b""), ALICE),
    serialize_group_ping(GroupPing("p-1"), ALICE),
    serialize_group_ack(GroupAck(5, 7), ALICE, "p-1"),
]


@pytest.mark.parametrize("payload", EVERYTHING_ELSE)
def test_packets_name_the_device_at_the_client_s_end_and_repeat_their_id(payload: bytes) -> None:
    packet = MIMCPacket.FromString(payload)
    uc_packet = UCPacket.FromString(packet.payload)

    assert (packet.packetId, packet.package, packet.type) == ("p-1", ALICE.package, UC_PACKET)
    assert uc_packet.IsInitialized()
    assert (uc_packet.user, uc_packet.packetId) == (ALICE_AS_USER, "p-1")


def test_a_message_carries_its_own_id_inside() -> None:
    packet = MIMCPacket.FromString(serialize_group_send(SendGroup("p-1", "m-1", 1, 5, b"x"), ALICE))

    message = UCMessage.FromString(UCPacket.FromString(packet.payload).payload)
    assert (packet.packetId, message.packetId) == ("p-1", "m-1")
