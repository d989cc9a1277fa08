"""The thread that writes: takes what waits, commits it as one transaction, hands the outcomes to the loop.

States of an operation: waiting on the loop (this turn's submissions) -> in the queue -> in a transaction ->
completed on the loop. Operations take effect and complete in the order of submission.

A transaction that fails undoes all of its operations. Trouble of the file (disk full, locked, input or output
error) is everybody's: each operation of the transaction gets ``Unavailable``, and the next transaction tries
afresh. An unexpected error may be one operation's own: the transaction is cut into halves, each tried by
itself, until the culprit is alone.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections import deque
from typing import Any

import structlog

from openmimc.errors import Unavailable
from openmimc.store.sqlite.connection import is_trouble_of_the_file
from openmimc.store.sqlite.ledger import Ledger
from openmimc.store.sqlite.operations import Operation
from openmimc.store.sqlite.stats import StoreStats
from openmimc.store.sqlite.transaction import apply

MAX_TURN_OPERATIONS = 1_024
"""Operations per transaction: enough to make the sync's share of each small, few enough to keep latency low."""

MAX_TURN_BYTES = 8 * 1024 * 1024
"""Weight of one transaction's operations."""

MAX_QUEUED_OPERATIONS = 65_536
"""Operations that may wait: some seconds of work. Beyond it, refusing at once is better than queueing."""

MAX_QUEUED_BYTES = 128 * 1024 * 1024
"""Weight of all that may wait."""

log = structlog.get_logger(__name__)


class Writer:
    """Owns the connection that writes and the thread that uses it.

    ``submit`` and ``aclose`` belong to the event loop's thread.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        ledger: Ledger,
        stats: StoreStats,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._connection = connection
        self._ledger = ledger
        self._stats = stats
        self._loop = loop
        self._submitted: list[Operation] = []
        self._queued_bytes = 0
        self._is_closing = False
        self._ended = loop.create_future()
        # Bursts of operations; None ends the thread.
        self._queue: queue.SimpleQueue[list[Operation] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="openmimc-store-writer", daemon=True)
        self._thread.start()

    def submit(self, operation: Operation) -> None:
        """Have an operation take effect after all those submitted before.

        Completes it with ``Unavailable``, soon but never from within this call, when too much waits already or
        the writer is closing.
        """
        stats = self._stats
        weight_bytes = operation.weight_bytes
        if (
            self._is_closing
            or stats.queued_operations >= MAX_QUEUED_OPERATIONS
            or self._queued_bytes + weight_bytes > MAX_QUEUED_BYTES
        ):
            stats.refused_operations += 1
            self._loop.call_soon(operation.complete, Unavailable())
            return
        stats.queued_operations += 1
        self._queued_bytes += weight_bytes
        self._submitted.append(operation)
        if len(self._submitted) == 1:
            # What else this turn of the loop submits goes along: one handover, one larger transaction.
            self._loop.call_soon(self._hand_over)

    async def aclose(self) -> None:
        """Finish what was submitted, move the log into the file and close the connection."""
        if not self._is_closing:
            self._is_closing = True
            self._hand_over()
            self._queue.put(None)
        await self._ended
        self._thread.join()

    # -------------------------------------------------------------- on the event loop

    def _hand_over(self) -> None:
        if self._submitted:
            self._queue.put(self._submitted)
            self._submitted = []

    def _complete(self, operations: list[Operation], outcomes: list[Any]) -> None:
        self._stats.queued_operations -= len(operations)
        for operation, outcome in zip(operations, outcomes, strict=True):
            self._queued_bytes -= operation.weight_bytes
            try:
                operation.complete(outcome)
            except Exception:
                # The callback's own fault, and no reason to leave the others without their outcomes.
                log.exception("store_callback_failed", operation=type(operation).__name__)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    # -------------------------------------------------------------- in the writer's thread

    def _run(self) -> None:
        waiting: deque[Operation] = deque()
        is_open = True
        while is_open or waiting:
            is_open = self._receive(waiting) and is_open
            operations = _take_turn(waiting)
            if operations:
                self._call(self._complete, operations, self._commit(operations))
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.close()
        except sqlite3.Error as exc:
            # Nothing is lost: the log is read again when the file is opened next.
            log.warning("store_checkpoint_failed", reason=str(exc))
        self._call(self._end)

    def _receive(self, waiting: deque[Operation]) -> bool:
        """Move what is in the queue to ``waiting``, blocking if there is nothing at all; False at the end."""
        try:
            while (burst := self._queue.get(block=not waiting)) is not None:
                waiting.extend(burst)
        except queue.Empty:
            return True
        return False

    def _call(self, function: Any, *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            # The loop was closed under us: nobody is left to be told. What was committed stays.
            log.error("store_outlived_its_event_loop")

    def _commit(self, operations: list[Operation]) -> list[Any]:
        """Return the outcomes of the operations, in order, after they are on disk."""
        started_s = time.perf_counter()
        try:
            outcomes = self._transact(operations)
        except Exception as exc:
            self._stats.failed_commits += 1
            if is_trouble_of_the_file(exc):
                log.error("store_commit_failed", reason=str(exc), operations=len(operations))
                return [Unavailable() for _ in operations]
            if len(operations) == 1:
                log.exception("store_operation_failed", operation=type(operations[0]).__name__)
                return [Unavailable()]
            middle = len(operations) // 2
            return self._commit(operations[:middle]) + self._commit(operations[middle:])
        self._stats.commits += 1
        self._stats.batch_operations.observe(len(operations))
        self._stats.commit_seconds.observe(time.perf_counter() - started_s)
        return outcomes

    def _transact(self, operations: list[Operation]) -> list[Any]:
        connection = self._connection
        try:
            # IMMEDIATE: other processes may write too, and a lock taken later could fail half way.
            connection.execute("BEGIN IMMEDIATE")
            outcomes = apply(self._ledger, operations)
            connection.execute("COMMIT")
        except BaseException:
            self._ledger.forget()
            if connection.in_transaction:  # Some errors have rolled back already.
                connection.execute("ROLLBACK")
            raise
        self._stats.appended_messages += self._ledger.appended_messages
        return outcomes


def _take_turn(waiting: deque[Operation]) -> list[Operation]:
    """Take the operations of one transaction: in order, at least one if any waits."""
    operations: list[Operation] = []
    weight_bytes = 0
    while waiting and len(operations) < MAX_TURN_OPERATIONS:
        weight_bytes += waiting[0].weight_bytes
        if operations and weight_bytes > MAX_TURN_BYTES:
            break
        operations.append(waiting.popleft())
    return operations
