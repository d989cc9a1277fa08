"""The embedded store's face: the ports, on one SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from openmimc.domain.ports import (
    AppsSnapshot,
    Clock,
    OnCommit,
    OnGroupChange,
    Presence,
    SweepCursor,
)
from openmimc.model.app import Account, App
from openmimc.model.callback import CallbackEvent, CallbackState, EventId
from openmimc.model.contact import Contact
from openmimc.model.group import Group, GroupChange, GroupCursor, GroupMember, GroupPlace
from openmimc.model.history import Conversation, HistoryPage
from openmimc.model.ids import SEQUENCES_PER_MS, AppId, Position, TopicId, UserId
from openmimc.model.ids import Sequence as MessageSequence
from openmimc.model.insight import Device, HourCount
from openmimc.model.message import Backlog, Commit, Draft, InboxPage, Message
from openmimc.model.operator import Operator, OperatorSession
from openmimc.model.topic import Topic, TopicChange
from openmimc.store.errors import StoreError
from openmimc.store.sqlite import (
    accounts,
    appends,
    apps,
    blacklist,
    callbacks,
    contacts,
    counts,
    devices,
    group_log,
    groups,
    history,
    inbox,
    lookups,
    operators,
    retention,
    topics,
)
from openmimc.store.sqlite.connection import check_sqlite, connect_writer
from openmimc.store.sqlite.ledger import Ledger
from openmimc.store.sqlite.migration import Migration, load_migrations, migrate
from openmimc.store.sqlite.operations import Append, AppendTogether, ChangeGroup, CursorMove, Job
from openmimc.store.sqlite.readers import Readers
from openmimc.store.sqlite.stats import StoreStats
from openmimc.store.sqlite.writer import Writer

T = TypeVar("T")


class SqliteStore:
    """``domain.ports.Store`` on one SQLite file. The ports' docstrings are the contract; here is what is added.

    All methods belong to the thread of the loop it was opened with. Changes take effect in the order of the
    calls and are on disk before their outcomes are told. A change whose caller is cancelled while waiting is
    made all the same. Several processes may have the file open.

    Attributes:
        stats: What the store counts about itself.
    """

    def __init__(self, writer: Writer, readers: Readers, stats: StoreStats, ledger: Ledger) -> None:
        self._writer = writer
        self._ledger = ledger
        self._readers = readers
        self._clock = ledger.clock
        self.stats = stats

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Clock,
        loop: asyncio.AbstractEventLoop | None = None,
        migrations: Sequence[Migration] | None = None,
    ) -> Self:
        """Open the file, creating or upgrading it as needed. Blocks while it does.

        Args:
            path: The file; its folder has to exist. Two more files, ``-wal`` and ``-shm``, stand beside it.
            clock: Asked in the writer's thread and in the loop's.
            loop: Where outcomes are told; by default the running one.
            migrations: Scripts of the schema; by default the package's.

        Raises:
            StoreTooNew: a newer version of the program has written the file.
            SqliteTooOld: the SQLite library does not serve.
            StoreError: the file cannot be opened or upgraded; the text says why.
        """
        check_sqlite()
        loop = loop or asyncio.get_running_loop()
        stats = StoreStats()
        try:
            connection = connect_writer(path)
            try:
                migrate(connection, load_migrations() if migrations is None else migrations)
                readers = Readers(path, loop)
            except BaseException:
                connection.close()
                raise
        except (sqlite3.Error, OSError) as exc:
            raise StoreError(f"cannot open {path}: {exc}") from exc
        ledger = Ledger(connection, clock)
        return cls(Writer(connection, ledger, stats, loop), readers, stats, ledger)

    def set_presence(self, presence: Presence) -> None:
        """See ``Store.set_presence``. Asked in the writer's thread."""
        self._ledger.presence = presence

    # -------------------------------------------------------------- messages

    def append(self, draft: Draft, on_commit: OnCommit) -> None:
        """See ``MessageStore.append``."""
        self._writer.submit(Append(draft, on_commit))

    async def append_together(
        self, drafts: tuple[Draft, ...], on_commit: Callable[[Commit], None] | None = None
    ) -> tuple[Commit, ...]:
        """See ``MessageStore.append_together``."""
        future: asyncio.Future[tuple[Commit, ...]] = asyncio.get_running_loop().create_future()
        self._writer.submit(
            AppendTogether(lambda ledger: appends.append_together(ledger, drafts), future, drafts, on_commit)
        )
        return await future

    async def read_inbox(
        self, user_id: UserId, after: Position, *, not_before_ms: int, max_messages: int, max_bytes: int
    ) -> InboxPage:
        """See ``MessageStore.read_inbox``."""
        return await self._readers.run(
            partial(
                inbox.read,
                user_id=user_id,
                after=after,
                not_before_ms=not_before_ms,
                max_messages=max_messages,
                max_bytes=max_bytes,
            )
        )

    async def measure_backlog(
        self, user_id: UserId, resource: str, after: Position, *, not_before_ms: int, more_than: int
    ) -> Backlog | None:
        """See ``MessageStore.measure_backlog``."""
        return await self._readers.run(
            partial(
                inbox.measure,
                user_id=user_id,
                resource=resource,
                after=after,
                not_before_ms=not_before_ms,
                more_than=more_than,
            )
        )

    async def find_message(self, sequence: MessageSequence) -> Message | None:
        """See ``MessageStore.find_message``."""
        return await self._readers.run(partial(lookups.find, sequence=sequence))

    async def find_packets(self, app_id: AppId, packet_id: str, limit: int) -> tuple[Message, ...]:
        """See ``MessageStore.find_packets``."""
        return await self._readers.run(
            partial(lookups.find_packets, app_id=app_id, packet_id=packet_id, limit=limit)
        )

    async def holders_of(self, message: Message) -> tuple[tuple[Account, Position], ...]:
        """See ``MessageStore.holders_of``."""
        return await self._readers.run(partial(lookups.holders_of, message=message))

    # -------------------------------------------------------------- devices

    async def open_device(self, user_id: UserId, resource: str) -> Position:
        """See ``DeviceStore.open_device``."""
        return await self._change(
            lambda ledger: devices.open_device(ledger, user_id, resource), is_one_statement=True
        )

    def move_cursor(self, user_id: UserId, resource: str, position: Position) -> None:
        """See ``DeviceStore.move_cursor``."""
        self._writer.submit(CursorMove(user_id, resource, position))

    async def devices_of(self, user_id: UserId) -> tuple[Device, ...]:
        """See ``DeviceStore.devices_of``."""
        return await self._readers.run(partial(devices.find, user_id=user_id))

    # -------------------------------------------------------------- accounts

    async def find_account(self, app_id: AppId, name: str) -> Account | None:
        """See ``AccountStore.find_account``."""
        return await self._readers.run(partial(accounts.find, app_id=app_id, name=name))

    async def ensure_accounts(self, app_id: AppId, names: tuple[str, ...]) -> tuple[Account, ...]:
        """See ``AccountStore.ensure_accounts``."""
        return await self._change(lambda ledger: accounts.ensure(ledger, app_id, names))

    async def change_account(
        self, user_id: UserId, *, is_banned: bool | None = None, revoke_tokens: bool = False
    ) -> Account | None:
        """See ``AccountStore.change_account``."""
        return await self._change(
            lambda ledger: accounts.change(ledger, user_id, is_banned=is_banned, revoke_tokens=revoke_tokens)
        )

    async def search_accounts(
        self, app_id: AppId, prefix: str, *, after: str, limit: int
    ) -> tuple[Account, ...]:
        """See ``AccountStore.search_accounts``."""
        return await self._readers.run(
            partial(accounts.search, app_id=app_id, prefix=prefix, after=after, limit=limit)
        )

    async def revoked_since(self, number: int) -> tuple[int, tuple[UserId, ...]]:
        """See ``AccountStore.revoked_since``."""
        return await self._readers.run(partial(accounts.revoked_since, number=number))

    # -------------------------------------------------------------- apps

    async def load_apps(self, known_version: int | None) -> AppsSnapshot | None:
        """See ``AppStore.load_apps``."""
        return await self._readers.run(partial(apps.load, known_version=known_version))

    async def save_app(self, app: App) -> None:
        """See ``AppStore.save_app``."""
        await self._change(lambda ledger: apps.save(ledger, app))

    async def delete_app(self, app_id: AppId) -> bool:
        """See ``AppStore.delete_app``."""
        return await self._change(lambda ledger: apps.delete(ledger, app_id))

    # -------------------------------------------------------------- topics

    async def create_topic(
        self, app_id: AppId, owner: UserId, members: tuple[UserId, ...], *, name: str, extra: str
    ) -> Topic:
        """See ``TopicStore.create_topic``."""
        return await self._change(
            lambda ledger: topics.create(ledger, app_id, owner, members, name=name, extra=extra)
        )

    async def find_topic(self, topic_id: TopicId) -> Topic | None:
        """See ``TopicStore.find_topic``."""
        return await self._readers.run(partial(topics.find, topic_id=topic_id))

    async def list_topics(self, app_id: AppId, *, after: TopicId, limit: int) -> tuple[tuple[Topic, int], ...]:
        """See ``TopicStore.list_topics``."""
        return await self._readers.run(partial(topics.find_all, app_id=app_id, after=after, limit=limit))

    async def topics_of(self, user_id: UserId) -> tuple[Topic, ...]:
        """See ``TopicStore.topics_of``."""
        return await self._readers.run(partial(topics.topics_of, user_id=user_id))

    async def change_topic(self, topic_id: TopicId, version: int, change: TopicChange) -> Topic | None:
        """See ``TopicStore.change_topic``."""
        return await self._change(lambda ledger: topics.change(ledger, topic_id, version, change))

    async def delete_topic(self, topic_id: TopicId, version: int) -> bool:
        """See ``TopicStore.delete_topic``."""
        return await self._change(lambda ledger: topics.delete(ledger, topic_id, version))

    # -------------------------------------------------------------- unlimited groups

    async def create_group(
        self, app_id: AppId, owner: UserId, *, name: str, extra: str, on_change: OnGroupChange
    ) -> Group:
        """See ``GroupStore.create_group``."""
        return await self._change_group(
            lambda ledger: groups.create(ledger, app_id, owner, name=name, extra=extra), on_change
        )

    async def find_group(self, group_id: TopicId) -> Group | None:
        """See ``GroupStore.find_group``."""
        return await self._readers.run(partial(groups.find, group_id=group_id))

    async def list_groups(self, app_id: AppId, *, after: TopicId, limit: int) -> tuple[Group, ...]:
        """See ``GroupStore.list_groups``."""
        return await self._readers.run(partial(groups.find_all, app_id=app_id, after=after, limit=limit))

    async def find_group_member(self, group_id: TopicId, user_id: UserId) -> GroupMember | None:
        """See ``GroupStore.find_group_member``."""
        return await self._readers.run(
            partial(groups.find_member, group_id=group_id, user_id=user_id, now_ms=self._clock.now_ms())
        )

    async def groups_of(self, user_id: UserId) -> tuple[TopicId, ...]:
        """See ``GroupStore.groups_of``."""
        return await self._readers.run(partial(groups.groups_of, user_id=user_id))

    async def group_members(self, group_id: TopicId, *, after: UserId, limit: int) -> tuple[GroupMember, ...]:
        """See ``GroupStore.group_members``."""
        return await self._readers.run(
            partial(groups.members, group_id=group_id, after=after, limit=limit, now_ms=self._clock.now_ms())
        )

    def join_group(
        self, group_id: TopicId, user_id: UserId, app_id: AppId, on_change: OnGroupChange
    ) -> Awaitable[None]:
        """See ``GroupStore.join_group``."""
        return self._change_group(
            lambda ledger: (None, groups.join(ledger, group_id, user_id, app_id)), on_change
        )

    def leave_group(
        self, group_id: TopicId, user_id: UserId, app_id: AppId, on_change: OnGroupChange
    ) -> Awaitable[None]:
        """See ``GroupStore.leave_group``."""
        return self._change_group(
            lambda ledger: (None, groups.leave(ledger, group_id, user_id, app_id)), on_change
        )

    async def delete_group(self, group_id: TopicId, on_change: OnGroupChange) -> bool:
        """See ``GroupStore.delete_group``."""

        def delete(ledger: Ledger) -> tuple[bool, GroupChange | None]:
            change = groups.delete(ledger, group_id)
            return change is not None, change

        return await self._change_group(delete, on_change)

    async def mute_group_member(self, group_id: TopicId, user_id: UserId, until_s: int) -> bool:
        """See ``GroupStore.mute_group_member``."""
        return await self._change(lambda ledger: groups.mute(ledger, group_id, user_id, until_s))

    async def group_places(self, user_id: UserId, resource: str) -> tuple[GroupPlace, ...]:
        """See ``GroupStore.group_places``."""
        return await self._readers.run(partial(groups.places, user_id=user_id, resource=resource))

    async def read_group(
        self, group_id: TopicId, *, after: MessageSequence, not_before_ms: int, limit: int, max_bytes: int
    ) -> tuple[Message, ...]:
        """See ``GroupStore.read_group``."""
        return await self._readers.run(
            partial(
                group_log.read,
                group_id=group_id,
                after=after,
                not_before_ms=not_before_ms,
                limit=limit,
                max_bytes=max_bytes,
            )
        )

    async def move_group_cursors(self, cursors: tuple[GroupCursor, ...]) -> None:
        """See ``GroupStore.move_group_cursors``."""
        await self._change(lambda ledger: groups.move_cursors(ledger, cursors))

    # -------------------------------------------------------------- history, contacts, blacklists

    async def read_history(
        self,
        conversation: Conversation,
        *,
        start: MessageSequence,
        stop: MessageSequence,
        limit: int,
        newest: bool,
    ) -> HistoryPage:
        """See ``HistoryStore.read_history``."""
        return await self._readers.run(
            partial(history.read, conversation=conversation, start=start, stop=stop, limit=limit, newest=newest)
        )

    async def contacts_of(self, user_id: UserId, *, not_before_ms: int, limit: int) -> tuple[Contact, ...]:
        """See ``ContactStore.contacts_of``."""
        not_before = MessageSequence(not_before_ms * SEQUENCES_PER_MS)
        return await self._readers.run(
            partial(contacts.read, user_id=user_id, not_before=not_before, limit=limit)
        )

    async def delete_contact(self, user_id: UserId, conversation: Conversation) -> None:
        """See ``ContactStore.delete_contact``."""
        await self._change(lambda ledger: contacts.hide(ledger, user_id, conversation), is_one_statement=True)

    async def block(self, user_id: UserId, blocked: UserId) -> None:
        """See ``BlacklistStore.block``."""
        await self._change(lambda ledger: blacklist.block(ledger, user_id, blocked), is_one_statement=True)

    async def unblock(self, user_id: UserId, blocked: UserId) -> None:
        """See ``BlacklistStore.unblock``."""
        await self._change(lambda ledger: blacklist.unblock(ledger, user_id, blocked), is_one_statement=True)

    async def is_blocked(self, user_id: UserId, blocked: UserId) -> bool:
        """See ``BlacklistStore.is_blocked``."""
        return await self._readers.run(partial(blacklist.is_blocked, user_id=user_id, blocked_id=blocked))

    # -------------------------------------------------------------- callbacks

    async def due_callbacks(
        self, now_ms: int, *, busy: frozenset[AppId], limit_per_app: int, limit: int
    ) -> tuple[CallbackEvent, ...]:
        """See ``CallbackStore.due_callbacks``."""
        return await self._readers.run(
            partial(callbacks.due, now_ms=now_ms, busy=busy, limit_per_app=limit_per_app, limit=limit)
        )

    async def settle_callback(
        self, event_id: EventId, *, delivered: bool, error: str = "", retry_at_ms: int | None = None
    ) -> None:
        """See ``CallbackStore.settle_callback``."""
        await self._change(
            lambda ledger: callbacks.settle(
                ledger, event_id, delivered=delivered, error=error, retry_at_ms=retry_at_ms
            ),
            is_one_statement=True,
        )

    async def list_callbacks(
        self, app_id: AppId, state: CallbackState, *, after: EventId, limit: int
    ) -> tuple[CallbackEvent, ...]:
        """See ``CallbackStore.list_callbacks``."""
        return await self._readers.run(
            partial(callbacks.find, app_id=app_id, state=state, after=after, limit=limit)
        )

    async def replay_callbacks(self, app_id: AppId, event_ids: tuple[EventId, ...] | None, now_ms: int) -> int:
        """See ``CallbackStore.replay_callbacks``. All of an app's are many transactions."""
        if event_ids is not None:
            return await self._change(
                lambda ledger: callbacks.replay(ledger, app_id, event_ids, now_ms), is_one_statement=True
            )
        last, replayed = EventId(0), 0
        while True:
            last, count = await self._change(
                partial(callbacks.replay_all, app_id=app_id, after=last, now_ms=now_ms)
            )
            replayed += count
            if count < callbacks.REPLAY_STEP:
                return replayed

    async def callbacks_of(self, sequence: MessageSequence) -> tuple[CallbackEvent, ...]:
        """See ``CallbackStore.callbacks_of``."""
        return await self._readers.run(partial(callbacks.find_of, sequence=sequence))

    async def count_callbacks(self) -> dict[tuple[AppId, CallbackState], int]:
        """See ``CallbackStore.count_callbacks``."""
        return await self._readers.run(callbacks.count)

    # -------------------------------------------------------------- counts

    async def count_messages(self, app_id: AppId, *, from_ms: int, to_ms: int) -> tuple[HourCount, ...]:
        """See ``CountStore.count_messages``."""
        return await self._readers.run(partial(counts.read, app_id=app_id, from_ms=from_ms, to_ms=to_ms))

    # -------------------------------------------------------------- operators

    async def find_operator(self, name: str) -> Operator | None:
        """See ``OperatorStore.find_operator``."""
        return await self._readers.run(partial(operators.find, name=name))

    async def list_operators(self) -> tuple[Operator, ...]:
        """See ``OperatorStore.list_operators``."""
        return await self._readers.run(operators.find_all)

    async def create_first_operator(self, operator: Operator) -> bool:
        """See ``OperatorStore.create_first_operator``."""
        return await self._change(
            lambda ledger: operators.create_first(ledger, operator), is_one_statement=True
        )

    async def save_operator(self, operator: Operator) -> None:
        """See ``OperatorStore.save_operator``."""
        await self._change(lambda ledger: operators.save(ledger, operator))

    async def delete_operator(self, name: str) -> bool:
        """See ``OperatorStore.delete_operator``."""
        return await self._change(lambda ledger: operators.delete(ledger, name))

    async def save_operator_session(self, session: OperatorSession) -> None:
        """See ``OperatorStore.save_operator_session``."""
        await self._change(lambda ledger: operators.save_session(ledger, session))

    async def find_operator_session(self, token_hash: bytes) -> OperatorSession | None:
        """See ``OperatorStore.find_operator_session``."""
        return await self._readers.run(partial(operators.find_session, token_hash=token_hash))

    async def delete_operator_sessions(
        self, *, token_hash: bytes | None = None, operator: str | None = None
    ) -> None:
        """See ``OperatorStore.delete_operator_sessions``."""
        await self._change(
            lambda ledger: operators.delete_sessions(ledger, token_hash=token_hash, operator=operator),
            is_one_statement=True,
        )

    # -------------------------------------------------------------- upkeep

    async def sweep(self, cursor: SweepCursor, limit: int) -> SweepCursor:
        """See ``SweepStore.sweep``."""
        return await self._change(lambda ledger: retention.sweep(ledger, cursor, limit))

    async def check_ready(self) -> None:
        """See ``Store.check_ready``. Writes, and waits for its turn behind what is queued."""

        def write(ledger: Ledger) -> None:
            ledger.connection.execute(
                "UPDATE meta SET value = ? WHERE key = 'ready_probe_ms'", (ledger.clock.now_ms(),)
            )

        await self._change(write, is_one_statement=True)

    async def aclose(self) -> None:
        """See ``Store.aclose``. Moves the log into the file."""
        await self._readers.aclose()
        await self._writer.aclose()

    async def _change(
        self,
        run: Callable[[Ledger], T],
        *,
        is_one_statement: bool = False,
    ) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._writer.submit(Job(run, future, is_one_statement=is_one_statement))
        return await future

    def _change_group(
        self, run: Callable[[Ledger], tuple[T, GroupChange | None]], on_change: OnGroupChange
    ) -> Awaitable[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._writer.submit(ChangeGroup(run, future, on_change))
        return future
