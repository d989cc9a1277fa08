"""Bans and revocations: sessions end, and what comes back is judged anew. Who is connected, for operators."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from openmimc.app import background
from openmimc.domain.accounts import Accounts
from openmimc.errors import Unavailable
from openmimc.model.app import App
from openmimc.model.insight import ConnectionInfo
from openmimc.store.sqlite import SqliteStore
from openmimc.wire.events import BindResponse, Conn, Kick
from tests.fakes.bus import RecordingBus
from tests.integration.gateway.conftest import RunningGateway

CSHARP = Conn(os="macOS", udid="u", sdk=None)

TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "websocket"])


@TRANSPORTS
async def test_a_ban_ends_the_sessions_of_its_account_alone(
    server: RunningGateway, app: App, transport: str
) -> None:
    phone = await server.login(app, "alice", transport=transport)
    tablet = await server.login(app, "alice", "tablet", transport=transport)
    bob = await server.login(app, "bob", transport=transport)
    old = await server.grant(app, "alice")

    await server.accounts.set_banned(app.app_id, "alice", True)
    kicks = [await client.expect(Kick, timeout_s=1) for client in (phone, tablet)]
    refusal = await phone.bind(old)

    assert [kick.reason for kick in kicks] == ["invalid-token"] * 2
    assert (refusal.result, refusal.error_type, refusal.error_reason) == (False, "cancel", "account-banned")
    await bob.expect_silence(Kick)
    assert (await bob.send_p2p("alice", b"kept for her")).sequence > 0


async def test_who_is_let_in_again_gets_what_came_meanwhile(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob")
    old = await server.grant(app, "alice")
    await server.accounts.set_banned(app.app_id, "alice", True)
    await alice.expect(Kick)
    await bob.send_p2p("alice", b"kept for her")

    await server.accounts.set_banned(app.app_id, "alice", False)
    response = await alice.bind(old)

    assert response.result
    assert [message.payload for message in await alice.receive(1)] == [b"kept for her"]


@TRANSPORTS
async def test_a_revocation_ends_sessions_and_a_new_token_begins_others(
    server: RunningGateway, app: App, transport: str
) -> None:
    alice = await server.login(app, "alice", transport=transport)
    old = await server.grant(app, "alice")

    await server.accounts.revoke_tokens(app.app_id, "alice")
    kick = await alice.expect(Kick, timeout_s=1)
    refusal = await alice.bind(old)
    response = await alice.bind(await server.grant(app, "alice"))

    assert kick.reason == "invalid-token"
    assert (refusal.result, refusal.error_type, refusal.error_reason) == (False, "auto", "invalid-token")
    assert response.result


async def test_a_csharp_client_loses_its_connection_instead(server: RunningGateway, app: App) -> None:
    """A kicked one would never come back."""
    alice = await server.login(app, "alice", conn=CSHARP)

    await server.accounts.set_banned(app.app_id, "alice", True)

    await alice.expect_closed(timeout_s=1)
    assert [event for event in alice.events if isinstance(event, Kick)] == []


async def test_being_told_again_does_not_end_a_session_of_a_newer_token(
    server: RunningGateway, app: App
) -> None:
    alice = await server.login(app, "alice")
    account = await server.accounts.revoke_tokens(app.app_id, "alice")
    await alice.expect(Kick)
    await alice.bind(await server.grant(app, "alice"))

    server.gateway.enforce_accounts((account.user_id,))

    await alice.expect_silence(Kick)
    assert server.gateway.hub.sessions_of(account.user_id)


async def test_what_another_process_does_ends_sessions_within_a_second(
    server: RunningGateway, app: App
) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    watching = asyncio.create_task(background.enforce_accounts(server.store, server.gateway.enforce_accounts))
    await asyncio.sleep(0.05)
    elsewhere = SqliteStore.open(server.path, clock=server.clock)
    accounts = Accounts(elsewhere, server.gateway.hub, RecordingBus())

    await accounts.set_banned(app.app_id, "alice", True)
    banned = await alice.expect(Kick, timeout_s=1)
    await accounts.revoke_tokens(app.app_id, "bob")
    revoked = await bob.expect(Kick, timeout_s=1)

    assert (banned.reason, revoked.reason) == ("invalid-token", "invalid-token")
    await elsewhere.aclose()
    watching.cancel()


@pytest.mark.parametrize("change", ["ban", "revoke"])
async def test_a_login_that_was_judged_before_the_ban_does_not_outlive_it(
    server: RunningGateway, app: App, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The ban comes between the look at the account and the answer."""
    grant = await server.grant(app, "alice")
    client = await server.connect()
    await client.handshake()
    open_device = server.store.open_device

    async def ban_first(*arguments: Any) -> Any:
        if change == "ban":
            await server.accounts.set_banned(app.app_id, "alice", True)
        else:
            await server.accounts.revoke_tokens(app.app_id, "alice")
        return await open_device(*arguments)

    monkeypatch.setattr(server.store, "open_device", ban_first)
    response: BindResponse = await client.bind(grant)

    assert response.result
    assert (await client.expect(Kick, timeout_s=1)).reason == "invalid-token"
    assert server.gateway.hub.sessions_of(grant.account.user_id) == ()


async def test_a_store_that_cannot_be_asked_is_asked_again(
    server: RunningGateway, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await server.login(app, "alice")
    monkeypatch.setattr("openmimc.gateway.gateway._ENFORCE_AGAIN_S", 0.01)
    find_account, failures = server.store.find_account, 2
    account = await server.store.change_account(
        (await server.grant(app, "alice")).account.user_id, is_banned=True
    )
    assert account is not None

    async def fail_first(*arguments: Any) -> Any:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise Unavailable
        return await find_account(*arguments)

    monkeypatch.setattr(server.store, "find_account", fail_first)
    server.gateway.enforce_accounts((account.user_id,))

    await alice.expect(Kick, timeout_s=1)


# ------------------------------------------------------------------ who is connected


async def test_connections_are_shown_oldest_first_with_all_that_is_known(
    server: RunningGateway, app: App
) -> None:
    start_ms = server.clock.now_ms()
    phone = await server.login(app, "alice", conn=CSHARP)
    server.clock.advance(5_000)
    page = await server.login(app, "alice", "page", transport="websocket", conn=Conn(os="x", udid="websocket"))
    await server.login(app, "bob")

    account, devices, connections = await server.accounts.devices(app.app_id, "alice")

    assert account.name == "alice"
    assert {device.resource for device in devices} == {"phone", "page"}
    assert [connection.peer.rpartition(":")[0] for connection in connections] == ["127.0.0.1"] * 2
    assert [without_peer(connection) for connection in connections] == [
        ("phone", "tcp", "csharp", start_ms),
        ("page", "websocket", "webjs", start_ms + 5_000),
    ]
    assert server.gateway.hub.count_bound() == 3
    await page.aclose()
    await phone.aclose()
    await until(lambda: not server.gateway.hub.connections_of(account.user_id))


def without_peer(connection: ConnectionInfo) -> tuple[str, str, str, int]:
    return (connection.resource, connection.transport, connection.sdk, connection.since_ms)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.01)
