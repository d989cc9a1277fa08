"""The API as an app's server uses it, through ``AppServer`` against the real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from openmimc.client import (
    ApiError,
    AppServer,
    ConnectionLost,
    HistoryMessage,
    MessageRefused,
    MIMCUser,
    UnexpectedAnswer,
)
from openmimc.client.app_server import PAGE_ROWS
from tests.integration.live_server import LiveServer

MS = 10_000
"""Sequences of a millisecond."""


@pytest.fixture
async def server(shared_server: LiveServer) -> AsyncIterator[AppServer]:
    app = shared_server.app
    async with AppServer(shared_server.base_url, app["appId"], app["appKey"], app["appSecret"]) as app_server:
        yield app_server


async def collect(messages: AsyncIterator[HistoryMessage]) -> list[HistoryMessage]:
    return [message async for message in messages]


async def test_a_token_answer_is_handed_on_as_it_came(server: AppServer, shared_server: LiveServer) -> None:
    answer = json.loads(await server.token("t-alice"))

    async with MIMCUser(
        shared_server.app["appId"], "t-alice", lambda: answer, **shared_server.transports["tcp"]
    ) as user:
        receipt = await user.send("t-alice", b"it is me")
    assert receipt.sequence > 0


async def test_a_pushed_message_reaches_the_recipient(server: AppServer, shared_server: LiveServer) -> None:
    fetcher = shared_server.fetcher("p-bob")
    async with MIMCUser(shared_server.app["appId"], "p-bob", fetcher, **shared_server.transports["tcp"]) as bob:
        receipt = await server.push_p2p("p-news", "p-bob", b"\x00\xff", from_resource="desk", biz_type="t")

        async with asyncio.timeout(10):
            message = await anext(bob.messages())
    assert (message.packet_id,) == receipt.packet_ids
    assert (message.from_account, message.from_resource) == ("p-news", "desk")
    assert (message.payload, message.biz_type, message.is_store) == (b"\x00\xff", "t", True)


async def test_a_push_to_many_names_those_who_block_the_sender(server: AppServer) -> None:
    await server.block("m-bob", "m-news")

    receipt = await server.push_p2p("m-news", ["m-alice", "m-bob", "m-carol"], "hi")

    assert len(set(receipt.packet_ids)) == 2
    assert receipt.blocked == ("m-bob",)


async def test_a_push_to_one_who_blocks_the_sender_is_refused(server: AppServer) -> None:
    await server.block("o-bob", "o-news")

    with pytest.raises(ApiError) as caught:
        await server.push_p2p("o-news", "o-bob", "hi")

    assert caught.value.code == 405
    assert not caught.value.is_temporary
    await server.unblock("o-bob", "o-news")
    assert not await server.is_blocked("o-bob", "o-news")
    assert len((await server.push_p2p("o-news", "o-bob", "hi")).packet_ids) == 1


async def test_a_push_to_topics_reaches_all_or_none(server: AppServer) -> None:
    first = await server.create_topic("q-alice", "one", ["q-bob"])
    second = await server.create_topic("q-alice", "two", ["q-bob"])

    receipt = await server.push_p2t("q-news", [first.topic_id, second.topic_id], "both")
    with pytest.raises(ApiError, match="404"):
        await server.push_p2t("q-news", [first.topic_id, 5], "neither")

    assert len(receipt.packet_ids) == 2
    for topic in (first, second):
        found = await collect(server.latest("q-bob", topic.topic_id, count=10))
        assert [message.text for message in found] == ["both"]


async def test_a_topic_lives_and_ends(server: AppServer) -> None:
    topic = await server.create_topic("l-alice", "tea", ["l-bob", "l-carol"], extra="x")
    invited = await server.invite("l-bob", topic.topic_id, ["l,dave"])
    left = await server.leave("l-carol", topic.topic_id)
    await server.invite("l-bob", topic.topic_id, ["l-erin"])
    kicked = await server.kick("l-alice", topic.topic_id, ["l-erin"])
    updated = await server.update_topic(
        "l-alice", topic.topic_id, name="coffee", bulletin="at four", extra="", new_owner="l-bob"
    )

    assert topic.accounts == ("l-alice", "l-bob", "l-carol")
    assert (topic.info.name, topic.info.extra, topic.info.owner_account) == ("tea", "x", "l-alice")
    assert invited.accounts == ("l-alice", "l-bob", "l-carol", "l,dave")
    assert left.accounts == ("l-alice", "l-bob", "l,dave")
    assert kicked == left
    assert updated == await server.get_topic("l-bob", topic.topic_id)
    assert (updated.info.name, updated.info.bulletin, updated.info.extra) == ("coffee", "at four", "")
    assert updated.members[0].user_id == updated.info.owner_id
    assert await server.list_topics("l-alice") == (updated.info,)
    await server.dismiss_topic("l-bob", topic.topic_id)
    assert await server.list_topics("l-bob") == ()


async def test_an_unlimited_group_lives_and_ends(server: AppServer) -> None:
    group = await server.create_group("g-alice", "stadium", extra="x")
    other = await server.create_group("g-alice", "arena")

    assert (group.name, group.extra, group.owner_account, group.member_count) == ("stadium", "x", "g-alice", 1)
    assert await server.get_group("g-alice", group.group_id) == group
    assert await server.list_groups("g-alice") == (group.group_id, other.group_id)
    assert await server.count_online("g-alice", group.group_id) == 0
    await server.dismiss_group("g-alice", group.group_id)
    assert await server.list_groups("g-alice") == (other.group_id,)
    with pytest.raises(ApiError, match="404"):
        await server.get_group("g-alice", group.group_id)


async def test_members_of_a_group_can_be_muted_by_its_owner_alone(server: AppServer) -> None:
    group = await server.create_group("u-alice", "stadium")

    await server.mute("u-alice", group.group_id, "u-alice", until_s=4_000_000_000)
    (muted,) = [member async for member in server.group_members("u-alice", group.group_id)]
    await server.mute("u-alice", group.group_id, "u-alice", until_s=0)
    (member,) = [member async for member in server.group_members("u-alice", group.group_id)]

    assert (muted.account, muted.user_id, muted.muted_until_s) == ("u-alice", group.owner_id, 4_000_000_000)
    assert member.muted_until_s == 0
    with pytest.raises(ApiError, match="403"):
        await server.mute("u-bob", group.group_id, "u-alice", until_s=4_000_000_000)


async def test_a_push_to_groups_reaches_all_or_none(server: AppServer) -> None:
    first, second = await server.create_group("w-alice", "one"), await server.create_group("w-alice", "two")

    receipt = await server.push_group("w-news", [first.group_id, second.group_id], "both", biz_type="t")
    alone = await server.push_group("w-news", first.group_id, b"one")
    with pytest.raises(ApiError, match="404"):
        await server.push_group("w-news", [first.group_id, 5], "neither")

    assert (len(receipt.packet_ids), len(alone.packet_ids)) == (2, 1)
    in_first = await collect(server.latest("w-alice", first.conversation, count=10))
    in_second = await collect(server.latest("w-alice", second.conversation, count=10))
    assert [message.text for message in in_first] == ["one", "both"]
    assert [(message.text, message.biz_type) for message in in_second] == [("both", "t")]


async def test_who_joins_by_the_sdk_is_listed_counted_and_can_be_muted(
    server: AppServer, shared_server: LiveServer
) -> None:
    group = await server.create_group("j-alice", "stadium")
    fetcher = shared_server.fetcher("j-bob")
    async with MIMCUser(shared_server.app["appId"], "j-bob", fetcher, **shared_server.transports["tcp"]) as bob:
        await bob.join_group(group.group_id)
        await bob.send_group(group.group_id, "hello")
        online = await server.count_online("j-alice", group.group_id)
        await server.mute("j-alice", group.group_id, "j-bob", until_s=4_000_000_000)
        with pytest.raises(MessageRefused) as caught:
            await bob.send_group(group.group_id, "not heard")
        await server.mute("j-alice", group.group_id, "j-bob", until_s=0)
        await bob.send_group(group.group_id, "hello again")

    members = [member.account async for member in server.group_members("j-bob", group.group_id)]
    said = await collect(server.latest("j-alice", group.conversation, count=10))
    assert caught.value.code == 403
    assert (sorted(members), online) == (["j-alice", "j-bob"], 1)
    assert await server.list_groups("j-bob") == (group.group_id,)
    assert [message.text for message in said] == ["hello again", "hello"]


async def test_members_are_asked_for_batch_by_batch() -> None:
    """More members than one answer holds, from a server that is made up: they join by their SDKs."""
    asked: list[str] = []

    def answer(target: str) -> bytes:
        asked.append(target)
        after = int(target.partition("startUuid=")[2])
        members = [{"uuid": str(number), "appAccount": f"user-{number}"} for number in (after + 1, after + 2)]
        data = {"members": members[: 5 - after], "isEnd": after >= 4, "memberNum": 5}
        return json.dumps({"code": 200, "message": "success", "data": data}).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        body = answer(head.split()[1])
        writer.write(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        async with AppServer(f"http://127.0.0.1:{port}", 1, "2", "3") as server:
            accounts = [member.account async for member in server.group_members("alice", 7)]

    assert accounts == [f"user-{number}" for number in range(1, 6)]
    assert asked == [f"/api/uctopic/userlist?topicId=7&startUuid={start}" for start in (0, 2, 4)]


@pytest.mark.parametrize("account", ["用户", " blank ", "a,b", "naïve", "line\nbreak"])
async def test_any_account_can_be_spoken_for(server: AppServer, account: str) -> None:
    topic = await server.create_topic(account, "t", ["friend"])

    assert topic.info.owner_account == account
    assert topic.info in await server.list_topics(account)


async def test_every_way_through_history_finds_every_message_once(server: AppServer) -> None:
    """More than two pages, in each kind of conversations."""
    total = 2 * PAGE_ROWS + 50
    topic = await server.create_topic("h-alice", "log", ["h-bob"])
    group = await server.create_group("h-alice", "log")
    for number in range(total):
        await server.push_p2p("h-bob", "h-alice", str(number))
        await server.push_p2t("h-bob", topic.topic_id, str(number))
        await server.push_group("h-bob", group.group_id, str(number))
    numbers = [str(number) for number in range(total)]

    for conversation in ("h-bob", topic.topic_id, group.conversation):
        latest = await collect(server.latest("h-alice", conversation, count=total + 1))
        first, last = latest[-1], latest[0]
        by_time = server.history_by_time(
            "h-alice", conversation, from_ms=first.timestamp_ms, to_ms=last.timestamp_ms + 1
        )
        by_sequence = server.history_by_sequence(
            "h-alice", conversation, start=first.sequence, stop=last.sequence + 1
        )
        assert [message.text for message in reversed(latest)] == numbers
        assert await collect(by_time) == await collect(by_sequence) == latest[::-1]
        newest = await collect(server.latest("h-alice", conversation, count=PAGE_ROWS + 1))
        assert newest == latest[: PAGE_ROWS + 1]
        older = server.latest("h-alice", conversation, count=3, before_ms=first.timestamp_ms + 1)
        assert first in await collect(older)


async def test_history_tells_all_of_a_message(server: AppServer) -> None:
    await server.push_p2p("d-bob", "d-alice", b"\x01", biz_type="null")

    (message,) = await collect(server.latest("d-alice", "d-bob", count=5))

    assert (message.from_account, message.to_account) == ("d-bob", "d-alice")
    assert (message.payload, message.biz_type) == (b"\x01", "null")
    assert message.sequence // MS == message.timestamp_ms


async def test_contacts_come_newest_first_and_go_when_deleted(server: AppServer) -> None:
    topic = await server.create_topic("c-alice", "tea", ["c-bob"])
    await server.push_p2p("c-bob", "c-alice", "first")
    await server.push_p2t("c-bob", topic.topic_id, "second")

    contacts = await server.contacts("c-alice")

    assert [(contact.name, contact.is_topic) for contact in contacts] == [("tea", True), ("c-bob", False)]
    assert contacts[0].id == topic.topic_id
    assert contacts[1].last_message.payload == b"first"
    assert contacts[1].last_message.from_id == contacts[1].id
    assert await server.delete_contact("c-alice", "c-bob") == contacts[:1]
    assert await server.delete_contact("c-alice", topic.topic_id) == ()


async def test_wrong_credentials_are_an_error_with_its_code(shared_server: LiveServer) -> None:
    app = shared_server.app
    async with AppServer(shared_server.base_url, app["appId"], app["appKey"], "wrong") as server:
        for call in (server.token("alice"), server.push_p2p("a", "b", "c"), server.contacts("alice")):
            with pytest.raises(ApiError) as caught:
                await call
            assert (caught.value.code, caught.value.text) == (443, "wrong app secret")


async def test_a_server_that_is_not_there_is_an_error(unused_tcp_port: int) -> None:
    async with AppServer(f"http://127.0.0.1:{unused_tcp_port}", 1, "2", "3") as server:
        with pytest.raises(ConnectionLost):
            await server.contacts("alice")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b'HTTP/1.1 200 OK\r\nContent-Length: 39\r\n\r\n{"code":200,"message":"","data":"soup"}',
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["refused by a proxy", "no JSON", "other data", "other JSON"],
)
async def test_what_is_no_messaging_server_is_an_error(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        async with AppServer(f"http://127.0.0.1:{port}", 1, "2", "3") as server:
            with pytest.raises(UnexpectedAnswer):
                await server.contacts("alice")
