"""A running server under an operator's hands: apps, probes, metrics, logs, certificates."""

from __future__ import annotations

import json
import resource
import signal
import ssl
import time
from pathlib import Path

import httpx
import pytest
import trustme
from prometheus_client.parser import text_string_to_metric_families

from openmimc.wire.events import BindResponse, Kick
from tests.integration.ops.conftest import StartServer
from tests.integration.ops.processes import ServerProcess, run_command
from tests.integration.raw_client import RawClient


def samples_of(server: ServerProcess) -> dict[tuple[str, ...], float]:
    """Metrics by name and label values, those sorted by label name."""
    response = server.get("/metrics")
    assert response.status_code == 200
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


# ------------------------------------------------------------------ apps


def test_an_app_made_beside_the_running_server_gets_tokens_at_once(start_server: StartServer) -> None:
    server = start_server()

    app = server.create_app()
    answer = server.ask_token(app, "alice")

    assert answer["code"] == 200
    assert answer["data"]["appId"] == app["appId"]


def test_a_rotated_secret_is_void_at_once(start_server: StartServer) -> None:
    server = start_server()
    app = server.create_app()

    rotated = json.loads(
        run_command("app", "rotate-secret", app["appId"], "--json", data_dir=server.data_dir).stdout
    )

    assert server.ask_token(app, "alice")["code"] == 443
    assert server.ask_token(rotated, "alice")["code"] == 200


async def test_a_deleted_apps_users_are_logged_out(start_server: StartServer) -> None:
    server = start_server()
    app = server.create_app()
    alice = await RawClient.over_tcp(*server.tcp_address)
    await alice.login(server.ask_token(app, "alice")["data"])

    run_command("app", "delete", app["appId"], "--yes", data_dir=server.data_dir)

    assert (await alice.expect(Kick)).reason == "invalid-token"
    assert server.ask_token(app, "alice")["code"] == 441
    await alice.aclose()


async def test_a_token_of_the_command_line_logs_in(start_server: StartServer) -> None:
    server = start_server("--fe-domain", "chat.example")
    app = server.create_app()

    done = run_command("token", app["appId"], "алиса", "--json", data_dir=server.data_dir)
    answer = json.loads(done.stdout)
    alice = await RawClient.over_tcp(*server.tcp_address)
    await alice.login(answer["data"])

    assert answer["data"]["feDomainName"] == "chat.example"
    assert answer["data"].keys() == server.ask_token(app, "алиса")["data"].keys()
    await alice.aclose()


# ------------------------------------------------------------------ probes and metrics


def test_a_server_that_runs_is_healthy_and_ready(start_server: StartServer) -> None:
    server = start_server()

    assert server.get("/healthz").status_code == 200
    assert server.get("/readyz").status_code == 200


def test_a_server_whose_disk_is_full_is_not_ready_until_there_is_room(start_server: StartServer) -> None:
    server = start_server()
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    log_size = (server.data_dir / "openmimc.db-wal").stat().st_size

    # No file of the process can grow any more: its disk is full as far as it can tell.
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (log_size, limits[1]))
    full = wait_status(server, 503)
    healthy = server.get("/healthz")
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
    room = wait_status(server, 200)

    assert full.json()["not_ready"].keys() == {"store"}
    assert healthy.status_code == 200
    assert room.json()["ready"] is True


def wait_status(server: ServerProcess, status: int) -> httpx.Response:
    """Ask until the answer is this one: each look at the store holds for a second."""
    deadline = time.monotonic() + 20
    while (response := server.get("/readyz")).status_code != status:
        assert time.monotonic() < deadline, response.text
        time.sleep(0.05)
    return response


