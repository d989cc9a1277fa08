"""Signals of calls, good and bad; both directions are in ``test_connection``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.errors import BadPayload
from openmimc.wire.calls import serialize_refuse_call
from openmimc.wire.events import AskCall, CallParty, OtherPacket, RefuseCall
from openmimc.wire.message_parsing import parse_client_message, parse_server_message
from openmimc.wire.pb.mimc_pb2 import MIMCPacket
from openmimc.wire.pb.rts_pb2 import (
    CREATE_RESPONSE,
    PEER_OFFLINE,
    CreateRequest,
    CreateResponse,
    RTSMessage,
    RTSMessageType,
    UserInfo,
)
from tests.unit.wire.peers import ALICE

NOT_PROTOBUF = b"\xff\xff\xff"
NOT_UTF8 = b"\xff\xfe"
CALLER = CallParty(1, "alice", 7, "phone")
CALLEE = CallParty(1, "bob", 0, "")
ALICE_INFO = UserInfo(uuid=7, resource="phone", appId=1, appAccount="alice")
BOB_INFO = UserInfo(appId=1, appAccount="bob")
BOB_WITH_ID = UserInfo(uuid=8, resource="", appId=1, appAccount="bob")


def field(number: int, data: bytes) -> bytes:
    """A short field of bytes, valid or not."""
    return bytes((number << 3 | 2, len(data))) + data


def packet(signal: bytes, packet_id: str | None = "p-1") -> bytes:
    return MIMCPacket(packetId=packet_id, type="RTS_SIGNAL", payload=signal).SerializeToString()


def signal(kind: str, body: bytes, **fields: object) -> bytes:
    said = {"type": kind, "callId": 9, "callType": "SINGLE_CALL", "uuid": 7, "payload": body, **fields}
    return packet(RTSMessage(**said).SerializeToString())


def request(*members: UserInfo) -> bytes:
    return CreateRequest(members=members).SerializeToString()


def response(*members: UserInfo, result: str = "PEER_OFFLINE") -> bytes:
    return CreateResponse(result=result, members=members, errmsg="why").SerializeToString()


def test_a_request_of_two_parties_is_read() -> None:
    event = parse_client_message(signal("CREATE_REQUEST", request(ALICE_INFO, BOB_INFO)))

    assert event == AskCall("p-1", 9, 1, CALLER, CALLEE)


@pytest.mark.parametrize(
    ("actor", "members"),
    [
        (7, (ALICE_INFO, BOB_INFO)),
        (7, (BOB_INFO, ALICE_INFO)),
        (None, (ALICE_INFO, BOB_INFO)),
        (0, (ALICE_INFO, BOB_INFO)),
        (8, (ALICE_INFO, BOB_INFO)),
    ],
)
def test_the_caller_is_whose_signal_it_is_or_the_first(
    actor: int | None, members: tuple[UserInfo, UserInfo]
) -> None:
    event = parse_client_message(signal("CREATE_REQUEST", request(*members), uuid=actor))

    assert event == AskCall("p-1", 9, 1, CALLER, CALLEE)


@pytest.mark.parametrize(
    ("actor", "members"),
    [
        (8, (ALICE_INFO, BOB_WITH_ID)),
        (8, (BOB_WITH_ID, ALICE_INFO)),
        (None, (ALICE_INFO, BOB_WITH_ID)),
        (9, (ALICE_INFO, BOB_WITH_ID)),
    ],
)
def test_the_callee_is_whose_answer_it_is_or_the_second(
    actor: int | None, members: tuple[UserInfo, UserInfo]
) -> None:
    event = parse_server_message(signal("CREATE_RESPONSE", response(*members), uuid=actor))

    assert event == RefuseCall("p-1", 9, 1, CALLER, CallParty(1, "bob", 8, ""), "why")


@pytest.mark.parametrize("members", [(), (ALICE_INFO,), (ALICE_INFO, BOB_INFO, BOB_INFO)])
def test_calls_of_other_than_two_are_ignored(members: tuple[UserInfo, ...]) -> None:
    for parse, payload in (
        (parse_client_message, signal("CREATE_REQUEST", request(*members))),
        (parse_server_message, signal("CREATE_RESPONSE", response(*members))),
    ):
        assert isinstance(parse(payload), OtherPacket)


@pytest.mark.parametrize("missing", ["type", "callId", "callType", "payload"])
def test_an_incomplete_signal_is_ignored(missing: str) -> None:
    """As the Java SDK does."""
    for parse, kind, body in (
        (parse_client_message, "CREATE_REQUEST", request(ALICE_INFO, BOB_INFO)),
        (parse_server_message, "CREATE_RESPONSE", response(ALICE_INFO, BOB_INFO)),
    ):
        assert not isinstance(parse(signal(kind, body)), OtherPacket)
        assert isinstance(parse(signal(kind, body, **{missing: None})), OtherPacket)


@pytest.mark.parametrize("kind", RTSMessageType.keys())
def test_every_other_signal_is_ignored(kind: str) -> None:
    from_client = parse_client_message(signal(kind, request(ALICE_INFO, BOB_INFO)))
    from_server = parse_server_message(signal(kind, response(ALICE_INFO, BOB_INFO)))

    assert isinstance(from_client, OtherPacket) is (kind != "CREATE_REQUEST")
    assert isinstance(from_server, OtherPacket) is (kind != "CREATE_RESPONSE")


@pytest.mark.parametrize(
    "payload",
    [
        packet(b""),
        packet(NOT_PROTOBUF),
        signal("CREATE_REQUEST", NOT_PROTOBUF),
        signal("CREATE_REQUEST", request(ALICE_INFO) + field(2, field(4, NOT_UTF8))),
        signal("CREATE_REQUEST", request(ALICE_INFO) + field(2, field(2, NOT_UTF8))),
        signal("CREATE_REQUEST", request(ALICE_INFO, UserInfo(appAccount="a\0b"))),
        signal("CREATE_REQUEST", request(UserInfo(uuid=7, appAccount="a\0b"), BOB_INFO)),
        signal("CREATE_RESPONSE", NOT_PROTOBUF),
        signal("CREATE_RESPONSE", response(ALICE_INFO, BOB_INFO, result="SUCC")),
        signal("CREATE_RESPONSE", response(ALICE_INFO, BOB_INFO) + field(2, NOT_UTF8)),
    ],
)
def test_a_signal_that_cannot_be_used_is_ignored(payload: bytes) -> None:
    for parse in (parse_client_message, parse_server_message):
        event = parse(payload)
        assert isinstance(event, OtherPacket)
        assert event.type == 7


def test_a_signal_in_a_packet_whose_id_is_no_text_breaks_the_connection() -> None:
    body = RTSMessage(
        type="CREATE_REQUEST", callId=9, callType="SINGLE_CALL", payload=request(ALICE_INFO, BOB_INFO)
    )

    with pytest.raises(BadPayload):
        parse_client_message(packet(body.SerializeToString(), None) + field(1, NOT_UTF8))


def test_a_refusal_is_the_callee_s_answer_and_names_both_in_full() -> None:
    refusal = RefuseCall("p-1", 9, 1, CALLER, CallParty(1, "bob", 8, ""), "nobody there")

    payload = serialize_refuse_call(refusal, ALICE)

    answer = RTSMessage.FromString(MIMCPacket.FromString(payload).payload)
    body = CreateResponse.FromString(answer.payload)
    assert (answer.type, answer.callId, answer.uuid) == (CREATE_RESPONSE, 9, 8)
    assert (body.result, body.errmsg) == (PEER_OFFLINE, "nobody there")
    assert list(body.members) == [ALICE_INFO, BOB_WITH_ID]


@given(st.sampled_from(RTSMessageType.keys()), st.binary(max_size=80))
def test_any_body_is_an_event_for_both(kind: str, body: bytes) -> None:
    payload = signal(kind, body)

    assert parse_client_message(payload) is not None
    assert parse_server_message(payload) is not None
