"""The load notices what a server does wrong: here, a relay that loses, repeats and mixes up messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from openmimc.bench import talk
from openmimc.bench.arrivals import Faults
from openmimc.bench.errors import BenchError
from openmimc.bench.orders import Door, RelayDoor, Slice, TalkSpec
from openmimc.bench.relay import HEAD_BYTES, Relay, RelayEnd, RelayPacket
from openmimc.bench.sizes import packet_sizes
from openmimc.bench.stamps import read_stamp
from openmimc.bench.talk import Talk
from openmimc.bench.talk_kind import TalkKind
from openmimc.bench.tokens import TokenStock

SIZES = packet_sizes(TalkKind.P2P, 100)

Tamper = Callable[[int, bytes], list[bytes]]
"""From a list's number to the packets that are sent in its place."""


class TamperedEnd(RelayEnd):
    """An end of a relay that does not do its job."""

    def __init__(self, relay: Relay, tamper: Tamper, ends: list[TamperedEnd]) -> None:
        super().__init__(relay)
        self._tamper = tamper
        ends.append(self)

    def abort(self) -> None:
        """Break the connection off."""
        self._transport.abort()

    def send(self, packet: bytes) -> None:
        if packet[0] != RelayPacket.LIST:
            super().send(packet)
            return
        _, number, _ = read_stamp(packet[HEAD_BYTES:])
        for passed in self._tamper(number, packet):
            super().send(passed)


StartRelay = Callable[[Tamper, list[TamperedEnd]], Awaitable[str]]


def honest(_number: int, packet: bytes) -> list[bytes]:
    return [packet]


class Held:
    """Keeps one packet back until the next one has gone."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._kept: bytes | None = None

    def __call__(self, number: int, packet: bytes) -> list[bytes]:
        if number == self._number:
            self._kept = packet
            return []
        passed, self._kept = [packet, *([self._kept] if self._kept else [])], None
        return passed


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "DRAIN_S", 0.3)


@pytest.fixture
async def start_relay() -> AsyncIterator[StartRelay]:
    """Start a relay that tampers; its ends go into a list."""
    loop = asyncio.get_running_loop()
    servers: list[asyncio.Server] = []

    async def start(tamper: Tamper, ends: list[TamperedEnd]) -> str:
        relay = Relay(loop, SIZES.ack, SIZES.list)
        servers.append(await loop.create_server(lambda: TamperedEnd(relay, tamper, ends), "127.0.0.1", 0))
        return f"127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()


def pair(address: str, *, in_flight: int = 1, listeners: int = 1) -> Talk:
    return Talk(
        TalkSpec(
            door=Door("", "", "1", "", ""),
            relay=RelayDoor(address, SIZES),
            kind=TalkKind.P2P if listeners == 1 else TalkKind.TOPIC,
            first_account=0,
            rooms=1,
            listeners=listeners,
            in_flight=in_flight,
            payload_bytes=100,
            group_id=0 if listeners == 1 else 7,
            streams=5,
            first_stream=0,
        )
    )


async def talk_of(load: Talk, count: int) -> tuple[Slice, Faults]:
    await load.prepare(TokenStock())
    try:
        done = await load.run(0, count)
        return done, await load.settle(done.totals)
    finally:
        load.close()
        await asyncio.sleep(0.01)  # Transports close in later turns.
    await asyncio.sleep(0.01)  # Transports close in later turns.


async def test_an_honest_relay_is_without_fault(start_relay: StartRelay) -> None:
    address = await start_relay(honest, [])

    done, faults = await talk_of(pair(address, in_flight=4), 20)

    assert faults == Faults()
    assert (done.sent, done.received, sum(done.ack_ns.values())) == (20, 20, 20)


async def test_every_listener_of_a_room_gets_every_message(start_relay: StartRelay) -> None:
    address = await start_relay(honest, [])

    done, faults = await talk_of(pair(address, listeners=3), 10)

    assert faults == Faults()
    assert (done.sent, done.received) == (10, 30)


@pytest.mark.parametrize(
    ("tamper", "faults"),
    [
        (lambda number, packet: [] if number == 3 else [packet], Faults(lost=1)),
        (lambda number, packet: [packet] * (2 if number == 3 else 1), Faults(repeated=1)),
        (Held(3), Faults(reordered=1)),
    ],
    ids=["lost", "repeated", "reordered"],
)
async def test_what_a_server_does_wrong_is_counted(
    start_relay: StartRelay, tamper: Tamper, faults: Faults
) -> None:
    address = await start_relay(tamper, [])

    _, found = await talk_of(pair(address, in_flight=4), 12)

    assert found == faults


async def test_a_connection_that_breaks_ends_the_run(start_relay: StartRelay) -> None:
    ends: list[TamperedEnd] = []

    def break_off(number: int, packet: bytes) -> list[bytes]:
        for end in ends:
            end.abort()
        return [packet]

    load = pair(await start_relay(break_off, ends))
    await load.prepare(TokenStock())

    with pytest.raises(BenchError, match="closed a connection"):
        await load.run(0, 5)
    load.close()
    await asyncio.sleep(0.01)  # Transports close in later turns.
