"""How long to wait before trying again: exponential backoff with full jitter.

Jitter spreads the clients of a restarted server over time; full jitter (anywhere between nothing and the
bound) spreads them best.
"""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """A growing, random series of delays.

    Args:
        initial_s: Bound of the first delay, in seconds, above 0.
        max_s: The bound doubles with every delay up to here.
        jitter: Source of numbers in [0, 1), the part of the bound that is waited.
    """

    __slots__ = ("_bound_s", "_initial_s", "_jitter", "_max_s")

    def __init__(
        self, initial_s: float = 1.0, max_s: float = 30.0, jitter: Callable[[], float] = random.random
    ) -> None:
        if not 0 < initial_s <= max_s:
            raise ValueError("backoff needs 0 < initial_s <= max_s")
        self._initial_s = initial_s
        self._max_s = max_s
        self._jitter = jitter
        self._bound_s = initial_s

    def next_delay_s(self) -> float:
        """Return the next delay, in seconds, and double the bound of the one after it."""
        delay_s = self._jitter() * self._bound_s
        self._bound_s = min(self._max_s, self._bound_s * 2)
        return delay_s

    def reset(self) -> None:
        """Begin again with the initial bound: the last try was a lasting success."""
        self._bound_s = self._initial_s
