"""The blocking face: the same user, from threads without a loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from openmimc.client import Kicked, LoginTimedOut, MIMCUser, NotLoggedIn, Status
from openmimc.client.blocking import BlockingUser
from openmimc.errors import LocalProtocolError
from openmimc.wire.events import (
    AskGroup,
    GroupAck,
    GroupAnswer,
    OnlineAck,
    SendGroup,
    SendOnline,
    SendP2P,
    SendP2T,
    SequenceAck,
    Unbind,
)
from tests.unit.client.scripted import (
    APP_ID,
    GROUP_ID,
    QUICK,
    ScriptedServer,
    TokenService,
    group_message,
    message,
)


async def test_a_whole_conversation_from_a_thread(server: ScriptedServer) -> None:
    results: list[object] = []

    def converse() -> None:
        with BlockingUser(server.user()) as user:
            results.extend((user.status, user.token))
            results.append(user.send("bob", "hello").sequence)
            results.append(user.send_topic(5, "hello").sequence)
            results.extend(item.text for item in user.messages())

    conversation = asyncio.create_task(asyncio.to_thread(converse))
    peer = await server.next_peer()
    await peer.accept()
    await peer.acknowledge(await peer.expect(SendP2P), 1)
    await peer.acknowledge(await peer.expect(SendP2T), 2)
    await peer.deliver(message(3, b"one"), message(4, b"two"))
    acknowledgement = await peer.next_event()
    await peer.kick("single-resource-kick")

    with pytest.raises(Kicked):
        await conversation
    assert results == [Status.ONLINE, "token-1", 1, 2, "one", "two"]
    assert acknowledgement == SequenceAck(4)


async def test_messages_end_with_a_logout(server: ScriptedServer) -> None:
    user = BlockingUser(server.user())

    async def serve() -> None:
        peer = await server.next_peer()
        await peer.accept()
        await peer.deliver(message(1, b"one"))
        while not isinstance(await peer.next_event(), Unbind):
            pass
        await peer.kick("logout")

    serving = asyncio.create_task(serve())
    await asyncio.to_thread(user.login)
    reading = asyncio.create_task(asyncio.to_thread(lambda: [item.text for item in user.messages()]))
    first_status = user.status
    await asyncio.sleep(0.02)
    await asyncio.to_thread(user.logout)

    assert await reading == ["one"]
    assert (first_status, user.status) == (Status.ONLINE, Status.OFFLINE)
    await serving
    await asyncio.to_thread(user.close)


async def test_receiving_can_have_an_end_and_loses_nothing(tcp_server: ScriptedServer) -> None:
    user = BlockingUser(tcp_server.user())
    login = asyncio.create_task(asyncio.to_thread(user.login))
    peer = await tcp_server.next_peer()
    await peer.accept()
    await login

    nothing = await asyncio.to_thread(lambda: user.receive(timeout_s=0.01))
    await peer.deliver(message(1, b"late"))
    late = await asyncio.to_thread(user.receive)

    assert nothing is None
    assert late is not None
    assert late.text == "late"
    await asyncio.to_thread(user.close)


def test_errors_are_those_of_the_user_itself() -> None:
    user = BlockingUser(MIMCUser(APP_ID, "alice", TokenService(), tcp="127.0.0.1:1", settings=QUICK))

    with pytest.raises(NotLoggedIn):
        user.send("bob", "hello")
    with pytest.raises(LoginTimedOut):
        user.login(timeout_s=0.02)
    user.close()


def test_closing_ends_the_thread_and_is_final() -> None:
    before = threading.active_count()
    user = BlockingUser(MIMCUser(APP_ID, "alice", TokenService(), tcp="127.0.0.1:1", settings=QUICK))

    user.close()
    user.close()

    assert threading.active_count() == before
    with pytest.raises(LocalProtocolError):
        user.logout()


async def test_a_callback_that_would_wait_for_itself_is_told_so(tcp_server: ScriptedServer) -> None:
    caught: list[Exception] = []

    def on_status(status: Status, reason: str) -> None:
        try:
            user.logout()
        except LocalProtocolError as error:
            caught.append(error)

    user = BlockingUser(tcp_server.user(on_status=on_status))
    login = asyncio.create_task(asyncio.to_thread(user.login))
    await (await tcp_server.next_peer()).accept()
    await login
    await asyncio.to_thread(user.close)

    assert len(caught) == 3


async def test_unlimited_groups_and_online_messages_from_a_thread(server: ScriptedServer) -> None:
    results: list[object] = []

    def converse() -> None:
        with BlockingUser(server.user()) as user:
            user.join_group(GROUP_ID)
            results.append(user.count_online(GROUP_ID))
            results.append(user.send_group(GROUP_ID, "hello").sequence)
            results.append(user.receive_group(timeout_s=0.001))
            user.send_online("bob", "typing")
            results.append(user.send_online_and_wait("bob", "typing").code)
            results.extend(item.text for item in user.group_messages())

    def answer(asked: AskGroup, online: int = 0) -> GroupAnswer:
        return GroupAnswer(asked.request, asked.packet_id, APP_ID, asked.group_id, online=online)

    conversation = asyncio.create_task(asyncio.to_thread(converse))
    peer = await server.next_peer()
    bind = await peer.accept()
    await peer.send(answer(await peer.expect(AskGroup)))
    await peer.send(answer(await peer.expect(AskGroup), online=2))
    await peer.acknowledge(await peer.expect(SendGroup), 1)
    await peer.expect(SendOnline)
    sent = await peer.expect(SendOnline)
    await peer.send(OnlineAck(sent.packet_id, bind.user_id, bind.resource, 1))
    await peer.deliver_group(group_message(2, b"one"), group_message(3, b"two"))
    acknowledgement = await peer.next_event()
    await peer.kick("single-resource-kick")

    with pytest.raises(Kicked):
        await conversation
    assert results == [2, 1, None, 1, "one", "two"]
    assert acknowledgement == GroupAck(GROUP_ID, 3)
