"""The protocol reference's vectors, in both directions.

Each packet is read by the end it is addressed to, and made again by the end it comes from where that end is
written like ours. The others (answers with a host or a time, kicks of another form, SDKs with habits of their
own) go through header, framing and ciphers and must come out byte for byte.
"""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any
from zlib import adler32

import pytest
from msgspec.structs import replace

from openmimc.model.message import Kind, Message, Sender
from openmimc.wire import v6, web
from openmimc.wire.bind import is_signed_with, sign, string_to_sign
from openmimc.wire.cipher import body_key, payload_key, rc4
from openmimc.wire.connection import Connection, Framing, Identity, Role
from openmimc.wire.events import (
    AskCall,
    AskGroup,
    Bind,
    BindResponse,
    CallParty,
    Conn,
    ConnResponse,
    Deliver,
    Delivered,
    DeliveredGroup,
    DeliveredGroupMessage,
    DeliveredMessage,
    DeliverGroup,
    DeliverOnline,
    DeliverOverflow,
    Event,
    GroupAck,
    GroupAnswer,
    GroupDismissed,
    GroupPing,
    GroupPong,
    GroupRequest,
    Kick,
    OnlineAck,
    PacketAck,
    Ping,
    Pong,
    RefuseCall,
    SendGroup,
    SendOnline,
    SendP2P,
    SequenceAck,
    Unbind,
)
from openmimc.wire.group_messages import serialize_group_list, serialize_group_message
from openmimc.wire.headers import (
    CLIENT_MESSAGE_END,
    CLIENT_REQUEST_END,
    SERVER_MESSAGE_END,
    SERVER_PUSH_END,
    SERVER_RESPONSE_END,
    WEB_CLIENT_END,
    bare_header_start,
    header_start,
    parse_header,
    serialize_header,
)
from openmimc.wire.messages import serialize_message
from tests.unit.wire.peers import ids, receive

pytestmark = pytest.mark.usefixtures("codec")

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "protocol-vectors.json").read_text(encoding="utf-8")
)
TCP: dict[str, dict[str, str]] = VECTORS["tcp"]
WEB: dict[str, dict[str, str]] = VECTORS["websocket"]
APP_ID = int(VECTORS["actors"]["appId"])
PACKAGE = VECTORS["actors"]["appPackage"]
WEB_RESOURCE = VECTORS["constants_used"]["alice_websocket_resource"]
GROUP_ID = int(VECTORS["constants_used"]["topicId"])
SEQUENCE = int(VECTORS["constants_used"]["sequence"])
TIMESTAMP_MS = int(VECTORS["constants_used"]["timestamp_ms"])


def actor(name: str) -> Identity:
    said = VECTORS["actors"][name]
    return Identity(
        app_id=APP_ID,
        user_id=int(said["uuid"]),
        account=said["appAccount"],
        resource=said["resource"],
        security_key=b64decode(said["securityKey_base64"]),
        package=PACKAGE,
    )


ALICE = actor("alice")
BOB = actor("bob")
WEB_ALICE = replace(ALICE, resource=WEB_RESOURCE)
CHALLENGES = {
    ALICE.user_id: VECTORS["actors"]["alice"]["challenge_of_her_connection"],
    BOB.user_id: VECTORS["actors"]["bob"]["challenge_of_his_connection"],
}
CPP_UDID = "Zx8Qw3Er7T"


def packet_of(name: str, framing: Framing) -> bytes:
    if framing is Framing.TCP:
        return bytes.fromhex(TCP[name]["tcp_packet_hex"])
    return bytes.fromhex(WEB[name]["websocket_packet_hex"])


def id_in_header_of(name: str, framing: Framing) -> str:
    """What the vector's header has for an id; where an event brings its own, nobody asks for this one."""
    vector = (TCP if framing is Framing.TCP else WEB)[name]
    return parse_header(bytes.fromhex(vector.get("client_header_hex", ""))).id


def end(
    role: Role, framing: Framing, identity: Identity, *, udid: str = "", next_ids: tuple[str, ...] = ()
) -> Connection:
    """One end after the greeting, with an identity, and with these ids for what it sends next."""
    challenge = CHALLENGES[identity.user_id]
    connection = Connection(role, framing, next_id=ids("greeting", *next_ids))
    other = Connection(Role.CLIENT if role is Role.SERVER else Role.SERVER, framing)
    client, server = (connection, other) if role is Role.CLIENT else (other, connection)
    client.send(Conn(udid=udid))
    receive(server, client.packets_to_send())
    server.send(ConnResponse(challenge))
    receive(client, server.packets_to_send())
    connection.set_identity(identity)
    return connection


