"""A process that is killed loses nothing that it has acknowledged."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

from openmimc.store.sqlite import SqliteStore
from tests.contract.drafts import APP, inbox_of
from tests.fakes.clock import FakeClock

REPOSITORY = Path(__file__).parents[3]
ROUNDS = 4


def append_until_killed(path: Path, first_number: int, acks: int) -> list[tuple[str, int]]:
    """Run an appender, kill it after so many acks; return all acks that it had printed by then."""
    process = subprocess.Popen(  # noqa: S603 - this very interpreter and a module of ours
        [sys.executable, "-m", "tests.unit.store.appender", str(path), str(first_number)],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
        env={"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'src'}"},
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(acks)]
    process.kill()
    lines += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    complete = [line.split() for line in lines if line.endswith(b"\n")]
    return [(packet_id.decode(), int(sequence)) for packet_id, sequence in complete]


async def test_what_was_acknowledged_survives_a_kill(path: Path, clock: FakeClock) -> None:
    """Also, what was not acknowledged is whole with its callbacks or absent, and order is kept."""
    chance = random.Random(20)
    acked: list[tuple[str, int]] = []

    for number in range(ROUNDS):
        acked += append_until_killed(path, number * 1_000_000, acks=chance.randrange(1, 400))
    store = SqliteStore.open(path, clock=clock)
    bob = await store.find_account(APP, "bob")
    assert bob is not None
    stored = [(d.message.packet_id, d.message.sequence) for d in await inbox_of(store, bob.user_id)]
    await store.aclose()
    connection = sqlite3.connect(path)
    counts = [
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - names from below
        for table in ("message", "packet", "inbox")
    ]
    check = connection.execute("PRAGMA integrity_check").fetchone()[0]
    told = connection.execute("SELECT event_id FROM callback ORDER BY event_id").fetchall()
    counted = connection.execute("SELECT app_id, state, number FROM callback_count").fetchall()
    connection.close()

    assert len(acked) >= ROUNDS
    assert [sequence for _, sequence in acked] == sorted({sequence for _, sequence in acked})
    assert set(acked) <= set(stored)
    assert len({packet_id for packet_id, _ in stored}) == len(stored)
    assert counts == [len(stored)] * 3
    assert [event_id for (event_id,) in told] == [
        sequence * 10 + number for _, sequence in stored for number in (1, 2)
    ]
    assert counted == [(APP, 0, 2 * len(stored))]
    assert check == "ok"
