"""The tutorial, typed in as it stands, against a real server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

import openmimc
from tests.integration.docs.markdown import ROOT, Block, blocks_of

TUTORIAL = ROOT / "docs" / "tutorial" / "first-message.md"
HTTP_IN_DOCS = "127.0.0.1:8080"
TCP_IN_DOCS = "127.0.0.1:5222"
START_TIMEOUT_S = 20
EXAMPLES_TIMEOUT_S = 40
_READY = re.compile(r"ready http=(\S+) tcp=(\S+)\n")
_END_OF_BLOCK = "---- end of block"

# For machines without curl: as much of it as the tutorial uses.
_CURL = """\
import argparse, sys, urllib.request
parser = argparse.ArgumentParser()
parser.add_argument("-s", action="store_true")
parser.add_argument("-H", action="append", default=[])
parser.add_argument("-d")
parser.add_argument("url")
given = parser.parse_args()
headers = dict(header.split(": ", 1) for header in given.H)
data = None if given.d is None else given.d.encode()
with urllib.request.urlopen(urllib.request.Request(given.url, data, headers)) as answer:
    sys.stdout.buffer.write(answer.read())
"""


class Place(Struct, frozen=True):
    """A directory like the source tree after ``make run``, with a server that runs on it."""

    directory: Path
    environment: dict[str, str]
    http: str
    tcp: str

    def adapt(self, text: str) -> str:
        """Put the real addresses in the place of those in the tutorial."""
        return text.replace(HTTP_IN_DOCS, self.http).replace(TCP_IN_DOCS, self.tcp)

    def start(self, script: str) -> subprocess.Popen[str]:
        """Start commands as one shell would."""
        return subprocess.Popen(  # noqa: S603 - the documentation's own commands
            ["bash", "-euo", "pipefail", "-c", script],  # noqa: S607 - wherever it is
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, script: str, stdin: str = "") -> str:
        """Run commands to their end; return what they printed."""
        with self.start(script) as started:
            output, errors = started.communicate(stdin, EXAMPLES_TIMEOUT_S)
            assert started.returncode == 0, output + errors
        return output


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    _write_program(programs / "python", f'exec "{sys.executable}" "$@"')
    _write_program(programs / "openmimc", f'exec "{sys.executable}" -m openmimc "$@"')
    others = tmp_path / "bin"
    others.mkdir()
    _write_program(others / "python3", f'exec "{sys.executable}" "$@"')
    if shutil.which("curl") is None:
        (others / "curl.py").write_text(_CURL)
        _write_program(others / "curl", f'exec "{sys.executable}" "{others / "curl.py"}" "$@"')
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENMIMC_")}
    environment["PATH"] = f"{others}{os.pathsep}{os.environ['PATH']}"
    environment["PYTHONPATH"] = str(Path(openmimc.__file__).parents[1])
    with (
        (tmp_path / "log").open("w+") as log,
        subprocess.Popen(  # noqa: S603 - this program
            [programs / "openmimc", "serve", "--demo-app", "--http-port", "0", "--tcp-port", "0"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as server,
    ):
        try:
            assert server.stdout is not None
            ready = _READY.fullmatch(server.stdout.readline())
            assert ready, (tmp_path / "log").read_text()
            yield Place(tmp_path, environment, *ready.groups())
        finally:
            server.terminate()
            server.wait(START_TIMEOUT_S)


def _write_program(file: Path, command: str) -> None:
    file.write_text(f"#!/bin/sh\n{command}\n")
    file.chmod(0o755)


def shape_of(value: object) -> object:
    """What is left of JSON without its values."""
    match value:
        case dict():
            return {name: shape_of(inner) for name, inner in value.items()}
        case list():
            return [shape_of(inner) for inner in value]
        case _:
            return type(value)


def test_the_tutorial_does_what_it_says(place: Place) -> None:
    """Each program is put into its file, each command typed; JSON is answered in the form that is shown."""
    script = []
    expected: list[Block | None] = []
    for block in blocks_of(TUTORIAL):
        if block.language == "python":
            (place.directory / block.title).write_text(place.adapt(block.text))
        elif block.language == "sh" and not block.title:
            script.append(f"{place.adapt(block.text)}\necho '{_END_OF_BLOCK}'\n")
            expected.append(None)
        elif block.language == "json":
            expected[-1] = block

    outputs = place.run("\n".join(script)).split(f"{_END_OF_BLOCK}\n")[:-1]

    assert len(outputs) == len(expected)
    for output, shown in zip(outputs, expected, strict=True):
        if shown is not None:
            assert shape_of(json.loads(output)) == shape_of(json.loads(shown.text))
    printed = "".join(outputs)
    assert "carol wrote: hello from Python" in printed
    assert re.search(r"carol wrote to \d+: noon\?", printed)


def test_who_was_away_finds_in_the_chat_what_was_written_meanwhile(place: Place) -> None:
    """The two chat commands as they stand; lines come from a pipe in place of a keyboard."""
    chats = {block.title: place.adapt(block.text) for block in blocks_of(TUTORIAL) if " chat " in block.text}
    place.run(chats["second terminal"], stdin="are you there?\n/quit\n")

    with place.start(chats["third terminal"]) as bob:
        assert bob.stdin is not None
        assert bob.stdout is not None
        shown = next(line for line in bob.stdout if "are you there?" in line)
        bob.stdin.write("/quit\n")

    assert "alice" in shown
    assert bob.returncode == 0
