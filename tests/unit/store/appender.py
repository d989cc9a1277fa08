"""A process that appends for ever and prints every acknowledged message. Run with: FILE FIRST_NUMBER."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from openmimc.model.message import Commit
from openmimc.store.sqlite import SqliteStore
from tests.contract.drafts import APP, BOTH, Outcome, p2p


class SystemClock:
    """The real time."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


async def main(path: Path, number: int) -> None:
    store = SqliteStore.open(path, clock=SystemClock())
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    def acknowledge(outcome: Outcome) -> None:
        assert isinstance(outcome, Commit), outcome
        print(outcome.message.packet_id, outcome.message.sequence, flush=True)

    while True:
        for _ in range(number % 23 + 1):
            store.append(p2p(alice, "bob", str(number), payload=bytes(300), callbacks=BOTH), acknowledge)
            number += 1
        await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
