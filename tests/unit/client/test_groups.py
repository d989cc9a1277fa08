"""Unlimited groups: joining and quitting, talking, receiving, and what happens when the connection goes."""

from __future__ import annotations

import asyncio

import pytest

from openmimc.client import (
    GroupMessage,
    GroupRefused,
    GroupTimedOut,
    MessageRefused,
    MIMCUser,
    NotLoggedIn,
    Settings,
)
from openmimc.errors import LocalProtocolError
from openmimc.wire.events import (
    AskGroup,
    GroupAck,
    GroupAnswer,
    GroupDismissed,
    GroupPing,
    GroupPong,
    GroupRequest,
    PacketAck,
    SendGroup,
    SendP2P,
    SequenceAck,
)
from tests.unit.client.scripted import (
    APP_ID,
    DEADLINE_S,
    GROUP_ID,
    QUICK,
    Peer,
    ScriptedServer,
    TokenService,
    group_message,
    message,
    until,
)

OTHER_GROUP = 77


def answer(asked: AskGroup, code: int = 0, text: str = "", online: int = 0) -> GroupAnswer:
    return GroupAnswer(asked.request, asked.packet_id, APP_ID, asked.group_id, code, text, online)


async def join(user: MIMCUser, peer: Peer, group_id: int = GROUP_ID) -> AskGroup:
    joining = asyncio.create_task(user.join_group(group_id))
    asked = await peer.expect(AskGroup)
    await peer.send(answer(asked))
    await joining
    return asked


# ------------------------------------------------------------------ joining, quitting, counting


