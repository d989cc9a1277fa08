"""No statement of a running server reads a whole table."""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from openmimc.model.app import AppSettings
from openmimc.model.callback import CallbackState, EventId
from openmimc.model.group import GroupCursor
from openmimc.model.history import Conversation
from openmimc.model.ids import Position, Sequence, TopicId, UserId
from openmimc.model.message import Kind
from openmimc.model.topic import TopicChange
from openmimc.store.sqlite import (
    SqliteStore,
    accounts,
    blacklist,
    callbacks,
    contacts,
    counts,
    devices,
    group_log,
    groups,
    history,
    inbox,
    lookups,
    topics,
)
from tests.contract.drafts import (
    APP,
    BOTH,
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
from tests.fakes.clock import DAY_MS, FakeClock

GROWING_TABLES = (
    "message",
    "inbox",
    "packet",
    "account",
    "device",
    "topic",
    "topic_member",
    "contact",
    "block",
    "callback",
    "unlimited_group",
    "group_member",
    "group_mute",
    "group_cursor",
    "conversation_count",
    "message_count",
)


def scans_of(connection: sqlite3.Connection, statement: str) -> list[str]:
    """Steps of the statement's plan that go through a growing table from end to end."""
    aliases = {
        alias or table
        for table, alias in re.findall(
            r"(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)(?:\s+(?!ON\b|SET\b|WHERE\b)(\w+))?", statement
        )
        if table in GROWING_TABLES
    }
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    return [
        step for step in plan if step.startswith("SCAN") and step.split()[1] in aliases | set(GROWING_TABLES)
    ]


def test_a_scan_is_recognised(connection: sqlite3.Connection) -> None:
    """The check itself works."""
    assert scans_of(connection, "SELECT count(*) FROM inbox i WHERE i.sequence = 5")
    assert scans_of(connection, "SELECT * FROM message")
    assert not scans_of(connection, "SELECT * FROM message m WHERE m.sequence = 5")
    connection.close()


async def test_no_statement_goes_through_a_table_from_end_to_end(
    store: SqliteStore, connection: sqlite3.Connection, path: Path, clock: FakeClock
) -> None:
    reader = sqlite3.connect(path, isolation_level=None)
    statements: set[str] = set()
    for traced in (connection, reader):
        traced.set_trace_callback(lambda statement: statements.add(statement))
    await store.save_app(app())
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await store.open_device(alice.user_id, "tablet")
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    await append(store, *[p2p(alice, f"user-{index}", f"a-{index}", callbacks=BOTH) for index in range(5)])
    await store.block(alice.user_id, bob.user_id)
    await append_one(store, p2p(alice, "bob", "a-5", callbacks=BOTH))
    await store.unblock(alice.user_id, bob.user_id)
    await store.append_together((p2t(alice, topic.topic_id, "t-0", callbacks=BOTH),))
    await store.delete_contact(alice.user_id, Conversation.between(alice.user_id, bob.user_id))
    await store.delete_contact(alice.user_id, Conversation.of_topic(topic.topic_id))
    delivered, dead, *_ = await store.list_callbacks(APP, CallbackState.WAITING, after=EventId(0), limit=9)
    await store.settle_callback(delivered.event_id, delivered=True)
    for event_ids in ((dead.event_id,), None):
        await store.settle_callback(dead.event_id, delivered=False)
        await store.replay_callbacks(APP, event_ids, 0)
    numbered = [p2p(alice, "bob", "n-1"), p2t(alice, topic.topic_id, "n-2")]
    await append(store, *[msgspec.structs.replace(draft, wants_index=True) for draft in numbered])
    group_id = await group_of(store, alice, bob)
    await append(store, *[uc(alice, group_id, f"g-{index}", is_store=index % 2 == 0) for index in range(4)])
    await store.mute_group_member(group_id, bob.user_id, 2**40)
    await store.move_group_cursors((GroupCursor(group_id, bob.user_id, "phone", Sequence(1)),))
    await store.leave_group(group_id, bob.user_id, APP, ignore)
    await store.join_group(group_id, bob.user_id, APP, ignore)
    await store.delete_group(await group_of(store, alice, bob), ignore)
    commit = await append_one(store, p2t(alice, topic.topic_id, "t-1"))
    await append_one(store, p2t(alice, topic.topic_id, "t-1"))
    store.move_cursor(alice.user_id, "tablet", Position(commit.message.sequence))
    await store.change_account(alice.user_id, revoke_tokens=True)
    await sweep_round(store)
    assert inbox.measure(reader, bob.user_id, "phone", Position(0), not_before_ms=0, more_than=0)
    changed = await store.change_topic(topic.topic_id, 1, TopicChange(name="n", remove=(bob.user_id,)))
    assert changed is not None
    await store.delete_topic(topic.topic_id, changed.version)
    await store.delete_app(APP)
    await sweep_round(store)
    await store.save_app(app(settings=AppSettings(inboxTime=1, msgStorageTime=1, uuidTTL=1)))
    await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    carol, _ = await store.ensure_accounts(APP, ("carol", "dave"))
    await group_of(store, carol)
    clock.advance(2 * DAY_MS)
    await sweep_round(store)
    inbox.read(reader, bob.user_id, Position(0), not_before_ms=0, max_messages=50, max_bytes=65_536)
    accounts.find(reader, APP, "alice")
    topics.find(reader, topic.topic_id)
    topics.topics_of(reader, bob.user_id)
    of_users = Conversation.between(alice.user_id, bob.user_id)
    for conversation in (of_users, Conversation.of_topic(topic.topic_id), Conversation.of_group(group_id)):
        for newest in (False, True):
            history.read(reader, conversation, start=Sequence(0), stop=Sequence(9), limit=9, newest=newest)
    contacts.read(reader, bob.user_id, not_before=Sequence(0), limit=9)
    groups.find(reader, group_id)
    groups.find_member(reader, group_id, bob.user_id, now_ms=1)
    groups.members(reader, group_id, after=UserId(0), limit=9, now_ms=1)
    groups.groups_of(reader, bob.user_id)
    groups.places(reader, bob.user_id, "phone")
    blacklist.is_blocked(reader, alice.user_id, bob.user_id)
    callbacks.due(reader, 9, busy=frozenset({APP}), limit_per_app=9, limit=9)
    callbacks.find(reader, APP, CallbackState.DEAD, after=EventId(0), limit=9)
    callbacks.count(reader)
    callbacks.find_of(reader, commit.message.sequence)
    group_log.read(reader, group_id, Sequence(0), not_before_ms=0, limit=9, max_bytes=99)
    accounts.search(reader, APP, "al", after="", limit=9)
    accounts.revoked_since(reader, 0)
    counts.read(reader, APP, from_ms=0, to_ms=2**50)
    devices.find(reader, alice.user_id)
    topics.find_all(reader, APP, after=TopicId(0), limit=9)
    groups.find_all(reader, APP, after=TopicId(0), limit=9)
    lookups.find(reader, commit.message.sequence)
    lookups.find_packets(reader, APP, "a-1", 9)
    for kind in (Kind.P2P, Kind.P2T):
        lookups.holders_of(reader, msgspec.structs.replace(commit.message, kind=kind))
    for traced in (connection, reader):
        traced.set_trace_callback(None)

    explainable = [s for s in statements if re.match("(SELECT|WITH|INSERT|UPDATE|DELETE)", s)]
    found = {statement: scans for statement in explainable if (scans := scans_of(reader, statement))}
    reader.close()

    assert len(explainable) > 70
    assert found == {}


# ------------------------------------------------------------------ the reads that lean on one index


def plan_of(connection: sqlite3.Connection, read: Callable[[sqlite3.Connection], object]) -> list[str]:
    """Steps of the plan of the only statement that a read runs, as SQLite names them."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    read(connection)
    connection.set_trace_callback(None)
    (statement,) = statements
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]


@pytest.mark.parametrize("newest", [False, True])
def test_history_is_one_walk_along_the_index_of_its_conversations(
    connection: sqlite3.Connection, newest: bool
) -> None:
    """From its first row to its last, without sorting, whatever the table holds besides."""

    def read(conversation: Conversation) -> list[str]:
        return plan_of(
            connection,
            lambda c: history.read(
                c, conversation, start=Sequence(1), stop=Sequence(9), limit=9, newest=newest
            ),
        )

    of_users = read(Conversation.between(UserId(1), UserId(2)))
    of_topic = read(Conversation.of_topic(TopicId(3)))
    of_group = read(Conversation.of_group(TopicId(3)))
    connection.close()

    assert [step for step in of_users if " message " in step] == [
        "SEARCH message USING INDEX message_conversation (<expr>=? AND <expr>=? AND rowid>? AND rowid<?)"
    ]
    assert [step for step in of_topic if " message " in step] == [
        "SEARCH message USING INDEX message_topic (target_id=? AND rowid>? AND rowid<?)"
    ]
    assert [step for step in of_group if " message " in step] == [
        "SEARCH message USING INDEX message_group (target_id=? AND is_store=? AND rowid>? AND rowid<?)"
    ]
    assert not [step for step in (*of_users, *of_topic, *of_group) if "TEMP B-TREE" in step]


async def test_the_newest_of_a_groups_log_cost_the_same_whatever_it_holds(
    store: SqliteStore, path: Path
) -> None:
    """Also where all of it, or nothing, is kept for history; SQLite's own count of steps says so."""
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    counts = []
    for length in (20, 2_000):
        for is_store in (True, False):
            group_id = await group_of(store, alice)
            name = f"{length}-{is_store}"
            await append(
                store,
                *[uc(alice, group_id, f"{name}-{n}", payload=b"", is_store=is_store) for n in range(length)],
            )
            reader = sqlite3.connect(path, isolation_level=None)
            reader.execute("SELECT 1 FROM message LIMIT 0").fetchall()  # Reads the schema.
            steps = itertools.count()
            reader.set_progress_handler(lambda steps=steps: next(steps) < 0, 1)
            found = group_log.read(reader, group_id, Sequence(0), not_before_ms=0, limit=10, max_bytes=99)
            reader.close()
            assert len(found) == 10
            counts.append(next(steps))

    assert max(counts) - min(counts) < 50


def test_a_search_is_one_walk_between_the_ends_of_its_names(connection: sqlite3.Connection) -> None:
    plans = [
        plan_of(connection, lambda c, prefix=prefix: accounts.search(c, APP, prefix, after="", limit=9))
        for prefix in ("al", "")
    ]
    connection.close()

    assert (
        plans
        == [["SEARCH account USING INDEX sqlite_autoindex_account_1 (app_id=? AND name>? AND name<?)"]] * 2
    )


def test_an_apps_topics_and_groups_are_one_walk_along_their_index(connection: sqlite3.Connection) -> None:
    of_topics = plan_of(connection, lambda c: topics.find_all(c, APP, after=TopicId(0), limit=9))
    of_groups = plan_of(connection, lambda c: groups.find_all(c, APP, after=TopicId(0), limit=9))
    connection.close()

    assert "SEARCH t USING INDEX topic_app (app_id=? AND rowid>?)" in of_topics
    assert "SEARCH g USING INDEX unlimited_group_app (app_id=? AND rowid>?)" in of_groups
    assert not [step for step in (*of_topics, *of_groups) if "TEMP B-TREE" in step]


def test_a_packet_id_is_looked_for_from_the_newest_message_of_its_app_on(
    connection: sqlite3.Connection,
) -> None:
    plan = plan_of(connection, lambda c: lookups.find_packets(c, APP, "p", 9))
    connection.close()

    walks = [step for step in plan if "message_retention" in step]
    assert [step.replace(" COVERING", "") for step in walks] == [
        "SEARCH message USING INDEX message_retention (app_id=? AND is_store=?)"
    ] * 2


def test_members_are_one_walk_along_their_key(connection: sqlite3.Connection) -> None:
    plan = plan_of(connection, lambda c: groups.members(c, TopicId(1), after=UserId(5), limit=9, now_ms=1))
    connection.close()

    assert "SEARCH m USING PRIMARY KEY (group_id=? AND user_id>?)" in plan
    assert not [step for step in plan if "TEMP B-TREE" in step]


def test_a_users_groups_are_found_in_the_order_of_joining(connection: sqlite3.Connection) -> None:
    plan = plan_of(connection, lambda c: groups.places(c, UserId(1), "phone"))
    connection.close()

    assert "SEARCH m USING COVERING INDEX group_member_user (user_id=?)" in plan
    assert not [step for step in plan if "TEMP B-TREE" in step]


async def test_a_backlog_that_is_small_is_measured_without_its_messages(connection: sqlite3.Connection) -> None:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    inbox.measure(connection, UserId(1), "phone", Position(0), not_before_ms=0, more_than=9)
    connection.close()

    assert [statement for statement in statements if " inbox " in statement]
    assert not [statement for statement in statements if " message " in statement]


def test_a_contacts_last_message_is_the_last_entry_of_an_index(connection: sqlite3.Connection) -> None:
    plan = plan_of(connection, lambda c: contacts.read(c, UserId(1), not_before=Sequence(0), limit=9))
    connection.close()

    assert "SEARCH c USING PRIMARY KEY (user_id=?)" in plan
    assert "SEARCH tm USING INDEX topic_member_user (user_id=?)" in plan
    assert [step.replace(" COVERING", "") for step in plan if " message " in step] == [
        "SEARCH message USING INDEX message_conversation (<expr>=? AND <expr>=?)",
        "SEARCH message USING INDEX message_topic (target_id=?)",
    ]


def test_due_callbacks_are_found_by_app_and_time(connection: sqlite3.Connection) -> None:
    plan = plan_of(connection, lambda c: callbacks.due(c, 9, busy=frozenset(), limit_per_app=9, limit=9))
    connection.close()

    steps = [step.replace(" COVERING", "") for step in plan if "callback_due" in step]
    assert steps[:2] == [
        "SEARCH callback USING INDEX callback_due",
        "SEARCH callback USING INDEX callback_due (app_id>?)",
    ]
    assert steps[2:] == ["SEARCH callback USING INDEX callback_due (app_id=? AND due_ms<?)"]


async def test_looking_for_due_callbacks_costs_nothing_much_when_none_is(
    store: SqliteStore, path: Path, clock: FakeClock
) -> None:
    """Thousands wait for a later attempt; SQLite's own count of steps says that they were not looked at."""
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await append(store, *[p2p(alice, "bob", str(n), payload=b"", callbacks=BOTH) for n in range(2_000)])
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("SELECT 1 FROM callback LIMIT 0").fetchall()  # Reads the schema, which has steps of its own.
    steps = 0

    def count_step() -> None:
        nonlocal steps
        steps += 1

    reader.set_progress_handler(count_step, 1)
    found = callbacks.due(reader, clock.now_ms() - 1, busy=frozenset(), limit_per_app=9, limit=9)
    reader.close()

    assert found == ()
    assert steps < 400
