"""Receiving: order, repeats, acknowledgements, handlers that fail, and readers that are slow."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from openmimc.client import Message, Settings
from openmimc.errors import LocalProtocolError
from openmimc.wire.events import OtherPacket, Pull, SendP2P, SequenceAck
from tests.unit.client.scripted import DEADLINE_S, QUICK, ScriptedServer, message, until


async def test_a_message_arrives_with_all_its_fields(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    await peer.deliver(message(16_000_000_000_001, b"gr\xc3\xbc\xc3\x9f", packet_id="p-1"))
    received = await anext(user.messages())

    assert received == Message(
        sequence=16_000_000_000_001,
        timestamp_ms=1_600_000_000,
        packet_id="p-1",
        from_account="bob",
        from_resource="bobs-phone",
        to_account="alice",
        topic_id=0,
        payload=b"gr\xc3\xbc\xc3\x9f",
        biz_type=None,
        is_store=True,
    )
    assert received.text == "grüß"
    assert not received.is_topic
    await user.aclose()


async def test_a_group_message_names_its_topic(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    await peer.deliver(message(1, topic_id=2**53 + 1))
    received = await anext(user.messages())

    assert (received.topic_id, received.to_account, received.is_topic) == (2**53 + 1, "", True)
    await user.aclose()


async def test_a_numbered_message_has_its_number(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    await peer.deliver(msgspec.structs.replace(message(1), index=7))

    assert (await anext(user.messages())).index == 7
    await user.aclose()


async def test_messages_come_in_the_servers_order(server: ScriptedServer) -> None:
    """Also where that is not the order of sequences, as can be in a cluster."""
    user = server.user()
    peer = await server.log_in(user)

    await peer.deliver(message(3), message(1), message(2))
    await peer.deliver(message(5), message(4))
    messages = user.messages()
    received = [(await anext(messages)).sequence for _ in range(5)]

    assert received == [3, 1, 2, 5, 4]
    await user.aclose()


async def test_a_list_is_acknowledged_when_the_app_comes_for_more(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)
    messages = user.messages()

    await peer.deliver(message(1), message(2))
    await anext(messages)
    await anext(messages)
    sending = asyncio.create_task(user.send("bob", "still at it"))
    before = await peer.next_event()
    coming = asyncio.create_task(anext(messages))
    after = await peer.next_event()

    assert isinstance(before, SendP2P)
    assert after == SequenceAck(2)
    sending.cancel()
    coming.cancel()
    await user.aclose()


async def test_a_list_is_acknowledged_when_the_handler_has_returned(server: ScriptedServer) -> None:
    may_return = asyncio.Event()
    handled: list[int] = []

    async def handle(received: Message) -> None:
        await may_return.wait()
        handled.append(received.sequence)

    user = server.user(on_message=handle)
    peer = await server.log_in(user)

    await peer.deliver(message(1), message(2))
    acknowledgement = asyncio.create_task(peer.next_event())
    await asyncio.sleep(0.01)
    before = acknowledgement.done()
    may_return.set()

    assert await acknowledgement == SequenceAck(2)
    assert not before
    assert handled == [1, 2]
    await user.aclose()


async def test_a_plain_function_can_handle_messages(tcp_server: ScriptedServer) -> None:
    handled: list[str] = []
    user = tcp_server.user(on_message=lambda received: handled.append(received.text))
    peer = await tcp_server.log_in(user)

    await peer.deliver(message(1, b"hi"))

    assert await peer.expect(SequenceAck) == SequenceAck(1)
    assert handled == ["hi"]
    await user.aclose()


async def test_a_repeated_message_is_handed_over_once_and_acknowledged_again(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)
    received: list[int] = []

    async def read() -> None:
        async for item in user.messages():
            received.append(item.sequence)

    reading = asyncio.create_task(read())

    await peer.deliver(message(1), message(2))
    first = await peer.next_event()
    await peer.close()
    peer = await server.next_peer()
    await peer.accept()
    await peer.deliver(message(1), message(2), message(3))
    second = await peer.next_event()

    assert (first, second) == (SequenceAck(2), SequenceAck(3))
    assert received == [1, 2, 3]
    reading.cancel()
    await user.aclose()


async def test_what_waits_for_the_app_survives_a_reconnect_without_doubling(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)
    messages = user.messages()
    await peer.deliver(message(1), message(2))
    await anext(messages)

    await peer.close()
    peer = await server.next_peer()
    await peer.accept()
    await peer.deliver(message(1), message(2))
    second = await anext(messages)
    await peer.deliver(message(3))
    third = await anext(messages)

    assert (second.sequence, third.sequence) == (2, 3)
    assert await peer.next_event() == SequenceAck(2)
    await user.aclose()


async def test_repeats_alone_are_acknowledged_behind_what_they_repeat(tcp_server: ScriptedServer) -> None:
    """An acknowledgement ahead of the app would lose what it has not had yet."""
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    messages = user.messages()
    await peer.deliver(message(1), message(2))
    await peer.deliver(message(1), message(2))

    await anext(messages)
    await anext(messages)
    sending = asyncio.create_task(user.send("bob", "x"))
    first = await peer.next_event()
    coming = asyncio.create_task(anext(messages))
    second = await peer.next_event()

    assert isinstance(first, SendP2P)
    assert second == SequenceAck(2)
    sending.cancel()
    coming.cancel()
    await user.aclose()


async def test_sequences_of_an_earlier_process_are_filtered_out(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user(seen=[1, 2])
    peer = await tcp_server.log_in(user)

    await peer.deliver(message(1), message(2), message(3))

    assert (await anext(user.messages())).sequence == 3
    await user.aclose()


async def test_what_was_not_handled_comes_again_after_the_next_login(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    await peer.deliver(message(1), message(2), message(3))
    first = await anext(user.messages())

    await user.aclose()
    peer = await tcp_server.log_in(user)
    await peer.deliver(message(1), message(2), message(3))
    messages = user.messages()
    again = [(await anext(messages)).sequence for _ in range(2)]

    assert first.sequence == 1
    assert again == [2, 3]
    await user.aclose()


async def test_a_failed_handler_gets_the_message_again_and_order_is_kept(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[int] = []

    def handle(received: Message) -> None:
        attempts.append(received.sequence)
        if attempts.count(2) == 1 and received.sequence == 2:
            raise RuntimeError("disk full")

    user = server.user(on_message=handle)
    peer = await server.log_in(user)

    await peer.deliver(message(1), message(2), message(3))
    pull = await peer.next_event()
    await peer.deliver(message(1), message(2), message(3))
    acknowledgement = await peer.next_event()

    assert isinstance(pull, Pull)
    assert acknowledgement == SequenceAck(3)
    assert attempts == [1, 2, 2, 3]
    assert "the message will come again" in caplog.text
    assert "hello" not in caplog.text
    await user.aclose()


async def test_a_handler_that_fails_while_offline_gets_the_message_after_the_reconnect(
    tcp_server: ScriptedServer,
) -> None:
    attempts: list[int] = []
    closed = asyncio.Event()

    async def handle(received: Message) -> None:
        attempts.append(received.sequence)
        if len(attempts) == 1:
            await closed.wait()
            raise RuntimeError("the network is gone")

    user = tcp_server.user(on_message=handle)
    peer = await tcp_server.log_in(user)
    await peer.deliver(message(1))
    await until(lambda: attempts == [1])
    await peer.close()
    peer = await tcp_server.next_peer()
    closed.set()
    await peer.accept()
    await peer.deliver(message(1))
    async with asyncio.timeout(DEADLINE_S):
        while isinstance(event := await peer.next_event(), Pull):
            await peer.deliver(message(1))

    assert event == SequenceAck(1)
    assert attempts == [1, 1]
    await user.aclose()


async def test_an_app_that_reads_nothing_costs_bounded_memory_and_loses_nothing(
    tcp_server: ScriptedServer,
) -> None:
    """This server ignores the missing acknowledgements; what the queue cannot hold is asked for again."""
    settings = Settings(max_queued_messages=10, remembered_sequences=20)
    user = tcp_server.user(settings=settings)
    peer = await tcp_server.log_in(user)
    lists = [[message(10 * number + n) for n in range(5)] for number in range(1, 7)]
    for item in lists:
        await peer.deliver(*item)
    sending = asyncio.create_task(user.send("bob", "x"))
    await peer.acknowledge(await peer.expect(SendP2P), 1)
    await sending  # So every list has arrived.

    received: list[int] = []

    async def read() -> None:
        async for item in user.messages():
            received.append(item.sequence)

    reading = asyncio.create_task(read())
    events = [await peer.next_event() for _ in range(3)]
    for item in lists[2:]:
        await peer.deliver(*item)
        assert await peer.next_event() == SequenceAck(item[-1].sequence)

    assert events[:2] == [SequenceAck(14), SequenceAck(24)]
    assert isinstance(events[2], Pull)
    assert received == [stored.sequence for item in lists for stored in item]
    reading.cancel()
    await user.aclose()


async def test_a_slow_reader_does_not_hold_up_receipts_and_pings(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    await peer.deliver(*(message(number) for number in range(1, 50)))

    sending = asyncio.create_task(user.send("bob", "x"))
    await peer.acknowledge(await peer.expect(SendP2P), 1)

    assert (await sending).sequence == 1
    await user.aclose()


async def test_only_one_task_may_wait_for_messages(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    await tcp_server.log_in(user)
    waiting = asyncio.create_task(anext(user.messages()))
    await asyncio.sleep(0)

    with pytest.raises(LocalProtocolError):
        await anext(user.messages())

    waiting.cancel()
    await user.aclose()


async def test_a_cancelled_wait_loses_no_message(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    waiting = asyncio.create_task(anext(user.messages()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait((waiting,))

    await peer.deliver(message(1))

    assert (await anext(user.messages())).sequence == 1
    await user.aclose()


async def test_messages_cannot_be_iterated_over_when_a_handler_gets_them(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user(on_message=print)
    await tcp_server.log_in(user)

    with pytest.raises(LocalProtocolError):
        user.messages()

    await user.aclose()


async def test_packets_of_a_kind_the_sdk_does_not_know_are_passed_over(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    await peer.send(OtherPacket(type=10, packet_id="x", payload=b"\x00"))
    await peer.deliver(message(1))

    assert (await anext(user.messages())).sequence == 1
    await user.aclose()


async def test_closing_ends_a_handler_that_is_at_work(tcp_server: ScriptedServer) -> None:
    entered, was_cancelled = asyncio.Event(), asyncio.Event()

    async def handle(_: Message) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            was_cancelled.set()
            raise

    user = tcp_server.user(on_message=handle, settings=QUICK)
    peer = await tcp_server.log_in(user)
    await peer.deliver(message(1))
    await entered.wait()

    await user.aclose()

    assert was_cancelled.is_set()
