"""How many messages were stored, by app, hour and kind. An hour's row is one per app and kind, however many."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from openmimc.model.ids import SEQUENCES_PER_MS, AppId
from openmimc.model.insight import HourCount
from openmimc.model.message import Kind
from openmimc.store.sqlite.bulk import Bulk

HOUR_MS = 3_600_000

SEQUENCES_PER_HOUR = SEQUENCES_PER_MS * HOUR_MS

CountKey = tuple[AppId, int, int]
"""App, hour since the epoch, number of the kind."""

_ADD = Bulk(
    ("app_id", "hour", "kind", "messages"),
    "INSERT INTO message_count (app_id, hour, kind, messages) SELECT * FROM v WHERE app_id IS NOT NULL"
    " ON CONFLICT DO UPDATE SET messages = messages + excluded.messages",
)
_READ = (
    "SELECT hour, kind, messages FROM message_count WHERE app_id = ? AND hour >= ? AND hour < ?"
    " ORDER BY hour, kind"
)


def add(connection: sqlite3.Connection, counts: Mapping[CountKey, int]) -> None:
    """Count messages of the transaction under way."""
    _ADD.run(connection, [(*key, messages) for key, messages in counts.items()])


def read(connection: sqlite3.Connection, app_id: AppId, *, from_ms: int, to_ms: int) -> tuple[HourCount, ...]:
    """Return what was stored in the hours that begin within a period."""
    rows = connection.execute(_READ, (app_id, -(-from_ms // HOUR_MS), -(-to_ms // HOUR_MS))).fetchall()
    return tuple(HourCount(hour * HOUR_MS, Kind(kind), messages) for hour, kind, messages in rows)
