"""Every page of the console, seen in every way: wide, on a phone, in the dark, in Chinese."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PHONE, OpenPage, Watch, check_accessibility, take_screenshot
from tests.browser.console_world import EVIL, ConsoleWorld, console, world

__all__ = ["console", "world"]

WAYS = {
    "wide": {},
    "phone": {"viewport": PHONE},
    "dark": {"color_scheme": "dark"},
    "zh": {"locale": "zh-CN"},
}

PAGES = {
    "apps": "/console/apps",
    "create": "/console/apps/new",
    "overview": "/console/apps/{app}",
    "accounts": "/console/apps/{app}/accounts",
    "account": "/console/apps/{app}/account?name=bob",
    "topics": "/console/apps/{app}/topics",
    "groups": "/console/apps/{app}/groups",
    "message": "/console/apps/{app}/messages?find=packet-to-bob",
    "message-waiting": "/console/apps/{app}/messages?find=packet-to-alice",
    "message-none": "/console/apps/{app}/messages?find=nothing",
    "message-ask": "/console/apps/{app}/messages",
    "callbacks-dead": "/console/apps/{app}/callbacks?state=dead",
    "callbacks-waiting": "/console/apps/{app}/callbacks",
    "settings": "/console/apps/{app}/settings",
    "keys": "/console/apps/{app}/keys",
    "server": "/console/server",
    "missing": "/console/apps/5",
}

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", WAYS)
async def test_every_page_is_fit_to_be_seen(
    open_page: OpenPage, world: ConsoleWorld, watch: Watch, way: str
) -> None:
    """Nobody is kept out by it, nothing sticks out of it, and it is in the reader's language."""
    watch.expect("status of 404")
    page = await open_page(storage_state=world.cookies, **WAYS[way])

    for name, path in PAGES.items():
        answer = await page.goto(world.base_url + path.format(app=world.app_id))
        assert answer is not None
        assert answer.status == (404 if name == "missing" else 200), name
        await take_screenshot(page, f"console-{name}-{way}")
        for summary in await page.query_selector_all("summary"):
            await summary.click()
        await check_accessibility(page)
        overhang = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(overhang) <= 0, name
        assert bool(CHINESE.search(await page.inner_text("main"))) == (way == "zh"), name
        assert await page.get_attribute("html", "lang") == ("zh-Hans" if way == "zh" else "en")


async def test_every_page_binds_the_browser(world: ConsoleWorld) -> None:
    cookies = {cookie["name"]: cookie["value"] for cookie in world.cookies["cookies"]}
    async with httpx.AsyncClient(base_url=world.base_url, cookies=cookies) as http:
        for path in [*PAGES.values(), "/console"]:
            headers = (await http.get(path.format(app=world.app_id))).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy, path
            assert "unsafe" not in policy, path
            assert headers["referrer-policy"] == "same-origin", path
            assert headers["x-content-type-options"] == "nosniff", path
            assert headers["cache-control"] == "no-store", path


@pytest.mark.parametrize("path", [path for name, path in PAGES.items() if name != "missing"])
async def test_no_page_is_for_strangers(world: ConsoleWorld, path: str) -> None:
    async with httpx.AsyncClient(base_url=world.base_url) as http:
        answer = await http.get(path.format(app=world.app_id))

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/login")
    assert world.app_id not in answer.text


async def test_pages_hold_no_script_and_no_style_of_their_own(world: ConsoleWorld) -> None:
    cookies = {cookie["name"]: cookie["value"] for cookie in world.cookies["cookies"]}
    async with httpx.AsyncClient(base_url=world.base_url, cookies=cookies) as http:
        for path in PAGES.values():
            html = (await http.get(path.format(app=world.app_id))).text
            assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", html) == [], path


