"""The demo page as somebody sees it who opens it for the first time."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import PHONE, OpenPage, Watch, check_accessibility, take_screenshot
from tests.integration.live_server import LiveServer, openmimc

SERVER_GONE = r"ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_SOCKET_NOT_CONNECTED|ERR_EMPTY_RESPONSE"

EMOJI = "Grüße 你好 👩‍🚀 𝄞"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    live = LiveServer(tmp_path_factory.mktemp("demo") / "data", "--demo-app")
    yield live
    live.stop()


NewServer = Callable[..., LiveServer]


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[NewServer]:
    """Starts a server for one test. Ask for it before any page, so that pages close before it stops."""
    started: list[LiveServer] = []

    def start(*options: str) -> LiveServer:
        started.append(LiveServer(tmp_path / "data", *options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


async def open_demo(page: Page, server: LiveServer) -> Page:
    await page.goto(f"{server.base_url}/demo")
    await expect(page.locator("#one .lamp")).to_have_attribute("data-state", "online")
    await expect(page.locator("#two .lamp")).to_have_attribute("data-state", "online")
    return page


@pytest_asyncio.fixture(loop_scope="session")
async def demo(page: Page, server: LiveServer) -> AsyncIterator[Page]:
    yield await open_demo(page, server)


async def write(page: Page, who: str, text: str) -> None:
    await page.locator(f"#{who} input[name=text]").fill(text)
    await page.locator(f"#{who} input[name=text]").press("Enter")


def bubble(page: Page, who: str, text: str) -> Locator:
    return page.locator(f"#{who} .message:visible .bubble", has_text=re.compile(f"^{re.escape(text)}$"))


def state(page: Page, who: str, text: str, state: str) -> Locator:
    return page.locator(f"#{who} .message.own[data-state={state}]", has_text=text)


async def texts(page: Page, who: str) -> list[str]:
    return await page.locator(f"#{who} .message:visible .bubble").all_inner_texts()


async def choose(page: Page, conversation: str) -> None:
    await page.get_by_role("radio", name=conversation, exact=True).check(force=True)
    if conversation != "One to one":
        await expect(page.locator("#lead")).to_contain_text(re.compile(r"\d{10,}"))


async def talk(page: Page) -> None:
    """Fill the page with what it can show."""
    await write(page, "one", "Hello Bob, 你好 😀")
    await expect(state(page, "one", "Hello Bob", "read")).to_be_visible()
    await write(page, "two", "Hi Alice! Did you see the packets?")
    await expect(state(page, "two", "Hi Alice", "read")).to_be_visible()
    await page.locator("#one .picture-open").click()
    await page.locator("#one .picture button").click()
    await expect(page.locator("#two .message img")).to_be_visible()
    await write(page, "one", "A message with a mistake")
    await page.locator("#one .message.own", has_text="mistake").get_by_role("button").click()
    await expect(page.locator("#two .recalled")).to_be_visible()
    await page.locator("#two .ask").click()
    await expect(page.locator("#two .event")).to_be_visible()


async def test_both_write_and_see_what_became_of_it(demo: Page) -> None:
    await write(demo, "one", EMOJI)
    await expect(bubble(demo, "two", EMOJI)).to_be_visible()
    await write(demo, "two", "<b>not bold</b>")
    await expect(bubble(demo, "one", "<b>not bold</b>")).to_be_visible()

    await expect(state(demo, "one", EMOJI, "read")).to_be_visible()
    await expect(state(demo, "two", "not bold", "read")).to_be_visible()
    assert await texts(demo, "one") == await texts(demo, "two") == [EMOJI, "<b>not bold</b>"]


async def test_who_sends_no_read_marks_is_not_seen_reading(demo: Page) -> None:
    await demo.locator("#two .marks").uncheck()
    await write(demo, "one", "seen?")
    await expect(bubble(demo, "two", "seen?")).to_be_visible()
    await expect(state(demo, "one", "seen?", "stored")).to_be_visible()

    await demo.locator("#two .marks").check()

    await expect(state(demo, "one", "seen?", "read")).to_be_visible()


async def test_a_recalled_message_is_gone_on_both_sides(demo: Page) -> None:
    await write(demo, "one", "oops")
    await expect(bubble(demo, "two", "oops")).to_be_visible()

    await demo.locator("#one .message.own", has_text="oops").get_by_role("button", name="Recall").click()

    await expect(demo.locator("#two .recalled")).to_contain_text("was recalled")
    await expect(demo.locator("#one .recalled")).to_contain_text("was recalled")
    assert "oops" not in await demo.locator("#two .log").inner_text()


async def test_a_picture_of_this_server_is_shown_and_another_only_linked(demo: Page) -> None:
    await demo.locator("#one .picture-open").click()
    await demo.locator("#one .picture button").click()
    await expect(demo.locator("#two .message img")).to_have_js_property("complete", value=True)

    await demo.locator("#one .picture-open").click()
    await demo.locator("#one .picture input").fill("https://elsewhere.example/cat.jpg")
    await demo.locator("#one .picture button").click()

    link = demo.locator("#two .message").last.get_by_role("link")
    await expect(link).to_have_text("Open the picture (elsewhere.example)")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")
    assert await demo.locator("#two .message img").count() == 1


async def test_a_check_tells_who_is_there(demo: Page) -> None:
    await demo.locator("#one .ask").click()
    await expect(demo.locator("#one .event").last).to_contain_text(
        re.compile(r"bob is there: answered after \d+ ms")
    )

    await demo.locator("#two .line").click()
    await demo.locator("#one .ask").click()

    await expect(demo.locator("#one .event").last).to_have_text("No answer within 3 seconds: bob is not there.")


async def test_what_is_written_while_a_line_is_cut_comes_afterwards(demo: Page) -> None:
    await write(demo, "one", "before")
    await expect(bubble(demo, "two", "before")).to_be_visible()

    await demo.locator("#two .line").click()
    await expect(demo.locator("#two .state")).to_have_text("line cut")
    await write(demo, "one", "for Bob when he is back")
    await write(demo, "two", "written in the tunnel")
    await expect(state(demo, "one", "for Bob", "stored")).to_be_visible()
    await expect(state(demo, "two", "tunnel", "waiting")).to_be_visible()
    assert "for Bob when he is back" not in await texts(demo, "two")
    await demo.locator("#two .line").click()

    await expect(bubble(demo, "one", "written in the tunnel")).to_be_visible()
    await expect(state(demo, "one", "for Bob", "read")).to_be_visible()
    assert sorted(await texts(demo, "two")) == ["before", "for Bob when he is back", "written in the tunnel"]


async def test_nothing_is_missing_after_the_server_was_killed(
    demo: Page, server: LiveServer, watch: Watch
) -> None:
    watch.expect(SERVER_GONE)
    await write(demo, "one", "first")
    await expect(bubble(demo, "two", "first")).to_be_visible()

    server.kill()
    try:
        await expect(demo.locator("#one .lamp")).to_have_attribute("data-state", "connecting")
        await write(demo, "one", "second")
        await expect(state(demo, "one", "second", "waiting")).to_be_visible()
    finally:
        server.start()

    await expect(bubble(demo, "two", "second")).to_be_visible()
    await write(demo, "two", "third")
    await expect(bubble(demo, "one", "third")).to_be_visible()
    assert await texts(demo, "one") == await texts(demo, "two") == ["first", "second", "third"]


@pytest.mark.parametrize("conversation", ["Group", "Unlimited group"])
async def test_groups_are_made_and_found_again(demo: Page, server: LiveServer, conversation: str) -> None:
    await choose(demo, conversation)
    await write(demo, "one", f"to all of the {conversation}")
    await expect(bubble(demo, "two", f"to all of the {conversation}")).to_be_visible()
    await write(demo, "two", "heard")
    await expect(bubble(demo, "one", "heard")).to_be_visible()
    await expect(demo.locator("#one .message:visible .from").last).to_have_text("bob")
    made = await demo.locator("#lead").inner_text()
    await choose(demo, "One to one")
    assert await texts(demo, "one") == []

    await demo.reload()
    await choose(demo, conversation)
    await expect(demo.locator("#lead")).to_have_text(made)
    await write(demo, "one", "after the reload")

    await expect(bubble(demo, "two", "after the reload")).to_be_visible()


async def test_a_group_counts_who_is_there(demo: Page) -> None:
    await choose(demo, "Unlimited group")

    await demo.locator("#one .ask").click()

    await expect(demo.locator("#one .event:visible").last).to_have_text("2 users are online in the group.")


async def test_news_in_another_conversation_are_marked(demo: Page) -> None:
    await choose(demo, "Group")
    await demo.locator("#two .line").click()
    await write(demo, "one", "for later")
    await expect(state(demo, "one", "for later", "stored")).to_be_visible()
    await choose(demo, "One to one")
    group = demo.locator("#modes label", has_text=re.compile("^Group$"))
    await expect(group).not_to_have_attribute("data-news", "")

    await demo.locator("#two .line").click()
    await expect(group).to_have_attribute("data-news", "")
    await choose(demo, "Group")

    await expect(bubble(demo, "two", "for later")).to_be_visible()
    await expect(group).not_to_have_attribute("data-news", "")


async def test_packets_are_shown_as_they_pass_and_can_be_read(demo: Page) -> None:
    await write(demo, "one", "watch me")
    await expect(state(demo, "one", "watch me", "read")).to_be_visible()

    async def kinds(who: str, direction: str) -> list[str]:
        rows = demo.locator(f".packet[data-who={who}][data-direction={direction}]")
        return [str(await row.get_attribute("data-kind")) for row in await rows.all()]

    out, back = await kinds("one", "out"), await kinds("one", "in")
    assert out[:3] == ["HTTP", "CONN", "BIND"]
    assert back[:3] == ["HTTP", "CONN", "BIND"] or back[:3] == ["CONN", "HTTP", "BIND"]
    assert out.index("P2P_MESSAGE") > 2
    assert "PACKET_ACK" in back
    await expect(demo.locator(".packet[data-who=two][data-kind=COMPOUND]").last).to_be_visible()

    packet = demo.locator(".packet[data-who=one][data-kind=P2P_MESSAGE]", has_text="watch me").first
    await packet.locator("summary").click()
    await expect(packet).to_contain_text("A message from one user to another.")
    content = json.loads(await packet.locator("pre").inner_text())
    assert content["header"]["cmd"] == "SECMSG"
    assert content["body"]["payload"]["to"]["appAccount"] == "bob"


async def test_no_secret_is_shown(demo: Page, server: LiveServer) -> None:
    # A token is a JWT: three parts with dots, the first of which always begins so.
    async with demo.expect_response("**/demo/token") as waiting:
        await demo.reload()
    data = (await (await waiting.value).json())["data"]
    await expect(demo.locator("#two .lamp")).to_have_attribute("data-state", "online")

    page = await demo.content()
    assert "(hidden)" in page
    for secret in (data["token"], data["miUserSecurityKey"]):
        assert secret not in page
    assert "eyJ" not in page


async def test_packets_are_filtered_paused_and_cleared(demo: Page) -> None:
    shown = demo.locator(".packet:visible")
    await demo.locator("#packets-who").select_option("two")
    assert {await row.get_attribute("data-who") for row in await shown.all()} == {"two"}
    await demo.locator("#packets-text").fill("bind")
    assert {await row.get_attribute("data-kind") for row in await shown.all()} == {"BIND"}
    await expect(demo.locator("#packets-count")).to_have_text(re.compile(r"^\d+ of \d+$"))
    await demo.locator("#packets-text").fill("there is no such packet")
    await expect(demo.locator("#packets-none")).to_be_visible()

    await demo.locator("#packets-text").fill("")
    await demo.locator("#packets-who").select_option("")
    await demo.get_by_role("button", name="Pause").click()
    before = await shown.count()
    await write(demo, "one", "not shown yet")
    await expect(state(demo, "one", "not shown yet", "read")).to_be_visible()
    assert await shown.count() == before
    await demo.get_by_role("button", name="Go on").click()
    assert await shown.count() > before

    await demo.get_by_role("button", name="Clear").click()
    await expect(shown).to_have_count(0)


async def test_another_name_is_another_user(demo: Page) -> None:
    await write(demo, "one", "alice was here")
    await expect(bubble(demo, "two", "alice was here")).to_be_visible()

    name = demo.get_by_role("textbox", name="Name of this user").first
    await name.fill("carol")
    await name.press("Enter")
    await expect(demo.locator("#one .lamp")).to_have_attribute("data-state", "online")
    await expect(demo.locator("#two input[name=text]")).to_have_attribute("placeholder", "Write to carol")
    await write(demo, "one", "carol is here")

    await expect(bubble(demo, "two", "carol is here")).to_be_visible()
    await expect(demo.locator("#packets-who option[value=one]")).to_have_text("carol")
    await demo.reload()
    await expect(demo.get_by_role("textbox", name="Name of this user").first).to_have_value("carol")


@pytest.mark.parametrize("name", ["bob", "", "  "])
async def test_two_users_can_not_have_one_name(demo: Page, name: str) -> None:
    field = demo.get_by_role("textbox", name="Name of this user").first
    await field.fill(name)
    await field.press("Enter")

    await expect(field).to_have_value("alice")
    await expect(demo.locator("#one .event.alarm")).to_have_text("The two users need different names.")


async def test_windows_talk_with_each_other(demo: Page, open_page: OpenPage, server: LiveServer) -> None:
    other = await open_demo(await open_page(), server)

    await write(demo, "one", "from this window")
    await expect(bubble(other, "two", "from this window")).to_be_visible()
    # The sender's other device gets a copy.
    await expect(bubble(other, "one", "from this window")).to_be_visible()
    await write(other, "two", "from that window")

    await expect(bubble(demo, "one", "from that window")).to_be_visible()


async def test_who_was_put_out_learns_why_and_may_come_back(
    new_server: NewServer, page: Page, tmp_path: Path
) -> None:
    demo = await open_demo(page, new_server("--demo-app"))
    demo_app = (tmp_path / "data" / "demo-app").read_text().strip()
    where = ("--data-dir", str(tmp_path / "data"))

    openmimc("account", "ban", demo_app, "alice", *where)
    await expect(demo.locator("#one .event.alarm").last).to_contain_text("The connection has ended: ")
    await expect(demo.locator("#one .lamp")).to_have_attribute("data-state", "connecting")
    await demo.reload()
    await expect(demo.locator("#one .event.alarm").last).to_contain_text("Not logged in: 446")
    await expect(demo.locator("#one .lamp")).to_have_attribute("data-state", "offline")
    openmimc("account", "unban", demo_app, "alice", *where)
    await demo.get_by_role("button", name="Come back").click()

    await expect(demo.locator("#one .lamp")).to_have_attribute("data-state", "online")
    await write(demo, "two", "welcome back")
    await expect(bubble(demo, "one", "welcome back")).to_be_visible()


async def test_an_app_of_the_readers_own_can_be_tried(demo: Page, server: LiveServer) -> None:
    await demo.locator("#app summary").click()
    for name in ("appId", "appKey"):
        await demo.get_by_label(name, exact=True).fill(server.app[name])
    await demo.get_by_label("appSecret").fill("not this secret, not at all")
    await demo.get_by_role("button", name="Use this app").click()
    await expect(demo.get_by_role("alert")).to_contain_text("No token: ")

    await demo.get_by_label("appSecret").fill(server.app["appSecret"])
    await demo.get_by_role("button", name="Use this app").click()
    await expect(demo.locator("#app-id")).to_have_text(server.app["appId"])
    await write(demo, "one", "in another app")
    await expect(bubble(demo, "two", "in another app")).to_be_visible()

    assert server.app["appSecret"] not in await demo.content()
    await demo.locator("#app summary").click()
    await demo.get_by_role("button", name="Back to the demo app").click()
    await expect(demo.locator("#app-id")).not_to_have_text(server.app["appId"])
    await expect(demo.locator("#one .lamp")).to_have_attribute("data-state", "online")


async def test_without_a_mouse(demo: Page) -> None:
    await demo.locator("#one input[name=text]").focus()
    await demo.keyboard.type("by keys alone")
    await demo.keyboard.press("Tab")
    await demo.keyboard.press("Space")
    await expect(bubble(demo, "two", "by keys alone")).to_be_visible()

    await demo.get_by_role("radio", name="One to one").focus()
    await demo.keyboard.press("ArrowRight")
    await expect(demo.locator("#lead")).to_contain_text("alice owns it")

    await demo.locator("#app summary").focus()
    await demo.keyboard.press("Enter")
    await expect(demo.get_by_label("appSecret")).to_be_visible()
    await demo.keyboard.press("Tab")
    await demo.keyboard.press("Escape")
    await expect(demo.get_by_label("appSecret")).to_be_hidden()
    await expect(demo.locator("#app summary")).to_be_focused()


LOOKS = {
    "wide": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": PHONE, "has_touch": True},
    "phone-dark-zh": {"viewport": PHONE, "color_scheme": "dark", "locale": "zh-CN"},
    "zh": {"locale": "zh-CN"},
    "tablet": {"viewport": {"width": 820, "height": 1100}},
}


@pytest.mark.parametrize("look", LOOKS)
async def test_it_can_be_read_by_all(open_page: OpenPage, server: LiveServer, look: str) -> None:
    demo = await open_demo(await open_page(**LOOKS[look]), server)
    await talk(demo)
    await check_accessibility(demo)
    await take_screenshot(demo, f"demo-{look}")
    await demo.locator(".packet[data-kind=BIND] summary").first.click()
    await demo.locator("#modes input[value=topic]").check(force=True)
    await expect(demo.locator("#lead")).to_contain_text(re.compile(r"\d{9}"))  # The group is made.
    await demo.locator("#two .line").click()
    await write(demo, "two", "waits")
    await expect(state(demo, "two", "waits", "waiting")).to_be_visible()
    await demo.locator("#app summary").click()

    await check_accessibility(demo)

    await take_screenshot(demo, f"demo-{look}-open")
    width = (demo.viewport_size or {})["width"]
    box = await demo.locator("#keys").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert await demo.evaluate("document.documentElement.scrollWidth") <= width


async def test_the_page_goes_when_the_demo_app_is_deleted(
    new_server: NewServer, page: Page, tmp_path: Path, watch: Watch
) -> None:
    watch.expect("status of 404")
    server = new_server("--demo-app")
    await open_demo(page, server)
    demo_app = (tmp_path / "data" / "demo-app").read_text().strip()

    openmimc("app", "delete", demo_app, "--yes", "--data-dir", str(tmp_path / "data"))

    answer = await page.goto(f"{server.base_url}/demo")
    assert answer is not None
    assert answer.status == 404


async def test_a_page_without_a_demo_app_asks_for_keys(new_server: NewServer, page: Page) -> None:
    server = new_server("--demo-page", "on")
    await page.goto(f"{server.base_url}/demo")
    for name in ("appId", "appKey", "appSecret"):
        await page.get_by_label(name, exact=True).fill(server.app[name])
    await check_accessibility(page)
    await take_screenshot(page, "demo-without-app")

    await page.get_by_role("button", name="Use this app").click()
    await write(page, "one", "hello")

    await expect(bubble(page, "two", "hello")).to_be_visible()


@pytest.mark.parametrize("option", ["off", "auto"])
async def test_there_is_no_page_that_nobody_asked_for(
    new_server: NewServer, page: Page, option: str, watch: Watch
) -> None:
    watch.expect("status of 404")
    server = new_server("--demo-page", option)

    answer = await page.goto(f"{server.base_url}/demo")

    assert answer is not None
    assert answer.status == 404
