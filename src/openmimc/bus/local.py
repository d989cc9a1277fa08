"""The bus of a server that is one process: publishing calls the listeners at once."""

from __future__ import annotations

from collections.abc import Callable

from openmimc.domain.ports import Notice


class LocalBus:
    """``ports.Bus`` within one process: nothing is lost, repeated or reordered."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Notice], None]] = []

    def publish(self, notice: Notice) -> None:
        """Call every listener, in the order they subscribed."""
        for listener in self._listeners:
            listener(notice)

    def subscribe(self, listener: Callable[[Notice], None]) -> None:
        """Have ``listener`` called for everything published from now on."""
        self._listeners.append(listener)