async def test_metrics_tell_what_happened(start_server: StartServer) -> None:
    server = start_server()
    app = server.create_app()
    alice = await RawClient.over_tcp(*server.tcp_address)
    await alice.login(server.ask_token(app, "alice")["data"])
    bob = await RawClient.over_websocket(f"ws://{server.http}/")
    await bob.login(server.ask_token(app, "bob")["data"])

    await alice.send_p2p("bob", b"hello")
    await bob.receive(1)
    refusal = await alice.send_p2t(1, b"hello")
    samples = samples_of(server)

    assert refusal.code == 404
    assert samples["openmimc_connections", "other", "tcp"] == 1
    assert samples["openmimc_connections", "other", "websocket"] == 1
    assert samples["openmimc_binds_total", "", "accepted"] == 2
    assert samples["openmimc_messages_received_total",] == 2
    assert samples["openmimc_messages_delivered_total",] == 1
    assert samples["openmimc_messages_refused_total", "404"] == 1
    assert samples["openmimc_store_messages_total",] == 1
    assert samples["openmimc_store_commit_seconds_count",] == samples["openmimc_store_commits_total",] > 0
    assert samples["process_open_fds",] > 0
    await alice.aclose()
    await bob.aclose()


async def test_connections_beyond_the_bound_are_turned_away(start_server: StartServer) -> None:
    server = start_server("--max-connections", "2")
    within = [await RawClient.over_tcp(*server.tcp_address) for _ in range(2)]
    for client in within:
        await client.handshake()

    beyond = await RawClient.over_tcp(*server.tcp_address)
    await beyond.expect_closed()

    assert samples_of(server)["openmimc_connections_turned_away_total",] == 1
    for client in (*within, beyond):
        await client.aclose()


# ------------------------------------------------------------------ logs


@pytest.mark.parametrize("level", ["info", "debug"])
async def test_no_secret_gets_into_the_logs(start_server: StartServer, level: str) -> None:
    """Logins and messages, good and bad, over all doors; then the log is searched."""
    server = start_server("--log-format", "json", "--log-level", level)
    app = server.create_app()
    grant = server.ask_token(app, "alice")["data"]
    payload = b"what-alice-tells-bob"
    alice = await RawClient.over_tcp(*server.tcp_address)
    await alice.login(grant)
    bob = await RawClient.over_websocket(f"ws://{server.http}/")
    await bob.login(server.ask_token(app, "bob")["data"])
    await alice.send_p2p("bob", payload)
    await bob.receive(1)
    await alice.send_p2t(1, payload)
    forged = await RawClient.over_tcp(*server.tcp_address)
    await forged.handshake()
    refused: BindResponse = await forged.bind({**grant, "miUserSecurityKey": "AAAAAAAAAAAAAAAAAAAAAA=="})
    for changes in ({"appSecret": "wrong-secret"}, {"appKey": "wrong-key"}, {"appId": "1"}):
        assert server.ask_token(app, "alice", **changes)["code"] != 200
    broken = f'{{"appSecret": "{app["appSecret"]}", '
    async with httpx.AsyncClient(base_url=f"http://{server.http}") as http:
        await http.post("/api/account/token", content=broken)
        await http.get(f"/api/topic/{app['appId']}/account", headers={"token": grant["token"] + "x"})
    await forged.send_bytes(b"GET / HTTP/1.1\r\n\r\n")

    server.stop()

    log = server.log
    assert not refused.result
    assert all(json.loads(line)["event"] for line in log.splitlines())
    assert "bind_refused" in log
    key = (server.data_dir / "server.key").read_text().strip()
    for secret in (
        app["appSecret"],
        "wrong-secret",
        "wrong-key",
        grant["token"],
        grant["token"].rpartition(".")[2],
        grant["miUserSecurityKey"],
        payload.decode(),
        key,
    ):
        assert secret not in log
    for client in (alice, bob, forged):
        await client.aclose()


# ------------------------------------------------------------------ certificates


class Issuer:
    """Renews the certificate files a server reads."""

    def __init__(self, directory: Path) -> None:
        self.ca = trustme.CA()
        self.cert_file, self.key_file = directory / "cert.pem", directory / "key.pem"
        self.trust = ssl.create_default_context()
        self.ca.configure_trust(self.trust)

    def issue(self) -> bytes:
        """Write a fresh certificate; returns it in DER."""
        issued = self.ca.issue_cert("127.0.0.1")
        self.cert_file.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        self.key_file.write_bytes(issued.private_key_pem.bytes())
        return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())

    @property
    def flags(self) -> list[str]:
        return ["--tls-cert", str(self.cert_file), "--tls-key", str(self.key_file), "--tls-tcp-port", "0"]


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path)


