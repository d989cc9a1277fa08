"""The API held against its own description, with requests made from it: sensible ones and garbage.

Whatever is sent: HTTP status 200, an answer of the shape that is described for the call, no refusal that is not
described for it, and never an internal error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.live_server import LiveServer

EXAMPLES_PER_OPERATION = 20
"""Of each of the four kinds; some 4,000 requests in all, which take a minute."""

OWNERS_LEAVING = {"code": 500, "message": "quit topic fail", "data": None}
"""The one refusal with this code that is meant: the original's own."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    running = LiveServer(tmp_path_factory.mktemp("schemathesis") / "data")
    yield running
    running.stop()


class Insider:
    """Puts real ids and credentials into requests, so that they come past the first checks."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server
        self._app = {name: server.app[name] for name in ("appId", "appKey", "appSecret")}
        self._accounts = {"appAccount": "alice", "fromAccount": "alice", "toAccount": "bob", "account": "alice"}

    def new_topic(self) -> str:
        """Make a topic of Alice's."""
        url = f"{self._server.base_url}/api/topic/{self._app['appId']}"
        headers = {**self._app, "appAccount": "alice"}
        answer = httpx.post(url, json={"topicName": "tea", "accounts": "bob"}, headers=headers).json()
        return str(answer["data"]["topicInfo"]["topicId"])

    def new_group(self) -> str:
        """Make an unlimited group of Alice's."""
        headers = {**self._app, "appAccount": "alice"}
        url = f"{self._server.base_url}/api/uctopic"
        return str(httpx.post(url, json={"topicName": "tea"}, headers=headers).json()["data"]["topicId"])

    def put_into(self, case: Case, topic_id: str) -> None:
        """Replace what is there of ids and credentials; all else stays as it was generated."""
        real = {**self._app, **self._accounts, "topicId": topic_id}
        case.path_parameters = {name: real[name] for name in case.path_parameters}
        case.query = {**case.query, **{name: real[name] for name in case.query.keys() & real.keys()}}
        if isinstance(case.body, dict):
            case.body = {**case.body, **{name: real[name] for name in case.body.keys() & real.keys()}}
        for name in ("token", "appAccountEncode"):
            case.headers.pop(name, None)
        if "topicId" in case.headers:
            case.headers["topicId"] = topic_id
        case.headers.update({**self._app, "appAccount": "alice"})


def codes_of_answers(operation: Any, mode: GenerationMode, prepare: Callable[[Case], None]) -> set[int]:
    """Make requests of one call and check the answers; returns the codes that were seen."""
    codes = set()

    @hypothesis.settings(
        max_examples=EXAMPLES_PER_OPERATION,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Case) -> None:
        prepare(case)
        response = case.call()
        case.validate_response(response, checks=CHECKS)
        if case.path.startswith("/api/"):
            answer = response.json()
            codes.add(answer["code"])
            assert answer["code"] != OWNERS_LEAVING["code"] or answer == OWNERS_LEAVING

    check()
    return codes


def takes_anything(operation: Any) -> bool:
    """Whether a call has parameters or a body that could be wrong."""
    return bool(list(operation.iter_parameters()) or operation.body)


@pytest.mark.parametrize("is_insider", [False, True], ids=["anybody", "insider"])
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_every_answer_is_one_that_is_described(
    server: LiveServer, mode: GenerationMode, is_insider: bool
) -> None:
    schema: Any = schemathesis.openapi.from_url(f"{server.base_url}/openapi.json")
    schema.validate()
    seen: dict[str, set[int]] = {}

    insider = Insider(server)
    for result in schema.get_all_operations():
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and not takes_anything(operation):
            continue
        is_of_groups = any(part in operation.path for part in ("uctopic", "p2u"))
        topic_id = insider.new_group() if is_of_groups else insider.new_topic()

        def prepare(case: Case, topic_id: str = topic_id) -> None:
            if is_insider:
                insider.put_into(case, topic_id)

        seen[operation.label] = codes_of_answers(operation, mode, prepare)

    assert "unexpected_error" not in server.log
    if is_insider and mode is GenerationMode.POSITIVE:
        assert sum(200 in codes for codes in seen.values()) > len(seen) / 3, seen
