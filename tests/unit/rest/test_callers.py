"""Who calls, in every way that clients say it. Shown at the blacklist, whose paths name no app."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.unit.rest.world import World

ASK = "/api/blacklist?blackAccount=bob"
BLOCKED = {"isBlack": True}


@pytest.fixture
async def blocking(world: World) -> World:
    """Two users of names that no header holds as they are, who block bob."""
    for name in ("用户é", "alice"):
        await world.call("POST", "/api/blacklist", await world.with_token(name), {"blackAccount": "bob"})
    return world


def encoded(name: str) -> str:
    return base64.b64encode(name.encode()).decode()


def utf8_headers(world: World, account: str) -> list[tuple[bytes, bytes]]:
    """The headers of the app's server as bytes, since httpx sends no text beyond ASCII."""
    texts = world.with_credentials(account) | {"appId": str(world.app.app_id)}
    return [(name.encode(), text.encode()) for name, text in texts.items()]


async def ask(world: World, headers: dict[str, str]) -> Any:
    answer = await world.call("GET", ASK, headers)
    return answer["data"] if answer["code"] == 200 else answer["code"]


@pytest.mark.parametrize("announcement", ["base64", "BASE64", "Base64"])
async def test_accounts_may_come_in_base64(blocking: World, announcement: str) -> None:
    """Source: protocol reference, 9.1."""
    headers = blocking.with_credentials(encoded("用户é")) | {
        "appId": str(blocking.app.app_id),
        "appAccountEncode": announcement,
    }

    assert await ask(blocking, headers) == BLOCKED


@pytest.mark.parametrize("path", ["/api/contact", "/api/blacklist?blackAccount=bob"])
@pytest.mark.parametrize(
    "account", ["%%%", "YWxpY2", encoded("x") + "\u00e9", base64.b64encode(b"\xff").decode()]
)
async def test_what_is_not_encoded_as_announced_is_refused(world: World, path: str, account: str) -> None:
    headers = [*utf8_headers(world, account), (b"appAccountEncode", b"base64")]
    world.store.writes.clear()

    response = await world.http.get(path, headers=headers)

    assert world.check(response)["code"] == 400
    assert world.store.writes == []


async def test_an_encoding_nobody_knows_is_refused(world: World) -> None:
    headers = world.with_credentials("alice") | {"appId": str(world.app.app_id), "appAccountEncode": "rot13"}

    assert await ask(world, headers) == 400


async def test_an_account_in_plain_utf8_needs_no_announcement(blocking: World) -> None:
    response = await blocking.http.get(ASK, headers=utf8_headers(blocking, "用户é"))

    assert blocking.check(response)["data"] == BLOCKED


async def test_a_token_tells_its_app(blocking: World) -> None:
    """Whether or not the header repeats it."""
    alice = await blocking.with_token("alice")

    assert await ask(blocking, alice) == BLOCKED
    assert await ask(blocking, alice | {"appId": ""}) == BLOCKED
    assert await ask(blocking, alice | {"appId": str(blocking.app.app_id)}) == BLOCKED


@pytest.mark.parametrize("app_id", ["1", "0", "x", "-1", "9" * 19, "9" * 40])
async def test_a_token_is_for_no_other_app(blocking: World, app_id: str) -> None:
    assert await ask(blocking, await blocking.with_token("alice") | {"appId": app_id}) == 403


async def test_credentials_need_the_app_named(blocking: World) -> None:
    alice = blocking.with_credentials("alice")

    assert await ask(blocking, alice) == 422
    assert await ask(blocking, alice | {"appId": ""}) == 422
    assert await ask(blocking, alice | {"appId": "x"}) == 441
    assert await ask(blocking, alice | {"appId": str(blocking.other.app_id)}) == 442
    assert await ask(blocking, alice | {"appId": str(blocking.app.app_id)}) == BLOCKED


async def test_two_apps_at_once_are_refused(blocking: World) -> None:
    """Path or body say one, the header says another: nobody has to guess which one was checked."""
    headers = blocking.with_credentials("eve") | {"appId": str(blocking.app.app_id)}
    elsewhere = str(blocking.other.app_id)
    blocking.store.writes.clear()

    by_path = await blocking.call("GET", f"/api/topic/{elsewhere}/account", headers)
    by_body = await blocking.call(
        "POST", "/api/blacklist", headers, {"blackAccount": "bob", "appId": elsewhere}
    )
    same = await blocking.call("GET", blocking.path("account"), headers)

    assert (by_path["code"], by_body["code"], same["code"]) == (403, 403, 200)
    assert blocking.store.writes == ["ensure_accounts"]


async def test_a_token_goes_before_credentials(blocking: World) -> None:
    """Even a token that is no good."""
    credentials = blocking.with_credentials("alice") | {"appId": str(blocking.app.app_id)}

    assert await ask(blocking, credentials | {"token": "x"}) == 444
    assert await ask(blocking, credentials | await blocking.with_token("bob")) == {"isBlack": False}


async def test_without_credentials_there_is_nothing(world: World) -> None:
    for path in ("/api/contact", ASK):
        assert (await world.call("GET", path))["code"] == 401
        assert (await world.call("GET", path, {"appId": str(world.app.app_id)}))["code"] == 401
