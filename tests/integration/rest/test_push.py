"""Pushes through the real server to SDK users, over both transports."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from openmimc.client import Message, MIMCUser, Settings
from tests.integration.live_server import LiveServer, openmimc

PATIENCE_S = 15.0
QUICK = Settings(backoff_initial_s=0.05, backoff_max_s=0.2)
TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "websocket"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """For tests that leave it running; they use accounts of their own."""
    running = LiveServer(tmp_path_factory.mktemp("push") / "data")
    yield running
    running.stop()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[LiveServer]:
    """For tests that kill it."""
    running = LiveServer(tmp_path / "data")
    yield running
    running.stop()


def user_of(server: LiveServer, account: str, transport: str = "tcp") -> MIMCUser:
    return MIMCUser(
        server.app["appId"], account, server.fetcher(account), settings=QUICK, **server.transports[transport]
    )


def names(*prefixes: str) -> list[str]:
    """Accounts that no other test uses."""
    suffix = uuid.uuid4().hex[:8]
    return [f"{prefix}-{suffix}" for prefix in prefixes]


async def push(server: LiveServer, path: str, *, app: dict[str, str] | None = None, **fields: Any) -> Any:
    """Push as an app server does; returns the answer's JSON."""
    credentials = {name: (app or server.app)[name] for name in ("appId", "appKey", "appSecret")}
    body = {**credentials, "fromResource": "server", "msg": "hello", "msgType": "", **fields}
    async with httpx.AsyncClient() as http:
        response = await http.post(f"{server.base_url}/api/push{path}", json=body)
    assert response.status_code == 200
    return response.json()


async def take(messages: AsyncIterator[Message], count: int) -> list[Message]:
    async with asyncio.timeout(PATIENCE_S):
        return [await anext(messages) for _ in range(count)]


@TRANSPORTS
async def test_a_pushed_message_arrives_like_any_other(server: LiveServer, transport: str) -> None:
    news, bob_name = names("news", "bob")
    payload = bytes(range(256))
    async with user_of(server, bob_name, transport) as bob:
        answer = await push(
            server,
            "/p2p/",
            fromAccount=news,
            toAccount=bob_name,
            msg=base64.b64encode(payload).decode(),
            msgType="base64",
            bizType="NEWS",
            isStore=False,
        )
        (message,) = await take(bob.messages(), 1)

    assert answer == {"code": 200, "message": "success", "data": {"packetId": message.packet_id}}
    assert (message.from_account, message.from_resource, message.to_account) == (news, "server", bob_name)
    assert (message.payload, message.biz_type, message.is_store) == (payload, "NEWS", False)


@TRANSPORTS
async def test_a_push_to_many_reaches_who_is_there_and_waits_for_who_is_not(
    server: LiveServer, transport: str
) -> None:
    news, bob_name, carol_name = names("news", "bob", "carol")
    async with user_of(server, bob_name, transport) as bob:
        answer = await push(server, "/p2p/more", fromAccount=news, toAccounts=[carol_name, bob_name])
        (to_bob,) = await take(bob.messages(), 1)
    async with user_of(server, carol_name, transport) as carol:
        (to_carol,) = await take(carol.messages(), 1)

    assert answer["data"] == {"packetIds": [to_carol.packet_id, to_bob.packet_id]}


@TRANSPORTS
async def test_a_push_to_topics_reaches_members_though_the_sender_is_none(
    server: LiveServer, transport: str
) -> None:
    news, bob_name, carol_name = names("news", "bob", "carol")
    tea, cake = await server.new_topic(bob_name, carol_name), await server.new_topic(carol_name, bob_name)
    async with user_of(server, bob_name, transport) as bob, user_of(server, carol_name, transport) as carol:
        one = await push(server, "/p2t/", fromAccount=news, topicId=str(tea))
        both = await push(server, "/p2t/more", fromAccount=news, topicIds=[str(cake), str(tea)])
        to_bob, to_carol = await take(bob.messages(), 3), await take(carol.messages(), 3)

    packet_ids = [one["data"]["packetId"], *both["data"]["packetIds"]]
    for messages in (to_bob, to_carol):
        assert [(message.packet_id, message.topic_id) for message in messages] == list(
            zip(packet_ids, (tea, cake, tea), strict=True)
        )
        assert {message.from_account for message in messages} == {news}


async def test_one_unknown_topic_among_many_and_nobody_gets_anything(server: LiveServer) -> None:
    """The refused push would have come first."""
    news, bob_name = names("news", "bob")
    topic_id = str(await server.new_topic(bob_name, "somebody"))
    async with user_of(server, bob_name) as bob:
        refused = await push(server, "/p2t/more", fromAccount=news, topicIds=[topic_id, "1"], msg="refused")
        await push(server, "/p2t/", fromAccount=news, topicId=topic_id, msg="accepted")
        (message,) = await take(bob.messages(), 1)

    assert (refused["code"], refused["data"]) == (404, None)
    assert message.text == "accepted"


async def test_pushes_mixed_with_messages_reach_a_device_whole_and_in_order(server: LiveServer) -> None:
    news, alice_name, bob_name = names("news", "alice", "bob")
    async with user_of(server, alice_name) as alice, user_of(server, bob_name) as bob:
        receipts, answers, received = await asyncio.gather(
            asyncio.gather(*(alice.send(bob_name, f"message {number}") for number in range(100))),
            asyncio.gather(
                *(
                    push(server, "/p2p/more", fromAccount=news, toAccounts=[alice_name, bob_name])
                    for _ in range(30)
                )
            ),
            take(bob.messages(), 130),
        )

    pushed = {answer["data"]["packetIds"][1] for answer in answers}
    assert {message.packet_id for message in received} == pushed | {receipt.packet_id for receipt in receipts}
    sequences = [message.sequence for message in received]
    assert sequences == sorted(sequences)


async def test_a_wrong_secret_sends_nothing(server: LiveServer) -> None:
    news, bob_name = names("news", "bob")
    async with user_of(server, bob_name) as bob:
        refused = await push(
            server, "/p2p", app=server.app | {"appSecret": "wrong"}, fromAccount=news, toAccount=bob_name
        )
        await push(server, "/p2p", fromAccount=news, toAccount=bob_name, msg="the right one")
        (message,) = await take(bob.messages(), 1)

    assert refused["code"] == 443
    assert message.text == "the right one"


async def test_the_rate_of_an_app_can_be_set_while_the_server_runs(
    own_server: LiveServer, tmp_path: Path
) -> None:
    places = ("--data-dir", str(tmp_path / "data"), "--json")
    openmimc("app", "set", own_server.app["appId"], "p2pMaxQps=1", *places)
    targets = {"fromAccount": "news", "toAccounts": ["bob", "carol", "dave"]}

    codes = [(await push(own_server, "/p2p/more", **targets))["code"] for _ in range(2)]

    assert codes == [200, 429]


async def test_what_was_pushed_is_there_after_a_crash(own_server: LiveServer) -> None:
    answer = await push(own_server, "/p2p/more", fromAccount="news", toAccounts=["bob", "carol"])

    own_server.kill()
    own_server.start()
    again = await push(own_server, "/p2p", fromAccount="news", toAccount="bob", msg="again")
    async with user_of(own_server, "bob") as bob, user_of(own_server, "carol") as carol:
        to_bob, to_carol = await take(bob.messages(), 2), await take(carol.messages(), 1)

    assert [message.packet_id for message in (*to_carol, *to_bob)] == [
        *reversed(answer["data"]["packetIds"]),
        again["data"]["packetId"],
    ]
