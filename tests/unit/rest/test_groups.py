"""``/api/uctopic``: what unlimited groups' clients may ask for, in every spelling, and each refusal."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from openmimc.model.group import GroupMember
from openmimc.model.ids import TopicId
from openmimc.rest import groups
from tests.unit.rest.json_values import json_values
from tests.unit.rest.talk import account_of
from tests.unit.rest.world import NOW_MS, ORIGIN, Json, World

PATH = "/api/uctopic"
SPELLINGS = ("/api/uctopic{}", "/api/uctopic{}/", "//api/uctopic{}", "//api//uctopic{}//")
PERIOD = {"utcFromTime": NOW_MS, "utcToTime": NOW_MS + 1000}


async def join(world: World, account: str, group_id: str) -> None:
    user_id = (await account_of(world, account)).user_id
    await world.groups.join(world.app.app_id, user_id, TopicId(int(group_id)))


async def leave(world: World, account: str, group_id: str) -> None:
    user_id = (await account_of(world, account)).user_id
    await world.groups.leave(world.app.app_id, user_id, TopicId(int(group_id)))


async def member_of(world: World, group_id: str, account: str) -> GroupMember | None:
    user_id = (await account_of(world, account)).user_id
    found: GroupMember | None = await world.store.find_group_member(TopicId(int(group_id)), user_id)
    return found


async def headers_of(world: World, account: str, group_id: str) -> dict[str, str]:
    """A user's headers for calls at a group."""
    return {**await world.with_token(account), "topicId": group_id}


def as_server(world: World, account: str) -> dict[str, str]:
    """The headers of the app's server, where no path names the app."""
    return {**world.with_credentials(account), "appId": str(world.app.app_id)}


async def groups_of(world: World, account: str) -> list[str]:
    answer = await world.call("GET", f"{PATH}/topics", await world.with_token(account))
    found: list[str] = answer["data"]
    return found


# ------------------------------------------------------------------ create


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_a_group_is_made_with_its_owner_in_it(world: World, spelling: str) -> None:
    alice = await world.with_token("alice")

    answer = await world.call("POST", spelling.format(""), alice, {"topicName": "stadium"})

    (group_id,) = await groups_of(world, "alice")
    assert answer == {
        "code": 200,
        "message": "success",
        "data": {
            "topicId": group_id,
            "topicName": "stadium",
            "ownerId": str((await account_of(world, "alice")).user_id),
            "ownerAccount": "alice",
            "memberNum": 1,
        },
    }


async def test_an_apps_server_makes_a_group_for_a_user_who_may_be_new(world: World) -> None:
    answer = await world.call("POST", PATH, as_server(world, "alice"), {"topicName": "tea", "extra": "{}"})

    assert (answer["data"]["ownerAccount"], answer["data"]["extra"]) == ("alice", "{}")


async def test_the_owner_that_one_sdk_names_is_the_caller(world: World) -> None:
    alice = await account_of(world, "alice")
    headers = await world.with_token("alice")
    bob_id = (await account_of(world, "bob")).user_id

    for owner in (alice.user_id, str(alice.user_id), None, "", 0, "0"):
        answer = await world.call("POST", PATH, headers, {"topicName": "tea", "ownerUuid": owner})
        assert answer["code"] == 200
    for owner, code in ((bob_id, 403), (str(bob_id), 403), ("bob", 400), (-1, 400), (1.5, 400), ([], 400)):
        answer = await world.call("POST", PATH, headers, {"topicName": "tea", "ownerUuid": owner})
        assert answer["code"] == code
    assert len(await groups_of(world, "alice")) == 6


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 422),
        ({"topicName": ""}, 422),
        ({"topicName": None}, 422),
        ({"topicName": 5}, 400),
        ({"topicName": "t" * 513}, 413),
        ({"topicName": "t\0"}, 400),
        ({"topicName": "\udc00"}, 400),
        ({"topicName": "t", "extra": "x" * 10_241}, 413),
        ({"topicName": "t", "extra": "\0"}, 400),
        ({"topicName": "t", "extra": {}}, 400),
        ([], 400),
    ],
)
async def test_a_group_that_is_not_as_it_should_be_is_not_made(world: World, body: Json, code: int) -> None:
    headers = await world.with_token("alice")
    world.store.writes.clear()

    answer = await world.call("POST", PATH, headers, body)

    assert (answer["code"], answer["data"]) == (code, None)
    assert world.store.writes == []


async def test_names_and_extra_texts_may_be_as_long_as_topics(world: World) -> None:
    body = {"topicName": "t" * 512, "extra": "x" * 10_240}

    answer = await world.call("POST", PATH, await world.with_token("alice"), body)

    assert (answer["data"]["topicName"], answer["data"]["extra"]) == ("t" * 512, "x" * 10_240)


