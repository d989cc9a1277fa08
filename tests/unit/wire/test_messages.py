"""What goes out in messages, acks and lists, read by protobuf alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from openmimc.model.message import Message
from openmimc.wire.events import Deliver, DeliverOverflow, PacketAck
from openmimc.wire.messages import serialize_list, serialize_message, serialize_overflow, serialize_packet_ack
from openmimc.wire.pb.mimc_pb2 import (
    COMPOUND,
    P2P_MESSAGE,
    P2T_MESSAGE,
    PACKET_ACK,
    STATUS_EXCEED_COUNT_LIMIT,
    STATUS_NORMAL,
    MIMCP2PMessage,
    MIMCP2TMessage,
    MIMCPacket,
    MIMCPacketAck,
    MIMCPacketList,
)
from tests import strategies
from tests.unit.wire.peers import ALICE


def fields_of(message: MIMCPacket | MIMCPacketAck | MIMCPacketList) -> dict[str, object]:
    """The fields that are present, by name."""
    return {field.name: value for field, value in message.ListFields()}


@given(strategies.p2p_messages)
def test_a_message_to_a_user_names_both_users_but_no_device_of_the_recipient(message: Message) -> None:
    packet = MIMCPacket.FromString(serialize_message(replace(message, index=0), "com.example"))
    body = MIMCP2PMessage.FromString(packet.payload)

    assert fields_of(packet) == {
        "packetId": message.packet_id,
        "package": "com.example",
        "sequence": message.sequence,
        "type": P2P_MESSAGE,
        "payload": packet.payload,
        "timestamp": message.timestamp_ms,
    }
    assert fields_of(getattr(body, "from")) == {
        "appId": message.sender.app_id,
        "appAccount": message.sender.account,
        "uuid": message.sender.user_id,
        "resource": message.sender.resource,
    }
    assert fields_of(body.to) == {
        "appId": message.sender.app_id,
        "appAccount": message.to_account,
        "uuid": message.to_user_id,
    }
    assert (body.payload, body.isStore) == (message.payload, message.is_store)


@given(strategies.p2t_messages)
def test_a_message_to_a_topic_names_the_topic(message: Message) -> None:
    packet = MIMCPacket.FromString(serialize_message(message, "com.example"))
    body = MIMCP2TMessage.FromString(packet.payload)

    assert packet.type == P2T_MESSAGE
    assert fields_of(body.to) == {"appId": message.sender.app_id, "topicId": message.topic_id}
    assert getattr(body, "from").resource == message.sender.resource


@given(strategies.messages)
def test_a_biz_type_is_absent_only_if_the_sender_set_none(message: Message) -> None:
    def sent(biz_type: str | None) -> MIMCP2PMessage:
        packet = MIMCPacket.FromString(serialize_message(replace(message, biz_type=biz_type), "p"))
        return MIMCP2PMessage.FromString(packet.payload)

    assert not sent(None).HasField("bizType")
    assert sent("").HasField("bizType")
    assert sent("TEXT").bizType == "TEXT"


@given(strategies.messages)
def test_a_number_in_the_conversation_is_absent_only_if_there_is_none(message: Message) -> None:
    def sent(index: int) -> MIMCPacket:
        return MIMCPacket.FromString(serialize_message(replace(message, index=index), "p"))

    assert not sent(0).HasField("convIndex")
    assert sent(1).convIndex == 1


def test_an_ack_tells_the_number_in_the_conversation_wherever_it_is_looked_for() -> None:
    ack = PacketAck("p-1", 10, 1700000000123, index=3)

    packet = MIMCPacket.FromString(serialize_packet_ack(ack, ALICE, "h-1"))

    assert (packet.convIndex, MIMCPacketAck.FromString(packet.payload).convIndex) == (3, 3)


def test_an_overflow_says_what_waits_and_holds_nothing() -> None:
    overflow = DeliverOverflow(min_sequence=17000000001130001, max_sequence=17000000001230001)

    packet = MIMCPacket.FromString(serialize_overflow(overflow, ALICE, "h-1"))

    assert fields_of(packet) == {
        "packetId": "h-1",
        "package": ALICE.package,
        "sequence": 17000000001230001,
        "type": COMPOUND,
        "payload": packet.payload,
        "timestamp": 1700000000123,
    }
    assert fields_of(MIMCPacketList.FromString(packet.payload)) == {
        "uuid": ALICE.user_id,
        "resource": ALICE.resource,
        "maxSequence": 17000000001230001,
        "status": STATUS_EXCEED_COUNT_LIMIT,
        "minSequence": 17000000001130001,
    }


def test_a_probe_is_an_empty_list_of_the_ordinary_kind_for_nobody() -> None:
    """Old WebJS reads all three fields, and does not know the others."""
    probe = DeliverOverflow(min_sequence=1, max_sequence=2, is_probe=True)

    packet = MIMCPacket.FromString(serialize_overflow(probe, ALICE, "h-1"))

    assert packet.type == COMPOUND
    assert fields_of(MIMCPacketList.FromString(packet.payload)) == {"uuid": 0, "resource": "", "maxSequence": 0}


@given(st.lists(strategies.messages, max_size=4), strategies.sequences)
def test_a_list_holds_the_messages_as_they_are(messages: list[Message], max_sequence: int) -> None:
    packets = tuple(serialize_message(message, "p") for message in messages)

    packet = MIMCPacket.FromString(serialize_list(Deliver(max_sequence, packets), ALICE, "h-1"))

    assert fields_of(packet) == {
        "packetId": "h-1",
        "package": ALICE.package,
        "sequence": max_sequence,
        "type": COMPOUND,
        "payload": packet.payload,
        "timestamp": max_sequence // 10_000,
    }
    content = MIMCPacketList.FromString(packet.payload)
    assert (content.uuid, content.resource) == (ALICE.user_id, ALICE.resource)
    assert (content.maxSequence, content.status) == (max_sequence, STATUS_NORMAL)
    assert tuple(each.SerializeToString() for each in content.packets) == packets
    assert content.SerializeToString() == packet.payload


def test_a_refusal_has_every_field_of_an_ack() -> None:
    """Go's demo dereferences them; only the packet around it has no sequence, since there is none."""
    ack = PacketAck("p-1", 0, 1700000000123, code=404, error_message="no such topic")

    packet = MIMCPacket.FromString(serialize_packet_ack(ack, ALICE, "h-1"))

    assert fields_of(packet) == {
        "packetId": "h-1",
        "package": ALICE.package,
        "type": PACKET_ACK,
        "payload": packet.payload,
        "timestamp": 1700000000123,
    }
    assert fields_of(MIMCPacketAck.FromString(packet.payload)) == {
        "packetId": "p-1",
        "uuid": ALICE.user_id,
        "resource": ALICE.resource,
        "sequence": 0,
        "timestamp": 1700000000123,
        "package": ALICE.package,
        "errorMsg": "no such topic",
        "code": 404,
    }
