"""Deletes, in small steps, what is past its time.

A round has four stages. Nothing remembers which inboxes point to a message, so the order of the stages has to
guarantee that none does when it is deleted:

1. INBOXES, by users in ascending id: temporary accounts past their time, inbox rows older than the app's
   ``inboxTime``, packet ids older than a day, contacts whose messages are all gone. The cutoffs are fixed when
   the round begins. When the last user has been looked at, no inbox of an app points below its cutoff, and none
   ever will, since sequences only grow: that is written down in ``inbox_swept``.
2. CALLBACKS: those dead for long. Then, in one step: counts of messages older than the app's
   ``msgStorageTime``, revocations older than a day.
3. MESSAGES, by app: those past their time, but only below ``inbox_swept``. A message is therefore kept for
   ``inboxTime`` at least, even where ``msgStorageTime`` is shorter. What a callback points to is passed over,
   and not looked at again in this round: there may be a great many.
4. GONE_APPS, what belongs to apps that are no more: unlimited groups; accounts with all that is theirs; topics;
   callbacks; messages; at last their counts. Before, what is left of unlimited groups that were dismissed, of
   whatever app.

A step deletes at most ``ROWS_PER_STEP`` rows of a table and is repeated in place while there may be more.
"""

from __future__ import annotations

import sqlite3
from enum import IntEnum

import msgspec

from openmimc.domain.ports import SweepCursor
from openmimc.model.app import AppSettings
from openmimc.model.ids import SEQUENCES_PER_MS, AppId, Sequence, TopicId, UserId
from openmimc.store.sqlite import departures, groups, numbers
from openmimc.store.sqlite.appends import REPEAT_WINDOW_MS
from openmimc.store.sqlite.apps import settings_of
from openmimc.store.sqlite.bulk import MAX_ROWS, Bulk
from openmimc.store.sqlite.callbacks import EVENTS_PER_SEQUENCE
from openmimc.store.sqlite.contacts import LAST_OF_PAIR
from openmimc.store.sqlite.counts import HOUR_MS
from openmimc.store.sqlite.ledger import MAX_ID, Cutoffs, Ledger, MessageRange

ROWS_PER_STEP = 1_000
"""Narrow rows deleted per table and step: some milliseconds, in which messages wait."""

DAY_MS = 24 * 3600 * 1000

DEAD_CALLBACK_MS = 30 * DAY_MS
"""How long an operator can look at a dead callback and replay it."""

REVOCATION_MS = DAY_MS
"""How long other processes have to learn of a revocation; they look every second."""


class Stage(IntEnum):
    """What a round is at; the number in ``SweepCursor.stage``."""

    INBOXES = 0
    CALLBACKS = 1
    MESSAGES = 2
    GONE_APPS = 3


_user_ids = msgspec.json.Decoder(list[UserId])
_topic_ids = msgspec.json.Decoder(list[TopicId])
_contact_rows = msgspec.json.Decoder(list[tuple[UserId, UserId, Sequence, Sequence | None]])
_message_rows = msgspec.json.Decoder(list[tuple[int, Sequence, int]])

_EXPIRED_ACCOUNTS = Bulk(
    ("app_id", "before_ms"),
    "SELECT json_group_array(a.user_id)"
    " FROM (SELECT user_id, app_id, created_ms FROM account WHERE user_id > ? AND user_id <= ?) a"
    " CROSS JOIN v ON v.app_id = a.app_id AND a.created_ms < v.before_ms",
)
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
_OLD_CONTACTS = Bulk(
    ("app_id", "before"),
    f"SELECT json_group_array(json_array(c.user_id, c.peer_id, c.before, {LAST_OF_PAIR}))"  # noqa: S608 - constants of ours
    " FROM (SELECT k.user_id, k.peer_id, v.before"
    " FROM (SELECT user_id, app_id FROM account WHERE user_id > ? AND user_id <= ?) a"
    " CROSS JOIN v ON v.app_id = a.app_id"
    " CROSS JOIN contact k ON k.user_id = a.user_id AND k.checked_sequence < v.before LIMIT ?) c",
)
_KEEP_CONTACTS = Bulk(
    ("user_id", "peer_id", "checked_sequence"),
    "UPDATE contact SET checked_sequence = v.checked_sequence FROM v"
    " WHERE contact.user_id = v.user_id AND contact.peer_id = v.peer_id",
)
_DROP_CONTACTS = Bulk(
    ("user_id", "peer_id"), "DELETE FROM contact WHERE (user_id, peer_id) IN (SELECT user_id, peer_id FROM v)"
)
_OLD_MESSAGES = Bulk(
    ("number", "app_id", "is_store", "after", "before"),
    "SELECT json_group_array(json_array(number, sequence, EXISTS (SELECT 1 FROM callback c"  # noqa: S608 - constants of ours
    f" WHERE c.event_id >= sequence * {EVENTS_PER_SEQUENCE}"
    f" AND c.event_id < (sequence + 1) * {EVENTS_PER_SEQUENCE})))"
    " FROM (SELECT v.number, m.sequence FROM v CROSS JOIN message m INDEXED BY message_retention"
    " ON m.app_id = v.app_id AND m.is_store = v.is_store AND m.sequence > v.after AND m.sequence < v.before"
    " LIMIT ?)",
)
_DELETE_MESSAGES = Bulk(("sequence",), "DELETE FROM message WHERE sequence IN (SELECT sequence FROM v)")
_KEEP_SWEPT = Bulk(
    ("app_id", "before_sequence"),
    "INSERT INTO inbox_swept (app_id, before_sequence) SELECT * FROM v WHERE app_id IS NOT NULL"
    " ON CONFLICT DO UPDATE SET before_sequence = max(before_sequence, excluded.before_sequence)",
)

