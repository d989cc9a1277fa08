"""Recent contacts.

That two users talk is written down once; which message was their last is looked up in the index of
conversations when somebody asks. Topics need no rows of their own: a member has them as contacts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from openmimc.model.contact import Contact
from openmimc.model.history import Conversation
from openmimc.model.ids import Sequence, TopicId, UserId
from openmimc.store.sqlite.bulk import Bulk
from openmimc.store.sqlite.ledger import Ledger, Pair
from openmimc.store.sqlite.messages import ROW, MessageRow

LAST_OF_PAIR = (
    "(SELECT sequence FROM message INDEXED BY message_conversation WHERE kind = 1 AND is_store = 1"
    " AND min(sender_id, target_id) = min(c.user_id, c.peer_id)"
    " AND max(sender_id, target_id) = max(c.user_id, c.peer_id) ORDER BY sequence DESC LIMIT 1)"
)
"""SQL of the last stored message of a row ``c`` of the table ``contact``; NULL if there is none."""

_LAST_OF_TOPIC = (
    "(SELECT sequence FROM message INDEXED BY message_topic WHERE kind = 2 AND is_store = 1"
    " AND target_id = t.topic_id ORDER BY sequence DESC LIMIT 1)"
)
# MATERIALIZED: the last message of each is looked up once, not once per mention.
_CONTACTS = (
    "WITH contact_of (peer_id, topic_id, name, hidden_sequence, last_sequence) AS MATERIALIZED ("  # noqa: S608 - constants of ours
    f" SELECT c.peer_id, 0, a.name, c.hidden_sequence, {LAST_OF_PAIR}"
    "  FROM contact c CROSS JOIN account a ON a.user_id = c.peer_id WHERE c.user_id = ?1"
    "  UNION ALL"
    f" SELECT 0, t.topic_id, t.name, tm.hidden_sequence, {_LAST_OF_TOPIC}"
    "  FROM topic_member tm CROSS JOIN topic t ON t.topic_id = tm.topic_id WHERE tm.user_id = ?1)"
    f" SELECT json_group_array(json_array(l.peer_id, l.topic_id, l.name, {ROW})) FROM ("
    "  SELECT * FROM contact_of WHERE last_sequence > hidden_sequence AND last_sequence >= ?2"
    "  ORDER BY last_sequence DESC LIMIT ?3"
    ") l CROSS JOIN message m ON m.sequence = l.last_sequence"
)
_MEET = Bulk(
    ("one", "other", "sequence"),
    "INSERT INTO contact (user_id, peer_id, checked_sequence)"
    " SELECT one, other, sequence FROM v WHERE one IS NOT NULL"
    " UNION ALL SELECT other, one, sequence FROM v WHERE one <> other"
    " ON CONFLICT DO NOTHING",
)


class _Row(Struct, frozen=True, array_like=True):
    user_id: UserId
    topic_id: TopicId
    name: str
    last_message: MessageRow

    def contact(self) -> Contact:
        return Contact(self.user_id, self.topic_id, self.name, self.last_message.message())


_rows = msgspec.json.Decoder(list[_Row])


def read(
    connection: sqlite3.Connection, user_id: UserId, *, not_before: Sequence, limit: int
) -> tuple[Contact, ...]:
    """Return a user's contacts whose last message is not before this one, newest first."""
    text = connection.execute(_CONTACTS, (user_id, not_before, limit)).fetchone()[0]
    return tuple(row.contact() for row in _rows.decode(text))


def note(ledger: Ledger, pairs: Mapping[Pair, Sequence]) -> None:
    """Write down that users talk to each other, where that is not known to be written already.

    Args:
        ledger: Of the transaction.
        pairs: Users, the smaller id first, each with a stored message of theirs.
    """
    _MEET.run(ledger.connection, [(*pair, sequence) for pair, sequence in pairs.items()])
    for pair in pairs:
        ledger.contacts.put(pair, True)


def hide(ledger: Ledger, user_id: UserId, conversation: Conversation) -> None:
    """Hide a conversation from a user until its next message. One statement."""
    last_sequence = ledger.last_sequence
    if conversation.topic_id:
        ledger.connection.execute(
            "UPDATE topic_member SET hidden_sequence = ? WHERE topic_id = ? AND user_id = ?",
            (last_sequence, conversation.topic_id, user_id),
        )
    elif user_id in (conversation.first, conversation.second):
        peer_id = conversation.second if user_id == conversation.first else conversation.first
        ledger.connection.execute(
            "UPDATE contact SET hidden_sequence = ? WHERE user_id = ? AND peer_id = ?",
            (last_sequence, user_id, peer_id),
        )
