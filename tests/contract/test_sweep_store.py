"""``SweepStore``: what goes, what stays."""

from __future__ import annotations

import pytest

from openmimc.domain.ports import Store, SweepCursor
from openmimc.model.app import AppSettings
from openmimc.model.callback import CallbackState, EventId
from openmimc.model.history import Conversation
from openmimc.model.ids import Position, Sequence
from openmimc.model.message import CallbackWish
from openmimc.model.topic import TopicChange
from tests.contract.drafts import (
    APP,
    INSTANT,
    OTHER_APP,
    app,
    append,
    append_one,
    p2p,
    p2t,
    packets_of,
    sweep_round,
)
from tests.fakes.clock import DAY_MS, FakeClock


async def test_a_round_over_an_empty_store_ends(store: Store) -> None:
    assert await sweep_round(store) == 0


async def test_a_finished_round_stays_finished(store: Store) -> None:
    assert (await store.sweep(SweepCursor(stage=2, is_done=True), 10)).is_done


@pytest.mark.parametrize(("age_ms", "kept"), [(7 * DAY_MS, ["a-1"]), (7 * DAY_MS + 1, [])])
async def test_inboxes_keep_messages_for_their_time(
    store: Store, clock: FakeClock, age_ms: int, kept: list[str]
) -> None:
    await store.save_app(app(settings=AppSettings(inboxTime=7)))
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await append_one(store, p2p(alice, "bob", "a-1"))

    clock.advance(age_ms)
    await append_one(store, p2p(alice, "bob", "a-2"))
    await sweep_round(store)

    assert await packets_of(store, bob.user_id) == [*kept, "a-2"]


async def test_each_apps_own_times_hold(store: Store, clock: FakeClock) -> None:
    await store.save_app(app(APP, settings=AppSettings(inboxTime=1)))
    await store.save_app(app(OTHER_APP, settings=AppSettings(inboxTime=30)))
    inboxes = []
    for app_id in (APP, OTHER_APP):
        alice, bob = await store.ensure_accounts(app_id, ("alice", "bob"))
        await append_one(store, p2p(alice, "bob", "a-1"))
        inboxes.append(bob.user_id)

    clock.advance(2 * DAY_MS)
    await sweep_round(store)

    assert [await packets_of(store, user_id) for user_id in inboxes] == [[], ["a-1"]]


async def test_a_message_in_an_inbox_outlives_a_shorter_history(store: Store, clock: FakeClock) -> None:
    await store.save_app(app(settings=AppSettings(inboxTime=7, msgStorageTime=1)))
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await append(store, p2p(alice, "bob", "a-1"), p2p(alice, "bob", "a-2", is_store=False))

    clock.advance(3 * DAY_MS)
    await sweep_round(store)

    assert await packets_of(store, bob.user_id) == ["a-1", "a-2"]


async def test_times_that_were_shortened_between_rounds_lose_nothing_still_in_an_inbox(
    store: Store, clock: FakeClock
) -> None:
    """Half a round under the old times, then the rest under the new: inbox rows never dangle."""
    await store.save_app(app(settings=AppSettings(inboxTime=30, msgStorageTime=30)))
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await append_one(store, p2p(alice, "bob", "a-1"))
    clock.advance(10 * DAY_MS)

    cursor = await store.sweep(SweepCursor(), 1)
    await store.save_app(app(settings=AppSettings(inboxTime=1, msgStorageTime=1)))
    while not cursor.is_done:
        cursor = await store.sweep(cursor, 1)
    page = await store.read_inbox(bob.user_id, Position(0), not_before_ms=0, max_messages=10, max_bytes=100)
    await sweep_round(store)

    assert [delivery.message.packet_id for delivery in page.deliveries] == ["a-1"]
    assert await packets_of(store, bob.user_id) == []


async def test_packet_ids_are_forgotten_after_a_day_only(store: Store, clock: FakeClock) -> None:
    await store.save_app(app())
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await append_one(store, p2p(alice, "bob", "a-1"))
    clock.advance(DAY_MS)

    await sweep_round(store)
    young = await append_one(store, p2p(alice, "bob", "a-1"))
    clock.advance(1)
    deleted = await sweep_round(store)
    old = await append_one(store, p2p(alice, "bob", "a-1"))

    assert (young.is_repeat, old.is_repeat) == (True, False)
    assert deleted == 1


async def test_sequences_do_not_come_again_when_the_last_message_is_gone(
    store: Store, clock: FakeClock
) -> None:
    await store.save_app(app(settings=AppSettings(inboxTime=1, msgStorageTime=1)))
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    last = await append_one(store, p2p(alice, "bob", "a-1"))
    clock.advance(2 * DAY_MS)
    await sweep_round(store)

    clock.advance(-2 * DAY_MS)
    again = await append_one(store, p2p(alice, "bob", "a-2"))

    assert again.message.sequence > last.message.sequence