async def test_temporary_accounts_make_no_groups(world: World) -> None:
    await world.apps.change_settings(world.app.app_id, {"uuidTTL": "3600"})

    answer = await world.call("POST", PATH, await world.with_token("alice"), {"topicName": "tea"})

    assert answer["code"] == 403


# ------------------------------------------------------------------ which group is meant


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("place", ["", "/userlist", "/onlineinfo"])
async def test_the_group_is_named_by_a_header_or_in_the_query(world: World, spelling: str, place: str) -> None:
    group_id = await world.create_group("alice")
    alice = await world.with_token("alice")
    path = spelling.format(place)

    by_header = await world.call("GET", path, alice | {"topicId": group_id})
    by_query = await world.call("GET", f"{path}?topicId={group_id}", alice)
    by_both = await world.call("GET", f"{path}?topicId={group_id}", alice | {"topicId": group_id})
    by_neither = await world.call("GET", path, alice)
    contradiction = await world.call("GET", f"{path}?topicId=1", alice | {"topicId": group_id})
    twice = await world.call("GET", f"{path}?topicId={group_id}&topicId=1", alice)

    assert by_header["code"] == 200
    assert by_header == by_query == by_both
    assert (by_neither["code"], by_neither["message"]) == (422, "missing field: topicId")
    assert (contradiction["code"], twice["code"]) == (400, 400)


@pytest.mark.parametrize("topic_id", ["x", "-1", "0", "99", "01", str(2**63), "1 "])
async def test_a_group_that_can_not_be_is_none(world: World, topic_id: str) -> None:
    headers = await headers_of(world, "alice", topic_id)
    body = {"topicId": topic_id, "account": "bob", "forbidUntil": 0}

    answers = [
        *[await world.call("GET", PATH + place, headers) for place in ("", "/userlist", "/onlineinfo")],
        await world.call("DELETE", PATH, headers),
        await world.call("POST", f"{PATH}/forbid", headers, body),
    ]

    assert [answer["code"] for answer in answers] == [404] * 5


async def test_a_topic_is_no_group_and_a_group_no_topic(world: World) -> None:
    topic_id = await world.create_topic("alice", "bob")
    group_id = await world.create_group("alice")
    alice = await world.with_token("alice")

    assert (await world.call("GET", PATH, alice | {"topicId": topic_id}))["code"] == 404
    assert (await world.call("DELETE", PATH, alice | {"topicId": topic_id}))["code"] == 404
    assert (await world.call("GET", world.path(group_id), alice))["code"] == 404
    assert (await world.call("DELETE", world.path(group_id), alice))["code"] == 404


# ------------------------------------------------------------------ who may what

OPERATIONS: dict[str, tuple[str, str, Json]] = {
    "create": ("POST", PATH, {"topicName": "mine"}),
    "list": ("GET", f"{PATH}/topics", None),
    "show": ("GET", PATH, None),
    "members": ("GET", f"{PATH}/userlist", None),
    "online": ("GET", f"{PATH}/onlineinfo", None),
    "history": ("POST", "/api/msg/p2u/query", PERIOD),
    "mute": ("POST", f"{PATH}/forbid", {"account": "bob", "forbidUntil": 1_900_000_000}),
    "dismiss": ("DELETE", PATH, None),
}

ROLES = {
    "owner": "alice",
    "owner who left": "alice",
    "member": "bob",
    "outsider": "eve",
    "foreigner": "alice",
}

CODES: dict[str, dict[str, int]] = {
    "owner": dict.fromkeys(OPERATIONS, 200),
    "owner who left": dict.fromkeys(OPERATIONS, 200) | {"history": 403},
    "member": dict.fromkeys(OPERATIONS, 200) | {"mute": 403, "dismiss": 403},
    "outsider": dict.fromkeys(OPERATIONS, 403) | {"create": 200, "list": 200},
    "foreigner": dict.fromkeys(OPERATIONS, 403),
}


async def attempt(world: World, operation: str, headers: dict[str, str], group_id: str) -> int:
    method, path, body = OPERATIONS[operation]
    body = None if body is None else body | {"topicId": group_id}
    code: int = (await world.call(method, path, headers | {"topicId": group_id}, body))["code"]
    return code


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("role", CODES)
async def test_only_who_may_may(world: World, role: str, operation: str) -> None:
    """The table in the reference of unlimited groups, cell by cell, with a user's token."""
    group_id = await world.create_group("alice", "bob")
    if role == "owner who left":
        await leave(world, "alice", group_id)
    app = world.other if role == "foreigner" else world.app
    headers = await world.with_token(ROLES[role], app) | {"appId": str(world.app.app_id)}

    assert await attempt(world, operation, headers, group_id) == CODES[role][operation]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("role", ["owner", "owner who left", "member", "outsider"])
