"""Callbacks for tests that look at them from outside: put down by messages, as everywhere."""

from __future__ import annotations

import asyncio

from openmimc.domain.ports import Store
from openmimc.model.app import App
from openmimc.model.callback import CallbackEvent, CallbackState, EventId
from openmimc.model.ids import TopicId
from openmimc.model.message import CallbackWish, Commit, Draft, Kind, Sender


async def put_callbacks_down(store: Store, app: App, count: int, *, to_account: str = "bob") -> list[EventId]:
    """Send messages from alice that cause an instant callback each; returns the events, which wait."""
    (alice,) = await store.ensure_accounts(app.app_id, ("alice",))
    before = {event.event_id for event in await _waiting(store, app)}
    for number in range(count):
        stored = asyncio.get_running_loop().create_future()
        draft = Draft(
            Kind.P2P,
            Sender(app.app_id, alice.user_id, "alice", "phone"),
            to_account,
            TopicId(0),
            f"{to_account}-{number}",
            b"nobody else's business",
            callbacks=CallbackWish(instant=True),
        )
        store.append(draft, stored.set_result)
        assert isinstance(await stored, Commit)
    return [event.event_id for event in await _waiting(store, app) if event.event_id not in before]


async def let_callbacks_die(store: Store, event_ids: list[EventId]) -> None:
    """Give callbacks up."""
    for event_id in event_ids:
        await store.settle_callback(event_id, delivered=False, error="status 500")


async def _waiting(store: Store, app: App) -> tuple[CallbackEvent, ...]:
    return await store.list_callbacks(app.app_id, CallbackState.WAITING, after=EventId(0), limit=1000)
