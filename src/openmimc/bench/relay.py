"""The bare relay: what moving a message's packets costs when nobody looks into them.

A server that passes packets of the protocol's sizes in the protocol's pattern, on uvloop, and does no more:
no codec, no store, no accounts. What a real server spends beyond that is the price of its promises.

    a member's message in   an ack back to it, a list to every other member of its room
    a member's "arrived" in nothing
    a joining member in     the same back, when it is in the room

Packets of one turn of the loop to one connection leave in one write. A packet begins with

    0  kind    1 byte    a ``RelayPacket``
    1  zeros   3 bytes
    4  size    4 bytes   of the whole packet

and a message or a list goes on with a payload as in ``stamps``, an ack with the first 16 bytes of it: stream
and number. A joining packet goes on with the room, 8 bytes. The rest is zeros.

Run: python -m openmimc.bench.relay ACK_BYTES LIST_BYTES. Listens on a free port of 127.0.0.1, and prints
``ready HOST:PORT``; ends when its standard input ends.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from enum import IntEnum
from typing import cast

from openmimc.bench.loop import run_loop

HEAD_BYTES = 8
NAME_BYTES = 16
"""Of the payload: what an ack repeats."""


class RelayPacket(IntEnum):
    """Kinds of packets."""

    JOIN = 1
    MESSAGE = 2
    ACK = 3
    LIST = 4
    ARRIVED = 5


def make_packet(kind: RelayPacket, body: bytes, size: int) -> bytes:
    """Return a packet of ``size`` bytes, or more if the body needs them."""
    size = max(size, HEAD_BYTES + len(body))
    return (bytes((kind, 0, 0, 0)) + size.to_bytes(4) + body).ljust(size, b"\0")


def split_packets(data: bytes) -> tuple[list[bytes], bytes]:
    """Cut whole packets off; return them, and what is left."""
    packets = []
    at = 0
    while len(data) - at >= HEAD_BYTES:
        size = int.from_bytes(data[at + 4 : at + 8])
        if size < HEAD_BYTES:
            raise ValueError(f"a packet of {size} bytes")
        if len(data) - at < size:
            break
        packets.append(data[at : at + size] if size < len(data) else data)
        at += size
    return packets, data[at:]


class Relay:
    """All rooms.

    Args:
        loop: Where it runs.
        ack_bytes: Size of an ack.
        list_bytes: Size of a list; longer if the payload needs it.
    """

    __slots__ = ("_loop", "_waiting", "ack_bytes", "list_bytes", "rooms")

    def __init__(self, loop: asyncio.AbstractEventLoop, ack_bytes: int, list_bytes: int) -> None:
        self._loop = loop
        self._waiting: list[RelayEnd] = []
        self.ack_bytes = ack_bytes
        self.list_bytes = list_bytes
        self.rooms: dict[bytes, list[RelayEnd]] = {}

    def flush_soon(self, end: RelayEnd) -> None:
        """Write what an end has to send when this turn of the loop is over."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(end)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for end in waiting:
            end.flush()


class RelayEnd(asyncio.Protocol):
    """One connection."""

    __slots__ = ("_out", "_relay", "_rest", "_room", "_transport")

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._transport: asyncio.Transport
        self._room: list[RelayEnd] = []
        self._rest = b""
        self._out: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A member is here."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """A member has gone."""
        if self in self._room:
            self._room.remove(self)

    def data_received(self, data: bytes) -> None:
        """Pass on what came."""
        packets, self._rest = split_packets(self._rest + data if self._rest else data)
        for packet in packets:
            if packet[0] == RelayPacket.MESSAGE:
                self._pass_on(packet)
            elif packet[0] == RelayPacket.JOIN:
                self._room = self._relay.rooms.setdefault(packet[HEAD_BYTES:NAME_BYTES], [])
                self._room.append(self)
                self.send(make_packet(RelayPacket.JOIN, b"", 0))

    def _pass_on(self, packet: bytes) -> None:
        relay = self._relay
        name = packet[HEAD_BYTES : HEAD_BYTES + NAME_BYTES]
        self.send(make_packet(RelayPacket.ACK, name, relay.ack_bytes))
        passed = make_packet(RelayPacket.LIST, packet[HEAD_BYTES:], relay.list_bytes)
        for member in self._room:
            if member is not self:
                member.send(passed)

    def send(self, packet: bytes) -> None:
        """Send with everything else of this turn."""
        if not self._out:
            self._relay.flush_soon(self)
        self._out.append(packet)

    def flush(self) -> None:
        """Write what waits."""
        out, self._out = self._out, []
        self._transport.write(out[0] if len(out) == 1 else b"".join(out))


async def serve(ack_bytes: int, list_bytes: int) -> None:
    """Run until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # As the workers do.
    loop = asyncio.get_running_loop()
    relay = Relay(loop, ack_bytes, list_bytes)
    server = await loop.create_server(lambda: RelayEnd(relay), "127.0.0.1", 0, backlog=4096)
    host, port = server.sockets[0].getsockname()
    print(f"ready {host}:{port}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    run_loop(serve(*map(int, sys.argv[1:3])))
