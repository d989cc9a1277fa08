"""One attempt against real sockets: what counts as received, and what an attempt may cost."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator

import pytest
import trustme

from openmimc.webhook.sender import ANSWER_MAX_BYTES, DELIVERED, Outcome, Result, Sender
from tests.integration.webhook.receiver import Receiver, open_receiver


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    async with Sender(allow_private=True, max_connections=16, attempt_timeout_s=0.5) as made:
        yield made


async def test_a_request_is_json_with_the_headers_given(sender: Sender, receiver: Receiver) -> None:
    outcome = await sender.post(receiver.url("/a/b?c=d"), {"OpenMIMC-Event": "7"}, b'{"x":"\xc3\xa9"}')

    (call,) = receiver.calls
    assert outcome == DELIVERED
    assert call.line == "POST /a/b?c=d HTTP/1.1"
    assert call.body == b'{"x":"\xc3\xa9"}'
    assert call.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert call.headers["content-type"] == "application/json; charset=utf-8"
    assert call.headers["openmimc-event"] == "7"
    assert call.headers["user-agent"].startswith("openmimc/")


@pytest.mark.parametrize("status", [201, 202, 204, 400, 404, 500, 503])
async def test_only_status_200_is_success(sender: Sender, receiver: Receiver, status: int) -> None:
    receiver.will_answer(status)

    assert await sender.post(receiver.url(), {}, b"{}") == Outcome(Result.REFUSED, f"status {status}")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(sender: Sender, receiver: Receiver, status: int) -> None:
    async with open_receiver() as elsewhere:
        receiver.will_answer(status, b"", f"Location: {elsewhere.url()}")

        outcome = await sender.post(receiver.url(), {}, b"{}")

        assert outcome.result is Result.REFUSED
        assert elsewhere.calls == []


async def test_silence_ends_an_attempt_in_time(sender: Sender, receiver: Receiver) -> None:
    receiver.will_be_silent()
    started = time.monotonic()

    outcome = await sender.post(receiver.url(), {}, b"{}")

    assert outcome.result is Result.TIMEOUT
    assert time.monotonic() - started < 5


async def test_a_receiver_that_is_down_is_unreachable(sender: Sender) -> None:
    async with open_receiver() as gone:
        url = gone.url()

    assert await sender.post(url, {}, b"{}") == Outcome(Result.UNREACHABLE, "cannot connect")


async def test_what_speaks_no_http_is_a_failure(sender: Sender, receiver: Receiver) -> None:
    receiver.answer = b"220 mail.example.com ESMTP\r\n\r\n"

    assert (await sender.post(receiver.url(), {}, b"{}")).result is Result.UNREACHABLE


async def test_a_connection_is_used_again(sender: Sender, receiver: Receiver) -> None:
    receiver.will_answer(200, b"ok")

    for _ in range(5):
        await sender.post(receiver.url(), {}, b"{}")

    assert (len(receiver.calls), receiver.connections) == (5, 1)


async def test_of_a_long_answer_the_rest_is_not_read(sender: Sender, receiver: Receiver) -> None:
    """The status counts all the same; the connection is given up instead."""
    receiver.will_answer(200, b"x" * ANSWER_MAX_BYTES * 200)

    outcomes = [await sender.post(receiver.url(), {}, b"{}") for _ in range(2)]

    assert outcomes == [DELIVERED, DELIVERED]
    assert receiver.connections == 2


async def test_an_answer_that_never_ends_is_an_answer(sender: Sender, receiver: Receiver) -> None:
    receiver.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"

    assert await sender.post(receiver.url(), {}, b"{}") == DELIVERED


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
async def test_a_private_address_is_refused_however_it_is_spelled(receiver: Receiver, host: str) -> None:
    async with Sender(allow_private=False, max_connections=1) as careful:
        outcome = await careful.post(f"http://{host}:{receiver.port}/", {}, b"{}")

    assert outcome.result is Result.FORBIDDEN
    assert receiver.connections == 0


async def test_the_certificate_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with open_receiver(context) as receiver:
        async with Sender(allow_private=True, max_connections=1) as stranger:
            refused = await stranger.post(receiver.url(), {}, b"{}")
        with authority.cert_pem.tempfile() as file:
            monkeypatch.setenv("SSL_CERT_FILE", file)
            async with Sender(allow_private=True, max_connections=1) as acquainted:
                taken = await acquainted.post(receiver.url(), {}, b"{}")

    assert refused == Outcome(Result.UNREACHABLE, "the receiver's certificate is not trusted")
    assert taken == DELIVERED
    assert len(receiver.calls) == 1


async def test_attempts_go_on_beside_each_other(sender: Sender, receiver: Receiver) -> None:
    receiver.will_be_silent()
    waiting = [asyncio.create_task(sender.post(receiver.url("/slow"), {}, b"{}")) for _ in range(8)]
    await receiver.has(lambda calls: len(calls) == 8)
    receiver.will_answer(200)

    outcome = await sender.post(receiver.url("/quick"), {}, b"{}")

    assert outcome == DELIVERED
    assert {(await task).result for task in waiting} == {Result.TIMEOUT}
