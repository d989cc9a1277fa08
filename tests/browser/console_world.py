"""A server with something to look at, and an operator who is signed in, for tests of the console.

What people do is done over sockets and the API; only time is helped along, by editing the store's file:
messages of days ago, callbacks whose attempts are over.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from openmimc.client import MIMCUser, SendReceipt
from tests.browser.conftest import PAGE_TIMEOUT_MS, OpenPage
from tests.integration.live_server import COMMAND, LiveServer

OPERATOR = "ada"
PASSWORD = "correct horse battery"

EVIL = '<script>alert("x")</script>'
"""A name that would run if a page did not show it as the text it is."""

NOBODY = "http://127.0.0.1:9/callback"
"""Where no callback arrives."""

HOUR_MS = 3_600_000
DAY_HOURS = 24


class ConsoleWorld:
    """A running server with an operator, accounts, rooms, messages and callbacks.

    Attributes:
        app_id: Of the app in which all this is.
        to_online: What a message to bob's open connection came to.
        to_offline: Of one to alice, who is away.
        topic_id: Named ``EVIL``, owned by alice.
        group_id: An unlimited group, named ``EVIL``.
        cookies: Of a browser in which the operator is signed in, as Playwright keeps them.
    """

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "data"
        self.server = LiveServer(self.data_dir)
        self.app_id = self.server.app["appId"]
        self.bob = self.user("bob", "phone", "websocket")
        self.to_online: SendReceipt
        self.to_offline: SendReceipt
        self.topic_id = 0
        self.group_id = 0
        self.cookies: Any = None
        self._listening: asyncio.Task[None] | None = None

    @property
    def base_url(self) -> str:
        return self.server.base_url

    @property
    def app_url(self) -> str:
        return f"{self.base_url}/console/apps/{self.app_id}"

    def run(self, *arguments: str, **environment: str) -> str:
        """Run a command on this server's data."""
        command = [*COMMAND, *arguments, "--data-dir", str(self.data_dir)]
        return subprocess.run(  # noqa: S603 - our own command
            command, check=True, capture_output=True, text=True, timeout=30, env=os.environ | environment
        ).stdout

    def sql(self, statement: str, *rows: tuple[Any, ...]) -> None:
        """Edit the store beside the running server, once for each row of values."""
        with closing(sqlite3.connect(self.data_dir / "openmimc.db", timeout=10)) as database, database:
            database.executemany(statement, rows)

    async def fill(self) -> None:
        """Make an operator and everything that there is to look at."""
        self.run("operator", "create", OPERATOR, OPENMIMC_OPERATOR_PASSWORD=PASSWORD)
        self.run("app", "set", self.app_id, f"offline_callback_url={NOBODY}")
        for name in (EVIL, "alice", "carol"):
            await self.server.token_answer(name)
        self.topic_id = int(await self._make("topic", "alice", topicName=EVIL, accounts="bob,carol"))
        self.group_id = int(await self._make("uctopic", "alice", topicName=EVIL))
        await self.bob.login()
        self._listening = asyncio.create_task(self._listen())
        async with self.user(EVIL, "laptop", "tcp") as evil:
            self.to_online = await evil.send("bob", "hello", packet_id="packet-to-bob")
            self.to_offline = await evil.send("alice", "are you there?", packet_id="packet-to-alice")
        await self.bob.send_topic(self.topic_id, "climbing?")
        self._age()

    async def _listen(self) -> None:
        async for _ in self.bob.messages():
            pass

    def _age(self) -> None:
        """Give the app a past: a month of messages, and a callback that was given up."""
        chance = random.Random(6)
        this_hour = int(time.time() * 1000) // HOUR_MS
        rows = []
        for back in range(1, 30 * DAY_HOURS):
            hour = this_hour - back
            busy = 7 if 8 <= hour % DAY_HOURS <= 21 else 1
            rows += [
                (int(self.app_id), hour, kind, chance.randrange(weight) * busy)
                for kind, weight in ((1, 90), (2, 40), (8, 25))
            ]
        self.sql("INSERT OR REPLACE INTO message_count VALUES (?, ?, ?, ?)", *rows)
        self.give_up_callbacks()

    def give_up_callbacks(self) -> None:
        """Let all attempts of the waiting callbacks be over."""
        # An attempt that is under way would write its own outcome over ours.
        with closing(sqlite3.connect(self.data_dir / "openmimc.db", timeout=10)) as database:
            untried = "SELECT count(*) FROM callback WHERE attempts = 0"
            while database.execute(untried).fetchone()[0]:
                time.sleep(0.05)
        self.sql(
            "UPDATE callback SET state = 1, attempts = 4, last_error = 'no connection', due_ms = ?",
            (int(time.time() * 1000),),
        )

    def user(self, account: str, resource: str, transport: str) -> MIMCUser:
        """One of the app's users on one device, not logged in."""
        return MIMCUser(
            self.app_id,
            account,
            self.server.fetcher(account),
            resource=resource,
            **self.server.transports[transport],
        )

    async def _make(self, kind: str, owner: str, **body: str) -> str:
        token = (await self.server.token_answer(owner))["data"]["token"]
        path = f"/api/topic/{self.app_id}" if kind == "topic" else "/api/uctopic"
        async with httpx.AsyncClient(base_url=self.base_url) as http:
            data = (await http.post(path, json=body, headers={"token": token})).json()["data"]
        return str(data["topicInfo"]["topicId"] if kind == "topic" else data["topicId"])

    async def aclose(self) -> None:
        """Hang up and stop the server, however far ``fill`` came."""
        if self._listening is not None:
            self._listening.cancel()
        await self.bob.aclose()
        self.server.stop()


async def sign_in(page: Page, world: ConsoleWorld) -> None:
    """Sign the operator in, which leads to the list of apps."""
    await page.goto(f"{world.base_url}/console/login")
    await page.get_by_label("Name").fill(OPERATOR)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/console/apps")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ConsoleWorld]:
    """One for all tests of a module, with the operator signed in."""
    made = ConsoleWorld(tmp_path_factory.mktemp("console"))
    try:
        await made.fill()
        context = await browser.new_context(locale="en-US")
        context.set_default_timeout(PAGE_TIMEOUT_MS)
        await sign_in(await context.new_page(), made)
        made.cookies = await context.storage_state()
        await context.close()
        yield made
    finally:
        await made.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def console(open_page: OpenPage, world: ConsoleWorld) -> Page:
    """An empty page, wide, light, English, in which the operator is signed in."""
    return await open_page(storage_state=world.cookies)
