"""What the rules need from the outside, each with the guarantee that the rules lean on.

Every store method may raise ``Unavailable``: then nothing is known to have happened, and repeating is safe.
All callbacks and awaitables complete on the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from openmimc.errors import DomainError, Unavailable
from openmimc.model.app import Account, App
from openmimc.model.callback import CallbackEvent, CallbackState, EventId
from openmimc.model.contact import Contact
from openmimc.model.group import Group, GroupChange, GroupCursor, GroupMember, GroupPlace
from openmimc.model.history import Conversation, HistoryPage
from openmimc.model.ids import AppId, Position, Sequence, TopicId, UserId
from openmimc.model.insight import CallbackAttempt, ConnectionInfo, Device, HourCount, Revocation
from openmimc.model.message import Backlog, Commit, Draft, InboxPage, Message
from openmimc.model.online import OnlineMessage, OnlineReceipt
from openmimc.model.operator import Operator, OperatorSession
from openmimc.model.topic import Topic, TopicChange

OnCommit = Callable[[Commit | DomainError | Unavailable], None]
"""Told once what an append came to."""


class Clock(Protocol):
    """The time of day."""

    def now_ms(self) -> int:
        """UTC epoch milliseconds; may go back when the operator sets the clock."""


class MessageStore(Protocol):
    """Messages and inboxes."""

    def append(self, draft: Draft, on_commit: OnCommit) -> None:
        """Store a message, give it its sequence, and put it into every recipient's inbox: all or nothing.

        Appends take effect in the order of the calls, and ``on_commit`` is called in that order, after the
        message is on disk. A recipient account that does not exist is created in the same transaction.

        A packet id that the same user had stored within the last 24 hours (by the server's clock) stores
        nothing and yields the first message. A refused draft stores nothing, not even its packet id.

        A sender gets the message in their own inbox when it is addressed to them, or when
        ``draft.copy_to_sender`` is set and they have a device other than ``draft.sender.resource``.
        A topic's members, without the sender, get it in theirs.

        A topic's membership is not asked for where ``draft.as_app`` is set.

        ``draft.callbacks`` says which callbacks are put down, in the same transaction. Offline means that
        ``Presence`` knows no bound device of the recipient at the time of the commit; an offline callback of a
        topic names the members without one, and is not put down when there is none.

        A message to an unlimited group goes into the group's log, which is the conversation's rows of the same
        table, and into nobody's inbox; it causes no callbacks.

        ``draft.wants_index`` gives the message the next number of its conversation: of its pair of users, or of
        its topic. Numbers start at 1 and have no gaps. A repeat has the first message's.

        ``on_commit`` receives ``NoSuchTopic`` (topic or group unknown, or of another app), ``NotAMember``,
        ``Muted`` (unlimited groups only), ``SenderBlocked`` (one-to-one only) or ``Unavailable`` instead of a
        commit.
        """

    async def append_together(
        self, drafts: tuple[Draft, ...], on_commit: Callable[[Commit], None] | None = None
    ) -> tuple[Commit, ...]:
        """Store messages of one sender in one transaction: all of them or none.

        Otherwise as ``append``, and in one order with it: ``on_commit`` is called with each commit between
        those of the appends before and after, even if nobody awaits the outcome any more.

        Raises:
            NoSuchTopic, NotAMember, Muted, SenderBlocked: The first refusal; nothing was stored.
        """

    async def read_inbox(
        self, user_id: UserId, after: Position, *, not_before_ms: int, max_messages: int, max_bytes: int
    ) -> InboxPage:
        """Read one user's inbox beyond a position, oldest first.

        Everything committed before the call is seen. Messages older than ``not_before_ms`` are passed over.
        The page ends before payloads sum up to more than ``max_bytes``, but holds one message at least when
        there is one.
        """

    async def measure_backlog(
        self, user_id: UserId, resource: str, after: Position, *, not_before_ms: int, more_than: int
    ) -> Backlog | None:
        """Find out whether more than so many messages wait for a device beyond a position.

        Those that the device sent itself, to somebody else, do not count, nor do those older than
        ``not_before_ms``. Costs no more than reading about ``more_than`` narrow rows while they are fewer.

        Returns:
            The first and the last message of the backlog; None if there are at most ``more_than``.
        """

    async def find_message(self, sequence: Sequence) -> Message | None:
        """Look a message up, ``is_store`` or not."""

    async def find_packets(self, app_id: AppId, packet_id: str, limit: int) -> tuple[Message, ...]:
        """Messages of an app with this packet id, newest first, among its newest 200,000 at the least."""

    async def holders_of(self, message: Message) -> tuple[tuple[Account, Position], ...]:
        """The accounts in whose inbox a message lies now, by name, each with its position there.

        There are none for a message to an unlimited group. Of a topic only its present members are looked at.
        """


class DeviceStore(Protocol):
    """Devices (user and resource) and their cursors."""

    async def open_device(self, user_id: UserId, resource: str) -> Position:
        """Return the device's cursor; make the device known first if it is not.

        A new device starts at the greatest cursor among the user's devices (0 if there is none), so it
        receives what no device of the user has acknowledged. On disk when this returns.
        """

    def move_cursor(self, user_id: UserId, resource: str, position: Position) -> None:
        """Move a device's cursor forward; a lower position changes nothing.

        Returns at once and is on disk soon after: losing it in a crash costs a repeated delivery, never a
        message. A device that is not known is left unknown.
        """

    async def devices_of(self, user_id: UserId) -> tuple[Device, ...]:
        """The devices of a user, the one seen last first."""


class AccountStore(Protocol):
    """Accounts."""

    async def find_account(self, app_id: AppId, name: str) -> Account | None:
        """Look an account up; create nothing."""

    async def ensure_accounts(self, app_id: AppId, names: tuple[str, ...]) -> tuple[Account, ...]:
        """Return the accounts of these names, in order, creating those that do not exist.

        All or none are created. On disk when this returns.
        """

    async def change_account(
        self, user_id: UserId, *, is_banned: bool | None = None, revoke_tokens: bool = False
    ) -> Account | None:
        """Ban or unban an account, or raise its token generation; None if there is no such account.

        A ban and a revocation are told by ``revoked_since``, to other processes too.
        """

    async def search_accounts(
        self, app_id: AppId, prefix: str, *, after: str, limit: int
    ) -> tuple[Account, ...]:
        """At most ``limit`` accounts whose names begin with ``prefix``, behind ``after``, by their bytes."""

    async def revoked_since(self, number: int) -> tuple[int, tuple[UserId, ...]]:
        """Whose tokens became void by bans and revocations behind a number, and the number to ask with next.

        A negative number yields nobody, and the number of now. What is older than a day may be forgotten.
        """


class AppsSnapshot(Struct, frozen=True):
    """All apps as of one version."""

    version: int
    apps: tuple[App, ...]


class AppStore(Protocol):
    """Apps. Other processes (the command line) may change them on the same store at any time."""

    async def load_apps(self, known_version: int | None) -> AppsSnapshot | None:
        """Return all apps if they are not at ``known_version`` any more, else None."""

    async def save_app(self, app: App) -> None:
        """Create the app, or replace the one with its id. On disk when this returns."""

    async def delete_app(self, app_id: AppId) -> bool:
        """Remove an app; False if there is none. Its accounts, topics and messages are swept away later."""


class TopicStore(Protocol):
    """Ordinary groups."""

    async def create_topic(
        self, app_id: AppId, owner: UserId, members: tuple[UserId, ...], *, name: str, extra: str
    ) -> Topic:
        """Create a topic with the owner and, after them, ``members`` in this order (repeats are harmless)."""

    async def find_topic(self, topic_id: TopicId) -> Topic | None:
        """Look a topic up, members included. Everything committed before the call is seen."""

    async def list_topics(self, app_id: AppId, *, after: TopicId, limit: int) -> tuple[tuple[Topic, int], ...]:
        """Topics of an app with greater ids than ``after``, ascending; ``members`` holds the owner alone.

        Each with how many members it has.
        """

    async def topics_of(self, user_id: UserId) -> tuple[Topic, ...]:
        """The topics a user is in, in the order of joining; ``members`` holds the owner alone."""

    async def change_topic(self, topic_id: TopicId, version: int, change: TopicChange) -> Topic | None:
        """Apply a change that was decided on at ``version``; None if the topic has moved on since.

        Messages appended after this returns go to the new members; those appended before, to the old ones.
        """

    async def delete_topic(self, topic_id: TopicId, version: int) -> bool:
        """Remove a topic that is still at ``version``; False if it is not. Its messages stay in inboxes."""


OnGroupChange = Callable[[GroupChange], None]
"""Told once of a committed change, in one order with what appends are told."""


class GroupStore(Protocol):
    """Unlimited groups. Each has one log; who is in it is a narrow row per member, written on coming and going.

    Changes take effect in the order of the calls, and in one order with appends: a message appended before a
    change is judged by the members before it, one appended after it by those after it.
    """

    async def create_group(
        self, app_id: AppId, owner: UserId, *, name: str, extra: str, on_change: OnGroupChange
    ) -> Group:
        """Create a group whose first member is its owner. ``on_change`` is told of the owner's coming."""

    async def find_group(self, group_id: TopicId) -> Group | None:
        """Look a group up. Everything committed before the call is seen."""

    async def list_groups(self, app_id: AppId, *, after: TopicId, limit: int) -> tuple[Group, ...]:
        """Groups of an app with greater ids than ``after``, ascending."""

    async def find_group_member(self, group_id: TopicId, user_id: UserId) -> GroupMember | None:
        """Look a member up; None if the group does not exist or the user is not in it."""

    async def groups_of(self, user_id: UserId) -> tuple[TopicId, ...]:
        """The groups a user is in, in the order of joining."""

    async def group_members(self, group_id: TopicId, *, after: UserId, limit: int) -> tuple[GroupMember, ...]:
        """At most ``limit`` members with greater user ids than ``after``, by ascending user id."""

    def join_group(
        self, group_id: TopicId, user_id: UserId, app_id: AppId, on_change: OnGroupChange
    ) -> Awaitable[None]:
        """Make a user a member; fine if they are, but then ``on_change`` is not told and nothing changes.

        It takes its place in the order of changes at the call, not when it is awaited.

        Raises:
            NoSuchTopic: No such group, or another app's.
        """

    def leave_group(
        self, group_id: TopicId, user_id: UserId, app_id: AppId, on_change: OnGroupChange
    ) -> Awaitable[None]:
        """Take a user, and the cursors of their devices, out of a group; fine if they are not in it.

        Order, and what ``on_change`` is told, as for ``join_group``.

        A member who is muted stays muted: coming back before that time is over does not lift it.

        Raises:
            NoSuchTopic: No such group, or another app's.
        """

    async def delete_group(self, group_id: TopicId, on_change: OnGroupChange) -> bool:
        """Remove a group, its members and cursors; False if there is none. Its messages stay until swept."""

    async def mute_group_member(self, group_id: TopicId, user_id: UserId, until_s: int) -> bool:
        """Let a member not talk before a time (UTC epoch seconds, 0 to lift it); False if not a member."""

    async def group_places(self, user_id: UserId, resource: str) -> tuple[GroupPlace, ...]:
        """Where a device is in every group of its user."""

    async def read_group(
        self, group_id: TopicId, *, after: Sequence, not_before_ms: int, limit: int, max_bytes: int
    ) -> tuple[Message, ...]:
        """The newest messages of a group's log beyond a sequence, ascending, ``is_store`` or not.

        At most ``limit``, of at most ``max_bytes`` of payload together (but one at least if there is one), and
        none older than ``not_before_ms``. Everything committed before the call is seen.
        """

    async def move_group_cursors(self, cursors: tuple[GroupCursor, ...]) -> None:
        """Set devices' cursors in one transaction; lower ones, and users who left, are passed over.

        Makes a cursor for a device that has none.
        """


class HistoryStore(Protocol):
    """What was said, for as long as the app keeps it. Messages without ``is_store`` never show."""

    async def read_history(
        self, conversation: Conversation, *, start: Sequence, stop: Sequence, limit: int, newest: bool
    ) -> HistoryPage:
        """Read messages with ``start <= sequence < stop``, ascending; at most ``limit``.

        Of more than that, the first are returned, or the last if ``newest``. Everything committed before the
        call is seen. An index leads to the first row whatever the store holds.
        """


class ContactStore(Protocol):
    """Recent contacts."""

    async def contacts_of(self, user_id: UserId, *, not_before_ms: int, limit: int) -> tuple[Contact, ...]:
        """The conversations a user takes part in now, newest first.

        A conversation of two counts for both as soon as one has written, a topic for its members. Those whose
        last stored message is older than ``not_before_ms``, and those deleted and silent since, are left out.
        """

    async def delete_contact(self, user_id: UserId, conversation: Conversation) -> None:
        """Hide a conversation from the user's contacts until its next message; fine for an unknown one."""


class BlacklistStore(Protocol):
    """Who wants to hear nothing from whom."""

    async def block(self, user_id: UserId, blocked: UserId) -> None:
        """From the next append on, ``blocked`` cannot write to ``user_id``. Repeating it is fine."""

    async def unblock(self, user_id: UserId, blocked: UserId) -> None:
        """Undo ``block``; fine if there was none."""

    async def is_blocked(self, user_id: UserId, blocked: UserId) -> bool:
        """Whether ``block`` is in force."""


class CallbackStore(Protocol):
    """The outbox of callbacks. What is put down by an append stays until it is settled."""

    async def due_callbacks(
        self, now_ms: int, *, busy: frozenset[AppId], limit_per_app: int, limit: int
    ) -> tuple[CallbackEvent, ...]:
        """Waiting callbacks whose time has come, oldest first, of apps that are not ``busy``.

        An app with many waiting takes no other's places: at most ``limit_per_app`` of each.
        """

    async def settle_callback(
        self, event_id: EventId, *, delivered: bool, error: str = "", retry_at_ms: int | None = None
    ) -> None:
        """Note what an attempt came to: forget the event, or count the attempt and let it wait or be dead."""

    async def list_callbacks(
        self, app_id: AppId, state: CallbackState, *, after: EventId, limit: int
    ) -> tuple[CallbackEvent, ...]:
        """An app's callbacks in a state, beyond an event, in the order they were put down."""

    async def replay_callbacks(self, app_id: AppId, event_ids: tuple[EventId, ...] | None, now_ms: int) -> int:
        """Make dead callbacks wait again, due now and with no attempts; all of the app's if None.

        Returns:
            How many there were.
        """

    async def callbacks_of(self, sequence: Sequence) -> tuple[CallbackEvent, ...]:
        """The callbacks of a message that have not been delivered, in the order they were put down."""

    async def count_callbacks(self) -> dict[tuple[AppId, CallbackState], int]:
        """How many there are, by app and state."""


class CountStore(Protocol):
    """How much was said, for plots. Counted with the messages, in the same transaction."""

    async def count_messages(self, app_id: AppId, *, from_ms: int, to_ms: int) -> tuple[HourCount, ...]:
        """Messages stored per hour and kind, for hours that begin within ``from_ms <= hour < to_ms``.

        Hours without any are left out. Kept as long as history.
        """


class OperatorStore(Protocol):
    """Operators and their logins. Everything is on disk when a method returns."""

    async def find_operator(self, name: str) -> Operator | None:
        """Look an operator up."""

    async def list_operators(self) -> tuple[Operator, ...]:
        """All of them, oldest first."""

    async def create_first_operator(self, operator: Operator) -> bool:
        """Create an operator if there is none at all; False if there is one."""

    async def save_operator(self, operator: Operator) -> None:
        """Create an operator, or replace the one of this name; ends the sessions of the one replaced."""

    async def delete_operator(self, name: str) -> bool:
        """Remove an operator and their sessions; False if there is none."""

    async def save_operator_session(self, session: OperatorSession) -> None:
        """Remember a login, and forget those that have expired by its creation."""

    async def find_operator_session(self, token_hash: bytes) -> OperatorSession | None:
        """Look a login up, expired or not."""

    async def delete_operator_sessions(
        self, *, token_hash: bytes | None = None, operator: str | None = None
    ) -> None:
        """Forget one login, or all of an operator's."""


class Traces(Protocol):
    """What this node remembers of messages on their way: the recent ones only, in memory."""

    def committed_ms(self, sequence: Sequence) -> int | None:
        """When a message was heard to be on disk."""

    def steps_of(self, sequence: Sequence, user_id: UserId) -> dict[str, tuple[int | None, int | None]]:
        """When a message was last written to, and acknowledged by, each device of a user (by resource)."""

    def attempts_of(self, sequence: Sequence) -> tuple[CallbackAttempt, ...]:
        """The attempts to tell the app's own server of a message, oldest first."""


class Presence(Protocol):
    """Who is bound anywhere. May be asked from any thread."""

    def is_bound(self, user_id: UserId) -> bool:
        """Whether the user has a device bound now."""


class DevicePresence(Protocol):
    """Which devices are bound."""

    def connections_of(self, user_id: UserId) -> tuple[ConnectionInfo, ...]:
        """The user's connections on this node, oldest first."""


class GroupPresence(Protocol):
    """Who of an unlimited group is there."""

    def count_online(self, group_id: TopicId) -> int:
        """How many members have a device bound now."""


class SweepStore(Protocol):
    """Retention."""

    async def sweep(self, cursor: SweepCursor, limit: int) -> SweepCursor:
        """Delete a small step of what is past its time and return where to go on.

        One step looks at ``limit`` users or messages at the most, so that messages pass between steps.
        Deletes: inbox rows older than the app's ``inboxTime``; messages older than ``msgStorageTime`` and,
        where ``is_store`` is false, than ``inboxTime``; remembered packet ids older than 24 hours; whatever
        belongs to an app that is gone; accounts older than the app's ``uuidTTL``, with all that is theirs (a
        topic or group that loses its owner so passes to its oldest member, or goes with its last one); dead
        callbacks older than 30 days. No message that an inbox or a callback still points to is deleted.
        """


class SweepCursor(Struct, frozen=True):
    """Where a sweep stands. The start value begins a new round.

    Attributes:
        stage: Which of the store's stages is under way; 0 is the first.
        after: Key of the last row looked at in it.
        is_done: The round is complete.
        deleted: Rows deleted by the last step.
    """

    stage: int = 0
    after: int = 0
    is_done: bool = False
    deleted: int = 0


class Store(
    MessageStore,
    DeviceStore,
    AccountStore,
    AppStore,
    TopicStore,
    GroupStore,
    HistoryStore,
    ContactStore,
    BlacklistStore,
    CallbackStore,
    CountStore,
    OperatorStore,
    SweepStore,
    Protocol,
):
    """Everything a node keeps on disk."""

    def set_presence(self, presence: Presence) -> None:
        """Say who knows the bound devices; until then nobody is bound."""

    async def check_ready(self) -> None:
        """Raise ``Unavailable`` unless the store takes writes now."""

    async def aclose(self) -> None:
        """Finish what was accepted, then close."""


class Webhooks(Protocol):
    """Sends callbacks."""

    def wake(self) -> None:
        """Look at the outbox soon: an append has put something there. May be called often."""


Notice = Commit | GroupChange | Revocation | OnlineMessage | OnlineReceipt
"""What nodes tell each other. The store is the truth of the first three; the others exist nowhere else."""


class Bus(Protocol):
    """Hints between nodes. Any of them may be lost, repeated or late: the store is the truth."""

    def publish(self, notice: Notice) -> None:
        """Tell the nodes that have somebody bound whom it concerns."""

    def subscribe(self, listener: Callable[[Notice], None]) -> None:
        """Have ``listener`` called, in commit order as seen by this node, for what is published."""
