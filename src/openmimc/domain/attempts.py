"""How often somebody may try: a bound on guessing, per whoever guesses.

Each key may try ``burst`` times at once, and after that once per interval. Kept is one number per key, the time
at which it would be as good as new, so a key costs as much after a thousand attempts as after one.
"""

from __future__ import annotations

from collections.abc import Hashable

KEYS_MAX = 10_000
"""Keys remembered. Beyond it those that have tried least are forgotten, never those that try most."""


class Attempts:
    """Counts attempts by key.

    Args:
        burst: How many may come at once.
        interval_ms: After that, one per so many milliseconds.
    """

    def __init__(self, *, burst: int, interval_ms: int) -> None:
        self._interval_ms = interval_ms
        self._span_ms = burst * interval_ms
        self._clear_ms: dict[Hashable, int] = {}

    def take(self, key: Hashable, now_ms: int) -> int:
        """Count one attempt, if it may be made.

        Returns:
            0 if it may; else how many milliseconds to wait, and it was not counted.
        """
        # A clock that was set back would keep a key out for as long; nothing lasts beyond the span.
        clear_ms = min(max(self._clear_ms.get(key, 0), now_ms), now_ms + self._span_ms)
        clear_ms += self._interval_ms
        if (wait_ms := clear_ms - now_ms - self._span_ms) > 0:
            return wait_ms
        self._clear_ms[key] = clear_ms
        if len(self._clear_ms) > KEYS_MAX:
            self._forget(now_ms)
        return 0

    def give_back(self, key: Hashable) -> None:
        """Uncount an attempt: it was no guess."""
        if key in self._clear_ms:
            self._clear_ms[key] -= self._interval_ms

    def _forget(self, now_ms: int) -> None:
        worst = sorted(self._clear_ms.items(), key=lambda item: item[1])[KEYS_MAX // 2 :]
        self._clear_ms = {key: clear_ms for key, clear_ms in worst if clear_ms > now_ms}
