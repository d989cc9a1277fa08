"""Everything an operator can do in the console, done in a browser."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from openmimc.client import ClientError, Status
from tests.browser.conftest import OpenPage, Watch, check_accessibility, take_screenshot
from tests.browser.console_world import EVIL, NOBODY, OPERATOR, ConsoleWorld, console, world

__all__ = ["console", "world"]

REFUSED_FORM = "status of 422"
PATIENCE_S = 15.0


async def until_logged(world: ConsoleWorld, event: str) -> dict[str, Any]:
    """The newest log line of an event."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            lines = [json.loads(line) for line in world.server.log.splitlines() if f'"{event}"' in line]
            if lines:
                return lines[-1]
            await asyncio.sleep(0.02)


async def token_code(world: ConsoleWorld, app_id: str, app_key: str, secret: str) -> int:
    """What the token service answers to an app's credentials."""
    body = {"appId": app_id, "appKey": app_key, "appSecret": secret, "appAccount": "somebody"}
    async with httpx.AsyncClient(base_url=world.base_url) as http:
        return int((await http.post("/api/account/token", json=body)).json()["code"])


async def new_app(world: ConsoleWorld, name: str) -> dict[str, str]:
    made: dict[str, str] = json.loads(world.run("app", "create", name, "--json"))
    return made


async def settings_of(world: ConsoleWorld, app_id: str) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(world.run("app", "show", app_id, "--json"))["settings"]
    return settings


# ------------------------------------------------------------------ apps


async def test_an_app_is_made_with_the_keyboard_alone(
    open_page: OpenPage, world: ConsoleWorld, watch: Watch
) -> None:
    """Its secret is shown once, can be copied, works, and is in no address and no log."""
    page = await open_page(storage_state=world.cookies, permissions=["clipboard-read", "clipboard-write"])
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    await page.goto(f"{world.base_url}/console/apps")
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent") == "Create an app":
            break
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/console/apps/new")
    await page.keyboard.type("by keyboard")
    await page.keyboard.press("Tab")
    await page.keyboard.type("com.example.keys")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("status")).to_have_text("The app by keyboard is made.")
    secret = await page.locator(".secret .value").inner_text()
    await check_accessibility(page)
    await take_screenshot(page, "console-created")
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.dataset.copy") == "secret-1":
            break
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Copied").first).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == secret
    app_id = page.url.rpartition("/")[2]
    app_key = await page.locator("#the-key").inner_text()
    assert await page.locator("#the-package").inner_text() == "com.example.keys"
    assert await token_code(world, app_id, app_key, secret) == 200
    await page.reload()
    assert secret not in await page.content()
    assert await page.locator(".secret .value").count() == 0
    await page.go_back()
    assert secret not in await page.content()
    line = await until_logged(world, "app_created")
    assert (line["operator"], str(line["app_id"])) == (OPERATOR, app_id)
    assert secret not in world.server.log
    assert all(secret not in url for url in urls)


async def test_an_app_brings_its_credentials_along(console: Page, world: ConsoleWorld, watch: Watch) -> None:
    watch.expect(REFUSED_FORM)
    await console.goto(f"{world.base_url}/console/apps/new")
    await console.get_by_label("Name").fill("moved")
    await console.get_by_text("Bring the credentials").click()
    await console.get_by_label("App id").fill("abc")
    await console.get_by_role("button", name="Create app").click()
    await expect(console.get_by_label("App id")).to_have_accessible_description(
        "An app id is a number from 1 to 9223372036854775807."
    )
    await console.get_by_label("App id").fill("2882303761517000001")
    await console.get_by_role("button", name="Create app").click()
    await expect(console.get_by_label("App key")).to_have_accessible_description("Fill this in.")
    await console.get_by_label("App key").fill("5111700000001")
    await console.get_by_label("App secret").fill("short")
    await console.get_by_role("button", name="Create app").click()
    await expect(console.locator("#app_secret-wrong")).to_have_text("Use at least 16 characters.")
    assert await console.get_by_label("App secret").input_value() == ""
    await check_accessibility(console)
    await take_screenshot(console, "console-create-wrong")
    await console.get_by_label("App secret").fill("an-old-secret-of-another-server")
    await console.get_by_role("button", name="Create app").click()

    await expect(console.get_by_role("status")).to_have_text("The app moved is made.")
    assert "an-old-secret-of-another-server" not in await console.content()
    code = await token_code(world, "2882303761517000001", "5111700000001", "an-old-secret-of-another-server")
    assert code == 200


