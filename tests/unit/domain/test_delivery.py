"""What a device is sent, against a model of a few lines, under any series of events."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from openmimc.domain.delivery import (
    PENDING_MAX_MESSAGES,
    PULL_INTERVAL_MS,
    REDELIVER_AFTER_MS,
    RETRY_READ_AFTER_MS,
    Feed,
    ListLimits,
    Overflow,
)
from openmimc.errors import DomainError, Unavailable
from openmimc.model.ids import AppId, Position, TopicId
from openmimc.model.message import Commit, Delivery, Draft, Kind, Message, Sender
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore

APP = AppId(1)
MAX_MESSAGES = 5


class World:
    """Bob's phone, fed from a store; and what it may expect next."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.tasks: set[asyncio.Task[None]] = set()
        self.wanted: list[str] = []  # Packet ids.
        self.acknowledged = 0  # How many of the wanted the server was told of.
        self.out: list[Message] | None = None
        self.out_since_ms = 0
        self.lists_sent = 0
        self.number = 0
        self.positions: dict[str, int] = {}
        self.last_pull_ms = -PULL_INTERVAL_MS
        self.feed: Feed | None = None
        self.overflow: Overflow | None = None

    async def start(self) -> None:
        alice, bob = await self.store.ensure_accounts(APP, ("alice", "bob"))
        self.alice = Sender(APP, alice.user_id, "alice", "laptop")
        self.bob = Sender(APP, bob.user_id, "bob", "phone")
        await self.store.open_device(bob.user_id, "tablet")
        await self.connect()

    async def connect(self) -> None:
        if self.feed is not None:
            self.feed.close()
        cursor = await self.store.open_device(self.bob.user_id, "phone")
        # A cursor that was lost on its way to the disk costs a repeated delivery.
        self.acknowledged = sum(self.positions[packet_id] <= cursor for packet_id in self.wanted)
        self.out = None
        self.last_pull_ms = -PULL_INTERVAL_MS
        self.feed = Feed(
            self.bob.user_id,
            "phone",
            cursor,
            inbox_time_ms=7 * 86_400_000,
            limits=ListLimits(max_messages=MAX_MESSAGES, max_bytes=700),
            store=self.store,
            clock=self.clock,
            send_list=self.on_list,
            spawn=self.spawn,
            on_acknowledged=lambda position: None,
            overflow=self.overflow,
        )
        self.feed.start()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def on_list(self, messages: list[Message]) -> None:
        """The model: the next list is the next wanted messages, and only one is out."""
        assert self.out is None
        assert 0 < len(messages) <= MAX_MESSAGES
        expected = self.wanted[self.acknowledged : self.acknowledged + len(messages)]
        assert [message.packet_id for message in messages] == expected
        self.out = messages
        self.out_since_ms = self.clock.now_ms()
        self.lists_sent += 1

    def send(self, sender: Sender, to: str) -> None:
        self.number += 1
        packet_id = f"{self.number}"
        if sender is self.alice or to == "bob":
            self.wanted.append(packet_id)
        draft = Draft(Kind.P2P, sender, to, TopicId(0), packet_id, b"x" * (self.number % 40))
        self.store.append(draft, partial(self.on_commit, packet_id))

    def on_commit(self, packet_id: str, commit: Commit | DomainError | Unavailable) -> None:
        if not isinstance(commit, Commit):
            if packet_id in self.wanted:
                self.wanted.remove(packet_id)
            return
        self.positions[packet_id] = commit.message.sequence
        for user_id, position in commit.recipients:
            if user_id == self.bob.user_id:
                assert self.feed is not None
                self.feed.offer(Delivery(position, commit.message))

    def acknowledge(self, count: int) -> None:
        """Acknowledge the first ``count`` of what is out."""
        assert self.feed is not None
        if not self.out:
            return
        chosen = self.out[:count]
        remaining = self.out[count:]
        self.acknowledged += len(chosen)
        self.out = remaining or None
        self.feed.acknowledge(chosen[-1].sequence)

    def pull(self) -> None:
        assert self.feed is not None
        if self.clock.now_ms() - self.last_pull_ms >= PULL_INTERVAL_MS:
            self.last_pull_ms = self.clock.now_ms()
            self.out = None
        self.feed.pull()

    def let_time_pass(self, ms: int) -> None:
        assert self.feed is not None
        self.clock.advance(ms)
        if self.out is not None and self.clock.now_ms() - self.out_since_ms >= REDELIVER_AFTER_MS:
            self.out = None
        self.feed.check()

    async def settle(self) -> None:
        """Let everything under way come to its end."""
        for _ in range(6):
            await asyncio.sleep(0)
        while self.tasks:
            await asyncio.gather(*self.tasks)
            await asyncio.sleep(0)

    async def receive_everything(self) -> None:
        assert self.feed is not None
        await self.settle()
        self.let_time_pass(RETRY_READ_AFTER_MS)
        await self.settle()
        while self.out:
            self.acknowledge(len(self.out))
            await self.settle()
        assert self.acknowledged == len(self.wanted)


