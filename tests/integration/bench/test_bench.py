"""``openmimc bench`` as people and programs start it, with sizes that take seconds."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from openmimc.bench.plan import SCENARIOS
from tests.integration.live_server import COMMAND, LiveServer
from tests.integration.ops.processes import ServerProcess

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs" / "reference" / "bench.md"

TALKS = {"p2p", "group", "unlimited"}


def run(*arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, "bench", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | environment,
    )
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All scenarios on a server of the bench's own, with two workers, other connections and other messages."""
    folder = tmp_path_factory.mktemp("bench")
    options = ("--quick", "--json", "--workers", "2", "--history", "50", "--connections", "6")
    done = run(*options, "--plot", str(folder / "plot.svg"))
    parsed: dict[str, Any] = json.loads(done.stdout)
    parsed["picture"] = (folder / "plot.svg").read_text()
    return parsed


def test_every_scenario_does_something_without_a_fault(report: dict[str, Any]) -> None:
    results = report["results"]

    names = [result["scenario"] for result in results]
    assert names == ["p2p", *SCENARIOS]
    assert [result["parameters"]["inFlight"] for result in results[:2]] == [1, 16]
    assert all(result["count"] > 0 and result["ratePerS"] > 0 for result in results)
    nothing = {"lost": 0, "repeated": 0, "reordered": 0}
    assert report["faults"] == nothing
    assert [result["faults"] for result in results] == [nothing] * len(results)


def test_messages_have_costs_latencies_and_a_relay_to_compare_with(report: dict[str, Any]) -> None:
    for result in report["results"]:
        if result["scenario"] in TALKS:
            assert result["serverCpuUs"] > 0
            assert result["relay"]["ratePerS"] > 0
            assert result["sendToAck"]["p50Ms"] > 0
            assert result["sendToReceive"]["count"] > 0
            assert result["sendToReceive"]["p50Ms"] <= result["sendToReceive"]["maxMs"]


def test_requests_have_latencies(report: dict[str, Any]) -> None:
    by_name = {result["scenario"]: result for result in report["results"]}

    assert all(by_name[name]["request"]["p99Ms"] > 0 for name in ("login", "push", "history"))
    assert by_name["push"]["sendToReceive"]["count"] == by_name["push"]["count"]


def test_idle_connections_have_memory(report: dict[str, Any]) -> None:
    (idle,) = [result for result in report["results"] if result["scenario"] == "idle"]

    assert idle["count"] == 18
    assert isinstance(idle["memoryPerConnectionBytes"], int)


def test_the_machine_is_described(report: dict[str, Any]) -> None:
    assert report["format"] == 1
    assert report["server"] == "own"
    assert report["fsync"] == "every commit"
    assert report["disk"]["fsyncMs"] > 0
    assert report["machine"]["cores"] > 0
    assert report["machine"]["codec"] in {"native", "python"}


def test_the_plot_is_a_picture(report: dict[str, Any]) -> None:
    assert ElementTree.fromstring(report["picture"]).tag.endswith("svg")  # noqa: S314 - our own text


def test_the_reference_names_every_field_and_no_other(report: dict[str, Any]) -> None:
    fields = set(report) - {"picture"}
    for part in (report["machine"], report["disk"], report["faults"], *report["results"]):
        fields |= set(part)
    for result in report["results"]:
        for part in (result["sendToAck"], result["relay"]):
            fields |= set(part or ())

    page = REFERENCE.read_text(encoding="utf-8").partition("## The JSON")[2]

    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == fields


def test_a_running_server_is_measured_by_its_addresses(tmp_path: Path) -> None:
    server = LiveServer(tmp_path / "data")
    try:
        (tmp_path / "app.json").write_text(json.dumps(server.app))
        where = ("--http", server.http, "--tcp", server.tcp)
        by_file = run(
            "p2p", *where, "--app", str(tmp_path / "app.json"), "--quick", "--json", "--in-flight", "2"
        )
        credentials = ("--app-id", server.app["appId"], "--app-key", server.app["appKey"])
        # The same accounts once more: what the first run left behind does no harm.
        by_variable = run(
            *("p2p", "push", *where, *credentials, "--quick", "--no-relay", "--in-flight", "1"),
            OPENMIMC_BENCH_SECRET=server.app["appSecret"],
        )
    finally:
        server.stop()

    report = json.loads(by_file.stdout)
    assert (report["server"], report["fsync"], report["disk"]) == ("given", "unknown", None)
    assert report["results"][0]["serverCpuUs"] is None
    assert report["results"][0]["relay"]["cpuUs"] > 0
    assert "lost 0, repeated 0, reordered 0" in by_variable.stdout


def test_the_process_of_a_running_server_can_be_named(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    try:
        server.wait_ready()
        (tmp_path / "app.json").write_text(json.dumps(server.create_app()))
        done = run(
            *("p2p", "--http", server.http, "--tcp", server.tcp),
            *("--app", str(tmp_path / "app.json"), "--server-pid", str(server.process.pid)),
            *("--quick", "--json", "--in-flight", "1"),
        )
    finally:
        server.close()

    (result,) = json.loads(done.stdout)["results"]
    assert result["serverCpuUs"] > 0
    assert result["relay"]["ratio"] > 0


def test_a_directory_that_was_filled_can_be_measured(tmp_path: Path) -> None:
    fill = [sys.executable, str(ROOT / "benchmarks" / "fill_store.py"), str(tmp_path / "data"), "3000"]
    filled = subprocess.run(fill, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 - ours

    done = run("p2p", "--data-dir", str(tmp_path / "data"), "--quick", "--json", "--no-relay")

    assert filled.stdout.startswith("3,000 messages")
    assert json.loads(done.stdout)["faults"] == {"lost": 0, "repeated": 0, "reordered": 0}
    assert (tmp_path / "data" / "openmimc.db").exists()


@pytest.mark.parametrize("moment", ["openmimc.db", "server.json"])
def test_ctrl_c_ends_everything_and_leaves_nothing(tmp_path: Path, moment: str) -> None:
    """At whatever moment: here, when certain files of the server's appear."""
    bench = subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "bench", "p2p", "--pairs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    deadline_s = time.monotonic() + 30
    while not list(tmp_path.glob(f"*/{moment}")):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)

    os.killpg(bench.pid, signal.SIGINT)
    out, err = bench.communicate(timeout=30)

    assert (bench.returncode, out, err) == (130, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("walk",), "no scenario 'walk'"),
        (("--http", "127.0.0.1:1"), "--http and --tcp go together"),
        (("--http", "127.0.0.1:1", "--tcp", "nowhere"), "'nowhere' is not of the form HOST:PORT"),
        (("--http", "127.0.0.1:1", "--tcp", "127.0.0.1:1"), "OPENMIMC_BENCH_SECRET"),
        (("--app-id", "1"), "go with --http and --tcp"),
        (("group", "--members", "3", "--workers", "2"), "two members"),
    ],
)
def test_what_does_not_fit_together_is_refused(arguments: tuple[str, ...], complaint: str) -> None:
    done = run(*arguments, code=2)

    assert complaint in done.stderr
    assert done.stdout == ""


def test_a_server_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "app.json").write_text('{"appId":"1","appKey":"2","appSecret":"3"}')

    done = run(
        *("p2p", "--http", "127.0.0.1:1", "--tcp", "127.0.0.1:1", "--app", str(tmp_path / "app.json")), code=2
    )

    (line,) = done.stderr.splitlines()
    assert line.startswith("openmimc: cannot connect to http://127.0.0.1:1: ")
