"""The fake and the real store, told the same series of operations, tell and keep the same."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from openmimc.domain.ports import Store
from openmimc.model.app import Account, AppSettings
from openmimc.model.ids import Position, TopicId, UserId
from openmimc.model.message import Commit, Message
from openmimc.model.topic import Topic, TopicChange
from openmimc.store.sqlite import SqliteStore
from tests.contract.drafts import APP, OTHER_APP, app, p2p, p2t, start_append, sweep_round
from tests.fakes.clock import DAY_MS, START_MS, FakeClock
from tests.fakes.memory_store import MemoryStore

NAMES = ("alice", "bob", "carol")
STRANGER = "mallory"
NEWCOMERS = ("erin", "frank")
RESOURCES = ("phone", "tablet")

users = st.sampled_from(NAMES)
resources = st.sampled_from(RESOURCES)
topic_numbers = st.integers(0, 2)
user_tuples = st.lists(users, max_size=3).map(tuple)


class Send(Struct, frozen=True):
    """A message; ``topic`` None is one-to-one."""

    sender: str
    resource: str
    to_account: str
    topic: int | None
    packet: int
    size: int
    is_store: bool
    copy_to_sender: bool


class Move(Struct, frozen=True):
    """A cursor moved to the position of the n-th message sent so far."""

    user: str
    resource: str
    message: int


class Open(Struct, frozen=True):
    """A device that comes."""

    user: str
    resource: str


class Create(Struct, frozen=True):
    """A new topic."""

    owner: str
    members: tuple[str, ...]


class Change(Struct, frozen=True):
    """A change of a topic, decided on the version at the burst's start plus ``ahead``."""

    topic: int
    ahead: int
    name: str | None
    add: tuple[str, ...]
    remove: tuple[str, ...]


class Dismiss(Struct, frozen=True):
    """The end of a topic."""

    topic: int


class Read(Struct, frozen=True):
    """A page of an inbox."""

    user: str
    after: int
    max_messages: int
    max_bytes: int
    not_before_ms: int


class Tick(Struct, frozen=True):
    """Time that passes."""

    ms: int


class Sweep(Struct, frozen=True):
    """A round of retention."""

    limit: int


class Reopen(Struct, frozen=True):
    """A restart, where there is something to restart."""


Write = Send | Move | Open | Create | Change | Dismiss

sends = st.builds(
    Send,
    sender=st.sampled_from((*NAMES, STRANGER)),
    resource=resources,
    to_account=st.sampled_from((*NAMES, *NEWCOMERS)),
    topic=st.none() | topic_numbers,
    packet=st.integers(0, 12),
    size=st.integers(0, 30),
    is_store=st.booleans(),
    copy_to_sender=st.booleans(),
)
writes = st.one_of(
    sends,
    sends,
    sends,
    st.builds(Move, users, resources, st.integers(0, 20)),
    st.builds(Open, users, resources),
    st.builds(Create, users, user_tuples),
    st.builds(Change, topic_numbers, st.integers(0, 1), st.none() | st.just("n"), user_tuples, user_tuples),
    st.builds(Dismiss, topic_numbers),
)
alone = st.one_of(
    st.builds(
        Read,
        users,
        st.integers(0, 20),
        st.integers(1, 5),
        st.integers(1, 60),
        st.sampled_from((0, START_MS + DAY_MS)),
    ),
    st.builds(Tick, st.sampled_from((1, 3_600_000, DAY_MS, DAY_MS + 1, 5 * DAY_MS, -3_600_000))),
    st.builds(Sweep, st.integers(1, 5)),
    st.builds(Reopen),
)
series = st.lists(st.lists(writes, min_size=1, max_size=8) | alone, min_size=3, max_size=14)


