"""Logging in and out, keep-alives, kicks and time-outs, over both transports."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from openmimc.domain.ports import SweepCursor
from openmimc.errors import LocalProtocolError
from openmimc.model.app import App
from openmimc.model.ids import UserId
from openmimc.wire.events import (
    BindResponse,
    Conn,
    ConnResponse,
    Kick,
    Ping,
    Pong,
    SendP2P,
    Unbind,
)
from tests.integration.gateway.conftest import RunningGateway, StartGateway

TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "websocket"])


@TRANSPORTS
async def test_a_handshake_is_answered_with_a_challenge_of_its_own(
    server: RunningGateway, transport: str
) -> None:
    first = await server.connect(transport)
    second = await server.connect(transport)

    challenges = [(await client.handshake()).challenge for client in (first, second)]

    assert [len(challenge) for challenge in challenges] == [10, 10]
    assert challenges[0] != challenges[1]
    assert all(challenge.isascii() and challenge.isalnum() for challenge in challenges)


@TRANSPORTS
async def test_a_right_signature_logs_in(server: RunningGateway, app: App, transport: str) -> None:
    client = await server.connect(transport)
    await client.handshake()

    response = await client.bind(await server.grant(app, "alice"))

    assert response == BindResponse(
        result=True, user_id=response.user_id, resource="phone", header_id=response.header_id
    )
    assert len(server.gateway.hub.sessions_of(response.user_id)) == 1  # type: ignore[arg-type]


@TRANSPORTS
async def test_a_login_with_what_webjs_leaves_out_is_accepted(
    server: RunningGateway, app: App, transport: str
) -> None:
    """An empty kick is signed as "0" (protocol reference, 5.3)."""
    client = await server.connect(transport)
    await client.handshake()

    response = await client.bind(await server.grant(app, "alice"), kick="")

    assert response.result


@TRANSPORTS
@pytest.mark.parametrize(
    "fault", ["signature", "token", "other user's uuid", "other user's token", "old secret"]
)
async def test_a_login_that_a_new_token_would_cure_is_refused_as_such(
    server: RunningGateway, app: App, transport: str, fault: str
) -> None:
    alice, bob = await server.grant(app, "alice"), await server.grant(app, "bob")
    client = await server.connect(transport)
    await client.handshake()
    fields: dict[str, object] = {}
    grant = alice
    if fault == "signature":
        fields["signature"] = "nR29C2DqyMuaDRwdxxTkN1Gqv1o="
    elif fault == "token":
        grant = msgspec.structs.replace(alice, token=alice.token[:-2] + "AA")
    elif fault == "other user's uuid":
        fields["signature"] = ""
        grant = msgspec.structs.replace(
            alice, account=msgspec.structs.replace(alice.account, user_id=bob.account.user_id)
        )
    elif fault == "other user's token":
        grant = msgspec.structs.replace(alice, token=bob.token)
    else:
        await server.apps.rotate_secret(app.app_id)

    response = await client.bind(grant, **fields)

    assert (response.result, response.error_type, response.error_reason) == (False, "auto", "invalid-token")
    assert not server.gateway.hub.sessions_of(alice.account.user_id)
    assert not server.gateway.hub.sessions_of(bob.account.user_id)


async def test_an_expired_token_is_refused_as_expired(server: RunningGateway) -> None:
    app = await server.new_app(tokenLifetime=60)
    grant = await server.grant(app, "alice")
    client = await server.connect()
    await client.handshake()
    server.clock.advance(60_000)

    response = await client.bind(grant)

    assert (response.result, response.error_type, response.error_reason) == (
        False,
        "token-expired",
        "token-expired",
    )


async def test_a_banned_account_is_refused_for_good(server: RunningGateway, app: App) -> None:
    grant = await server.grant(app, "alice")
    await server.store.change_account(grant.account.user_id, is_banned=True)
    client = await server.connect()
    await client.handshake()

    response = await client.bind(grant)

    assert (response.result, response.error_type, response.error_reason) == (False, "cancel", "account-banned")


@pytest.mark.parametrize("resource", ["", "x" * 129, "ü" * 65, "a\0b"])
async def test_a_resource_that_is_no_name_is_refused(server: RunningGateway, app: App, resource: str) -> None:
    client = await server.connect()
    await client.handshake()

    response = await client.bind(await server.grant(app, "alice"), resource)

    assert (response.result, response.error_type, response.error_reason) == (False, "cancel", "bad-resource")


async def test_the_longest_resource_is_accepted(server: RunningGateway, app: App) -> None:
    client = await server.connect()
    await client.handshake()

    response = await client.bind(await server.grant(app, "alice"), "ü" * 64)

    assert response.result


async def test_a_refusal_comes_late_and_the_connection_serves_the_next_login(
    start_gateway: StartGateway,
) -> None:
    """The SDKs repeat a refused BIND on the same socket with the same challenge."""
    server = await start_gateway(refusal_delay_s=0.2)
    app = await server.new_app()
    grant = await server.grant(app, "alice")
    client = await server.connect()
    await client.handshake()
    loop = asyncio.get_running_loop()
    started_s = loop.time()

    refused = await client.bind(grant, signature="no")
    waited_s = loop.time() - started_s
    accepted = await client.bind(grant)

    assert not refused.result
    assert waited_s >= 0.19
    assert accepted.result


@TRANSPORTS
async def test_packets_behind_a_bind_wait_until_it_is_decided(
    server: RunningGateway, app: App, transport: str
) -> None:
    client = await server.connect(transport)
    await client.handshake()
    grant = await server.grant(app, "alice")
    await client.send(Ping())
    await client.expect(Pong)

    task = asyncio.create_task(client.bind(grant))
    await asyncio.sleep(0)
    await client.send(SendP2P("p1", app.app_id, "bob", b"early"), Ping())

    assert (await task).result
    assert (await client.expect_ack("p1")).code == 0
    await client.expect(Pong)


@TRANSPORTS
async def test_pings_are_answered_before_and_after_login(
    server: RunningGateway, app: App, transport: str
) -> None:
    client = await server.connect(transport)
    await client.handshake()
    await client.send(Ping(header_id="ping-1"))
    await client.expect(Pong)
    await client.bind(await server.grant(app, "alice"))

    await client.send(Ping(header_id="ping-2"))

    await client.expect(Pong)


async def test_the_empty_packet_is_a_ping_over_tcp(server: RunningGateway) -> None:
    client = await server.connect()
    await client.handshake()

    await client.send(Ping(is_empty=True))

    await client.expect(Pong)


@TRANSPORTS
async def test_a_logout_is_answered_with_a_kick_and_the_connection_serves_the_next_login(
    server: RunningGateway, app: App, transport: str
) -> None:
    alice = await server.login(app, "alice", transport=transport)
    grant = await server.grant(app, "bob")

    await alice.send(Unbind())
    kick = await alice.expect(Kick)
    assert not server.gateway.hub.sessions_of(grant.account.user_id)
    response = await alice.bind(grant)

    assert kick.reason == "logout"
    assert response.result


async def test_a_second_login_on_a_live_connection_is_for_the_identity_it_names(
    server: RunningGateway, app: App
) -> None:
    client = await server.login(app, "alice")
    await client.bind(await server.grant(app, "bob"), "tablet")
    carol = await server.login(app, "carol")

    await carol.send_p2p("alice", b"for alice")
    await carol.send_p2p("bob", b"for bob")

    assert [message.payload for message in await client.receive(1)] == [b"for bob"]
    await client.expect_silence()


async def test_two_connections_on_one_device_live_together(server: RunningGateway, app: App) -> None:
    """Kicking would make them fight for ever (protocol reference, 11)."""
    first = await server.login(app, "bob")
    second = await server.login(app, "bob")
    alice = await server.login(app, "alice")

    await alice.send_p2p("bob", b"both")

    assert [m.payload for m in await first.receive(1)] == [b"both"]
    assert [m.payload for m in await second.receive(1)] == [b"both"]


async def test_single_sign_on_kicks_the_same_device_and_no_other(server: RunningGateway, app: App) -> None:
    phone = await server.login(app, "bob", "phone")
    tablet = await server.login(app, "bob", "tablet")
    new_phone = await server.connect()
    await new_phone.handshake()

    response = await new_phone.bind(await server.grant(app, "bob"), "phone", sso=True)
    kick = await phone.expect(Kick)

    assert response.result
    assert kick.reason == "single-resource-kick"
    await tablet.expect_silence(Kick)
    await new_phone.expect_silence(Kick)


async def test_connections_of_one_user_are_limited(server: RunningGateway) -> None:
    app = await server.new_app(userMaxConnections=2)
    await server.login(app, "bob", "one")
    await server.login(app, "bob", "two")
    third = await server.connect()
    await third.handshake()

    response = await third.bind(await server.grant(app, "bob"), "three")
    other_user = await server.login(app, "alice")

    assert (response.error_type, response.error_reason) == ("cancel", "too-many-connections")
    assert other_user.conn.identity is not None


async def test_a_rotated_secret_ends_the_sessions_of_its_app_alone(server: RunningGateway, app: App) -> None:
    other_app = await server.new_app("other")
    alice = await server.login(app, "alice")
    bystander = await server.login(other_app, "alice")
    csharp = await server.login(app, "alice", "sharp", conn=Conn(os="macOS"))

    await server.apps.rotate_secret(app.app_id)
    server.gateway.enforce_apps()

    assert (await alice.expect(Kick)).reason == "invalid-token"
    # A kicked C# client would never come back; one that lost its connection does.
    await csharp.expect_closed()
    assert not [event for event in csharp.events if isinstance(event, Kick)]
    await bystander.expect_silence(Kick)


async def test_a_temporary_account_that_was_swept_away_ends_its_sessions(server: RunningGateway) -> None:
    app = await server.new_app(uuidTTL=60)
    old = await server.login(app, "guest")
    server.clock.advance(30_000)
    young = await server.login(app, "other")
    server.clock.advance(31_000)
    cursor = SweepCursor()
    while not cursor.is_done:
        cursor = await server.store.sweep(cursor, 100)

    for client in (old, young):
        assert client.conn.identity is not None
        for session in server.gateway.hub.sessions_of(UserId(client.conn.identity.user_id)):
            session.check(server.gateway.now_s)

    assert (await old.expect(Kick)).reason == "invalid-token"
    await young.expect_silence(Kick)
    again = await server.login(app, "guest")
    assert again.conn.identity is not None
    assert old.conn.identity is not None
    assert again.conn.identity.user_id != old.conn.identity.user_id


async def test_a_deleted_app_ends_its_sessions(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")

    await server.apps.delete_app(app.app_id)
    server.gateway.enforce_apps()

    assert (await alice.expect(Kick)).reason == "invalid-token"


@TRANSPORTS
async def test_a_message_before_login_is_ignored_over_tcp_and_kicked_over_websocket(
    server: RunningGateway, app: App, transport: str
) -> None:
    client = await server.connect(transport)
    await client.handshake()
    grant = await server.grant(app, "alice")
    with pytest.raises(LocalProtocolError):
        await client.send(SendP2P("p", app.app_id, "bob", b"x"))
    # Speak like a client that believes to be logged in.
    await client.bind(grant, signature="wrong")

    await client.send(SendP2P("p", app.app_id, "bob", b"x"))

    if transport == "tcp":
        await client.expect_silence(Kick)
    else:
        await client.expect(Kick)


@TRANSPORTS
async def test_a_silent_connection_is_closed(start_gateway: StartGateway, transport: str) -> None:
    server = await start_gateway(conn_timeout_s=0.5)
    silent = await server.connect(transport)
    talking = await server.connect(transport)
    await talking.handshake()

    await silent.expect_closed()

    assert not talking.is_closed
    assert server.gateway.stats.timeouts["opened"] == 1


async def test_a_bound_connection_that_falls_silent_is_closed_and_one_that_pings_is_not(
    start_gateway: StartGateway,
) -> None:
    server = await start_gateway(conn_timeout_s=1, bound_timeout_s=1.5)
    app = await server.new_app()
    silent = await server.login(app, "alice")
    pinging = await server.login(app, "bob")

    async def ping() -> None:
        while True:
            await pinging.send(Ping())
            await asyncio.sleep(0.05)

    task = asyncio.create_task(ping())
    await silent.expect_closed()
    task.cancel()

    assert not pinging.is_closed


async def test_a_connection_without_a_user_may_stay_silent_longer(start_gateway: StartGateway) -> None:
    """Go, C++ and Java connect long before they log in."""
    server = await start_gateway(conn_timeout_s=0.2, bound_timeout_s=0.2, handshaken_timeout_s=60)
    client = await server.connect()
    await client.handshake()
    other = await server.connect()

    await other.expect_closed()

    assert not client.is_closed


async def test_a_second_handshake_ends_the_connection_and_no_other(server: RunningGateway, app: App) -> None:
    bystander = await server.login(app, "bob")
    client = await server.connect()
    client.conn.send(Conn(os="test"))
    packet = client.conn.data_to_send()

    await client.send_bytes(packet)
    await client.expect(ConnResponse)
    await client.send_bytes(packet)

    await client.expect_closed()
    await bystander.expect_silence()


async def test_draining_acknowledges_what_was_sent_before_it_closes(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    await alice.send(*(SendP2P(f"p{n}", app.app_id, "bob", b"x" * 100) for n in range(50)))
    await asyncio.sleep(0.01)

    await server.gateway.drain(5)
    await alice.expect_closed()
    acks = [event.packet_id for event in alice.events if hasattr(event, "packet_id")]

    # What the server had read is acknowledged; TCP may hold the rest, of which nothing was promised.
    assert acks == [f"p{n}" for n in range(len(acks))]
    assert acks


@TRANSPORTS
async def test_a_connection_that_was_quiet_for_long_goes_on_as_before(
    server: RunningGateway, app: App, transport: str
) -> None:
    """What it gave back of its memory is made anew."""
    alice = await server.login(app, "alice", transport=transport)
    first = await alice.send_p2p("bob", b"before")
    assert alice.conn.identity is not None
    (session,) = server.gateway.hub.sessions_of(UserId(alice.conn.identity.user_id))

    assert session.check(server.gateway.now_s + server.limits.quiet_after_s)
    second = await alice.send_p2p("bob", b"after")

    assert (first.code, second.code) == (0, 0)
    assert second.sequence > first.sequence
