from __future__ import annotations

import os
import subprocess
import sys
import time

from openmimc.bench.process import cpu_s, resident_bytes

BURN = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"


def test_cpu_time_of_a_child_counts_for_its_parent() -> None:
    before = cpu_s(os.getpid())
    began_s = time.process_time()
    command = [sys.executable, "-c", BURN]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - ours
    assert child.stdout is not None
    child.stdout.readline()

    after, of_child, own_s = cpu_s(os.getpid()), cpu_s(child.pid), time.process_time() - began_s

    child.communicate()
    assert before is not None
    assert after is not None
    assert of_child is not None
    assert of_child >= 0.19
    assert after - before >= of_child - 0.02
    assert own_s < 5


def test_memory_that_is_used_shows() -> None:
    before = resident_bytes(os.getpid())
    block = bytearray(os.urandom(1)) * 32_000_000

    after = resident_bytes(os.getpid())

    assert before is not None
    assert after is not None
    assert after - before > 25_000_000
    assert len(block) == 32_000_000


def test_of_a_process_that_is_not_there_nothing_is_known() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()

    assert cpu_s(child.pid) is None
    assert resident_bytes(child.pid) is None
