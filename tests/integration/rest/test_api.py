"""The API through a real HTTP server: what clients really put on the wire."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from openmimc.rest.requests import MAX_BODY_BYTES
from tests.integration.rest.server import HttpServer
from tests.unit.rest.world import World


def token_body(world: World) -> bytes:
    return json.dumps(
        {
            "appId": str(world.app.app_id),
            "appKey": world.app.key,
            "appSecret": world.secret,
            "appAccount": "alice",
        }
    ).encode()


async def get_token(server: HttpServer) -> dict[str, str]:
    answer = await server.request("POST /api/account/token", body=token_body(server.world))
    return {"token": answer.json["data"]["token"]}


async def create_topic(server: HttpServer, headers: dict[str, str], accounts: str) -> str:
    body = json.dumps({"topicName": "tea", "accounts": accounts}).encode()
    answer = await server.request(f"POST {server.world.path()}", headers, body)
    return str(answer.json["data"]["topicInfo"]["topicId"])


async def list_topics(server: HttpServer, headers: dict[str, str]) -> list[str]:
    answer = await server.request(f"GET {server.world.path('account')}", headers)
    return [info["topicId"] for info in answer.json["data"]]


async def test_a_token_is_given_to_what_curl_sends(server: HttpServer) -> None:
    """It declares every body given by -d to be a form."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*"}

    answer = await server.request("POST /api/account/token", headers, token_body(server.world))

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["code"] == 200
    assert answer.json["data"]["miChid"] == 9


async def test_http_1_0_is_served(server: HttpServer) -> None:
    """Source: protocol reference, 9.1, on the C# SDK."""
    answer = await server.request("POST /api/account/token/", body=token_body(server.world), version="1.0")

    assert (answer.status, answer.json["code"]) == (200, 200)
    assert "transfer-encoding" not in answer.headers
    assert int(answer.headers["content-length"]) == len(answer.body)


async def test_a_client_may_wait_for_the_go_ahead(server: HttpServer) -> None:
    answer = await server.request(
        "POST /api/account/token", {"Expect": "100-continue"}, token_body(server.world)
    )

    assert (answer.status, answer.json["code"]) == (200, 200)


async def test_absolute_targets_are_served(server: HttpServer) -> None:
    """Source: protocol reference, 11, on the Go SDK behind a proxy."""
    resolved = await server.request("GET http://resolver.msg.xiaomi.net/gslb/?ver=4.0&type=wifi&list=fe&")
    token = await server.request(
        "POST https://mimc.chat.xiaomi.net//api/account/token/", body=token_body(server.world)
    )
    missing = await server.request("GET http://mimc.chat.xiaomi.net/api/nothing")

    assert resolved.json == {"S": "Ok", "R": {"wifi": {"fe": ["127.0.0.1:5222"]}}}
    assert token.json["code"] == 200
    assert (missing.status, missing.json["code"]) == (200, 404)


async def test_slashes_do_not_matter(server: HttpServer) -> None:
    alice = await get_token(server)
    topic_id = await create_topic(server, alice, "bob")
    app_id = server.world.app.app_id

    for target in (
        f"//api/topic/{app_id}/account",
        f"/api//topic/{app_id}/account/",
        f"///api/topic//{app_id}/account//?x",
    ):
        answer = await server.request(f"GET {target}", alice)
        assert [info["topicId"] for info in answer.json["data"]] == [topic_id]


async def test_accounts_in_headers_are_utf8_bytes(server: HttpServer) -> None:
    headers = server.world.with_credentials("用户é")
    topic_id = await create_topic(server, headers, "bob")

    answer = await server.request(f"GET {server.world.path(topic_id)}", headers)

    assert answer.json["data"]["topicInfo"]["ownerAccount"] == "用户é"


async def test_a_page_of_another_origin_may_ask(server: HttpServer) -> None:
    preflight = await server.request(
        f"OPTIONS {server.world.path(1)}",
        {
            "Origin": "https://shop.example.com",
            "Access-Control-Request-Method": "DELETE",
            "Access-Control-Request-Headers": "content-type,token",
        },
    )
    refused = await server.request(f"DELETE {server.world.path(1)}", {"Origin": "https://shop.example.com"})

    assert (preflight.status, preflight.body) == (200, b"")
    assert "DELETE" in preflight.headers["access-control-allow-methods"]
    assert "token" in preflight.headers["access-control-allow-headers"]
    assert refused.json["code"] == 401
    assert (
        refused.headers["access-control-allow-origin"]
        == preflight.headers["access-control-allow-origin"]
        == "*"
    )


async def test_a_body_over_the_limit_is_refused_by_its_announcement(server: HttpServer) -> None:
    """Not a byte of it has to be read."""
    answer = await server.exchange(
        b"POST /api/account/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1)
    )

    assert (answer.status, answer.json["code"]) == (200, 413)


async def test_a_body_over_the_limit_is_refused_when_it_comes_in_chunks(server: HttpServer) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"

    answer = await server.exchange(
        b"POST /api/account/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n",
        *[chunk] * (MAX_BODY_BYTES // 0x10000),
        b"1\r\n \r\n0\r\n\r\n",
    )

    assert (answer.status, answer.json["code"]) == (200, 413)


async def test_who_hangs_up_in_the_middle_hurts_nobody(server: HttpServer) -> None:
    for _ in range(5):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"POST /api/account/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    assert "token" in await get_token(server)


async def test_health_pages_answer_head(server: HttpServer) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        answer = await server.request(f"HEAD {path}")

        assert (answer.status, answer.body) == (200, b"")


async def test_of_two_invitations_for_the_last_place_one_wins(server: HttpServer) -> None:
    alice = await get_token(server)
    topic_id = await create_topic(server, alice, "bob,carol")

    async def invite(name: str) -> Any:
        body = json.dumps({"accounts": name}).encode()
        return (await server.request(f"POST {server.world.path(topic_id, 'accounts')}", alice, body)).json

    answers = await asyncio.gather(invite("dave"), invite("erin"))
    topic = (await server.request(f"GET {server.world.path(topic_id)}", alice)).json["data"]

    assert sorted(answer["code"] for answer in answers) == [200, 448]
    assert len(topic["members"]) == 4


async def test_everything_is_there_after_a_restart(server: HttpServer) -> None:
    """Tokens too: SDKs keep them in files."""
    alice = await get_token(server)
    body = json.dumps({"topicName": "茶", "accounts": "bob,carol", "extra": "x"}).encode()
    created = (await server.request(f"POST {server.world.path()}", alice, body)).json
    topic_id = created["data"]["topicInfo"]["topicId"]
    dismissed = await create_topic(server, alice, "bob")
    await server.request(f"DELETE {server.world.path(dismissed)}", alice)
    changes = json.dumps({"ownerAccount": "carol", "bulletin": "at four"}).encode()
    before = (await server.request(f"PUT {server.world.path(topic_id)}", alice, changes)).json

    await server.restart()
    after = (await server.request(f"GET {server.world.path(topic_id)}", alice)).json

    assert after == before
    assert [member["account"] for member in after["data"]["members"]] == ["carol", "alice", "bob"]
    assert after["data"]["topicInfo"]["bulletin"] == "at four"
    assert await list_topics(server, alice) == [topic_id]
