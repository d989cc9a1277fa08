"""What a server makes of a client's messages, good and bad; both directions are in ``test_connection``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.errors import BadPayload
from openmimc.wire.events import BadMessage, Delivered, OtherPacket, Pull, SendP2P, SendP2T, SequenceAck
from openmimc.wire.message_parsing import parse_client_message, parse_server_message
from openmimc.wire.packet_fields import (
    MAX_BIZ_TYPE_BYTES,
    MAX_PACKET_ID_BYTES,
    MAX_TOPIC_ID,
)
from openmimc.wire.pb.mimc_pb2 import (
    MIMCGroup,
    MIMCP2PMessage,
    MIMCP2TMessage,
    MIMCPacket,
    MIMCPacketList,
    MIMCSequenceAck,
    MIMCUser,
)

NOT_PROTOBUF = b"\xff\xff\xff"
NOT_UTF8 = b"\xff\xfe"


def packet(**fields: object) -> bytes:
    return MIMCPacket(**fields).SerializeToString()


def p2p(packet_id: str = "p-1", **fields: object) -> bytes:
    body = MIMCP2PMessage(**{"to": MIMCUser(appAccount="bob"), **fields})
    return packet(packetId=packet_id, type="P2P_MESSAGE", payload=body.SerializeToString())


def p2t(packet_id: str = "p-1", **fields: object) -> bytes:
    body = MIMCP2TMessage(**{"to": MIMCGroup(topicId=5), **fields})
    return packet(packetId=packet_id, type="P2T_MESSAGE", payload=body.SerializeToString())


def field(number: int, data: bytes) -> bytes:
    """A short field of bytes, valid or not."""
    return bytes((number << 3 | 2, len(data))) + data


def test_a_message_with_the_least_possible_fields_is_read_with_the_defaults() -> None:
    assert parse_client_message(p2p()) == SendP2P("p-1", None, "bob", b"", True, None, False)
    assert parse_client_message(p2t()) == SendP2T("p-1", None, 5, b"", True, None, False)


@pytest.mark.parametrize("make", [p2p, p2t])
def test_is_store_is_true_unless_it_says_otherwise(make: object) -> None:
    said = [
        parse_client_message(make(**fields)).is_store for fields in ({}, {"isStore": True}, {"isStore": False})
    ]

    assert said == [True, True, False]


def test_an_app_id_of_zero_is_not_an_absent_one() -> None:
    event = parse_client_message(p2p(to=MIMCUser(appId=0, appAccount="bob")))

    assert event == SendP2P("p-1", 0, "bob", b"")


def test_the_sender_it_claims_is_not_looked_at() -> None:
    body = field(1, field(2, NOT_UTF8)) + MIMCP2PMessage(to=MIMCUser(appAccount="bob")).SerializeToString()

    event = parse_client_message(packet(packetId="p-1", type="P2P_MESSAGE", payload=body))

    assert event == SendP2P("p-1", None, "bob", b"")


@pytest.mark.parametrize(
    ("payload", "packet_id", "reason"),
    [
        (packet(type="P2P_MESSAGE", payload=b""), "", "packetId"),
        (packet(type="P2T_MESSAGE", payload=b""), "", "packetId"),
        (packet(packetId="", type="P2P_MESSAGE"), "", "packetId"),
        (field(1, NOT_UTF8) + packet(type="P2P_MESSAGE"), "", "packetId"),
        (p2p("a\0b"), "a\0b", "packetId"),
        (p2t("a\0b"), "a\0b", "packetId"),
        (packet(packetId="p-1", type="P2P_MESSAGE", payload=NOT_PROTOBUF), "p-1", "payload"),
        (packet(packetId="p-1", type="P2T_MESSAGE", payload=NOT_PROTOBUF), "p-1", "payload"),
        (packet(packetId="p-1", type="P2P_MESSAGE"), "p-1", "to.appAccount"),
        (packet(packetId="p-1", type="P2T_MESSAGE"), "p-1", "to.topicId"),
        (p2p(to=MIMCUser(appId=1)), "p-1", "to.appAccount"),
        (p2p(to=MIMCUser(appAccount="")), "p-1", "to.appAccount"),
        (p2p(to=MIMCUser(appAccount="a\0b")), "p-1", "to.appAccount"),
        (
            packet(packetId="p-1", type="P2P_MESSAGE", payload=field(2, field(2, NOT_UTF8))),
            "p-1",
            "to.appAccount",
        ),
        (p2t(to=MIMCGroup(appId=1)), "p-1", "to.topicId"),
        (p2t(to=MIMCGroup(topicId=0)), "p-1", "to.topicId"),
        (p2t(to=MIMCGroup(topicId=MAX_TOPIC_ID + 1)), "p-1", "to.topicId"),
        (p2p(bizType="a\0b"), "p-1", "bizType"),
        (p2t(bizType="a\0b"), "p-1", "bizType"),
        (
            packet(
                packetId="p-1",
                type="P2P_MESSAGE",
                payload=field(2, field(2, b"bob")) + field(5, NOT_UTF8),
            ),
            "p-1",
            "bizType",
        ),
    ],
)
def test_a_message_without_a_usable_body_is_named_for_a_refusal(
    payload: bytes, packet_id: str, reason: str
) -> None:
    event = parse_client_message(payload)

    assert isinstance(event, BadMessage)
    assert event.packet_id == packet_id
    assert event.reason.startswith(reason)


@pytest.mark.parametrize("make", [p2p, p2t])
@pytest.mark.parametrize("unit", ["i", "é", "一", "😀"])
def test_packet_ids_have_a_greatest_length_in_bytes(make: object, unit: str) -> None:
    longest = unit * (MAX_PACKET_ID_BYTES // len(unit.encode()))
    longest += "i" * (MAX_PACKET_ID_BYTES - len(longest.encode()))

    assert parse_client_message(make(longest)).packet_id == longest
    assert isinstance(parse_client_message(make(longest)), SendP2P | SendP2T)
    assert isinstance(parse_client_message(make(longest + "i")), BadMessage)


@pytest.mark.parametrize("make", [p2p, p2t])
@pytest.mark.parametrize("unit", ["b", "é", "😀"])
def test_biz_types_have_a_greatest_length_in_bytes(make: object, unit: str) -> None:
    longest = unit * (MAX_BIZ_TYPE_BYTES // len(unit.encode()))

    assert parse_client_message(make(bizType=longest)).biz_type == longest
    assert isinstance(parse_client_message(make(bizType=longest + "b")), BadMessage)


def test_the_greatest_topic_id_is_the_greatest_number_a_database_holds() -> None:
    assert parse_client_message(p2t(to=MIMCGroup(topicId=MAX_TOPIC_ID))) == SendP2T(
        "p-1", None, MAX_TOPIC_ID, b""
    )


def test_an_empty_biz_type_is_not_an_absent_one() -> None:
    assert parse_client_message(p2p(bizType="")).biz_type == ""
    assert parse_client_message(p2p()).biz_type is None


def test_a_sequence_ack_needs_neither_packet_id_nor_the_device() -> None:
    ack = MIMCSequenceAck(sequence=17).SerializeToString()

    assert parse_client_message(packet(type="SEQUENCE_ACK", payload=ack)) == SequenceAck(17)


@pytest.mark.parametrize("payload", [b"", NOT_PROTOBUF])
def test_a_pull_is_one_whatever_its_payload(payload: bytes) -> None:
    """WebJS before 1.0.3 sends none."""
    assert parse_client_message(packet(packetId="p-1", type="PULL", payload=payload)) == Pull("p-1")


@pytest.mark.parametrize("type_field", [b"", b"\x20\x00", b"\x20\x0d", b"\x20\xff\xff\x03"])
def test_an_unknown_type_counts_as_absent(type_field: bytes) -> None:
    payload = packet(packetId="p-1", payload=b"x") + type_field

    assert parse_client_message(payload) == OtherPacket(0, "p-1", b"x")
    assert parse_server_message(payload) == OtherPacket(0, "p-1", b"x")


@pytest.mark.parametrize(
    "payload",
    [
        NOT_PROTOBUF,
        packet(type="SEQUENCE_ACK", payload=NOT_PROTOBUF),
        packet(type="PULL") + field(1, NOT_UTF8),
        packet(type="UC_PACKET") + field(1, NOT_UTF8),
    ],
)
def test_what_is_no_packet_at_all_breaks_the_connection(payload: bytes) -> None:
    with pytest.raises(BadPayload):
        parse_client_message(payload)


@given(st.binary())
def test_any_bytes_are_an_event_or_a_bad_payload(payload: bytes) -> None:
    for parse in (parse_client_message, parse_server_message):
        try:
            event = parse(payload)
        except BadPayload:
            continue
        assert event is not None


# ------------------------------------------------------------------ what a client reads


def compound(*packets: MIMCPacket, **fields: object) -> bytes:
    body = MIMCPacketList(uuid=7, resource="phone", maxSequence=9, packets=packets, **fields)
    return packet(type="COMPOUND", payload=body.SerializeToString())


def test_a_list_without_messages_says_what_waits_in_history() -> None:
    event = parse_server_message(compound(status="STATUS_EXCEED_COUNT_LIMIT", minSequence=3))

    assert event == Delivered(7, "phone", 9, (), is_overflow=True, min_sequence=3)


def test_entries_of_a_type_that_is_no_message_are_passed_over() -> None:
    event = parse_server_message(
        compound(MIMCPacket(packetId="a"), MIMCPacket(packetId="b", type="UC_PACKET", payload=NOT_PROTOBUF))
    )

    assert event == Delivered(7, "phone", 9, ())


@pytest.mark.parametrize(
    "payload",
    [
        packet(type="COMPOUND", payload=NOT_PROTOBUF),
        packet(type="COMPOUND", payload=field(2, NOT_UTF8)),
        packet(type="PACKET_ACK", payload=NOT_PROTOBUF),
        packet(type="PACKET_ACK", payload=field(1, NOT_UTF8)),
        compound(MIMCPacket(type="P2P_MESSAGE", payload=NOT_PROTOBUF)),
        compound(MIMCPacket(type="P2T_MESSAGE", payload=NOT_PROTOBUF)),
        compound(MIMCPacket(type="P2P_MESSAGE", payload=field(1, field(2, NOT_UTF8)))),
    ],
)
def test_a_damaged_list_or_ack_breaks_the_connection(payload: bytes) -> None:
    with pytest.raises(BadPayload):
        parse_server_message(payload)
