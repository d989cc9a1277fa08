"""What is told of a message at every station of its way, with real clients."""

from __future__ import annotations

import asyncio

import pytest

from openmimc.domain.counts import MessageCounts
from openmimc.model.app import App
from openmimc.model.callback import CallbackKind, CallbackState
from openmimc.model.insight import DeviceStep, MessageLife
from openmimc.model.message import Kind
from openmimc.wire.events import Delivered, SequenceAck
from tests.integration.gateway.conftest import RunningGateway

TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "websocket"])


async def life_of(server: RunningGateway, app: App, sequence: int) -> MessageLife:
    life = await server.lives.by_sequence(app.app_id, sequence)
    assert life is not None
    return life


async def acknowledged(server: RunningGateway, app: App, sequence: int) -> MessageLife:
    """The life of a message as soon as some device has acknowledged it."""
    async with asyncio.timeout(10):
        while not any(step.is_acknowledged for step in (await life_of(server, app, sequence)).devices):
            await asyncio.sleep(0.01)
    return await life_of(server, app, sequence)


@TRANSPORTS
async def test_each_station_has_its_time(server: RunningGateway, app: App, transport: str) -> None:
    start_ms = server.clock.now_ms()
    bob = await server.login(app, "bob", "tablet", transport=transport)
    alice = await server.login(app, "alice", transport=transport)
    server.clock.advance(1_000)
    sequence = (await alice.send_p2p("bob", b"hello")).sequence

    delivered = await bob.expect(Delivered)
    pushed = await life_of(server, app, sequence)
    server.clock.advance(1_000)
    await bob.send(SequenceAck(delivered.max_sequence))
    read = await acknowledged(server, app, sequence)

    at_ms = start_ms + 1_000
    assert (pushed.message.payload, pushed.message.timestamp_ms) == (b"hello", at_ms)
    assert pushed.committed_ms == read.committed_ms == at_ms
    assert pushed.devices == (DeviceStep("bob", "tablet", at_ms, None, is_acknowledged=False),)
    assert read.devices == (DeviceStep("bob", "tablet", at_ms, at_ms + 1_000, is_acknowledged=True),)


async def test_a_message_waits_for_a_device_that_is_away(server: RunningGateway, app: App) -> None:
    bob = await server.login(app, "bob")
    await bob.aclose()
    alice = await server.login(app, "alice")
    sequence = (await alice.send_p2p("bob", b"hello")).sequence
    before = await life_of(server, app, sequence)
    server.clock.advance(60_000)
    back = await server.login(app, "bob")
    await back.receive(1)

    after = await acknowledged(server, app, sequence)

    now_ms = server.clock.now_ms()
    assert before.devices == (DeviceStep("bob", "phone", None, None, is_acknowledged=False),)
    assert after.devices == (DeviceStep("bob", "phone", now_ms, now_ms, is_acknowledged=True),)
    assert after.committed_ms == now_ms - 60_000


async def test_every_device_of_recipient_and_sender_is_told_apart(server: RunningGateway, app: App) -> None:
    await server.login(app, "alice", "tablet")
    alice = await server.login(app, "alice", "phone")
    phone = await server.login(app, "bob", "phone")
    await server.login(app, "bob", "tablet")
    sequence = (await alice.send_p2p("bob", b"hello")).sequence
    await phone.receive(1)

    life = await acknowledged(server, app, sequence)

    assert {(step.account, step.resource): step.is_acknowledged for step in life.devices} == {
        ("alice", "tablet"): False,
        ("bob", "phone"): True,
        ("bob", "tablet"): False,
    }
    assert all(step.pushed_ms is not None for step in life.devices)


async def test_what_one_sends_to_oneself_comes_back_to_every_device(server: RunningGateway, app: App) -> None:
    tablet = await server.login(app, "alice", "tablet")
    phone = await server.login(app, "alice", "phone")
    sequence = (await phone.send_p2p("alice", b"note")).sequence
    await tablet.receive(1)
    await phone.receive(1, acknowledge=False)

    life = await acknowledged(server, app, sequence)

    assert {step.resource: step.is_acknowledged for step in life.devices} == {"phone": False, "tablet": True}


