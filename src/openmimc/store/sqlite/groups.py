"""Unlimited groups and who is in them.

A group's messages are its log in the table ``message``; see ``group_log``. Coming and going takes a sequence of
its own, between those of the messages before and after it. A group that is dismissed is gone at once, whatever
its size: every statement here asks for the group's own row, and what else there was of it is removed later by
``sweep_dismissed``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from openmimc.errors import DomainError, Muted, NoSuchTopic, NotAMember
from openmimc.model.group import Group, GroupChange, GroupChangeKind, GroupCursor, GroupMember, GroupPlace
from openmimc.model.ids import AppId, TopicId, UserId
from openmimc.model.ids import Sequence as MessageSequence
from openmimc.model.message import Draft
from openmimc.store.sqlite.accounts import insert_with_new_ids
from openmimc.store.sqlite.bulk import Bulk
from openmimc.store.sqlite.ledger import Ledger

_GROUP = (
    "SELECT g.group_id, g.app_id, g.owner_id, a.name, g.name, g.extra, g.member_count"
    " FROM unlimited_group g JOIN account a ON a.user_id = g.owner_id WHERE g.group_id = ?"
)
_LIST = (
    "SELECT g.group_id, g.app_id, g.owner_id, a.name, g.name, g.extra, g.member_count"
    " FROM unlimited_group g INDEXED BY unlimited_group_app JOIN account a ON a.user_id = g.owner_id"
    " WHERE g.app_id = ? AND g.group_id > ? ORDER BY g.group_id LIMIT ?"
)
_MUTED_UNTIL_S = (
    "coalesce((SELECT x.until_s FROM group_mute x WHERE x.group_id = m.group_id AND x.user_id = m.user_id"
    " AND x.until_s * 1000 > ?1), 0)"
)
_MEMBER = (
    f"SELECT m.user_id, a.name, {_MUTED_UNTIL_S} FROM unlimited_group g"  # noqa: S608 - constants of ours
    " CROSS JOIN group_member m ON m.group_id = g.group_id CROSS JOIN account a ON a.user_id = m.user_id"
    " WHERE g.group_id = ?2 AND m.user_id = ?3"
)
_MEMBERS = (
    "SELECT json_group_array(json_array(user_id, name, until_s)) FROM ("  # noqa: S608 - constants of ours
    f" SELECT m.user_id, a.name, {_MUTED_UNTIL_S} AS until_s FROM unlimited_group g"
    " CROSS JOIN group_member m ON m.group_id = g.group_id CROSS JOIN account a ON a.user_id = m.user_id"
    " WHERE g.group_id = ?2 AND m.user_id > ?3 ORDER BY m.user_id LIMIT ?4)"
)
_NEWEST_OF_GROUP = (
    "coalesce((SELECT max(x.sequence) FROM message x INDEXED BY message_group"
    " WHERE x.kind = 8 AND x.target_id = m.group_id AND x.is_store = {}), 0)"
)
_PLACES = (
    "SELECT json_group_array(json_array(group_id, joined_sequence, sequence, newest)) FROM ("  # noqa: S608 - constants of ours
    " SELECT m.group_id, m.joined_sequence, c.sequence,"
    f" max({_NEWEST_OF_GROUP.format(0)}, {_NEWEST_OF_GROUP.format(1)}) AS newest FROM group_member m"
    " CROSS JOIN unlimited_group g ON g.group_id = m.group_id"
    " LEFT JOIN group_cursor c ON c.user_id = m.user_id AND c.resource = ? AND c.group_id = m.group_id"
    " WHERE m.user_id = ? ORDER BY m.joined_sequence)"
)
_GROUPS_OF = (
    "SELECT json_group_array(group_id) FROM (SELECT m.group_id FROM group_member m"
    " CROSS JOIN unlimited_group g ON g.group_id = m.group_id WHERE m.user_id = ? ORDER BY m.joined_sequence)"
)
_IS_MEMBER = (
    "SELECT EXISTS (SELECT 1 FROM group_member m WHERE m.group_id = g.group_id AND m.user_id = a.user_id)"
    " FROM unlimited_group g JOIN account a ON a.app_id = g.app_id"
    " WHERE g.group_id = ? AND a.user_id = ? AND a.app_id = ?"
)
_STANDINGS = Bulk(
    ("group_id", "user_id"),
    "SELECT json_group_array(json_array(g.group_id, v.user_id, g.app_id, m.user_id IS NOT NULL,"
    " coalesce(x.until_s, 0))) FROM v CROSS JOIN unlimited_group g ON g.group_id = v.group_id"
    " LEFT JOIN group_member m ON m.group_id = v.group_id AND m.user_id = v.user_id"
    " LEFT JOIN group_mute x ON x.group_id = v.group_id AND x.user_id = v.user_id",
)
_MOVE_CURSORS = Bulk(
    ("group_id", "user_id", "resource", "sequence"),
    "INSERT INTO group_cursor (user_id, resource, group_id, sequence)"
    " SELECT v.user_id, v.resource, v.group_id, v.sequence FROM v"
    " CROSS JOIN unlimited_group g ON g.group_id = v.group_id"
    " CROSS JOIN group_member m ON m.group_id = v.group_id AND m.user_id = v.user_id WHERE true"
    " ON CONFLICT DO UPDATE SET sequence = excluded.sequence WHERE sequence < excluded.sequence",
)
_REMEMBER_DISMISSED = Bulk(
    ("group_id",),
    "INSERT INTO dismissed_group (group_id)"
    " SELECT g.group_id FROM v CROSS JOIN unlimited_group g ON g.group_id = v.group_id",
)
_DISMISS = Bulk(("group_id",), "DELETE FROM unlimited_group WHERE group_id IN (SELECT group_id FROM v)")

_names = msgspec.json.Decoder(tuple[tuple[UserId, str, int], ...])
_places = msgspec.json.Decoder(
    tuple[tuple[TopicId, MessageSequence, MessageSequence | None, MessageSequence], ...]
)
_ids = msgspec.json.Decoder(tuple[TopicId, ...])


class Standing(Struct, frozen=True, array_like=True):
    """What is known of somebody who wants to talk in a group that exists."""

    group_id: TopicId
    user_id: UserId
    app_id: AppId
    is_member: int
    muted_until_s: int

    def refusal_of(self, draft: Draft, now_ms: int) -> DomainError | None:
        """Why a message of this user's to this group cannot be stored, if so."""
        if self.app_id != draft.sender.app_id:
            return NoSuchTopic()
        if draft.as_app:
            return None
        if not self.is_member:
            return NotAMember()
        return Muted() if now_ms < self.muted_until_s * 1000 else None


