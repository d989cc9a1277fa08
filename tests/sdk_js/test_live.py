"""The built SDK in Node, against a real server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.integration.live_server import LiveServer
from tests.sdk_js.conftest import HERE, RunNode, describe


def test_two_users_talk(run_node: RunNode, server: LiveServer) -> None:
    run = run_node("--test", "--test-reporter=tap", "talk.live.mjs", SERVER=describe(server))

    assert run.returncode == 0, run.stdout + run.stderr


def test_nothing_is_missing_or_twice_when_the_server_dies_and_returns(
    node: str, built: Path, tmp_path: Path
) -> None:
    server = LiveServer(tmp_path / "data")
    try:
        with subprocess.Popen(  # noqa: S603 - our own script
            [node, HERE / "outage.live.mjs"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "SDK": str(built / "mimc.js"), "SERVER": describe(server)},
        ) as script:
            assert script.stdout is not None
            assert script.stdout.readline() == "now\n"
            server.kill()
            server.start()
            said, _ = script.communicate(timeout=60)
    finally:
        server.stop()

    result = json.loads(said)
    assert result["got"] == [*map(str, range(300)), "end"]
    assert result["outages"] >= 1
    assert result["refused"] == 0


def test_without_a_websocket_the_reason_is_said(run_node: RunNode) -> None:
    script = """
        const { MIMCUser } = await import(process.env.SDK);
        const endpoints = { websocketUrl: "ws://127.0.0.1:9/" };
        try {
            new MIMCUser("1", "alice", "r", { endpoints });
        } catch (error) {
            console.log(`${error.name}: ${error.message}`);
        }
    """
    run = run_node("--input-type=module", "--eval", script)

    assert run.stdout.startswith("MIMCError: "), run.stdout + run.stderr
    assert "options.WebSocket" in run.stdout