async def test_a_new_app_needs_a_name_that_fits(console: Page, world: ConsoleWorld, watch: Watch) -> None:
    watch.expect(REFUSED_FORM)
    await console.goto(f"{world.base_url}/console/apps/new")
    await console.get_by_label("Name").fill("x" * 129)
    await console.get_by_role("button", name="Create app").click()

    field = console.get_by_label("Name")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(console.locator("#name-wrong")).to_have_text("This is longer than 128 bytes.")
    await expect(field).to_have_value("x" * 129)
    await expect(field).to_be_focused()


async def test_settings_are_changed_and_mistakes_are_told_beside_their_fields(
    console: Page, world: ConsoleWorld, watch: Watch
) -> None:
    watch.expect(REFUSED_FORM)
    app = await new_app(world, "settings")
    await console.goto(f"{world.base_url}/console/apps/{app['appId']}/settings")
    await console.get_by_label("Account lifetime").fill("86400")
    await console.get_by_label("Undelivered messages wait").fill("0")
    await console.get_by_label("Instant callback address").fill("example.com/x")
    await console.get_by_role("checkbox", name="Blacklist").uncheck()
    await console.get_by_role("button", name="Save settings").click()

    await expect(console.get_by_role("alert")).to_contain_text("Nothing was saved.")
    await expect(console.locator("#inboxTime-wrong")).to_have_text("Use a number from 1 to 3650.")
    await expect(console.locator("#instant_callback_url-wrong")).to_have_text("Begin with http:// or https://.")
    await expect(console.get_by_label("Account lifetime")).to_have_value("86400")
    await expect(console.get_by_role("checkbox", name="Blacklist")).not_to_be_checked()
    await check_accessibility(console)
    await take_screenshot(console, "console-settings-wrong")
    assert (await settings_of(world, app["appId"]))["uuidTTL"] == 0
    await console.get_by_label("Undelivered messages wait").fill("14")
    await console.get_by_label("Instant callback address").fill("https://example.com/x")
    await console.get_by_role("button", name="Save settings").click()

    await expect(console.get_by_role("status")).to_contain_text("Saved: Instant callback address, Account")
    secret = await console.locator(".secret .value").inner_text()
    settings = await settings_of(world, app["appId"])
    assert (settings["uuidTTL"], settings["inboxTime"], settings["enableBlacklist"]) == (86400, 14, False)
    assert settings["instant_callback_url"] == "https://example.com/x"
    line = await until_logged(world, "app_settings_changed")
    assert line["settings"] == ["enableBlacklist", "inboxTime", "instant_callback_url", "uuidTTL"]
    await console.reload()
    assert secret not in await console.content()
    await console.get_by_role("button", name="Save settings").click()
    await expect(console.get_by_role("status")).to_contain_text("Nothing was changed")
    await console.get_by_role("button", name="Make a new callback secret").click()
    await expect(console.get_by_role("status")).to_contain_text("signed with a new secret")
    assert await console.locator(".secret .value").inner_text() != secret
    await console.get_by_label("Callback secret of your own").fill("sixteen-or-more-signs")
    await console.get_by_role("button", name="Save settings").click()
    await expect(console.get_by_role("status")).to_have_text("Saved: Callback secret of your own.")
    assert await console.locator(".secret .value").count() == 0
    assert "sixteen-or-more-signs" not in world.server.log


