"""The first start as an operator sees it: a process, its output, and commands beside it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.admin.console_server import Browser, csrf_in
from tests.integration.ops.processes import PATIENCE_S, ServerProcess, run_command

PASSWORD = "correct horse battery"
LINK = re.compile(r"^  (http://\S+/console/setup)#(\S+)$", re.MULTILINE)

Start = Callable[..., ServerProcess]
BrowserOf = Callable[[ServerProcess], Browser]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def start(data_dir: Path) -> Iterator[Start]:
    servers: list[ServerProcess] = []

    def start_one(*flags: str) -> ServerProcess:
        server = ServerProcess(data_dir, *flags)
        servers.append(server)
        server.wait_ready()
        return server

    yield start_one
    for server in servers:
        server.close()


def setup_link(server: ServerProcess) -> tuple[str, str]:
    """Address and code, as printed."""
    server.wait_log("/console/setup#")
    found = LINK.search(server.log)
    assert found is not None, server.log
    return found[1], found[2]


@pytest.fixture
async def browser_of() -> AsyncIterator[BrowserOf]:
    """Makes browsers for servers."""
    clients: list[httpx.AsyncClient] = []

    def make(server: ServerProcess) -> Browser:
        origin = f"http://{server.http}"
        clients.append(httpx.AsyncClient(base_url=origin, timeout=PATIENCE_S))
        return Browser(clients[-1], origin)

    yield make
    for client in clients:
        await client.aclose()


def create_operator(data_dir: Path, name: str) -> None:
    done = run_command("operator", "create", name, data_dir=data_dir, input=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr


async def test_the_first_start_prints_a_link_that_works_once(start: Start, browser_of: BrowserOf) -> None:
    server = start()
    address, code = setup_link(server)
    browser = browser_of(server)

    page = await browser.http.get(address)
    done = await browser.set_up(code, "Ana", PASSWORD)
    again = await browser_of(server).get("/console/setup")
    signed_in = await browser.is_signed_in()

    assert page.status_code == 200
    assert code not in page.text
    assert done.status_code == 303
    assert signed_in
    assert again.headers["location"] == "/console/login"
    assert server.log.count(code) == 1
    assert PASSWORD not in server.log


async def test_as_long_as_there_is_no_operator_each_start_prints_a_new_link(
    start: Start, browser_of: BrowserOf
) -> None:
    first = start()
    _, old = setup_link(first)
    first.stop()
    second = start()
    _, new = setup_link(second)
    browser = browser_of(second)

    refused = await browser.set_up(old, "Ana", PASSWORD)
    done = await browser.set_up(new, "Ana", PASSWORD)

    assert (refused.status_code, done.status_code) == (403, 303)


async def test_a_log_of_json_lines_has_a_hint_in_place_of_the_link(start: Start) -> None:
    server = start("--log-format", "json")
    server.wait_log("console_not_set_up")
    server.stop()

    assert "/console/setup" not in server.log
    events = {line["event"]: line for line in map(json.loads, server.log.splitlines())}
    assert events["console_not_set_up"]["hint"] == "openmimc operator create NAME"


async def test_a_start_with_an_operator_prints_none_and_their_session_goes_on(
    start: Start, browser_of: BrowserOf
) -> None:
    first = start()
    _, code = setup_link(first)
    browser = browser_of(first)
    await browser.set_up(code, "Ana", PASSWORD)
    first.stop()

    second = start()
    moved = browser_of(second)
    moved.http.cookies.update(browser.http.cookies)
    signed_in = await moved.is_signed_in()
    second.stop()

    assert signed_in
    assert "/console/setup" not in second.log


async def test_an_operator_made_by_command_may_sign_in_at_once(
    start: Start, browser_of: BrowserOf, data_dir: Path
) -> None:
    server = start()
    _, code = setup_link(server)
    browser = browser_of(server)
    visitor = csrf_in(await browser.get("/console/setup"))

    create_operator(data_dir, "Ana")
    form = {"csrf": visitor, "code": code, "name": "Eve", "password": PASSWORD, "again": PASSWORD}
    refused = await browser.post("/console/setup", form)
    done = await browser.sign_in("Ana", PASSWORD)

    assert (refused.status_code, done.status_code) == (403, 303)


async def test_commands_end_the_sessions_of_a_running_server(
    start: Start, browser_of: BrowserOf, data_dir: Path
) -> None:
    server = start()
    create_operator(data_dir, "Ana")
    create_operator(data_dir, "Bo")
    ana, bo = browser_of(server), browser_of(server)
    await ana.sign_in("Ana", PASSWORD)
    await bo.sign_in("Bo", PASSWORD)
    before = [await ana.is_signed_in(), await bo.is_signed_in()]

    variables = {**os.environ, "OPENMIMC_OPERATOR_PASSWORD": "another horse battery"}
    run_command("operator", "password", "Ana", data_dir=data_dir, env=variables)
    run_command("operator", "remove", "Bo", data_dir=data_dir)

    assert before == [True, True]
    assert [await ana.is_signed_in(), await bo.is_signed_in()] == [False, False]
    assert (await ana.sign_in("Ana", "another horse battery")).status_code == 303
    assert (await bo.sign_in("Bo", PASSWORD)).status_code == 403


def test_without_the_console_no_link_is_printed(start: Start) -> None:
    server = start("--console", "off", "--demo-app")
    server.wait_log("A token, as your app's server asks for it")
    server.stop()

    assert "/console" not in server.log
