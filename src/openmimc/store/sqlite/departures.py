"""Removes accounts with all that is theirs, a bounded number of rows at a time.

The messages they sent are not theirs alone: those go when it is their time. What is left of an account when a
call returns is removed by the next one; the account itself goes last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from openmimc.model.ids import TopicId, UserId
from openmimc.store.sqlite import groups
from openmimc.store.sqlite.bulk import Bulk
from openmimc.store.sqlite.ledger import Ledger

_pairs = msgspec.json.Decoder(list[tuple[int, int]])


def _delete_from(table: str, key: str, user_column: str) -> str:
    return (
        f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table}"  # noqa: S608 - constants of ours
        f" WHERE {user_column} IN (SELECT value FROM json_each(?)) LIMIT ?)"
    )


_ROWS = (
    _delete_from("inbox", "user_id, sequence", "user_id"),
    _delete_from("packet", "sender_id, packet_hash, sequence", "sender_id"),
    _delete_from("device", "user_id, resource", "user_id"),
    _delete_from("block", "user_id, blocked_id", "user_id"),
    _delete_from("block", "user_id, blocked_id", "blocked_id"),
    _delete_from("group_cursor", "user_id, resource, group_id", "user_id"),
    _delete_from("group_mute", "group_id, user_id", "user_id"),
    _delete_from("conversation_count", "first_id, second_id", "first_id"),
    # Of these, a topic may have the number of a user.
    _delete_from("conversation_count", "first_id, second_id", "first_id > 0 AND second_id"),
)
_CONTACTS_OF = (
    "SELECT json_group_array(json_array(user_id, peer_id)) FROM (SELECT user_id, peer_id FROM contact"
    " WHERE user_id IN (SELECT value FROM json_each(?)) LIMIT ?)"
)
_FORGET_CONTACTS = Bulk(
    ("user_id", "peer_id"), "DELETE FROM contact WHERE (user_id, peer_id) IN (SELECT user_id, peer_id FROM v)"
)
_MEMBERSHIPS_OF = (
    "SELECT json_group_array(json_array(topic_id, user_id)) FROM (SELECT topic_id, user_id FROM topic_member"
    " WHERE user_id IN (SELECT value FROM json_each(?)) LIMIT ?)"
)
_LEAVE = Bulk(
    ("topic_id", "user_id"),
    "DELETE FROM topic_member WHERE (topic_id, user_id) IN (SELECT topic_id, user_id FROM v)",
)
_DISMISS = Bulk(
    ("topic_id",),
    "DELETE FROM topic WHERE topic_id IN (SELECT topic_id FROM v)"
    " AND NOT EXISTS (SELECT 1 FROM topic_member m WHERE m.topic_id = topic.topic_id)",
)
_FORGET_NUMBERS = Bulk(
    ("topic_id",),
    "DELETE FROM conversation_count WHERE first_id = 0 AND second_id IN (SELECT topic_id FROM v)"
    " AND NOT EXISTS (SELECT 1 FROM topic t WHERE t.topic_id = second_id)",
)
_PASS_ON = Bulk(
    ("topic_id", "departures"),
    "UPDATE topic SET version = version + v.departures, owner_id = coalesce("
    "(SELECT m.user_id FROM topic_member m WHERE m.topic_id = topic.topic_id AND m.user_id = topic.owner_id),"
    " (SELECT m.user_id FROM topic_member m WHERE m.topic_id = topic.topic_id ORDER BY m.joining LIMIT 1))"
    " FROM v WHERE topic.topic_id = v.topic_id",
)
_GROUP_MEMBERSHIPS_OF = (
    "SELECT json_group_array(json_array(group_id, user_id)) FROM (SELECT group_id, user_id FROM group_member"
    " WHERE user_id IN (SELECT value FROM json_each(?)) LIMIT ?)"
)
_LEAVE_GROUPS = Bulk(
    ("group_id", "user_id"),
    "DELETE FROM group_member WHERE (group_id, user_id) IN (SELECT group_id, user_id FROM v)",
)
_COUNT_DOWN = Bulk(
    ("group_id", "departures"),
    "UPDATE unlimited_group SET member_count = member_count - v.departures FROM v"
    " WHERE unlimited_group.group_id = v.group_id",
)
_ORPHANS_OF = (
    "SELECT json_group_array(json_array(group_id, member_count)) FROM (SELECT group_id, member_count"
    " FROM unlimited_group WHERE owner_id IN (SELECT value FROM json_each(?)) LIMIT ?)"
)
_PASS_GROUPS_ON = Bulk(
    ("group_id",),
    "UPDATE unlimited_group SET owner_id = (SELECT m.user_id FROM group_member m"
    " WHERE m.group_id = unlimited_group.group_id ORDER BY m.joined_sequence LIMIT 1)"
    " FROM v WHERE unlimited_group.group_id = v.group_id",
)


def remove(ledger: Ledger, user_ids: Sequence[UserId], limit: int) -> tuple[int, bool]:
    """Remove accounts, or a part of what is theirs.

    A topic or unlimited group that loses its owner passes to its oldest member; one that has no member to pass
    to goes.

    Args:
        ledger: Of the transaction.
        user_ids: The accounts.
        limit: Rows to delete per table.

    Returns:
        How many rows went, and whether the accounts themselves are among them.
    """
    if not user_ids:
        return 0, True
    ledger.forget()  # It may remember the accounts, their devices, topics, blacklists and contacts.
    connection = ledger.connection
    users = msgspec.json.encode(user_ids).decode()
    counts = [connection.execute(statement, (users, limit)).rowcount for statement in _ROWS]

    contacts = _pairs.decode(connection.execute(_CONTACTS_OF, (users, limit)).fetchone()[0])
    mirrored = [(peer_id, user_id) for user_id, peer_id in contacts]
    counts.append(len(contacts))
    _FORGET_CONTACTS.run(connection, contacts)
    _FORGET_CONTACTS.run(connection, mirrored)

    memberships = _pairs.decode(connection.execute(_MEMBERSHIPS_OF, (users, limit)).fetchone()[0])
    counts.append(len(memberships))
    departures = Counter(topic_id for topic_id, _ in memberships)
    _LEAVE.run(connection, memberships)
    _DISMISS.run(connection, [(topic_id,) for topic_id in departures])
    _FORGET_NUMBERS.run(connection, [(topic_id,) for topic_id in departures])
    _PASS_ON.run(connection, list(departures.items()))

    memberships = _pairs.decode(connection.execute(_GROUP_MEMBERSHIPS_OF, (users, limit)).fetchone()[0])
    counts.append(len(memberships))
    _LEAVE_GROUPS.run(connection, memberships)
    _COUNT_DOWN.run(connection, list(Counter(group_id for group_id, _ in memberships).items()))
    # May pass to a member whose own turn comes: then it is found again.
    orphans = _pairs.decode(connection.execute(_ORPHANS_OF, (users, limit)).fetchone()[0])
    counts.append(len(orphans))
    _PASS_GROUPS_ON.run(connection, [(group_id,) for group_id, member_count in orphans if member_count])
    groups.dismiss(connection, [TopicId(group_id) for group_id, member_count in orphans if not member_count])

    is_done = max(counts) < limit
    if is_done:
        counts.append(
            connection.execute(
                "DELETE FROM account WHERE user_id IN (SELECT value FROM json_each(?))", (users,)
            ).rowcount
        )
    return sum(counts), is_done
