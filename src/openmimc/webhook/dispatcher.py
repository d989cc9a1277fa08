"""The loop that empties the outbox.

Every app has places of its own, ``PER_APP`` at a time: a receiver that takes its time fills them and no others.
All apps together have ``IN_ALL`` places, which bound this node's memory and sockets.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from openmimc.domain.ports import CallbackStore, Clock
from openmimc.errors import Unavailable
from openmimc.model.app import App
from openmimc.model.callback import CallbackEvent, EventId
from openmimc.model.ids import AppId
from openmimc.webhook.body import serialize_body
from openmimc.webhook.retry import retry_at_ms
from openmimc.webhook.sender import Outcome, Result
from openmimc.webhook.signature import signed_headers
from openmimc.webhook.stats import WebhookStats

log = structlog.get_logger(__name__)

PER_APP = 8
IN_ALL = 256

POLL_S = 1.0
"""The outbox is looked at so often without being told to: for what became due, and what others put there."""

GATHER_S = 0.005
"""Pause between two looks. One look serves all who have asked for it in the meantime."""

STORE_RETRY_S = 1.0


class Post(Protocol):
    """One attempt over the network; see ``Sender.post``."""

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Make it and tell what came of it."""


class Dispatcher:
    """Sends what is in the outbox; ``domain.ports.Webhooks``.

    Args:
        store: The outbox.
        find_app: An app by its id, None if it is gone.
        post: Makes an attempt.
        clock: Tells when callbacks are due, and signs attempts.
        on_attempt: Told of each attempt that was made: None when it was delivered, else why not.
        poll_s: See ``POLL_S``.

    Attributes:
        stats: What happened so far.
    """

    def __init__(
        self,
        store: CallbackStore,
        find_app: Callable[[AppId], App | None],
        post: Post,
        clock: Clock,
        *,
        on_attempt: Callable[[CallbackEvent, str | None], None] | None = None,
        poll_s: float = POLL_S,
        store_retry_s: float = STORE_RETRY_S,
    ) -> None:
        self.stats = WebhookStats()
        self._store = store
        self._find_app = find_app
        self._post = post
        self._clock = clock
        self._on_attempt = on_attempt
        self._poll_s = poll_s
        self._store_retry_s = store_retry_s
        self._woken = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._attempts: dict[EventId, asyncio.Task[None]] = {}
        self._by_app: Counter[AppId] = Counter()
        self._settled_meanwhile: set[EventId] = set()
        self._failing: set[AppId] = set()

    def wake(self) -> None:
        """Look at the outbox soon."""
        self._woken.set()

    def start(self) -> None:
        """Begin to send."""
        self._loop = asyncio.create_task(self._run(), name="callbacks")

    async def aclose(self, grace_s: float) -> None:
        """Begin nothing more, wait for what is under way, and give up what takes longer.

        What is given up stays in the outbox; its receiver may hear of it twice.
        """
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])
            self._loop = None
        attempts = list(self._attempts.values())
        if attempts:
            _, late = await asyncio.wait(attempts, timeout=grace_s)
            for task in late:
                task.cancel()
            if late:
                log.info("callbacks_interrupted", count=len(late))
                await asyncio.wait(late)

    # ------------------------------------------------------------------ the loop

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self._launch_due()
            except Unavailable as exc:
                log.warning("callbacks_not_read", reason=str(exc))
                await asyncio.sleep(self._store_retry_s)
            except Exception:
                log.exception("callbacks_not_read")
                await asyncio.sleep(self._store_retry_s)
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._woken.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(GATHER_S)

    async def _launch_due(self) -> None:
        """Begin as many attempts as are due and have a place."""
        if len(self._attempts) >= IN_ALL:
            return
        busy = frozenset(app_id for app_id, count in self._by_app.items() if count >= PER_APP)
        self._settled_meanwhile.clear()
        # What is under way is due, too, and is among the rows: hence more of them than there are places.
        events = await self._store.due_callbacks(
            self._clock.now_ms(), busy=busy, limit_per_app=PER_APP, limit=IN_ALL
        )
        for event in events:
            if len(self._attempts) >= IN_ALL:
                return
            # The rows are as of a moment ago: what was settled since then is there as if it were not.
            is_known = event.event_id in self._attempts or event.event_id in self._settled_meanwhile
            if not is_known and self._by_app[event.app_id] < PER_APP:
                self._launch(event)

    def _launch(self, event: CallbackEvent) -> None:
        self._by_app[event.app_id] += 1
        self._attempts[event.event_id] = asyncio.create_task(self._attempt(event))
        self.stats.in_flight = len(self._attempts)

    # ------------------------------------------------------------------ one attempt

    async def _attempt(self, event: CallbackEvent) -> None:
        try:
            try:
                outcome = await self._deliver(event)
            except Exception:
                # A bug, but of this event alone: it is tried again and dies like any other.
                log.exception("callback_failed", app_id=event.app_id, event_id=event.event_id)
                outcome = Outcome(Result.NOT_SENT, "internal error")
            await self._settle(event, outcome)
        finally:
            del self._attempts[event.event_id]
            self._settled_meanwhile.add(event.event_id)
            self.stats.in_flight = len(self._attempts)
            self._by_app[event.app_id] -= 1
            if not self._by_app[event.app_id]:
                del self._by_app[event.app_id]
            self._woken.set()  # There is a free place.

    async def _deliver(self, event: CallbackEvent) -> Outcome:
        app = self._find_app(event.app_id)
        if app is None:
            return Outcome(Result.NOT_SENT, "the app is gone")
        settings = app.settings
        url = settings.offline_callback_url if event.kind.is_offline else settings.instant_callback_url
        if not url:
            return Outcome(Result.NOT_SENT, "no address is set")
        if not settings.callback_secret:
            return Outcome(Result.NOT_SENT, "no callback_secret is set")
        body = serialize_body(event)
        timestamp_s = self._clock.now_ms() // 1000
        headers = signed_headers(settings.callback_secret, event.event_id, timestamp_s, body)
        return await self._post(url, headers, body)

    async def _settle(self, event: CallbackEvent, outcome: Outcome) -> None:
        """Write down what an attempt came to; again and again until that is on disk.

        The event keeps its place until then: else it would be sent once more.
        """
        self.stats.attempts[outcome.result] += 1
        is_delivered = outcome.result is Result.DELIVERED
        at_ms = None if is_delivered else self._next_try_ms(event, outcome)
        self._note(event, outcome, is_dead=not is_delivered and at_ms is None)
        if self._on_attempt is not None:
            self._on_attempt(event, None if is_delivered else outcome.reason)
        while True:
            try:
                await self._store.settle_callback(
                    event.event_id, delivered=is_delivered, error=outcome.reason, retry_at_ms=at_ms
                )
            except Unavailable as exc:
                log.warning("callback_not_settled", event_id=event.event_id, reason=str(exc))
            except Exception:
                log.exception("callback_not_settled", event_id=event.event_id)
            else:
                return
            await asyncio.sleep(self._store_retry_s)

    def _next_try_ms(self, event: CallbackEvent, outcome: Outcome) -> int | None:
        if outcome.result is Result.NOT_SENT and self._find_app(event.app_id) is None:
            return None
        return retry_at_ms(event.attempts + 1, self._clock.now_ms())

    def _note(self, event: CallbackEvent, outcome: Outcome, *, is_dead: bool) -> None:
        """Log when an app's receiver begins or ceases to fail: not each failure, of which there may be many."""
        app_id = event.app_id
        if outcome.result is Result.DELIVERED:
            if app_id in self._failing:
                self._failing.discard(app_id)
                log.info("callbacks_received_again", app_id=app_id)
        elif app_id not in self._failing:
            self._failing.add(app_id)
            log.warning("callbacks_failing", app_id=app_id, reason=outcome.reason)
        if is_dead:
            self.stats.died += 1
            log.debug("callback_dead", app_id=app_id, event_id=event.event_id, reason=outcome.reason)
