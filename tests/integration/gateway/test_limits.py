"""Limits that senders meet on a connection: what their SDK is told, and that nothing was stored."""

from __future__ import annotations

import pytest

from openmimc.domain.auth import Principal
from openmimc.model.app import App
from openmimc.wire.events import PacketAck
from tests.integration.gateway.conftest import RunningGateway

TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "websocket"])


async def topic_of(server: RunningGateway, app: App, owner: str, *members: str) -> int:
    (account,) = await server.store.ensure_accounts(app.app_id, (owner,))
    topic = await server.topics.create(Principal(app, account), name="room", accounts=list(members))
    return topic.topic_id


async def block(server: RunningGateway, app: App, account: str, blocked: str) -> None:
    user, other = await server.store.ensure_accounts(app.app_id, (account, blocked))
    await server.store.block(user.user_id, other.user_id)


@TRANSPORTS
async def test_a_message_over_the_apps_rate_is_refused_with_429(server: RunningGateway, transport: str) -> None:
    app = await server.new_app(p2pMaxQps=2)
    alice = await server.login(app, "alice", transport=transport)
    bob = await server.login(app, "bob", transport=transport)

    accepted = [await alice.send_p2p("bob", b"1"), await alice.send_p2p("bob", b"2")]
    refused = await alice.send_p2p("bob", b"3", packet_id="p-3")
    server.clock.advance(500)
    again = await alice.send_p2p("bob", b"3", packet_id="p-3")

    assert [ack.code for ack in accepted] == [0, 0]
    assert (refused.code, refused.sequence) == (429, 0)
    assert refused.error_message == "more than 2 messages per second in this app"
    assert again.code == 0
    assert [message.payload for message in await bob.receive(3)] == [b"1", b"2", b"3"]
    await bob.expect_silence()


@TRANSPORTS
async def test_the_rate_of_topics_is_another_one(server: RunningGateway, transport: str) -> None:
    app = await server.new_app(p2tMaxQps=1)
    topic_id = await topic_of(server, app, "alice", "bob")
    alice = await server.login(app, "alice", transport=transport)
    bob = await server.login(app, "bob", transport=transport)

    codes = [
        (await alice.send_p2t(topic_id, b"1")).code,
        (await alice.send_p2t(topic_id, b"2")).code,
        (await alice.send_p2p("bob", b"3")).code,
    ]

    assert codes == [0, 429, 0]
    assert [message.payload for message in await bob.receive(2)] == [b"1", b"3"]


async def test_the_rate_is_shared_by_the_app_and_by_no_other(server: RunningGateway) -> None:
    app, other = await server.new_app(p2pMaxQps=1), await server.new_app("other", p2pMaxQps=1)
    alice, carol = await server.login(app, "alice"), await server.login(app, "carol")
    stranger = await server.login(other, "alice")

    codes = [
        (await alice.send_p2p("bob", b"1")).code,
        (await carol.send_p2p("bob", b"2")).code,
        (await stranger.send_p2p("bob", b"3")).code,
    ]

    assert codes == [0, 429, 0]


async def test_a_flood_gets_an_answer_for_each_message_and_exactly_the_rate_passes(
    server: RunningGateway,
) -> None:
    app = await server.new_app(p2pMaxQps=10)
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")

    acks: list[PacketAck] = []
    for number in range(50):
        acks.append(await alice.send_p2p("bob", str(number).encode()))

    assert [ack.code for ack in acks] == [0] * 10 + [429] * 40
    assert [message.payload for message in await bob.receive(10)] == [str(n).encode() for n in range(10)]
    await bob.expect_silence()


@TRANSPORTS
async def test_a_message_to_one_who_blocks_the_sender_is_refused_with_405(
    server: RunningGateway, app: App, transport: str
) -> None:
    """The other way is open: who blocks somebody may still write to them."""
    await block(server, app, "bob", "alice")
    alice = await server.login(app, "alice", transport=transport)
    bob = await server.login(app, "bob", transport=transport)

    refused = await alice.send_p2p("bob", b"hello?")
    back = await bob.send_p2p("alice", b"leave me alone")

    assert (refused.code, refused.sequence, refused.error_message) == (405, 0, "blocked by the recipient")
    assert back.code == 0
    assert [message.payload for message in await alice.receive(1)] == [b"leave me alone"]
    await bob.expect_silence()


async def test_a_refused_packet_id_passes_once_the_sender_is_unblocked(
    server: RunningGateway, app: App
) -> None:
    await block(server, app, "bob", "alice")
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    refused = await alice.send_p2p("bob", b"hello", packet_id="p-1")
    user, other = await server.store.ensure_accounts(app.app_id, ("bob", "alice"))

    await server.store.unblock(user.user_id, other.user_id)
    accepted = await alice.send_p2p("bob", b"hello", packet_id="p-1")

    assert (refused.code, accepted.code) == (405, 0)
    assert [message.payload for message in await bob.receive(1)] == [b"hello"]


async def test_in_a_topic_a_block_changes_nothing(server: RunningGateway, app: App) -> None:
    await block(server, app, "bob", "alice")
    topic_id = await topic_of(server, app, "alice", "bob")
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")

    ack = await alice.send_p2t(topic_id, b"to all")

    assert ack.code == 0
    assert [message.payload for message in await bob.receive(1)] == [b"to all"]


async def test_a_block_outlives_a_restart(server: RunningGateway, app: App) -> None:
    await block(server, app, "bob", "alice")

    await server.restart()
    alice = await server.login(app, "alice")

    assert (await alice.send_p2p("bob", b"hello?")).code == 405
