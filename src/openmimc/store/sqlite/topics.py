"""Topics and their members."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from openmimc.model.ids import AppId, TopicId, UserId
from openmimc.model.topic import Member, Topic, TopicChange
from openmimc.store.sqlite import numbers
from openmimc.store.sqlite.accounts import insert_with_new_ids
from openmimc.store.sqlite.bulk import Bulk
from openmimc.store.sqlite.connection import snapshot
from openmimc.store.sqlite.ledger import Audience, Ledger

_TOPIC = "SELECT topic_id, app_id, owner_id, name, bulletin, extra, version FROM topic WHERE topic_id = ?"
_MEMBERS = (
    "SELECT json_group_array(json_array(user_id, name)) FROM (SELECT m.user_id, a.name"
    " FROM topic_member m JOIN account a ON a.user_id = m.user_id"
    " WHERE m.topic_id = ? ORDER BY m.user_id <> ?, m.joining)"
)
_TOPICS_OF = (
    "SELECT json_group_array(json_array(topic_id, app_id, owner_id, name, bulletin, extra, version,"
    " json_array(json_array(owner_id, owner_account)))) FROM (SELECT t.*, a.name AS owner_account"
    " FROM topic_member m JOIN topic t ON t.topic_id = m.topic_id JOIN account a ON a.user_id = t.owner_id"
    " WHERE m.user_id = ? ORDER BY m.joining)"
)
_LIST = (
    "SELECT json_group_array(json_array(json_array(topic_id, app_id, owner_id, name, bulletin, extra, version,"
    " json_array(json_array(owner_id, owner_account))), (SELECT count(*) FROM topic_member m"
    " WHERE m.topic_id = page.topic_id))) FROM (SELECT t.*, a.name AS owner_account"
    " FROM topic t INDEXED BY topic_app JOIN account a ON a.user_id = t.owner_id"
    " WHERE t.app_id = ? AND t.topic_id > ? ORDER BY t.topic_id LIMIT ?) page"
)
_AUDIENCES = Bulk(
    ("topic_id",),
    "SELECT json_group_array(json_array(t.topic_id, t.app_id, (SELECT json_group_array(user_id)"
    " FROM topic_member WHERE topic_id = t.topic_id)))"
    " FROM v CROSS JOIN topic t ON t.topic_id = v.topic_id",
)
_MEMBERS_OF = Bulk(
    ("topic_id",),
    "SELECT json_group_array(json_array(topic_id, user_id, name)) FROM (SELECT t.topic_id, m.user_id, a.name"
    " FROM v CROSS JOIN topic t ON t.topic_id = v.topic_id"
    " CROSS JOIN topic_member m ON m.topic_id = t.topic_id CROSS JOIN account a ON a.user_id = m.user_id"
    " ORDER BY t.topic_id, m.user_id <> t.owner_id, m.joining)",
)
_JOIN = Bulk(
    ("topic_id", "user_id"),
    # Members already there keep their place.
    "INSERT INTO topic_member (topic_id, user_id) SELECT topic_id, user_id FROM v WHERE user_id IS NOT NULL"
    " ON CONFLICT DO NOTHING",
)
_LEAVE = Bulk(
    ("topic_id", "user_id"),
    "DELETE FROM topic_member WHERE (topic_id, user_id) IN (SELECT topic_id, user_id FROM v)",
)


class _Row(Struct, frozen=True, array_like=True):
    topic_id: TopicId
    app_id: AppId
    owner_id: UserId
    name: str
    bulletin: str
    extra: str
    version: int
    members: tuple[tuple[UserId, str], ...]

    def topic(self) -> Topic:
        return Topic(
            topic_id=self.topic_id,
            app_id=self.app_id,
            owner_id=self.owner_id,
            name=self.name,
            bulletin=self.bulletin,
            extra=self.extra,
            version=self.version,
            members=tuple(Member(user_id, account) for user_id, account in self.members),
        )


_members = msgspec.json.Decoder(tuple[tuple[UserId, str], ...])
_rows = msgspec.json.Decoder(list[_Row])
_counted_rows = msgspec.json.Decoder(list[tuple[_Row, int]])
_members_of_rows = msgspec.json.Decoder(list[tuple[TopicId, UserId, str]])
_audience_rows = msgspec.json.Decoder(list[tuple[TopicId, AppId, tuple[UserId, ...]]])


def find(connection: sqlite3.Connection, topic_id: TopicId) -> Topic | None:
    """Look a topic up, members included."""
    with snapshot(connection):
        return _read(connection, topic_id)


def topics_of(connection: sqlite3.Connection, user_id: UserId) -> tuple[Topic, ...]:
    """Return the topics a user is in, in the order of joining, with their owners as only members."""
    rows = _rows.decode(connection.execute(_TOPICS_OF, (user_id,)).fetchone()[0])
    return tuple(row.topic() for row in rows)


def find_all(
    connection: sqlite3.Connection, app_id: AppId, *, after: TopicId, limit: int
) -> tuple[tuple[Topic, int], ...]:
    """Return topics of an app by ascending id, with their owners as only members, and how many these are."""
    rows = _counted_rows.decode(connection.execute(_LIST, (app_id, after, limit)).fetchone()[0])
    return tuple((row.topic(), members) for row, members in rows)


def audiences_of(ledger: Ledger, topic_ids: Iterable[TopicId]) -> dict[TopicId, Audience]:
    """Return who gets what is sent to these topics; topics that do not exist are left out."""
    audiences: dict[TopicId, Audience] = {}
    unknown: list[TopicId] = []
    for topic_id in dict.fromkeys(topic_ids):
        audience = ledger.audiences.get(topic_id)
        if audience is None:
            unknown.append(topic_id)
        else:
            audiences[topic_id] = audience
    if unknown:
        rows = _AUDIENCES.fetch(ledger.connection, _audience_rows, [(topic_id,) for topic_id in unknown])
        for topic_id, app_id, members in rows:
            audience = audiences[topic_id] = Audience(app_id, members)
            ledger.audiences.put(topic_id, audience, weight=len(members) + 1)
    return audiences


def members_of(
    connection: sqlite3.Connection, topic_ids: Iterable[TopicId]
) -> dict[TopicId, list[tuple[UserId, str]]]:
    """Return the members of topics with their names, the owner first, then in the order of joining."""
    members: dict[TopicId, list[tuple[UserId, str]]] = {}
    rows = [(topic_id,) for topic_id in topic_ids]
    for topic_id, user_id, name in _MEMBERS_OF.fetch(connection, _members_of_rows, rows):
        members.setdefault(topic_id, []).append((user_id, name))
    return members


def create(
    ledger: Ledger, app_id: AppId, owner: UserId, members: tuple[UserId, ...], *, name: str, extra: str
) -> Topic:
    """Create a topic with the owner and, after them, the members."""

    def insert(ids: list[int]) -> None:
        ledger.connection.execute(
            "INSERT INTO topic (topic_id, app_id, owner_id, name, bulletin, extra, version)"
            " VALUES (?, ?, ?, ?, '', ?, 1)",
            (ids[0], app_id, owner, name, extra),
        )

    topic_id = TopicId(insert_with_new_ids(ledger, 1, insert)[0])
    _join(ledger, topic_id, (owner, *members))
    return _get(ledger, topic_id)


def change(ledger: Ledger, topic_id: TopicId, version: int, change: TopicChange) -> Topic | None:
    """Apply a change that was decided on at ``version``; None if the topic is not at it any more."""
    updated = ledger.connection.execute(
        "UPDATE topic SET owner_id = coalesce(?, owner_id), name = coalesce(?, name),"
        " bulletin = coalesce(?, bulletin), extra = coalesce(?, extra), version = version + 1"
        " WHERE topic_id = ? AND version = ?",
        (change.owner_id, change.name, change.bulletin, change.extra, topic_id, version),
    )
    if updated.rowcount == 0:
        return None
    _LEAVE.run(ledger.connection, [(topic_id, user_id) for user_id in change.remove])
    _join(ledger, topic_id, change.add)
    ledger.audiences.drop(topic_id)
    return _get(ledger, topic_id)


def delete(ledger: Ledger, topic_id: TopicId, version: int) -> bool:
    """Remove a topic that is still at ``version``."""
    deleted = ledger.connection.execute(
        "DELETE FROM topic WHERE topic_id = ? AND version = ?", (topic_id, version)
    )
    if deleted.rowcount == 0:
        return False
    ledger.connection.execute("DELETE FROM topic_member WHERE topic_id = ?", (topic_id,))
    numbers.forget_topics(ledger.connection, [topic_id])
    ledger.audiences.drop(topic_id)
    return True


def _join(ledger: Ledger, topic_id: TopicId, user_ids: Sequence[UserId]) -> None:
    _JOIN.run(ledger.connection, [(topic_id, user_id) for user_id in dict.fromkeys(user_ids)])


def _get(ledger: Ledger, topic_id: TopicId) -> Topic:
    topic = _read(ledger.connection, topic_id)
    if topic is None:
        raise AssertionError("the transaction has just written this topic")
    return topic


def _read(connection: sqlite3.Connection, topic_id: TopicId) -> Topic | None:
    topic = connection.execute(_TOPIC, (topic_id,)).fetchone()
    if topic is None:
        return None
    owner_id = topic[2]
    members = connection.execute(_MEMBERS, (topic_id, owner_id)).fetchone()[0]
    return msgspec.convert((*topic, _members.decode(members)), _Row).topic()
