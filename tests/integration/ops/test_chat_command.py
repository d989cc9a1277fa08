"""``openmimc chat`` as a person starts it, on servers here and elsewhere."""

from __future__ import annotations

import os
import re

import pytest

from tests.integration.ops.conftest import StartServer
from tests.integration.ops.processes import run_command


@pytest.mark.parametrize("transport", ["tcp", "websocket"])
def test_two_people_chat_one_after_the_other(start_server: StartServer, transport: str) -> None:
    server = start_server("--demo-app")
    flags = ("--transport", transport)

    alice = run_command(
        "chat", "alice", "--to", "bob", *flags, data_dir=server.data_dir, input="are you there?\n/quit\n"
    )
    bob = run_command("chat", "bob", "--to", "alice", *flags, data_dir=server.data_dir, input="I am\n/quit\n")

    assert (alice.returncode, bob.returncode) == (0, 0), alice.stderr + bob.stderr
    assert re.search("are you there\\? +✓", alice.stdout)
    assert re.search("alice +are you there\\?", bob.stdout)


def test_a_server_elsewhere_needs_only_its_address_and_the_apps_credentials(start_server: StartServer) -> None:
    server = start_server()
    app = server.create_app()
    credentials = {"OPENMIMC_APP_KEY": app["appKey"], "OPENMIMC_APP_SECRET": app["appSecret"]}

    alice = run_command(
        *("chat", "alice", "--to", "alice", "--url", f"http://{server.http}/", "--app-id", app["appId"]),
        input="a note to myself\n",
        env={**os.environ, **credentials},
    )

    assert alice.returncode == 0, alice.stderr
    assert re.search("a note to myself +✓", alice.stdout)


def test_wrong_credentials_are_one_line(start_server: StartServer) -> None:
    server = start_server()
    app = server.create_app()

    refused = run_command(
        *("chat", "alice", "--url", f"http://{server.http}", "--app-id", app["appId"]),
        input="hello\n",
        env={**os.environ, "OPENMIMC_APP_KEY": app["appKey"], "OPENMIMC_APP_SECRET": "wrong"},
    )

    assert refused.returncode == 2
    assert refused.stderr.startswith("openmimc: ")
    assert refused.stderr.count("\n") == 1
    assert "wrong app secret" in refused.stderr


def test_with_several_apps_one_has_to_be_chosen(start_server: StartServer) -> None:
    server = start_server()
    first = server.create_app("first")
    server.create_app("second")

    unchosen = run_command("chat", "alice", data_dir=server.data_dir, input="")
    chosen = run_command("chat", "alice", "--app-id", first["appId"], data_dir=server.data_dir, input="")

    assert unchosen.stderr == (
        "openmimc: there are several apps; choose one with --app-id (openmimc app list shows them)\n"
    )
    assert chosen.returncode == 0
