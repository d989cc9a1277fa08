"""Reads of what was said in an unlimited group lately, kept for history or not."""

from __future__ import annotations

import sqlite3

import msgspec

from openmimc.model.ids import SEQUENCES_PER_MS, Sequence, TopicId
from openmimc.model.message import Message
from openmimc.store.sqlite.messages import ROW, rows_decoder

_sizes = msgspec.json.Decoder(list[tuple[Sequence, int]])


def _newest(is_store: int) -> str:
    return (
        "SELECT * FROM (SELECT sequence, length(payload) AS size FROM message INDEXED BY message_group"  # noqa: S608 - constants of ours
        f" WHERE kind = 8 AND target_id = ?1 AND is_store = {is_store} AND sequence > ?2"
        " ORDER BY sequence DESC LIMIT ?3)"
    )


# Each of the two walks along the index is in order and ends by itself; only what they found is sorted.
_SIZES = (
    "SELECT json_group_array(json_array(sequence, size)) FROM ("  # noqa: S608 - constants of ours
    f"{_newest(0)} UNION ALL {_newest(1)} ORDER BY sequence DESC LIMIT ?3)"
)
_PAGE = (
    f"SELECT json_group_array({ROW}) FROM (SELECT * FROM message INDEXED BY message_group"  # noqa: S608 - constants of ours
    " WHERE kind = 8 AND target_id = ?1 AND is_store IN (0, 1) AND sequence BETWEEN ?2 AND ?3"
    " ORDER BY sequence) m"
)


def read(
    connection: sqlite3.Connection,
    group_id: TopicId,
    after: Sequence,
    *,
    not_before_ms: int,
    limit: int,
    max_bytes: int,
) -> tuple[Message, ...]:
    """Read the newest: first how long the messages are, then those that fit. Two rows in all, both JSON."""
    beyond = max(after, not_before_ms * SEQUENCES_PER_MS - 1)
    # The length of a BLOB is known without reading it.
    sizes = _sizes.decode(connection.execute(_SIZES, (group_id, beyond, limit)).fetchone()[0])
    count = total_bytes = 0
    for _, size in sizes:
        total_bytes += size
        if count and total_bytes > max_bytes:
            break
        count += 1
    if not count:
        return ()
    page = connection.execute(_PAGE, (group_id, sizes[count - 1][0], sizes[0][0])).fetchone()[0]
    return tuple(row.message() for row in rows_decoder.decode(page))