async def test_joining_returns_when_the_server_has_agreed(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    joining = asyncio.create_task(user.join_group(str(GROUP_ID)))
    asked = await peer.expect(AskGroup)
    before = joining.done()
    await peer.send(answer(asked))
    await joining

    assert (asked.request, asked.group_id, asked.app_id) == (GroupRequest.JOIN, GROUP_ID, APP_ID)
    assert not before
    await user.aclose()


async def test_quitting_returns_when_the_server_has_agreed(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    quitting = asyncio.create_task(user.quit_group(GROUP_ID))
    asked = await peer.expect(AskGroup)
    await peer.send(answer(asked))
    await quitting

    assert (asked.request, asked.group_id) == (GroupRequest.QUIT, GROUP_ID)
    await user.aclose()


async def test_the_members_who_are_there_are_counted(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    counting = asyncio.create_task(user.count_online(GROUP_ID))
    asked = await peer.expect(AskGroup)
    await peer.send(answer(asked, online=5000))

    assert asked.request is GroupRequest.COUNT_ONLINE
    assert await counting == 5000
    await user.aclose()


async def test_answers_find_their_questions_in_any_order(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)

    counting = [asyncio.create_task(user.count_online(group_id)) for group_id in (1, 2, 3)]
    asked = [await peer.expect(AskGroup) for _ in counting]
    for item in reversed(asked):
        await peer.send(answer(item, online=item.group_id * 10))

    assert await asyncio.gather(*counting) == [10, 20, 30]
    await user.aclose()


@pytest.mark.parametrize(
    ("code", "is_temporary"), [(403, False), (404, False), (429, True), (500, True), (503, True)]
)
async def test_a_refusal_says_which_group_and_why(
    tcp_server: ScriptedServer, code: int, is_temporary: bool
) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)

    joining = asyncio.create_task(user.join_group(GROUP_ID))
    await peer.send(answer(await peer.expect(AskGroup), code, "not today"))

    with pytest.raises(GroupRefused, match=f"{code} not today") as caught:
        await joining
    assert (caught.value.group_id, caught.value.code, caught.value.is_temporary) == (
        GROUP_ID,
        code,
        is_temporary,
    )
    await user.aclose()


async def test_a_question_without_an_answer_times_out(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)

    with pytest.raises(GroupTimedOut) as caught:
        await user.join_group(GROUP_ID, timeout_s=0.01)
    await peer.send(answer(await peer.expect(AskGroup)))  # Too late, and harmless.
    await join(user, peer, OTHER_GROUP)

    assert caught.value.group_id == GROUP_ID
    await user.aclose()


async def test_a_question_is_asked_again_on_the_next_connection(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    joining = asyncio.create_task(user.join_group(GROUP_ID))
    first = await peer.expect(AskGroup)
    await peer.close()
    peer = await server.next_peer()
    await peer.accept()
    second = await peer.expect(AskGroup)
    await peer.send(answer(second))
    await joining

    assert first == second
    await user.aclose()


async def test_questions_and_messages_are_repeated_in_one_order(tcp_server: ScriptedServer) -> None:
    """What is sent behind a join finds the user joined, also after a reconnect."""
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    tasks = [
        asyncio.create_task(user.send("bob", "first")),
        asyncio.create_task(user.join_group(GROUP_ID)),
        asyncio.create_task(user.send_group(GROUP_ID, "second")),
    ]
    await peer.expect(SendP2P)
    await peer.close()
    peer = await tcp_server.next_peer()
    await peer.accept()

    await peer.acknowledge(await peer.expect(SendP2P), 1)
    await peer.send(answer(await peer.expect(AskGroup)))
    await peer.acknowledge(await peer.expect(SendGroup), 2)
    await asyncio.gather(*tasks)
    await user.aclose()


async def test_a_cancelled_question_is_not_asked_again(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    joining = asyncio.create_task(user.join_group(GROUP_ID))
    await peer.expect(AskGroup)

    joining.cancel()
    await asyncio.wait((joining,))
    await peer.close()
    peer = await tcp_server.next_peer()
    await peer.accept()
    await peer.deliver(message(1))
    await anext(user.messages())
    coming = asyncio.create_task(anext(user.messages()))

    assert await peer.next_event() == SequenceAck(1)
    coming.cancel()
    await user.aclose()


async def test_a_question_ends_with_the_session(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    joining = asyncio.create_task(user.join_group(GROUP_ID))
    await peer.expect(AskGroup)

    await user.aclose()

    with pytest.raises(NotLoggedIn):
        await joining
    with pytest.raises(NotLoggedIn):
        await user.quit_group(GROUP_ID)


async def test_nothing_can_be_asked_before_a_login() -> None:
    user = MIMCUser(APP_ID, "alice", TokenService(), tcp="127.0.0.1:1")

    with pytest.raises(NotLoggedIn):
        await user.join_group(GROUP_ID)
    with pytest.raises(NotLoggedIn):
        user.group_messages()


@pytest.mark.parametrize("group_id", [-1, 2**63, 2**64])
async def test_an_id_that_no_group_can_have_is_refused_at_once(
    tcp_server: ScriptedServer, group_id: int
) -> None:
    """Servers do not answer it, and some of these could not even be written."""
    user = tcp_server.user()
    await tcp_server.log_in(user)

    with pytest.raises(GroupRefused, match="400"):
        await user.join_group(group_id)
    with pytest.raises(MessageRefused, match="400"):
        await user.send_group(group_id, "hello")
    with pytest.raises(MessageRefused, match="400"):
        await user.send_topic(group_id, "hello")
    await user.aclose()


# ------------------------------------------------------------------ talking


async def test_a_message_to_a_group_gets_its_receipt(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    sending = asyncio.create_task(user.send_group(str(GROUP_ID), "grüß euch", biz_type="b", packet_id="p-1"))
    sent = await peer.expect(SendGroup)
    await peer.acknowledge(sent, 20_000)
    receipt = await sending

    assert sent == SendGroup("p-1", "p-1", APP_ID, GROUP_ID, "grüß euch".encode(), is_store=True, biz_type="b")
    assert (receipt.packet_id, receipt.sequence, receipt.timestamp_ms) == ("p-1", 20_000, 2)
    await user.aclose()


async def test_whether_history_keeps_it_is_up_to_the_sender(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    sending = asyncio.create_task(user.send_group(GROUP_ID, b"", is_store=False))
    sent = await peer.expect(SendGroup)
    await peer.acknowledge(sent, 1)
    await sending

    assert not sent.is_store
    await user.aclose()


async def test_a_message_to_a_group_is_sent_again_under_its_id(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    sending = asyncio.create_task(user.send_group(GROUP_ID, "hello"))
    first = await peer.expect(SendGroup)
    await peer.close()
    peer = await server.next_peer()
    await peer.accept()
    second = await peer.expect(SendGroup)
    await peer.acknowledge(second, 1)
    await sending

    assert first == second
    await user.aclose()


async def test_a_refused_message_to_a_group_is_raised(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)

    sending = asyncio.create_task(user.send_group(GROUP_ID, "hello"))
    sent = await peer.expect(SendGroup)
    await peer.send(PacketAck(sent.packet_id, 0, 1, 403, "muted in this group"))

    with pytest.raises(MessageRefused, match="403 muted"):
        await sending
    await user.aclose()


# ------------------------------------------------------------------ receiving


async def test_a_group_message_arrives_with_all_its_fields(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    await peer.deliver_group(group_message(16_000_000_000_001, b"gr\xc3\xbc\xc3\x9f"))
    received = await anext(user.group_messages())

    assert received == GroupMessage(
        group_id=GROUP_ID,
        sequence=16_000_000_000_001,
        timestamp_ms=1_600_000_000,
        packet_id="packet-16000000000001",
        from_account="bob",
        from_resource="bobs-phone",
        payload=b"gr\xc3\xbc\xc3\x9f",
        biz_type=None,
        is_store=True,
    )
    assert received.text == "grüß"
    await user.aclose()


async def test_each_group_is_acknowledged_when_the_app_is_done_with_its_list(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)
    received: list[int] = []

    async def read() -> None:
        async for item in user.group_messages():
            received.append(item.sequence)

    await peer.deliver_group(group_message(1), group_message(3))
    await peer.deliver_group(group_message(2, group_id=OTHER_GROUP))
    reading = asyncio.create_task(read())

    assert await peer.next_event() == GroupAck(GROUP_ID, 3)
    assert await peer.next_event() == GroupAck(OTHER_GROUP, 2)
    assert received == [1, 3, 2]
    reading.cancel()
    await user.aclose()


async def test_a_group_list_is_not_acknowledged_before_the_handler_has_returned(
    server: ScriptedServer,
) -> None:
    may_return = asyncio.Event()

    async def handle(_: GroupMessage) -> None:
        await may_return.wait()

    user = server.user(on_group_message=handle)
    peer = await server.log_in(user)
    await peer.deliver_group(group_message(1), group_message(2))
    acknowledgement = asyncio.create_task(peer.next_event())
    await asyncio.sleep(0.01)
    before = acknowledgement.done()
    may_return.set()

    assert await acknowledgement == GroupAck(GROUP_ID, 2)
    assert not before
    await user.aclose()


async def test_a_slow_group_handler_does_not_hold_up_other_messages(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user(on_group_message=lambda _: asyncio.Event().wait())
    peer = await tcp_server.log_in(user)

    await peer.deliver_group(group_message(1))
    await peer.deliver(message(2))

    assert (await anext(user.messages())).sequence == 2
    await user.aclose()


async def test_what_was_had_before_a_reconnect_is_not_handed_over_again(server: ScriptedServer) -> None:
    handled: list[int] = []
    user = server.user(on_group_message=lambda item: handled.append(item.sequence))
    peer = await server.log_in(user)
    await peer.deliver_group(group_message(1), group_message(2))
    await peer.expect(GroupAck)
    await peer.close()
    peer = await server.next_peer()
    await peer.accept()
    await peer.expect(GroupPing)

    await peer.deliver_group(group_message(1), group_message(2))
    await peer.deliver_group(group_message(2), group_message(3))

    assert await peer.next_event() == GroupAck(GROUP_ID, 2)
    assert await peer.next_event() == GroupAck(GROUP_ID, 3)
    assert handled == [1, 2, 3]
    await user.aclose()


async def test_the_same_sequence_of_another_group_is_another_message(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)

    await peer.deliver_group(group_message(1))
    await peer.deliver_group(group_message(1, group_id=OTHER_GROUP))
    received = [(await anext(user.group_messages())).group_id for _ in range(2)]

    assert received == [GROUP_ID, OTHER_GROUP]
    await user.aclose()


async def test_what_was_not_handled_before_a_logout_comes_again_after_the_next_login(
    tcp_server: ScriptedServer,
) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    await peer.deliver_group(group_message(1), group_message(2), group_message(3))
    first = await anext(user.group_messages())
    await user.aclose()
    peer = await tcp_server.log_in(user)
    await peer.expect(GroupPing)

    await peer.deliver_group(group_message(1), group_message(2), group_message(3))
    again = [(await anext(user.group_messages())).sequence for _ in range(2)]

    assert (first.sequence, again) == (1, [2, 3])
    await user.aclose()


async def test_a_group_message_whose_handler_fails_is_handed_over_again_and_order_is_kept(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The server sends it once on a connection, so nobody is asked for it."""
    attempts: list[int] = []

    def handle(received: GroupMessage) -> None:
        attempts.append(received.sequence)
        if attempts == [1]:
            raise RuntimeError("disk full")

    user = server.user(on_group_message=handle)
    peer = await server.log_in(user)

    await peer.deliver_group(group_message(1), group_message(2))

    assert await peer.next_event() == GroupAck(GROUP_ID, 2)
    assert attempts == [1, 1, 2]
    assert "the message will come again" in caplog.text
    assert "hello" not in caplog.text
    await user.aclose()


async def test_of_what_the_app_leaves_waiting_the_oldest_are_let_go(
    tcp_server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    user = tcp_server.user(settings=Settings(max_queued_messages=5, remembered_sequences=10))
    peer = await tcp_server.log_in(user)
    for number in range(1, 13):
        await peer.deliver_group(group_message(number))
    await peer.deliver(message(100))
    await anext(user.messages())  # So every group message has arrived.

    received = [(await anext(user.group_messages())).sequence for _ in range(5)]
    coming = asyncio.create_task(anext(user.group_messages()))
    await peer.deliver_group(group_message(13))
    acknowledged = [await peer.next_event() for _ in range(5)]

    assert received == [8, 9, 10, 11, 12]
    assert acknowledged == [GroupAck(GROUP_ID, sequence) for sequence in received]
    assert (await coming).sequence == 13
    assert caplog.text.count("the oldest are dropped") == 1
    await user.aclose()


async def test_group_messages_end_with_a_logout(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    await tcp_server.log_in(user)
    reading = asyncio.create_task(anext(user.group_messages(), None))
    await asyncio.sleep(0)

    await user.aclose()

    assert await reading is None


async def test_group_messages_cannot_be_iterated_over_when_a_handler_gets_them(
    tcp_server: ScriptedServer,
) -> None:
    user = tcp_server.user(on_group_message=print)
    await tcp_server.log_in(user)

    with pytest.raises(LocalProtocolError):
        user.group_messages()
    assert user.messages() is not None
    await user.aclose()


# ------------------------------------------------------------------ pings, dismissals


def pinging() -> Settings:
    return Settings(backoff_initial_s=0.001, backoff_max_s=0.002, group_ping_interval_s=0.01)


async def test_the_server_is_told_again_and_again_of_the_groups_the_user_is_in(server: ScriptedServer) -> None:
    user = server.user(settings=pinging())
    peer = await server.log_in(user)
    await join(user, peer)
    await peer.deliver_group(group_message(1, group_id=OTHER_GROUP))
    await anext(user.group_messages())

    pings = []
    while len(pings) < 3:
        pings.append(await peer.expect(GroupPing))
        await peer.send(GroupPong(pings[-1].packet_id))

    assert set(pings[-1].group_ids) == {GROUP_ID, OTHER_GROUP}
    assert len({ping.packet_id for ping in pings}) == 3
    await user.aclose()


async def test_a_new_connection_begins_with_a_ping_of_the_groups(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)
    await join(user, peer)

    await peer.close()
    peer = await server.next_peer()
    await peer.accept()

    assert (await peer.expect(GroupPing)).group_ids == (GROUP_ID,)
    await user.aclose()


async def test_very_many_groups_are_told_in_several_pings(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    for number in range(1, 1202):
        await peer.deliver_group(group_message(number, group_id=number))
    await until(lambda: len(user._device.groups) == 1201)
    await peer.close()
    peer = await tcp_server.next_peer()
    await peer.accept()

    pings = [await peer.expect(GroupPing) for _ in range(2)]

    assert [len(ping.group_ids) for ping in pings] == [1000, 201]
    await user.aclose()


@pytest.mark.parametrize("way", ["quit", "dismissed"])
async def test_a_group_the_user_is_not_in_any_more_is_not_pinged(tcp_server: ScriptedServer, way: str) -> None:
    user = tcp_server.user(settings=pinging())
    peer = await tcp_server.log_in(user)
    await join(user, peer, OTHER_GROUP)
    await join_among_pings(user, peer)

    if way == "quit":
        quitting = asyncio.create_task(user.quit_group(GROUP_ID))
        while not isinstance(event := await peer.next_event(), AskGroup):
            pass
        await peer.send(answer(event))
        await quitting
    else:
        await peer.send(GroupDismissed(APP_ID, GROUP_ID))
    async with asyncio.timeout(DEADLINE_S):
        while (await peer.expect(GroupPing)).group_ids != (OTHER_GROUP,):
            pass
    await user.aclose()


async def join_among_pings(user: MIMCUser, peer: Peer) -> None:
    joining = asyncio.create_task(user.join_group(GROUP_ID))
    while not isinstance(event := await peer.next_event(), AskGroup):
        pass
    await peer.send(answer(event))
    await joining


async def test_a_user_who_is_in_no_group_pings_none(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user(settings=pinging())
    peer = await tcp_server.log_in(user)
    joining = asyncio.create_task(user.join_group(GROUP_ID))
    await peer.send(answer(await peer.expect(AskGroup), 404, "no such group"))
    with pytest.raises(GroupRefused):
        await joining

    await asyncio.sleep(0.03)
    await peer.deliver(message(1))
    await anext(user.messages())
    coming = asyncio.create_task(anext(user.messages()))

    assert await peer.next_event() == SequenceAck(1)
    coming.cancel()
    await user.aclose()


async def test_a_dismissal_is_told(server: ScriptedServer) -> None:
    told: list[int] = []
    user = server.user(on_group_dismissed=told.append)
    peer = await server.log_in(user)

    await peer.send(GroupDismissed(APP_ID, GROUP_ID))
    await until(lambda: bool(told))

    assert told == [GROUP_ID]
    await user.aclose()


async def test_a_dismissal_whose_handler_fails_does_not_end_the_session(
    tcp_server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: int) -> None:
        raise RuntimeError("not now")

    user = tcp_server.user(on_group_dismissed=fail, settings=QUICK)
    peer = await tcp_server.log_in(user)

    await peer.send(GroupDismissed(APP_ID, GROUP_ID))
    await peer.deliver(message(1))

    assert (await anext(user.messages())).sequence == 1
    assert "on_group_dismissed failed" in caplog.text
    await user.aclose()
