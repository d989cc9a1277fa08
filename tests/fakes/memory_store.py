"""A store in memory: the ports' promises in their plainest form, durability aside."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import defaultdict
from itertools import count
from typing import TypeVar

import msgspec

from openmimc.domain.ports import AppsSnapshot, Clock, OnCommit, SweepCursor
from openmimc.errors import DomainError, NoSuchTopic, NotAMember, Unavailable
from openmimc.model.app import Account, App
from openmimc.model.ids import SEQUENCES_PER_MS, AppId, Position, Sequence, TopicId, UserId
from openmimc.model.message import Commit, Delivery, Draft, InboxPage, Kind, Message
from openmimc.model.topic import Member, Topic, TopicChange

DAY_MS = 24 * 3600 * 1000

T = TypeVar("T")


class MemoryStore:
    """``domain.ports.Store`` without a disk, for one event loop.

    Changes take effect at the call and are told in a later turn of the loop, in order, as a real store does.
    Ids are small and predictable: users from 1001, topics from 5001.
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

    # -------------------------------------------------------------- messages

    def append(self, draft: Draft, on_commit: OnCommit) -> None:
        """See ``MessageStore.append``."""
        outcome = self._append(draft) if self._is_available() else Unavailable()
        asyncio.get_running_loop().call_soon(on_commit, outcome)

    def _append(self, draft: Draft) -> Commit | DomainError:
        sender = draft.sender
        now_ms = self._clock.now_ms()
        first = self._packets.get((sender.user_id, draft.packet_id))
        if first is not None and first.timestamp_ms >= now_ms - DAY_MS:
            return Commit(first, is_repeat=True, recipients=())

        to_user_id = UserId(0)
        if draft.kind is Kind.P2T:
            topic = self._topics.get(draft.topic_id)
            if topic is None or topic.app_id != sender.app_id:
                return NoSuchTopic()
            if not topic.has_member(sender.user_id):
                return NotAMember()
            recipients = [member.user_id for member in topic.members if member.user_id != sender.user_id]
        else:
            to_user_id = self._ensure_account(sender.app_id, draft.to_account).user_id
            recipients = [to_user_id]
        has_other_device = any(resource != sender.resource for resource in self._cursors[sender.user_id])
        if draft.copy_to_sender and has_other_device and sender.user_id not in recipients:
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
        self._messages[sequence] = message
        self._packets[sender.user_id, draft.packet_id] = message
        for user_id in recipients:
            self._inboxes[user_id].append(sequence)
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

    # -------------------------------------------------------------- devices

    async def open_device(self, user_id: UserId, resource: str) -> Position:
        """See ``DeviceStore.open_device``."""
        await self._enter()
        cursors = self._cursors[user_id]
        cursors.setdefault(resource, max(cursors.values(), default=Position(0)))
        return await self._told(cursors[resource])

    def move_cursor(self, user_id: UserId, resource: str, position: Position) -> None:
        """See ``DeviceStore.move_cursor``."""
        if not self._is_available():
            return
        cursors = self._cursors[user_id]
        if resource in cursors:
            cursors[resource] = max(cursors[resource], position)

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
        return await self._told(account)

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
            self._joinings.pop((topic_id, user_id), None)
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

    def _members_of(self, topic_id: TopicId, owner_id: UserId) -> tuple[Member, ...]:
        joined = sorted(
            (user_id != owner_id, joining, user_id)
            for (joined_id, user_id), joining in self._joinings.items()
            if joined_id == topic_id
        )
        return tuple(Member(user_id, self._accounts[user_id].name) for _, _, user_id in joined)

    def _forget_topic(self, topic: Topic) -> None:
        del self._topics[topic.topic_id]
        for member in topic.members:
            del self._joinings[topic.topic_id, member.user_id]

    # -------------------------------------------------------------- upkeep

    async def sweep(self, cursor: SweepCursor, limit: int) -> SweepCursor:
        """See ``SweepStore.sweep``. The first step does it all."""
        await self._enter()
        now_ms = self._clock.now_ms()
        deleted = 0
        for user_id, account in list(self._accounts.items()):
            app = self._apps.get(account.app_id)
            if app is None:
                deleted += 1 + len(self._inboxes.pop(user_id, ())) + len(self._cursors.pop(user_id, ()))
                del self._accounts[user_id]
                del self._account_ids[account.app_id, account.name]
                continue
            inbox = self._inboxes[user_id]
            cutoff = (now_ms - app.settings.inboxTime * DAY_MS) * SEQUENCES_PER_MS
            kept = [sequence for sequence in inbox if sequence >= cutoff]
            deleted += len(inbox) - len(kept)
            self._inboxes[user_id] = kept
        for topic in [topic for topic in self._topics.values() if topic.app_id not in self._apps]:
            self._forget_topic(topic)
            deleted += 1
        for sequence, message in list(self._messages.items()):
            app = self._apps.get(message.sender.app_id)
            # Kept for inboxTime at least: until then an inbox may point to it.
            days = 0 if app is None else app.settings.inboxTime
            if app is not None and message.is_store:
                days = max(days, app.settings.msgStorageTime)
            if app is None or message.timestamp_ms < now_ms - days * DAY_MS:
                del self._messages[sequence]
                deleted += 1
        for key, message in list(self._packets.items()):
            if message.timestamp_ms < now_ms - DAY_MS or message.sequence not in self._messages:
                del self._packets[key]
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