async def test_a_new_secret_voids_the_old_one(console: Page, world: ConsoleWorld, watch: Watch) -> None:
    app = await new_app(world, "rotated")
    await console.goto(f"{world.base_url}/console/apps/{app['appId']}/keys")
    await console.get_by_label("I want all users").check()
    await console.get_by_role("button", name="Make a new secret").click()

    await expect(console.get_by_role("status")).to_contain_text("The app has a new secret.")
    secret = await console.locator(".secret .value").inner_text()
    assert await token_code(world, app["appId"], app["appKey"], secret) == 200
    assert await token_code(world, app["appId"], app["appKey"], app["appSecret"]) == 443
    assert (await until_logged(world, "app_secret_rotated"))["operator"] == OPERATOR


async def test_an_app_is_deleted_by_whoever_types_its_name(console: Page, world: ConsoleWorld) -> None:
    app = await new_app(world, EVIL + " gone")
    await console.goto(f"{world.base_url}/console/apps/{app['appId']}/keys")
    button = console.get_by_role("button", name="Delete the app for ever")
    field = console.get_by_label("Type the app's name")
    await expect(button).to_be_disabled()
    await field.fill("something else")
    await expect(button).to_be_disabled()
    await field.fill(EVIL + " gone")
    await button.click()

    await expect(console.get_by_role("status")).to_have_text(
        f"The app {EVIL} gone is deleted, with everything in it."
    )
    await expect(console.get_by_role("link", name=EVIL + " gone")).to_have_count(0)
    assert await token_code(world, app["appId"], app["appKey"], app["appSecret"]) == 441
    assert str((await until_logged(world, "app_deleted"))["app_id"]) == app["appId"]


# ------------------------------------------------------------------ accounts


async def test_a_ban_ends_sessions_and_is_lifted(console: Page, world: ConsoleWorld) -> None:
    dora = world.user("dora", "phone", "tcp")
    await dora.login()
    await console.goto(f"{world.app_url}/account?name=dora")
    await console.get_by_role("button", name="Ban this account").click()

    await expect(console.get_by_role("status")).to_have_text("dora is banned, and its sessions end.")
    await expect(console.locator("#state")).to_contain_text("banned")
    await check_accessibility(console)
    async with asyncio.timeout(PATIENCE_S):
        while dora.status is Status.ONLINE:
            await asyncio.sleep(0.02)
    await dora.aclose()
    again = world.user("dora", "phone", "tcp")
    with pytest.raises(ClientError, match=r"446|banned"):
        await again.login()
    await again.aclose()
    await console.goto(f"{world.app_url}/accounts?q=dora")
    await expect(console.get_by_role("row", name="dora")).to_contain_text("banned")
    await console.get_by_role("link", name="dora").click()
    await console.get_by_role("button", name="Lift the ban").click()
    await expect(console.get_by_role("status")).to_have_text("dora may use the server again.")
    back = world.user("dora", "phone", "tcp")
    await back.login()
    await back.aclose()
    assert (await until_logged(world, "account_banned"))["operator"] == OPERATOR
    assert (await until_logged(world, "account_unbanned"))["operator"] == OPERATOR


async def test_tokens_are_revoked(console: Page, world: ConsoleWorld) -> None:
    token = (await world.server.token_answer("erik & söhne"))["data"]["token"]
    async with httpx.AsyncClient(base_url=world.base_url, headers={"token": token}) as http:
        assert (await http.get(f"/api/topic/{world.app_id}/account")).json()["code"] == 200
        await console.goto(f"{world.app_url}/accounts?q=erik")
        await console.get_by_role("link", name="erik & söhne").click()
        await console.get_by_role("button", name="Revoke all tokens").click()

        await expect(console.get_by_role("status")).to_contain_text("All tokens of erik & söhne are void")
        await expect(console.locator("#state")).to_contain_text("tokens were revoked once")
        assert (await http.get(f"/api/topic/{world.app_id}/account")).json()["code"] == 444
    assert (await until_logged(world, "account_tokens_revoked"))["operator"] == OPERATOR


