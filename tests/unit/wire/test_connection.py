"""The state machine: what may be said when, what is refused, and that both ends understand each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from openmimc.errors import (
    BadMagic,
    BadPacket,
    BadPayload,
    LocalProtocolError,
    PacketTooBig,
    RemoteProtocolError,
)
from openmimc.model.message import Message
from openmimc.wire import web
from openmimc.wire.bind import is_signed_with
from openmimc.wire.codec import new_codec
from openmimc.wire.connection import MAX_BODY_BYTES, Connection, Framing, Identity, Role, State
from openmimc.wire.events import (
    AskCall,
    AskGroup,
    BadMessage,
    BadOnlineMessage,
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
    OtherCommand,
    OtherPacket,
    PacketAck,
    Ping,
    Pong,
    Pull,
    RefuseCall,
    SendGroup,
    SendOnline,
    SendP2P,
    SendP2T,
    SequenceAck,
    Unbind,
    UnreadableMessage,
)
from openmimc.wire.group_messages import serialize_group_list, serialize_group_message
from openmimc.wire.headers import parse_header
from openmimc.wire.messages import serialize_message
from openmimc.wire.pb.mimc_pb2 import MIMCPacket
from openmimc.wire.v6 import EMPTY_PACKET
from tests import strategies
from tests.unit.wire.peers import ALICE, CHALLENGE, bound_pair, greeted_pair, ids, pass_on, receive

pytestmark = pytest.mark.usefixtures("codec")

FRAMINGS = list(Framing)
framings = st.sampled_from(FRAMINGS)

MESSAGE = SendP2P("p-1", None, "bob", b"hello")
GROUP_MESSAGE = SendGroup("p-1", "m-1", None, 5, b"hello")
ALICE_CALLS = (CallParty(1, "alice", 2, "phone"), CallParty(1, "bob", 0, ""))


def delivered(message: Message) -> DeliveredMessage:
    """What a client should read of a message."""
    return DeliveredMessage(
        packet_id=message.packet_id,
        sequence=message.sequence,
        timestamp_ms=message.timestamp_ms,
        from_account=message.sender.account,
        from_resource=message.sender.resource,
        from_user_id=message.sender.user_id,
        to_account=message.to_account,
        topic_id=message.topic_id,
        payload=message.payload,
        is_store=message.is_store,
        biz_type=message.biz_type,
        index=message.index,
    )


def delivered_to_group(message: Message) -> DeliveredGroupMessage:
    """As ``delivered``, for a message to an unlimited group."""
    return DeliveredGroupMessage(
        packet_id=message.packet_id,
        sequence=message.sequence,
        timestamp_ms=message.timestamp_ms,
        from_account=message.sender.account,
        from_resource=message.sender.resource,
        from_user_id=message.sender.user_id,
        payload=message.payload,
        is_store=message.is_store,
        biz_type=message.biz_type,
    )


# ------------------------------------------------------------------ round trips


@given(framing=framings, conn=strategies.conns, challenge=st.text(st.characters(codec="ascii"), min_size=1))
def test_the_greeting_arrives_as_it_was_sent(framing: Framing, conn: Conn, challenge: str) -> None:
    client, server = Connection(Role.CLIENT, framing), Connection(Role.SERVER, framing)

    client.send(conn)
    assert pass_on(client, server) == [conn]
    response = ConnResponse(challenge=challenge, header_id=conn.header_id)
    server.send(response)
    assert pass_on(server, client) == [response]

    assert client.challenge == server.challenge == challenge
    assert client.state is server.state is State.READY
    # Both have the same key now.
    client.send(Ping(header_id="p"))
    assert pass_on(client, server) == [Ping(header_id="p")]


@given(
    framing=framings,
    identity=strategies.identities,
    udid=strategies.texts,
    events=st.lists(strategies.client_events, max_size=6),
)
def test_what_a_client_sends_arrives_as_it_was_sent(
    framing: Framing, identity: Identity, udid: str, events: list[Event]
) -> None:
    client, server = bound_pair(framing, identity, udid=udid)

    for event in events:
        client.send(event)

    assert pass_on(client, server) == events


@given(
    framing=framings,
    identity=strategies.identities,
    udid=strategies.texts,
    events=st.lists(strategies.server_events, max_size=6),
)
def test_what_a_server_sends_arrives_as_it_was_sent(
    framing: Framing, identity: Identity, udid: str, events: list[Event]
) -> None:
    client, server = bound_pair(framing, identity, udid=udid)

    for event in events:
        server.send(event)

    assert pass_on(server, client) == events


@given(
    framing=framings,
    identity=strategies.identities,
    messages=st.lists(strategies.messages, max_size=5),
    max_sequence=strategies.sequences,
)
def test_lists_arrive_as_they_were_sent(
    framing: Framing, identity: Identity, messages: list[Message], max_sequence: int
) -> None:
    client, server = bound_pair(framing, identity)
    packets = tuple(serialize_message(message, identity.package) for message in messages)

    server.send(Deliver(max_sequence, packets))

    expected = tuple(delivered(message) for message in messages)
    assert pass_on(server, client) == [Delivered(identity.user_id, identity.resource, max_sequence, expected)]


@given(
    framing=framings,
    identity=strategies.identities,
    messages=st.lists(strategies.group_messages, max_size=5),
    group_id=strategies.uint64s,
    max_sequence=strategies.sequences,
)
def test_lists_of_a_group_arrive_as_they_were_sent(
    framing: Framing, identity: Identity, messages: list[Message], group_id: int, max_sequence: int
) -> None:
    client, server = bound_pair(framing, identity)
    entries = [serialize_group_message(message) for message in messages]
    list_bytes = serialize_group_list(group_id, identity.app_id, max_sequence, entries)

    for _ in range(2):  # The second one is made of what was kept from the first.
        server.send(DeliverGroup(list_bytes))

    expected = tuple(delivered_to_group(message) for message in messages)
    assert pass_on(server, client) == [DeliveredGroup(group_id, max_sequence, expected)] * 2


@pytest.mark.parametrize("framing", FRAMINGS)
def test_lists_of_a_group_are_for_who_is_bound_now(framing: Framing) -> None:
    bob = replace(ALICE, user_id=2, account="bob", resource="desk", package="com.example.other")
    deliver = DeliverGroup(serialize_group_list(5, ALICE.app_id, 7, []))
    _, always_bob = bound_pair(framing, bob)
    _, once_alice = bound_pair(framing, ALICE)
    always_bob.send(deliver)
    once_alice.send(deliver)
    assert always_bob.data_to_send() != once_alice.data_to_send()

    once_alice.clear_identity()
    with pytest.raises(LocalProtocolError):
        once_alice.send(deliver)
    once_alice.set_identity(bob)

    for end in (always_bob, once_alice):
        end.send(deliver)
    assert once_alice.data_to_send() == always_bob.data_to_send()

    once_alice.clear_identity()
    for end in (always_bob, once_alice):
        end.set_identity(ALICE)
        end.send(deliver)
    assert once_alice.data_to_send() == always_bob.data_to_send()


@given(
    framing=framings,
    identity=strategies.identities,
    overflow=st.builds(DeliverOverflow, min_sequence=strategies.sequences, max_sequence=strategies.sequences),
)
def test_an_overflow_arrives_as_it_was_sent(
    framing: Framing, identity: Identity, overflow: DeliverOverflow
) -> None:
    client, server = bound_pair(framing, identity)

    server.send(overflow)

    assert pass_on(server, client) == [
        Delivered(
            identity.user_id,
            identity.resource,
            overflow.max_sequence,
            (),
            is_overflow=True,
            min_sequence=overflow.min_sequence,
        )
    ]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_probe_arrives_as_an_ordinary_list_for_nobody(framing: Framing) -> None:
    client, server = bound_pair(framing)

    server.send(DeliverOverflow(is_probe=True))

    assert pass_on(server, client) == [Delivered(0, "", 0, ())]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_refused_count_arrives_as_nobody_there(framing: Framing) -> None:
    client, server = bound_pair(framing)

    server.send(GroupAnswer(GroupRequest.COUNT_ONLINE, "p-1", 1, 2, code=403, text="not a member"))

    assert pass_on(server, client) == [GroupAnswer(GroupRequest.COUNT_ONLINE, "p-1", 1, 2)]


@given(framing=framings, events=st.lists(strategies.client_events, min_size=1, max_size=6))
def test_joined_or_apart_the_bytes_are_the_same(framing: Framing, events: list[Event]) -> None:
    joined, _ = bound_pair(framing)
    apart, _ = bound_pair(framing)

    for event in events:
        joined.send(event)
        apart.send(event)

    packets = apart.packets_to_send()
    assert len(packets) == len(events)
    assert joined.data_to_send() == b"".join(packets)
    assert joined.data_to_send() == apart.data_to_send() == b""
    assert apart.packets_to_send() == []


# ------------------------------------------------------------------ answers


def test_over_tcp_every_ping_is_answered_with_the_empty_packet() -> None:
    client, server = bound_pair(Framing.TCP)
    client.send(Ping(is_empty=True))
    client.send(Ping(header_id="p-1"))
    assert pass_on(client, server) == [Ping(is_empty=True), Ping(header_id="p-1")]

    server.send(Pong(header_id="p-1"))

    assert server.packets_to_send() == [EMPTY_PACKET]
    assert receive(client, [EMPTY_PACKET]) == [Pong()]


def test_over_websocket_a_ping_is_answered_with_its_id() -> None:
    client, server = bound_pair(Framing.WEBSOCKET)

    server.send(Pong(header_id="p-1"))

    assert pass_on(server, client) == [Pong(header_id="p-1")]


def test_over_websocket_there_is_no_empty_packet() -> None:
    client, server = bound_pair(Framing.WEBSOCKET)

    with pytest.raises(LocalProtocolError):
        client.send(Ping(is_empty=True))
    server.receive_data(EMPTY_PACKET)
    with pytest.raises(RemoteProtocolError):
        server.next_event()


def test_keep_alives_pass_in_any_state() -> None:
    client, server = Connection(Role.CLIENT, Framing.TCP), Connection(Role.SERVER, Framing.TCP)

    client.send(Ping(is_empty=True))
    client.send(Conn())
    client.send(Ping(is_empty=True))
    server.send(Pong())

    assert [type(event) for event in pass_on(client, server)] == [Ping, Conn, Ping]
    assert pass_on(server, client) == [Pong()]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_answer_to_a_request_without_an_id_gets_one(framing: Framing) -> None:
    """The Java SDK's CONN has no id."""
    server = Connection(Role.SERVER, framing, next_id=ids("made-up"))
    client = Connection(Role.CLIENT, framing, next_id=ids("c-1"))
    client.send(Conn())
    pass_on(client, server)

    server.send(ConnResponse(CHALLENGE))

    assert pass_on(server, client) == [ConnResponse(CHALLENGE, header_id="made-up")]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_kick_before_any_login_names_nobody(framing: Framing) -> None:
    client, server = greeted_pair(framing)

    server.send(Kick("logout", "not logged in"))

    assert pass_on(server, client) == [Kick("logout", "not logged in")]