def tls_address_of(server: ServerProcess) -> tuple[str, int]:
    host, _, port = json.loads((server.data_dir / "server.json").read_text())["tlsTcp"].rpartition(":")
    return host, int(port)


def shown_certificates(server: ServerProcess, issuer: Issuer) -> set[bytes]:
    """What new connections to both TLS ports are shown, in DER."""
    http_host, _, http_port = server.http.rpartition(":")
    return {
        ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(address, ca_certs=None))
        for address in (tls_address_of(server), (http_host, int(http_port)))
    }


async def test_with_a_certificate_all_doors_but_plain_tcp_speak_tls(
    start_server: StartServer, issuer: Issuer
) -> None:
    issuer.issue()
    server = start_server(*issuer.flags)
    app = server.create_app()
    minted = json.loads(run_command("token", app["appId"], "alice", "--json", data_dir=server.data_dir).stdout)
    grant = minted["data"]

    plain = await RawClient.over_tcp(*server.tcp_address)
    sealed = await RawClient.over_tcp(*tls_address_of(server), ssl=issuer.trust)
    websocket = await RawClient.over_websocket(f"wss://{server.http}/", ssl=issuer.trust)
    await plain.login(grant, "plain")
    await sealed.login(grant, "sealed")
    await websocket.login(grant, "websocket")
    await plain.send_p2p("alice", b"to all my devices")

    for client in (plain, sealed, websocket):
        assert [message.payload for message in await client.receive(1)] == [b"to all my devices"]
        await client.aclose()
    async with httpx.AsyncClient(verify=issuer.trust) as http:
        response = await http.get(f"https://{server.http}/metrics")
    assert 'openmimc_connections_opened_total{transport="tls"} 1.0' in response.text


async def test_a_renewed_certificate_is_shown_after_sighup_and_old_connections_live_on(
    start_server: StartServer, issuer: Issuer
) -> None:
    first = issuer.issue()
    server = start_server(*issuer.flags)
    app = server.create_app()
    minted = json.loads(run_command("token", app["appId"], "alice", "--json", data_dir=server.data_dir).stdout)
    old = await RawClient.over_tcp(*tls_address_of(server), ssl=issuer.trust)
    await old.login(minted["data"])
    assert shown_certificates(server, issuer) == {first}

    second = issuer.issue()
    assert shown_certificates(server, issuer) == {first}
    server.signal(signal.SIGHUP)
    server.wait_log("certificate_reloaded")

    assert shown_certificates(server, issuer) == {second}
    await old.send_p2p("alice", b"still here")
    assert [message.payload for message in await old.receive(1)] == [b"still here"]
    await old.aclose()


def test_a_certificate_that_cannot_be_used_is_logged_and_the_old_one_stays(
    start_server: StartServer, issuer: Issuer
) -> None:
    issued = issuer.issue()
    server = start_server(*issuer.flags)

    issuer.key_file.write_text("no key")
    server.signal(signal.SIGHUP)
    server.wait_log("certificate_not_reloaded")

    assert shown_certificates(server, issuer) == {issued}


def test_sighup_without_a_certificate_changes_nothing(start_server: StartServer) -> None:
    server = start_server()

    server.signal(signal.SIGHUP)
    server.wait_log("nothing_to_reload")

    assert server.get("/healthz").status_code == 200


@pytest.mark.parametrize("codec", ["python", "native"])
def test_a_server_without_the_native_codec_says_so_loudly(start_server: StartServer, codec: str) -> None:
    server = start_server(environment={"OPENMIMC_CODEC": codec})

    assert ("openmimc_build_info", codec) in {key[:2] for key in samples_of(server)}
    assert ("slow_codec" in server.log) is (codec == "python")
