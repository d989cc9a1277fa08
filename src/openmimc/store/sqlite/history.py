"""Reads of what was said in one conversation."""

from __future__ import annotations

import sqlite3

from openmimc.model.history import Conversation, HistoryPage
from openmimc.model.ids import Sequence
from openmimc.store.sqlite.messages import ROW, rows_decoder

# The terms of the three partial indexes of ``message``, word for word, or SQLite would not use them.
OF_USERS = "kind = 1 AND is_store = 1 AND min(sender_id, target_id) = ?1 AND max(sender_id, target_id) = ?2"
OF_TOPIC = "kind = 2 AND is_store = 1 AND target_id = ?1"
OF_GROUP = "kind = 8 AND is_store = 1 AND target_id = ?1"


def _page_of(index: str, terms: str, order: str) -> str:
    return (
        f"SELECT json_group_array({ROW}) FROM (SELECT * FROM message INDEXED BY {index}"  # noqa: S608 - constants of ours
        f" WHERE {terms} AND sequence >= ?3 AND sequence < ?4 ORDER BY sequence {order} LIMIT ?5) m"
    )


_PAGES = {
    (index, newest): _page_of(index, terms, "DESC" if newest else "ASC")
    for index, terms in (
        ("message_conversation", OF_USERS),
        ("message_topic", OF_TOPIC),
        ("message_group", OF_GROUP),
    )
    for newest in (False, True)
}


def read(
    connection: sqlite3.Connection,
    conversation: Conversation,
    *,
    start: Sequence,
    stop: Sequence,
    limit: int,
    newest: bool,
) -> HistoryPage:
    """Read a page, in one row of JSON. One message more than may be returned tells whether there are more."""
    if conversation.is_group:
        index = "message_group"
    else:
        index = "message_topic" if conversation.topic_id else "message_conversation"
    first = conversation.topic_id or conversation.first
    text = connection.execute(
        _PAGES[index, newest], (first, conversation.second, start, stop, limit + 1)
    ).fetchone()[0]
    rows = rows_decoder.decode(text)
    messages = [row.message() for row in rows[:limit]]
    if newest:
        messages.reverse()
    return HistoryPage(tuple(messages), has_more=len(rows) > limit)
