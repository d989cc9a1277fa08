"""Callbacks that have not arrived: looking at them, and sending the given-up ones anew."""

from __future__ import annotations

from msgspec import Struct

from openmimc.domain.apps import Apps
from openmimc.domain.ports import CallbackStore, Clock
from openmimc.errors import BadRequest, MissingField
from openmimc.model.callback import CallbackEvent, CallbackState, EventId
from openmimc.model.ids import AppId

PAGE_MAX = 200
"""Most callbacks on one page: each brings its message."""

FIRST = EventId(0)
"""Before every event."""

REPLAY_MAX_EVENTS = 500
"""Most events that one call may name."""


class CallbackPage(Struct, frozen=True):
    """A run of an app's callbacks in one state, in the order of their events.

    Attributes:
        has_more: Whether there are others beyond the last.
    """

    events: tuple[CallbackEvent, ...]
    has_more: bool


class Callbacks:
    """The outbox of every app, for those who answer for it."""

    def __init__(self, store: CallbackStore, apps: Apps, clock: Clock) -> None:
        self._store = store
        self._apps = apps
        self._clock = clock

    async def list_callbacks(
        self, app_id: AppId, state: CallbackState, *, after: EventId = FIRST, limit: int = PAGE_MAX
    ) -> CallbackPage:
        """An app's callbacks that wait or are dead, beyond an event.

        Args:
            app_id: Whose.
            state: Which.
            after: The last event of the page before.
            limit: Most to return, 1 to ``PAGE_MAX``.

        Raises:
            UnknownApp: There is no such app.
            BadRequest: ``limit`` is out of range.
        """
        if not 1 <= limit <= PAGE_MAX:
            raise BadRequest(f"limit must be from 1 to {PAGE_MAX}")
        await self._apps.get_app(app_id)
        events = await self._store.list_callbacks(app_id, state, after=after, limit=limit + 1)
        return CallbackPage(events[:limit], has_more=len(events) > limit)

    async def replay(self, app_id: AppId, event_ids: tuple[EventId, ...] | None) -> int:
        """Have dead callbacks sent anew, with all their attempts; a running server does so within a second.

        Events that are not dead, or another app's, are passed over.

        Args:
            app_id: Whose.
            event_ids: Which; None for all.

        Returns:
            How many there were.

        Raises:
            UnknownApp: There is no such app.
            MissingField, BadRequest: No event is named, or too many.
        """
        if event_ids is not None:
            if not event_ids:
                raise MissingField("eventIds")
            if len(event_ids) > REPLAY_MAX_EVENTS:
                raise BadRequest(f"more than {REPLAY_MAX_EVENTS} events in one call")
        await self._apps.get_app(app_id)
        return await self._store.replay_callbacks(app_id, event_ids, self._clock.now_ms())
