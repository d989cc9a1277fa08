"""The load of a login storm: connect, greet, log in, go, and again."""

from __future__ import annotations

import asyncio
import itertools
import time
from functools import partial

from openmimc.bench.arrivals import Faults
from openmimc.bench.device import Device, MimcDevice
from openmimc.bench.load import Failure, Tally, connect
from openmimc.bench.orders import LoginSpec, Slice
from openmimc.bench.tokens import TokenStock
from openmimc.client.tokens import Credentials


class Logins:
    """Lanes that log in one user after the other. Implements ``Load`` and ``Watcher``."""

    def __init__(self, spec: LoginSpec) -> None:
        self._spec = spec
        self._failure = Failure()
        self._credentials: list[Credentials] = []

    async def prepare(self, tokens: TokenStock) -> None:
        """Fetch tokens: they are no part of what is measured."""
        spec = self._spec
        accounts = range(spec.first_account, spec.first_account + spec.accounts)
        self._credentials = await tokens.get(spec.door, accounts)

    async def run(self, seconds: float, count: int) -> Slice:
        """Log in for a time, or ``count`` times."""
        tally = Tally()
        queue = itertools.cycle(self._credentials)
        deadline_s = float("inf") if count else time.perf_counter() + seconds
        left = count or 1 << 62

        async def lane() -> None:
            nonlocal left
            while left > 0 and time.perf_counter() < deadline_s:
                left -= 1
                credentials = next(queue)
                began_ns = time.perf_counter_ns()
                make = partial(MimcDevice, self, credentials)
                device = await connect(self._spec.door.tcp, make)
                await device.login()
                tally.request_done(began_ns, time.perf_counter_ns())
                device.close()

        await asyncio.gather(*(lane() for _ in range(self._spec.at_once)))
        self._failure.check()
        return tally.slice()

    async def settle(self, totals: dict[int, int]) -> Faults:
        """Logins cannot be lost: each was waited for."""
        return Faults()

    def close(self) -> None:
        """Nothing is open."""
        self._failure.forget()

    def on_ack(self, device: Device, number: int) -> None:
        """Nobody sends here."""

    def on_message(self, device: Device, payload: bytes) -> None:
        """Left over from an earlier load."""

    def on_failure(self, reason: str) -> None:
        """A device has failed, so the load has."""
        self._failure.set(reason)
