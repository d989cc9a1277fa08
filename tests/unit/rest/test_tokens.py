"""``POST /api/account/token``."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openmimc.model.ids import AppId
from openmimc.rest.requests import MAX_BODY_BYTES
from tests.unit.rest.json_values import json_values
from tests.unit.rest.world import FE_DOMAIN, World

TOKEN = "/api/account/token"


def token_request(world: World, **changes: Any) -> dict[str, Any]:
    body = {
        "appId": str(world.app.app_id),
        "appKey": world.app.key,
        "appSecret": world.secret,
        "appAccount": "alice",
    }
    return body | changes


async def nothing_was_written(world: World) -> bool:
    account = await world.store.find_account(world.app.app_id, "alice")
    return account is None and world.store.writes == []


async def test_the_answer_has_the_fields_and_types_that_every_sdk_reads(world: World) -> None:
    """Source: protocol reference, 2.1."""
    answer = await world.call("POST", TOKEN, body=token_request(world))

    account = await world.store.find_account(world.app.app_id, "alice")
    token = answer["data"].pop("token")
    key = answer["data"].pop("miUserSecurityKey")
    assert answer == {
        "code": 200,
        "message": "success",
        "data": {
            "appId": str(world.app.app_id),
            "appPackage": world.app.package,
            "appAccount": "alice",
            "miChid": 9,
            "miUserId": str(account.user_id),
            "feDomainName": FE_DOMAIN,
            "relayDomainName": FE_DOMAIN,
            "regionBucket": 0,
            "ppsMiotDomainName": FE_DOMAIN,
        },
    }
    assert token.isascii()
    assert (await world.auth.check_token(token)).account == account
    assert base64.b64decode(key, validate=True) == world.auth.derive_security_key(token)
    assert len(base64.b64decode(key)) == 16


async def test_ids_and_keys_may_be_numbers_and_unknown_fields_are_ignored(world: World) -> None:
    body = token_request(
        world, appId=world.app.app_id, appKey=int(world.app.key), regionKey="REGION_CN", more=[{"a": None}]
    )

    assert (await world.call("POST", TOKEN, body=body))["code"] == 200


async def test_one_account_has_one_user_id(world: World) -> None:
    first, second = [(await world.call("POST", TOKEN, body=token_request(world)))["data"] for _ in range(2)]

    assert first["miUserId"] == second["miUserId"]


async def test_accounts_may_be_any_text(world: World) -> None:
    answer = await world.call("POST", TOKEN, body=token_request(world, appAccount="用户 🙂,\\"))

    assert answer["data"]["appAccount"] == "用户 🙂,\\"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data", "?", ""],
)
async def test_the_body_is_json_whatever_it_is_called(world: World, content_type: str) -> None:
    response = await world.http.post(
        TOKEN, content=json.dumps(token_request(world)), headers={"content-type": content_type}
    )

    assert world.check(response)["code"] == 200


async def test_answers_with_secrets_are_not_to_be_cached(world: World) -> None:
    response = await world.http.post(TOKEN, json=token_request(world))

    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("value", [None, "", "absent"])
@pytest.mark.parametrize("field", ["appId", "appKey", "appSecret", "appAccount"])
async def test_a_missing_field_is_named(world: World, field: str, value: str | None) -> None:
    body = token_request(world, **{field: value})
    if value == "absent":
        del body[field]

    assert await world.call("POST", TOKEN, body=body) == {
        "code": 422,
        "message": f"missing field: {field}",
        "data": None,
    }
    assert await nothing_was_written(world)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("appId", "1234567890123456789", 441),
        ("appId", 1, 441),
        ("appId", -1, 441),
        ("appId", "no number", 441),
        ("appId", "١٢٣", 441),
        ("appId", 2**63, 441),
        ("appId", "9" * 400, 441),
        ("appKey", "5000000000000", 442),
        ("appKey", 0, 442),
        ("appKey", "\ud83d\ude42", 442),
        ("appSecret", "AAAAAAAAAAAAAAAAAAAAAA==", 443),
        ("appId", True, 400),
        ("appId", 1.5, 400),
        ("appId", 10**40, 441),
        ("appId", ["1"], 400),
        ("appKey", {}, 400),
        ("appSecret", 5, 400),
        ("appAccount", 7, 400),
        ("appAccount", [], 400),
        ("appAccount", "a\0b", 400),
        ("appAccount", "a" * 257, 413),
    ],
)
async def test_each_fault_has_its_code_and_creates_nothing(
    world: World, field: str, value: object, code: int
) -> None:
    answer = await world.call("POST", TOKEN, body=token_request(world, **{field: value}))

    assert answer["code"] == code
    assert await nothing_was_written(world)


async def test_another_apps_credentials_are_wrong(world: World) -> None:
    with_key = await world.call("POST", TOKEN, body=token_request(world, appKey=world.other.key))
    with_secret = await world.call("POST", TOKEN, body=token_request(world, appSecret=world.other_secret))

    assert (with_key["code"], with_secret["code"]) == (442, 443)
    assert await nothing_was_written(world)


async def test_the_longest_account_name_is_taken(world: World) -> None:
    assert (await world.call("POST", TOKEN, body=token_request(world, appAccount="é" * 128)))["code"] == 200


async def test_banned_accounts_get_no_token(world: World) -> None:
    (account,) = await world.store.ensure_accounts(world.app.app_id, ("alice",))
    await world.store.change_account(account.user_id, is_banned=True)

    assert (await world.call("POST", TOKEN, body=token_request(world)))["code"] == 446


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"{",
        b"appId=1&appKey=2",
        b"\xff\xfe",
        b'{"appId":"1"} x',
        b'{"appAccount":"\xff"}',
        b'{"appAccount":"\\ud800"}',
        b"[]",
        b'"text"',
        b"null",
        b"17",
        b"[" * 100_000,
        b'{"more":' * 100_000,
        b'{"more":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"appId":NaN}',
    ],
)
async def test_what_is_no_json_object_is_a_bad_request(world: World, content: bytes) -> None:
    response = await world.http.post(TOKEN, content=content)

    assert world.check(response)["code"] == 400
    assert await nothing_was_written(world)


async def test_a_body_may_be_as_large_as_the_limit_and_no_larger(world: World) -> None:
    body = json.dumps(token_request(world)).encode()

    at_limit = await world.http.post(TOKEN, content=body + b" " * (MAX_BODY_BYTES - len(body)))
    beyond = await world.http.post(TOKEN, content=body + b" " * (MAX_BODY_BYTES + 1 - len(body)))

    assert world.check(at_limit)["code"] == 200
    assert world.check(beyond) == {
        "code": 413,
        "message": "the body is larger than 1048576 bytes",
        "data": None,
    }


async def test_error_texts_quote_no_secret(world: World) -> None:
    for body in (
        token_request(world, appId=1),
        token_request(world, appKey="0"),
        token_request(world, appAccount=5),
        token_request(world, appAccount="\0"),
        token_request(world, appSecret=[world.secret]),
    ):
        response = await world.http.post(TOKEN, json=body)
        assert world.check(response)["code"] != 200
        assert world.secret not in response.text
        assert world.app.key not in response.text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(["appId", "appKey", "appSecret", "appAccount", "regionKey"]), json_values),
    st.one_of(st.none(), json_values),
)
async def test_no_json_in_any_field_is_an_internal_error_or_creates_anything(
    world: World, changes: dict[str, Any], instead: Any
) -> None:
    world.store.writes.clear()
    body = token_request(world, **changes) if instead is None else instead

    answer = await world.call("POST", TOKEN, body=body)

    assert answer["code"] in {200, 400, 413, 422, 441, 442, 443}
    assert (answer["code"] == 200) == (world.store.writes == ["ensure_accounts"])
    assert answer["code"] == 200 or world.store.writes == []


async def test_the_secret_of_a_deleted_app_gives_no_token(world: World) -> None:
    await world.apps.delete_app(AppId(world.app.app_id))

    assert (await world.call("POST", TOKEN, body=token_request(world)))["code"] == 441
