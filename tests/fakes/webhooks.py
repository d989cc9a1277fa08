"""A sender of callbacks that sends none."""

from __future__ import annotations


class CountingWebhooks:
    """``domain.ports.Webhooks`` that counts how often it was woken."""

    def __init__(self) -> None:
        self.wakes = 0

    def wake(self) -> None:
        """See ``Webhooks.wake``."""
        self.wakes += 1
