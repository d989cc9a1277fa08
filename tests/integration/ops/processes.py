"""The server as an operator runs it: a process, told by its command line and by signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx

PATIENCE_S = 30.0


def run_command(
    *arguments: str, data_dir: Path | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run ``openmimc`` to its end."""
    return subprocess.run(  # noqa: S603 - our own program
        command(*arguments, data_dir=data_dir),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        **options,
    )


def command(*arguments: str, data_dir: Path | None = None) -> list[str]:
    where = ["--data-dir", str(data_dir)] if data_dir else []
    return [sys.executable, "-m", "openmimc", *arguments, *where]


class ServerProcess:
    """A running ``openmimc serve`` on free ports."""

    def __init__(self, data_dir: Path, *flags: str, environment: dict[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self._log = ""
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            command("serve", "--http-port", "0", "--tcp-port", "0", *flags, data_dir=data_dir),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        # Read all the time, so that a full pipe never holds the server up.
        self._arrived = threading.Condition()
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    def wait_ready(self) -> str:
        """Wait for the ready line; returns all that was on stdout up to it."""
        assert self.process.stdout is not None
        self.ready_line = self.process.stdout.readline()
        if not self.ready_line:
            raise AssertionError(f"the server ended with {self.process.wait(PATIENCE_S)}: {self.log}")
        words = dict(word.split("=") for word in self.ready_line.split()[1:])
        self.http, self.tcp = words["http"], words["tcp"]
        return self.ready_line

    @property
    def tcp_address(self) -> tuple[str, int]:
        host, _, port = self.tcp.rpartition(":")
        return host, int(port)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://{self.http}{path}", timeout=PATIENCE_S)

    def ask_token(self, app: dict[str, str], account: str, **changes: str) -> dict[str, Any]:
        """Ask the token service, as an app's server does."""
        body = {
            "appAccount": account,
            **{name: app[name] for name in ("appId", "appKey", "appSecret")},
            **changes,
        }
        answer: dict[str, Any] = httpx.post(
            f"http://{self.http}/api/account/token", json=body, timeout=PATIENCE_S
        ).json()
        return answer

    def create_app(self, name: str = "shop") -> dict[str, str]:
        done = run_command("app", "create", name, "--json", data_dir=self.data_dir)
        assert done.returncode == 0, done.stderr
        app: dict[str, str] = json.loads(done.stdout)
        return app

    @property
    def log(self) -> str:
        """What came on stderr so far."""
        with self._arrived:
            return self._log

    def wait_log(self, text: str) -> None:
        """Wait until the log has a text."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: text in self._log, PATIENCE_S):
                raise AssertionError(f"no {text!r} in the log: {self._log}")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> tuple[int, str]:
        """Ask the server to stop; returns its exit code and what else it wrote to stdout."""
        assert self.process.stdout is not None
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        rest = self.process.stdout.read()
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code, rest

    def close(self) -> None:
        """End the process, however it is."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._arrived:
                self._log += line
                self._arrived.notify_all()
