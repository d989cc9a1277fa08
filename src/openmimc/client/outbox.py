"""What was sent and not yet answered, in the order of sending.

A message stays here across connections until its receipt comes, so that the next connection can send it again
under the same packet id; the server stores a repeated packet id once. So does a request about an unlimited
group: joining or quitting twice is the same as once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from openmimc.client.errors import MessageRefused
from openmimc.client.messages import SendReceipt
from openmimc.wire.events import AskGroup, GroupAnswer, PacketAck, SendGroup, SendP2P, SendP2T

Outgoing = SendP2P | SendP2T | SendGroup


class _SentMessage:
    __slots__ = ("answer", "packet")

    def __init__(self, packet: Outgoing) -> None:
        self.packet = packet
        self.answer: asyncio.Future[SendReceipt] = asyncio.get_running_loop().create_future()


class _SentRequest:
    __slots__ = ("answer", "packet")

    def __init__(self, packet: AskGroup) -> None:
        self.packet = packet
        self.answer: asyncio.Future[GroupAnswer] = asyncio.get_running_loop().create_future()


class Outbox:
    """Unanswered messages and requests of one user."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[str, _SentMessage | _SentRequest] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Outgoing | AskGroup]:
        """What has no answer, oldest first: what a new connection has to send again."""
        for waiting in self._waiting.values():
            yield waiting.packet

    def add(self, message: Outgoing) -> asyncio.Future[SendReceipt]:
        """Take a message in; the future yields its receipt or raises its refusal.

        Raises:
            ValueError: a message of the same packet id is still waiting, so their receipts could not be
                told apart.
        """
        self._check_is_new(message.packet_id)
        waiting = self._waiting[message.packet_id] = _SentMessage(message)
        return waiting.answer

    def ask(self, request: AskGroup) -> asyncio.Future[GroupAnswer]:
        """Take a request in; the future yields its answer, refusals included.

        Raises:
            ValueError: as for ``add``.
        """
        self._check_is_new(request.packet_id)
        waiting = self._waiting[request.packet_id] = _SentRequest(request)
        return waiting.answer

    def _check_is_new(self, packet_id: str) -> None:
        if packet_id in self._waiting:
            raise ValueError(f"packet id {packet_id!r} is still being sent")

    def settle(self, ack: PacketAck) -> None:
        """Hand a message's answer to whoever waits for it. What nobody waits for is a repeat, and harmless."""
        waiting = self._waiting.get(ack.packet_id)
        if not isinstance(waiting, _SentMessage):
            return
        del self._waiting[ack.packet_id]
        if waiting.answer.done():
            return
        if ack.code or not ack.sequence:
            waiting.answer.set_exception(MessageRefused(ack.packet_id, ack.code, ack.error_message))
        else:
            waiting.answer.set_result(SendReceipt(ack.packet_id, ack.sequence, ack.timestamp_ms, ack.index))

    def settle_request(self, answer: GroupAnswer) -> None:
        """Hand a request's answer to whoever waits for it; as ``settle``."""
        waiting = self._waiting.get(answer.packet_id)
        if not isinstance(waiting, _SentRequest):
            return
        del self._waiting[answer.packet_id]
        if not waiting.answer.done():
            waiting.answer.set_result(answer)

    def drop(self, packet_id: str, answer: asyncio.Future[SendReceipt] | asyncio.Future[GroupAnswer]) -> None:
        """Stop waiting for this answer, and do not send what it answers again."""
        waiting = self._waiting.get(packet_id)
        if waiting is not None and waiting.answer is answer:
            del self._waiting[packet_id]

    def fail_all(self, error: Exception) -> None:
        """End every wait with an error: there will be no connection any more."""
        waiting, self._waiting = self._waiting, {}
        for sent in waiting.values():
            if not sent.answer.done():
                sent.answer.set_exception(error)
