"""The bound on all client connections of a node together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import structlog

log = structlog.get_logger(__name__)

_LOG_EVERY_S = 10.0


class Admission:
    """Lets connections in while there are fewer than ``max_connections``.

    Args:
        count: How many there are now.

    Attributes:
        turned_away: Connections closed at once since the start.
    """

    def __init__(self, max_connections: int, count: Callable[[], int]) -> None:
        self._max_connections = max_connections
        self._count = count
        self._log_again_s = 0.0
        self.turned_away = 0

    def guard(self, make: Callable[..., asyncio.Protocol]) -> Callable[..., asyncio.Protocol]:
        """Wrap a protocol factory: it makes a protocol that hangs up while the node is full."""

        def make_or_refuse(**context: object) -> asyncio.Protocol:
            if self._count() < self._max_connections:
                return make(**context)
            self.turned_away += 1
            now_s = asyncio.get_running_loop().time()
            if now_s >= self._log_again_s:
                self._log_again_s = now_s + _LOG_EVERY_S
                log.warning("node_full", max_connections=self._max_connections, turned_away=self.turned_away)
            return _HangUp()

        return make_or_refuse


class _HangUp(asyncio.Protocol):
    """Ends its connection at once. The SDKs come back with growing pauses."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).abort()