async def test_only_who_may_may_by_the_apps_credentials(world: World, role: str, operation: str) -> None:
    """The same cells: the app's server may no more than the user it speaks for."""
    group_id = await world.create_group("alice", "bob")
    if role == "owner who left":
        await leave(world, "alice", group_id)

    code = await attempt(world, operation, as_server(world, ROLES[role]), group_id)

    assert code == CODES[role][operation]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_what_was_refused_has_changed_nothing(world: World, operation: str) -> None:
    """Neither a stranger who names the app, nor one who does not, nor another app's server, nor nobody."""
    group_id = await world.create_group("alice", "bob")
    foreigner = await world.with_token("alice", world.other)
    their_server = {"appKey": world.other.key, "appSecret": world.other_secret, "appAccount": "alice"}
    await account_of(world, "alice", world.other)
    app_id, other_id = {"appId": str(world.app.app_id)}, {"appId": str(world.other.app_id)}
    world.store.writes.clear()

    assert await attempt(world, operation, foreigner | app_id, group_id) == 403
    assert await attempt(world, operation, their_server | app_id, group_id) == 442
    assert await attempt(world, operation, their_server, group_id) == 422
    assert await attempt(world, operation, app_id, group_id) == 401
    assert world.store.writes == []
    if operation not in {"create", "list"}:
        assert await attempt(world, operation, foreigner, group_id) == 404
        assert await attempt(world, operation, their_server | other_id, group_id) == 404
        assert {"create_group", "delete_group", "mute_group_member"}.isdisjoint(world.store.writes)
    assert await groups_of(world, "bob") == [group_id]


# ------------------------------------------------------------------ dismiss, members, online


async def test_a_dismissed_group_is_gone_for_everybody(world: World) -> None:
    group_id = await world.create_group("alice", "bob")
    headers = await headers_of(world, "alice", group_id)

    answer = await world.call("DELETE", f"{PATH}/", headers)

    assert answer == {"code": 200, "message": "success", "data": None}
    assert await groups_of(world, "alice") == await groups_of(world, "bob") == []
    assert (await world.call("DELETE", PATH, headers))["code"] == 404
    assert (await world.call("GET", PATH, headers))["code"] == 404


async def test_a_group_tells_how_many_are_in_it(world: World) -> None:
    group_id = await world.create_group("alice", "bob", "carol")
    await leave(world, "bob", group_id)

    answer = await world.call("GET", PATH, await headers_of(world, "carol", group_id))

    assert answer["data"] == {
        "topicId": group_id,
        "topicName": "stadium",
        "ownerId": str((await account_of(world, "alice")).user_id),
        "ownerAccount": "alice",
        "memberNum": 2,
    }


async def test_members_are_told_with_either_spelling_of_their_account(world: World) -> None:
    group_id = await world.create_group("alice", "bob")
    body = {"topicId": group_id, "account": "bob", "forbidUntil": "1900000000"}
    await world.call("POST", f"{PATH}/forbid", await world.with_token("alice"), body)

    answer = await world.call("GET", f"{PATH}/userlist", await headers_of(world, "bob", group_id))

    app_id = str(world.app.app_id)
    members = [
        {
            "appId": app_id,
            "uuid": str((await account_of(world, "alice")).user_id),
            "appAccount": "alice",
            "appAccout": "alice",
        },
        {
            "appId": app_id,
            "uuid": str((await account_of(world, "bob")).user_id),
            "appAccount": "bob",
            "appAccout": "bob",
            "forbidUntil": 1_900_000_000,
        },
    ]
    assert answer == {
        "code": 200,
        "message": "success",
        "data": {
            "members": sorted(members, key=lambda member: int(str(member["uuid"]))),
            "isEnd": True,
            "memberNum": 2,
        },
    }


@pytest.mark.parametrize("place", ["header", "query"])
async def test_walking_batch_by_batch_meets_every_member_once(
    world: World, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "BATCH", 3)
    names = ["alice", *(f"user-{number}" for number in range(8))]
    group_id = await world.create_group(*names)
    headers = await headers_of(world, "alice", group_id)

    sizes, seen, start, is_end = [], [], "0", False
    while not is_end:
        query = f"?startUuid={start}" if place == "query" else ""
        more = {"startUuid": start} if place == "header" else {}
        data = (await world.call("GET", f"{PATH}/userlist{query}", headers | more))["data"]
        assert data["memberNum"] == 9
        sizes.append(len(data["members"]))
        seen += [member["appAccount"] for member in data["members"]]
        start, is_end = data["members"][-1]["uuid"], data["isEnd"]

    assert sizes == [3, 3, 3]
    assert sorted(seen) == sorted(names)


