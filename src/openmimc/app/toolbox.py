"""The store of a data directory, opened for one command beside a server that may be running on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from openmimc.app.data_dir import DataDir
from openmimc.domain.apps import Apps
from openmimc.domain.callbacks import PAGE_MAX, Callbacks
from openmimc.domain.clock import SystemClock
from openmimc.domain.ports import Clock, Store
from openmimc.store.sqlite import SqliteStore

CALLBACKS_PAGE_MAX = PAGE_MAX
"""Most callbacks that one listing gives."""


class Toolbox(Struct, frozen=True):
    """What a command may use."""

    apps: Apps
    callbacks: Callbacks
    store: Store
    clock: Clock


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
        yield Toolbox(apps, Callbacks(store, apps, clock), store, clock)
    finally:
        await store.aclose()
