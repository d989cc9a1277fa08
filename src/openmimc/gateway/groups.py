r"""Unlimited groups on this node: which bound devices are in which, and the way of messages to them.

Theory of operation. A device that logs in is asked for in the store: which groups, and how far it is in each.
In a group it is first *catching up*, while what it missed is read, then *live*:

    log in --> entering --> catching up (newest 100 messages of 10 minutes) --> live --> log out
                        \-> live, if it missed nothing
    join -------------------> live

What is committed while a device catches up is held for it, so that everything comes in order and once. For live
devices the messages of a turn of the loop are packed into one list for all, and handed out to a slice of the
devices per turn, so that a large group does not make others wait. A live device has a floor: a list may begin
with messages from before it joined or caught up; those it is not sent.

A list is the same for all devices, except for those that sent something in it, and for C# ones, which take one
message at a time.

Source: protocol reference, 7 and 10.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import structlog

from openmimc.domain.delivery import ListLimits, weight_of
from openmimc.errors import Unavailable
from openmimc.gateway.sdk import Sdk
from openmimc.model.group import GroupChange, GroupChangeKind, GroupPlace
from openmimc.model.ids import Sequence as MessageSequence
from openmimc.model.ids import TopicId, UserId
from openmimc.model.message import Message
from openmimc.wire.codec import serialize_group_message
from openmimc.wire.events import DeliverGroup, GroupDismissed
from openmimc.wire.group_messages import serialize_group_list

if TYPE_CHECKING:
    from openmimc.gateway.gateway import Gateway
    from openmimc.gateway.session import Binding, Session

log = structlog.get_logger(__name__)

MISSED_MAX_MESSAGES = 100
MISSED_MAX_AGE_MS = 600_000
"""What a device that comes back is sent of what it missed. Source: protocol reference, 10 (UC redelivery)."""

MISSED_MAX_BYTES = 512 * 1024
"""Likewise, in payload: half of what a connection may leave unread before it is cut off."""

DEVICES_PER_TURN = 128
"""Devices that are sent to in one turn of the loop: some milliseconds of work."""

RETRY_AFTER_S = 1.0

_NONE = MessageSequence(0)
DeviceKey = tuple[UserId, str]


class Room:
    """One group on this node.

    Attributes:
        live: Devices that are sent what is committed, each with its floor: only greater sequences are for it.
        catching: Devices that are catching up, each with what was committed meanwhile.
        users: How many devices each user has in here.
        waiting: Messages that are not yet handed out.
        newest: Sequence of the newest message seen here.
        is_busy: Whether handing out is under way or about to begin.
        is_dismissed: Whether the group is gone and the devices have to be told, after the messages.
    """

    __slots__ = ("catching", "group_id", "is_busy", "is_dismissed", "live", "newest", "users", "waiting")

    def __init__(self, group_id: TopicId) -> None:
        self.group_id = group_id
        self.live: dict[Session, MessageSequence] = {}
        self.catching: dict[Session, deque[Message]] = {}
        self.users: dict[UserId, int] = {}
        self.waiting: deque[Message] = deque()
        self.newest = _NONE
        self.is_busy = False
        self.is_dismissed = False

    def holds(self, session: Session) -> bool:
        """Whether the session is in here."""
        return session in self.live or session in self.catching


class Rooms:
    """All groups of this node."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._rooms: dict[TopicId, Room] = {}
        self._of_session: dict[Session, set[TopicId]] = {}
        # Sessions whose groups are being read, with the changes of their users' memberships since.
        self._entering: dict[Session, list[GroupChange]] = {}
        self._offers = 0

    def count_online(self, group_id: TopicId) -> int:
        """How many members have a device bound on this node."""
        room = self._rooms.get(group_id)
        return len(room.users) if room else 0

    # ------------------------------------------------------------------ devices

    def enter(self, session: Session) -> None:
        """A device has logged in: put it into its user's groups, soon."""
        binding = session.binding
        if binding is None:
            raise AssertionError("only bound sessions enter")
        self._entering[session] = []
        self._gateway.spawn(self._enter(session, binding))

    def leave(self, session: Session, user_id: UserId) -> None:
        """A user's device has logged out, or its connection has ended."""
        self._entering.pop(session, None)
        for group_id in self._of_session.pop(session, ()):
            self._take_out(self._rooms[group_id], session, user_id)

    def acknowledge(self, session: Session, group_id: TopicId, sequence: int) -> None:
        """A device has everything of a group up to ``sequence``, or so it says."""
        binding = session.binding
        room = self._rooms.get(group_id)
        if binding is None or room is None or not room.holds(session):
            return
        newest = max(room.newest, room.live.get(session, _NONE))
        if sequence > 0:
            known = MessageSequence(min(sequence, newest))
            sender = binding.sender
            self._gateway.group_cursors.note(group_id, sender.user_id, sender.resource, known)

    async def _enter(self, session: Session, binding: Binding) -> None:
        sender = binding.sender
        offers = self._offers
        try:
            places = await self._gateway.store.group_places(sender.user_id, sender.resource)
        except Unavailable as exc:
            log.warning("group_places_unreadable", user_id=sender.user_id, reason=str(exc))
            self._gateway.call_later(RETRY_AFTER_S, partial(self._enter_again, session, binding))
            return
        if session.binding is not binding:
            return
        was_quiet = offers == self._offers
        changes = self._entering.pop(session, [])
        for place in places:
            self._place(session, binding, place, was_quiet=was_quiet)
        # The store may or may not have seen these when it was read.
        for change in changes:
            if change.kind is not GroupChangeKind.JOINED:
                self._put_out(session, sender.user_id, change)
            elif change.group_id not in self._of_session.get(session, ()):
                place = GroupPlace(change.group_id, change.sequence, change.sequence, change.sequence)
                self._place(session, binding, place, was_quiet=was_quiet)

    def _enter_again(self, session: Session, binding: Binding) -> None:
        if session.binding is binding:
            self.enter(session)

    def _place(self, session: Session, binding: Binding, place: GroupPlace, *, was_quiet: bool) -> None:
        """Put a device into a group it is in by the store: live if it missed nothing, else catching up."""
        sender = binding.sender
        cursor = self._gateway.group_cursors.newest(place, sender.user_id, sender.resource)
        # A device that has acknowledged nothing gets what was said since its user came: it may have been here,
        # and lost its connection, or the server, before its first acknowledgement.
        after = MessageSequence(max(cursor or _NONE, place.joined))
        if was_quiet and after >= place.last:
            self._go_live(session, place.group_id, after)
        else:
            room = self._add(session, place.group_id)
            room.catching[session] = deque(maxlen=MISSED_MAX_MESSAGES)
            self._gateway.spawn(self._catch_up(session, binding, room, after))

    async def _catch_up(self, session: Session, binding: Binding, room: Room, after: MessageSequence) -> None:
        try:
            missed = await self._gateway.store.read_group(
                room.group_id,
                after=after,
                not_before_ms=self._gateway.clock.now_ms() - MISSED_MAX_AGE_MS,
                limit=MISSED_MAX_MESSAGES,
                max_bytes=MISSED_MAX_BYTES,
            )
        except Unavailable as exc:
            log.warning("group_unreadable", group_id=room.group_id, reason=str(exc))
            again = partial(self._catch_up_again, session, binding, room, after)
            self._gateway.call_later(RETRY_AFTER_S, again)
            return
        # Gone meanwhile, or logged in anew on the same connection, and then catching up by itself.
        if session.binding is not binding or (held := room.catching.pop(session, None)) is None:
            return
        floor = missed[-1].sequence if missed else after
        missed += tuple(message for message in held if message.sequence > floor)
        missed = missed[-MISSED_MAX_MESSAGES:]
        if missed:
            floor = missed[-1].sequence
        room.live[session] = floor
        for part in _lists_of(missed, self._gateway.limits.lists):
            self._send(session, part, _Lists(room.group_id, part))

    def _catch_up_again(self, session: Session, binding: Binding, room: Room, after: MessageSequence) -> None:
        if session.binding is binding and session in room.catching:
            self._gateway.spawn(self._catch_up(session, binding, room, after))

    def _go_live(self, session: Session, group_id: TopicId, floor: MessageSequence) -> None:
        room = self._add(session, group_id)
        room.live[session] = floor

    def _add(self, session: Session, group_id: TopicId) -> Room:
        room = self._rooms.get(group_id)
        if room is None:
            room = self._rooms[group_id] = Room(group_id)
            self._gateway.stats.groups += 1
        groups = self._of_session.setdefault(session, set())
        if group_id not in groups:
            groups.add(group_id)
            user_id = _user_of(session)
            room.users[user_id] = room.users.get(user_id, 0) + 1
        return room

    def _take_out(self, room: Room, session: Session, user_id: UserId) -> None:
        """Forget a session that ``_of_session`` knows in this room no more."""
        room.live.pop(session, None)
        room.catching.pop(session, None)
        left = room.users[user_id] - 1
        if left:
            room.users[user_id] = left
        else:
            del room.users[user_id]
        if not room.users and not room.is_busy:
            self._close(room)

    def _close(self, room: Room) -> None:
        del self._rooms[room.group_id]
        self._gateway.stats.groups -= 1

    # ------------------------------------------------------------------ changes

    def on_change(self, change: GroupChange) -> None:
        """Take notice of who came or went, in one order with ``on_message``."""
        if change.kind is GroupChangeKind.DISMISSED:
            for changes in self._entering.values():
                changes.append(change)
            self._dismiss(change.group_id)
            return
        if change.kind is GroupChangeKind.LEFT:
            self._gateway.group_cursors.forget(change.group_id, change.user_id)
        for session in self._gateway.hub.sessions_of(change.user_id):
            if session in self._entering:
                self._entering[session].append(change)
            elif change.kind is GroupChangeKind.LEFT:
                self._put_out(session, change.user_id, change)
            elif change.group_id not in self._of_session.get(session, ()):
                self._go_live(session, change.group_id, change.sequence)

    def _dismiss(self, group_id: TopicId) -> None:
        room = self._rooms.get(group_id)
        if room is not None:
            room.is_dismissed = True
            self._hand_out_soon(room)

    def _put_out(self, session: Session, user_id: UserId, change: GroupChange) -> None:
        """Take a device out of a group that its user has left, or that is no more."""
        groups = self._of_session.get(session, set())
        if change.group_id not in groups:
            return
        groups.discard(change.group_id)
        self._take_out(self._rooms[change.group_id], session, user_id)
        if change.kind is GroupChangeKind.DISMISSED:
            self._tell_dismissed(session, change.group_id)

    def _tell_dismissed(self, session: Session, group_id: TopicId) -> None:
        if session.binding is not None:
            session.send(GroupDismissed(session.binding.sender.app_id, group_id))

    # ------------------------------------------------------------------ messages

    def on_message(self, message: Message) -> None:
        """Take notice of a message in a group's log; they come in the order of their commits."""
        self._offers += 1
        room = self._rooms.get(message.topic_id)
        if room is None:
            return
        room.newest = message.sequence
        for held in room.catching.values():
            held.append(message)
        if room.live:
            room.waiting.append(message)
            self._hand_out_soon(room)

    def _hand_out_soon(self, room: Room) -> None:
        if not room.is_busy:
            room.is_busy = True
            # At the end of the turn: what else is committed in it goes along.
            self._gateway.call_soon(partial(self._hand_out, room))

    def _hand_out(self, room: Room) -> None:
        """Begin with the next list, or with telling that the group is gone, or come to rest."""
        if room.waiting:
            part = _take_list(room.waiting, self._gateway.limits.lists)
            lists = _Lists(room.group_id, part)
            self._in_slices(room, tuple(room.live), partial(self._send_to_live, room, part, lists))
        elif room.is_dismissed:
            room.is_dismissed = False
            self._in_slices(room, (*room.live, *room.catching), partial(self._dismiss_one, room))
        else:
            room.is_busy = False
            if not room.users:
                self._close(room)

    def _in_slices(
        self, room: Room, sessions: tuple[Session, ...], act: Callable[[Session], None], start: int = 0
    ) -> None:
        """Do something for each of these sessions, some per turn of the loop, then go on."""
        stop = start + DEVICES_PER_TURN
        for session in sessions[start:stop]:
            try:
                act(session)
            except Exception:
                # One client's defect must not keep the message from the others.
                log.exception("group_delivery_failed", group_id=room.group_id, peer=session.link.peer)
                session.close()
        if stop < len(sessions):
            self._gateway.call_soon(partial(self._in_slices, room, sessions, act, stop))
        else:
            self._gateway.call_soon(partial(self._hand_out, room))

    def _send_to_live(self, room: Room, part: list[Message], lists: _Lists, session: Session) -> None:
        floor = room.live.get(session)
        if floor is None:
            return  # Has left since the list was begun.
        if floor >= part[0].sequence:
            part = [message for message in part if message.sequence > floor]
            lists = _Lists(room.group_id, part)
        if part:
            self._send(session, part, lists)

    def _send(self, session: Session, part: Sequence[Message], lists: _Lists) -> None:
        device = (_user_of(session), session.resource)
        if device in lists.senders:
            part = [message for message in part if device_of(message) != device]
            if not part:
                return
            lists = _Lists(lists.group_id, part)
        self._gateway.stats.messages_out += len(part)
        if session.sdk is Sdk.CSHARP:
            for list_bytes in lists.singles():
                session.send(DeliverGroup(list_bytes))
        else:
            session.send(DeliverGroup(lists.whole()))

    def _dismiss_one(self, room: Room, session: Session) -> None:
        groups = self._of_session.get(session, set())
        if room.group_id in groups:
            groups.discard(room.group_id)
            self._take_out(room, session, _user_of(session))
            self._tell_dismissed(session, room.group_id)