async def test_of_a_topic_every_members_devices_are_shown(server: RunningGateway, app: App) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    grants = [await server.grant(app, name) for name in ("alice", "bob", "carol")]
    principal = await server.auth.check_token(grants[0].token)
    topic = await server.topics.create(principal, name="t", extra="", accounts=("bob", "carol"))
    await server.store.open_device(grants[2].account.user_id, "watch")
    sequence = (await alice.send_p2t(topic.topic_id, b"hello")).sequence
    await bob.receive(1)

    life = await acknowledged(server, app, sequence)

    assert [(step.account, step.resource, step.is_acknowledged) for step in life.devices] == [
        ("bob", "phone", True),
        ("carol", "watch", False),
    ]


async def test_callbacks_that_wait_or_are_dead_are_shown(server: RunningGateway) -> None:
    address = "http://127.0.0.1:9/"
    app = await server.new_app(instant_callback_url=address, offline_callback_url=address)
    alice = await server.login(app, "alice")
    sequence = (await alice.send_p2p("bob", b"hello")).sequence
    instant, offline = (await life_of(server, app, sequence)).callbacks
    await server.store.settle_callback(offline.event_id, delivered=False, error="status 500")

    life = await life_of(server, app, sequence)

    assert [(event.kind, event.state, event.attempts, event.last_error) for event in life.callbacks] == [
        (CallbackKind.INSTANT_P2P, CallbackState.WAITING, 0, ""),
        (CallbackKind.OFFLINE_P2P, CallbackState.DEAD, 1, "status 500"),
    ]
    assert life.callbacks[0] == instant


async def test_after_a_restart_the_times_are_gone_and_the_rest_is_there(
    server: RunningGateway, app: App
) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    sequence = (await alice.send_p2p("bob", b"hello", packet_id="p-1")).sequence
    await bob.receive(1)
    before = await acknowledged(server, app, sequence)

    await server.restart()
    (after,) = await server.lives.by_packet_id(app.app_id, "p-1")

    assert after.message == before.message
    assert after.committed_ms is None
    assert after.devices == (DeviceStep("bob", "phone", None, None, is_acknowledged=True),)


async def test_messages_of_every_kind_are_counted_over_a_restart(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    principal = await server.auth.check_token((await server.grant(app, "alice")).token)
    topic = await server.topics.create(principal, name="t", extra="", accounts=("bob",))
    group = await server.gateway.groups.create(principal, name="g")
    for number in range(3):
        await alice.send_p2p("bob", b"hello", packet_id=f"p-{number}")
        await alice.send_p2p("bob", b"hello", packet_id=f"p-{number}")
    await alice.send_p2t(topic.topic_id, b"hello")
    await alice.send_group(group.group_id, b"hello")

    await server.restart()
    again = await server.login(app, "alice")
    await again.send_p2p("bob", b"hello")
    counts = await MessageCounts(server.store, server.clock).last_hours(app.app_id, 1)

    assert [(count.kind, count.messages) for count in counts] == [(Kind.P2P, 4), (Kind.P2T, 1), (Kind.GROUP, 1)]


async def test_a_device_that_acknowledges_more_than_it_was_sent_has_what_it_was_sent(
    server: RunningGateway, app: App
) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    first = (await alice.send_p2p("bob", b"1")).sequence
    await bob.expect(Delivered)
    await bob.send(SequenceAck(first + 10**9))
    await acknowledged(server, app, first)
    second = (await alice.send_p2p("bob", b"2")).sequence
    await bob.expect(Delivered)

    (step,) = (await life_of(server, app, second)).devices

    assert (step.acknowledged_ms, step.is_acknowledged) == (None, False)
