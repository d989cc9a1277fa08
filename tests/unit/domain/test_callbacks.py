from __future__ import annotations

import pytest

from openmimc.domain.apps import Apps
from openmimc.domain.callbacks import PAGE_MAX, REPLAY_MAX_EVENTS, Callbacks
from openmimc.errors import BadRequest, MissingField, UnknownApp
from openmimc.model.app import App
from openmimc.model.callback import CallbackState, EventId
from openmimc.model.ids import AppId
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore
from tests.fakes.outbox import let_callbacks_die, put_callbacks_down

WAITING, DEAD = CallbackState.WAITING, CallbackState.DEAD


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.apps = Apps(self.store, self.clock)
        self.callbacks = Callbacks(self.store, self.apps, self.clock)

    async def new_app(self) -> App:
        return (await self.apps.create_app("shop"))[0]

    async def new_dead(self, app: App, count: int) -> list[EventId]:
        event_ids = await put_callbacks_down(self.store, app, count)
        await let_callbacks_die(self.store, event_ids)
        return event_ids

    async def ids(self, app: App, state: CallbackState) -> list[EventId]:
        return [event.event_id for event in (await self.callbacks.list_callbacks(app.app_id, state)).events]


@pytest.fixture
def world() -> World:
    return World()


async def test_waiting_and_dead_ones_are_listed_apart(world: World) -> None:
    app = await world.new_app()
    dead = await world.new_dead(app, 2)
    waiting = await put_callbacks_down(world.store, app, 3, to_account="carol")

    assert await world.ids(app, DEAD) == dead
    assert await world.ids(app, WAITING) == waiting


async def test_pages_follow_each_other_without_gap_or_repeat(world: World) -> None:
    app = await world.new_app()
    dead = await world.new_dead(app, 7)
    seen: list[EventId] = []
    more = []

    for _ in range(4):
        after = seen[-1] if seen else EventId(0)
        page = await world.callbacks.list_callbacks(app.app_id, DEAD, after=after, limit=2)
        seen += [event.event_id for event in page.events]
        more.append(page.has_more)

    assert seen == dead
    assert more == [True, True, True, False]


async def test_a_page_that_ends_with_the_last_one_has_no_more(world: World) -> None:
    app = await world.new_app()
    await world.new_dead(app, 2)

    assert (await world.callbacks.list_callbacks(app.app_id, DEAD, limit=2)).has_more is False


async def test_named_ones_or_all_are_replayed_and_due_now(world: World) -> None:
    app = await world.new_app()
    first, second, third = await world.new_dead(app, 3)
    world.clock.advance(1_000)

    some = await world.callbacks.replay(app.app_id, (second,))
    after_some = (await world.ids(app, WAITING), await world.ids(app, DEAD))
    rest = await world.callbacks.replay(app.app_id, None)

    assert (some, rest) == (1, 2)
    assert after_some == ([second], [first, third])
    events = (await world.callbacks.list_callbacks(app.app_id, WAITING)).events
    assert {event.next_attempt_ms for event in events} == {world.clock.now_ms()}
    assert {event.attempts for event in events} == {0}


async def test_another_apps_are_neither_seen_nor_replayed(world: World) -> None:
    mine, other = await world.new_app(), await world.new_app()
    dead = await world.new_dead(other, 2)

    assert await world.ids(mine, DEAD) == []
    assert await world.callbacks.replay(mine.app_id, tuple(dead)) == 0
    assert await world.callbacks.replay(mine.app_id, None) == 0
    assert await world.ids(other, DEAD) == dead


async def test_what_waits_anyway_is_not_replayed(world: World) -> None:
    app = await world.new_app()
    waiting = await put_callbacks_down(world.store, app, 1)

    assert await world.callbacks.replay(app.app_id, (*waiting, EventId(404))) == 0


async def test_an_app_that_is_none_has_no_callbacks(world: World) -> None:
    with pytest.raises(UnknownApp):
        await world.callbacks.list_callbacks(AppId(7), DEAD)
    with pytest.raises(UnknownApp):
        await world.callbacks.replay(AppId(7), None)


async def test_limits_hold(world: World) -> None:
    app = await world.new_app()

    for limit in (0, PAGE_MAX + 1):
        with pytest.raises(BadRequest):
            await world.callbacks.list_callbacks(app.app_id, DEAD, limit=limit)
    with pytest.raises(MissingField):
        await world.callbacks.replay(app.app_id, ())
    with pytest.raises(BadRequest):
        await world.callbacks.replay(app.app_id, (EventId(1),) * (REPLAY_MAX_EVENTS + 1))
