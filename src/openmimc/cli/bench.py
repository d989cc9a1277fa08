"""``openmimc bench``: load on a server, and what it costs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from openmimc.bench.orders import Door
from openmimc.bench.plan import SCENARIOS, Plan
from openmimc.bench.plot import draw
from openmimc.bench.processes import Target
from openmimc.bench.run import run_bench
from openmimc.bench.scenarios import OnProgress
from openmimc.cli.bench_tables import show_report
from openmimc.cli.output import print_json
from openmimc.errors import BadRequest

SECRET_VARIABLE = "OPENMIMC_BENCH_SECRET"  # noqa: S105 - its name; arguments can be seen by everybody

FAULTY = 1
"""Exit code when messages were lost, repeated or reordered."""

DEFAULTS = Plan()

MOST_WORKERS = 8
"""Unless more are asked for: each one has a talker of its own in the groups."""


def bench(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SCENARIO]...", help=f"Some of {', '.join(SCENARIOS)}; all by default."),
    ] = None,
    http: Annotated[str, typer.Option(metavar="HOST:PORT", help="HTTP port of a running server.")] = "",
    tcp: Annotated[str, typer.Option(metavar="HOST:PORT", help="TCP port of a running server.")] = "",
    app: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What app create --json has printed, for --http.")
    ] = None,
    app_id: Annotated[
        str,
        typer.Option(metavar="APP_ID", help=f"In place of --app; with --app-key and {SECRET_VARIABLE}."),
    ] = "",
    app_key: Annotated[str, typer.Option(metavar="KEY", help="Key that goes with --app-id.")] = "",
    server_pid: Annotated[
        int | None, typer.Option(metavar="PID", help="Process of a running server on this machine.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where an own server keeps its data. (default: a temporary one)"),
    ] = None,
    seconds: Annotated[float, typer.Option(metavar="S", min=0.1, help="Measured per scenario.")] = (
        DEFAULTS.seconds
    ),
    rounds: Annotated[int, typer.Option(metavar="N", min=1, help="Parts of that time.")] = DEFAULTS.rounds,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=64, help="Processes that make the load. (default: cores - 1, up to 8)"
        ),
    ] = None,
    relay: Annotated[bool, typer.Option(help="Whether the bare relay runs as well.")] = True,
    payload_bytes: Annotated[int, typer.Option(metavar="N", min=24, max=65_536, help="Of each message.")] = (
        DEFAULTS.payload_bytes
    ),
    pairs: Annotated[int, typer.Option(metavar="N", min=1, max=60_000, help="p2p: pairs of devices.")] = (
        DEFAULTS.pairs
    ),
    in_flight: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N", min=1, help="p2p: messages under way per pair; repeatable. (default: 1 and 16)"
        ),
    ] = None,
    members: Annotated[int, typer.Option(metavar="N", min=2, help="group: devices in the topic.")] = (
        DEFAULTS.members
    ),
    crowd: Annotated[int, typer.Option(metavar="N", min=2, help="unlimited: devices in the group.")] = (
        DEFAULTS.crowd
    ),
    logins: Annotated[int, typer.Option(metavar="N", min=1, help="login: at the same time.")] = (
        DEFAULTS.logins_at_once
    ),
    idle: Annotated[int, typer.Option(metavar="N", min=10, help="idle: connections.")] = DEFAULTS.idle,
    settle: Annotated[
        float, typer.Option(metavar="S", min=0, help="idle: silence before memory is read.")
    ] = DEFAULTS.settle_s,
    lanes: Annotated[int, typer.Option(metavar="N", min=1, help="push: HTTP connections.")] = (
        DEFAULTS.push_lanes
    ),
    readers: Annotated[int, typer.Option(metavar="N", min=1, help="history: HTTP connections.")] = (
        DEFAULTS.readers
    ),
    page: Annotated[int, typer.Option(metavar="N", min=1, max=200, help="history: messages of a page.")] = (
        DEFAULTS.page_rows
    ),
    history: Annotated[int, typer.Option(metavar="N", min=0, help="Messages to store first.")] = 0,
    connections: Annotated[
        int, typer.Option(metavar="N", min=0, help="Silent connections during all scenarios.")
    ] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Tiny sizes: does all work?")] = False,
    plot: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Draw latencies and rates.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Put load on a server through its public doors, and measure it.

    Without --http and --tcp, a server of its own runs on a temporary directory meanwhile.
    Exit code 1: messages were lost, repeated or reordered.
    """
    plan = Plan(
        scenarios=_checked(scenarios),
        seconds=seconds,
        rounds=rounds,
        workers=workers or min(MOST_WORKERS, max(1, (os.cpu_count() or 1) - 1)),
        with_relay=relay,
        payload_bytes=payload_bytes,
        pairs=pairs,
        in_flight=tuple(in_flight or DEFAULTS.in_flight),
        members=members,
        crowd=crowd,
        logins_at_once=logins,
        idle=idle,
        settle_s=settle,
        push_lanes=lanes,
        readers=readers,
        page_rows=page,
        history=history,
        connections=connections,
    )
    if quick:
        plan = plan.quickened()
    sizes = {"group": plan.members, "unlimited": plan.crowd}
    if any(sizes.get(name, 2 * plan.workers) < 2 * plan.workers for name in plan.scenarios):
        raise BadRequest("each worker needs two members of a group; give fewer --workers")
    given = _given_server(http, tcp, app, (app_id, app_key, os.environ.get(SECRET_VARIABLE, "")), server_pid)
    if given is not None and data_dir is not None:
        raise BadRequest("--data-dir is for a server of our own, --http and --tcp name another one")
    with _progress() as on_progress:
        report = asyncio.run(run_bench(plan, given, data_dir, on_progress))
    if plot is not None:
        plot.write_text(draw(report), encoding="utf-8")
    if as_json:
        print_json(report)
    else:
        show_report(report)
    if report.faults.total:
        raise typer.Exit(FAULTY)


