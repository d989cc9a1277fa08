"""What a worker's loads have in common: connecting devices, failing, and counting."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from openmimc.bench.arrivals import Faults
from openmimc.bench.device import Device, MimcDevice
from openmimc.bench.errors import BenchError
from openmimc.bench.histogram import Histogram
from openmimc.bench.orders import SLOT_NS, Door, Slice
from openmimc.bench.tokens import TokenStock
from openmimc.client.tokens import Credentials

CONNECTING_AT_ONCE = 50

D = TypeVar("D", bound=Device)


class Load(Protocol):
    """Something a worker does over and over, for as long as it is told to."""

    async def prepare(self, tokens: TokenStock) -> None:
        """Get ready to run."""

    async def run(self, seconds: float, count: int) -> Slice:
        """Run for a time, or until ``count`` is reached if that is not 0."""

    async def settle(self, totals: dict[int, int]) -> Faults:
        """Wait for what is under way, and say what was wrong since the beginning."""

    def close(self) -> None:
        """End all connections."""


class Tally:
    """Counts of one run."""

    __slots__ = ("_began_cpu_s", "_began_s", "acks", "received", "receives", "requests", "sent", "slots")

    def __init__(self) -> None:
        self._began_s = time.perf_counter()
        self._began_cpu_s = time.process_time()
        self.acks = array("q")
        self.receives = array("q")
        self.requests = array("q")
        self.sent = 0
        self.received = 0
        self.slots: Counter[int] = Counter()

    def request_done(self, began_ns: int, now_ns: int) -> None:
        """Count an answered request."""
        self.requests.append(now_ns - began_ns)
        self.slots[now_ns // SLOT_NS] += 1

    def slice(self, totals: dict[int, int] | None = None) -> Slice:
        """The result, as of now."""
        return Slice(
            seconds=time.perf_counter() - self._began_s,
            busy_s=time.process_time() - self._began_cpu_s,
            sent=self.sent,
            received=self.received,
            requests=len(self.requests),
            ack_ns=dict(Histogram.of(self.acks).counts),
            receive_ns=dict(Histogram.of(self.receives).counts),
            request_ns=dict(Histogram.of(self.requests).counts),
            slots=dict(self.slots),
            totals=totals or {},
        )


class Failure:
    """The first reason why a load means nothing any more, for whoever waits to stumble over."""

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def set(self, reason: str) -> None:
        """Note a reason; later ones are dropped."""
        if not self._future.done():
            self._future.set_exception(BenchError(reason))
            self._future.exception()  # Else asyncio complains of a failure that nobody had to ask for.

    def check(self) -> None:
        """Raise the reason if there is one."""
        if self._future.done():
            self._future.result()

    async def wait_for(self, event: asyncio.Event, timeout_s: float) -> bool:
        """Wait for an event. False: it did not come in time.

        Raises:
            BenchError: The load failed.
        """
        waiting = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait((waiting, self._future), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        self.check()
        return event.is_set()

    def forget(self) -> None:
        """Nobody will ask any more."""
        self._future.cancel()


def shares(count: int, size: int) -> list[int]:
    """Divide a count as evenly as it goes, the first ones getting more."""
    return [count // size + (index < count % size) for index in range(size)]


async def connect(address: str, make: Callable[[], D]) -> D:
    """Open a device's connection to ``host:port``.

    Raises:
        BenchError: It cannot be opened.
    """
    host, _, port = address.rpartition(":")
    try:
        _, device = await asyncio.get_running_loop().create_connection(make, host.strip("[]"), int(port))
    except OSError as error:
        raise BenchError(f"cannot connect to {address}: {error}") from error
    return device


async def connect_all(
    door: Door, credentials: Iterable[Credentials], make: Callable[[Credentials], MimcDevice]
) -> list[MimcDevice]:
    """Connect and log in a device for each of these users, some at a time, in order."""
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def login(one: Credentials) -> MimcDevice:
        async with gate:
            device = await connect(door.tcp, lambda: make(one))
            await device.login()
            return device

    return list(await asyncio.gather(*(login(one) for one in credentials)))
