"""When to ping, and when a silent connection is dead. Holds no timer: time is passed in.

Two-way packets are those the server answers in any case (protocol reference, 5.5). Whatever arrives after one
proves that the connection lives; silence after one, for ``dead_after_s``, that it does not. A ping is due when
no two-way packet was sent for ``ping_interval_s``, so that even a client that only listens finds out.
"""

from __future__ import annotations


class Keepalive:
    """The state of one connection. All times are seconds of one monotonic clock."""

    __slots__ = ("_dead_after_s", "_last_two_way_s", "_ping_interval_s", "_unanswered_since_s")

    def __init__(self, *, ping_interval_s: float, dead_after_s: float, now_s: float) -> None:
        self._ping_interval_s = ping_interval_s
        self._dead_after_s = dead_after_s
        self._last_two_way_s = now_s
        self._unanswered_since_s: float | None = None

    def sent_two_way(self, now_s: float) -> None:
        """Note a packet that must be answered."""
        self._last_two_way_s = now_s
        if self._unanswered_since_s is None:
            self._unanswered_since_s = now_s

    def received(self) -> None:
        """Note that something arrived, whatever it is."""
        self._unanswered_since_s = None

    def due_s(self) -> float:
        """When to look at this again, unless something happens before."""
        if self._unanswered_since_s is not None:
            return self._unanswered_since_s + self._dead_after_s
        return self._last_two_way_s + self._ping_interval_s

    def is_dead(self, now_s: float) -> bool:
        """Whether the server has been silent too long after a two-way packet."""
        return self._unanswered_since_s is not None and now_s - self._unanswered_since_s >= self._dead_after_s

    def is_ping_due(self, now_s: float) -> bool:
        """Whether a ping should be sent now."""
        return self._unanswered_since_s is None and now_s - self._last_two_way_s >= self._ping_interval_s
