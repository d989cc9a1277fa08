"""What a server makes of clients' packets of unlimited groups, and a client of servers', good and bad."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.errors import BadPayload
from openmimc.wire.events import AskGroup, BadMessage, GroupAck, GroupPing, GroupRequest, OtherPacket, SendGroup
from openmimc.wire.group_parsing import MAX_PINGED_GROUPS
from openmimc.wire.message_parsing import parse_client_message, parse_server_message
from openmimc.wire.packet_fields import MAX_BIZ_TYPE_BYTES, MAX_PACKET_ID_BYTES, MAX_TOPIC_ID
from openmimc.wire.pb.mimc_pb2 import (
    UC_MSG_TYPE,
    MIMCPacket,
    MIMCUser,
    UCGroup,
    UCJoin,
    UCMessage,
    UCPacket,
    UCPing,
    UCSequenceAck,
)
from tests import strategies

NOT_PROTOBUF = b"\xff\xff\xff"
NOT_UTF8 = b"\xff\xfe"
GROUP = UCGroup(topicId=5)
REQUESTS = [
    ("JOIN", GroupRequest.JOIN),
    ("QUIT", GroupRequest.QUIT),
    ("QUERY_ONLINE_USERS", GroupRequest.COUNT_ONLINE),
]


def field(number: int, data: bytes) -> bytes:
    """A short field of bytes, valid or not."""
    return bytes((number << 3 | 2, len(data))) + data


def outer(payload: bytes, packet_id: str | None = "p-1") -> bytes:
    return MIMCPacket(packetId=packet_id, type="UC_PACKET", payload=payload).SerializeToString()


def uc(kind: str, body: bytes, **fields: object) -> bytes:
    """A packet with a UCPacket inside; a field that is None is left out."""
    said = {"user": MIMCUser(), "type": kind, "payload": body, "packetId": "uc-1", **fields}
    return outer(UCPacket(**said).SerializePartialToString())


def message(**fields: object) -> bytes:
    return UCMessage(**{"group": GROUP, "payload": b"hello", **fields}).SerializePartialToString()


def ignored(event: object) -> bool:
    return isinstance(event, OtherPacket) and event.type == 8


# ------------------------------------------------------------------ messages


def test_a_message_with_the_least_possible_fields_is_read_with_the_defaults() -> None:
    """Unlike one-to-one messages, it is not stored unless it says so."""
    event = parse_client_message(uc("MESSAGE", message()))

    assert event == SendGroup("p-1", "p-1", None, 5, b"hello", False, None)


def test_a_message_s_own_id_is_not_the_packet_s() -> None:
    event = parse_client_message(uc("MESSAGE", message(packetId="m-1", isStore=True, bizType="")))

    assert event == SendGroup("p-1", "m-1", None, 5, b"hello", True, "")


def test_an_empty_id_of_a_message_counts_as_absent() -> None:
    assert parse_client_message(uc("MESSAGE", message(packetId=""))).message_id == "p-1"


def test_an_app_id_of_zero_is_not_an_absent_one() -> None:
    event = parse_client_message(uc("MESSAGE", message(group=UCGroup(appId=0, topicId=5))))

    assert event == SendGroup("p-1", "p-1", 0, 5, b"hello")


def test_the_sender_it_claims_is_not_looked_at() -> None:
    body = field(5, field(2, NOT_UTF8)) + message()

    event = parse_client_message(uc("MESSAGE", body))

    assert event == SendGroup("p-1", "p-1", None, 5, b"hello")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (NOT_PROTOBUF, "payload"),
        (b"", "a required field"),
        (message(group=None), "a required field"),
        (message(payload=None), "a required field"),
        (message(group=UCGroup(appId=1)), "group.topicId"),
        (message(group=UCGroup(topicId=0)), "group.topicId"),
        (message(group=UCGroup(topicId=MAX_TOPIC_ID + 1)), "group.topicId"),
        (message(packetId="a\0b"), "the message's packetId"),
        (message(packetId="i" * (MAX_PACKET_ID_BYTES + 1)), "the message's packetId"),
        (message() + field(7, NOT_UTF8), "the message's packetId"),
        (message(bizType="a\0b"), "bizType"),
        (message(bizType="b" * (MAX_BIZ_TYPE_BYTES + 1)), "bizType"),
        (message() + field(8, NOT_UTF8), "bizType"),
    ],
)
def test_a_message_without_a_usable_body_is_named_for_a_refusal(body: bytes, reason: str) -> None:
    event = parse_client_message(uc("MESSAGE", body))

    assert isinstance(event, BadMessage)
    assert event.packet_id == "p-1"
    assert event.reason.startswith(reason)


@pytest.mark.parametrize("missing", ["user", "payload", "packetId"])
def test_a_message_in_an_incomplete_packet_is_named_for_a_refusal(missing: str) -> None:
    event = parse_client_message(uc("MESSAGE", message(), **{missing: None}))

    assert event == BadMessage("p-1", "a required field is missing")


@pytest.mark.parametrize("packet_id", [None, "", "a\0b", "i" * (MAX_PACKET_ID_BYTES + 1)])
def test_a_message_without_a_usable_packet_id_says_so(packet_id: str | None) -> None:
    payload = UCPacket(user={}, type="MESSAGE", payload=message(), packetId="uc-1").SerializeToString()

    event = parse_client_message(outer(payload, packet_id))

    assert isinstance(event, BadMessage)
    assert event.packet_id == (packet_id or "")
    assert event.reason.startswith("packetId")


def test_a_message_in_a_packet_whose_id_is_no_text_is_refused_without_one() -> None:
    payload = UCPacket(user={}, type="MESSAGE", payload=message(), packetId="uc-1").SerializeToString()

    event = parse_client_message(outer(payload, None) + field(1, NOT_UTF8))

    assert event == BadMessage("", "packetId is no text")


def test_the_longest_ids_and_labels_are_read() -> None:
    event = parse_client_message(
        uc(
            "MESSAGE",
            message(
                group=UCGroup(topicId=MAX_TOPIC_ID),
                packetId="i" * MAX_PACKET_ID_BYTES,
                bizType="b" * MAX_BIZ_TYPE_BYTES,
            ),
        )
    )

    assert isinstance(event, SendGroup)
    assert event.group_id == MAX_TOPIC_ID


# ------------------------------------------------------------------ requests


@pytest.mark.parametrize(("kind", "request_"), REQUESTS)
@pytest.mark.parametrize("group_id", [0, 1, 2**64 - 1])
def test_a_request_names_its_group_even_if_there_can_be_none(
    kind: str, request_: GroupRequest, group_id: int
) -> None:
    """WebJS asks for group 0 when it was given the id as a number."""
    body = UCJoin(group=UCGroup(topicId=group_id)).SerializeToString()

    assert parse_client_message(uc(kind, body)) == AskGroup(request_, "uc-1", None, group_id)


@pytest.mark.parametrize(("kind", "_request"), REQUESTS)
@pytest.mark.parametrize(
    "body",
    [NOT_PROTOBUF, b"", field(1, NOT_PROTOBUF)],
)
def test_a_request_that_names_no_group_is_ignored(kind: str, _request: GroupRequest, body: bytes) -> None:
    assert ignored(parse_client_message(uc(kind, body)))


@pytest.mark.parametrize("kind", ["JOIN", "PING", "SEQ_ACK"])
@pytest.mark.parametrize(
    "fields",
    [
        {"user": None},
        {"payload": None},
        {"packetId": None},
        {"packetId": "a\0b"},
        {"packetId": "i" * (MAX_PACKET_ID_BYTES + 1)},
    ],
)
def test_a_request_without_its_required_fields_is_ignored(kind: str, fields: dict[str, object]) -> None:
    body = UCSequenceAck(group=GROUP, sequence=1).SerializeToString() if kind == "SEQ_ACK" else b""
    body = UCJoin(group=GROUP).SerializeToString() if kind == "JOIN" else body

    assert not ignored(parse_client_message(uc(kind, body)))
    assert ignored(parse_client_message(uc(kind, body, **fields)))


def test_a_ping_names_the_groups_that_there_can_be() -> None:
    groups = [UCGroup(topicId=topic_id) for topic_id in (7, 0, MAX_TOPIC_ID, MAX_TOPIC_ID + 1, 7)]

    event = parse_client_message(uc("PING", UCPing(group=[*groups, UCGroup(appId=1)]).SerializeToString()))

    assert event == GroupPing("uc-1", (7, MAX_TOPIC_ID, 7))


def test_of_a_long_ping_the_first_groups_are_looked_at() -> None:
    groups = [UCGroup(topicId=topic_id) for topic_id in range(1, MAX_PINGED_GROUPS + 2)]

    event = parse_client_message(uc("PING", UCPing(group=groups).SerializeToString()))

    assert event == GroupPing("uc-1", tuple(range(1, MAX_PINGED_GROUPS + 1)))


def test_an_ack_of_a_group_is_read_as_it_is() -> None:
    body = UCSequenceAck(group=GROUP, sequence=-1).SerializeToString()

    assert parse_client_message(uc("SEQ_ACK", body)) == GroupAck(5, -1)


@pytest.mark.parametrize(
    "body",
    [
        NOT_PROTOBUF,
        UCSequenceAck(group=GROUP).SerializePartialToString(),
        UCSequenceAck(sequence=1).SerializePartialToString(),
        UCSequenceAck(group=UCGroup(topicId=0), sequence=1).SerializeToString(),
        UCSequenceAck(group=UCGroup(topicId=MAX_TOPIC_ID + 1), sequence=1).SerializeToString(),
    ],
)
def test_an_ack_of_nothing_is_ignored(body: bytes) -> None:
    assert ignored(parse_client_message(uc("SEQ_ACK", body)))


@pytest.mark.parametrize("kind", ["PONG", "JOIN_RESP", "QUIT_RESP", "MESSAGE_LIST", "DISMISS"])
def test_what_only_a_server_says_is_ignored_from_a_client(kind: str) -> None:
    assert ignored(parse_client_message(uc(kind, UCJoin(group=GROUP).SerializeToString())))


@pytest.mark.parametrize("payload", [b"", NOT_PROTOBUF, field(3, b"x"), b"\x10\x0d", b"\x10\x00"])
def test_a_packet_of_no_kind_is_ignored(payload: bytes) -> None:
    assert parse_client_message(outer(payload)) == OtherPacket(8, "p-1", payload)


@given(
    st.sampled_from(UC_MSG_TYPE.values()), st.binary(max_size=60), strategies.texts | st.none(), st.booleans()
)
def test_any_body_of_any_kind_is_an_event_for_a_server(
    kind: int, body: bytes, packet_id: str | None, has_user: bool
) -> None:
    packet = UCPacket(
        user=MIMCUser() if has_user else None, type=UC_MSG_TYPE.Name(kind), payload=body, packetId=packet_id
    )

    assert parse_client_message(outer(packet.SerializePartialToString())) is not None


# ------------------------------------------------------------------ what a client reads


@pytest.mark.parametrize(
    "payload",
    [
        outer(NOT_PROTOBUF),
        uc("JOIN_RESP", NOT_PROTOBUF),
        uc("QUIT_RESP", NOT_PROTOBUF),
        uc("QUERY_ONLINE_USERS_RESP", NOT_PROTOBUF),
        uc("DISMISS", NOT_PROTOBUF),
        uc("MESSAGE_LIST", NOT_PROTOBUF),
        uc("JOIN_RESP", field(3, NOT_UTF8)),
        uc("MESSAGE_LIST", field(2, field(7, NOT_UTF8))),
        uc("MESSAGE_LIST", field(2, field(5, field(2, NOT_UTF8)))),
    ],
)
def test_a_damaged_answer_breaks_the_connection_of_a_client(payload: bytes) -> None:
    with pytest.raises(BadPayload):
        parse_server_message(payload)


@pytest.mark.parametrize("kind", ["PING", "JOIN", "QUIT", "SEQ_ACK", "MESSAGE", "QUERY_ONLINE_USERS"])
def test_what_only_a_client_says_is_ignored_from_a_server(kind: str) -> None:
    assert ignored(parse_server_message(uc(kind, NOT_PROTOBUF)))
