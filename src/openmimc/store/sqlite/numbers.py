"""The numbers of messages in their conversations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from openmimc.model.ids import TopicId
from openmimc.store.sqlite.bulk import Bulk

ConversationKey = tuple[int, int]
"""Two users, the smaller id first; or 0 and a topic."""

_LAST = Bulk(
    ("first_id", "second_id"),
    "SELECT json_group_array(json_array(c.first_id, c.second_id, c.last_index)) FROM v"
    " CROSS JOIN conversation_count c ON c.first_id = v.first_id AND c.second_id = v.second_id",
)
_KEEP = Bulk(
    ("first_id", "second_id", "last_index"),
    "INSERT INTO conversation_count (first_id, second_id, last_index)"
    " SELECT * FROM v WHERE first_id IS NOT NULL"
    " ON CONFLICT DO UPDATE SET last_index = excluded.last_index",
)
_FORGET_TOPICS = Bulk(
    ("topic_id",),
    "DELETE FROM conversation_count WHERE first_id = 0 AND second_id IN (SELECT topic_id FROM v)",
)

_rows = msgspec.json.Decoder(list[tuple[int, int, int]])


def last_of(connection: sqlite3.Connection, keys: Iterable[ConversationKey]) -> dict[ConversationKey, int]:
    """Return the last number given in each of these conversations; 0 where none was."""
    last = dict.fromkeys(keys, 0)
    last.update(((first, second), index) for first, second, index in _LAST.fetch(connection, _rows, list(last)))
    return last


def forget_topics(connection: sqlite3.Connection, topic_ids: Iterable[TopicId]) -> None:
    """Forget the numbers given in topics that are gone."""
    _FORGET_TOPICS.run(connection, [(topic_id,) for topic_id in topic_ids])


def keep(connection: sqlite3.Connection, last: dict[ConversationKey, int]) -> None:
    """Write down the last number given in each of these conversations."""
    _KEEP.run(connection, [(*key, index) for key, index in last.items()])