async def test_a_deleted_app_leaves_nothing(store: Store, clock: FakeClock) -> None:
    await store.save_app(app(APP))
    await store.save_app(app(OTHER_APP))
    for app_id in (APP, OTHER_APP):
        alice, bob, *_ = await store.ensure_accounts(app_id, ("alice", "bob", "carol", "dave", "erin"))
        topic = await store.create_topic(app_id, alice.user_id, (bob.user_id,), name="", extra="")
        await store.open_device(bob.user_id, "phone")
        store.move_cursor(bob.user_id, "phone", Position(5))
        await append(store, *[p2p(alice, "bob", f"p-{index}") for index in range(5)])
        await append_one(store, p2t(alice, topic.topic_id, "t-1"))
    gone_users = await store.ensure_accounts(APP, ("alice", "bob"))
    (gone_topic,) = await store.topics_of(gone_users[0].user_id)
    kept_users = await store.ensure_accounts(OTHER_APP, ("alice", "bob"))
    (kept_topic,) = await store.topics_of(kept_users[0].user_id)

    await store.delete_app(APP)
    await sweep_round(store)
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    commit = await append_one(store, p2p(alice, "carol", "new"))
    carol = await store.find_account(APP, "carol")

    assert carol is not None
    assert commit.message.to_user_id == carol.user_id
    assert not {account.user_id for account in gone_users} & {alice.user_id, bob.user_id}
    assert await store.find_topic(gone_topic.topic_id) is None
    assert await packets_of(store, gone_users[1].user_id) == []
    assert await store.open_device(gone_users[1].user_id, "laptop") == 0
    assert await packets_of(store, kept_users[1].user_id) == [*[f"p-{index}" for index in range(5)], "t-1"]
    assert await store.find_topic(kept_topic.topic_id) is not None
    assert await store.ensure_accounts(OTHER_APP, ("alice", "bob")) == kept_users


async def test_messages_pass_between_the_steps_of_a_round(store: Store, clock: FakeClock) -> None:
    await store.save_app(app(settings=AppSettings(inboxTime=1)))
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await append(store, *[p2p(alice, f"user-{index}", f"old-{index}") for index in range(20)])
    clock.advance(2 * DAY_MS)

    cursor = SweepCursor()
    sent = 0
    while not cursor.is_done:
        cursor = await store.sweep(cursor, 3)
        await append_one(store, p2p(alice, "bob", f"new-{sent}"))
        sent += 1
    await sweep_round(store)

    assert await packets_of(store, bob.user_id) == [f"new-{index}" for index in range(sent)]


# ------------------------------------------------------------------ callbacks


async def history_of(store: Store, conversation: Conversation) -> list[str]:
    page = await store.read_history(
        conversation, start=Sequence(0), stop=Sequence(2**62), limit=100, newest=False
    )
    return [message.packet_id for message in page.messages]


async def test_a_message_stays_as_long_as_a_callback_points_to_it(store: Store, clock: FakeClock) -> None:
    """Whatever lies before and behind it goes."""
    await store.save_app(app(settings=AppSettings(inboxTime=1, msgStorageTime=1)))
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    conversation = Conversation.between(alice.user_id, bob.user_id)
    drafts = [p2p(alice, "bob", str(n), callbacks=INSTANT if n % 3 == 1 else CallbackWish()) for n in range(9)]
    await append(store, *drafts)
    clock.advance(2 * DAY_MS)

    await sweep_round(store, limit=2)
    kept = await history_of(store, conversation)
    events = await store.list_callbacks(APP, CallbackState.WAITING, after=EventId(0), limit=10)
    for event in events:
        await store.settle_callback(event.event_id, delivered=True)
    await sweep_round(store, limit=2)

    assert kept == ["1", "4", "7"]
    assert [event.message.packet_id for event in events] == kept
    assert await history_of(store, conversation) == []


async def test_dead_callbacks_go_after_a_month_and_waiting_ones_stay(store: Store, clock: FakeClock) -> None:
    await store.save_app(app())
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await append(store, *[p2p(alice, "bob", str(n), callbacks=INSTANT) for n in range(2)])
    first, _ = await store.list_callbacks(APP, CallbackState.WAITING, after=EventId(0), limit=10)
    clock.advance(DAY_MS)
    await store.settle_callback(first.event_id, delivered=False, error="500")

    clock.advance(30 * DAY_MS)
    await sweep_round(store)
    young = await store.count_callbacks()
    clock.advance(1)
    await sweep_round(store)

    assert young == {(APP, CallbackState.WAITING): 1, (APP, CallbackState.DEAD): 1}
    assert await store.count_callbacks() == {(APP, CallbackState.WAITING): 1}


