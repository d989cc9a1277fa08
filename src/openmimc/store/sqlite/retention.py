"""Deletes, in small steps, what is past its time.

A round has three stages. Nothing remembers which inboxes point to a message, so the order of the stages has to
guarantee that none does when it is deleted:

1. INBOXES, by users in ascending id: inbox rows older than the app's ``inboxTime``, packet ids older than a
   day. The cutoffs are fixed when the round begins. When the last user has been looked at, no inbox of an app
   points below its cutoff, and none ever will, since sequences only grow: that is written down in
   ``inbox_swept``.
2. MESSAGES, by app: those past their time, but only below ``inbox_swept``. A message is therefore kept for
   ``inboxTime`` at least, even where ``msgStorageTime`` is shorter.
3. GONE_APPS, what belongs to apps that are no more: the users' rows, then the users; topics; at last messages.

A step deletes at most ``ROWS_PER_STEP`` rows of a table and is repeated in place while there may be more.
"""

from __future__ import annotations

import sqlite3
from enum import IntEnum

from openmimc.domain.ports import SweepCursor
from openmimc.model.app import AppSettings
from openmimc.model.ids import SEQUENCES_PER_MS, AppId, Sequence, UserId
from openmimc.store.sqlite.appends import REPEAT_WINDOW_MS
from openmimc.store.sqlite.apps import settings_of
from openmimc.store.sqlite.bulk import Bulk
from openmimc.store.sqlite.ledger import Ledger

ROWS_PER_STEP = 1_000
"""Narrow rows deleted per table and step: some milliseconds, in which messages wait."""

DAY_MS = 24 * 3600 * 1000


class Stage(IntEnum):
    """What a round is at; the number in ``SweepCursor.stage``."""

    INBOXES = 0
    MESSAGES = 1
    GONE_APPS = 2


_OLD_INBOX_ROWS = Bulk(
    ("app_id", "before"),
    "DELETE FROM inbox WHERE (user_id, sequence) IN (SELECT i.user_id, i.sequence"
    " FROM (SELECT user_id, app_id FROM account WHERE user_id > ? AND user_id <= ?) a"
    " CROSS JOIN v ON v.app_id = a.app_id"
    " CROSS JOIN inbox i ON i.user_id = a.user_id AND i.sequence < v.before LIMIT ?)",
)
_OLD_PACKETS = (
    "DELETE FROM packet WHERE (sender_id, packet_hash, sequence) IN ("
    "SELECT p.sender_id, p.packet_hash, p.sequence FROM packet p"
    " WHERE p.sender_id > ? AND p.sender_id <= ? AND p.sequence < ? LIMIT ?)"
)
_OLD_MESSAGES = Bulk(
    ("app_id", "is_store", "before"),
    "DELETE FROM message WHERE sequence IN (SELECT m.sequence FROM v"
    " CROSS JOIN message m INDEXED BY message_retention"
    " ON m.app_id = v.app_id AND m.is_store = v.is_store AND m.sequence < v.before LIMIT ?)",
)
_KEEP_SWEPT = Bulk(
    ("app_id", "before_sequence"),
    "INSERT INTO inbox_swept (app_id, before_sequence) SELECT * FROM v WHERE app_id IS NOT NULL"
    " ON CONFLICT DO UPDATE SET before_sequence = max(before_sequence, excluded.before_sequence)",
)

_GONE_USERS = "SELECT user_id FROM account WHERE app_id = ? ORDER BY name LIMIT ?"
_GONE_TOPICS = "SELECT topic_id FROM topic WHERE app_id = ? ORDER BY topic_id LIMIT ?"


def sweep(ledger: Ledger, cursor: SweepCursor, limit: int) -> SweepCursor:
    """Do one step.

    Args:
        ledger: Of the transaction.
        cursor: As the last step returned it.
        limit: Users or messages to look at.
    """
    if cursor.is_done:
        return SweepCursor(cursor.stage, is_done=True)
    match Stage(cursor.stage):
        case Stage.INBOXES:
            return _sweep_inboxes(ledger, UserId(cursor.after), limit)
        case Stage.MESSAGES:
            return _sweep_messages(ledger, limit)
        case Stage.GONE_APPS:
            return _sweep_gone_apps(ledger, limit)


def _sweep_inboxes(ledger: Ledger, after: UserId, limit: int) -> SweepCursor:
    connection = ledger.connection
    now_ms = ledger.clock.now_ms()
    if after == 0:
        ledger.sweep_cutoffs = {
            app_id: _before(now_ms, settings.inboxTime * DAY_MS) for app_id, settings in _settings(connection)
        }
    cutoffs = ledger.sweep_cutoffs
    if cutoffs is None:
        return SweepCursor()  # The round was begun by another process, with cutoffs that nobody remembers.
    last: int | None = connection.execute(
        "SELECT max(user_id) FROM (SELECT user_id FROM account WHERE user_id > ? ORDER BY user_id LIMIT ?)",
        (after, limit),
    ).fetchone()[0]
    if last is None:
        _KEEP_SWEPT.run(connection, list(cutoffs.items()))
        return SweepCursor(Stage.MESSAGES)
    inbox_rows = _OLD_INBOX_ROWS.run(connection, list(cutoffs.items()), after, last, ROWS_PER_STEP)
    packet_rows = connection.execute(
        _OLD_PACKETS, (after, last, _before(now_ms, REPEAT_WINDOW_MS), ROWS_PER_STEP)
    ).rowcount
    has_more = max(inbox_rows, packet_rows) >= ROWS_PER_STEP
    return SweepCursor(Stage.INBOXES, after=after if has_more else last, deleted=inbox_rows + packet_rows)


