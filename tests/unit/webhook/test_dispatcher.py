from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import count

import pytest

from openmimc.domain.apps import Apps
from openmimc.domain.ports import Store
from openmimc.errors import DomainError, Unavailable
from openmimc.model.app import App
from openmimc.model.callback import CallbackEvent, CallbackState, EventId
from openmimc.model.ids import TopicId
from openmimc.model.message import CallbackWish, Commit, Draft, Kind, Sender
from openmimc.webhook.dispatcher import IN_ALL, PER_APP, Dispatcher
from openmimc.webhook.retry import RETRY_DELAYS_MS
from openmimc.webhook.sender import DELIVERED, Outcome, Result
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore

PATIENCE_S = 10.0
FAILED = Outcome(Result.REFUSED, "status 500")
BOTH = CallbackWish(instant=True, offline=True)
INSTANT = CallbackWish(instant=True)


class Receivers:
    """All apps' receivers. They take everything at once, unless told otherwise.

    Attributes:
        outcomes: What the next attempts come to.
        silent: Addresses whose attempts hang until ``answer`` is called.
        posted: Address and event of each attempt, in order.
    """

    def __init__(self) -> None:
        self.outcomes: list[Outcome | Exception] = []
        self.silent: set[str] = set()
        self.posted: list[tuple[str, str]] = []
        self.under_way = 0
        self._may_answer = asyncio.Event()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        self.posted.append((url, headers["OpenMIMC-Event"]))
        if url in self.silent:
            self.under_way += 1
            try:
                await self._may_answer.wait()
            finally:
                self.under_way -= 1
        outcome = self.outcomes.pop(0) if self.outcomes else DELIVERED
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def answer(self) -> None:
        self._may_answer.set()

    def to(self, url: str) -> int:
        """Attempts at an address."""
        return sum(where == url for where, _ in self.posted)


class World:
    """Apps, an outbox and the dispatcher that empties it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        store: Store = self.store
        self.apps = Apps(store, self.clock)
        self.receivers = Receivers()
        self.dispatcher = Dispatcher(
            store, self.apps.find, self.receivers.post, self.clock, poll_s=0.01, store_retry_s=0.01
        )
        self._packet_ids = count(1)

    async def new_app(self, name: str = "shop") -> App:
        """An app whose receivers are ``http://<name>/instant`` and ``/offline``."""
        app, _ = await self.apps.create_app(name)
        return await self.apps.change_settings(
            app.app_id,
            {f"{kind}_callback_url": f"http://{name}/{kind}" for kind in ("instant", "offline")},
        )

    async def send(self, app: App, wish: CallbackWish = INSTANT, messages: int = 1) -> None:
        (alice,) = await self.store.ensure_accounts(app.app_id, ("alice",))
        sender = Sender(app.app_id, alice.user_id, "alice", "phone")
        for _ in range(messages):
            stored = asyncio.get_running_loop().create_future()
            packet_id = f"p{next(self._packet_ids)}"
            draft = Draft(Kind.P2P, sender, "bob", TopicId(0), packet_id, b"hi", callbacks=wish)
            self.store.append(draft, stored.set_result)
            outcome: Commit | DomainError | Unavailable = await stored
            assert isinstance(outcome, Commit)

    async def left(self, app: App, state: CallbackState = CallbackState.WAITING) -> tuple[CallbackEvent, ...]:
        return await self.store.list_callbacks(app.app_id, state, after=EventId(0), limit=1000)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.dispatcher.aclose(0)


