"""The tables that ``openmimc bench`` prints for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from openmimc.bench.results import Latency, Report, Result

WIDTH = 100
"""Narrowest that the tables fit into; a narrower terminal wraps their lines."""


def show_report(report: Report) -> None:
    """Print a report for people."""
    console = Console()
    if console.width < WIDTH:
        console = Console(width=WIDTH)
    machine, disk = report.machine, report.disk
    memory = "" if machine.memory_bytes is None else f", {machine.memory_bytes / 2**30:.0f} GiB"
    lines = [
        f"{machine.cores} x {machine.processor}{memory}, {machine.system}",
        f"OpenMIMC {machine.openmimc}, {machine.python}, {machine.loop}, {machine.codec} codec",
        f"fsync: {report.fsync}"
        + ("" if disk is None else f", {disk.fsync_ms:.2f} ms each on {disk.file_system}"),
    ]
    for line in lines:
        console.print(Text(line, style="dim"), soft_wrap=True)
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("SCENARIO", "UNIT"):
        table.add_column(name)
    for name in ("PER S", "CPU US", "RELAY US", "RATIO", "SERVER", "LOAD", "BYTES", "FAULTS"):
        table.add_column(name, justify="right")
    for result in report.results:
        relay = result.relay
        table.add_row(
            _name(result),
            result.unit,
            f"{result.rate_per_s:,.0f}",
            _number(result.server_cpu_us, ".1f"),
            _number(None if relay is None else relay.cpu_us, ".1f"),
            _number(None if relay is None else relay.ratio, ".2f"),
            _number(result.server_busy, ".0%"),
            _number(result.load_busy, ".0%"),
            _number(result.memory_per_connection_bytes, ","),
            str(result.faults.total),
        )
    console.print(table, soft_wrap=True)
    latencies = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("SCENARIO", "LATENCY, MS"):
        latencies.add_column(name)
    for name in ("P50", "P99", "P99.9", "MAX"):
        latencies.add_column(name, justify="right")
    for result in report.results:
        for kind, latency in _latencies(result):
            times = (latency.p50_ms, latency.p99_ms, latency.p999_ms, latency.max_ms)
            latencies.add_row(_name(result), kind, *(f"{ms:,.2f}" for ms in times))
    if latencies.row_count:
        console.print(latencies, soft_wrap=True)
    faults = report.faults
    verdict = f"lost {faults.lost}, repeated {faults.repeated}, reordered {faults.reordered}"
    console.print(Text(verdict, style="bold red" if faults.total else "bold green"))


def _name(result: Result) -> str:
    parameters = result.parameters
    sizes = [parameters[key] for key in ("pairs", "members", "connections", "atOnce") if key in parameters]
    in_flight = parameters.get("inFlight")
    name = " ".join([result.scenario, *map(str, sizes)])
    return name if in_flight is None else f"{name} x{in_flight}"


def _latencies(result: Result) -> list[tuple[str, Latency]]:
    kinds = (
        ("send to ack", result.send_to_ack),
        ("send to receive", result.send_to_receive),
        ("request to answer", result.request),
    )
    return [(kind, latency) for kind, latency in kinds if latency is not None]


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
