"""``/api/topic/{appId}``: requests, answers and both ways to authenticate. The rules have their own tests."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.rest.json_values import json_values
from tests.unit.rest.world import World


async def uuid_of(world: World, account: str) -> str:
    found = await world.store.find_account(world.app.app_id, account)
    assert found is not None
    return str(found.user_id)


def accounts(answer: Any) -> list[str]:
    return [member["account"] for member in answer["data"]["members"]]


# ------------------------------------------------------------------ shapes


async def test_a_created_topic_is_answered_as_in_the_manual(world: World) -> None:
    alice = await world.with_token("alice")

    answer = await world.call("POST", world.path(), alice, {"topicName": "tea", "accounts": "bob,carol"})

    topic_id = answer["data"]["topicInfo"]["topicId"]
    owner, bob, carol = [await uuid_of(world, name) for name in ("alice", "bob", "carol")]
    assert topic_id.isdigit()
    assert answer == {
        "code": 200,
        "message": "success",
        "data": {
            "topicInfo": {
                "topicId": topic_id,
                "ownerUuid": owner,
                "ownerAccount": "alice",
                "topicName": "tea",
                "bulletin": "",
            },
            "members": [
                {"uuid": owner, "account": "alice"},
                {"uuid": bob, "account": "bob"},
                {"uuid": carol, "account": "carol"},
            ],
        },
    }
    assert await world.call("GET", world.path(topic_id), alice) == answer


async def test_own_topics_are_listed_without_members(world: World) -> None:
    bob = await world.with_token("bob")
    first = await world.create_topic("alice", "bob")
    second = await world.create_topic("bob", "carol")

    answer = await world.call("GET", world.path("account"), bob)

    assert [info["topicId"] for info in answer["data"]] == [first, second]
    assert answer["data"][0] == {
        "topicId": first,
        "ownerUuid": await uuid_of(world, "alice"),
        "ownerAccount": "alice",
        "topicName": "tea",
        "bulletin": "",
    }


async def test_who_is_in_no_topic_lists_none(world: World) -> None:
    assert await world.call("GET", world.path("account"), await world.with_token("eve")) == {
        "code": 200,
        "message": "success",
        "data": [],
    }


async def test_invite_kick_and_leave_answer_the_topic_as_it_is_now(world: World) -> None:
    alice, bob = await world.with_token("alice"), await world.with_token("bob")
    topic_id = await world.create_topic("alice", "bob")

    invited = await world.call("POST", world.path(topic_id, "accounts"), bob, {"accounts": "carol,dave"})
    kicked = await world.call("DELETE", world.path(topic_id, "accounts?accounts=carol,nobody"), alice)
    left = await world.call("DELETE", world.path(topic_id, "account"), bob)

    assert [answer["message"] for answer in (invited, kicked, left)] == ["success"] * 3
    assert accounts(invited) == ["alice", "bob", "carol", "dave"]
    assert accounts(kicked) == ["alice", "bob", "dave"]
    assert accounts(left) == ["alice", "dave"]
    assert left["data"]["topicInfo"]["topicId"] == topic_id


async def test_the_owner_may_not_leave_and_reads_the_originals_answer(world: World) -> None:
    topic_id = await world.create_topic("alice", "bob")

    answer = await world.call("DELETE", world.path(topic_id, "account"), await world.with_token("alice"))

    assert answer == {"code": 500, "message": "quit topic fail", "data": None}


async def test_dismissing_answers_with_the_originals_exclamation_mark(world: World) -> None:
    alice = await world.with_token("alice")
    topic_id = await world.create_topic("alice", "bob")

    assert await world.call("DELETE", world.path(topic_id), alice) == {
        "code": 200,
        "message": "success!",
        "data": None,
    }
    assert (await world.call("GET", world.path(topic_id), alice))["code"] == 404


async def test_extra_is_kept_and_shown_where_it_is_set(world: World) -> None:
    alice = await world.with_token("alice")
    body = {"topicName": "tea", "accounts": "bob", "extra": '{"colour":"green"}'}

    created = await world.call("POST", world.path(), alice, body)
    topic_id = created["data"]["topicInfo"]["topicId"]
    listed = await world.call("GET", world.path("account"), alice)
    cleared = await world.call("PUT", world.path(topic_id), alice, {"extra": ""})

    assert created["data"]["topicInfo"]["extra"] == '{"colour":"green"}'
    assert listed["data"][0]["extra"] == '{"colour":"green"}'
    assert "extra" not in cleared["data"]["topicInfo"]


# ------------------------------------------------------------------ requests


@pytest.mark.parametrize(
    "names", [" bob , carol ", "bob,,carol,", "bob,carol,bob,alice", ["bob", "carol"], "\tbob\n,\u3000carol"]
)
async def test_accounts_come_as_text_or_list(world: World, names: str | list[str]) -> None:
    body = {"topicName": "tea", "accounts": names}

    answer = await world.call("POST", world.path(), await world.with_token("alice"), body)

    assert accounts(answer) == ["alice", "bob", "carol"]


async def test_names_with_commas_fit_into_a_list(world: World) -> None:
    body = {"topicName": "tea", "accounts": ["Doe, John", " bob "]}

    answer = await world.call("POST", world.path(), await world.with_token("alice"), body)

    assert accounts(answer) == ["alice", "Doe, John", " bob "]


@pytest.mark.parametrize(
    "query",
    [
        "accounts=" + quote("用户,é b"),
        "accounts=" + quote("用户,é b", safe=""),
        "accounts=用户,é+b",
        "x=1&accounts=" + quote("用户") + "&accounts=" + quote("é b") + "&",
    ],
)
async def test_kicked_accounts_are_utf8_in_the_query(world: World, query: str) -> None:
    topic_id = await world.create_topic("alice", "用户", "é b", "bob")

    answer = await world.call(
        "DELETE", world.path(topic_id, "accounts?" + query), await world.with_token("alice")
    )

    assert accounts(answer) == ["alice", "bob"]


@pytest.mark.parametrize(
    ("query", "code"), [("", 422), ("?accounts=", 422), ("?accounts=,%20,", 422), ("?accounts=%ff", 400)]
)
async def test_kicking_needs_readable_accounts(world: World, query: str, code: int) -> None:
    topic_id = await world.create_topic("alice", "bob")

    answer = await world.call(
        "DELETE", world.path(topic_id, "accounts" + query), await world.with_token("alice")
    )

    assert answer["code"] == code


@pytest.mark.parametrize("number", [False, True])
async def test_the_older_manuals_update_names_topic_and_owner_by_number(world: World, number: bool) -> None:
    """All four fields; ids as text or number."""
    topic_id = await world.create_topic("alice", "bob")
    bob = await uuid_of(world, "bob")
    ids = (
        {"topicId": int(topic_id), "ownerUuid": int(bob)} if number else {"topicId": topic_id, "ownerUuid": bob}
    )
    body = ids | {"topicName": "coffee", "bulletin": "at four"}

    answer = await world.call("PUT", world.path(topic_id), await world.with_token("alice"), body)

    assert answer["data"]["topicInfo"] == {
        "topicId": topic_id,
        "ownerUuid": bob,
        "ownerAccount": "bob",
        "topicName": "coffee",
        "bulletin": "at four",
    }
    assert accounts(answer) == ["bob", "alice"]


@pytest.mark.parametrize(
    ("body", "owner", "name", "bulletin"),
    [
        ({"ownerAccount": "bob"}, "bob", "tea", "at four"),
        ({"topicName": "coffee"}, "alice", "coffee", "at four"),
        ({"bulletin": "at five"}, "alice", "tea", "at five"),
        ({"bulletin": ""}, "alice", "tea", ""),
        ({"ownerAccount": "bob", "topicName": "coffee", "bulletin": "at five"}, "bob", "coffee", "at five"),
        ({"ownerUuid": "", "ownerAccount": None, "topicName": "", "bulletin": "b"}, "alice", "tea", "b"),
    ],
)
async def test_the_newer_manuals_update_names_any_field(
    world: World, body: dict[str, Any], owner: str, name: str, bulletin: str
) -> None:
    alice = await world.with_token("alice")
    topic_id = await world.create_topic("alice", "bob")
    await world.call("PUT", world.path(topic_id), alice, {"bulletin": "at four"})

    info = (await world.call("PUT", world.path(topic_id), alice, body))["data"]["topicInfo"]

    assert (info["ownerAccount"], info["topicName"], info["bulletin"]) == (owner, name, bulletin)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 422),
        ({"topicName": ""}, 422),
        ({"ownerAccount": "eve"}, 400),
        ({"ownerUuid": "12"}, 400),
        ({"ownerUuid": "alice"}, 400),
        ({"ownerUuid": 0}, 400),
        ({"topicId": "1", "topicName": "coffee"}, 400),
        ({"topicName": 5}, 400),
        ({"topicName": "t" * 513}, 413),
        ({"bulletin": "b" * 10_241}, 413),
        ({"extra": "b" * 10_241}, 413),
    ],
)
async def test_a_faulty_update_changes_nothing(world: World, body: dict[str, Any], code: int) -> None:
    alice = await world.with_token("alice")
    topic_id = await world.create_topic("alice", "bob")
    before = await world.call("GET", world.path(topic_id), alice)
    world.store.writes.clear()

    assert (await world.call("PUT", world.path(topic_id), alice, body))["code"] == code
    assert await world.call("GET", world.path(topic_id), alice) == before
    assert world.store.writes == []


async def test_the_body_a_demo_builds_without_commas_is_a_bad_request(world: World) -> None:
    """Source: protocol reference, 9.3, on the Android demo."""
    topic_id = await world.create_topic("alice", "bob")

    response = await world.http.put(
        world.path(topic_id), content='{"topicName":"a""bulletin":"b"}', headers=await world.with_token("alice")
    )

    assert world.check(response)["code"] == 400


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"accounts": "bob"}, 422, "topicName"),
        ({"topicName": "", "accounts": "bob"}, 422, "topicName"),
        ({"topicName": "tea"}, 422, "accounts"),
        ({"topicName": "tea", "accounts": ""}, 422, "accounts"),
        ({"topicName": "tea", "accounts": " , "}, 422, "accounts"),
        ({"topicName": "tea", "accounts": []}, 422, "accounts"),
        ({"topicName": "tea", "accounts": [""]}, 422, "accounts"),
        ({"topicName": "tea", "accounts": 5}, 400, ""),
        ({"topicName": "tea", "accounts": ["bob", 5]}, 400, ""),
        ({"topicName": ["tea"], "accounts": "bob"}, 400, ""),
        ({"topicName": "tea", "accounts": "b" * 257}, 413, ""),
        ({"topicName": "tea", "accounts": "a,b,c,d"}, 448, ""),
    ],
)
async def test_a_faulty_creation_changes_nothing(
    world: World, body: dict[str, Any], code: int, field: str
) -> None:
    alice = await world.with_token("alice")
    world.store.writes.clear()

    answer = await world.call("POST", world.path(), alice, body)

    assert answer["code"] == code
    assert field in answer["message"]
    assert world.store.writes == []


@pytest.mark.parametrize("topic_id", ["0", "-1", "x", "9" * 30, "007", "1.0", "%C3%A9", "12345"])
async def test_what_names_no_topic_is_no_topic(world: World, topic_id: str) -> None:
    alice = await world.with_token("alice")

    for method, path, body in [
        ("GET", world.path(topic_id), None),
        ("PUT", world.path(topic_id), {"topicName": "coffee"}),
        ("DELETE", world.path(topic_id), None),
        ("POST", world.path(topic_id, "accounts"), {"accounts": "bob"}),
        ("DELETE", world.path(topic_id, "account"), None),
        ("DELETE", world.path(topic_id, "accounts?accounts=bob"), None),
    ]:
        assert (await world.call(method, path, alice, body))["code"] == 404


# ------------------------------------------------------------------ who calls

OPERATIONS: dict[str, tuple[str, Callable[[World, str], str], Any]] = {
    "create": ("POST", lambda world, topic_id: world.path(), {"topicName": "tea", "accounts": "dave"}),
    "list": ("GET", lambda world, topic_id: world.path("account"), None),
    "get": ("GET", lambda world, topic_id: world.path(topic_id), None),
    "invite": ("POST", lambda world, topic_id: world.path(topic_id, "accounts"), {"accounts": "dave"}),
    "leave": ("DELETE", lambda world, topic_id: world.path(topic_id, "account"), None),
    "kick": ("DELETE", lambda world, topic_id: world.path(topic_id, "accounts?accounts=carol"), None),
    "update": ("PUT", lambda world, topic_id: world.path(topic_id), {"topicName": "coffee"}),
    "transfer": ("PUT", lambda world, topic_id: world.path(topic_id), {"ownerAccount": "carol"}),
    "dismiss": ("DELETE", lambda world, topic_id: world.path(topic_id), None),
}

ACCOUNTS = {"owner": "alice", "member": "bob", "outsider": "eve", "foreigner": "alice"}

CODES: dict[str, dict[str, int]] = {
    "owner": dict.fromkeys(OPERATIONS, 200) | {"leave": 500},
    "member": dict.fromkeys(OPERATIONS, 200) | dict.fromkeys(["kick", "update", "transfer", "dismiss"], 403),
    "outsider": dict.fromkeys(OPERATIONS, 403) | {"create": 200, "list": 200},
    "foreigner": dict.fromkeys(OPERATIONS, 403),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("role", CODES)
async def test_only_who_may_may_by_token(world: World, role: str, operation: str) -> None:
    """The table in the reference of topics, cell by cell."""
    topic_id = await world.create_topic("alice", "bob", "carol")
    headers = await world.with_token(ACCOUNTS[role], world.other if role == "foreigner" else world.app)
    method, path, body = OPERATIONS[operation]

    answer = await world.call(method, path(world, topic_id), headers, body)

    assert answer["code"] == CODES[role][operation]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("role", ["owner", "member", "outsider"])
async def test_only_who_may_may_by_the_apps_credentials(world: World, role: str, operation: str) -> None:
    """The same cells: the app's server may no more than the user it speaks for."""
    topic_id = await world.create_topic("alice", "bob", "carol")
    method, path, body = OPERATIONS[operation]

    answer = await world.call(method, path(world, topic_id), world.with_credentials(ACCOUNTS[role]), body)

    assert answer["code"] == CODES[role][operation]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_another_apps_credentials_are_refused_everywhere(world: World, operation: str) -> None:
    topic_id = await world.create_topic("alice", "bob", "carol")
    headers = {"appKey": world.other.key, "appSecret": world.other_secret, "appAccount": "alice"}
    method, path, body = OPERATIONS[operation]
    world.store.writes.clear()

    assert (await world.call(method, path(world, topic_id), headers, body))["code"] == 442
    assert world.store.writes == []


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_another_apps_token_is_refused_everywhere(world: World, operation: str) -> None:
    """Namesakes of the owner too; on their own app's path the topic does not exist."""
    topic_id = await world.create_topic("alice", "bob", "carol")
    foreigner = await world.with_token("alice", world.other)
    method, path, body = OPERATIONS[operation]
    theirs = path(world, topic_id).replace(str(world.app.app_id), str(world.other.app_id))
    world.store.writes.clear()

    assert (await world.call(method, path(world, topic_id), foreigner, body))["code"] == 403
    assert world.store.writes == []
    if operation not in {"create", "list"}:
        assert (await world.call(method, theirs, foreigner, body))["code"] == 404
        assert world.store.writes == []


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_nobody_in_particular_is_refused_everywhere(world: World, operation: str) -> None:
    topic_id = await world.create_topic("alice", "bob", "carol")
    method, path, body = OPERATIONS[operation]
    world.store.writes.clear()

    assert (await world.call(method, path(world, topic_id), None, body))["code"] == 401
    assert (await world.call(method, path(world, topic_id), {"token": ""}, body))["code"] == 401
    assert world.store.writes == []


