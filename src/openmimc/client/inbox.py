"""Received messages on their way to the app, and when the server may forget them.

Theory of operation. The server sends lists; acknowledging a list's ``max_sequence`` tells it that everything
up to there is done with on this device. So a list is acknowledged when the app is done with its last message:
when it asks for the next one, or when its handler returns. Whatever happens before that (a crash, a lost
connection, a handler that fails), the server sends the list again, and nothing is lost. Repeats of what the
app has had are filtered out by sequence, so within one process each message is handed over once.

A list may be empty and say that too many messages wait to be sent (a gap). It has its turn like any other. If
the app does not want it acknowledged, it is forgotten with all that waits behind it, because acknowledging that
would acknowledge the gap as well; the server tells of it again.

A list whose messages were all seen is kept as well, empty: its acknowledgement waits for its turn, because
those messages may still lie in the queue.

When the queue is full, further lists are dropped without acknowledgement, and all lists after them, to keep
the order; when the app has caught up, a pull brings them again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

from openmimc.client.dedupe import SeenSequences
from openmimc.client.messages import Message
from openmimc.client.reading import Reader
from openmimc.wire.events import Delivered


class _List:
    """One list of the server: its messages that are still to be handed over, and what acknowledges it."""

    __slots__ = ("gap", "max_sequence", "messages")

    def __init__(self, max_sequence: int, messages: deque[Message], gap: tuple[int, int] | None) -> None:
        self.max_sequence = max_sequence
        self.messages = messages
        self.gap = gap


class Inbox(Reader[Message]):
    """The queue between the connection and the app. One task at a time may read from it.

    Args:
        seen: Remembers what was queued or handed over; outlives this inbox.
        max_messages: Bound of the queue. A single list may pass it when nothing else waits.
        acknowledge: Called with a list's ``max_sequence``; may lose it, then the list comes again.
        pull: Asks the server for what lies beyond the last acknowledgement; may be lost as well.
        on_gap: Awaited with the first and last sequence of messages that the server did not send because they
            are too many. They are in its history. Their acknowledgement follows unless it returns False.
    """

    def __init__(
        self,
        seen: SeenSequences,
        *,
        max_messages: int,
        acknowledge: Callable[[int], None],
        pull: Callable[[], None],
        on_gap: Callable[[int, int], Awaitable[bool]],
    ) -> None:
        super().__init__()
        self._seen = seen
        self._max_messages = max_messages
        self._acknowledge = acknowledge
        self._pull = pull
        self._on_gap = on_gap
        self._lists: deque[_List] = deque()
        self._queued = 0
        self._has_dropped = False
        self._current: Message | None = None

    def add(self, delivered: Delivered) -> None:
        """Queue a list, without what was seen before."""
        if self._is_closed:
            return
        if self._has_dropped or (self._lists and self._queued + len(delivered.messages) > self._max_messages):
            self._has_dropped = True
            return
        gap = (delivered.min_sequence, delivered.max_sequence) if delivered.is_overflow else None
        if gap is not None and any(queued.gap == gap for queued in self._lists):
            return  # A repeat, while the app is still reading history.
        new = deque(Message.from_wire(item) for item in delivered.messages if self._seen.add(item.sequence))
        if not new and gap is None and self._lists:
            # The newest list is the one the server waits for, and covers those before it.
            self._lists[-1].max_sequence = delivered.max_sequence
        else:
            self._lists.append(_List(delivered.max_sequence, new, gap))
            self._queued += len(new)
        self._wake()

    def reconnected(self) -> None:
        """Note a new login: the server begins again behind the last acknowledgement, unasked."""
        self._has_dropped = False

    def retry_current(self) -> None:
        """Take the message that was handed over last as not handled: it, and all after it, is to come again.

        The caller has to pull, after a pause.
        """
        if self._current is not None:
            self._seen.forget(self._current.sequence)
            self._current = None
        self._forget_queued()

    def _forget_queued(self) -> None:
        for queued in self._lists:
            for message in queued.messages:
                self._seen.forget(message.sequence)
        self._lists.clear()
        self._queued = 0
        self._has_dropped = False

    async def _next(self) -> Message:
        self._current = None
        while True:
            self._check_open()
            if not self._lists:
                if self._has_dropped:
                    self._has_dropped = False
                    self._pull()
                await self._wait()
                continue
            first = self._lists[0]
            if first.messages:
                self._queued -= 1
                self._current = first.messages.popleft()
                return self._current
            if first.gap is not None:
                may_acknowledge = await self._on_gap(*first.gap)
                first.gap = None
                if not may_acknowledge and self._lists and self._lists[0] is first:
                    self._forget_queued()
                continue  # The list may be gone: the wait was long enough for anything to happen.
            self._lists.popleft()
            self._acknowledge(first.max_sequence)
