"""The load of users who scroll back: pages of history by REST."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import msgspec

from openmimc.bench.arrivals import Faults
from openmimc.bench.errors import BenchError
from openmimc.bench.http_lane import HttpLane
from openmimc.bench.load import Tally
from openmimc.bench.orders import HistorySpec, Slice
from openmimc.bench.tokens import TokenStock, account_name
from openmimc.client.app_server import END_OF_TIME_MS


class _Row(msgspec.Struct):
    sequence: int


class _Page(msgspec.Struct):
    messages: list[_Row]


class _Answer(msgspec.Struct):
    code: int
    message: str = ""
    data: _Page | None = None


class HistoryReads:
    """Lanes that read the newest page of a pair's history over and over. Implements ``Load``."""

    def __init__(self, spec: HistorySpec) -> None:
        self._spec = spec
        self._lanes: list[tuple[HttpLane, dict[str, str], dict[str, object]]] = []
        self._faults = Faults()

    async def prepare(self, tokens: TokenStock) -> None:
        """Connect, and fetch the readers' tokens."""
        spec = self._spec
        accounts = range(spec.first_account, spec.first_account + 2 * spec.pairs)
        credentials = await tokens.get(spec.door, accounts)
        for number, one in zip(accounts[::2], credentials[::2], strict=True):
            lane = await HttpLane.open(spec.door.http)
            body: dict[str, object] = {
                "appId": spec.door.app_id,
                "fromAccount": account_name(number),
                "toAccount": account_name(number + 1),
                "utcToTime": END_OF_TIME_MS,
                "count": spec.rows,
            }
            self._lanes.append((lane, {"token": one.token}, body))

    async def run(self, seconds: float, count: int) -> Slice:
        """Read for a time, or ``count`` pages."""
        tally = Tally()
        deadline_s = float("inf") if count else time.perf_counter() + seconds
        left = count or 1 << 62
        # Sequences are strings there.
        decoder = msgspec.json.Decoder(_Answer, strict=False)

        async def read(lane: HttpLane, headers: dict[str, str], body: dict[str, object]) -> None:
            nonlocal left
            while left > 0 and time.perf_counter() < deadline_s:
                left -= 1
                began_ns = time.perf_counter_ns()
                answer = decoder.decode(await lane.post("/api/msg/p2p/queryOnCount/", body, headers))
                if answer.code != 200 or answer.data is None:
                    raise BenchError(f"history was refused: {answer.code} {answer.message}")
                tally.request_done(began_ns, lane.answered_ns)
                tally.received += len(answer.data.messages)
                self._check([row.sequence for row in answer.data.messages])

        await asyncio.gather(*(read(*lane) for lane in self._lanes))
        return tally.slice()

    async def settle(self, totals: dict[int, int]) -> Faults:
        """What was missing from pages, or at a wrong place in them."""
        return self._faults

    def close(self) -> None:
        """Disconnect."""
        for lane, _, _ in self._lanes:
            lane.close()

    def _check(self, sequences: list[int]) -> None:
        different = len(set(sequences))
        self._faults += Faults(
            lost=self._spec.rows - different,
            repeated=len(sequences) - different,
            reordered=sum(after < before for before, after in pairwise(sequences)),
        )
