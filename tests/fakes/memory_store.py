"""A store in memory: the ports' promises in their plainest form, durability aside."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

import msgspec

from openmimc.domain.ports import AppsSnapshot, Clock, OnCommit, OnGroupChange, Presence, SweepCursor
from openmimc.errors import DomainError, ImError, Muted, NoSuchTopic, NotAMember, SenderBlocked, Unavailable
from openmimc.model.app import Account, App
from openmimc.model.callback import CallbackEvent, CallbackKind, CallbackState, EventId
from openmimc.model.contact import Contact
from openmimc.model.group import (
    Group,
    GroupChange,
    GroupChangeKind,
    GroupCursor,
    GroupMember,
    GroupPlace,
)
from openmimc.model.history import Conversation, HistoryPage
from openmimc.model.ids import SEQUENCES_PER_MS, AppId, Position, Sequence, TopicId, UserId
from openmimc.model.insight import Device, HourCount
from openmimc.model.message import Backlog, CallbackWish, Commit, Delivery, Draft, InboxPage, Kind, Message
from openmimc.model.operator import Operator, OperatorSession
from openmimc.model.topic import Member, Topic, TopicChange

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS

T = TypeVar("T")


class MemoryStore:
    """``domain.ports.Store`` without a disk, for one event loop.

    Changes take effect at the call and are told in a later turn of the loop, in order, as a real store does.
    Ids are small and predictable: users from 1001, topics from 5001, unlimited groups from
    9001.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._is_closed = False
        self._failures = 0
        self._last_sequence = 0
        self._messages: dict[Sequence, Message] = {}
        self._packets: dict[tuple[UserId, str], Message] = {}
        self._inboxes: defaultdict[UserId, list[Sequence]] = defaultdict(list)
        self._cursors: defaultdict[UserId, dict[str, Position]] = defaultdict(dict)
        self._accounts: dict[UserId, Account] = {}
        self._account_ids: dict[tuple[AppId, str], UserId] = {}
        self._user_ids = count(1001)
        self._apps: dict[AppId, App] = {}
        self._apps_version = 0
        self._topics: dict[TopicId, Topic] = {}
        self._topic_ids = count(5001)
        self._joinings: dict[tuple[TopicId, UserId], int] = {}
        self._next_joining = count(1)
        self._created_ms: dict[UserId, int] = {}
        self._blocked: set[tuple[UserId, UserId]] = set()
        self._hidden: dict[tuple[UserId, Conversation], Sequence] = {}
        self._callbacks: dict[EventId, CallbackEvent] = {}
        self._event_ids = count(1)
        self._presence: Presence | None = None
        self._groups: dict[TopicId, Group] = {}
        self._group_ids = count(9001)
        self._group_joinings: dict[tuple[TopicId, UserId], Sequence] = {}  # In the order of joining.
        self._group_mutes: dict[tuple[TopicId, UserId], int] = {}
        self._group_cursors: dict[tuple[TopicId, UserId, str], Sequence] = {}
        self._last_indexes: Counter[Conversation] = Counter()
        self._seen_ms: dict[tuple[UserId, str], int] = {}
        self._revocations: dict[int, tuple[UserId, int]] = {}
        self._last_revocation = 0
        self._counts: Counter[tuple[AppId, int, Kind]] = Counter()
        self._operators: dict[str, Operator] = {}
        self._operator_sessions: dict[bytes, OperatorSession] = {}

    def set_presence(self, presence: Presence) -> None:
        """See ``Store.set_presence``."""
        self._presence = presence

    # -------------------------------------------------------------- switches for tests

    def fail_next(self, operations: int = 1) -> None:
        """Answer the next operations, whatever they are, with ``Unavailable``; cursor moves are lost."""
        self._failures = operations

    def _is_available(self) -> bool:
        if self._failures:
            self._failures -= 1
            return False
        return not self._is_closed

    async def _turn(self) -> None:
        """Wait for the turn of the loop in which what was called before has been told."""
        told = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(told.set_result, None)
        await told

    async def _enter(self) -> None:
        if not self._is_available():
            await self._turn()
            raise Unavailable

    async def _told(self, outcome: T) -> T:
        await self._turn()
        return outcome

    def _at_once(self, change: Callable[[], None]) -> Awaitable[None]:
        """Make a change now; what it came to is told when it is awaited."""
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        outcome: ImError | None = None
        try:
            if not self._is_available():
                raise Unavailable
            change()
        except ImError as exc:
            outcome = exc

        def tell() -> None:
            if told.done():
                return  # Whoever awaited it was cancelled; the change stands.
            if outcome is None:
                told.set_result(None)
            else:
                told.set_exception(outcome)

        asyncio.get_running_loop().call_soon(tell)
        return told

    # -------------------------------------------------------------- messages

    def append(self, draft: Draft, on_commit: OnCommit) -> None:
        """See ``MessageStore.append``."""
        outcome = self._append(draft) if self._is_available() else Unavailable()
        asyncio.get_running_loop().call_soon(on_commit, outcome)

    async def append_together(
        self, drafts: tuple[Draft, ...], on_commit: Callable[[Commit], None] | None = None
    ) -> tuple[Commit, ...]:
        """See ``MessageStore.append_together``."""
        await self._enter()
        accepted: set[str] = set()
        for draft in drafts:
            if draft.packet_id in accepted or self._find_repeat(draft) is not None:
                continue
            if (refusal := self._refusal_of(draft)) is not None:
                await self._turn()
                raise refusal
            accepted.add(draft.packet_id)
        commits = tuple(self._store_message(draft) for draft in drafts)
        if on_commit is not None:
            for commit in commits:
                asyncio.get_running_loop().call_soon(on_commit, commit)
        return await self._told(commits)

    def _append(self, draft: Draft) -> Commit | DomainError:
        if self._find_repeat(draft) is None and (refusal := self._refusal_of(draft)) is not None:
            return refusal
        return self._store_message(draft)

    def _find_repeat(self, draft: Draft) -> Message | None:
        first = self._packets.get((draft.sender.user_id, draft.packet_id))
        is_young = first is not None and first.timestamp_ms >= self._clock.now_ms() - DAY_MS
        return first if is_young else None

    def _refusal_of(self, draft: Draft) -> DomainError | None:
        sender = draft.sender
        if draft.kind is Kind.P2P:
            to_user_id = self._account_ids.get((sender.app_id, draft.to_account))
            is_blocked = to_user_id is not None and (to_user_id, sender.user_id) in self._blocked
            return SenderBlocked() if is_blocked else None
        if draft.kind is Kind.GROUP:
            return self._refusal_of_group(draft)
        topic = self._topics.get(draft.topic_id)
        if topic is None or topic.app_id != sender.app_id:
            return NoSuchTopic()
        return None if draft.as_app or topic.has_member(sender.user_id) else NotAMember()

    def _refusal_of_group(self, draft: Draft) -> DomainError | None:
        group = self._groups.get(draft.topic_id)
        if group is None or group.app_id != draft.sender.app_id:
            return NoSuchTopic()
        if draft.as_app:
            return None
        member = self._group_member(draft.topic_id, draft.sender.user_id)
        if member is None:
            return NotAMember()
        return Muted() if member.muted_until_s else None

    def _store_message(self, draft: Draft) -> Commit:
        sender = draft.sender
        now_ms = self._clock.now_ms()
        if (first := self._find_repeat(draft)) is not None:
            return Commit(first, is_repeat=True, recipients=())

        to_user_id = UserId(0)
        if draft.kind is Kind.P2T:
            topic = self._topics[draft.topic_id]
            recipients = [member.user_id for member in topic.members if member.user_id != sender.user_id]
        elif draft.kind is Kind.GROUP:
            recipients = []
        else:
            to_user_id = self._ensure_account(sender.app_id, draft.to_account).user_id
            recipients = [to_user_id]
        has_other_device = any(resource != sender.resource for resource in self._cursors[sender.user_id])
        has_inbox = draft.kind is not Kind.GROUP
        if has_inbox and draft.copy_to_sender and has_other_device and sender.user_id not in recipients:
            recipients.append(sender.user_id)

        sequence = self._next_sequence(now_ms)
        message = Message(
            sequence=sequence,
            kind=draft.kind,
            sender=sender,
            to_user_id=to_user_id,
            to_account=draft.to_account,
            topic_id=draft.topic_id,
            packet_id=draft.packet_id,
            payload=draft.payload,
            biz_type=draft.biz_type,
            is_store=draft.is_store,
        )
        if draft.wants_index and draft.kind is not Kind.GROUP:
            conversation = _conversation_of(message)
            self._last_indexes[conversation] += 1
            message = msgspec.structs.replace(message, index=self._last_indexes[conversation])
        self._messages[sequence] = message
        self._counts[sender.app_id, message.timestamp_ms // HOUR_MS, message.kind] += 1
        self._packets[sender.user_id, draft.packet_id] = message
        for user_id in recipients:
            self._inboxes[user_id].append(sequence)
        if draft.kind is not Kind.GROUP:
            self._put_callbacks_down(message, draft.callbacks, now_ms)
        return Commit(
            message, is_repeat=False, recipients=tuple((user_id, Position(sequence)) for user_id in recipients)
        )

    def _next_sequence(self, now_ms: int) -> Sequence:
        self._last_sequence = max(now_ms * SEQUENCES_PER_MS, self._last_sequence) + 1
        if self._last_sequence % SEQUENCES_PER_MS == 0:
            self._last_sequence += 1
        return Sequence(self._last_sequence)

    async def read_inbox(
        self, user_id: UserId, after: Position, *, not_before_ms: int, max_messages: int, max_bytes: int
    ) -> InboxPage:
        """See ``MessageStore.read_inbox``."""
        await self._enter()
        inbox = self._inboxes[user_id]
        waiting = inbox[bisect_right(inbox, max(after, not_before_ms * SEQUENCES_PER_MS - 1)) :]
        deliveries: list[Delivery] = []
        total_bytes = 0
        for sequence in waiting[:max_messages]:
            message = self._messages[sequence]
            total_bytes += len(message.payload)
            if deliveries and total_bytes > max_bytes:
                break
            deliveries.append(Delivery(Position(sequence), message))
        return await self._told(InboxPage(tuple(deliveries), has_more=len(deliveries) < len(waiting)))

    async def measure_backlog(
        self, user_id: UserId, resource: str, after: Position, *, not_before_ms: int, more_than: int
    ) -> Backlog | None:
        """See ``MessageStore.measure_backlog``."""
        await self._enter()
        waiting = []
        for sequence in self._inboxes[user_id]:
            message = self._messages[sequence]
            is_own = (message.sender.user_id, message.sender.resource) == (user_id, resource)
            is_young = message.timestamp_ms >= not_before_ms
            if sequence > after and is_young and not (is_own and message.to_user_id != user_id):
                waiting.append(sequence)
        is_backlog = len(waiting) > more_than
        return await self._told(Backlog(waiting[0], waiting[-1], Position(waiting[-1])) if is_backlog else None)

    async def find_message(self, sequence: Sequence) -> Message | None:
        """See ``MessageStore.find_message``."""
        await self._enter()
        return await self._told(self._messages.get(sequence))

    async def find_packets(self, app_id: AppId, packet_id: str, limit: int) -> tuple[Message, ...]:
        """See ``MessageStore.find_packets``."""
        await self._enter()
        found = [
            message
            for message in reversed(self._messages.values())
            if message.sender.app_id == app_id and message.packet_id == packet_id
        ]
        return await self._told(tuple(found[:limit]))

    async def holders_of(self, message: Message) -> tuple[tuple[Account, Position], ...]:
        """See ``MessageStore.holders_of``."""
        await self._enter()
        if message.kind is Kind.P2P:
            user_ids = {message.to_user_id, message.sender.user_id}
        else:
            user_ids = {user_id for topic_id, user_id in self._joinings if topic_id == message.topic_id}
        holders = [
            (self._accounts[user_id], Position(message.sequence))
            for user_id in user_ids
            if user_id in self._accounts and message.sequence in self._inboxes[user_id]
        ]
        holders.sort(key=lambda holder: holder[0].name)
        return await self._told(tuple(holders))

    # -------------------------------------------------------------- callbacks

    def _is_bound(self, user_id: UserId) -> bool:
        return self._presence is not None and self._presence.is_bound(user_id)

    def _put_callbacks_down(self, message: Message, wish: CallbackWish, now_ms: int) -> None:
        if message.kind is Kind.P2P:
            if wish.instant:
                self._put_down(CallbackKind.INSTANT_P2P, message, (), wish, now_ms)
            if wish.offline and not self._is_bound(message.to_user_id):
                self._put_down(CallbackKind.OFFLINE_P2P, message, (), wish, now_ms)
            return
        members = self._topics[message.topic_id].members
        if wish.instant:
            names = tuple(member.account for member in members)
            self._put_down(CallbackKind.INSTANT_P2T, message, names, wish, now_ms)
        missed = tuple(
            member.account
            for member in members
            if member.user_id != message.sender.user_id and not self._is_bound(member.user_id)
        )
        if wish.offline and missed:
            self._put_down(CallbackKind.OFFLINE_P2T, message, missed, wish, now_ms)

    def _put_down(
        self,
        kind: CallbackKind,
        message: Message,
        to_accounts: tuple[str, ...],
        wish: CallbackWish,
        now_ms: int,
    ) -> None:
        app_id = message.sender.app_id
        waiting = sum(
            event.app_id == app_id and event.state is CallbackState.WAITING
            for event in self._callbacks.values()
        )
        is_full = waiting >= wish.max_waiting
        event_id = EventId(next(self._event_ids))
        self._callbacks[event_id] = CallbackEvent(
            event_id=event_id,
            app_id=app_id,
            kind=kind,
            message=message,
            to_accounts=to_accounts,
            state=CallbackState.DEAD if is_full else CallbackState.WAITING,
            attempts=0,
            next_attempt_ms=now_ms,
            last_error="not sent: too many callbacks of this app were waiting" if is_full else "",
        )

    async def due_callbacks(
        self, now_ms: int, *, busy: frozenset[AppId], limit_per_app: int, limit: int
    ) -> tuple[CallbackEvent, ...]:
        """See ``CallbackStore.due_callbacks``."""
        await self._enter()
        due: list[CallbackEvent] = []
        taken: defaultdict[AppId, int] = defaultdict(int)
        for event in sorted(self._callbacks.values(), key=lambda e: (e.next_attempt_ms, e.event_id)):
            is_due = event.state is CallbackState.WAITING and event.next_attempt_ms <= now_ms
            if is_due and event.app_id not in busy and taken[event.app_id] < limit_per_app:
                taken[event.app_id] += 1
                due.append(event)
        return await self._told(tuple(due[:limit]))

    async def settle_callback(
        self, event_id: EventId, *, delivered: bool, error: str = "", retry_at_ms: int | None = None
    ) -> None:
        """See ``CallbackStore.settle_callback``."""
        await self._enter()
        event = self._callbacks.get(event_id)
        if event is not None and delivered:
            del self._callbacks[event_id]
        elif event is not None:
            self._callbacks[event_id] = msgspec.structs.replace(
                event,
                attempts=event.attempts + 1,
                last_error=error,
                state=CallbackState.DEAD if retry_at_ms is None else CallbackState.WAITING,
                next_attempt_ms=self._clock.now_ms() if retry_at_ms is None else retry_at_ms,
            )
        await self._turn()

    async def list_callbacks(
        self, app_id: AppId, state: CallbackState, *, after: EventId, limit: int
    ) -> tuple[CallbackEvent, ...]:
        """See ``CallbackStore.list_callbacks``."""
        await self._enter()
        found = [
            event
            for event in self._callbacks.values()
            if event.app_id == app_id and event.state is state and event.event_id > after
        ]
        return await self._told(tuple(found[:limit]))

    async def replay_callbacks(self, app_id: AppId, event_ids: tuple[EventId, ...] | None, now_ms: int) -> int:
        """See ``CallbackStore.replay_callbacks``."""
        await self._enter()
        dead = [
            event
            for event in self._callbacks.values()
            if event.app_id == app_id and event.state is CallbackState.DEAD
        ]
        chosen = [event for event in dead if event_ids is None or event.event_id in event_ids]
        for event in chosen:
            self._callbacks[event.event_id] = msgspec.structs.replace(
                event, state=CallbackState.WAITING, attempts=0, next_attempt_ms=now_ms, last_error=""
            )
        return await self._told(len(chosen))

    async def callbacks_of(self, sequence: Sequence) -> tuple[CallbackEvent, ...]:
        """See ``CallbackStore.callbacks_of``."""
        await self._enter()
        found = [event for event in self._callbacks.values() if event.message.sequence == sequence]
        return await self._told(tuple(found))

    async def count_callbacks(self) -> dict[tuple[AppId, CallbackState], int]:
        """See ``CallbackStore.count_callbacks``."""
        await self._enter()
        return await self._told(
            dict(Counter((event.app_id, event.state) for event in self._callbacks.values()))
        )

    # -------------------------------------------------------------- history, contacts, blacklists

    def _history(self, conversation: Conversation) -> list[Message]:
        return [
            message
            for message in self._messages.values()
            if message.is_store and _conversation_of(message) == conversation
        ]

    async def read_history(
        self, conversation: Conversation, *, start: Sequence, stop: Sequence, limit: int, newest: bool
    ) -> HistoryPage:
        """See ``HistoryStore.read_history``."""
        await self._enter()
        found = [message for message in self._history(conversation) if start <= message.sequence < stop]
        page = found[max(0, len(found) - limit) :] if newest else found[:limit]
        return await self._told(HistoryPage(tuple(page), has_more=len(found) > limit))

    async def contacts_of(self, user_id: UserId, *, not_before_ms: int, limit: int) -> tuple[Contact, ...]:
        """See ``ContactStore.contacts_of``."""
        await self._enter()
        last_of: dict[Conversation, Message] = {}
        for message in self._messages.values():
            if message.is_store:
                last_of[_conversation_of(message)] = message
        contacts = []
        for conversation, message in last_of.items():
            is_hidden = message.sequence <= self._hidden.get((user_id, conversation), 0)
            contact = self._contact_of(user_id, conversation, message)
            if contact is not None and not is_hidden and message.timestamp_ms >= not_before_ms:
                contacts.append(contact)
        contacts.sort(key=lambda contact: -contact.last_message.sequence)
        return await self._told(tuple(contacts[:limit]))

    def _contact_of(self, user_id: UserId, conversation: Conversation, last: Message) -> Contact | None:
        if conversation.is_group:
            return None
        if conversation.topic_id:
            topic = self._topics.get(conversation.topic_id)
            is_member = topic is not None and topic.has_member(user_id)
            return Contact(UserId(0), topic.topic_id, topic.name, last) if topic and is_member else None
        if user_id not in (conversation.first, conversation.second):
            return None
        peer_id = conversation.second if user_id == conversation.first else conversation.first
        peer = self._accounts.get(peer_id)
        return None if peer is None else Contact(peer_id, TopicId(0), peer.name, last)

    async def delete_contact(self, user_id: UserId, conversation: Conversation) -> None:
        """See ``ContactStore.delete_contact``."""
        await self._enter()
        if not conversation.topic_id or (conversation.topic_id, user_id) in self._joinings:
            self._hidden[user_id, conversation] = Sequence(self._last_sequence)
        await self._turn()

    async def block(self, user_id: UserId, blocked: UserId) -> None:
        """See ``BlacklistStore.block``."""
        await self._enter()
        self._blocked.add((user_id, blocked))
        await self._turn()

    async def unblock(self, user_id: UserId, blocked: UserId) -> None:
        """See ``BlacklistStore.unblock``."""
        await self._enter()
        self._blocked.discard((user_id, blocked))
        await self._turn()

    async def is_blocked(self, user_id: UserId, blocked: UserId) -> bool:
        """See ``BlacklistStore.is_blocked``."""
        await self._enter()
        return await self._told((user_id, blocked) in self._blocked)

    # -------------------------------------------------------------- devices

    async def open_device(self, user_id: UserId, resource: str) -> Position:
        """See ``DeviceStore.open_device``."""
        await self._enter()
        cursors = self._cursors[user_id]
        cursors.setdefault(resource, max(cursors.values(), default=Position(0)))
        self._seen_ms[user_id, resource] = self._clock.now_ms()
        return await self._told(cursors[resource])

    def move_cursor(self, user_id: UserId, resource: str, position: Position) -> None:
        """See ``DeviceStore.move_cursor``."""
        if not self._is_available():
            return
        cursors = self._cursors[user_id]
        if cursors.get(resource, position) < position:
            cursors[resource] = position
            self._seen_ms[user_id, resource] = self._clock.now_ms()

    async def devices_of(self, user_id: UserId) -> tuple[Device, ...]:
        """See ``DeviceStore.devices_of``."""
        await self._enter()
        devices = [
            Device(resource, cursor, self._seen_ms[user_id, resource])
            for resource, cursor in self._cursors[user_id].items()
        ]
        devices.sort(key=lambda device: (-device.seen_ms, device.resource))
        return await self._told(tuple(devices))

    # -------------------------------------------------------------- accounts

    async def find_account(self, app_id: AppId, name: str) -> Account | None:
        """See ``AccountStore.find_account``."""
        await self._enter()
        user_id = self._account_ids.get((app_id, name))
        return await self._told(None if user_id is None else self._accounts[user_id])

    async def ensure_accounts(self, app_id: AppId, names: tuple[str, ...]) -> tuple[Account, ...]:
        """See ``AccountStore.ensure_accounts``."""
        await self._enter()
        return await self._told(tuple(self._ensure_account(app_id, name) for name in names))

    def _ensure_account(self, app_id: AppId, name: str) -> Account:
        user_id = self._account_ids.get((app_id, name))
        if user_id is None:
            user_id = self._account_ids[app_id, name] = UserId(next(self._user_ids))
            self._accounts[user_id] = Account(app_id, user_id, name)
            self._created_ms[user_id] = self._clock.now_ms()
        return self._accounts[user_id]

    async def change_account(
        self, user_id: UserId, *, is_banned: bool | None = None, revoke_tokens: bool = False
    ) -> Account | None:
        """See ``AccountStore.change_account``."""
        await self._enter()
        account = self._accounts.get(user_id)
        if account is not None:
            account = self._accounts[user_id] = msgspec.structs.replace(
                account,
                is_banned=account.is_banned if is_banned is None else is_banned,
                token_generation=account.token_generation + revoke_tokens,
            )
            if is_banned or revoke_tokens:
                self._last_revocation += 1
                self._revocations[self._last_revocation] = (user_id, self._clock.now_ms())
        return await self._told(account)

    async def search_accounts(
        self, app_id: AppId, prefix: str, *, after: str, limit: int
    ) -> tuple[Account, ...]:
        """See ``AccountStore.search_accounts``."""
        await self._enter()
        names = sorted(
            name
            for owner_id, name in self._account_ids
            if owner_id == app_id and name.startswith(prefix) and name > after
        )
        return await self._told(
            tuple(self._accounts[self._account_ids[app_id, name]] for name in names[:limit])
        )

    async def revoked_since(self, number: int) -> tuple[int, tuple[UserId, ...]]:
        """See ``AccountStore.revoked_since``."""
        await self._enter()
        revoked = [user_id for other, (user_id, _) in self._revocations.items() if 0 <= number < other]
        return await self._told((self._last_revocation, tuple(revoked)))

    # -------------------------------------------------------------- apps

    async def load_apps(self, known_version: int | None) -> AppsSnapshot | None:
        """See ``AppStore.load_apps``."""
        await self._enter()
        apps = tuple(self._apps[app_id] for app_id in sorted(self._apps))
        is_known = known_version == self._apps_version
        return await self._told(None if is_known else AppsSnapshot(self._apps_version, apps))

    async def save_app(self, app: App) -> None:
        """See ``AppStore.save_app``."""
        await self._enter()
        self._apps[app.app_id] = app
        self._apps_version += 1
        await self._turn()

    async def delete_app(self, app_id: AppId) -> bool:
        """See ``AppStore.delete_app``."""
        await self._enter()
        was_there = self._apps.pop(app_id, None) is not None
        self._apps_version += was_there
        return await self._told(was_there)

    # -------------------------------------------------------------- topics

    async def create_topic(
        self, app_id: AppId, owner: UserId, members: tuple[UserId, ...], *, name: str, extra: str
    ) -> Topic:
        """See ``TopicStore.create_topic``."""
        await self._enter()
        topic_id = TopicId(next(self._topic_ids))
        self._join(topic_id, (owner, *members))
        self._topics[topic_id] = Topic(
            topic_id=topic_id,
            app_id=app_id,
            owner_id=owner,
            name=name,
            bulletin="",
            extra=extra,
            version=1,
            members=self._members_of(topic_id, owner),
        )
        return await self._told(self._topics[topic_id])

    async def find_topic(self, topic_id: TopicId) -> Topic | None:
        """See ``TopicStore.find_topic``."""
        await self._enter()
        return await self._told(self._topics.get(topic_id))

    async def list_topics(self, app_id: AppId, *, after: TopicId, limit: int) -> tuple[tuple[Topic, int], ...]:
        """See ``TopicStore.list_topics``."""
        await self._enter()
        found = [self._topics[topic_id] for topic_id in sorted(self._topics) if topic_id > after]
        listed = [
            (msgspec.structs.replace(topic, members=(topic.owner,)), len(topic.members))
            for topic in found
            if topic.app_id == app_id
        ]
        return await self._told(tuple(listed[:limit]))

    async def topics_of(self, user_id: UserId) -> tuple[Topic, ...]:
        """See ``TopicStore.topics_of``."""
        await self._enter()
        joined = sorted(
            (joining, topic_id) for (topic_id, member), joining in self._joinings.items() if member == user_id
        )
        topics = [self._topics[topic_id] for _, topic_id in joined]
        return await self._told(
            tuple(msgspec.structs.replace(topic, members=(topic.owner,)) for topic in topics)
        )

    async def change_topic(self, topic_id: TopicId, version: int, change: TopicChange) -> Topic | None:
        """See ``TopicStore.change_topic``."""
        await self._enter()
        topic = self._topics.get(topic_id)
        if topic is None or topic.version != version:
            return await self._told(None)
        for user_id in change.remove:
            self._leave(topic_id, user_id)
        self._join(topic_id, change.add)
        owner_id = topic.owner_id if change.owner_id is None else change.owner_id
        self._topics[topic_id] = msgspec.structs.replace(
            topic,
            owner_id=owner_id,
            name=topic.name if change.name is None else change.name,
            bulletin=topic.bulletin if change.bulletin is None else change.bulletin,
            extra=topic.extra if change.extra is None else change.extra,
            version=version + 1,
            members=self._members_of(topic_id, owner_id),
        )
        return await self._told(self._topics[topic_id])

    async def delete_topic(self, topic_id: TopicId, version: int) -> bool:
        """See ``TopicStore.delete_topic``."""
        await self._enter()
        topic = self._topics.get(topic_id)
        if topic is None or topic.version != version:
            return await self._told(False)
        self._forget_topic(topic)
        return await self._told(True)

    def _join(self, topic_id: TopicId, user_ids: tuple[UserId, ...]) -> None:
        for user_id in user_ids:
            if (topic_id, user_id) not in self._joinings:
                self._joinings[topic_id, user_id] = next(self._next_joining)

    def _leave(self, topic_id: TopicId, user_id: UserId) -> None:
        self._joinings.pop((topic_id, user_id), None)
        self._hidden.pop((user_id, Conversation.of_topic(topic_id)), None)

    def _members_of(self, topic_id: TopicId, owner_id: UserId) -> tuple[Member, ...]:
        joined = sorted(
            (user_id != owner_id, joining, user_id)
            for (joined_id, user_id), joining in self._joinings.items()
            if joined_id == topic_id
        )
        return tuple(Member(user_id, self._accounts[user_id].name) for _, _, user_id in joined)

    def _forget_topic(self, topic: Topic) -> None:
        del self._topics[topic.topic_id]
        del self._last_indexes[Conversation.of_topic(topic.topic_id)]
        for member in topic.members:
            self._leave(topic.topic_id, member.user_id)

    def _remove_account(self, account: Account) -> int:
        user_id = account.user_id
        for topic in [topic for topic in self._topics.values() if topic.has_member(user_id)]:
            if len(topic.members) == 1:
                self._forget_topic(topic)
                continue
            self._leave(topic.topic_id, user_id)
            others = [member for member in topic.members if member.user_id != user_id]
            oldest = min(others, key=lambda member: self._joinings[topic.topic_id, member.user_id])
            owner_id = oldest.user_id if topic.owner_id == user_id else topic.owner_id
            self._topics[topic.topic_id] = msgspec.structs.replace(
                topic,
                owner_id=owner_id,
                version=topic.version + 1,
                members=self._members_of(topic.topic_id, owner_id),
            )
        for group in list(self._groups.values()):
            self._leave_group(group.group_id, user_id)
            if group.owner_id == user_id:
                self._pass_on_group(group.group_id)
        for muted in [muted for muted in self._group_mutes if muted[1] == user_id]:
            del self._group_mutes[muted]
        for conversation in list(self._last_indexes):
            if user_id in (conversation.first, conversation.second):
                del self._last_indexes[conversation]
        self._blocked = {pair for pair in self._blocked if user_id not in pair}
        del self._accounts[user_id]
        del self._account_ids[account.app_id, account.name]
        return 1 + len(self._inboxes.pop(user_id, ())) + len(self._cursors.pop(user_id, ()))

    # -------------------------------------------------------------- unlimited groups

    def _is_muted(self, until_s: int) -> bool:
        return self._clock.now_ms() < until_s * 1000

    def _group_member(self, group_id: TopicId, user_id: UserId) -> GroupMember | None:
        if (group_id, user_id) not in self._group_joinings:
            return None
        until_s = self._group_mutes.get((group_id, user_id), 0)
        return GroupMember(user_id, self._accounts[user_id].name, until_s if self._is_muted(until_s) else 0)

    def _tell_group_change(
        self, kind: GroupChangeKind, group_id: TopicId, user_id: UserId, on_change: OnGroupChange
    ) -> Sequence:
        sequence = self._next_sequence(self._clock.now_ms())
        change = GroupChange(kind, group_id, user_id, sequence)
        asyncio.get_running_loop().call_soon(on_change, change)
        return sequence

    def _come_to_group(self, group_id: TopicId, user_id: UserId, on_change: OnGroupChange) -> None:
        sequence = self._tell_group_change(GroupChangeKind.JOINED, group_id, user_id, on_change)
        self._group_joinings[group_id, user_id] = sequence
        self._count_members(group_id)

    def _leave_group(self, group_id: TopicId, user_id: UserId) -> None:
        self._group_joinings.pop((group_id, user_id), None)
        for place in [place for place in self._group_cursors if place[:2] == (group_id, user_id)]:
            del self._group_cursors[place]
        self._count_members(group_id)

    def _count_members(self, group_id: TopicId) -> None:
        member_count = sum(joined_id == group_id for joined_id, _ in self._group_joinings)
        self._groups[group_id] = msgspec.structs.replace(self._groups[group_id], member_count=member_count)

    def _pass_on_group(self, group_id: TopicId) -> None:
        oldest = next((user_id for joined_id, user_id in self._group_joinings if joined_id == group_id), None)
        if oldest is None:
            self._forget_group(group_id)
            return
        self._groups[group_id] = msgspec.structs.replace(
            self._groups[group_id], owner_id=oldest, owner_account=self._accounts[oldest].name
        )

    def _forget_group(self, group_id: TopicId) -> None:
        for joined_id, user_id in list(self._group_joinings):
            if joined_id == group_id:
                self._leave_group(group_id, user_id)
        for muted in [muted for muted in self._group_mutes if muted[0] == group_id]:
            del self._group_mutes[muted]
        del self._groups[group_id]

    def _check_group(self, group_id: TopicId, user_id: UserId, app_id: AppId) -> None:
        group = self._groups.get(group_id)
        account = self._accounts.get(user_id)
        if group is None or account is None or not group.app_id == app_id == account.app_id:
            raise NoSuchTopic

    async def create_group(
        self, app_id: AppId, owner: UserId, *, name: str, extra: str, on_change: OnGroupChange
    ) -> Group:
        """See ``GroupStore.create_group``."""
        await self._enter()
        group_id = TopicId(next(self._group_ids))
        self._groups[group_id] = Group(group_id, app_id, owner, self._accounts[owner].name, name, extra, 0)
        self._come_to_group(group_id, owner, on_change)
        return await self._told(self._groups[group_id])

    async def find_group(self, group_id: TopicId) -> Group | None:
        """See ``GroupStore.find_group``."""
        await self._enter()
        return await self._told(self._groups.get(group_id))

    async def list_groups(self, app_id: AppId, *, after: TopicId, limit: int) -> tuple[Group, ...]:
        """See ``GroupStore.list_groups``."""
        await self._enter()
        found = [self._groups[group_id] for group_id in sorted(self._groups) if group_id > after]
        return await self._told(tuple([group for group in found if group.app_id == app_id][:limit]))

    async def find_group_member(self, group_id: TopicId, user_id: UserId) -> GroupMember | None:
        """See ``GroupStore.find_group_member``."""
        await self._enter()
        return await self._told(self._group_member(group_id, user_id))

    async def groups_of(self, user_id: UserId) -> tuple[TopicId, ...]:
        """See ``GroupStore.groups_of``."""
        await self._enter()
        return await self._told(
            tuple(group_id for group_id, member_id in self._group_joinings if member_id == user_id)
        )

    async def group_members(self, group_id: TopicId, *, after: UserId, limit: int) -> tuple[GroupMember, ...]:
        """See ``GroupStore.group_members``."""
        await self._enter()
        user_ids = sorted(user_id for joined_id, user_id in self._group_joinings if joined_id == group_id)
        members = [self._group_member(group_id, user_id) for user_id in user_ids if user_id > after]
        return await self._told(tuple(member for member in members if member is not None)[:limit])

    def join_group(
        self, group_id: TopicId, user_id: UserId, app_id: AppId, on_change: OnGroupChange
    ) -> Awaitable[None]:
        """See ``GroupStore.join_group``."""

        def join() -> None:
            self._check_group(group_id, user_id, app_id)
            if (group_id, user_id) not in self._group_joinings:
                self._come_to_group(group_id, user_id, on_change)

        return self._at_once(join)

    def leave_group(
        self, group_id: TopicId, user_id: UserId, app_id: AppId, on_change: OnGroupChange
    ) -> Awaitable[None]:
        """See ``GroupStore.leave_group``."""

        def leave() -> None:
            self._check_group(group_id, user_id, app_id)
            if (group_id, user_id) in self._group_joinings:
                self._tell_group_change(GroupChangeKind.LEFT, group_id, user_id, on_change)
                self._leave_group(group_id, user_id)

        return self._at_once(leave)

    async def delete_group(self, group_id: TopicId, on_change: OnGroupChange) -> bool:
        """See ``GroupStore.delete_group``."""
        await self._enter()
        if group_id not in self._groups:
            return await self._told(False)
        self._tell_group_change(GroupChangeKind.DISMISSED, group_id, UserId(0), on_change)
        self._forget_group(group_id)
        return await self._told(True)

    async def mute_group_member(self, group_id: TopicId, user_id: UserId, until_s: int) -> bool:
        """See ``GroupStore.mute_group_member``."""
        await self._enter()
        is_member = (group_id, user_id) in self._group_joinings
        if is_member:
            self._group_mutes[group_id, user_id] = until_s
        return await self._told(is_member)

    async def group_places(self, user_id: UserId, resource: str) -> tuple[GroupPlace, ...]:
        """See ``GroupStore.group_places``."""
        await self._enter()
        return await self._told(
            tuple(
                GroupPlace(
                    group_id,
                    joined,
                    self._group_cursors.get((group_id, user_id, resource)),
                    self._newest_of_group(group_id),
                )
                for (group_id, member_id), joined in self._group_joinings.items()
                if member_id == user_id
            )
        )

    def _newest_of_group(self, group_id: TopicId) -> Sequence:
        log = (
            message.sequence
            for message in self._messages.values()
            if message.kind is Kind.GROUP and message.topic_id == group_id
        )
        return max(log, default=Sequence(0))

    async def read_group(
        self, group_id: TopicId, *, after: Sequence, not_before_ms: int, limit: int, max_bytes: int
    ) -> tuple[Message, ...]:
        """See ``GroupStore.read_group``."""
        await self._enter()
        log = Conversation.of_group(group_id)
        messages: list[Message] = []
        total_bytes = 0
        for message in reversed(self._messages.values()):
            if _conversation_of(message) != log:
                continue
            is_out = message.sequence <= after or message.timestamp_ms < not_before_ms
            total_bytes += len(message.payload)
            if is_out or len(messages) == limit or (messages and total_bytes > max_bytes):
                break
            messages.append(message)
        return await self._told(tuple(reversed(messages)))

    async def move_group_cursors(self, cursors: tuple[GroupCursor, ...]) -> None:
        """See ``GroupStore.move_group_cursors``."""
        await self._enter()
        for cursor in cursors:
            place = (cursor.group_id, cursor.user_id, cursor.resource)
            if place[:2] in self._group_joinings:
                self._group_cursors[place] = max(
                    cursor.sequence, self._group_cursors.get(place, cursor.sequence)
                )
        await self._turn()

    # -------------------------------------------------------------- counts

    async def count_messages(self, app_id: AppId, *, from_ms: int, to_ms: int) -> tuple[HourCount, ...]:
        """See ``CountStore.count_messages``."""
        await self._enter()
        found = [
            HourCount(hour * HOUR_MS, kind, messages)
            for (counted_id, hour, kind), messages in sorted(self._counts.items())
            if counted_id == app_id and from_ms <= hour * HOUR_MS < to_ms
        ]
        return await self._told(tuple(found))

    # -------------------------------------------------------------- operators

    async def find_operator(self, name: str) -> Operator | None:
        """See ``OperatorStore.find_operator``."""
        await self._enter()
        return await self._told(self._operators.get(name))

    async def list_operators(self) -> tuple[Operator, ...]:
        """See ``OperatorStore.list_operators``."""
        await self._enter()
        oldest_first = sorted(
            self._operators.values(), key=lambda operator: (operator.created_ms, operator.name)
        )
        return await self._told(tuple(oldest_first))

    async def create_first_operator(self, operator: Operator) -> bool:
        """See ``OperatorStore.create_first_operator``."""
        await self._enter()
        is_first = not self._operators
        if is_first:
            self._operators[operator.name] = operator
        return await self._told(is_first)

    async def save_operator(self, operator: Operator) -> None:
        """See ``OperatorStore.save_operator``."""
        await self._enter()
        self._operators[operator.name] = operator
        self._forget_operator_sessions(lambda session: session.operator == operator.name)
        await self._turn()

    async def delete_operator(self, name: str) -> bool:
        """See ``OperatorStore.delete_operator``."""
        await self._enter()
        was_there = self._operators.pop(name, None) is not None
        self._forget_operator_sessions(lambda session: session.operator == name)
        return await self._told(was_there)

    async def save_operator_session(self, session: OperatorSession) -> None:
        """See ``OperatorStore.save_operator_session``."""
        await self._enter()
        self._forget_operator_sessions(lambda other: other.expires_ms <= session.created_ms)
        self._operator_sessions[session.token_hash] = session
        await self._turn()

    async def find_operator_session(self, token_hash: bytes) -> OperatorSession | None:
        """See ``OperatorStore.find_operator_session``."""
        await self._enter()
        return await self._told(self._operator_sessions.get(token_hash))

    async def delete_operator_sessions(
        self, *, token_hash: bytes | None = None, operator: str | None = None
    ) -> None:
        """See ``OperatorStore.delete_operator_sessions``."""
        await self._enter()
        self._forget_operator_sessions(lambda s: s.token_hash == token_hash or s.operator == operator)
        await self._turn()

    def _forget_operator_sessions(self, is_over: Callable[[OperatorSession], bool]) -> None:
        for session in [session for session in self._operator_sessions.values() if is_over(session)]:
            del self._operator_sessions[session.token_hash]

    # -------------------------------------------------------------- upkeep

    async def sweep(self, cursor: SweepCursor, limit: int) -> SweepCursor:
        """See ``SweepStore.sweep``. The first step does it all."""
        await self._enter()
        now_ms = self._clock.now_ms()
        deleted = 0
        for group in [group for group in self._groups.values() if group.app_id not in self._apps]:
            self._forget_group(group.group_id)
            deleted += 1
        for user_id, account in list(self._accounts.items()):
            app = self._apps.get(account.app_id)
            ttl_s = 0 if app is None else app.settings.uuidTTL
            if app is None or (ttl_s and self._created_ms[user_id] < now_ms - ttl_s * 1000):
                deleted += self._remove_account(account)
                continue
            inbox = self._inboxes[user_id]
            cutoff = (now_ms - app.settings.inboxTime * DAY_MS) * SEQUENCES_PER_MS
            kept = [sequence for sequence in inbox if sequence >= cutoff]
            deleted += len(inbox) - len(kept)
            self._inboxes[user_id] = kept
        for topic in [topic for topic in self._topics.values() if topic.app_id not in self._apps]:
            self._forget_topic(topic)
            deleted += 1
        for event in list(self._callbacks.values()):
            is_old = event.state is CallbackState.DEAD and event.next_attempt_ms < now_ms - 30 * DAY_MS
            if is_old or event.app_id not in self._apps:
                del self._callbacks[event.event_id]
                deleted += 1
        for number, (_, revoked_ms) in list(self._revocations.items()):
            if revoked_ms < now_ms - DAY_MS:
                del self._revocations[number]
                deleted += 1
        for key in list(self._counts):
            app = self._apps.get(key[0])
            oldest_hour = 0 if app is None else (now_ms - app.settings.msgStorageTime * DAY_MS) // HOUR_MS
            if app is None or key[1] < oldest_hour:
                del self._counts[key]
                deleted += 1
        pinned = {event.message.sequence for event in self._callbacks.values()}
        for sequence, message in list(self._messages.items()):
            app = self._apps.get(message.sender.app_id)
            # Kept for inboxTime at least: until then an inbox may point to it.
            days = 0 if app is None else app.settings.inboxTime
            if app is not None and message.is_store:
                days = max(days, app.settings.msgStorageTime)
            is_old = app is None or message.timestamp_ms < now_ms - days * DAY_MS
            if is_old and sequence not in pinned:
                del self._messages[sequence]
                deleted += 1
        for packet, message in list(self._packets.items()):
            is_gone = packet[0] not in self._accounts or message.sequence not in self._messages
            if is_gone or message.timestamp_ms < now_ms - DAY_MS:
                del self._packets[packet]
                deleted += 1
        return await self._told(SweepCursor(is_done=True, deleted=deleted))

    async def check_ready(self) -> None:
        """See ``Store.check_ready``."""
        await self._enter()
        await self._turn()

    async def aclose(self) -> None:
        """See ``Store.aclose``."""
        await self._turn()
        self._is_closed = True


def _conversation_of(message: Message) -> Conversation:
    if message.kind is Kind.P2T:
        return Conversation.of_topic(message.topic_id)
    if message.kind is Kind.GROUP:
        return Conversation.of_group(message.topic_id)
    return Conversation.between(message.sender.user_id, message.to_user_id)
