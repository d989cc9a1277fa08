"""The API's description of itself, and the page that shows it."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest
from litestar import Litestar, get

from openmimc import errors
from openmimc.errors import DomainError
from openmimc.rest.docs_page import render_docs
from openmimc.rest.openapi import NotDocumented, Route, describe, json_answer, routes_of
from tests.fakes.clock import FakeClock
from tests.unit.rest.world import NOW_MS, RecordingStore, World

Json = dict[str, Any]

SEEN_ELSEWHERE = {errors.TooManyConnections, errors.Muted}
"""Refusals that no call answers with: seen at login, or by who sends from a device."""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = FakeClock(NOW_MS)
    world = await World(RecordingStore(clock), clock).open()
    yield world
    await world.http.aclose()


@pytest.fixture
async def document(world: World) -> Json:
    answer = await world.http.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found: Json = answer.json()
    return found


def litestar_of(world: World) -> Litestar:
    """The framework's app inside the middleware."""
    app: Any = world.api
    while not isinstance(app, Litestar):
        app = app._app
    return app


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_a_route_without_documentation_is_an_error() -> None:
    """So every route of the API is documented, or this and every other test here fails."""

    @get("/new")
    async def undocumented() -> str:
        return ""

    with pytest.raises(NotDocumented, match="/new"):
        describe(Litestar([undocumented], openapi_config=None))


async def test_every_path_that_is_served_is_described(world: World, document: Json) -> None:
    served = {re.sub(r"{\w+}", "{}", route.path_format) for route in litestar_of(world).routes}
    described = {re.sub(r"{\w+}", "{}", path) for path in document["paths"]}

    assert described == served - {"/openapi.json", "/docs"}
    assert len(described) > 20


async def test_the_description_is_the_same_whenever_it_is_made(document: Json) -> None:
    clock = FakeClock(NOW_MS)

    again = describe(litestar_of(World(RecordingStore(clock), clock)))

    assert json.dumps(again) == json.dumps(document)


async def test_operations_have_names_of_their_own(document: Json) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]

    assert len(set(names)) == len(names)


async def test_every_reference_leads_somewhere(document: Json) -> None:
    references = set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)))

    assert references
    for reference in references:
        place: Any = document
        for part in reference.split("/"):
            place = place[part]


async def test_every_refusal_is_an_answer_of_some_call(document: Json) -> None:
    """Each with an example that has its code and text."""
    refusals = {
        error
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, DomainError) and error is not DomainError
        if not issubclass(error, errors.OperatorError)
    }

    examples = document["components"]["examples"]

    assert set(examples) == {error.__name__ for error in refusals - SEEN_ELSEWHERE} | {"Unavailable"}
    for name, example in examples.items():
        assert example["value"]["code"] == getattr(errors, name).code
        assert example["value"]["message"]
        assert example["value"]["data"] is None


def routes() -> list[Route]:
    clock = FakeClock(NOW_MS)
    found = routes_of(litestar_of(World(RecordingStore(clock), clock)))
    return sorted(found, key=lambda route: (route.path, route.method))


@pytest.mark.parametrize("route", routes(), ids=lambda route: f"{route.method} {route.path}")
def test_examples_are_what_the_code_reads_and_writes(route: Route) -> None:
    """Nothing in them is passed over, and nothing has another type than it should."""
    call = route.call

    if call.body is not None:
        shape = msgspec.convert(call.body_example, call.body)
        written = msgspec.to_builtins(shape)
        assert isinstance(call.body_example, dict)
        assert {name: value for name, value in written.items() if value is not None} | call.body_example == (
            {name: value for name, value in written.items() if value is not None}
        )
        assert set(call.required) <= set(call.body_example)
    answer = json_answer(route)
    if answer is not None:
        example = call.data_example
        if route.path.startswith("/api/"):
            example = {"code": 200, "message": call.message, "data": example}
        assert msgspec.to_builtins(msgspec.convert(example, answer)) == example


async def test_what_is_said_to_be_required_is(world: World, document: Json) -> None:
    """Every required field of every body, one at a time, on calls that are right otherwise."""
    topic_id = await world.create_topic("alice", "bob")
    real = {
        "appId": str(world.app.app_id),
        "appKey": world.app.key,
        "appSecret": world.secret,
        "topicId": topic_id,
    }
    headers = await world.with_token("alice")
    count = 0
    for path, method, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        target = path.format(appId=real["appId"], topicId=topic_id)
        example = content["example"] | {name: real[name] for name in real.keys() & content["example"].keys()}
        required = content["schema"].get("allOf", [{}, {}])[1].get("required", [])
        for name in required:
            body = {field: value for field, value in example.items() if field != name}
            answer = await world.call(method.upper(), target, headers, body)
            assert (answer["code"], answer["message"]) == (422, f"missing field: {name}"), (path, name)
            count += 1
    assert count > 40


async def test_required_parameters_of_the_query_are_required(world: World, document: Json) -> None:
    topic_id = await world.create_topic("alice", "bob")
    headers = await world.with_token("alice")
    count = 0
    for path, method, operation in operations(document):
        for parameter in operation["parameters"]:
            if parameter["in"] == "query" and parameter["required"]:
                target = path.format(appId=world.app.app_id, topicId=topic_id)
                answer = await world.call(method.upper(), target, headers)
                assert answer["message"] == f"missing field: {parameter['name']}"
                count += 1
    assert count >= 5


async def test_fields_say_what_they_mean(document: Json) -> None:
    """Those of a struct's bases too; the struct's own description does not repeat them."""
    schema = document["components"]["schemas"]["PushP2PRequest"]

    assert schema["properties"]["isStore"]["description"].startswith("Whether history keeps it")
    assert schema["description"] == "A message to one account."
    assert "``" not in json.dumps(document)
    assert "Attributes:" not in json.dumps(document)


async def test_the_page_shows_every_call_and_refusal(world: World, document: Json) -> None:
    answer = await world.http.get("/docs")

    assert answer.headers["content-type"].startswith("text/html")
    shown = html.unescape(re.sub(r"<[^>]+>", "", answer.text))
    for path, method, operation in operations(document):
        assert f'id="{operation["operationId"]}"' in answer.text
        assert f"{method.upper()} {path} {operation['summary']}" in shown
    for scheme in document["components"]["securitySchemes"]:
        assert scheme in shown
    for example in document["components"]["examples"].values():
        assert json.dumps(example["value"]) in shown


async def test_the_page_may_load_nothing_but_its_own_style(world: World) -> None:
    answer = await world.http.get("/docs")
    policy = answer.headers["content-security-policy"]

    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none';")
    assert f"style-src 'sha256-{digest}';" in policy
    assert "<script" not in answer.text
    assert "style=" not in answer.text
    assert set(re.findall(r'(?:href|src)="([^"#]+)', answer.text)) == {"/openapi.json"}


async def test_the_page_holds_texts_as_text(document: Json) -> None:
    evil = "<script>alert(1)</script>"
    operation = document["paths"]["/api/account/token"]["post"]
    operation |= {"summary": evil, "description": evil}
    operation["requestBody"]["content"]["application/json"]["example"] = {"x": evil}

    page = render_docs(document)

    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 3