async def test_a_deleted_app_leaves_no_callbacks_contacts_or_blacklists(store: Store) -> None:
    await store.save_app(app())
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await append_one(store, p2p(alice, "bob", "1", callbacks=INSTANT))
    await store.block(alice.user_id, bob.user_id)

    await store.delete_app(APP)
    await sweep_round(store)

    assert await store.count_callbacks() == {}
    assert await store.contacts_of(alice.user_id, not_before_ms=0, limit=10) == ()
    assert not await store.is_blocked(alice.user_id, bob.user_id)


# ------------------------------------------------------------------ temporary accounts


@pytest.mark.parametrize(
    ("ttl_s", "age_ms", "is_kept"), [(60, 60_000, True), (60, 60_001, False), (0, 10**12, True)]
)
async def test_temporary_accounts_go_after_their_time_and_free_their_names(
    store: Store, clock: FakeClock, ttl_s: int, age_ms: int, is_kept: bool
) -> None:
    await store.save_app(app(settings=AppSettings(uuidTTL=ttl_s)))
    await store.save_app(app(OTHER_APP))
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    (elsewhere,) = await store.ensure_accounts(OTHER_APP, ("alice",))

    clock.advance(age_ms)
    await sweep_round(store)
    found = await store.find_account(APP, "alice")
    (again,) = await store.ensure_accounts(APP, ("alice",))

    assert (found is not None) is is_kept
    assert (again.user_id == alice.user_id) is is_kept
    assert await store.find_account(OTHER_APP, "alice") == elsewhere


async def test_a_temporary_account_goes_with_all_that_is_its_own(store: Store, clock: FakeClock) -> None:
    """What others have stays theirs, its messages among it."""
    await store.save_app(app(settings=AppSettings(uuidTTL=60)))
    (old,) = await store.ensure_accounts(APP, ("old",))
    clock.advance(30_000)
    (young,) = await store.ensure_accounts(APP, ("young",))
    await store.open_device(old.user_id, "phone")
    await store.block(old.user_id, young.user_id)
    await append_one(store, p2p(old, "young", "1"))
    await append(store, *[p2p(old, "old", f"note-{n}") for n in range(5)])
    clock.advance(30_001)

    await sweep_round(store)
    (again,) = await store.ensure_accounts(APP, ("old",))
    free = await append_one(store, p2p(young, "old", "2"))

    assert again.user_id != old.user_id
    assert await packets_of(store, old.user_id) == []
    assert await packets_of(store, young.user_id) == ["1"]
    assert free.message.to_user_id == again.user_id
    assert not await store.is_blocked(old.user_id, young.user_id)
    contacts = await store.contacts_of(young.user_id, not_before_ms=0, limit=10)
    assert [contact.user_id for contact in contacts] == [again.user_id]
    assert await history_of(store, Conversation.between(old.user_id, young.user_id)) == ["1"]


async def test_topics_of_temporary_accounts_pass_to_their_oldest_members(
    store: Store, clock: FakeClock
) -> None:
    await store.save_app(app(settings=AppSettings(uuidTTL=60)))
    old, older, lonely = await store.ensure_accounts(APP, ("old", "older", "lonely"))
    clock.advance(30_000)
    young, younger = await store.ensure_accounts(APP, ("young", "younger"))
    topic = await store.create_topic(
        APP, old.user_id, (older.user_id, younger.user_id, young.user_id), name="n", extra="e"
    )
    joined = await store.create_topic(APP, young.user_id, (old.user_id,), name="j", extra="")
    lost = await store.create_topic(APP, lonely.user_id, (old.user_id,), name="l", extra="")
    await append_one(store, p2t(old, topic.topic_id, "1"))
    clock.advance(30_001)

    await sweep_round(store, limit=100)  # Both members of one topic in one step.
    passed = await store.find_topic(topic.topic_id)
    kept = await store.find_topic(joined.topic_id)
    stale = await store.change_topic(joined.topic_id, joined.version, TopicChange(name="x"))
    commit = await append_one(store, p2t(young, topic.topic_id, "2"))

    assert passed is not None
    assert (passed.owner_id, passed.version) == (younger.user_id, topic.version + 2)
    assert [member.account for member in passed.members] == ["younger", "young"]
    assert kept is not None
    assert [member.account for member in kept.members] == ["young"]
    assert (kept.owner_id, kept.version) == (young.user_id, joined.version + 1)
    assert stale is None
    assert await store.find_topic(lost.topic_id) is None
    assert [user_id for user_id, _ in commit.recipients] == [younger.user_id]