ACTIONS = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 3)),
    st.tuples(st.just("burst"), st.integers(PENDING_MAX_MESSAGES, PENDING_MAX_MESSAGES + 10)),
    st.tuples(st.just("own"), st.integers(1, 3)),
    st.tuples(st.just("to_oneself"), st.just(1)),
    st.tuples(st.just("acknowledge"), st.integers(1, MAX_MESSAGES)),
    st.tuples(st.just("acknowledge nonsense"), st.sampled_from([-1, 0, 1, 17])),
    st.tuples(st.just("pull"), st.just(0)),
    st.tuples(st.just("time"), st.sampled_from([1, 999, 1000, 59_999, 60_000])),
    st.tuples(st.just("turn"), st.integers(1, 4)),
    st.tuples(st.just("fail"), st.just(1)),
    st.tuples(st.just("reconnect"), st.just(0)),
)


async def step(world: World, name: str, amount: int) -> None:
    """Have one of ``ACTIONS`` happen."""
    match name:
        case "send" | "burst":
            for _ in range(amount):
                world.send(world.alice, "bob")
        case "own":
            for _ in range(amount):
                world.send(world.bob, "alice")
        case "to_oneself":
            world.send(world.bob, "bob")
        case "acknowledge":
            world.acknowledge(amount)
        case "acknowledge nonsense":
            assert world.feed is not None
            world.feed.acknowledge(amount)
        case "pull":
            world.pull()
        case "time":
            world.let_time_pass(amount)
        case "turn":
            for _ in range(amount):
                await asyncio.sleep(0)
        case "fail":
            await world.settle()
            world.store.fail_next(amount)
        case "reconnect":
            await world.settle()
            world.store.fail_next(0)
            await world.connect()


async def play(actions: list[tuple[str, int]]) -> None:
    world = World()
    await world.start()
    for name, amount in actions:
        await step(world, name, amount)
    world.store.fail_next(0)
    await world.receive_everything()


@given(st.lists(ACTIONS, max_size=40))
@settings(max_examples=300, deadline=None)
def test_a_device_gets_everything_in_order_one_list_at_a_time(actions: list[tuple[str, int]]) -> None:
    """Whatever happens in between; ``World.on_list`` compares every list with the model."""
    asyncio.run(play(actions))


def test_a_caught_up_device_is_sent_a_message_without_reading_the_store() -> None:
    async def scenario() -> None:
        world = World()
        await world.start()
        await world.settle()
        world.send(world.alice, "bob")
        await asyncio.sleep(0)

        assert world.out is not None
        assert not world.tasks

    asyncio.run(scenario())


def test_a_closed_feed_sends_nothing() -> None:
    async def scenario() -> None:
        world = World()
        await world.start()
        await world.settle()
        assert world.feed is not None
        world.feed.close()
        world.send(world.alice, "bob")
        await world.settle()

        assert world.lists_sent == 0

    asyncio.run(scenario())


def test_what_another_connection_of_the_device_acknowledged_is_not_sent_again() -> None:
    async def scenario() -> None:
        world = World()
        await world.start()
        await world.settle()
        world.send(world.alice, "bob")
        await world.settle()
        assert world.out is not None
        assert world.feed is not None
        position = Position(world.out[-1].sequence)
        world.acknowledged, world.out = 1, None
        world.feed.note_cursor(position)
        world.let_time_pass(REDELIVER_AFTER_MS)
        await world.settle()

        assert world.lists_sent == 1
        assert world.feed.cursor == position

    asyncio.run(scenario())


def test_a_clock_set_back_delays_a_redelivery_and_does_not_prevent_it() -> None:
    async def scenario() -> None:
        world = World()
        await world.start()
        await world.settle()
        world.send(world.alice, "bob")
        await world.settle()
        assert world.feed is not None
        world.clock.advance(-3_600_000)
        world.feed.check()
        world.clock.advance(REDELIVER_AFTER_MS)
        world.out = None
        world.feed.check()
        await world.settle()

        assert world.lists_sent == 2

    asyncio.run(scenario())


def test_names_count_towards_the_size_of_a_list() -> None:
    """The C# SDK loops for ever on lists that are too long, whatever they are long with."""

    async def scenario() -> None:
        world = World()
        await world.start()
        await world.settle()
        world.send(world.alice, "bob")
        await world.settle()
        for _ in range(4):
            world.number += 1
            packet_id = f"{world.number}".ljust(200, "-")
            world.wanted.append(packet_id)
            draft = Draft(Kind.P2P, world.alice, "bob", TopicId(0), packet_id, b"")
            world.store.append(draft, partial(world.on_commit, packet_id))
        await world.settle()
        world.acknowledge(1)

        assert world.out is not None
        assert len(world.out) == 1

    asyncio.run(scenario())
