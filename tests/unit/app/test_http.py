from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from openmimc.app import http
from openmimc.app.listeners import Address, address_of, bind_listener


async def echo_length(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI app that answers with how much it was sent."""
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return
        size += len(event["body"])
        if not event["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
    await send({"type": "http.response.body", "body": b"%06d" % size})


class Upgraded(asyncio.Protocol):
    """Stands in for a WebSocket; answers the upgrade with what it was handed over."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(b"got " + data)


@pytest.fixture
async def address() -> AsyncIterator[Address]:
    sock = bind_listener("127.0.0.1", 0, option="http_port")
    server = await http.start_http(
        echo_length, lambda **context: Upgraded(), sock, tls=None, max_connections=3, grace_s=1
    )
    yield address_of(sock)
    await server.shutdown()


async def exchange(address: Address, data: bytes, *, until: bytes = b"") -> bytes:
    """Send bytes; returns what comes until the peer closes, or until it ends with ``until``."""
    reader, writer = await asyncio.open_connection(*address)
    received = b""
    writer.write(data)
    try:
        async with asyncio.timeout(10):
            while chunk := await reader.read(65_536):
                received += chunk
                if until and received.endswith(until):
                    break
    except ConnectionResetError:
        pass  # The server was quicker to leave than we to finish.
    writer.close()
    return received


async def test_requests_are_answered_by_the_app(address: Address) -> None:
    received = await exchange(
        address, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc", until=b"000003"
    )

    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nserver:" not in received.lower()


async def test_several_requests_on_one_connection_are_answered(address: Address) -> None:
    one = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"

    received = await exchange(address, one * 3 + b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")

    assert received.count(b"HTTP/1.1 200 OK") == 4


@pytest.mark.parametrize("piece", [b"x-more: 1\r\n", b"x"])
async def test_a_head_without_end_is_refused(address: Address, piece: bytes) -> None:
    endless = piece * (16 * http.HEAD_MAX_BYTES // len(piece))

    received = await exchange(address, b"GET / HTTP/1.1\r\nhost: x\r\n" + endless)

    assert received.startswith(b"HTTP/1.1 431 ")


async def test_a_large_body_is_no_large_head(address: Address) -> None:
    body = b"x" * (3 * http.HEAD_MAX_BYTES)

    received = await exchange(
        address,
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body),
        until=b"196608",
    )

    assert received.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "beginning",
    [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\n", b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc"],
)
async def test_a_request_that_does_not_arrive_in_time_is_given_up(
    address: Address, beginning: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "REQUEST_TIMEOUT_S", 0.02)

    assert await exchange(address, beginning) == b""


async def test_time_does_not_run_between_requests(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "REQUEST_TIMEOUT_S", 0.02)
    reader, writer = await asyncio.open_connection(*address)
    request = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"

    writer.write(request)
    await reader.readuntil(b"000003")
    await asyncio.sleep(0.04)
    writer.write(request)

    assert b"200 OK" in await reader.readuntil(b"000003")
    writer.close()


async def test_an_upgraded_connection_is_handed_over_for_good(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "REQUEST_TIMEOUT_S", 0.02)
    reader, writer = await asyncio.open_connection(*address)

    writer.write(b"GET /chat HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")
    handed_over = await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0.04)
    writer.write(b"frame")

    assert handed_over.startswith(b"got GET /chat HTTP/1.1\r\nhost: x\r\n")
    assert await reader.readexactly(9) == b"got frame"
    writer.close()


async def test_garbage_is_refused(address: Address) -> None:
    assert (await exchange(address, b"\xc2\xfe\x00\x05\x00\x00\x00\x00\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


async def test_connections_beyond_the_bound_are_told_to_come_later(address: Address) -> None:
    idle = [await asyncio.open_connection(*address) for _ in range(3)]

    received = await exchange(address, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 503 ")
    for _, writer in idle:
        writer.close()
