"""The API as an app's server uses it, through ``AppServer`` against the real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from openmimc.client import ApiError, AppServer, ConnectionLost, HistoryMessage, MIMCUser, UnexpectedAnswer
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


@pytest.mark.parametrize("account", ["用户", " blank ", "a,b", "naïve", "line\nbreak"])
async def test_any_account_can_be_spoken_for(server: AppServer, account: str) -> None:
    topic = await server.create_topic(account, "t", ["friend"])

    assert topic.info.owner_account == account
    assert topic.info in await server.list_topics(account)


async def test_every_way_through_history_finds_every_message_once(server: AppServer) -> None:
    """More than two pages, in both kinds of conversations."""
    total = 2 * PAGE_ROWS + 50
    topic = await server.create_topic("h-alice", "log", ["h-bob"])
    for number in range(total):
        await server.push_p2p("h-bob", "h-alice", str(number))
        await server.push_p2t("h-bob", topic.topic_id, str(number))
    numbers = [str(number) for number in range(total)]

    for conversation in ("h-bob", topic.topic_id):
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
