"""A store whose parts a test can reach."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openmimc.store.sqlite import SqliteStore
from openmimc.store.sqlite.connection import connect_writer
from openmimc.store.sqlite.ledger import Ledger
from openmimc.store.sqlite.migration import load_migrations, migrate
from openmimc.store.sqlite.readers import Readers
from openmimc.store.sqlite.stats import StoreStats
from openmimc.store.sqlite.writer import Writer
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "openmimc.db"


@pytest.fixture
def connection(path: Path) -> sqlite3.Connection:
    """The writer's connection. The store closes it."""
    connection = connect_writer(path)
    migrate(connection, load_migrations())
    return connection


@pytest.fixture
def ledger(connection: sqlite3.Connection, clock: FakeClock) -> Ledger:
    return Ledger(connection, clock)


@pytest.fixture
async def store(path: Path, connection: sqlite3.Connection, ledger: Ledger) -> AsyncIterator[SqliteStore]:
    """A store put together from ``connection`` and ``ledger``."""
    loop = asyncio.get_running_loop()
    stats = StoreStats()
    store = SqliteStore(Writer(connection, ledger, stats, loop), Readers(path, loop), stats, ledger)
    yield store
    await store.aclose()
