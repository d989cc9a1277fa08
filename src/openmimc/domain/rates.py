"""Rates: how many messages an app may send per second.

A token bucket per app and kind of message. It holds one second's worth, so an app that was silent may send that
much at once, and over any longer time no more than its rate. Everything is counted in thousandths of a message,
which is what a rate of one message per second adds in one millisecond: no fractions, no rounding.
"""

from __future__ import annotations

from openmimc.domain.ports import Clock
from openmimc.errors import RateLimited
from openmimc.model.ids import AppId
from openmimc.model.message import Kind

_PER_MESSAGE = 1_000


class Bucket:
    """One token bucket, full at first.

    The rate is given with every call, so that a change of settings counts at once. A clock that goes back adds
    nothing and takes nothing away; time goes on from where it was set to.
    """

    __slots__ = ("_level", "_seen_ms")

    def __init__(self) -> None:
        self._level: int | None = (
            None  # Thousandths of a message; below 0 in debt; None while full at any rate.
        )
        self._seen_ms = 0

    def take(self, count: int, *, rate_per_s: int, now_ms: int) -> bool:
        """Take ``count`` messages out if they are in; else take nothing.

        More than the bucket can ever hold may be taken from a full one, which then is in debt: the next message
        passes when the debt is paid and one has come in on top. Otherwise a large push could never pass.

        Args:
            count: At least 1.
            rate_per_s: At least 1; also what the bucket holds.
            now_ms: UTC epoch milliseconds.

        Returns:
            Whether they were taken.
        """
        full = rate_per_s * _PER_MESSAGE
        if self._level is None:
            level = full
        else:
            level = min(full, self._level + max(0, now_ms - self._seen_ms) * rate_per_s)
        cost = count * _PER_MESSAGE
        is_taken = level >= cost or level == full
        self._level = level - cost if is_taken else level
        self._seen_ms = now_ms
        return is_taken


class Rates:
    """The rates of all apps on this node; a restart fills the buckets."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[tuple[AppId, Kind], Bucket] = {}

    def check(self, app_id: AppId, kind: Kind, count: int, limit_per_s: int) -> None:
        """Count messages that are about to be sent.

        They count whatever becomes of them later: a refused or repeated message has cost its work as well.

        Args:
            app_id: Whose they are.
            kind: Each kind has its own rate.
            count: How many; a push to many counts for as many.
            limit_per_s: The app's rate as it is set now; 0 for none.

        Raises:
            RateLimited: They are too many now; none of them was counted.
        """
        if not limit_per_s:
            # Who is given a limit later starts with a full bucket.
            self._buckets.pop((app_id, kind), None)
            return
        bucket = self._buckets.get((app_id, kind))
        if bucket is None:
            bucket = self._buckets[app_id, kind] = Bucket()
        if not bucket.take(count, rate_per_s=limit_per_s, now_ms=self._clock.now_ms()):
            raise RateLimited(f"more than {limit_per_s} messages per second in this app")
