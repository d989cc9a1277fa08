"""When a callback that was not taken is sent again.

Source: protocol reference, 9.7.
"""

from __future__ import annotations

RETRY_DELAYS_MS = (5_000, 30_000, 300_000)
"""Pause after the first, second and third failure. After the fourth the callback is dead."""


def retry_at_ms(attempts: int, now_ms: int) -> int | None:
    """When to try again after the ``attempts``-th failure, which was just now; None for never."""
    return now_ms + RETRY_DELAYS_MS[attempts - 1] if attempts <= len(RETRY_DELAYS_MS) else None