_standings = msgspec.json.Decoder(list[Standing])

# ------------------------------------------------------------------ reads


def find(connection: sqlite3.Connection, group_id: TopicId) -> Group | None:
    """Look a group up."""
    row = connection.execute(_GROUP, (group_id,)).fetchone()
    return None if row is None else Group(*row)


def find_all(connection: sqlite3.Connection, app_id: AppId, *, after: TopicId, limit: int) -> tuple[Group, ...]:
    """Return groups of an app by ascending id."""
    rows = connection.execute(_LIST, (app_id, after, limit)).fetchall()
    return tuple(Group(*row) for row in rows)


def find_member(
    connection: sqlite3.Connection, group_id: TopicId, user_id: UserId, *, now_ms: int
) -> GroupMember | None:
    """Look a member up; a mute that is over by ``now_ms`` is none."""
    row = connection.execute(_MEMBER, (now_ms, group_id, user_id)).fetchone()
    return None if row is None else GroupMember(*row)


def members(
    connection: sqlite3.Connection, group_id: TopicId, *, after: UserId, limit: int, now_ms: int
) -> tuple[GroupMember, ...]:
    """Return the next members by user id; a mute that is over by ``now_ms`` is none."""
    text = connection.execute(_MEMBERS, (now_ms, group_id, after, limit)).fetchone()[0]
    return tuple(GroupMember(*row) for row in _names.decode(text))


def groups_of(connection: sqlite3.Connection, user_id: UserId) -> tuple[TopicId, ...]:
    """Return the groups a user is in, in the order of joining."""
    return _ids.decode(connection.execute(_GROUPS_OF, (user_id,)).fetchone()[0])


def places(connection: sqlite3.Connection, user_id: UserId, resource: str) -> tuple[GroupPlace, ...]:
    """Return where a device is in each of its user's groups, in the order of joining."""
    text = connection.execute(_PLACES, (resource, user_id)).fetchone()[0]
    return tuple(GroupPlace(*row) for row in _places.decode(text))


def standings_of(
    ledger: Ledger, speakers: Iterable[tuple[TopicId, UserId]]
) -> dict[tuple[TopicId, UserId], Standing]:
    """Return how these users stand to these groups; groups that do not exist are left out."""
    rows = list(dict.fromkeys(speakers))
    found = _STANDINGS.fetch(ledger.connection, _standings, rows)
    return {(standing.group_id, standing.user_id): standing for standing in found}


# ------------------------------------------------------------------ changes


def create(ledger: Ledger, app_id: AppId, owner: UserId, *, name: str, extra: str) -> tuple[Group, GroupChange]:
    """Create a group with its owner as first member."""

    def insert(ids: list[int]) -> None:
        ledger.connection.execute(
            "INSERT INTO unlimited_group (group_id, app_id, owner_id, name, extra, member_count)"
            " VALUES (?, ?, ?, ?, ?, 0)",
            (ids[0], app_id, owner, name, extra),
        )

    group_id = TopicId(insert_with_new_ids(ledger, 1, insert)[0])
    change = _come(ledger, group_id, owner)
    group = find(ledger.connection, group_id)
    if group is None:
        raise AssertionError("the transaction has just written this group")
    return group, change


def join(ledger: Ledger, group_id: TopicId, user_id: UserId, app_id: AppId) -> GroupChange | None:
    """Make a user a member; None if they are.

    Raises:
        NoSuchTopic: no such group in this app, or the user was removed while they asked.
    """
    if _is_member(ledger, group_id, user_id, app_id):
        return None
    return _come(ledger, group_id, user_id)


