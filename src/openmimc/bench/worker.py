"""A process with a share of the load. Orders come on standard input, answers go to standard output.

Run: python -m openmimc.bench.worker. Ends when its standard input ends.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from openmimc.bench.errors import BenchError
from openmimc.bench.history import HistoryReads
from openmimc.bench.idle import Idle
from openmimc.bench.load import Load
from openmimc.bench.logins import Logins
from openmimc.bench.loop import run_loop
from openmimc.bench.orders import (
    Answer,
    Close,
    Failed,
    HistorySpec,
    IdleSpec,
    LoginSpec,
    Order,
    Prepare,
    PushSpec,
    Ready,
    Run,
    Settle,
    Settled,
    Spec,
    TalkSpec,
    decode_order,
    encode,
)
from openmimc.bench.pushes import Pushes
from openmimc.bench.talk import Talk
from openmimc.bench.tokens import TokenStock


class Worker:
    """All loads of one process."""

    def __init__(self) -> None:
        self._loads: dict[int, Load] = {}
        self._tokens = TokenStock()

    async def obey(self, order: Order) -> Answer:
        """Do what an order says; what goes wrong with the load is an answer, too."""
        try:
            return await self._obey(order)
        except BenchError as error:
            return Failed(str(error))

    async def _obey(self, order: Order) -> Answer:
        match order:
            case Prepare(load, spec):
                self._loads[load] = new_load(spec)
                await self._loads[load].prepare(self._tokens)
                return Ready()
            case Run(load, seconds, count):
                return await self._loads[load].run(seconds, count)
            case Settle(load, totals):
                return Settled(await self._loads[load].settle(totals))
            case Close(load):
                self._loads.pop(load).close()
                await asyncio.sleep(0)  # Transports close in the next turn.
                return Ready()


def new_load(spec: Spec) -> Load:
    """Make the load that a specification describes."""
    match spec:
        case TalkSpec():
            return Talk(spec)
        case LoginSpec():
            return Logins(spec)
        case IdleSpec():
            return Idle(spec)
        case PushSpec():
            return Pushes(spec)
        case HistorySpec():
            return HistoryReads(spec)


async def serve() -> None:
    """Obey until there are no more orders."""
    # Ctrl-C is for the one who gives the orders; without him they end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = Worker()
    while line := await asyncio.to_thread(sys.stdin.buffer.readline):
        answer = await worker.obey(decode_order(line))
        sys.stdout.buffer.write(encode(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    run_loop(serve())
