"""The SDK and the real server, over each transport."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from openmimc.client import (
    Kicked,
    LoginRefused,
    Message,
    MessageRefused,
    MIMCUser,
    Settings,
    Status,
    TokenRefused,
)
from tests.integration.live_server import LiveServer

PATIENCE_S = 15.0
QUICK = Settings(backoff_initial_s=0.05, backoff_max_s=0.2)

pytestmark = pytest.mark.parametrize("transport", ["tcp", "websocket"])


def user_of(server: LiveServer, account: str, transport: str, **arguments: Any) -> MIMCUser:
    arguments = {"settings": QUICK} | server.transports[transport] | arguments
    return MIMCUser(server.app["appId"], account, server.fetcher(account), **arguments)


def names(*prefixes: str) -> list[str]:
    """Accounts that no other test uses."""
    suffix = uuid.uuid4().hex[:8]
    return [f"{prefix}-{suffix}" for prefix in prefixes]


async def take(messages: AsyncIterator[Message], count: int) -> list[Message]:
    async with asyncio.timeout(PATIENCE_S):
        return [await anext(messages) for _ in range(count)]


async def test_two_users_talk(shared_server: LiveServer, transport: str) -> None:
    alice_name, bob_name = names("alice", "bob")
    async with (
        user_of(shared_server, alice_name, transport) as alice,
        user_of(shared_server, bob_name, "tcp") as bob,
    ):
        receipt = await alice.send(bob_name, "grüß dich 👋", biz_type="hello", packet_id="p-1")
        (received,) = await take(bob.messages(), 1)
        reply = await bob.send(alice_name, b"\x00\xff")
        (answer,) = await take(alice.messages(), 1)

    assert received.text == "grüß dich 👋"
    assert (received.from_account, received.from_resource) == (alice_name, alice.resource)
    assert (received.to_account, received.biz_type, received.packet_id) == (bob_name, "hello", "p-1")
    assert (received.sequence, received.timestamp_ms) == (receipt.sequence, receipt.timestamp_ms)
    assert (answer.payload, answer.sequence) == (b"\x00\xff", reply.sequence)


async def test_messages_wait_for_a_user_who_is_away(shared_server: LiveServer, transport: str) -> None:
    alice_name, bob_name = names("alice", "bob")
    async with user_of(shared_server, alice_name, transport) as alice:
        sent = [await alice.send(bob_name, str(number)) for number in range(120)]

    async with user_of(shared_server, bob_name, transport, resource="phone") as bob:
        received = await take(bob.messages(), 120)

    assert [item.sequence for item in received] == [receipt.sequence for receipt in sent]


async def test_what_was_acknowledged_does_not_come_again(shared_server: LiveServer, transport: str) -> None:
    alice_name, bob_name = names("alice", "bob")
    handled: list[str] = []
    arrived = asyncio.Event()

    def handle(message: Message) -> None:
        handled.append(message.text)
        arrived.set()

    async with user_of(shared_server, alice_name, transport) as alice:
        async with user_of(shared_server, bob_name, transport, resource="phone", on_message=handle):
            await alice.send(bob_name, "first")
            await asyncio.wait_for(arrived.wait(), PATIENCE_S)
        arrived.clear()
        await alice.send(bob_name, "second")
        async with user_of(shared_server, bob_name, transport, resource="phone", on_message=handle):
            await asyncio.wait_for(arrived.wait(), PATIENCE_S)

    assert handled == ["first", "second"]


async def test_many_sends_at_once_arrive_in_their_order(shared_server: LiveServer, transport: str) -> None:
    alice_name, bob_name = names("alice", "bob")
    async with (
        user_of(shared_server, alice_name, transport) as alice,
        user_of(shared_server, bob_name, transport) as bob,
    ):
        receipts = await asyncio.gather(*(alice.send(bob_name, str(number)) for number in range(500)))
        received = await take(bob.messages(), 500)

    assert [int(item.text) for item in received] == list(range(500))
    assert all(first.sequence < second.sequence for first, second in itertools.pairwise(receipts))


async def test_a_group_message_reaches_the_other_members(shared_server: LiveServer, transport: str) -> None:
    alice_name, bob_name, carol_name = names("alice", "bob", "carol")
    topic_id = await shared_server.new_topic(alice_name, bob_name, carol_name)
    async with (
        user_of(shared_server, alice_name, transport) as alice,
        user_of(shared_server, bob_name, transport) as bob,
        user_of(shared_server, carol_name, transport) as carol,
    ):
        receipt = await alice.send_topic(str(topic_id), "hello everybody")
        received = [(await take(member.messages(), 1))[0] for member in (bob, carol)]

    assert [(item.topic_id, item.sequence) for item in received] == [(topic_id, receipt.sequence)] * 2


async def test_a_refusal_comes_with_its_code(shared_server: LiveServer, transport: str) -> None:
    alice_name, bob_name = names("alice", "bob")
    topic_id = await shared_server.new_topic(bob_name, "carol")
    async with user_of(shared_server, alice_name, transport) as alice:
        with pytest.raises(MessageRefused) as unknown:
            await alice.send_topic(1, "hello")
        with pytest.raises(MessageRefused) as foreign:
            await alice.send_topic(topic_id, "hello")
        status = alice.status

    assert (unknown.value.code, foreign.value.code) == (404, 403)
    assert status is Status.ONLINE


async def test_a_repeated_packet_id_gets_the_first_receipt(shared_server: LiveServer, transport: str) -> None:
    alice_name, bob_name = names("alice", "bob")
    async with (
        user_of(shared_server, alice_name, transport) as alice,
        user_of(shared_server, bob_name, transport) as bob,
    ):
        first = await alice.send(bob_name, "once", packet_id="p")
        second = await alice.send(bob_name, "once", packet_id="p")
        await alice.send(bob_name, "next")
        received = await take(bob.messages(), 2)

    assert first == second
    assert [item.text for item in received] == ["once", "next"]


async def test_other_devices_of_the_sender_get_a_copy(shared_server: LiveServer, transport: str) -> None:
    alice_name, bob_name = names("alice", "bob")
    async with (
        user_of(shared_server, alice_name, transport, resource="phone") as phone,
        user_of(shared_server, alice_name, transport, resource="desk") as desk,
    ):
        receipt = await phone.send(bob_name, "hello")
        (copy,) = await take(desk.messages(), 1)

    assert (copy.from_account, copy.to_account, copy.sequence) == (alice_name, bob_name, receipt.sequence)


async def test_a_failed_handler_gets_the_message_again(shared_server: LiveServer, transport: str) -> None:
    alice_name, bob_name = names("alice", "bob")
    attempts: list[str] = []
    done = asyncio.Event()

    def handle(message: Message) -> None:
        attempts.append(message.text)
        if len(attempts) == 1:
            raise RuntimeError("not now")
        if message.text == "second":
            done.set()

    async with (
        user_of(shared_server, alice_name, transport) as alice,
        user_of(shared_server, bob_name, transport, on_message=handle),
    ):
        await alice.send(bob_name, "first")
        await alice.send(bob_name, "second")
        await asyncio.wait_for(done.wait(), PATIENCE_S)

    assert attempts == ["first", "first", "second"]


async def test_a_device_that_wants_to_be_alone_ends_the_others(
    shared_server: LiveServer, transport: str
) -> None:
    (alice_name,) = names("alice")
    first = user_of(shared_server, alice_name, transport, resource="phone")
    await first.login()
    async with user_of(shared_server, alice_name, transport, resource="phone", sso=True) as second:
        with pytest.raises(Kicked, match="single-resource-kick"):
            await take(first.messages(), 1)
        statuses = first.status, second.status
    await first.aclose()

    assert statuses == (Status.OFFLINE, Status.ONLINE)


async def test_a_token_that_is_not_the_servers_is_refused(shared_server: LiveServer, transport: str) -> None:
    (alice_name,) = names("alice")
    answer = await shared_server.token_answer(alice_name)
    answer["data"]["token"] = "made.up.token"
    user = MIMCUser(
        shared_server.app["appId"], alice_name, lambda: answer, **shared_server.transports[transport]
    )

    with pytest.raises(LoginRefused, match="invalid-token"):
        await user.login(timeout_s=PATIENCE_S)


async def test_a_wrong_app_secret_shows_in_the_login(shared_server: LiveServer, transport: str) -> None:
    async def fetch() -> dict[str, Any]:
        original = shared_server.app
        shared_server.app = original | {"appSecret": "wrong"}
        try:
            return await shared_server.token_answer("alice")
        finally:
            shared_server.app = original

    user = MIMCUser(shared_server.app["appId"], "alice", fetch, **shared_server.transports[transport])

    with pytest.raises(TokenRefused) as caught:
        await user.login()
    assert caught.value.code == 443


async def test_nothing_is_lost_or_doubled_when_the_server_is_killed(
    own_server: LiveServer, transport: str
) -> None:
    """Sends go on while the server is killed and started again; every receipt is a message, once, in order."""
    received: list[str] = []
    complete = asyncio.Event()

    def handle(message: Message) -> None:
        received.append(message.text)
        if message.text == "last":
            complete.set()

    alice = user_of(own_server, "alice", transport)
    bob = user_of(own_server, "bob", transport, resource="phone", on_message=handle)
    await asyncio.gather(alice.login(), bob.login())
    sending = [asyncio.create_task(alice.send("bob", str(number))) for number in range(300)]
    await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.to_thread(own_server.kill)
    sending += [asyncio.create_task(alice.send("bob", str(number))) for number in range(300, 400)]
    await asyncio.to_thread(own_server.start)
    receipts = await asyncio.gather(*sending)
    await alice.send("bob", "last")
    await asyncio.wait_for(complete.wait(), PATIENCE_S)
    await alice.aclose()
    await bob.aclose()

    assert len(receipts) == 400
    assert received == [*map(str, range(400)), "last"]
