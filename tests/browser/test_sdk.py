"""The shipped JavaScript SDK in a page, against a real server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.browser.conftest import OpenPage, Watch
from tests.integration.live_server import LiveServer

SDK = files("openmimc").joinpath("admin", "assets", "sdk")

PAGE = """
const app = {app};
const tokenOf = (appAccount) => {{
  const request = new XMLHttpRequest();  // Synchronous, as in pages of the original SDK.
  request.open("POST", {api} + "/api/account/token", false);
  request.send(JSON.stringify({{ ...app, appAccount }}));
  return JSON.parse(request.response);
}};
const told = [];
const enter = (account, resource, options) => {{
  const user = new MIMCUser(app.appId, account, resource, options);
  user.registerFetchToken(() => tokenOf(account));
  user.registerStatusChange((isBound, type, reason) => told.push(["status", isBound, reason]));
  user.registerP2PMsgHandler((message) => told.push(["p2p", message.getFromAccount(), message.getPayload()]));
  user.registerGroupMsgHandler((message) => told.push(["p2t", message.getTopicId(), message.getPayload()]));
  user.registerUCMsgHandler((message) => told.push(["uc", message.getTopicId(), message.getPayload()]));
  user.registerUCJoinRespHandler((id, code) => told.push(["joined", id, code]));
  user.registerServerAckHandler((packetId, sequence, time, text) => told.push(["ack", packetId, text]));
  user.registerDisconnHandler(() => told.push(["gone"]));
  user.login();
  return (window.user = user);
}};
"""


class Chat:
    """A page with the SDK, and what its handlers were told."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def do(self, script: str, argument: Any = None) -> Any:
        return await self.page.evaluate(script, argument)

    async def enter(self, account: str, resource: str | None = None, options: object = None) -> None:
        await self.do("([a, r, o]) => void enter(a, r, o ?? undefined)", [account, resource, options])
        await self.until("user.isLogin()")

    async def until(self, condition: str) -> None:
        await self.page.wait_for_function(condition)

    async def told(self, kind: str) -> list[list[Any]]:
        entries: list[list[Any]] = await self.do("kind => told.filter(([each]) => each === kind)", kind)
        return [entry[1:] for entry in entries]


def script_of(server: LiveServer) -> str:
    """What a page of the original SDK has of its own."""
    app = {name: server.app[name] for name in ("appId", "appKey", "appSecret")}
    return PAGE.format(app=json.dumps(app), api=json.dumps(server.base_url))


async def open_chat(page: Page, server: LiveServer) -> Chat:
    """Open a page of the server's own origin and run the SDK in it as a plain script."""
    await page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    await page.goto(f"{server.base_url}/healthz")
    await page.add_script_tag(content=SDK.joinpath("mimc.global.js").read_text(encoding="utf-8"))
    await page.add_script_tag(content=script_of(server))
    return Chat(page)


