"""Finding out that a connection is dead, keeping a quiet one alive, and coming back."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from openmimc.client import ClientError, Settings, Status
from openmimc.client.keepalive import Keepalive
from openmimc.wire.events import Ping, Pong, SendP2P
from tests.unit.client.scripted import DEADLINE_S, ClientGone, ScriptedServer, message, until


def quick(**changes: float) -> Settings:
    return Settings(backoff_initial_s=0.001, backoff_max_s=0.002, jitter=lambda: 1.0, **changes)


def test_a_ping_is_due_after_the_interval() -> None:
    keepalive = Keepalive(ping_interval_s=60, dead_after_s=10, now_s=1000)

    assert keepalive.due_s() == 1060
    assert not keepalive.is_ping_due(1059.9)
    assert keepalive.is_ping_due(1060)
    assert not keepalive.is_dead(5000)


def test_each_two_way_packet_puts_the_ping_off() -> None:
    keepalive = Keepalive(ping_interval_s=60, dead_after_s=10, now_s=1000)

    keepalive.sent_two_way(1030)
    keepalive.received()

    assert keepalive.due_s() == 1090
    assert not keepalive.is_ping_due(1089)


def test_silence_after_a_two_way_packet_is_death() -> None:
    """Later packets do not put the verdict off."""
    keepalive = Keepalive(ping_interval_s=60, dead_after_s=10, now_s=1000)

    keepalive.sent_two_way(1030)
    keepalive.sent_two_way(1039)

    assert keepalive.due_s() == 1040
    assert not keepalive.is_dead(1039.9)
    assert keepalive.is_dead(1040)


def test_anything_that_arrives_proves_life() -> None:
    keepalive = Keepalive(ping_interval_s=60, dead_after_s=10, now_s=1000)
    keepalive.sent_two_way(1030)

    keepalive.received()

    assert not keepalive.is_dead(1045)


async def test_a_quiet_connection_is_pinged_and_lives_on(server: ScriptedServer) -> None:
    user = server.user(settings=quick(ping_interval_s=0.01, dead_after_s=5))
    peer = await server.log_in(user)

    for _ in range(3):
        await peer.expect(Ping)
        await peer.send(Pong())

    assert user.status is Status.ONLINE
    assert not server.has_waiting_peer
    await user.aclose()


async def test_a_server_that_does_not_answer_pings_is_left_for_a_new_connection(
    server: ScriptedServer,
) -> None:
    user = server.user(settings=quick(ping_interval_s=0.01, dead_after_s=0.02))
    first = await server.log_in(user)

    second = await server.accept_at_last()

    assert second is not first
    await user.aclose()


async def test_a_send_that_meets_silence_is_sent_again_on_a_new_connection(server: ScriptedServer) -> None:
    user = server.user(settings=quick(dead_after_s=0.02))
    silent = await server.log_in(user)

    sending = asyncio.create_task(user.send("bob", "hello"))
    first = await silent.expect(SendP2P)
    repeated: list[SendP2P] = []
    while not sending.done():  # The user's patience is short: this answer may come late as well.
        peer = await server.accept_at_last()
        with contextlib.suppress(ClientGone):
            repeated.append(await peer.expect(SendP2P))
            await peer.acknowledge(repeated[-1], 1)
            gone = asyncio.create_task(peer.next_event())
            await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()

    assert set(repeated) == {first}
    assert (await sending).sequence == 1
    await user.aclose()


async def test_a_silent_server_with_nothing_to_answer_is_not_dead(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user(settings=quick(dead_after_s=0.005))
    peer = await tcp_server.log_in(user)

    await asyncio.sleep(0.03)
    await peer.deliver(message(1))

    assert (await anext(user.messages())).sequence == 1
    assert not tcp_server.has_waiting_peer
    await user.aclose()


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xc2\xfe\x00\x05\x7f\xff\xff\xff"])
async def test_a_server_that_breaks_the_protocol_is_left_for_a_new_connection(
    server: ScriptedServer, garbage: bytes
) -> None:
    user = server.user()
    peer = await server.log_in(user)

    await peer.send_raw(garbage)
    await (await server.next_peer()).accept()
    await until(lambda: user.status is Status.ONLINE)

    await user.aclose()


async def test_each_change_of_status_is_told_with_its_reason(tcp_server: ScriptedServer) -> None:
    told: list[tuple[Status, str]] = []
    user = tcp_server.user(on_status=lambda status, reason: told.append((status, reason)))
    peer = await tcp_server.log_in(user)
    await peer.close()
    await (await tcp_server.next_peer()).accept()
    await until(lambda: user.status is Status.ONLINE)
    await user.aclose()

    assert told == [
        (Status.CONNECTING, "login"),
        (Status.ONLINE, ""),
        (Status.CONNECTING, "the server closed the connection"),
        (Status.ONLINE, ""),
        (Status.OFFLINE, "logged out"),
    ]


async def test_a_session_that_does_not_last_does_not_reset_the_backoff(tcp_server: ScriptedServer) -> None:
    """A server that throws users out at once is asked ever more slowly."""
    bounds: list[float] = []
    settings = Settings(backoff_initial_s=0.001, backoff_max_s=1, jitter=lambda: 1.0, stable_after_s=10)
    user = tcp_server.user(settings=settings)
    loop = asyncio.get_running_loop()
    peer = await tcp_server.log_in(user)
    for _ in range(5):
        left_s = loop.time()
        await peer.close()
        peer = await tcp_server.next_peer()
        bounds.append(loop.time() - left_s)
        await peer.accept()

    assert bounds[4] > 0.015, "the fifth pause has 16 ms"
    await user.aclose()


async def test_a_session_that_lasted_resets_the_backoff(tcp_server: ScriptedServer) -> None:
    """Without the reset the pauses would add up to 16 seconds."""
    settings = Settings(backoff_initial_s=0.001, backoff_max_s=60, jitter=lambda: 1.0, stable_after_s=0)
    user = tcp_server.user(settings=settings)
    peer = await tcp_server.log_in(user)

    async with asyncio.timeout(DEADLINE_S):
        for _ in range(14):
            await peer.close()
            peer = await tcp_server.next_peer()
            await peer.accept()
            await until(lambda: user.status is Status.ONLINE)

    await user.aclose()


async def test_a_defect_ends_the_session_instead_of_hanging_it(
    tcp_server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> float:
        raise RuntimeError("a source of numbers without numbers")

    user = tcp_server.user(settings=Settings(jitter=broken))
    peer = await tcp_server.log_in(user)
    sending = asyncio.create_task(user.send("bob", "hello"))
    await peer.expect(SendP2P)

    await peer.close()

    with pytest.raises(ClientError, match="RuntimeError"):
        await sending
    assert user.status is Status.OFFLINE
    assert "ended by an error of this program" in caplog.text
    await user.aclose()
