"""The SDK and the real server: unlimited groups, online messages, overflow, numbered conversations."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from openmimc.client import (
    GroupMessage,
    GroupRefused,
    Message,
    MessageRefused,
    MIMCUser,
    OnlineMessage,
    SendTimedOut,
    Settings,
)
from tests.integration.live_server import LiveServer, openmimc

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


async def take(messages: AsyncIterator[GroupMessage], count: int) -> list[GroupMessage]:
    async with asyncio.timeout(PATIENCE_S):
        return [await anext(messages) for _ in range(count)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def call(server: LiveServer, method: str, account: str, **arguments: Any) -> Any:
    """Ask the API of unlimited groups as a user."""
    token = (await server.token_answer(account))["data"]["token"]
    headers = {"token": token} | arguments.pop("headers", {})
    async with httpx.AsyncClient(base_url=server.base_url) as http:
        answer = (await http.request(method, "/api/uctopic", headers=headers, **arguments)).json()
    assert answer["code"] == 200, answer
    return answer["data"]


async def new_group(server: LiveServer, owner: str) -> int:
    return int((await call(server, "POST", owner, json={"topicName": "square"}))["topicId"])


# ------------------------------------------------------------------ unlimited groups


async def test_members_talk_and_nobody_else_hears_them(shared_server: LiveServer, transport: str) -> None:
    alice_name, bob_name, carol_name = names("alice", "bob", "carol")
    group_id = await new_group(shared_server, alice_name)
    async with (
        user_of(shared_server, alice_name, transport) as alice,
        user_of(shared_server, bob_name, transport) as bob,
        user_of(shared_server, carol_name, transport) as carol,
    ):
        await bob.join_group(group_id)
        await bob.join_group(group_id)
        online = await alice.count_online(group_id)
        receipt = await alice.send_group(group_id, "grüß euch", biz_type="hello", packet_id="g-1")
        (received,) = await take(bob.group_messages(), 1)
        with pytest.raises(MessageRefused) as refused:
            await carol.send_group(group_id, "me too")
        await carol.join_group(group_id)
        await bob.send_group(group_id, "welcome", is_store=False)
        heard = [(await take(member.group_messages(), 1))[0].text for member in (alice, carol)]

    assert online == 2
    assert (received.group_id, received.text, received.biz_type, received.packet_id, received.is_store) == (
        group_id,
        "grüß euch",
        "hello",
        "g-1",
        True,
    )
    assert (received.from_account, received.from_resource) == (alice_name, alice.resource)
    assert (received.sequence, received.timestamp_ms) == (receipt.sequence, receipt.timestamp_ms)
    assert refused.value.code == 403
    assert heard == [
        "welcome",
        "welcome",
    ]  # Alice's own words have not come back, Carol missed what was before.


async def test_whoever_has_quit_hears_nothing_and_may_not_talk(
    shared_server: LiveServer, transport: str
) -> None:
    alice_name, bob_name = names("alice", "bob")
    group_id = await new_group(shared_server, alice_name)
    async with (
        user_of(shared_server, alice_name, transport) as alice,
        user_of(shared_server, bob_name, transport) as bob,
    ):
        await bob.join_group(group_id)
        await bob.quit_group(group_id)
        await bob.quit_group(group_id)
        await alice.send_group(group_id, "he is gone")
        with pytest.raises(MessageRefused) as refused:
            await bob.send_group(group_id, "am I?")
        await bob.join_group(group_id)
        await alice.send_group(group_id, "he is back")
        (received,) = await take(bob.group_messages(), 1)

    assert refused.value.code == 403
    assert received.text == "he is back"


async def test_a_group_that_is_not_there_is_refused(shared_server: LiveServer, transport: str) -> None:
    (alice_name,) = names("alice")
    async with user_of(shared_server, alice_name, transport) as alice:
        with pytest.raises(GroupRefused) as joining:
            await alice.join_group(5)
        with pytest.raises(GroupRefused) as none:
            await alice.join_group(0)
        with pytest.raises(MessageRefused) as sending:
            await alice.send_group(5, "hello")

    assert (joining.value.code, none.value.code, sending.value.code) == (404, 404, 404)


async def test_other_devices_of_the_sender_hear_him(shared_server: LiveServer, transport: str) -> None:
    (alice_name,) = names("alice")
    group_id = await new_group(shared_server, alice_name)
    async with (
        user_of(shared_server, alice_name, transport, resource="phone") as phone,
        user_of(shared_server, alice_name, transport, resource="desk") as desk,
    ):
        await phone.send_group(group_id, "note")
        (copy,) = await take(desk.group_messages(), 1)

    assert (copy.from_account, copy.from_resource) == (alice_name, "phone")


async def test_the_members_are_told_of_a_dismissal(shared_server: LiveServer, transport: str) -> None:
    alice_name, bob_name = names("alice", "bob")
    told: list[int] = []
    group_id = await new_group(shared_server, alice_name)
    async with user_of(shared_server, bob_name, transport, on_group_dismissed=told.append) as bob:
        await bob.join_group(group_id)
        await call(shared_server, "DELETE", alice_name, headers={"topicId": str(group_id)})
        await until(lambda: bool(told))
        with pytest.raises(MessageRefused) as refused:
            await bob.send_group(group_id, "hello?")

    assert told == [group_id]
    assert refused.value.code == 404


async def test_what_was_missed_comes_after_the_next_login_once(
    shared_server: LiveServer, transport: str
) -> None:
    alice_name, bob_name = names("alice", "bob")
    group_id = await new_group(shared_server, alice_name)
    heard: list[str] = []

    def bob_with_ears() -> MIMCUser:
        return user_of(
            shared_server,
            bob_name,
            transport,
            resource="phone",
            on_group_message=lambda message: heard.append(message.text),
        )

    async with user_of(shared_server, alice_name, transport) as alice:
        async with bob_with_ears() as bob:
            await bob.join_group(group_id)
            await alice.send_group(group_id, "first")
            await until(lambda: heard == ["first"])
        for text in ("second", "third"):
            await alice.send_group(group_id, text)
        async with bob_with_ears():
            await alice.send_group(group_id, "fourth")
            await until(lambda: len(heard) >= 4)

    assert heard == ["first", "second", "third", "fourth"]


async def test_group_messages_are_stored_once_and_heard_once_when_the_server_is_killed(
    own_server: LiveServer, transport: str
) -> None:
    """Sends go on while the server is killed and started again; every receipt is heard, once, in order."""
    heard: list[str] = []
    group_id = await new_group(own_server, "alice")
    alice = user_of(own_server, "alice", transport)
    bob = user_of(
        own_server,
        "bob",
        transport,
        resource="phone",
        on_group_message=lambda message: heard.append(message.text),
    )
    await asyncio.gather(alice.login(), bob.login())
    await bob.join_group(group_id)
    sending = [asyncio.create_task(alice.send_group(group_id, str(number))) for number in range(60)]
    await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.to_thread(own_server.kill)
    sending += [asyncio.create_task(alice.send_group(group_id, str(number))) for number in range(60, 80)]
    await asyncio.to_thread(own_server.start)
    receipts = await asyncio.gather(*sending)
    await until(lambda: len(heard) >= 80)
    await alice.aclose()
    await bob.aclose()

    assert len({receipt.sequence for receipt in receipts}) == 80
    assert heard == [*map(str, range(80))]


# ------------------------------------------------------------------ online messages


async def test_an_online_message_reaches_every_device_that_is_there(
    shared_server: LiveServer, transport: str
) -> None:
    alice_name, bob_name = names("alice", "bob")
    phone_heard: list[OnlineMessage] = []
    desk_heard: list[str] = []
    async with (
        user_of(shared_server, alice_name, transport) as alice,
        user_of(shared_server, bob_name, transport, resource="phone", on_online_message=phone_heard.append),
        user_of(
            shared_server,
            bob_name,
            transport,
            resource="desk",
            on_online_message=lambda message: desk_heard.append(message.text),
        ),
    ):
        await alice.send_online(bob_name, "to both")
        receipt = await alice.send_online_and_wait(bob_name, "to one", to_resource="desk", biz_type="b")
        await until(lambda: desk_heard == ["to both", "to one"] and bool(phone_heard))

    assert (receipt.code, receipt.text) == (1, "RECEIVED")
    assert [(item.text, item.from_account, item.from_resource) for item in phone_heard] == [
        ("to both", alice_name, alice.resource)
    ]


async def test_an_online_message_to_nobody_is_lost(shared_server: LiveServer, transport: str) -> None:
    alice_name, bob_name = names("alice", "bob")
    heard: list[str] = []
    async with user_of(shared_server, alice_name, transport) as alice:
        with pytest.raises(SendTimedOut):
            await alice.send_online_and_wait(bob_name, "are you there?", timeout_s=0.05)
        async with user_of(
            shared_server, bob_name, transport, on_online_message=lambda message: heard.append(message.text)
        ):
            await alice.send_online_and_wait(bob_name, "now?")

    assert heard == ["now?"]


async def test_a_blocked_sender_of_online_messages_is_told(shared_server: LiveServer, transport: str) -> None:
    alice_name, bob_name = names("alice", "bob")
    async with (
        user_of(shared_server, alice_name, transport) as alice,
        user_of(shared_server, bob_name, transport, on_online_message=print) as bob,
    ):
        headers = {"token": bob.token or ""}
        async with httpx.AsyncClient(base_url=shared_server.base_url, headers=headers) as http:
            await http.post("/api/blacklist/", json={"blackAccount": alice_name})
        with pytest.raises(MessageRefused) as refused:
            await alice.send_online_and_wait(bob_name, "hello")

    assert refused.value.code == 405


# ------------------------------------------------------------------ overflow, numbered conversations


async def test_more_than_the_app_wants_sent_is_told_and_lies_in_history(
    own_server: LiveServer, transport: str, tmp_path: Path
) -> None:
    await asyncio.to_thread(
        openmimc,
        *("app", "set", own_server.app["appId"], "offlineMsgMaxCount=5"),
        *("--data-dir", str(tmp_path / "data")),
    )
    gaps: list[tuple[int, int]] = []
    heard: list[Message] = []

    def on_gap(first: int, last: int) -> None:
        gaps.append((first, last))

    async with user_of(own_server, "alice", transport) as alice:
        receipts = [await alice.send("bob", str(number)) for number in range(6)]
        async with user_of(
            own_server, "bob", transport, resource="phone", on_gap=on_gap, on_message=heard.append
        ) as bob:
            await alice.send("bob", "live")
            await until(lambda: bool(heard))
            token = bob.token or ""
    async with httpx.AsyncClient(base_url=own_server.base_url, headers={"token": token}) as http:
        (first, last) = gaps[0]
        body = {"fromAccount": "bob", "toAccount": "alice", "startSeq": str(first), "stopSeq": str(last + 1)}
        answer = (await http.post("/api/msg/p2p/queryOnSequence", json=body)).json()

    assert gaps[0][0] == receipts[0].sequence
    assert len(gaps) == 1
    assert heard[-1].text == "live"
    read = [int(item["sequence"]) for item in answer["data"]["messages"]]
    assert read[:6] == [receipt.sequence for receipt in receipts]


async def test_messages_are_numbered_in_their_conversation_if_asked(
    shared_server: LiveServer, transport: str
) -> None:
    alice_name, bob_name = names("alice", "bob")
    topic_id = await shared_server.new_topic(alice_name, bob_name)
    async with (
        user_of(shared_server, alice_name, transport) as alice,
        user_of(shared_server, bob_name, transport) as bob,
    ):
        receipts = [
            await alice.send(bob_name, "1", wants_index=True),
            await bob.send(alice_name, "2", wants_index=True),
            await alice.send(bob_name, "none"),
            await alice.send(bob_name, "3", wants_index=True),
            await alice.send_topic(topic_id, "1", wants_index=True),
        ]
        async with asyncio.timeout(PATIENCE_S):
            received = [await anext(bob.messages()) for _ in range(4)]

    assert [receipt.index for receipt in receipts] == [1, 2, 0, 3, 1]
    assert [message.index for message in received] == [1, 0, 3, 1]
