"""Whether the server can do its work now, for load balancers and for those who wait for a start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from openmimc.errors import Unavailable

PATIENCE_S = 3.0
"""A store that does not answer for so long is not ready: probes usually wait 1 to 5 seconds."""
FRESH_FOR_S = 1.0
"""How long an answer is repeated: anybody may ask, and each look costs the store a transaction."""


class Readiness:
    """Answers the probes.

    Args:
        check_store: Raises ``Unavailable`` when the store takes no writes.
        now_s: Monotonic seconds.

    Attributes:
        is_stopping: Set it when the server is on its way out, so that nobody is sent here any more.
    """

    def __init__(self, check_store: Callable[[], Awaitable[None]], now_s: Callable[[], float]) -> None:
        self.is_stopping = False
        self._check_store = check_store
        self._now_s = now_s
        self._turn = asyncio.Lock()
        self._answer: dict[str, str] = {}
        self._answered_s = float("-inf")

    async def check(self) -> dict[str, str]:
        """Name what is not ready, and why; empty when all is well."""
        if self.is_stopping:
            return {"server": "stopping"}
        async with self._turn:
            if self._now_s() - self._answered_s >= FRESH_FOR_S:
                self._answer = await self._look()
                self._answered_s = self._now_s()
            return self._answer

    async def _look(self) -> dict[str, str]:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._check_store()
        except Unavailable as exc:
            return {"store": str(exc) or exc.text}
        except TimeoutError:
            return {"store": f"no answer within {PATIENCE_S:g} s"}
        return {}