# ------------------------------------------------------------------ what each packet says

MESSAGE_TO_BOB = SendP2P("pkt-alice-1", APP_ID, "bob", b"Hello Bob", True, "TEXT", False)
DELIVERED_TO_BOB = DeliveredMessage(
    packet_id="pkt-alice-1",
    sequence=SEQUENCE,
    timestamp_ms=TIMESTAMP_MS,
    from_account="alice",
    from_resource="res-alice-1",
    from_user_id=ALICE.user_id,
    to_account="bob",
    topic_id=0,
    payload=b"Hello Bob",
    is_store=True,
    biz_type="TEXT",
)
DELIVERED_TO_ALICE = DeliveredMessage(
    packet_id="pkt-bob-9",
    sequence=SEQUENCE + 10_000,
    timestamp_ms=TIMESTAMP_MS + 1,
    from_account="bob",
    from_resource="res-bob-1",
    from_user_id=BOB.user_id,
    to_account="alice",
    topic_id=0,
    payload=b"Hi Alice",
    is_store=True,
    biz_type="TEXT",
)


def bind_of(identity: Identity, header_id: str, *, kick: str = "0") -> Bind:
    signed = Bind(
        token=VECTORS["actors"]["alice"]["token"],
        user_id=identity.user_id,
        resource=identity.resource,
        header_id=header_id,
        kick=kick,
    )
    return replace(signed, signature=sign(signed, CHALLENGES[ALICE.user_id], ALICE.security_key))


def answered(identity: Identity, header_id: str, *error: str) -> BindResponse:
    kind, reason, text = error or ("", "", "")
    return BindResponse(not error, kind, reason, text, identity.user_id, identity.resource, header_id)


def in_group(sequence: int, packet_id: str, payload: bytes, **fields: Any) -> DeliveredGroupMessage:
    said = {"from_account": "alice", "from_resource": ALICE.resource, "from_user_id": ALICE.user_id, **fields}
    return DeliveredGroupMessage(
        packet_id=packet_id,
        sequence=sequence,
        timestamp_ms=sequence // 10_000,
        payload=payload,
        **said,
    )


CALLER = CallParty(APP_ID, "alice", ALICE.user_id, ALICE.resource)
CALLEE = CallParty(APP_ID, "bob", 0, "")
RECEIVED = OnlineAck("online-1", ALICE.user_id, ALICE.resource, 1, "RECEIVED")
NUMBERED = replace(DELIVERED_TO_BOB, packet_id="pkt-alice-50", index=3)

