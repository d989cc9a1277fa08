"""Logging in, being refused, logging out."""

from __future__ import annotations

import asyncio
import json
import ssl

import pytest
import trustme

from openmimc.client import (
    Kicked,
    LoginRefused,
    LoginTimedOut,
    MIMCUser,
    NotLoggedIn,
    Settings,
    Status,
    TokenRefused,
    TokenUnavailable,
)
from openmimc.client.link import SDK_NAME
from openmimc.wire.connection import Framing
from openmimc.wire.events import Unbind
from tests.unit.client.scripted import (
    APP_ID,
    DEADLINE_S,
    QUICK,
    USER_IDS,
    ScriptedServer,
    TokenService,
    message,
    token_answer,
    until,
)


async def test_login_returns_when_the_server_has_accepted_the_user(server: ScriptedServer) -> None:
    user = server.user(resource="phone")

    login = asyncio.create_task(user.login())
    peer = await server.next_peer()
    await peer.greet()
    await until(lambda: user.status is Status.CONNECTING)
    await asyncio.sleep(0)

    assert not login.done()
    login.cancel()
    await asyncio.wait((login,))


async def test_a_logged_in_user_knows_his_token_and_number(server: ScriptedServer) -> None:
    user = server.user(resource="phone")

    peer = await server.log_in(user)

    assert user.status is Status.ONLINE
    assert (user.token, user.user_id) == ("token-1", USER_IDS["alice"])
    assert peer.bind is not None
    assert (peer.bind.token, peer.bind.user_id, peer.bind.resource) == ("token-1", USER_IDS["alice"], "phone")
    assert peer.conn is not None
    assert peer.conn.os == SDK_NAME
    await user.aclose()


async def test_two_users_without_a_resource_are_two_devices(tcp_server: ScriptedServer) -> None:
    assert tcp_server.user().resource != tcp_server.user().resource


@pytest.mark.parametrize("sso", [False, True])
async def test_the_wish_to_be_alone_is_passed_on(tcp_server: ScriptedServer, sso: bool) -> None:
    user = tcp_server.user(sso=sso)

    peer = await tcp_server.log_in(user)

    assert peer.bind is not None
    assert peer.bind.sso is sso
    await user.aclose()


