"""Online messages: passed on to devices that are there now, stored nowhere, repeated never.

A device that receives one says so to the server, which tells the sender: a receipt. Not every SDK does that.

Source: protocol reference, 6.9.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from openmimc.client.errors import MessageRefused
from openmimc.client.messages import OnlineMessage, OnlineReceipt
from openmimc.client.reading import Reader
from openmimc.wire.events import DeliverOnline, OnlineAck

RECEIVED = 1
"""The code by which a device says that it has the message."""

RECEIVED_TEXT = "RECEIVED"

_FIRST_REFUSAL = 400
"""Codes from here on are the server's own; devices have small ones."""

_log = logging.getLogger("openmimc.client")


class OnlineReceipts:
    """Online messages of this user whose sender waits for a receipt."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[OnlineReceipt]] = {}

    def expect(self, packet_id: str) -> asyncio.Future[OnlineReceipt]:
        """Wait for a message's receipt; the future yields it, or raises the server's refusal.

        Raises:
            ValueError: somebody waits for a receipt of this packet id already.
        """
        if packet_id in self._waiting:
            raise ValueError(f"packet id {packet_id!r} is still being sent")
        receipt = self._waiting[packet_id] = asyncio.get_running_loop().create_future()
        return receipt

    def settle(self, ack: OnlineAck) -> None:
        """Hand a receipt to whoever waits for it; of several devices' receipts the first counts."""
        receipt = self._waiting.pop(ack.packet_id, None)
        if receipt is None or receipt.done():
            if ack.code >= _FIRST_REFUSAL:
                _log.warning("online message %s was refused: %d %s", ack.packet_id, ack.code, ack.text)
        elif ack.code >= _FIRST_REFUSAL:
            receipt.set_exception(MessageRefused(ack.packet_id, ack.code, ack.text))
        else:
            receipt.set_result(OnlineReceipt(ack.packet_id, ack.code, ack.text))

    def drop(self, packet_id: str) -> None:
        """Stop waiting."""
        self._waiting.pop(packet_id, None)

    def fail_all(self, error: Exception) -> None:
        """End every wait with an error: there will be no connection any more."""
        waiting, self._waiting = self._waiting, {}
        for receipt in waiting.values():
            if not receipt.done():
                receipt.set_exception(error)


class OnlineInbox(Reader[OnlineMessage]):
    """Online messages on their way to the handler. Those beyond the bound are dropped: nobody gets a receipt.

    Args:
        max_messages: Bound of the queue.
        acknowledge: Called when the app is done with a message; may be lost.
    """

    def __init__(self, *, max_messages: int, acknowledge: Callable[[OnlineAck], None]) -> None:
        super().__init__()
        self._max_messages = max_messages
        self._acknowledge = acknowledge
        self._waiting: deque[DeliverOnline] = deque()
        self._current: DeliverOnline | None = None

    def add(self, delivered: DeliverOnline) -> None:
        """Queue a message."""
        if self._is_closed:
            return
        if len(self._waiting) >= self._max_messages:
            _log.warning("online message %s dropped: too many are waiting", delivered.packet_id)
            return
        self._waiting.append(delivered)
        self._wake()

    def drop_current(self) -> None:
        """Let go of the message that was handed over last: its sender gets no receipt."""
        self._current = None

    def _forget_queued(self) -> None:
        self._waiting.clear()

    async def _next(self) -> OnlineMessage:
        done, self._current = self._current, None
        if done is not None:
            self._acknowledge(
                OnlineAck(done.packet_id, done.from_user_id, done.from_resource, RECEIVED, RECEIVED_TEXT)
            )
        while True:
            self._check_open()
            if self._waiting:
                self._current = self._waiting.popleft()
                return OnlineMessage.from_wire(self._current)
            await self._wait()
