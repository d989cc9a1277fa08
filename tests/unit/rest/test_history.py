"""``/api/msg``: requests and answers. The rules have their own tests."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openmimc.domain.history import MAX_PERIOD_MS, PAGE_ROWS
from openmimc.model.message import Message
from tests.unit.rest.json_values import json_values
from tests.unit.rest.talk import call_out, say, tell
from tests.unit.rest.world import NOW_MS, Json, World

P2P_PATHS = [f"/api/msg/p2p/{name}" for name in ("query", "queryOnTime", "queryOnCount", "queryOnSequence")]
P2T_PATHS = [path.replace("p2p", "p2t") for path in P2P_PATHS]
P2U_PATHS = [path.replace("p2p", "p2u") for path in P2P_PATHS]
PATHS = [*P2P_PATHS, *P2T_PATHS, *P2U_PATHS]
FIELDS = {
    "query": {"utcFromTime": NOW_MS, "utcToTime": NOW_MS + MAX_PERIOD_MS},
    "queryOnTime": {"utcFromTime": NOW_MS, "utcToTime": NOW_MS + MAX_PERIOD_MS},
    "queryOnCount": {"utcToTime": NOW_MS + MAX_PERIOD_MS, "count": PAGE_ROWS},
    "queryOnSequence": {"startSeq": NOW_MS * 10_000, "stopSeq": (NOW_MS + MAX_PERIOD_MS) * 10_000},
}
"""A request of each kind, for all that a test says; ids of the conversation come on top."""

OF_TWO = {"fromAccount": "alice", "toAccount": "bob"}


def selection(path: str) -> dict[str, int]:
    """The fields that say which messages are wanted."""
    return dict(FIELDS[path.rpartition("/")[2]])


async def create(world: World, path: str) -> str:
    """A topic, or an unlimited group where the path is about those, of alice and bob."""
    return await (world.create_group if "p2u" in path else world.create_topic)("alice", "bob")


async def speak(world: World, path: str, sender: str, topic_id: str, payload: bytes = b"hello all") -> Message:
    """Send a message to what ``create`` made."""
    return await (call_out if "p2u" in path else tell)(world, sender, topic_id, payload)


def as_strings(body: Json) -> Json:
    return {key: str(value) for key, value in body.items()}


# ------------------------------------------------------------------ shapes


@pytest.mark.parametrize("path", P2P_PATHS)
async def test_one_to_one_history_is_answered_as_in_the_manual(world: World, path: str) -> None:
    """Accounts once and per message; ids and sequences as strings, times and numbers as numbers."""
    alice = await world.with_token("alice")
    first = await say(world, "alice", "bob", b"\x00\xff")
    world.clock.advance(5)
    second = await say(world, "bob", "alice", "é".encode(), biz_type="text")
    app_id = str(world.app.app_id)

    answer = await world.call("POST", path, alice, {"appId": app_id} | OF_TWO | selection(path))

    dated = {} if path.endswith(("query", "Time")) else {"timestamp": NOW_MS}
    assert answer == {
        "code": 200,
        "message": "success",
        "data": {
            "appId": app_id,
            "toAccount": "bob",
            "fromAccount": "alice",
            "messages": [
                {
                    "sequence": str(first.sequence),
                    "payload": "AP8=",
                    "ts": NOW_MS,
                    "fromAccount": "alice",
                    "toAccount": "bob",
                },
                {
                    "sequence": str(second.sequence),
                    "payload": base64.b64encode("é".encode()).decode(),
                    "ts": NOW_MS + 5,
                    "fromAccount": "bob",
                    "toAccount": "alice",
                    "bizType": "text",
                },
            ],
            "row": 2,
            **dated,
            "hasMore": False,
        },
    }


@pytest.mark.parametrize("path", [*P2T_PATHS, *P2U_PATHS])
async def test_a_topics_history_is_answered_as_in_the_manual(world: World, path: str) -> None:
    """That of an unlimited group, too."""
    bob = await world.with_token("bob")
    topic_id = await create(world, path)
    sent = await speak(world, path, "alice", topic_id, b"tea?")
    app_id = str(world.app.app_id)
    body = {"appId": app_id, "account": "bob", "topicId": topic_id} | selection(path)

    answer = await world.call("POST", path, bob, body)

    dated = {} if path.endswith(("query", "Time")) else {"timestamp": NOW_MS}
    assert answer == {
        "code": 200,
        "message": "success",
        "data": {
            "appId": app_id,
            "topicId": topic_id,
            "messages": [
                {"sequence": str(sent.sequence), "payload": "dGVhPw==", "ts": NOW_MS, "fromAccount": "alice"}
            ],
            "row": 1,
            **dated,
            "hasMore": False,
        },
    }


@pytest.mark.parametrize("path", P2P_PATHS)
async def test_where_nothing_was_said_there_are_no_rows(world: World, path: str) -> None:
    answer = await world.call(
        "POST", path, await world.with_token("alice"), OF_TWO | {"toAccount": "nobody"} | selection(path)
    )

    assert answer["data"] == {
        "appId": str(world.app.app_id),
        "toAccount": "nobody",
        "fromAccount": "alice",
        "messages": [],
        "row": 0,
        "hasMore": False,
    }
    assert await world.store.find_account(world.app.app_id, "nobody") is None


# ------------------------------------------------------------------ pages


async def walk(world: World, path: str, headers: dict[str, str], body: Json) -> list[list[str]]:
    """Ask until there is no more; the sequences of each page."""
    pages = []
    while True:
        data = (await world.call("POST", path, headers, body))["data"]
        assert data["row"] == len(data["messages"])
        pages.append([message["sequence"] for message in data["messages"]])
        if not data["hasMore"]:
            assert "nextSequence" not in data
            return pages
        body = body | {"stopSeq" if path.endswith("Count") else "startSeq": data["nextSequence"]}


@pytest.mark.parametrize("path", PATHS)
async def test_what_does_not_fit_on_a_page_is_announced_and_can_be_had(world: World, path: str) -> None:
    alice = await world.with_token("alice")
    topic_id = await create(world, path)
    sent = []
    for n in range(2 * PAGE_ROWS + 50):
        if "p2p" in path:
            sent.append(await say(world, *(("alice", "bob") if n % 3 else ("bob", "alice"))))
        else:
            sent.append(await speak(world, path, "alice", topic_id))
        world.clock.advance(n % 2)
    body = selection(path) | (OF_TWO if "p2p" in path else {"topicId": topic_id})

    pages = await walk(world, path, alice, body)

    if path.endswith("Count"):
        pages.reverse()
        assert [len(page) for page in pages] == [50, PAGE_ROWS, PAGE_ROWS]
    else:
        assert [len(page) for page in pages] == [PAGE_ROWS, PAGE_ROWS, 50]
    assert [sequence for page in pages for sequence in page] == [str(message.sequence) for message in sent]


async def test_a_period_can_be_continued_by_sequence_too(world: World) -> None:
    """A sequence is its time and four digits, so the period's end is ``utcToTime`` with four zeros."""
    alice = await world.with_token("alice")
    sent = [await say(world, "alice", "bob") for _ in range(PAGE_ROWS + 1)]
    body = OF_TWO | selection("query")
    first = (await world.call("POST", "/api/msg/p2p/query", alice, body))["data"]

    rest = OF_TWO | {"startSeq": first["nextSequence"], "stopSeq": f"{body['utcToTime']}0000"}
    second = (await world.call("POST", "/api/msg/p2p/queryOnSequence", alice, rest))["data"]

    assert [message["sequence"] for message in second["messages"]] == [str(sent[-1].sequence)]
    assert second["hasMore"] is False


