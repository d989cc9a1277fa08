"""Delivery: what one connection of a device is sent next.

Theory of operation. A user's inbox is a row of messages at growing positions; a device's cursor is the position
up to which it has everything. A ``Feed`` belongs to one connection of one device and sees to it that the device
gets what lies beyond its cursor: in order, in lists of bounded size, one unacknowledged list at a time.

    cursor          covers           known
      |  sent list    |   pending      |   (only in the store, while ``is_behind``)
      v               v                v
    --+---------------+----------------+--------------------------> positions

Everything up to ``known`` is acknowledged, in the sent list or pending. While the feed is not behind, nothing
lies beyond ``known``: a new message is simply appended to pending, and sent at once if no list is out. When
pending grows over its bound it is thrown away and the feed is behind: it reads the store again once the list
that is out is acknowledged. The store is the truth, so throwing away is always safe.

    event                       what happens
    start                       behind; read
    offer (committed message)   pending, unless behind
    acknowledge                 cursor moves to what the list covers; next list
    pull, 60 s without ack      forget list and pending; behind; read from the cursor
    read done                   send the page; behind stays while there is more

A device does not get what it sent itself, except what it addressed to its own user. Such messages are covered
by the list around them, or move the cursor by themselves; only the next acknowledgement writes that to disk.
After a crash they are read and passed over once more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import structlog
from msgspec import Struct

from openmimc.domain.ports import Clock, Store
from openmimc.errors import Unavailable
from openmimc.model.ids import Position, UserId
from openmimc.model.message import Delivery, Message

log = structlog.get_logger(__name__)

REDELIVER_AFTER_MS = 60_000
"""A list without acknowledgement is sent again after this time at the earliest (protocol reference, 6.4)."""

PULL_INTERVAL_MS = 1_000
"""Pulls are answered about once a second (protocol reference, 6.5)."""

PENDING_MAX_MESSAGES = 64
PENDING_MAX_BYTES = 64 * 1024
"""What one connection may hold in memory beyond the list that is out; more is read from the store later."""

RETRY_READ_AFTER_MS = 1_000

_MOST_BYTES_PER_CHARACTER = 4
_FIXED_FIELDS_BYTES = 160
"""Ids, times, the app's package name, and the tags and lengths of all fields."""


class ListLimits(Struct, frozen=True):
    """Largest list for one device.

    Attributes:
        max_bytes: Of messages as ``weight_of`` counts them; a single larger one makes a list of its own.
    """

    max_messages: int = 50
    max_bytes: int = 64 * 1024


def weight_of(message: Message) -> int:
    """About how many bytes a message takes in a list; seldom less than it really takes."""
    characters = (
        len(message.packet_id)
        + len(message.biz_type or "")
        + len(message.sender.account)
        + len(message.sender.resource)
        + len(message.to_account)
    )
    return len(message.payload) + characters * _MOST_BYTES_PER_CHARACTER + _FIXED_FIELDS_BYTES


