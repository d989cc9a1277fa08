"""The load that is none: devices that are logged in and silent."""

from __future__ import annotations

import asyncio

from openmimc.bench.arrivals import Faults
from openmimc.bench.device import Device, MimcDevice
from openmimc.bench.load import Failure, Tally, connect_all
from openmimc.bench.orders import IdleSpec, Slice
from openmimc.bench.tokens import TokenStock
from openmimc.client.tokens import Credentials

PING_INTERVAL_S = 100.0
"""As the official SDKs, more or less. Servers end a session that is silent for several minutes."""


class Idle:
    """Connections that stay. Implements ``Load`` and ``Watcher``."""

    def __init__(self, spec: IdleSpec) -> None:
        self._spec = spec
        self._failure = Failure()
        self._credentials: list[Credentials] = []
        self._devices: list[MimcDevice] = []
        self._pings: asyncio.Task[None] | None = None

    async def prepare(self, tokens: TokenStock) -> None:
        """Fetch tokens: they are no part of what is measured."""
        spec = self._spec
        accounts = range(spec.first_account, spec.first_account + spec.accounts)
        self._credentials = await tokens.get(spec.door, accounts)
        self._pings = asyncio.create_task(self._keep_alive())

    async def run(self, seconds: float, count: int) -> Slice:
        """Log in ``count`` more devices."""
        tally = Tally()
        had = len(self._devices)
        door = self._spec.door
        some = self._credentials[had : had + count]
        self._devices += await connect_all(door, some, lambda one: MimcDevice(self, one))
        self._failure.check()
        return tally.slice()

    async def settle(self, totals: dict[int, int]) -> Faults:
        """Fails if a connection has gone meanwhile."""
        self._failure.check()
        return Faults()

    def close(self) -> None:
        """Disconnect all."""
        self._failure.forget()
        if self._pings is not None:
            self._pings.cancel()
        for device in self._devices:
            device.close()

    async def _keep_alive(self) -> None:
        """A few pings every now and then, rather than all of them at once."""
        steps = int(PING_INTERVAL_S)
        while True:
            for step in range(steps):
                await asyncio.sleep(PING_INTERVAL_S / steps)
                for device in self._devices[step::steps]:
                    device.ping()

    def on_ack(self, device: Device, number: int) -> None:
        """Nobody sends here."""

    def on_message(self, device: Device, payload: bytes) -> None:
        """Left over from an earlier load."""

    def on_failure(self, reason: str) -> None:
        """A device has failed, so the load has."""
        self._failure.set(reason)