async def test_evil_names_are_shown_as_the_text_they_are(console: Page, world: ConsoleWorld) -> None:
    world.run("app", "create", EVIL)
    dialogs: list[str] = []
    console.on("dialog", lambda dialog: dialogs.append(dialog.message))

    for path in ("apps", *(f"apps/{world.app_id}/{page}" for page in ("accounts", "topics", "groups"))):
        await console.goto(f"{world.base_url}/console/{path}")
        await expect(console.get_by_role("rowheader", name=EVIL, exact=True)).to_be_visible()

    await console.goto(f"{world.app_url}/accounts")
    await console.get_by_role("link", name=EVIL).click()
    await expect(console.get_by_role("heading", name=EVIL)).to_be_visible()
    await console.goto(f"{world.base_url}/console/apps")
    await console.get_by_role("link", name=EVIL).click()
    await expect(console.get_by_role("heading", name=EVIL)).to_be_visible()
    await console.get_by_role("link", name="Secret and removal").click()
    await expect(console.get_by_text(f"Type the app's name to go on: {EVIL}")).to_be_visible()
    assert dialogs == []


async def test_the_language_is_chosen_and_remembered(console: Page, world: ConsoleWorld) -> None:
    await console.goto(f"{world.app_url}/accounts?q=al")
    await console.get_by_role("link", name="中文").click()

    await expect(console.get_by_label("名称开头")).to_have_value("al")
    await console.goto(f"{world.base_url}/console/apps")
    await expect(console.get_by_role("heading", name="应用", exact=True)).to_be_visible()
    await console.get_by_role("link", name="English").click()
    await expect(console.get_by_role("heading", name="Apps", exact=True)).to_be_visible()


