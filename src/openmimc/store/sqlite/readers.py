"""Threads that read, each on a connection of its own: reads wait neither for the writer nor for a sync."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import structlog

from openmimc.errors import Unavailable
from openmimc.store.sqlite.connection import connect_reader

READER_THREADS = 2
"""One more than a slow read (a large page from a cold disk) can take up."""

MAX_QUEUED_READS = 65_536
"""Reads that may wait; every device of a large server can come back at once."""

T = TypeVar("T")
Read = Callable[[sqlite3.Connection], Any]

log = structlog.get_logger(__name__)


class Readers:
    """Runs functions on connections that only read. Its methods belong to the event loop's thread."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queued = 0
        self._is_closing = False
        self._queue: queue.SimpleQueue[tuple[Read, asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(
                target=self._serve,
                args=(connect_reader(path),),
                name=f"openmimc-store-reader-{number}",
                daemon=True,
            )
            for number in range(READER_THREADS)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Return what ``read`` returns; it sees everything committed before the call.

        Raises:
            Unavailable: the read failed, too many wait, or the store is closed.
        """
        if self._is_closing or self._queued >= MAX_QUEUED_READS:
            raise Unavailable
        future: asyncio.Future[T] = self._loop.create_future()
        self._queued += 1
        self._queue.put((read, future))
        return await future

    async def aclose(self) -> None:
        """Finish what was asked for and close the connections."""
        if not self._is_closing:
            self._is_closing = True
            for _ in self._threads:
                self._queue.put(None)
        for thread in self._threads:
            await self._loop.run_in_executor(None, thread.join)

    def _complete(self, future: asyncio.Future[Any], outcome: Any) -> None:
        self._queued -= 1
        if future.done():
            return  # Cancelled.
        if isinstance(outcome, Unavailable):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    def _serve(self, connection: sqlite3.Connection) -> None:
        while (request := self._queue.get()) is not None:
            read, future = request
            outcome: Any
            try:
                outcome = read(connection)
            except Exception:
                log.exception("store_read_failed")
                outcome = Unavailable()
            try:
                self._loop.call_soon_threadsafe(self._complete, future, outcome)
            except RuntimeError:
                log.error("store_outlived_its_event_loop")
        connection.close()
