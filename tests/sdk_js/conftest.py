"""Node, the tools of the SDK's build, and a fresh build, for all tests of this directory.

Where the tools cannot be fetched the tests are skipped with the reason; with ``OPENMIMC_REQUIRE_NODE=1`` they
fail.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.live_server import LiveServer

HERE = Path(__file__).parent
SDK = HERE.parent.parent / "sdk" / "js"


@pytest.hookimpl(tryfirst=True)  # Before xdist reads the groups.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            # One process runs them all, so that the SDK is built once.
            item.add_marker(pytest.mark.xdist_group("sdk_js"))


RunNode = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def node() -> str:
    """Path of Node, whose tools are installed."""
    tools = runpy.run_path(str(SDK / "npm.py"))
    try:
        tools["install"]()
    except subprocess.CalledProcessError as error:
        reason = (
            f"the tools of the JavaScript SDK cannot be fetched, its tests do not run: {error.stderr[-500:]}"
        )
        if os.environ.get("OPENMIMC_REQUIRE_NODE") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return str(tools["NODE"])


@pytest.fixture(scope="session")
def built(node: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a fresh build; the unit tests' modules are beside the sources."""
    out = tmp_path_factory.mktemp("sdk")
    run = subprocess.run(  # noqa: S603 - our own script
        [node, SDK / "build.mjs", out], check=False, capture_output=True, text=True, timeout=100
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return out


@pytest.fixture(scope="session")
def run_node(node: str, built: Path) -> RunNode:
    """Runs a script of this directory to its end."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own scripts
            [node, *arguments],
            cwd=HERE,
            check=False,
            capture_output=True,
            text=True,
            timeout=100,
            env={**os.environ, "SDK": str(built / "mimc.js"), **environment},
        )

    return run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A real server; tests use accounts of their own."""
    live = LiveServer(tmp_path_factory.mktemp("sdk-server") / "data")
    yield live
    live.stop()


def describe(server: LiveServer) -> str:
    """What a script has to know of a server."""
    known: dict[str, Any] = {"http": server.http, **server.app}
    return json.dumps(known)
