"""What a process uses, as the kernel tells: CPU time and memory."""

from __future__ import annotations

import os
import resource
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = resource.getpagesize()


def cpu_s(pid: int) -> float | None:
    """CPU time, user and system, of a process and its living descendants, in steps of about 10 ms.

    None where there is no ``/proc``, or no such process.
    """
    try:
        return sum(_own_cpu_s(one) for one in _family(pid))
    except (FileNotFoundError, ProcessLookupError):
        return None


def resident_bytes(pid: int) -> int | None:
    """Resident memory of a process and its living descendants. None as above."""
    try:
        return sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) * _PAGE_BYTES for one in _family(pid))
    except (FileNotFoundError, ProcessLookupError):
        return None


def _own_cpu_s(pid: int) -> float:
    # The name of the program, in parentheses, may hold blanks.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _family(pid: int) -> list[int]:
    family = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            children = (task / "children").read_text().split()
        except FileNotFoundError:
            continue  # The thread has just ended, or the kernel was built without this file.
        for child in children:
            family += _family(int(child))
    return family
