"""What this node remembers of messages on their way, for people who ask where one is.

Written with every message, read hardly ever: a note is a small tuple at the end of a bounded row, and a lookup
goes through the rows.
"""

from __future__ import annotations

from collections import deque

from openmimc.domain.ports import Clock
from openmimc.model.callback import CallbackEvent
from openmimc.model.ids import Sequence, UserId
from openmimc.model.insight import CallbackAttempt
from openmimc.model.message import Message

REMEMBERED = 50_000
"""Commits, messages written to devices, acknowledgements, attempts at callbacks: so many of each.

The first three take about 17 MiB when they are full, the last as much again.
"""

_Note = tuple[Sequence, UserId, str, int]
"""Sequence, user, resource, UTC epoch milliseconds."""

_Times = dict[tuple[UserId, str], tuple[int | None, int | None]]


class Trace:
    """``domain.ports.Traces`` of one node. All of it belongs to the loop's thread."""

    def __init__(self, clock: Clock, *, remembered: int = REMEMBERED) -> None:
        self._clock = clock
        self._commits: deque[tuple[Sequence, int]] = deque(maxlen=remembered)
        self._pushes: deque[_Note] = deque(maxlen=remembered)
        self._acknowledgements: deque[_Note] = deque(maxlen=remembered)
        self._attempts: deque[tuple[Sequence, CallbackAttempt]] = deque(maxlen=remembered)
        self._looked_up: tuple[object, _Times] | None = None

    # ------------------------------------------------------------------ notes

    def on_commit(self, sequence: Sequence) -> None:
        """A message is on disk."""
        self._commits.append((sequence, self._clock.now_ms()))

    def on_push(self, user_id: UserId, resource: str, messages: list[Message]) -> None:
        """Messages were written to a device's connection."""
        now_ms = self._clock.now_ms()
        for message in messages:
            self._pushes.append((message.sequence, user_id, resource, now_ms))

    def on_acknowledged(self, user_id: UserId, resource: str, upto: Sequence) -> None:
        """A device has everything it was sent, up to a sequence."""
        self._acknowledgements.append((upto, user_id, resource, self._clock.now_ms()))

    def on_attempt(self, event: CallbackEvent, error: str | None) -> None:
        """A callback was delivered (None), or not."""
        attempt = CallbackAttempt(event.kind, self._clock.now_ms(), error is None, error or "")
        self._attempts.append((event.message.sequence, attempt))

    # ------------------------------------------------------------------ lookups

    def committed_ms(self, sequence: Sequence) -> int | None:
        """See ``Traces.committed_ms``."""
        return next((at_ms for noted, at_ms in reversed(self._commits) if noted == sequence), None)

    def steps_of(self, sequence: Sequence, user_id: UserId) -> dict[str, tuple[int | None, int | None]]:
        """See ``Traces.steps_of``."""
        return {
            resource: times
            for (other_id, resource), times in self._times_of(sequence).items()
            if other_id == user_id
        }

    def attempts_of(self, sequence: Sequence) -> tuple[CallbackAttempt, ...]:
        """See ``Traces.attempts_of``."""
        return tuple(attempt for noted, attempt in self._attempts if noted == sequence)

    def _times_of(self, sequence: Sequence) -> _Times:
        """All users' steps; gone through once, though a message to a topic is asked after for each member."""
        state = (sequence, _last(self._pushes), _last(self._acknowledgements))
        if self._looked_up is None or self._looked_up[0] != state:
            self._looked_up = (state, self._go_through(sequence))
        return self._looked_up[1]

    def _go_through(self, sequence: Sequence) -> _Times:
        first_ms: dict[tuple[UserId, str], int] = {}
        times: _Times = {}
        for noted, user_id, resource, at_ms in self._pushes:
            if noted == sequence:
                first_ms.setdefault((user_id, resource), at_ms)
                times[user_id, resource] = (at_ms, None)
        for upto, user_id, resource, at_ms in self._acknowledgements:
            device = (user_id, resource)
            # The first that covers it, after it was first written: a device may have been sent it once more.
            if upto >= sequence and at_ms >= first_ms.get(device, at_ms + 1) and times[device][1] is None:
                times[device] = (times[device][0], at_ms)
        return times


def _last(notes: deque[_Note]) -> _Note | None:
    return notes[-1] if notes else None
