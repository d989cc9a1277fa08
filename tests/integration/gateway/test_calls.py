"""Audio and video calls: whoever asks for one is told at once that nobody is there."""

from __future__ import annotations

import pytest

from openmimc.errors import Unavailable
from openmimc.model.app import App
from openmimc.wire.events import AskCall, CallParty, OtherPacket, Pong, RefuseCall
from openmimc.wire.pb import rts_pb2
from tests.integration.gateway.conftest import RunningGateway
from tests.integration.raw_client import RawClient

TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "websocket"])
SINGLE_CALL = 1
RTS_SIGNAL = 7


def party_of(client: RawClient, resource: str = "phone") -> CallParty:
    assert client.conn.identity is not None
    identity = client.conn.identity
    return CallParty(identity.app_id, identity.account, identity.user_id, resource)


def call(caller: CallParty, callee: CallParty, packet_id: str = "c-1") -> AskCall:
    return AskCall(packet_id, 2**64 - 1, SINGLE_CALL, caller, callee)


@TRANSPORTS
async def test_a_call_is_refused_with_both_parties_and_the_callees_user_id(
    server: RunningGateway, app: App, transport: str
) -> None:
    alice = await server.login(app, "alice", transport=transport)
    bob = await server.login(app, "bob", transport=transport)

    await alice.send(call(party_of(alice), CallParty(app.app_id, "bob", 0, "tablet")))

    refusal = await alice.expect(RefuseCall)
    assert refusal == RefuseCall(
        "c-1",
        2**64 - 1,
        SINGLE_CALL,
        party_of(alice),
        party_of(bob, "tablet"),
        "calls are not available on this server",
    )
    await bob.expect_silence(OtherPacket)


async def test_an_unknown_callee_is_not_there_either_and_is_not_created(
    server: RunningGateway, app: App
) -> None:
    alice = await server.login(app, "alice")

    await alice.send(call(party_of(alice), CallParty(app.app_id, "nobody", 0, "")))

    assert (await alice.expect(RefuseCall)).callee == CallParty(app.app_id, "nobody", 0, "")
    assert await server.store.find_account(app.app_id, "nobody") is None


async def test_a_callee_of_another_app_is_not_told_from_an_unknown_one(
    server: RunningGateway, app: App
) -> None:
    other = await server.new_app("other")
    await server.login(other, "bob")
    alice = await server.login(app, "alice")

    await alice.send(call(party_of(alice), CallParty(other.app_id, "bob", 0, "")))

    assert (await alice.expect(RefuseCall)).callee == CallParty(other.app_id, "bob", 0, "")


async def test_the_caller_is_who_is_logged_in_whatever_the_signal_says(
    server: RunningGateway, app: App
) -> None:
    alice = await server.login(app, "alice")

    await alice.send(call(CallParty(1, "mallory", 77, "elsewhere"), CallParty(app.app_id, "bob", 0, "")))

    assert (await alice.expect(RefuseCall)).caller == party_of(alice)


async def test_a_call_is_refused_while_the_store_does_not_answer(
    server: RunningGateway, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_args: object) -> None:
        raise Unavailable

    alice = await server.login(app, "alice")
    monkeypatch.setattr(server.store, "find_account", fail)

    await alice.send(call(party_of(alice), CallParty(app.app_id, "bob", 0, "")))

    assert (await alice.expect(RefuseCall)).callee.user_id == 0
    assert server.gateway.in_flight == 0


@pytest.mark.parametrize("kind", range(2, 19))
async def test_other_signals_are_ignored(server: RunningGateway, app: App, kind: int) -> None:
    alice = await server.login(app, "alice")
    signal = rts_pb2.RTSMessage(type=kind, callId=1, callType=SINGLE_CALL, payload=b"")  # type: ignore[arg-type]

    await alice.send(OtherPacket(RTS_SIGNAL, "s", signal.SerializeToString()))

    await alice.expect_silence(RefuseCall)


@pytest.mark.parametrize("body", [b"", b"\xff\xff\xff", b"\x08\x01"])
async def test_signals_that_can_not_be_read_are_ignored(server: RunningGateway, app: App, body: bytes) -> None:
    alice = await server.login(app, "alice")

    await alice.send(OtherPacket(RTS_SIGNAL, "s", body))

    await alice.expect_silence(RefuseCall)
    assert not alice.is_closed


async def test_a_flood_of_calls_is_answered_one_by_one(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    count = 500

    await alice.send(
        *(call(party_of(alice), CallParty(app.app_id, "bob", 0, ""), f"c-{n}") for n in range(count))
    )

    refused = {(await alice.expect(RefuseCall)).packet_id for _ in range(count)}
    assert refused == {f"c-{n}" for n in range(count)}
    assert server.gateway.in_flight == 0
    assert not [event for event in alice.events if isinstance(event, Pong)]
