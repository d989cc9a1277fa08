"""Killed at any moment, the server loses, repeats and reorders nothing it has acknowledged."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from openmimc.client import MIMCUser
from openmimc.client.settings import Settings
from tests.integration.live_server import LiveServer

ROUNDS = 20
SENDERS = 4
PATIENCE_S = 60.0
FAST = Settings(backoff_initial_s=0.05, backoff_max_s=0.2, dead_after_s=3)


class Receiver:
    """One device that notes everything the SDK shows."""

    def __init__(self, user: MIMCUser) -> None:
        self.user = user
        self.sequences: list[int] = []
        self.payloads: list[bytes] = []

    async def run(self) -> None:
        async for message in self.user.messages():
            self.sequences.append(message.sequence)
            self.payloads.append(message.payload)


class Sender:
    """One device that sends without pause and notes what was acknowledged."""

    def __init__(self, user: MIMCUser, topic_id: int) -> None:
        self.user = user
        self.topic_id = topic_id
        self.acknowledged: dict[str, list[tuple[int, bytes]]] = {"bob": [], "carol": [], "topic": []}
        self.is_stopping = False

    async def run(self, lane: str) -> None:
        number = 0
        while not self.is_stopping:
            payload = f"{self.user.account}/{lane}/{number}".encode()
            if lane == "topic":
                receipt = await self.user.send_topic(self.topic_id, payload, timeout_s=PATIENCE_S)
            else:
                receipt = await self.user.send(lane, payload, timeout_s=PATIENCE_S)
            self.acknowledged[lane].append((receipt.sequence, payload))
            number += 1


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_nothing_acknowledged_is_lost_repeated_or_reordered_over_twenty_crashes(tmp_path: Path) -> None:
    rng = random.Random(20)
    server = LiveServer(tmp_path / "data")

    def new_user(account: str, resource: str, transport: str) -> MIMCUser:
        return MIMCUser(
            server.app["appId"],
            account,
            server.fetcher(account),
            resource=resource,
            settings=FAST,
            **server.transports[transport],  # type: ignore[arg-type]
        )

    receivers = {
        "bob/phone": Receiver(new_user("bob", "phone", "tcp")),
        "bob/browser": Receiver(new_user("bob", "browser", "websocket")),
        "carol/phone": Receiver(new_user("carol", "phone", "tcp")),
    }
    for receiver in receivers.values():
        await receiver.user.login()
    users = [new_user(f"s{n}", "phone", ("tcp", "websocket")[n % 2]) for n in range(SENDERS)]
    for user in users:
        await user.login()
    topic_id = await server.new_topic("s0", "bob", "carol", "s1", "s2", "s3")
    senders = [Sender(user, topic_id) for user in users]

    async with asyncio.TaskGroup() as group:
        reading = [group.create_task(receiver.run()) for receiver in receivers.values()]
        lanes = ("bob", "carol", "topic")
        sending = [group.create_task(sender.run(lane)) for sender in senders for lane in lanes]
        for _ in range(ROUNDS):
            await asyncio.sleep(rng.uniform(0.02, 0.6))
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        before = _progress(senders)
        async with asyncio.timeout(PATIENCE_S):  # Everybody is back and sends on.
            while any(now == then for now, then in zip(_progress(senders), before, strict=True)):
                await asyncio.sleep(0.01)
        for sender in senders:
            sender.is_stopping = True
        await asyncio.wait(sending, timeout=PATIENCE_S)
        expected = {name: _expected(senders, lanes=(name.split("/")[0], "topic")) for name in receivers}
        async with asyncio.timeout(PATIENCE_S):
            while any(
                not expected[name].items() <= dict(zip(r.sequences, r.payloads, strict=True)).items()
                for name, r in receivers.items()
            ):
                await asyncio.sleep(0.05)
        for task in reading:
            task.cancel()

    total = sum(len(list_) for sender in senders for list_ in sender.acknowledged.values())
    print(f"{total} messages acknowledged over {ROUNDS} crashes")
    assert total > ROUNDS  # Otherwise the test has tested nothing.
    for name, receiver in receivers.items():
        assert receiver.sequences == sorted(set(receiver.sequences)), f"{name}: out of order or twice"
        assert len(receiver.payloads) == len(set(receiver.payloads)), f"{name}: stored twice"
        for sender in senders:
            for lane in (name.split("/")[0], "topic"):
                prefix = f"{sender.user.account}/{lane}/".encode()
                numbers = [int(p.rsplit(b"/", 1)[1]) for p in receiver.payloads if p.startswith(prefix)]
                assert numbers == list(range(len(numbers))), f"{name}: {prefix!r} has holes or is out of order"
    for user in [*users, *(receiver.user for receiver in receivers.values())]:
        await user.aclose()
    assert server.stop() == 0
    assert '"level": "error"' not in server.log


def _progress(senders: list[Sender]) -> list[int]:
    return [len(lane) for sender in senders for lane in sender.acknowledged.values()]


def _expected(senders: list[Sender], *, lanes: tuple[str, ...]) -> dict[int, bytes]:
    return {
        sequence: payload
        for sender in senders
        for lane in lanes
        for sequence, payload in sender.acknowledged[lane]
    }
