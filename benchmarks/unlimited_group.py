"""What an unlimited group costs, and whether that stays flat when it grows.

Starts a server of its own on a fresh folder and logs in as many devices as the largest group has members. For
each size of group:

* alone: one message at a time; the next is sent when every member has the last one;
* burst: so many messages in flight that members get several in a list.

Per delivery: the server's CPU time, its kernel's included, from the message's arrival to the members'
acknowledgements. Per member: resident memory that coming into the group and talking in it took, besides the
connection. Per message: growth of the files on disk. Every member must get every message once and in order, and
the sending device none, or the run fails.

Run: python benchmarks/unlimited_group.py [--sizes 100,1000,5000] [--deliveries 100000] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import platform
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, cast

import uvloop

from openmimc.wire.connection import Connection, Framing, Identity, Role
from openmimc.wire.events import (
    AskGroup,
    Bind,
    BindResponse,
    Conn,
    ConnResponse,
    DeliveredGroup,
    Event,
    GroupAck,
    GroupAnswer,
    GroupRequest,
    PacketAck,
    SendGroup,
)

PAYLOAD = bytes(200)
BURST = 50
STORED = 500
LOGINS_AT_A_TIME = 50
PATIENCE_S = 120.0


class Device(asyncio.Protocol):
    """One user's device; acknowledges what it gets and remembers only what has to be checked."""

    def __init__(self, account: str, server: Server) -> None:
        self.account = account
        self.server = server
        self.conn = Connection(Role.CLIENT, Framing.TCP)
        self.received = 0
        self.last_sequence = 0
        self.is_wrong = False
        self.packets = 0
        self.acks: asyncio.Queue[PacketAck] = asyncio.Queue()
        self.answers: asyncio.Queue[Event] = asyncio.Queue()
        self.on_message = lambda _count: None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.conn.receive_data(data)
        while (event := self.conn.next_event()) is not None:
            if isinstance(event, DeliveredGroup):
                self._take(event)
            elif isinstance(event, PacketAck):
                self.acks.put_nowait(event)
            else:
                self.answers.put_nowait(event)
        self.flush()

    def _take(self, event: DeliveredGroup) -> None:
        for message in event.messages:
            self.is_wrong |= message.sequence <= self.last_sequence or message.from_account == self.account
            self.last_sequence = message.sequence
        self.received += len(event.messages)
        self.conn.send(GroupAck(event.group_id, event.max_sequence))
        self.on_message(len(event.messages))

    def send(self, *events: Event) -> None:
        for event in events:
            self.conn.send(event)
        self.flush()

    def flush(self) -> None:
        if data := self.conn.data_to_send():
            self.transport.write(data)

    async def answer(self, kind: type[Event]) -> Any:
        while True:
            event = await asyncio.wait_for(self.answers.get(), PATIENCE_S)
            if isinstance(event, kind):
                return event

    async def login(self) -> None:
        self.send(Conn(os="benchmark"))
        await self.answer(ConnResponse)
        grant = await asyncio.to_thread(self.server.token, self.account)
        identity = Identity(
            app_id=int(grant["appId"]),
            user_id=int(grant["miUserId"]),
            account=self.account,
            resource="device",
            security_key=base64.b64decode(grant["miUserSecurityKey"]),
            package=grant["appPackage"],
        )
        self.conn.set_identity(identity)
        self.send(Bind(grant["token"], identity.user_id, "device", ""))
        response = await self.answer(BindResponse)
        if not response.result:
            raise SystemExit(f"login refused: {response}")

    async def join(self, group_id: int) -> None:
        self.packets += 1
        app_id = int(self.server.app["appId"])
        self.send(AskGroup(GroupRequest.JOIN, f"j{self.packets}", app_id, group_id))
        answer: GroupAnswer = await self.answer(GroupAnswer)
        if answer.code:
            raise SystemExit(f"join refused: {answer}")

    def talk(self, group_id: int) -> None:
        self.packets += 1
        packet_id = f"{self.account}-{self.packets}"
        app_id = int(self.server.app["appId"])
        self.send(SendGroup(packet_id, packet_id, app_id, group_id, PAYLOAD, is_store=True))