async def test_a_token_goes_before_credentials(world: World) -> None:
    topic_id = await world.create_topic("alice", "bob")

    as_eve = world.with_credentials("alice") | await world.with_token("eve")
    broken = world.with_credentials("alice") | {"token": "x"}
    empty = world.with_credentials("alice") | {"token": ""}

    assert (await world.call("GET", world.path(topic_id), as_eve))["code"] == 403
    assert (await world.call("GET", world.path(topic_id), broken))["code"] == 444
    assert (await world.call("GET", world.path(topic_id), empty))["code"] == 200


async def test_header_names_know_no_case(world: World) -> None:
    headers = {name.upper(): value for name, value in world.with_credentials("alice").items()}

    assert (await world.call("GET", world.path("account"), headers))["code"] == 200


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("appKey", "", 422),
        ("appSecret", "", 422),
        ("appAccount", "", 422),
        ("appKey", "1", 442),
        ("appSecret", "1", 443),
        ("appAccount", "a" * 257, 413),
        ("appAccountEncode", "rot13", 400),
        ("appAccountEncode", "base64", 400),
    ],
)
async def test_faulty_credentials_have_their_codes_and_create_nothing(
    world: World, header: str, value: str, code: int
) -> None:
    headers = world.with_credentials("a?") | {header: value}

    assert (await world.call("GET", world.path("account"), headers))["code"] == code
    assert world.store.writes == []


