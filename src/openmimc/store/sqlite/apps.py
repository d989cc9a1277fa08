"""Apps. Another process may change them at any time; ``apps_version`` tells that one has."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from openmimc.domain.ports import AppsSnapshot
from openmimc.model.app import App, AppSettings
from openmimc.model.ids import AppId
from openmimc.store.sqlite.connection import snapshot
from openmimc.store.sqlite.ledger import Ledger


def load(connection: sqlite3.Connection, known_version: int | None) -> AppsSnapshot | None:
    """Return all apps if they are not at ``known_version`` any more."""
    if _version_of(connection) == known_version:
        return None
    with snapshot(connection):
        version = _version_of(connection)
        rows = connection.execute(
            "SELECT app_id, name, package, key, secret_hash, key_generation, created_ms, settings"
            " FROM app ORDER BY app_id"
        ).fetchall()
    return AppsSnapshot(version, tuple(_app_of(*row) for row in rows))


def save(ledger: Ledger, app: App) -> None:
    """Create the app, or replace the one with its id."""
    ledger.connection.execute(
        "INSERT OR REPLACE INTO app"
        " (app_id, name, package, key, secret_hash, key_generation, created_ms, settings)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            app.app_id,
            app.name,
            app.package,
            app.key,
            app.secret_hash,
            app.key_generation,
            app.created_ms,
            msgspec.json.encode(app.settings).decode(),
        ),
    )
    _raise_version(ledger)


def delete(ledger: Ledger, app_id: AppId) -> bool:
    """Remove an app; False if there is none."""
    was_there = ledger.connection.execute("DELETE FROM app WHERE app_id = ?", (app_id,)).rowcount == 1
    if was_there:
        _raise_version(ledger)
    return was_there


def settings_of(text: str) -> AppSettings:
    """Read stored settings.

    Members that this version does not know are passed over, so that it can run on a file that a newer version
    of the same schema has written.
    """
    members: dict[str, Any] = msgspec.json.decode(text)
    known = {name: members[name] for name in AppSettings.__struct_fields__ if name in members}
    return msgspec.convert(known, AppSettings)


def _version_of(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("SELECT value FROM meta WHERE key = 'apps_version'").fetchone()[0]
    return version


def _raise_version(ledger: Ledger) -> None:
    ledger.connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'apps_version'")


def _app_of(
    app_id: int,
    name: str,
    package: str,
    key: str,
    secret_hash: bytes,
    key_generation: int,
    created_ms: int,
    settings: str,
) -> App:
    return App(
        app_id=AppId(app_id),
        name=name,
        package=package,
        key=key,
        secret_hash=secret_hash,
        key_generation=key_generation,
        created_ms=created_ms,
        settings=settings_of(settings),
    )