# ------------------------------------------------------------------ login


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_client_signs_its_own_bind(framing: Framing) -> None:
    client, server = greeted_pair(framing)
    client.set_identity(ALICE)

    client.send(Bind(token="token", user_id=0, resource="", header_id=""))

    [bind] = pass_on(client, server)
    assert isinstance(bind, Bind)
    assert (bind.user_id, bind.resource) == (ALICE.user_id, ALICE.resource)
    assert is_signed_with(bind, CHALLENGE, ALICE.security_key)


def test_a_signature_that_is_given_is_sent_as_it_is() -> None:
    client, server = bound_pair(Framing.TCP)

    client.send(Bind("token", 9, "other", "b-1", signature="forged"))

    assert pass_on(client, server) == [Bind("token", 9, "other", "b-1", signature="forged")]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_second_bind_changes_whose_messages_are_read(framing: Framing) -> None:
    bob = replace(ALICE, user_id=2, account="bob", resource="desk", security_key=b"another key")
    client, server = bound_pair(framing)
    server.send(PacketAck("p-1", 1, 1))
    assert pass_on(server, client) == [PacketAck("p-1", 1, 1)]

    client.set_identity(bob)
    client.send(Bind("token", 0, "", "b-2"))
    [bind] = pass_on(client, server)
    server.set_identity(bob)
    server.send(Deliver(5, ()))

    assert (bind.user_id, bind.resource) == (2, "desk")
    assert pass_on(server, client) == [Delivered(2, "desk", 5, ())]
    client.send(MESSAGE)
    assert pass_on(client, server) == [MESSAGE]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_messages_are_unreadable_while_nobody_is_bound(framing: Framing) -> None:
    client, server = greeted_pair(framing)
    client.set_identity(ALICE)

    client.send(MESSAGE)
    assert pass_on(client, server) == [UnreadableMessage()]
    server.set_identity(ALICE)
    client.send(MESSAGE)
    assert pass_on(client, server) == [MESSAGE]
    server.clear_identity()
    client.send(MESSAGE)
    assert pass_on(client, server) == [UnreadableMessage()]
    assert server.identity is None