# ------------------------------------------------------------------ callbacks


async def test_callbacks_that_were_given_up_are_sent_anew(console: Page, world: ConsoleWorld) -> None:
    app = await new_app(world, "replayed")
    world.run("app", "set", app["appId"], f"offline_callback_url={NOBODY}")
    credentials = {name: app[name] for name in ("appId", "appKey", "appSecret")}
    push = {"fromAccount": "a", "fromResource": "r", "toAccount": "b", "msg": "aGk=", **credentials}
    async with httpx.AsyncClient(base_url=world.base_url) as http:
        for _ in range(3):
            assert (await http.post("/api/push/p2p/", json=push)).json()["code"] == 200
    async with asyncio.timeout(PATIENCE_S):
        # While an attempt is under way its outcome would undo what is edited here.
        while "callbacks_failing" not in world.server.log:
            await asyncio.sleep(0.02)
    url = f"{world.base_url}/console/apps/{app['appId']}"
    await console.goto(f"{url}/callbacks")
    await expect(console.locator("tbody tr")).to_have_count(3)
    async with asyncio.timeout(PATIENCE_S):
        while (await console.locator("td[data-label='Attempts']").all_inner_texts()) != ["1", "1", "1"]:
            await console.reload()
    world.give_up_callbacks()

    await console.goto(url)
    await console.get_by_role("link", name="Look at them").click()
    await expect(console.locator("tbody tr")).to_have_count(3)
    await console.locator("tbody tr").first.get_by_role("button", name="Send anew").click()
    await expect(console.get_by_role("status")).to_have_text("1 callback is sent anew, with all its attempts.")
    await expect(console.locator("tbody tr")).to_have_count(2)
    await console.get_by_role("button", name="Send all anew").click()
    await expect(console.get_by_role("status")).to_have_text(
        "2 callbacks are sent anew, with all their attempts."
    )
    await expect(console.get_by_text("No callback was given up")).to_be_visible()
    assert (await until_logged(world, "callbacks_replayed"))["number"] == 2


# ------------------------------------------------------------------ without a script, and from elsewhere


async def test_the_console_works_without_scripts(
    open_page: OpenPage, world: ConsoleWorld, watch: Watch
) -> None:
    watch.expect(REFUSED_FORM)
    page = await open_page(storage_state=world.cookies, java_script_enabled=False)
    await page.goto(f"{world.base_url}/console/apps/new")
    await page.get_by_label("Name").fill("plain")
    await page.get_by_role("button", name="Create app").click()
    await expect(page.get_by_role("status")).to_have_text("The app plain is made.")
    assert len(await page.locator(".secret .value").inner_text()) >= 16
    assert await page.get_by_role("button", name="Copy").count() == 0
    app_url = page.url

    await page.goto(f"{app_url}/settings")
    await page.get_by_label("Token lifetime").fill("3600")
    await page.get_by_role("button", name="Save settings").click()
    await expect(page.get_by_role("status")).to_have_text("Saved: Token lifetime.")

    await page.goto(f"{world.app_url}/account?name=carol")
    await page.get_by_role("button", name="Ban this account").click()
    await page.get_by_role("button", name="Lift the ban").click()
    await expect(page.get_by_role("status")).to_have_text("carol may use the server again.")

    await page.goto(f"{app_url}/keys")
    await page.get_by_label("Type the app's name").fill("planet")
    await page.get_by_role("button", name="Delete the app for ever").click()
    await expect(page.locator("#name-wrong")).to_have_text("This is not the app's name; nothing was deleted.")
    await page.get_by_label("Type the app's name").fill("plain")
    await page.get_by_role("button", name="Delete the app for ever").click()
    await expect(page.get_by_role("status")).to_contain_text("The app plain is deleted")