def _checked(scenarios: list[str] | None) -> tuple[str, ...]:
    for name in scenarios or ():
        if name not in SCENARIOS:
            raise BadRequest(f"there is no scenario {name!r}; there are {', '.join(SCENARIOS)}")
    return tuple(scenarios or SCENARIOS)


def _given_server(
    http: str, tcp: str, app: Path | None, fields: tuple[str, str, str], pid: int | None
) -> Target | None:
    if not http and not tcp:
        if app is not None or fields[0] or pid is not None:
            raise BadRequest("--app, --app-id and --server-pid go with --http and --tcp")
        return None
    if not http or not tcp:
        raise BadRequest("--http and --tcp go together")
    for address in (http, tcp):
        host, _, port = address.rpartition(":")
        if not host or not port.isascii() or not port.isdigit():
            raise BadRequest(f"{address!r} is not of the form HOST:PORT")
    if app is not None:
        fields = _read_app(app)
    if not all(fields):
        raise BadRequest(f"give --app, or --app-id, --app-key and the variable {SECRET_VARIABLE}")
    return Target(Door(http, tcp, *fields), pid)


class _App(msgspec.Struct):
    appId: str
    appKey: str
    appSecret: str


def _read_app(file: Path) -> tuple[str, str, str]:
    try:
        app = msgspec.json.decode(file.read_bytes(), type=_App)
    except OSError as exc:
        raise BadRequest(f"cannot read {file}: {exc.strerror}") from exc
    except msgspec.MsgspecError as exc:
        raise BadRequest(f"{file} is not what app create --json prints: {exc}") from exc
    return app.appId, app.appKey, app.appSecret


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """A bar per scenario on standard error, if that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task, current = progress.add_task("starting", total=1.0), "starting"

        def show(label: str, fraction: float) -> None:
            nonlocal task, current
            if label != current:
                progress.update(task, completed=1.0)
                task, current = progress.add_task(label, total=1.0), label
            progress.update(task, completed=fraction)

        yield show