def test_a_client_that_forgot_its_user_cannot_read_messages() -> None:
    client, server = bound_pair(Framing.TCP)
    client.clear_identity()

    server.send(PacketAck("p-1", 1, 1))

    assert pass_on(server, client) == [UnreadableMessage()]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_identity_set_before_the_greeting_counts_after_it(framing: Framing) -> None:
    client, server = Connection(Role.CLIENT, framing), Connection(Role.SERVER, framing)
    client.set_identity(ALICE)
    client.send(Conn())
    pass_on(client, server)
    server.send(ConnResponse(CHALLENGE))
    pass_on(server, client)
    server.set_identity(ALICE)

    client.send(MESSAGE)

    assert pass_on(client, server) == [MESSAGE]
    assert client.identity is ALICE


# ------------------------------------------------------------------ secrecy


def test_over_tcp_no_packet_after_the_greeting_shows_what_it_says() -> None:
    client, server = bound_pair(Framing.TCP)

    client.send(Bind("secret-token", 0, "", ""))
    client.send(replace(MESSAGE, payload=b"secret-text"))
    server.send(Kick("secret-reason"))

    sent = client.data_to_send() + server.data_to_send()
    assert b"secret" not in sent
    assert b"xiaomi.com" not in sent


def test_over_websocket_only_messages_to_the_client_are_encrypted() -> None:
    client, server = bound_pair(Framing.WEBSOCKET)

    client.send(replace(MESSAGE, payload=b"up-text"))
    server.send(PacketAck("p-1", 0, 0, error_message="down-text"))

    assert b"up-text" in client.data_to_send()
    assert b"down-text" not in server.data_to_send()


