"""The real clock."""

from __future__ import annotations

import time


class SystemClock:
    """The machine's time of day, as ``ports.Clock``."""

    def now_ms(self) -> int:
        """UTC epoch milliseconds."""
        return time.time_ns() // 1_000_000
