"""Finds single messages, and whose inboxes they lie in: for people who ask where a message is."""

from __future__ import annotations

import sqlite3

from openmimc.model.app import Account
from openmimc.model.ids import AppId, Position, Sequence, UserId
from openmimc.model.message import Kind, Message
from openmimc.store.sqlite.messages import ROW, rows_decoder

PACKETS_LOOKED_AT = 200_000
"""Newest messages of an app, of each kind of ``is_store``, in which a packet id is looked for. An index over
packet ids would cost every message; reading so many takes some tenths of a second."""

_FIND = f"SELECT json_group_array({ROW}) FROM message m WHERE m.sequence = ?"  # noqa: S608 - ROW is a constant of ours


def _newest_packets(is_store: int) -> str:
    return (
        "SELECT * FROM (SELECT x.* FROM (SELECT sequence FROM message INDEXED BY message_retention"  # noqa: S608 - constants of ours
        f" WHERE app_id = ?1 AND is_store = {is_store} ORDER BY sequence DESC LIMIT {PACKETS_LOOKED_AT}) s"
        " CROSS JOIN message x ON x.sequence = s.sequence WHERE x.packet_id = ?2 LIMIT ?3)"
    )


_PACKETS = (
    f"SELECT json_group_array({ROW}) FROM (SELECT * FROM ("  # noqa: S608 - constants of ours
    f"{_newest_packets(1)} UNION ALL {_newest_packets(0)}) ORDER BY sequence DESC LIMIT ?3) m"
)
_HOLDERS = (
    "SELECT a.app_id, a.user_id, a.name, a.token_generation, a.banned, i.sequence FROM ({})"
    " u CROSS JOIN inbox i ON i.user_id = u.user_id AND i.sequence = ?1"
    " CROSS JOIN account a ON a.user_id = u.user_id ORDER BY a.name"
)
_HOLDERS_OF_USERS = _HOLDERS.format("SELECT ?2 AS user_id UNION SELECT ?3")
_HOLDERS_OF_TOPIC = _HOLDERS.format("SELECT user_id FROM topic_member WHERE topic_id = ?2")


def find(connection: sqlite3.Connection, sequence: Sequence) -> Message | None:
    """Look a message up."""
    rows = rows_decoder.decode(connection.execute(_FIND, (sequence,)).fetchone()[0])
    return rows[0].message() if rows else None


def find_packets(
    connection: sqlite3.Connection, app_id: AppId, packet_id: str, limit: int
) -> tuple[Message, ...]:
    """Return messages with a packet id among an app's newest, newest first."""
    text = connection.execute(_PACKETS, (app_id, packet_id, limit)).fetchone()[0]
    return tuple(row.message() for row in rows_decoder.decode(text))


def holders_of(connection: sqlite3.Connection, message: Message) -> tuple[tuple[Account, Position], ...]:
    """Return who of the sender and the recipient, or of a topic's members, has a message in their inbox."""
    if message.kind is Kind.GROUP:
        return ()
    if message.kind is Kind.P2P:
        users = (message.to_user_id, message.sender.user_id)
        rows = connection.execute(_HOLDERS_OF_USERS, (message.sequence, *users)).fetchall()
    else:
        rows = connection.execute(_HOLDERS_OF_TOPIC, (message.sequence, message.topic_id)).fetchall()
    return tuple(
        (Account(AppId(app_id), UserId(user_id), name, generation, bool(banned)), Position(sequence))
        for app_id, user_id, name, generation, banned, sequence in rows
    )
