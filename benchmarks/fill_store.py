"""Fills a data directory with messages, faster than through a server's doors, to measure one that is full.

Writes one-to-one messages between 10,000 users of an app of its own, in batches, through the store itself: the
same rows as the server writes for messages that nobody has fetched yet. Then, for instance:

    openmimc bench p2p --data-dir DIR

Run: python benchmarks/fill_store.py [DIR] [MESSAGES] [--payload-bytes 200]. Without DIR it fills a temporary
one, just to see how fast that goes.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from pathlib import Path

from openmimc.app.data_dir import DataDir
from openmimc.app.toolbox import open_toolbox
from openmimc.model.ids import TopicId
from openmimc.model.message import Draft, Kind, Sender

USERS = 10_000
BATCH = 2_000
MESSAGES = 50_000


async def fill(folder: Path, messages: int, payload_bytes: int) -> float:
    """Write the messages; returns how many per second."""
    async with open_toolbox(DataDir(folder), create=True) as tools:
        app, _ = await tools.apps.create_app("filled")
        names = tuple(f"filled-{number}" for number in range(USERS))
        accounts = await tools.store.ensure_accounts(app.app_id, names)
        run = secrets.token_hex(4)
        began_s = time.perf_counter()
        for start in range(0, messages, BATCH):
            done = asyncio.Event()
            missing = count = min(BATCH, messages - start)

            def on_commit(outcome: object) -> None:
                nonlocal missing
                if isinstance(outcome, Exception):
                    raise outcome
                missing -= 1
                if not missing:
                    done.set()  # noqa: B023 - called before the next turn

            for number in range(start, start + count):
                sender = accounts[number * 7919 % USERS]
                draft = Draft(
                    kind=Kind.P2P,
                    sender=Sender(app.app_id, sender.user_id, sender.name, "phone"),
                    to_account=names[number * 104_729 % USERS],
                    topic_id=TopicId(0),
                    packet_id=f"{run}-{number}",
                    payload=secrets.token_bytes(payload_bytes),
                )
                tools.store.append(draft, on_commit)
            await done.wait()
            rate = (start + count) / (time.perf_counter() - began_s)
            if (start + count) % 100_000 < BATCH:
                print(f"{start + count:,} messages, {rate:,.0f} per second", file=sys.stderr, flush=True)
    return rate


def main() -> None:
    """Fill and say so."""
    sys.setswitchinterval(1e-5)  # As the server does: the writer is a thread beside a busy loop.
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="DIR", type=Path, nargs="?")
    parser.add_argument("messages", metavar="MESSAGES", type=int, nargs="?", default=MESSAGES)
    parser.add_argument("--payload-bytes", type=int, default=200)
    options = parser.parse_args()
    if options.messages < 1:
        parser.error("at least one message")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        rate = asyncio.run(fill(folder, options.messages, options.payload_bytes))
        print(f"{options.messages:,} messages at {rate:,.0f} per second")


if __name__ == "__main__":
    main()
