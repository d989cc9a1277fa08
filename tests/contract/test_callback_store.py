"""``CallbackStore``: the outbox, and what appends put into it."""

from __future__ import annotations

import asyncio

import pytest

from openmimc.domain.ports import Store
from openmimc.errors import NotAMember
from openmimc.model.app import Account
from openmimc.model.callback import CallbackEvent, CallbackKind, CallbackState, EventId
from openmimc.model.ids import AppId, UserId
from openmimc.model.message import CallbackWish
from tests.contract.drafts import APP, BOTH, INSTANT, OFFLINE, OTHER_APP, append, append_one, p2p, p2t
from tests.fakes.clock import FakeClock


class Bound:
    """Presence that a test can set."""

    def __init__(self, *accounts: Account) -> None:
        self._user_ids = {account.user_id for account in accounts}

    def is_bound(self, user_id: UserId) -> bool:
        return user_id in self._user_ids


async def listed(
    store: Store, state: CallbackState = CallbackState.WAITING, app_id: AppId = APP
) -> tuple[CallbackEvent, ...]:
    return await store.list_callbacks(app_id, state, after=EventId(0), limit=10_000)


async def due(
    store: Store,
    now_ms: int,
    *,
    busy: frozenset[AppId] = frozenset(),
    limit_per_app: int = 100,
    limit: int = 100,
) -> list[str]:
    events = await store.due_callbacks(now_ms, busy=busy, limit_per_app=limit_per_app, limit=limit)
    return [event.message.packet_id for event in events]


# ------------------------------------------------------------------ what appends put down


async def test_a_message_causes_the_callbacks_that_are_wished(store: Store, clock: FakeClock) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    await append_one(store, p2p(alice, "bob", "1"))
    message = (await append_one(store, p2p(alice, "bob", "2", payload=b"\x00\xff", callbacks=BOTH))).message
    events = await listed(store)

    assert events[0] == CallbackEvent(
        event_id=events[0].event_id,
        app_id=APP,
        kind=CallbackKind.INSTANT_P2P,
        message=message,
        to_accounts=(),
        state=CallbackState.WAITING,
        attempts=0,
        next_attempt_ms=clock.now_ms(),
        last_error="",
    )
    assert [event.kind for event in events] == [CallbackKind.INSTANT_P2P, CallbackKind.OFFLINE_P2P]
    assert events[1].message == message
    assert 0 < events[0].event_id < events[1].event_id


async def test_a_recipient_with_a_bound_device_is_not_offline(store: Store) -> None:
    alice, bob, carol = await store.ensure_accounts(APP, ("alice", "bob", "carol"))
    store.set_presence(Bound(bob))

    await append(
        store,
        p2p(alice, "bob", "1", callbacks=OFFLINE),
        p2p(alice, "carol", "2", callbacks=OFFLINE),
        p2p(alice, "new", "3", callbacks=OFFLINE),
        p2p(carol, "carol", "4", callbacks=OFFLINE),
        p2p(bob, "bob", "5", callbacks=OFFLINE),
    )

    assert [event.message.packet_id for event in await listed(store)] == ["2", "3", "4"]


async def test_a_topics_callbacks_name_all_members_and_those_not_reached(store: Store) -> None:
    alice, bob, carol, dave = await store.ensure_accounts(APP, ("alice", "bob", "carol", "dave"))
    topic = await store.create_topic(
        APP, bob.user_id, (alice.user_id, dave.user_id, carol.user_id), name="", extra=""
    )
    store.set_presence(Bound(carol))

    await append_one(store, p2t(alice, topic.topic_id, "1", callbacks=BOTH))
    instant, offline = await listed(store)

    assert (instant.kind, instant.to_accounts) == (CallbackKind.INSTANT_P2T, ("bob", "alice", "dave", "carol"))
    assert (offline.kind, offline.to_accounts) == (CallbackKind.OFFLINE_P2T, ("bob", "dave"))
    assert instant.message == offline.message


