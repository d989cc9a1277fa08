"""A headless Chromium for tests of pages.

All tests of this directory share one browser and the event loop it lives on; each gets its own context, so
cookies and storage of one test are not there in the next. Whatever the test is about, it fails if a page writes
an error to its console, throws what nobody catches, or asks any host but the one under test for anything; what
a test provokes itself (a killed server, a refused request) it names with ``watch.expect``.

Async fixtures of these tests need the browser's loop: ``@pytest_asyncio.fixture(loop_scope="session")``.

Without Chromium the tests are skipped, and the run ends with their names; with ``OPENMIMC_REQUIRE_BROWSER=1``
they fail.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    async_playwright,
    expect,
)

from tests.browser import NO_BROWSER
from tests.integration.live_server import LiveServer

HERE = Path(__file__).parent
SCREENSHOTS = HERE.parent.parent / "build" / "screenshots"
"""Kept after the run, for people to look at."""

CHROMIUM_ARGS = (
    "--no-sandbox",  # Tests may run as root, where the sandbox does not start.
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    # Nothing but the server under test can be found, even if a page tries.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)

WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
PAGE_TIMEOUT_MS = 30_000.0
"""How long an element may take to come: a busy machine is no failure."""
expect.set_options(timeout=PAGE_TIMEOUT_MS)


@pytest.hookimpl(tryfirst=True)  # Before xdist reads the groups.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            # One process runs them all, so that there is one browser at a time.
            item.add_marker(pytest.mark.xdist_group("browser"))
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def find_chromium() -> str | None:
    """Path of the browser: ``OPENMIMC_CHROMIUM``, or what is installed."""
    if given := os.environ.get("OPENMIMC_CHROMIUM"):
        return given
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, started once."""
    path = find_chromium()
    if path is None:
        if os.environ.get("OPENMIMC_REQUIRE_BROWSER") == "1":
            pytest.fail(NO_BROWSER)
        pytest.skip(NO_BROWSER)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield chromium
        await chromium.close()


class Watch:
    """Collects what no page may do."""

    def __init__(self) -> None:
        self._errors: list[str] = []
        self._strange_requests: list[str] = []
        self._expected: list[str] = []

    def expect(self, pattern: str) -> None:
        """Let console errors pass that match a regular expression. Requests to other hosts never pass."""
        self._expected.append(pattern)

    def attach(self, context: BrowserContext) -> None:
        """Listen to all pages of a context."""
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self._errors.append(f"uncaught: {error.error}"))
        context.on("request", self._on_request)
        context.on("page", lambda page: page.on("websocket", lambda socket: self._check_host(socket.url)))

    def check(self) -> None:
        """Fail with all that was found."""
        found = [text for text in self._errors if not any(re.search(each, text) for each in self._expected)]
        found += self._strange_requests
        assert not found, "the pages did what no page may:\n" + "\n".join(found)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._errors.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _on_request(self, request: Request) -> None:
        self._check_host(request.url)

    def _check_host(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in ("127.0.0.1", "localhost"):
            self._strange_requests.append(f"request to another host: {url}")


@pytest.fixture
def watch() -> Iterator[Watch]:
    """What no page may do fails the test at its end."""
    watching = Watch()
    yield watching
    watching.check()


OpenPage = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, watch: Watch) -> AsyncIterator[OpenPage]:
    """Makes a page in a context of its own; options are those of ``Browser.new_context``.

    ``await open_page(viewport=PHONE, color_scheme="dark", locale="zh-CN")``
    """
    contexts: list[BrowserContext] = []

    async def open_(**options: Any) -> Page:
        context = await browser.new_context(
            **{"viewport": WIDE, "locale": "en-US", "reduced_motion": "reduce", **options}
        )
        contexts.append(context)
        watch.attach(context)
        context.set_default_timeout(PAGE_TIMEOUT_MS)
        return await context.new_page()

    yield open_
    for context in contexts:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_page: OpenPage) -> Page:
    """An empty page, wide, light, English."""
    return await open_page()


@pytest.fixture(scope="module")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The real server with an app, for all tests of a module. Who kills it starts it again."""
    server = LiveServer(tmp_path_factory.mktemp("browser") / "data")
    yield server
    server.stop()


async def take_screenshot(page: Page, name: str, *, full_page: bool = True) -> None:
    """Keep a picture of a page as ``build/screenshots/NAME.png``."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=full_page)


async def check_accessibility(page: Page) -> None:
    """Fail with what axe finds serious or critical on the page as it is now."""
    results = await Axe().run(page)
    found = [
        f"{rule['impact']} {rule['id']}: {rule['help']}\n  "
        + "\n  ".join(f"{node['target']} {node['html'][:200]}" for node in rule["nodes"])
        for rule in results.response["violations"]
        if rule["impact"] in ("serious", "critical")
    ]
    assert not found, "\n".join(found)
