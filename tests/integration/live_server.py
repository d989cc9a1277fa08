"""The real server, as its own process on a data directory, for the SDK to talk to."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

COMMAND = [sys.executable, "-m", "openmimc"]
START_S = 20.0


def openmimc(*arguments: str) -> str:
    """Run a command to its end and return what it printed."""
    return subprocess.run([*COMMAND, *arguments], check=True, capture_output=True, text=True, timeout=30).stdout  # noqa: S603 - our own command


class LiveServer:
    """One server on one data directory; keeps its ports across restarts.

    Args:
        data_dir: Need not exist.
        options: Further flags of ``openmimc serve``.

    Attributes:
        http: ``host:port``.
        tcp: ``host:port``.
        app: What ``openmimc app create --json`` said.
    """

    def __init__(self, data_dir: Path, *options: str) -> None:
        self._data_dir = data_dir
        self._options = options
        self._log = (data_dir.parent / f"{data_dir.name}.log").open("wb")
        self._process: subprocess.Popen[str]
        self.http = "127.0.0.1:0"
        self.tcp = "127.0.0.1:0"
        self.start()
        self.app: dict[str, str] = json.loads(
            openmimc("app", "create", "chat", "--data-dir", str(data_dir), "--json")
        )

    @property
    def base_url(self) -> str:
        return f"http://{self.http}"

    @property
    def transports(self) -> dict[str, dict[str, str]]:
        """Arguments of ``MIMCUser``, by transport."""
        return {"tcp": {"tcp": self.tcp}, "websocket": {"websocket": f"ws://{self.http}/"}}

    def start(self) -> None:
        """Start, or start again on the same ports and data."""
        ports = [address.rpartition(":")[2] for address in (self.http, self.tcp)]
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [
                *COMMAND,
                "serve",
                *("--data-dir", str(self._data_dir)),
                *("--http-port", ports[0]),
                *("--tcp-port", ports[1]),
                *self._options,
            ],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("OPENMIMC_")},
        )
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            assert selector.select(START_S), "the server does not say that it is ready"
        words = self._process.stdout.readline().split()
        assert words[:1] == ["ready"], f"{words!r}; see {self._log.name}"
        self.http, self.tcp = (word.partition("=")[2] for word in words[1:3])

    def kill(self) -> None:
        """End the server at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End the server in order; returns its exit code."""
        code = self._end(signal.SIGTERM)
        self._log.close()
        return code

    @property
    def log(self) -> str:
        """What all its runs have logged."""
        return Path(self._log.name).read_text()

    def _end(self, number: signal.Signals) -> int:
        self._process.send_signal(number)
        code = self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code

    async def token_answer(self, account: str) -> dict[str, Any]:
        """What the token service answers for an account."""
        body = {name: self.app[name] for name in ("appId", "appKey", "appSecret")} | {"appAccount": account}
        async with httpx.AsyncClient() as http:
            answer: dict[str, Any] = (await http.post(f"{self.base_url}/api/account/token", json=body)).json()
        return answer

    def fetcher(self, account: str) -> Callable[[], Any]:
        """A token fetcher for an account."""

        async def fetch() -> dict[str, Any]:
            return await self.token_answer(account)

        return fetch

    async def new_topic(self, owner: str, *members: str) -> int:
        """Make a topic and return its id."""
        token = (await self.token_answer(owner))["data"]["token"]
        async with httpx.AsyncClient() as http:
            answer = await http.post(
                f"{self.base_url}/api/topic/{self.app['appId']}",
                json={"topicName": "climbing", "accounts": ",".join(members)},
                headers={"token": token},
            )
        return int(answer.json()["data"]["topicInfo"]["topicId"])
