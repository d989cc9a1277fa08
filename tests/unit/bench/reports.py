"""A report to show and to draw."""

from __future__ import annotations

from typing import Any

from openmimc.bench.arrivals import Faults
from openmimc.bench.histogram import Histogram
from openmimc.bench.machine import Disk, Machine
from openmimc.bench.results import FORMAT, RelayResult, Report, Result, latency_of

MACHINE = Machine(
    processor="Fast & <Furious>",
    cores=2,
    memory_bytes=1 << 33,
    system="Linux 6 x86_64",
    python="CPython 3.11.7",
    openmimc="1.0",
    loop="uvloop 0.22",
    codec="python",
)


def result_of(scenario: str, **fields: Any) -> Result:
    latency = latency_of(Histogram.of(range(1_000_000, 3_000_000, 1_000)))
    values: dict[str, Any] = {
        "scenario": scenario,
        "parameters": {"pairs": 100, "inFlight": 1, "payloadBytes": 200},
        "unit": "message",
        "seconds": 10.0,
        "count": 20_000,
        "rate_per_s": 2000.0,
        "faults": Faults(),
        "server_cpu_us": 43.2,
        "send_to_ack": latency,
        "rate_over_time": [1900.0, 2100.0, 2000.0],
        "relay": RelayResult(rate_per_s=15_000.0, cpu_us=20.0, ratio=2.16),
    }
    return Result(**values | fields)


def report_of(*results: Result) -> Report:
    return Report(
        format=FORMAT,
        started_ms=1_760_000_000_000,
        machine=MACHINE,
        server="own",
        fsync="every commit",
        disk=Disk("ext4", 0.3),
        results=list(results),
        faults=sum((result.faults for result in results), Faults()),
    )