T, W = Framing.TCP, Framing.WEBSOCKET
TO_SERVER: list[tuple[str, Framing, Identity, Event]] = [
    ("empty_ping_or_pong", T, ALICE, Ping(is_empty=True)),
    ("bind_empty_udid", T, ALICE, bind_of(ALICE, "bind-id-1")),
    ("bind_with_udid", T, ALICE, bind_of(ALICE, "bind-id-1")),
    ("ping_with_header", T, ALICE, Ping(header_id="ping-id-1")),
    ("unbind", T, ALICE, Unbind(header_id="unbind-id-1")),
    ("secmsg_p2p_up", T, ALICE, MESSAGE_TO_BOB),
    ("secmsg_p2p_up_cpp_like", T, ALICE, replace(MESSAGE_TO_BOB, packet_id="pkt-alice-2")),
    ("secmsg_sequence_ack_up", T, BOB, SequenceAck(SEQUENCE)),
    ("bind", W, WEB_ALICE, bind_of(WEB_ALICE, "web17000000001230", kick="")),
    ("ping", W, WEB_ALICE, Ping(header_id="web17000000001241")),
    ("unbind", W, WEB_ALICE, Unbind(header_id="web17000000001252")),
    ("secmsg_p2p_up", W, WEB_ALICE, replace(MESSAGE_TO_BOB, packet_id="web17000000001273", biz_type="")),
    ("secmsg_sequence_ack_up", W, WEB_ALICE, SequenceAck(SEQUENCE + 10_000)),
    (
        "secmsg_p2p_up_with_conversation",
        T,
        ALICE,
        replace(MESSAGE_TO_BOB, packet_id="pkt-alice-50", conversation=True),
    ),
    (
        "uc_message_up",
        T,
        ALICE,
        SendGroup("pkt-alice-20", "pkt-alice-20", APP_ID, GROUP_ID, b"Hello group", True, "TEXT"),
    ),
    ("uc_sequence_ack_up", T, BOB, GroupAck(GROUP_ID, SEQUENCE + 10_000)),
    ("uc_ping_up", T, BOB, GroupPing("uc-ping-1", (GROUP_ID, GROUP_ID + 1))),
    ("uc_quit_up", T, BOB, AskGroup(GroupRequest.QUIT, "uc-quit-1", APP_ID, GROUP_ID)),
    ("uc_query_online_users_up", T, BOB, AskGroup(GroupRequest.COUNT_ONLINE, "uc-count-1", APP_ID, GROUP_ID)),
    ("online_message_up", T, ALICE, SendOnline("online-1", APP_ID, "bob", "res-bob-1", b"typing", "STATE")),
    ("online_message_ack_up", T, BOB, RECEIVED),
    ("rts_create_request_up", T, ALICE, AskCall("call-1", 4711, 1, CALLER, CALLEE)),
    ("uc_join_up", W, WEB_ALICE, AskGroup(GroupRequest.JOIN, "web17000000001295", APP_ID, GROUP_ID)),
    (
        "uc_message_up",
        W,
        WEB_ALICE,
        SendGroup("web17000000001407", "web17000000001406", APP_ID, GROUP_ID, b"Hello group", False, ""),
    ),
]
TO_CLIENT: list[tuple[str, Framing, Identity, Event]] = [
    ("empty_ping_or_pong", T, ALICE, Pong()),
    ("bind_response_ok", T, ALICE, answered(ALICE, "bind-id-1")),
    (
        "bind_response_token_expired",
        T,
        ALICE,
        answered(ALICE, "bind-id-1", "token-expired", "token-expired", "token expired"),
    ),
    (
        "bind_response_invalid_token",
        T,
        ALICE,
        answered(ALICE, "bind-id-1", "auto", "invalid-token", "invalid token"),
    ),
    ("kick_hybrid", T, ALICE, Kick("logout", "logout")),
    ("kick_single_resource", T, ALICE, Kick("single-resource-kick", "another device logged in")),
    ("secmsg_packet_ack_down", T, ALICE, PacketAck("pkt-alice-1", SEQUENCE, TIMESTAMP_MS)),
    ("secmsg_compound_down", T, BOB, Delivered(BOB.user_id, "res-bob-1", SEQUENCE, (DELIVERED_TO_BOB,))),
    (
        "secmsg_pull_notification_down",
        T,
        BOB,
        Delivered(BOB.user_id, "res-bob-1", SEQUENCE, (), is_overflow=True, min_sequence=SEQUENCE - 100_000),
    ),
    ("bind_response_ok", W, WEB_ALICE, answered(WEB_ALICE, "web17000000001230")),
    ("pong", W, WEB_ALICE, Pong(header_id="web17000000001241")),
    ("kick", W, WEB_ALICE, Kick("logout", "logout")),
    ("secmsg_packet_ack_down", W, WEB_ALICE, PacketAck("web17000000001273", SEQUENCE, TIMESTAMP_MS)),
    (
        "secmsg_compound_down",
        W,
        WEB_ALICE,
        Delivered(ALICE.user_id, WEB_RESOURCE, SEQUENCE + 10_000, (DELIVERED_TO_ALICE,)),
    ),
    ("secmsg_packet_ack_with_index_down", T, ALICE, PacketAck("pkt-alice-50", SEQUENCE, TIMESTAMP_MS, index=3)),
    ("secmsg_compound_with_index_down", T, BOB, Delivered(BOB.user_id, "res-bob-1", SEQUENCE, (NUMBERED,))),
    (
        "uc_message_list_down",
        T,
        BOB,
        DeliveredGroup(
            GROUP_ID,
            SEQUENCE + 10_000,
            (
                in_group(SEQUENCE, "pkt-alice-20", b"Hello group", is_store=True, biz_type="TEXT"),
                in_group(SEQUENCE + 10_000, "pkt-alice-21", b"Hello again", is_store=False, biz_type=None),
            ),
        ),
    ),
    ("uc_pong_down", T, BOB, GroupPong("uc-ping-1")),
    (
        "uc_quit_resp_down",
        T,
        BOB,
        GroupAnswer(GroupRequest.QUIT, "uc-quit-1", APP_ID, GROUP_ID, 404, "no such group"),
    ),
    ("uc_dismiss_down", T, BOB, GroupDismissed(APP_ID, GROUP_ID)),
    (
        "uc_query_online_users_resp_down",
        T,
        BOB,
        GroupAnswer(GroupRequest.COUNT_ONLINE, "uc-count-1", APP_ID, GROUP_ID, online=17),
    ),
    (
        "online_message_down",
        T,
        BOB,
        DeliverOnline(
            packet_id="online-1",
            from_account="alice",
            from_user_id=ALICE.user_id,
            from_resource=ALICE.resource,
            to_account="bob",
            to_user_id=BOB.user_id,
            to_resource=BOB.resource,
            payload=b"typing",
            timestamp_ms=TIMESTAMP_MS,
            biz_type="STATE",
        ),
    ),
    ("online_message_ack_down", T, ALICE, RECEIVED),
    (
        "rts_create_response_down",
        T,
        ALICE,
        RefuseCall("call-1", 4711, 1, CALLER, replace(CALLEE, user_id=BOB.user_id), "nobody there"),
    ),
    (
        "secmsg_pull_notification_down",
        W,
        WEB_ALICE,
        Delivered(ALICE.user_id, WEB_RESOURCE, SEQUENCE, (), is_overflow=True, min_sequence=SEQUENCE - 100_000),
    ),
    ("secmsg_probe_down", W, WEB_ALICE, Delivered(0, "", 0, ())),
    (
        "uc_join_resp_down",
        W,
        WEB_ALICE,
        GroupAnswer(GroupRequest.JOIN, "web17000000001295", APP_ID, GROUP_ID, 0, "success"),
    ),
    (
        "uc_message_list_down",
        W,
        WEB_ALICE,
        DeliveredGroup(
            GROUP_ID,
            SEQUENCE + 20_000,
            (
                in_group(
                    SEQUENCE + 20_000,
                    "pkt-bob-10",
                    b"Hello group",
                    from_account="bob",
                    from_resource=BOB.resource,
                    from_user_id=BOB.user_id,
                    is_store=False,
                    biz_type="",
                ),
            ),
        ),
    ),
]
CONNS: list[tuple[str, Framing, Conn]] = [
    ("conn_go_like", T, Conn(106, "macOs", "", 33, header_id="conn-id-1")),
    ("conn_java_like", T, Conn(106, "", "", 33, host="im.example.com:5222")),
    ("conn_cpp_like", T, Conn(106, "", CPP_UDID, 33, header_id="conn-id-2")),
    ("conn", W, Conn(106, "", "websocket", 31, "Netscape", header_id="web17000000000990")),
]
CONN_RESPONSES: list[tuple[str, Framing, ConnResponse]] = [
    ("conn_response", T, ConnResponse("1a2b3c4d5e", "conn-id-1")),
    ("conn_response", W, ConnResponse("1a2b3c4d5e", "web17000000000990")),
]