# ------------------------------------------------------------------ requests


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "spell",
    [
        lambda body: body,
        as_strings,
        lambda body: {key: value for key, value in body.items() if key != "appId"},
        lambda body: body | {"appId": None},
        lambda body: body | {"appId": ""},
        lambda body: body | {"bizType": None, "extra": None, "startSeq": body.get("startSeq")},
        lambda body: body | {"bizType": "", "extra": {"k": [1]}},
    ],
    ids=["numbers", "strings", "no appId", "null appId", "empty appId", "csharp", "more fields"],
)
async def test_requests_may_be_spelled_in_many_ways(
    world: World, path: str, spell: Callable[[Json], Json]
) -> None:
    alice = await world.with_token("alice")
    topic_id = await create(world, path)
    await say(world, "alice", "bob")
    await speak(world, path, "alice", topic_id)
    of_topic = {"account": "alice", "topicId": int(topic_id)}
    body = {"appId": world.app.app_id} | selection(path) | (OF_TWO if "p2p" in path else of_topic)

    for slash in ("", "/"):
        answer = await world.call("POST", path + slash, alice, spell(body))
        assert answer["data"]["row"] == 1


@pytest.mark.parametrize("path", P2P_PATHS)
async def test_accounts_that_are_numbers_need_no_quotes(world: World, path: str) -> None:
    """The manual's command lines have none."""
    await say(world, "123", "456")
    headers = await world.with_token("456")

    answer = await world.call("POST", path, headers, {"fromAccount": 123, "toAccount": 456} | selection(path))

    assert (answer["data"]["row"], answer["data"]["fromAccount"]) == (1, "123")


