"""The example, run by its one command: first with calls made here, then behind the real server."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import re
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.live_server import LiveServer, openmimc

EXAMPLE = Path(__file__).parents[3] / "examples" / "offline_message_service" / "offline_message_service.py"
PATIENCE_S = 20.0
SECRET = "the-secret-of-the-app"
TO_BOB = {
    "msgType": "OFFLINE_MSG",
    "eventId": "7",
    "fromAccount": "alice",
    "toAccount": "bob",
    "payload": "aGk=",
    "timestamp": 1_767_604_364_120,
}
TO_TOPIC = {
    "msgType": "OFFLINE_TOPIC_MSG",
    "eventId": "8",
    "fromAccount": "alice",
    "topicId": "5001",
    "toAccounts": ["bob", "carol"],
    "payload": "aGk=",
    "timestamp": 1_767_604_364_120,
}

# Stands in for the library: it writes down what it was to send, and fails as a push service would.
PYWEBPUSH = """
import json, os

class WebPushException(Exception):
    def __init__(self, status):
        self.response = type("Response", (), {"status_code": status})()

def webpush(subscription, data, **options):
    with open(os.environ["PUSHED"], "a") as file:
        file.write(json.dumps([subscription["endpoint"], json.loads(data), sorted(options)]) + "\\n")
    if "status" in subscription:
        raise WebPushException(subscription["status"])
