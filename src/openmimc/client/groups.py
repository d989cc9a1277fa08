"""Unlimited groups: which ones this device takes part in, and their messages on the way to the app.

Theory of operation. Each group has a log of its own, so each is acknowledged on its own: when the app is done
with the last message of a list, the server is told that everything of this group up to there is done with.
What is not acknowledged when the connection ends comes again after the next login, as far as the server keeps
to it (the newest 100 messages of a group, 10 minutes old at most); repeats are filtered out by sequence.

On a living connection the server sends nothing twice and cannot be asked to. So a message whose handler fails
stays here and is handed over again, and when more waits than the queue may hold, the oldest are let go: they
are in the group's history if anywhere.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator

from openmimc.client.dedupe import SeenSequences
from openmimc.client.messages import GroupMessage
from openmimc.client.reading import Reader
from openmimc.wire.events import DeliveredGroup

REMEMBERED_SEQUENCES = 1000
"""Of each group. The server repeats the newest 100 at most."""

_log = logging.getLogger("openmimc.client")


class KnownGroups:
    """The unlimited groups that this device knows to be in, with what it has had of each; outlives sessions."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[int, SeenSequences] = {}

    def __iter__(self) -> Iterator[int]:
        return iter(self._seen)

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, group_id: int) -> None:
        """Note that this user is in a group."""
        if group_id not in self._seen:
            self._seen[group_id] = SeenSequences(limit=REMEMBERED_SEQUENCES)

    def discard(self, group_id: int) -> None:
        """Note that this user is not in a group any more."""
        self._seen.pop(group_id, None)

    def see(self, group_id: int, sequence: int) -> bool:
        """Remember a message, by which this user is in the group; False if it was known."""
        self.add(group_id)
        return self._seen[group_id].add(sequence)

    def forget(self, group_id: int, sequence: int) -> None:
        """Let a message be new again: it was not handled and is to come once more."""
        if group_id in self._seen:
            self._seen[group_id].forget(sequence)


class _Arrived:
    """One message, or a list's end of which all messages were seen; and what acknowledges the list with it."""

    __slots__ = ("acknowledges", "group_id", "message")

    def __init__(self, group_id: int, message: GroupMessage | None, acknowledges: int) -> None:
        self.group_id = group_id
        self.message = message
        self.acknowledges = acknowledges


class GroupInbox(Reader[GroupMessage]):
    """The queue between the connection and the app, for unlimited groups. One task at a time may read from it.

    Args:
        known: Remembers what was queued or handed over; outlives this inbox.
        max_messages: Bound of the queue.
        acknowledge: Called with a group's id and a list's ``max_sequence``; may lose it.
    """

    def __init__(
        self, known: KnownGroups, *, max_messages: int, acknowledge: Callable[[int, int], None]
    ) -> None:
        super().__init__()
        self._known = known
        self._max_messages = max_messages
        self._acknowledge = acknowledge
        self._waiting: deque[_Arrived] = deque()
        self._current: _Arrived | None = None
        self._is_dropping = False

    def add(self, delivered: DeliveredGroup) -> None:
        """Queue a list, without what was seen before."""
        if self._is_closed:
            return
        group_id = delivered.group_id
        new = [
            _Arrived(group_id, GroupMessage.from_wire(group_id, item), 0)
            for item in delivered.messages
            if self._known.see(group_id, item.sequence)
        ] or [_Arrived(group_id, None, 0)]
        new[-1].acknowledges = delivered.max_sequence
        self._waiting.extend(new)
        if len(self._waiting) > self._max_messages:
            self._drop_oldest()
        self._wake()

    def _drop_oldest(self) -> None:
        if not self._is_dropping:
            self._is_dropping = True
            _log.warning("messages of unlimited groups come faster than they are taken; the oldest are dropped")
        while len(self._waiting) > self._max_messages:
            self._waiting.popleft()

    def retry_current(self) -> None:
        """Take the message that was handed over last as not handled: it is the next one again."""
        if self._current is not None:
            self._waiting.appendleft(self._current)
            self._current = None

    def _forget_queued(self) -> None:
        for arrived in self._waiting:
            if arrived.message is not None:
                self._known.forget(arrived.group_id, arrived.message.sequence)
        self._waiting.clear()

    async def _next(self) -> GroupMessage:
        done, self._current = self._current, None
        while True:
            if done is not None and done.acknowledges:
                self._acknowledge(done.group_id, done.acknowledges)
            self._check_open()
            if not self._waiting:
                self._is_dropping = False
                done = None
                await self._wait()
                continue
            done = self._waiting.popleft()
            if done.message is not None:
                self._current = done
                return done.message
