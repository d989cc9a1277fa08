"""History, contacts and temporary accounts through a real HTTP server, over SQLite."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openmimc.domain.history import MAX_PERIOD_MS, PAGE_ROWS
from openmimc.model.ids import TopicId
from openmimc.model.message import Commit
from tests.contract.drafts import append, p2p, p2t, sweep_round
from tests.integration.rest.server import HttpServer
from tests.unit.rest.talk import account_of, say
from tests.unit.rest.world import NOW_MS

ROWS = 2 * PAGE_ROWS + 50
PERIOD = {"utcFromTime": NOW_MS, "utcToTime": NOW_MS + MAX_PERIOD_MS}
SELECTIONS: dict[str, Any] = {
    "query": PERIOD,
    "queryOnTime": PERIOD,
    "queryOnCount": {"utcToTime": NOW_MS + MAX_PERIOD_MS, "count": PAGE_ROWS},
    "queryOnSequence": {"startSeq": str(NOW_MS * 10_000), "stopSeq": str((NOW_MS + 1000) * 10_000)},
}
OF_TWO = {"fromAccount": "alice", "toAccount": "bob"}


async def ask(
    server: HttpServer, line: str, headers: dict[str, str], body: Any = None, *, version: str = "1.1"
) -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    return (await server.request(line, headers, content, version=version)).json


async def write(server: HttpServer, topic_id: str, rows: int) -> tuple[list[str], list[str]]:
    """Alice and bob write in turns, to one another and to a topic; returns the sequences of either."""
    world = server.world
    alice, bob = await account_of(world, "alice"), await account_of(world, "bob")
    private: list[str] = []
    public: list[str] = []
    for begin in range(0, rows, 30):
        drafts = []
        for n in range(begin, min(begin + 30, rows)):
            sender, recipient = (alice, "bob") if n % 2 else (bob, "alice")
            drafts.append(p2p(sender, recipient, f"p{n}"))
            drafts.append(p2t(sender, TopicId(int(topic_id)), f"t{n}"))
        outcomes = [outcome for outcome in await append(world.store, *drafts) if isinstance(outcome, Commit)]
        assert len(outcomes) == len(drafts)
        private += [str(outcome.message.sequence) for outcome in outcomes[::2]]
        public += [str(outcome.message.sequence) for outcome in outcomes[1::2]]
        server.world.clock.advance(1)
    return private, public


@pytest.mark.parametrize("way", SELECTIONS)
async def test_a_walk_over_the_pages_meets_everything_once(server: HttpServer, way: str) -> None:
    topic_id = await server.world.create_topic("alice", "bob")
    private, public = await write(server, topic_id, ROWS)
    alice = await server.world.with_token("alice")

    for conversation, expected, fields in (
        ("p2p", private, OF_TWO),
        ("p2t", public, {"topicId": topic_id, "account": "alice"}),
    ):
        body: Any = fields | SELECTIONS[way]
        pages: list[list[str]] = []
        is_over = False
        while not is_over:
            data = (await ask(server, f"POST /api/msg/{conversation}/{way}/", alice, body))["data"]
            pages.append([message["sequence"] for message in data["messages"]])
            is_over = not data["hasMore"]
            if not is_over:
                body |= {"stopSeq" if way == "queryOnCount" else "startSeq": data["nextSequence"]}
        if way == "queryOnCount":
            pages.reverse()
        assert sorted(map(len, pages)) == [50, PAGE_ROWS, PAGE_ROWS]
        assert [sequence for page in pages for sequence in page] == expected


async def test_history_is_the_same_after_a_restart(server: HttpServer) -> None:
    topic_id = await server.world.create_topic("alice", "bob")
    await write(server, topic_id, 3)
    alice = await server.world.with_token("alice")
    body = OF_TWO | PERIOD
    before = await ask(server, "POST /api/msg/p2p/query", alice, body)
    contacts = await ask(server, "GET /api/contact", alice)

    await server.restart()

    assert await ask(server, "POST /api/msg/p2p/query", alice, body) == before
    assert await ask(server, "GET /api/contact", alice) == contacts
    assert [item["userType"] for item in contacts["data"]] == ["TOPIC", "USER"]
    assert before["data"]["row"] == 3


async def test_a_client_of_http_1_0_without_app_id_is_served(server: HttpServer) -> None:
    """Times as strings, no appId, null in fields that say nothing. Source: protocol reference, 9.1 and 9.4."""
    await say(server.world, "alice", "bob")
    body = OF_TWO | {key: str(value) for key, value in PERIOD.items()} | {"bizType": None, "extra": None}

    answer = await ask(
        server, "POST /api/msg/p2p/query/", await server.world.with_token("bob"), body, version="1.0"
    )

    assert (answer["code"], answer["data"]["row"]) == (200, 1)


async def test_an_accounts_name_in_base64_is_understood_everywhere(server: HttpServer) -> None:
    """Source: protocol reference, 9.1."""
    await say(server.world, "用户", "bob")
    encoded = server.world.with_credentials("55So5oi3") | {
        "appAccountEncode": "base64",
        "appId": str(server.world.app.app_id),
    }
    body = PERIOD | {"fromAccount": "用户", "toAccount": "bob"}

    history = await ask(server, "POST /api/msg/p2p/query", encoded, body)
    contacts = await ask(server, "GET /api/contact", encoded)
    blocked = await ask(server, "GET /api/blacklist?blackAccount=bob", encoded)
    topics = await ask(server, f"GET {server.world.path('account')}", encoded)

    assert history["data"]["row"] == 1
    assert [item["name"] for item in contacts["data"]] == ["bob"]
    assert blocked["data"] == {"isBlack": False}
    assert (topics["code"], topics["data"]) == (200, [])


async def test_a_temporary_accounts_token_dies_with_it(server: HttpServer) -> None:
    """The name is free again, and whoever takes it inherits nothing."""
    world = server.world
    await world.apps.change_settings(world.app.app_id, {"uuidTTL": "60"})
    await say(world, "alice", "bob", b"secret")
    old_token = await world.with_token("alice")
    server.world.clock.advance(59_000)
    await sweep_round(world.store)
    still = await ask(server, "GET /api/contact", old_token)

    server.world.clock.advance(2_000)
    await sweep_round(world.store)
    gone = await ask(server, "GET /api/contact", old_token)
    new_token = await world.with_token("alice")
    again = await ask(server, "GET /api/contact", old_token)
    heir = await ask(server, "GET /api/contact", new_token)
    history = await ask(server, "POST /api/msg/p2p/query", new_token, OF_TWO | PERIOD)

    assert (still["code"], len(still["data"])) == (200, 1)
    assert (gone["code"], again["code"]) == (444, 444)
    assert heir["data"] == []
    assert history["data"]["row"] == 0


async def test_temporary_accounts_are_told_that_they_own_no_topics(server: HttpServer) -> None:
    world = server.world
    topic_id = await world.create_topic("alice", "bob")
    await world.apps.change_settings(world.app.app_id, {"uuidTTL": "60"})
    alice = await world.with_token("alice")

    created = await ask(server, f"POST {world.path()}", alice, {"topicName": "x", "accounts": "bob"})
    handed = await ask(server, f"PUT {world.path(topic_id)}", alice, {"ownerAccount": "bob"})

    assert (created["code"], handed["code"]) == (403, 403)
    assert "uuidTTL" in created["message"]
