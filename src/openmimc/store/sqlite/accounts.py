"""Accounts: the app's own user names and the server's numbers for them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence

import msgspec
from msgspec import Struct

from openmimc.model.app import Account
from openmimc.model.ids import AppId, UserId
from openmimc.store.sqlite.bulk import Bulk, SqlValue
from openmimc.store.sqlite.connection import snapshot
from openmimc.store.sqlite.ledger import Ledger

ID_ATTEMPTS = 8
"""Draws of random ids before giving up. One collision among a billion accounts has odds of 1 to 9 million."""

_LAST_CHARACTER = chr(0x10FFFF)
_FIRST_SURROGATE = 0xD800
_BEHIND_SURROGATES = 0xE000

AccountKey = tuple[AppId, str]


class _Row(Struct, frozen=True, array_like=True):
    app_id: AppId
    user_id: UserId
    name: str
    token_generation: int
    banned: int

    def account(self) -> Account:
        return Account(self.app_id, self.user_id, self.name, self.token_generation, bool(self.banned))


_rows = msgspec.json.Decoder(list[_Row])

_FIND = Bulk(
    ("app_id", "name"),
    "SELECT json_group_array(json_array(a.app_id, a.user_id, a.name, a.token_generation, a.banned))"
    " FROM v CROSS JOIN account a ON a.app_id = v.app_id AND a.name = v.name",
)
_INSERT = Bulk(
    ("user_id", "app_id", "name", "created_ms"),
    "INSERT INTO account (user_id, app_id, name, created_ms) SELECT * FROM v WHERE user_id IS NOT NULL",
)


def find(connection: sqlite3.Connection, app_id: AppId, name: str) -> Account | None:
    """Look an account up."""
    found = _FIND.fetch(connection, _rows, [(app_id, name)])
    return found[0].account() if found else None


def ensure(ledger: Ledger, app_id: AppId, names: tuple[str, ...]) -> tuple[Account, ...]:
    """Return the accounts of these names, in order, creating those that do not exist."""
    keys = [(app_id, name) for name in dict.fromkeys(names)]
    rows = _FIND.fetch(ledger.connection, _rows, keys)
    accounts = {row.name: row.account() for row in rows}
    for (_, name), user_id in _create(ledger, [key for key in keys if key[1] not in accounts]).items():
        accounts[name] = Account(app_id, user_id, name)
    for name, account in accounts.items():
        ledger.account_ids.put((app_id, name), account.user_id)
    return tuple(accounts[name] for name in names)


def find_ids(ledger: Ledger, keys: Iterable[AccountKey]) -> dict[AccountKey, UserId]:
    """Return the user ids of accounts; those that do not exist are left out."""
    ids: dict[AccountKey, UserId] = {}
    unknown: list[AccountKey] = []
    for key in dict.fromkeys(keys):
        user_id = ledger.account_ids.get(key)
        if user_id is None:
            unknown.append(key)
        else:
            ids[key] = user_id
    if unknown:
        for row in _FIND.fetch(ledger.connection, _rows, unknown):
            ids[row.app_id, row.name] = row.user_id
            ledger.account_ids.put((row.app_id, row.name), row.user_id)
    return ids


def create_ids(ledger: Ledger, keys: Sequence[AccountKey]) -> dict[AccountKey, UserId]:
    """Create accounts known not to exist, each named once, and return their user ids."""
    created = _create(ledger, keys)
    for key, user_id in created.items():
        ledger.account_ids.put(key, user_id)
    return created


def change(ledger: Ledger, user_id: UserId, *, is_banned: bool | None, revoke_tokens: bool) -> Account | None:
    """Ban or unban an account, or raise its token generation, and write down whose tokens are void by that."""
    row = ledger.connection.execute(
        "UPDATE account SET banned = coalesce(?, banned), token_generation = token_generation + ?"
        " WHERE user_id = ? RETURNING app_id, user_id, name, token_generation, banned",
        (None if is_banned is None else int(is_banned), int(revoke_tokens), user_id),
    ).fetchall()
    if row and (is_banned or revoke_tokens):
        ledger.connection.execute(
            "INSERT INTO revocation (user_id, revoked_ms) VALUES (?, ?)", (user_id, ledger.clock.now_ms())
        )
    return _Row(*row[0]).account() if row else None


def search(
    connection: sqlite3.Connection, app_id: AppId, prefix: str, *, after: str, limit: int
) -> tuple[Account, ...]:
    """Return accounts by their names, whose order is that of their bytes, here and in SQLite."""
    rows = connection.execute(
        "SELECT app_id, user_id, name, token_generation, banned FROM account"
        " WHERE app_id = ? AND name >= ? AND name < ? AND name <> ? ORDER BY name LIMIT ?",
        (app_id, max(prefix, after), _behind(prefix), after, limit),
    ).fetchall()
    return tuple(_Row(*row).account() for row in rows)


def revoked_since(connection: sqlite3.Connection, number: int) -> tuple[int, tuple[UserId, ...]]:
    """Return whose tokens became void, and the last number that was given."""
    with snapshot(connection):
        rows = connection.execute(
            "SELECT user_id FROM revocation WHERE ?1 >= 0 AND number > ?1 ORDER BY number", (number,)
        ).fetchall()
        last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'revocation'").fetchall()
    return last[0][0] if last else 0, tuple(UserId(user_id) for (user_id,) in rows)


def _behind(prefix: str) -> str | bytes:
    """Return the least value behind all texts that begin with ``prefix``."""
    kept = prefix.rstrip(_LAST_CHARACTER)
    if not kept:
        return b""  # To SQLite, bytes are behind every text.
    following = ord(kept[-1]) + 1
    # Surrogates are no characters: they cannot be stored.
    return kept[:-1] + chr(_BEHIND_SURROGATES if following == _FIRST_SURROGATE else following)


def _create(ledger: Ledger, keys: Sequence[AccountKey]) -> dict[AccountKey, UserId]:
    """Create accounts known not to exist."""
    if not keys:
        return {}
    created_ms = ledger.clock.now_ms()

    def insert(ids: list[int]) -> None:
        rows: list[tuple[SqlValue, ...]] = [
            (user_id, *key, created_ms) for user_id, key in zip(ids, keys, strict=True)
        ]
        _INSERT.run(ledger.connection, rows)

    ids = insert_with_new_ids(ledger, len(keys), insert)
    return {key: UserId(user_id) for key, user_id in zip(keys, ids, strict=True)}


def insert_with_new_ids(ledger: Ledger, count: int, insert: Callable[[list[int]], None]) -> list[int]:
    """Draw random ids until ``insert`` finds none of them taken.

    Args:
        ledger: Of the transaction.
        count: How many ids to draw.
        insert: Inserts rows with these ids; nothing but the ids may stand in its way.
    """
    for attempt in range(ID_ATTEMPTS):
        ids = [ledger.new_id() for _ in range(count)]
        ledger.connection.execute("SAVEPOINT draw")
        try:
            insert(ids)
        except sqlite3.IntegrityError:
            ledger.connection.execute("ROLLBACK TO draw")
            ledger.connection.execute("RELEASE draw")
            if attempt == ID_ATTEMPTS - 1:
                raise
        else:
            ledger.connection.execute("RELEASE draw")
            return ids
    raise AssertionError("the last attempt returns or raises")