async def test_the_keyboard_skips_to_the_content(console: Page, world: ConsoleWorld) -> None:
    await console.goto(f"{world.base_url}/console/apps")
    await console.keyboard.press("Tab")

    await expect(console.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    await console.keyboard.press("Enter")
    await console.keyboard.press("Tab")
    await expect(console.get_by_role("link", name="Create an app")).to_be_focused()


async def test_plots_say_their_numbers_in_tables_too(console: Page, world: ConsoleWorld) -> None:
    await console.goto(world.app_url)

    for title, rows in (("Messages per hour, last 24 hours", 24), ("Messages per day, last 30 days", 30)):
        plot = console.get_by_role("img", name=title)
        table = console.get_by_role("table", name=title)
        await console.locator("section", has=plot).get_by_text("Show as a table").click()
        await expect(table.locator("tbody tr")).to_have_count(rows)
        await expect(plot.locator(".bar")).to_have_count(rows)
    # One message to bob, one to alice, one to the topic, none to a group, all in this hour.
    cells = await console.get_by_role("table").first.locator("tbody tr").first.locator("td").all_inner_texts()
    assert cells == ["2", "1", "0", "3"]


async def test_the_list_shows_what_was_said_today(console: Page, world: ConsoleWorld) -> None:
    await console.goto(f"{world.base_url}/console/apps")

    row = console.get_by_role("row", name="chat")
    total = int((await row.locator("td").last.inner_text()).replace(",", ""))
    kinds = [int(text.replace(",", "")) for text in (await row.locator("td").all_inner_texts())[2:5]]
    assert total == sum(kinds)
    assert kinds[0] >= 2


async def test_long_lists_come_in_pages(console: Page, world: ConsoleWorld) -> None:
    app_id = re.findall(r"\d{19}", world.run("app", "create", "large", "--json"))[0]
    world.sql(
        "INSERT INTO account (user_id, app_id, name, created_ms) VALUES (?, ?, ?, 0)",
        *((10_000 + number, int(app_id), f"user & {number:02}") for number in range(60)),
    )

    await console.goto(f"{world.base_url}/console/apps/{app_id}/accounts?q=user")
    assert await console.locator("tbody tr").count() == 50
    await console.get_by_role("link", name="Next page").click()
    await expect(console.locator("tbody tr")).to_have_count(10)
    await expect(console.get_by_role("link", name="user & 59")).to_be_visible()
    await expect(console.get_by_role("link", name="Next page")).to_have_count(0)
    await console.get_by_role("link", name="First page").click()
    await expect(console.get_by_role("link", name="user & 00")).to_be_visible()


async def test_accounts_are_found_by_the_beginning_of_their_names(console: Page, world: ConsoleWorld) -> None:
    await console.goto(f"{world.app_url}/accounts")

    await console.get_by_label("Name begins with").fill("ali")
    await console.get_by_role("button", name="Search").click()
    await expect(console.get_by_role("rowheader")).to_have_text(["alice"])
    await console.get_by_label("Name begins with").fill("zzz")
    await console.keyboard.press("Enter")
    await expect(console.get_by_text("Nobody's name begins so")).to_be_visible()
    await console.get_by_role("link", name="Show all accounts").click()
    await expect(console.get_by_role("rowheader")).to_have_text([EVIL, "alice", "bob", "carol"])


async def test_an_account_shows_its_devices(console: Page, world: ConsoleWorld) -> None:
    await console.goto(f"{world.app_url}/account?name=bob")

    row = console.get_by_role("row", name="phone")
    await expect(row).to_contain_text("online")
    await expect(row).to_contain_text("websocket · python")
    await expect(row).to_contain_text("127.0.0.1")
    await console.goto(f"{world.app_url}/account?name=alice")
    await expect(console.get_by_text("No device yet")).to_be_visible()


async def test_a_page_stays_fresh_by_itself(console: Page, world: ConsoleWorld) -> None:
    await console.clock.install()
    await console.goto(f"{world.app_url}/account?name=carol")
    await expect(console.get_by_text("No device yet")).to_be_visible()

    carol = world.user("carol", "tablet", "tcp")
    await carol.login()
    try:
        await console.clock.run_for(5500)
        await expect(console.get_by_role("row", name="tablet")).to_contain_text("online")
    finally:
        await carol.aclose()


@pytest.mark.parametrize("by", ["packet id", "sequence"])
async def test_the_life_of_a_delivered_message(console: Page, world: ConsoleWorld, by: str) -> None:
    wanted = "packet-to-bob" if by == "packet id" else str(world.to_online.sequence)
    await console.goto(f"{world.app_url}/messages")
    await console.get_by_label("Packet id or sequence").fill(wanted)
    await console.get_by_role("button", name="Find").click()

    steps = console.get_by_role("list", name="Its life").locator("li")
    await expect(steps.locator(".what")).to_have_text(
        [
            f"Accepted from {EVIL}",
            "On disk",
            "Sent to a devicebob, device phone",
            "Acknowledged by the devicebob, device phone",
        ]
    )
    times = await steps.locator("time").all_inner_texts()
    assert len(times) == 4
    assert times == sorted(times)
    assert "hello" not in await console.inner_text("main")


async def test_the_life_of_a_message_that_waits(console: Page, world: ConsoleWorld) -> None:
    await console.goto(f"{world.app_url}/messages?find={world.to_offline.sequence}")

    steps = console.get_by_role("list", name="Its life")
    await expect(steps).to_contain_text("alice has no device yet")
    await expect(steps).to_contain_text("Offline callback: given up after 4 attempts")


async def test_another_apps_message_is_not_found(console: Page, world: ConsoleWorld) -> None:
    app_id = re.findall(r"\d{19}", world.run("app", "create", "nosy", "--json"))[0]

    for wanted in ("packet-to-bob", world.to_online.sequence):
        await console.goto(f"{world.base_url}/console/apps/{app_id}/messages?find={wanted}")
        await expect(console.get_by_text("No such message")).to_be_visible()


async def test_the_server_says_how_it_is(console: Page, world: ConsoleWorld) -> None:
    await console.goto(f"{world.base_url}/console/server")

    for name in ("Devices logged in", "Stored", "Commit, 95% within", "Database", "Python"):
        await expect(console.get_by_text(name, exact=True)).to_be_visible()
    await expect(console.get_by_role("row", name="websocket python")).to_be_visible()