class _Lists:
    """The bytes of one list, made when they are first asked for, and who sent what is in it."""

    __slots__ = ("_messages", "_singles", "_whole", "group_id", "senders")

    def __init__(self, group_id: TopicId, messages: Sequence[Message]) -> None:
        self.group_id = group_id
        self._messages = messages
        self._whole: bytes | None = None
        self._singles: list[bytes] | None = None
        self.senders = frozenset(device_of(message) for message in messages)

    def whole(self) -> bytes:
        """All messages in one list."""
        if self._whole is None:
            self._whole = self._serialize(self._messages)
        return self._whole

    def singles(self) -> list[bytes]:
        """A list for each message."""
        if self._singles is None:
            self._singles = [self._serialize((message,)) for message in self._messages]
        return self._singles

    def _serialize(self, messages: Sequence[Message]) -> bytes:
        return serialize_group_list(
            self.group_id,
            messages[0].sender.app_id,
            messages[-1].sequence,
            [serialize_group_message(message) for message in messages],
        )


def _user_of(session: Session) -> UserId:
    if session.binding is None:
        raise AssertionError("a session leaves its groups when its user is forgotten")
    return session.binding.sender.user_id


def device_of(message: Message) -> DeviceKey:
    """The device that sent a message."""
    return message.sender.user_id, message.sender.resource


def _take_list(waiting: deque[Message], limits: ListLimits) -> list[Message]:
    """Take the first of these that make one list; at least one."""
    part: list[Message] = []
    size = 0
    while waiting and len(part) < limits.max_messages:
        size += weight_of(waiting[0])
        if part and size > limits.max_bytes:
            break
        part.append(waiting.popleft())
    return part


def _lists_of(messages: Iterable[Message], limits: ListLimits) -> Iterable[list[Message]]:
    waiting = deque(messages)
    while waiting:
        yield _take_list(waiting, limits)
