"""The processes that are measured: a server and the bare relay."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec import Struct

from openmimc.bench.crew import end_process
from openmimc.bench.errors import BenchError
from openmimc.bench.orders import Door, RelayDoor
from openmimc.bench.process import cpu_s
from openmimc.bench.sizes import PacketSizes
from openmimc.wire.codec import CODEC_VARIABLE

START_S = 60.0
STOP_S = 60.0


class Target(Struct, frozen=True):
    """A server to be measured.

    Attributes:
        pid: Its process, to read its use of CPU and memory; None if that is not known.
        data_dir: Where it keeps its files; None if it was not started here.
    """

    door: Door
    pid: int | None = None
    data_dir: Path | None = None


class RunningRelay(Struct, frozen=True):
    """A relay."""

    door: RelayDoor
    pid: int


@contextlib.asynccontextmanager
async def own_server(data_dir: Path | None) -> AsyncIterator[Target]:
    """Start a server on free ports and make it an app; it ends with the context.

    Args:
        data_dir: Its directory; None for a temporary one, which is removed afterwards.

    Raises:
        BenchError: It does not start.
    """
    with contextlib.ExitStack() as stack:
        folder = data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="openmimc-bench-")))
        app = json.loads(await _output_of("app", "create", "benchmark", "--data-dir", str(folder), "--json"))
        server = await asyncio.create_subprocess_exec(
            *_command("serve", "--data-dir", str(folder), "--http-port", "0", "--tcp-port", "0"),
            *("--host", "127.0.0.1", "--log-level", "warning", "--console", "off", "--demo-page", "off"),
            stdout=asyncio.subprocess.PIPE,
            env=_environment(),
            start_new_session=True,  # Ctrl-C reaches us, and we end it.
        )
        try:
            words = await _ready_words(server)
            addresses = dict(word.split("=", 1) for word in words)
            door = Door(addresses["http"], addresses["tcp"], app["appId"], app["appKey"], app["appSecret"])
            yield Target(door, server.pid, folder)
        finally:
            await _stop(server)


@contextlib.asynccontextmanager
async def bare_relay(sizes: PacketSizes) -> AsyncIterator[RunningRelay]:
    """Start a relay; it ends with the context.

    Raises:
        BenchError: It does not start.
    """
    relay = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "openmimc.bench.relay", str(sizes.ack), str(sizes.list)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        (address,) = await _ready_words(relay)
        yield RunningRelay(RelayDoor(address, sizes), relay.pid)
    finally:
        await end_process(relay)


def check_pid(pid: int) -> None:
    """Make sure that a process can be measured.

    Raises:
        BenchError: There is no such process, or no way to see what it uses.
    """
    if cpu_s(pid) is None:
        raise BenchError(f"there is no process {pid} on this machine, or no /proc to see it in")


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "openmimc", *arguments]


def _environment() -> dict[str, str]:
    """Without the options of another server; the codec is everybody's."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("OPENMIMC_") or name == CODEC_VARIABLE
    }


async def _output_of(*arguments: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *_command(*arguments), stdout=asyncio.subprocess.PIPE, env=_environment(), start_new_session=True
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:  # Whoever gives up waiting removes the directory that it works in.
            process.kill()
            await process.wait()
    if process.returncode:
        raise BenchError(f"openmimc {' '.join(arguments)} ended with exit code {process.returncode}")
    return output


async def _ready_words(process: asyncio.subprocess.Process) -> list[str]:
    assert process.stdout is not None  # noqa: S101 - started with a pipe
    try:
        async with asyncio.timeout(START_S):
            words = (await process.stdout.readline()).decode().split()
    except TimeoutError:
        words = []
    if words[:1] != ["ready"]:
        raise BenchError("a process did not start; its standard error says why")
    return words[1:]


async def _stop(server: asyncio.subprocess.Process) -> None:
    if server.returncode is None:
        server.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await server.wait()
    except TimeoutError:
        server.kill()
        await server.wait()
