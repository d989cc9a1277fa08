"""Where a benchmark ran, as far as it matters to its figures."""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

from msgspec import Struct

import openmimc
from openmimc.bench.loop import loop_name
from openmimc.wire.codec import codec_name

FSYNCS = 50
FSYNC_BYTES = 4096


class Machine(Struct, frozen=True, rename="camel"):
    """Hardware and versions.

    Attributes:
        processor: As the system names it.
        cores: That this process may use.
        memory_bytes: None if unknown.
        loop: Of the load, and of the server if it is an own one.
        codec: Likewise: "native" or "python".
    """

    processor: str
    cores: int
    memory_bytes: int | None
    system: str
    python: str
    openmimc: str
    loop: str
    codec: str


class Disk(Struct, frozen=True, rename="camel"):
    """Where the server's files are.

    Attributes:
        file_system: Such as "ext4"; a "tmpfs" keeps nothing and costs nothing.
        fsync_ms: Median time to make 4 KiB durable there.
    """

    file_system: str
    fsync_ms: float


def this_machine() -> Machine:
    """Look around."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_bytes=_memory_bytes(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        openmimc=openmimc.__version__,
        loop=loop_name(),
        codec=codec_name(),
    )


def disk_of(folder: Path) -> Disk:
    """Try the disk that a folder is on."""
    times_ms = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(FSYNCS):
            os.write(file.fileno(), bytes(FSYNC_BYTES))
            began_s = time.perf_counter()
            os.fsync(file.fileno())
            times_ms.append((time.perf_counter() - began_s) * 1e3)
    return Disk(file_system=_file_system(folder), fsync_ms=round(statistics.median(times_ms), 3))


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def _file_system(folder: Path) -> str:
    """The type of the mount that is nearest above the folder."""
    place = folder.resolve()
    best, found = "", "unknown"
    with contextlib.suppress(OSError):
        for line in Path("/proc/mounts").read_text().splitlines():
            _, mount, kind, *_ = line.split(" ")
            if place.is_relative_to(mount) and len(mount) >= len(best):
                best, found = mount, kind
    return found
