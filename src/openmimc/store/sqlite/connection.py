"""Connections to the file, with the settings that the store relies on."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openmimc.store.errors import SqliteTooOld

OLDEST_SQLITE = (3, 38, 0)
"""Has RETURNING (3.35), STRICT tables (3.37) and JSON built in (3.38)."""

BUSY_TIMEOUT_MS = 5_000
"""How long to wait for another process (the command line) to finish writing."""

WRITER_CACHE_KIB = 65_536
"""Holds the upper pages of every index and the packet ids of a busy day."""

READER_CACHE_KIB = 8_192

CHECKPOINT_PAGES = 4_000
"""Pages in the write-ahead log at which they move into the file: 16 MiB, so that a page hot in a burst of
messages moves once. The transaction that passes it waits for the move."""

CACHED_STATEMENTS = 256
"""More than there are statements, with every power of two of a bulk statement's rows counted."""


def check_sqlite(found: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Check the SQLite library.

    Raises:
        SqliteTooOld: it lacks what the store needs.
    """
    if found < OLDEST_SQLITE:
        raise SqliteTooOld(found, OLDEST_SQLITE)


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open the connection that writes; create the file, for its owner alone, if there is none.

    SQLite gives its side files the same rights as the file.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return _connect(
        path,
        # Returning from a commit promises that it survives the power going off: FULL syncs the log at each.
        "journal_mode = WAL",
        "synchronous = FULL",
        f"cache_size = -{WRITER_CACHE_KIB}",
        f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        # Deleted content is wiped where that costs no extra write.
        "secure_delete = FAST",
    )


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open a connection that can only read."""
    return _connect(path, "query_only = ON", f"cache_size = -{READER_CACHE_KIB}")


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Let all reads inside see the file as of one moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


def is_trouble_of_the_file(exc: Exception) -> bool:
    """Whether SQLite blames the file or the machine (disk full, locked, broken), not the values given."""
    return type(exc) in (sqlite3.OperationalError, sqlite3.DatabaseError)


def _connect(path: Path, *settings: str) -> sqlite3.Connection:
    # Opened in one thread and used in another, by one at a time. Transactions are begun by hand.
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=CACHED_STATEMENTS
    )
    try:
        for setting in (f"busy_timeout = {BUSY_TIMEOUT_MS}", *settings):
            connection.execute(f"PRAGMA {setting}")
    except BaseException:
        connection.close()  # Only now does it show that the file is no database.
        raise
    return connection
