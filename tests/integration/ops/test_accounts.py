"""Accounts and messages under an operator's hands, beside a running server."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from openmimc.wire.events import BindResponse, Kick
from tests.integration.ops.conftest import StartServer
from tests.integration.ops.processes import ServerProcess, run_command
from tests.integration.raw_client import RawClient


def ask(server: ServerProcess, *arguments: str) -> Any:
    done = run_command(*arguments, "--json", data_dir=server.data_dir)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def connect(server: ServerProcess, transport: str) -> RawClient:
    if transport == "tcp":
        return await RawClient.over_tcp(*server.tcp_address)
    return await RawClient.over_websocket(f"ws://{server.http}/")


@pytest.mark.parametrize("transport", ["tcp", "websocket"])
async def test_a_banned_users_session_ends_within_a_second(start_server: StartServer, transport: str) -> None:
    server = start_server()
    app = server.create_app()
    grant = server.ask_token(app, "alice")["data"]
    alice = await connect(server, transport)
    await alice.login(grant)

    ask(server, "account", "ban", app["appId"], "alice")
    done_s = time.monotonic()
    kick = await alice.expect(Kick)
    took_s = time.monotonic() - done_s
    refusal: BindResponse = await alice.bind(grant)

    assert kick.reason == "invalid-token"
    assert took_s < 1
    assert (refusal.result, refusal.error_reason) == (False, "account-banned")
    assert server.ask_token(app, "alice")["code"] == 446
    await alice.aclose()


async def test_revoked_tokens_are_void_within_a_second_and_new_ones_good(start_server: StartServer) -> None:
    server = start_server()
    app = server.create_app()
    old = server.ask_token(app, "alice")["data"]
    alice = await connect(server, "tcp")
    await alice.login(old)

    ask(server, "account", "revoke", app["appId"], "alice")
    done_s = time.monotonic()
    await alice.expect(Kick)
    took_s = time.monotonic() - done_s
    refusal: BindResponse = await alice.bind(old)
    response: BindResponse = await alice.bind(server.ask_token(app, "alice")["data"])

    assert took_s < 1
    assert (refusal.result, refusal.error_reason) == (False, "invalid-token")
    assert response.result
    await alice.aclose()


async def test_a_message_is_found_while_the_server_runs(start_server: StartServer) -> None:
    server = start_server()
    app = server.create_app()
    clients = []
    for name in ("alice", "bob"):
        clients.append(await connect(server, "tcp"))
        await clients[-1].login(server.ask_token(app, name)["data"], f"{name}s-phone")
    alice, bob = clients
    sequence = (await alice.send_p2p("bob", b"hello", packet_id="p-1")).sequence
    await bob.receive(1)
    second = (await alice.send_p2p("bob", b"again")).sequence
    await bob.receive(1, acknowledge=False)

    (by_packet,) = ask(server, "message", "find", app["appId"], "--packet-id", "p-1")
    (waiting,) = ask(server, "message", "find", app["appId"], "--sequence", str(second))

    assert by_packet["sequence"] == str(sequence)
    assert [step["resource"] for step in by_packet["devices"]] == ["bobs-phone"]
    assert by_packet["devices"][0]["isAcknowledged"]
    assert not waiting["devices"][0]["isAcknowledged"]
    for client in clients:
        await client.aclose()
