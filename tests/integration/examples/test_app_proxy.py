"""The example, run by its one command, in front of a token service that does as it is told."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from openmimc.client import MIMCUser, Status
from tests.integration.live_server import LiveServer

EXAMPLE = Path(__file__).parents[3] / "examples" / "app_proxy" / "app_proxy.py"
PATIENCE_S = 20.0
ALICE = ("alice", "wonderland")


class StubTokenService:
    """An HTTP server that keeps what it was asked and answers what the test says.

    Attributes:
        answer: Raw HTTP response; None: no answer at all.
        requests: Bodies.
    """

    def __init__(self) -> None:
        self.answer: bytes | None = b""
        self.requests: list[dict[str, str]] = []
        self.port = 0

    def will_answer(self, body: bytes, status: str = "200 OK") -> None:
        self.answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                assert length is not None
                self.requests.append(json.loads(await reader.readexactly(int(length[1]))))
                if self.answer is not None:
                    writer.write(self.answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@pytest.fixture
async def token_service() -> AsyncIterator[StubTokenService]:
    stub = StubTokenService()
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
    stub.port = server.sockets[0].getsockname()[1]
    yield stub
    server.close()
    await server.wait_closed()


@asynccontextmanager
async def proxy(**environment: str) -> AsyncIterator[httpx.AsyncClient]:
    """Run the example and give a client of it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLE),
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PORT": "0"} | environment,
    )
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_S):
        while (
            address := re.search(rb"running on (http://\S+)", line := await process.stderr.readline())
        ) is None:
            assert line, "the example has ended"
    draining = asyncio.create_task(process.stderr.read())
    try:
        async with httpx.AsyncClient(base_url=address[1].decode(), timeout=PATIENCE_S) as http:
            yield http
    finally:
        process.terminate()
        await process.wait()
        await draining


@pytest.fixture
async def http(token_service: StubTokenService) -> AsyncIterator[httpx.AsyncClient]:
    async with proxy(
        MIMC_APP_ID="2882303761517669588",
        MIMC_APP_KEY="5111766983588",
        MIMC_APP_SECRET="b0L3IOz/9Ob809v8H2FbVg==",
        MIMC_TOKEN_URL=f"http://127.0.0.1:{token_service.port}/api/account/token",
    ) as client:
        yield client


async def test_the_answer_comes_back_byte_for_byte(
    http: httpx.AsyncClient, token_service: StubTokenService
) -> None:
    """Spaces, order and unknown members included: the SDKs alone know what it means."""
    body = ' {"code": 200,\n "data":{"miUserId":123, "new":[1,  2]}, "message":"grüß dich"}\n'.encode()
    token_service.will_answer(body)

    answers = [await http.get("/mimc/token", auth=ALICE), await http.post("/mimc/token", auth=ALICE)]

    assert [answer.content for answer in answers] == [body, body]
    assert answers[0].headers["content-type"].startswith("application/json")
    assert token_service.requests[0] == {
        "appId": "2882303761517669588",
        "appKey": "5111766983588",
        "appSecret": "b0L3IOz/9Ob809v8H2FbVg==",
        "appAccount": "alice",
    }


async def test_a_refusal_of_the_token_service_comes_back_as_it_is(
    http: httpx.AsyncClient, token_service: StubTokenService
) -> None:
    body = b'{"code":443,"message":"wrong app secret","data":null}'
    token_service.will_answer(body)

    answer = await http.get("/mimc/token", auth=("bob", "builder"))

    assert answer.content == body
    assert token_service.requests[0]["appAccount"] == "bob"


async def test_a_wrong_login_gets_nothing_and_asks_nobody(
    http: httpx.AsyncClient, token_service: StubTokenService
) -> None:
    wrong: list[dict[str, str]] = [
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Bearer YWxpY2U6d29uZGVybGFuZA=="},
    ]
    answers = [await http.get("/mimc/token", headers=headers) for headers in wrong]
    answers += [
        await http.get("/mimc/token", auth=login)
        for login in [("alice", "builder"), ("alice", ""), ("carol", "x"), ("", "")]
    ]

    assert [answer.status_code for answer in answers] == [401] * 9
    assert {answer.json()["code"] for answer in answers} == {401}
    assert answers[0].headers["www-authenticate"].startswith("Basic")
    assert token_service.requests == []


async def test_the_account_cannot_be_chosen_by_the_request(
    http: httpx.AsyncClient, token_service: StubTokenService
) -> None:
    token_service.will_answer(b"{}")

    await http.post("/mimc/token?appAccount=bob", auth=ALICE, json={"appAccount": "bob"})

    assert token_service.requests[0]["appAccount"] == "alice"


@pytest.mark.parametrize("trouble", ["silent", "broken", "500"])
async def test_a_token_service_in_trouble_is_reported_in_its_own_form(
    http: httpx.AsyncClient, token_service: StubTokenService, trouble: str
) -> None:
    if trouble == "silent":
        token_service.answer = None
    elif trouble == "broken":
        token_service.answer = b"garbage\r\n\r\n"
    else:
        token_service.will_answer(b"secret details", "500 Internal Server Error")

    answer = await http.get("/mimc/token", auth=ALICE)

    assert answer.status_code == 502
    assert answer.json() == {"code": 502, "message": "the token service is not available", "data": None}


async def test_a_token_service_that_is_down_is_reported_in_its_own_form() -> None:
    unused = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = unused.sockets[0].getsockname()[1]
    unused.close()
    await unused.wait_closed()
    async with proxy(
        MIMC_APP_ID="1", MIMC_APP_KEY="2", MIMC_APP_SECRET="3", MIMC_TOKEN_URL=f"http://127.0.0.1:{port}/"
    ) as http:
        answer = await http.get("/mimc/token", auth=ALICE)

    assert answer.json()["code"] == 502


async def test_missing_credentials_are_named() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MIMC_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), stderr=asyncio.subprocess.PIPE, env=environment | {"MIMC_APP_ID": "1"}
    )

    _, errors = await process.communicate()

    assert process.returncode == 1
    assert errors == b"app_proxy: set MIMC_APP_KEY in the environment\n"


async def test_a_user_logs_in_to_the_real_server_through_it(tmp_path: Path) -> None:
    server = await asyncio.to_thread(LiveServer, tmp_path / "data")
    async with proxy(
        MIMC_APP_ID=server.app["appId"],
        MIMC_APP_KEY=server.app["appKey"],
        MIMC_APP_SECRET=server.app["appSecret"],
        MIMC_TOKEN_URL=f"{server.base_url}/api/account/token",
    ) as http:

        async def fetch() -> bytes:
            return (await http.get("/mimc/token", auth=ALICE)).content

        async with MIMCUser(server.app["appId"], "alice", fetch, tcp=server.tcp) as alice:
            status = alice.status
    await asyncio.to_thread(server.stop)

    assert status is Status.ONLINE