_OLD_COUNTS = Bulk(
    ("app_id", "before_hour"),
    "DELETE FROM message_count WHERE (app_id, hour, kind) IN (SELECT c.app_id, c.hour, c.kind FROM v"
    " CROSS JOIN message_count c ON c.app_id = v.app_id AND c.hour < v.before_hour LIMIT ?)",
)

_GONE_USERS = "SELECT user_id FROM account WHERE app_id = ? ORDER BY name LIMIT ?"
_GONE_GROUPS = "SELECT group_id FROM unlimited_group WHERE app_id = ? LIMIT ?"
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
        case Stage.CALLBACKS:
            return _sweep_callbacks(ledger)
        case Stage.MESSAGES:
            return _sweep_messages(ledger, limit)
        case Stage.GONE_APPS:
            return _sweep_gone_apps(ledger, limit)


def _sweep_inboxes(ledger: Ledger, after: UserId, limit: int) -> SweepCursor:
    connection = ledger.connection
    now_ms = ledger.clock.now_ms()
    if after == 0:
        ledger.sweep_cutoffs = {
            app_id: _cutoffs_of(settings, now_ms) for app_id, settings in _settings(connection)
        }
        ledger.sweep_ranges = None
    cutoffs = ledger.sweep_cutoffs
    if cutoffs is None:
        return SweepCursor()  # The round was begun by another process, with cutoffs that nobody remembers.
    found: int | None = connection.execute(
        "SELECT max(user_id) FROM (SELECT user_id FROM account WHERE user_id > ? ORDER BY user_id LIMIT ?)",
        (after, limit),
    ).fetchone()[0]
    # Behind the last account there may be packet ids of accounts that were removed while somebody sent.
    last = UserId(MAX_ID if found is None else found)
    packet_rows = connection.execute(
        _OLD_PACKETS, (after, last, _before(now_ms, REPEAT_WINDOW_MS), ROWS_PER_STEP)
    ).rowcount
    if found is None:
        if packet_rows >= ROWS_PER_STEP:
            return SweepCursor(Stage.INBOXES, after=after, deleted=packet_rows)
        _KEEP_SWEPT.run(connection, [(app_id, cutoff.inbox_before) for app_id, cutoff in cutoffs.items()])
        return SweepCursor(Stage.CALLBACKS, deleted=packet_rows)

    account_rows, is_removed = _remove_expired_accounts(ledger, cutoffs, after, last)
    inbox_rows = _OLD_INBOX_ROWS.run(
        connection,
        [(app_id, cutoff.inbox_before) for app_id, cutoff in cutoffs.items()],
        after,
        last,
        ROWS_PER_STEP,
    )
    contact_rows, dropped_rows = _sweep_contacts(ledger, cutoffs, after, last)
    has_more = max(inbox_rows, packet_rows, contact_rows) >= ROWS_PER_STEP or not is_removed
    return SweepCursor(
        Stage.INBOXES,
        after=after if has_more else last,
        deleted=account_rows + inbox_rows + packet_rows + dropped_rows,
    )


