"""How the server is, in numbers for people: now, and over the last minute."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

import openmimc
from openmimc.app.metrics import HistogramNumbers, StoreNumbers
from openmimc.gateway import GatewayStats
from openmimc.webhook import WebhookStats

MINUTE_S = 60

_SIDE_FILES = ("", "-wal", "-shm")


class Connections(Struct, frozen=True):
    """How many clients of one SDK are connected in one way.

    Attributes:
        transport: ``tcp``, ``tls`` or ``websocket``.
        sdk: As in the metrics; "" before a client has said.
    """

    transport: str
    sdk: str
    number: int


class Health(Struct, frozen=True):
    """How the server is.

    Attributes:
        python: Version of the interpreter.
        sqlite: Version of the library below the store.
        connections: Open ones; ways and SDKs without any are left out.
        bound: Devices logged in.
        over_s: How long the rates and the latency look back; less than a minute just after the start.
        received_per_s: Messages that clients sent, refused and repeated ones included.
        stored_per_s: Messages, however they came.
        delivered_per_s: Messages written to devices.
        logins_per_s: Accepted ones.
        commit_ms_50: Half of the transactions took no longer than this, as a histogram can tell; None if there
            were none.
        commit_ms_95: 95 of a hundred.
        commit_ms_99: 99 of a hundred.
        failed_commits: In the time looked back over.
        queued: Operations waiting for the disk.
        callbacks_waiting: Of all apps.
        callbacks_dead: Of all apps.
        database_bytes: The store's files.
        disk_free_bytes: Of the file system below the store.
        disk_bytes: Its size.
    """

    version: str
    python: str
    sqlite: str
    uptime_s: int
    connections: tuple[Connections, ...]
    bound: int
    over_s: int
    received_per_s: float
    stored_per_s: float
    delivered_per_s: float
    logins_per_s: float
    commit_ms_50: float | None
    commit_ms_95: float | None
    commit_ms_99: float | None
    failed_commits: int
    queued: int
    callbacks_waiting: int
    callbacks_dead: int
    database_bytes: int
    disk_free_bytes: int
    disk_bytes: int


class _Sample(Struct, frozen=True):
    at_s: float
    received: int
    stored: int
    delivered: int
    logins: int
    failed_commits: int
    commit_counts: tuple[int, ...]


class HealthMonitor:
    """Remembers the last minute's numbers.

    Args:
        count_bound: How many devices are logged in.
        database: The store's file.
        now_s: A clock that never goes back.
    """

    def __init__(
        self,
        gateway: GatewayStats,
        store: StoreNumbers,
        webhook: WebhookStats,
        *,
        count_bound: Callable[[], int],
        database: Path,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gateway = gateway
        self._store = store
        self._webhook = webhook
        self._count_bound = count_bound
        self._database = database
        self._now_s = now_s
        self._started_s = now_s()
        self._samples: deque[_Sample] = deque([self._take()], maxlen=MINUTE_S + 1)

    def sample(self) -> None:
        """Take note of the numbers. Call this once a second."""
        self._samples.append(self._take())

    def read(self) -> Health:
        """How the server is now."""
        now = self._take()
        past = next(sample for sample in (*self._samples, now) if now.at_s - sample.at_s <= MINUTE_S + 1)
        over_s = now.at_s - past.at_s
        commits = [after - before for after, before in zip(now.commit_counts, past.commit_counts, strict=True)]
        bounds = self._store.commit_seconds.bounds
        disk = shutil.disk_usage(self._database.parent)

        def per_s(after: int, before: int) -> float:
            return (after - before) / over_s if over_s > 0 else 0.0

        return Health(
            version=openmimc.__version__,
            python=platform.python_version(),
            sqlite=sqlite3.sqlite_version,
            uptime_s=int(now.at_s - self._started_s),
            connections=tuple(
                Connections(transport, sdk, number)
                for (transport, sdk), number in sorted(self._gateway.connections.items())
                if number
            ),
            bound=self._count_bound(),
            over_s=round(over_s),
            received_per_s=per_s(now.received, past.received),
            stored_per_s=per_s(now.stored, past.stored),
            delivered_per_s=per_s(now.delivered, past.delivered),
            logins_per_s=per_s(now.logins, past.logins),
            commit_ms_50=_quantile_ms(bounds, commits, 0.5),
            commit_ms_95=_quantile_ms(bounds, commits, 0.95),
            commit_ms_99=_quantile_ms(bounds, commits, 0.99),
            failed_commits=now.failed_commits - past.failed_commits,
            queued=self._store.queued_operations,
            callbacks_waiting=self._webhook.waiting,
            callbacks_dead=self._webhook.dead,
            database_bytes=sum(_size_of(f"{self._database}{suffix}") for suffix in _SIDE_FILES),
            disk_free_bytes=disk.free,
            disk_bytes=disk.total,
        )

    def _take(self) -> _Sample:
        commit_seconds: HistogramNumbers = self._store.commit_seconds
        return _Sample(
            at_s=self._now_s(),
            received=self._gateway.messages_in,
            stored=self._store.appended_messages,
            delivered=self._gateway.messages_out,
            logins=self._gateway.binds_accepted,
            failed_commits=self._store.failed_commits,
            commit_counts=tuple(commit_seconds.counts),
        )


def _quantile_ms(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    """Return about which time ``share`` of the values did not pass; the last bound for all that is above it.

    Within a bucket the values are taken to be spread evenly.
    """
    total = sum(counts)
    if total == 0:
        return None
    wanted = share * total
    lower = 0.0
    for bound, count in zip(bounds, counts, strict=False):  # What is above the last bound has none.
        if count and wanted <= count:
            return round((lower + (bound - lower) * wanted / count) * 1000, 3)
        wanted -= count
        lower = bound
    return round(lower * 1000, 3)


def _size_of(path: str) -> int:
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0  # A side file exists only while the store is open.
