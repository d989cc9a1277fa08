"""The load of people who write to each other: pairs, topics, unlimited groups, or the relay's rooms."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from openmimc.bench.arrivals import Arrivals, Faults
from openmimc.bench.device import Device, MimcDevice, RelayDevice
from openmimc.bench.load import CONNECTING_AT_ONCE, Failure, Tally, connect, connect_all, shares
from openmimc.bench.orders import SLOT_NS, Slice, TalkSpec
from openmimc.bench.stamps import make_payload, read_stamp
from openmimc.bench.talk_kind import TalkKind
from openmimc.bench.tokens import TokenStock, account_name

DRAIN_S = 15.0
"""How long the last messages of a run may take to arrive before they count as lost."""

STREAM_BITS = 16

UNLIMITED = 1 << 62


class Room:
    """One talker, and its listeners on this worker.

    Attributes:
        stream: The talker's.
        account: The listener's name, of a pair.
        pending: By number of a message under way: how many receipts are due, the sender's ack included.
        sent_ns: By the same: when it was sent.
        sent: How many messages it has sent; the number of the last.
        left: How many it may still send in this run.
    """

    __slots__ = (
        "account",
        "group_id",
        "kind",
        "left",
        "pending",
        "receipts",
        "sent",
        "sent_ns",
        "stream",
        "talker",
    )

    def __init__(
        self, talker: Device, stream: int, kind: TalkKind, account: str, group_id: int, receipts: int
    ) -> None:
        self.talker = talker
        self.stream = stream
        self.kind = kind
        self.account = account
        self.group_id = group_id
        self.receipts = receipts
        self.pending: dict[int, int] = {}
        self.sent_ns: dict[int, int] = {}
        self.sent = 0
        self.left = 0


class Talk:
    """Rooms whose talkers write as fast as their listeners read. Implements ``Load`` and ``Watcher``."""

    def __init__(self, spec: TalkSpec) -> None:
        self._spec = spec
        self._failure = Failure()
        self._rooms: dict[int, Room] = {}
        self._room_of: dict[Device, Room] = {}  # By talker.
        self._expected: dict[Device, int] = {}  # By listener: the one stream it is to get; 0 for all.
        self._devices: Sequence[Device] = []
        self._arrivals: dict[tuple[Device, int], Arrivals] = {}
        self._strays = 0
        self._tally = Tally()
        self._deadline_s = 0.0
        self._under_way = 0
        self._has_landed = asyncio.Event()

    async def prepare(self, tokens: TokenStock) -> None:
        """Connect everybody."""
        spec = self._spec
        per_room = 1 + spec.listeners
        accounts = range(spec.first_account, spec.first_account + spec.rooms * per_room)
        if spec.relay is None:
            credentials = await tokens.get(spec.door, accounts)
            self._devices = list(await connect_all(spec.door, credentials, lambda one: MimcDevice(self, one)))
        else:
            address, sizes = spec.relay.tcp, spec.relay.sizes
            self._devices = [await connect(address, lambda: RelayDevice(self, sizes)) for _ in accounts]
        for index in range(spec.rooms):
            talker, *listeners = self._devices[index * per_room : (index + 1) * per_room]
            stream = spec.streams << STREAM_BITS | spec.first_stream + index
            account = account_name(accounts[index * per_room + 1])
            room = Room(talker, stream, spec.kind, account, spec.group_id, 1 + len(listeners))
            self._rooms[stream] = self._room_of[talker] = room
            for listener in listeners:
                self._expected[listener] = stream if spec.kind is TalkKind.P2P else 0
        if spec.must_join or spec.relay is not None:
            await self._join_all()

    async def _join_all(self) -> None:
        per_room = 1 + self._spec.listeners
        for start in range(0, len(self._devices), CONNECTING_AT_ONCE):
            some = enumerate(self._devices[start : start + CONNECTING_AT_ONCE], start)
            streams = list(self._rooms)
            await asyncio.gather(
                *(device.join(self._spec.group_id or streams[index // per_room]) for index, device in some)
            )

    async def run(self, seconds: float, count: int) -> Slice:
        """Talk for a time, or send ``count`` messages, rooms alike, and wait until they have arrived."""
        self._failure.check()
        self._tally = Tally()
        self._deadline_s = time.perf_counter() + seconds
        if count:
            self._deadline_s = float("inf")
        self._has_landed.clear()
        self._under_way = 0
        quotas = shares(count, len(self._rooms)) if count else [UNLIMITED] * len(self._rooms)
        for room, quota in zip(self._rooms.values(), quotas, strict=True):
            room.left = quota
            room.pending.clear()
            room.sent_ns.clear()
            for _ in range(self._spec.in_flight):
                self._say_next(room)
        # With messages to send all the time, the clock is looked at when one has landed.
        while self._under_way:
            before = self._tally.received + len(self._tally.acks)
            if await self._failure.wait_for(self._has_landed, DRAIN_S):
                break
            if self._tally.received + len(self._tally.acks) == before:
                break  # What is still under way is lost.
        return self._tally.slice({room.stream: room.sent for room in self._rooms.values()})

    async def settle(self, totals: dict[int, int]) -> Faults:
        """Wait for messages of other workers, and compare."""
        deadline_s = time.perf_counter() + DRAIN_S
        while time.perf_counter() < deadline_s and self._faults(totals).lost:
            self._failure.check()
            await asyncio.sleep(0.02)
        return self._faults(totals)

    def close(self) -> None:
        """Disconnect everybody."""
        self._failure.forget()
        for device in self._devices:
            device.close()

    def on_ack(self, device: Device, number: int) -> None:
        """A talker's message is stored."""
        room = self._room_of[device]
        if number in room.sent_ns:
            self._tally.acks.append(time.perf_counter_ns() - room.sent_ns[number])
            self._one_receipt(room, number)

    def on_message(self, device: Device, payload: bytes) -> None:
        """Somebody has got a message."""
        now_ns = time.perf_counter_ns()
        stream, number, sent_ns = read_stamp(payload)
        if stream >> STREAM_BITS != self._spec.streams:
            return  # Left over from an earlier load.
        if not self._is_expected(device, stream):
            self._strays += 1
            return
        arrivals = self._arrivals.get((device, stream))
        if arrivals is None:
            arrivals = self._arrivals[device, stream] = Arrivals()
        had = arrivals.received
        arrivals.add(number)
        tally = self._tally
        tally.received += 1
        tally.receives.append(now_ns - sent_ns)
        tally.slots[now_ns // SLOT_NS] += 1
        room = self._rooms.get(stream)
        if room is not None and device not in self._room_of and arrivals.received > had:
            self._one_receipt(room, number)

    def on_failure(self, reason: str) -> None:
        """A device has failed, so the load has."""
        self._failure.set(reason)

    def _is_expected(self, device: Device, stream: int) -> bool:
        room = self._room_of.get(device)
        if room is not None:
            return self._spec.kind is not TalkKind.P2P and stream != room.stream
        return self._expected[device] in (0, stream)

    def _one_receipt(self, room: Room, number: int) -> None:
        if number not in room.pending:
            return  # Of a run that was given up.
        room.pending[number] -= 1
        if room.pending[number]:
            return
        del room.pending[number], room.sent_ns[number]
        self._under_way -= 1
        self._say_next(room)
        if not self._under_way:
            self._has_landed.set()

    def _say_next(self, room: Room) -> None:
        now_ns = time.perf_counter_ns()
        if room.left <= 0 or now_ns >= self._deadline_s * 1e9:
            return
        room.left -= 1
        room.sent += 1
        room.pending[room.sent] = room.receipts
        room.sent_ns[room.sent] = now_ns
        self._under_way += 1
        self._tally.sent += 1
        payload = make_payload(room.stream, room.sent, now_ns, self._spec.payload_bytes)
        room.talker.say(room, room.sent, payload)

    def _faults(self, totals: dict[int, int]) -> Faults:
        faults = Faults(repeated=self._strays)
        nothing = Arrivals()
        for device in self._devices:
            for stream in self._streams_for(device, totals):
                faults += self._arrivals.get((device, stream), nothing).faults(totals[stream])
        return faults

    def _streams_for(self, device: Device, totals: dict[int, int]) -> list[int]:
        if self._spec.kind is TalkKind.P2P:
            return [self._expected[device]] if device in self._expected else []
        return [stream for stream in totals if self._is_expected(device, stream)]
