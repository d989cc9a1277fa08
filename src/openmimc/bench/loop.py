"""The event loop of the benchmark's processes."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Coroutine
from importlib.metadata import version
from typing import Any, TypeVar

T = TypeVar("T")

try:
    import uvloop
except ImportError:  # It does not exist for every system.
    uvloop = None  # type: ignore[assignment]


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end: on uvloop if it is installed, with as many open files as the system lets us have."""
    allow_many_files()
    if uvloop is None:
        return asyncio.run(main)
    return uvloop.run(main)


def loop_name() -> str:
    """Which loop ``run_loop`` uses, with its version."""
    return "asyncio" if uvloop is None else f"uvloop {version('uvloop')}"


def allow_many_files() -> None:
    """Raise the limit on open files, of this process and of those it will start, to the highest allowed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
