"""A whole run: workers, a server if none is given, the scenarios, the report."""

from __future__ import annotations

import contextlib
import functools
import time
from pathlib import Path

from openmimc.bench.arrivals import Faults
from openmimc.bench.crew import Crew
from openmimc.bench.loop import allow_many_files
from openmimc.bench.machine import disk_of, this_machine
from openmimc.bench.plan import Plan
from openmimc.bench.processes import Target, check_pid, own_server
from openmimc.bench.results import FORMAT, Report
from openmimc.bench.scenarios import Bench, OnProgress


async def run_bench(plan: Plan, given: Target | None, data_dir: Path | None, on_progress: OnProgress) -> Report:
    """Run a plan.

    Args:
        plan: What to do.
        given: A server that runs already; None starts one of our own.
        data_dir: Directory of an own server; None for a temporary one.
        on_progress: Told how far it is.

    Raises:
        BenchError: The run means nothing.
    """
    started_ms = time.time_ns() // 1_000_000
    allow_many_files()
    async with contextlib.AsyncExitStack() as stack:
        if given is not None and given.pid is not None:
            check_pid(given.pid)
        on_progress("starting", 0)
        crew = await stack.enter_async_context(Crew(plan.workers))
        target = await stack.enter_async_context(own_server(data_dir)) if given is None else given
        disk = None if target.data_dir is None else disk_of(target.data_dir)
        fresh = functools.partial(own_server, None) if given is None else None
        results = await Bench(plan, target, crew, on_progress, fresh=fresh).run()
    return Report(
        format=FORMAT,
        started_ms=started_ms,
        machine=this_machine(),
        server="own" if given is None else "given",
        fsync="every commit" if given is None else "unknown",
        disk=disk,
        results=results,
        faults=sum((result.faults for result in results), Faults()),
    )