def test_every_packet_of_the_vectors_is_read() -> None:
    read = [(framing, name) for name, framing, *_ in (*TO_SERVER, *TO_CLIENT, *CONNS, *CONN_RESPONSES)]

    assert set(read) == {(T, name) for name in TCP} | {(W, name) for name in WEB}


@pytest.mark.parametrize(("name", "framing", "identity", "event"), TO_SERVER)
def test_a_server_reads_it(name: str, framing: Framing, identity: Identity, event: Event) -> None:
    server = end(Role.SERVER, framing, identity, udid=CPP_UDID if "with_udid" in name else "")

    assert receive(server, [packet_of(name, framing)]) == [event]


@pytest.mark.parametrize(("name", "framing", "identity", "event"), TO_CLIENT)
def test_a_client_reads_it(name: str, framing: Framing, identity: Identity, event: Event) -> None:
    client = end(Role.CLIENT, framing, identity)

    assert receive(client, [packet_of(name, framing)]) == [event]


@pytest.mark.parametrize(("name", "framing", "event"), CONNS)
def test_a_server_reads_conn(name: str, framing: Framing, event: Conn) -> None:
    assert receive(Connection(Role.SERVER, framing), [packet_of(name, framing)]) == [event]


@pytest.mark.parametrize(("name", "framing", "event"), CONN_RESPONSES)
def test_a_client_reads_the_answer_to_conn(name: str, framing: Framing, event: ConnResponse) -> None:
    client = Connection(Role.CLIENT, framing)
    client.send(Conn())

    assert receive(client, [packet_of(name, framing)]) == [event]
    assert client.challenge == "1a2b3c4d5e"