def _sweep_messages(ledger: Ledger, limit: int) -> SweepCursor:
    connection = ledger.connection
    now_ms = ledger.clock.now_ms()
    swept: dict[int, int] = dict(
        connection.execute("SELECT app_id, before_sequence FROM inbox_swept").fetchall()
    )
    ranges: list[tuple[int, int, int]] = []
    for app_id, settings in _settings(connection):
        if app_id in swept:
            for is_store, days in ((0, settings.inboxTime), (1, settings.msgStorageTime)):
                ranges.append((app_id, is_store, min(swept[app_id], _before(now_ms, days * DAY_MS))))
    deleted = _OLD_MESSAGES.run(connection, ranges, limit)
    _keep_last_sequence(ledger)
    return SweepCursor(Stage.MESSAGES if deleted >= limit else Stage.GONE_APPS, deleted=deleted)


def _sweep_gone_apps(ledger: Ledger, limit: int) -> SweepCursor:
    connection = ledger.connection
    ledger.forget()  # Accounts, topics and devices of these apps may be remembered.
    if (app_id := _gone_app_in(connection, "account")) is not None:
        deleted = _delete_users_of(connection, app_id, limit)
    elif (app_id := _gone_app_in(connection, "topic")) is not None:
        deleted = _delete_topics_of(connection, app_id, limit)
    elif (app_id := _gone_app_in(connection, "message")) is not None:
        deleted = _delete_messages_of(connection, app_id, limit)
        _keep_last_sequence(ledger)
    else:
        deleted = connection.execute(
            "DELETE FROM inbox_swept WHERE app_id NOT IN (SELECT app_id FROM app)"
        ).rowcount
        return SweepCursor(Stage.GONE_APPS, deleted=deleted, is_done=True)
    return SweepCursor(Stage.GONE_APPS, deleted=deleted)


def _delete_users_of(connection: sqlite3.Connection, app_id: AppId, limit: int) -> int:
    """Delete rows of some users of an app; the users themselves when they have no other rows any more."""
    deleted = 0
    has_more = False
    for table, key in (
        ("inbox", "user_id, sequence"),
        ("packet", "sender_id, packet_hash, sequence"),
        ("device", "user_id, resource"),
        ("topic_member", "topic_id, user_id"),
    ):
        user_column = "sender_id" if table == "packet" else "user_id"
        count = connection.execute(
            f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table}"  # noqa: S608 - constants of ours
            f" WHERE {user_column} IN ({_GONE_USERS}) LIMIT ?)",
            (app_id, limit, ROWS_PER_STEP),
        ).rowcount
        deleted += count
        has_more = has_more or count >= ROWS_PER_STEP
    if not has_more:
        deleted += connection.execute(
            f"DELETE FROM account WHERE user_id IN ({_GONE_USERS})",  # noqa: S608 - constants of ours
            (app_id, limit),
        ).rowcount
    return deleted


def _delete_topics_of(connection: sqlite3.Connection, app_id: AppId, limit: int) -> int:
    # Members are accounts of the same app: gone before.
    return connection.execute(
        f"DELETE FROM topic WHERE topic_id IN ({_GONE_TOPICS})",  # noqa: S608 - constants of ours
        (app_id, limit),
    ).rowcount


def _delete_messages_of(connection: sqlite3.Connection, app_id: AppId, limit: int) -> int:
    return connection.execute(
        "DELETE FROM message WHERE sequence IN (SELECT sequence FROM message WHERE app_id = ? LIMIT ?)",
        (app_id, limit),
    ).rowcount


def _gone_app_in(connection: sqlite3.Connection, table: str) -> AppId | None:
    """Return an app that has rows in a table (with an index that begins with app_id) but is no more."""
    row = connection.execute(
        # Jumps from app to app along the index.
        f"WITH RECURSIVE used (app_id) AS (SELECT min(app_id) FROM {table} UNION ALL"  # noqa: S608 - constants of ours
        f" SELECT (SELECT min(app_id) FROM {table} WHERE app_id > used.app_id) FROM used"
        " WHERE used.app_id IS NOT NULL)"
        " SELECT app_id FROM used WHERE app_id IS NOT NULL AND app_id NOT IN (SELECT app_id FROM app) LIMIT 1"
    ).fetchall()
    return row[0][0] if row else None


def _settings(connection: sqlite3.Connection) -> list[tuple[AppId, AppSettings]]:
    rows = connection.execute("SELECT app_id, settings FROM app").fetchall()
    return [(app_id, settings_of(settings)) for app_id, settings in rows]


def _before(now_ms: int, age_ms: int) -> Sequence:
    """Return the sequence below which messages are older than this."""
    return Sequence((now_ms - age_ms) * SEQUENCES_PER_MS)


def _keep_last_sequence(ledger: Ledger) -> None:
    """Write the last sequence down: the message that had it may be among those deleted."""
    ledger.connection.execute(
        "UPDATE meta SET value = max(value, ?) WHERE key = 'last_sequence'", (ledger.last_sequence,)
    )