class World:
    """One store under test, and names for the ids that it makes up."""

    def __init__(self, open_store: Callable[[FakeClock], Store], *, can_reopen: bool) -> None:
        self.clock = FakeClock()
        self._open_store = open_store
        self._can_reopen = can_reopen
        self.store: Store
        self.accounts: dict[str, Account] = {}
        self.names: dict[UserId, str] = {}
        self.topics: list[Topic] = []
        self.sequences: list[int] = []

    async def play(self, steps: list[list[Write] | Any]) -> list[Any]:
        """Run the steps and return, in comparable form, everything that was told, and then what is kept."""
        self.store = self._open_store(self.clock)
        try:
            return await self._play(steps)
        finally:
            await self.store.aclose()

    async def _play(self, steps: list[list[Write] | Any]) -> list[Any]:
        for app_id in (APP, OTHER_APP):
            await self.store.save_app(app(app_id, settings=AppSettings(inboxTime=7, msgStorageTime=10)))
        for account in await self.store.ensure_accounts(APP, NAMES):
            self._name(account)
        for account in await self.store.ensure_accounts(OTHER_APP, (STRANGER,)):
            self._name(account)
        told = []
        for step in steps:
            told.append(await (self._burst(step) if isinstance(step, list) else self._alone(step)))
            for app_id in (APP, OTHER_APP):
                for name in (*NAMES, *NEWCOMERS):
                    if (found := await self.store.find_account(app_id, name)) is not None:
                        self._name(found)
        kept = [await self._read(Read(name, 0, 1_000, 2**20, 0)) for name in (*NAMES, *NEWCOMERS)]
        for topic in self.topics:
            kept.append(self._topic(await self.store.find_topic(topic.topic_id)))
        for name in NAMES:
            kept.append([self._topic(t) for t in await self.store.topics_of(self.accounts[name].user_id)])
            for resource in RESOURCES:
                kept.append(await self.store.open_device(self.accounts[name].user_id, resource))
        return [self._plain(item) for item in (*told, *kept)]

    def _name(self, account: Account) -> None:
        is_stranger = account.app_id == OTHER_APP and account.name != STRANGER
        name = f"{account.name} elsewhere" if is_stranger else account.name
        self.accounts[name] = account
        self.names[account.user_id] = name

    async def _burst(self, operations: list[Write]) -> Any:
        known = [
            await self.store.find_topic(topic.topic_id) or msgspec.structs.replace(topic, version=0)
            for topic in self.topics
        ]
        calls: list[asyncio.Future[Any]] = []
        for operation in operations:
            if (call := self._write(operation, known)) is not None:
                calls.append(call)
            await asyncio.sleep(0)  # A call that is a coroutine is made now.
        told = await asyncio.gather(*calls)
        for outcome in told:
            if isinstance(outcome, Commit) and not outcome.is_repeat:
                self.sequences.append(outcome.message.sequence)
            if isinstance(outcome, Topic) and outcome.topic_id not in {t.topic_id for t in self.topics}:
                self.topics.append(outcome)
        return told

    def _write(self, operation: Write, topics: list[Topic]) -> asyncio.Future[Any] | None:
        store = self.store

        def ids_of(names: tuple[str, ...]) -> tuple[UserId, ...]:
            return tuple(self.accounts[name].user_id for name in names)

        match operation:
            case Send():
                sender = self.accounts[operation.sender]
                packet_id = f"packet-{operation.packet}"
                payload = b"x" * operation.size
                if operation.topic is None:
                    draft = p2p(sender, operation.to_account, packet_id, payload=payload)
                else:
                    is_known = operation.topic < len(topics)
                    topic_id = topics[operation.topic].topic_id if is_known else TopicId(1)
                    draft = p2t(sender, topic_id, packet_id, payload=payload)
                draft = msgspec.structs.replace(
                    draft,
                    sender=msgspec.structs.replace(draft.sender, resource=operation.resource),
                    is_store=operation.is_store,
                    copy_to_sender=operation.copy_to_sender,
                )
                return start_append(store, draft)
            case Move():
                if operation.message < len(self.sequences):
                    position = Position(self.sequences[operation.message])
                    store.move_cursor(self.accounts[operation.user].user_id, operation.resource, position)
                return None
            case Open():
                user_id = self.accounts[operation.user].user_id
                return asyncio.ensure_future(store.open_device(user_id, operation.resource))
            case Create():
                (owner,) = ids_of((operation.owner,))
                return asyncio.ensure_future(
                    store.create_topic(APP, owner, ids_of(operation.members), name="", extra="")
                )
            case Change() if operation.topic < len(topics):
                topic = topics[operation.topic]
                change = TopicChange(
                    name=operation.name,
                    add=ids_of(operation.add),
                    remove=tuple(user for user in ids_of(operation.remove) if user != topic.owner_id),
                )
                return asyncio.ensure_future(
                    store.change_topic(topic.topic_id, topic.version + operation.ahead, change)
                )
            case Dismiss() if operation.topic < len(topics):
                topic = topics[operation.topic]
                return asyncio.ensure_future(store.delete_topic(topic.topic_id, topic.version))
            case _:
                return None

    async def _alone(self, step: Any) -> Any:
        match step:
            case Read():
                return await self._read(step)
            case Tick():
                self.clock.advance(step.ms)
            case Sweep():
                await sweep_round(self.store, step.limit)
            case Reopen() if self._can_reopen:
                await self.store.aclose()
                self.store = self._open_store(self.clock)
        return None

    async def _read(self, read: Read) -> Any:
        account = self.accounts.get(read.user)
        if account is None:
            return None
        after = self.sequences[read.after - 1] if 0 < read.after <= len(self.sequences) else 0
        return await self.store.read_inbox(
            account.user_id,
            Position(after),
            not_before_ms=read.not_before_ms,
            max_messages=read.max_messages,
            max_bytes=read.max_bytes,
        )

    def _plain(self, value: Any) -> Any:
        """Return a value with names in place of the ids that the store made up."""
        match value:
            case Commit():
                recipients = sorted((self.names[user_id], position) for user_id, position in value.recipients)
                return (self._plain(value.message), value.is_repeat, recipients)
            case Message():
                return (
                    value.sequence,
                    value.kind,
                    self.names[value.sender.user_id],
                    value.sender.resource,
                    self.names.get(value.to_user_id),
                    value.to_account,
                    self._number_of(value.topic_id),
                    value.packet_id,
                    value.payload,
                    value.is_store,
                )
            case Topic():
                return self._topic(value)
            case Exception():
                return type(value)
            case Struct():
                return [self._plain(getattr(value, field)) for field in value.__struct_fields__]
            case list() | tuple():
                return [self._plain(item) for item in value]
            case _:
                return value

    def _number_of(self, topic_id: TopicId) -> int | None:
        return next((number for number, topic in enumerate(self.topics) if topic.topic_id == topic_id), None)

    def _topic(self, topic: Topic | None) -> Any:
        if topic is None:
            return None
        members = [member.account for member in topic.members]
        return (self._number_of(topic.topic_id), self.names[topic.owner_id], topic.name, topic.version, members)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(series)
def test_stores_agree(steps: list[Any]) -> None:
    """Outcomes, sequences, recipients, inboxes, topics and cursors, over restarts and rounds of retention."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "openmimc.db"
        sqlite = World(lambda clock: SqliteStore.open(path, clock=clock), can_reopen=True)
        memory = World(MemoryStore, can_reopen=False)

        assert asyncio.run(sqlite.play(steps)) == asyncio.run(memory.play(steps))
