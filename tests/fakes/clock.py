"""A clock that stands still until it is told to move."""

from __future__ import annotations

DAY_MS = 24 * 3600 * 1000
START_MS = 1_700_000_000_000


class FakeClock:
    """``domain.ports.Clock`` under a test's control."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """The time it was set to."""
        return self._now_ms

    def advance(self, ms: int) -> None:
        """Let time pass; a negative number is an operator who sets the clock back."""
        self._now_ms += ms
