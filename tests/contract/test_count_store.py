"""``CountStore``, and what of it retention takes."""

from __future__ import annotations

import pytest

from openmimc.domain.ports import Store
from openmimc.model.app import AppSettings
from openmimc.model.insight import HourCount
from openmimc.model.message import Kind
from tests.contract.drafts import APP, OTHER_APP, app, append, append_one, group_of, p2p, p2t, sweep_round, uc
from tests.fakes.clock import DAY_MS, FakeClock

HOUR_MS = 3_600_000


@pytest.fixture
def clock() -> FakeClock:
    """One minute before an hour's end."""
    return FakeClock(500_000 * HOUR_MS - 60_000)


async def counts_of(store: Store, from_ms: int = 0, to_ms: int = 2**53) -> list[tuple[int, Kind, int]]:
    counts = await store.count_messages(APP, from_ms=from_ms, to_ms=to_ms)
    assert all(isinstance(count, HourCount) for count in counts)
    return [(count.hour_ms // HOUR_MS, count.kind, count.messages) for count in counts]


async def test_messages_are_counted_by_hour_and_kind(store: Store, clock: FakeClock) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    group_id = await group_of(store, alice, bob)
    await append(store, *[p2p(alice, "bob", f"a-{n}", is_store=n > 1) for n in range(3)])
    await append(store, uc(alice, group_id, "g-1"), p2t(bob, topic.topic_id, "b-1"))
    clock.advance(60_000)
    await append_one(store, p2p(bob, "alice", "b-2"))
    await store.append_together((p2p(alice, "bob", "a-8"), p2p(alice, "bob", "a-9")))

    assert await counts_of(store) == [
        (499_999, Kind.P2P, 3),
        (499_999, Kind.P2T, 1),
        (499_999, Kind.GROUP, 1),
        (500_000, Kind.P2P, 3),
    ]


async def test_what_is_not_stored_is_not_counted(store: Store) -> None:
    """Repeats, in one transaction or later, and refusals."""
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (), name="", extra="")

    await append(store, p2p(alice, "bob", "a-1"), p2p(alice, "bob", "a-1"), p2t(bob, topic.topic_id, "b-1"))
    await append_one(store, p2p(alice, "bob", "a-1"))

    assert await counts_of(store) == [(499_999, Kind.P2P, 1)]


async def test_each_app_counts_for_itself(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    (mallory,) = await store.ensure_accounts(OTHER_APP, ("mallory",))
    await append(store, p2p(alice, "bob", "a-1"), p2p(mallory, "bob", "m-1"), p2p(mallory, "bob", "m-2"))

    assert await counts_of(store) == [(499_999, Kind.P2P, 1)]
    assert await store.count_messages(OTHER_APP, from_ms=0, to_ms=2**53) == (
        HourCount(499_999 * HOUR_MS, Kind.P2P, 2),
    )


async def test_a_period_takes_the_hours_that_begin_in_it(store: Store, clock: FakeClock) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    for number in range(3):
        await append_one(store, p2p(alice, "bob", f"a-{number}"))
        clock.advance(HOUR_MS)

    middle = 500_000 * HOUR_MS
    both = [(499_999, Kind.P2P, 1), (500_000, Kind.P2P, 1)]
    assert await counts_of(store, middle - HOUR_MS, middle + 1) == both
    assert await counts_of(store, middle - HOUR_MS + 1, middle) == []
    assert await counts_of(store, middle, middle + HOUR_MS) == both[1:]
    assert await counts_of(store, middle, middle) == []


async def test_counts_are_kept_as_long_as_history(store: Store, clock: FakeClock) -> None:
    """Whole hours go, when all of their messages are past their time."""
    await store.save_app(app(settings=AppSettings(msgStorageTime=10, inboxTime=1)))
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await append_one(store, p2p(alice, "bob", "a-1"))
    clock.advance(60_000)
    await append_one(store, p2p(alice, "bob", "a-2"))

    clock.advance(10 * DAY_MS - 1)
    await sweep_round(store)
    before = await counts_of(store)
    clock.advance(1)
    await sweep_round(store)
    after = await counts_of(store)

    assert before == [(499_999, Kind.P2P, 1), (500_000, Kind.P2P, 1)]
    assert after == [(500_000, Kind.P2P, 1)]


async def test_counts_of_an_app_that_is_gone_go(store: Store) -> None:
    await store.save_app(app())
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await append_one(store, p2p(alice, "bob", "a-1"))
    await store.delete_app(APP)

    await sweep_round(store)

    assert await counts_of(store) == []