@given(framing=framings, events=st.lists(strategies.client_messages, min_size=2, max_size=5))
def test_no_two_messages_of_a_client_share_a_header_id(framing: Framing, events: list[Event]) -> None:
    """An id used twice would repeat a key stream, also for a message that is sent again."""
    asked = []

    def next_id() -> str:
        asked.append(f"id-{len(asked)}")
        return asked[-1]

    client = Connection(Role.CLIENT, framing, next_id=next_id)
    server = Connection(Role.SERVER, framing)
    client.set_identity(ALICE)
    client.send(Conn(header_id="c-1"))
    pass_on(client, server)
    server.send(ConnResponse(CHALLENGE))
    pass_on(server, client)

    for event in events:
        client.send(event)

    assert len(asked) == len(events)


@pytest.mark.parametrize(
    ("packet_id", "has_header_id"),
    [("p-1", "p-1"), ("i" * 256, "i" * 256), ("", "client-2"), ("a\0b", "client-2"), ("i" * 5000, "client-2")],
)
def test_a_message_to_a_group_lends_its_id_to_the_header(packet_id: str, has_header_id: str) -> None:
    """As the official SDKs do; an id that will be refused must not damage the header."""
    client, _ = bound_pair(Framing.WEBSOCKET)

    client.send(replace(GROUP_MESSAGE, packet_id=packet_id))

    header, payload = web.parse_packet(client.data_to_send(), max_body_bytes=MAX_BODY_BYTES)
    assert parse_header(header).id == has_header_id
    assert MIMCPacket.FromString(payload).packetId == packet_id


# ------------------------------------------------------------------ what the peer may not do


