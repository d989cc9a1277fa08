"""Blacklists: who cannot write to whom."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from openmimc.model.ids import UserId
from openmimc.store.sqlite.bulk import Bulk
from openmimc.store.sqlite.ledger import Ledger

_pairs = msgspec.json.Decoder(list[tuple[UserId, UserId]])

_BLOCKED = Bulk(
    ("user_id",),
    "SELECT json_group_array(json_array(b.user_id, b.blocked_id))"
    " FROM v CROSS JOIN block b ON b.user_id = v.user_id",
)


def blacklists_of(ledger: Ledger, user_ids: Iterable[UserId]) -> dict[UserId, frozenset[UserId]]:
    """Return whom these users block; users who block nobody are left out."""
    if ledger.has_blacklists is None:
        found = ledger.connection.execute("SELECT EXISTS (SELECT 1 FROM block WHERE user_id > 0)").fetchone()
        ledger.has_blacklists = bool(found[0])
    if not ledger.has_blacklists:
        return {}
    blacklists: dict[UserId, frozenset[UserId]] = {}
    unknown: list[UserId] = []
    for user_id in dict.fromkeys(user_ids):
        remembered = ledger.blacklists.get(user_id)
        if remembered is None:
            unknown.append(user_id)
        elif remembered:
            blacklists[user_id] = remembered
    if unknown:
        fetched: dict[UserId, set[UserId]] = {}
        for user_id, blocked_id in _BLOCKED.fetch(
            ledger.connection, _pairs, [(user_id,) for user_id in unknown]
        ):
            fetched.setdefault(user_id, set()).add(blocked_id)
        for user_id in unknown:
            blacklist = frozenset(fetched.get(user_id, ()))
            ledger.blacklists.put(user_id, blacklist, weight=len(blacklist) + 1)
            if blacklist:
                blacklists[user_id] = blacklist
    return blacklists


def block(ledger: Ledger, user_id: UserId, blocked_id: UserId) -> None:
    """Keep a user from writing to another. One statement."""
    ledger.blacklists.drop(user_id)
    ledger.has_blacklists = True
    ledger.connection.execute(
        "INSERT INTO block (user_id, blocked_id) VALUES (?, ?) ON CONFLICT DO NOTHING", (user_id, blocked_id)
    )


def unblock(ledger: Ledger, user_id: UserId, blocked_id: UserId) -> None:
    """Undo ``block``. One statement."""
    ledger.blacklists.drop(user_id)
    ledger.connection.execute("DELETE FROM block WHERE user_id = ? AND blocked_id = ?", (user_id, blocked_id))


def is_blocked(connection: sqlite3.Connection, user_id: UserId, blocked_id: UserId) -> bool:
    """Whether ``blocked_id`` cannot write to ``user_id``."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM block WHERE user_id = ? AND blocked_id = ?)", (user_id, blocked_id)
    ).fetchone()
    return bool(row[0])