def _remove_expired_accounts(
    ledger: Ledger, cutoffs: dict[AppId, Cutoffs], after: UserId, last: UserId
) -> tuple[int, bool]:
    """Return how many rows went, and whether all such accounts of the stretch are gone."""
    limits = [
        (app_id, cutoff.account_before_ms) for app_id, cutoff in cutoffs.items() if cutoff.account_before_ms
    ]
    expired = _EXPIRED_ACCOUNTS.fetch(ledger.connection, _user_ids, limits, after, last)
    return departures.remove(ledger, expired, ROWS_PER_STEP)


def _sweep_contacts(
    ledger: Ledger, cutoffs: dict[AppId, Cutoffs], after: UserId, last: UserId
) -> tuple[int, int]:
    """Drop contacts without messages; return how many contacts were looked at, and how many went."""
    connection = ledger.connection
    limits = [(app_id, cutoff.history_before) for app_id, cutoff in cutoffs.items()]
    rows = _OLD_CONTACTS.fetch(connection, _contact_rows, limits, after, last, ROWS_PER_STEP)
    # Looked at again when messages of the last one's age go; in this round not again in any case.
    kept = [
        (user_id, peer_id, max(last_sequence, before))
        for user_id, peer_id, before, last_sequence in rows
        if last_sequence is not None
    ]
    dropped = [(user_id, peer_id) for user_id, peer_id, _, last_sequence in rows if last_sequence is None]
    _KEEP_CONTACTS.run(connection, kept)
    _DROP_CONTACTS.run(connection, dropped)
    for user_id, peer_id in dropped:
        ledger.contacts.drop((min(user_id, peer_id), max(user_id, peer_id)))
    return len(rows), len(dropped)


def _sweep_callbacks(ledger: Ledger) -> SweepCursor:
    deleted = ledger.connection.execute(
        "DELETE FROM callback WHERE event_id IN (SELECT event_id FROM callback INDEXED BY callback_died"
        " WHERE state = 1 AND due_ms < ? LIMIT ?)",
        (ledger.clock.now_ms() - DEAD_CALLBACK_MS, ROWS_PER_STEP),
    ).rowcount
    if deleted >= ROWS_PER_STEP:
        return SweepCursor(Stage.CALLBACKS, deleted=deleted)
    small_rows = _sweep_counts(ledger) + _sweep_revocations(ledger)
    return SweepCursor(Stage.MESSAGES, deleted=deleted + small_rows)


