"""What the writer remembers between its transactions.

All of it copies the file's content, so it is dropped whenever it might be wrong: after a rollback, and when
another process has changed the file.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable

from msgspec import Struct

from openmimc.domain.ports import Clock, Presence
from openmimc.model.ids import SEQUENCES_PER_MS, AppId, Sequence, TopicId, UserId
from openmimc.store.sqlite.cache import LruCache

REMEMBERED_ACCOUNTS = 65_536
"""About 16 MiB. An account that is not remembered costs one lookup, shared by the transaction."""

REMEMBERED_USERS = 65_536
"""Users whose devices are remembered. About 16 MiB."""

REMEMBERED_MEMBERS = 262_144
"""Sum of the members of all remembered topics. About 12 MiB."""

REMEMBERED_BLACKLISTS = 65_536
"""Sum of 1 per remembered user and 1 per user that they block. About 12 MiB; most users block nobody."""

REMEMBERED_CONTACTS = 65_536
"""Pairs of users known to be written down as contacts. About 20 MiB."""

MAX_ID = 2**53 - 1
"""Greatest user and topic id: JavaScript's numbers are exact up to it."""


Pair = tuple[UserId, UserId]
"""Two users who talk to each other, the smaller id first."""


class Nobody:
    """Who is bound as long as nobody has said who knows."""

    def is_bound(self, _user_id: UserId) -> bool:
        """Whether the user has a device bound: no."""
        return False


class Audience(Struct, frozen=True):
    """Who gets what is sent to a topic."""

    app_id: AppId
    members: tuple[UserId, ...]


class Cutoffs(Struct, frozen=True):
    """What is past its time in one app, as of the beginning of a round of retention.

    Attributes:
        inbox_before: Inbox rows below this sequence go.
        history_before: Stored messages below this sequence go, so contacts may be without any.
        account_before_ms: Accounts created before this time go; 0 if they stay for ever.
    """

    inbox_before: Sequence
    history_before: Sequence
    account_before_ms: int


class MessageRange(Struct, frozen=True):
    """Messages that a round of retention has still to look at: ``after < sequence < before``."""

    app_id: AppId
    is_store: int
    after: Sequence
    before: Sequence


def random_id() -> int:
    """Return a number that fits a user or a topic and says nothing about how many there are."""
    return secrets.randbelow(MAX_ID) + 1


class Ledger:
    """The writer's connection and memory. Used by the writer's thread alone, inside its transactions.

    Attributes:
        appended_messages: Messages stored by the transaction under way.
        presence: Who knows the bound devices. The one thing that another thread may set.
    """

    __slots__ = (
        "_data_version",
        "_last_sequence",
        "account_ids",
        "appended_messages",
        "audiences",
        "blacklists",
        "clock",
        "connection",
        "contacts",
        "has_blacklists",
        "new_id",
        "presence",
        "resources",
        "sweep_cutoffs",
        "sweep_ranges",
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
        self.blacklists: LruCache[UserId, frozenset[UserId]] = LruCache(REMEMBERED_BLACKLISTS)
        self.has_blacklists: bool | None = None  # None: not known. Most servers have none at all.
        self.contacts: LruCache[Pair, bool] = LruCache(REMEMBERED_CONTACTS)
        self.presence: Presence = Nobody()
        # Of the sweep's round under way; see ``retention``.
        self.sweep_cutoffs: dict[AppId, Cutoffs] | None = None
        self.sweep_ranges: list[MessageRange] | None = None
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
        self.blacklists.clear()
        self.has_blacklists = None
        self.contacts.clear()
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

    def keep_last_sequence(self) -> None:
        """Write the last sequence down, where no message that stays in the file bears it."""
        self.connection.execute(
            "UPDATE meta SET value = max(value, ?) WHERE key = 'last_sequence'", (self._last_sequence,)
        )


def _read_last_sequence(connection: sqlite3.Connection) -> int:
    last: int = connection.execute(
        "SELECT max(coalesce((SELECT max(sequence) FROM message), 0),"
        " (SELECT value FROM meta WHERE key = 'last_sequence'))"
    ).fetchone()[0]
    return last
