from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.webhook.receiver import Receiver, open_receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with open_receiver() as opened:
        yield opened
