"""What a store knows when it is opened again, and what two that share a file know of each other."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from openmimc.errors import SenderBlocked
from openmimc.model.app import AppSettings
from openmimc.model.callback import CallbackState, EventId
from openmimc.model.history import Conversation
from openmimc.model.ids import Position
from openmimc.model.message import CallbackWish, Commit
from openmimc.model.topic import TopicChange
from openmimc.store.sqlite import SqliteStore
from tests.contract.drafts import APP, INSTANT, app, append, append_one, p2p, p2t, packets_of, sweep_round
from tests.fakes.clock import DAY_MS, FakeClock


async def test_a_repeat_is_known_across_a_restart(path: Path, clock: FakeClock) -> None:
    store = SqliteStore.open(path, clock=clock)
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    first = await append_one(store, p2p(alice, "bob", "a-1"))
    await store.aclose()

    store = SqliteStore.open(path, clock=clock)
    repeat = await append_one(store, p2p(alice, "bob", "a-1"))
    await store.aclose()

    assert repeat == Commit(first.message, is_repeat=True, recipients=())


@pytest.mark.parametrize("is_swept", [False, True])
async def test_sequences_go_on_across_a_restart_whatever_the_clock_says(
    path: Path, clock: FakeClock, is_swept: bool
) -> None:
    """Also when the last message has been deleted."""
    store = SqliteStore.open(path, clock=clock)
    await store.save_app(app(settings=AppSettings(inboxTime=1, msgStorageTime=1)))
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    last = await append_one(store, p2p(alice, "bob", "a-1"))
    if is_swept:
        clock.advance(2 * DAY_MS)
        await sweep_round(store)
    await store.aclose()

    clock.advance(-10 * DAY_MS)
    store = SqliteStore.open(path, clock=clock)
    again = await append_one(store, p2p(alice, "bob", "a-2"))
    inbox = await packets_of(store, again.message.to_user_id)
    await store.aclose()

    assert again.message.sequence > last.message.sequence
    assert inbox == (["a-2"] if is_swept else ["a-1", "a-2"])


async def test_everything_else_is_there_again(path: Path, clock: FakeClock) -> None:
    store = SqliteStore.open(path, clock=clock)
    await store.save_app(app())
    accounts = alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="n", extra="e")
    await store.open_device(bob.user_id, "phone")
    store.move_cursor(bob.user_id, "phone", Position(7))
    await store.aclose()

    store = SqliteStore.open(path, clock=clock)
    snapshot = await store.load_apps(None)
    found = await store.ensure_accounts(APP, ("alice", "bob"))
    found_topic = await store.find_topic(topic.topic_id)
    cursor = await store.open_device(bob.user_id, "phone")
    commit = await append_one(store, p2t(bob, topic.topic_id, "b-1", resource="tablet"))
    await store.aclose()

    assert snapshot is not None
    assert snapshot.apps == (app(),)
    assert (found, found_topic, cursor) == (accounts, topic, 7)
    assert {user_id for user_id, _ in commit.recipients} == {alice.user_id, bob.user_id}


async def test_the_outbox_is_there_again(path: Path, clock: FakeClock) -> None:
    """With its counts, and with numbers that go on."""
    store = SqliteStore.open(path, clock=clock)
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await append(store, *[p2p(alice, "bob", str(n), callbacks=INSTANT) for n in range(4)])
    events = await store.list_callbacks(APP, CallbackState.WAITING, after=EventId(0), limit=10)
    await store.settle_callback(events[0].event_id, delivered=False, error="500", retry_at_ms=5)
    await store.settle_callback(events[1].event_id, delivered=False, error="gone")
    await store.settle_callback(events[3].event_id, delivered=True)
    await store.aclose()

    store = SqliteStore.open(path, clock=clock)
    waiting = await store.list_callbacks(APP, CallbackState.WAITING, after=EventId(0), limit=10)
    dead = await store.list_callbacks(APP, CallbackState.DEAD, after=EventId(0), limit=10)
    counts = await store.count_callbacks()
    full = CallbackWish(instant=True, max_waiting=2)
    await append_one(store, p2p(alice, "bob", "4", callbacks=full))
    *_, last = await store.list_callbacks(APP, CallbackState.DEAD, after=EventId(0), limit=10)
    await store.aclose()

    assert waiting == (
        msgspec.structs.replace(events[0], attempts=1, last_error="500", next_attempt_ms=5),
        events[2],
    )
    assert [(event.event_id, event.last_error) for event in dead] == [(events[1].event_id, "gone")]
    assert counts == {(APP, CallbackState.WAITING): 2, (APP, CallbackState.DEAD): 1}
    assert last.message.packet_id == "4"
    assert last.event_id > events[3].event_id


async def test_blacklists_and_contacts_are_there_again(path: Path, clock: FakeClock) -> None:
    store = SqliteStore.open(path, clock=clock)
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await append_one(store, p2p(alice, "bob", "1"))
    await append_one(store, p2p(alice, "carol", "2"))
    await store.delete_contact(alice.user_id, Conversation.between(alice.user_id, bob.user_id))
    await store.block(alice.user_id, bob.user_id)
    await store.aclose()

    store = SqliteStore.open(path, clock=clock)
    (refused,) = await append(store, p2p(bob, "alice", "3"))
    contacts = await store.contacts_of(alice.user_id, not_before_ms=0, limit=10)
    await store.aclose()

    assert isinstance(refused, SenderBlocked)
    assert [contact.name for contact in contacts] == ["carol"]


async def test_closing_leaves_one_file(path: Path, clock: FakeClock) -> None:
    store = SqliteStore.open(path, clock=clock)
    await store.ensure_accounts(APP, ("alice",))

    await store.aclose()

    assert [entry.name for entry in path.parent.iterdir()] == ["openmimc.db"]


async def test_settings_of_a_later_version_are_passed_over(
    store: SqliteStore, connection: sqlite3.Connection
) -> None:
    await store.save_app(app(settings=AppSettings(inboxTime=3)))
    connection.execute("UPDATE app SET settings = json_set(settings, '$.laterSetting', 1)")

    snapshot = await store.load_apps(None)

    assert snapshot is not None
    assert snapshot.apps[0].settings == AppSettings(inboxTime=3)


# ------------------------------------------------------------------ two on one file


async def test_two_stores_see_each_others_apps_at_once(
    path: Path, clock: FakeClock, store: SqliteStore
) -> None:
    command_line = SqliteStore.open(path, clock=clock)
    empty = await store.load_apps(None)
    assert empty is not None

    await command_line.save_app(app())
    seen = await store.load_apps(empty.version)
    assert seen is not None
    await store.save_app(msgspec.structs.replace(app(), name="renamed"))
    seen_back = await command_line.load_apps(seen.version)
    await command_line.delete_app(APP)
    gone = await store.load_apps(seen.version)
    await command_line.aclose()

    assert [entry.name for entry in seen.apps] == ["demo"]
    assert seen_back is not None
    assert [entry.name for entry in seen_back.apps] == ["renamed"]
    assert gone is not None
    assert gone.apps == ()


async def test_an_account_created_by_another_process_is_not_created_again(
    path: Path, clock: FakeClock, store: SqliteStore
) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await append_one(store, p2p(alice, "carol", "a-1"))
    command_line = SqliteStore.open(path, clock=clock)

    (bob,) = await command_line.ensure_accounts(APP, ("bob",))
    commit = await append_one(store, p2p(alice, "bob", "a-2"))
    (bob_again,) = await store.ensure_accounts(APP, ("bob",))
    await command_line.aclose()

    assert commit.message.to_user_id == bob.user_id == bob_again.user_id


async def test_what_another_process_changes_is_not_remembered_wrongly(
    path: Path, clock: FakeClock, store: SqliteStore
) -> None:
    """Members, devices and the last sequence are all in the first store's memory by then."""
    alice, bob, carol = await store.ensure_accounts(APP, ("alice", "bob", "carol"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    await append_one(store, p2t(alice, topic.topic_id, "a-1"))
    other = SqliteStore.open(path, clock=clock)

    await other.change_topic(
        topic.topic_id, topic.version, TopicChange(add=(carol.user_id,), remove=(bob.user_id,))
    )
    await other.open_device(alice.user_id, "tablet")
    theirs = await append_one(other, p2p(bob, "carol", "b-1"))
    ours = await append_one(store, p2t(alice, topic.topic_id, "a-2", resource="phone"))
    (refused,) = await append(store, p2t(bob, topic.topic_id, "b-2"))
    await other.aclose()

    assert {user_id for user_id, _ in ours.recipients} == {carol.user_id, alice.user_id}
    assert ours.message.sequence > theirs.message.sequence
    assert not isinstance(refused, Commit)


async def test_a_block_by_another_process_holds(path: Path, clock: FakeClock, store: SqliteStore) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await append_one(store, p2p(bob, "alice", "1"))
    other = SqliteStore.open(path, clock=clock)

    await other.block(alice.user_id, bob.user_id)
    (refused,) = await append(store, p2p(bob, "alice", "2"))
    await other.aclose()

    assert isinstance(refused, SenderBlocked)
