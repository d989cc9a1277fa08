"""Sending: receipts, refusals, and what happens when the connection breaks in between."""

from __future__ import annotations

import asyncio

import pytest

from openmimc.client import MessageRefused, SendReceipt, SendTimedOut, Settings
from openmimc.wire.events import PacketAck, SendP2P, SendP2T
from tests.unit.client.scripted import APP_ID, DEADLINE_S, ScriptedServer, until


async def test_a_send_returns_the_servers_receipt(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    sending = asyncio.create_task(
        user.send("bob", b"\x00\xff", biz_type="offer", is_store=False, packet_id="p-1")
    )
    sent = await peer.expect(SendP2P)
    await peer.send(PacketAck("p-1", 16_000_000_000_001, 1_600_000_000))

    assert await sending == SendReceipt("p-1", 16_000_000_000_001, 1_600_000_000)
    assert sent == SendP2P(
        packet_id="p-1",
        to_app_id=APP_ID,
        to_account="bob",
        payload=b"\x00\xff",
        is_store=False,
        biz_type="offer",
    )
    await user.aclose()


async def test_text_is_sent_as_utf_8(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)

    sending = asyncio.create_task(user.send("bob", "grüß dich 👋"))
    sent = await peer.expect(SendP2P)

    assert sent.payload.decode() == "grüß dich 👋"
    sending.cancel()
    await user.aclose()


@pytest.mark.parametrize("topic_id", [2**53 + 1, str(2**53 + 1)])
async def test_a_group_message_names_its_topic(tcp_server: ScriptedServer, topic_id: int | str) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)

    sending = asyncio.create_task(user.send_topic(topic_id, "hello"))
    sent = await peer.expect(SendP2T)
    await peer.acknowledge(sent, 7)

    assert sent.topic_id == 2**53 + 1
    assert (await sending).sequence == 7
    await user.aclose()


async def test_packet_ids_do_not_repeat(tcp_server: ScriptedServer) -> None:
    user, other = tcp_server.user(), tcp_server.user()
    peer, other_peer = await tcp_server.log_in(user), await tcp_server.log_in(other)

    sending = [asyncio.create_task(sender.send("bob", "x")) for sender in (user, user, other, other)]
    sent = [await from_peer.expect(SendP2P) for from_peer in (peer, peer, other_peer, other_peer)]

    assert len({event.packet_id for event in sent}) == 4
    for task in sending:
        task.cancel()
    await user.aclose()
    await other.aclose()


