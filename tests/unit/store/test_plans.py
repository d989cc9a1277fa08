"""No statement of a running server reads a whole table."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from openmimc.model.ids import Position
from openmimc.model.topic import TopicChange
from openmimc.store.sqlite import SqliteStore, accounts, inbox, topics
from tests.contract.drafts import APP, app, append, append_one, p2p, p2t, sweep_round

GROWING_TABLES = ("message", "inbox", "packet", "account", "device", "topic", "topic_member")


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
    store: SqliteStore, connection: sqlite3.Connection, path: Path
) -> None:
    reader = sqlite3.connect(path, isolation_level=None)
    statements: set[str] = set()
    for traced in (connection, reader):
        traced.set_trace_callback(lambda statement: statements.add(statement))
    await store.save_app(app())
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await store.open_device(alice.user_id, "tablet")
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    await append(store, *[p2p(alice, f"user-{index}", f"a-{index}") for index in range(5)])
    commit = await append_one(store, p2t(alice, topic.topic_id, "t-1"))
    await append_one(store, p2t(alice, topic.topic_id, "t-1"))
    store.move_cursor(alice.user_id, "tablet", Position(commit.message.sequence))
    await store.change_account(alice.user_id, revoke_tokens=True)
    await sweep_round(store)
    changed = await store.change_topic(topic.topic_id, 1, TopicChange(name="n", remove=(bob.user_id,)))
    assert changed is not None
    await store.delete_topic(topic.topic_id, changed.version)
    await store.delete_app(APP)
    await sweep_round(store)
    inbox.read(reader, bob.user_id, Position(0), not_before_ms=0, max_messages=50, max_bytes=65_536)
    accounts.find(reader, APP, "alice")
    topics.find(reader, topic.topic_id)
    topics.topics_of(reader, bob.user_id)
    for traced in (connection, reader):
        traced.set_trace_callback(None)

    explainable = [s for s in statements if re.match("(SELECT|WITH|INSERT|UPDATE|DELETE)", s)]
    found = {statement: scans for statement in explainable if (scans := scans_of(reader, statement))}
    reader.close()

    assert len(explainable) > 25
    assert found == {}
