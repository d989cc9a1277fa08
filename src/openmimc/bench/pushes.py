"""The load of an app's server: messages by REST, received by devices."""

from __future__ import annotations

import asyncio
import base64
import time

import msgspec

from openmimc.bench.arrivals import Arrivals, Faults
from openmimc.bench.device import Device, MimcDevice
from openmimc.bench.errors import BenchError
from openmimc.bench.http_lane import HttpLane
from openmimc.bench.load import Failure, Tally, connect_all
from openmimc.bench.orders import SLOT_NS, PushSpec, Slice
from openmimc.bench.stamps import make_payload, read_stamp
from openmimc.bench.talk import DRAIN_S, STREAM_BITS
from openmimc.bench.tokens import TokenStock, account_name, app_fields

PUSHER = "bench-pusher"


class _Head(msgspec.Struct):
    code: int
    message: str = ""


class Pushes:
    """Lanes that push one message after the other, each to its own device.

    Implements ``Load`` and ``Watcher``.
    """

    def __init__(self, spec: PushSpec) -> None:
        self._spec = spec
        self._failure = Failure()
        self._lanes: list[HttpLane] = []
        self._devices: list[MimcDevice] = []
        self._arrivals: dict[Device, tuple[int, Arrivals]] = {}
        self._sent: dict[int, int] = {}
        self._strays = 0
        self._tally = Tally()

    async def prepare(self, tokens: TokenStock) -> None:
        """Connect lanes and devices."""
        spec = self._spec
        accounts = range(spec.first_account, spec.first_account + spec.lanes)
        credentials = await tokens.get(spec.door, accounts)
        self._devices = await connect_all(spec.door, credentials, lambda one: MimcDevice(self, one))
        for index, device in enumerate(self._devices):
            stream = spec.streams << STREAM_BITS | spec.first_stream + index
            self._arrivals[device] = (stream, Arrivals())
            self._sent[stream] = 0
            self._lanes.append(await HttpLane.open(spec.door.http))

    async def run(self, seconds: float, count: int) -> Slice:
        """Push for a time, or ``count`` messages."""
        self._failure.check()
        tally = self._tally = Tally()
        deadline_s = float("inf") if count else time.perf_counter() + seconds
        left = count or 1 << 62
        decode = msgspec.json.Decoder(_Head).decode
        common = app_fields(self._spec.door) | {
            "fromAccount": PUSHER,
            "fromResource": "bench",
            "msgType": "base64",
        }

        async def push(lane: HttpLane, stream: int, account: str) -> None:
            nonlocal left
            while left > 0 and time.perf_counter() < deadline_s:
                left -= 1
                self._sent[stream] += 1
                tally.sent += 1
                began_ns = time.perf_counter_ns()
                payload = make_payload(stream, self._sent[stream], began_ns, self._spec.payload_bytes)
                body = {**common, "toAccount": account, "msg": base64.b64encode(payload).decode()}
                head = decode(await lane.post("/api/push/p2p/", body))
                if head.code != 200:
                    raise BenchError(f"a push was refused: {head.code} {head.message}")
                tally.requests.append(lane.answered_ns - began_ns)

        first = self._spec.first_account
        await asyncio.gather(
            *(
                push(lane, stream, account_name(first + index))
                for index, (lane, stream) in enumerate(zip(self._lanes, self._sent, strict=True))
            )
        )
        await self.settle(dict(self._sent))
        return tally.slice(dict(self._sent))

    async def settle(self, totals: dict[int, int]) -> Faults:
        """Wait for what is under way, and compare."""
        deadline_s = time.perf_counter() + DRAIN_S
        while time.perf_counter() < deadline_s and self._faults(totals).lost:
            self._failure.check()
            await asyncio.sleep(0.005)
        return self._faults(totals)

    def close(self) -> None:
        """Disconnect all."""
        self._failure.forget()
        for lane in self._lanes:
            lane.close()
        for device in self._devices:
            device.close()

    def on_ack(self, device: Device, number: int) -> None:
        """Nobody sends here."""

    def on_message(self, device: Device, payload: bytes) -> None:
        """A pushed message has come."""
        now_ns = time.perf_counter_ns()
        stream, number, sent_ns = read_stamp(payload)
        if stream >> STREAM_BITS != self._spec.streams:
            return  # Left over from an earlier load.
        expected, arrivals = self._arrivals[device]
        if stream != expected:
            self._strays += 1
            return
        arrivals.add(number)
        self._tally.received += 1
        self._tally.receives.append(now_ns - sent_ns)
        self._tally.slots[now_ns // SLOT_NS] += 1

    def on_failure(self, reason: str) -> None:
        """A device has failed, so the load has."""
        self._failure.set(reason)

    def _faults(self, totals: dict[int, int]) -> Faults:
        faults = Faults(repeated=self._strays)
        for stream, arrivals in self._arrivals.values():
            faults += arrivals.faults(totals[stream])
        return faults
