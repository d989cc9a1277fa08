from __future__ import annotations

import asyncio

import pytest

from openmimc.app import readiness
from openmimc.app.readiness import Readiness
from openmimc.errors import Unavailable


class Store:
    def __init__(self) -> None:
        self.looks = 0
        self.error: Exception | None = None
        self.hangs = False

    async def check(self) -> None:
        self.looks += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error


class Stopwatch:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


async def test_a_store_that_takes_writes_is_ready() -> None:
    assert await Readiness(Store().check, Stopwatch()).check() == {}


async def test_a_store_that_takes_no_writes_is_named_with_its_reason() -> None:
    store = Store()
    store.error = Unavailable("disk full")

    assert await Readiness(store.check, Stopwatch()).check() == {"store": "disk full"}


async def test_a_store_that_does_not_answer_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PATIENCE_S", 0.01)
    store = Store()
    store.hangs = True

    assert await Readiness(store.check, Stopwatch()).check() == {"store": "no answer within 0.01 s"}


async def test_a_server_that_stops_is_not_ready() -> None:
    state = Readiness(Store().check, Stopwatch())
    state.is_stopping = True

    assert await state.check() == {"server": "stopping"}


async def test_many_probes_at_once_cost_the_store_one_look() -> None:
    store, stopwatch = Store(), Stopwatch()
    state = Readiness(store.check, stopwatch)

    await asyncio.gather(*(state.check() for _ in range(50)))

    assert store.looks == 1


async def test_after_a_second_the_store_is_looked_at_again() -> None:
    store, stopwatch = Store(), Stopwatch()
    state = Readiness(store.check, stopwatch)
    await state.check()
    store.error = Unavailable("disk full")
    stopwatch.now_s += readiness.FRESH_FOR_S

    assert await state.check() == {"store": "disk full"}
