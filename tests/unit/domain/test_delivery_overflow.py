"""What a device that knows overflow is sent and told, against a model, under any series of events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from openmimc.domain.delivery import PULL_INTERVAL_MS, REDELIVER_AFTER_MS, RETRY_READ_AFTER_MS, Overflow
from openmimc.model.ids import Position, Sequence
from tests.fakes.clock import DAY_MS
from tests.unit.domain.test_delivery import ACTIONS, MAX_MESSAGES, World, step

MORE_THAN = 7


class OverflowWorld(World):
    """Bob's phone does not want more than ``MORE_THAN`` at once."""

    def __init__(self, more_than: int = MORE_THAN) -> None:
        super().__init__()
        self.overflow = Overflow(more_than, self.on_overflow)
        self.told: tuple[Sequence, Sequence] | None = None
        self.tellings: list[tuple[Sequence, Sequence]] = []

    def waiting(self) -> list[int]:
        """Sequences of what is committed and not acknowledged."""
        wanted = self.wanted[self.acknowledged :]
        return [self.positions[packet_id] for packet_id in wanted if packet_id in self.positions]

    def on_overflow(self, first: Sequence, last: Sequence) -> None:
        """The model: all that waits, or waited a moment ago, is named by its ends; only if it is too much."""
        assert self.overflow is not None
        assert self.out is None
        assert self.told is None
        waiting = self.waiting()
        assert first == waiting[0]
        assert last in waiting
        assert waiting.index(last) + 1 > self.overflow.more_than
        self.told = (first, last)
        self.tellings.append(self.told)
        self.out_since_ms = self.clock.now_ms()

    def acknowledge(self, count: int) -> None:
        """Acknowledge the first ``count`` of what is out, or of what the device was told of."""
        if self.told is None:
            super().acknowledge(count)
            return
        waiting = self.waiting()
        covered = waiting.index(self.told[1]) + 1
        count = min(count, covered)
        self.acknowledged += count
        # An ack inside the bounds makes the server begin again beyond it.
        self.told = None
        assert self.feed is not None
        self.feed.acknowledge(waiting[count - 1])

    def acknowledge_told(self) -> None:
        """Acknowledge what the device was told of."""
        if self.told is not None:
            self.acknowledge(len(self.wanted))

    def acknowledge_nothing_told(self) -> None:
        """What an ack below the bounds may claim changes nothing."""
        if self.told is not None:
            assert self.feed is not None
            self.feed.acknowledge(self.told[0] - 1)

    def pull(self) -> None:
        if self.clock.now_ms() - self.last_pull_ms >= PULL_INTERVAL_MS:
            self.told = None
        super().pull()

    def let_time_pass(self, ms: int) -> None:
        if self.told is not None and self.clock.now_ms() + ms - self.out_since_ms >= REDELIVER_AFTER_MS:
            self.told = None
        super().let_time_pass(ms)

    async def connect(self) -> None:
        self.told = None
        await super().connect()

    async def receive_everything(self) -> None:
        await self.settle()
        self.let_time_pass(RETRY_READ_AFTER_MS)
        await self.settle()
        while self.told or self.out:
            self.acknowledge(len(self.wanted))
            await self.settle()
        assert self.acknowledged == len(self.wanted)

    def renounce(self) -> None:
        """The device turns out not to know overflow."""
        assert self.feed is not None
        self.told = None
        self.overflow = None
        self.feed.renounce_overflow()


def run(scenario: Callable[[OverflowWorld], Coroutine[Any, Any, None]], more_than: int = MORE_THAN) -> None:
    async def whole() -> None:
        world = OverflowWorld(more_than)
        await world.start()
        await scenario(world)

    asyncio.run(whole())


async def come_back(world: OverflowWorld, waiting: int) -> None:
    """Have so many messages sent while the device is away, then connect it."""
    await world.settle()
    assert world.feed is not None
    world.feed.close()
    for _ in range(waiting):
        world.send(world.alice, "bob")
    await world.settle()
    await world.connect()
    await world.settle()


