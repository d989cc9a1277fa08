"""A bus that remembers."""

from __future__ import annotations

from collections.abc import Callable

from openmimc.bus.local import LocalBus
from openmimc.model.message import Commit


class RecordingBus:
    """``domain.ports.Bus`` within one process, with everything that was published.

    Args:
        failures: So many of the first publications fail.
    """

    def __init__(self, *, failures: int = 0) -> None:
        self.published: list[Commit] = []
        self._failures = failures
        self._bus = LocalBus()

    def publish(self, commit: Commit) -> None:
        """See ``Bus.publish``."""
        if self._failures:
            self._failures -= 1
            raise RuntimeError("a listener failed")
        self.published.append(commit)
        self._bus.publish(commit)

    def subscribe(self, listener: Callable[[Commit], None]) -> None:
        """See ``Bus.subscribe``."""
        self._bus.subscribe(listener)
