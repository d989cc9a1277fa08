"""Online messages: sent without waiting or with a receipt, received by a handler, kept by nobody."""

from __future__ import annotations

import asyncio

import pytest

from openmimc.client import (
    ConnectionLost,
    MessageRefused,
    NotLoggedIn,
    OnlineMessage,
    OnlineReceipt,
    SendTimedOut,
    Settings,
    Status,
)
from openmimc.wire.events import DeliverOnline, OnlineAck, SendOnline, SequenceAck
from tests.unit.client.scripted import APP_ID, USER_IDS, ScriptedServer, message, until

ALICE, BOB = USER_IDS["alice"], USER_IDS["bob"]


def online(packet_id: str, payload: bytes = b"typing") -> DeliverOnline:
    return DeliverOnline(packet_id, "bob", BOB, "bobs-phone", "alice", ALICE, "", payload, 1_600_000_000)


async def test_an_online_message_goes_out_and_nothing_is_waited_for(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    await user.send_online("bob", "typing", to_resource="phone", biz_type="b", packet_id="o-1")

    assert await peer.expect(SendOnline) == SendOnline("o-1", APP_ID, "bob", "phone", b"typing", "b")
    await user.aclose()


async def test_a_receipt_can_be_waited_for(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    sending = asyncio.create_task(user.send_online_and_wait("bob", "typing"))
    sent = await peer.expect(SendOnline)
    await peer.send(OnlineAck(sent.packet_id, ALICE, user.resource, 1, "RECEIVED"))

    assert await sending == OnlineReceipt(sent.packet_id, 1, "RECEIVED")
    await user.aclose()


async def test_of_several_devices_receipts_the_first_counts(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)

    sending = asyncio.create_task(user.send_online_and_wait("bob", "typing"))
    sent = await peer.expect(SendOnline)
    for text in ("first", "second"):
        await peer.send(OnlineAck(sent.packet_id, ALICE, user.resource, 1, text))

    assert (await sending).text == "first"
    await user.aclose()


async def test_without_a_receipt_the_wait_has_an_end(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    await tcp_server.log_in(user)

    with pytest.raises(SendTimedOut):
        await user.send_online_and_wait("bob", "typing", packet_id="o-1", timeout_s=0.01)
    with pytest.raises(SendTimedOut):  # The name is free again.
        await user.send_online_and_wait("bob", "typing", packet_id="o-1", timeout_s=0.01)
    await user.aclose()


async def test_a_refusal_is_raised_to_whoever_waits(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    sending = asyncio.create_task(user.send_online_and_wait("bob", "typing"))
    sent = await peer.expect(SendOnline)
    await peer.send(OnlineAck(sent.packet_id, ALICE, user.resource, 405, "blocked"))

    with pytest.raises(MessageRefused, match="405 blocked"):
        await sending
    await user.aclose()


async def test_a_refusal_that_nobody_waits_for_is_logged(
    tcp_server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)

    await user.send_online("bob", "typing", packet_id="o-1")
    await peer.expect(SendOnline)
    await peer.send(OnlineAck("o-1", ALICE, user.resource, 1, "RECEIVED"))
    await peer.send(OnlineAck("o-1", ALICE, user.resource, 429, "slow down"))
    await until(lambda: "o-1 was refused: 429 slow down" in caplog.text)

    assert "RECEIVED" not in caplog.text
    await user.aclose()


async def test_two_waits_for_one_name_cannot_be_told_apart(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    first = asyncio.create_task(user.send_online_and_wait("bob", "typing", packet_id="o-1"))
    await peer.expect(SendOnline)

    with pytest.raises(ValueError, match="o-1"):
        await user.send_online_and_wait("bob", "typing", packet_id="o-1")
    await peer.send(OnlineAck("o-1", ALICE, user.resource, 1))

    assert (await first).code == 1
    await user.aclose()


async def test_without_a_connection_an_online_message_is_not_kept(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    await peer.close()
    await until(lambda: user.status is Status.CONNECTING)

    with pytest.raises(ConnectionLost):
        await user.send_online("bob", "typing")
    with pytest.raises(ConnectionLost):
        await user.send_online_and_wait("bob", "typing")
    peer = await tcp_server.next_peer()
    await peer.accept()
    await peer.deliver(message(1))
    await anext(user.messages())
    coming = asyncio.create_task(anext(user.messages()))

    assert await peer.next_event() == SequenceAck(1)
    coming.cancel()
    await user.aclose()


async def test_a_wait_for_a_receipt_ends_with_the_session(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    sending = asyncio.create_task(user.send_online_and_wait("bob", "typing"))
    await peer.expect(SendOnline)

    await user.aclose()

    with pytest.raises(NotLoggedIn):
        await sending
    with pytest.raises(NotLoggedIn):
        await user.send_online("bob", "typing")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"payload": bytes(65_537)}, 413),
        ({"biz_type": "b" * 1025}, 400),
        ({"to_resource": "r" * 129}, 400),
        ({"to_account": "a" * 257}, 400),
    ],
)
async def test_what_is_too_long_is_refused_before_it_is_sent(
    tcp_server: ScriptedServer, arguments: dict[str, object], code: int
) -> None:
    user = tcp_server.user()
    await tcp_server.log_in(user)

    with pytest.raises(MessageRefused) as caught:
        await user.send_online(**({"to_account": "bob", "payload": b""} | arguments))
    assert caught.value.code == code
    await user.aclose()


async def test_an_online_message_arrives_and_its_sender_gets_a_receipt(server: ScriptedServer) -> None:
    received: list[OnlineMessage] = []
    user = server.user(on_online_message=received.append)
    peer = await server.log_in(user)

    await peer.send(online("o-1", b"gr\xc3\xbc\xc3\x9f"))

    assert await peer.next_event() == OnlineAck("o-1", BOB, "bobs-phone", 1, "RECEIVED")
    assert received == [
        OnlineMessage(1_600_000_000, "o-1", "bob", "bobs-phone", "", b"gr\xc3\xbc\xc3\x9f", None)
    ]
    assert received[0].text == "grüß"
    await user.aclose()


async def test_online_messages_are_handled_one_after_the_other(tcp_server: ScriptedServer) -> None:
    order: list[str] = []

    async def handle(received: OnlineMessage) -> None:
        order.append(f"+{received.text}")
        await asyncio.sleep(0)
        order.append(f"-{received.text}")

    user = tcp_server.user(on_online_message=handle)
    peer = await tcp_server.log_in(user)

    await peer.send(online("o-1", b"1"), online("o-2", b"2"))
    acknowledged = [(await peer.expect(OnlineAck)).packet_id for _ in range(2)]

    assert order == ["+1", "-1", "+2", "-2"]
    assert acknowledged == ["o-1", "o-2"]
    await user.aclose()


async def test_a_handler_that_fails_gives_no_receipt_and_the_next_message(
    tcp_server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    def handle(received: OnlineMessage) -> None:
        if received.packet_id == "o-1":
            raise RuntimeError("not now")

    user = tcp_server.user(on_online_message=handle)
    peer = await tcp_server.log_in(user)

    await peer.send(online("o-1"), online("o-2"))

    assert (await peer.expect(OnlineAck)).packet_id == "o-2"
    assert "gets no receipt" in caplog.text
    assert "typing" not in caplog.text
    await user.aclose()


async def test_without_a_handler_nobody_is_told_that_it_was_received(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)

    await peer.send(online("o-1"))
    await peer.deliver(message(1))
    await anext(user.messages())
    coming = asyncio.create_task(anext(user.messages()))

    assert await peer.next_event() == SequenceAck(1)
    coming.cancel()
    await user.aclose()


async def test_more_than_the_handler_can_take_is_dropped(
    tcp_server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    may_return = asyncio.Event()

    async def handle(_: OnlineMessage) -> None:
        await may_return.wait()

    user = tcp_server.user(
        on_online_message=handle, settings=Settings(max_queued_messages=2, remembered_sequences=4)
    )
    peer = await tcp_server.log_in(user)

    for number in range(1, 6):
        await peer.send(online(f"o-{number}"))
        await asyncio.sleep(0)
    await until(lambda: "o-5 dropped" in caplog.text)
    may_return.set()
    acknowledged = [(await peer.expect(OnlineAck)).packet_id for _ in range(2)]

    assert acknowledged == ["o-1", "o-2"]
    await user.aclose()