async def test_a_topic_that_reached_everybody_causes_no_offline_callback(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    alone = await store.create_topic(APP, alice.user_id, (), name="", extra="")
    store.set_presence(Bound(bob))

    await append(
        store,
        p2t(alice, topic.topic_id, "1", callbacks=OFFLINE),
        p2t(alice, alone.topic_id, "2", callbacks=OFFLINE),
        p2t(bob, topic.topic_id, "3", callbacks=OFFLINE),
    )

    assert [(event.message.packet_id, event.to_accounts) for event in await listed(store)] == [
        ("3", ("alice",))
    ]


async def test_repeats_and_refusals_cause_no_callbacks(store: Store) -> None:
    alice, mallory = await store.ensure_accounts(APP, ("alice", "mallory"))
    topic = await store.create_topic(APP, alice.user_id, (), name="", extra="")

    await append(store, p2p(alice, "bob", "1", callbacks=INSTANT), p2p(alice, "bob", "1", callbacks=INSTANT))
    await append_one(store, p2p(alice, "bob", "1", callbacks=INSTANT))
    (refused,) = await append(store, p2t(mallory, topic.topic_id, "2", callbacks=INSTANT))

    assert isinstance(refused, NotAMember)
    assert [event.message.packet_id for event in await listed(store)] == ["1"]


async def test_with_too_many_waiting_further_ones_are_dead_at_once(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    (stranger,) = await store.ensure_accounts(OTHER_APP, ("stranger",))
    wish = CallbackWish(instant=True, max_waiting=2)

    await append_one(store, p2p(alice, "bob", "1", callbacks=wish))
    await append(
        store,
        *[p2p(alice, "bob", str(n), callbacks=wish) for n in (2, 3)],
        p2p(stranger, "x", "s", callbacks=wish),
    )
    dead = await listed(store, CallbackState.DEAD)
    await store.settle_callback((await listed(store))[0].event_id, delivered=True)
    await append_one(store, p2p(alice, "bob", "4", callbacks=wish))

    assert [(event.message.packet_id, event.attempts) for event in dead] == [("3", 0)]
    assert dead[0].last_error != ""
    assert [event.message.packet_id for event in await listed(store)] == ["2", "4"]
    assert await store.count_callbacks() == {
        (APP, CallbackState.WAITING): 2,
        (APP, CallbackState.DEAD): 1,
        (OTHER_APP, CallbackState.WAITING): 1,
    }


# ------------------------------------------------------------------ what is due


async def test_callbacks_are_due_from_the_commit_on_those_due_longest_first(
    store: Store, clock: FakeClock
) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    for number in range(3):
        await append_one(store, p2p(alice, "bob", str(number), callbacks=INSTANT))
        clock.advance(10)
    start_ms = clock.now_ms() - 30
    first, *_ = await listed(store)

    await store.settle_callback(first.event_id, delivered=False, error="500", retry_at_ms=start_ms + 15)

    assert await due(store, start_ms + 9) == []
    assert await due(store, start_ms + 14) == ["1"]
    assert await due(store, start_ms + 100) == ["1", "0", "2"]
    assert await due(store, start_ms + 100, limit=2) == ["1", "0"]


async def test_an_app_takes_no_other_apps_places(store: Store, clock: FakeClock) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    (stranger,) = await store.ensure_accounts(OTHER_APP, ("stranger",))
    await append(store, *[p2p(alice, "bob", f"a-{n}", callbacks=INSTANT) for n in range(20)])
    clock.advance(1)
    await append(store, *[p2p(stranger, "bob", f"s-{n}", callbacks=INSTANT) for n in range(3)])
    now_ms = clock.now_ms()

    assert await due(store, now_ms, limit_per_app=2) == ["a-0", "a-1", "s-0", "s-1"]
    assert await due(store, now_ms, limit_per_app=2, limit=3) == ["a-0", "a-1", "s-0"]
    assert await due(store, now_ms, limit_per_app=2, busy=frozenset({APP})) == ["s-0", "s-1"]
    assert await due(store, now_ms, busy=frozenset({APP, OTHER_APP})) == []


# ------------------------------------------------------------------ settling and replaying


async def test_a_delivered_callback_is_forgotten_and_its_number_never_given_again(
    store: Store, clock: FakeClock
) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await append_one(store, p2p(alice, "bob", "1", callbacks=INSTANT))
    (event,) = await listed(store)

    for _ in range(2):  # The second time it is unknown, which is fine.
        await store.settle_callback(event.event_id, delivered=True)
    await store.settle_callback(event.event_id, delivered=False, error="late", retry_at_ms=1)
    gone = await listed(store)
    await append_one(store, p2p(alice, "bob", "2", callbacks=INSTANT))
    (later,) = await listed(store)

    assert gone == ()
    assert later.event_id > event.event_id


async def test_attempts_are_counted_until_the_callback_is_dead(store: Store, clock: FakeClock) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await append_one(store, p2p(alice, "bob", "1", callbacks=INSTANT))
    (event,) = await listed(store)

    await store.settle_callback(event.event_id, delivered=False, error="500", retry_at_ms=77)
    (retried,) = await listed(store)
    clock.advance(5_000)
    await store.settle_callback(event.event_id, delivered=False, error="no route \N{SNOWMAN}")
    (dead,) = await listed(store, CallbackState.DEAD)

    assert (retried.attempts, retried.next_attempt_ms, retried.last_error) == (1, 77, "500")
    assert (dead.attempts, dead.next_attempt_ms, dead.last_error) == (
        2,
        clock.now_ms(),
        "no route \N{SNOWMAN}",
    )
    assert await listed(store) == ()
    assert await due(store, 2**60) == []


@pytest.mark.parametrize(("chosen", "expected"), [((0, 2), "02"), ((), ""), (None, "012")])
async def test_dead_callbacks_can_wait_again(
    store: Store, clock: FakeClock, chosen: tuple[int, ...] | None, expected: str
) -> None:
    """Those chosen; never another app's, nor those that wait anyway."""
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    (stranger,) = await store.ensure_accounts(OTHER_APP, ("stranger",))
    await append(store, *[p2p(alice, "bob", str(n), callbacks=INSTANT) for n in range(3)])
    await append_one(store, p2p(stranger, "bob", "s", callbacks=INSTANT))
    for app_id in (APP, OTHER_APP):
        for event in await listed(store, app_id=app_id):
            await store.settle_callback(event.event_id, delivered=False, error="500")
    await append_one(store, p2p(alice, "bob", "3", callbacks=INSTANT))
    dead = await listed(store, CallbackState.DEAD)
    (foreign,) = await listed(store, CallbackState.DEAD, OTHER_APP)
    event_ids = None
    if chosen is not None:
        event_ids = (*[dead[index].event_id for index in chosen], foreign.event_id, EventId(2**62))

    replayed = await store.replay_callbacks(APP, event_ids, now_ms=99)
    again = [event for event in await listed(store) if event.message.packet_id != "3"]

    assert replayed == len(expected)
    assert "".join(event.message.packet_id for event in again) == expected
    assert {(event.attempts, event.next_attempt_ms, event.last_error) for event in again} <= {(0, 99, "")}
    assert await listed(store, CallbackState.DEAD, OTHER_APP) == (foreign,)
    assert await due(store, 99) == list(expected)


async def test_thousands_can_be_replayed(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    wish = CallbackWish(instant=True, max_waiting=0)
    await append(store, *[p2p(alice, "bob", str(n), payload=b"", callbacks=wish) for n in range(2_500)])

    replayed = await store.replay_callbacks(APP, None, now_ms=5)

    assert replayed == 2_500
    assert await store.count_callbacks() == {(APP, CallbackState.WAITING): 2_500}


async def test_lists_go_on_behind_an_event(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await append(store, *[p2p(alice, "bob", str(n), callbacks=INSTANT) for n in range(5)])

    first = await store.list_callbacks(APP, CallbackState.WAITING, after=EventId(0), limit=2)
    rest = await store.list_callbacks(APP, CallbackState.WAITING, after=first[-1].event_id, limit=10)

    assert [event.message.packet_id for event in (*first, *rest)] == ["0", "1", "2", "3", "4"]
    assert await listed(store, app_id=OTHER_APP) == ()


async def test_presence_counts_at_each_messages_commit(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))

    await append_one(store, p2p(alice, "bob", "1", callbacks=OFFLINE))
    store.set_presence(Bound(bob))
    await append_one(store, p2p(alice, "bob", "2", callbacks=OFFLINE))
    store.set_presence(Bound())
    await asyncio.gather(append_one(store, p2p(alice, "bob", "3", callbacks=OFFLINE)))

    assert [event.message.packet_id for event in await listed(store)] == ["1", "3"]


async def test_a_messages_callbacks_are_found_until_they_are_delivered(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    commits = [await append_one(store, p2p(alice, "bob", str(n), callbacks=BOTH)) for n in range(3)]
    sequence = commits[1].message.sequence
    instant, offline = before = await store.callbacks_of(sequence)

    await store.settle_callback(instant.event_id, delivered=True)
    await store.settle_callback(offline.event_id, delivered=False, error="500")
    after = await store.callbacks_of(sequence)

    assert [event.kind for event in before] == [CallbackKind.INSTANT_P2P, CallbackKind.OFFLINE_P2P]
    assert [event.message for event in before] == [commits[1].message] * 2
    assert [(event.event_id, event.state, event.last_error) for event in after] == [
        (offline.event_id, CallbackState.DEAD, "500")
    ]


async def test_a_message_without_callbacks_has_none(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    commit = await append_one(store, p2p(alice, "bob", "1"))
    await append_one(store, p2p(alice, "bob", "2", callbacks=BOTH))

    assert await store.callbacks_of(commit.message.sequence) == ()
