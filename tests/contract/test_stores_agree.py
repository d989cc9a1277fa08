"""The fake and the real store, told the same series of operations, tell and keep the same."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from openmimc.domain.ports import Store
from openmimc.errors import DomainError
from openmimc.model.app import Account, AppSettings
from openmimc.model.callback import CallbackEvent, CallbackState, EventId
from openmimc.model.contact import Contact
from openmimc.model.group import Group, GroupChange, GroupCursor, GroupMember, GroupPlace
from openmimc.model.history import Conversation
from openmimc.model.ids import Position, Sequence, TopicId, UserId
from openmimc.model.message import CallbackWish, Commit, Draft, Message
from openmimc.model.topic import Topic, TopicChange
from openmimc.store.sqlite import SqliteStore
from tests.contract.drafts import APP, OTHER_APP, app, p2p, p2t, start_append, sweep_round, uc
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
    """A message to a topic or unlimited group; with both None it is one-to-one."""

    sender: str
    resource: str
    to_account: str
    topic: int | None
    group: int | None
    packet: int
    size: int
    is_store: bool
    copy_to_sender: bool
    as_app: bool
    callbacks: CallbackWish
    wants_index: bool


class Together(Struct, frozen=True):
    """Messages of one sender, all or none."""

    sends: tuple[Send, ...]


class Block(Struct, frozen=True):
    """A user blocked, or unblocked, by another."""

    user: str
    blocked: str
    is_on: bool


class Ban(Struct, frozen=True):
    """A user banned, let in again, or whose tokens are revoked."""

    user: str
    is_banned: bool | None
    revoke_tokens: bool


class Hide(Struct, frozen=True):
    """A contact deleted; ``topic`` None is the other user."""

    user: str
    peer: str
    topic: int | None


class Bind(Struct, frozen=True):
    """Who has a device bound from now on."""

    users: tuple[str, ...]


class Settle(Struct, frozen=True):
    """An attempt to deliver the n-th of the callbacks due."""

    number: int
    delivered: bool
    retry_in_ms: int | None


class Replay(Struct, frozen=True):
    """Dead callbacks that wait again: all, or the first."""

    is_all: bool


class Due(Struct, frozen=True):
    """A look at the outbox."""

    is_busy: bool
    limit_per_app: int
    limit: int


class Ask(Struct, frozen=True):
    """A page of history; ``topic`` None is the conversation with ``peer``."""

    user: str
    peer: str
    topic: int | None
    group: int | None
    start: int
    stop: int
    limit: int
    newest: bool


class Contacts(Struct, frozen=True):
    """A look at somebody's contacts."""

    user: str
    not_before_ms: int
    limit: int


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


class Found(Struct, frozen=True):
    """A new unlimited group."""

    owner: str


class Join(Struct, frozen=True):
    """A user who comes to an unlimited group, or leaves it."""

    group: int
    user: str
    is_on: bool


class Disband(Struct, frozen=True):
    """The end of an unlimited group."""

    group: int


class Mute(Struct, frozen=True):
    """A member of an unlimited group muted for so long, or not any more."""

    group: int
    user: str
    for_ms: int


class GroupMoves(Struct, frozen=True):
    """Cursors of a user's devices moved to the sequences of the n-th messages sent so far."""

    group: int
    user: str
    moves: tuple[tuple[str, int], ...]


class Log(Struct, frozen=True):
    """A look at an unlimited group's log."""

    group: int
    after: int
    limit: int
    max_bytes: int
    not_before_ms: int


class Measure(Struct, frozen=True):
    """A look at how much waits for a device."""

    user: str
    resource: str
    after: int
    more_than: int
    not_before_ms: int


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


GroupWrite = Found | Join | Disband | Mute | GroupMoves
Write = Send | Together | Block | Ban | Hide | Move | Open | Create | Change | Dismiss | GroupWrite