async def test_credentials_for_an_app_that_is_not_are_refused(world: World) -> None:
    headers = world.with_credentials("alice")

    for app_id in ("1", "x", str(2**63)):
        assert (await world.call("GET", f"/api/topic/{app_id}/account", headers))["code"] == 441


@pytest.mark.parametrize("token", ["x", "a.b.c", "é", "x" * 5000])
async def test_what_is_no_token_is_refused(world: World, token: str) -> None:
    answer = await world.call("GET", world.path("account"), {b"token": token.encode()})  # type: ignore[dict-item]  # Raw bytes.

    assert answer["code"] == 444


async def test_an_expired_token_has_its_own_code(world: World) -> None:
    alice = await world.with_token("alice")
    world.clock.advance(8 * 86_400_000)

    assert (await world.call("GET", world.path("account"), alice))["code"] == 445


async def test_rotating_the_secret_voids_tokens_and_credentials(world: World) -> None:
    headers = [await world.with_token("alice"), world.with_credentials("alice")]
    await world.apps.rotate_secret(world.app.app_id)

    assert [(await world.call("GET", world.path("account"), h))["code"] for h in headers] == [444, 443]


@pytest.mark.parametrize("account", ["用户", "é", "alice"])
async def test_accounts_in_headers_are_utf8(world: World, account: str) -> None:
    await world.create_topic(account, "bob")
    headers = {k.encode(): v.encode() for k, v in world.with_credentials(account).items()}

    answer = await world.call("GET", world.path("account"), headers)  # type: ignore[arg-type]  # Raw bytes.

    assert [info["ownerAccount"] for info in answer["data"]] == [account]


