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

Overflow. A device that can fetch messages itself need not be sent a great many. Each time its feed has fallen
behind, before the first page is read, the backlog is measured. If it is too long, its bounds are told instead:
that counts as the list that is out and covers the backlog to its end, so everything above holds for it. Only an
ack inside the bounds is different. WebJS and Java, told once more of a backlog with the same beginning,
acknowledge the end they were told the first time, though messages have come since. So the device has those up
to the ack; they are passed over by reading on from the cursor, for nobody knows the position of that end. What
is left then is measured anew. Ignoring such an ack would mean telling the same for ever.

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
from openmimc.model.ids import Position, Sequence, UserId
from openmimc.model.message import Backlog, Delivery, InboxPage, Message

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


class Overflow(Struct, frozen=True):
    """What is done for a device that does not want to be sent too much at once.

    Attributes:
        more_than: So many messages are still sent one by one. At least 1.
        tell: Tells the device the sequences of the first and the last message that wait.
    """

    more_than: int
    tell: Callable[[Sequence, Sequence], None]


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
        overflow: None for a device that wants everything sent.
    """

    __slots__ = (
        "_clock",
        "_covers",
        "_cursor",
        "_inbox_time_ms",
        "_is_behind",
        "_is_closed",
        "_is_reading",
        "_is_to_measure",
        "_known",
        "_last_pull_ms",
        "_limits",
        "_on_acknowledged",
        "_overflow",
        "_passing_over",
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
        overflow: Overflow | None = None,
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
        self._overflow = overflow
        self._is_to_measure = True
        self._passing_over = 0  # The device has what lies beyond the cursor up to this sequence.
        self._sent: list[Delivery] | Backlog | None = None
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
        if delivery.position <= self._known or self._is_closed:
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
        last = sent.last if isinstance(sent, Backlog) else sent[-1].message.sequence
        if sequence >= last:
            self._move_cursor(self._covers)
            self._sent = None
            self._go_on()
            return
        if isinstance(sent, Backlog):
            if sequence >= sent.first:
                self._passing_over = sequence
                self._begin_again()
            return
        remaining = [delivery for delivery in sent if delivery.message.sequence > sequence]
        if len(remaining) < len(sent):
            self._move_cursor(sent[len(sent) - len(remaining) - 1].position)
            self._sent = remaining

    def renounce_overflow(self) -> None:
        """The device does not know overflow after all: send it everything, from what it was told of on."""
        self._overflow = None
        if isinstance(self._sent, Backlog):
            self._begin_again()

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
        self._is_to_measure = True

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
        """Read the store beyond ``known`` and send what is there, or tell that it is too much."""
        known = self._known
        found = None
        try:
            found = await self._measure() or await self._store.read_inbox(
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
            if found is None:
                self._is_to_measure = True
                self._retry_at_ms = self._clock.now_ms() + RETRY_READ_AFTER_MS
        if self._is_closed or found is None:
            return
        came_meanwhile, self._restart_after_read = self._restart_after_read, False
        if self._known != known:  # A pull moved us back while reading.
            self._go_on()
        elif isinstance(found, Backlog):
            self._tell_overflow(found, came_meanwhile=came_meanwhile)
        elif self._passing_over:
            self._pass_over(found)
        else:
            self._send_page(found, came_meanwhile=came_meanwhile)

    async def _measure(self) -> Backlog | None:
        """What is beyond ``known`` if it is too much to be sent; asked once after falling behind."""
        overflow = self._overflow
        if overflow is None or not self._is_to_measure or self._passing_over:
            return None
        self._is_to_measure = False
        backlog = await self._store.measure_backlog(
            self._user_id,
            self._resource,
            self._known,
            not_before_ms=self._clock.now_ms() - self._inbox_time_ms,
            more_than=overflow.more_than,
        )
        return backlog

    def _tell_overflow(self, backlog: Backlog, *, came_meanwhile: bool) -> None:
        overflow = self._overflow
        if overflow is None:  # Renounced meanwhile.
            self._go_on()
            return
        self._is_behind = self._is_to_measure = came_meanwhile
        self._known = self._covers = backlog.position
        self._sent = backlog
        self._sent_at_ms = self._clock.now_ms()
        overflow.tell(backlog.first, backlog.last)

    def _pass_over(self, page: InboxPage) -> None:
        """Move the cursor over what the device has acknowledged without having been sent it."""
        upto = self._known
        for delivery in page.deliveries:
            if delivery.message.sequence > self._passing_over:
                break
            upto = delivery.position
        is_end = not page.has_more or not page.deliveries or upto != page.deliveries[-1].position
        if is_end:
            self._passing_over = 0
        self._known = self._covers = upto
        self._move_cursor(upto)
        self._go_on()

    def _send_page(self, page: InboxPage, *, came_meanwhile: bool) -> None:
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
