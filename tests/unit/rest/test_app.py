"""What holds for the API as a whole: CORS, slashes, unknown paths, errors nobody expected."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from openmimc.errors import Unavailable
from openmimc.model.app import Account
from openmimc.model.ids import AppId, TopicId
from openmimc.model.topic import Topic
from tests.fakes.clock import FakeClock
from tests.unit.rest.world import NOW_MS, ORIGIN, RecordingStore, World

API_PATHS = [
    "/api/account/token",
    "/api/topic/1",
    "/api/topic/1/2/accounts/",
    "//api//nothing/",
    "/api",
    "/api/",
]


@pytest.mark.parametrize("path", API_PATHS)
@pytest.mark.parametrize("origin", [{}, {"origin": "https://shop.example.com"}, {"origin": "null"}])
async def test_preflights_are_answered_for_every_api_path(
    world: World, path: str, origin: dict[str, str]
) -> None:
    """Source: protocol reference, 2.4."""
    asked = {"access-control-request-method": "PUT", "access-control-request-headers": "token"}

    response = await world.http.options(ORIGIN + path, headers=origin | (asked if origin else {}))

    allowed = {name.strip().lower() for name in response.headers["access-control-allow-headers"].split(",")}
    methods = {name.strip() for name in response.headers["access-control-allow-methods"].split(",")}
    assert response.status_code == 200
    assert response.content == b""
    assert response.headers["access-control-allow-origin"] == "*"
    assert methods >= {"GET", "POST", "PUT", "DELETE", "OPTIONS"}
    assert allowed >= {
        *("content-type", "token", "topicid", "appkey", "appsecret", "appaccount", "appid", "appaccountencode")
    }


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/nothing", "/api/account", "/api/topic", "/api/topic/1/2/3/4"]
)
async def test_unknown_api_paths_are_answered_in_the_apis_shape(world: World, method: str, path: str) -> None:
    assert await world.call(method, path, body={}) == {"code": 404, "message": "no such path", "data": None}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/account/token"),
        ("PATCH", "/api/topic/1"),
        ("POST", "/api/topic/1/2"),
        ("GET", "/api/topic/1/2/accounts"),
    ],
)
async def test_unknown_methods_are_answered_in_the_apis_shape(world: World, method: str, path: str) -> None:
    assert await world.call(method, path) == {"code": 405, "message": "method not allowed", "data": None}


@pytest.mark.parametrize(
    "spelling",
    ["/api/topic/{}/account", "/api/topic/{}/account/", "//api/topic/{}//account//", "/api//topic/{}/account"],
)
async def test_slashes_do_not_matter(world: World, spelling: str) -> None:
    topic_id = await world.create_topic("alice", "bob")

    answer = await world.call("GET", spelling.format(world.app.app_id), await world.with_token("alice"))

    assert [info["topicId"] for info in answer["data"]] == [topic_id]


async def test_paths_outside_the_api_have_real_statuses_and_no_cors(world: World) -> None:
    for path in ("/", "/nothing", "/apix"):
        response = await world.http.get(path)

        assert response.status_code == 404
        assert response.json() == {"code": 404, "message": "no such path", "data": None}
        assert "access-control-allow-origin" not in response.headers


# ------------------------------------------------------------------ what nobody expected


class BrokenStore(RecordingStore):
    """A store that raises ``fault`` once it is set."""

    fault: Exception | None = None

    async def find_topic(self, topic_id: TopicId) -> Topic | None:
        if self.fault:
            raise self.fault
        return await super().find_topic(topic_id)

    async def find_account(self, app_id: AppId, name: str) -> Account | None:
        if isinstance(self.fault, Unavailable):
            raise self.fault
        return await super().find_account(app_id, name)


@pytest.fixture
async def broken() -> World:
    clock = FakeClock(NOW_MS)
    return await World(BrokenStore(clock), clock).open()


async def test_an_unexpected_error_is_logged_and_tells_the_client_nothing(broken: World) -> None:
    topic_id = await broken.create_topic("alice", "bob")
    alice = await broken.with_token("alice")
    broken.store.fault = RuntimeError("inner workings")

    with capture_logs() as logs:
        answer = await broken.call("PUT", broken.path(topic_id) + "?q=hidden", alice, {"topicName": "private"})

    (entry,) = logs
    assert answer == {"code": 500, "message": "internal error", "data": None}
    assert entry.pop("exc_info") is broken.store.fault
    assert entry == {
        "event": "unexpected_error",
        "log_level": "error",
        "method": "PUT",
        "path": broken.path(topic_id),
    }


async def test_after_an_unexpected_error_the_next_call_is_served(broken: World) -> None:
    topic_id = await broken.create_topic("alice", "bob")
    alice = await broken.with_token("alice")
    broken.store.fault = RuntimeError("inner workings")

    with capture_logs():
        failed = await broken.call("GET", broken.path(topic_id), alice)
    broken.store.fault = None
    served = await broken.call("GET", broken.path(topic_id), alice)

    assert (failed["code"], served["code"]) == (500, 200)


async def test_a_store_that_is_not_available_is_answered_as_such(broken: World) -> None:
    alice = await broken.with_token("alice")
    broken.store.fault = Unavailable("disk full")

    with capture_logs() as logs:
        answer = await broken.call("GET", broken.path("account"), alice)

    assert answer == {"code": 503, "message": "temporarily unavailable, repeat", "data": None}
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("unavailable", "warning")]


async def test_refusals_are_not_worth_a_log_line(world: World) -> None:
    with capture_logs() as logs:
        await world.call("GET", "/api/nothing")
        await world.call("GET", world.path("account"))
        await world.call("POST", "/api/account/token", body=[])

    assert logs == []


async def test_a_client_that_hangs_up_while_it_sends_is_no_error_of_ours(world: World) -> None:
    """Nobody reads the answer; nothing is logged that a stranger could fill the disk with."""
    sent: list[Any] = []
    events = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/account/token",
        "raw_path": b"/api/account/token",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-length", b"100")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }

    async def receive() -> Any:
        return next(events)

    async def send(message: Any) -> None:
        sent.append(message)

    with capture_logs() as logs:
        await world.api(scope, receive, send)  # type: ignore[arg-type]  # A scope as servers make it.

    assert logs == []
    assert b"499" in sent[-1]["body"] or b"499" in sent[1]["body"]
