"""What the app reads from: items that arrive over the network, taken by one task at a time."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import Self, TypeVar

from openmimc.errors import LocalProtocolError

Item = TypeVar("Item")


class Reader(AsyncIterator[Item]):
    """An iteration over what arrives, until it is closed.

    A subclass keeps what has arrived and calls ``_wake`` when there is more of it.
    """

    def __init__(self) -> None:
        self._wakeup: asyncio.Future[None] | None = None
        self._is_being_read = False
        self._is_closed = False
        self._error: Exception | None = None

    def close(self, error: Exception | None = None) -> None:
        """End the iteration, with an error if there is one. What waits is forgotten."""
        if self._is_closed:
            return
        self._is_closed = True
        self._error = error
        self._forget_queued()
        self._wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        """Wait for the next item; asking says that the app is done with the one before.

        Raises:
            StopAsyncIteration: the user was logged out.
            ClientError: the session ended for another reason and does not come back.
            LocalProtocolError: another task is reading already.
        """
        if self._is_being_read:
            raise LocalProtocolError("messages are being read by another task already")
        self._is_being_read = True
        try:
            return await self._next()
        finally:
            self._is_being_read = False

    @abstractmethod
    async def _next(self) -> Item:
        """Be done with the item before, and wait for the next."""

    @abstractmethod
    def _forget_queued(self) -> None:
        """Let go of what waits."""

    def _check_open(self) -> None:
        if self._is_closed:
            if self._error is not None:
                raise self._error
            raise StopAsyncIteration

    async def _wait(self) -> None:
        self._wakeup = asyncio.get_running_loop().create_future()
        try:
            await self._wakeup
        finally:
            self._wakeup = None

    def _wake(self) -> None:
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)