# ------------------------------------------------------------------ what our own ends make

NOT_MADE_BY_OUR_CLIENT = {(T, "secmsg_p2p_up_cpp_like")}
NOT_MADE_BY_OUR_SERVER = {
    (T, "kick_hybrid"),  # An XMMsgKick that reads as an XMMsgBindResp; ours is the latter.
    (T, "kick_single_resource"),
    (W, "kick"),
    (W, "uc_join_resp_down"),  # Tells the time, as does the next.
    (W, "uc_message_list_down"),
}


@pytest.mark.parametrize(
    ("name", "framing", "identity", "event"),
    [each for each in TO_SERVER if (each[1], each[0]) not in NOT_MADE_BY_OUR_CLIENT],
)
def test_a_client_makes_it(name: str, framing: Framing, identity: Identity, event: Event) -> None:
    header_id = id_in_header_of(name, framing)
    client = end(
        Role.CLIENT,
        framing,
        identity,
        udid=CPP_UDID if "with_udid" in name else "",
        next_ids=(header_id,),
    )
    if isinstance(event, Bind):
        event = replace(event, signature="")  # It signs by itself.

    client.send(event)

    assert client.data_to_send() == packet_of(name, framing)


@pytest.mark.parametrize(
    ("name", "framing", "identity", "event"),
    [each for each in TO_CLIENT if (each[1], each[0]) not in NOT_MADE_BY_OUR_SERVER],
)
def test_a_server_makes_it(name: str, framing: Framing, identity: Identity, event: Event) -> None:
    header_id = id_in_header_of(name, framing)
    server = end(Role.SERVER, framing, identity, next_ids=(header_id,))
    server.send(as_sent(event))

    assert server.data_to_send() == packet_of(name, framing)


def as_sent(event: Event) -> Event:
    """What a server sends for what a client reads."""
    if isinstance(event, Delivered):
        if event.is_overflow or not event.user_id:
            return DeliverOverflow(event.min_sequence, event.max_sequence, is_probe=not event.is_overflow)
        packets = tuple(serialize_message(stored(each), PACKAGE) for each in event.messages)
        return Deliver(event.max_sequence, packets)
    if isinstance(event, DeliveredGroup):
        messages = [serialize_group_message(stored_in_group(each)) for each in event.messages]
        return DeliverGroup(serialize_group_list(event.group_id, APP_ID, event.max_sequence, messages))
    return event


def stored_in_group(message: DeliveredGroupMessage) -> Message:
    """As ``stored``, for a message to the unlimited group of the vectors."""
    return Message(
        sequence=message.sequence,
        kind=Kind.GROUP,
        sender=Sender(APP_ID, message.from_user_id, message.from_account, message.from_resource),
        to_user_id=0,
        to_account="",
        topic_id=GROUP_ID,
        packet_id=message.packet_id,
        payload=message.payload,
        biz_type=message.biz_type,
        is_store=message.is_store,
    )


def stored(message: DeliveredMessage) -> Message:
    """The message that the store would give for what a client reads."""
    to = {"alice": ALICE, "bob": BOB}[message.to_account]
    return Message(
        sequence=message.sequence,
        kind=Kind.P2P,
        sender=Sender(APP_ID, message.from_user_id, message.from_account, message.from_resource),
        to_user_id=to.user_id,
        to_account=message.to_account,
        topic_id=0,
        packet_id=message.packet_id,
        payload=message.payload,
        biz_type=message.biz_type,
        is_store=message.is_store,
        index=message.index,
    )


@pytest.mark.parametrize(
    ("name", "framing", "event"), [each for each in CONNS if each[0] in ("conn_go_like", "conn")]
)
def test_a_client_makes_conn(name: str, framing: Framing, event: Conn) -> None:
    client = Connection(Role.CLIENT, framing)
    client.set_identity(ALICE)

    client.send(event)

    assert client.data_to_send() == packet_of(name, framing)


# ------------------------------------------------------------------ layers, for every packet

LAYERED = [(T, name) for name in TCP if "client_header_hex" in TCP[name]] + [(W, name) for name in WEB]