def leave(ledger: Ledger, group_id: TopicId, user_id: UserId, app_id: AppId) -> GroupChange | None:
    """Take a user and their cursors out of a group; None if they are not in it.

    Raises:
        NoSuchTopic: no such group in this app, or the user was removed while they asked.
    """
    if not _is_member(ledger, group_id, user_id, app_id):
        return None
    connection = ledger.connection
    connection.execute("DELETE FROM group_member WHERE group_id = ? AND user_id = ?", (group_id, user_id))
    connection.execute("DELETE FROM group_cursor WHERE user_id = ? AND group_id = ?", (user_id, group_id))
    connection.execute(
        "UPDATE unlimited_group SET member_count = member_count - 1 WHERE group_id = ?", (group_id,)
    )
    return _change(ledger, GroupChangeKind.LEFT, group_id, user_id)


def delete(ledger: Ledger, group_id: TopicId) -> GroupChange | None:
    """Remove a group; None if there is none."""
    if not dismiss(ledger.connection, [group_id]):
        return None
    return _change(ledger, GroupChangeKind.DISMISSED, group_id, UserId(0))


def dismiss(connection: sqlite3.Connection, group_ids: Sequence[TopicId]) -> int:
    """Remove groups, leaving what else there was of them to ``sweep_dismissed``; return how many there were."""
    rows = [(group_id,) for group_id in group_ids]
    _REMEMBER_DISMISSED.run(connection, rows)
    return _DISMISS.run(connection, rows)


def sweep_dismissed(connection: sqlite3.Connection, limit: int) -> int | None:
    """Delete some of what is left of one dismissed group; return how many rows, None if nothing is left of any.

    Args:
        connection: In a transaction.
        limit: Rows to delete per table, roughly: members' cursors are as many as their devices.
    """
    row = connection.execute("SELECT group_id FROM dismissed_group LIMIT 1").fetchone()
    if row is None:
        return None
    users: str = connection.execute(
        "SELECT json_group_array(user_id) FROM (SELECT user_id FROM group_member WHERE group_id = ? LIMIT ?)",
        (row[0], limit),
    ).fetchone()[0]
    counts = [
        connection.execute(
            f"DELETE FROM {table} WHERE user_id IN (SELECT value FROM json_each(?)) AND group_id = ?",  # noqa: S608 - constants of ours
            (users, row[0]),
        ).rowcount
        for table in ("group_cursor", "group_member")
    ]
    counts.append(
        connection.execute(
            "DELETE FROM group_mute WHERE (group_id, user_id) IN"
            " (SELECT group_id, user_id FROM group_mute WHERE group_id = ? LIMIT ?)",
            (row[0], limit),
        ).rowcount
    )
    if not any(counts):
        counts.append(connection.execute("DELETE FROM dismissed_group WHERE group_id = ?", row).rowcount)
    return sum(counts)


def mute(ledger: Ledger, group_id: TopicId, user_id: UserId, until_s: int) -> bool:
    """Let a member not talk before a time; False if there is no such member."""
    connection = ledger.connection
    now_ms = ledger.clock.now_ms()
    if find_member(connection, group_id, user_id, now_ms=now_ms) is None:
        return False
    # Whoever mutes clears away what is over: nothing else looks at it again.
    connection.execute(
        "DELETE FROM group_mute WHERE group_id = ? AND (user_id = ? OR until_s * 1000 <= ?)",
        (group_id, user_id, now_ms),
    )
    if until_s * 1000 > now_ms:
        connection.execute(
            "INSERT INTO group_mute (group_id, user_id, until_s) VALUES (?, ?, ?)", (group_id, user_id, until_s)
        )
    return True


def move_cursors(ledger: Ledger, cursors: Sequence[GroupCursor]) -> None:
    """Move cursors of members' devices forward, making those that do not exist."""
    _MOVE_CURSORS.run(
        ledger.connection,
        [(cursor.group_id, cursor.user_id, cursor.resource, cursor.sequence) for cursor in cursors],
    )


def _is_member(ledger: Ledger, group_id: TopicId, user_id: UserId, app_id: AppId) -> bool:
    row = ledger.connection.execute(_IS_MEMBER, (group_id, user_id, app_id)).fetchone()
    if row is None:
        raise NoSuchTopic
    return bool(row[0])


def _come(ledger: Ledger, group_id: TopicId, user_id: UserId) -> GroupChange:
    change = _change(ledger, GroupChangeKind.JOINED, group_id, user_id)
    connection = ledger.connection
    connection.execute(
        "INSERT INTO group_member (group_id, user_id, joined_sequence) VALUES (?, ?, ?)",
        (group_id, user_id, change.sequence),
    )
    connection.execute(
        "UPDATE unlimited_group SET member_count = member_count + 1 WHERE group_id = ?", (group_id,)
    )
    return change


def _change(ledger: Ledger, kind: GroupChangeKind, group_id: TopicId, user_id: UserId) -> GroupChange:
    sequence = ledger.next_sequence(ledger.clock.now_ms())
    ledger.keep_last_sequence()  # No message bears it.
    return GroupChange(kind, group_id, user_id, sequence)
