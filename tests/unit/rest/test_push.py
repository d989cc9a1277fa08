"""``/api/push/...``: what app servers may ask for, in every spelling, and each refusal."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openmimc.errors import BadRequest
from openmimc.model.ids import Position, Sequence
from openmimc.model.message import Message
from openmimc.rest.push import parse_is_store, parse_payload
from tests.fakes.clock import FakeClock
from tests.unit.rest.json_values import json_values
from tests.unit.rest.world import NOW_MS, Json, RecordingStore, World

PATHS = (
    "/api/push/p2p/",
    "/api/push/p2p/more",
    "/api/push/p2t/",
    "/api/push/p2t/more",
    "/api/push/p2u/",
    "/api/push/p2u/more",
)
PACKET_ID = re.compile(r"[0-9a-f]{16}_[1-9][0-9]*")


def credentials(world: World) -> dict[str, Json]:
    return {"appId": str(world.app.app_id), "appKey": world.app.key, "appSecret": world.secret}


def body_of(world: World, **fields: Json) -> dict[str, Json]:
    """A push of alice's; fields that are None are left out."""
    body = {
        **credentials(world),
        "fromAccount": "alice",
        "fromResource": "server",
        "msg": "hello",
        "msgType": "",
        **fields,
    }
    return {name: value for name, value in body.items() if value is not None}


async def target(world: World, path: str) -> dict[str, Json]:
    """Bob, or a topic or unlimited group of his, as the path names its targets."""
    if "p2p" in path:
        return {"toAccounts": ["bob"]} if path.endswith("more") else {"toAccount": "bob"}
    topic_id = await (world.create_group("bob") if "p2u" in path else world.create_topic("bob"))
    return {"topicIds": [topic_id]} if path.endswith("more") else {"topicId": topic_id}


async def push(world: World, path: str, body: Json) -> Json:
    return await world.call("POST", path, None, body)


async def inbox(world: World, account: str) -> list[Message]:
    """What came for somebody, into their inbox and then into the logs of the groups they are in."""
    found = await world.store.find_account(world.app.app_id, account)
    if found is None:
        return []
    page = await world.store.read_inbox(
        found.user_id, Position(0), not_before_ms=0, max_messages=1000, max_bytes=10_000_000
    )
    messages = [delivery.message for delivery in page.deliveries]
    for group_id in await world.store.groups_of(found.user_id):
        messages += await world.store.read_group(
            group_id, after=Sequence(0), not_before_ms=0, limit=1000, max_bytes=10_000_000
        )
    return messages


# ------------------------------------------------------------------ what is sent


@pytest.mark.parametrize("path", PATHS[::2])
async def test_a_push_to_one_is_answered_with_its_packet_id(world: World, path: str) -> None:
    answer = await push(world, path, body_of(world, **await target(world, path)))

    (message,) = await inbox(world, "bob")
    assert answer == {"code": 200, "message": "success", "data": {"packetId": message.packet_id}}
    assert PACKET_ID.fullmatch(message.packet_id)
    assert (message.sender.account, message.sender.resource) == ("alice", "server")
    assert (message.payload, message.biz_type, message.is_store) == (b"hello", None, True)


async def test_a_push_to_many_is_answered_with_the_packet_ids_in_order(world: World) -> None:
    answer = await push(world, PATHS[1], body_of(world, toAccounts=["carol", "bob", "carol"]))

    (to_carol,), (to_bob,) = await inbox(world, "carol"), await inbox(world, "bob")
    assert answer["data"] == {"packetIds": [to_carol.packet_id, to_bob.packet_id]}


@pytest.mark.parametrize("path", [PATHS[3], PATHS[5]])
async def test_a_push_to_many_topics_is_answered_with_the_packet_ids_in_order(world: World, path: str) -> None:
    create = world.create_group if "p2u" in path else world.create_topic
    tea, cake = await create("bob"), await create("carol")

    # Ids may be numbers as well.
    answer = await push(world, path, body_of(world, topicIds=[cake, int(tea)]))

    (to_tea,), (to_cake,) = await inbox(world, "bob"), await inbox(world, "carol")
    assert answer["data"] == {"packetIds": [to_cake.packet_id, to_tea.packet_id]}


