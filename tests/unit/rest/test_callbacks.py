from __future__ import annotations

from typing import Any

import pytest

from openmimc.model.app import App
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore
from tests.fakes.outbox import let_callbacks_die, put_callbacks_down
from tests.unit.rest.world import NOW_MS, World


@pytest.fixture
async def callbacks_world() -> World:
    clock = FakeClock(NOW_MS)
    return await World(MemoryStore(clock), clock).open()


async def new_dead(world: World, count: int, app: App | None = None) -> list[str]:
    event_ids = await put_callbacks_down(world.store, app or world.app, count)
    await let_callbacks_die(world.store, event_ids)
    return [str(event_id) for event_id in event_ids]


def headers(world: World) -> dict[str, str]:
    """The app's server proves itself; it speaks for nobody."""
    return {"appKey": world.app.key, "appSecret": world.secret}


def path(world: World, rest: str = "") -> str:
    return f"/api/callback/{world.app.app_id}{rest}"


async def listed(world: World, query: str = "") -> Any:
    return (await world.call("GET", path(world, query), headers(world)))["data"]


async def test_dead_callbacks_are_listed_without_their_payloads(callbacks_world: World) -> None:
    world = callbacks_world
    (event_id,) = await new_dead(world, 1)

    data = await listed(world)

    (callback,) = data["callbacks"]
    sequence = callback.pop("sequence")
    assert sequence.isdigit()
    assert callback == {
        "eventId": event_id,
        "msgType": "NORMAL_MSG",
        "state": "dead",
        "attempts": 1,
        "nextAttempt": 0,
        "lastError": "status 500",
        "fromAccount": "alice",
        "toAccount": "bob",
        "packetId": "bob-0",
        "timestamp": NOW_MS,
    }
    assert data["hasMore"] is False


async def test_waiting_ones_say_when_they_are_tried_next(callbacks_world: World) -> None:
    world = callbacks_world
    (event_id,) = await put_callbacks_down(world.store, world.app, 1)
    await world.store.settle_callback(event_id, delivered=False, error="x", retry_at_ms=NOW_MS + 5_000)

    data = await listed(world, "?state=waiting")

    assert [callback["nextAttempt"] for callback in data["callbacks"]] == [NOW_MS + 5_000]
    assert (await listed(world))["callbacks"] == []


async def test_pages_follow_each_other(callbacks_world: World) -> None:
    world = callbacks_world
    event_ids = await new_dead(world, 3)

    first = await listed(world, "?state=dead&limit=2")
    second = await listed(world, f"?state=dead&limit=2&after={first['callbacks'][-1]['eventId']}")

    assert [callback["eventId"] for page in (first, second) for callback in page["callbacks"]] == event_ids
    assert (first["hasMore"], second["hasMore"]) == (True, False)


@pytest.mark.parametrize("as_number", [False, True])
async def test_dead_ones_are_replayed_by_their_ids(callbacks_world: World, as_number: bool) -> None:
    world = callbacks_world
    first, second = await new_dead(world, 2)
    wanted: Any = int(first) if as_number else first

    answer = await world.call("POST", path(world, "/replay"), headers(world), {"eventIds": [wanted]})

    assert answer["data"] == {"replayed": 1}
    assert [callback["eventId"] for callback in (await listed(world))["callbacks"]] == [second]


async def test_all_dead_ones_are_replayed_when_all_is_said(callbacks_world: World) -> None:
    world = callbacks_world
    await new_dead(world, 3)

    answer = await world.call("POST", path(world, "/replay"), headers(world), {"all": True})

    assert answer["data"] == {"replayed": 3}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 422),
        ({"eventIds": []}, 422),
        ({"all": False}, 422),
        ({"all": True, "eventIds": ["1"]}, 400),
        ({"eventIds": ["x"]}, 400),
        ({"eventIds": [-1]}, 400),
        ({"eventIds": [2**70]}, 400),
        ({"eventIds": ["1"] * 501}, 400),
        ({"all": "yes"}, 400),
    ],
)
async def test_a_replay_that_names_nothing_it_could_mean_is_refused(
    callbacks_world: World, body: Any, code: int
) -> None:
    world = callbacks_world
    await new_dead(world, 1)

    answer = await world.call("POST", path(world, "/replay"), headers(world), body)

    assert answer["code"] == code
    assert len((await listed(world))["callbacks"]) == 1


@pytest.mark.parametrize("query", ["state=lost", "after=x", "after=-1", "limit=0", "limit=201", "limit=x"])
async def test_a_query_out_of_range_is_refused(callbacks_world: World, query: str) -> None:
    world = callbacks_world

    answer = await world.call("GET", path(world, f"?{query}"), headers(world))

    assert answer["code"] == 400


@pytest.mark.parametrize(("method", "rest"), [("GET", ""), ("POST", "/replay")])
async def test_only_the_apps_own_server_gets_in(callbacks_world: World, method: str, rest: str) -> None:
    """No user's token, no other app's credentials, no secret of a wrong app."""
    world = callbacks_world
    await new_dead(world, 1)
    body = {"all": True} if method == "POST" else None
    others = {"appKey": world.other.key, "appSecret": world.other_secret}

    answers = [
        await world.call(method, path(world, rest), offered, body)
        for offered in (
            {},
            await world.with_token("alice"),
            others,
            {**headers(world), "appSecret": world.other_secret},
            {"appKey": world.app.key},
        )
    ]
    nowhere = await world.call(method, f"/api/callback/12{rest}", headers(world), body)

    assert [answer["code"] for answer in answers] == [422, 422, 442, 443, 422]
    assert nowhere["code"] == 441
    assert len((await listed(world))["callbacks"]) == 1


async def test_an_app_sees_and_replays_its_own_alone(callbacks_world: World) -> None:
    world = callbacks_world
    foreign = await new_dead(world, 2, world.other)

    data = await listed(world)
    answer = await world.call("POST", path(world, "/replay"), headers(world), {"eventIds": foreign})

    assert data["callbacks"] == []
    assert answer["data"] == {"replayed": 0}
