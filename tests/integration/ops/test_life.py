"""Starting and stopping."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
from pathlib import Path

import pytest

from tests.integration.ops.conftest import StartServer
from tests.integration.ops.processes import run_command
from tests.integration.raw_client import RawClient

ANY_PORTS = ("--http-port", "0", "--tcp-port", "0")


def test_stdout_is_one_line_with_the_real_ports(start_server: StartServer) -> None:
    server = start_server()

    line = server.ready_line
    code, rest = server.stop()

    assert re.fullmatch(r"ready http=127\.0\.0\.1:[1-9]\d* tcp=127\.0\.0\.1:[1-9]\d*\n", line)
    assert (code, rest) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_in_order(start_server: StartServer, number: signal.Signals) -> None:
    server = start_server()

    server.signal(number)

    assert server.process.wait(30) == 0
    server.wait_log("stopped")
    assert sorted(path.name for path in server.data_dir.iterdir()) == ["lock", "openmimc.db", "server.key"]


def test_what_is_in_the_directory_is_for_its_owner_alone(start_server: StartServer) -> None:
    server = start_server()

    modes = {path.name: path.stat().st_mode & 0o777 for path in server.data_dir.iterdir()}

    assert {"server.key", "openmimc.db", "openmimc.db-wal", "server.json", "lock"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    assert server.data_dir.stat().st_mode & 0o777 == 0o700


def test_the_running_server_is_announced_without_secrets(start_server: StartServer) -> None:
    server = start_server()

    announced = json.loads((server.data_dir / "server.json").read_text())

    assert announced == {
        "pid": server.process.pid,
        "isTls": False,
        "httpAddress": server.http,
        "tcp": server.tcp,
        "tlsTcp": None,
        "feDomain": "127.0.0.1",
    }


async def test_what_was_acknowledged_before_a_stop_is_there_after_a_start(start_server: StartServer) -> None:
    first = start_server()
    app = first.create_app()
    alice = await RawClient.over_tcp(*first.tcp_address)
    await alice.login(first.ask_token(app, "alice")["data"])
    acks = [await alice.send_p2p("bob", b"%d" % number) for number in range(20)]
    assert first.stop()[0] == 0
    await alice.expect_closed()
    second = start_server()

    bob = await RawClient.over_tcp(*second.tcp_address)
    await bob.login(second.ask_token(app, "bob")["data"])
    received = await bob.receive(20)

    assert [message.sequence for message in received] == [ack.sequence for ack in acks]
    await alice.aclose()
    await bob.aclose()


def test_a_second_server_on_one_directory_is_refused(start_server: StartServer) -> None:
    server = start_server()

    second = run_command("serve", *ANY_PORTS, data_dir=server.data_dir)

    assert second.returncode == 1
    assert second.stdout == ""
    first = f"another server (process {server.process.pid})"
    assert second.stderr == f"openmimc: {first} runs on the data directory {server.data_dir}\n"
    assert server.get("/healthz").status_code == 200


def test_a_server_starts_after_one_that_was_killed(start_server: StartServer) -> None:
    first = start_server()
    first.signal(signal.SIGKILL)
    first.process.wait(30)

    assert start_server().get("/healthz").status_code == 200


def test_a_key_that_others_can_read_is_refused_with_the_remedy(start_server: StartServer) -> None:
    server = start_server()
    server.stop()
    key = server.data_dir / "server.key"
    key.chmod(0o644)

    refused = run_command("serve", *ANY_PORTS, data_dir=server.data_dir)

    assert refused.returncode == 2
    assert refused.stderr == (
        f"openmimc: others can read {key} (mode 0644), and with it be anybody; run: chmod 600 {key}\n"
    )


def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(start_server: StartServer) -> None:
    server = start_server()
    server.stop()
    database = server.data_dir / "openmimc.db"
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    before = database.read_bytes()

    refused = run_command("serve", *ANY_PORTS, data_dir=server.data_dir)

    assert refused.returncode == 2
    assert re.fullmatch(r"openmimc: .*9999.*\n", refused.stderr)
    assert database.read_bytes() == before


@pytest.mark.parametrize("option", ["http-port", "tcp-port"])
def test_a_port_in_use_is_refused_with_the_flag_to_change_it(data_dir: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"http-port": "0", "tcp-port": "0", option: str(port)}

        refused = run_command(
            "serve",
            *(word for name, value in ports.items() for word in (f"--{name}", value)),
            data_dir=data_dir,
        )

    assert refused.returncode == 1
    assert re.fullmatch(rf"openmimc: port {port} of 127\.0\.0\.1 is in use .*--{option}.*\n", refused.stderr)


@pytest.mark.parametrize(
    ("flags", "environment", "sentence"),
    [
        (["--http-port", "x"], {}, "--http-port: must be a whole number from 0 to 65535, not 'x'"),
        (
            [],
            {"OPENMIMC_TLS_TCP_PORT": "x"},
            "environment variable OPENMIMC_TLS_TCP_PORT: must be a whole number .*, not 'x'",
        ),
        ([], {"OPENMIMC_SERVER_KEY": "aGVsbG8="}, "environment variable OPENMIMC_SERVER_KEY: has 5 bytes, .*"),
        (["--tls-cert", "a.pem"], {}, "tls_cert and tls_key go together.*"),
        (
            ["--tls-cert", "/no.pem", "--tls-key", "/no.pem"],
            {},
            "cannot read the certificate /no.pem or /no.pem: .*",
        ),
        (
            ["--config", "/no.toml"],
            {},
            "cannot read the configuration file /no.toml: No such file or directory",
        ),
        (["--host", "no-such-host.invalid"], {}, "host: there is no address no-such-host.invalid"),
    ],
)
def test_a_bad_option_ends_the_start_with_one_line(
    data_dir: Path, flags: list[str], environment: dict[str, str], sentence: str
) -> None:
    refused = run_command("serve", *ANY_PORTS, *flags, data_dir=data_dir, env={**os.environ, **environment})

    assert refused.returncode == 2
    assert refused.stdout == ""
    assert re.fullmatch(f"openmimc: {sentence}\n", refused.stderr)


def test_options_may_come_from_file_and_environment(start_server: StartServer, tmp_path: Path) -> None:
    file = tmp_path / "openmimc.toml"
    file.write_text('fe_domain = "from.file"\nlog_level = "debug"\nconsole = "off"\n')

    server = start_server("--config", str(file), environment={"OPENMIMC_LOG_LEVEL": "error"})
    app = server.create_app()

    assert server.ask_token(app, "alice")["data"]["feDomainName"] == "from.file"
    assert server.log == ""


def test_the_demo_app_is_made_on_the_first_start_only_and_works(start_server: StartServer) -> None:
    first = start_server("--demo-app")
    first.wait_log("curl")
    first.stop()
    shown = dict(re.findall(r"(appId|appKey|appSecret) +(\S+)", first.log))
    second = start_server("--demo-app")

    answer = second.ask_token(shown, "alice")
    second.stop()

    assert answer["code"] == 200
    assert "appSecret" not in second.log
    listed = json.loads(run_command("app", "list", "--json", data_dir=second.data_dir).stdout)
    assert [(app["appName"], app["appId"]) for app in listed] == [("demo", shown["appId"])]
