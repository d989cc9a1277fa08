"""The scenarios: what each one sets up, counts and compares with.

Every measurement is cut into rounds, in which the server and the bare relay take turns under the same load, so
that whatever else the machine does hits both. A figure per unit is the median of the rounds.
"""

from __future__ import annotations

import asyncio
import secrets
import statistics
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from msgspec import Struct

from openmimc.bench.arrivals import Faults
from openmimc.bench.crew import Crew
from openmimc.bench.histogram import Histogram
from openmimc.bench.load import shares
from openmimc.bench.orders import (
    SLOT_NS,
    HistorySpec,
    IdleSpec,
    LoginSpec,
    PushSpec,
    RelayDoor,
    Slice,
    Spec,
    TalkSpec,
)
from openmimc.bench.plan import Plan
from openmimc.bench.process import cpu_s, resident_bytes
from openmimc.bench.processes import Target, bare_relay
from openmimc.bench.results import RelayResult, Result, latency_of
from openmimc.bench.sizes import packet_sizes
from openmimc.bench.talk_kind import TalkKind
from openmimc.bench.tokens import account_name
from openmimc.client.app_server import AppServer

QUIET_S = 0.15
"""After each round: the last acknowledgements are on their way, and belong to its cost."""

FILL_IN_FLIGHT = 64
FILL_STEP = 20_000
FIRST_BACKGROUND_ACCOUNT = 1_000_000
RELAY_ROOM = 1

OnProgress = Callable[[str, float], None]
"""Called with what is being done and how much of it is: 0 to 1."""


class Round(Struct, frozen=True):
    """One part of a measurement.

    Attributes:
        cpu_s: CPU time of the measured process; None if it cannot be seen.
    """

    slices: list[Slice]
    cpu_s: float | None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max(part.seconds for part in self.slices)

    def count(self, unit: Unit) -> int:
        """How many units all workers did."""
        return sum(unit.count(part) for part in self.slices)

    def cpu_us(self, unit: Unit) -> float | None:
        """CPU time per unit."""
        count = self.count(unit)
        return None if self.cpu_s is None or not count else self.cpu_s / count * 1e6


class Unit(Struct, frozen=True):
    """What a scenario counts."""

    name: str
    count: Callable[[Slice], int]


MESSAGE = Unit("message", lambda part: part.sent)
DELIVERY = Unit("delivery", lambda part: part.received)
LOGIN = Unit("login", lambda part: part.requests)
PUSH = Unit("push", lambda part: part.sent)
PAGE = Unit("page", lambda part: part.requests)
CONNECTION = "connection"


