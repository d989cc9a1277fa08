"""``/api/contact``: requests and answers. The rules have their own tests."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.unit.rest.talk import account_of, say, tell
from tests.unit.rest.world import NOW_MS, Json, World

PATH = "/api/contact"
DELETE_USER = f"{PATH}/p2p/session"
DELETE_TOPIC = f"{PATH}/p2t/session"


def names(answer: Json) -> list[str]:
    return [item["name"] for item in answer["data"]]


async def test_contacts_are_answered_with_strings_newest_first(world: World) -> None:
    alice = await account_of(world, "alice")
    bob = await account_of(world, "bob")
    topic_id = await world.create_topic("alice", "bob")
    told = await tell(world, "bob", topic_id, b"tea?")
    world.clock.advance(7)
    said = await say(world, "alice", "bob", b"\xff")

    answer = await world.call("GET", PATH, await world.with_token("alice"))

    assert answer == {
        "code": 200,
        "message": "success",
        "data": [
            {
                "userType": "USER",
                "id": str(bob.user_id),
                "name": "bob",
                "timestamp": str(NOW_MS + 7),
                "lastMessage": {
                    "fromUuid": str(alice.user_id),
                    "fromAccount": "alice",
                    "payload": "/w==",
                    "sequence": str(said.sequence),
                },
            },
            {
                "userType": "TOPIC",
                "id": topic_id,
                "name": "tea",
                "timestamp": str(NOW_MS),
                "lastMessage": {
                    "fromUuid": str(bob.user_id),
                    "fromAccount": "bob",
                    "payload": "dGVhPw==",
                    "sequence": str(told.sequence),
                },
            },
        ],
    }


async def test_nobody_is_an_empty_list(world: World) -> None:
    answer = await world.call("GET", f"{PATH}/", await world.with_token("alice"))

    assert answer == {"code": 200, "message": "success", "data": []}


@pytest.mark.parametrize("slash", ["", "/"])
async def test_deleting_answers_with_what_remains(world: World, slash: str) -> None:
    alice = await world.with_token("alice")
    topic_id = await world.create_topic("alice", "bob")
    await tell(world, "bob", topic_id)
    await say(world, "alice", "用户 é")
    await say(world, "alice", "bob")

    first = await world.call("DELETE", f"{DELETE_USER}{slash}?member={quote('用户 é')}", alice)
    second = await world.call("DELETE", f"{DELETE_TOPIC}{slash}?topicId={topic_id}", alice)
    listed = await world.call("GET", PATH + slash, alice)

    assert names(first) == ["bob", "tea"]
    assert names(second) == ["bob"]
    assert listed == second


async def test_an_apps_server_may_ask_for_a_user(world: World) -> None:
    await say(world, "alice", "bob")
    bob = world.with_credentials("bob") | {"appId": str(world.app.app_id)}

    listed = await world.call("GET", PATH, bob)
    deleted = await world.call("DELETE", f"{DELETE_USER}?member=alice", bob)

    assert (names(listed), names(deleted)) == (["alice"], [])


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (DELETE_USER, 422),
        (f"{DELETE_USER}?member=", 422),
        (f"{DELETE_USER}?member=a&member=b", 400),
        (f"{DELETE_USER}?member=%ff", 400),
        (f"{DELETE_USER}?member=%00", 400),
        (f"{DELETE_USER}?member={'a' * 257}", 413),
        (DELETE_TOPIC, 422),
        (f"{DELETE_TOPIC}?topicId=", 422),
        (f"{DELETE_TOPIC}?topicId=x", 404),
        (f"{DELETE_TOPIC}?topicId=1&topicId=1", 400),
        (f"{DELETE_TOPIC}?topicId=99", 200),
        (f"{DELETE_USER}?member=nobody", 200),
    ],
)
async def test_what_to_delete_must_be_readable(world: World, path: str, code: int) -> None:
    await say(world, "alice", "bob")
    alice = await world.with_token("alice")

    answer = await world.call("DELETE", path, alice)

    assert answer["code"] == code
    assert names(await world.call("GET", PATH, alice)) == ["bob"]


async def test_an_app_may_have_no_contacts(world: World) -> None:
    await world.apps.change_settings(world.app.app_id, {"enableContacts": "false"})

    answer = await world.call("GET", PATH, await world.with_token("alice"))

    assert answer["code"] == 403
    assert "enableContacts" in answer["message"]
