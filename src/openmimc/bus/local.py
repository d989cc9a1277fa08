"""The bus of a server that is one process: publishing calls the listeners at once."""

from __future__ import annotations

from collections.abc import Callable

from openmimc.model.message import Commit


class LocalBus:
    """``ports.Bus`` within one process: nothing is lost, repeated or reordered."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Commit], None]] = []

    def publish(self, commit: Commit) -> None:
        """Call every listener, in the order they subscribed."""
        for listener in self._listeners:
            listener(commit)

    def subscribe(self, listener: Callable[[Commit], None]) -> None:
        """Have ``listener`` called for everything published from now on."""
        self._listeners.append(listener)
