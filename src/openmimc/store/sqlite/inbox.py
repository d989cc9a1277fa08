"""Reads of one user's inbox. On this store a position in an inbox is the message's sequence."""

from __future__ import annotations

import sqlite3

import msgspec

from openmimc.model.ids import SEQUENCES_PER_MS, Position, Sequence, UserId
from openmimc.model.message import Backlog, Delivery, InboxPage
from openmimc.store.sqlite.connection import snapshot
from openmimc.store.sqlite.messages import ROW, rows_decoder

_sizes = msgspec.json.Decoder(list[tuple[int, int]])

# The length of a BLOB is known without reading it.
_SIZES = (
    "SELECT json_group_array(json_array(sequence, size)) FROM ("
    " SELECT i.sequence, length(m.payload) AS size"
    " FROM inbox i CROSS JOIN message m ON m.sequence = i.sequence"
    " WHERE i.user_id = ? AND i.sequence > ? ORDER BY i.sequence LIMIT ?)"
)
_PAGE = (
    f"SELECT json_group_array({ROW}) FROM ("  # noqa: S608 - ROW is a constant of ours
    " SELECT m.* FROM inbox i CROSS JOIN message m ON m.sequence = i.sequence"
    " WHERE i.user_id = ? AND i.sequence BETWEEN ? AND ? ORDER BY i.sequence) m"
)

_WAITING = "SELECT count(*) FROM (SELECT 1 FROM inbox WHERE user_id = ? AND sequence > ? LIMIT ?)"


def _for_device(order: str) -> str:
    return (
        "SELECT i.sequence FROM inbox i CROSS JOIN message m ON m.sequence = i.sequence"  # noqa: S608 - constants of ours
        " WHERE i.user_id = ?1 AND i.sequence > ?2 AND NOT (m.sender_id = ?1 AND m.sender_resource = ?3"
        f" AND (m.kind <> 1 OR m.target_id <> ?1)) ORDER BY i.sequence {order} LIMIT ?4"
    )


_FIRST_FOR_DEVICE = f"SELECT count(*), min(sequence) FROM ({_for_device('ASC')})"  # noqa: S608 - constants of ours
_LAST_FOR_DEVICE = _for_device("DESC")


def read(
    connection: sqlite3.Connection,
    user_id: UserId,
    after: Position,
    *,
    not_before_ms: int,
    max_messages: int,
    max_bytes: int,
) -> InboxPage:
    """Read a page: first how long the messages are, then those that fit. Two rows in all, both JSON."""
    beyond = max(after, not_before_ms * SEQUENCES_PER_MS - 1)
    # One more than may be returned tells whether the inbox goes on.
    sizes = _sizes.decode(connection.execute(_SIZES, (user_id, beyond, max_messages + 1)).fetchone()[0])
    count = total_bytes = 0
    for _, size in sizes[:max_messages]:
        total_bytes += size
        if count and total_bytes > max_bytes:
            break
        count += 1
    if not count:
        return InboxPage((), has_more=bool(sizes))
    page = connection.execute(_PAGE, (user_id, sizes[0][0], sizes[count - 1][0])).fetchone()[0]
    deliveries = tuple(Delivery(Position(row.sequence), row.message()) for row in rows_decoder.decode(page))
    return InboxPage(deliveries, has_more=len(sizes) > count)


def measure(
    connection: sqlite3.Connection,
    user_id: UserId,
    resource: str,
    after: Position,
    *,
    not_before_ms: int,
    more_than: int,
) -> Backlog | None:
    """Measure what waits for a device; what it sent to somebody else itself does not.

    Messages are looked at only where the inbox alone holds more than so many.
    """
    beyond = max(after, not_before_ms * SEQUENCES_PER_MS - 1)
    enough = more_than + 1
    with snapshot(connection):
        waiting: int = connection.execute(_WAITING, (user_id, beyond, enough)).fetchone()[0]
        if waiting < enough:
            return None
        count, first = connection.execute(_FIRST_FOR_DEVICE, (user_id, beyond, resource, enough)).fetchone()
        if count < enough:
            return None
        last = connection.execute(_LAST_FOR_DEVICE, (user_id, beyond, resource, 1)).fetchone()[0]
    return Backlog(first=Sequence(first), last=Sequence(last), position=Position(last))
