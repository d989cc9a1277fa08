"""A bus that remembers."""

from __future__ import annotations

from collections.abc import Callable

from openmimc.bus.local import LocalBus
from openmimc.domain.ports import Notice


class RecordingBus:
    """``domain.ports.Bus`` within one process, with everything that was published.

    Args:
        failures: So many of the first publications fail.
    """

    def __init__(self, *, failures: int = 0) -> None:
        self.published: list[Notice] = []
        self._failures = failures
        self._bus = LocalBus()

    def publish(self, notice: Notice) -> None:
        """See ``Bus.publish``."""
        if self._failures:
            self._failures -= 1
            raise RuntimeError("a listener failed")
        self.published.append(notice)
        self._bus.publish(notice)

    def subscribe(self, listener: Callable[[Notice], None]) -> None:
        """See ``Bus.subscribe``."""
        self._bus.subscribe(listener)