async def test_a_refusal_is_raised_with_its_code_and_text(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    sending = asyncio.create_task(user.send_topic(1, "hello"))
    sent = await peer.expect(SendP2T)
    await peer.send(PacketAck(sent.packet_id, 0, 1_600_000_000, 404, "no such topic"))

    with pytest.raises(MessageRefused) as caught:
        await sending
    assert (caught.value.code, caught.value.text) == (404, "no such topic")
    assert caught.value.packet_id == sent.packet_id
    assert not caught.value.is_temporary
    await user.aclose()


async def test_answers_find_their_messages_in_any_order(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)

    sending = [asyncio.create_task(user.send("bob", str(number))) for number in range(3)]
    sent = [await peer.expect(SendP2P) for _ in range(3)]
    for event in reversed(sent):
        await peer.acknowledge(event, 100 + int(event.payload))

    assert [(await task).sequence for task in sending] == [100, 101, 102]
    await user.aclose()


async def test_unanswered_messages_are_sent_again_in_their_order_under_their_ids(
    server: ScriptedServer,
) -> None:
    user = server.user()
    peer = await server.log_in(user)
    sending = [asyncio.create_task(user.send("bob", str(number))) for number in range(4)]
    first = [await peer.expect(SendP2P) for _ in range(4)]
    await peer.acknowledge(first[1], 1)
    await sending[1]

    await peer.close()
    peer = await server.next_peer()
    await peer.accept()
    second = [await peer.expect(SendP2P) for _ in range(3)]

    assert second == [first[0], first[2], first[3]]
    for event in second:
        await peer.acknowledge(event, 2)
    await asyncio.gather(*sending)
    await user.aclose()


async def test_what_is_sent_while_offline_follows_what_was_sent_before(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)
    sending = [asyncio.create_task(user.send("bob", "1"))]
    await peer.expect(SendP2P)

    await peer.close()
    peer = await server.next_peer()
    await peer.greet()
    sending.append(asyncio.create_task(user.send("bob", "2")))
    sending.append(asyncio.create_task(user.send_topic(5, "3")))
    await asyncio.sleep(0)
    await peer.close()
    peer = await server.next_peer()
    await peer.accept()
    sending.append(asyncio.create_task(user.send("bob", "4")))
    sent = [await peer.next_event() for _ in range(4)]

    assert [event.payload for event in sent if isinstance(event, SendP2P | SendP2T)] == [b"1", b"2", b"3", b"4"]
    for task in sending:
        task.cancel()
    await user.aclose()


async def test_a_lost_ack_costs_a_repetition_and_a_repeated_ack_nothing(server: ScriptedServer) -> None:
    """The server stored the message, the ack was lost: the repetition gets the first receipt again."""
    user = server.user()
    peer = await server.log_in(user)
    sending = asyncio.create_task(user.send("bob", "hello"))
    first = await peer.expect(SendP2P)

    await peer.close()
    peer = await server.next_peer()
    await peer.accept()
    second = await peer.expect(SendP2P)
    await peer.acknowledge(second, 42)
    await peer.acknowledge(second, 42)
    third = asyncio.create_task(user.send("bob", "next"))
    await peer.acknowledge(await peer.expect(SendP2P), 43)

    assert second == first
    assert (await sending).sequence == 42
    assert (await third).sequence == 43
    await user.aclose()


async def test_a_send_without_a_receipt_times_out_and_is_not_sent_again(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)

    with pytest.raises(SendTimedOut) as caught:
        await user.send("bob", "hello", packet_id="p-1", timeout_s=0.01)
    await peer.close()
    peer = await tcp_server.next_peer()
    await peer.accept()
    later = asyncio.create_task(user.send("bob", "later"))

    assert caught.value.packet_id == "p-1"
    assert (await peer.expect(SendP2P)).payload == b"later"
    later.cancel()
    await user.aclose()


async def test_a_cancelled_send_is_not_sent_again(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    cancelled = asyncio.create_task(user.send("bob", "cancelled"))
    kept = asyncio.create_task(user.send("bob", "kept"))
    await peer.expect(SendP2P)
    await peer.expect(SendP2P)

    cancelled.cancel()
    await asyncio.wait((cancelled,))
    await peer.close()
    peer = await tcp_server.next_peer()
    await peer.accept()

    assert (await peer.expect(SendP2P)).payload == b"kept"
    assert cancelled.cancelled()
    kept.cancel()
    await user.aclose()


async def test_a_late_answer_to_a_cancelled_send_disturbs_nobody(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    cancelled = asyncio.create_task(user.send("bob", "one"))
    sent = await peer.expect(SendP2P)
    cancelled.cancel()
    await asyncio.wait((cancelled,))

    await peer.acknowledge(sent, 1)
    repeated = asyncio.create_task(user.send("bob", "one", packet_id=sent.packet_id))
    await peer.acknowledge(await peer.expect(SendP2P), 1)

    assert (await repeated).sequence == 1
    await user.aclose()


async def test_a_packet_id_cannot_be_under_way_twice(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    first = asyncio.create_task(user.send("bob", "one", packet_id="p"))
    sent = await peer.expect(SendP2P)

    with pytest.raises(ValueError, match="still being sent"):
        await user.send("bob", "two", packet_id="p")

    await peer.acknowledge(sent, 1)
    assert (await first).sequence == 1
    await user.aclose()


async def test_sends_beyond_the_window_wait_their_turn(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user(settings=Settings(max_unacknowledged=2))
    peer = await tcp_server.log_in(user)

    sending = [asyncio.create_task(user.send("bob", str(number))) for number in range(5)]
    sent: list[SendP2P] = [await peer.expect(SendP2P) for _ in range(2)]
    unexpected = asyncio.create_task(peer.expect(SendP2P))
    await asyncio.sleep(0.01)
    was_held_back = not unexpected.done()
    for event in sent[:]:
        await peer.acknowledge(event, 1)
    sent.append(await unexpected)
    sent.append(await peer.expect(SendP2P))
    for event in sent[2:]:
        await peer.acknowledge(event, 1)
    sent.append(await peer.expect(SendP2P))

    assert was_held_back
    assert [event.payload for event in sent] == [b"0", b"1", b"2", b"3", b"4"]
    for task in sending:
        task.cancel()
    await user.aclose()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"to_account": "bob", "payload": b"x" * 65_537}, 413),
        ({"to_account": "b" * 257, "payload": b""}, 400),
        ({"to_account": "bob", "payload": b"", "biz_type": "ü" * 513}, 400),
        ({"to_account": "bob", "payload": b"", "packet_id": "p" * 257}, 400),
    ],
)
async def test_what_would_break_the_connection_is_refused_before_it_is_sent(
    tcp_server: ScriptedServer, arguments: dict[str, object], code: int
) -> None:
    user = tcp_server.user()
    await tcp_server.log_in(user)

    with pytest.raises(MessageRefused) as caught:
        await user.send(**arguments)

    assert caught.value.code == code
    await user.aclose()


async def test_the_largest_message_is_sent_whole(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    sending = asyncio.create_task(user.send("b" * 256, b"x" * 65_536, biz_type="z" * 1024, packet_id="p" * 256))
    sent = await peer.expect(SendP2P)
    await peer.acknowledge(sent, 9)

    assert len(sent.payload) == 65_536
    assert (await sending).sequence == 9
    await user.aclose()


async def test_a_reader_that_is_slow_gets_everything_in_order(tcp_server: ScriptedServer) -> None:
    """Far more than the buffers of the sockets hold is under way while the server reads nothing."""
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    payload = b"x" * 60_000

    sending = [asyncio.create_task(user.send("bob", payload, biz_type=str(n))) for n in range(200)]
    await asyncio.sleep(0.02)
    received = []
    for _ in range(200):
        event = await peer.expect(SendP2P)
        received.append(event.biz_type)
        await peer.acknowledge(event, 1)
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*sending)

    assert received == [str(n) for n in range(200)]
    await user.aclose()


async def test_a_send_may_begin_while_the_user_is_still_logging_in(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    login = asyncio.create_task(user.login())
    peer = await tcp_server.next_peer()
    sending = asyncio.create_task(user.send("bob", "early"))

    await peer.accept()
    sent = await peer.expect(SendP2P)
    await peer.acknowledge(sent, 3)

    await login
    assert (await sending).sequence == 3
    await until(lambda: sending.done())
    await user.aclose()


async def test_a_message_can_be_numbered_in_its_conversation(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    sending = [
        asyncio.create_task(user.send("bob", "x", wants_index=True)),
        asyncio.create_task(user.send_topic(5, "x", wants_index=True)),
        asyncio.create_task(user.send("bob", "x")),
    ]
    sent = [await peer.expect(SendP2P), await peer.expect(SendP2T), await peer.expect(SendP2P)]
    for index, item in zip((7, 8, 0), sent, strict=True):
        await peer.send(PacketAck(item.packet_id, 20_000 + index, 2, index=index))

    assert [item.conversation for item in sent] == [True, True, False]
    assert [receipt.index for receipt in await asyncio.gather(*sending)] == [7, 8, 0]
    await user.aclose()