@pytest.mark.parametrize(
    ("fields", "payload"),
    [
        ({"msg": "茶 \u0000"}, "茶 \0".encode()),
        ({"msg": "aGk=", "msgType": None}, b"aGk="),
        ({"msg": "AP8=", "msgType": "base64"}, b"\0\xff"),
    ],
)
async def test_msg_is_text_or_base64(world: World, fields: dict[str, Json], payload: bytes) -> None:
    body = body_of(world, toAccount="bob") | fields
    await push(world, PATHS[0], {name: value for name, value in body.items() if value is not None})

    (message,) = await inbox(world, "bob")
    assert message.payload == payload


async def test_the_largest_payload_passes_and_one_byte_more_is_too_big(world: World) -> None:
    for size, code in ((65_536, 200), (65_537, 413)):
        msg = base64.b64encode(bytes(size)).decode()
        answer = await push(world, PATHS[0], body_of(world, toAccount="bob", msg=msg, msgType="base64"))

        assert answer["code"] == code
    assert [len(message.payload) for message in await inbox(world, "bob")] == [65_536]


@pytest.mark.parametrize(
    ("value", "is_store"),
    [
        (None, True),
        *[(yes, True) for yes in (True, "true", "TRUE", 1, "1")],
        *[(no, False) for no in (False, "false", "False", 0, "0")],
    ],
)
async def test_is_store_may_be_spelt_in_many_ways(world: World, value: Json, is_store: bool) -> None:
    body = body_of(world, toAccount="bob") | {"isStore": value, "bizType": "NEWS"}

    await push(world, PATHS[0], body)

    (message,) = await inbox(world, "bob")
    assert (message.is_store, message.biz_type) == (is_store, "NEWS")


@pytest.mark.parametrize("path", PATHS)
async def test_what_may_be_absent_may_be_null_too(world: World, path: str) -> None:
    optional = {"fromResource": None, "msgType": None, "isStore": None, "bizType": None}

    answer = await push(world, path, body_of(world, **await target(world, path)) | optional)

    (message,) = await inbox(world, "bob")
    assert answer["code"] == 200
    assert message.sender.resource == "push"


async def test_ids_of_the_app_may_be_numbers(world: World) -> None:
    numbers = {"appId": world.app.app_id, "appKey": int(world.app.key)}

    answer = await push(world, PATHS[0], body_of(world, toAccount="bob", **numbers))

    assert answer["code"] == 200


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"appId": None}, 422),
        ({"appKey": ""}, 422),
        ({"appSecret": None}, 422),
        ({"appId": "1"}, 441),
        ({"appId": "no id"}, 441),
        ({"appKey": "1"}, 442),
        ({"appSecret": "wrong"}, 443),
        ({"appSecret": 5}, 400),
        ({"fromAccount": None}, 422),
        ({"fromAccount": ""}, 422),
        ({"fromAccount": "a" * 257}, 413),
        ({"fromAccount": "a\0"}, 400),
        ({"fromAccount": 5}, 400),
        ({"fromResource": "r" * 129}, 413),
        ({"fromResource": "r\0"}, 400),
        ({"msg": None}, 422),
        ({"msg": ""}, 422),
        ({"msg": {}}, 400),
        ({"msg": "\udc00"}, 400),
        ({"msg": "x" * 65_537}, 413),
        ({"msg": "aGk", "msgType": "base64"}, 400),
        ({"msg": "aG k=", "msgType": "base64"}, 400),
        ({"msg": "aGk=aGk=", "msgType": "base64"}, 400),
        ({"msg": "茶", "msgType": "base64"}, 400),
        ({"msg": "aGk=", "msgType": "Base64"}, 400),
        ({"msg": "aGk=", "msgType": "json"}, 400),
        ({"msgType": 1}, 400),
        ({"isStore": "maybe"}, 400),
        ({"isStore": 2}, 400),
        ({"isStore": []}, 400),
        ({"bizType": "t" * 1025}, 413),
        ({"bizType": "t\0"}, 400),
        ({"bizType": 7}, 400),
    ],
)
async def test_a_push_that_is_refused_sends_nothing_and_creates_nobody(
    world: World, path: str, fields: dict[str, Json], code: int
) -> None:
    aim = await target(world, path)
    world.store.writes.clear()
    body = {name: value for name, value in (body_of(world, **aim) | fields).items() if value is not None}

    answer = await push(world, path, body)

    assert (answer["code"], answer["data"]) == (code, None)
    assert await inbox(world, "bob") == []
    assert world.store.writes == []


