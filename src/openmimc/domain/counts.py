"""How much was said, by hours and by days."""

from __future__ import annotations

from collections import Counter

from openmimc.domain.ports import Clock, CountStore
from openmimc.errors import BadRequest
from openmimc.model.ids import AppId
from openmimc.model.insight import HourCount
from openmimc.model.message import Kind

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

HOURS_MAX = 24 * 31
"""A month of them."""

DAYS_MAX = 366


class MessageCounts:
    """Numbers of messages for plots. Hours and days are UTC's; those without a message are left out."""

    def __init__(self, store: CountStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def last_hours(self, app_id: AppId, hours: int = 24) -> tuple[HourCount, ...]:
        """Messages of an app by hour and kind, in the present hour and those before it, oldest first.

        Args:
            app_id: Whose.
            hours: How many, the present one included, 1 to ``HOURS_MAX``.

        Raises:
            BadRequest: ``hours`` is out of range.
        """
        if not 1 <= hours <= HOURS_MAX:
            raise BadRequest(f"hours must be from 1 to {HOURS_MAX}")
        to_ms = _floor(self._clock.now_ms(), HOUR_MS) + HOUR_MS
        return await self._store.count_messages(app_id, from_ms=to_ms - hours * HOUR_MS, to_ms=to_ms)

    async def last_days(self, app_id: AppId, days: int = 30) -> tuple[HourCount, ...]:
        """Messages of an app by day and kind, today and in the days before, oldest first.

        Args:
            app_id: Whose.
            days: How many, today included, 1 to ``DAYS_MAX``.

        Returns:
            ``hour_ms`` is the day's first hour; the count is the whole day's.

        Raises:
            BadRequest: ``days`` is out of range.
        """
        if not 1 <= days <= DAYS_MAX:
            raise BadRequest(f"days must be from 1 to {DAYS_MAX}")
        to_ms = _floor(self._clock.now_ms(), DAY_MS) + DAY_MS
        counts = await self._store.count_messages(app_id, from_ms=to_ms - days * DAY_MS, to_ms=to_ms)
        by_day: Counter[tuple[int, Kind]] = Counter()
        for count in counts:
            by_day[_floor(count.hour_ms, DAY_MS), count.kind] += count.messages
        return tuple(HourCount(day_ms, kind, messages) for (day_ms, kind), messages in by_day.items())


def _floor(timestamp_ms: int, step_ms: int) -> int:
    return timestamp_ms - timestamp_ms % step_ms
