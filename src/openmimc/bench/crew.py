"""The worker processes, from the outside."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TypeVar

from openmimc.bench.errors import BenchError
from openmimc.bench.orders import (
    Close,
    Failed,
    Order,
    Prepare,
    Ready,
    Run,
    Settle,
    Settled,
    Slice,
    Spec,
    decode_answer,
    encode,
)

A = TypeVar("A", Ready, Slice, Settled)

MAX_ANSWER_BYTES = 1 << 26
END_S = 2.0
"""How long a worker may take to end by itself; one in the midst of a run is ended by force."""


class Crew:
    """Workers that all do the same load, each its share. Use it with ``async with``.

    Args:
        size: How many.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._workers: list[asyncio.subprocess.Process] = []
        self._loads = 0

    async def __aenter__(self) -> Self:
        for _ in range(self.size):
            self._workers.append(
                await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "openmimc.bench.worker"),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=MAX_ANSWER_BYTES,
                )
            )
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.gather(*map(end_process, self._workers))

    async def prepare(self, specs: Sequence[Spec]) -> int:
        """Make a load, of one share for each worker; returns its name.

        Raises:
            BenchError: By this and all other methods: a worker failed.
        """
        self._loads += 1
        await self._tell([Prepare(self._loads, spec) for spec in specs], Ready)
        return self._loads

    async def run(self, load: int, seconds: float) -> list[Slice]:
        """Run a load on all workers for a time."""
        return await self._tell([Run(load, seconds)] * self.size, Slice)

    async def run_counts(self, load: int, counts: Sequence[int]) -> list[Slice]:
        """Run a load on each worker until it has reached its count."""
        # A worker whose count is 0 runs for no time.
        return await self._tell([Run(load, 0, count) for count in counts], Slice)

    async def settle(self, load: int, totals: dict[int, int]) -> list[Settled]:
        """Wait for what is under way and compare with what each stream has sent."""
        return await self._tell([Settle(load, totals)] * self.size, Settled)

    async def close(self, load: int) -> None:
        """End a load."""
        await self._tell([Close(load)] * self.size, Ready)

    async def _tell(self, orders: Sequence[Order], expected: type[A]) -> list[A]:
        return list(
            await asyncio.gather(
                *(_ask(worker, order, expected) for worker, order in zip(self._workers, orders, strict=True))
            )
        )


async def _ask(worker: asyncio.subprocess.Process, order: Order, expected: type[A]) -> A:
    assert worker.stdin is not None  # noqa: S101 - started with pipes
    assert worker.stdout is not None  # noqa: S101 - likewise
    worker.stdin.write(encode(order) + b"\n")
    line = await worker.stdout.readline()
    if not line:
        raise BenchError("a worker has ended; its standard error says why")
    answer = decode_answer(line)
    if isinstance(answer, Failed):
        raise BenchError(answer.reason)
    if not isinstance(answer, expected):
        raise BenchError(f"a worker answered {type(answer).__name__} to {type(order).__name__}")
    return answer


async def end_process(process: asyncio.subprocess.Process) -> None:
    """End a process that ends with its standard input, by force if it does not."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