class Shop:
    """A web server of somebody else, with pages that chat. Browsers keep made-up answers from local servers."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, bytes]] = {
            f"/{name}": ("text/javascript", SDK.joinpath(name).read_bytes())
            for name in ("mimc.js", "mimc.global.js")
        }
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                media_type, content = shop.files.get(self.path, ("text/plain", b""))
                self.send_response(200)
                self.send_header("Content-Type", media_type)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever)
        self._thread.start()
        self.origin = f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def shop() -> Iterator[Shop]:
    opened = Shop()
    yield opened
    opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def two(
    open_page: OpenPage, live_server: LiveServer, request: pytest.FixtureRequest
) -> tuple[Chat, Chat]:
    """Two browsers, whose users are named after the test."""
    chats = [await open_chat(await open_page(), live_server) for _ in range(2)]
    name = request.node.name
    await chats[0].enter(f"alice {name}")
    await chats[1].enter(f"bob {name}")
    return chats[0], chats[1]


async def name_of(chat: Chat) -> str:
    name: str = await chat.do("user.getAppAccount()")
    return name


async def test_a_page_of_the_original_sdk_talks_with_nothing_changed_but_its_script(
    two: tuple[Chat, Chat], live_server: LiveServer
) -> None:
    alice, bob = two
    text = "Gr\u00fc\u00dfe, \u4f60\u597d \U0001f389"

    packet_id = await alice.do("([to, text]) => user.sendMessage(to, text)", [await name_of(bob), text])
    await bob.until("told.some(([kind]) => kind === 'p2p')")
    await alice.until("told.some(([kind]) => kind === 'ack')")

    assert await bob.told("p2p") == [[await name_of(alice), text]]
    assert await alice.told("ack") == [[packet_id, ""]]
    assert await alice.told("status") == [[True, None]]


async def test_offline_messages_wait_and_a_page_that_is_reloaded_is_the_same_device(
    two: tuple[Chat, Chat], live_server: LiveServer
) -> None:
    alice, bob = two
    account, resource = await name_of(bob), await bob.do("user.resource")
    await bob.do("user.logout()")
    for text in ("one", "two"):
        await alice.do("([to, text]) => user.send(to, text).then(() => null)", [account, text])

    bob = await open_chat(bob.page, live_server)
    await bob.enter(account)
    await bob.until("told.filter(([kind]) => kind === 'p2p').length === 2")

    assert [text for _, text in await bob.told("p2p")] == ["one", "two"]
    assert await bob.do("user.resource") == resource


async def test_groups_of_both_kinds(two: tuple[Chat, Chat], live_server: LiveServer) -> None:
    alice, bob = two
    topic_id = str(await live_server.new_topic(await name_of(alice), await name_of(bob)))

    await alice.do("id => user.sendGroupMessage(id, 'to the topic')", topic_id)
    await bob.until("told.some(([kind]) => kind === 'p2t')")
    group_id = await alice.do("new Promise((resolve) => user.createUnlimitedGroup('stadium', resolve))")
    await bob.do("id => user.joinUnlimitedGroup(id)", group_id)
    await bob.until("told.some(([kind]) => kind === 'joined')")
    await alice.do("id => user.sendUnlimitedGroupMessage(id, 'to all')", group_id)
    await bob.until("told.some(([kind]) => kind === 'uc')")

    assert await bob.told("p2t") == [[topic_id, "to the topic"]]
    assert await bob.told("uc") == [[group_id, "to all"]]


async def test_another_page_with_sso_ends_this_one(
    two: tuple[Chat, Chat], open_page: OpenPage, live_server: LiveServer
) -> None:
    alice, _ = two
    other = await open_chat(await open_page(), live_server)

    await other.enter(await name_of(alice), await alice.do("user.resource"), {"sso": True})
    await alice.until("user.status === 'offline'")

    assert await alice.told("gone") == [[]]
    assert (await alice.told("status"))[-1] == [False, "single-resource-kick"]
    assert await other.do("user.isLogin()") is True


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path / "data")
    yield server
    server.stop()


async def test_nothing_is_missing_or_twice_when_the_server_dies_and_returns(
    open_page: OpenPage, own_server: LiveServer, watch: Watch
) -> None:
    watch.expect("WebSocket connection|ERR_CONNECTION|ERR_EMPTY|Failed to load resource")
    alice, bob = [await open_chat(await open_page(), own_server) for _ in range(2)]
    await alice.enter("alice")
    await bob.enter("bob")
    await alice.do(
        "void (window.timer = setInterval(() => user.sendMessage('bob', String(window.n++)), 5), window.n = 0)"
    )

    await bob.until("told.length > 20")
    own_server.kill()
    await bob.until("!user.isLogin()")
    await asyncio.to_thread(own_server.start)
    await alice.until("user.isLogin()")
    sent = await alice.do("(clearInterval(timer), user.sendMessage('bob', String(n)), n)")
    await bob.until(f"told.some(([kind, , text]) => kind === 'p2p' && text === '{sent}')")

    assert [text for _, text in await bob.told("p2p")] == [str(number) for number in range(sent + 1)]
    assert await alice.told("gone") == [[]]


async def test_a_page_of_another_origin_names_the_server_in_its_script_tag(
    page: Page, live_server: LiveServer, shop: Shop
) -> None:
    html = (
        '<!doctype html><meta charset="utf-8"><title>shop</title>'
        f'<script src="/mimc.global.js" data-websocket-url="ws://{live_server.http}/"></script>'
        f"<script>{script_of(live_server)}</script>"
    )
    shop.files["/"] = ("text/html", html.encode())
    await page.goto(shop.origin)
    chat = Chat(page)

    await chat.enter("visitor")
    group_id = await chat.do("user.createGroup('from elsewhere')")

    assert group_id.isdigit()


async def test_the_module_takes_its_server_from_the_options(
    page: Page, live_server: LiveServer, shop: Shop
) -> None:
    html = f"<!doctype html><title>shop</title><script>{script_of(live_server)}</script>"
    shop.files["/"] = ("text/html", html.encode())
    await page.goto(shop.origin)

    packets = await page.evaluate(
        """async (apiUrl) => {
            const { MIMCUser } = await import("/mimc.js");
            const packets = [];
            const onPacket = (direction, command) => packets.push(`${direction} ${command}`);
            const user = new MIMCUser(app.appId, "modern", null, { endpoints: { apiUrl }, onPacket });
            user.registerFetchToken(() => tokenOf("modern"));
            await user.login();
            await user.logout();
            return packets;
        }""",
        live_server.base_url,
    )

    assert packets == ["out CONN", "in CONN", "out BIND", "in BIND", "out UBND", "in KICK"]
