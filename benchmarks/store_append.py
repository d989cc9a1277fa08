"""What an append to the embedded store costs.

For batches of 1, 64 and 512 messages in flight, a fresh file on this machine's temporary folder:

* quiet: CPU time of the whole process per append, and the time to acknowledge a batch;
* busy: the same beside an event loop that never rests, as on a loaded server, where every step of a SQLite
  statement has to get the interpreter's lock back. CPU time is the writer thread's alone.

First one-to-one messages, then messages to one unlimited group of 10 and of 5,000 members, whose cost and room
in the file have to be the same: nothing is written per member.

The interpreter's switch interval matters to the busy figures. A waiting thread asks for the lock only after a
whole interval in which it saw no release; a loop that makes a system call every few microseconds releases the
lock each time for a moment, often takes it back before the waiting thread has woken up, and so is seldom asked.

Run: python benchmarks/store_append.py [--mode p2p|group|all] [--messages 20000] [--payload-bytes 300]
[--switch-interval-us 10]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
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
GROUP_MEMBERS = (10, 5_000)
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


def draft_of(
    sender: Account, number: int, payload: bytes, *, to_account: str = "", group_id: TopicId | None = None
) -> Draft:
    """Return one message, to an account or to a group."""
    return Draft(
        kind=Kind.P2P if group_id is None else Kind.GROUP,
        sender=Sender(sender.app_id, sender.user_id, sender.name, "phone"),
        to_account=to_account,
        topic_id=TopicId(0) if group_id is None else group_id,
        packet_id=f"packet-{number}",
        payload=payload,
        copy_to_sender=group_id is None,
    )


async def group_of(store: SqliteStore, members: tuple[Account, ...]) -> TopicId:
    """Return an unlimited group of these members."""
    owner, *others = members
    group = await store.create_group(APP, owner.user_id, name="", extra="", on_change=lambda _: None)
    await asyncio.gather(
        *[store.join_group(group.group_id, other.user_id, APP, lambda _: None) for other in others]
    )
    return group.group_id


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
    folder: Path, batch: int, messages: int, payload_bytes: int, *, members: int, is_busy: bool
) -> dict[str, object]:
    """Append ``messages`` messages, ``batch`` at a time.

    They are between random users, or from random members to a group of ``members`` if that is not 0.
    """
    path = folder / "openmimc.db"
    store = SqliteStore.open(path, clock=SystemClock())
    accounts = await store.ensure_accounts(APP, tuple(f"user-{number}" for number in range(USERS)))
    payload = bytes(payload_bytes)
    if members:
        group_id = await group_of(store, accounts[:members])
        drafts = [
            draft_of(accounts[number * 7919 % members], number, payload, group_id=group_id)
            for number in range(messages)
        ]
    else:
        drafts = [
            draft_of(
                accounts[number * 7919 % USERS],
                number,
                payload,
                to_account=f"user-{number * 104_729 % USERS}",
            )
            for number in range(messages)
        ]
    await store.aclose()
    empty_bytes = path.stat().st_size
    store = SqliteStore.open(path, clock=SystemClock())
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
        "to": f"group of {members:,}" if members else "one account",
        "loop": "busy" if is_busy else "quiet",
        "batch": batch,
        "cpu_us_per_append": round(cpu_s / appended * 1e6, 1),
        "appends_per_s": round(appended / wall_s),
        "batch_ms_median": round(statistics.median(batch_ms), 2),
        "batch_ms_p99": round(batch_ms[int(len(batch_ms) * 0.99)], 2),
        "file_bytes_per_append": round((path.stat().st_size - empty_bytes) / messages),
    }


def main() -> None:
    """Print one JSON object per measurement."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=("p2p", "group", "all"), default="all")
    parser.add_argument("--messages", type=int, default=20_000, help="most messages per measurement")
    parser.add_argument("--payload-bytes", type=int, default=300)
    parser.add_argument("--switch-interval-us", type=int, default=10, help="Python's own default is 5000")
    arguments = parser.parse_args()
    sys.setswitchinterval(arguments.switch_interval_us / 1e6)
    print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.machine()}",
        file=sys.stderr,
    )
    targets = {"p2p": (0,), "group": GROUP_MEMBERS, "all": (0, *GROUP_MEMBERS)}[arguments.mode]
    for members, is_busy, batch in itertools.product(targets, (False, True), BATCHES):
        messages = min(arguments.messages, 500 * batch + batch)
        with tempfile.TemporaryDirectory() as folder:
            figures = asyncio.run(
                measure(
                    Path(folder), batch, messages, arguments.payload_bytes, members=members, is_busy=is_busy
                )
            )
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