async def settled(world: World, app: App, attempts: int) -> CallbackEvent:
    """The app's one event, once so many attempts are written down."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for state in CallbackState:
                for event in await world.left(app, state):
                    if event.attempts == attempts:
                        return event
            await asyncio.sleep(0.001)


async def all_gone(world: World, app: App) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await world.left(app):
            await asyncio.sleep(0.001)


async def test_each_kind_goes_to_its_own_address_and_is_forgotten(world: World) -> None:
    app = await world.new_app()
    await world.send(app, BOTH)

    world.dispatcher.start()
    await all_gone(world, app)

    assert sorted(url for url, _ in world.receivers.posted) == ["http://shop/instant", "http://shop/offline"]
    assert world.dispatcher.stats.attempts == {"delivered": 2}


async def test_a_wake_is_enough_and_may_be_repeated(world: World) -> None:
    app = await world.new_app()
    dispatcher = Dispatcher(
        world.store, world.apps.find, world.receivers.post, world.clock, poll_s=PATIENCE_S * 2
    )
    dispatcher.start()
    await asyncio.sleep(0.02)
    await world.send(app)

    for _ in range(100):
        dispatcher.wake()
    await all_gone(world, app)

    assert len(world.receivers.posted) == 1
    await dispatcher.aclose(0)


async def test_the_schedule_is_counted_from_each_failure_and_ends_dead(world: World) -> None:
    app = await world.new_app()
    await world.send(app)
    world.receivers.outcomes = [FAILED] * 4
    world.dispatcher.start()

    for attempt, delay_ms in enumerate(RETRY_DELAYS_MS, start=1):
        event = await settled(world, app, attempt)
        assert (event.state, event.last_error) == (CallbackState.WAITING, "status 500")
        assert event.next_attempt_ms == world.clock.now_ms() + delay_ms
        world.clock.advance(delay_ms - 1)
        assert not await world.store.due_callbacks(
            world.clock.now_ms(), busy=frozenset(), limit_per_app=PER_APP, limit=IN_ALL
        )
        world.clock.advance(1)
    dead = await settled(world, app, 4)

    assert dead.state is CallbackState.DEAD
    assert len({event_id for _, event_id in world.receivers.posted}) == 1
    assert len(world.receivers.posted) == 4
    assert world.dispatcher.stats.died == 1


async def test_a_dead_one_that_is_replayed_has_all_its_attempts_again(world: World) -> None:
    app = await world.new_app()
    await world.send(app)
    world.receivers.outcomes = [FAILED] * 5
    world.dispatcher.start()
    for attempt, delay_ms in enumerate(RETRY_DELAYS_MS, start=1):
        await settled(world, app, attempt)
        world.clock.advance(delay_ms)
    await settled(world, app, 4)

    replayed = await world.store.replay_callbacks(app.app_id, None, world.clock.now_ms())
    event = await settled(world, app, 1)

    assert replayed == 1
    assert event.state is CallbackState.WAITING
    world.clock.advance(RETRY_DELAYS_MS[0])
    await all_gone(world, app)


async def test_a_slow_receiver_has_its_own_places_and_takes_no_others(world: World) -> None:
    slow, quick = await world.new_app("slow"), await world.new_app("quick")
    world.receivers.silent.add("http://slow/instant")
    await world.send(slow, messages=PER_APP * 3)
    await world.send(quick, messages=PER_APP * 3)

    world.dispatcher.start()
    await all_gone(world, quick)

    assert world.receivers.under_way == PER_APP
    assert len(await world.left(slow)) == PER_APP * 3
    world.receivers.answer()
    await all_gone(world, slow)
    assert world.receivers.to("http://slow/instant") == PER_APP * 3
    assert world.receivers.to("http://quick/instant") == PER_APP * 3


async def test_all_apps_together_have_a_bound(world: World) -> None:
    apps = [await world.new_app(f"app{number}") for number in range(IN_ALL // PER_APP + 2)]
    for app in apps:
        world.receivers.silent.add(f"http://{app.name}/instant")
        await world.send(app, messages=PER_APP)

    world.dispatcher.start()
    await until(lambda: world.receivers.under_way == IN_ALL)
    await asyncio.sleep(0.03)

    assert world.receivers.under_way == IN_ALL
    assert world.dispatcher.stats.in_flight == IN_ALL
    world.receivers.answer()
    for app in apps:
        await all_gone(world, app)
    assert len(world.receivers.posted) == len(apps) * PER_APP


async def test_nothing_is_sent_twice_however_often_the_outbox_is_looked_at(world: World) -> None:
    app = await world.new_app()
    await world.send(app, messages=100)

    world.dispatcher.start()
    async with asyncio.timeout(PATIENCE_S):
        while await world.left(app):
            world.dispatcher.wake()
            await asyncio.sleep(0)

    assert len(world.receivers.posted) == 100
    assert len(set(world.receivers.posted)) == 100


async def test_a_store_that_is_unavailable_costs_time_and_nothing_else(world: World) -> None:
    """Neither the reading nor the writing down of what came out is given up."""
    app = await world.new_app()
    await world.send(app)
    world.receivers.silent.add("http://shop/instant")
    world.store.fail_next(3)
    world.dispatcher.start()
    await until(lambda: world.receivers.under_way == 1)

    world.store.fail_next(3)
    world.receivers.answer()
    await until(lambda: world.dispatcher.stats.in_flight == 0)

    assert len(world.receivers.posted) == 1
    assert not await world.left(app)


async def test_a_bug_in_one_attempt_counts_as_a_failure(world: World) -> None:
    app = await world.new_app()
    await world.send(app, messages=2)
    world.receivers.outcomes = [RuntimeError("a bug")]

    world.dispatcher.start()
    event = await settled(world, app, 1)

    assert event.last_error == "internal error"
    assert world.dispatcher.stats.attempts == {"delivered": 1, "not_sent": 1}


async def test_what_has_no_address_waits_for_one(world: World) -> None:
    app = await world.new_app()
    await world.send(app)
    await world.apps.change_settings(app.app_id, {"instant_callback_url": ""})
    world.dispatcher.start()

    event = await settled(world, app, 1)
    await world.apps.change_settings(app.app_id, {"instant_callback_url": "http://elsewhere/"})
    world.clock.advance(RETRY_DELAYS_MS[0])
    await all_gone(world, app)

    assert event.last_error == "no address is set"
    assert [url for url, _ in world.receivers.posted] == ["http://elsewhere/"]


async def test_at_the_end_what_is_under_way_is_finished(world: World) -> None:
    app = await world.new_app()
    world.receivers.silent.add("http://shop/instant")
    await world.send(app, messages=PER_APP + 5)
    world.dispatcher.start()
    await until(lambda: world.receivers.under_way == PER_APP)

    closing = asyncio.create_task(world.dispatcher.aclose(PATIENCE_S))
    await asyncio.sleep(0)
    world.receivers.answer()
    await closing

    assert len(world.receivers.posted) == PER_APP
    assert len(await world.left(app)) == 5


async def test_at_the_end_what_takes_too_long_stays_in_the_outbox(world: World) -> None:
    app = await world.new_app()
    world.receivers.silent.add("http://shop/instant")
    await world.send(app)
    world.dispatcher.start()
    await until(lambda: world.receivers.under_way == 1)

    await world.dispatcher.aclose(0.01)

    (event,) = await world.left(app)
    assert (event.attempts, world.receivers.under_way) == (0, 0)
