"""Online messages and the word of their arrival, good and bad; both directions are in ``test_connection``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.errors import BadPayload
from openmimc.wire.events import BadOnlineMessage, DeliverOnline, OnlineAck, OtherPacket, SendOnline
from openmimc.wire.message_parsing import parse_client_message, parse_server_message
from openmimc.wire.online import serialize_deliver_online, serialize_online_ack, serialize_send_online
from openmimc.wire.packet_fields import MAX_BIZ_TYPE_BYTES, MAX_PACKET_ID_BYTES
from openmimc.wire.pb.mimc_pb2 import MIMCOnlineMessageAck, MIMCP2PMessage, MIMCPacket, MIMCUser
from tests.unit.wire.peers import ALICE

NOT_PROTOBUF = b"\xff\xff\xff"
NOT_UTF8 = b"\xff\xfe"
SENT = SendOnline("p-1", None, "bob", "", b"typing")
DELIVERED = DeliverOnline("p-1", "carol", 3, "desk", "alice", ALICE.user_id, "", b"typing", 1700000000123)


def field(number: int, data: bytes) -> bytes:
    """A short field of bytes, valid or not."""
    return bytes((number << 3 | 2, len(data))) + data


def packet(body: bytes, packet_id: str | None = "p-1", kind: str = "ONLINE_MESSAGE") -> bytes:
    return MIMCPacket(packetId=packet_id, type=kind, payload=body).SerializeToString()


def message(**fields: object) -> bytes:
    return MIMCP2PMessage(**{"to": MIMCUser(appAccount="bob"), **fields}).SerializeToString()


def ack(**fields: object) -> bytes:
    said = {"packetId": "p-1", "code": 1, **fields}
    return packet(MIMCOnlineMessageAck(**said).SerializePartialToString(), "a-1", "ONLINE_MESSAGE_ACK")


# ------------------------------------------------------------------ messages


def test_a_message_with_the_least_possible_fields_is_for_all_devices() -> None:
    assert parse_client_message(packet(message(payload=b"typing"))) == SENT


def test_a_message_may_be_for_one_device() -> None:
    to = MIMCUser(appId=0, appAccount="bob", uuid=9, resource="phone")

    event = parse_client_message(packet(message(to=to, payload=b"typing", bizType="")))

    assert event == SendOnline("p-1", 0, "bob", "phone", b"typing", "")


@pytest.mark.parametrize(
    ("payload", "packet_id", "reason"),
    [
        (packet(message(), None), "", "packetId is missing"),
        (packet(message(), ""), "", "packetId is missing"),
        (packet(message(), "a\0b"), "a\0b", "packetId is too long or no text"),
        (packet(message(), None) + field(1, NOT_UTF8), "", "packetId is no text"),
        (packet(NOT_PROTOBUF), "p-1", "payload is no MIMCP2PMessage"),
        (packet(b""), "p-1", "to.appAccount is missing"),
        (packet(message(to=MIMCUser(appAccount=""))), "p-1", "to.appAccount is missing"),
        (packet(message(to=MIMCUser(appAccount="a\0b"))), "p-1", "to.appAccount is no text"),
        (packet(field(2, field(2, NOT_UTF8))), "p-1", "to.appAccount is no text"),
        (packet(field(2, field(2, b"bob") + field(4, NOT_UTF8))), "p-1", "to.resource is no text"),
        (packet(message(bizType="a\0b")), "p-1", "bizType is too long or no text"),
        (packet(message(bizType="b" * (MAX_BIZ_TYPE_BYTES + 1))), "p-1", "bizType is too long or no text"),
        (packet(message() + field(5, NOT_UTF8)), "p-1", "bizType is too long or no text"),
    ],
)
def test_a_message_that_cannot_be_read_is_named_for_a_refusal(
    payload: bytes, packet_id: str, reason: str
) -> None:
    assert parse_client_message(payload) == BadOnlineMessage(packet_id, reason)


def test_packet_ids_have_a_greatest_length() -> None:
    longest = "i" * MAX_PACKET_ID_BYTES

    assert isinstance(parse_client_message(packet(message(), longest)), SendOnline)
    assert isinstance(parse_client_message(packet(message(), longest + "i")), BadOnlineMessage)


@pytest.mark.parametrize(
    ("payload", "names_a_device"),
    [
        (serialize_send_online(SENT, ALICE), False),
        (serialize_send_online(SendOnline("p", None, "bob", "phone", b""), ALICE), True),
        (serialize_deliver_online(DELIVERED, ALICE), False),
        (serialize_deliver_online(DeliverOnline("p", "c", 3, "d", "a", 1, "phone", b"", 1), ALICE), True),
    ],
)
def test_a_message_names_a_device_of_the_recipient_only_if_it_is_for_that_one(
    payload: bytes, names_a_device: bool
) -> None:
    """C++ and Java skip what is addressed to another one."""
    body = MIMCP2PMessage.FromString(MIMCPacket.FromString(payload).payload)

    assert body.to.HasField("resource") is names_a_device
    assert getattr(body, "from").HasField("resource")


@pytest.mark.parametrize(
    "payload",
    [packet(NOT_PROTOBUF), packet(field(1, field(2, NOT_UTF8))), packet(b"", None) + field(1, NOT_UTF8)],
)
def test_a_damaged_message_breaks_the_connection_of_a_client(payload: bytes) -> None:
    with pytest.raises(BadPayload):
        parse_server_message(payload)


# ------------------------------------------------------------------ acks


@pytest.mark.parametrize("parse", [parse_client_message, parse_server_message])
def test_an_ack_needs_a_packet_id_and_a_code(parse: object) -> None:
    assert parse(ack()) == OnlineAck("p-1", 0, "", 1)
    assert parse(ack(uuid=2**64 - 1, resource="phone", code=-1, errorMsg="why")) == OnlineAck(
        "p-1", 2**64 - 1, "phone", -1, "why"
    )
    for fields in ({"packetId": None}, {"packetId": ""}, {"packetId": "a\0b"}, {"code": None}):
        assert isinstance(parse(ack(**fields)), OtherPacket)


@pytest.mark.parametrize("parse", [parse_client_message, parse_server_message])
@pytest.mark.parametrize(
    "body", [b"", NOT_PROTOBUF, *(b"\x0a\x01p\x20\x01" + field(number, NOT_UTF8) for number in (1, 3, 5))]
)
def test_an_ack_that_cannot_be_read_is_ignored(parse: object, body: bytes) -> None:
    event = parse(packet(body, "a-1", "ONLINE_MESSAGE_ACK"))

    assert event == OtherPacket(12, "a-1", body)


def test_an_ack_has_every_field() -> None:
    payload = serialize_online_ack(OnlineAck("p-1", 7, "", 0), ALICE, "h-1")

    outer = MIMCPacket.FromString(payload)
    body = MIMCOnlineMessageAck.FromString(outer.payload)
    assert (outer.packetId, outer.package) == ("h-1", ALICE.package)
    assert {each.name for each, _ in body.ListFields()} == {"packetId", "uuid", "resource", "code", "errorMsg"}


@given(st.sampled_from(["ONLINE_MESSAGE", "ONLINE_MESSAGE_ACK"]), st.binary(max_size=80))
def test_any_body_is_an_event_for_a_server(kind: str, body: bytes) -> None:
    assert parse_client_message(packet(body, "p-1", kind)) is not None
