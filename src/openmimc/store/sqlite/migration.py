"""Brings a file to the newest schema.

The schema version is SQLite's ``user_version``; script ``NNNN_name.sql`` leads from version N-1 to N. Each
script and its version number are one transaction: an interruption leaves the version before, whole.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from importlib import resources

from msgspec import Struct

from openmimc.store.errors import StoreTooNew


class Migration(Struct, frozen=True):
    """One step of the schema.

    Attributes:
        version: What the file is at afterwards.
        script: SQL statements, each ended by a semicolon.
    """

    version: int
    script: str


def load_migrations() -> tuple[Migration, ...]:
    """Return the scripts that come with this package, in order."""
    folder = resources.files("openmimc.store") / "migrations"
    scripts = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda e: e.name)
    return tuple(Migration(int(entry.name[:4]), entry.read_text("utf-8")) for entry in scripts)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Apply, in order, the migrations that the file does not have yet.

    Safe while other processes open the same file: one of them migrates, the others find it done.

    Raises:
        StoreTooNew: the file is at a version behind the last migration; it was not changed.
    """
    newest = migrations[-1].version
    if _version_of(connection) == newest:
        return  # The usual case takes no lock.
    for migration in migrations:
        connection.execute("BEGIN IMMEDIATE")
        try:
            found = _version_of(connection)
            if found > newest:
                raise StoreTooNew(found, newest)
            if found < migration.version:
                for statement in _statements_of(migration.script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {migration.version}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _version_of(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _statements_of(script: str) -> Iterator[str]:
    """Cut a script into its statements; ``Connection.executescript`` would commit what is under way."""
    statement = ""
    for part in re.split("(?<=;)", script):
        statement += part
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
