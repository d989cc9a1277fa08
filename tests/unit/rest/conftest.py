from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.clock import FakeClock
from tests.unit.rest.world import NOW_MS, RecordingStore, World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = FakeClock(NOW_MS)
    opened = await World(RecordingStore(clock), clock).open(topicMemberCount="4")
    async with opened.http:
        yield opened