class Bench:
    """Runs scenarios against one server.

    Args:
        plan: Sizes and durations.
        target: The server.
        crew: Its workers.
        on_progress: Told how far it is.
        fresh: Starts another server, for what needs one without a past; None measures ``target`` all the same.

    Raises:
        BenchError: By all methods: the run means nothing.
    """

    def __init__(
        self,
        plan: Plan,
        target: Target,
        crew: Crew,
        on_progress: OnProgress,
        *,
        fresh: Callable[[], AbstractAsyncContextManager[Target]] | None = None,
    ) -> None:
        self._plan = plan
        self._target = target
        self._crew = crew
        self._fresh = fresh or (lambda: nullcontext(target))
        self._on_progress = on_progress
        self._label = ""
        door = target.door
        self._api = AppServer(f"http://{door.http}", door.app_id, door.app_key, door.app_secret, timeout_s=60)

    async def run(self) -> list[Result]:
        """Run all of the plan's scenarios."""
        scenarios = {
            "p2p": self._p2p,
            "group": self._group,
            "unlimited": self._unlimited,
            "login": self._login,
            "idle": self._idle,
            "push": self._push,
            "history": self._history,
        }
        results: list[Result] = []
        async with self._api, self._background():
            if self._plan.history:
                await self._fill()
            for name in self._plan.scenarios:
                results += await scenarios[name]()
        return results

    # ------------------------------------------------------------------ before the scenarios

    @asynccontextmanager
    async def _background(self) -> AsyncIterator[None]:
        counts = shares(self._plan.connections, self._crew.size)
        if not any(counts):
            yield
            return
        self._say(f"{self._plan.connections} idle connections", 0)
        firsts = _firsts(FIRST_BACKGROUND_ACCOUNT, counts)
        door = self._target.door
        specs = [IdleSpec(door, first, count) for first, count in zip(firsts, counts, strict=True)]
        async with self._load(specs) as load:
            await self._crew.run_counts(load, counts)
            yield
            await self._crew.settle(load, {})

    async def _fill(self) -> None:
        wanted = self._plan.history
        specs = self._pairs(self._plan.pairs, FILL_IN_FLIGHT, None)
        async with self._load(specs) as load:
            for done in range(0, wanted, FILL_STEP):
                self._say(f"{wanted} messages to begin with", done / wanted)
                some = min(FILL_STEP, wanted - done)
                await self._crew.run_counts(load, shares(some, self._crew.size))

    # ------------------------------------------------------------------ scenarios

    async def _p2p(self) -> list[Result]:
        plan = self._plan
        results = []
        for in_flight in plan.in_flight:
            self._say(f"p2p, {in_flight} in flight", 0)
            parameters = {"pairs": plan.pairs, "inFlight": in_flight, "payloadBytes": plan.payload_bytes}
            specs = self._pairs(plan.pairs, in_flight, None)
            async with self._relay(TalkKind.P2P) as relay:
                relay_specs = relay and self._pairs(plan.pairs, in_flight, relay[0])
                pid = relay[1] if relay else 0
                results.append(await self._compare("p2p", parameters, MESSAGE, specs, (relay_specs, pid)))
        return results

    async def _group(self) -> list[Result]:
        plan = self._plan
        self._say(f"group of {plan.members}", 0)
        owner, *others = map(account_name, range(plan.members))
        topic = await self._api.create_topic(owner, "benchmark", others)
        result = await self._crowd("group", TalkKind.TOPIC, topic.topic_id, plan.members)
        await self._api.dismiss_topic(owner, topic.topic_id)
        return [result]

    async def _unlimited(self) -> list[Result]:
        plan = self._plan
        self._say(f"unlimited group of {plan.crowd}", 0)
        owner = account_name(0)
        group = await self._api.create_group(owner, "benchmark")
        result = await self._crowd("unlimited", TalkKind.GROUP, group.group_id, plan.crowd)
        await self._api.dismiss_group(owner, group.group_id)
        return [result]

    async def _crowd(self, name: str, kind: TalkKind, group_id: int, members: int) -> Result:
        parameters = {"members": members, "inFlight": 1, "payloadBytes": self._plan.payload_bytes}
        specs = self._parts(kind, group_id, members, None)
        async with self._relay(kind) as relay:
            relay_specs = relay and self._parts(kind, RELAY_ROOM, members, relay[0])
            pid = relay[1] if relay else 0
            return await self._compare(name, parameters, DELIVERY, specs, (relay_specs, pid))

    async def _login(self) -> list[Result]:
        plan = self._plan
        self._say("login storm", 0)
        accounts = shares(max(plan.accounts, self._crew.size), self._crew.size)
        specs = [
            LoginSpec(self._target.door, first, count, max(1, at_once))
            for first, count, at_once in zip(
                _firsts(0, accounts), accounts, shares(plan.logins_at_once, self._crew.size), strict=True
            )
        ]
        parameters = {"accounts": plan.accounts, "atOnce": plan.logins_at_once}
        return [await self._compare("login", parameters, LOGIN, specs, (None, 0))]

    async def _idle(self) -> list[Result]:
        self._say(f"{self._plan.idle} idle connections", 0)
        # Memory that was used and given back before would hide what connections take now.
        async with self._fresh() as target:
            return [await self._idle_on(target)]

    async def _idle_on(self, target: Target) -> Result:
        plan = self._plan
        accounts = shares(plan.idle, self._crew.size)
        specs = [
            IdleSpec(target.door, first, count)
            for first, count in zip(_firsts(0, accounts), accounts, strict=True)
        ]
        async with self._load(specs) as load:
            # What the first logins take besides, for good, is not a connection's.
            early = [count // 10 for count in accounts]
            await self._crew.run_counts(load, early)
            await asyncio.sleep(min(2.0, plan.settle_s))
            before = None if target.pid is None else resident_bytes(target.pid)
            late = [count - some for count, some in zip(accounts, early, strict=True)]
            slices = await self._crew.run_counts(load, late)
            for step in range(10):
                self._say(self._label, 0.5 + step / 20)
                await asyncio.sleep(plan.settle_s / 10)
            after = None if target.pid is None else resident_bytes(target.pid)
            await self._crew.settle(load, {})
        seconds = max(part.seconds for part in slices)
        per_connection = None if before is None or after is None else round((after - before) / sum(late))
        return Result(
            scenario="idle",
            parameters={"connections": plan.idle, "silentS": plan.settle_s},
            unit=CONNECTION,
            seconds=round(seconds, 3),
            count=sum(late),
            rate_per_s=round(sum(late) / seconds, 1),
            faults=Faults(),
            memory_per_connection_bytes=per_connection,
        )

    async def _push(self) -> list[Result]:
        plan = self._plan
        self._say("REST push", 0)
        lanes = shares(max(plan.push_lanes, self._crew.size), self._crew.size)
        streams = _new_streams()
        firsts = _firsts(0, lanes)
        specs = [
            PushSpec(self._target.door, first, count, plan.payload_bytes, streams, first)
            for first, count in zip(firsts, lanes, strict=True)
        ]
        parameters = {"connections": plan.push_lanes, "payloadBytes": plan.payload_bytes}
        return [await self._compare("push", parameters, PUSH, specs, (None, 0))]

    async def _history(self) -> list[Result]:
        plan = self._plan
        self._say("history", 0)
        readers = max(plan.readers, self._crew.size)
        talk = self._pairs(readers, FILL_IN_FLIGHT, None)
        async with self._load(talk) as load:
            await self._crew.run_counts(load, [spec.rooms * plan.page_rows for spec in talk])
        specs = [
            HistorySpec(self._target.door, spec.first_account, spec.rooms, plan.page_rows) for spec in talk
        ]
        parameters = {"connections": readers, "rows": plan.page_rows, "payloadBytes": plan.payload_bytes}
        return [await self._compare("history", parameters, PAGE, specs, (None, 0))]

    # ------------------------------------------------------------------ shares of the workers

    def _pairs(self, pairs: int, in_flight: int, relay: RelayDoor | None) -> list[TalkSpec]:
        counts = shares(max(pairs, self._crew.size), self._crew.size)
        streams = _new_streams()
        return [
            TalkSpec(
                door=self._target.door,
                relay=relay,
                kind=TalkKind.P2P,
                first_account=2 * first,
                rooms=count,
                listeners=1,
                in_flight=in_flight,
                payload_bytes=self._plan.payload_bytes,
                group_id=0,
                streams=streams,
                first_stream=first,
            )
            for first, count in zip(_firsts(0, counts), counts, strict=True)
        ]

    def _parts(self, kind: TalkKind, group_id: int, members: int, relay: RelayDoor | None) -> list[TalkSpec]:
        """One talker per worker, with the worker's share of the members."""
        counts = shares(members, self._crew.size)
        streams = _new_streams()
        return [
            TalkSpec(
                door=self._target.door,
                relay=relay,
                kind=kind,
                first_account=first,
                rooms=1,
                listeners=count - 1,
                in_flight=1,
                payload_bytes=self._plan.payload_bytes,
                group_id=group_id,
                streams=streams,
                first_stream=index,
                must_join=kind is TalkKind.GROUP and relay is None,
            )
            for index, (first, count) in enumerate(zip(_firsts(0, counts), counts, strict=True))
        ]

    # ------------------------------------------------------------------ measuring

    @asynccontextmanager
    async def _relay(self, kind: TalkKind) -> AsyncIterator[tuple[RelayDoor, int] | None]:
        if not self._plan.with_relay:
            yield None
            return
        async with bare_relay(packet_sizes(kind, self._plan.payload_bytes)) as relay:
            yield relay.door, relay.pid

    @asynccontextmanager
    async def _load(self, specs: Sequence[Spec]) -> AsyncIterator[int]:
        load = await self._crew.prepare(specs)
        yield load
        # Not after an error: workers may be in the midst of something, and end with the run.
        await self._crew.close(load)

    async def _compare(
        self,
        name: str,
        parameters: Mapping[str, object],
        unit: Unit,
        specs: Sequence[Spec],
        relay: tuple[Sequence[Spec] | None, int],
    ) -> Result:
        """Measure the server, and the relay in turn if there are specifications for it."""
        relay_specs, relay_pid = relay
        async with self._load(specs) as load:
            if relay_specs is None:
                rounds, _ = await self._rounds(load, None, 0)
                relay_rounds: list[Round] = []
            else:
                async with self._load(relay_specs) as relay_load:
                    rounds, relay_rounds = await self._rounds(load, relay_load, relay_pid)
            totals = {stream: sent for part in rounds[-1].slices for stream, sent in part.totals.items()}
            settled = await self._crew.settle(load, totals)
        faults = sum((part.faults for part in settled), Faults())
        return summarize(name, parameters, unit, rounds, relay_rounds, faults)

    async def _rounds(
        self, load: int, relay_load: int | None, relay_pid: int
    ) -> tuple[list[Round], list[Round]]:
        plan = self._plan
        loads = [(load, self._target.pid)]
        if relay_load is not None:
            loads.append((relay_load, relay_pid))
        for each, pid in loads:
            await self._round(each, plan.warm_up_s, pid)
        found: list[list[Round]] = [[], []]
        for number in range(plan.rounds):
            for index, (each, pid) in enumerate(loads):
                self._say(self._label, (number + index / len(loads)) / plan.rounds)
                found[index].append(await self._round(each, plan.seconds / plan.rounds, pid))
        self._say(self._label, 1)
        return found[0], found[1]

    async def _round(self, load: int, seconds: float, pid: int | None) -> Round:
        before = None if pid is None else cpu_s(pid)
        slices = await self._crew.run(load, seconds)
        await asyncio.sleep(QUIET_S)
        after = None if pid is None else cpu_s(pid)
        return Round(slices, None if before is None or after is None else after - before)

    def _say(self, label: str, fraction: float) -> None:
        self._label = label
        self._on_progress(label, fraction)


def summarize(
    name: str,
    parameters: Mapping[str, object],
    unit: Unit,
    rounds: Sequence[Round],
    relay_rounds: Sequence[Round],
    faults: Faults,
) -> Result:
    """Make a result of the rounds of a scenario, and of those of the relay, if there are any."""
    seconds = sum(each.seconds for each in rounds)
    count = sum(each.count(unit) for each in rounds)
    costs = [cost for each in rounds if (cost := each.cpu_us(unit)) is not None]
    seen_s = sum(each.cpu_s for each in rounds if each.cpu_s is not None)
    slices = [part for each in rounds for part in each.slices]
    return Result(
        scenario=name,
        parameters=dict(parameters),
        unit=unit.name,
        seconds=round(seconds, 3),
        count=count,
        rate_per_s=round(count / seconds, 1),
        faults=faults,
        server_cpu_us=round(statistics.median(costs), 2) if costs else None,
        server_cpu_rounds=[round(cost, 2) for cost in costs],
        server_busy=round(seen_s / seconds, 3) if costs else None,
        load_busy=round(max(part.busy_s / part.seconds for part in slices if part.seconds), 3),
        send_to_ack=latency_of(_all(part.ack_ns for part in slices)),
        send_to_receive=latency_of(_all(part.receive_ns for part in slices)),
        request=latency_of(_all(part.request_ns for part in slices)),
        rate_over_time=[rate for each in rounds for rate in rates_of(each.slices)],
        relay=_relay_result(unit, rounds, relay_rounds) if relay_rounds else None,
    )


def _relay_result(unit: Unit, rounds: Sequence[Round], relay_rounds: Sequence[Round]) -> RelayResult:
    seconds = sum(each.seconds for each in relay_rounds)
    costs = [cost for each in relay_rounds if (cost := each.cpu_us(unit)) is not None]
    ratios = [
        cost / relay_cost
        for each, relay_round in zip(rounds, relay_rounds, strict=True)
        if (cost := each.cpu_us(unit)) is not None and (relay_cost := relay_round.cpu_us(unit))
    ]
    return RelayResult(
        rate_per_s=round(sum(each.count(unit) for each in relay_rounds) / seconds, 1),
        cpu_us=round(statistics.median(costs), 2) if costs else None,
        ratio=round(statistics.median(ratios), 3) if ratios else None,
    )


def rates_of(slices: Sequence[Slice]) -> list[float]:
    """Units per second in each whole slot of one round; the first and the last slot are not whole."""
    slots: dict[int, int] = {}
    for part in slices:
        for slot, number in part.slots.items():
            slots[slot] = slots.get(slot, 0) + number
    if not slots:
        return []
    per_s = 1e9 / SLOT_NS
    return [slots.get(slot, 0) * per_s for slot in range(min(slots) + 1, max(slots))]


def _all(counts: Iterable[dict[int, int]]) -> Histogram:
    histogram = Histogram()
    for some in counts:
        histogram.add(Histogram(some))
    return histogram


def _firsts(first: int, counts: Sequence[int]) -> list[int]:
    """Where each share begins, when they lie one behind the other."""
    firsts = []
    for count in counts:
        firsts.append(first)
        first += count
    return firsts


def _new_streams() -> int:
    """Upper bits of streams that nobody else has: payloads may outlive a run in the server's store."""
    return secrets.randbits(47) | 1