class Server:
    """A server process on a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "openmimc"]
        self.app: dict[str, str] = json.loads(
            subprocess.check_output([*command, "app", "create", "bench", "--data-dir", folder, "--json"])
        )
        ports = ["--host", "127.0.0.1", "--http-port", "0", "--tcp-port", "0"]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "serve", "--data-dir", folder, *ports], stdout=subprocess.PIPE, stderr=log
            )
        assert self.process.stdout is not None
        words = dict(word.split("=") for word in self.process.stdout.readline().decode().split()[1:])
        self.http = words["http"]
        host, _, port = words["tcp"].rpartition(":")
        self.tcp = (host, int(port))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)

    def call(self, path: str, body: dict[str, str], headers: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(
            f"http://{self.http}{path}", json.dumps(body).encode(), headers=headers or {}
        )
        with urllib.request.urlopen(request) as response:
            answer = json.load(response)
        if answer["code"] != 200:
            raise SystemExit(f"{path}: {answer}")
        return answer["data"]

    def token(self, account: str) -> Any:
        credentials = {name: self.app[name] for name in ("appId", "appKey", "appSecret")}
        return self.call("/api/account/token", {**credentials, "appAccount": account})

    def create_group(self, owner: str) -> int:
        headers = {"token": self.token(owner)["token"]}
        return int(self.call("/api/uctopic", {"topicName": "benchmark"}, headers)["topicId"])

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()

    def disk_bytes(self) -> int:
        """Pages in use, those in the log included."""
        (path,) = self.folder.glob("*.db")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            pages, free, size = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)


async def run(sizes: list[int], deliveries: int, server: Server) -> list[dict[str, Any]]:
    """Measure each size in turn, the smallest first."""
    loop = asyncio.get_running_loop()
    devices: list[Device] = []
    gate = asyncio.Semaphore(LOGINS_AT_A_TIME)

    async def connect(number: int) -> Device:
        async with gate:
            _, device = await loop.create_connection(lambda: Device(f"user{number}", server), *server.tcp)
            await device.login()
            return device

    # The first one talks; it is in every group besides the members that are counted.
    devices = await asyncio.gather(*(connect(number) for number in range(max(sizes) + 1)))
    results = []
    for size in sizes:
        results.append(await measure(devices[0], devices[1 : size + 1], deliveries, server))
        print(row(results[-1]), file=sys.stderr, flush=True)
    return results


async def measure(talker: Device, members: list[Device], deliveries: int, server: Server) -> dict[str, Any]:
    """One group of these members."""
    size = len(members)
    resident_before = server.resident_bytes()
    group_id = await asyncio.to_thread(server.create_group, talker.account)
    for start in range(0, size, LOGINS_AT_A_TIME):
        await asyncio.gather(*(member.join(group_id) for member in members[start : start + LOGINS_AT_A_TIME]))

    async def say(count: int) -> None:
        """Send so many messages at once and wait until everybody has them."""
        missing = count * size
        done = asyncio.get_running_loop().create_future()

        def on_message(number: int) -> None:
            nonlocal missing
            missing -= number
            if not missing:
                done.set_result(None)

        for member in members:
            member.on_message = on_message
        for _ in range(count):
            talker.talk(group_id)
        for _ in range(count):
            ack = await asyncio.wait_for(talker.acks.get(), PATIENCE_S)
            if ack.code:
                raise SystemExit(f"refused: {ack}")
        await asyncio.wait_for(done, PATIENCE_S)

    async def cost_of(rounds: int, count: int) -> tuple[float, float]:
        cpu_before, began = server.cpu_s(), time.perf_counter()
        for _ in range(rounds):
            await say(count)
        seconds = time.perf_counter() - began
        await asyncio.sleep(0.3)  # The last acknowledgements are on their way.
        number = rounds * count * size
        return (server.cpu_s() - cpu_before) / number * 1e6, number / seconds

    before = [member.received for member in members]
    await say(1)
    await asyncio.sleep(1.5)  # Cursors are written about once a second.
    resident_bytes = server.resident_bytes() - resident_before
    alone_us, alone_rate = await cost_of(max(1, deliveries // size), 1)
    burst_us, burst_rate = await cost_of(max(1, deliveries // size // BURST), BURST)
    sent = 1 + max(1, deliveries // size) + max(1, deliveries // size // BURST) * BURST
    await asyncio.sleep(1.5)
    disk_before = server.disk_bytes()
    for _ in range(STORED // BURST):
        await say(BURST)
    sent += STORED
    got = {member.received - start for member, start in zip(members, before, strict=True)}
    if got != {sent} or any(member.is_wrong for member in members) or talker.received:
        raise SystemExit(f"members got {sorted(got)} of {sent}, or repeated, unordered or echoed messages")
    return {
        "members": size,
        "alone_us_per_delivery": round(alone_us, 1),
        "alone_deliveries_per_s": round(alone_rate),
        "burst_us_per_delivery": round(burst_us, 1),
        "burst_deliveries_per_s": round(burst_rate),
        "memory_bytes_per_member": round(resident_bytes / size),
        "disk_bytes_per_message": round((server.disk_bytes() - disk_before) / STORED),
        "lost_repeated_reordered": 0,
    }


def row(result: dict[str, Any]) -> str:
    """A line of the table."""
    numbers = [
        f"{result['members']:,}",
        f"{result['alone_us_per_delivery']:.1f}",
        f"{result['burst_us_per_delivery']:.1f}",
        f"{result['burst_deliveries_per_s']:,}",
        f"{result['memory_bytes_per_member']:,}",
        f"{result['disk_bytes_per_message']:,}",
    ]
    return "| " + " | ".join(numbers) + " |"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100,1000,5000")
    parser.add_argument("--deliveries", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes = sorted(int(size) for size in options.sizes.split(","))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("| members | us, alone | us, burst | deliveries/s, burst | memory/member | disk/message |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        try:
            results = uvloop.run(run(sizes, options.deliveries, server))
        finally:
            server.stop()
    for result in results:
        print(row(result))
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
