"""The ground that the tests of pages stand on finds what it is there to find."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from tests.browser.conftest import OpenPage, Watch, check_accessibility
from tests.integration.live_server import LiveServer


async def test_a_page_of_the_server_opens_without_complaints(page: Page, live_server: LiveServer) -> None:
    await page.goto(f"{live_server.base_url}/docs")

    assert await page.title() == "OpenMIMC API"


async def test_a_console_error_fails_the_test(open_page: OpenPage) -> None:
    watching = Watch()
    page = await open_page()
    watching.attach(page.context)

    await page.evaluate("console.warn('only a warning')")
    watching.check()

    async with page.expect_event("console"):
        await page.evaluate("setTimeout(() => console.error('broken: 42'))")

    with pytest.raises(AssertionError, match="broken: 42"):
        watching.check()
    watching.expect("broken: \\d+")
    watching.check()


@pytest.fixture
def watch() -> Watch:
    """Does not fail the tests of this file, which provoke what it finds."""
    return Watch()


async def test_an_exception_that_nobody_catches_fails_the_test(page: Page, watch: Watch) -> None:
    async with page.context.expect_event("weberror"):
        await page.evaluate("setTimeout(() => { throw new Error('oh') })")

    with pytest.raises(AssertionError, match="uncaught: oh"):
        watch.check()


@pytest.mark.parametrize("url", ["https://elsewhere.example/x.js", "wss://elsewhere.example/"])
async def test_a_request_to_another_host_fails_the_test_and_leads_nowhere(
    page: Page, watch: Watch, url: str
) -> None:
    watch.expect(".*")

    await page.evaluate(
        """url => new Promise((resolve) => {
            if (url.startsWith("ws")) new WebSocket(url).onerror = resolve;
            else fetch(url).catch(resolve);
        })""",
        url,
    )

    with pytest.raises(AssertionError, match="another host"):
        watch.check()


async def test_what_some_people_can_not_read_is_found(page: Page) -> None:
    await page.set_content(
        "<html lang=en><title>t</title><main><h1>h</h1><p style='color:#ccc;background:#fff'>pale</p></main>"
    )

    with pytest.raises(AssertionError, match="color-contrast"):
        await check_accessibility(page)