@pytest.mark.parametrize(
    ("path", "fields", "code"),
    [
        (PATHS[0], {}, 422),
        (PATHS[0], {"toAccount": ""}, 422),
        (PATHS[0], {"toAccount": "b" * 257}, 413),
        (PATHS[0], {"toAccount": "b\0"}, 400),
        (PATHS[0], {"toAccount": ["bob"]}, 400),
        (PATHS[0], {"toAccounts": ["bob"]}, 422),
        (PATHS[1], {}, 422),
        (PATHS[1], {"toAccounts": []}, 422),
        (PATHS[1], {"toAccounts": "bob"}, 400),
        (PATHS[1], {"toAccounts": ["bob", None]}, 400),
        (PATHS[1], {"toAccounts": ["bob", ""]}, 422),
        (PATHS[1], {"toAccounts": ["bob", "b" * 257]}, 413),
        (PATHS[1], {"toAccounts": ["bob"] * 501}, 413),
        (PATHS[2], {}, 422),
        (PATHS[2], {"topicId": ""}, 422),
        (PATHS[2], {"topicId": "999"}, 404),
        (PATHS[2], {"topicId": "no id"}, 404),
        (PATHS[2], {"topicId": -1}, 404),
        (PATHS[3], {}, 422),
        (PATHS[3], {"topicIds": []}, 422),
        (PATHS[3], {"topicIds": "999"}, 400),
        (PATHS[3], {"topicIds": ["999"] * 501}, 413),
        (PATHS[4], {}, 422),
        (PATHS[4], {"topicId": ""}, 422),
        (PATHS[4], {"topicId": "999"}, 404),
        (PATHS[4], {"topicId": "no id"}, 404),
        (PATHS[4], {"topicId": -1}, 404),
        (PATHS[5], {}, 422),
        (PATHS[5], {"topicIds": []}, 422),
        (PATHS[5], {"topicIds": "999"}, 400),
        (PATHS[5], {"topicIds": ["999"] * 501}, 413),
    ],
)
async def test_a_push_to_what_is_no_target_sends_nothing(
    world: World, path: str, fields: dict[str, Json], code: int
) -> None:
    answer = await push(world, path, body_of(world, **fields))

    assert (answer["code"], answer["data"]) == (code, None)
    assert await inbox(world, "bob") == []


@pytest.mark.parametrize("path", [PATHS[3], PATHS[5]])
@pytest.mark.parametrize("wrong", ["999", "no id"])
async def test_one_unknown_topic_among_many_and_none_gets_anything(world: World, wrong: str, path: str) -> None:
    topic_id = await (world.create_group("bob") if "p2u" in path else world.create_topic("bob"))

    answer = await push(world, path, body_of(world, topicIds=[topic_id, wrong]))

    assert answer["code"] == 404
    assert await inbox(world, "bob") == []


async def test_a_group_is_no_topic_and_a_topic_no_group(world: World) -> None:
    topic_id, group_id = await world.create_topic("bob"), await world.create_group("bob")

    answers = [
        await push(world, PATHS[2], body_of(world, topicId=group_id)),
        await push(world, PATHS[4], body_of(world, topicId=topic_id)),
    ]

    assert [answer["code"] for answer in answers] == [404, 404]
    assert await inbox(world, "bob") == []


async def test_another_apps_topic_or_group_cannot_be_pushed_to(world: World) -> None:
    topic_id, group_id = await world.create_topic("bob"), await world.create_group("bob")
    others = {
        "appId": str(world.other.app_id),
        "appKey": world.other.key,
        "appSecret": world.other_secret,
    }

    answers = [
        await push(world, PATHS[2], body_of(world, topicId=topic_id, **others)),
        await push(world, PATHS[3], body_of(world, topicIds=[topic_id], **others)),
        await push(world, PATHS[4], body_of(world, topicId=group_id, **others)),
        await push(world, PATHS[5], body_of(world, topicIds=[group_id], **others)),
    ]

    assert [answer["code"] for answer in answers] == [404, 404, 404, 404]
    assert await inbox(world, "bob") == []


