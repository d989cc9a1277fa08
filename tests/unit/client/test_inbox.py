"""The inbox alone: what is acknowledged when, whatever comes in which order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.client.dedupe import SeenSequences
from openmimc.client.inbox import Inbox
from openmimc.wire.events import Delivered, DeliveredMessage, DeliverOverflow, SequenceAck
from tests.unit.client.scripted import ScriptedServer, group_message, message, until


def delivered(*sequences: int) -> Delivered:
    messages = tuple(
        DeliveredMessage(
            packet_id=f"packet-{sequence}",
            sequence=sequence,
            timestamp_ms=1,
            from_account="bob",
            from_resource="phone",
            from_user_id=2,
            to_account="alice",
            topic_id=0,
            payload=b"",
            is_store=True,
            biz_type=None,
        )
        for sequence in sequences
    )
    return Delivered(user_id=1, resource="desk", max_sequence=max(sequences), messages=messages)


class Server:
    """A device's queue on the server: what it has, and what it was told to forget."""

    def __init__(self, count: int) -> None:
        self.waiting = list(range(1, count + 1))
        self.has_lost_link = False

    def acknowledge(self, sequence: int) -> None:
        if not self.has_lost_link:
            self.waiting = [item for item in self.waiting if item > sequence]


def inbox_of(server: Server, seen: SeenSequences) -> Inbox:
    async def on_gap(first: int, last: int) -> bool:
        raise AssertionError("there is no gap")

    return Inbox(seen, max_messages=4, acknowledge=server.acknowledge, pull=lambda: None, on_gap=on_gap)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.integers(1, 5)),
        st.tuples(st.sampled_from(["take", "fail", "cut", "reconnect", "restart"]), st.just(0)),
    ),
    max_size=60,
)


@given(steps)
def test_nothing_is_lost_or_doubled_whatever_happens(script: list[tuple[str, int]]) -> None:
    """Lists of any size, acknowledgements lost, handlers failing, logins in between: each once, in order."""

    async def play() -> None:
        server = Server(12)
        seen = SeenSequences(limit=100)
        inbox = inbox_of(server, seen)
        handled: list[int] = []
        current: int | None = None

        async def take() -> None:
            nonlocal current
            if current is not None:
                handled.append(current)
            current = None
            coming = asyncio.ensure_future(anext(inbox))
            for _ in range(3):
                await asyncio.sleep(0)
            if coming.done():
                current = coming.result().sequence
            else:
                coming.cancel()
                await asyncio.wait((coming,))

        for step, size in script:
            if step == "deliver" and server.waiting and not server.has_lost_link:
                inbox.add(delivered(*server.waiting[:size]))
            elif step == "take":
                await take()
            elif step == "fail" and current is not None:
                current = None
                inbox.retry_current()
            elif step == "cut":
                server.has_lost_link = True
            elif step == "reconnect":
                server.has_lost_link = False
                inbox.reconnected()
            elif step == "restart":
                if current is not None:
                    handled.append(current)  # It was handed over, and the process lives on.
                current = None
                inbox.close()
                inbox = inbox_of(server, seen)
        server.has_lost_link = False
        while server.waiting or current is not None:
            inbox.reconnected()
            if server.waiting:
                inbox.add(delivered(*server.waiting[:3]))
            await take()

        assert handled == list(range(1, 13))

    asyncio.run(play())


async def test_a_gap_is_told_and_then_acknowledged(server: ScriptedServer) -> None:
    told: list[tuple[int, int]] = []
    may_go_on = asyncio.Event()

    async def on_gap(first: int, last: int) -> None:
        told.append((first, last))
        await may_go_on.wait()

    user = server.user(on_gap=on_gap)
    peer = await server.log_in(user)
    coming = asyncio.create_task(anext(user.messages()))

    await peer.send(DeliverOverflow(5, 900))
    acknowledgement = asyncio.create_task(peer.next_event())
    await asyncio.sleep(0.01)
    before = acknowledgement.done()
    may_go_on.set()

    assert await acknowledgement == SequenceAck(900)
    assert not before
    assert told == [(5, 900)]
    coming.cancel()
    await user.aclose()


async def test_a_gap_without_a_callback_is_logged_and_acknowledged(
    tcp_server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    user = tcp_server.user(on_message=print)
    peer = await tcp_server.log_in(user)

    await peer.send(DeliverOverflow(5, 900))

    assert await peer.next_event() == SequenceAck(900)
    assert "5 to 900" in caplog.text
    await user.aclose()


async def test_a_gap_whose_callback_fails_is_told_again(tcp_server: ScriptedServer) -> None:
    told: list[int] = []

    def on_gap(first: int, last: int) -> None:
        told.append(first)
        if len(told) == 1:
            raise RuntimeError("history is not there")

    user = tcp_server.user(on_gap=on_gap)
    peer = await tcp_server.log_in(user)
    await peer.send(DeliverOverflow(5, 900))

    with pytest.raises(RuntimeError):
        await anext(user.messages())
    coming = asyncio.create_task(anext(user.messages()))

    assert await peer.next_event() == SequenceAck(900)
    assert told == [5, 5]
    coming.cancel()
    await user.aclose()


async def test_a_gap_comes_after_the_messages_before_it(tcp_server: ScriptedServer) -> None:
    order: list[Any] = []
    user = tcp_server.user(
        on_message=lambda item: order.append(item.sequence),
        on_gap=lambda first, last: order.append((first, last)),
    )
    peer = await tcp_server.log_in(user)

    await peer.deliver(message(1), message(2))
    await peer.send(DeliverOverflow(3, 9))
    await peer.deliver(message(10))
    while await peer.next_event() != SequenceAck(10):
        pass

    assert order == [1, 2, (3, 9), 10]
    await user.aclose()


async def test_a_gap_that_the_app_does_not_want_yet_is_told_again(tcp_server: ScriptedServer) -> None:
    """Nothing is acknowledged meanwhile, or the server would take the gap for received."""
    told: list[tuple[int, int]] = []
    handled: list[int] = []

    def on_gap(first: int, last: int) -> bool:
        told.append((first, last))
        return len(told) == 2

    user = tcp_server.user(on_gap=on_gap, on_message=lambda item: handled.append(item.sequence))
    peer = await tcp_server.log_in(user)

    await peer.send(DeliverOverflow(5, 900))
    await until(lambda: len(told) == 1)
    await peer.send(DeliverOverflow(5, 901))
    acknowledgement = await peer.next_event()
    await peer.deliver(message(902))

    assert acknowledgement == SequenceAck(901)
    assert await peer.next_event() == SequenceAck(902)
    assert told == [(5, 900), (5, 901)]
    assert handled == [902]
    await user.aclose()


async def test_a_gap_repeated_while_the_app_reads_history_is_told_once(tcp_server: ScriptedServer) -> None:
    told: list[tuple[int, int]] = []
    may_go_on = asyncio.Event()

    async def on_gap(first: int, last: int) -> None:
        told.append((first, last))
        await may_go_on.wait()

    user = tcp_server.user(on_gap=on_gap, on_message=print)
    peer = await tcp_server.log_in(user)

    await peer.send(DeliverOverflow(5, 900))
    await peer.send(DeliverOverflow(5, 900))
    await peer.deliver_group(group_message(1))
    await anext(user.group_messages())  # So both have arrived.
    may_go_on.set()

    assert await peer.next_event() == SequenceAck(900)
    assert told == [(5, 900)]
    await user.aclose()