sends = st.builds(
    Send,
    sender=st.sampled_from((*NAMES, STRANGER)),
    resource=resources,
    to_account=st.sampled_from((*NAMES, *NEWCOMERS)),
    topic=st.none() | topic_numbers,
    group=st.none() | st.none() | topic_numbers,
    packet=st.integers(0, 12),
    size=st.integers(0, 30),
    is_store=st.booleans(),
    copy_to_sender=st.booleans(),
    as_app=st.booleans(),
    callbacks=st.builds(CallbackWish, st.booleans(), st.booleans(), st.integers(0, 6)),
    wants_index=st.booleans(),
)
togethers = st.builds(
    lambda sends, sender: Together(tuple(msgspec.structs.replace(send, sender=sender) for send in sends)),
    st.lists(sends, min_size=1, max_size=3),
    users,
)
group_writes = st.one_of(
    st.builds(Found, users),
    st.builds(Join, topic_numbers, st.sampled_from((*NAMES, STRANGER)), st.booleans()),
    st.builds(Join, topic_numbers, users, st.just(True)),
    st.builds(Disband, topic_numbers),
    st.builds(Mute, topic_numbers, users, st.sampled_from((0, 60_000, 2 * DAY_MS, -60_000))),
    st.builds(
        GroupMoves,
        topic_numbers,
        users,
        st.lists(st.tuples(resources, st.integers(0, 20)), max_size=3).map(tuple),
    ),
)
writes = st.one_of(
    sends,
    sends,
    sends,
    togethers,
    st.builds(Block, users, users, st.booleans()),
    st.builds(Ban, users, st.none() | st.booleans(), st.booleans()),
    st.builds(Hide, users, users, st.none() | topic_numbers),
    st.builds(Move, users, resources, st.integers(0, 20)),
    st.builds(Open, users, resources),
    st.builds(Create, users, user_tuples),
    st.builds(Change, topic_numbers, st.integers(0, 1), st.none() | st.just("n"), user_tuples, user_tuples),
    st.builds(Dismiss, topic_numbers),
    group_writes,
    group_writes,
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
    st.builds(Bind, user_tuples),
    st.builds(Settle, st.integers(0, 3), st.booleans(), st.sampled_from((None, 0, 1, 10 * DAY_MS))),
    st.builds(Replay, st.booleans()),
    st.builds(Due, st.booleans(), st.integers(1, 4), st.integers(1, 6)),
    st.builds(
        Ask,
        users,
        users,
        st.none() | topic_numbers,
        st.none() | topic_numbers,
        st.integers(0, 20),
        st.integers(0, 20),
        st.integers(1, 4),
        st.booleans(),
    ),
    st.builds(
        Log,
        topic_numbers,
        st.integers(0, 20),
        st.integers(1, 4),
        st.integers(1, 60),
        st.sampled_from((0, START_MS + DAY_MS)),
    ),
    st.builds(
        Measure,
        users,
        resources,
        st.integers(0, 20),
        st.integers(0, 4),
        st.sampled_from((0, START_MS + DAY_MS)),
    ),
    st.builds(Contacts, users, st.sampled_from((0, START_MS + DAY_MS)), st.integers(1, 4)),
)
series = st.lists(st.lists(writes, min_size=1, max_size=12) | alone, min_size=4, max_size=16)


class Bound:
    """Presence that the test sets; asked from the store's thread too."""

    def __init__(self) -> None:
        self.user_ids: frozenset[UserId] = frozenset()

    def is_bound(self, user_id: UserId) -> bool:
        return user_id in self.user_ids