@pytest.mark.parametrize("start", ["x", "-1", "1.5", str(2**63), "1 2"])
async def test_a_start_that_is_no_id_is_refused(world: World, start: str) -> None:
    headers = await headers_of(world, "alice", await world.create_group("alice"))

    answer = await world.call("GET", f"{PATH}/userlist", headers | {"startUuid": start})

    assert answer["code"] == 400
    assert answer["message"].startswith("startUuid ")


async def test_beyond_the_last_member_there_is_nobody(world: World) -> None:
    headers = await headers_of(world, "alice", await world.create_group("alice"))

    answer = await world.call("GET", f"{PATH}/userlist", headers | {"startUuid": str(2**63 - 1)})

    assert answer["data"] == {"members": [], "isEnd": True, "memberNum": 1}


async def test_members_who_are_online_are_counted(world: World) -> None:
    group_id = await world.create_group("alice", "bob")
    world.online.counts[TopicId(int(group_id))] = 2

    answer = await world.call("GET", f"{PATH}/onlineinfo", await headers_of(world, "bob", group_id))

    assert answer["data"] == {"topicId": group_id, "userCnt": 2}


# ------------------------------------------------------------------ mute


@pytest.mark.parametrize("until", [1_900_000_000, "1900000000"])
async def test_the_owner_mutes_and_lets_talk_again(world: World, until: Json) -> None:
    group_id = await world.create_group("alice", "bob")
    alice = await world.with_token("alice")
    body = {"topicId": int(group_id), "account": "bob", "forbidUntil": until}

    muted = await world.call("POST", f"{PATH}/forbid/", alice, body)
    while_muted = await member_of(world, group_id, "bob")
    lifted = await world.call("POST", f"{PATH}/forbid/", alice, body | {"forbidUntil": 0})
    afterwards = await member_of(world, group_id, "bob")

    assert muted == lifted == {"code": 200, "message": "success", "data": None}
    assert while_muted is not None
    assert afterwards is not None
    assert (while_muted.muted_until_s, afterwards.muted_until_s) == (1_900_000_000, 0)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"topicId": None}, 422),
        ({"account": None}, 422),
        ({"account": ""}, 422),
        ({"forbidUntil": None}, 422),
        ({"forbidUntil": ""}, 422),
        ({"account": "eve"}, 400),
        ({"account": "nobody"}, 400),
        ({"account": "b\0b"}, 400),
        ({"account": "b" * 257}, 413),
        ({"account": 5}, 400),
        ({"forbidUntil": -1}, 400),
        ({"forbidUntil": "soon"}, 400),
        ({"forbidUntil": 1.5}, 400),
        ({"forbidUntil": 2**62}, 400),
        ({"topicId": "no id"}, 404),
    ],
)
async def test_a_mute_that_can_not_be_changes_nothing(world: World, fields: Json, code: int) -> None:
    group_id = await world.create_group("alice", "bob")
    await account_of(world, "eve")
    alice = await world.with_token("alice")
    world.store.writes.clear()
    body = {"topicId": group_id, "account": "bob", "forbidUntil": 1_900_000_000} | fields

    answer = await world.call("POST", f"{PATH}/forbid", alice, body)

    assert (answer["code"], answer["data"]) == (code, None)
    assert "ensure_accounts" not in world.store.writes
    assert await member_of(world, group_id, "bob") == GroupMember(
        (await account_of(world, "bob")).user_id, "bob", 0
    )


# ------------------------------------------------------------------ list, and the one SDK that asks in a loop


