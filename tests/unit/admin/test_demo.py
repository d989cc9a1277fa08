from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from openmimc.admin.assets import Assets
from openmimc.admin.demo import demo_pages
from openmimc.admin.render import PAGE_POLICY, Pages
from openmimc.domain.apps import Apps
from openmimc.domain.auth import Auth, TokenGrant
from openmimc.model.app import App
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore

ORIGIN = "http://chat.example"


class World:
    """The page over rules in memory, with a demo app and another one."""

    def __init__(self) -> None:
        clock = FakeClock()
        self.store = MemoryStore(clock)
        self.apps = Apps(self.store, clock)
        self.auth = Auth(self.apps, self.store, bytes(32), clock)
        self.demo_app_id: str | None = None
        self.secret = ""

    async def make_demo_app(self) -> App:
        app, self.secret = await self.apps.create_app("demo", "org.example.demo")
        self.demo_app_id = str(app.app_id)
        return app

    def client(self, *, needs_demo_app: bool = True) -> httpx.AsyncClient:
        handlers = demo_pages(
            Pages(Assets.load().url),
            self.auth,
            self.apps,
            find_demo_app=lambda: self.demo_app_id,
            answer_token=lambda grant: {"code": 200, "token": spell(grant)},
            needs_demo_app=needs_demo_app,
        )
        app = Litestar(handlers, openapi_config=None, logging_config=None)
        return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=ORIGIN)


def spell(grant: TokenGrant) -> str:
    return grant.token


@pytest.fixture
def world() -> World:
    return World()


async def ask(client: httpx.AsyncClient, body: Any, **headers: str) -> tuple[int, Any]:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    answer = await client.post("/demo/token", content=content, headers=headers or {"Origin": ORIGIN})
    return answer.status_code, answer.json()


async def test_a_token_is_the_named_users_of_the_demo_app(world: World) -> None:
    app = await world.make_demo_app()

    async with world.client() as client:
        status, answer = await ask(client, {"account": "alice"})

    principal = await world.auth.check_token(answer["token"])
    assert (status, answer["code"]) == (200, 200)
    assert (principal.app.app_id, principal.account.name) == (app.app_id, "alice")


async def test_no_other_app_can_be_asked_for(world: World) -> None:
    app = await world.make_demo_app()
    other, _ = await world.apps.create_app("other", "org.example.other")

    async with world.client() as client:
        _, answer = await ask(client, {"account": "alice", "appId": str(other.app_id)})

    assert (await world.auth.check_token(answer["token"])).app.app_id == app.app_id


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": ORIGIN},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"},
    ],
)
async def test_our_own_page_may_ask(world: World, headers: dict[str, str]) -> None:
    await world.make_demo_app()

    async with world.client() as client:
        _, answer = await ask(client, {"account": "alice"}, **headers)

    assert answer["code"] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://other.chat.example"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://chat.example.evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"X-Nothing": "here"},
    ],
)
async def test_no_other_sites_page_may_ask(world: World, headers: dict[str, str]) -> None:
    app = await world.make_demo_app()

    async with world.client() as client:
        _, answer = await ask(client, {"account": "alice"}, **headers)

    assert answer == {"code": 403, "message": "only pages of this server may ask for this", "data": None}
    assert await world.store.find_account(app.app_id, "alice") is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 400),
        (b"{}", 400),
        (b"[]", 400),
        (b"\xff", 400),
        ({"account": 7}, 400),
        ({"account": ""}, 422),
        ({"account": "a" * 257}, 413),
    ],
)
async def test_what_is_no_request_is_refused_as_the_token_service_does(
    world: World, body: Any, code: int
) -> None:
    await world.make_demo_app()

    async with world.client() as client:
        status, answer = await ask(client, body)

    assert (status, answer["code"], answer["data"]) == (200, code, None)


async def test_the_longest_name_fits_in_a_request(world: World) -> None:
    await world.make_demo_app()

    async with world.client() as client:
        _, answer = await ask(client, b'{"account": "%s"}' % (rb"\u0001" * 256))

    assert answer["code"] == 200


async def test_without_a_demo_app_nobody_gets_a_token(world: World) -> None:
    async with world.client(needs_demo_app=False) as client:
        _, answer = await ask(client, {"account": "alice"})

    assert answer["code"] == 441


async def test_the_page_names_the_app_and_never_its_secret(world: World) -> None:
    app = await world.make_demo_app()

    async with world.client() as client:
        answer = await client.get("/demo")

    assert str(app.app_id) in answer.text
    assert world.secret not in answer.text
    assert app.key not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("host", "sources"),
    [
        ("chat.example", "'self' ws://chat.example wss://chat.example"),
        ("[::1]:8080", "'self' ws://[::1]:8080 wss://[::1]:8080"),
    ],
)
async def test_the_page_may_connect_to_its_server_alone(world: World, host: str, sources: str) -> None:
    await world.make_demo_app()

    async with world.client() as client:
        answer = await client.get("/demo", headers={"Host": host})

    assert f"connect-src {sources};" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("host", ["evil.example; script-src *", "a b", "'unsafe-inline'", ""])
async def test_what_is_no_host_gets_into_no_header(world: World, host: str) -> None:
    await world.make_demo_app()

    async with world.client() as client:
        answer = await client.get("/demo", headers={"Host": host})

    policy = answer.headers.get("content-security-policy", PAGE_POLICY)
    assert (answer.status_code, policy) in ((400, PAGE_POLICY), (200, PAGE_POLICY))


async def test_the_page_goes_with_the_demo_app(world: World) -> None:
    async with world.client() as client:
        before = await client.get("/demo")
        app = await world.make_demo_app()
        while_there = await client.get("/demo")
        await world.apps.delete_app(app.app_id)
        after = await client.get("/demo")

    assert [answer.status_code for answer in (before, while_there, after)] == [404, 200, 404]


async def test_a_page_that_needs_no_demo_app_asks_for_keys(world: World) -> None:
    async with world.client(needs_demo_app=False) as client:
        answer = await client.get("/demo")

    assert answer.status_code == 200
    assert '<details class="app" id="app" open>' in answer.text
