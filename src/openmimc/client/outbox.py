"""Messages that were sent and not yet acknowledged, in the order of sending.

A message stays here across connections until its receipt comes, so that the next connection can send it again
under the same packet id; the server stores a repeated packet id once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from openmimc.client.errors import MessageRefused
from openmimc.client.messages import SendReceipt
from openmimc.wire.events import PacketAck, SendP2P, SendP2T

Outgoing = SendP2P | SendP2T


class Outbox:
    """Unacknowledged sends of one user."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Outgoing, asyncio.Future[SendReceipt]]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Outgoing]:
        """The messages without a receipt, oldest first: what a new connection has to send again."""
        for message, _ in self._waiting.values():
            yield message

    def add(self, message: Outgoing) -> asyncio.Future[SendReceipt]:
        """Take a message in; the future yields its receipt or raises its refusal.

        Raises:
            ValueError: a message of the same packet id is still waiting, so their receipts could not be
                told apart.
        """
        if message.packet_id in self._waiting:
            raise ValueError(f"packet id {message.packet_id!r} is still being sent")
        receipt: asyncio.Future[SendReceipt] = asyncio.get_running_loop().create_future()
        self._waiting[message.packet_id] = message, receipt
        return receipt

    def settle(self, ack: PacketAck) -> None:
        """Hand an answer to whoever waits for it. One that nobody waits for is a repeat, and harmless."""
        waiting = self._waiting.pop(ack.packet_id, None)
        if waiting is None:
            return
        _, receipt = waiting
        if receipt.done():
            return
        if ack.code or not ack.sequence:
            receipt.set_exception(MessageRefused(ack.packet_id, ack.code, ack.error_message))
        else:
            receipt.set_result(SendReceipt(ack.packet_id, ack.sequence, ack.timestamp_ms))

    def drop(self, packet_id: str, receipt: asyncio.Future[SendReceipt]) -> None:
        """Stop waiting for this receipt, and do not send its message again."""
        waiting = self._waiting.get(packet_id)
        if waiting is not None and waiting[1] is receipt:
            del self._waiting[packet_id]

    def fail_all(self, error: Exception) -> None:
        """End every wait with an error: there will be no connection any more."""
        waiting, self._waiting = self._waiting, {}
        for _, receipt in waiting.values():
            if not receipt.done():
                receipt.set_exception(error)