async def settle() -> None:
    """Let everything run that does not wait for anything."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_the_groups_of_a_user_are_told_in_the_order_of_joining(world: World, spelling: str) -> None:
    """At once, whatever the spelling, and with exactly the message that the SDKs compare with."""
    theirs = await world.create_group("bob")
    mine = await world.create_group("alice")
    await join(world, "alice", theirs)

    answer = await world.call("GET", spelling.format("/topics"), await world.with_token("alice"))

    assert answer == {"code": 200, "message": "success", "data": [mine, theirs]}


@pytest.mark.parametrize("path", ["/api/uctopic/topics", "//api/uctopic/topics", "/api/uctopic/topics?a=/"])
async def test_an_empty_list_is_told_at_once_where_the_path_has_no_slash_at_its_end(
    world: World, path: str
) -> None:
    async with asyncio.timeout(groups.HOLD_S / 2):
        answer = await world.call("GET", path, await world.with_token("alice"))

    assert answer == {"code": 200, "message": "success", "data": []}


@pytest.mark.parametrize("path", ["/api/uctopic/topics/", "//api/uctopic/topics/", "/api/uctopic/topics/?a=b"])
async def test_an_empty_list_is_held_back_until_the_user_joins(world: World, path: str) -> None:
    group_id = await world.create_group("bob")
    asking = asyncio.create_task(world.call("GET", path, await world.with_token("alice")))
    await settle()
    await join(world, "carol", group_id)
    await settle()
    was_held = not asking.done()

    await join(world, "alice", group_id)

    async with asyncio.timeout(10):
        assert await asking == {"code": 200, "message": "success", "data": [group_id]}
    assert was_held


async def test_an_empty_list_is_not_held_back_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "HOLD_S", 0.04)
    headers = as_server(world, "alice")
    clock = asyncio.get_running_loop().time
    begin_s = clock()

    answer = await world.call("GET", "/api/uctopic/topics/", headers)

    assert answer == {"code": 200, "message": "success", "data": []}
    assert clock() - begin_s >= 0.039


async def test_a_server_that_stops_holds_nothing_back(world: World) -> None:
    alice = await world.with_token("alice")
    asking = asyncio.create_task(world.call("GET", "/api/uctopic/topics/", alice))
    await settle()
    was_held = not asking.done()

    world.groups.stop()

    async with asyncio.timeout(10):
        answers = [await asking, await world.call("GET", "/api/uctopic/topics/", alice)]
    assert was_held
    assert answers == [{"code": 200, "message": "success", "data": []}] * 2


async def test_nothing_is_held_back_from_who_may_not_ask(world: World) -> None:
    async with asyncio.timeout(groups.HOLD_S / 2):
        assert (await world.call("GET", "/api/uctopic/topics/", {"token": "forged"}))["code"] == 444
        assert (await world.call("GET", "/api/uctopic/topics/"))["code"] == 401


async def test_nothing_is_held_back_for_a_client_that_hung_up(world: World) -> None:
    """Its request ends with the connection; nothing of it stays, and nothing is logged."""
    events: asyncio.Queue[Any] = asyncio.Queue()
    sent: list[Any] = []
    token = (await world.with_token("alice"))["token"]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/api/uctopic/topics/",
        "raw_path": b"/api/uctopic/topics/",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"token", token.encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }

    async def send(message: Any) -> None:
        sent.append(message)

    events.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    before = asyncio.all_tasks()
    with capture_logs() as logs:
        asking = asyncio.create_task(world.api(scope, events.get, send))  # type: ignore[arg-type]  # As servers do.
        await settle()
        was_held = not asking.done()
        events.put_nowait({"type": "http.disconnect"})
        async with asyncio.timeout(10):
            await asking

    assert was_held
    assert b'"code":499' in sent[-1]["body"]
    assert asyncio.all_tasks() == before
    assert logs == []


# ------------------------------------------------------------------ all


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", PATH),
        ("POST", f"{PATH}/topics"),
        ("POST", f"{PATH}/userlist"),
        ("DELETE", f"{PATH}/onlineinfo"),
        ("GET", f"{PATH}/forbid"),
    ],
)
async def test_unknown_methods_are_refused(world: World, method: str, path: str) -> None:
    assert (await world.call(method, path, await world.with_token("alice")))["code"] == 405


async def test_pages_of_any_origin_may_send_the_headers_of_groups(world: World) -> None:
    asked = {"origin": "https://shop.example.com", "access-control-request-method": "DELETE"}

    answer = await world.http.options(f"{ORIGIN}/api/uctopic/userlist", headers=asked)

    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert allowed >= {"token", "topicid", "startuuid"}


names = st.sampled_from(["topicName", "extra", "ownerUuid", "topicId", "account", "forbidUntil"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(place=st.sampled_from(["", "/forbid"]), spoiled=st.dictionaries(names, json_values, max_size=4))
async def test_no_request_breaks_the_server(world: World, place: str, spoiled: dict[str, Any]) -> None:
    group_id = await world.create_group("alice", "bob")
    body = {"topicName": "tea", "topicId": group_id, "account": "bob", "forbidUntil": 0} | spoiled

    answer = await world.call("POST", PATH + place, await world.with_token("alice"), body)

    assert answer["code"] in {200, 400, 403, 404, 413, 422}
