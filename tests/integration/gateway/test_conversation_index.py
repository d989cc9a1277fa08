"""Numbers of messages in their conversations, as the C++ and Java SDKs ask for them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from openmimc.domain.auth import Principal
from openmimc.model.app import App
from openmimc.wire.events import PacketAck, SendP2P
from tests.integration.gateway.conftest import RunningGateway

TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "websocket"])


async def topic_of(server: RunningGateway, app: App, owner: str, *members: str) -> int:
    (account,) = await server.store.ensure_accounts(app.app_id, (owner,))
    topic = await server.topics.create(Principal(app, account), name="room", accounts=list(members))
    return topic.topic_id


@TRANSPORTS
async def test_sender_and_receivers_are_told_the_same_number(
    server: RunningGateway, app: App, transport: str
) -> None:
    alice = await server.login(app, "alice", transport=transport)
    tablet = await server.login(app, "alice", "tablet", transport=transport)
    bob = await server.login(app, "bob", transport=transport)

    acks = [await alice.send_p2p("bob", b"x", conversation=True) for _ in range(3)]

    assert [ack.index for ack in acks] == [1, 2, 3]
    assert [message.index for message in await bob.receive(3)] == [1, 2, 3]
    assert [message.index for message in await tablet.receive(3)] == [1, 2, 3]


async def test_both_directions_count_together(server: RunningGateway, app: App) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")

    indexes = [
        (await alice.send_p2p("bob", b"1", conversation=True)).index,
        (await bob.send_p2p("alice", b"2", conversation=True)).index,
        (await alice.send_p2p("bob", b"3", conversation=True)).index,
    ]

    assert indexes == [1, 2, 3]


async def test_each_pair_and_each_topic_counts_for_itself(server: RunningGateway, app: App) -> None:
    topics = [await topic_of(server, app, "alice", "bob") for _ in range(2)]
    alice = await server.login(app, "alice")
    await alice.send_p2p("bob", b"", conversation=True)

    acks = [
        await alice.send_p2p("bob", b"", conversation=True),
        await alice.send_p2p("carol", b"", conversation=True),
        await alice.send_p2p("alice", b"", conversation=True),
        *[await alice.send_p2t(topic, b"", conversation=True) for topic in topics],
        await alice.send_p2t(topics[0], b"", conversation=True),
    ]

    assert [ack.index for ack in acks] == [2, 1, 1, 1, 1, 2]


async def test_members_of_a_topic_are_told_its_numbers(server: RunningGateway, app: App) -> None:
    topic = await topic_of(server, app, "alice", "bob", "carol")
    alice, bob, carol = [await server.login(app, name) for name in ("alice", "bob", "carol")]

    await alice.send_p2t(topic, b"1", conversation=True)
    await bob.send_p2t(topic, b"2", conversation=True)

    assert [message.index for message in await carol.receive(2)] == [1, 2]


async def test_who_does_not_ask_gets_no_number_and_takes_none(server: RunningGateway, app: App) -> None:
    topic = await topic_of(server, app, "alice", "bob")
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")

    acks = [
        await alice.send_p2p("bob", b"", conversation=True),
        await alice.send_p2p("bob", b""),
        await alice.send_p2p("bob", b"", conversation=True),
        await alice.send_p2t(topic, b""),
    ]

    assert [ack.index for ack in acks] == [1, 0, 2, 0]
    assert [message.index for message in await bob.receive(4)] == [1, 0, 2, 0]


async def test_a_repeat_is_told_the_first_number(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")

    acks: list[PacketAck] = []
    for packet_id, conversation in [("a", True), ("a", True), ("b", True), ("a", False)]:
        acks.append(await alice.send_p2p("bob", b"", packet_id=packet_id, conversation=conversation))

    assert [ack.index for ack in acks] == [1, 1, 2, 1]


@pytest.mark.parametrize(
    ("to", "fields", "code"),
    [("bob", {"payload": bytes(65_537)}, 413), ("bob", {"to_app_id": 1}, 403), ("blocker", {}, 405)],
)
async def test_a_refused_message_takes_no_number(
    server: RunningGateway, app: App, to: str, fields: dict[str, Any], code: int
) -> None:
    blocker, other = await server.store.ensure_accounts(app.app_id, ("blocker", "alice"))
    await server.store.block(blocker.user_id, other.user_id)
    alice = await server.login(app, "alice")
    fields = {"payload": b"", "conversation": True} | fields

    refused = await alice.send_p2p(to, **fields)
    await server.store.unblock(blocker.user_id, other.user_id)
    accepted = await alice.send_p2p(to, b"", conversation=True)

    assert (refused.code, refused.index) == (code, 0)
    assert (accepted.code, accepted.index) == (0, 1)


async def test_an_outsider_takes_no_number_of_a_topic(server: RunningGateway, app: App) -> None:
    topic = await topic_of(server, app, "alice", "bob")
    alice, mallory = await server.login(app, "alice"), await server.login(app, "mallory")

    refused = await mallory.send_p2t(topic, b"", conversation=True)

    assert (refused.code, refused.index) == (403, 0)
    assert (await alice.send_p2t(topic, b"", conversation=True)).index == 1


async def test_numbers_go_on_after_a_restart_and_a_message_keeps_its_own(
    server: RunningGateway, app: App
) -> None:
    alice = await server.login(app, "alice")
    await alice.send_p2p("bob", b"1", conversation=True)
    await alice.send_p2p("bob", b"2", conversation=True)

    await server.restart()
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    third = await alice.send_p2p("bob", b"3", conversation=True)

    assert third.index == 3
    assert [message.index for message in await bob.receive(3)] == [1, 2, 3]


async def test_many_at_once_get_numbers_without_gaps_in_the_order_of_their_sequences(
    server: RunningGateway, app: App
) -> None:
    clients = {name: await server.login(app, name) for name in ("alice", "bob")}
    count = 100

    await asyncio.gather(
        *(
            client.send(
                *(SendP2P(f"{name}{n}", app.app_id, to, b"", conversation=n % 3 != 0) for n in range(count))
            )
            for (name, client), to in zip(clients.items(), ("bob", "alice"), strict=True)
        )
    )
    acks = [await client.expect(PacketAck) for client in clients.values() for _ in range(count)]

    numbered = [ack.index for ack in sorted(acks, key=lambda ack: ack.sequence) if ack.index]
    assert numbered == list(range(1, 2 * sum(n % 3 != 0 for n in range(count)) + 1))