@pytest.mark.parametrize(("framing", "name"), LAYERED)
def test_framing_and_ciphers_come_out_byte_for_byte(framing: Framing, name: str) -> None:
    vector = (TCP if framing is T else WEB)[name]
    header = bytes.fromhex(vector["client_header_hex"])
    plain = bytes.fromhex(vector["payload_plain_hex"])
    payload = bytes.fromhex(vector.get("payload_encrypted_hex", vector["payload_plain_hex"]))
    identity = BOB if parse_header(header).uuid == BOB.user_id else ALICE
    framer: v6.Framer | web.Framer = v6.Framer(10_000) if framing is T else web.Framer(10_000)
    if "body_key_hex" in vector:
        framer.set_body_key(bytes.fromhex(vector["body_key_hex"]))

    framer.feed(packet_of(name, framing))

    assert framer.next_packet() == (header, payload)
    assert framer.pack(header, payload) == packet_of(name, framing)
    if payload != plain:
        assert rc4(payload_key(identity.security_key, parse_header(header).id), payload) == plain
    if framing is T:
        assert v6.split_body(bytes.fromhex(vector["body_plain_hex"])) == (header, payload)


@pytest.mark.parametrize(("framing", "name"), [each for each in LAYERED if each != (T, "conn_java_like")])
def test_headers_are_written_as_they_were_read(framing: Framing, name: str) -> None:
    """Java's CONN is left out: no end of ours writes a header with a cipher and without an id."""
    data = bytes.fromhex((TCP if framing is T else WEB)[name]["client_header_hex"])
    header = parse_header(data)
    ends = (
        CLIENT_MESSAGE_END,
        CLIENT_REQUEST_END,
        SERVER_MESSAGE_END,
        SERVER_PUSH_END,
        SERVER_RESPONSE_END,
        WEB_CLIENT_END,
    )
    start = header_start(header.cmd, header.uuid, header.resource)
    if not header.HasField("chid"):
        start = bare_header_start(header.cmd)

    [end_of_it] = [each for each in ends if data.endswith(each) and data.endswith(header.id.encode() + each)]

    assert serialize_header(start, header.id, end_of_it) == data


# ------------------------------------------------------------------ primitives


def data_of(vector: dict[str, Any]) -> bytes:
    if "input_text" in vector:
        return str(vector["input_text"]).encode()
    if "input_hex" in vector:
        return bytes.fromhex(vector["input_hex"])
    return b"\xff" * int(vector["input_hex_is_byte_ff_repeated"])


@pytest.mark.parametrize("vector", VECTORS["adler32"])
def test_checksums(vector: dict[str, Any]) -> None:
    assert v6.CHECKSUM.pack(adler32(data_of(vector))).hex() == vector["adler32_hex"]


@pytest.mark.parametrize("vector", VECTORS["rc4"])
def test_rc4(vector: dict[str, str]) -> None:
    key = vector["key_text"].encode() if "key_text" in vector else bytes.fromhex(vector["key_hex"])
    plain = vector["plain_text"].encode() if "plain_text" in vector else bytes.fromhex(vector["plain_hex"])

    assert rc4(key, plain).hex() == vector["cipher_hex"]


@pytest.mark.parametrize("vector", VECTORS["body_key"])
def test_body_keys(vector: dict[str, str]) -> None:
    assert body_key(vector["challenge"], vector["udid"]).hex() == vector["body_key_hex"]


@pytest.mark.parametrize("vector", VECTORS["payload_key"])
def test_payload_keys(vector: dict[str, str]) -> None:
    key = payload_key(b64decode(vector["securityKey_base64"]), vector["header_id"])

    assert key.hex() == vector["payload_key_hex"]


@pytest.mark.parametrize("vector", VECTORS["bind_signature"])
@pytest.mark.parametrize("kick", ["0", ""])
def test_bind_signatures(vector: dict[str, Any], kick: str) -> None:
    key = b64decode(vector["securityKey_base64"])
    bind = Bind(
        token=vector["token"],
        user_id=int(vector["uuid"]),
        resource=vector["resource"],
        header_id=vector["header_id"],
        kick=kick,
        client_attrs=vector["client_attrs"],
        cloud_attrs=vector["cloud_attrs"],
        signature=vector["sig_base64"],
    )

    assert string_to_sign(bind, vector["challenge"], key) == vector["string_to_sign_text"]
    assert sign(bind, vector["challenge"], key) == vector["sig_base64"]
    assert is_signed_with(bind, vector["challenge"], key)