def packet_from(role: Role, framing: Framing, command: str, *, key: bytes | None = None) -> bytes:
    """A packet that a well-behaved peer in this role would not send now."""
    codec = new_codec(role, framing, MAX_BODY_BYTES)
    if key is not None:
        codec.set_body_key(key)
    return codec.seal(command, "x-1", b"", user_id=0, resource="")


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("command", ["BIND", "PING", "UBND", "SECMSG"])
def test_a_server_takes_nothing_before_conn(framing: Framing, command: str) -> None:
    server = Connection(Role.SERVER, framing)
    server.receive_data(packet_from(Role.CLIENT, framing, command))

    with pytest.raises(BadPacket, match=f"{command} while opened"):
        server.next_event()


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("command", ["CONN", "BIND", "PING", "UBND", "SECMSG"])
def test_a_server_takes_nothing_between_conn_and_its_answer(framing: Framing, command: str) -> None:
    server = Connection(Role.SERVER, framing)
    receive(server, [packet_from(Role.CLIENT, framing, "CONN")])
    server.receive_data(packet_from(Role.CLIENT, framing, command))

    with pytest.raises(BadPacket, match=f"{command} while greeted"):
        server.next_event()


def test_a_second_conn_is_refused() -> None:
    _, server = bound_pair(Framing.WEBSOCKET)
    server.receive_data(packet_from(Role.CLIENT, Framing.WEBSOCKET, "CONN"))

    with pytest.raises(BadPacket, match="CONN while ready"):
        server.next_event()


@pytest.mark.parametrize("command", ["BIND", "PING", "KICK", "SECMSG"])
def test_a_client_takes_nothing_before_the_answer_to_conn(command: str) -> None:
    client = Connection(Role.CLIENT, Framing.WEBSOCKET)
    client.set_identity(ALICE)
    client.send(Conn())
    client.receive_data(packet_from(Role.SERVER, Framing.WEBSOCKET, command))

    with pytest.raises(BadPacket, match=f"{command} while greeted"):
        client.next_event()


def test_a_client_refuses_an_empty_challenge() -> None:
    client = Connection(Role.CLIENT, Framing.TCP)
    client.send(Conn())
    client.receive_data(packet_from(Role.SERVER, Framing.TCP, "CONN"))

    with pytest.raises(BadPayload):
        client.next_event()


