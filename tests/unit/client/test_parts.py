"""The parts that need no connection: backoff, memory of sequences, outbox, token answers."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.client import MessageRefused, Settings, TokenRefused, TokenUnavailable
from openmimc.client.backoff import Backoff
from openmimc.client.dedupe import SeenSequences
from openmimc.client.outbox import Outbox
from openmimc.client.tokens import Tokens, parse_token_answer
from openmimc.client.transport import Address
from openmimc.wire.events import PacketAck, SendP2P
from tests.unit.client.scripted import APP_ID, SECURITY_KEY, USER_IDS, token_answer

# ------------------------------------------------------------------ backoff


def test_delays_double_up_to_the_bound_and_begin_again_after_a_reset() -> None:
    backoff = Backoff(1, 30, jitter=lambda: 1.0)

    delays_s = [backoff.next_delay_s() for _ in range(7)]
    backoff.reset()

    assert delays_s == [1, 2, 4, 8, 16, 30, 30]
    assert backoff.next_delay_s() == 1


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=40))
def test_a_delay_is_anywhere_below_its_bound(draws: list[float]) -> None:
    source = iter(draws)
    backoff = Backoff(1, 30, jitter=lambda: next(source))

    delays_s = [backoff.next_delay_s() for _ in draws]

    assert delays_s == [draw * min(30, 2**n) for n, draw in enumerate(draws)]


@pytest.mark.parametrize(("initial_s", "max_s"), [(0, 1), (-1, 1), (2, 1)])
def test_a_backoff_without_a_pause_is_refused(initial_s: float, max_s: float) -> None:
    with pytest.raises(ValueError, match="backoff"):
        Backoff(initial_s, max_s)


# ------------------------------------------------------------------ sequences


@given(st.lists(st.integers(0, 20), max_size=60), st.integers(1, 10))
def test_the_last_sequences_are_remembered_and_no_more(sequences: list[int], limit: int) -> None:
    seen = SeenSequences(limit=limit)
    model: list[int] = []

    for sequence in sequences:
        assert seen.add(sequence) == (sequence not in model)
        if sequence not in model:
            model = [*model, sequence][-limit:]

    assert len(seen) == len(model)
    assert all(sequence in seen for sequence in model)


def test_a_forgotten_sequence_is_new_again() -> None:
    seen = SeenSequences([1, 2])

    seen.forget(1)
    seen.forget(3)

    assert seen.add(1)
    assert not seen.add(2)


def test_a_memory_that_is_smaller_than_the_queue_is_refused() -> None:
    """A queued message that is forgotten would be queued again."""
    with pytest.raises(ValueError, match="remembered_sequences"):
        Settings(max_queued_messages=10, remembered_sequences=19)


# ------------------------------------------------------------------ outbox


def outgoing(packet_id: str) -> SendP2P:
    return SendP2P(packet_id=packet_id, to_app_id=APP_ID, to_account="bob", payload=b"")


async def test_the_outbox_keeps_the_order_of_what_is_unanswered() -> None:
    outbox = Outbox()
    for packet_id in "abcd":
        outbox.add(outgoing(packet_id))

    outbox.settle(PacketAck("b", 1, 1))
    outbox.settle(PacketAck("b", 1, 1))
    outbox.settle(PacketAck("unknown", 1, 1))

    assert [item.packet_id for item in outbox] == ["a", "c", "d"]


@pytest.mark.parametrize(("sequence", "code"), [(0, 500), (0, 0), (7, 413)])
async def test_an_answer_without_a_sequence_or_with_a_code_is_a_refusal(sequence: int, code: int) -> None:
    outbox = Outbox()
    receipt = outbox.add(outgoing("a"))

    outbox.settle(PacketAck("a", sequence, 1, code, "no"))

    with pytest.raises(MessageRefused):
        await receipt


async def test_dropping_a_settled_message_leaves_its_successor_alone() -> None:
    outbox = Outbox()
    first = outbox.add(outgoing("a"))
    outbox.settle(PacketAck("a", 1, 1))
    outbox.add(outgoing("a"))

    outbox.drop("a", first)

    assert len(outbox) == 1


async def test_the_end_reaches_everyone_who_waits_and_can() -> None:
    outbox = Outbox()
    waiting, cancelled = outbox.add(outgoing("a")), outbox.add(outgoing("b"))
    cancelled.cancel()

    outbox.fail_all(RuntimeError("over"))

    with pytest.raises(RuntimeError, match="over"):
        await waiting
    assert len(outbox) == 0


# ------------------------------------------------------------------ token answers


def numbers_for_strings(answer: dict[str, Any]) -> dict[str, Any]:
    data = answer["data"] | {"appId": APP_ID, "miUserId": USER_IDS["alice"]}
    return {"code": "200", "data": data}


@pytest.mark.parametrize(
    "answer",
    [
        token_answer(),
        json.dumps(token_answer()),
        json.dumps(token_answer()).encode(),
        numbers_for_strings(token_answer()),
        token_answer(feDomainName="fe.example", regionBucket=1, unknown=None),
    ],
    ids=["object", "text", "bytes", "numbers", "more fields"],
)
def test_a_token_answer_is_read_in_each_form(answer: Any) -> None:
    credentials = parse_token_answer(answer)

    assert credentials.app_id == APP_ID
    assert credentials.user_id == USER_IDS["alice"]
    assert credentials.account == "alice"
    assert credentials.app_package == "com.example.chat"
    assert credentials.token == "token-1"
    assert credentials.security_key == SECURITY_KEY


def test_a_refusal_of_the_token_service_keeps_its_code_and_text() -> None:
    with pytest.raises(TokenRefused) as caught:
        parse_token_answer({"code": 446, "message": "account banned", "data": None})

    assert (caught.value.code, caught.value.text, caught.value.is_temporary) == (446, "account banned", False)


@pytest.mark.parametrize("code", [429, 500, 502, 503])
def test_a_busy_token_service_may_be_asked_again(code: int) -> None:
    with pytest.raises(TokenRefused) as caught:
        parse_token_answer({"code": code, "message": "later"})

    assert caught.value.is_temporary


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff",
        "null",
        "[]",
        "{}",
        '{"code": 200}',
        '{"code": 200, "data": null}',
        '{"code": null}',
        token_answer(token=""),
        token_answer(token=None),
        token_answer(miUserSecurityKey="not base64!"),
        token_answer(miUserSecurityKey=""),
        token_answer(miUserId="x"),
        token_answer(appId=None),
        token_answer(appAccount=7),
    ],
    ids=str,
)
def test_what_is_no_token_answer_is_refused(answer: Any) -> None:
    with pytest.raises(TokenUnavailable):
        parse_token_answer(answer)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists) | st.text() | st.binary())
def test_any_answer_is_either_read_or_refused(answer: Any) -> None:
    with pytest.raises(TokenUnavailable):
        parse_token_answer(answer)


def test_secrets_do_not_show_in_the_text_form() -> None:
    text = repr(parse_token_answer(token_answer(token="s3cr3t")))

    assert "s3cr3t" not in text
    assert "0123456789abcdef" not in text


async def test_an_error_about_an_answer_does_not_repeat_it() -> None:
    with pytest.raises(TokenUnavailable) as caught:
        parse_token_answer(token_answer(token="s3cr3t", miUserId="x"))

    assert "s3cr3t" not in str(caught.value)


async def test_credentials_are_kept_until_they_are_discarded() -> None:
    calls = 0

    def fetch() -> dict[str, Any]:
        nonlocal calls
        calls += 1
        return token_answer(token=f"token-{calls}")

    tokens = Tokens(APP_ID, "alice", fetch)

    first = await tokens.get()
    assert (await tokens.get()) is first
    tokens.discard()
    assert tokens.current is None
    assert (await tokens.get()).token == "token-2"


@pytest.mark.parametrize("changes", [{"appAccount": "bob"}, {"appId": "1"}])
async def test_an_answer_for_somebody_else_is_refused(changes: dict[str, str]) -> None:
    tokens = Tokens(APP_ID, "alice", lambda: token_answer(**changes))

    with pytest.raises(TokenUnavailable, match="another"):
        await tokens.get()

    assert tokens.current is None


async def test_a_blocking_fetcher_does_not_block_the_loop() -> None:
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def fetch() -> dict[str, Any]:
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(5)  # Needs a loop that runs.
        loop.call_soon_threadsafe(asked.set)
        return token_answer()

    await Tokens(APP_ID, "alice", fetch).get()
    await asked.wait()


async def test_a_function_that_gives_a_coroutine_can_fetch() -> None:
    async def ask() -> dict[str, Any]:
        return token_answer()

    credentials = await Tokens(APP_ID, "alice", lambda: ask()).get()

    assert credentials.token == "token-1"


async def test_a_fetcher_that_gives_something_else_is_refused() -> None:
    with pytest.raises(TokenUnavailable, match="int"):
        await Tokens(APP_ID, "alice", lambda: 7).get()  # type: ignore[arg-type, return-value]  # The test.


# ------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("chat.example:5222", "chat.example", 5222), ("[::1]:5222", "::1", 5222), ("::1:5222", "::1", 5222)],
)
def test_an_address_is_split_at_its_last_colon(text: str, host: str, port: int) -> None:
    address = Address.choose(text, None, None, None)

    assert (address.host, address.port, address.ssl_context) == (host, port, None)


def test_tls_is_checked_unless_told_otherwise() -> None:
    over_tcp = Address.choose(None, "chat.example:5223", None, None)
    over_websocket = Address.choose(None, None, "wss://chat.example/", None)

    for address in (over_tcp, over_websocket):
        assert address.ssl_context is not None
        assert address.ssl_context.verify_mode is ssl.CERT_REQUIRED
