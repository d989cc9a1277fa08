"""What unlimited groups and numbers leave in the file, and how it goes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from openmimc.domain.ports import SweepCursor
from openmimc.errors import Muted, NoSuchTopic, NotAMember, Unavailable
from openmimc.model.app import AppSettings
from openmimc.model.group import GroupChange, GroupCursor
from openmimc.model.ids import Sequence, UserId
from openmimc.model.message import Commit, Draft
from openmimc.store.sqlite import SqliteStore
from openmimc.store.sqlite.retention import ROWS_PER_STEP
from tests.contract.drafts import (
    APP,
    app,
    append,
    append_one,
    group_of,
    ignore,
    p2p,
    p2t,
    sweep_round,
    uc,
)
from tests.fakes.clock import FakeClock

TABLES = (
    "unlimited_group",
    "group_member",
    "group_mute",
    "group_cursor",
    "dismissed_group",
    "conversation_count",
)


def rows_of(connection: sqlite3.Connection) -> dict[str, int]:
    """How many rows there are; tables without any left out."""
    counts = {
        table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - constants of ours
        for table in TABLES
    }
    return {table: count for table, count in counts.items() if count}


def numbered(draft: Draft) -> Draft:
    return msgspec.structs.replace(draft, wants_index=True)


async def test_what_is_left_of_a_dismissed_group_goes_in_small_steps(
    store: SqliteStore, connection: sqlite3.Connection
) -> None:
    """However many members it had: dismissing it is a few rows."""
    await store.save_app(app())
    number = 2 * ROWS_PER_STEP + 100
    accounts = await store.ensure_accounts(APP, tuple(f"user-{n}" for n in range(number)))
    group_id = await group_of(store, accounts[0], accounts[1], accounts[2])
    kept = await group_of(store, accounts[0], accounts[1])
    connection.executemany(
        "INSERT INTO group_member (group_id, user_id, joined_sequence) VALUES (?, ?, 1)",
        [(group_id, account.user_id) for account in accounts[3:]],
    )
    for muted_group in (group_id, kept):
        await store.mute_group_member(muted_group, accounts[1].user_id, 2**40)
        await store.move_group_cursors(
            tuple(GroupCursor(muted_group, account.user_id, "phone", Sequence(5)) for account in accounts)
        )
    changes_before = connection.total_changes

    await store.delete_group(group_id, ignore)
    changes = connection.total_changes - changes_before
    cursor, steps = SweepCursor(stage=3), []
    while not cursor.is_done:
        cursor = await store.sweep(cursor, 100)
        steps.append(cursor.deleted)

    assert changes < 10
    assert rows_of(connection) == {
        "unlimited_group": 1,
        "group_member": 2,
        "group_mute": 1,
        "group_cursor": 2,
    }
    assert max(steps) <= 2 * ROWS_PER_STEP + 1
    assert sum(steps) == 2 * number + 2


async def test_an_app_that_is_gone_leaves_no_rows(store: SqliteStore, connection: sqlite3.Connection) -> None:
    await store.save_app(app())
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    group_id = await group_of(store, alice, bob)
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    await store.mute_group_member(group_id, bob.user_id, 2**40)
    await store.move_group_cursors((GroupCursor(group_id, bob.user_id, "phone", Sequence(5)),))
    await append(store, numbered(p2p(alice, "bob", "1")), numbered(p2t(alice, topic.topic_id, "2")))
    # No account leads to this one.
    connection.execute("INSERT INTO topic VALUES (7, ?, 5, '', '', '', 1)", (APP,))
    connection.execute("INSERT INTO conversation_count VALUES (0, 7, 5)")
    before = rows_of(connection)

    await store.delete_app(APP)
    await sweep_round(store)

    assert before == {
        "unlimited_group": 1,
        "group_member": 2,
        "group_mute": 1,
        "group_cursor": 1,
        "conversation_count": 3,
    }
    assert rows_of(connection) == {}


async def test_a_temporary_account_leaves_no_rows(
    store: SqliteStore, connection: sqlite3.Connection, clock: FakeClock
) -> None:
    """Its cursors, mutes and numbers go, those of others stay; a topic with the number of a user is no user."""
    await store.save_app(app(settings=AppSettings(uuidTTL=60)))
    (old,) = await store.ensure_accounts(APP, ("old",))
    clock.advance(30_000)
    young, other = await store.ensure_accounts(APP, ("young", "other"))
    group_id = await group_of(store, young, old)
    for account in (old, young):
        await store.mute_group_member(group_id, account.user_id, 2**40)
        await store.move_group_cursors((GroupCursor(group_id, account.user_id, "phone", Sequence(5)),))
    await store.leave_group(group_id, old.user_id, APP, ignore)  # The mute stays.
    lonely = await store.create_topic(APP, old.user_id, (), name="", extra="")
    await append(
        store,
        numbered(p2p(old, "young", "1")),
        numbered(p2p(other, "young", "2")),
        numbered(p2p(young, "old", "3")),
        numbered(p2p(old, "old", "4")),
        numbered(p2t(old, lonely.topic_id, "5")),
    )
    connection.execute("INSERT INTO conversation_count VALUES (0, ?, 5)", (old.user_id,))
    clock.advance(30_001)

    await sweep_round(store)

    assert rows_of(connection) == {
        "unlimited_group": 1,
        "group_member": 1,
        "group_mute": 1,
        "group_cursor": 1,
        "conversation_count": 2,
    }


async def test_a_topic_that_is_dismissed_takes_its_numbers_along(
    store: SqliteStore, connection: sqlite3.Connection
) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topics = [await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="") for _ in range(2)]
    await append(store, *[numbered(p2t(alice, topic.topic_id, str(topic.topic_id))) for topic in topics])

    await store.delete_topic(topics[0].topic_id, topics[0].version + 1)
    stale = rows_of(connection)
    await store.delete_topic(topics[0].topic_id, topics[0].version)
    rows = connection.execute("SELECT first_id, second_id, last_index FROM conversation_count").fetchall()

    assert stale == {"conversation_count": 2}
    assert rows == [(0, topics[1].topic_id, 1)]


async def test_mutes_that_are_over_are_cleared_away_by_the_next_one(
    store: SqliteStore, connection: sqlite3.Connection, clock: FakeClock
) -> None:
    accounts = await store.ensure_accounts(APP, tuple(f"user-{n}" for n in range(5)))
    group_id = await group_of(store, *accounts)
    now_s = clock.now_ms() // 1_000
    for account in accounts[1:4]:
        await store.mute_group_member(group_id, account.user_id, now_s + 60)
    clock.advance(60_000)

    await store.mute_group_member(group_id, accounts[4].user_id, now_s + 120)

    assert rows_of(connection)["group_mute"] == 1


# ------------------------------------------------------------------ restarts


async def test_groups_and_numbers_are_there_again(path: Path, clock: FakeClock) -> None:
    store = SqliteStore.open(path, clock=clock)
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    group_id = await group_of(store, alice, bob)
    await store.mute_group_member(group_id, bob.user_id, 2**40)
    await store.move_group_cursors((GroupCursor(group_id, alice.user_id, "phone", Sequence(5)),))
    await append(store, numbered(p2p(alice, "bob", "1")), uc(alice, group_id, "2"))
    before = (
        await store.find_group(group_id),
        await store.group_members(group_id, after=UserId(0), limit=9),
        await store.group_places(alice.user_id, "phone"),
        await store.read_group(group_id, after=Sequence(0), not_before_ms=0, limit=9, max_bytes=99),
    )
    await store.aclose()

    store = SqliteStore.open(path, clock=clock)
    after = (
        await store.find_group(group_id),
        await store.group_members(group_id, after=UserId(0), limit=9),
        await store.group_places(alice.user_id, "phone"),
        await store.read_group(group_id, after=Sequence(0), not_before_ms=0, limit=9, max_bytes=99),
    )
    second = await append_one(store, numbered(p2p(bob, "alice", "3")))
    (refused,) = await append(store, uc(bob, group_id, "4"))
    await store.aclose()

    assert after == before
    assert second.message.index == 2
    assert isinstance(refused, Muted)


@pytest.mark.parametrize("last", ["join", "leave", "delete"])
async def test_the_sequence_of_a_change_does_not_come_again(path: Path, clock: FakeClock, last: str) -> None:
    """Not even when no message followed and the clock was set back over a restart."""
    store = SqliteStore.open(path, clock=clock)
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    group_id = await group_of(store, alice)
    changes: list[GroupChange] = []
    await store.join_group(group_id, bob.user_id, APP, changes.append)
    if last == "leave":
        await store.leave_group(group_id, bob.user_id, APP, changes.append)
    elif last == "delete":
        await store.delete_group(group_id, changes.append)
    await store.aclose()

    clock.advance(-60_000)
    store = SqliteStore.open(path, clock=clock)
    commit = await append_one(store, p2p(alice, "bob", "1"))
    await store.aclose()

    assert commit.message.sequence == changes[-1].sequence + 1


# ------------------------------------------------------------------ two on one file


async def test_what_another_process_does_to_a_group_counts_at_once(
    path: Path, clock: FakeClock, store: SqliteStore
) -> None:
    alice, bob, carol = await store.ensure_accounts(APP, ("alice", "bob", "carol"))
    group_id = await group_of(store, alice, bob)
    await append_one(store, uc(bob, group_id, "1"))
    await append_one(store, numbered(p2p(alice, "bob", "2")))
    other = SqliteStore.open(path, clock=clock)
    changes: list[GroupChange] = []

    await other.join_group(group_id, carol.user_id, APP, changes.append)
    await append_one(other, numbered(p2p(alice, "bob", "3")))
    numbers = await append_one(store, numbered(p2p(alice, "bob", "4")))
    joined = await append_one(store, uc(carol, group_id, "5"))
    await other.mute_group_member(group_id, carol.user_id, 2**40)
    await other.leave_group(group_id, bob.user_id, APP, changes.append)
    refused = await append(store, uc(carol, group_id, "6"), uc(bob, group_id, "7"))
    await other.delete_group(group_id, changes.append)
    refused += await append(store, uc(alice, group_id, "8"))
    await other.aclose()

    assert numbers.message.index == 3
    assert joined.message.sequence > changes[0].sequence
    assert [type(outcome) for outcome in refused] == [Muted, NotAMember, NoSuchTopic]


# ------------------------------------------------------------------ trouble


async def test_a_change_that_cannot_be_stored_is_not_told(
    store: SqliteStore, connection: sqlite3.Connection
) -> None:
    """It is undone whole; the next one works."""
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    group_id = await group_of(store, alice)
    connection.execute(
        "CREATE TRIGGER no_count BEFORE UPDATE OF member_count ON unlimited_group"
        " BEGIN SELECT raise(ABORT, 'no'); END"
    )
    changes: list[GroupChange] = []

    with pytest.raises(Unavailable):
        await store.join_group(group_id, bob.user_id, APP, changes.append)
    failed = await store.find_group_member(group_id, bob.user_id)
    connection.execute("DROP TRIGGER no_count")
    await store.join_group(group_id, bob.user_id, APP, changes.append)

    assert failed is None
    assert len(changes) == 1


async def test_a_listener_that_fails_does_not_keep_the_answer_back(store: SqliteStore) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    def fail(_change: GroupChange) -> None:
        raise RuntimeError("the listener's own fault")

    group = await store.create_group(APP, alice.user_id, name="", extra="", on_change=fail)

    assert await store.find_group(group.group_id) == group


async def test_a_group_whose_number_is_taken_gets_another(store: SqliteStore) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    first = await group_of(store, alice)
    numbers = iter([first, first, 77])
    store._ledger.new_id = lambda: next(numbers)

    assert await group_of(store, alice) == 77


async def test_in_a_large_batch_each_message_is_judged_by_its_own_group(store: SqliteStore) -> None:
    """More than one statement's rows, in one transaction."""
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    groups = [await group_of(store, alice) for _ in range(3)]
    drafts = [
        uc(bob if number % 5 == 0 else alice, groups[number % 3], str(number))
        if number % 2
        else p2p(alice, "bob", str(number))
        for number in range(1_200)
    ]

    outcomes = await append(store, *drafts)

    expected = [NotAMember if number % 2 and number % 5 == 0 else Commit for number in range(1_200)]
    assert [type(outcome) for outcome in outcomes] == expected
    sequences = [outcome.message.sequence for outcome in outcomes if isinstance(outcome, Commit)]
    assert sequences == sorted(set(sequences))
