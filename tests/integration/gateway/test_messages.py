"""Messages from sender to recipients: acks, delivery, cursors, refusals, over both transports."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from openmimc.domain.auth import Principal
from openmimc.domain.delivery import REDELIVER_AFTER_MS
from openmimc.model.app import App
from openmimc.wire.events import (
    BadMessage,
    Conn,
    Delivered,
    DeliveredMessage,
    OtherPacket,
    PacketAck,
    Pull,
    SendP2P,
    SendP2T,
    SequenceAck,
)
from tests.integration.gateway.conftest import RunningGateway, StartGateway
from tests.integration.raw_client import RawClient

DAY_MS = 86_400_000
PAIRS = pytest.mark.parametrize(
    ("sending", "receiving"), list(itertools.product(("tcp", "websocket"), repeat=2))
)
CSHARP = Conn(os="macOS")


def payloads(messages: list[DeliveredMessage]) -> list[bytes]:
    return [message.payload for message in messages]


async def topic_of(server: RunningGateway, app: App, owner: str, *members: str) -> int:
    (account,) = await server.store.ensure_accounts(app.app_id, (owner,))
    topic = await server.topics.create(Principal(app, account), name="room", accounts=list(members), extra="")
    return topic.topic_id


@PAIRS
async def test_a_message_arrives_with_every_field_its_sender_gave_and_the_server_filled_in(
    server: RunningGateway, app: App, sending: str, receiving: str
) -> None:
    alice = await server.login(app, "alice", transport=sending)
    bob = await server.login(app, "bob", "tablet", transport=receiving)

    ack = await alice.send_p2p("bob", b"\x00\xff opaque", packet_id="p-1", biz_type="TEXT", is_store=False)
    (message,) = await bob.receive(1)

    assert alice.conn.identity is not None
    assert ack == PacketAck("p-1", ack.sequence, server.clock.now_ms(), 0, "")
    assert ack.sequence // 10_000 == server.clock.now_ms()
    assert message == DeliveredMessage(
        packet_id="p-1",
        sequence=ack.sequence,
        timestamp_ms=ack.timestamp_ms,
        from_account="alice",
        from_resource="phone",
        from_user_id=alice.conn.identity.user_id,
        to_account="bob",
        topic_id=0,
        payload=b"\x00\xff opaque",
        is_store=False,
        biz_type="TEXT",
    )


async def test_an_absent_biz_type_stays_absent_and_an_empty_one_empty(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob")

    await alice.send_p2p("bob", b"1")
    await alice.send_p2p("bob", b"2", biz_type="")

    assert [message.biz_type for message in await bob.receive(2)] == [None, ""]


async def test_the_list_names_the_receiving_device(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob", "tablet")

    ack = await alice.send_p2p("bob", b"x")
    delivered = await bob.expect(Delivered)

    assert bob.conn.identity is not None
    assert (delivered.user_id, delivered.resource) == (bob.conn.identity.user_id, "tablet")
    assert delivered.max_sequence == ack.sequence


@PAIRS
async def test_messages_to_somebody_never_seen_wait_for_their_first_login(
    server: RunningGateway, app: App, sending: str, receiving: str
) -> None:
    alice = await server.login(app, "alice", transport=sending)
    for number in range(3):
        await alice.send_p2p("bob", b"%d" % number)

    bob = await server.login(app, "bob", transport=receiving)

    assert payloads(await bob.receive(3)) == [b"0", b"1", b"2"]
    await bob.expect_silence()


async def test_what_was_acknowledged_does_not_come_again(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob")
    await alice.send_p2p("bob", b"first")
    await bob.receive(1)
    await bob.expect_silence()
    await bob.aclose()
    await alice.send_p2p("bob", b"second")

    bob = await server.login(app, "bob")

    assert payloads(await bob.receive(1)) == [b"second"]
    await bob.expect_silence()


async def test_what_was_not_acknowledged_comes_again_at_the_next_login(
    server: RunningGateway, app: App
) -> None:
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob")
    await alice.send_p2p("bob", b"kept")
    await bob.receive(1, acknowledge=False)
    await bob.aclose()

    bob = await server.login(app, "bob")

    assert payloads(await bob.receive(1)) == [b"kept"]


async def test_cursors_and_messages_survive_a_restart(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob")
    await alice.send_p2p("bob", b"seen")
    await bob.receive(1)
    await bob.expect_silence()
    await bob.aclose()
    first = await alice.send_p2p("bob", b"unseen")

    await server.restart()
    bob = await server.login(app, "bob")
    alice = await server.login(app, "alice")
    second = await alice.send_p2p("bob", b"after")

    assert payloads(await bob.receive(2)) == [b"unseen", b"after"]
    assert second.sequence > first.sequence


async def test_each_device_has_a_cursor_of_its_own(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    phone = await server.login(app, "bob", "phone")
    tablet = await server.login(app, "bob", "tablet")
    await tablet.aclose()
    await alice.send_p2p("bob", b"both")
    assert payloads(await phone.receive(1)) == [b"both"]

    tablet = await server.login(app, "bob", "tablet")

    assert payloads(await tablet.receive(1)) == [b"both"]


async def test_a_new_device_gets_what_no_device_has_acknowledged(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    phone = await server.login(app, "bob", "phone")
    await alice.send_p2p("bob", b"old")
    await phone.receive(1)
    await phone.expect_silence()
    await phone.aclose()
    await alice.send_p2p("bob", b"new")

    tablet = await server.login(app, "bob", "tablet")

    assert payloads(await tablet.receive(1)) == [b"new"]
    await tablet.expect_silence()


async def test_messages_older_than_the_inbox_time_are_not_delivered(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    await alice.send_p2p("bob", b"too old")
    server.clock.advance(2)
    await alice.send_p2p("bob", b"just in time")
    server.clock.advance(7 * DAY_MS - 1)

    bob = await server.login(app, "bob")

    assert payloads(await bob.receive(1)) == [b"just in time"]


# ---------------------------------------------------------------------- lists


async def test_only_one_list_is_out_at_a_time(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob")
    await alice.send_p2p("bob", b"0")
    first = await bob.expect(Delivered)
    for number in range(1, 4):
        await alice.send_p2p("bob", b"%d" % number)
    await bob.expect_silence()

    await bob.send(SequenceAck(first.max_sequence))
    second = await bob.expect(Delivered)

    assert payloads(list(second.messages)) == [b"1", b"2", b"3"]


@pytest.mark.parametrize(("conn", "longest"), [(None, 50), (CSHARP, 1)])
async def test_many_waiting_messages_come_in_order_in_lists_of_bounded_length(
    server: RunningGateway, app: App, conn: Conn | None, longest: int
) -> None:
    alice = await server.login(app, "alice")
    count = 120
    await alice.send(*(SendP2P(f"p{n}", app.app_id, "bob", b"%d" % n) for n in range(count)))
    for n in range(count):
        await alice.expect_ack(f"p{n}")

    bob = await server.login(app, "bob", conn=conn)
    received: list[DeliveredMessage] = []
    lengths = []
    while len(received) < count:
        delivered = await bob.expect(Delivered)
        lengths.append(len(delivered.messages))
        received += delivered.messages
        await bob.send(SequenceAck(delivered.max_sequence))

    assert payloads(received) == [b"%d" % n for n in range(count)]
    assert max(lengths) == longest


async def test_lists_are_bounded_in_bytes_and_the_largest_message_still_gets_through(
    server: RunningGateway, app: App
) -> None:
    alice = await server.login(app, "alice")
    sizes = [65_536, 40_000, 20_000, 65_536, 1]
    for size in sizes:
        assert (await alice.send_p2p("bob", bytes(size))).code == 0

    bob = await server.login(app, "bob")
    lists = []
    while sum(map(len, lists)) < len(sizes):
        delivered = await bob.expect(Delivered)
        lists.append([len(message.payload) for message in delivered.messages])
        await bob.send(SequenceAck(delivered.max_sequence))

    assert lists == [[65_536], [40_000, 20_000], [65_536], [1]]


async def test_a_flood_to_a_slow_device_keeps_memory_bounded_and_order_whole(
    server: RunningGateway, app: App
) -> None:
    """Beyond what a connection may hold, messages stay in the store until their turn."""
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob")
    count = 500
    await alice.send(*(SendP2P(f"p{n}", app.app_id, "bob", b"%d" % n) for n in range(count)))
    for n in range(count):
        await alice.expect_ack(f"p{n}")

    assert payloads(await bob.receive(count)) == [b"%d" % n for n in range(count)]


async def test_an_ack_for_part_of_a_list_moves_the_cursor_that_far(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    acks = [await alice.send_p2p("bob", b"%d" % n) for n in range(3)]
    bob = await server.login(app, "bob")
    await bob.receive(3, acknowledge=False)
    await bob.send(SequenceAck(acks[1].sequence))
    await bob.expect_silence()
    await bob.aclose()

    bob = await server.login(app, "bob")

    assert payloads(await bob.receive(1)) == [b"2"]


async def test_an_ack_never_moves_the_cursor_past_what_was_sent(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob")

    await bob.send(SequenceAck(2**62))
    await bob.expect_silence()
    await bob.aclose()
    await alice.send_p2p("bob", b"not lost")
    bob = await server.login(app, "bob")
    messages = await bob.receive(1, acknowledge=False)
    await bob.send(SequenceAck(-1), SequenceAck(2**62))
    await alice.send_p2p("bob", b"nor this")

    assert payloads(messages + await bob.receive(1)) == [b"not lost", b"nor this"]


async def test_an_ack_of_one_connection_counts_for_the_other_of_the_same_device(
    server: RunningGateway, app: App
) -> None:
    one = await server.login(app, "bob", "shared")
    two = await server.login(app, "bob", "shared")
    alice = await server.login(app, "alice")
    await alice.send_p2p("bob", b"1")
    await two.receive(1, acknowledge=False)
    await one.receive(1)
    await one.expect_silence()

    await alice.send_p2p("bob", b"2")

    assert payloads(await two.receive(1)) == [b"2"]


async def test_pull_sends_the_unacknowledged_list_again_and_at_most_once_a_second(
    server: RunningGateway, app: App
) -> None:
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob")
    await alice.send_p2p("bob", b"again")
    await bob.receive(1, acknowledge=False)

    await bob.send(Pull())
    again = await bob.receive(1, acknowledge=False)
    await bob.send(Pull(), Pull())
    await bob.expect_silence()
    server.clock.advance(1000)
    await bob.send(Pull())

    assert payloads(again + await bob.receive(1)) == [b"again", b"again"]


async def test_pull_with_nothing_waiting_is_answered_with_nothing(server: RunningGateway, app: App) -> None:
    bob = await server.login(app, "bob")

    await bob.send(Pull())

    await bob.expect_silence()


async def test_a_list_without_ack_is_sent_again_after_a_minute_and_not_before(
    start_gateway: StartGateway,
) -> None:
    server = await start_gateway(conn_timeout_s=0.3)
    app = await server.new_app()
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob")
    await alice.send_p2p("bob", b"x")
    await bob.receive(1, acknowledge=False)
    (session,) = server.gateway.hub.sessions_of(bob.conn.identity.user_id)  # type: ignore[union-attr,arg-type]

    server.clock.advance(REDELIVER_AFTER_MS - 1)
    session.check(server.gateway.now_s)
    await bob.expect_silence()
    server.clock.advance(1)
    session.check(server.gateway.now_s)

    assert payloads(await bob.receive(1)) == [b"x"]


# ---------------------------------------------------------------------- own devices


async def test_a_copy_goes_to_the_senders_other_devices_and_not_to_the_sending_one(
    server: RunningGateway, app: App
) -> None:
    phone = await server.login(app, "alice", "phone")
    tablet = await server.login(app, "alice", "tablet")
    bob = await server.login(app, "bob")

    await phone.send_p2p("bob", b"hi")

    assert payloads(await bob.receive(1)) == [b"hi"]
    (copy,) = await tablet.receive(1)
    assert (copy.from_account, copy.to_account, copy.payload) == ("alice", "bob", b"hi")
    await phone.expect_silence()


async def test_a_copy_waits_for_a_device_that_is_away(server: RunningGateway, app: App) -> None:
    tablet = await server.login(app, "alice", "tablet")
    await tablet.aclose()
    phone = await server.login(app, "alice", "phone")
    await phone.send_p2p("bob", b"hi")

    tablet = await server.login(app, "alice", "tablet")

    assert payloads(await tablet.receive(1)) == [b"hi"]


async def test_copies_can_be_switched_off(server: RunningGateway) -> None:
    app = await server.new_app(copyToSender="false")
    phone = await server.login(app, "alice", "phone")
    tablet = await server.login(app, "alice", "tablet")

    await phone.send_p2p("bob", b"hi")

    await tablet.expect_silence()


async def test_own_messages_between_others_do_not_hold_up_the_cursor(server: RunningGateway, app: App) -> None:
    await (await server.login(app, "alice", "tablet")).aclose()
    phone = await server.login(app, "alice", "phone")
    bob = await server.login(app, "bob")
    await bob.send_p2p("alice", b"1")
    first = await phone.expect(Delivered)
    await phone.send_p2p("bob", b"mine")
    await bob.send_p2p("alice", b"2")
    await phone.send(SequenceAck(first.max_sequence))
    assert payloads(await phone.receive(1)) == [b"2"]
    await phone.expect_silence()
    await phone.aclose()

    phone = await server.login(app, "alice", "phone")

    await phone.expect_silence()


@pytest.mark.parametrize("transport", ["tcp", "websocket"])
async def test_a_message_to_oneself_reaches_all_own_devices_the_sending_one_too(
    server: RunningGateway, app: App, transport: str
) -> None:
    phone = await server.login(app, "alice", "phone", transport=transport)
    tablet = await server.login(app, "alice", "tablet", transport=transport)

    ack = await phone.send_p2p("alice", b"note")

    for device in (phone, tablet):
        (message,) = await device.receive(1)
        assert (message.payload, message.sequence) == (b"note", ack.sequence)


# ---------------------------------------------------------------------- topics


@PAIRS
async def test_a_topic_message_reaches_the_members_and_the_senders_other_devices(
    server: RunningGateway, app: App, sending: str, receiving: str
) -> None:
    topic_id = await topic_of(server, app, "alice", "bob", "carol")
    phone = await server.login(app, "alice", "phone", transport=sending)
    tablet = await server.login(app, "alice", "tablet", transport=receiving)
    bob = await server.login(app, "bob", transport=receiving)

    ack = await phone.send_p2t(topic_id, b"all", packet_id="t-1", biz_type="B")
    carol = await server.login(app, "carol", transport=receiving)

    for client in (tablet, bob, carol):
        (message,) = await client.receive(1)
        assert (message.topic_id, message.to_account, message.payload) == (topic_id, "", b"all")
        assert (message.sequence, message.packet_id, message.biz_type) == (ack.sequence, "t-1", "B")
        assert (message.from_account, message.from_resource) == ("alice", "phone")
    await phone.expect_silence()


async def test_one_devices_one_to_one_and_topic_messages_come_in_one_order(
    server: RunningGateway, app: App
) -> None:
    topic_id = await topic_of(server, app, "alice", "bob")
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob")
    for number in range(20):
        if number % 2:
            await alice.send_p2p("bob", b"%d" % number)
        else:
            await alice.send_p2t(topic_id, b"%d" % number)

    messages = await bob.receive(20)

    assert payloads(messages) == [b"%d" % number for number in range(20)]
    sequences = [message.sequence for message in messages]
    assert sequences == sorted(set(sequences))


async def test_who_left_gets_nothing_more_and_who_came_nothing_from_before(
    server: RunningGateway, app: App
) -> None:
    topic_id = await topic_of(server, app, "alice", "bob")
    alice = await server.login(app, "alice")
    (owner, bob_account) = await server.store.ensure_accounts(app.app_id, ("alice", "bob"))
    await alice.send_p2t(topic_id, b"before")
    await server.topics.leave(Principal(app, bob_account), topic_id)  # type: ignore[arg-type]
    await server.topics.invite(Principal(app, owner), topic_id, ["carol"])  # type: ignore[arg-type]
    await alice.send_p2t(topic_id, b"after")

    bob = await server.login(app, "bob")
    carol = await server.login(app, "carol")

    assert payloads(await bob.receive(1)) == [b"before"]
    assert payloads(await carol.receive(1)) == [b"after"]
    await bob.expect_silence()
    await carol.expect_silence()


# ---------------------------------------------------------------------- repeats


async def test_a_repeated_packet_id_gets_the_first_ack_and_is_delivered_once(
    server: RunningGateway, app: App
) -> None:
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob")

    first = await alice.send_p2p("bob", b"once", packet_id="same")
    server.clock.advance(5)
    second = await alice.send_p2p("bob", b"once", packet_id="same")
    await alice.send(SendP2P("twin", app.app_id, "bob", b"twin"), SendP2P("twin", app.app_id, "bob", b"twin"))
    twins = [await alice.expect_ack("twin") for _ in range(2)]

    assert first == second
    assert twins[0] == twins[1]
    assert payloads(await bob.receive(2)) == [b"once", b"twin"]
    await bob.expect_silence()


async def test_a_packet_id_is_remembered_for_the_user_across_devices_and_restarts(
    server: RunningGateway, app: App
) -> None:
    phone = await server.login(app, "alice", "phone")
    first = await phone.send_p2p("bob", b"once", packet_id="same")
    await server.restart()
    tablet = await server.login(app, "alice", "tablet")

    second = await tablet.send_p2p("bob", b"once", packet_id="same")

    assert first.sequence == second.sequence


async def test_other_users_packet_ids_are_their_own(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob")

    acks = [await client.send_p2p("carol", b"x", packet_id="same") for client in (alice, bob)]

    assert acks[0].sequence != acks[1].sequence


# ---------------------------------------------------------------------- refusals


async def _expect_nothing_stored(server: RunningGateway, app: App, account: str) -> None:
    client = await server.login(app, account, "checking")
    await client.expect_silence()


@pytest.mark.parametrize("transport", ["tcp", "websocket"])
async def test_a_payload_of_the_largest_size_passes_and_one_byte_more_is_refused(
    server: RunningGateway, transport: str
) -> None:
    app = await server.new_app(payloadMaxBytes=1000)
    alice = await server.login(app, "alice", transport=transport)

    fits = await alice.send_p2p("bob", bytes(1000))
    exceeds = await alice.send_p2p("carol", bytes(1001))

    assert fits.code == 0
    assert (exceeds.code, exceeds.sequence) == (413, 0)
    assert exceeds.error_message
    assert await server.store.find_account(app.app_id, "carol") is None


async def test_another_apps_account_and_topic_are_refused(server: RunningGateway, app: App) -> None:
    other = await server.new_app("other")
    topic_id = await topic_of(server, other, "alice", "bob")
    alice = await server.login(app, "alice")

    acks = [
        await alice.send_p2p("bob", b"x", to_app_id=other.app_id),
        await alice.send_p2t(topic_id, b"x", to_app_id=other.app_id),
        await alice.send_p2t(topic_id, b"x"),
    ]

    assert [(ack.code, ack.sequence) for ack in acks] == [(403, 0), (403, 0), (404, 0)]
    await _expect_nothing_stored(server, other, "bob")
    await _expect_nothing_stored(server, app, "bob")


async def test_an_unknown_topic_and_one_of_others_are_refused(server: RunningGateway, app: App) -> None:
    topic_id = await topic_of(server, app, "bob", "carol")
    mallory = await server.login(app, "mallory")

    unknown = await mallory.send_p2t(12345, b"x")
    foreign = await mallory.send_p2t(topic_id, b"x")
    zero = await mallory.send_p2t(0, b"x")

    assert [unknown.code, foreign.code] == [404, 403]
    assert zero.code in (400, 404)
    assert all(ack.sequence == 0 and ack.error_message for ack in (unknown, foreign, zero))
    await _expect_nothing_stored(server, app, "bob")


@pytest.mark.parametrize("account", ["", "x" * 257, "a\0b"])
async def test_a_recipient_that_is_no_name_is_refused(server: RunningGateway, app: App, account: str) -> None:
    alice = await server.login(app, "alice")

    ack = await alice.send_p2p(account, b"x")

    assert ack.code in (400, 413, 422)
    assert ack.sequence == 0


async def test_a_refused_packet_id_may_be_used_again(server: RunningGateway, app: App) -> None:
    topic_id = await topic_of(server, app, "bob", "carol")
    alice = await server.login(app, "alice")
    refused = await alice.send_p2t(topic_id, b"x", packet_id="same")
    (bob,) = await server.store.ensure_accounts(app.app_id, ("bob",))
    await server.topics.invite(Principal(app, bob), topic_id, ["alice"])  # type: ignore[arg-type]

    accepted = await alice.send_p2t(topic_id, b"x", packet_id="same")

    assert (refused.code, accepted.code) == (403, 0)


@pytest.mark.parametrize("type_number", [1, 2])
async def test_a_message_without_a_readable_body_is_refused_by_its_packet_id(
    server: RunningGateway, app: App, type_number: int
) -> None:
    alice = await server.login(app, "alice")

    await alice.send(OtherPacket(type_number, "broken", b"\xff\xff\xff"))

    ack = await alice.expect_ack("broken")
    assert (ack.code, ack.sequence) == (400, 0)
    assert not [event for event in alice.events if isinstance(event, BadMessage)]


@pytest.mark.parametrize("type_number", [4, 6, 7, 8, 9, 10, 11, 12])
async def test_packets_without_a_body_and_packets_not_for_clients_to_send_change_nothing(
    server: RunningGateway, app: App, type_number: int
) -> None:
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob")

    await alice.send(OtherPacket(type_number, "p", b""))

    await alice.expect_silence(PacketAck)
    await bob.expect_silence()


async def test_a_full_disk_is_told_to_the_sender_and_nothing_else_breaks(
    server: RunningGateway, app: App
) -> None:
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob")
    await alice.send_p2p("bob", b"before")
    writer = server.store._writer._connection
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")

    refused = await alice.send_p2p("bob", bytes(60_000), packet_id="same")
    writer.execute("PRAGMA max_page_count = 1000000")
    accepted = await alice.send_p2p("bob", b"after", packet_id="same")

    assert (refused.code, refused.sequence) == (503, 0)
    assert accepted.code == 0
    assert payloads(await bob.receive(2)) == [b"before", b"after"]


async def test_many_senders_to_one_recipient_lose_repeat_and_reorder_nothing(
    server: RunningGateway, app: App
) -> None:
    senders = [await server.login(app, f"s{n}", transport=("tcp", "websocket")[n % 2]) for n in range(6)]
    bob = await server.login(app, "bob")
    each = 60

    async def send_all(number: int, client: RawClient) -> list[PacketAck]:
        return [await client.send_p2p("bob", b"%d-%d" % (number, n)) for n in range(each)]

    tasks = [asyncio.create_task(send_all(n, client)) for n, client in enumerate(senders)]
    received = await bob.receive(each * len(senders))
    acks = {ack.sequence for task in tasks for ack in await task}

    sequences = [message.sequence for message in received]
    assert sequences == sorted(sequences)
    assert set(sequences) == acks
    for number in range(len(senders)):
        own = [m.payload for m in received if m.from_account == f"s{number}"]
        assert own == [b"%d-%d" % (number, n) for n in range(each)]


async def test_a_topic_message_can_be_addressed_without_an_app_id(server: RunningGateway, app: App) -> None:
    topic_id = await topic_of(server, app, "alice", "bob")
    alice = await server.login(app, "alice")

    await alice.send(SendP2T("p", None, topic_id, b"x"), SendP2P("q", None, "bob", b"y"))

    assert (await alice.expect_ack("p")).code == 0
    assert (await alice.expect_ack("q")).code == 0
