"""The documented pattern, over a real store and a real receiver; time alone is the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest

from openmimc.domain.apps import Apps
from openmimc.model.app import App
from openmimc.model.callback import CallbackEvent, CallbackState, EventId
from openmimc.model.ids import TopicId
from openmimc.model.message import CallbackWish, Commit, Draft, Kind, Sender
from openmimc.store.sqlite import SqliteStore
from openmimc.webhook import Dispatcher
from openmimc.webhook import Sender as HttpSender
from openmimc.webhook.dispatcher import PER_APP
from tests.fakes.clock import START_MS, FakeClock
from tests.integration.webhook.receiver import PATIENCE_S, Receiver, open_receiver

START_S = START_MS // 1000


class Outbox:
    """Apps, a store on disk, and the dispatcher that sends to real receivers."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "openmimc.db"
        self._packet_ids = count(1)
        self.clock = FakeClock()

    async def open(self) -> None:
        self.store = SqliteStore.open(self._file, clock=self.clock)
        self.apps = Apps(self.store, self.clock)
        await self.apps.refresh()
        self.sender = HttpSender(allow_private=True, max_connections=256, attempt_timeout_s=0.3)
        self.dispatcher = Dispatcher(
            self.store, self.apps.find, self.sender.post, self.clock, poll_s=0.01, store_retry_s=0.01
        )
        self.dispatcher.start()

    async def close(self) -> None:
        await self.dispatcher.aclose(0)
        await self.sender.aclose()
        await self.store.aclose()

    async def new_app(self, receiver: Receiver) -> App:
        app, _ = await self.apps.create_app("shop")
        return await self.apps.change_settings(app.app_id, {"instant_callback_url": receiver.url("/instant")})

    async def send(self, app: App, payload: bytes = b"hi") -> Commit:
        (alice,) = await self.store.ensure_accounts(app.app_id, ("alice",))
        stored = asyncio.get_running_loop().create_future()
        draft = Draft(
            Kind.P2P,
            Sender(app.app_id, alice.user_id, "alice", "phone"),
            "bob",
            TopicId(0),
            f"p{next(self._packet_ids)}",
            payload,
            callbacks=CallbackWish(instant=True),
        )
        self.store.append(draft, stored.set_result)
        commit: Commit = await stored
        return commit

    async def left(self, app: App, state: CallbackState = CallbackState.WAITING) -> tuple[CallbackEvent, ...]:
        return await self.store.list_callbacks(app.app_id, state, after=EventId(0), limit=1000)

    async def failed(self, app: App, attempts: int) -> CallbackEvent:
        """The app's one event, once so many failures are written down."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for state in CallbackState:
                    for event in await self.left(app, state):
                        if event.attempts == attempts:
                            return event
                await asyncio.sleep(0.005)

    async def all_gone(self, app: App) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await self.left(app):
                await asyncio.sleep(0.005)


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    made = Outbox(tmp_path)
    await made.open()
    yield made
    await made.close()


async def test_a_receiver_that_fails_in_every_way_and_returns_gets_everything_on_schedule(
    outbox: Outbox, receiver: Receiver
) -> None:
    app = await outbox.new_app(receiver)
    secret = app.settings.callback_secret
    errors = []

    receiver.will_answer(500)
    await outbox.send(app)
    event = await outbox.failed(app, 1)
    errors.append(event.last_error)
    receiver.will_be_silent()
    outbox.clock.advance(5_000)
    errors.append((await outbox.failed(app, 2)).last_error)
    await receiver.close()
    outbox.clock.advance(30_000)
    errors.append((await outbox.failed(app, 3)).last_error)
    await receiver.open()
    receiver.will_answer(200)
    outbox.clock.advance(299_999)
    await outbox.send(app, b"later")
    await receiver.has(lambda calls: calls[-1].json["payload"] == "bGF0ZXI=")
    outbox.clock.advance(1)
    await outbox.all_gone(app)

    first, second, later, last = receiver.calls
    assert errors == ["status 500", "no answer in time", "cannot connect"]
    # The third attempt met a closed port. A message sent right before the fourth came right before it.
    assert [call.timestamp_s - START_S for call in (first, second, later, last)] == [0, 5, 334, 335]
    assert {call.event_id for call in (first, second, last)} == {str(event.event_id)}
    assert first.body == second.body == last.body
    assert all(call.is_signed(secret) for call in receiver.calls)
    assert not any(call.is_signed(secret + "x") for call in receiver.calls)
    assert await outbox.left(app, CallbackState.DEAD) == ()


async def test_what_was_given_up_arrives_after_a_replay(outbox: Outbox, receiver: Receiver) -> None:
    app = await outbox.new_app(receiver)
    receiver.will_answer(500)
    await outbox.send(app)
    for attempt, delay_ms in enumerate((5_000, 30_000, 300_000), start=1):
        await outbox.failed(app, attempt)
        outbox.clock.advance(delay_ms)
    dead = await outbox.failed(app, 4)
    receiver.will_answer(200)
    outbox.clock.advance(86_400_000)

    await outbox.store.replay_callbacks(app.app_id, (dead.event_id,), outbox.clock.now_ms())
    await receiver.has(lambda calls: len(calls) == 5)
    await outbox.all_gone(app)

    assert dead.state is CallbackState.DEAD
    assert {call.event_id for call in receiver.calls} == {str(dead.event_id)}


async def test_the_schedule_goes_on_after_a_restart(outbox: Outbox, receiver: Receiver) -> None:
    app = await outbox.new_app(receiver)
    receiver.will_answer(500)
    await outbox.send(app)
    await outbox.failed(app, 1)

    await outbox.close()
    outbox.clock.advance(4_000)
    await outbox.open()
    outbox.clock.advance(1_000)
    event = await outbox.failed(app, 2)

    assert [call.timestamp_s - START_S for call in receiver.calls] == [0, 5]
    assert event.next_attempt_ms == START_MS + 35_000


async def test_a_slow_app_delays_neither_anothers_callbacks_nor_messages(
    outbox: Outbox, receiver: Receiver
) -> None:
    async with open_receiver() as quick_receiver:
        slow, quick = await outbox.new_app(receiver), await outbox.new_app(quick_receiver)
        receiver.will_be_silent()
        for _ in range(PER_APP * 4):
            await outbox.send(slow)
        await receiver.has(lambda calls: len(calls) >= PER_APP)
        calls_before = len(receiver.calls)

        commits = [await outbox.send(quick) for _ in range(50)]
        await quick_receiver.has(lambda calls: len(calls) == 50)

    assert calls_before == PER_APP
    assert all(not commit.is_repeat for commit in commits)
    told = {call.json["sequence"] for call in quick_receiver.calls}
    assert told == {str(commit.message.sequence) for commit in commits}
    assert len(await outbox.left(slow)) == PER_APP * 4
