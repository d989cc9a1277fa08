"""What the writer remembers between its transactions.

All of it copies the file's content, so it is dropped whenever it might be wrong: after a rollback, and when
another process has changed the file.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable

from msgspec import Struct

from openmimc.domain.ports import Clock
from openmimc.model.ids import SEQUENCES_PER_MS, AppId, Sequence, TopicId, UserId
from openmimc.store.sqlite.cache import LruCache

REMEMBERED_ACCOUNTS = 65_536
"""About 16 MiB. An account that is not remembered costs one lookup, shared by the transaction."""

REMEMBERED_USERS = 65_536
"""Users whose devices are remembered. About 16 MiB."""

REMEMBERED_MEMBERS = 262_144
"""Sum of the members of all remembered topics. About 12 MiB."""

MAX_ID = 2**53 - 1
"""Greatest user and topic id: JavaScript's numbers are exact up to it."""


class Audience(Struct, frozen=True):
    """Who gets what is sent to a topic."""

    app_id: AppId
    members: tuple[UserId, ...]


def random_id() -> int:
    """Return a number that fits a user or a topic and says nothing about how many there are."""
    return secrets.randbelow(MAX_ID) + 1


class Ledger:
    """The writer's connection and memory. Used by the writer's thread alone, inside its transactions.

    Attributes:
        appended_messages: Messages stored by the transaction under way.
    """

    __slots__ = (
        "_data_version",
        "_last_sequence",
        "account_ids",
        "appended_messages",
        "audiences",
        "clock",
        "connection",
        "new_id",
        "resources",
        "sweep_cutoffs",
    )

    def __init__(
        self, connection: sqlite3.Connection, clock: Clock, *, new_id: Callable[[], int] = random_id
    ) -> None:
        self.connection = connection
        self.clock = clock
        self.new_id = new_id
        self.account_ids: LruCache[tuple[AppId, str], UserId] = LruCache(REMEMBERED_ACCOUNTS)
        self.audiences: LruCache[TopicId, Audience] = LruCache(REMEMBERED_MEMBERS)
        self.resources: LruCache[UserId, tuple[str, ...]] = LruCache(REMEMBERED_USERS)
        # Of the sweep's round under way; see ``retention``.
        self.sweep_cutoffs: dict[AppId, Sequence] | None = None
        self.appended_messages = 0
        self._last_sequence = 0
        self._data_version: int | None = None

    @property
    def last_sequence(self) -> Sequence:
        """No sequence up to this one will be given again."""
        return Sequence(self._last_sequence)

    def begin(self) -> None:
        """Start a transaction: the lock is held, so what is checked here stays true until the commit."""
        self.appended_messages = 0
        # Differs from the last answer when another connection has committed in between.
        version: int = self.connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._data_version:
            self.forget()
            self._last_sequence = max(self._last_sequence, _read_last_sequence(self.connection))
            self._data_version = version

    def forget(self) -> None:
        """Drop the memory. The last sequence stays: giving none twice is worth a gap."""
        self.account_ids.clear()
        self.audiences.clear()
        self.resources.clear()
        self._data_version = None

    def next_sequence(self, now_ms: int) -> Sequence:
        """Give a sequence: of this millisecond, or the one behind the last if that is later.

        Source: protocol reference, terms ("sequence"): n begins at 1.
        """
        sequence = max(now_ms * SEQUENCES_PER_MS, self._last_sequence) + 1
        if sequence % SEQUENCES_PER_MS == 0:
            sequence += 1
        self._last_sequence = sequence
        return Sequence(sequence)


def _read_last_sequence(connection: sqlite3.Connection) -> int:
    last: int = connection.execute(
        "SELECT max(coalesce((SELECT max(sequence) FROM message), 0),"
        " (SELECT value FROM meta WHERE key = 'last_sequence'))"
    ).fetchone()[0]
    return last