class World:
    """One store under test, and names for the ids that it makes up."""

    def __init__(self, open_store: Callable[[FakeClock], Store], *, can_reopen: bool) -> None:
        self.clock = FakeClock()
        self._open_store = open_store
        self._can_reopen = can_reopen
        self.presence = Bound()
        self.store: Store
        self.accounts: dict[str, Account] = {}
        self.names: dict[UserId, str] = {}
        self.topics: list[Topic] = []
        self.groups: list[TopicId] = []
        self.changes: list[GroupChange] = []
        self.sequences: list[int] = []

    async def play(self, steps: list[list[Write] | Any]) -> list[Any]:
        """Run the steps and return, in comparable form, everything that was told, and then what is kept."""
        self._open()
        try:
            return await self._play(steps)
        finally:
            await self.store.aclose()

    def _open(self) -> None:
        self.store = self._open_store(self.clock)
        self.store.set_presence(self.presence)

    async def _play(self, steps: list[list[Write] | Any]) -> list[Any]:
        times = AppSettings(inboxTime=7, msgStorageTime=10)
        await self.store.save_app(app(APP, settings=times))
        await self.store.save_app(
            app(OTHER_APP, settings=msgspec.structs.replace(times, uuidTTL=3 * DAY_MS // 1000))
        )
        for account in await self.store.ensure_accounts(APP, NAMES):
            self._name(account)
        for account in await self.store.ensure_accounts(OTHER_APP, (STRANGER,)):
            self._name(account)
        await self._burst([Found("alice"), Found("bob")])
        await self._burst([Join(0, "bob", True)])
        told = []
        for step in steps:
            told.append(await (self._burst(step) if isinstance(step, list) else self._alone(step)))
            await self.store.ensure_accounts(OTHER_APP, (STRANGER,))  # A temporary one: may have gone.
            for app_id in (APP, OTHER_APP):
                for name in (*NAMES, *NEWCOMERS, STRANGER):
                    if (found := await self.store.find_account(app_id, name)) is not None:
                        self._name(found)
        kept = [await self._read(Read(name, 0, 1_000, 2**20, 0)) for name in (*NAMES, *NEWCOMERS)]
        for topic in self.topics:
            kept.append(self._topic(await self.store.find_topic(topic.topic_id)))
        for name in NAMES:
            kept.append([self._topic(t) for t in await self.store.topics_of(self.accounts[name].user_id)])
            for resource in RESOURCES:
                kept.append(await self.store.open_device(self.accounts[name].user_id, resource))
            kept.append(await self._contacts(Contacts(name, 0, 100)))
            for peer in NAMES:
                kept.append(await self._ask(Ask(name, peer, None, None, 0, 0, 100, False)))
        for number in range(len(self.topics)):
            kept.append(await self._ask(Ask("alice", "bob", number, None, 0, 0, 100, True)))
        kept.append(await self._groups())
        for app_id in (APP, OTHER_APP):
            for state in CallbackState:
                kept.append(await self.store.list_callbacks(app_id, state, after=EventId(0), limit=100))
        kept.append(sorted((await self.store.count_callbacks()).items()))
        kept.append(await self._insight())
        return [self._plain(item) for item in (*told, *kept, self.changes)]

    async def _insight(self) -> list[Any]:
        """What operators are shown."""
        store = self.store
        kept: list[Any] = [
            await store.count_messages(app_id, from_ms=0, to_ms=2**53) for app_id in (APP, OTHER_APP)
        ]
        kept.append(await store.search_accounts(APP, "", after="alice", limit=2))
        for name in NAMES:
            kept.append(await store.devices_of(self.accounts[name].user_id))
        _, revoked = await store.revoked_since(0)
        kept.append([self.names[user_id] for user_id in revoked])
        kept.append(
            sorted(str(self._plain(entry)) for entry in await store.list_topics(APP, after=TopicId(0), limit=9))
        )
        kept.append(
            sorted(str(self._plain(entry)) for entry in await store.list_groups(APP, after=TopicId(0), limit=9))
        )
        for sequence in self.sequences:
            message = await store.find_message(Sequence(sequence))
            kept.append(message)
            if message is not None:
                kept.append(await store.holders_of(message))
                kept.append(await store.callbacks_of(message.sequence))
        for packet in range(13):
            kept.append(await store.find_packets(APP, f"packet-{packet}", 3))
        return kept

    async def _groups(self) -> list[Any]:
        """All that is kept of unlimited groups."""
        kept: list[Any] = []
        for number, group_id in enumerate(self.groups):
            kept.append(await self.store.find_group(group_id))
            members = await self.store.group_members(group_id, after=UserId(0), limit=100)
            kept.append(sorted((member.account, member.muted_until_s) for member in members))
            kept.append(await self.store.find_group_member(group_id, self.accounts["alice"].user_id))
            kept.append(await self._log(Log(number, 0, 100, 2**20, 0)))
            kept.append(await self._ask(Ask("alice", "bob", None, number, 0, 0, 100, True)))
        for name in NAMES:
            user_id = self.accounts[name].user_id
            kept.append([self._group_number_of(group_id) for group_id in await self.store.groups_of(user_id)])
            for resource in RESOURCES:
                kept.append(await self.store.group_places(user_id, resource))
        return kept

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
            for commit in outcome if isinstance(outcome, tuple) else (outcome,):
                if isinstance(commit, Commit) and not commit.is_repeat:
                    self.sequences.append(commit.message.sequence)
            if isinstance(outcome, Topic) and outcome.topic_id not in {t.topic_id for t in self.topics}:
                self.topics.append(outcome)
            if isinstance(outcome, Group):
                self.groups.append(outcome.group_id)
        return told

    def _write(self, operation: Write, topics: list[Topic]) -> asyncio.Future[Any] | None:
        store = self.store

        def ids_of(names: tuple[str, ...]) -> tuple[UserId, ...]:
            return tuple(self.accounts[name].user_id for name in names)

        match operation:
            case Send():
                return start_append(store, self._draft(operation, topics))
            case Together():
                drafts = tuple(self._draft(send, topics) for send in operation.sends)
                return asyncio.ensure_future(_outcome_of(store.append_together(drafts)))
            case Block():
                user_id, blocked = ids_of((operation.user, operation.blocked))
                change = store.block if operation.is_on else store.unblock
                return asyncio.ensure_future(change(user_id, blocked))
            case Ban():
                user_id = self.accounts[operation.user].user_id
                return asyncio.ensure_future(
                    store.change_account(
                        user_id, is_banned=operation.is_banned, revoke_tokens=operation.revoke_tokens
                    )
                )
            case Hide():
                conversation = self._conversation(operation.user, operation.peer, operation.topic)
                user_id = self.accounts[operation.user].user_id
                return asyncio.ensure_future(store.delete_contact(user_id, conversation))
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
                topic_change = TopicChange(
                    name=operation.name,
                    add=ids_of(operation.add),
                    remove=tuple(user for user in ids_of(operation.remove) if user != topic.owner_id),
                )
                return asyncio.ensure_future(
                    store.change_topic(topic.topic_id, topic.version + operation.ahead, topic_change)
                )
            case Dismiss() if operation.topic < len(topics):
                topic = topics[operation.topic]
                return asyncio.ensure_future(store.delete_topic(topic.topic_id, topic.version))
            case Found() | Join() | Disband() | Mute() | GroupMoves():
                return self._write_group(operation)
            case _:
                return None

    def _write_group(self, operation: GroupWrite) -> asyncio.Future[Any]:
        store, told = self.store, self.changes.append
        if isinstance(operation, Found):
            owner = self.accounts[operation.owner].user_id
            return asyncio.ensure_future(
                _outcome_of(store.create_group(APP, owner, name="n", extra="e", on_change=told))
            )
        group_id = self._group_id(operation.group)
        if isinstance(operation, Disband):
            return asyncio.ensure_future(store.delete_group(group_id, told))
        account = self.accounts[operation.user]
        if isinstance(operation, Join):
            change = store.join_group if operation.is_on else store.leave_group
            return asyncio.ensure_future(_outcome_of(change(group_id, account.user_id, account.app_id, told)))
        if isinstance(operation, Mute):
            until_s = (self.clock.now_ms() + operation.for_ms) // 1000 if operation.for_ms else 0
            return asyncio.ensure_future(store.mute_group_member(group_id, account.user_id, until_s))
        cursors = tuple(
            GroupCursor(group_id, account.user_id, resource, Sequence(self.sequences[message]))
            for resource, message in operation.moves
            if message < len(self.sequences)
        )
        return asyncio.ensure_future(store.move_group_cursors(cursors))

    def _draft(self, send: Send, topics: list[Topic]) -> Draft:
        sender = self.accounts[send.sender]
        packet_id = f"packet-{send.packet}"
        payload = b"x" * send.size
        if send.group is not None:
            draft = uc(sender, self._group_id(send.group), packet_id, payload=payload)
        elif send.topic is None:
            draft = p2p(sender, send.to_account, packet_id, payload=payload)
        else:
            topic_id = topics[send.topic].topic_id if send.topic < len(topics) else TopicId(1)
            draft = p2t(sender, topic_id, packet_id, payload=payload)
        return msgspec.structs.replace(
            draft,
            sender=msgspec.structs.replace(draft.sender, resource=send.resource),
            is_store=send.is_store,
            copy_to_sender=send.copy_to_sender,
            as_app=send.as_app,
            callbacks=send.callbacks,
            wants_index=send.wants_index,
        )

    def _group_id(self, number: int) -> TopicId:
        return self.groups[number] if number < len(self.groups) else TopicId(1)

    def _conversation(self, user: str, peer: str, topic: int | None) -> Conversation:
        if topic is None:
            return Conversation.between(self.accounts[user].user_id, self.accounts[peer].user_id)
        return Conversation.of_topic(self.topics[topic].topic_id if topic < len(self.topics) else TopicId(1))

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
                self._open()
            case Bind():
                self.presence.user_ids = frozenset(self.accounts[name].user_id for name in step.users)
            case Settle():
                return await self._settle(step)
            case Replay():
                return await self._replay(step)
            case Due():
                busy = frozenset({APP} if step.is_busy else ())
                return await self.store.due_callbacks(
                    self.clock.now_ms(), busy=busy, limit_per_app=step.limit_per_app, limit=step.limit
                )
            case Ask():
                return await self._ask(step)
            case Contacts():
                return await self._contacts(step)
            case Log():
                return await self._log(step)
            case Measure():
                return await self.store.measure_backlog(
                    self.accounts[step.user].user_id,
                    step.resource,
                    Position(self._sequence(step.after, 0)),
                    not_before_ms=step.not_before_ms,
                    more_than=step.more_than,
                )
        return None

    def _sequence(self, number: int, otherwise: int) -> Sequence:
        """The sequence of a message sent so far, numbered from 1."""
        return Sequence(self.sequences[number - 1] if 0 < number <= len(self.sequences) else otherwise)

    async def _log(self, log: Log) -> Any:
        return await self.store.read_group(
            self._group_id(log.group),
            after=self._sequence(log.after, 0),
            not_before_ms=log.not_before_ms,
            limit=log.limit,
            max_bytes=log.max_bytes,
        )

    async def _settle(self, step: Settle) -> Any:
        events = await self.store.due_callbacks(self.clock.now_ms(), busy=frozenset(), limit_per_app=4, limit=4)
        if step.number < len(events):
            retry_at_ms = None if step.retry_in_ms is None else self.clock.now_ms() + step.retry_in_ms
            event_id = events[step.number].event_id
            await self.store.settle_callback(
                event_id, delivered=step.delivered, error="500", retry_at_ms=retry_at_ms
            )
        return events

    async def _replay(self, step: Replay) -> Any:
        event_ids = None
        if not step.is_all:
            dead = await self.store.list_callbacks(APP, CallbackState.DEAD, after=EventId(0), limit=1)
            event_ids = tuple(event.event_id for event in dead)
        return await self.store.replay_callbacks(APP, event_ids, self.clock.now_ms())

    async def _ask(self, ask: Ask) -> Any:
        conversation = (
            self._conversation(ask.user, ask.peer, ask.topic)
            if ask.group is None
            else Conversation.of_group(self._group_id(ask.group))
        )
        return await self.store.read_history(
            conversation,
            start=self._sequence(ask.start, 0),
            stop=self._sequence(ask.stop, 2**62),
            limit=ask.limit,
            newest=ask.newest,
        )

    async def _contacts(self, look: Contacts) -> Any:
        return await self.store.contacts_of(
            self.accounts[look.user].user_id, not_before_ms=look.not_before_ms, limit=look.limit
        )

    async def _read(self, read: Read) -> Any:
        account = self.accounts.get(read.user)
        if account is None:
            return None
        return await self.store.read_inbox(
            account.user_id,
            Position(self._sequence(read.after, 0)),
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
                    self._group_number_of(value.topic_id),
                    value.packet_id,
                    value.payload,
                    value.is_store,
                    value.index,
                )
            case Group():
                number = self._group_number_of(value.group_id)
                return (number, self.names[value.owner_id], *msgspec.structs.astuple(value)[3:])
            case GroupChange():
                user = self.names.get(value.user_id)
                return (value.kind, self._group_number_of(value.group_id), user, value.sequence)
            case GroupPlace():
                return (self._group_number_of(value.group_id), value.joined, value.cursor, value.last)
            case Account():
                # Not ``names``: one that comes back after its time is another.
                return (value.name, value.token_generation, value.is_banned)
            case GroupMember():
                return (self.names[value.user_id], value.account, value.muted_until_s)
            case Topic():
                return self._topic(value)
            case Contact():
                name = self.names.get(value.user_id)
                return (name, self._number_of(value.topic_id), value.name, self._plain(value.last_message))
            case CallbackEvent():
                # The numbers of events are each store's own; their order is not, and shows in lists.
                return self._plain(msgspec.structs.astuple(value)[1:])
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

    def _group_number_of(self, group_id: TopicId) -> int | None:
        return self.groups.index(group_id) if group_id in self.groups else None

    def _topic(self, topic: Topic | None) -> Any:
        if topic is None:
            return None
        members = [member.account for member in topic.members]
        return (self._number_of(topic.topic_id), self.names[topic.owner_id], topic.name, topic.version, members)


async def _outcome_of(call: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await call
    except DomainError as refusal:
        return refusal


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(series)
def test_stores_agree(steps: list[Any]) -> None:
    """All that is told and kept, over restarts and rounds of retention."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "openmimc.db"
        sqlite = World(lambda clock: SqliteStore.open(path, clock=clock), can_reopen=True)
        memory = World(MemoryStore, can_reopen=False)

        assert asyncio.run(sqlite.play(steps)) == asyncio.run(memory.play(steps))
