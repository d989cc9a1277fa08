"""``/api/blacklist``: requests and answers. The rules have their own tests."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.unit.rest.world import Json, World

PATH = "/api/blacklist"
DONE = {"code": 200, "message": "success", "data": None}


def blocked(yes: bool) -> Json:
    return {"code": 200, "message": "success", "data": {"isBlack": yes}}


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("way", ["token", "credentials"])
async def test_blocking_asking_and_unblocking(world: World, slash: str, way: str) -> None:
    if way == "token":
        alice = await world.with_token("alice")
    else:
        alice = world.with_credentials("alice") | {"appId": str(world.app.app_id)}
    query = f"{PATH}{slash}?blackAccount={quote('用户 é')}"

    assert await world.call("GET", query, alice) == blocked(False)
    assert await world.call("POST", PATH + slash, alice, {"blackAccount": "用户 é"}) == DONE
    assert await world.call("GET", query, alice) == blocked(True)
    assert await world.call("GET", query, await world.with_token("bob")) == blocked(False)
    assert await world.call("DELETE", query, alice) == DONE
    assert await world.call("GET", query, alice) == blocked(False)


async def test_an_account_that_is_a_number_needs_no_quotes(world: World) -> None:
    alice = await world.with_token("alice")

    await world.call("POST", PATH, alice, {"blackAccount": 123})

    assert await world.call("GET", f"{PATH}?blackAccount=123", alice) == blocked(True)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 422),
        ({"blackAccount": ""}, 422),
        ({"blackAccount": None}, 422),
        ({"blackAccount": ["bob"]}, 400),
        ({"blackAccount": "b" * 257}, 413),
        ({"blackAccount": "alice"}, 400),
        ({"blackAccount": "bob", "appId": "1"}, 403),
        ([], 400),
    ],
)
async def test_whom_to_block_must_be_said(world: World, body: Json, code: int) -> None:
    alice = await world.with_token("alice")
    world.store.writes.clear()

    assert (await world.call("POST", PATH, alice, body))["code"] == code
    assert world.store.writes == []


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", 422),
        ("?blackAccount=", 422),
        ("?blackAccount=a&blackAccount=b", 400),
        ("?blackAccount=%ff", 400),
        (f"?blackAccount={'b' * 257}", 413),
        ("?blackAccount=nobody", 200),
    ],
)
async def test_who_is_meant_must_be_readable(world: World, method: str, query: str, code: int) -> None:
    alice = await world.with_token("alice")
    world.store.writes.clear()

    assert (await world.call(method, PATH + query, alice))["code"] == code
    assert world.store.writes == []


async def test_an_app_may_have_no_blacklists(world: World) -> None:
    await world.apps.change_settings(world.app.app_id, {"enableBlacklist": "false"})
    alice = await world.with_token("alice")

    answer = await world.call("POST", PATH, alice, {"blackAccount": "bob"})

    assert answer["code"] == 403
    assert "enableBlacklist" in answer["message"]