async def test_a_second_login_call_changes_nothing(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    await tcp_server.log_in(user)

    await user.login()

    assert not tcp_server.has_waiting_peer
    await user.aclose()


async def test_the_context_manager_logs_in_and_out(server: ScriptedServer) -> None:
    async def serve() -> list[type]:
        peer = await server.next_peer()
        await peer.accept()
        events = [await peer.next_event()]
        await peer.kick("logout")
        events.append(await peer.next_event())
        return [type(event) for event in events]

    serving = asyncio.create_task(serve())
    async with server.user() as user:
        status_inside = user.status

    assert status_inside is Status.ONLINE
    assert user.status is Status.OFFLINE
    assert await serving == [Unbind, type(None)]


@pytest.mark.parametrize(
    ("error_type", "reason"),
    [
        ("cancel", "account-banned"),
        ("cancel", "bad-resource"),
        ("cancel", "too-many-connections"),
        ("wait", ""),
    ],
)
async def test_a_refusal_that_no_token_cures_is_raised(
    server: ScriptedServer, error_type: str, reason: str
) -> None:
    user = server.user()

    login = asyncio.create_task(user.login())
    await (await server.next_peer()).refuse(error_type, reason, "go away")

    with pytest.raises(LoginRefused) as caught:
        await login
    assert (caught.value.error_type, caught.value.reason) == (error_type, reason or error_type)
    assert caught.value.description == "go away"
    assert user.status is Status.OFFLINE


@pytest.mark.parametrize(
    ("error_type", "reason"), [("auto", "invalid-token"), ("token-expired", "token-expired")]
)
async def test_a_fresh_token_that_is_refused_is_not_asked_for_again(
    tcp_server: ScriptedServer, error_type: str, reason: str
) -> None:
    fetch = TokenService()
    user = tcp_server.user(fetch)

    login = asyncio.create_task(user.login())
    await (await tcp_server.next_peer()).refuse(error_type, reason)

    with pytest.raises(LoginRefused, match=reason):
        await login
    assert fetch.calls == 1


@pytest.mark.parametrize(
    ("error_type", "reason"), [("auto", "invalid-token"), ("token-expired", "token-expired")]
)
async def test_an_old_token_that_is_refused_is_replaced(
    server: ScriptedServer, error_type: str, reason: str
) -> None:
    fetch = TokenService()
    user = server.user(fetch)
    peer = await server.log_in(user)
    await peer.close()

    await (await server.next_peer()).refuse(error_type, reason)
    bind = await (await server.next_peer()).accept()

    assert bind.token == "token-2"
    assert fetch.calls == 2
    await user.aclose()


async def test_tokens_are_not_fetched_faster_than_the_backoff_allows(tcp_server: ScriptedServer) -> None:
    """However often the server says that the token is bad, each fetch costs one pause of the backoff."""
    pauses: list[float] = []

    def jitter() -> float:
        pauses.append(1.0)
        return 1.0

    fetch = TokenService()
    user = tcp_server.user(
        fetch, settings=Settings(backoff_initial_s=0.001, backoff_max_s=0.002, jitter=jitter)
    )
    await (await tcp_server.log_in(user)).close()
    for _ in range(5):
        await (await tcp_server.next_peer()).refuse("auto", "invalid-token")
    await (await tcp_server.next_peer()).accept()

    assert fetch.calls == 6
    assert len(pauses) == 6
    await user.aclose()


async def test_a_server_that_is_too_busy_is_tried_again(tcp_server: ScriptedServer) -> None:
    fetch = TokenService()
    user = tcp_server.user(fetch)

    login = asyncio.create_task(user.login())
    await (await tcp_server.next_peer()).refuse("cancel", "unavailable")
    await (await tcp_server.next_peer()).accept()

    await login
    assert fetch.calls == 1
    await user.aclose()


async def test_a_ban_while_offline_is_told_and_tried_again(tcp_server: ScriptedServer) -> None:
    """Only the app can know whether a user who was welcome once will be so again."""
    told: list[tuple[Status, str]] = []
    user = tcp_server.user(on_status=lambda status, reason: told.append((status, reason)))
    await (await tcp_server.log_in(user)).close()

    await (await tcp_server.next_peer()).refuse("cancel", "account-banned")
    await (await tcp_server.next_peer()).accept()
    await until(lambda: user.status is Status.ONLINE)

    assert (Status.CONNECTING, "account-banned") in told
    await user.aclose()


async def test_a_login_without_a_server_ends_in_time_and_says_why() -> None:
    unused = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = unused.sockets[0].getsockname()[1]
    unused.close()
    await unused.wait_closed()
    user = MIMCUser(APP_ID, "alice", TokenService(), tcp=f"127.0.0.1:{port}", settings=QUICK)

    with pytest.raises(LoginTimedOut) as caught:
        await user.login(timeout_s=0.2)

    assert "cannot connect" in str(caught.value.__cause__)
    assert user.status is Status.OFFLINE


async def test_a_server_that_does_not_greet_is_given_up(server: ScriptedServer) -> None:
    user = server.user(settings=Settings(connect_timeout_s=0.02, backoff_initial_s=0.001, jitter=lambda: 1.0))

    login = asyncio.create_task(user.login(timeout_s=DEADLINE_S))
    await server.next_peer()
    await server.accept_at_last()

    await login
    await user.aclose()


async def test_a_bind_without_an_answer_is_given_up(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user(settings=Settings(bind_timeout_s=0.02, backoff_initial_s=0.001, jitter=lambda: 1.0))

    login = asyncio.create_task(user.login(timeout_s=DEADLINE_S))
    await (await tcp_server.next_peer()).greet()
    await tcp_server.accept_at_last()

    await login
    await user.aclose()


async def test_a_cancelled_login_tries_no_more(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    login = asyncio.create_task(user.login())
    peer = await tcp_server.next_peer()
    await peer.greet()

    login.cancel()
    await asyncio.wait((login,))

    assert user.status is Status.OFFLINE
    while await peer.next_event() is not None:
        pass  # What was under way; the end of the stream shows that the user has closed it.


async def test_a_refused_token_is_raised_with_its_code(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user(lambda: json.dumps({"code": 443, "message": "wrong app secret", "data": None}))

    with pytest.raises(TokenRefused) as caught:
        await user.login()

    assert (caught.value.code, caught.value.text) == (443, "wrong app secret")


async def test_a_token_service_that_is_down_is_asked_again(tcp_server: ScriptedServer) -> None:
    answers = [OSError("connection refused"), {"code": 503, "message": "busy"}, b"<html>", token_answer()]

    def fetch() -> object:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    user = tcp_server.user(fetch)

    await tcp_server.log_in(user)

    assert answers == []
    await user.aclose()


async def test_a_fetcher_that_hangs_is_given_up(tcp_server: ScriptedServer) -> None:
    async def hang() -> str:
        await asyncio.Event().wait()
        return ""

    user = tcp_server.user(
        hang, settings=Settings(token_timeout_s=0.005, backoff_initial_s=0.001, jitter=lambda: 1.0)
    )

    with pytest.raises(LoginTimedOut) as caught:
        await user.login(timeout_s=0.05)

    assert isinstance(caught.value.__cause__, TokenUnavailable)


async def test_logout_says_goodbye_and_waits_for_the_answer(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    leaving = asyncio.create_task(user.logout())
    await peer.expect(Unbind)
    before_the_answer = leaving.done()
    await peer.kick("logout")
    await leaving

    assert not before_the_answer
    assert user.status is Status.OFFLINE
    assert await peer.next_event() is None
    assert not server.has_waiting_peer


async def test_logout_is_content_with_a_closed_connection(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)

    leaving = asyncio.create_task(user.logout())
    await peer.expect(Unbind)
    await peer.close()
    await leaving

    assert user.status is Status.OFFLINE
    assert not server.has_waiting_peer


async def test_a_logged_out_user_can_log_in_again(server: ScriptedServer) -> None:
    user = server.user()
    peer = await server.log_in(user)
    leaving = asyncio.create_task(user.logout())
    await peer.expect(Unbind)
    await peer.kick("logout")
    await leaving

    await server.log_in(user)

    assert user.status is Status.ONLINE
    await user.aclose()


async def test_logout_ends_the_iteration_and_the_waiting_sends(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()
    peer = await tcp_server.log_in(user)
    reading = asyncio.create_task(anext(user.messages(), "ended"))
    sending = asyncio.create_task(user.send("bob", "hello"))
    await peer.next_event()

    await peer.close()
    await user.logout()

    assert await reading == "ended"
    with pytest.raises(NotLoggedIn):
        await sending


async def test_logout_may_be_called_by_a_message_handler(tcp_server: ScriptedServer) -> None:
    async def handle(_: object) -> None:
        await user.logout()

    user = tcp_server.user(on_message=handle)
    peer = await tcp_server.log_in(user)

    await peer.deliver(message(1))
    await peer.expect(Unbind)
    await peer.kick("logout")
    await until(lambda: user.status is Status.OFFLINE)

    assert await peer.next_event() is None
    await user.aclose()


async def test_closing_may_be_done_by_a_message_handler(tcp_server: ScriptedServer) -> None:
    done = asyncio.Event()

    async def handle(_: object) -> None:
        await user.aclose()
        done.set()

    user = tcp_server.user(on_message=handle)
    peer = await tcp_server.log_in(user)

    await peer.deliver(message(1))

    async with asyncio.timeout(DEADLINE_S):
        await done.wait()
    assert user.status is Status.OFFLINE


async def test_nothing_can_be_done_before_login(tcp_server: ScriptedServer) -> None:
    user = tcp_server.user()

    with pytest.raises(NotLoggedIn):
        await user.send("bob", "hello")
    with pytest.raises(NotLoggedIn):
        user.messages()
    await user.logout()
    await user.aclose()


async def test_tls_is_used_and_the_certificate_is_checked(tcp_server: ScriptedServer) -> None:
    authority = trustme.CA()
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server_context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    server = ScriptedServer(Framing.TCP)
    listener = await asyncio.start_server(server.serve_tcp_client, "127.0.0.1", 0, ssl=server_context)
    address = f"localhost:{listener.sockets[0].getsockname()[1]}"
    trusting_user = MIMCUser(APP_ID, "alice", TokenService(), tls=address, ssl_context=trusting, settings=QUICK)
    doubting_user = MIMCUser(APP_ID, "alice", TokenService(), tls=address, settings=QUICK)

    _peer = await server.log_in(trusting_user)  # Kept: a writer that nobody refers to closes its connection.
    with pytest.raises(LoginTimedOut) as caught:
        await doubting_user.login(timeout_s=0.2)

    assert trusting_user.status is Status.ONLINE
    assert "cannot connect" in str(caught.value.__cause__)
    await trusting_user.aclose()
    listener.close()
    await listener.wait_closed()


@pytest.mark.parametrize(
    "address",
    [
        {},
        {"tcp": "localhost:1", "websocket": "ws://localhost"},
        {"tcp": "localhost"},
        {"tcp": "localhost:0"},
        {"tcp": "localhost:65536"},
        {"tcp": ":5222"},
        {"tls": "localhost:x"},
        {"websocket": "http://localhost"},
        {"tcp": "localhost:1", "resource": ""},
        {"tcp": "localhost:1", "resource": "r" * 129},
    ],
)
def test_unusable_arguments_are_refused_at_once(address: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        MIMCUser(APP_ID, "alice", TokenService(), **address)


async def test_being_thrown_out_for_good_ends_everything(server: ScriptedServer) -> None:
    """Two devices with one resource would otherwise throw each other out for ever."""
    user = server.user()
    peer = await server.log_in(user)
    reading = asyncio.create_task(anext(user.messages()))
    sending = asyncio.create_task(user.send("bob", "hello"))
    await peer.next_event()

    await peer.kick("single-resource-kick")

    with pytest.raises(Kicked) as caught:
        await reading
    assert caught.value.reason == "single-resource-kick"
    with pytest.raises(Kicked):
        await sending
    with pytest.raises(Kicked):
        await user.send("bob", "hello")
    assert user.status is Status.OFFLINE
    assert not server.has_waiting_peer


@pytest.mark.parametrize("reason", ["not-bound", "logout", "shutting-down"])
async def test_being_thrown_out_for_another_reason_brings_the_user_back(
    server: ScriptedServer, reason: str
) -> None:
    fetch = TokenService()
    user = server.user(fetch)
    peer = await server.log_in(user)

    await peer.kick(reason)
    await (await server.next_peer()).accept()
    await until(lambda: user.status is Status.ONLINE)

    assert fetch.calls == 1
    await user.aclose()


@pytest.mark.parametrize("reason", ["token-expired", "invalid-token"])
async def test_being_thrown_out_for_the_token_brings_the_user_back_with_a_new_one(
    tcp_server: ScriptedServer, reason: str
) -> None:
    fetch = TokenService()
    user = tcp_server.user(fetch)
    peer = await tcp_server.log_in(user)

    await peer.kick(reason)
    bind = await (await tcp_server.next_peer()).accept()

    assert bind.token == "token-2"
    await user.aclose()


async def test_a_failing_status_callback_does_no_harm(
    tcp_server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(status: Status, reason: str) -> None:
        raise RuntimeError("the app's bug")

    user = tcp_server.user(on_status=fail)

    await tcp_server.log_in(user)

    assert user.status is Status.ONLINE
    assert "on_status failed" in caplog.text
    await user.aclose()
