"""The outbox of callbacks.

A callback's number is its message's sequence with a digit behind it: unique, growing, and it leads to the
message. How many there are is counted by triggers, so that the count is right whoever changes the table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from openmimc.model.callback import CallbackEvent, CallbackKind, CallbackState, EventId
from openmimc.model.ids import AppId
from openmimc.model.ids import Sequence as MessageSequence
from openmimc.model.message import CallbackWish, Kind, Message
from openmimc.store.sqlite import topics
from openmimc.store.sqlite.bulk import Bulk, SqlValue
from openmimc.store.sqlite.ledger import Ledger
from openmimc.store.sqlite.messages import ROW, MessageRow

EVENTS_PER_SEQUENCE = 10
INSTANT = 1
OFFLINE = 2

WAITING = 0
DEAD = 1

QUEUE_FULL = "not sent: too many callbacks of this app were waiting"

REPLAY_STEP = 1_000
"""Callbacks replayed in one transaction: some milliseconds, in which messages wait."""

_STATES = {WAITING: CallbackState.WAITING, DEAD: CallbackState.DEAD}
_NUMBERS = {state: number for number, state in _STATES.items()}

_PUT_DOWN = Bulk(
    ("event_id", "app_id", "state", "due_ms", "last_error", "to_accounts"),
    "INSERT INTO callback (event_id, app_id, state, attempts, due_ms, last_error, to_accounts)"
    " SELECT event_id, app_id, state, 0, due_ms, last_error, to_accounts FROM v WHERE event_id IS NOT NULL",
)
_COUNT_WAITING = Bulk(
    ("app_id",),
    "SELECT json_group_array(json_array(n.app_id, n.number))"
    " FROM v CROSS JOIN callback_count n ON n.app_id = v.app_id AND n.state = 0",
)

_EVENT = (
    f"json_array(c.event_id, c.app_id, c.state, c.attempts, c.due_ms, c.last_error, json(c.to_accounts), {ROW})"
)
_OF_MESSAGE = f"CROSS JOIN message m ON m.sequence = c.event_id / {EVENTS_PER_SEQUENCE}"

# Jumps from app to app along the index, and takes the first of each.
_DUE = (
    "WITH RECURSIVE waiting (app_id) AS ("  # noqa: S608 - constants of ours
    " SELECT min(app_id) FROM callback INDEXED BY callback_due WHERE state = 0"
    " UNION ALL SELECT (SELECT min(app_id) FROM callback INDEXED BY callback_due"
    "  WHERE state = 0 AND app_id > waiting.app_id) FROM waiting WHERE waiting.app_id IS NOT NULL)"
    f" SELECT json_group_array({_EVENT}) FROM ("
    "  SELECT d.event_id FROM waiting CROSS JOIN callback d ON d.event_id IN ("
    "   SELECT event_id FROM callback INDEXED BY callback_due"
    "   WHERE state = 0 AND app_id = waiting.app_id AND due_ms <= ?1 ORDER BY due_ms, event_id LIMIT ?2)"
    "  WHERE waiting.app_id NOT IN (SELECT value FROM json_each(?3))"
    "  ORDER BY d.due_ms, d.event_id LIMIT ?4"
    f" ) e CROSS JOIN callback c ON c.event_id = e.event_id {_OF_MESSAGE}"
)
_LIST = (
    f"SELECT json_group_array({_EVENT}) FROM (SELECT * FROM callback INDEXED BY callback_state"  # noqa: S608 - constants of ours
    f" WHERE app_id = ? AND state = ? AND event_id > ? ORDER BY event_id LIMIT ?) c {_OF_MESSAGE}"
)

_OF_SEQUENCE = (
    f"SELECT json_group_array({_EVENT}) FROM (SELECT * FROM callback"  # noqa: S608 - constants of ours
    f" WHERE event_id >= ?1 * {EVENTS_PER_SEQUENCE} AND event_id < (?1 + 1) * {EVENTS_PER_SEQUENCE}"
    f" ORDER BY event_id) c {_OF_MESSAGE}"
)


class _Row(Struct, frozen=True, array_like=True):
    event_id: EventId
    app_id: AppId
    state: int
    attempts: int
    due_ms: int
    last_error: str
    to_accounts: tuple[str, ...]
    message: MessageRow

    def event(self) -> CallbackEvent:
        is_p2p = self.message.kind is Kind.P2P
        if self.event_id % EVENTS_PER_SEQUENCE == OFFLINE:
            kind = CallbackKind.OFFLINE_P2P if is_p2p else CallbackKind.OFFLINE_P2T
        else:
            kind = CallbackKind.INSTANT_P2P if is_p2p else CallbackKind.INSTANT_P2T
        return CallbackEvent(
            event_id=self.event_id,
            app_id=self.app_id,
            kind=kind,
            message=self.message.message(),
            to_accounts=self.to_accounts,
            state=_STATES[self.state],
            attempts=self.attempts,
            next_attempt_ms=self.due_ms,
            last_error=self.last_error,
        )


_rows = msgspec.json.Decoder(list[_Row])
_counts = msgspec.json.Decoder(list[tuple[AppId, int]])


def put_down(ledger: Ledger, causes: Sequence[tuple[Message, CallbackWish]], now_ms: int) -> None:
    """Write down the callbacks that messages of this transaction cause."""
    if not causes:
        return
    connection = ledger.connection
    app_ids = {message.sender.app_id for message, _ in causes}
    waiting = dict.fromkeys(app_ids, 0)
    waiting.update(_COUNT_WAITING.fetch(connection, _counts, [(app_id,) for app_id in app_ids]))
    members = topics.members_of(
        connection, {message.topic_id for message, _ in causes if message.kind is Kind.P2T}
    )
    is_bound = ledger.presence.is_bound
    rows: list[tuple[SqlValue, ...]] = []

    def add(message: Message, number: int, wish: CallbackWish, to_accounts: Iterable[str]) -> None:
        app_id = message.sender.app_id
        has_place = waiting[app_id] < wish.max_waiting
        waiting[app_id] += has_place
        rows.append(
            (
                message.sequence * EVENTS_PER_SEQUENCE + number,
                app_id,
                WAITING if has_place else DEAD,
                now_ms,
                "" if has_place else QUEUE_FULL,
                _json_of(list(to_accounts)),
            )
        )

    for message, wish in causes:
        sender_id = message.sender.user_id
        if message.kind is Kind.P2P:
            if wish.instant:
                add(message, INSTANT, wish, ())
            if wish.offline and not is_bound(message.to_user_id):
                add(message, OFFLINE, wish, ())
            continue
        audience = members[message.topic_id]
        if wish.instant:
            add(message, INSTANT, wish, (name for _, name in audience))
        if wish.offline:
            missed = [name for user_id, name in audience if user_id != sender_id and not is_bound(user_id)]
            if missed:
                add(message, OFFLINE, wish, missed)
    _PUT_DOWN.run(connection, rows)


def due(
    connection: sqlite3.Connection, now_ms: int, *, busy: frozenset[AppId], limit_per_app: int, limit: int
) -> tuple[CallbackEvent, ...]:
    """Return waiting callbacks whose time has come, those due for longest first."""
    parameters = (now_ms, limit_per_app, _json_of(sorted(busy)), limit)
    return _events(connection.execute(_DUE, parameters).fetchone()[0])


def find(
    connection: sqlite3.Connection, app_id: AppId, state: CallbackState, *, after: EventId, limit: int
) -> tuple[CallbackEvent, ...]:
    """Return an app's callbacks in a state, in the order they were put down."""
    return _events(connection.execute(_LIST, (app_id, _NUMBERS[state], after, limit)).fetchone()[0])