@pytest.mark.parametrize(
    ("role", "command"),
    [(Role.SERVER, "KICK"), (Role.SERVER, "SYNC"), (Role.SERVER, ""), (Role.CLIENT, "UBND")],
)
def test_a_command_that_this_side_does_not_know_is_passed_on_by_name(role: Role, command: str) -> None:
    ends = dict(zip((Role.CLIENT, Role.SERVER), bound_pair(Framing.WEBSOCKET), strict=True))
    packet = packet_from(Role.SERVER if role is Role.CLIENT else Role.CLIENT, Framing.WEBSOCKET, command)

    assert receive(ends[role], [packet]) == [OtherCommand(command)]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_after_a_refusal_the_connection_stays_refused(framing: Framing) -> None:
    client, server = bound_pair(framing)
    client.send(MESSAGE)
    good = client.data_to_send()
    server.receive_data(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
    with pytest.raises(BadMagic) as first:
        server.next_event()

    server.receive_data(good)

    with pytest.raises(BadMagic) as second:
        server.next_event()
    assert second.value is first.value


def test_after_a_refusal_something_can_still_be_said() -> None:
    client, server = bound_pair(Framing.TCP)
    server.receive_data(bytes(12))
    with pytest.raises(BadMagic):
        server.next_event()

    server.send(Kick("cancel"))

    assert pass_on(server, client) == [Kick("cancel")]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_payloads_that_are_no_protobuf_are_refused(framing: Framing) -> None:
    for command in ("CONN", "BIND"):
        server = Connection(Role.SERVER, framing)
        if command == "BIND":
            _, server = greeted_pair(framing)
        codec = new_codec(Role.CLIENT, framing, MAX_BODY_BYTES)
        if command == "BIND" and framing is Framing.TCP:
            codec.set_body_key(bytes.fromhex("127aee9461"))
        server.receive_data(codec.seal(command, "x", b"\xff\xff\xff", user_id=0, resource=""))

        with pytest.raises(BadPayload):
            server.next_event()


@pytest.mark.parametrize("framing", FRAMINGS)
def test_the_limit_of_a_body_is_the_connections(framing: Framing) -> None:
    _, probe = bound_pair(framing)
    _, sender = bound_pair(framing)
    deliver = Deliver(1, (bytes(200_000),))
    sender.send(deliver)
    [packet] = sender.packets_to_send()
    body_bytes = len(packet) - (12 if framing is Framing.TCP else 10)
    exact, _ = bound_pair(framing, max_body_bytes=body_bytes)
    short, _ = bound_pair(framing, max_body_bytes=body_bytes - 1)

    short.receive_data(packet)
    with pytest.raises(PacketTooBig):
        short.next_event()
    exact.receive_data(packet)
    with pytest.raises(BadPayload):  # It got as far as the entry, which is no message.
        exact.next_event()
    assert probe.next_event() is None


# ------------------------------------------------------------------ what we may not do

CLIENT_ONLY = [
    Conn(),
    Bind("t", 1, "r", "b"),
    Ping(),
    Unbind(),
    MESSAGE,
    SendP2T("p", None, 1, b""),
    SequenceAck(1),
    Pull(),
    AskGroup(GroupRequest.JOIN, "p", None, 5),
    GROUP_MESSAGE,
    GroupPing("p", (5,)),
    GroupAck(5, 1),
    SendOnline("p", None, "bob", "", b""),
    AskCall("p", 1, 1, *ALICE_CALLS),
]
SERVER_MESSAGES = [
    PacketAck("p", 1, 1),
    Deliver(1, ()),
    DeliverOverflow(1, 2),
    GroupAnswer(GroupRequest.JOIN, "p", 1, 5),
    GroupPong("p"),
    GroupDismissed(1, 5),
    DeliverGroup(b""),
    DeliverOnline("p", "alice", 1, "phone", "bob", 2, "", b"", 3),
    RefuseCall("p", 1, 1, *ALICE_CALLS, "nobody there"),
]
SERVER_ONLY = [ConnResponse("c"), BindResponse(True), Pong(), Kick("k"), *SERVER_MESSAGES]
FROM_BOTH = [OnlineAck("p", 1, "phone", 1), OtherPacket(10, "p", b"")]
NEEDS_NO_USER = (Conn, Ping, Unbind)
NEVER_SENT = [
    BadMessage("p", "r"),
    BadOnlineMessage("p", "r"),
    UnreadableMessage(),
    OtherCommand("X"),
    Delivered(1, "r", 1, ()),
    DeliveredGroup(5, 1, ()),
]


@pytest.mark.parametrize("event", SERVER_ONLY + NEVER_SENT, ids=lambda event: type(event).__name__)
def test_a_client_sends_no_event_of_a_server(event: Event) -> None:
    client, _ = bound_pair(Framing.TCP)

    with pytest.raises(LocalProtocolError, match="a client sends no"):
        client.send(event)
    assert client.data_to_send() == b""


@pytest.mark.parametrize("event", CLIENT_ONLY + NEVER_SENT, ids=lambda event: type(event).__name__)
def test_a_server_sends_no_event_of_a_client(event: Event) -> None:
    _, server = bound_pair(Framing.TCP)

    with pytest.raises(LocalProtocolError, match="a server sends no"):
        server.send(event)
    assert server.data_to_send() == b""


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("event", [*CLIENT_ONLY[1:], *FROM_BOTH], ids=lambda event: type(event).__name__)
def test_a_client_says_nothing_before_the_answer_to_conn(framing: Framing, event: Event) -> None:
    for greetings in ([], [Conn()]):
        client = Connection(Role.CLIENT, framing)
        client.set_identity(ALICE)
        for greeting in greetings:
            client.send(greeting)
            client.data_to_send()

        with pytest.raises(LocalProtocolError):
            client.send(event)
        assert client.data_to_send() == b""


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(
    "event",
    [BindResponse(True), Kick("k"), *SERVER_MESSAGES, *FROM_BOTH],
    ids=lambda event: type(event).__name__,
)
def test_a_server_says_nothing_before_conn(framing: Framing, event: Event) -> None:
    server = Connection(Role.SERVER, framing)
    server.set_identity(ALICE)

    with pytest.raises(LocalProtocolError):
        server.send(event)
    with pytest.raises(LocalProtocolError):
        server.send(ConnResponse("challenge"))


@pytest.mark.parametrize("framing", FRAMINGS)
def test_messages_need_an_identity(framing: Framing) -> None:
    client, server = greeted_pair(framing)

    for end, events in (
        (client, [event for event in CLIENT_ONLY if type(event) not in NEEDS_NO_USER] + FROM_BOTH),
        (server, SERVER_MESSAGES + FROM_BOTH),
    ):
        for event in events:
            with pytest.raises(LocalProtocolError):
                end.send(event)
        assert end.packets_to_send() == []


def test_conn_is_sent_and_answered_once() -> None:
    client, server = greeted_pair(Framing.TCP)

    with pytest.raises(LocalProtocolError):
        client.send(Conn())
    with pytest.raises(LocalProtocolError):
        server.send(ConnResponse(CHALLENGE))


@pytest.mark.parametrize("challenge", ["", "é"])
def test_a_challenge_is_ascii_and_not_empty(challenge: str) -> None:
    """Some SDKs crash on an empty one."""
    server = Connection(Role.SERVER, Framing.TCP)
    receive(server, [packet_from(Role.CLIENT, Framing.TCP, "CONN")])

    with pytest.raises(LocalProtocolError):
        server.send(ConnResponse(challenge))


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_client_makes_no_packet_that_servers_refuse_for_its_length(framing: Framing) -> None:
    client, server = bound_pair(framing, max_body_bytes=10 * MAX_BODY_BYTES)
    client.send(replace(MESSAGE, payload=b""))
    [empty] = client.packets_to_send()
    # Two lengths inside grow from one byte to three.
    room = MAX_BODY_BYTES - len(empty) - 6

    with pytest.raises(LocalProtocolError):
        client.send(replace(MESSAGE, payload=bytes(room + 20)))
    client.send(replace(MESSAGE, payload=bytes(room - 20)))
    assert pass_on(client, server) == [replace(MESSAGE, payload=bytes(room - 20))]


@pytest.mark.parametrize("call_type", [0, 3, -1])
def test_calls_of_no_type_are_not_sent(call_type: int) -> None:
    client, server = bound_pair(Framing.TCP)

    with pytest.raises(LocalProtocolError):
        client.send(AskCall("p", 1, call_type, *ALICE_CALLS))
    with pytest.raises(LocalProtocolError):
        server.send(RefuseCall("p", 1, call_type, *ALICE_CALLS, ""))


@pytest.mark.parametrize("type_", [0, 13, -1])
def test_packets_of_no_type_are_not_sent(type_: int) -> None:
    client, _ = bound_pair(Framing.TCP)

    with pytest.raises(LocalProtocolError):
        client.send(OtherPacket(type_, "p", b""))


def test_what_is_too_long_for_a_header_is_not_sent() -> None:
    _, server = bound_pair(Framing.TCP)

    with pytest.raises(LocalProtocolError):
        server.send(BindResponse(True, resource="r" * 40_000))
    assert server.data_to_send() == b""


# ------------------------------------------------------------------ memory


@pytest.mark.parametrize("framing", FRAMINGS)
def test_dropping_caches_changes_nothing_but_memory(framing: Framing) -> None:
    client, server = bound_pair(framing)

    for _ in range(2):
        client.send(MESSAGE)
        assert pass_on(client, server) == [MESSAGE]
        server.send(PacketAck("p-1", 1, 1))
        server.send(DeliverGroup(serialize_group_list(5, 1, 7, [])))
        assert pass_on(server, client) == [PacketAck("p-1", 1, 1), DeliveredGroup(5, 7, ())]
        client.drop_caches()
        server.drop_caches()


def test_caches_can_be_dropped_at_any_time() -> None:
    client, server = Connection(Role.CLIENT, Framing.TCP), Connection(Role.SERVER, Framing.TCP)

    client.drop_caches()
    server.drop_caches()

    client.send(Conn(header_id="c"))
    assert pass_on(client, server) == [Conn(header_id="c")]