async def test_accounts_in_headers_may_be_base64(world: World) -> None:
    await world.create_topic("用户", "bob")
    headers = world.with_credentials(base64.b64encode("用户".encode()).decode()) | {
        "appAccountEncode": "Base64"
    }

    answer = await world.call("GET", world.path("account"), headers)

    assert [info["ownerAccount"] for info in answer["data"]] == ["用户"]


async def test_credentials_speak_for_accounts_never_seen_before(world: World) -> None:
    body = {"topicName": "tea", "accounts": "bob"}

    answer = await world.call("POST", world.path(), world.with_credentials("new"), body)

    assert accounts(answer) == ["new", "bob"]


@pytest.mark.parametrize("headers", ["token", "credentials"])
async def test_banned_accounts_are_refused(world: World, headers: str) -> None:
    token = await world.with_token("alice")
    account = await world.store.find_account(world.app.app_id, "alice")
    assert account is not None
    await world.store.change_account(account.user_id, is_banned=True)

    answer = await world.call(
        "GET", world.path("account"), token if headers == "token" else world.with_credentials("alice")
    )

    assert answer["code"] == 446


# ------------------------------------------------------------------ anything at all


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["create", "invite", "update"]),
    st.dictionaries(
        st.sampled_from(
            ["topicName", "accounts", "extra", "topicId", "ownerUuid", "ownerAccount", "bulletin", "unknown"]
        ),
        json_values,
    ),
)
async def test_no_json_in_any_field_is_an_internal_error_and_refusals_change_nothing(
    world: World, operation: str, fields: dict[str, Any]
) -> None:
    topic_id = await world.create_topic("alice", "bob")
    alice = await world.with_token("alice")
    before = await world.call("GET", world.path(topic_id), alice)
    method, path, body = OPERATIONS[operation]
    world.store.writes.clear()

    answer = await world.call(
        method, path(world, topic_id), alice, (body if operation != "update" else {}) | fields
    )

    assert answer["code"] in {200, 400, 413, 422, 448}
    if answer["code"] != 200:
        assert world.store.writes == []
        assert await world.call("GET", world.path(topic_id), alice) == before


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["POST", "PUT"]), st.binary(max_size=60))
async def test_no_bytes_are_an_internal_error(world: World, method: str, content: bytes) -> None:
    topic_id = await world.create_topic("alice", "bob")
    path = world.path(topic_id, "accounts") if method == "POST" else world.path(topic_id)

    response = await world.http.request(method, path, content=content, headers=await world.with_token("alice"))

    assert world.check(response)["code"] in {400, 422}


async def test_numbers_beyond_what_a_number_can_hold_survive_as_text(world: World) -> None:
    topic_id = await world.create_topic("alice", "bob")

    response = await world.http.get(world.path(topic_id), headers=await world.with_token("alice"))

    info = json.loads(response.text, parse_int=lambda text: pytest.fail(text) if len(text) > 15 else int(text))
    assert info["data"]["topicInfo"]["topicId"] == topic_id
