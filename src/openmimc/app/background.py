"""What the server does now and then: retention, counting, and learning of apps that other processes changed.

Each loop lives as long as the server. What fails is logged and tried again at the next turn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from openmimc.domain.apps import Apps
from openmimc.domain.ports import AccountStore, CallbackStore, SweepCursor, SweepStore
from openmimc.errors import Unavailable
from openmimc.model.callback import CallbackState
from openmimc.model.ids import AppId, UserId
from openmimc.webhook import WebhookStats

log = structlog.get_logger(__name__)

REFRESH_APPS_EVERY_S = 1.0
ENFORCE_ACCOUNTS_EVERY_S = 0.8
"""With what the rest takes, a banned user's session is over within a second."""
SAMPLE_HEALTH_EVERY_S = 1.0
COUNT_CALLBACKS_EVERY_S = 10.0
"""As old may the numbers of the metrics be; monitoring asks about as often."""
SWEEP_EVERY_S = 600.0
"""Pause between two rounds. Retention is counted in days, so rounds need not follow closely."""
SWEEP_STEP_LIMIT = 200
"""Users or messages looked at per step: a few milliseconds of the store's writer."""
SWEEP_PAUSE_FACTOR = 9
"""A sweep rests this many times as long as its last step took: it takes a tenth of the store at the most."""
SWEEP_PAUSE_MIN_S = 0.02
RETRY_AFTER_S = 5.0

Sleep = Callable[[float], Awaitable[None]]


async def refresh_apps(apps: Apps, *, on_change: Callable[[], None], sleep: Sleep = asyncio.sleep) -> None:
    """Keep the apps in memory like those in the store, for ever.

    ``on_change`` is called when they are others than at the last turn, whoever refreshed them.
    """
    version = apps.version
    while True:
        try:
            await apps.refresh()
            if apps.version != version:
                version = apps.version
                on_change()
        except Unavailable as exc:
            log.warning("apps_refresh_failed", reason=str(exc))
        except Exception:
            log.exception("apps_refresh_failed")
        await sleep(REFRESH_APPS_EVERY_S)


async def enforce_accounts(
    store: AccountStore, enforce: Callable[[tuple[UserId, ...]], None], *, sleep: Sleep = asyncio.sleep
) -> None:
    """End the sessions of accounts that another process bans or revokes the tokens of, for ever.

    ``enforce`` is told of this process's own, too, for which it is not the first to hear of them.
    """
    number = -1
    while True:
        try:
            number, user_ids = await store.revoked_since(number)
            enforce(user_ids)
        except Unavailable as exc:
            log.warning("revocations_not_read", reason=str(exc))
        except Exception:
            log.exception("revocations_not_read")
        await sleep(ENFORCE_ACCOUNTS_EVERY_S)


class Sampled(Protocol):
    """What wants to be told of the passing of time."""

    def sample(self) -> None:
        """Take note of the numbers of now."""


async def sample_health(monitor: Sampled, *, sleep: Sleep = asyncio.sleep) -> None:
    """Keep the last minute's numbers, for ever."""
    while True:
        await sleep(SAMPLE_HEALTH_EVERY_S)
        monitor.sample()


async def sweep(store: SweepStore, *, sleep: Sleep = asyncio.sleep) -> None:
    """Delete what is past its time, for ever, so slowly that messages do not notice."""
    cursor = SweepCursor()
    deleted = 0
    while True:
        started = time.monotonic()
        try:
            cursor = await store.sweep(cursor, SWEEP_STEP_LIMIT)
        except Unavailable as exc:
            log.warning("sweep_failed", reason=str(exc))
            await sleep(RETRY_AFTER_S)
            continue
        except Exception:
            log.exception("sweep_failed", stage=cursor.stage)
            cursor = SweepCursor()  # Not again at once into what failed.
            await sleep(SWEEP_EVERY_S)
            continue
        deleted += cursor.deleted
        if cursor.is_done:
            (log.info if deleted else log.debug)("sweep_done", deleted_rows=deleted)
            cursor, deleted = SweepCursor(), 0
            await sleep(SWEEP_EVERY_S)
        else:
            took_s = time.monotonic() - started
            await sleep(max(SWEEP_PAUSE_MIN_S, took_s * SWEEP_PAUSE_FACTOR))


async def count_callbacks(store: CallbackStore, stats: WebhookStats, *, sleep: Sleep = asyncio.sleep) -> None:
    """Keep the numbers of waiting and dead callbacks like those in the store, for ever."""
    while True:
        try:
            counts = await store.count_callbacks()
        except Unavailable as exc:
            log.warning("callbacks_not_counted", reason=str(exc))
        except Exception:
            log.exception("callbacks_not_counted")
        else:
            stats.waiting = _sum(counts, CallbackState.WAITING)
            stats.dead = _sum(counts, CallbackState.DEAD)
        await sleep(COUNT_CALLBACKS_EVERY_S)


def _sum(counts: dict[tuple[AppId, CallbackState], int], wanted: CallbackState) -> int:
    return sum(count for (_, state), count in counts.items() if state is wanted)
