"""What a benchmark found. The JSON of ``openmimc bench --json`` is a ``Report``; its names stay."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from openmimc.bench.arrivals import Faults
from openmimc.bench.histogram import Histogram
from openmimc.bench.machine import Disk, Machine

FORMAT = 1
"""Grows when something in the JSON goes or changes its meaning; additions leave it."""

CURVE_PERCENTS = (0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.9, 99.99, 100)


class Latency(Struct, frozen=True, rename="camel"):
    """Times from one event to another.

    Attributes:
        count: How many.
        curve: Pairs of a percentage and the time that so many did not exceed, ascending.
    """

    count: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    curve: list[tuple[float, float]]


def latency_of(histogram: Histogram) -> Latency | None:
    """Sum up nanoseconds; None if there are none."""
    if not histogram.total:
        return None

    def at(percent: float) -> float:
        return round((histogram.percentile(percent) or 0) / 1e6, 4)

    return Latency(
        count=histogram.total,
        p50_ms=at(50),
        p99_ms=at(99),
        p999_ms=at(99.9),
        max_ms=at(100),
        curve=[(percent, at(percent)) for percent in CURVE_PERCENTS],
    )


class RelayResult(Struct, frozen=True, rename="camel"):
    """What the bare relay did in the same run.

    Attributes:
        rate_per_s: As the scenario's.
        cpu_us: As the scenario's ``server_cpu_us``.
        ratio: The server's CPU time per unit to the relay's: the median of the rounds' ratios.
    """

    rate_per_s: float
    cpu_us: float | None
    ratio: float | None


class Result(Struct, frozen=True, rename="camel"):
    """One scenario. What does not apply, or could not be seen, is null.

    Attributes:
        scenario: Its name.
        parameters: Its sizes.
        unit: What is counted: "message", "delivery", "login", "push", "page" or "connection".
        seconds: How long was measured, without warming up.
        count: Units in this time.
        rate_per_s: Units per second.
        server_cpu_us: CPU time of the server per unit, user and system: the median of the rounds.
        server_cpu_rounds: The same for each round.
        server_busy: CPU time of the server per second.
        load_busy: CPU time of the busiest worker per second. Near 1, the rate is the load's and not the
            server's, and latencies are partly the load's own.
        memory_per_connection_bytes: Growth of the server's resident memory.
        send_to_ack: From a message's sending to its ack.
        send_to_receive: From a message's sending to a receipt.
        request: From a request to its answer.
        rate_over_time: Units per second, one number for each quarter of a second of measuring.
    """

    scenario: str
    parameters: dict[str, Any]
    unit: str
    seconds: float
    count: int
    rate_per_s: float
    faults: Faults
    server_cpu_us: float | None = None
    server_cpu_rounds: list[float] = []
    server_busy: float | None = None
    load_busy: float | None = None
    memory_per_connection_bytes: int | None = None
    send_to_ack: Latency | None = None
    send_to_receive: Latency | None = None
    request: Latency | None = None
    rate_over_time: list[float] = []
    relay: RelayResult | None = None


class Report(Struct, frozen=True, rename="camel"):
    """A whole run.

    Attributes:
        started_ms: UTC epoch milliseconds.
        server: "own" or "given".
        fsync: What an acknowledged message means on the server: "every commit", or "unknown" of a given one.
        disk: None for a server that was not started here.
        faults: All scenarios'.
    """

    format: int
    started_ms: int
    machine: Machine
    server: str
    fsync: str
    disk: Disk | None
    results: list[Result]
    faults: Faults