"""


class Service:
    """The running example."""

    def __init__(self, process: asyncio.subprocess.Process, http: httpx.AsyncClient) -> None:
        self._process = process
        self._http = http
        self.url = f"{http.base_url}/mimc/offline"

    async def call(self, fields: Any, *, secret: str = SECRET, age_s: int = 0, **headers: str) -> int:
        """Call it as the messaging server does; returns the status."""
        body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
        timestamp = str(int(time.time()) - age_s)
        signature = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        signed = {"OpenMIMC-Timestamp": timestamp, "OpenMIMC-Signature": f"v1={signature}", **headers}
        return (await self._http.post("/mimc/offline", content=body, headers=signed)).status_code

    async def printed(self, lines: int) -> list[str]:
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            return [(await self._process.stdout.readline()).decode().rstrip() for _ in range(lines)]

    async def rest(self) -> str:
        """End it, and return what else it has printed."""
        assert self._process.stdout is not None
        self._process.terminate()
        return (await self._process.stdout.read()).decode()


@asynccontextmanager
async def service(folder: Path, **environment: str) -> AsyncIterator[Service]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLE),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ
        | {"PORT": "0", "CALLBACK_SECRET": SECRET, "DATABASE": str(folder / "seen.db")}
        | environment,
    )
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_S):
        while (
            address := re.search(rb"running on (http://\S+)", line := await process.stderr.readline())
        ) is None:
            assert line, "the example has ended"
    draining = asyncio.create_task(process.stderr.read())
    try:
        async with httpx.AsyncClient(base_url=address[1].decode(), timeout=PATIENCE_S) as http:
            yield Service(process, http)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await draining


async def test_each_account_is_told_once_however_often_the_event_comes(tmp_path: Path) -> None:
    async with service(tmp_path) as first:
        statuses = [await first.call(TO_BOB), await first.call(TO_BOB), await first.call(TO_TOPIC)]
        printed = await first.printed(3)
    async with service(tmp_path) as second:
        statuses.append(await second.call(TO_BOB))
        nothing = await second.rest()

    assert statuses == [200, 200, 200, 200]
    assert printed == [
        "bob: new message from alice",
        "bob: new message from alice in topic 5001",
        "carol: new message from alice in topic 5001",
    ]
    assert nothing == ""


async def test_what_is_not_signed_now_and_by_the_secret_is_refused(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        statuses = [
            await running.call(TO_BOB, secret="another"),
            await running.call(TO_BOB, age_s=400),
            await running.call(TO_BOB, age_s=-400),
            await running.call(TO_BOB, **{"OpenMIMC-Signature": "v1="}),
            await running.call(TO_BOB, **{"OpenMIMC-Timestamp": "now"}),
            await running.call(TO_BOB, **{"OpenMIMC-Timestamp": str(int(time.time()) - 1)}),
        ]
        nothing = await running.rest()

    assert statuses == [401] * 6
    assert nothing == ""


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"no JSON", b'{"msgType":"OFFLINE_MSG"}'])
async def test_what_is_no_callback_is_refused(tmp_path: Path, body: bytes) -> None:
    async with service(tmp_path) as running:
        assert await running.call(body) == 400


async def test_other_kinds_of_callbacks_are_passed_over(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        status = await running.call({**TO_BOB, "msgType": "NORMAL_MSG"})
        nothing = await running.rest()

    assert (status, nothing) == (200, "")


async def test_what_another_call_is_handling_is_put_off_until_that_is_given_up(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        with closing(sqlite3.connect(tmp_path / "seen.db")) as database, database:
            database.execute(
                "INSERT INTO event VALUES ('7', 0, ?), ('8', 0, ?)", (time.time(), time.time() - 100)
            )
        statuses = [await running.call(TO_BOB), await running.call(TO_TOPIC)]
        printed = await running.printed(2)

    assert statuses == [503, 200]
    assert [line.split(":")[0] for line in printed] == ["bob", "carol"]


def web_push(folder: Path, subscriptions: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """The environment of the notifier, with a library that sends nothing."""
    (folder / "pywebpush.py").write_text(PYWEBPUSH)
    (folder / "subscriptions.json").write_text(json.dumps(subscriptions))
    return {
        "NOTIFIER": "web-push",
        "VAPID_PRIVATE_KEY": "key",
        "VAPID_CONTACT": "mailto:ops@example.com",
        "SUBSCRIPTIONS": str(folder / "subscriptions.json"),
        "PUSHED": str(folder / "pushed"),
        "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]),
    }


async def test_web_push_tells_every_subscription_and_forgives_those_that_have_ended(tmp_path: Path) -> None:
    subscriptions = {"bob": [{"endpoint": "laptop", "status": 410}, {"endpoint": "phone"}], "dave": []}
    async with service(tmp_path, **web_push(tmp_path, subscriptions)) as running:
        status = await running.call(TO_TOPIC)

    pushed = [json.loads(line) for line in (tmp_path / "pushed").read_text().splitlines()]
    notification = {"from": "alice", "topicId": "5001", "timestamp": 1_767_604_364_120}
    assert status == 200
    assert [entry[:2] for entry in pushed] == [["laptop", notification], ["phone", notification]]
    assert pushed[0][2] == ["timeout", "ttl", "vapid_claims", "vapid_private_key"]


async def test_a_push_service_in_trouble_has_the_event_come_again(tmp_path: Path) -> None:
    environment = web_push(tmp_path, {"bob": [{"endpoint": "phone", "status": 500}]})
    async with service(tmp_path, **environment) as running:
        failed = await running.call(TO_BOB)
        (tmp_path / "subscriptions.json").write_text('{"bob": [{"endpoint": "phone"}]}')
        repeated = await running.call(TO_BOB)

    assert (failed, repeated) == (502, 200)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"CALLBACK_SECRET": ""}, b"set CALLBACK_SECRET in the environment"),
        ({"NOTIFIER": "pigeon"}, b"NOTIFIER is print or web-push, not pigeon"),
    ],
)
async def test_what_is_missing_is_named(environment: dict[str, str], said: bytes) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLE),
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"CALLBACK_SECRET": SECRET} | environment,
    )

    _, errors = await process.communicate()

    assert process.returncode == 1
    assert errors == b"offline_message_service: " + said + b"\n"


async def test_behind_the_real_server_it_hears_of_who_is_away(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    server = await asyncio.to_thread(LiveServer, data_dir)
    async with service(tmp_path) as running:
        settings = (f"offline_callback_url={running.url}", f"callback_secret={SECRET}")
        await asyncio.to_thread(
            openmimc, "app", "set", server.app["appId"], *settings, "--data-dir", str(data_dir)
        )
        app = {name: server.app[name] for name in ("appId", "appKey", "appSecret")}
        message = {"fromAccount": "alice", "toAccount": "bob", "msg": "hi", "msgType": ""}
        async with httpx.AsyncClient(base_url=server.base_url) as http:
            await http.post("/api/push/p2p/", json=app | message)
        printed = await running.printed(1)
    await asyncio.to_thread(server.stop)

    assert printed == ["bob: new message from alice"]
