"""The adapters that the suites run on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openmimc.domain.ports import Store
from openmimc.store.sqlite import SqliteStore
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Store]:
    store: Store = (
        SqliteStore.open(tmp_path / "openmimc.db", clock=clock)
        if request.param == "sqlite"
        else MemoryStore(clock)
    )
    yield store
    await store.aclose()