DEEDS = {
    "/console/apps": {"name": "foreign"},
    "/console/apps/{app}/settings": {"inboxTime": "1"},
    "/console/apps/{app}/settings/callback-secret": {},
    "/console/apps/{app}/keys/rotate": {"sure": "yes"},
    "/console/apps/{app}/keys/delete": {"name": "chat"},
    "/console/apps/{app}/account/ban": {"name": "bob"},
    "/console/apps/{app}/account/unban": {"name": "bob"},
    "/console/apps/{app}/account/revoke": {"name": "bob"},
    "/console/apps/{app}/callbacks/replay": {"event": "1"},
    "/console/apps/{app}/callbacks/replay-all": {},
}


@pytest.mark.parametrize("path", DEEDS)
async def test_a_form_that_is_not_ours_does_nothing(world: ConsoleWorld, path: str) -> None:
    """With the operator's cookie, but without the text that only our pages know, or from another site."""
    cookies = {cookie["name"]: cookie["value"] for cookie in world.cookies["cookies"]}
    async with httpx.AsyncClient(base_url=world.base_url, cookies=cookies) as http:
        page = (await http.get("/console/apps")).text
        csrf = re.findall(r'name="csrf" value="([^"]+)"', page)[0]
        url = path.format(app=world.app_id)
        attempts = [
            await http.post(url, data=DEEDS[path]),
            await http.post(url, data={"csrf": "x" * len(csrf), **DEEDS[path]}),
            await http.post(
                url, data={"csrf": csrf, **DEEDS[path]}, headers={"Origin": "https://evil.example"}
            ),
            await http.post(url, data={"csrf": csrf, **DEEDS[path]}, headers={"Sec-Fetch-Site": "cross-site"}),
        ]
        assert [attempt.status_code for attempt in attempts] == [403] * 4
        http.cookies.clear()
        stranger = await http.post(url, data={"csrf": csrf, **DEEDS[path]})
        assert (stranger.status_code, stranger.headers["location"]) == (303, "/console/login")
    assert "foreign" not in world.run("app", "list", "--json")
    assert (await settings_of(world, world.app_id))["inboxTime"] == 7
    assert world.bob.status is Status.ONLINE


@pytest.mark.parametrize(
    "path", [path for path in DEEDS if path not in ("/console/apps", "/console/apps/{app}/settings")]
)
async def test_nothing_is_done_by_a_link(world: ConsoleWorld, path: str) -> None:
    cookies = {cookie["name"]: cookie["value"] for cookie in world.cookies["cookies"]}
    async with httpx.AsyncClient(base_url=world.base_url, cookies=cookies) as http:
        answer = await http.get(path.format(app=world.app_id))

    assert answer.status_code in (404, 405)


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/console/apps/{app}/account/ban", {"name": "nobody"}, 404),
        ("/console/apps/{app}/account/ban", {}, 404),
        ("/console/apps/5/account/ban", {"name": "bob"}, 404),
        ("/console/apps/x/settings", {}, 404),
        ("/console/apps/{app}/callbacks/replay", {"event": "-1"}, 400),
        ("/console/apps/{app}/callbacks/replay", {}, 400),
        ("/console/apps/{app}/keys/rotate", {}, 422),
        ("/console/apps/{app}/keys/delete", {}, 422),
        ("/console/apps", {"name": "\0"}, 422),
    ],
)
async def test_what_can_not_be_done_is_said_in_a_page(
    world: ConsoleWorld, path: str, form: dict[str, str], status: int
) -> None:
    cookies = {cookie["name"]: cookie["value"] for cookie in world.cookies["cookies"]}
    async with httpx.AsyncClient(base_url=world.base_url, cookies=cookies) as http:
        csrf = re.findall(r'name="csrf" value="([^"]+)"', (await http.get("/console/apps")).text)[0]
        answer = await http.post(path.format(app=world.app_id), data={"csrf": csrf, **form})

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