class Feed:
    """What one connection of one device is sent.

    Args:
        cursor: The device's, from the store.
        inbox_time_ms: How old a message may be and still be delivered.
        send_list: Sends a non-empty list to the device.
        spawn: Runs a coroutine in the background until it ends.
        on_acknowledged: Told when the cursor moved by acknowledgement, with its new position.
    """

    __slots__ = (
        "_clock",
        "_covers",
        "_cursor",
        "_inbox_time_ms",
        "_is_behind",
        "_is_closed",
        "_is_reading",
        "_known",
        "_last_pull_ms",
        "_limits",
        "_on_acknowledged",
        "_pending",
        "_pending_bytes",
        "_resource",
        "_restart_after_read",
        "_retry_at_ms",
        "_send_list",
        "_sent",
        "_sent_at_ms",
        "_spawn",
        "_store",
        "_user_id",
    )

    def __init__(
        self,
        user_id: UserId,
        resource: str,
        cursor: Position,
        *,
        inbox_time_ms: int,
        limits: ListLimits,
        store: Store,
        clock: Clock,
        send_list: Callable[[list[Message]], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        on_acknowledged: Callable[[Position], None],
    ) -> None:
        self._user_id = user_id
        self._resource = resource
        self._cursor = cursor
        self._inbox_time_ms = inbox_time_ms
        self._limits = limits
        self._store = store
        self._clock = clock
        self._send_list = send_list
        self._spawn = spawn
        self._on_acknowledged = on_acknowledged
        self._sent: list[Delivery] | None = None
        self._sent_at_ms = 0
        self._covers = cursor
        self._known = cursor
        self._pending: deque[Delivery] | None = None
        self._pending_bytes = 0
        self._is_behind = True
        self._is_reading = False
        self._restart_after_read = False
        self._is_closed = False
        self._last_pull_ms = -PULL_INTERVAL_MS
        self._retry_at_ms = 0

    @property
    def cursor(self) -> Position:
        """The position up to which the device has everything, as this connection knows it."""
        return self._cursor

    def start(self) -> None:
        """Begin with what waits beyond the cursor."""
        self._go_on()

    def close(self) -> None:
        """Send nothing any more."""
        self._is_closed = True
        self._pending = None
        self._sent = None

    def offer(self, delivery: Delivery) -> None:
        """Take notice of a message that was committed to the user's inbox.

        Offers come in ascending position. Repeated and already known ones are harmless.
        """
        if delivery.position <= self._known:
            return
        if self._is_reading:
            # The read may or may not have seen it: look once more when this read is dealt with.
            self._restart_after_read = True
            return
        if self._is_behind:
            return
        if self._sent is None and not self._pending:
            self._known = delivery.position
            self._send([delivery])
            return
        pending = self._pending
        if pending is None:
            pending = self._pending = deque()
        self._pending_bytes += weight_of(delivery.message)
        if len(pending) >= PENDING_MAX_MESSAGES or self._pending_bytes > PENDING_MAX_BYTES:
            self._fall_behind(self._covers)
            return
        self._known = delivery.position
        pending.append(delivery)

    def acknowledge(self, sequence: int) -> None:
        """The device has everything up to ``sequence`` of the list that is out.

        Anything else it may claim changes nothing: the cursor moves forward only, and never past what was sent.
        """
        sent = self._sent
        if not sent:
            return
        if sequence >= sent[-1].message.sequence:
            self._move_cursor(self._covers)
            self._sent = None
            self._go_on()
            return
        remaining = [delivery for delivery in sent if delivery.message.sequence > sequence]
        if len(remaining) < len(sent):
            self._move_cursor(sent[len(sent) - len(remaining) - 1].position)
            self._sent = remaining

    def note_cursor(self, position: Position) -> None:
        """Another connection of the same device acknowledged up to ``position``."""
        if position <= self._cursor:
            return
        self._cursor = position
        if self._sent is not None and position >= self._covers:
            self._sent = None
            self._go_on()

    def pull(self) -> None:
        """The device asks for what lies beyond its cursor. Asked again within a second, it gets no answer."""
        now_ms = self._clock.now_ms()
        if 0 <= now_ms - self._last_pull_ms < PULL_INTERVAL_MS:
            return
        self._last_pull_ms = now_ms
        self._begin_again()

    def check(self) -> None:
        """Send again what was not acknowledged in time, and retry a failed read. Call this now and then."""
        now_ms = self._clock.now_ms()
        if self._sent is not None:
            if now_ms - self._sent_at_ms >= REDELIVER_AFTER_MS:
                self._begin_again()
            elif now_ms < self._sent_at_ms:  # The clock was set back: start the wait anew.
                self._sent_at_ms = now_ms
        elif self._retry_at_ms and now_ms >= self._retry_at_ms:
            self._retry_at_ms = 0
            self._go_on()

    def _begin_again(self) -> None:
        self._sent = None
        self._fall_behind(self._cursor)
        if self._is_reading:
            self._restart_after_read = True
            return
        self._go_on()

    def _fall_behind(self, known: Position) -> None:
        self._pending = None
        self._pending_bytes = 0
        self._known = self._covers = known
        self._is_behind = True

    def _go_on(self) -> None:
        if self._sent is not None or self._is_reading or self._is_closed:
            return
        if self._pending:
            self._send(self._take_pending())
        elif self._is_behind and not self._retry_at_ms:
            self._is_reading = True
            self._spawn(self._read())

    def _take_pending(self) -> list[Delivery]:
        pending = self._pending
        if pending is None:
            raise AssertionError("called with nothing pending")
        chosen = self._fitting(pending)
        for delivery in chosen:
            pending.popleft()
            self._pending_bytes -= weight_of(delivery.message)
        if not pending:
            self._pending = None
        return chosen

    def _fitting(self, deliveries: Iterable[Delivery]) -> list[Delivery]:
        """The first of these that make one list; at least one."""
        chosen: list[Delivery] = []
        size = 0
        for delivery in deliveries:
            size += weight_of(delivery.message)
            if chosen and (size > self._limits.max_bytes or len(chosen) == self._limits.max_messages):
                break
            chosen.append(delivery)
        return chosen

    async def _read(self) -> None:
        """Read the store beyond ``known`` and send what is there."""
        known = self._known
        page = None
        try:
            page = await self._store.read_inbox(
                self._user_id,
                known,
                not_before_ms=self._clock.now_ms() - self._inbox_time_ms,
                max_messages=self._limits.max_messages,
                max_bytes=self._limits.max_bytes,
            )
        except Unavailable as exc:
            log.warning("inbox_read_failed", user_id=self._user_id, reason=str(exc))
        finally:
            self._is_reading = False
            if page is None:
                self._retry_at_ms = self._clock.now_ms() + RETRY_READ_AFTER_MS
        if self._is_closed or page is None:
            return
        came_meanwhile, self._restart_after_read = self._restart_after_read, False
        if self._known != known:  # A pull moved us back while reading.
            self._go_on()
            return
        # The store counts payloads alone, so not all of its page may fit.
        chosen = self._fitting(page.deliveries)
        self._is_behind = page.has_more or came_meanwhile or len(chosen) < len(page.deliveries)
        if chosen:
            self._known = chosen[-1].position
            self._send(chosen)
        else:
            self._go_on()

    def _send(self, deliveries: Iterable[Delivery]) -> None:
        """Send what of these is for this device; cover them all."""
        wanted = []
        for delivery in deliveries:
            self._covers = delivery.position
            if not self._is_own(delivery.message):
                wanted.append(delivery)
        if wanted:
            self._sent = wanted
            self._sent_at_ms = self._clock.now_ms()
            self._send_list([delivery.message for delivery in wanted])
        else:
            self._cursor = max(self._cursor, self._covers)
            self._go_on()

    def _is_own(self, message: Message) -> bool:
        sender = message.sender
        return (
            sender.user_id == self._user_id
            and sender.resource == self._resource
            and message.to_user_id != self._user_id
        )

    def _move_cursor(self, position: Position) -> None:
        if position > self._cursor:
            self._cursor = position
            self._store.move_cursor(self._user_id, self._resource, position)
            self._on_acknowledged(position)
