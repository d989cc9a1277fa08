"""``SweepStore``: what goes, what stays."""

from __future__ import annotations

import pytest

from openmimc.domain.ports import Store, SweepCursor
from openmimc.model.app import AppSettings
from openmimc.model.ids import Position
from tests.contract.drafts import APP, OTHER_APP, app, append, append_one, p2p, p2t, packets_of, sweep_round
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
