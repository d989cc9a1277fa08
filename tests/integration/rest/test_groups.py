"""Unlimited groups through a real HTTP server, over SQLite."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from openmimc.model.ids import TopicId
from tests.integration.rest.server import HttpServer
from tests.unit.rest.talk import account_of, call_out
from tests.unit.rest.world import NOW_MS

PATIENCE_S = 10.0


async def ask(
    server: HttpServer, line: str, headers: dict[str, str], body: Any = None, *, version: str = "1.1"
) -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    return (await server.request(line, headers, content, version=version)).json


async def join(server: HttpServer, account: str, group_id: str) -> None:
    user = await account_of(server.world, account)
    await server.world.groups.join(user.app_id, user.user_id, TopicId(int(group_id)))


async def until_held(server: HttpServer) -> None:
    """Wait until a list of groups is being held back."""
    async with asyncio.timeout(PATIENCE_S):
        while not server.world.groups._waiting:
            await asyncio.sleep(0.001)


async def until_nothing_is_held(server: HttpServer) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while server.world.groups._waiting:
            await asyncio.sleep(0.001)


async def test_a_group_lives_and_outlives_a_restart(server: HttpServer) -> None:
    alice = await server.world.with_token("alice")
    answer = await ask(server, "POST //api/uctopic/", alice, {"topicName": "tea", "ownerUuid": 0, "extra": "x"})
    group_id = answer["data"]["topicId"]
    await join(server, "bob", group_id)
    body = {"topicId": group_id, "account": "bob", "forbidUntil": 4_000_000_000}
    await ask(server, "POST /api/uctopic/forbid", alice, body)
    await call_out(server.world, "alice", group_id, b"hello")
    questions = [f"GET /api/uctopic{place}" for place in ("", "/userlist", "/onlineinfo", "/topics")]
    history = {"topicId": group_id, "utcFromTime": NOW_MS, "utcToTime": NOW_MS + 1000}

    async def look() -> list[Any]:
        seen = [await ask(server, line, alice | {"topicId": group_id}) for line in questions]
        return [*seen, await ask(server, "POST /api/msg/p2u/query/", alice, history)]

    before = await look()
    await server.restart()
    after = await look()
    dismissed = await ask(server, "DELETE /api/uctopic/", alice | {"topicId": group_id}, version="1.0")

    assert before == after
    assert [answer["code"] for answer in before] == [200] * 5
    assert before[0]["data"]["memberNum"] == len(before[1]["data"]["members"]) == 2
    assert sorted(member.get("forbidUntil", 0) for member in before[1]["data"]["members"]) == [0, 4_000_000_000]
    assert before[4]["data"]["messages"][0]["payload"] == "aGVsbG8="
    assert dismissed == {"code": 200, "message": "success", "data": None}
    assert (await ask(server, "GET /api/uctopic/topics", alice))["data"] == []


async def test_a_list_is_held_back_until_the_user_joins(server: HttpServer) -> None:
    group_id = await server.world.create_group("bob")
    alice = await server.world.with_token("alice")
    asking = asyncio.create_task(ask(server, "GET /api/uctopic/topics/", alice))
    await until_held(server)

    await join(server, "alice", group_id)

    assert await asking == {"code": 200, "message": "success", "data": [group_id]}
    await until_nothing_is_held(server)


async def test_a_list_is_held_back_no_longer_than_the_client_stays(server: HttpServer) -> None:
    token = (await server.world.with_token("alice"))["token"]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    before = asyncio.all_tasks()
    writer.write(f"GET /api/uctopic/topics/ HTTP/1.1\r\nHost: x\r\ntoken: {token}\r\n\r\n".encode())
    await until_held(server)

    writer.close()
    await writer.wait_closed()

    await until_nothing_is_held(server)
    async with asyncio.timeout(PATIENCE_S):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.001)
    assert await reader.read() == b""


async def test_while_lists_are_held_back_others_are_served(server: HttpServer) -> None:
    group_id = await server.world.create_group("bob")
    bob = await server.world.with_token("bob")
    names = [f"user-{number}" for number in range(50)]
    asking = [
        asyncio.create_task(ask(server, "GET /api/uctopic/topics/", await server.world.with_token(name)))
        for name in names
    ]
    async with asyncio.timeout(PATIENCE_S):
        while len(server.world.groups._waiting) < len(names):
            await asyncio.sleep(0.001)

    served = await ask(server, "GET /api/uctopic/topics", bob)
    server.world.groups.stop()

    assert served["data"] == [group_id]
    assert [answer["data"] for answer in await asyncio.gather(*asking)] == [[]] * len(names)
