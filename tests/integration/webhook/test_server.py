"""The whole server, as a process: which messages cause which callbacks, and that a crash loses none."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from openmimc.app.data_dir import DataDir
from openmimc.client import MIMCUser
from openmimc.domain.clock import SystemClock
from openmimc.model.callback import EventId
from openmimc.store.sqlite import SqliteStore
from tests.integration.live_server import LiveServer, openmimc
from tests.integration.ops.processes import ServerProcess, run_command
from tests.integration.webhook.receiver import PATIENCE_S, Call, Receiver

SECRET = "the-secret-of-the-apps-server"


class Shop:
    """A server with one app, whose callbacks go to ``/instant`` and ``/offline`` of a receiver."""

    def __init__(self, server: LiveServer, data_dir: Path, receiver: Receiver) -> None:
        self.server = server
        self.receiver = receiver
        self._data_dir = data_dir

    async def change(self, **settings: str) -> None:
        changes = [f"{name}={value}" for name, value in settings.items()]
        arguments = ("app", "set", self.server.app["appId"], *changes, "--data-dir", str(self._data_dir))
        await asyncio.to_thread(openmimc, *arguments)
        await self.server.token_answer("anybody")  # Whoever checks credentials learns of changes.

    async def command(self, *arguments: str) -> str:
        return await asyncio.to_thread(openmimc, *arguments, "--data-dir", str(self._data_dir))

    def user(self, account: str) -> MIMCUser:
        app_id = self.server.app["appId"]
        return MIMCUser(app_id, account, self.server.fetcher(account), tcp=self.server.tcp)

    async def push(self, path: str, **fields: Any) -> Any:
        app = {name: self.server.app[name] for name in ("appId", "appKey", "appSecret")}
        body = {**app, "fromAccount": "alice", "fromResource": "backend", "msg": "hi", "msgType": "", **fields}
        async with httpx.AsyncClient() as http:
            answer = (await http.post(f"{self.server.base_url}/api/push/{path}", json=body)).json()
        assert answer["code"] == 200
        return answer["data"]

    async def calls(self, count: int) -> list[Call]:
        """The first calls, in the order of their events; and no other has come meanwhile."""
        await self.receiver.has(lambda calls: len(calls) >= count)
        assert len(self.receiver.calls) == count
        assert all(call.is_signed(SECRET) for call in self.receiver.calls)
        return sorted(self.receiver.calls, key=lambda call: int(call.event_id))


@pytest.fixture
async def shop(tmp_path: Path, receiver: Receiver) -> AsyncIterator[Shop]:
    server = await asyncio.to_thread(LiveServer, tmp_path / "data")
    made = Shop(server, tmp_path / "data", receiver)
    await made.change(
        instant_callback_url=receiver.url("/instant"),
        offline_callback_url=receiver.url("/offline"),
        callback_secret=SECRET,
    )
    yield made
    await asyncio.to_thread(server.stop)
    assert SECRET not in server.log


def path_of(call: Call) -> str:
    return call.line.split()[1]


async def test_offline_is_who_has_no_device_bound(shop: Shop) -> None:
    async with shop.user("alice") as alice, shop.user("bob"):
        await alice.send("bob", b"\x00\xff", biz_type="greeting")
        await alice.send("carol", b"are you there?")
        instant, instant_too, offline = await shop.calls(3)

    assert [path_of(call) for call in (instant, instant_too, offline)] == ["/instant", "/instant", "/offline"]
    assert instant.json["msgType"] == "NORMAL_MSG"
    assert (instant.json["fromAccount"], instant.json["fromResource"]) == ("alice", alice.resource)
    assert (instant.json["toAccount"], instant.json["bizType"]) == ("bob", "greeting")
    assert base64.b64decode(instant.json["payload"]) == b"\x00\xff"
    assert instant_too.json["toAccount"] == offline.json["toAccount"] == "carol"
    assert offline.json["msgType"] == "OFFLINE_MSG"
    assert offline.json["sequence"] == instant_too.json["sequence"]
    assert offline.event_id != instant_too.event_id


async def test_a_user_who_has_logged_out_is_offline(shop: Shop) -> None:
    async with shop.user("alice") as alice:
        async with shop.user("bob"):
            await alice.send("bob", b"1")
        await alice.send("bob", b"2")
        calls = await shop.calls(3)

    assert [call.json["payload"] for call in calls if path_of(call) == "/offline"] == ["Mg=="]


async def test_a_topics_callbacks_name_all_members_or_those_not_reached(shop: Shop) -> None:
    topic_id = await shop.server.new_topic("alice", "bob", "carol", "dave")
    async with shop.user("alice") as alice, shop.user("bob"):
        await alice.send_topic(topic_id, b"noon?")
        instant, offline = await shop.calls(2)

    assert (instant.json["msgType"], offline.json["msgType"]) == ("NORMAL_TOPIC_MSG", "OFFLINE_TOPIC_MSG")
    assert instant.json["toAccounts"] == ["alice", "bob", "carol", "dave"]
    assert offline.json["toAccounts"] == ["carol", "dave"]
    assert offline.json["topicId"] == str(topic_id)


async def test_pushes_cause_offline_callbacks_and_instant_ones_by_a_switch(shop: Shop) -> None:
    topic_id = await shop.server.new_topic("alice", "bob")
    first = await shop.push("p2p/", toAccount="bob")
    await shop.push("p2t/", topicId=str(topic_id))
    silent = await shop.calls(2)
    await shop.change(callbackOnPush="true")
    await shop.push("p2p/", toAccount="bob")
    loud = await shop.calls(4)

    assert [call.json["msgType"] for call in silent] == ["OFFLINE_MSG", "OFFLINE_TOPIC_MSG"]
    assert silent[0].json["packetId"] == first["packetId"]
    assert silent[0].json["fromResource"] == "backend"
    assert sorted(call.json["msgType"] for call in loud[2:]) == ["NORMAL_MSG", "OFFLINE_MSG"]


async def test_killed_in_the_middle_the_server_loses_no_callback(shop: Shop) -> None:
    shop.receiver.will_be_silent()
    data = await shop.push("p2p/more", toAccounts=[f"user{number}" for number in range(40)])
    await shop.receiver.has(lambda calls: len(calls) >= 3)

    await asyncio.to_thread(shop.server.kill)
    before = {call.event_id for call in shop.receiver.calls}
    shop.receiver.will_answer(200)
    shop.receiver.calls.clear()
    await asyncio.to_thread(shop.server.start)
    await shop.receiver.has(lambda calls: len({call.event_id for call in calls}) == 40)

    assert {call.json["packetId"] for call in shop.receiver.calls} == set(data["packetIds"])
    assert before <= {call.event_id for call in shop.receiver.calls}


async def test_a_running_server_sends_what_another_process_replays(shop: Shop, tmp_path: Path) -> None:
    shop.receiver.will_be_silent()
    await shop.push("p2p/", toAccount="bob")
    await shop.receiver.has(lambda calls: len(calls) == 1)
    await asyncio.to_thread(shop.server.kill)
    (event_id,) = {call.event_id for call in shop.receiver.calls}
    await _let_die(tmp_path / "data", EventId(int(event_id)))
    shop.receiver.will_answer(200)
    await asyncio.to_thread(shop.server.start)
    app_id = shop.server.app["appId"]

    listed = json.loads(await shop.command("callbacks", "list", app_id, "--json"))
    replayed = json.loads(await shop.command("callbacks", "replay", app_id, "--event", event_id, "--json"))
    _, again = await shop.calls(2)

    assert [callback["eventId"] for callback in listed] == [event_id]
    assert replayed == {"replayed": 1}
    assert again.event_id == event_id


async def _let_die(data_dir: Path, event_id: EventId) -> None:
    """What four failures come to, without the minutes in between."""
    store = SqliteStore.open(DataDir(data_dir).database_file(), clock=SystemClock())
    await store.settle_callback(event_id, delivered=False, error="status 500")
    await store.aclose()


async def test_a_server_for_strangers_calls_back_to_public_addresses_only(
    tmp_path: Path, receiver: Receiver
) -> None:
    server = ServerProcess(tmp_path / "data", "--no-callbacks-allow-private")
    try:
        await asyncio.to_thread(server.wait_ready)
        app = await asyncio.to_thread(server.create_app)
        app_id = app["appId"]
        url = f"offline_callback_url={receiver.url()}"
        await asyncio.to_thread(run_command, "app", "set", app_id, url, data_dir=server.data_dir)
        await asyncio.to_thread(
            server.ask_token, app, "anybody"
        )  # Whoever checks credentials learns of changes.
        body = {name: app[name] for name in ("appId", "appKey", "appSecret")}
        body |= {"fromAccount": "alice", "toAccount": "bob", "msg": "hi"}
        async with httpx.AsyncClient() as http:
            await http.post(f"http://{server.http}/api/push/p2p/", json=body)
            async with asyncio.timeout(PATIENCE_S):
                errors = [""]
                while errors == [""]:
                    answer = await http.get(
                        f"http://{server.http}/api/callback/{app_id}?state=waiting",
                        headers={"appKey": app["appKey"], "appSecret": app["appSecret"]},
                    )
                    errors = [callback["lastError"] for callback in answer.json()["data"]["callbacks"]]
    finally:
        await asyncio.to_thread(server.close)

    assert errors == ["the receiver's address is not public"]
    assert receiver.connections == 0
