"""The store of a data directory, opened for one command beside a server that may be running on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from openmimc.app.data_dir import DataDir
from openmimc.bus.local import LocalBus
from openmimc.domain import accounts, counts
from openmimc.domain.accounts import Accounts
from openmimc.domain.apps import Apps
from openmimc.domain.callbacks import PAGE_MAX, Callbacks
from openmimc.domain.clock import SystemClock
from openmimc.domain.counts import MessageCounts
from openmimc.domain.message_life import MessageLives
from openmimc.domain.operators import Operators
from openmimc.domain.ports import Clock, Store
from openmimc.model.ids import Sequence, UserId
from openmimc.model.insight import CallbackAttempt, ConnectionInfo
from openmimc.store.sqlite import SqliteStore

ACCOUNTS_PAGE_MAX = accounts.PAGE_MAX
"""Most accounts that one listing gives."""

DAYS_MAX = counts.DAYS_MAX
HOURS_MAX = counts.HOURS_MAX
"""Longest stretches of time whose messages are counted at once."""

CALLBACKS_PAGE_MAX = PAGE_MAX
"""Most callbacks that one listing gives."""


class Toolbox(Struct, frozen=True):
    """What a command may use.

    Attributes:
        accounts: Sees no connections: those are the server's process's.
        lives: Knows no times of pushes and acknowledgements, for the same reason.
    """

    apps: Apps
    callbacks: Callbacks
    operators: Operators
    accounts: Accounts
    lives: MessageLives
    counts: MessageCounts
    store: Store
    clock: Clock


class _NoPresence:
    """Connections belong to the server's process."""

    def connections_of(self, _user_id: UserId) -> tuple[ConnectionInfo, ...]:
        return ()


class _NoTraces:
    """So does what is remembered of messages on their way."""

    def committed_ms(self, _sequence: Sequence) -> int | None:
        return None

    def steps_of(self, _sequence: Sequence, _user_id: UserId) -> dict[str, tuple[int | None, int | None]]:
        return {}

    def attempts_of(self, _sequence: Sequence) -> tuple[CallbackAttempt, ...]:
        return ()


@asynccontextmanager
async def open_toolbox(data_dir: DataDir, *, create: bool = False) -> AsyncIterator[Toolbox]:
    """Open a data directory's store; everything done is on disk when the block ends.

    Args:
        data_dir: Where.
        create: Whether to make the directory and the store when they do not exist.

    Raises:
        ConfigError: There is no such directory.
        StoreTooNew: A newer version of this program wrote the store.
    """
    if create:
        data_dir.create()
    else:
        data_dir.check_exists()
    clock = SystemClock()
    store = SqliteStore.open(data_dir.database_file(), clock=clock)
    try:
        apps = Apps(store, clock)
        yield Toolbox(
            apps,
            Callbacks(store, apps, clock),
            Operators(store, clock),
            Accounts(store, _NoPresence(), LocalBus()),
            MessageLives(store, _NoTraces()),
            MessageCounts(store, clock),
            store,
            clock,
        )
    finally:
        await store.aclose()