async def test_five_hundred_are_pushed_to_at_once(world: World) -> None:
    answer = await push(world, PATHS[1], body_of(world, toAccounts=[f"user-{number}" for number in range(500)]))

    assert len(set(answer["data"]["packetIds"])) == 500
    assert len(await inbox(world, "user-499")) == 1


async def test_who_blocks_the_sender_is_left_out_and_named(world: World) -> None:
    alice, bob = await world.store.ensure_accounts(world.app.app_id, ("alice", "bob"))
    await world.store.block(bob.user_id, alice.user_id)

    to_bob = await push(world, PATHS[0], body_of(world, toAccount="bob"))
    to_both = await push(world, PATHS[1], body_of(world, toAccounts=["bob", "carol"]))

    (to_carol,) = await inbox(world, "carol")
    assert (to_bob["code"], to_bob["data"]) == (405, None)
    assert to_both["data"] == {"packetIds": [to_carol.packet_id], "blocked": ["bob"]}
    assert await inbox(world, "bob") == []


async def test_nothing_is_pushed_in_the_name_of_a_banned_user(world: World) -> None:
    (alice,) = await world.store.ensure_accounts(world.app.app_id, ("alice",))
    await world.store.change_account(alice.user_id, is_banned=True)

    answer = await push(world, PATHS[0], body_of(world, toAccount="bob"))

    assert answer["code"] == 446
    assert await inbox(world, "bob") == []


async def test_more_than_the_app_may_send_is_refused_and_stores_nothing(world: World) -> None:
    limits = {"p2pMaxQps": "2", "p2tMaxQps": "1", "ucMaxQps": "1"}
    await world.apps.change_settings(world.app.app_id, limits)
    topic_id, group_id = await world.create_topic("carol"), await world.create_group("dora")

    answers = [
        await push(world, PATHS[1], body_of(world, toAccounts=["bob", "dave"])),
        await push(world, PATHS[0], body_of(world, toAccount="bob")),
        await push(world, PATHS[2], body_of(world, topicId=topic_id)),
        await push(world, PATHS[2], body_of(world, topicId=topic_id)),
        await push(world, PATHS[5], body_of(world, topicIds=[group_id])),
        await push(world, PATHS[4], body_of(world, topicId=group_id)),
    ]
    world.clock.advance(1000)
    answers.append(await push(world, PATHS[0], body_of(world, toAccount="bob")))

    assert [answer["code"] for answer in answers] == [200, 429, 200, 429, 200, 429, 200]
    assert len(await inbox(world, "dora")) == 1
    assert len(await inbox(world, "bob")) == 2
    assert len(await inbox(world, "carol")) == 1


async def test_a_store_that_is_down_is_told_as_such(world: World) -> None:
    world.store.fail_next(1)

    answer = await push(world, PATHS[0], body_of(world, toAccount="bob"))

    assert answer["code"] == 503


@pytest.mark.parametrize("path", PATHS)
async def test_pushes_are_posted_and_nothing_else(world: World, path: str) -> None:
    assert (await world.call("GET", path))["code"] == 405


# ------------------------------------------------------------------ anything at all


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(PATHS), data=st.data())
async def test_whatever_the_body_holds_the_answer_is_a_known_code(path: str, data: st.DataObject) -> None:
    clock = FakeClock(NOW_MS)
    world = await World(RecordingStore(clock), clock).open()
    names = [
        *("fromAccount", "fromResource", "msg", "msgType", "isStore", "bizType"),
        *("toAccount", "toAccounts", "topicId", "topicIds", "appId"),
    ]
    fields: dict[str, Any] = data.draw(st.dictionaries(st.sampled_from(names), json_values, max_size=4))

    async with world.http:
        answer = await push(world, path, body_of(world, **await target(world, path)) | fields)

    assert answer["code"] in {200, 400, 404, 413, 422, 441}


@given(st.binary(max_size=100))
def test_any_payload_can_be_pushed_as_base64(payload: bytes) -> None:
    assert parse_payload(base64.b64encode(payload).decode(), "base64") == payload


def test_text_that_is_no_text_is_refused() -> None:
    with pytest.raises(BadRequest):
        parse_payload("\ud800", "")


@given(json_values)
def test_is_store_is_yes_or_no_or_a_bad_request(value: Json) -> None:
    try:
        assert type(parse_is_store(value)) is bool
    except BadRequest as exc:
        assert exc.text == "isStore can only be true or false"  # noqa: PT017 - most values do not raise
