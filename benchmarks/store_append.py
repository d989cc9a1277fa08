"""What an append to the embedded store costs.

For batches of 1, 64 and 512 messages in flight, a fresh file on this machine's temporary folder:

* quiet: CPU time of the whole process per append, and the time to acknowledge a batch;
* busy: the same beside an event loop that never rests, as on a loaded server, where every step of a SQLite
  statement has to get the interpreter's lock back. CPU time is the writer thread's alone.

The interpreter's switch interval matters to the busy figures. A waiting thread asks for the lock only after a
whole interval in which it saw no release; a loop that makes a system call every few microseconds releases the
lock each time for a moment, often takes it back before the waiting thread has woken up, and so is seldom asked.

Run: python benchmarks/store_append.py [--messages 20000] [--payload-bytes 300] [--switch-interval-us 10]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import socket
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from openmimc.domain.ports import OnCommit
from openmimc.model.app import Account
from openmimc.model.ids import AppId, TopicId
from openmimc.model.message import Draft, Kind, Sender
from openmimc.store.sqlite import SqliteStore

BATCHES = (1, 64, 512)
USERS = 10_000
APP = AppId(1)


class SystemClock:
    """The real time."""

    def now_ms(self) -> int:
        """UTC epoch milliseconds."""
        return time.time_ns() // 1_000_000


async def keep_busy() -> None:
    """Pass packets through a pair of sockets, with a little work for each, until cancelled."""
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    packet = bytes(300)
    try:
        while True:
            for _ in range(8):
                near.send(packet)
                sum(range(600))
                far.recv(len(packet))
                sum(range(600))
            await asyncio.sleep(0)
    finally:
        near.close()
        far.close()


def draft_of(sender: Account, to_account: str, number: int, payload: bytes) -> Draft:
    """Return one message."""
    return Draft(
        kind=Kind.P2P,
        sender=Sender(sender.app_id, sender.user_id, sender.name, "phone"),
        to_account=to_account,
        topic_id=TopicId(0),
        packet_id=f"packet-{number}",
        payload=payload,
    )


async def append_batch(store: SqliteStore, drafts: list[Draft]) -> None:
    """Append a batch and return when the last message of it is acknowledged."""
    done = asyncio.Event()
    missing = len(drafts)

    def on_commit(_outcome: object) -> None:
        nonlocal missing
        missing -= 1
        if not missing:
            done.set()

    callback: OnCommit = on_commit
    for draft in drafts:
        store.append(draft, callback)
    await done.wait()


async def measure(
    folder: Path, batch: int, messages: int, payload_bytes: int, *, is_busy: bool
) -> dict[str, object]:
    """Append ``messages`` messages between random users, ``batch`` at a time."""
    store = SqliteStore.open(folder / "openmimc.db", clock=SystemClock())
    accounts = await store.ensure_accounts(APP, tuple(f"user-{number}" for number in range(USERS)))
    drafts = [
        draft_of(
            accounts[number * 7919 % USERS], f"user-{number * 104_729 % USERS}", number, bytes(payload_bytes)
        )
        for number in range(messages)
    ]
    await append_batch(store, drafts[:batch])  # Prepares the statements.
    neighbour = asyncio.ensure_future(keep_busy()) if is_busy else None
    (writer,) = [thread for thread in threading.enumerate() if thread.name == "openmimc-store-writer"]
    assert writer.ident is not None
    clock_id = time.pthread_getcpuclockid(writer.ident) if is_busy else time.CLOCK_PROCESS_CPUTIME_ID

    batch_ms: list[float] = []
    cpu_s = time.clock_gettime(clock_id)
    started_s = time.perf_counter()
    for start in range(batch, messages, batch):
        batch_started_s = time.perf_counter()
        await append_batch(store, drafts[start : start + batch])
        batch_ms.append((time.perf_counter() - batch_started_s) * 1_000)
    cpu_s = time.clock_gettime(clock_id) - cpu_s
    wall_s = time.perf_counter() - started_s

    if neighbour is not None:
        neighbour.cancel()
        await asyncio.wait([neighbour])
    await store.aclose()
    appended = messages - batch
    batch_ms.sort()
    return {
        "loop": "busy" if is_busy else "quiet",
        "batch": batch,
        "cpu_us_per_append": round(cpu_s / appended * 1e6, 1),
        "appends_per_s": round(appended / wall_s),
        "batch_ms_median": round(statistics.median(batch_ms), 2),
        "batch_ms_p99": round(batch_ms[int(len(batch_ms) * 0.99)], 2),
    }


def main() -> None:
    """Print one JSON object per measurement."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=20_000, help="most messages per measurement")
    parser.add_argument("--payload-bytes", type=int, default=300)
    parser.add_argument("--switch-interval-us", type=int, default=10, help="Python's own default is 5000")
    arguments = parser.parse_args()
    sys.setswitchinterval(arguments.switch_interval_us / 1e6)
    print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.machine()}",
        file=sys.stderr,
    )
    for is_busy in (False, True):
        for batch in BATCHES:
            messages = min(arguments.messages, 500 * batch + batch)
            with tempfile.TemporaryDirectory() as folder:
                figures = asyncio.run(
                    measure(Path(folder), batch, messages, arguments.payload_bytes, is_busy=is_busy)
                )
            print(json.dumps(figures))


if __name__ == "__main__":
    main()