@pytest.mark.parametrize("path", PATHS)
async def test_an_apps_server_may_ask_for_a_user(world: World, path: str) -> None:
    topic_id = await create(world, path)
    await say(world, "alice", "bob")
    await speak(world, path, "alice", topic_id)
    body = selection(path) | (OF_TWO if "p2p" in path else {"topicId": topic_id, "account": "bob"})
    bob = world.with_credentials("bob")

    in_body = await world.call("POST", path, bob, body | {"appId": str(world.app.app_id)})
    in_header = await world.call("POST", path, bob | {"appId": str(world.app.app_id)}, body)
    nowhere = await world.call("POST", path, bob, body)

    assert in_body == in_header
    assert in_body["data"]["row"] == 1
    assert (nowhere["code"], nowhere["message"]) == (422, "missing field: appId")


@pytest.mark.parametrize("path", PATHS)
async def test_a_missing_field_is_named(world: World, path: str) -> None:
    alice = await world.with_token("alice")
    topic_id = await create(world, path)
    body: Json = selection(path) | (OF_TWO if "p2p" in path else {"topicId": topic_id})

    for field in body:
        for spoiled in ({key: body[key] for key in body if key != field}, body | {field: None}):
            answer = await world.call("POST", path, alice, spoiled)
            assert (answer["code"], answer["message"]) == (422, f"missing field: {field}")


@pytest.mark.parametrize("path", P2P_PATHS)
@pytest.mark.parametrize("value", [-1, "-1", "1.5", "x", " 1", "1e3", "٣", 2**63, str(2**63), "0" * 30])
async def test_a_number_that_is_none_is_refused_and_named(world: World, path: str, value: Json) -> None:
    alice = await world.with_token("alice")

    for field in selection(path):
        answer = await world.call("POST", path, alice, OF_TWO | selection(path) | {field: value})
        assert answer["code"] == 400
        assert answer["message"].startswith(f"{field} ")


@pytest.mark.parametrize(
    ("path", "fields", "code"),
    [
        ("query", {"utcToTime": NOW_MS}, 400),
        ("query", {"utcToTime": NOW_MS - 1}, 400),
        ("queryOnTime", {"utcToTime": NOW_MS + MAX_PERIOD_MS + 1}, 400),
        ("queryOnTime", {"startSeq": NOW_MS * 10_000 - 1}, 400),
        ("queryOnCount", {"count": 0}, 400),
        ("queryOnCount", {"count": PAGE_ROWS + 1}, 413),
        ("queryOnCount", {"stopSeq": "9" * 18}, 400),
        ("queryOnSequence", {"stopSeq": NOW_MS * 10_000}, 400),
        ("queryOnCount", {"utcToTime": 1.5}, 400),
        ("queryOnCount", {"utcToTime": True}, 400),
        ("queryOnCount", {"fromAccount": ["alice"]}, 400),
        ("queryOnCount", {"fromAccount": "a" * 257}, 413),
        ("queryOnCount", {"appId": "1"}, 403),
        ("queryOnCount", {"appId": "x"}, 403),
        ("queryOnCount", {"appId": 0}, 403),
    ],
)
async def test_requests_that_can_not_be_answered_are_refused(
    world: World, path: str, fields: Json, code: int
) -> None:
    body = OF_TWO | selection(path) | fields

    answer = await world.call("POST", f"/api/msg/p2p/{path}", await world.with_token("alice"), body)

    assert answer["code"] == code


@pytest.mark.parametrize("kind", ["p2t", "p2u"])
@pytest.mark.parametrize("topic_id", ["x", "-1", 0, "99", 2**63])
async def test_a_topic_that_can_not_be_is_none(world: World, topic_id: Json, kind: str) -> None:
    body = selection("query") | {"topicId": topic_id}

    answer = await world.call("POST", f"/api/msg/{kind}/query", await world.with_token("alice"), body)

    assert answer["code"] == 404


async def test_topics_and_groups_do_not_show_in_each_others_history(world: World) -> None:
    alice = await world.with_token("alice")
    topic_id, group_id = await world.create_topic("alice"), await world.create_group("alice")

    of_topic = selection("query") | {"topicId": topic_id}
    of_group = selection("query") | {"topicId": group_id}

    assert (await world.call("POST", "/api/msg/p2u/query", alice, of_topic))["code"] == 404
    assert (await world.call("POST", "/api/msg/p2t/query", alice, of_group))["code"] == 404


fields = st.sampled_from(
    ["appId", "account", "topicId", *OF_TWO, *{key for kind in FIELDS.values() for key in kind}]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(path=st.sampled_from(PATHS), spoiled=st.dictionaries(fields, json_values, max_size=3))
async def test_no_request_breaks_the_server(world: World, path: str, spoiled: dict[str, Any]) -> None:
    alice = await world.with_token("alice")
    body = OF_TWO | {"topicId": "5001"} | selection(path) | spoiled

    answer = await world.call("POST", path, alice, body)

    assert answer["code"] in {200, 400, 403, 404, 413, 422}