@given(
    st.lists(
        st.one_of(
            ACTIONS,
            st.tuples(st.just("acknowledge told"), st.just(0)),
            st.tuples(st.just("acknowledge part"), st.integers(1, 40)),
            st.tuples(st.just("acknowledge nothing told"), st.just(0)),
            st.tuples(st.just("many while away"), st.integers(MORE_THAN - 1, 3 * MORE_THAN)),
            st.tuples(st.just("renounce"), st.just(0)),
        ),
        max_size=30,
    )
)
@settings(max_examples=300, deadline=None)
def test_a_device_gets_or_is_told_of_everything_in_order(actions: list[tuple[str, int]]) -> None:
    """Whatever happens in between; the model compares every list and every telling."""

    async def scenario(world: OverflowWorld) -> None:
        for name, amount in actions:
            match name:
                case "acknowledge told":
                    world.acknowledge_told()
                case "acknowledge part":
                    if world.told is not None:
                        world.acknowledge(amount)
                case "acknowledge nothing told":
                    world.acknowledge_nothing_told()
                case "many while away":
                    world.store.fail_next(0)
                    await come_back(world, amount)
                case "renounce":
                    world.renounce()
                case _:
                    await step(world, name, amount)
        world.store.fail_next(0)
        await world.receive_everything()

    run(scenario)


def test_as_many_as_the_limit_are_sent_and_one_more_is_told_of() -> None:
    async def scenario(world: OverflowWorld) -> None:
        await come_back(world, MORE_THAN)
        assert world.tellings == []
        assert world.out is not None

        await come_back(world, 1)
        waiting = world.waiting()

        assert world.tellings == [(waiting[0], waiting[-1])]
        assert len(waiting) == MORE_THAN + 1

    run(scenario)


def test_an_ack_of_the_bounds_moves_the_cursor_to_their_end() -> None:
    async def scenario(world: OverflowWorld) -> None:
        await come_back(world, 2 * MORE_THAN)
        world.acknowledge_told()
        await world.settle()
        await world.connect()
        await world.settle()

        assert len(world.tellings) == 1
        assert world.lists_sent == 0
        assert world.acknowledged == 2 * MORE_THAN

    run(scenario)


def test_what_comes_while_the_bounds_are_out_is_sent_after_their_ack() -> None:
    async def scenario(world: OverflowWorld) -> None:
        await come_back(world, 2 * MORE_THAN)
        world.send(world.alice, "bob")
        await world.settle()
        assert world.lists_sent == 0
        world.acknowledge_told()
        await world.settle()

        assert world.out is not None
        assert [message.packet_id for message in world.out] == world.wanted[-1:]

    run(scenario)


def test_the_pages_of_one_reading_are_not_measured_again() -> None:
    """Counting a long backlog once more for every page would cost the square of its length."""

    async def scenario(world: OverflowWorld) -> None:
        await come_back(world, MORE_THAN)
        assert world.out is not None
        first = len(world.out)
        world.store.fail_next(0)
        for _ in range(3 * MORE_THAN):
            world.send(world.alice, "bob")
        await world.settle()
        world.acknowledge(first)
        await world.settle()

        assert world.tellings == []
        assert world.out is not None

    run(scenario)


def test_a_device_that_falls_behind_while_it_is_online_is_told_too() -> None:
    async def scenario(world: OverflowWorld) -> None:
        await world.settle()
        for _ in range(100):
            world.send(world.alice, "bob")
        await world.settle()
        assert world.tellings == []
        assert world.out is not None
        world.acknowledge(len(world.out))
        await world.settle()

        assert len(world.tellings) == 1
        assert world.waiting()[-1] == world.tellings[0][1]

    run(scenario)


def test_a_pull_and_a_minute_without_ack_repeat_the_bounds_as_they_are_then() -> None:
    async def scenario(world: OverflowWorld) -> None:
        await come_back(world, MORE_THAN + 1)
        first, last = world.tellings[0]
        world.send(world.alice, "bob")
        await world.settle()
        world.pull()
        await world.settle()
        world.let_time_pass(REDELIVER_AFTER_MS)
        await world.settle()

        newest = world.waiting()[-1]
        assert last < newest
        assert world.tellings == [(first, last), (first, newest), (first, newest)]

    run(scenario)