def _sweep_counts(ledger: Ledger) -> int:
    now_ms = ledger.clock.now_ms()
    limits = [
        (app_id, (now_ms - settings.msgStorageTime * DAY_MS) // HOUR_MS)
        for app_id, settings in _settings(ledger.connection)
    ]
    # What is left, after the app's setting was lowered, say, goes in the rounds after this.
    return _OLD_COUNTS.run(ledger.connection, limits, ROWS_PER_STEP)


def _sweep_revocations(ledger: Ledger) -> int:
    return ledger.connection.execute(
        "DELETE FROM revocation WHERE number IN (SELECT number FROM revocation"
        " WHERE revoked_ms < ? ORDER BY number LIMIT ?)",
        (ledger.clock.now_ms() - REVOCATION_MS, ROWS_PER_STEP),
    ).rowcount


def _sweep_messages(ledger: Ledger, limit: int) -> SweepCursor:
    if ledger.sweep_ranges is None:
        ledger.sweep_ranges = _ranges_of_old_messages(ledger)
    ranges = ledger.sweep_ranges[:MAX_ROWS]
    rows = _OLD_MESSAGES.fetch(
        ledger.connection,
        _message_rows,
        [(number, *msgspec.structs.astuple(entry)) for number, entry in enumerate(ranges)],
        limit,
    )
    deleted = _DELETE_MESSAGES.run(
        ledger.connection, [(sequence,) for _, sequence, is_pinned in rows if not is_pinned]
    )
    ledger.keep_last_sequence()
    if len(rows) < limit:
        del ledger.sweep_ranges[: len(ranges)]
    else:
        number, sequence, _ = rows[-1]
        ledger.sweep_ranges[: number + 1] = [msgspec.structs.replace(ranges[number], after=sequence)]
    has_more = bool(ledger.sweep_ranges)
    return SweepCursor(Stage.MESSAGES if has_more else Stage.GONE_APPS, deleted=deleted)


def _ranges_of_old_messages(ledger: Ledger) -> list[MessageRange]:
    connection = ledger.connection
    now_ms = ledger.clock.now_ms()
    swept: dict[int, int] = dict(
        connection.execute("SELECT app_id, before_sequence FROM inbox_swept").fetchall()
    )
    ranges: list[MessageRange] = []
    for app_id, settings in _settings(connection):
        if app_id in swept:
            for is_store, days in ((0, settings.inboxTime), (1, settings.msgStorageTime)):
                before = min(swept[app_id], _before(now_ms, days * DAY_MS))
                ranges.append(MessageRange(app_id, is_store, Sequence(0), Sequence(before)))
    return ranges


def _sweep_gone_apps(ledger: Ledger, limit: int) -> SweepCursor:
    connection = ledger.connection
    remains = groups.sweep_dismissed(connection, ROWS_PER_STEP)
    if remains is not None:
        deleted = remains
    # Before their members, so that they need not be passed on from one to the next.
    elif (app_id := _gone_app_in(connection, "unlimited_group")) is not None:
        deleted = _dismiss_groups_of(connection, app_id, limit)
    elif (app_id := _gone_app_in(connection, "account")) is not None:
        deleted = _delete_users_of(ledger, app_id, limit)
    elif (app_id := _gone_app_in(connection, "topic")) is not None:
        ledger.forget()  # It may remember these topics.
        deleted = _delete_topics_of(connection, app_id, limit)
    elif (app_id := _gone_app_in(connection, "callback")) is not None:
        deleted = connection.execute(
            "DELETE FROM callback WHERE event_id IN (SELECT event_id FROM callback WHERE app_id = ? LIMIT ?)",
            (app_id, ROWS_PER_STEP),
        ).rowcount
    elif (app_id := _gone_app_in(connection, "message")) is not None:
        deleted = _delete_messages_of(connection, app_id, limit)
        ledger.keep_last_sequence()
    elif (app_id := _gone_app_in(connection, "message_count")) is not None:
        deleted = connection.execute(
            "DELETE FROM message_count WHERE (app_id, hour, kind) IN"
            " (SELECT app_id, hour, kind FROM message_count WHERE app_id = ? LIMIT ?)",
            (app_id, ROWS_PER_STEP),
        ).rowcount
    else:
        deleted = connection.execute(
            "DELETE FROM inbox_swept WHERE app_id NOT IN (SELECT app_id FROM app)"
        ).rowcount
        connection.execute("DELETE FROM callback_count WHERE app_id NOT IN (SELECT app_id FROM app)")
        return SweepCursor(Stage.GONE_APPS, deleted=deleted, is_done=True)
    return SweepCursor(Stage.GONE_APPS, deleted=deleted)


def _delete_users_of(ledger: Ledger, app_id: AppId, limit: int) -> int:
    text = ledger.connection.execute(
        f"SELECT json_group_array(user_id) FROM ({_GONE_USERS})",  # noqa: S608 - constants of ours
        (app_id, limit),
    ).fetchone()[0]
    deleted, _ = departures.remove(ledger, _user_ids.decode(text), ROWS_PER_STEP)
    return deleted


def _delete_topics_of(connection: sqlite3.Connection, app_id: AppId, limit: int) -> int:
    # Members are accounts of the same app: gone before.
    text = connection.execute(
        f"SELECT json_group_array(topic_id) FROM ({_GONE_TOPICS})",  # noqa: S608 - constants of ours
        (app_id, limit),
    ).fetchone()[0]
    numbers.forget_topics(connection, _topic_ids.decode(text))
    return connection.execute(
        "DELETE FROM topic WHERE topic_id IN (SELECT value FROM json_each(?))", (text,)
    ).rowcount


def _dismiss_groups_of(connection: sqlite3.Connection, app_id: AppId, limit: int) -> int:
    text = connection.execute(
        f"SELECT json_group_array(group_id) FROM ({_GONE_GROUPS})",  # noqa: S608 - constants of ours
        (app_id, limit),
    ).fetchone()[0]
    return groups.dismiss(connection, _topic_ids.decode(text))


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


def _cutoffs_of(settings: AppSettings, now_ms: int) -> Cutoffs:
    return Cutoffs(
        inbox_before=_before(now_ms, settings.inboxTime * DAY_MS),
        history_before=_before(now_ms, settings.msgStorageTime * DAY_MS),
        account_before_ms=now_ms - settings.uuidTTL * 1000 if settings.uuidTTL else 0,
    )


def _before(now_ms: int, age_ms: int) -> Sequence:
    """Return the sequence below which messages are older than this."""
    return Sequence((now_ms - age_ms) * SEQUENCES_PER_MS)