def find_of(connection: sqlite3.Connection, sequence: MessageSequence) -> tuple[CallbackEvent, ...]:
    """Return a message's callbacks, in the order they were put down."""
    return _events(connection.execute(_OF_SEQUENCE, (sequence,)).fetchone()[0])


def settle(ledger: Ledger, event_id: EventId, *, delivered: bool, error: str, retry_at_ms: int | None) -> None:
    """Forget a callback, or count an attempt that failed. One statement."""
    if delivered:
        ledger.connection.execute("DELETE FROM callback WHERE event_id = ?", (event_id,))
        return
    is_dead = retry_at_ms is None
    ledger.connection.execute(
        "UPDATE callback SET attempts = attempts + 1, last_error = ?, state = ?, due_ms = ? WHERE event_id = ?",
        (error, DEAD if is_dead else WAITING, ledger.clock.now_ms() if is_dead else retry_at_ms, event_id),
    )


def replay_all(ledger: Ledger, app_id: AppId, after: EventId, now_ms: int) -> tuple[EventId, int]:
    """Make some of an app's dead callbacks beyond ``after`` wait again, in the order they were put down.

    Returns:
        The last one looked at, and how many there were: fewer than ``REPLAY_STEP`` if there are no more.
    """
    last, count = ledger.connection.execute(
        "SELECT coalesce(max(event_id), 0), count(*) FROM (SELECT event_id FROM callback"
        " INDEXED BY callback_state WHERE app_id = ? AND state = 1 AND event_id > ? ORDER BY event_id LIMIT ?)",
        (app_id, after, REPLAY_STEP),
    ).fetchone()
    ledger.connection.execute(
        "UPDATE callback INDEXED BY callback_state SET state = 0, attempts = 0, due_ms = ?, last_error = ''"
        " WHERE app_id = ? AND state = 1 AND event_id > ? AND event_id <= ?",
        (now_ms, app_id, after, last),
    )
    return last, count


def replay(ledger: Ledger, app_id: AppId, event_ids: Sequence[EventId], now_ms: int) -> int:
    """Make these of an app's dead callbacks wait again; return how many there were. One statement."""
    return ledger.connection.execute(
        "UPDATE callback SET state = 0, attempts = 0, due_ms = ?, last_error = ''"
        " WHERE event_id IN (SELECT value FROM json_each(?)) AND app_id = ? AND state = 1",
        (now_ms, _json_of(event_ids), app_id),
    ).rowcount


def count(connection: sqlite3.Connection) -> dict[tuple[AppId, CallbackState], int]:
    """Return how many callbacks there are, by app and state."""
    rows = connection.execute("SELECT app_id, state, number FROM callback_count WHERE number > 0").fetchall()
    return {(app_id, _STATES[state]): number for app_id, state, number in rows}


def _json_of(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _events(text: str) -> tuple[CallbackEvent, ...]:
    return tuple(row.event() for row in _rows.decode(text))