def test_an_ack_of_the_end_told_before_leaves_what_has_come_since() -> None:
    """WebJS and Java, told again of a backlog that begins alike, acknowledge what they were told at first."""

    async def scenario(world: OverflowWorld) -> None:
        await come_back(world, 20)
        for _ in range(3):
            world.send(world.alice, "bob")
        await world.settle()
        world.pull()
        await world.settle()
        assert len(world.tellings) == 2
        world.acknowledge(20)
        await world.settle()

        assert world.out is not None
        assert world.out[0].packet_id == world.wanted[20]

    run(scenario)


def test_the_rest_beyond_such_an_ack_is_told_of_if_it_is_too_much_again() -> None:
    async def scenario(world: OverflowWorld) -> None:
        await come_back(world, 30)
        world.acknowledge(12)
        await world.settle()

        waiting = world.waiting()
        assert len(waiting) == 18
        assert world.tellings[-1] == (waiting[0], waiting[-1])
        assert world.feed is not None
        cursor = await world.store.open_device(world.bob.user_id, "phone")
        assert cursor == world.feed.cursor == world.positions[world.wanted[11]]

    run(scenario)


def test_an_ack_below_the_bounds_changes_nothing() -> None:
    async def scenario(world: OverflowWorld) -> None:
        await come_back(world, 30)
        assert world.feed is not None
        cursor = world.feed.cursor
        world.acknowledge_nothing_told()
        await world.settle()

        assert world.feed.cursor == cursor
        assert len(world.tellings) == 1
        assert world.lists_sent == 0

    run(scenario)


def test_own_messages_do_not_count() -> None:
    async def scenario(world: OverflowWorld) -> None:
        await world.settle()
        for _ in range(3 * MORE_THAN):
            world.send(world.bob, "alice")
        await come_back(world, MORE_THAN)

        assert world.tellings == []
        assert world.out is not None

    run(scenario)


def test_messages_older_than_the_inbox_time_do_not_count() -> None:
    async def scenario(world: OverflowWorld) -> None:
        await come_back(world, MORE_THAN)
        world.clock.advance(7 * DAY_MS + 1)
        world.wanted = world.wanted[MORE_THAN:]
        await come_back(world, 1)

        assert world.tellings == []
        assert world.out is not None
        assert len(world.out) == 1

    run(scenario)


def test_a_device_that_renounces_is_sent_what_it_was_told_of() -> None:
    async def scenario(world: OverflowWorld) -> None:
        await come_back(world, 2 * MORE_THAN)
        world.renounce()
        await world.settle()

        assert world.out is not None
        assert len(world.out) <= MAX_MESSAGES
        assert world.out[0].sequence == world.tellings[0][0]

    run(scenario)


def test_a_device_that_renounces_while_the_backlog_is_measured_is_sent_it() -> None:
    async def scenario(world: OverflowWorld) -> None:
        await come_back(world, 2 * MORE_THAN)
        world.pull()
        await asyncio.sleep(0)
        world.renounce()
        await world.settle()

        assert len(world.tellings) == 1
        assert world.out is not None

    run(scenario)


def test_a_failed_measuring_is_repeated() -> None:
    async def scenario(world: OverflowWorld) -> None:
        await world.settle()
        assert world.feed is not None
        world.feed.close()
        for _ in range(MORE_THAN + 1):
            world.send(world.alice, "bob")
        await world.settle()
        await world.connect()
        world.store.fail_next(1)
        await world.settle()
        assert world.tellings == []
        world.let_time_pass(RETRY_READ_AFTER_MS)
        await world.settle()

        assert len(world.tellings) == 1

    run(scenario)


def test_another_connection_of_the_device_may_acknowledge_for_this_one() -> None:
    async def scenario(world: OverflowWorld) -> None:
        await come_back(world, 2 * MORE_THAN)
        assert world.feed is not None
        world.feed.note_cursor(Position(world.tellings[0][1]))
        world.told, world.acknowledged = None, 2 * MORE_THAN
        world.send(world.alice, "bob")
        await world.settle()

        assert world.out is not None
        assert len(world.out) == 1

    run(scenario)
