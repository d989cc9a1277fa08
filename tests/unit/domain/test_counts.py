"""Numbers of messages by hours and days."""

from __future__ import annotations

import pytest

from openmimc.domain.counts import DAY_MS, DAYS_MAX, HOUR_MS, HOURS_MAX, MessageCounts
from openmimc.errors import BadRequest
from openmimc.model.insight import HourCount
from openmimc.model.message import Kind
from tests.contract.drafts import APP, append, group_of, p2p, uc
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore

MIDNIGHT_MS = 20_000 * DAY_MS


@pytest.fixture
def clock() -> FakeClock:
    """Half an hour before midnight."""
    return FakeClock(MIDNIGHT_MS - HOUR_MS // 2)


@pytest.fixture
def store(clock: FakeClock) -> MemoryStore:
    return MemoryStore(clock)


@pytest.fixture
def counts(store: MemoryStore, clock: FakeClock) -> MessageCounts:
    return MessageCounts(store, clock)


async def say(store: MemoryStore, clock: FakeClock, hours: int) -> None:
    """One message and one to a group an hour, the first now, the last in the clock's new hour."""
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    group_id = await group_of(store, alice)
    for hour in range(hours):
        if hour:
            clock.advance(HOUR_MS)
        await append(store, p2p(alice, "bob", f"a-{hour}"), uc(alice, group_id, f"g-{hour}"))


async def test_the_last_hours_end_with_the_present_one(
    store: MemoryStore, clock: FakeClock, counts: MessageCounts
) -> None:
    await say(store, clock, 3)

    last_two = await counts.last_hours(APP, 2)
    clock.advance(HOUR_MS // 2)  # The hour is over.
    later = await counts.last_hours(APP, 2)

    assert last_two == tuple(
        HourCount(MIDNIGHT_MS + hour * HOUR_MS, kind, 1) for hour in (0, 1) for kind in (Kind.P2P, Kind.GROUP)
    )
    assert later == last_two[2:]


async def test_days_add_their_hours_up(store: MemoryStore, clock: FakeClock, counts: MessageCounts) -> None:
    await say(store, clock, 5)

    assert await counts.last_days(APP, 2) == (
        HourCount(MIDNIGHT_MS - DAY_MS, Kind.P2P, 1),
        HourCount(MIDNIGHT_MS - DAY_MS, Kind.GROUP, 1),
        HourCount(MIDNIGHT_MS, Kind.P2P, 4),
        HourCount(MIDNIGHT_MS, Kind.GROUP, 4),
    )
    assert [count.hour_ms for count in await counts.last_days(APP, 1)] == [MIDNIGHT_MS] * 2


@pytest.mark.parametrize("hours", [0, HOURS_MAX + 1])
async def test_hours_have_their_bounds(counts: MessageCounts, hours: int) -> None:
    with pytest.raises(BadRequest):
        await counts.last_hours(APP, hours)


@pytest.mark.parametrize("days", [0, DAYS_MAX + 1])
async def test_days_have_their_bounds(counts: MessageCounts, days: int) -> None:
    with pytest.raises(BadRequest):
        await counts.last_days(APP, days)
