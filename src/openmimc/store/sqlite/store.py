"""The embedded store's face: the ports, on one SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from openmimc.domain.ports import AppsSnapshot, Clock, OnCommit, SweepCursor
from openmimc.model.app import Account, App
from openmimc.model.ids import AppId, Position, TopicId, UserId
from openmimc.model.message import Draft, InboxPage
from openmimc.model.topic import Topic, TopicChange
from openmimc.store.errors import StoreError
from openmimc.store.sqlite import accounts, apps, devices, inbox, retention, topics
from openmimc.store.sqlite.connection import check_sqlite, connect_writer
from openmimc.store.sqlite.ledger import Ledger
from openmimc.store.sqlite.migration import Migration, load_migrations, migrate
from openmimc.store.sqlite.operations import Append, CursorMove, Job
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

    def __init__(self, writer: Writer, readers: Readers, stats: StoreStats) -> None:
        self._writer = writer
        self._readers = readers
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
            clock: Asked in the writer's thread.
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
        return cls(Writer(connection, Ledger(connection, clock), stats, loop), readers, stats)

    # -------------------------------------------------------------- messages

    def append(self, draft: Draft, on_commit: OnCommit) -> None:
        """See ``MessageStore.append``."""
        self._writer.submit(Append(draft, on_commit))

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

    # -------------------------------------------------------------- devices

    async def open_device(self, user_id: UserId, resource: str) -> Position:
        """See ``DeviceStore.open_device``."""
        return await self._change(
            lambda ledger: devices.open_device(ledger, user_id, resource), is_one_statement=True
        )

    def move_cursor(self, user_id: UserId, resource: str, position: Position) -> None:
        """See ``DeviceStore.move_cursor``."""
        self._writer.submit(CursorMove(user_id, resource, position))

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
            lambda ledger: accounts.change(ledger, user_id, is_banned=is_banned, revoke_tokens=revoke_tokens),
            is_one_statement=True,
        )

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

    async def topics_of(self, user_id: UserId) -> tuple[Topic, ...]:
        """See ``TopicStore.topics_of``."""
        return await self._readers.run(partial(topics.topics_of, user_id=user_id))

    async def change_topic(self, topic_id: TopicId, version: int, change: TopicChange) -> Topic | None:
        """See ``TopicStore.change_topic``."""
        return await self._change(lambda ledger: topics.change(ledger, topic_id, version, change))

    async def delete_topic(self, topic_id: TopicId, version: int) -> bool:
        """See ``TopicStore.delete_topic``."""
        return await self._change(lambda ledger: topics.delete(ledger, topic_id, version))

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

    async def _change(self, run: Callable[[Ledger], T], *, is_one_statement: bool = False) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._writer.submit(Job(run, future, is_one_statement=is_one_statement))
        return await future
