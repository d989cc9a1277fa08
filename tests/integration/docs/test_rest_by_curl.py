"""The manual's command lines, typed in as the documentation has them, against a real server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.docs.curl import run_curl
from tests.integration.docs.markdown import ROOT, Block, blocks_of
from tests.integration.live_server import LiveServer

PAGE = ROOT / "docs" / "reference" / "rest-by-curl.md"
HTTP_IN_DOCS = "127.0.0.1:8080"
APP_IN_DOCS = {
    "appId": "2882303761520034567",
    "appKey": "5112003476567",
    "appSecret": "nB1lYVVvFQ0kPsm3mlJ3Gg==",
}
FROM_IN_DOCS, TO_IN_DOCS = "1766000000000", "1766007200000"
HOUR_MS = 3_600_000

CHOSEN_BY_THE_SERVER = {
    "appPackage",
    "miUserId",
    "miUserSecurityKey",
    "ownerId",
    "ownerUuid",
    "packetId",
    "sequence",
    "timestamp",
    "token",
    "topicId",
    "ts",
    "uuid",
}

LINES_OF_THE_MANUAL = 21
"""Of its calls: token 1, push 2, history 2, topics 8 by either way to authenticate."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    running = LiveServer(tmp_path_factory.mktemp("curl") / "data")
    yield running
    running.stop()


class Values:
    """Which value of the real server stands for which one of the page, each for one and always for the same."""

    def __init__(self, known: dict[str, str]) -> None:
        self._real = dict(known)

    def put_into(self, command: str) -> str:
        """The command with real values."""
        for shown, real in self._real.items():
            command = command.replace(shown, real)
        return command

    def compare(self, shown: Any, real: Any, key: str = "") -> None:
        """Check an answer against the one that is shown, and learn what the server chose."""
        assert type(shown) is type(real), key
        match shown:
            case dict():
                assert list(shown) == list(real)
                for name, value in shown.items():
                    self.compare(value, real[name], name)
            case list():
                assert len(shown) == len(real), key
                for one, other in zip(shown, real, strict=True):
                    self.compare(one, other, key)
            case _ if key in CHOSEN_BY_THE_SERVER:
                assert self._real.setdefault(str(shown), str(real)) == str(real), key
                # Two messages may have been taken in the same millisecond.
                assert key == "ts" or list(self._real.values()).count(str(real)) == 1, key
            case _:
                assert self._real.get(str(shown), shown) == real, key


def calls_of(page: Path) -> list[tuple[str, Block]]:
    """Each command line of a page with the answer that is shown below it."""
    blocks = blocks_of(page)
    assert [block.language for block in blocks] == ["sh", "json"] * (len(blocks) // 2)
    return [(block.text, answer) for block, answer in zip(blocks[::2], blocks[1::2], strict=True)]


def test_every_line_of_the_manual_gives_the_answer_that_is_shown(server: LiveServer) -> None:
    """Field by field, in order and type; what the server chose once is the same wherever it comes again."""
    now_ms = time.time_ns() // 1_000_000
    values = Values(
        {HTTP_IN_DOCS: server.http}
        | {shown: server.app[name] for name, shown in APP_IN_DOCS.items()}
        | {FROM_IN_DOCS: str(now_ms - HOUR_MS), TO_IN_DOCS: str(now_ms + HOUR_MS)}
    )
    calls = calls_of(PAGE)

    answers = []
    for command, shown in calls:
        answers.append(json.loads(run_curl(values.put_into(command))))
        values.compare(json.loads(shown.text), answers[-1])

    assert len(answers) >= LINES_OF_THE_MANUAL
    assert {answer["code"] for answer in answers} == {200, 500}
